"""What one file says."""

from __future__ import annotations

import sys
from pathlib import Path
from textwrap import dedent

import pytest

from distilgen.source import files
from distilgen.source.facts import Facts, Function, Import, Parameter
from distilgen.source.reader import facts_of

_PEP_695 = pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")


def _facts(text: str, path: str = "shop/mail.py", name: str = "shop.mail") -> Facts:
    return facts_of(files.decode(dedent(text).encode(), Path(path)), name)


def _function(text: str) -> Function:
    (function,) = _facts(text).functions
    return function


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        pytest.param("import a", {"a": Import("a")}, id="import"),
        pytest.param("import a.b.c", {"a": Import("a")}, id="import of a submodule binds its root"),
        pytest.param("import a.b as c", {"c": Import("a.b")}, id="import as"),
        pytest.param("from a import b", {"b": Import("a", 0, "b")}, id="from import"),
        pytest.param("from a import b as c", {"c": Import("a", 0, "b")}, id="from import as"),
        pytest.param("from . import b", {"b": Import("", 1, "b")}, id="from here"),
        pytest.param("from ..a import b", {"b": Import("a", 2, "b")}, id="from above"),
        pytest.param(
            "try:\n import a\nexcept E:\n import b\nelse:\n import c\nfinally:\n import d",
            {name: Import(name) for name in "abcd"},
            id="every part of a try",
        ),
        pytest.param(
            "with x:\n import a\nfor i in x:\n import b\nelse:\n import c\nwhile x:\n import d",
            {name: Import(name) for name in "abcd"},
            id="blocks",
        ),
        pytest.param(
            "match x:\n case 1:\n  import a\n case _:\n  import b",
            {name: Import(name) for name in "ab"},
            id="match",
        ),
        pytest.param("def f():\n import a", {}, id="nothing inside a function"),
        pytest.param("class A:\n import a", {}, id="nothing inside a class"),
    ],
)
def test_imports_bind_names(text: str, bound: dict[str, Import]) -> None:
    scope = _facts(text).scope
    found = {name: items[0].imported for name, items in scope.items() if items[0].imported}
    assert found == bound


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        pytest.param("A = list[B]", {"A": "list[B]"}, id="assignment"),
        pytest.param("A: TypeAlias = 'B | C'", {"A": "'B | C'"}, id="TypeAlias"),
        pytest.param("A = B = C", {"A": "C", "B": "C"}, id="chain"),
        pytest.param("A, [B] = x", {"A": None}, id="unpacked names have no expression"),
        pytest.param("A: int", {}, id="an annotation alone binds nothing"),
        pytest.param("A = (\n  B |  # why\n  C\n)", {"A": "B |  # why\n  C"}, id="over lines"),
        pytest.param("é = 'ü'; A = B", {"é": "'ü'", "A": "B"}, id="behind other characters"),
        pytest.param("type A = list[B]", {"A": "list[B]"}, id="type statement", marks=_PEP_695),
    ],
)
def test_values_keep_their_source(text: str, bound: dict[str, str | None]) -> None:
    scope = _facts(text).scope
    assert {name: items[0].expression for name, items in scope.items()} == bound


def test_each_binding_of_a_name_is_kept_in_order() -> None:
    facts = _facts("""
        if x:
            class A: ...
        else:
            A = None
        def A(): ...
    """)
    assert [(item.kind, item.line) for item in facts.scope["A"]] == [
        ("class", 3),
        ("value", 5),
        ("function", 6),
    ]


def test_what_only_type_checkers_see() -> None:
    facts = _facts("""
        import typing
        if typing.TYPE_CHECKING:
            import a
            if x:
                class B: ...
        else:
            import c
        if TYPE_CHECKING:
            def f() -> B: ...
    """)
    typing_only = {name for name, items in facts.scope.items() if items[0].typing_only}
    assert typing_only == {"a", "B"}
    assert facts.functions[0].typing_only


def test_classes_and_their_scopes() -> None:
    facts = _facts("""
        @register(1)
        class A(B[C], module.D, metaclass=M):
            x: int = 1
            class E(B): ...
            from a import g
    """)
    defined = facts.scope["A"][0].defined
    assert defined is not None
    assert (defined.qualname, defined.line) == ("A", 3)
    assert defined.bases == ("B[C]", "module.D")
    assert defined.decorators == ("register(1)",)
    assert set(defined.scope) == {"x", "E", "g"}
    inner = defined.scope["E"][0].defined
    assert inner is not None
    assert inner.qualname == "A.E"


