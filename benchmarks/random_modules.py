"""Modules of pieces, as Hypothesis draws them: what Python takes and an editor stumbles over."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import DrawFn

_ENCODINGS: tuple[tuple[str, str, str], ...] = (
    # (cookie, letters that names may have, letters of comments and strings)
    ("", "éЖ漢ªµ", "é€漢😀\u2028\x85\xa0"),
    ("", "", ""),
    ("utf-8", "éЖ", "é漢😀"),
    ("utf-8-sig", "é", "é漢"),
    ("latin-1", "éß", "é\xa0\x85÷"),
    ("iso-8859-15", "é", "€é"),
    ("cp1252", "éŠ", "€“é"),
    ("koi8-r", "Жя", "Жя©"),
    ("cp1251", "Жя", "Жя"),
    ("shift_jis", "漢表", "漢表ソ能"),
    ("cp932", "表", "表ソ①"),
    ("euc-jp", "漢", "漢ソ"),
    ("gbk", "汉", "汉"),
    ("big5", "漢", "漢功"),
    ("euc-kr", "한", "한"),
    ("iso-2022-jp", "", "漢"),
    ("ascii", "", ""),
)
_IMPORTS = (
    "from models import M",
    "import models\nfrom models import M",
    "from models import (\n    M,  # the model\n)",
    "from models import M; import os",
    "import os, \\\n    sys\nfrom models import M",
    "try:\n    from models import M\nexcept ImportError:\n    M = object",
    "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from models import M",
    "import typing as t\nif t.TYPE_CHECKING: from models import M",
    "import sys\nsys.path.insert(0, '.')\nfrom models import M",
    "import os\n\n\n# more\nimport sys\n\nfrom models import M",
    "from . import models\nfrom .models import M",
    "from models import *",
    "class M: ...",
    "import models as _app_distil\nfrom models import M",
    "if True:\n    import os\nfrom models import M",
    "x = 1\nfrom models import M",
    "import os  # isort: skip\nfrom models import M  # noqa: I001",
    "# isort: off\nimport os\nfrom models import M\n# isort: on",
    "from models import M\n'''not a docstring'''",
    "with open(__file__): from models import M",
)
_FUTURES = (
    "from __future__ import annotations",
    "from __future__ import (\n    annotations,\n    generator_stop,\n)",
    "from __future__ import annotations; import os",
    "from __future__ import annotations as _, \\\n  division",
)
_DOCSTRINGS = (
    '"""{}"""', "'{}'", 'r"""{}\n"""', "'''\n{}\n\n'''", '"{}" "and more"', 'u"{}"', '("{}")',
    "'''{}\\\n'''", "('{}'\n  'more')", '"""{}"""; x = 1', '"""{}"""  # why', '"""{}""" ;', "R'{}'",
    '"""{}""" \\\n', "b'no'", 'f"{1}{}"', "'''{}''' + ''", '"""{}\n# no comment\ndef f(): x\n"""',
)  # fmt: skip
_SIMPLE = (
    "x = 1", "x = 1; y = 2", "x = 1;", "pass", "...", "print('{}')", "x = '''\n{}\n@no.thing\n'''",
    "x = [\n1,\n]", "x = (y := 1)", "x = lambda a: (a, ':')", "x: int = 1", "(x): int = 1",
    "x = 1  # {}", "# {}", "\\\nx = 1", "x = 1 + \\\n  2", "assert x, '{}'", "del_ = {1: 2}",
    "x = f'{1:>{2}} {}'", "x = '" + "y" * 5000 + "'", "x = 1 # type: int", "x = '\\\n{}'",
    "import os", "from os import path as p, sep", "raise ValueError('{}')", "x = b'\\xff'",
    "#", "x = '#' # '", "x = \"\"\"'''\"\"\"", "x = [i for i in '{}' if (j := i)]", "x @= 1",
)  # fmt: skip
_BLOCKS = (
    "if x:", "for x in y:", "while x:", "with open('{}') as x, y:", "try:", "if x:  # {}",
    "if (\n  x\n):", "if x \\\n  :", "class B(M):", "class B:", "class B(\n  M,\n): # {}",
    "@d\nclass B(metaclass=(lambda: type)()):",
)  # fmt: skip
_PARAMETERS = (
    "", "a", "a: int", "a, /", "a, /, b: M = M()", "*args", "**kwargs", "a, *, b=1", "*, b",
    "a: 'M', *args: int, **kwargs: 'x'", "a=lambda x: x, b={1: 2}", "a=(y := 1)", "a='{}'",
    "\n    a,  # {}\n    b: str = ':',\n", "a, \\\n  b", "\n", "a,", "a: {1: 2}[1] = [1, 2][:1],",
    "a,  # type: int\n    b):  # type: (...) -> M\n".partition(")")[0], "a: (yes) = 1, *, b: '{}'",
)  # fmt: skip
_RETURNS = (
    "M", "M", "M", "'M'", "list[M]", "M | None", "(M)", "Optional['M']", "(\n  M\n)", '"""M"""',
    "Annotated[M, 'a: {}']", "M  ", "\\\n M", "dict[str, 'M']", "lambda: M", "'models.M'",
    "M if 1 else M",
    "{1: M}[1]", "r'M'", "'M' '2'", "M[\n  1,  # :\n]", "'é: not a type'", "Self", "Literal['a:b']",
)  # fmt: skip
_STREAMS = ("Iterator[M]", "'Iterator[M]'", "AsyncIterator[M]", "Generator[M, None, None]", "M")
_DECORATORS = (
    "@d", "@d.e", "@d(1)", "@d(\n  1,\n)", "@(lambda f: f)", "@d  # {}", "# {}", "", "@ d",
    "@d[0](x)",
    "@staticmethod", "@classmethod", "@property", "@functools.cached_property", "@f.setter",
    "@overload", "@abstractmethod", "@d(\\\n)", "@d('''\n@x\n''')", "   # {}", "@(\n  d\n)", "\f",
)  # fmt: skip
_HEADS = ("def ", "def ", "def ", "def  ", "def \\\n  ", "def\t", "async def ", "async  def ")
_TAILS = (
    ":",
    ":",
    ":",
    " :",
    ":  # {}",
    ": # type: (int) -> M",
    ":\n",
    ":  # {}\n  # {}\n",
    ":\\\n",
)


