"""Rows become inputs: which column is which parameter's."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from distilgen.collection.files import Row
from distilgen.collection.given import Given, Refused
from distilgen.collection.mapping import Columns, constants, pairs
from distilgen.collection.typed import Typed
from distilgen.errors import CollectError, UsageError


def two(text: str, n: int, tone: str = "kind") -> None: ...


def one(text: str, tone: str = "kind") -> None: ...


def columns(
    function: Any = two,
    renamed: dict[str, str] | None = None,
    fixed: dict[str, Any] | None = None,
    notes: list[str] | None = None,
) -> Columns:
    typed = Typed.of(function, inspect.signature(function).parameters)
    note = (notes if notes is not None else []).append
    return Columns(typed, renamed or {}, fixed or {}, note)


def given(found: Columns, *rows: Row) -> list[Any]:
    return [i.arguments if isinstance(i, Given) else i.reason for i in found.inputs(rows)]


def table(*names: str, **cells: str) -> Row:
    return Row(cells, "a.csv:2", names or tuple(cells), is_text=True)


def test_columns_go_to_parameters_of_their_name() -> None:
    notes: list[str] = []
    rows = [table(text="a", n="1", x="2", **{"$origin": "b"})] * 2
    assert given(columns(notes=notes), *rows) == [{"text": "a", "n": "1"}] * 2
    assert notes == ["not used: column x"]


def test_columns_may_be_named_and_values_fixed() -> None:
    found = columns(renamed={"text": "q"}, fixed={"n": 3})
    assert given(found, table(q="a", n="7")) == [{"text": "a", "n": 3}]
    assert given(found, Row({"n": 1, "q": "a"}, ":1"), Row({"n": 1}, ":2")) == [
        {"text": "a", "n": 3},
        "has no q, which text is to be",
    ]


def test_what_is_known_of_a_row_without_a_column_is_kept_by_parameter() -> None:
    found = columns(renamed={"text": "q", "n": "m"}).inputs([Row({"q": "a"}, ":1")])
    assert list(found) == [Refused(":1", "has no m, which n is to be", {"text": "a"})]


def test_cells_that_failed_before_are_still_cells() -> None:
    found = columns().inputs([Row({"text": "a", "n": "1", "$text": True}, "f.jsonl:1")])
    assert list(found) == [Given({"text": "a", "n": "1"}, "f.jsonl:1", is_text=True)]


def test_a_table_without_a_column_is_refused_at_once() -> None:
    message = (
        r"a\.csv:2: there is no column for n; the columns are: text, m; the parameters are: text, "
        r"n, tone\. Name the column of a parameter by --map"
    )
    with pytest.raises(CollectError, match=message):
        given(columns(), table("text", "m", text="a", m="1"))


def test_objects_may_differ_from_row_to_row() -> None:
    found = columns()
    rows = [Row({"text": "a"}, ":1"), Row({"text": "b", "n": 1}, ":2"), Row(5, ":3")]
    assert given(found, *rows) == [{"text": "a"}, {"text": "b", "n": 1}, "is no object"]
    with pytest.raises(CollectError, match=r"^a.csv:2: --map n=z: there is no column z; the "
                                           r"columns are: text, m$"):  # fmt: skip
        given(columns(renamed={"n": "z"}), table("text", "m", text="a", m="1"))
    with pytest.raises(CollectError, match="no column for text, n; the columns are: q;"):
        given(columns(), Row({"q": 1}, "a.jsonl:1"))


def test_keys_that_nobody_wants_are_told_once_with_their_first_row() -> None:
    notes: list[str] = []
    found = columns(one, {"text": "q"}, {"tone": "x"}, notes=notes)
    rows = [{"q": "a"}, {"q": "b", "lnag": 1}, {"q": "c", "x": 1, "y": 2, "$error": {}}]
    rows += [{"q": "d", "y": 1, "x": 1}, {"q": "e", "tone": "y"}, {"q": "f", "text": "g"}]
    given(found, *(Row(row, f"a.jsonl:{number}") for number, row in enumerate(rows, 1)))
    assert list(found.unused()) == [
        "not used: key lnag in a.jsonl:2",
        "not used: keys x, y in 2 rows, first in a.jsonl:3",
        "not used: key tone in a.jsonl:5",
        "not used: key text in a.jsonl:6",
    ]
    assert not notes


def test_however_many_keys_nobody_wants_some_are_told() -> None:
    found = columns(one)
    given(found, *(Row({"text": "a", f"k{n}": n}, f":{n}") for n in range(5_000)))
    told = list(found.unused())
    assert (len(told), told[-1]) == (11, "not used: other keys, too")


def test_a_bare_value_is_for_the_only_parameter() -> None:
    assert given(columns(one), Row("a", ":1")) == [{"text": "a"}]
    assert given(columns(fixed={"n": 1}), Row("a", ":1")) == [{"n": 1, "text": "a"}]
    with pytest.raises(CollectError, match="is a value, and no parameter is left for it"):
        given(columns(one, fixed={"text": "a", "tone": "b"}), Row("a", ":1"))
    with pytest.raises(CollectError, match="is a bare value, and the parameters are text, n, tone"):
        given(columns(), Row("a", ":1"))


def test_what_was_refused_before_stays_so() -> None:
    refused = Refused(":1", "is no JSON")
    assert list(columns().inputs([refused])) == [refused]


def test_pairs() -> None:
    assert pairs("--map", ["a=b", "c = d=e"]) == {"a": "b", "c": " d=e"}
    for wrong in ("a", "=b", "a="):
        with pytest.raises(UsageError, match="say --map PARAMETER="):
            pairs("--map", [wrong])
    with pytest.raises(UsageError, match="--map a: is said twice"):
        pairs("--map", ["a=1", "a=2"])


def test_constants_are_json_or_text() -> None:
    said = ["a=1", "b=[1]", "c=hello there", 'd="5"', "e=null"]
    assert constants(said) == {"a": 1, "b": [1], "c": "hello there", "d": "5", "e": None}