@pytest.mark.parametrize(
    ("text", "exported"),
    [
        pytest.param("a = 1", None, id="none"),
        pytest.param("__all__ = ['a', 'b']", ("a", "b"), id="list"),
        pytest.param("__all__ = ('a',)", ("a",), id="tuple"),
        pytest.param("__all__: list[str] = ['a']", ("a",), id="with an annotation"),
        pytest.param("__all__ = []", (), id="nothing"),
        pytest.param("__all__ = a.__all__ + b.__all__", None, id="computed"),
        pytest.param("__all__ = [*a.__all__, 'b']", None, id="unpacked"),
        pytest.param("__all__ = ['a']\n__all__ += b.__all__", None, id="added to"),
        pytest.param("__all__ = ['a']\n__all__.extend(b)", None, id="extended"),
        pytest.param("__all__ = ['a']\n__all__ = ['b']", ("b",), id="the last wins"),
        pytest.param("__all__ = ['a'] + ['b']", ("a", "b"), id="sum"),
        pytest.param("__all__ = []\n__all__ += ['a']", ("a",), id="more"),
        pytest.param(
            "__all__ = ['a']\n__all__.append('b')\n__all__.extend(('c',))",
            ("a", "b", "c"),
            id="more by methods",
        ),
        pytest.param("__all__ = ['a']\nif x:\n __all__ += ['b']", ("a", "b"), id="perhaps more"),
        pytest.param("__all__ = ['a']\nif x:\n __all__ += b", None, id="perhaps computed"),
        pytest.param("if x:\n __all__ = ['b']", None, id="perhaps"),
        pytest.param("__all__ += ['b']", None, id="added to what a star brings"),
    ],
)
def test_exported_names(text: str, exported: tuple[str, ...] | None) -> None:
    assert _facts(text).exported == exported


def test_names_that_a_block_exports() -> None:
    text = "__all__ = more.names\ntry:\n for x in y:\n  __all__ += ['_a']\nexcept E:\n pass\n"
    assert _facts(text + "def f():\n __all__ += ['no']\n").exported_too == ("_a",)


def test_stars() -> None:
    facts = _facts("from a import *\nfrom .b import *\ntry:\n from . import *\nexcept E: ...")
    assert facts.stars == (Import("a"), Import("b", 1), Import("", 1))


@pytest.mark.parametrize(
    ("text", "path", "is_script"),
    [
        pytest.param("if __name__ == '__main__':\n f()", "a.py", True, id="guard"),
        pytest.param(
            "if '__main__' == __name__: f()", "a.py", True, id="guard the other way round"
        ),
        pytest.param("f()", "__main__.py", True, id="main of a package"),
        pytest.param("f()", "a.py", False, id="module"),
    ],
)
def test_scripts(text: str, path: str, *, is_script: bool) -> None:
    assert _facts(text, path).is_script is is_script


@pytest.mark.parametrize(
    ("path", "name", "package"),
    [
        pytest.param("shop/mail.py", "shop.mail", "shop", id="module"),
        pytest.param("shop/__init__.py", "shop", "shop", id="package"),
        pytest.param("mail.py", "mail", "", id="at the root"),
        pytest.param("__init__.py", "__init__", "", id="a root that is a package by mistake"),
    ],
)
def test_package(path: str, name: str, package: str) -> None:
    assert _facts("", path, name).package == package


def test_parameters_of_every_kind() -> None:
    function = _function("""
        def f(a, b: int = 1, /, c: 'C' = None, *args: str, d, e: E = {1: 2}, **kwargs: Any) -> R:
            ...
    """)
    assert function.parameters == (
        Parameter("a", "positional_only", None, None),
        Parameter("b", "positional_only", "int", "1"),
        Parameter("c", "plain", "'C'", "None"),
        Parameter("args", "variadic", "str", None),
        Parameter("d", "keyword_only", None, None),
        Parameter("e", "keyword_only", "E", "{1: 2}"),
        Parameter("kwargs", "keywords", "Any", None),
    )


def test_functions_without_a_return_annotation_are_of_no_interest() -> None:
    assert [f.name for f in _facts("def a(): ...\ndef b() -> None: ...").functions] == ["b"]


