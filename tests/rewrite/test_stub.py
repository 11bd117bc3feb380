"""The stub: what takes the place of a body, and what around it stays."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from distilgen.errors import SourceError

if TYPE_CHECKING:
    from tests.rewrite.conftest import Workbench

_PEP_695 = pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")

HEAD = "from .models import M, N\n"
IMPORT = "from . import _mail_distil as _distil\n"
CALL = "return _distil.f.dispatch(M)\n"

BODIES = {
    "def": (
        "def f(a: int) -> M:\n    x = a\n    return M(x=x)\n",
        "def f(a: int) -> M:\n    return _distil.f.dispatch(M, a=a)\n",
    ),
    "async def": (
        "async def f(a: int) -> M:\n    return M()\n",
        "async def f(a: int) -> M:\n    return await _distil.f.adispatch(M, a=a)\n",
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
    "docstring continued on the next line": (
        "def f() -> M:\n  'Doc.' \\\n  ; return M()\n",
        f"def f() -> M:\n  'Doc.'\n  {CALL}",
    ),
    "docstring on the line of the def, continued": (
        "def f() -> M: 'Doc.' \\\n  ; x = 1; return M()  # c\nx = 1\n",
        f"def f() -> M: 'Doc.'; {CALL}x = 1\n",
    ),
    "docstring with nothing but a backslash behind it": (
        "def f() -> M:\n    'Doc.' \\\n\nx = 1\n",
        f"def f() -> M:\n    'Doc.'\n    {CALL}x = 1\n",
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
        "def f(\n    a: int,  # c\n) -> M:\n    return _distil.f.dispatch(M, a=a)\n",
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
            "    return _distil.f.dispatch(M, a=a, b=b, c=c, d=d, e=e, g=g)\n"
        ),
    ),
    "identifiers that are not ASCII": (
        "def f(straße: int) -> M: return M()\n",
        "def f(straße: int) -> M:\n    return _distil.f.dispatch(M, straße=straße)\n",
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
            "        return _distil.A_f.dispatch(M, a=a)\n"
            "    @classmethod\n"
            "    def g(cls, a: int) -> M:\n"
            "        return _distil.A_g.dispatch(M, a=a)\n"
            "    @staticmethod\n"
            "    def h(a: int) -> M:\n"
            "        return _distil.A_h.dispatch(M, a=a)\n"
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
            "      return _distil.A_f.dispatch(M)\n"
            "  @f.setter\n"
            "  def f(self, value: M) -> None: ...\n"
            "  @cached_property\n"
            "  def g(self) -> M:\n"
            "      return _distil.A_g.dispatch(M)\n"
        ),
    ),
    "nested class, comment of the class stays": (
        "class A:\n  class B:\n    def f(self) -> M:\n      return M()\n      # f's\n    # B's\n",
        (
            "class A:\n  class B:\n    def f(self) -> M:\n"
            "      return _distil.A_B_f.dispatch(M)\n    # B's\n"
        ),
    ),
    "several definitions of one name": (
        "if M:\n  def f() -> M: return M(x=1)\nelse:\n  def f() -> M: return M(x=2)\n",
        (
            "if M:\n  def f() -> M:\n      return _distil.f.dispatch(M)\n"
            "else:\n  def f() -> M:\n      return _distil.f_2.dispatch(M)\n"
        ),
    ),
}


@pytest.mark.parametrize(("before", "after"), BODIES.values(), ids=BODIES)
def test_stub(bench: Workbench, before: str, after: str) -> None:
    bench.check("dispatch", HEAD + before, IMPORT + HEAD + after)


@pytest.mark.parametrize(("before", "after"), BODIES.values(), ids=BODIES)
def test_stub_in_the_place_of_a_record(bench: Workbench, before: str, after: str) -> None:
    bench.put(HEAD + before).run("instrument")
    bench.run("dispatch")
    assert bench.raw.decode() == IMPORT + HEAD + after
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
    after = f"def f() -> {annotation}:\n    return _distil.f.dispatch({answer})\n"
    bench.check("dispatch", head + before, head.replace(HEAD, IMPORT + HEAD) + after)


STREAMS = {
    "generator": (
        "def f(a: int) -> Iterator[M]:\n    yield M()\n",
        "def f(a: int) -> Iterator[M]:\n    yield from _distil.f.dispatch(list[M], a=a)\n",
    ),
    "generator in quotes": (
        'def f() -> "Generator[M | N, None, None]":\n    "Doc."\n    yield M()\n',
        (
            'def f() -> "Generator[M | N, None, None]":\n    "Doc."\n'
            "    yield from _distil.f.dispatch(list[M | N])\n"
        ),
    ),
    "async generator": (
        "async def f() -> AsyncIterator[M]: yield M()\n",
        (
            "async def f() -> AsyncIterator[M]:\n"
            "    for answer in await _distil.f.adispatch(list[M]):\n"
            "        yield answer\n"
        ),
    ),
    "async generator, docstring and body on a line": (
        "async def f() -> AsyncIterator[M]:\n  'Doc.'; yield M()\n",
        (
            "async def f() -> AsyncIterator[M]:\n  'Doc.'\n"
            "  for answer in await _distil.f.adispatch(list[M]):\n"
            "      yield answer\n"
        ),
    ),
    "async generator with a parameter named as the stub's": (
        "async def f(answer: int) -> AsyncIterator[M]: yield M()\n",
        (
            "async def f(answer: int) -> AsyncIterator[M]:\n"
            "    for answer_2 in await _distil.f.adispatch(list[M], answer=answer):\n"
            "        yield answer_2\n"
        ),
    ),
    "async generator with a type named as the stub's item": (
        "answer = answer_2 = M\nasync def f() -> AsyncIterator[answer | answer_2]: yield M()\n",
        (
            "answer = answer_2 = M\nasync def f() -> AsyncIterator[answer | answer_2]:\n"
            "    for answer_3 in await _distil.f.adispatch(list[answer | answer_2]):\n"
            "        yield answer_3\n"
        ),
    ),
    "async generator, docstring on the line of the def": (
        "async def f() -> AsyncIterator[M]: 'Doc.' ; yield M()  # c\n",
        (
            "async def f() -> AsyncIterator[M]:\n    'Doc.'\n"
            "    for answer in await _distil.f.adispatch(list[M]):\n"
            "        yield answer\n"
        ),
    ),
    "async generator, long docstring on the line of the def": (
        "class A:\n async def f(self) -> AsyncIterator[M]:'''Doc.\n more''';yield\n",
        (
            "class A:\n async def f(self) -> AsyncIterator[M]:\n     '''Doc.\n more'''\n"
            "     for answer in await _distil.A_f.adispatch(list[M]):\n"
            "         yield answer\n"
        ),
    ),
    "generator, docstring on the line of the def": (
        "def f() -> Iterator[M]: 'Doc.'; yield M()\n",
        "def f() -> Iterator[M]: 'Doc.'; yield from _distil.f.dispatch(list[M])\n",
    ),
    "generator with a parameter named list": (
        "def f(list: str) -> Iterator[M]:\n    yield M()\n",
        (
            "def f(list: str) -> Iterator[M]:\n"
            "    from builtins import list as _list\n"
            "    yield from _distil.f.dispatch(_list[M], list=list)\n"
        ),
    ),
    "generator in a module with a list of its own": (
        "def list() -> Iterator[M]:\n    yield M()\n",
        (
            "def list() -> Iterator[M]:\n"
            "    from builtins import list\n"
            "    yield from _distil.list.dispatch(list[M])\n"
        ),
    ),
}


@pytest.mark.parametrize(("before", "after"), STREAMS.values(), ids=STREAMS)
def test_streams(bench: Workbench, before: str, after: str) -> None:
    head = "from typing import AsyncIterator, Generator, Iterator\n" + HEAD
    bench.check("dispatch", head + before, head.replace(HEAD, IMPORT + HEAD) + after)


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
            "        return _distil.Outer_f.dispatch(Outer.Inner)\n"
            '    def g(self) -> "list[Inner] | M":\n'
            "        return _distil.Outer_g.dispatch(list[Outer.Inner] | M)\n"
        ),
    ),
    "a class two classes deep": (
        "class A:\n  class B:\n    Alias = M\n    def f(self) -> Alias: ...\n",
        (
            "class A:\n  class B:\n    Alias = M\n    def f(self) -> Alias:\n"
            "        return _distil.A_B_f.dispatch(A.B.Alias)\n"
        ),
    ),
    "a field with the name of a builtin does not hide it": (
        "class A:\n  list: int = 1\n  def f(self) -> 'list[M]': ...\n",
        (
            "class A:\n  list: int = 1\n  def f(self) -> 'list[M]':\n"
            "      return _distil.A_f.dispatch(list[M])\n"
        ),
    ),
    "a method of the type's name does not hide it": (
        "class A:\n  def M(self) -> M: return M()\n",
        "class A:\n  def M(self) -> M:\n      return _distil.A_M.dispatch(M)\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), SCOPES.values(), ids=SCOPES)
def test_names_out_of_sight(bench: Workbench, before: str, after: str) -> None:
    bench.check("dispatch", HEAD + before, IMPORT + HEAD + after)


TYPING = {
    "from import": ("from shop.models import M", "M", "from shop.models import M", "M"),
    "renamed": ("from shop.models import M as Z", "Z", "from shop.models import M as Z", "Z"),
    "relative": ("from .models import M", "list[M]", "from .models import M", "list[M]"),
    "module": ("import shop.models as m", "m.M", "import shop.models as m", "m.M"),
    "dotted module": ("import shop.models", "shop.models.M", "import shop.models", "shop.models.M"),
    "neighbour": ("from . import models", "models.M", "from . import models", "models.M"),
    "an alias": ("from .models import M; Z = M | None", "Z", "from .models import M", "M | None"),
    "an alias of an alias": (
        "from .models import M; Y: object = 'list[M]'; Z = dict[str, Y]",
        "Z | Y",
        "from .models import M",
        "dict[str, list[M]] | list[M]",
    ),
    "hidden by a parameter": (
        "from .models import M",
        "list[M] | M",
        "from .models import M as _M",
        "list[_M] | _M",
    ),
    "dotted module, hidden by a parameter": (
        "import shop, shop.models",
        "shop.models.M",
        "import shop.models as _models",
        "_models.M",
    ),
}


@pytest.mark.parametrize(("line", "annotation", "local", "answer"), TYPING.values(), ids=TYPING)
def test_local_import(
    bench: Workbench, line: str, annotation: str, local: str, answer: str
) -> None:
    head = "from typing import TYPE_CHECKING\n"
    ours = IMPORT if "from ." in line else "import shop._mail_distil as _distil\n"
    hidden = " as _" in local
    name = ("shop" if "shop" in line else "M") if hidden else "a"
    rest = f'if TYPE_CHECKING:\n    {line}\ndef f({name}) -> "{annotation}":\n'
    bench.check(
        "dispatch",
        f"{head}{rest}    return 1\n",
        f"{head}\n{ours}{rest}    {local}\n"
        f"    return _distil.f.dispatch({answer}, {name}={name})\n",
    )


def test_local_import_of_what_a_class_has_for_type_checkers(bench: Workbench) -> None:
    head = "from typing import TYPE_CHECKING\n"
    scope = "class A:\n  if TYPE_CHECKING:\n    from .models import M, N as O\n    Z = O | None\n"
    before = "  def f(self) -> 'M': ...\n  def g(self) -> 'Z': ...\n"
    after = (
        "  def f(self) -> 'M':\n      from .models import M\n"
        "      return _distil.A_f.dispatch(M)\n"
        "  def g(self) -> 'Z':\n      from .models import N as O\n"
        "      return _distil.A_g.dispatch(O | None)\n"
    )
    bench.check("dispatch", head + scope + before, f"{head}\n{IMPORT}{scope}{after}")


HIDDEN = {
    "a class of another module": (
        "def f(M: int) -> M: return M()\n",
        (
            "def f(M: int) -> M:\n    from .models import M as _M\n"
            "    return _distil.f.dispatch(_M, M=M)\n"
        ),
    ),
    "a module by its own name": (
        "import shop as shop\ndef f(shop: int) -> shop.models.M: ...\n",
        (
            "import shop as shop\ndef f(shop: int) -> shop.models.M:\n"
            "    import shop as _shop\n"
            "    return _distil.f.dispatch(_shop.models.M, shop=shop)\n"
        ),
    ),
    "its own class, by the class that it is in": (
        "class A:\n  class B(M): pass\n  def f(self, A: int) -> B: ...\n",
        (
            "class A:\n  class B(M): pass\n  def f(self, A: int) -> B:\n"
            "      from . import mail as _mail\n"
            "      return _distil.A_f.dispatch(_mail.A.B, A=A)\n"
        ),
    ),
    "an alias of its own, and the name that its module would have": (
        "Z = M\ndef f(Z: int, _mail: int) -> Z: ...\n",
        (
            "Z = M\ndef f(Z: int, _mail: int) -> Z:\n    from . import mail as __mail\n"
            "    return _distil.f.dispatch(__mail.Z, Z=Z, _mail=_mail)\n"
        ),
    ),
    "a builtin, and more": (
        "def f(dict: str, M: str) -> dict[str, M]: ...\n",
        (
            "def f(dict: str, M: str) -> dict[str, M]:\n"
            "    from .models import M as _M\n    from builtins import dict as _dict\n"
            "    return _distil.f.dispatch(_dict[str, _M], dict=dict, M=M)\n"
        ),
    ),
    "twice, by the name of the object": (
        "class A:\n  def f(M) -> list[M] | M: ...\n",
        (
            "class A:\n  def f(M) -> list[M] | M:\n      from .models import M as _M\n"
            "      return _distil.A_f.dispatch(list[_M] | _M)\n"
        ),
    ),
}


@pytest.mark.parametrize(("before", "after"), HIDDEN.values(), ids=HIDDEN)
def test_names_that_a_parameter_hides(bench: Workbench, before: str, after: str) -> None:
    bench.check("dispatch", HEAD + before, IMPORT + HEAD + after)


def test_local_import_on_the_line_of_the_docstring(bench: Workbench) -> None:
    head = "from typing import TYPE_CHECKING\n"
    rest = 'if TYPE_CHECKING: from .models import M\ndef f() -> "M": "Doc."'
    bench.check(
        "dispatch",
        f"{head}{rest}\n",
        f"{head}\n{IMPORT}{rest}; from .models import M; return _distil.f.dispatch(M)\n",
    )


def test_self(bench: Workbench) -> None:
    head = "from typing import Self\nfrom .models import M\n"
    before = (
        "class A(M):\n  def f(self, a) -> Self: return self\n"
        "  @classmethod\n  def g(cls) -> 'Self': return cls()\n"
        "  def h(self, type) -> Self: return self\n"
    )
    after = (
        "class A(M):\n  def f(self, a) -> Self:\n"
        "      return _distil.A_f.dispatch(type(self), a=a)\n"
        "  @classmethod\n  def g(cls) -> 'Self':\n"
        "      return _distil.A_g.dispatch(cls)\n"
        "  def h(self, type) -> Self:\n"
        "      return _distil.A_h.dispatch(self.__class__, type=type)\n"
    )
    bench.check("dispatch", head + before, head.replace("from .", IMPORT + "from .") + after)


@_PEP_695
def test_type_parameters(bench: Workbench) -> None:
    before = "def f[T](a: T) -> M: return M()\nclass A[T]:\n  def g(self, a: T) -> M: return M()\n"
    bench.check(
        "dispatch",
        HEAD + before,
        IMPORT + HEAD + "def f[T](a: T) -> M:\n    return _distil.f.dispatch(M, a=a)\n"
        "class A[T]:\n  def g(self, a: T) -> M:\n      return _distil.A_g.dispatch(M, a=a)\n",
    )


BYTES = {
    "CRLF": (
        b"from .models import M\r\ndef f() -> M:\r\n    '''D\r\n    d'''\r\n    return M()\r\n",
        (
            b"from . import _mail_distil as _distil\r\nfrom .models import M\r\n"
            b"def f() -> M:\r\n    '''D\r\n"
            b"    d'''\r\n    return _distil.f.dispatch(M)\r\n"
        ),
    ),
    "CR": (
        b"from .models import M\rdef f() -> M:\r    return (\r1)\rx = 1\r",
        (
            b"from . import _mail_distil as _distil\rfrom .models import M\rdef f() -> M:\r"
            b"    return _distil.f.dispatch(M)\rx = 1\r"
        ),
    ),
    "mixed newlines": (
        b"from .models import M\r\ndef f() -> M:\n    x = 1\r    return M()\r\n",
        (
            b"from . import _mail_distil as _distil\r\nfrom .models import M\r\ndef f() -> M:\r\n"
            b"    return _distil.f.dispatch(M)\r\n"
        ),
    ),
    "byte order mark": (
        b"\xef\xbb\xbffrom .models import M\ndef f() -> M: return M()\n",
        (
            b"\xef\xbb\xbffrom . import _mail_distil as _distil\nfrom .models import M\n"
            b"def f() -> M:\n    return _distil.f.dispatch(M)\n"
        ),
    ),
    "latin-1 by cookie": (
        b"# coding: latin-1\nfrom .models import M\ndef f() -> M:\n    '\xe9'\n    '\xe4'\n",
        (
            b"# coding: latin-1\nfrom . import _mail_distil as _distil\nfrom .models import M\n"
            b"def f() -> M:\n    '\xe9'\n    return _distil.f.dispatch(M)\n"
        ),
    ),
    "an encoding with a state": (
        "# coding: iso2022_jp\nfrom .models import M\ndef f() -> M: '日'; '本'\n".encode(
            "iso2022_jp"
        ),
        (
            "# coding: iso2022_jp\nfrom . import _mail_distil as _distil\nfrom .models import M\n"
            "def f() -> M: '日'; return _distil.f.dispatch(M)\n"
        ).encode("iso2022_jp"),
    ),
}


@pytest.mark.parametrize(("before", "after"), BYTES.values(), ids=BYTES)
def test_stub_in_bytes(bench: Workbench, before: bytes, after: bytes) -> None:
    bench.check("dispatch", before, after)


REFUSED = {
    "its parameter M hides the type": (
        "try:\n  from .models import M\nexcept ImportError:\n  M = int\ndef f(M) -> M: ...\n"
    ),
    "its parameter Z hides the type": (
        "Z = M\ndef f(Z) -> Z: return Z\nif __name__ == '__main__': f(1)\n"
    ),
    "Z is defined under TYPE_CHECKING in shop.mail": (
        "if TYPE_CHECKING:\n  class Z(M): ...\ndef f() -> 'Z': return M()\n"
    ),
    "needs an alias that is there for type checkers": (
        "if TYPE_CHECKING:\n  Z = M | list[T]\ndef f() -> 'Z[M]': return M()\n"
    ),
    "inside of __A that name stands for another": (
        "class __A:\n  class B(M): pass\n  def f(self) -> B: return M()\n"
    ),
    "it returns a value behind its items": (
        "def f() -> Generator[M, None, str]:\n  yield M()\n  return 'end'\n"
    ),
}


@pytest.mark.parametrize(("reason", "text"), REFUSED.items(), ids=REFUSED)
def test_refused(bench: Workbench, reason: str, text: str) -> None:
    bench.put(
        "from typing import TYPE_CHECKING, Generator, TypeVar\nT = TypeVar('T')\n" + HEAD + text
    )
    with pytest.raises(SourceError, match=reason) as caught:
        bench.plan("dispatch")
    assert "def f" in bench.raw.decode().splitlines()[(caught.value.line or 0) - 1]
    assert (caught.value.function or "").rpartition(".")[2] == "f"


EDITED = {
    "docstring that went below the head": (
        "async def f() -> AsyncIterator[M]:  'Doc.';yield M()  # c\n",
        "'Doc.'",
        "('''Other\ndoc.''')",
        "async def f() -> AsyncIterator[M]:  ('''Other\ndoc.''');yield M()  # c\n",
    ),
    "comment behind the docstring": (
        "def f() -> M:\n    'Doc.'\n    return M()\n",
        "'Doc.'",
        "'Doc.'  # more",
        "def f() -> M:\n    'Doc.'  # more\n    return M()\n",
    ),
    "docstring that its body is behind": (
        "def f() -> M:\n    'Doc.'; x = 1\n    return M()\n",
        "'Doc.'",
        "'Other.'",
        "def f() -> M:\n    'Other.'; x = 1\n    return M()\n",
    ),
}


@pytest.mark.parametrize(("before", "old", "new", "after"), EDITED.values(), ids=EDITED)
def test_a_stub_that_was_edited_goes(
    bench: Workbench, before: str, old: str, new: str, after: str
) -> None:
    head = "from typing import AsyncIterator\n" + HEAD
    bench.put(head + before).run("dispatch")
    bench.edit(old, new)
    bench.restore()
    assert bench.raw.decode() == head + after


IN_THE_WAY = {
    "its body goes on in line 5, behind the docstring, and so does a comment": (
        "def f() -> M:\n    'Doc.'; x = 1\n    return M()\n",
        "'Doc.'",
        "'Doc.'  # more",
    ),
    "its body goes on in line 5": (
        "def f() -> M:\n    'Doc.' \\\n    ; return M()\n",
        "'Doc.'",
        "'Doc.'  # more",
    ),
    "a comment before line 6 would be lost": (
        "async def f() -> AsyncIterator[M]: 'Doc.'; yield M()\n",
        "    'Doc.'",
        "    # more\n    'Doc.'",
    ),
    "its body has no place behind a docstring": (
        "def f() -> M: return M()\n",
        "    return",
        "    'Doc.'\n    return",
    ),
}


@pytest.mark.parametrize(("reason", "edit"), IN_THE_WAY.items(), ids=IN_THE_WAY)
def test_a_stub_that_was_edited_stays(
    bench: Workbench, reason: str, edit: tuple[str, str, str]
) -> None:
    before, old, new = edit
    bench.put("from typing import AsyncIterator\n" + HEAD + before).run("dispatch")
    bench.edit(old, new)
    raw = bench.raw
    with pytest.raises(SourceError, match=reason):
        bench.restore()
    assert bench.raw == raw


def test_another_model_changes_the_sidecar_alone(bench: Workbench) -> None:
    bench.put(HEAD + "def f() -> M: return M()\n").run("dispatch", model="ft:one")
    planned = bench.run("dispatch", model="ft:two")
    assert [change.path for change in planned.changes] == [bench.sidecar]
    assert planned.functions == ("shop.mail:f",)
    assert bench.load().contracts["f"].model == "ft:two"
    assert bench.load().bodies == {"f": " return M()"}
