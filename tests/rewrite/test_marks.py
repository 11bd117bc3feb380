"""What is found of ours in a module, and what is not ours."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from distilgen.rewrite import marks
from distilgen.source import files
from distilgen.source.walk import sidecar_name

MAIL = Path("project/shop/mail.py")


def _find(text: str) -> marks.Marks:
    return marks.find(files.decode(text.encode(), MAIL))


IMPORT = "from . import _mail_distil as _distil\n"
RECORDED = f"{IMPORT}@_distil.f.record\ndef f(): ...\n"
STUB = f"{IMPORT}def f():\n  return _distil.f.dispatch(M)\n"

FOUND = {
    "recorded": (RECORDED, [("f", "f", "recorded")]),
    "shadow": (RECORDED.replace(".record", ".shadow"), [("f", "f", "shadow")]),
    "canary": (RECORDED.replace(".record", ".canary"), [("f", "f", "canary")]),
    "fallback": (RECORDED.replace(".record", ".fallback"), [("f", "f", "fallback")]),
    "dispatched and recorded": (
        STUB.replace("def f", "@_distil.f.record\ndef f"),
        [("f", "f", "dispatched")],
    ),
    "recorded, with a call of another's student": (
        RECORDED.replace(": ...", ": _distil.g.dispatch(M)"),
        [("f", "f", "recorded")],
    ),
    "dispatched": (STUB, [("f", "f", "dispatched")]),
    "dispatched, awaited": (
        STUB.replace("def", "async def").replace("return", "return await").replace(".d", ".ad"),
        [("f", "f", "dispatched")],
    ),
    "a stub behind a docstring and an import": (
        STUB.replace("  return", "  'Doc.'\n  from shop.models import M\n  return"),
        [("f", "f", "dispatched")],
    ),
    "a method": (
        f"{IMPORT}class A:\n  @_distil.A_f.record\n  def f(self): ...\n",
        [("A.f", "A_f", "recorded")],
    ),
    "two of one name, in the branches of statements": (
        (
            "from . import _mail_distil as _distil\n"
            "try:\n  @_distil.f.record\n  def f(): ...\n"
            "except E:\n  @_distil.f_2.record\n  def f(): ...\n"
            "match 1:\n  case 1:\n    @_distil.g.record\n    def g(): ...\n"
        ),
        [("f", "f", "recorded"), ("f", "f_2", "recorded"), ("g", "g", "recorded")],
    ),
    "among other decorators": (
        "from . import _mail_distil as _distil\n@a\n@_distil.f.record\n@b\ndef f(): ...\n",
        [("f", "f", "recorded")],
    ),
    "renamed": (
        "from . import _mail_distil as z\n@z.f.record\ndef f(): ...\n",
        [("f", "f", "recorded")],
    ),
    "by the package's name": (
        RECORDED.replace("from .", "from shop"),
        [("f", "f", "recorded")],
    ),
    "by the package's full name, renamed": (
        "import a.shop._mail_distil as z\n@z.f.record\ndef f(): ...\n",
        [("f", "f", "recorded")],
    ),
    "as a script": (RECORDED.replace("from . ", ""), [("f", "f", "recorded")]),
    "in parentheses with others": (
        RECORDED.replace(
            "import _mail_distil as _distil", "import (\n  a,\n  _mail_distil as _distil,\n)"
        ),
        [("f", "f", "recorded")],
    ),
    "imported in a try": (
        f"try:\n  {IMPORT}finally: pass\n@_distil.f.record\ndef f(): ...\n",
        [("f", "f", "recorded")],
    ),
}


@pytest.mark.parametrize(("text", "found"), FOUND.values(), ids=FOUND)
def test_find(text: str, found: list[tuple[str, str, str]]) -> None:
    result = _find(text)
    assert [(m.qualname, m.contract, m.state) for m in result.functions] == found
    assert len(result.imports) == 1
    assert all(result.at(mark.function.lineno) is mark for mark in result.functions)


NOT_OURS = {
    "no import": "@_distil.f.record\ndef f(): ...\n",
    "another module's sidecar": RECORDED.replace("_mail_distil", "_text_distil"),
    "a namesake in another package": RECORDED.replace("from .", "from .other"),
    "a namesake in the package above": RECORDED.replace("from .", "from .."),
    "imported by its full name, which binds the package": "import shop._mail_distil\n"
    "@shop._mail_distil.f.record\ndef f(): ...\n",
    "imported inside a function": "def g():\n  from . import _mail_distil as _distil\n",
}


@pytest.mark.parametrize("text", NOT_OURS.values(), ids=NOT_OURS)
def test_nothing_is_ours(text: str) -> None:
    result = _find(text)
    assert (result.alias, result.functions) == ("", [])


PLAIN = {
    "another decorator": "@other.f.record\ndef f(): ...\n",
    "another verb": "@_distil.f.other\ndef f(): ...\n",
    "a call of the decorator": "@_distil.f.record()\ndef f(): ...\n",
    "a deeper attribute": "@_distil.a.f.record\ndef f(): ...\n",
    "a function in a function": "def g():\n  @_distil.f.record\n  def f(): ...\n",
    "a mention in the docstring": "def f():\n  '_distil.f.dispatch(M)'\n",
    "dispatch is named, not called": "def f():\n  return _distil.f.dispatch\n",
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_the_import_is_ours_and_the_function_is_not(text: str) -> None:
    result = _find("from . import _mail_distil as _distil\n" + text)
    assert (result.alias, result.functions) == ("_distil", [])


@pytest.mark.parametrize(
    ("name", "sidecar"),
    [
        ("mail.py", "_mail_distil.py"),
        ("_client.py", "__client_distil.py"),
        ("__init__.py", "___init___distil.py"),
        ("__main__.py", "___main___distil.py"),
    ],
)
def test_sidecar(name: str, sidecar: str) -> None:
    path = Path("shop") / name
    assert marks.sidecar_path(path) == Path("shop") / sidecar
    assert sidecar_name(path) == sidecar.removesuffix(".py")


def test_first_line_counts_decorators() -> None:
    first, second = ast.parse("x = 1\n@a\n@b\ndef f(): ...\n").body
    assert (marks.first_line(first), marks.first_line(second)) == (1, 2)


STRAYS = {
    "another module's sidecar": RECORDED.replace("_mail_distil", "_text_distil"),
    "a namesake in another package": STUB.replace("from .", "from .other"),
    "a namesake in the package above": RECORDED.replace("from .", "from .."),
}


@pytest.mark.parametrize("text", STRAYS.values(), ids=STRAYS)
def test_strays(text: str) -> None:
    result = _find(text)
    assert [(m.qualname, m.contract, m.imported.own) for m in result.strays] == [("f", "f", False)]
    assert [item.node.lineno for item in result.imports] == [1]


def test_anothers_sidecar_without_functions_is_none_of_ours() -> None:
    assert _find("from . import _text_distil\nprint(_text_distil.f.model)\n") == marks.Marks()


def test_where_a_stray_comes_from(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    sidecar = tmp_path / "shop/_mail_distil.py"
    sidecar.write_text("")
    for path, line in {
        "shop/post.py": "from . import _mail_distil as _distil",
        "shop/web/post.py": "from .. import _mail_distil as _distil",
        "post.py": "from shop import _mail_distil as _distil",
        "web/api/post.py": "import shop._mail_distil as _distil",
    }.items():
        text = f"{line}\n@_distil.f.record\ndef f(): ...\n"
        found = marks.find(files.decode(text.encode(), tmp_path / path))
        assert [item.sidecar for item in found.imports] == [sidecar]
