"""What the words of a statement say, without a syntax tree: for `scanner`."""

from __future__ import annotations

import re

from distilgen.source.facts import Import, Parameter, ParameterKind

_STRING = (
    r'"""(?:[^"\\]++|\\.|"(?!""))*+"""|'
    r"'''(?:[^'\\]++|\\.|'(?!''))*+'''|"
    r'"(?:[^"\\\n]++|\\.)*+"|'
    r"'(?:[^'\\\n]++|\\.)*+'"
)


def _logical_line(depth: int) -> str:
    """A pattern of what is on one line, or in brackets: strings, but no more nesting than that."""
    inside = rf"[^()\[\]{{}}\"'#\\]++|{_STRING}|#[^\n]*+|\\\n"
    for _ in range(depth):
        inside = rf"{inside}|\((?:{inside})*+\)|\[(?:{inside})*+\]|\{{(?:{inside})*+\}}"
    brackets = rf"\((?:{inside})*+\)|\[(?:{inside})*+\]|\{{(?:{inside})*+\}}"
    return rf"(?:[^\n()\[\]{{}}\"'#\\]++|{_STRING}|\\\n|{brackets})*+"


LINE = re.compile(rf"^([ \t]*)(?=[^\s#])({_logical_line(2)})", re.MULTILINE).search
"""Finds the next statement: (indentation), (its line, or lines where brackets are open)."""

_WORD = re.compile(r"\w*").match
_IMPORT = re.compile(r"import[ \t]+([\w.]+)(?:[ \t]+as[ \t]+(\w+))?\s*\Z").match
_FROM = re.compile(
    r"from[ \t]+(\.*)[ \t]*(?!\.)([\w.]*)[ \t]+import[ \t]*(?:\(([\w\s,]*)\)|([\w \t,]+|\*))\s*\Z"
).match
_STRINGS = re.compile(_STRING).sub


def imports(text: str) -> list[tuple[str, Import]] | None:
    """What an import statement binds, and to what; `*` for a star; None where it is not plain."""
    found = _IMPORT(text)
    if found:
        module, name = found.groups()
        top = module.partition(".")[0]
        return [(name or top, Import(module if name else top))]
    found = _FROM(text)
    if found is None:
        return None
    level, module = len(found[1]), found[2]
    if found[4] and found[4].strip() == "*":
        return [("*", Import(module, level))]
    bound: list[tuple[str, Import]] = []
    for item in (found[3] or found[4]).split(","):
        words = item.split()
        if len(words) == 1:
            bound.append((words[0], Import(module, level, words[0])))
        elif len(words) == 3 and words[1] == "as":
            bound.append((words[2], Import(module, level, words[0])))
        elif words:
            return None
    return bound


def first_word(text: str) -> str:
    """The first word of a statement."""
    found = _WORD(text)
    return found[0] if found else ""


def depth_of(text: str) -> int:
    """How many brackets a line opens more than it closes."""
    if '"' in text or "'" in text:
        text = _STRINGS("", text)
    if "#" in text:
        text = text[: text.index("#")]
    count = text.count
    return count("(") + count("[") + count("{") - count(")") - count("]") - count("}")


def bases_in(text: str) -> tuple[str, ...] | None:
    """The bases in the brackets of a class statement; None where they are not plain."""
    if not text.strip():
        return ()
    if '"' in text or "'" in text or "=" in text or "(" in text:
        plain = "(" not in text and '"' not in text and "'" not in text and "#" not in text
        if not plain or not _KEYWORDS(text):
            return None
    items, depth, start = [], 0, 0
    for place, char in enumerate(text):
        if char == "[":
            depth += 1
        elif char == "]":
            depth -= 1
        elif char == "," and not depth:
            items.append(text[start:place])
            start = place + 1
    items.append(text[start:])
    bases = (item.strip() for item in items)
    return tuple(item for item in bases if item and "=" not in item)


def parameters_in(text: str) -> tuple[Parameter, ...]:
    """The parameters in the brackets of a function header: their names and kinds."""
    if text.isidentifier():
        return (Parameter(text, "plain", None, None),)
    while "[" in text and (plain := _INNERMOST("", text)) != text:
        text = plain
    found: list[Parameter] = []
    kind: ParameterKind = "plain"
    last: list[Parameter] = []
    for item in text.split(","):
        name = item.partition(":")[0].partition("=")[0].strip()
        if name == "/":
            found = [parameter._replace(kind="positional_only") for parameter in found]
        elif name == "*":
            kind = "keyword_only"
        elif name.startswith("**"):
            last.append(Parameter(name[2:].strip(), "keywords", None, None))
        elif name.startswith("*"):
            found.append(Parameter(name[1:].strip(), "variadic", None, None))
            kind = "keyword_only"
        elif name:
            found.append(Parameter(name, kind, None, None))
    return (*found, *last)


_INNERMOST = re.compile(r"\[[^\[\]]*\]").sub
_KEYWORDS = re.compile(r"[^=]*(?:,|\A)\s*\w+\s*=[^=\[\]]*(?:,\s*\w+\s*=[^=\[\]]*)*\Z").match
