"""The decorator: where it goes, and what it leaves alone."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from distilgen.errors import SourceError

if TYPE_CHECKING:
    from tests.rewrite.conftest import Workbench

_PEP_695 = pytest.mark.skipif(sys.version_info < (3, 12), reason="syntax of Python 3.12")

HEAD = "from .models import M\n"
IMPORT = "from . import _mail_distil as _distil\n"

ROWS = {
    "def": (
        "def f(a: int) -> M:\n    return M()\n",
        "@_distil.f.record\ndef f(a: int) -> M:\n    return M()\n",
    ),
    "async def": (
        "async def f() -> M:\n    return M()\n",
        "@_distil.f.record\nasync def f() -> M:\n    return M()\n",
    ),
    "async and def on two lines": (
        "async \\\n  def f() -> M:\n    return M()\n",
        "@_distil.f.record\nasync \\\n  def f() -> M:\n    return M()\n",
    ),
    "method": (
        "class A:\n    def f(self) -> M:\n        return M()\n",
        "class A:\n    @_distil.A_f.record\n    def f(self) -> M:\n        return M()\n",
    ),
    "classmethod": (
        "class A:\n  @classmethod\n  def f(cls) -> M: return M()\n",
        "class A:\n  @classmethod\n  @_distil.A_f.record\n  def f(cls) -> M: return M()\n",
    ),
    "staticmethod": (
        "class A:\n  @staticmethod\n  def f() -> M: return M()\n",
        "class A:\n  @staticmethod\n  @_distil.A_f.record\n  def f() -> M: return M()\n",
    ),
    "property, and its setter is none": (
        (
            "class A:\n"
            "  @property\n"
            "  def f(self) -> M: return M()\n"
            "  @f.setter\n"
            "  def f(self, value: M) -> None: ...\n"
        ),
        (
            "class A:\n"
            "  @property\n"
            "  @_distil.A_f.record\n"
            "  def f(self) -> M: return M()\n"
            "  @f.setter\n"
            "  def f(self, value: M) -> None: ...\n"
        ),
    ),
    "cached_property": (
        "class A:\n  @functools.cached_property\n  def f(self) -> M: return M()\n",
        (
            "class A:\n"
            "  @functools.cached_property\n"
            "  @_distil.A_f.record\n"
            "  def f(self) -> M: return M()\n"
        ),
    ),
    "nested class": (
        "class A:\n\tclass B:\n\t\tdef f(self) -> M:\n\t\t\treturn M()\n",
        (
            "class A:\n"
            "\tclass B:\n"
            "\t\t@_distil.A_B_f.record\n"
            "\t\tdef f(self) -> M:\n"
            "\t\t\treturn M()\n"
        ),
    ),
    "private method: no mangled attribute": (
        "class A:\n  def __f(self) -> M: return M()\ndef __g() -> M: return M()\n",
        (
            "class A:\n"
            "  @_distil.A___f.record\n"
            "  def __f(self) -> M: return M()\n"
            "@_distil._g.record\n"
            "def __g() -> M: return M()\n"
        ),
    ),
    "generators": (
        (
            "import typing as t\n"
            "def f() -> t.Iterator[M]:\n    yield M()\n"
            "async def g() -> t.AsyncIterator[M]:\n    yield M()\n"
        ),
        (
            "import typing as t\n"
            "@_distil.f.record\ndef f() -> t.Iterator[M]:\n    yield M()\n"
            "@_distil.g.record\nasync def g() -> t.AsyncIterator[M]:\n    yield M()\n"
        ),
    ),
    "no body": (
        'def f() -> M: ...\ndef g() -> M: pass\ndef h() -> M:\n    "Doc."\n',
        (
            "@_distil.f.record\ndef f() -> M: ...\n"
            "@_distil.g.record\ndef g() -> M: pass\n"
            '@_distil.h.record\ndef h() -> M:\n    "Doc."\n'
        ),
    ),
    "innermost of decorators with comments between": (
        "@cache\n# why\n@retry(\n    3,  # times\n)\n\n# about f\ndef f() -> M: return M()\n",
        (
            "@cache\n# why\n@retry(\n    3,  # times\n)\n\n# about f\n"
            "@_distil.f.record\ndef f() -> M: return M()\n"
        ),
    ),
    "comments before, inside and behind": (
        "# before\n\ndef f() -> M:  # head\n    # inside\n    return M()\n    # end\n# behind\n",
        (
            "# before\n\n@_distil.f.record\n"
            "def f() -> M:  # head\n    # inside\n    return M()\n    # end\n# behind\n"
        ),
    ),
    "several definitions of one name": (
        "if M:\n  def f() -> M: return M(x=1)\nelse:\n  def f() -> M: return M(x=2)\n",
        (
            "if M:\n"
            "  @_distil.f.record\n"
            "  def f() -> M: return M(x=1)\n"
            "else:\n"
            "  @_distil.f_2.record\n"
            "  def f() -> M: return M(x=2)\n"
        ),
    ),
    "qualified names that flatten to one": (
        "class A:\n  def f(self) -> M: return M()\ndef A_f() -> M: return M()\n",
        (
            "class A:\n"
            "  @_distil.A_f.record\n"
            "  def f(self) -> M: return M()\n"
            "@_distil.A_f_2.record\n"
            "def A_f() -> M: return M()\n"
        ),
    ),
    "named as the sidecar's own import": (
        "def Contract() -> M: return M()\n",
        "@_distil.Contract_2.record\ndef Contract() -> M: return M()\n",
    ),
    "every kind of parameter, walrus and lambda defaults": (
        "def f(a, /, b, *c: int, d=lambda: (yield), e=(z := 1), **g: M) -> M: return M()\n",
        (
            "@_distil.f.record\n"
            "def f(a, /, b, *c: int, d=lambda: (yield), e=(z := 1), **g: M) -> M: return M()\n"
        ),
    ),
    "identifiers that are not ASCII": (
        "def réponse(straße: int) -> M: return M()\ndef ﬁ() -> M: return M()\n",
        (
            "@_distil.réponse.record\ndef réponse(straße: int) -> M: return M()\n"
            "@_distil.fi.record\ndef ﬁ() -> M: return M()\n"
        ),
    ),
    "form feeds": (
        "\f\ndef f() -> M:\n\f    return M()\n\f\nclass A:\n\f  def g(self) -> M: return M()\n",
        (
            "\f\n@_distil.f.record\ndef f() -> M:\n\f    return M()\n\f\n"
            "class A:\n\f  @_distil.A_g.record\n\f  def g(self) -> M: return M()\n"
        ),
    ),
    "a def behind a continued line": (
        "class A:\n    \\\n    def f(self) -> M: return M()\n",
        "class A:\n    \\\n    @_distil.A_f.record\n    def f(self) -> M: return M()\n",
    ),
    "in with and match": (
        "with a:\n  def f() -> M: return M()\nmatch a:\n  case 1:\n    def g() -> M: return M()\n",
        (
            "with a:\n"
            "  @_distil.f.record\n"
            "  def f() -> M: return M()\n"
            "match a:\n"
            "  case 1:\n"
            "    @_distil.g.record\n"
            "    def g() -> M: return M()\n"
        ),
    ),
    "no newline at the end": (
        "def f() -> M: return M()",
        "@_distil.f.record\ndef f() -> M: return M()",
    ),
}


@pytest.mark.parametrize(("before", "after"), ROWS.values(), ids=ROWS)
def test_record(bench: Workbench, before: str, after: str) -> None:
    bench.check("instrument", HEAD + before, IMPORT + HEAD + after)


@_PEP_695
def test_type_parameters(bench: Workbench) -> None:
    before = "def f[T](a: T) -> M: return M()\nclass A[T]:\n  def g(self, a: T) -> M: return M()\n"
    bench.check(
        "instrument",
        HEAD + before,
        IMPORT + HEAD + "@_distil.f.record\ndef f[T](a: T) -> M: return M()\n"
        "class A[T]:\n  @_distil.A_g.record\n  def g(self, a: T) -> M: return M()\n",
    )


BYTES = {
    "CRLF": (
        b"from .models import M\r\n\r\ndef f() -> M:\r\n    return M()\r\n",
        (
            b"from . import _mail_distil as _distil\r\nfrom .models import M\r\n\r\n"
            b"@_distil.f.record\r\ndef f() -> M:\r\n    return M()\r\n"
        ),
    ),
    "CR": (
        b"from .models import M\r\rdef f() -> M:\r    return M()\r",
        (
            b"from . import _mail_distil as _distil\rfrom .models import M\r\r"
            b"@_distil.f.record\rdef f() -> M:\r    return M()\r"
        ),
    ),
    "mixed newlines: the first one's kind": (
        b"from .models import M\r\n\ndef f() -> M:\n    return M()\r",
        (
            b"from . import _mail_distil as _distil\r\nfrom .models import M\r\n\n"
            b"@_distil.f.record\r\ndef f() -> M:\n    return M()\r"
        ),
    ),
    "byte order mark": (
        b"\xef\xbb\xbffrom .models import M\ndef f() -> M: return M()\n",
        (
            b"\xef\xbb\xbffrom . import _mail_distil as _distil\nfrom .models import M\n"
            b"@_distil.f.record\ndef f() -> M: return M()\n"
        ),
    ),
    "latin-1 by cookie": (
        b"# coding: latin-1\n'\xe9'\nfrom .models import M\ndef f() -> M: return '\xe9'\n",
        (
            b"# coding: latin-1\n'\xe9'\nfrom . import _mail_distil as _distil\n"
            b"from .models import M\n"
            b"@_distil.f.record\ndef f() -> M: return '\xe9'\n"
        ),
    ),
    "an encoding with a state": (
        "# coding: iso2022_jp\nfrom .models import M\ndef f() -> M: '日本'\n".encode("iso2022_jp"),
        (
            "# coding: iso2022_jp\nfrom . import _mail_distil as _distil\nfrom .models import M\n"
            "@_distil.f.record\ndef f() -> M: '日本'\n"
        ).encode("iso2022_jp"),
    ),
    "line separators that are none of Python's": (
        "from .models import M\n# \u2028 \x0b \x1c\ndef f() -> M: return '\u2028'\n".encode(),
        (
            "from . import _mail_distil as _distil\nfrom .models import M\n# \u2028 \x0b \x1c\n"
            "@_distil.f.record\ndef f() -> M: return '\u2028'\n"
        ).encode(),
    ),
}


@pytest.mark.parametrize(("before", "after"), BYTES.values(), ids=BYTES)
def test_record_in_bytes(bench: Workbench, before: bytes, after: bytes) -> None:
    bench.check("instrument", before, after)


NO_OPS = {
    "returns a plain type": "def f() -> int: return 1\n",
    "no return annotation": "def f(): return M()\n",
    "defined inside a function": "def f():\n  def g() -> M: return M()\n  return g\n",
    "in a class inside a function": "def f():\n  class A:\n    def g(self) -> M: return M()\n",
    "an overload": "@overload\ndef f(a: int) -> M: ...\n",
    "abstract": "class A:\n  @abstractmethod\n  def f(self) -> M: ...\n",
    "a member of a Protocol": (
        "from typing import Protocol\nclass A(Protocol):\n  def f(self) -> M: ...\n"
    ),
    "under TYPE_CHECKING": "if TYPE_CHECKING:\n  def f() -> M: ...\n",
    "skipped by its comment": "def f() -> M: return M()  # distilgen: skip\n",
    "a lambda is no def": "f = lambda: M()\n",
}


@pytest.mark.parametrize("step", ["instrument", "dispatch"])
@pytest.mark.parametrize("text", NO_OPS.values(), ids=NO_OPS)
def test_nothing_happens(bench: Workbench, text: str, step: str) -> None:
    bench.put(HEAD + text)
    planned = bench.plan("instrument" if step == "instrument" else "dispatch")
    assert (planned.changes, planned.functions) == ((), ())


def test_a_dispatched_function_is_not_recorded(bench: Workbench) -> None:
    bench.put(HEAD + "def f() -> M: return M()\n").run("dispatch")
    assert bench.plan("instrument").changes == ()


def test_a_new_contract_changes_the_sidecar_alone(bench: Workbench) -> None:
    bench.put(HEAD + 'def f() -> M:\n    "Doc."\n    return M()\n').run("instrument")
    bench.edit('"Doc."', '"Other."')
    planned = bench.plan("instrument")
    assert [change.path for change in planned.changes] == [bench.sidecar]
    assert planned.functions == ("shop.mail:f",)


def test_a_decorator_that_was_taken_off_comes_back_with_its_contract(bench: Workbench) -> None:
    text = HEAD + "def f() -> M: return M()\n\ndef g() -> M: return M()\n"
    bench.put(text).run("instrument")
    raw, sidecar = bench.raw, bench.sidecar.read_bytes()
    bench.edit("@_distil.f.record\n", "")
    bench.run("instrument")
    assert bench.raw == raw
    assert sorted(bench.load().contracts) == ["f", "g"]
    bench.restore()
    assert (bench.raw.decode(), bench.sidecar.exists(), b"f = " in sidecar) == (text, False, True)


def test_a_copy_gets_a_contract_of_its_own(bench: Workbench) -> None:
    text = HEAD + "def f() -> M: return M()\n"
    bench.put(text).run("instrument")
    copied = "@_distil.f.record\ndef g() -> M: return M(x=1)\n"
    bench.put(bench.raw.decode() + copied)
    assert [name.rpartition(":")[2] for name in bench.run("instrument").functions] == ["g"]
    assert bench.raw.decode().endswith(copied.replace(".f.", ".g."))
    functions = [contract.function for contract in bench.load().contracts.values()]
    assert functions == ["shop.mail:f", "shop.mail:g"]
    assert bench.plan("instrument").changes == ()
    bench.restore()
    assert bench.raw.decode() == text + "def g() -> M: return M(x=1)\n"


def test_a_copy_of_a_stub_is_refused_and_restored(bench: Workbench) -> None:
    text = HEAD + "def f() -> M:\n    return M()\n"
    bench.put(text).run("dispatch")
    bench.put(bench.raw.decode() + "def g() -> M:\n    return _distil.f.dispatch(M)\n")
    with pytest.raises(SourceError, match="is a copy of the stub that has the contract f"):
        bench.plan("dispatch")
    assert bench.plan("instrument").changes == ()
    bench.restore()
    assert bench.raw.decode() == text + "def g() -> M:\n    return M()\n"