def test_where_functions_stand() -> None:
    facts = _facts("""
        def a() -> R:
            def b() -> R: ...
            class C:
                def d(self) -> R: ...
        class E:
            class F:
                async def g(self) -> R: ...
            if x:
                @property
                @other.thing(1)
                def h(self) -> R: ...
    """)
    found = {f.qualname: (f.classes, f.nested, f.is_async) for f in facts.functions}
    assert found == {
        "a": ((), False, False),
        "a.<locals>.b": ((), True, False),
        "a.<locals>.C.d": (("C",), True, False),
        "E.F.g": (("E", "F"), False, True),
        "E.h": (("E",), False, False),
    }
    decorated = facts.functions[-1]
    assert decorated.decorators == ("property", "other.thing(1)")
    assert decorated.line == 12


@pytest.mark.parametrize(
    ("body", "empty"),
    [
        pytest.param("...", True, id="dots"),
        pytest.param("pass", True, id="pass"),
        pytest.param("'''What it does.'''", True, id="docstring"),
        pytest.param("'''What it does.'''\n ...", True, id="docstring and dots"),
        pytest.param("raise NotImplementedError", True, id="not implemented"),
        pytest.param("raise NotImplementedError('later') from None", True, id="with a message"),
        pytest.param("raise ValueError", False, id="another error"),
        pytest.param("return 1", False, id="return"),
        pytest.param("1", False, id="a value"),
        pytest.param("'''What it does.'''\n f()", False, id="docstring and body"),
    ],
)
def test_functions_that_say_nothing(body: str, *, empty: bool) -> None:
    assert _function(f"def f() -> R:\n {body}").empty is empty


@pytest.mark.parametrize(
    ("body", "is_generator"),
    [
        pytest.param("yield 1", True, id="yield"),
        pytest.param("x = yield", True, id="in an expression"),
        pytest.param("yield from x", True, id="yield from"),
        pytest.param("if x:\n  for y in z:\n   yield y", True, id="deep"),
        pytest.param("return 1", False, id="none"),
        pytest.param("def g(): yield 1", False, id="of a function inside"),
        pytest.param("return lambda: (yield)", False, id="of a lambda"),
        pytest.param("class A:\n  def g(self): yield 1", False, id="of a method"),
    ],
)
def test_generators(body: str, *, is_generator: bool) -> None:
    assert _function(f"def f() -> R:\n {body}").is_generator is is_generator


@pytest.mark.parametrize(
    ("text", "skipped"),
    [
        pytest.param("def f() -> R:  # distilgen: skip\n ...", True, id="on the line"),
        pytest.param("def f() -> R: ...  # distilgen: skip", True, id="on the only line"),
        pytest.param(
            "def f(\n  a,\n) -> R:  # noqa  # distilgen: skip\n ...", True, id="on the last line"
        ),
        pytest.param(
            "def f(  # distilgen: skip\n  a,\n) -> R:\n ...", True, id="on the first line"
        ),
        pytest.param("# distilgen: skip\ndef f() -> R:\n ...", False, id="above"),
        pytest.param("def f() -> R:\n ...  # distilgen: skip", False, id="in the body"),
        pytest.param("def f() -> R:\n ...", False, id="nowhere"),
        pytest.param("def f(a='# distilgen: skip') -> R:\n ...", False, id="in a string"),
    ],
)
def test_the_comment_that_skips(text: str, *, skipped: bool) -> None:
    assert _function(text).skipped is skipped


def test_docstrings_lose_their_indentation() -> None:
    function = _function("""
        def f() -> R:
            '''First.

                Deeper.
            Last.
            '''
    """)
    assert function.docstring == "First.\n\n    Deeper.\nLast."


@_PEP_695
def test_type_parameters() -> None:
    assert _function("def f[T, *Ts](x: T) -> T: ...").type_parameters == ("T", "Ts")


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_newlines_do_not_matter_to_positions(newline: str) -> None:
    text = "é = 1\nclass A(B): ...\ndef f(\n  a: 'é' = 2,\n) -> A:\n  ...\n".replace("\n", newline)
    facts = facts_of(files.decode(text.encode(), Path("a.py")), "a")
    (function,) = facts.functions
    assert function.returns == "A"
    assert function.parameters == (Parameter("a", "plain", "'é'", "2"),)
