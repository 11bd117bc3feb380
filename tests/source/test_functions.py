"""Which functions are candidates, and why the others are not."""

from __future__ import annotations

import sys
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from distilgen.source import files
from distilgen.source.functions import Surveyed, survey
from distilgen.source.index import Index
from distilgen.source.resolve import Resolver

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    Write = Callable[[Mapping[str, str | bytes]], Path]

_PEP_695 = pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")

_MODELS = """
    from pydantic import BaseModel

    class Item(BaseModel):
        name: str
    """

_HEAD = """\
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, overload
import abc
import typing
from pydantic import BaseModel, computed_field, field_validator
from models import Item
"""


def _survey(write_tree: Write, app: str) -> dict[str, Surveyed]:
    root = write_tree({"models.py": _MODELS, "app.py": _HEAD + dedent(app).lstrip("\n")})
    resolver = Resolver(Index((root,)))
    facts = resolver.index.of_file(files.read(root / "app.py"))
    return {found.function.qualname: found for found in survey(facts, resolver)}


@pytest.mark.parametrize(
    ("app", "name", "answer", "streams"),
    [
        pytest.param("def f() -> Item: ...", "f", "Item", False, id="function"),
        pytest.param("async def f() -> Item: ...", "f", "Item", False, id="async function"),
        pytest.param("def f() -> 'Item | None': ...", "f", "Item | None", False, id="in quotes"),
        pytest.param("def f() -> list['Item']: ...", "f", "list[Item]", False, id="quotes inside"),
        pytest.param(
            "def f() -> list[ # why\n  Item\n]: ...", "f", "list[Item]", False, id="over lines"
        ),
        pytest.param("def f() -> Iterator[Item]:\n yield x", "f", "Item", True, id="Iterator"),
        pytest.param("def f() -> Iterable[Item]:\n yield x", "f", "Item", True, id="Iterable"),
        pytest.param(
            "def f() -> Generator[Item, None, str]:\n yield x", "f", "Item", True, id="Generator"
        ),
        pytest.param(
            "def f() -> 'typing.Iterator[\"Item\"]':\n yield x", "f", "Item", True, id="quotes"
        ),
        pytest.param(
            "def f() -> Iterator[list[Item]]:\n yield x", "f", "list[Item]", True, id="of lists"
        ),
        pytest.param(
            "async def f() -> AsyncIterator[Item]:\n yield x", "f", "Item", True, id="AsyncIterator"
        ),
        pytest.param(
            "async def f() -> AsyncGenerator[Item, None]:\n yield x",
            "f",
            "Item",
            True,
            id="AsyncGenerator",
        ),
        pytest.param(
            "def f() -> Iterable[Item]:\n return []", "f", "Iterable[Item]", False, id="a value"
        ),
        pytest.param("class A:\n def f(self) -> Item: ...", "A.f", "Item", False, id="method"),
        pytest.param(
            "class A:\n class B:\n  def f(self) -> Item: ...", "A.B.f", "Item", False, id="nested"
        ),
        pytest.param(
            "class A:\n class M(BaseModel): ...\n def f(self) -> M: ...",
            "A.f",
            "M",
            False,
            id="class of the class",
        ),
        pytest.param(
            "class A:\n @staticmethod\n def f() -> Item: ...", "A.f", "Item", False, id="static"
        ),
        pytest.param(
            "class A:\n @classmethod\n def f(cls) -> Item: ...", "A.f", "Item", False, id="class's"
        ),
        pytest.param(
            "class A:\n @property\n def f(self) -> Item: ...", "A.f", "Item", False, id="property"
        ),
        pytest.param(
            "class A:\n @cached_property\n def f(self) -> Item: ...",
            "A.f",
            "Item",
            False,
            id="cached property",
        ),
        pytest.param(
            "@app.get('/', response_model=Item)\nasync def f() -> Item: ...",
            "f",
            "Item",
            False,
            id="route",
        ),
        pytest.param("if x:\n def f() -> Item: ...", "f", "Item", False, id="under if"),
        pytest.param(
            "try:\n import x\nexcept ImportError:\n def f() -> Item: ...",
            "f",
            "Item",
            False,
            id="under except",
        ),
        pytest.param(
            "if TYPE_CHECKING:\n from models import Item as I\ndef f() -> 'I': ...",
            "f",
            "I",
            False,
            id="type for type checkers only",
        ),
        pytest.param(
            "if TYPE_CHECKING: ...\nelse:\n def f() -> Item: ...", "f", "Item", False, id="else"
        ),
        pytest.param(
            "class A(ABC):\n def f(self) -> Item: ...", "A.f", "Item", False, id="of an ABC"
        ),
        pytest.param(
            "class P(Protocol):\n def f(self) -> Item: ...\n"
            "class A(P):\n def f(self) -> Item: return x",
            "A.f",
            "Item",
            False,
            id="what implements a Protocol",
        ),
        pytest.param(
            "class A(*bases):\n def f(self) -> Item: ...", "A.f", "Item", False, id="unpacked bases"
        ),
    ],
)
def test_candidates(write_tree: Write, app: str, name: str, answer: str, *, streams: bool) -> None:
    found = _survey(write_tree, app)[name]
    assert (found.reason, found.is_candidate, found.near) == ("", True, True)
    assert (found.answer, found.streams) == (answer, streams)
    assert found.name == f"app:{name}"


