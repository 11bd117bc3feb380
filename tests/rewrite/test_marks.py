"""What is found of ours in a module, and what is not ours."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from distilgen.rewrite import marks
from distilgen.source.walk import sidecar_name

MAIL = Path("project/shop/mail.py")

RECORDED = "from . import _mail_distil\n@_mail_distil.f.record\ndef f(): ...\n"
STUB = "from . import _mail_distil\ndef f():\n  return _mail_distil.f.dispatch(M)\n"

FOUND = {
    "recorded": (RECORDED, [("f", "f", "recorded")]),
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
        "from . import _mail_distil\nclass A:\n  @_mail_distil.A_f.record\n  def f(self): ...\n",
        [("A.f", "A_f", "recorded")],
    ),
    "two of one name, in the branches of statements": (
        (
            "from . import _mail_distil\n"
            "try:\n  @_mail_distil.f.record\n  def f(): ...\n"
            "except E:\n  @_mail_distil.f_2.record\n  def f(): ...\n"
            "match 1:\n  case 1:\n    @_mail_distil.g.record\n    def g(): ...\n"
        ),
        [("f", "f", "recorded"), ("f", "f_2", "recorded"), ("g", "g", "recorded")],
    ),
    "among other decorators": (
        "from . import _mail_distil\n@a\n@_mail_distil.f.record\n@b\ndef f(): ...\n",
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
        RECORDED.replace("import _mail_distil", "import (\n  a,\n  _mail_distil,\n)"),
        [("f", "f", "recorded")],
    ),
    "imported in a try": (
        "try:\n  from . import _mail_distil\nfinally: pass\n@_mail_distil.f.record\ndef f(): ...\n",
        [("f", "f", "recorded")],
    ),
}


@pytest.mark.parametrize(("text", "found"), FOUND.values(), ids=FOUND)
def test_find(text: str, found: list[tuple[str, str, str]]) -> None:
    result = marks.find(ast.parse(text), MAIL)
    assert [(m.qualname, m.contract, m.state) for m in result.functions] == found
    assert len(result.imports) == 1
    assert all(result.at(mark.function.lineno) is mark for mark in result.functions)


NOT_OURS = {
    "no import": "@_mail_distil.f.record\ndef f(): ...\n",
    "another module's sidecar": RECORDED.replace("_mail_distil", "_text_distil"),
    "a namesake in another package": RECORDED.replace("from .", "from .other"),
    "a namesake in the package above": RECORDED.replace("from .", "from .."),
    "imported by its full name, which binds the package": RECORDED.replace(
        "from . import", "import shop."
    ),
    "imported inside a function": "def g():\n  from . import _mail_distil\n",
}


@pytest.mark.parametrize("text", NOT_OURS.values(), ids=NOT_OURS)
def test_nothing_is_ours(text: str) -> None:
    result = marks.find(ast.parse(text.replace(". _", "._")), MAIL)
    assert (result.imports, result.alias, result.functions) == ([], "", [])


PLAIN = {
    "another decorator": "@other.f.record\ndef f(): ...\n",
    "another verb": "@_mail_distil.f.other\ndef f(): ...\n",
    "a call of the decorator": "@_mail_distil.f.record()\ndef f(): ...\n",
    "a deeper attribute": "@_mail_distil.a.f.record\ndef f(): ...\n",
    "a function in a function": "def g():\n  @_mail_distil.f.record\n  def f(): ...\n",
    "a mention in the docstring": "def f():\n  '_mail_distil.f.dispatch(M)'\n",
    "dispatch is named, not called": "def f():\n  return _mail_distil.f.dispatch\n",
}


@pytest.mark.parametrize("text", PLAIN.values(), ids=PLAIN)
def test_the_import_is_ours_and_the_function_is_not(text: str) -> None:
    result = marks.find(ast.parse("from . import _mail_distil\n" + text), MAIL)
    assert (result.alias, result.functions) == ("_mail_distil", [])


STRIPPED = {
    "all of ours": ("import a\n" + RECORDED, "import a\ndef f(): ...\n"),
    "of an import with others": (
        "from . import a, _mail_distil, b\n@c\n@_mail_distil.f.record\n@d\ndef f(): ...\n",
        "from . import a, b\n@c\n@d\ndef f(): ...\n",
    ),
    "not the namesake": ("from .o import _mail_distil\n", "from .o import _mail_distil\n"),
    "not another's in the same statement": (
        "import o._mail_distil, _mail_distil\n",
        "import o._mail_distil\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), STRIPPED.values(), ids=STRIPPED)
def test_strip(before: str, after: str) -> None:
    tree = ast.parse(before)
    marks.strip(tree, MAIL)
    assert ast.dump(tree) == ast.dump(ast.parse(after))


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
