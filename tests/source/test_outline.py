"""The outline of a file says of its functions what the whole file says."""

from __future__ import annotations

import ast
import os
import random
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from distilgen.errors import SourceError
from distilgen.source import files, index as indexes
from distilgen.source.examine import Examiner
from distilgen.source.functions import survey
from distilgen.source.index import Index
from distilgen.source.outline import NotOutlinedError, may_return_a_model, outline, plain_names
from distilgen.source.reader import facts_of
from distilgen.source.resolve import Resolver
from distilgen.source.view import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from distilgen.source.facts import Binding, Facts, Function

    Write = Callable[[Mapping[str, str | bytes]], Path]
    Rows = list[tuple[str, int, str, str, bool]]

_PEP_695 = pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")

_MODELS = """
    from pydantic import BaseModel

    class Item(BaseModel):
        name: str
    """

_HEAD = "from models import Item\n"


def _by_outline(root: Path, name: str = "app.py") -> Rows:
    examiner = Examiner(View((root,), ()))
    path = root / name
    overview, _ = examiner.examine(examiner.look(str(path), path.read_bytes()))
    return [
        (row.qualname, row.line, " ".join(row.returns.split()), row.reason, row.near)
        for row in overview.rows
    ]


def _by_whole(root: Path, name: str = "app.py") -> Rows:
    resolver = Resolver(Index((root,)))
    facts = resolver.index.of_file(files.read(root / name))
    return [
        (f.qualname, f.line, " ".join((f.returns or "").split()), item.reason, item.near)
        for item in survey(facts, resolver)
        for f in [item.function]
        if item.near
    ]


_SKIP = "skipped by its comment"
_INNER = "defined inside a function"

