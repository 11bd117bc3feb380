"""Random modules: there, there again and back, byte for byte, or refused with a reason.

The examples of the suite are always the same ones. `FUZZ=10000` draws so many at random instead;
`make fuzz` does, and shows what was refused.
"""

from __future__ import annotations

import os
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesmith
import pytest
import random_modules
from hypothesis import HealthCheck, Phase, assume, given, settings, strategies as st
from roundtrip import STEPS, Trip, annotated, judged, travel

from distilgen.errors import SourceError
from distilgen.source.index import Index
from distilgen.source.resolve import Resolver

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

_EXAMPLES = int(os.environ.get("FUZZ", "300"))
_RANDOM = "FUZZ" in os.environ


def _is_python(raw: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(raw, "app.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


@st.composite
def _smithed(draw: st.DrawFn, programs: SearchStrategy[str]) -> bytes:
    """Programs of the grammar, with functions of ours around them, those of the grammar's with a
    return annotation, and with newlines of ours.
    """
    parts = [draw(programs), draw(random_modules.functions()), draw(programs)]
    text = "\n".join(parts).replace("\r\n", "\n").replace("\r", "\n")
    raw = random_modules.encoded(draw, text, "")
    try:
        return annotated(raw, Path("app.py"))
    except SourceError:
        return raw


def _fuzz(
    folder: Path, strategy: SearchStrategy[bytes], examples: int, least: float
) -> Counter[str]:
    """Send examples on their way. least: the share of functions that must be taken."""
    (folder / "pyproject.toml").touch()
    (folder / "__init__.py").touch()
    counts: Counter[str] = Counter()
    refusals: Counter[tuple[str, str]] = Counter()

    @settings(
        max_examples=examples,
        derandomize=not _RANDOM,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        print_blob=True,
    )
    @given(strategy)
    def holds(raw: bytes) -> None:
        counts["drawn"] += 1
        assume(_is_python(raw))
        counts["modules"] += 1
        path = folder / "app.py"
        path.write_bytes(raw)
        trip = _trip(folder, path, raw)
        counts["functions"] += trip.functions
        for step in STEPS:
            counts[step] += trip.taken[step]
        refusals.update(trip.refusals)
        assert trip.problems == []
        assert path.read_bytes() == raw

    holds()
    print("\n", dict(counts))
    for (step, reason), count in refusals.most_common():
        print(f"{count:6} {step}: {reason}")
    for step in STEPS:
        assert counts[step] >= least * counts["functions"], (counts, refusals)
    return counts


def _trip(folder: Path, path: Path, raw: bytes) -> Trip:
    try:
        return travel(folder, path, Resolver(Index((folder,))), "annotated")
    except SourceError as error:
        if not re.search("cannot be decoded|does not survive", error.message):
            raise AssertionError(raw) from error
        return Trip()


def test_modules_of_pieces(tmp_path: Path) -> None:
    counts = _fuzz(tmp_path, random_modules.modules(), _EXAMPLES * 4 // 5, 0.5)
    assert counts["modules"] >= counts["drawn"] / 3
    assert counts["functions"] >= counts["modules"]


def test_modules_of_the_grammar(tmp_path: Path) -> None:
    counts = _fuzz(tmp_path, _smithed(hypothesmith.from_grammar()), _EXAMPLES // 5, 0.5)
    assert counts["functions"] >= counts["modules"] / 2


_BEFORE = b"import a\n\ndef f() -> M:\n    'Doc.'  # why\n    return M()\n\n# c\nx = 1\n"
_RECORDED = (
    b"import a\nfrom . import _m_distil\n\n@_m_distil.f.record\n" + _BEFORE[len("import a\n\n") :]
)
_STUB = _BEFORE.replace(b"import a\n", b"import a\nfrom . import _m_distil\n").replace(
    b"    return M()", b"    return _m_distil.f.dispatch(M)"
)


def test_the_judge_lets_pass_what_is_right() -> None:
    assert list(judged(_BEFORE, _RECORDED, "_m_distil")) == []
    assert list(judged(_BEFORE, _STUB, "_m_distil", [3])) == []


WRONG: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "no Python": (lambda raw: raw + b"(", "does not compile"),
    "a comment is gone": (lambda raw: raw.replace(b"# c\n", b""), "text outside"),
    "a blank line more": (lambda raw: raw.replace(b"# c", b"\n# c"), "text outside"),
    "a space": (lambda raw: raw.replace(b"x = 1", b"x  = 1"), "text outside"),
    "a comment of a docstring": (lambda raw: raw.replace(b"# why", b"# what"), "text outside"),
    "another newline": (lambda raw: raw.replace(b"# c\n", b"# c\r\n"), "text outside"),
    "no final newline": (lambda raw: raw.removesuffix(b"\n"), "text outside"),
    "a value": (lambda raw: raw.replace(b"x = 1", b"x = 2"), "the tree"),
    "a docstring": (lambda raw: raw.replace(b"Doc.", b"Dot."), "the tree"),
    "two imports": (
        lambda raw: raw.replace(b"import a\n", b"import a\nfrom . import _m_distil\n"),
        "text outside",
    ),
    "a function more": (lambda raw: raw + b"def g(): ...\n", "more functions"),
}  # fmt: skip


@pytest.mark.parametrize("stubs", [False, True], ids=["recorded", "stub"])
@pytest.mark.parametrize(("change", "problem"), WRONG.values(), ids=WRONG)
def test_the_judge_finds(change: Callable[[bytes], bytes], problem: str, stubs: bool) -> None:
    after = change(_STUB if stubs else _RECORDED)
    found = list(judged(_BEFORE, after, "_m_distil", [3] if stubs else ()))
    assert any(problem in text for text in found), found


def test_functions_are_annotated_where_they_were_not(tmp_path: Path) -> None:
    raw = b"def f(a=lambda: 1, *, b: {1: 2}): # :\n    def g(\n): pass\n\nasync def h() -> M: ...\n"
    assert annotated(raw, tmp_path) == raw.replace(b"}):", b"}) -> object:").replace(
        b"):\x20pass", b") -> object: pass"
    )