@dataclass(frozen=True)
class _Style:
    """How a module is written. letters: of names. texts: of comments and strings."""

    indent: str
    letters: str
    texts: str


@st.composite
def modules(draw: DrawFn) -> bytes:
    """A module's bytes. Most compile."""
    cookie, letters, texts = draw(st.sampled_from(_ENCODINGS))
    indent = draw(st.sampled_from(["    ", "    ", "\t", "  ", " ", "        "]))
    style = _Style(indent, letters, texts)
    parts = _head(draw, style, cookie)
    for _ in range(draw(st.integers(1, 4))):
        parts.append(_statement(draw, style, 0, within="module"))
        if draw(_OFTEN):
            parts.append(_function(draw, style, within="module"))
    text = "\n".join(part.removesuffix("\n") for part in parts) + "\n"
    return encoded(draw, text, cookie)


@st.composite
def functions(draw: DrawFn) -> str:
    """A function or class in ASCII, with line feeds, to stand between a module's statements."""
    style = _Style("    ", "", "")
    if draw(_SELDOM):
        return _class(draw, style, 1)
    return _function(draw, style, within="module") + "\n"


def encoded(draw: DrawFn, text: str, cookie: str) -> bytes:
    """Text as bytes, its newlines chosen."""
    newline = draw(st.sampled_from(["\n", "\n", "\r\n", "\r", ""]))
    if newline:
        text = text.replace("\n", newline)
    else:  # mixed
        lines = text.split("\n")
        ends = draw(st.lists(st.sampled_from(["\n", "\r\n", "\r"]), min_size=8, max_size=8))
        text = "".join(line + ends[place % 8] for place, line in enumerate(lines[:-1])) + lines[-1]
    if draw(_SELDOM):
        text = text.rstrip("\r\n")
    raw = text.encode(cookie or "utf-8", "replace")
    if cookie in ("", "utf-8") and draw(_SELDOM):
        raw = b"\xef\xbb\xbf" + raw
    return raw