@pytest.mark.parametrize(
    ("app", "name", "reason"),
    [
        pytest.param("def f() -> Item:  # distilgen: skip\n ...", "f", "skipped by its comment"),
        pytest.param(
            "def g():\n def f() -> Item: ...", "g.<locals>.f", "defined inside a function"
        ),
        pytest.param(
            "def g():\n class A:\n  def f(self) -> Item: ...",
            "g.<locals>.A.f",
            "defined inside a function",
        ),
        pytest.param("if TYPE_CHECKING:\n def f() -> Item: ...", "f", "under TYPE_CHECKING"),
        pytest.param("if typing.TYPE_CHECKING:\n def f() -> Item: ...", "f", "under TYPE_CHECKING"),
        pytest.param("@overload\ndef f() -> Item: ...", "f", "an overload"),
        pytest.param("@typing.overload\ndef f() -> Item: ...", "f", "an overload"),
        pytest.param(
            "class A(ABC):\n @abstractmethod\n def f(self) -> Item: ...", "A.f", "abstract"
        ),
        pytest.param(
            "class A(ABC):\n @property\n @abc.abstractmethod\n def f(self) -> Item: ...",
            "A.f",
            "abstract",
        ),
        pytest.param(
            "class A(Protocol):\n def f(self) -> Item: ...", "A.f", "a member of a Protocol"
        ),
        pytest.param(
            "class A(typing.Protocol[T]):\n def f(self) -> Item: ...",
            "A.f",
            "a member of a Protocol",
        ),
        pytest.param(
            "class A(Item):\n @field_validator('x')\n def f(cls, v) -> Item: ...",
            "A.f",
            "a hook of Pydantic's",
        ),
        pytest.param(
            "class A(Item):\n @computed_field\n @property\n def f(self) -> Item: ...",
            "A.f",
            "a hook of Pydantic's",
        ),
        pytest.param(
            "def f() -> Iterator[Item]: return iter([])",
            "f",
            "returns an iterator that something else runs",
        ),
        pytest.param(
            "from collections.abc import Awaitable\ndef f() -> Awaitable[Item]: ...",
            "f",
            "returns an awaitable that something else runs",
        ),
        pytest.param(
            "from typing import Any, Coroutine\ndef f() -> 'Coroutine[Any, Any, Item]': ...",
            "f",
            "returns an awaitable that something else runs",
        ),
        pytest.param(
            "class A(Item):\n @classmethod\n def f(cls) -> list[typing.Self]: ...",
            "A.f",
            "returns more than a plain Self, for which no stub can stand",
        ),
        pytest.param(
            "class A(Item):\n def f(*args) -> typing.Self: ...",
            "A.f",
            "returns Self, and has neither self nor cls",
        ),
        pytest.param(
            "class A:\n def f(self, __x) -> Item: ...",
            "A.f",
            "the name of a parameter is private to its class",
        ),
    ],
    ids=lambda value: None if "\n" in value or len(value) < 15 else value,
)
def test_models_that_are_left_alone(write_tree: Write, app: str, name: str, reason: str) -> None:
    found = _survey(write_tree, app)[name]
    assert (found.reason, found.is_candidate, found.near) == (reason, False, True)


@pytest.mark.parametrize(
    ("app", "reason", "near"),
    [
        pytest.param("def f() -> str: ...", "returns str", False, id="str"),
        pytest.param("def f() -> None: ...", "returns None", False, id="None"),
        pytest.param(
            "def f() -> 'dict[str, int]': ...", "returns dict[str, int]", False, id="dict"
        ),
        pytest.param("def f() -> Iterator[int]:\n yield 1", "returns int", False, id="ints"),
        pytest.param(
            "def f() -> int:\n yield 1", "a generator that returns int", False, id="yields"
        ),
        pytest.param(
            "def f() -> Item:\n yield x", "a generator that returns Item", True, id="yields models"
        ),
        pytest.param("def f() -> type[Item]: ...", "returns type[…]", False, id="class"),
        pytest.param(
            "def f() -> 'a b': ...", "its return annotation does not parse", False, id="ab"
        ),
        pytest.param(
            "T = TypeVar('T', bound=Item)\ndef f(x: T) -> T: ...",
            "returns the type variable T",
            True,
            id="TypeVar",
        ),
        pytest.param(
            "def f[Item](x: Item) -> list[Item]: ...",
            "returns the type variable Item",
            False,
            id="type parameter",
            marks=_PEP_695,
        ),
        pytest.param(
            "def f[T: Item](x: T) -> list[T]: ...",
            "returns the type variable T",
            True,
            id="bound type parameter",
            marks=_PEP_695,
        ),
        pytest.param(
            "T = TypeVar('T')\ndef f(x: T) -> T: ...",
            "returns the type variable T",
            False,
            id="free TypeVar",
        ),
        pytest.param(
            "Stream = Iterator[Item]\ndef f() -> Stream:\n yield x",
            "a generator that returns Stream",
            True,
            id="alias of a stream",
        ),
        pytest.param("def f() -> 3: ...", "returns 3, which is no type", False, id="number"),
        pytest.param(
            f"def f() -> {' | '.join(['Item'] * 900)}: ...",
            "its return annotation is too big to follow",
            False,
            id="too big",
        ),
        pytest.param(
            "from gone import Gone\ndef f() -> Gone: ...",
            "cannot find module gone: is its environment active?",
            True,
            id="missing module",
        ),
        pytest.param(
            "def f() -> BaseModel: ...",
            "returns BaseModel itself, which has no fields to learn",
            True,
            id="BaseModel",
        ),
        pytest.param(
            "class C: ...\ndef f() -> Item | C: ...",
            "returns C, which is no Pydantic type",
            True,
            id="union with another class",
        ),
    ],
)
def test_what_is_no_model(write_tree: Write, app: str, reason: str, *, near: bool) -> None:
    found = _survey(write_tree, app)["f"]
    assert (found.reason, found.is_candidate, found.near) == (reason, False, near)


