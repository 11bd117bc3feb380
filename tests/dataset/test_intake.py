"""The quick way from a line to its entry gives what the long one gives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from distilgen.contract import canonical_json
from distilgen.dataset.intake import Asked, Intake, canonical
from distilgen.dataset.sorting import Sorter
from distilgen.records.record import Record, items_of, line_of, parse
from distilgen.records.selection import Selection

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.contract import Contract

Line = Callable[..., bytes]
Store = Callable[..., "Path"]

texts = st.text(st.characters(codec="utf-8"))
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)


@given(values)
@settings(max_examples=1000, deadline=None)
def test_canonical_json_is_that_of_the_contract(value: Any) -> None:
    try:
        expected = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError:
        with pytest.raises(OverflowError):
            canonical(value)
        return
    assert canonical(value) == expected.encode() == canonical_json(value).encode()


@pytest.mark.parametrize(
    "value",
    [1e-4, 9.9e-5, 1e-5, 1e-7, 5e-324, 1e15, 1e16, 1e17, 1.5e300, -0.0, 123456789012345680.0, 0.1],
)
def test_numbers_are_written_as_json_writes_them(value: float) -> None:
    for around in (value, [value], {"a": {"b": [1, value]}}, ["x", {"a": value}]):
        assert canonical(around) == canonical_json(around).encode()


@pytest.mark.parametrize("value", [float("inf"), [float("-inf")], {"a": [float("nan")]}])
def test_what_is_no_number_is_none(value: Any) -> None:
    with pytest.raises(OverflowError):
        canonical(value)


def test_half_of_a_character_is_an_error() -> None:
    with pytest.raises(UnicodeError):
        canonical({"a": "\ud800"})


class Slow:
    """A store that is no folder: each record goes the long way."""

    place = "here"

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines

    def read(self) -> Any:
        for number, text in enumerate(self._lines, 1):
            yield from items_of("x", number, text)


_ODD = st.sampled_from(
    [
        {"at": "2026-11-03T01:02:03.004Z"},
        {"at": "2026-11-03T01:02:03.004z"},
        {"at": "2026-13-03T01:02:03.004Z"},
        {"at": 3},
        {"at": ""},
        {"elapsed_ms": 2},
        {"elapsed_ms": -1.0},
        {"elapsed_ms": "1"},
        {"elapsed_ms": True},
        {"id": "a\tb"},
        {"id": "ä"},
        {"id": 7},
        {"source": "m"},
        {"source": 1},
        {"parent": "p"},
        {"trace_id": "t", "span_id": "s"},
        {"contract": "0"},
        {"function": "a:b"},
        {"arguments": []},
        {"arguments": {"topic": {"$redacted": "x"}}},
        {"arguments": {"topic": "costs 3 $"}},
        {"arguments": {"topic": '"$redacted"'}},
        {"arguments": {"topic": "\ud800"}},
        {"result": None},
        {"error": {"type": "E"}},
        {"rollout": {"mode": "shadow"}},
        {"rollout": {"mode": "canary"}, "source": "m"},
        {"rollout": 3},
        {"more": 1},
    ]
)


@given(st.lists(st.tuples(values, st.lists(_ODD, max_size=2), st.booleans()), max_size=6))
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_quick_way_is_the_long_one(
    contract: Contract, line: Line, tmp_path: Path, calls: list[Any]
) -> None:
    lines = []
    for value, odd, is_recorders in calls:
        changes: dict[str, Any] = {"at": "2026-11-03T01:02:03.004Z"}
        for change in odd:
            changes |= change
        text = line(value, **changes)
        item = parse("x", 1, text)
        # As a recorder writes it, where it is a record; or with the members in any order
        lines.append(line_of(item) if is_recorders and isinstance(item, Record) else text)
    lines += [b"\n", b"{}\n", b"[" * 5000 + b"\n", b"nan\n", b'{"id":"\xff"}\n']
    path = tmp_path / "records.jsonl"
    path.write_bytes(b"".join(lines))
    quick, slow = Sorter(tmp_path), Sorter(tmp_path)
    one = Intake([contract], Asked(students=("m",)), quick)
    one.file(path)
    other = Intake([contract], Asked(students=("m",)), slow)
    other.store(Slow(lines))  # type: ignore[arg-type]
    assert list(quick.batches()) == list(slow.batches())
    assert one.found.tallies == other.found.tallies
    assert one.found.unknown == other.found.unknown
    assert one.found.malformed == other.found.malformed


def test_a_selection_looks_at_the_whole_record(
    contract: Contract, line: Line, store: Store, tmp_path: Path
) -> None:
    folder = store(*(line(n, at="2026-11-03T01:02:03.004Z", source=f"{n % 2}") for n in range(9)))
    sorter = Sorter(tmp_path)
    intake = Intake([contract], Asked(Selection(source="1")), sorter)
    for path in folder.iterdir():
        intake.file(path)
    assert intake.found.tallies[contract.function].taken == 4
    assert intake.found.tallies[contract.function].left_out == {"not asked for": 5}