_OFTEN = st.sampled_from([True, True, True, False])
_SELDOM = st.sampled_from([False, False, False, False, True])


def _head(draw: DrawFn, style: _Style, cookie: str) -> list[str]:
    parts = []
    if cookie and cookie != "utf-8-sig":
        if draw(_SELDOM):
            parts.append("#!/usr/bin/env python")
        form = draw(
            st.sampled_from(
                ["# coding: {}", "# -*- coding: {} -*-", "#coding={}", "\f# coding: {}"]
            )
        )
        parts.append(form.replace("{}", cookie))
    elif draw(_SELDOM):
        parts.append(_pick(draw, style, ("#!/usr/bin/env python", "# {}", "\f", "", "  # {}")))
    if draw(_SELDOM):
        parts.append(_pick(draw, style, _DOCSTRINGS))
    if draw(_SELDOM):
        parts.append(draw(st.sampled_from(_FUTURES)))
    if draw(_OFTEN):
        parts.append(_styled(draw(st.sampled_from(_IMPORTS)), style))
    return parts


def _statement(draw: DrawFn, style: _Style, depth: int, within: str) -> str:
    kind = draw(
        st.sampled_from(["simple", "simple", "block", "class", "function", "space", "match"])
    )
    if kind == "class":
        return _class(draw, style, depth + 1)
    if kind == "function" and within != "module" and depth < 3:
        return _function(draw, style, within=within, depth=depth + 1)
    if kind == "block" and depth < 3:
        head = _pick(draw, style, _BLOCKS)
        inner = within
        if "class B" in head:
            inner = "class" if within in ("class", "module") else "function"
        if draw(_SELDOM):
            body = draw(st.sampled_from(["pass", "x = 1; y = 2", "...", "'x'"]))
            whole = f"{head} {body}"
        else:
            whole = head + "\n" + _indented(_suite(draw, style, depth + 1, inner), style)
        if head == "try:":
            return f"{whole}\nexcept (ValueError, TypeError) as e:\n{style.indent}pass"
        if head.startswith("if") and draw(_OFTEN):
            whole += "\nelse:\n" + _indented(_suite(draw, style, depth + 1, within), style)
        return whole
    if kind == "match" and depth < 2:
        body = _indented(_suite(draw, style, depth + 1, within), style)
        return f"match x:\n{style.indent}case [1, *_]:\n" + _indented(body, style)
    if kind == "space":
        return draw(st.sampled_from(["", "\f", "   ", "\n\n", "\t", "# distilgen: skip", "\f\f"]))
    return _pick(draw, style, _SIMPLE)


def _suite(draw: DrawFn, style: _Style, depth: int, within: str) -> str:
    parts = [_statement(draw, style, depth, within) for _ in range(draw(st.integers(0, 2)))]
    if within != "function" and draw(_OFTEN):
        parts.append(_function(draw, style, within=within, depth=depth))
    return "\n".join([*parts, draw(st.sampled_from(["pass", "x = 1", "...", "x = '''\n'''"]))])