_CASES = [
    pytest.param("def f() -> Item: ...", {"f": ""}, id="one line"),
    pytest.param(
        "def f() -> Item: ...\nx = 1\ndef g() -> Item: return 1",
        {"f": "", "g": ""},
        id="one line, no newline at the end",
    ),
    pytest.param("def f() -> Item: x = 1; return x\n", {"f": ""}, id="semicolons"),
    pytest.param(
        "x = 1; y = 2\ndef f() -> Item:\n  x = 1; y = 2\n  return y\n",
        {"f": ""},
        id="semicolons around",
    ),
    pytest.param("async def f() -> Item:\n    ...\n", {"f": ""}, id="async"),
    pytest.param("async  def\tf ( ) -> Item :\n    ...\n", {"f": ""}, id="spaces"),
    pytest.param(
        "def f() -> Item:\n    '''\ncode = 1\ndef g() -> Item:\n    '''\n    return 1\n",
        {"f": ""},
        id="docstring with code at column 0",
    ),
    pytest.param(
        'def f() -> Item:\n    """says \'\'\' and \\""" too"""\n\ndef g() -> Item: ...\n',
        {"f": "", "g": ""},
        id="quotes in a docstring",
    ),
    pytest.param(
        "x = \"\"\"\n'''\n\"\"\"\ndef f() -> Item: ...\ny = '''\n\"\"\"\n'''\n",
        {"f": ""},
        id="nested triple quotes",
    ),
    pytest.param(
        's = r"\\"\ndef f() -> Item: ...\n'.replace('r"\\"', 'r"\\\\"'), {"f": ""}, id="raw string"
    ),
    pytest.param(
        's = rb"""\\\n"""; t = f"""{1\n}"""\ndef f() -> Item:\n  return f"{x!r:>{3}}"\n',
        {"f": ""},
        id="raw, byte and format strings",
    ),
    pytest.param(
        's = "a\\\ndef g() -> Item: ...\\\n"\ndef f() -> Item: ...\n',
        {"f": ""},
        id="def in a continued string",
    ),
    pytest.param("s = 'def f() -> Item: ...'\n# def g() -> Item: ...\n", {}, id="in text only"),
    pytest.param("def f(a):  # -> Item:\n    return a\n", {}, id="arrow in a comment"),
    pytest.param(
        "def f(a='->'):\n    return a\n\ndef g(a='-> x:') -> Item:\n    return a\n",
        {"g": ""},
        id="arrow in a default",
    ),
    pytest.param(
        "def f() -> Item:\n    a = 1\n# odd\n  # odder\n    b = 2\n\ndef g() -> Item: ...\n",
        {"f": "", "g": ""},
        id="comments at odd indentation",
    ),
    pytest.param(
        "class A:\n\tdef f(self) -> Item:\n\t\treturn 1\n\n\tdef g(self) -> Item:\n\t\t...\n",
        {"A.f": "", "A.g": ""},
        id="tabs",
    ),
    pytest.param(
        "if x:\n  def f() -> Item:\n     return 1\nelse:\n  def f() -> Item: ...\n",
        {"f": ""},
        id="if and else",
    ),
    pytest.param(
        "try:\n    import x\nexcept ImportError:\n    def f() -> Item:\n        return 1\n",
        {"f": ""},
        id="try",
    ),
    pytest.param(
        "@d(\n    a,\n    lambda x: x,\n)\n# why\n\n@e\n\ndef f() -> Item:\n    return 1\n",
        {"f": ""},
        id="decorators of many lines",
    ),
    pytest.param(
        "@overload\n\n# c\ndef f(a: int) -> Item: ...\n@overload\ndef f(a: str) -> Item: ...\n"
        "def f(a):\n    return a\n",
        {"f": "an overload"},
        id="overloads",
    ),
    pytest.param(
        "# one:\n@overload\ndef f() -> Item: ...\n\n# two: or three:\ndef f() -> Item: ...\n",
        {"f": ""},
        id="comments that end in a colon",
    ),
    pytest.param(
        "def f(\n    a,  # note:\n    b,\n) -> Item:\n    return 1\n",
        {"f": ""},
        id="a comment in the header that ends in a colon",
    ),
    pytest.param(
        "def f(\n    a,  # -> int:\n    b,\n) -> Item:\n    return 1\n",
        {"f": ""},
        id="a comment in the header that looks like its end",
    ),
    pytest.param(
        "def f(\n    a: 'x' = {\n 1:\n  2},\n    b=lambda:\n 0,\n) -> Item:\n    return 1\n",
        {"f": ""},
        id="dicts and lambdas in the header",
    ),
    pytest.param(
        "def f(a,\n      b=(1,\n  2)) \\\n  -> Item:\n    return 1\n",
        {"f": ""},
        id="backslash in the header",
    ),
    pytest.param("def \\\n  f(a) -> Item:\n    return 1\n", {"f": ""}, id="backslash behind def"),
    pytest.param(
        "async \\\n def f(a) -> Item:\n    return 1\n", {"f": ""}, id="backslash behind async"
    ),
    pytest.param(
        "def f() -> \\\n    Item:\n    x = 1 + \\\n2\n    return x\ndef g() -> Item: ...\n",
        {"f": "", "g": ""},
        id="backslash to column 0",
    ),
    pytest.param(
        "def f() -> Item:\n    x = [\n1,\n]\n    return x\ndef g() -> Item: ...\n",
        {"f": "", "g": ""},
        id="a list at column 0",
    ),
    pytest.param(
        "def f() -> Item:\n    x = (\n'a'\n)\n    return x\ndef g() -> Item: ...\n",
        {"f": "", "g": ""},
        id="a parenthesis at column 0",
    ),
    pytest.param(
        "def f() -> (\n    Item  # it\n    | None\n):\n    return 1\n",
        {"f": ""},
        id="annotation over lines",
    ),
    pytest.param(
        "def f() -> Literal['a:b']: ...\ndef g() -> Annotated[Item, 'a: b', {1: 2}]: ...\n",
        {"g": ""},
        id="colons in an annotation",
    ),
    pytest.param(
        "def f() -> 'Item': ...\ndef g() -> \"list['Item']\": ...\n",
        {"f": "", "g": ""},
        id="in quotes",
    ),
    pytest.param('def f() -> """Item""": ...\n', {"f": ""}, id="in long quotes"),
    pytest.param('def f() -> """\nItem\n""":\n    return 1\n', None, id="in quotes over lines"),
    pytest.param(
        "from typing import List\nclass List(Item): ...\ndef f() -> List: ...\n",
        {"f": ""},
        id="a class called List",
    ),
    pytest.param(
        "from models import Item as Sequence\ndef f() -> Sequence: ...\n",
        {"f": ""},
        id="a model imported as Sequence",
    ),
    pytest.param(
        "import models as str\ndef f() -> str.Item: ...\n", {"f": ""}, id="a module imported as str"
    ),
    pytest.param(
        "class Warning(Item): ...\ndef f() -> Warning: ...\n",
        {"f": ""},
        id="a class called as a builtin",
    ),
    pytest.param("str = Item\ndef f() -> str: ...\n", {"f": ""}, id="a builtin assigned"),
    pytest.param("Any: type = Item\ndef f() -> Any: ...\n", {"f": ""}, id="with an annotation"),
    pytest.param(
        "def f():\n    def g() -> Item:\n        return 1\n    return g\n",
        {"f.<locals>.g": _INNER},
        id="in a function",
    ),
    pytest.param(
        "def f() -> Item:\n    def g() -> Item: ...\n    return g\n",
        {"f": "", "f.<locals>.g": _INNER},
        id="in a candidate",
    ),
    pytest.param(
        "def f():\n    class A(Item):\n        def g(self) -> Item: ...\n",
        {"f.<locals>.A.g": _INNER},
        id="a class in a function",
    ),
    pytest.param("def f() -> Iterator[Item]:\n    yield 1\n", {"f": ""}, id="generator"),
    pytest.param(
        "def f() -> Iterator[Item]:\n    def g():\n        yield 1\n    return g()\n",
        {"f": "returns an iterator that something else runs"},
        id="yield in an inner one",
    ),
    pytest.param(
        "def f() -> Iterator[Item]:\n    # yield\n    return iter('yield')\n",
        {"f": "returns an iterator that something else runs"},
        id="yield in text",
    ),
    pytest.param(
        "def f() -> Iterator[Item]:\n    x = '''\n    yield\n    '''\n    return x\n",
        {"f": "returns an iterator that something else runs"},
        id="yield in long text",
    ),
    pytest.param(
        "def f() -> Iterator[Item]:\n    return (lambda: (yield))()\n",
        {"f": "returns an iterator that something else runs"},
        id="yield in a lambda",
    ),
    pytest.param(
        "def f() -> Iterator[Item]:\n    x = [\n(yield 1)\n]\n", {"f": ""}, id="yield at column 0"
    ),
    pytest.param(
        "def f() -> Item:  # distilgen: skip\n    return 1\n", {"f": _SKIP}, id="skip on the line"
    ),
    pytest.param(
        "def f(  # distilgen: skip\n    a,\n) -> Item:\n    return 1\n",
        {"f": _SKIP},
        id="skip on the first line",
    ),
    pytest.param(
        "def f(\n    a,  # distilgen: skip\n) -> Item:\n    return 1\n",
        {"f": _SKIP},
        id="skip in the header",
    ),
    pytest.param(
        "def f(a) -> Item:\n    # distilgen: skip\n    return 1\n",
        {"f": _SKIP},
        id="skip ahead of the body",
    ),
    pytest.param(
        "def f(a) -> Item:\n    x = 1\n    # distilgen: skip\n    return 1\n",
        {"f": ""},
        id="skip in the body",
    ),
    pytest.param(
        "def f(a) -> Item:\n    '''# distilgen: skip'''\n    return 1\n",
        {"f": ""},
        id="skip in the docstring",
    ),
    pytest.param(
        "def f(a) -> Item: return 1  # distilgen: skip\n", {"f": _SKIP}, id="skip on one line"
    ),
    pytest.param(
        "class A:\n    def f(self, __a) -> Item:\n        return 1\n",
        {"A.f": "the name of a parameter is private to its class"},
        id="private parameter",
    ),
    pytest.param(
        "class A:\n    @staticmethod\n    def f(a) -> Item:\n        return 1\n\n"
        "    @classmethod\n    def g(cls) -> Item:\n        return 1\n",
        {"A.f": "", "A.g": ""},
        id="static and class methods",
    ),
    pytest.param(
        "class A(Item):\n    def f(\n        self,  # me\n    ) -> Self:\n        return self\n",
        {"A.f": ""},
        id="Self",
    ),
    pytest.param(
        "class A(Item):\n    def f(  # type: ignore\n        self, a\n    ) -> Self:\n"
        "        return self\n",
        {"A.f": ""},
        id="Self behind a comment",
    ),
    pytest.param(
        "class A(Item):\n    def f(\n        *, a\n    ) -> Self:\n        return self\n",
        {"A.f": "returns Self, and has neither self nor cls"},
        id="Self without self",
    ),
    pytest.param(
        "if TYPE_CHECKING:\n    def f() -> Item: ...\nelse:\n    def g() -> Item: ...\n",
        {"f": "under TYPE_CHECKING", "g": ""},
        id="TYPE_CHECKING",
    ),
    pytest.param(
        "class P(Protocol):\n    def f(self) -> Item: ...\n",
        {"P.f": "a member of a Protocol"},
        id="Protocol",
    ),
    pytest.param(
        "def f[T: Item](a: T) -> T:\n    return a\n", None, id="type parameters", marks=_PEP_695
    ),
    pytest.param(
        "\fdef f() -> Item:\n    return 1\n\f\ndef g() -> Item:\n    return 1\n",
        {"f": "", "g": ""},
        id="form feeds",
    ),
    pytest.param(
        "class A:\n    x = 1\n  \f    def f(self) -> Item:\n        return 1\n",
        {"A.f": ""},
        id="form feed in the indentation",
    ),
]

