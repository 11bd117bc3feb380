"""`--where`: a condition on records, written as Python writes it, and evaluated by nobody else.

    result.urgent and arguments.language == "de"
    len(result.lines) > 3 or "refund" in lower(arguments.text)
    result.kind in ("a", "b") and not matches(result.to, "@example[.]com$")

A field that a record does not have makes each comparison with it false, as does one of a kind that
cannot be compared so.
"""

from __future__ import annotations

import ast
import operator
import re
from typing import TYPE_CHECKING, Any, TypeAlias

from distilgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.records.record import Record

    Value: TypeAlias = "Callable[[Record], Any]"

FIELDS = (
    "arguments", "result", "error", "rollout", "source", "mode", "function", "contract", "id", "at",
    "elapsed_ms", "parent", "trace_id", "span_id",
)  # fmt: skip
"""What a condition may begin with."""

FUNCTIONS = ("len", "lower", "matches")

_CONSTANTS = {"null": None, "true": True, "false": False}


class _Absent:
    """The value of a field that is not there."""

    def __bool__(self) -> bool:
        return False


ABSENT = _Absent()


class Path:
    """The way to a value in a record: `result.lines[0].text`, `arguments.topic`, `source`.

    members: of arguments and results, those that are named, each with what it is a member of.
    """

    def __init__(self, text: str, told: str) -> None:
        """told: what to call it in an error. Raises UsageError."""
        self.text = text
        node = _parsed(text, told, "result.score")
        self.members = _members(node)
        self._value = _path_of(node, text, told)

    def __reduce__(self) -> tuple[Any, ...]:
        return Path, (self.text, "")

    def __call__(self, record: Record) -> Any:
        """What stands there; `ABSENT` for nothing."""
        return self._value(record)


class Where:
    """A condition. members: as above. Raises UsageError where the text is none, with the place."""

    def __init__(self, text: str) -> None:
        self.text = text
        node = _parsed(text, "--where", 'result.score > 3 and arguments.language == "de"')
        self.members = _members(node)
        self._value = _value_of(node, text)

    def __reduce__(self) -> tuple[Any, ...]:
        return Where, (self.text,)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Where) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)

    def __call__(self, record: Record) -> bool:
        """Does it hold for a record?"""
        return bool(self._value(record))


def _parsed(text: str, told: str, such: str) -> ast.expr:
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else "cannot be read"
        raise UsageError(f"{told} {text!r}: {reason}; write it as in Python: {such}") from None


def _members(node: ast.expr) -> frozenset[tuple[str, str]]:
    found = set()
    for part in ast.walk(node):
        match part:
            case ast.Attribute(ast.Name("arguments" | "result" as whole), name) | ast.Subscript(
                ast.Name("arguments" | "result" as whole), ast.Constant(str() as name)
            ):
                found.add((whole, name))
    return frozenset(found)


def _value_of(node: ast.expr, text: str) -> Value:
    match node:
        case ast.BoolOp(op, values):
            parts = [_value_of(value, text) for value in values]
            joined = all if isinstance(op, ast.And) else any
            return lambda record: joined(part(record) for part in parts)
        case ast.UnaryOp(ast.Not(), operand):
            inner = _value_of(operand, text)
            return lambda record: not inner(record)
        case ast.UnaryOp(ast.USub(), ast.Constant(int() | float() as number)):
            return lambda _: -number
        case ast.Compare():
            return _comparison(node, text)
        case ast.Constant(str() | int() | float() | None as constant):
            return lambda _: constant
        case ast.List(elts) | ast.Tuple(elts) | ast.Set(elts):
            items = [_value_of(item, text) for item in elts]
            return lambda record: [item(record) for item in items]
        case ast.Call(ast.Name(name), args, []) if name in FUNCTIONS:
            return _called(name, args, text)
        case ast.Name(name) if name in _CONSTANTS:
            return lambda _: _CONSTANTS[name]
    return _path_of(node, text, "--where")


def _path_of(node: ast.expr, text: str, told: str) -> Value:
    match node:
        case ast.Name(name) if name in FIELDS:
            # Of a call that raised there is no result, which is not the result None.
            return _result if name == "result" else operator.attrgetter(name)
        case ast.Attribute(value, key):
            return _item_of(_path_of(value, text, told), key)
        case ast.Subscript(value, ast.Constant(str() | int() as key)):
            return _item_of(_path_of(value, text, told), key)
        case ast.Subscript(value, ast.UnaryOp(ast.USub(), ast.Constant(int() as key))):
            return _item_of(_path_of(value, text, told), -key)
    part = ast.get_source_segment(text.strip(), node) or text
    raise UsageError(
        f"{told} {text!r}: {part!r} is nothing that a record has; a field begins with one of "
        f"{', '.join(FIELDS)}, as in result.score"
    )


def _result(record: Record) -> Any:
    return ABSENT if record.error is not None else record.result


def _item_of(value: Value, key: str | int) -> Value:
    def item(record: Record) -> Any:
        whole = value(record)
        if isinstance(whole, dict):
            return whole.get(str(key), ABSENT)
        if isinstance(whole, list) and isinstance(key, int) and -len(whole) <= key < len(whole):
            return whole[key]
        return ABSENT

    return item


_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda one, other: one in other,
    ast.NotIn: lambda one, other: one not in other,
    ast.Is: operator.eq,  # for `is None`; no two values of JSON are the same object
    ast.IsNot: operator.ne,
}


def _comparison(node: ast.Compare, text: str) -> Value:
    values = [_value_of(value, text) for value in (node.left, *node.comparators)]
    compare = [_COMPARISONS[type(op)] for op in node.ops]

    def holds(record: Record) -> bool:
        said = [value(record) for value in values]
        if any(value is ABSENT for value in said):
            return False
        try:
            pairs = zip(compare, said, said[1:], strict=False)
            return all(found(one, other) for found, one, other in pairs)
        except TypeError:  # kinds that cannot be compared so
            return False

    return holds


def _called(name: str, args: list[ast.expr], text: str) -> Value:
    wanted = 2 if name == "matches" else 1
    if len(args) != wanted:
        raise UsageError(f"--where {text!r}: {name} takes {wanted} values, not {len(args)}")
    first, *rest = (_value_of(arg, text) for arg in args)
    if name == "len":
        return lambda record: _length(first(record))
    if name == "lower":
        return lambda record: _lowered(first(record))
    if isinstance(args[1], ast.Constant) and isinstance(args[1].value, str):
        _pattern(args[1].value, text)  # so that a wrong one is told before the first record
    return lambda record: _matches(first(record), rest[0](record), text)


def _length(value: Any) -> Any:
    return len(value) if isinstance(value, str | list | dict) else ABSENT


def _lowered(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else ABSENT


def _matches(value: Any, pattern: Any, text: str) -> bool:
    """Does a regular expression match anywhere in a text?"""
    if not isinstance(value, str) or not isinstance(pattern, str):
        return False
    return _pattern(pattern, text).search(value) is not None


def _pattern(pattern: str, text: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"--where {text!r}: {pattern!r} is no pattern: {error}") from None
