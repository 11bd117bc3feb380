"""The way back: exact where nothing was touched, and only our edits where something was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from distilgen.errors import SourceError

if TYPE_CHECKING:
    from tests.rewrite.conftest import Step, Workbench

HEAD = "from .models import M\n"
IMPORT = "from . import _mail_distil as _distil\n"
TEXT = f'{HEAD}\n\ndef f(a: int) -> M:\n    """Doc."""\n    # why\n    return M(x=a)\n'
STUB = "    return _distil.f.dispatch(M, a=a)\n"

EDITS: dict[str, tuple[Step, str, str, str]] = {
    "recorded: blank lines around the import": (
        "instrument",
        IMPORT,
        f"\n{IMPORT}\n",
        f"\n\n{TEXT}",
    ),
    "recorded: code around the function": (
        "instrument",
        "return M(x=a)\n",
        "return M(x=a)\n\n\nx = f(1)\n",
        TEXT + "\n\nx = f(1)\n",
    ),
    "recorded: the body was changed": (
        "instrument",
        "M(x=a)",
        "M(x=a + 1)",
        TEXT.replace("M(x=a)", "M(x=a + 1)"),
    ),
    "recorded: the signature was changed": (
        "instrument",
        "f(a: int)",
        "f(a: int, b: int = 1)",
        TEXT.replace("f(a: int)", "f(a: int, b: int = 1)"),
    ),
    "recorded: another decorator inside ours": (
        "instrument",
        "f.record\n",
        "f.record\n@cache\n",
        TEXT.replace("def f", "@cache\ndef f"),
    ),
    "recorded: the function moved into a class": (
        "instrument",
        '@_distil.f.record\ndef f(a: int) -> M:\n    """Doc."""\n    # why\n    return M(x=a)',
        "class A:\n  @_distil.f.record\n  def f(self, a: int) -> M:\n    return M(x=a)",
        f"{HEAD}\n\nclass A:\n  def f(self, a: int) -> M:\n    return M(x=a)\n",
    ),
    "recorded: the function was renamed": (
        "instrument",
        "def f(",
        "def g(",
        TEXT.replace("def f", "def g"),
    ),
    "recorded: the decorator was taken off": (
        "instrument",
        "@_distil.f.record\n",
        "",
        TEXT,
    ),
    "our import was merged with another": (
        "instrument",
        IMPORT,
        "from . import _mail_distil as _distil, text\n",
        f"from . import text\n{TEXT}",
    ),
    "our import was merged in parentheses": (
        "dispatch",
        IMPORT,
        "from . import (\n    _mail_distil as _distil,\n    text,\n)\n",
        f"from . import (\n    text,\n)\n{TEXT}",
    ),
    "our import was renamed": (
        "instrument",
        f"{IMPORT}{HEAD}\n\n@_distil.f",
        f"from . import _mail_distil as contracts\n{HEAD}\n\n@contracts.f",
        TEXT,
    ),
    "our import was made absolute": (
        "dispatch",
        IMPORT,
        "from shop import _mail_distil as _distil\n",
        TEXT,
    ),
    "our import was moved up": ("dispatch", f"{IMPORT}{HEAD}", f"{IMPORT}{HEAD}", TEXT),
    "stub: code around the function": (
        "dispatch",
        STUB,
        f"{STUB}\n\nx = f(1)\n",
        TEXT + "\n\nx = f(1)\n",
    ),
    "stub: the docstring was changed": (
        "dispatch",
        '"""Doc."""',
        '"""Doc.\n\n    More.\n    """',
        TEXT.replace('"""Doc."""', '"""Doc.\n\n    More.\n    """'),
    ),
    "stub: the docstring was taken out": (
        "dispatch",
        '    """Doc."""\n',
        "",
        TEXT.replace('    """Doc."""\n', ""),
    ),
    "stub: a blank line behind the docstring": ("dispatch", STUB, "\n" + STUB, TEXT),
    "stub: laid out over several lines": (
        "dispatch",
        STUB,
        "    return _distil.f.dispatch(\n        M,\n        a=a,\n    )\n",
        TEXT,
    ),
    "stub: the signature was laid out over several lines": (
        "dispatch",
        "def f(a: int) -> M:",
        "def f(\n    a: int,\n) -> M:",
        TEXT.replace("def f(a: int) -> M:", "def f(\n    a: int,\n) -> M:"),
    ),
    "stub: a comment that silences a tool": (
        "dispatch",
        STUB,
        STUB.replace("\n", "  # type: ignore[no-any-return]\n"),
        TEXT,
    ),
    "stub: in deeper indentation": (
        "dispatch",
        'def f(a: int) -> M:\n    """Doc."""\n' + STUB,
        f'class A:\n  def f(self, a: int) -> M:\n      """Doc."""\n  {STUB}',
        TEXT.replace(TEXT[TEXT.index("def") :], "class A:\n  def f(self, a: int) -> M:\n")
        + '      """Doc."""\n      # why\n      return M(x=a)\n',
    ),
    "recorded: a comment behind the decorator": (
        "instrument",
        "f.record\n",
        "f.record  # audited\n",
        TEXT.replace("def f", "# audited\ndef f"),
    ),
    "recorded: the decorator in brackets": (
        "instrument",
        "@_distil.f.record\n",
        "@(\n    # why\n    _distil.f.record\n)\n",
        TEXT,
    ),
    "stub: a comment behind it stays": (
        "dispatch",
        STUB,
        f"{STUB}    # user's\n",
        TEXT + "    # user's\n",
    ),
    "stub: decorated": (
        "dispatch",
        "def f",
        "@cache\ndef f",
        TEXT.replace("def f", "@cache\ndef f"),
    ),
}


@pytest.mark.parametrize(("step", "old", "new", "after"), EDITS.values(), ids=EDITS)
def test_edits_of_the_user_stay(
    bench: Workbench, step: Step, old: str, new: str, after: str
) -> None:
    bench.put(TEXT).run(step)
    bench.edit(old, new)
    bench.restore()
    assert bench.raw.decode() == after
    assert not bench.sidecar.exists()
    assert not bench.originals.exists()
    compile(bench.raw, "mail.py", "exec", dont_inherit=True)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "def f(a: int) -> M: 'Doc.'; x = 1; return M(x=x)\n",
            "def f(a: int) -> M:\n    'Doc.'; x = 1; return M(x=x)\n",
            id="docstring and body on the line of the def",
        ),
        pytest.param(
            "def f(a: int) -> M: 'Doc.'  # c\n",
            "def f(a: int) -> M:\n    'Doc.'  # c\n",
            id="only a docstring on the line of the def",
        ),
    ],
)
def test_a_stub_on_one_line_that_was_split(bench: Workbench, before: str, after: str) -> None:
    bench.put(HEAD + before).run("dispatch")
    bench.edit("M: 'Doc.'; return", "M:\n    'Doc.'\n    return")
    bench.restore()
    assert bench.raw.decode() == HEAD + after


TWO = f"{HEAD}\n\ndef f() -> M:\n    return M(x=1)\n\n\ndef g() -> M:\n    return M(x=2)\n"


def test_one_of_two_recorded(bench: Workbench) -> None:
    bench.put(TWO).run("instrument")
    assert bench.restore("f").functions == ("shop.mail:f",)
    assert bench.raw.decode() == TWO.replace(HEAD, IMPORT + HEAD).replace(
        "def g", "@_distil.g.record\ndef g"
    )
    assert list(bench.load().contracts) == ["g"]
    bench.restore("g")
    assert bench.raw.decode() == TWO
    assert not bench.sidecar.exists()


def test_one_of_two_dispatched(bench: Workbench) -> None:
    bench.put(TWO).run("dispatch")
    bench.restore("g")
    assert bench.raw.decode() == TWO.replace(HEAD, IMPORT + HEAD).replace(
        "return M(x=1)", "return _distil.f.dispatch(M)"
    )
    assert (list(bench.load().contracts), list(bench.load().bodies)) == (["f"], ["f"])
    bench.restore("f")
    assert bench.raw.decode() == TWO
    assert not bench.sidecar.exists()
    assert not bench.originals.exists()


def test_one_recorded_and_one_dispatched(bench: Workbench) -> None:
    bench.put(TWO).run("instrument")
    bench.run("dispatch", "g")
    assert [mark.state for mark in bench.load().found.functions] == ["recorded", "dispatched"]
    bench.restore("f")
    assert list(bench.load().bodies) == ["g"]
    bench.restore()
    assert bench.raw.decode() == TWO


def test_a_name_that_two_functions_have_restores_both(bench: Workbench) -> None:
    text = f"{HEAD}if M:\n  def f() -> M: return M(x=1)\nelse:\n  def f() -> M: return M(x=2)\n"
    bench.put(text).run("dispatch")
    bench.restore("f")
    assert bench.raw.decode() == text


def test_a_dispatched_function_with_another_newline(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    bench.put(bench.raw.replace(b"\n", b"\r\n"))
    bench.restore()
    assert bench.raw.replace(b"\r\n", b"\n").decode() == TEXT


def test_an_import_without_functions_is_taken_out(bench: Workbench) -> None:
    bench.put(IMPORT + HEAD)
    assert bench.restore().functions == ()
    assert bench.raw.decode() == HEAD


NO_OPS = {
    "empty": "",
    "never instrumented": TEXT,
    "a namesake of another package": HEAD + "from .other import _mail_distil as _distil\n",
    "a docstring that mentions it": '"""_distil.f.dispatch(M)"""\n',
}


@pytest.mark.parametrize("text", NO_OPS.values(), ids=NO_OPS)
def test_nothing_happens(bench: Workbench, text: str) -> None:
    bench.put(text)
    assert bench.restore().changes == ()


REFUSED: dict[str, tuple[Step, str, str, str, int]] = {
    "a call around the stub's": (
        "dispatch",
        STUB,
        STUB.replace("_distil", "clean(_distil").replace(")\n", "))\n"),
        "line 7 is not of the stub",
        5,
    ),
    "another argument of the stub's call": (
        "dispatch",
        STUB,
        STUB.replace("a=a", "a=a[:100]"),
        "line 7 is not of the stub",
        5,
    ),
    "an import of the user's in the stub": (
        "dispatch",
        STUB,
        f"    import json\n{STUB}",
        "line 7 is not of the stub",
        5,
    ),
    "a comment of the user's in the stub": (
        "dispatch",
        STUB,
        f"    # the lawyers asked\n{STUB}",
        "the comment on line 7 would be lost",
        5,
    ),
    "a comment behind the stub": (
        "dispatch",
        STUB,
        STUB.replace("\n", "  # why\n"),
        "the comment on line 7 would be lost",
        5,
    ),
    "a function of the user's that calls the same student": (
        "dispatch",
        STUB,
        f"{STUB}\n\ndef g(a: int) -> M:\n    return _distil.f.dispatch(M, a=a + 1)\n",
        "line 11 is not of the stub",
        10,
    ),
    "the import is gone": (
        "dispatch",
        IMPORT,
        "",
        "which nothing imports any more; put back the line `from . import _mail_distil as _distil`",
        4,
    ),
    "a statement of the user's in the stub": (
        "dispatch",
        STUB,
        f"    print(a)\n{STUB}",
        "line 7 is not of the stub",
        5,
    ),
    "the stub's call is wrapped": (
        "dispatch",
        STUB,
        "    try:\n        return _distil.f.dispatch(M, a=a)\n    finally: pass\n",
        "line 7 is not of the stub",
        5,
    ),
    "a statement behind the stub's": (
        "dispatch",
        STUB,
        f"{STUB}    print(a)\n",
        "line 7 is not of the stub",
        5,
    ),
    "code of the user's that needs the import": (
        "instrument",
        "return M(x=a)\n",
        "return M(x=a)\n\n\nprint(_distil.f.model)\n",
        "_distil is used here",
        12,
    ),
}


@pytest.mark.parametrize(("step", "old", "new", "reason", "line"), REFUSED.values(), ids=REFUSED)
def test_refused(bench: Workbench, step: Step, old: str, new: str, reason: str, line: int) -> None:
    bench.put(TEXT).run(step)
    bench.edit(old, new)
    with pytest.raises(SourceError, match=reason) as caught:
        bench.restore()
    assert (caught.value.path, caught.value.line or 0) == (bench.path, line)


def test_missing_originals(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    bench.originals.unlink()
    with pytest.raises(SourceError) as caught:
        bench.restore()
    assert str(caught.value) == (
        f"{bench.path}:5: f: its body is not in .distilgen/originals/shop/mail.py.json; "
        "take that file back from version control"
    )


BROKEN = {
    "no JSON": "{",
    "a merge conflict": '<<<<<<< ours\n{"bodies": {}}\n',
    "no object": "[]",
    "no bodies": "{}",
    "bodies that are none": '{"bodies": ["f"]}',
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_broken_originals(bench: Workbench, content: str) -> None:
    bench.put(TEXT).run("dispatch")
    bench.originals.write_text(content)
    with pytest.raises(SourceError, match="take it back from version control") as caught:
        bench.load()
    assert caught.value.path == bench.originals


def test_originals_can_be_read_by_people(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    assert bench.originals == bench.project / ".distilgen/originals/shop/mail.py.json"
    content = json.loads(bench.originals.read_text("utf-8"))
    assert content["file"] == "shop/mail.py"
    assert content["bodies"]["f"]["removed"] == "\n    # why\n    return M(x=a)"


def test_originals_that_were_edited_are_refused(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    text = bench.originals.read_text("utf-8")
    bench.originals.write_text(text.replace("x=a", "x=b"), "utf-8")
    with pytest.raises(SourceError, match=r"f was edited by hand\); take it back") as caught:
        bench.load()
    assert caught.value.path == bench.originals


def test_a_stub_whose_contract_is_gone_is_restored(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    bench.sidecar.unlink()
    assert bench.restore().functions == ("shop.mail:f",)
    assert bench.raw.decode() == TEXT


def test_a_function_above_the_import_moves_it(bench: Workbench) -> None:
    text = (
        "from __future__ import annotations\n\nimport sys\n\nsys.path.insert(0, '.')\n\n"
        "def a() -> M:\n    return M()\n\nfrom .models import M\n\n"
        "def b() -> M:\n    return M()\n"
    )
    bench.put(text).run("instrument", "b")
    bench.run("instrument", "a")
    lines = bench.raw.decode().splitlines()
    assert lines.count(IMPORT.strip()) == 1
    assert lines.index(IMPORT.strip()) < lines.index("@_distil.a.record")
    for name in ("a", "b"):
        bench.restore(name)
    assert bench.raw.decode() == text


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("step", ["instrument", "dispatch"])
def test_one_after_the_other_gives_the_bytes_back(bench: Workbench, step: Step, order: str) -> None:
    text = (
        '"""Doc."""\n\nimport sys\nsys.path.insert(0, ".")\n\n'
        "def a() -> M:\n    return M()\n\nfrom .models import M\n\n"
        "def b() -> M:\n    return M()\n"
    )
    bench.put(text).run(step)
    for name in order:
        bench.restore(name)
    assert bench.raw.decode() == text


@pytest.mark.parametrize("step", ["instrument", "dispatch"])
def test_an_import_that_is_gone_keeps_the_module_from_being_rewritten(
    bench: Workbench, step: Step
) -> None:
    bench.put(TEXT).run(step)
    bench.edit(IMPORT, "")
    for again in ("instrument", "dispatch"):
        with pytest.raises(SourceError, match="put back the line"):
            bench.plan(again)
    assert bench.sidecar.exists()


@pytest.mark.parametrize("step", ["instrument", "dispatch"])
def test_generated_files_with_other_newlines_are_the_same(bench: Workbench, step: Step) -> None:
    bench.put(TEXT).run(step)
    for path in (bench.sidecar, bench.originals):
        if path.exists():
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert bench.plan(step).changes == ()