_TYPES = (
    "from typing import *\n"
    "from typing import Any, TYPE_CHECKING, Annotated, Literal, Protocol, Self\n"
    "from collections.abc import Iterator\n"
)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(("app", "expected"), _CASES)
def test_says_what_the_file_says(
    write_tree: Write, app: str, expected: dict[str, str] | None, newline: str
) -> None:
    text = (_TYPES + _HEAD + app).replace("\n", newline)
    root = write_tree({"models.py": _MODELS, "app.py": text.encode()})
    rows = _by_outline(root)
    assert rows == _by_whole(root)
    if expected is not None:
        assert {name: reason for name, _, _, reason, _ in rows} == expected


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"\xef\xbb\xbfdef f() -> 'Item': ...\nfrom models import Item\n", id="BOM"),
        pytest.param(
            b"# coding: latin-1\nfrom models import Item\n# \xe9\ndef f() -> Item: ...\n",
            id="latin-1",
        ),
        pytest.param(
            b"# coding: shift_jis\nfrom models import Item\nx = '\x95\x5c'\n"
            b"def f() -> Item:\n    return '''\n\x95\x5c'''\n",
            id="half a letter",
        ),
        pytest.param(
            "from models import Item\ndef é(ü) -> Item:\n    return ü\n".encode(), id="unicode"
        ),
        pytest.param(b"from models import Item\ndef f() -> Item: ...", id="two lines"),
    ],
)
def test_encodings(write_tree: Write, raw: bytes) -> None:
    root = write_tree({"models.py": _MODELS, "app.py": raw})
    assert _by_outline(root) == _by_whole(root)
    assert len(_by_outline(root)) == 1


