"""Which differences of statements count, and which are layout, or decide no schema."""

from __future__ import annotations

import ast
from textwrap import dedent

import pytest

from distilgen.source.digests import CALLED, HOOKED, PASSED, digest, trimmed


def _digest(text: str, use: int = PASSED) -> str:
    return digest(trimmed(node, use) for node in ast.parse(dedent(text)).body)


SAME = {
    "layout": (
        "class A(B):\n    x: int = f(1,2)",
        "class A(\n    B,\n):\n\n    x: int = f(\n 1, 2)",
    ),
    "comments": ("x = 1", "# why\nx = 1  # one"),
    "quotes": ("x = 'a'", 'x = """a"""'),
    "joined strings": ("x = 'ab'", "x = 'a' 'b'"),
    "numbers": ("x = 1000", "x = 1_000"),
    "a docstring's indentation": (
        'class A:\n  """One.\n\n  Two.\n  """\n  x: int',
        'class A:\n    """One.\n\n    Two."""\n    x: int',
    ),
    "the body of a method": ("class A:\n def f(self): a", "class A:\n def f(self): b"),
    "the signature of a method": (
        "class A:\n def f(self): a",
        "class A:\n def f(self, x=1) -> B: a",
    ),
    "a class method": (
        "class A:\n @classmethod\n def f(cls): a",
        "class A:\n @classmethod\n def f(cls): b",
    ),
    "a validator": (
        "class A:\n @field_validator('x')\n def f(cls): a",
        "class A:\n @field_validator('x')\n def f(cls): b",
    ),
    "our decorator": ("class A:\n def f(self): a", "class A:\n @_distil.f.record\n def f(self): a"),
    "a method of a class in an if": (
        "if x:\n class A:\n  def f(self): a",
        "if x:\n class A:\n  def f(self): b",
    ),
}
OTHER = {
    "a name": ("x = 1", "y = 1"),
    "a value": ("x = 1", "x = True"),
    "a type": ("x = 1", "x = '1'"),
    "none": ("x = None", "x = ..."),
    "a list": ("x = [[], 1]", "x = [[1]]"),
    "a default that is left out": ("f(a=None)", "f()"),
    "a docstring": ("class A:\n 'One.'\n x: int", "class A:\n 'Two.'\n x: int"),
    "bytes": ("x = b'a'", "x = 'a'"),
    "fields in another order": ("class A:\n x: int\n y: int", "class A:\n y: int\n x: int"),
    "a decorator's argument": (
        "class A:\n @field_validator('x')\n def f(cls): a",
        "class A:\n @field_validator('y')\n def f(cls): a",
    ),
    "what makes a schema": (
        "class A:\n def __get_pydantic_json_schema__(cls): a",
        "class A:\n def __get_pydantic_json_schema__(cls): b",
    ),
    "what that calls": (
        "class A:\n def __init_subclass__(cls): cls.g()\n def g(cls): a",
        "class A:\n def __init_subclass__(cls): cls.g()\n def g(cls): b",
    ),
    "what the class calls": (
        "class A:\n def f(): a\n x: int = f()",
        "class A:\n def f(): b\n x: int = f()",
    ),
    "an enum's constructor": (
        "class A(str, Enum):\n def __new__(cls): a",
        "class A(str, Enum):\n def __new__(cls): b",
    ),
    "a configuration": (
        "class A:\n class Config:\n  def schema_extra(s): a",
        "class A:\n class Config:\n  def schema_extra(s): b",
    ),
    "a function": ("def f(): a", "def f(): b"),
    "a lambda": ("x = lambda: a", "x = lambda: b"),
    "a string with a value in it": ("x = f'{a}'", "x = f'{b}'"),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_same(one: str, other: str) -> None:
    assert _digest(one) == _digest(other)


@pytest.mark.parametrize(("one", "other"), OTHER.values(), ids=OTHER)
def test_other(one: str, other: str) -> None:
    assert _digest(one) != _digest(other)


def test_what_is_used_more_counts_for_more() -> None:
    function = "def f(): {}", "class A:\n def f(self): {}"
    for text, first in zip(function, (PASSED, CALLED), strict=True):
        for use in (HOOKED, PASSED, CALLED):
            same = _digest(text.format("a"), use) == _digest(text.format("b"), use)
            assert same == (use < first)


def test_trimming_changes_nothing_of_the_statement() -> None:
    (node,) = ast.parse("class A:\n @_distil.f.record\n def f(self): a").body
    before = ast.dump(node)
    trimmed(node, PASSED)
    assert ast.dump(node) == before


def test_a_long_sum() -> None:
    assert len(_digest("x = " + " + ".join(["a"] * 900))) == 8


def test_on_every_python() -> None:
    text = '''
        class A(B, metaclass=M):
            """Döcs."""
            x: int | None = Field(default=-1.5e300, description=f"{a!r:>{b}} \U0001f600", ge=10**30)
            y: Literal["a", b"\\xff", None, True] = "\\u2028"
            z = [*c, {**d, 1: 2}, lambda q, /, *, r=1: (yield), 0xFFFFFFFFFFFFFFFFFFFF, 1j, ...]
            async def __class_getitem__(cls, item): return await f(item)
        try:
            from a import b as c
        except (ImportError, TypeError) as error:
            c = None
        '''
    assert _digest(text) == "7994fdd8"
