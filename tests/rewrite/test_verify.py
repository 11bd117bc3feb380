"""The last net: an edit that keeps less than it must is refused, whoever planned it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from distilgen.errors import SourceError
from distilgen.rewrite import marks, record, verify
from distilgen.rewrite.splice import Edit
from distilgen.source import files

if TYPE_CHECKING:
    from distilgen.rewrite.marks import FunctionNode
    from distilgen.source.files import SourceFile
    from tests.rewrite.conftest import Workbench

MAIL = Path("shop/mail.py")
BEFORE = "x = 1\ndef f():\n    'Doc.'\n    return x\n"
IMPORT = "from . import _mail_distil as _distil\n"

KEPT = {
    "nothing changed": BEFORE,
    "a decorator": IMPORT + BEFORE.replace("def", "@_distil.f.record\ndef"),
    "a stub": IMPORT + BEFORE.replace("return x", "return _distil.f.dispatch(M)"),
    "white space and comments": "# c\n" + BEFORE.replace("\n", "\n\n"),
}


def _edited(after: str) -> tuple[SourceFile, marks.Marks]:
    source = files.decode(BEFORE.encode(), MAIL)
    return verify.edited(source, marks.find(source), after.encode())


WITH_OTHERS = {
    "among names of its package": (
        "from . import a, b\n",
        "from . import a, _mail_distil as _distil, b\n",
    ),
    "among modules": ("import o._mail_distil\n", "import o._mail_distil, _mail_distil\n"),
    "in a block": ("try:\n  x = 1\nfinally: pass\n", f"try:\n  {IMPORT}  x = 1\nfinally: pass\n"),
}


@pytest.mark.parametrize(("before", "after"), WITH_OTHERS.values(), ids=WITH_OTHERS)
def test_an_import_with_others(before: str, after: str) -> None:
    source = files.decode(before.encode(), MAIL)
    verify.edited(source, marks.find(source), after.encode())
    with pytest.raises(SourceError, match="more than it should"):
        verify.edited(
            source,
            marks.find(source),
            after.replace("o.", "p.").replace("a,", "c,").replace("1", "2").encode(),
        )


@pytest.mark.parametrize("after", KEPT.values(), ids=KEPT)
def test_kept(after: str) -> None:
    source, found = _edited(after)
    assert source.text == after
    assert bool(found.functions) == ("_mail_distil" in after)


LOST = {
    "a statement of the user's": BEFORE.replace("x = 1\n", ""),
    "a value": BEFORE.replace("1", "2"),
    "the body, and no stub is there": BEFORE.replace("return x", "return 1"),
    "the docstring of a stub": IMPORT
    + BEFORE.replace("return x", "return _distil.f.dispatch(M)").replace("Doc.", "Other."),
    "the signature of a stub": IMPORT
    + BEFORE.replace("return x", "return _distil.f.dispatch(M)").replace("f()", "f(a)"),
    "another's decorator": BEFORE.replace("def", "@other\ndef"),
    "another's import": "import a\n" + BEFORE,
}


@pytest.mark.parametrize("after", LOST.values(), ids=LOST)
def test_lost(after: str) -> None:
    with pytest.raises(SourceError, match="the edit would change more than it should"):
        _edited(after)


INVALID = {
    "no Python": "def\n",
    "parses, but does not compile": "from __future__ import nothing\n",
    "a __future__ import behind ours": IMPORT + "from __future__ import annotations\n",
    "not in its encoding": "# coding: nonsense\n",
}


@pytest.mark.parametrize("after", INVALID.values(), ids=INVALID)
def test_invalid(after: str) -> None:
    with pytest.raises(SourceError, match=r"would not compile after the edit \(.*left as it is"):
        _edited(after)


def test_an_edit_that_cannot_be_taken_back(
    bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = record.decoration

    def sloppy(source: SourceFile, function: FunctionNode, contract: str, verb: str) -> Edit:
        edit = planned(source, function, contract, verb)
        return Edit(edit.start, edit.stop, "\n" + edit.replacement)

    monkeypatch.setattr(record, "decoration", sloppy)
    bench.put("from .models import M\ndef f() -> M: return M()\n")
    with pytest.raises(SourceError, match="could not be taken back exactly"):
        bench.plan("instrument")


NEVER_COMPILED = {
    "a future import behind a string": (
        '"""a"""\n"""b"""\nfrom __future__ import annotations\n'
        "from .models import M\ndef f() -> M: return M()\n"
    ),
    "await in a plain function": "from .models import M\ndef f() -> M: return await M()\n",
}


@pytest.mark.parametrize("text", NEVER_COMPILED.values(), ids=NEVER_COMPILED)
def test_what_never_compiled_is_not_dispatched(bench: Workbench, text: str) -> None:
    bench.put(text)
    with pytest.raises(SourceError, match="would not compile"):
        bench.plan("dispatch")


def test_what_is_wrong_in_another_function_is_none_of_ours(bench: Workbench) -> None:
    wrong = "def g():\n  return await x\n"
    text = f"from .models import M\ndef f() -> M: return M()\n{wrong}"
    bench.put(text).run("dispatch")
    bench.restore()
    assert bench.raw.decode() == text