@pytest.mark.parametrize(
    "app",
    [
        pytest.param("def f(\n    a,  # note:\n) -> 'Item':\n    return a\n", id="header"),
        pytest.param("def g():\n    def f() -> list['Item']:\n        ...\n", id="inner"),
    ],
)
def test_quotes_where_one_would_not_look(write_tree: Write, app: str) -> None:
    root = write_tree({"models.py": _MODELS, "app.py": _HEAD + app})
    assert _by_outline(root) == _by_whole(root)
    assert len(_by_outline(root)) == 1


def test_names_that_a_module_makes_on_demand(write_tree: Write) -> None:
    lazy = "if not TYPE_CHECKING:\n    def __getattr__(name: str) -> object:\n        return 1\n"
    app = "from lazy import Thing\ndef f() -> Thing: ...\n"
    root = write_tree({"lazy.py": "import x\n" + lazy, "app.py": app})
    assert [row[3] for row in _by_outline(root)] == [
        "module lazy makes Thing when it is asked for it"
    ]


@pytest.mark.parametrize("name", ["Warning", "filter", "bytes"])
def test_star_import_of_a_builtins_name(write_tree: Write, name: str) -> None:
    models = _MODELS + f"\n    class {name}(Item): ...\n"
    app = f"from models import *\ndef f() -> {name}: ...\n"
    root = write_tree({"models.py": models, "app.py": app})
    assert [row[0] for row in _by_outline(root)] == ["f"]


