"""From any mode to any other, and back to the bytes that were there."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import random_modules
from hypothesis import HealthCheck, Phase, assume, given, settings, strategies as st
from roundtrip import annotated, contract_of, surveyed

from distilgen.errors import SourceError
from distilgen.rewrite import marks, module, originals, restoration, steps
from distilgen.rewrite.routes import Route, route_of
from distilgen.source import files
from distilgen.source.index import Index
from distilgen.source.resolve import Resolver

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.rewrite.module import Planned
    from tests.rewrite.conftest import Step, Workbench

_EXAMPLES = int(os.environ.get("FUZZ", "60"))
_RANDOM = "FUZZ" in os.environ

ROUTES = (
    Route("record"),
    Route("shadow"),
    Route("canary"),
    Route("fallback"),
    Route("dispatch"),
    Route("dispatch", records=True),
)

TEXT = '''\
"""Mail."""

import os

from .models import M


def f(a: int, *, b: str = "") -> M:
    """Doc."""  # why
    # the teacher
    return M(x=a + len(os.sep))


class C:
    @staticmethod
    async def g() -> list[M]: return []
'''


def _text(route: Route) -> str:
    """What `TEXT` is with its functions in a mode."""
    verb = route.verb
    text = TEXT.replace(
        "import os\n\nfrom .models",
        "import os\n\nfrom . import _mail_distil as _distil\nfrom .models",
    )
    if verb:
        text = text.replace("def f(", f"@_distil.f.{verb}\ndef f(")
        text = text.replace("    async def", f"    @_distil.C_g.{verb}\n    async def")
    if route.is_stub:
        text = text.replace(
            "    # the teacher\n    return M(x=a + len(os.sep))\n",
            "    return _distil.f.dispatch(M, a=a, b=b)\n",
        )
        text = text.replace(
            " return []\n", "\n        return await _distil.C_g.adispatch(list[M])\n"
        )
    return text


@pytest.mark.parametrize("after", ROUTES, ids=str)
@pytest.mark.parametrize("before", [None, *ROUTES], ids=str)
def test_from_each_mode_to_each(bench: Workbench, before: Route | None, after: Route) -> None:
    bench.put(TEXT)
    if before:
        bench.write(bench.route(before))
        assert bench.raw.decode() == _text(before)
    planned = bench.write(bench.route(after))
    assert bench.raw.decode() == _text(after)
    assert bool(planned.changes) is (before != after)
    assert bool(planned.functions) is (before != after)
    assert {route_of(mark) for mark in bench.load().found.functions} == {after}
    assert bench.originals.exists() is after.is_stub
    assert bench.route(after).changes == ()
    bench.restore()
    assert bench.raw.decode() == TEXT
    assert not bench.sidecar.exists()
    assert not bench.originals.exists()


def test_another_verb_is_another_word_and_nothing_else(bench: Workbench) -> None:
    bench.put(TEXT).run("shadow")
    odd = "@(  # ours\n    _distil . f .\n    shadow  # why\n)\n"
    bench.edit("@_distil.f.shadow\n", odd)
    bench.run("canary")
    assert odd.replace("shadow", "canary") in bench.raw.decode()
    assert [mark.state for mark in bench.load().found.functions] == ["canary", "canary"]


def test_instrument_leaves_alone_what_has_a_student(bench: Workbench) -> None:
    bench.put(TEXT)
    for route in ROUTES[1:]:
        bench.write(bench.route(route, model="ft:one"))
        before = bench.sidecar.read_bytes()
        planned = bench.plan("instrument")
        assert (planned.changes, planned.functions) == ((), ())
        assert bench.sidecar.read_bytes() == before


def test_the_lock_says_the_mode(bench: Workbench) -> None:
    bench.put(TEXT)
    said_of = ("recorded", "shadow", "canary", "fallback", "dispatched", "dispatched")
    for route, said in zip(ROUTES, said_of, strict=True):
        states = bench.write(bench.route(route)).states
        model = None if said == "recorded" else "ft:one"
        assert {(state.state, state.model) for state in states.values()} == {(said, model)}


def test_a_recorded_function_keeps_its_settings_while_its_contract_is_the_same(
    bench: Workbench,
) -> None:
    bench.put(TEXT).run("canary")
    wishes = [
        steps.Wish(item, replace(contract, model="ft:one", share=0.25), Route("record"))
        for item, contract in bench.wanted()
    ]
    bench.write(steps.route(bench.load(), wishes, lambda error: pytest.fail(str(error))))
    assert bench.plan("instrument").changes == ()
    bench.edit('"""Doc."""', '"""Another."""')
    bench.run("instrument")
    contract = bench.load().contracts["f"]
    assert (contract.model, contract.share) == (None, 0.25)
    assert bench.load().contracts["C_g"].model == "ft:one"


REFUSED = {
    "for type checkers only": (
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .models import M\n"
            'def f() -> "M": return 1\n'
        ),
        "its return type M is there for type checkers only",
    ),
    "a name of its class, in a text": (
        "from .models import M\nclass C:\n  class N(M): ...\n  def f(self) -> 'N': return 1\n",
        "its return type N is a name of its class",
    ),
    "a name of its class, by a future": (
        (
            "from __future__ import (\n  annotations,\n)\nfrom .models import M\n"
            "class C:\n  class N(M): ...\n  def f(self) -> N: return 1\n"
        ),
        "its return type N is a name of its class",
    ),
    "a value behind items": (
        (
            "from typing import Generator\nfrom .models import M\n"
            "def f() -> Generator[M, None, str]:\n  yield M()\n  return ''\n"
        ),
        "it returns a value behind its items",
    ),
    "no body": ("from .models import M\ndef f() -> M: ...\n", "it has no body, and "),
}


@pytest.mark.parametrize("step", ["shadow", "canary", "fallback"])
@pytest.mark.parametrize(("text", "reason"), REFUSED.values(), ids=REFUSED)
def test_refused_beside_a_student(bench: Workbench, text: str, reason: str, step: Step) -> None:
    bench.put(text)
    with pytest.raises(SourceError, match=reason):
        bench.run(step)
    assert bench.raw.decode() == text


@pytest.mark.parametrize(
    "text",
    [
        REFUSED["no body"][0],
        "from .models import M\ndef f() -> M:\n  'D.'\n",
        "from .models import M\ndef f() -> M: 'D.'; pass\n",
    ],
)
def test_a_stub_without_a_teacher_behind_it_stays_one(bench: Workbench, text: str) -> None:
    bench.put(text).run("dispatch")
    stub = bench.raw
    with pytest.raises(SourceError, match="it has no body, and canary needs a teacher"):
        bench.run("canary")
    with pytest.raises(SourceError, match="it has no body: nothing but a model can answer it"):
        bench.route(Route("record"))
    assert bench.raw == stub
    bench.restore()
    assert bench.raw.decode() == text


def test_a_name_of_its_class_that_is_seen(bench: Workbench) -> None:
    bench.check(
        "canary",
        "from .models import M\nclass C:\n  class N(M): ...\n  def f(self) -> N: return N()\n",
        "from . import _mail_distil as _distil\nfrom .models import M\nclass C:\n"
        "  class N(M): ...\n  @_distil.C_f.canary\n  def f(self) -> N: return N()\n",
    )


def test_a_schema_without_a_strict_form_is_refused(bench: Workbench) -> None:
    bench.put(TEXT)
    tool = {
        "name": "M",
        "description": "",
        "parameters": {"type": "object", "properties": {"x": {"allOf": [{}, {}]}}},
    }
    wishes = [
        steps.Wish(item, replace(contract, tool=tool, answers="strict-tool"), Route("canary"))
        for item, contract in bench.wanted("f")
    ]
    told: list[SourceError] = []
    planned = steps.route(bench.load(), wishes, told.append)
    assert planned.functions == ()
    assert [error.message.partition(":")[0] for error in told] == ["its schema has no strict form"]


def test_a_body_is_in_the_module_before_it_goes_elsewhere(bench: Workbench) -> None:
    """Whenever a run is stopped, the body is somewhere."""
    names = [bench.originals, bench.sidecar, bench.path]
    planned = bench.put(TEXT).write(bench.route(Route("dispatch")))
    assert [change.path for change in planned.changes] == names
    planned = bench.route(Route("record"), model=None)
    assert [change.path for change in planned.changes] == [*names[1:], names[0]]


def test_imports_that_went_with_a_body_come_back_with_it(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch", prune=True)
    assert b"import os" not in bench.raw
    bench.run("fallback")
    assert bench.raw.decode() == _text(Route("fallback"))


def test_a_body_that_is_lost(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    bench.originals.unlink()
    with pytest.raises(SourceError, match=r"its body is not in \.distilgen/originals"):
        bench.run("shadow")


def test_a_copy_of_a_function_in_a_mode_gets_a_contract_of_its_own(bench: Workbench) -> None:
    bench.put("from .models import M\ndef f() -> M: return M()\n").run("canary")
    text = bench.raw.decode()
    bench.put(text + "@_distil.f.canary\ndef g() -> M: return M(x=1)\n")
    bench.run("instrument")
    found = {mark.qualname: (mark.contract, mark.state) for mark in bench.load().found.functions}
    assert found == {"f": ("f", "canary"), "g": ("g", "recorded")}


def test_a_recorded_stub_that_was_written_into(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch and record", "f")
    bench.edit("    return _distil", "    print(a)\n    return _distil")
    text = bench.raw
    with pytest.raises(SourceError, match="is not of the stub"):
        bench.restore()
    assert bench.raw == text


def test_another_call_of_a_student_makes_no_stub(bench: Workbench) -> None:
    bench.put(TEXT).run("canary", "f")
    bench.edit("    # the teacher\n", "    _distil.C_g.dispatch(M)\n")
    assert [mark.state for mark in bench.load().found.functions] == ["canary"]


def _is_python(raw: bytes) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(raw, "app.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _carry_out(planned: Planned) -> None:
    for change in planned.changes:
        if change.after is None:
            change.path.unlink()
        else:
            change.path.parent.mkdir(parents=True, exist_ok=True)
            change.path.write_bytes(change.after)


def test_any_modules_through_any_modes(tmp_path: Path) -> None:
    """Some functions of a module, in some mode, again and again; then all of it restored."""
    for name in ("pyproject.toml", "__init__.py"):
        (tmp_path / name).touch()
    path = tmp_path / "app.py"
    counts: Counter[str] = Counter()
    turns = st.lists(st.tuples(st.sampled_from(ROUTES), st.integers(0, 7)), min_size=1, max_size=6)

    def route_some(route: Route, chosen: int) -> None:
        resolver = Resolver(Index((tmp_path,)))
        source = files.read(path)
        wishes = [
            steps.Wish(item, replace(contract_of(item), model="ft:one"), route)
            for place, item in enumerate(surveyed(source, resolver, "annotated"))
            if (chosen >> place % 3) & 1
        ]
        loaded = module.load(tmp_path, source)
        try:
            planned = steps.route(loaded, wishes, lambda _: counts.update(["refused"]))
        except SourceError:
            counts["refused"] += 1
            return
        _carry_out(planned)
        counts[str(route)] += len(planned.functions)
        assert _is_python(path.read_bytes())

    def holds(raw: bytes, taken: list[tuple[Route, int]]) -> None:
        assume(_is_python(raw))
        try:
            raw = annotated(raw, path)
        except SourceError:
            assume(False)
        path.write_bytes(raw)
        try:
            for route, chosen in taken:
                route_some(route, chosen)
            _carry_out(
                restoration.restore(
                    module.load(tmp_path, files.read(path)),
                    "app",
                    lambda error: pytest.fail(str(error)),
                )
            )
            assert path.read_bytes() == raw
            left = (marks.sidecar_path(path), originals.path_for(tmp_path, path))
            assert not any(place.exists() for place in left)
        finally:
            marks.sidecar_path(path).unlink(missing_ok=True)
            originals.path_for(tmp_path, path).unlink(missing_ok=True)

    settings(
        max_examples=_EXAMPLES,
        derandomize=not _RANDOM,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
        print_blob=True,
    )(given(random_modules.modules(), turns)(holds))()
    print("\n", dict(counts))
    assert all(counts[str(route)] for route in ROUTES), counts


def test_the_sidecar_keeps_its_order_and_what_lost_its_decorator(bench: Workbench) -> None:
    bench.put(TEXT).run("canary")
    raw, sidecar = bench.raw, bench.sidecar.read_bytes()
    bench.put(raw.replace(b"@_distil.f.canary\n", b""))
    bench.run("canary", "C.g")
    assert bench.sidecar.read_bytes() == sidecar
    bench.run("canary", "f")
    assert (bench.raw, bench.sidecar.read_bytes()) == (raw, sidecar)


def test_a_stub_that_was_renamed_with_its_contract_keeps_its_body(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    bench.put(bench.raw.replace(b"def f", b"def g").replace(b"_distil.f.", b"_distil.g."))
    bench.run("dispatch")
    assert set(bench.load().contracts) == set(bench.load().bodies) == {"g", "C_g"}
    bench.restore()
    assert bench.raw.decode() == TEXT.replace("def f", "def g")