def test_all_functions_in_the_order_of_the_file(write_tree: Write) -> None:
    app = """
        def z() -> Item: ...
        def unannotated(): ...
        class A:
            def y(self) -> str:
                def x() -> Item: ...
        def a() -> None: ...
        """
    assert list(_survey(write_tree, app)) == ["z", "A.y", "A.y.<locals>.x", "a"]


@pytest.mark.parametrize(
    ("app", "arguments"),
    [
        pytest.param(
            "def f(a, b=1, /, c=2, *d, e, **g) -> R: ...", tuple("abcdeg"), id="all kinds"
        ),
        pytest.param("def f(self) -> R: ...", ("self",), id="a function's self is an argument"),
        pytest.param("class A:\n def f(self, a) -> R: ...", ("a",), id="method"),
        pytest.param("class A:\n def f(this, /, a) -> R: ...", ("a",), id="self by another name"),
        pytest.param("class A:\n def f(*args) -> R: ...", ("args",), id="self among others"),
        pytest.param("class A:\n def f(*, a) -> R: ...", ("a",), id="no self at all"),
        pytest.param("class A:\n def f() -> R: ...", (), id="nothing"),
        pytest.param("class A:\n @classmethod\n def f(cls, a) -> R: ...", ("a",), id="classmethod"),
        pytest.param(
            "class A:\n @staticmethod\n def f(a, b) -> R: ...", ("a", "b"), id="staticmethod"
        ),
        pytest.param("class A:\n @builtins.staticmethod\n def f(a) -> R: ...", ("a",), id="dotted"),
    ],
)
def test_arguments(write_tree: Write, app: str, arguments: tuple[str, ...]) -> None:
    (found,) = _survey(write_tree, app).values()
    assert found.arguments == arguments


def test_a_file_in_another_encoding(write_tree: Write) -> None:
    text = "# coding: latin-1\nfrom models import Item\ndef größe(ß='é') -> Item: ...\n"
    root = write_tree({"models.py": _MODELS, "app.py": text.encode("latin-1")})
    resolver = Resolver(Index((root,)))
    facts = resolver.index.of_file(files.read(root / "app.py"))
    (found,) = survey(facts, resolver)
    assert found.is_candidate
    assert found.name == "app:größe"
    assert found.function.parameters[0].default == "'é'"


@pytest.mark.parametrize(
    ("app", "answer", "owner"),
    [
        pytest.param(
            "class A(Item):\n def f(self) -> Self: ...", "A", "type(self)", id="method"
        ),
        pytest.param(
            "class A(Item):\n @classmethod\n def f(cls) -> 'te.Self': ...", "A", "cls", id="class's"
        ),
        pytest.param(
            "class A:\n class B(Item):\n  def f(this) -> Self: ...", "A.B", "type(this)", id="inner"
        ),
        pytest.param(
            "class A(Item):\n def __new__(cls) -> Self: ...", "A", "cls", id="__new__"
        ),
    ],
)  # fmt: skip
def test_self_is_the_class(write_tree: Write, app: str, answer: str, owner: str) -> None:
    head = "import typing_extensions as te\nfrom typing import Self\n"
    (found,) = _survey(write_tree, head + app).values()
    assert (found.reason, found.of_self) == ("", True)
    assert (found.answer, found.owner) == (answer, owner)


def test_literals_by_another_name_keep_their_quotes(write_tree: Write) -> None:
    app = 'from typing import Literal as L\ndef f() -> \'tuple[L["Item"], "Item"]\': ...'
    (found,) = _survey(write_tree, app).values()
    assert found.answer == "tuple[L['Item'], Item]"