# -- any file ---------------------------------------------------------------------------------


def _differences(path: Path, raw: bytes) -> Iterator[str]:
    """What the outline of a file says otherwise than the file. Raises whatever analysis raises."""
    try:
        whole = facts_of(files.decode(raw, path), "m")
    except SourceError:
        whole = None
    plain = plain_names(raw)
    made = _outline(raw, plain)
    of_functions: Facts | None = None
    if may_return_a_model(raw, plain) and (made is None or made.has_hits):
        of_functions = _facts(path, raw, plain)
    of_names = _facts(path, raw, None)
    if whole is None:
        return
    found = {(f.line, f.qualname): f for f in (of_functions.functions if of_functions else ())}
    for function in whole.functions:
        other = found.pop((function.line, function.qualname), None)
        if not plain.issuperset(_words(function.returns or "")):
            if other is None:
                yield f"{function.qualname} is missing"
            elif _said(function) != _said(other):
                yield f"{_said(function)} is not {_said(other)}"
    yield from (f"{name} is no function" for _, name in found)
    for facts in (of_names, of_functions):
        if facts:
            yield from _differences_of_names(whole, facts)
    if of_names is None:
        yield "its outline does not parse"


def _differences_of_names(whole: Facts, facts: Facts) -> Iterator[str]:
    for name in {*whole.scope, *facts.scope}:
        old, new = (_bound(name, item.scope.get(name, ())) for item in (whole, facts))
        if old != new:
            yield f"{name}: {old} is not {new}"
    for field in ("stars", "exported", "exported_too", "is_script"):
        if getattr(whole, field) != getattr(facts, field):
            yield f"{field}: {getattr(whole, field)} is not {getattr(facts, field)}"


def _outline(raw: bytes, plain: frozenset[bytes] | None):  # type: ignore[no-untyped-def]
    try:
        return outline(raw, plain)
    except NotOutlinedError:
        return None


def _facts(path: Path, raw: bytes, plain: frozenset[bytes] | None) -> Facts | None:
    try:
        return indexes._facts(path, raw, _outline(raw, plain), "m")
    except SourceError:
        return None


def _words(text: str) -> set[bytes]:
    import re

    return set(re.findall(rb"[A-Za-z_\x80-\xff][\w\x80-\xff]*", text.encode()))


def _said(function: Function) -> tuple[object, ...]:
    """All that decides about a candidate."""
    private = any(p.name[:2] == "__" != p.name[-2:] for p in function.parameters)
    first = function.parameters[0] if function.parameters else None
    receiver = first.name if first and first.kind in ("plain", "positional_only") else ""
    lean = function._replace(parameters=(), docstring=None, empty=False)
    decorators = tuple(_meant(item, strings=False) for item in function.decorators)
    return (
        lean._replace(returns=_meant(function.returns or ""), decorators=decorators),
        bool(function.classes) and private,
        receiver if function.classes else "",
    )


def _meant(expression: str, *, strings: bool = True) -> str:
    """What an expression says. strings: what its short strings hold, too; an outline leaves the
    long ones out.
    """
    text = f"({expression}\n)"
    try:
        tree = ast.parse(text, mode="eval")
    except SyntaxError:
        return expression
    return ast.dump(_Shortened(text, strings).visit(tree))


