"""The stub: what takes the place of a body, and what around it stays."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from distilgen.errors import SourceError

if TYPE_CHECKING:
    from tests.rewrite.conftest import Workbench

_PEP_695 = pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")

HEAD = "from shop.models import M, N\n"
IMPORT = "from . import _mail_distil\n"
CALL = "return _mail_distil.f.dispatch(M)\n"

BODIES = {
    "def": (
        "def f(a: int) -> M:\n    x = a\n    return M(x=x)\n",
        "def f(a: int) -> M:\n    return _mail_distil.f.dispatch(M, a=a)\n",
    ),
    "async def": (
        "async def f(a: int) -> M:\n    return M()\n",
        "async def f(a: int) -> M:\n    return await _mail_distil.f.adispatch(M, a=a)\n",
    ),
    "docstring stays": (
        'def f() -> M:\n    """Doc.\n\n    More.\n    """\n\n    return M()\n',
        f'def f() -> M:\n    """Doc.\n\n    More.\n    """\n    {CALL}',
    ),
    "docstring in pieces": (
        "def f() -> M:\n    'a' \\\n    'b'\n    return M()\n",
        f"def f() -> M:\n    'a' \\\n    'b'\n    {CALL}",
    ),
    "docstring in parentheses": (
        "def f() -> M:\n    ('a'\n    )\n    return M()\n",
        f"def f() -> M:\n    ('a'\n    )\n    {CALL}",
    ),
    "docstring with a comment": (
        "def f() -> M:\n    'Doc.'  # said\n    # inside\n    return M()\n",
        f"def f() -> M:\n    'Doc.'  # said\n    {CALL}",
    ),
    "docstring and body on a line": (
        "def f() -> M:\n    'Doc.'; x = 1\n    return M()\n",
        f"def f() -> M:\n    'Doc.'\n    {CALL}",
    ),
    "f-string and bytes are no docstring": (
        "def f() -> M:\n    f'Doc.'\n    b''\n    return M()\n",
        f"def f() -> M:\n    {CALL}",
    ),
    "only `...`": ("def f() -> M: ...\n", f"def f() -> M:\n    {CALL}"),
    "only pass": ("def f() -> M:\n  pass\n", f"def f() -> M:\n  {CALL}"),
    "only raise": ("def f() -> M:\n    raise NotImplementedError\n", f"def f() -> M:\n    {CALL}"),
    "only a docstring": (
        "def f() -> M:\n    'Doc.'\n\n\nx = 1\n",
        f"def f() -> M:\n    'Doc.'\n    {CALL}\n\nx = 1\n",
    ),
    "only a docstring, with a semicolon": (
        "def f() -> M:\n    'Doc.';  # said\nx = 1\n",
        f"def f() -> M:\n    'Doc.'\n    {CALL}x = 1\n",
    ),
    "only a docstring, at the end of the file": (
        "def f() -> M:\n    'Doc.'",
        f"def f() -> M:\n    'Doc.'\n    {CALL[:-1]}",
    ),
    "one line": ("def f() -> M: return M()\n", f"def f() -> M:\n    {CALL}"),
    "one line with a comment": ("def f() -> M: return M()  # c\n", f"def f() -> M:\n    {CALL}"),
    "one line of several statements": (
        "def f() -> M: x = 1; return M();\n",
        f"def f() -> M:\n    {CALL}",
    ),
    "one line with docstring": (
        "def f() -> M: 'Doc.' ; x = 1; return M()\n",
        f"def f() -> M: 'Doc.' ; {CALL}",
    ),
    "one line, only a docstring": (
        "def f() -> M: 'Doc.'\nx = 1\n",
        f"def f() -> M: 'Doc.'; {CALL}x = 1\n",
    ),
    "one line, only a docstring, with a comment": (
        "def f() -> M: 'Doc.'  # c\n    # d\nx = 1\n",
        f"def f() -> M: 'Doc.'; {CALL}x = 1\n",
    ),
    "backslash behind the colon": (
        "def f() -> M: \\\n    return M()\n",
        f"def f() -> M:\n    {CALL}",
    ),
    "backslash before the first statement": (
        "def f() -> M:\n    \\\n    return M()\n",
        f"def f() -> M:\n    {CALL}",
    ),
    "backslash behind the last statement": (
        "def f() -> M:\n    return M() \\\n\nx = 1\n",
        f"def f() -> M:\n    {CALL}x = 1\n",
    ),
    "comments that end with a backslash": (
        "def f() -> M:  # head \\\n    return M()  # c:\\\nx = 1\n",
        f"def f() -> M:  # head \\\n    {CALL}x = 1\n",
    ),
    "comments of the body go, those around it stay": (
        "# before\ndef f() -> M:  # head\n    # first\n    return M()\n    # last\n\n# behind\n",
        f"# before\ndef f() -> M:  # head\n    {CALL}\n# behind\n",
    ),
    "comments at the margin inside the body": (
        "def f() -> M:\n# margin\n    return M()\n# behind\n    # deeper\n",
        f"def f() -> M:\n    {CALL}# behind\n    # deeper\n",
    ),
    "a string that looks like a comment": (
        "def f() -> M:\n    x = '''\n# no comment\n'''\n# behind\n",
        f"def f() -> M:\n    {CALL}# behind\n",
    ),
    "head on several lines": (
        "def f(\n    a: int,  # c\n) -> M:\n    return M()\n",
        "def f(\n    a: int,  # c\n) -> M:\n    return _mail_distil.f.dispatch(M, a=a)\n",
    ),
    "tabs": ("def f() -> M:\n\tif 1:\n\t\tpass\n\treturn M()\n", f"def f() -> M:\n\t{CALL}"),
    "tab, then spaces": ("def f() -> M:\n\t    return M()\n", f"def f() -> M:\n\t    {CALL}"),
    "form feed before the body": ("def f() -> M:\n\f  return M()\n", f"def f() -> M:\n\f  {CALL}"),
    "no newline at the end": ("def f() -> M:\n    return M()", f"def f() -> M:\n    {CALL[:-1]}"),
    "comment at the end, no newline": (
        "def f() -> M:\n    return M()\n    # end",
        f"def f() -> M:\n    {CALL[:-1]}",
    ),
    "decorators stay": (
        "@a  # c\n# d\n@b(\n  1)\ndef f() -> M: return M()\n",
        f"@a  # c\n# d\n@b(\n  1)\ndef f() -> M:\n    {CALL}",
    ),
    "decorated inside": (
        "def f() -> M:\n    @a\n    def g(): ...\n    return M()\n",
        f"def f() -> M:\n    {CALL}",
    ),
    "every kind of parameter": (
        "def f(a, /, b, *c: int, d=lambda: (yield), e=(z := 1), **g: M) -> M: return M()\n",
        (
            "def f(a, /, b, *c: int, d=lambda: (yield), e=(z := 1), **g: M) -> M:\n"
            "    return _mail_distil.f.dispatch(M, a=a, b=b, c=c, d=d, e=e, g=g)\n"
        ),
    ),
    "identifiers that are not ASCII": (
        "def f(straße: int) -> M: return M()\n",
        "def f(straße: int) -> M:\n    return _mail_distil.f.dispatch(M, straße=straße)\n",
    ),
    "method, classmethod, staticmethod": (
        (
            "class A:\n"
            "    def f(self, a: int) -> M: return M()\n"
            "    @classmethod\n"
            "    def g(cls, a: int) -> M: return M()\n"
            "    @staticmethod\n"
            "    def h(a: int) -> M: return M()\n"
        ),
        (
            "class A:\n"
            "    def f(self, a: int) -> M:\n"
            "        return _mail_distil.A_f.dispatch(M, a=a)\n"
            "    @classmethod\n"
            "    def g(cls, a: int) -> M:\n"
            "        return _mail_distil.A_g.dispatch(M, a=a)\n"
            "    @staticmethod\n"
            "    def h(a: int) -> M:\n"
            "        return _mail_distil.A_h.dispatch(M, a=a)\n"
        ),
    ),
    "property and its setter, cached_property": (
        (
            "class A:\n"
            "  @property\n"
            "  def f(self) -> M: return M()\n"
            "  @f.setter\n"
            "  def f(self, value: M) -> None: ...\n"
            "  @cached_property\n"
            "  def g(self) -> M: return M()\n"
        ),
        (
            "class A:\n"
            "  @property\n"
            "  def f(self) -> M:\n"
            "      return _mail_distil.A_f.dispatch(M)\n"
            "  @f.setter\n"
            "  def f(self, value: M) -> None: ...\n"
            "  @cached_property\n"
            "  def g(self) -> M:\n"
            "      return _mail_distil.A_g.dispatch(M)\n"
        ),
    ),
    "nested class, comment of the class stays": (
        "class A:\n  class B:\n    def f(self) -> M:\n      return M()\n      # f's\n    # B's\n",
        (
            "class A:\n  class B:\n    def f(self) -> M:\n"
            "      return _mail_distil.A_B_f.dispatch(M)\n    # B's\n"
        ),
    ),
    "several definitions of one name": (
        "if M:\n  def f() -> M: return M(x=1)\nelse:\n  def f() -> M: return M(x=2)\n",
        (
            "if M:\n  def f() -> M:\n      return _mail_distil.f.dispatch(M)\n"
            "else:\n  def f() -> M:\n      return _mail_distil.f_2.dispatch(M)\n"
        ),
    ),
}


@pytest.mark.parametrize(("before", "after"), BODIES.values(), ids=BODIES)
def test_stub(bench: Workbench, before: str, after: str) -> None:
    bench.check("dispatch", HEAD + before, HEAD + IMPORT + after)


@pytest.mark.parametrize(("before", "after"), BODIES.values(), ids=BODIES)
def test_stub_in_the_place_of_a_record(bench: Workbench, before: str, after: str) -> None:
    bench.put(HEAD + before).run("instrument")
    bench.run("dispatch")
    assert bench.raw.decode() == HEAD + IMPORT + after
    bench.restore()
    assert bench.raw.decode() == HEAD + before


ANSWERS = {
    "string": ("'M'", "M"),
    "string in a list": ('list["M"]', "list[M]"),
    "string in a string": ("\"list['M']\"", "list[M]"),
    "string in pieces": ('"list" "[M]"', "list[M]"),
    "string on several lines": ('"""\n  list[M] |\n  None"""', "list[M] | None"),
    "union": ("M | None", "M | None"),
    "the author's spelling": ('list[ M ]|Literal["a b"]', 'list[ M ]|Literal["a b"]'),
    "literals keep their strings": ("M | Literal[\"M\", 'N']", "M | Literal[\"M\", 'N']"),
    "literals in a string": ("\"M | Literal['M']\"", "M | Literal['M']"),
    "metadata keeps its strings": ('Annotated[M, "N"]', 'Annotated[M, "N"]'),
    "metadata, type in quotes": ('Annotated["M", "N"]', "Annotated[M, 'N']"),
    "on several lines, with comments": ("(\n    M  # c\n    | None\n)", "M | None"),
    "subscript on several lines": ("dict[\n    str,\n    'M',\n]", "dict[str, M]"),
    "very long": (f"M | Literal['{'a' * 300}']", f"M | Literal['{'a' * 300}']"),
}


@pytest.mark.parametrize(("annotation", "answer"), ANSWERS.values(), ids=ANSWERS)
def test_answer(bench: Workbench, annotation: str, answer: str) -> None:
    head = "from typing import Annotated, Literal\n" + HEAD
    before = f"def f() -> {annotation}:\n    return M()\n"
    after = f"def f() -> {annotation}:\n    return _mail_distil.f.dispatch({answer})\n"
    bench.check("dispatch", head + before, head + IMPORT + after)


STREAMS = {
    "generator": (
        "def f(a: int) -> Iterator[M]:\n    yield M()\n",
        "def f(a: int) -> Iterator[M]:\n    yield from _mail_distil.f.dispatch(list[M], a=a)\n",
    ),
    "generator in quotes": (
        'def f() -> "Generator[M | N, None, None]":\n    "Doc."\n    yield M()\n',
        (
            'def f() -> "Generator[M | N, None, None]":\n    "Doc."\n'
            "    yield from _mail_distil.f.dispatch(list[M | N])\n"
        ),
    ),
    "async generator": (
        "async def f() -> AsyncIterator[M]: yield M()\n",
        (
            "async def f() -> AsyncIterator[M]:\n"
            "    for answer in await _mail_distil.f.adispatch(list[M]):\n"
            "        yield answer\n"
        ),
    ),
    "async generator, docstring and body on a line": (
        "async def f() -> AsyncIterator[M]:\n  'Doc.'; yield M()\n",
        (
            "async def f() -> AsyncIterator[M]:\n  'Doc.'\n"
            "  for answer in await _mail_distil.f.adispatch(list[M]):\n"
            "      yield answer\n"
        ),
    ),
    "async generator with a parameter named as the stub's": (
        "async def f(answer: int) -> AsyncIterator[M]: yield M()\n",
        (
            "async def f(answer: int) -> AsyncIterator[M]:\n"
            "    for answer in await _mail_distil.f.adispatch(list[M], answer=answer):\n"
            "        yield answer\n"
        ),
    ),
}


@pytest.mark.parametrize(("before", "after"), STREAMS.values(), ids=STREAMS)
def test_streams(bench: Workbench, before: str, after: str) -> None:
    head = "from typing import AsyncIterator, Generator, Iterator\n" + HEAD
    bench.check("dispatch", head + before, head + IMPORT + after)


SCOPES = {
    "a class beside the method": (
        (
            "class Outer:\n"
            "    class Inner(M): pass\n"
            "    def f(self) -> Inner: return self.Inner()\n"
            '    def g(self) -> "list[Inner] | M": return []\n'
        ),
        (
            "class Outer:\n"
            "    class Inner(M): pass\n"
            "    def f(self) -> Inner:\n"
            "        return _mail_distil.Outer_f.dispatch(Outer.Inner)\n"
            '    def g(self) -> "list[Inner] | M":\n'
            "        return _mail_distil.Outer_g.dispatch(list[Outer.Inner] | M)\n"
        ),
    ),
    "a class two classes deep": (
        "class A:\n  class B:\n    Alias = M\n    def f(self) -> Alias: ...\n",
        (
            "class A:\n  class B:\n    Alias = M\n    def f(self) -> Alias:\n"
            "        return _mail_distil.A_B_f.dispatch(A.B.Alias)\n"
        ),
    ),
    "a method of the type's name does not hide it": (
        "class A:\n  def M(self) -> M: return M()\n",
        "class A:\n  def M(self) -> M:\n      return _mail_distil.A_M.dispatch(M)\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), SCOPES.values(), ids=SCOPES)
def test_names_out_of_sight(bench: Workbench, before: str, after: str) -> None:
    bench.check("dispatch", HEAD + before, HEAD + IMPORT + after)


TYPING = {
    "from import": ("from shop.models import M", "M", "from shop.models import M", "M"),
    "renamed": ("from shop.models import M as Z", "Z", "from shop.models import M as Z", "Z"),
    "relative": ("from .models import M", "list[M]", "from .models import M", "list[M]"),
    "module": ("import shop.models as m", "m.M", "import shop.models as m", "m.M"),
    "dotted module": ("import shop.models", "shop.models.M", "import shop.models", "shop.models.M"),
    "neighbour": ("from . import models", "models.M", "from . import models", "models.M"),
}


@pytest.mark.parametrize(("line", "annotation", "local", "answer"), TYPING.values(), ids=TYPING)
def test_local_import(
    bench: Workbench, line: str, annotation: str, local: str, answer: str
) -> None:
    head = "from typing import TYPE_CHECKING\n"
    rest = f'if TYPE_CHECKING:\n    {line}\ndef f() -> "{annotation}":\n'
    bench.check(
        "dispatch",
        f"{head}{rest}    return 1\n",
        f"{head}{IMPORT}{rest}    {local}\n    return _mail_distil.f.dispatch({answer})\n",
    )


def test_local_import_on_the_line_of_the_docstring(bench: Workbench) -> None:
    head = "from typing import TYPE_CHECKING\n"
    rest = 'if TYPE_CHECKING: from shop.models import M\ndef f() -> "M": "Doc."'
    bench.check(
        "dispatch",
        f"{head}{rest}\n",
        f"{head}{IMPORT}{rest}; from shop.models import M; return _mail_distil.f.dispatch(M)\n",
    )


def test_self(bench: Workbench) -> None:
    head = "from typing import Self\nfrom shop.models import M\n"
    before = (
        "class A(M):\n  def f(self, a) -> Self: return self\n"
        "  @classmethod\n  def g(cls) -> 'Self': return cls()\n"
    )
    after = (
        "class A(M):\n  def f(self, a) -> Self:\n"
        "      return _mail_distil.A_f.dispatch(type(self), a=a)\n"
        "  @classmethod\n  def g(cls) -> 'Self':\n"
        "      return _mail_distil.A_g.dispatch(cls)\n"
    )
    bench.check("dispatch", head + before, head + IMPORT + after)


@_PEP_695
def test_type_parameters(bench: Workbench) -> None:
    before = "def f[T](a: T) -> M: return M()\nclass A[T]:\n  def g(self, a: T) -> M: return M()\n"
    bench.check(
        "dispatch",
        HEAD + before,
        HEAD + IMPORT + "def f[T](a: T) -> M:\n    return _mail_distil.f.dispatch(M, a=a)\n"
        "class A[T]:\n  def g(self, a: T) -> M:\n      return _mail_distil.A_g.dispatch(M, a=a)\n",
    )


BYTES = {
    "CRLF": (
        b"from shop.models import M\r\ndef f() -> M:\r\n    '''D\r\n    d'''\r\n    return M()\r\n",
        (
            b"from shop.models import M\r\nfrom . import _mail_distil\r\n"
            b"def f() -> M:\r\n    '''D\r\n"
            b"    d'''\r\n    return _mail_distil.f.dispatch(M)\r\n"
        ),
    ),
    "CR": (
        b"from shop.models import M\rdef f() -> M:\r    return (\r1)\rx = 1\r",
        (
            b"from shop.models import M\rfrom . import _mail_distil\rdef f() -> M:\r"
            b"    return _mail_distil.f.dispatch(M)\rx = 1\r"
        ),
    ),
    "mixed newlines": (
        b"from shop.models import M\r\ndef f() -> M:\n    x = 1\r    return M()\r\n",
        (
            b"from shop.models import M\r\nfrom . import _mail_distil\r\ndef f() -> M:\r\n"
            b"    return _mail_distil.f.dispatch(M)\r\n"
        ),
    ),
    "byte order mark": (
        b"\xef\xbb\xbffrom shop.models import M\ndef f() -> M: return M()\n",
        (
            b"\xef\xbb\xbffrom shop.models import M\nfrom . import _mail_distil\n"
            b"def f() -> M:\n    return _mail_distil.f.dispatch(M)\n"
        ),
    ),
    "latin-1 by cookie": (
        b"# coding: latin-1\nfrom shop.models import M\ndef f() -> M:\n    '\xe9'\n    '\xe4'\n",
        (
            b"# coding: latin-1\nfrom shop.models import M\nfrom . import _mail_distil\n"
            b"def f() -> M:\n    '\xe9'\n    return _mail_distil.f.dispatch(M)\n"
        ),
    ),
    "an encoding with a state": (
        "# coding: iso2022_jp\nfrom shop.models import M\ndef f() -> M: '日'; '本'\n".encode(
            "iso2022_jp"
        ),
        (
            "# coding: iso2022_jp\nfrom shop.models import M\nfrom . import _mail_distil\n"
            "def f() -> M: '日'; return _mail_distil.f.dispatch(M)\n"
        ).encode("iso2022_jp"),
    ),
}


@pytest.mark.parametrize(("before", "after"), BYTES.values(), ids=BYTES)
def test_stub_in_bytes(bench: Workbench, before: bytes, after: bytes) -> None:
    bench.check("dispatch", before, after)


REFUSED = {
    "its parameter M hides the type": "def f(M: int) -> M: return M()\n",
    "its parameter A hides the type": (
        "class A:\n  class B(M): pass\n  def f(self, A: int) -> B: return self.B()\n"
    ),
    "Z is defined under TYPE_CHECKING in shop.mail": (
        "if TYPE_CHECKING:\n  Z = M\ndef f() -> 'Z': return M()\n"
    ),
    "Z is bound under TYPE_CHECKING in its class": (
        "class A:\n  if TYPE_CHECKING:\n    Z = M\n  def f(self) -> 'Z': return M()\n"
    ),
    "its docstring is continued": "def f() -> M:\n  'Doc.' \\\n  ; return M()\n",
    "its docstring is on the line of the def": (
        "async def f() -> AsyncIterator[M]: 'Doc.'; yield M()\n"
    ),
    "its stub needs the name answer": (
        "import shop.models as answer\nasync def f() -> AsyncIterator[answer.M]:\n  yield M()\n"
    ),
}


@pytest.mark.parametrize(("reason", "text"), REFUSED.items(), ids=REFUSED)
def test_refused(bench: Workbench, reason: str, text: str) -> None:
    bench.put("from typing import TYPE_CHECKING, AsyncIterator\n" + HEAD + text)
    with pytest.raises(SourceError, match=reason) as caught:
        bench.plan("dispatch")
    assert "def f" in bench.raw.decode().splitlines()[(caught.value.line or 0) - 1]
    assert caught.value.function == "f"


def test_another_model_changes_the_sidecar_alone(bench: Workbench) -> None:
    bench.put(HEAD + "def f() -> M: return M()\n").run("dispatch", model="ft:one")
    planned = bench.run("dispatch", model="ft:two")
    assert [change.path for change in planned.changes] == [bench.sidecar]
    assert planned.functions == ("shop.mail:f",)
    assert bench.load().contracts["f"].model == "ft:two"
    assert bench.load().bodies == {"f": " return M()"}