def _class(draw: DrawFn, style: _Style, depth: int) -> str:
    head = draw(
        st.sampled_from(["class A:", "class A(M):", "class A(\n  M\n):  # c", "@d\nclass A:"])
    )
    parts = []
    if draw(_SELDOM):
        parts.append(_pick(draw, style, _DOCSTRINGS))
    count = draw(st.integers(1, 2))
    parts += [_function(draw, style, within="class", depth=depth) for _ in range(count)]
    if depth < 3 and draw(_SELDOM):
        parts.append(_class(draw, style, depth + 1))
    return head + "\n" + _indented("\n".join(parts), style)


def _function(draw: DrawFn, style: _Style, *, within: str, depth: int = 0) -> str:
    decorators = draw(st.lists(st.sampled_from(_DECORATORS), max_size=2))
    head = draw(st.sampled_from(_HEADS))
    name = draw(st.sampled_from(["f", "f", "g", "Shop", "__init", "record", *style.letters]))
    variables = "[T, *U]" if sys.version_info >= (3, 12) and draw(_SELDOM) else ""
    streams = draw(_SELDOM)
    returns = _pick(draw, style, _STREAMS if streams else _RETURNS)
    receiver = ""
    parameters = _pick(draw, style, _PARAMETERS)
    if within == "class" and draw(_OFTEN):
        receiver = "self" + (", " if parameters.strip() else "")
    arrow = draw(st.sampled_from([" -> ", " -> ", "->", "  ->  ", " \\\n  -> "]))
    start = f"{head}{name}{variables}({receiver}{parameters}){arrow}{returns}"
    before = "\n".join([*(_styled(item, style) for item in decorators), ""]) if decorators else ""
    if draw(_SELDOM):
        line = _pick(draw, style, _ONE_LINERS)
        return f"{before}{start}{line}"
    tail = _pick(draw, style, _TAILS)
    body = _body(draw, style, depth, is_async="async" in head, streams=streams)
    if tail.endswith("\\\n"):
        deeper = draw(st.sampled_from(["  ", "  ", "  ", ""]))
        body = body.lstrip()
        return f"{before}{start}{tail}{deeper}{body if chr(10) not in body else 'return M()'}"
    return f"{before}{start}{tail.removesuffix(chr(10))}\n{_indented(body, style)}"


_ONE_LINERS = (
    ": return M()", ":return M()", ": pass; return M()", ": ...", ": 'doc {}'; return M()",
    ": 'doc'",
    ": x = 1; return x  # {}", ": return [\n1,\n]", ": ... ;", ": '''doc\n{}'''; x = 1",
    ":\\\n  return M()",
    ": x = '''\n'''; return x;", ": yield M()", ": return (yield)", ": return 1 + \\\n 2",
    ": (x := 1)",
)  # fmt: skip


def _body(draw: DrawFn, style: _Style, depth: int, *, is_async: bool, streams: bool) -> str:
    parts = []
    if draw(st.booleans()):
        parts.append(_pick(draw, style, _DOCSTRINGS))
    parts += [
        _statement(draw, style, depth + 1, "function") for _ in range(draw(st.integers(0, 2)))
    ]
    last = [
        "return M()",
        "return M() # {}",
        "return M();",
        "...",
        "raise NotImplementedError",
        "pass",
    ]
    if streams:
        last = ["yield M()", "x = yield", "for x in y: yield x", "(yield)"]
    elif is_async:
        last = ["return await g()", "async with x: return M()", "return [i async for i in x]"]
    parts.append(_pick(draw, style, last))
    if draw(_SELDOM):
        parts.append(_pick(draw, style, ["# {}", "\n# {}\n", "\f", "   ", "  # deeper {}"]))
    return "\n".join(parts)


def _pick(draw: DrawFn, style: _Style, texts: Sequence[str]) -> str:
    return _styled(draw(st.sampled_from(texts)), style)


def _styled(text: str, style: _Style) -> str:
    """`{}` filled in."""
    return text.replace("{}", style.texts)


def _indented(text: str, style: _Style) -> str:
    """Every line deeper, also those in strings."""
    return "\n".join(style.indent + line if line else line for line in text.split("\n"))