class _Shortened(ast.NodeTransformer):
    def __init__(self, text: str, strings: bool) -> None:
        self.text, self.strings = text, strings

    def _string(self, node: ast.Constant | ast.JoinedStr) -> ast.expr:
        if isinstance(node, ast.Constant) and not isinstance(node.value, str | bytes):
            return node
        spelled = ast.get_source_segment(self.text, node) or ""
        long = any(quotes in spelled for quotes in ('"' * 3, "'" * 3))
        empty = not (node.value if isinstance(node, ast.Constant) else node.values)
        return ast.Constant("") if long or empty or not self.strings else node

    visit_Constant = visit_JoinedStr = _string  # noqa: N815


def _bound(name: str, bindings: tuple[Binding, ...]) -> list[str]:
    """Without functions in blocks and methods: nobody asks for them."""
    kept = []
    for item in bindings:
        defined = item.defined
        if item.kind == "function" and item.conditional and name != "__getattr__":
            continue
        inner: object = None
        lean = item._replace(expression=None)
        if defined:
            scope = {
                key: _bound(key, tuple(part for part in found if part.kind != "function"))
                for key, found in defined.scope.items()
            }
            inner = {key: found for key, found in scope.items() if found}
            decorators = tuple(_meant(item, strings=False) for item in defined.decorators)
            lean = lean._replace(defined=defined._replace(scope={}, decorators=decorators))
        kept.append(f"{lean} {_meant(item.expression or '')} {inner}")
    return kept


def _installed() -> list[Path]:
    folders = {sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}
    return sorted(
        path
        for folder in folders
        for path in Path(folder).rglob("*.py")
        if "->" in path.read_text("latin-1")
    )


def test_installed_files() -> None:
    chosen = random.Random(1).sample(_installed(), 250)
    wrong = {str(path): list(_differences(path, path.read_bytes())) for path in chosen}
    assert {path: found for path, found in wrong.items() if found} == {}


_SNIPPETS = [
    b"\f",
    b"\\\n",
    b"#",
    b'"""',
    b"'",
    b'"',
    b"(",
    b")",
    b"[",
    b"]",
    b":",
    b"\t",
    b" ",
    b"    ",
    b"yield\n",
    b"# distilgen: skip\n",
    b"def f(a) -> Item:\n    pass\n",
    b"-> Item",
    b"lambda: 0",
    b"    def g(self) -> Item: ...\n",
    b"\r",
    b"\r\n",
    b"async ",
    b"@x\n",
    b"class A:\n",
    b";",
    b"# a:\n",
    b"if x:\n",
    b"\n",
    b"\x00",
    b"\xe9",
    b"->",
]


def _mutated(raw: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 3)):
        lines = raw.split(b"\n")
        line, place = chance.randrange(len(lines)), chance.randrange(len(raw) + 1)
        match chance.randrange(7):
            case 0:
                del lines[line : line + chance.randint(1, 3)]
            case 1:
                lines.insert(line, chance.choice(lines))
            case 2:
                lines[line] = b" " * chance.randint(0, 8) + lines[line].lstrip()
            case 3:
                lines[line : line + 3] = [b"    " + text for text in lines[line : line + 3]]
            case 4:
                lines = [raw[:place] + chance.choice(_SNIPPETS) + raw[place:]]
            case 5:
                lines = [raw[:place] + raw[place + chance.randint(1, 30) :]]
            case _:
                lines = [raw.replace(chance.choice([b"-> str", b"-> int", b"-> None"]), b"-> Item")]
        raw = b"\n".join(lines)
    return raw


@pytest.mark.parametrize("seed", range(int(os.environ.get("FUZZ", "400")) // 100))
def test_files_with_mistakes(seed: int) -> None:
    chance = random.Random(seed)
    small = [path for path in _installed() if os.stat(path).st_size < 30_000]  # noqa: PTH116
    for path in chance.sample(small, 60):
        raw = _mutated(path.read_bytes(), chance)
        assert list(_differences(path, raw)) == [], (path, seed)
