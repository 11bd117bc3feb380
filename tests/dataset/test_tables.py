"""What is written into a table is what is read from it, and other programs see it, too."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from distilgen.contract import Contract, canonical_json
from distilgen.dataset import tables
from distilgen.dataset.tables import CsvTable, ParquetTable, calls_in
from distilgen.errors import DatasetError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

TEXT, WHOLE, FLOAT, TRUTH = ({"type": t} for t in ("string", "integer", "number", "boolean"))
NULL = {"type": "null"}
FIELDS: dict[str, Any] = {
    "text": TEXT,
    "note": {"anyOf": [TEXT, NULL]},
    "kind": {"$ref": "#/$defs/Kind"},
    "count": WHOLE,
    "share": {"anyOf": [FLOAT, NULL]},
    "urgent": TRUTH,
    "lines": {"type": "array", "items": {"$ref": "#/$defs/Line"}},
    "late": {"type": "string"},
    "either": {"anyOf": [WHOLE, TEXT]},
}
ANSWER: dict[str, Any] = {
    "type": "object",
    "properties": FIELDS,
    "required": [name for name in FIELDS if name != "late"],
    "$defs": {
        "Kind": {"enum": ["a", "b"], "type": "string"},
        "Line": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Line"}}},
    },
}
INPUTS: dict[str, Any] = {
    "type": "object",
    "properties": {"topic": TEXT, "days": {**WHOLE, "default": 3}, "more": {"$comment": "?"}},
    "required": ["topic", "more"],
}
COLUMNS = [
    "arguments.topic", "arguments.days", "arguments.more",
    *(f"result.{name}" for name in FIELDS), "arguments", "result",
]  # fmt: skip
ARGUMENTS: dict[str, Any] = {"topic": 'é, "a"\nb', "days": 3, "more": [None, {"a": 1.0}]}
RESULT: dict[str, Any] = {
    "text": "=SUM(A1)", "note": None, "kind": "a", "count": 2**62, "share": 0.1, "urgent": True,
    "lines": [{}], "late": "1", "either": 5,
}  # fmt: skip
KINDS = ["csv", "parquet"]


def contract_of(answer: dict[str, Any], *, wraps: bool = False) -> Contract:
    return Contract(
        function="shop.mail:compose",
        fingerprint="",
        system_prompt="Predict.",
        user_message="{arguments}",
        tool={"name": "Email", "description": "", "parameters": answer},
        inputs=INPUTS,
        wraps_result=wraps,
    )


def wrapped(schema: Any) -> Contract:
    answer = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
    return contract_of(answer, wraps=True)


CONTRACT = contract_of(ANSWER)


def written(kind: str, contract: Contract, calls: Iterable[tuple[Any, Any]]) -> bytes:
    file = io.BytesIO()
    table = CsvTable(contract, file) if kind == "csv" else ParquetTable(contract, file)
    for arguments, result in calls:
        table.write(arguments, result)
    table.close()
    return file.getvalue()


def read(folder: Path, kind: str, contract: Contract, content: bytes) -> list[tuple[Any, Any]]:
    path = folder / f"train.{kind}"
    path.write_bytes(content)
    return list(calls_in(path, contract))


def test_csv() -> None:
    assert written("csv", CONTRACT, [(ARGUMENTS, RESULT)]).decode() == (
        ",".join(COLUMNS) + "\n"
        '"é, ""a""\nb",3,"[null,{""a"":1.0}]",'
        "=SUM(A1),,a,4611686018427387904,0.1,true,[{}],1,5,,\n"
    )


def test_parquet(tmp_path: Path) -> None:
    pa: Any = pytest.importorskip("pyarrow")
    pq: Any = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "train.parquet"
    path.write_bytes(written("parquet", CONTRACT, [(ARGUMENTS, RESULT)]))
    table = pq.read_table(path)
    text, whole, share, truth = pa.string(), pa.int64(), pa.float64(), pa.bool_()
    assert table.schema.names == COLUMNS
    assert table.schema.types == [
        text, whole, text, text, text, text, whole, share, truth, text, text, text, text, text,
    ]  # fmt: skip
    (row,) = table.to_pylist()
    assert row == dict(
        zip(
            COLUMNS,
            [*ARGUMENTS.values(), *RESULT.values(), None, None],
            strict=True,
        )
    ) | {"arguments.more": '[null,{"a":1.0}]', "result.lines": "[{}]", "result.either": "5"}


# What columns cannot say, and how often a JSON text of the whole stands at the end for it.
ODD: list[tuple[str, dict[str, Any], Any, int]] = [
    ("fits", {}, {}, 0),
    ("a field more", {}, {"more": 1}, 1),
    ("a field less that may be", {}, {"late": None}, 1),
    ("null where it must not be", {}, {"text": None}, 1),
    ("another type", {"topic": 1}, {"text": 1, "urgent": 1, "count": True}, 2),
    ("another argument", {"mode": 1}, {}, 1),
    ("whole for a number", {"topic": "a"}, {"share": 1}, 0),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("arguments", "result", "count"), [row[1:] for row in ODD], ids=[row[0] for row in ODD]
)
def test_what_the_columns_cannot_say_is_there_as_json(
    kind: str, arguments: Any, result: Any, count: int, tmp_path: Path
) -> None:
    call = ({**ARGUMENTS, **arguments}, {**RESULT, **result})
    content = written(kind, CONTRACT, [call])
    ((found, said),) = read(tmp_path, kind, CONTRACT, content)
    assert canonical_json([found, said]) == canonical_json(call)
    if kind == "csv":
        assert len(re.findall(r'"\{""', content.decode())) == count


@pytest.mark.parametrize("kind", KINDS)
def test_objects_that_are_absent_or_no_objects(kind: str, tmp_path: Path) -> None:
    without = {key: value for key, value in RESULT.items() if key != "late"}
    unlike = dict(reversed(RESULT.items()))
    calls = [({}, {}), (ARGUMENTS, without), (ARGUMENTS, unlike), (ARGUMENTS, [1]),
             (ARGUMENTS, None)]  # fmt: skip
    found = read(tmp_path, kind, CONTRACT, written(kind, CONTRACT, calls))
    assert canonical_json(found) == canonical_json(calls)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8"), max_size=4)
    | st.sampled_from(['""', '\\""', "\\", '"', "", "\r", "\x00", "\u2028", "\ufeff", " a ", "a,b"])
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=2)
    | st.dictionaries(st.sampled_from([*FIELDS, *INPUTS["properties"], "x"]), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip
OBJECTS = st.dictionaries(st.sampled_from(["topic", "days", "more"]), JSON, max_size=3)
ANY = contract_of({"type": "object", "additionalProperties": TEXT})
CONTRACTS = [
    CONTRACT, ANY, *map(wrapped, (True, TEXT, {"anyOf": [TEXT, NULL]}, {"type": "array"}))
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@settings(
    deadline=None, max_examples=60, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    contract=st.sampled_from(CONTRACTS),
    calls=st.lists(st.tuples(OBJECTS, JSON | OBJECTS.map(lambda o: {**RESULT, **o})), max_size=4),
)
def test_tables_come_back(kind: str, contract: Contract, calls: Any, tmp_path: Path) -> None:
    if contract.wraps_result and contract.tool["parameters"]["properties"]["result"] is not True:
        kinds = str(contract.tool["parameters"]["properties"]["result"])
        calls = [
            (arguments, result)
            for arguments, result in calls
            if isinstance(result, str) or "array" in kinds or (result is None and "null" in kinds)
        ]
    found = read(tmp_path, kind, contract, written(kind, contract, calls))
    assert canonical_json(found) == canonical_json(calls)


@pytest.mark.parametrize("kind", KINDS)
def test_what_no_table_can_hold(kind: str) -> None:
    with pytest.raises(ValueError, match="its result is no integer that a column can hold"):
        written(kind, wrapped(WHOLE), [(ARGUMENTS, "a")])
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            written(kind, CONTRACT, [(ARGUMENTS, {**RESULT, "share": value})])
        with pytest.raises(ValueError, match="JSON"):
            written(kind, CONTRACT, [({**ARGUMENTS, "more": value}, RESULT)])
    with pytest.raises(ValueError, match="surrogates"):
        written(kind, CONTRACT, [({**ARGUMENTS, "topic": "\ud800"}, RESULT)])


def test_whole_numbers_beyond_64_bits(tmp_path: Path) -> None:
    call = (ARGUMENTS, {**RESULT, "count": 2**63})
    for kind in KINDS:
        assert read(tmp_path, kind, CONTRACT, written(kind, CONTRACT, [call])) == [call]
    with pytest.raises(ValueError, match="its result is no integer that a column can hold"):
        written("parquet", wrapped(WHOLE), [(ARGUMENTS, 2**63)])
    content = written("csv", wrapped(WHOLE), [(ARGUMENTS, 2**63)])
    assert read(tmp_path, "csv", wrapped(WHOLE), content) == [(ARGUMENTS, 2**63)]


def test_row_groups_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq: Any = pytest.importorskip("pyarrow.parquet")
    monkeypatch.setattr(tables, "_GROUP_ROWS", 3)
    monkeypatch.setattr(tables, "_GROUP_BYTES", 1_000)
    calls = [({**ARGUMENTS, "topic": "é" * size}, RESULT) for size in (0, 0, 0, 0, 600, 1)]
    path = tmp_path / "train.parquet"
    path.write_bytes(written("parquet", CONTRACT, calls))
    with pq.ParquetFile(path) as file:
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
    assert groups == [3, 2, 1]
    assert list(calls_in(path, CONTRACT)) == calls


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_table(kind: str, tmp_path: Path) -> None:
    assert read(tmp_path, kind, CONTRACT, written(kind, CONTRACT, [])) == []


HEADER = ",".join(COLUMNS)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", ":1: there is no column arguments.topic"),
        (b"topic\n", ":1: there is no column arguments.topic and topic is none of the contract's"),
        (
            ",".join(sorted(COLUMNS)).encode(),
            ":1: its columns are in another order; run `distilgen dataset build`",
        ),
        (f"{HEADER}\na,b\n".encode(), ":2: has 2 cells, and there are 14 columns"),
        (f"{HEADER}\n\na,b\n".encode(), ":2: has 0 cells, and there are 14 columns"),
        (
            f"{HEADER}\na,three,1,a,,a,1,1,true,[],1,1,,\n".encode(),
            ":2: column arguments.days: 'three' is no integer",
        ),
        (
            f"{HEADER}\na,3,1,a,,a,1,1,TRUE,[],1,1,,\n".encode(),
            ":2: column result.urgent: 'TRUE' is no boolean",
        ),
        (
            f"{HEADER}\na,3,1,a,,a,,1,true,[],1,1,,\n".encode(),
            ":2: column result.count is empty",
        ),
        (
            f"{HEADER}\na,3,1,a,,a,1,1,true,,1,1,,\n".encode(),
            ":2: column result.lines is empty",
        ),
        (
            f"{HEADER}\na,3,1,a,,a,1,1,true,[,1,1,,\n".encode(),
            ":2: column result.lines: '[' is no JSON",
        ),
        (f'{HEADER}\n"a'.encode(), ": is no CSV in UTF-8"),
        (b"\xff\xfe\n", ": is no CSV in UTF-8"),
    ],
)
def test_what_is_no_table_of_the_contract(content: bytes, reason: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError) as caught:
        read(tmp_path, "csv", CONTRACT, content)
    assert str(caught.value).startswith(f"{tmp_path / 'train.csv'}{reason}")


def test_what_is_no_parquet(tmp_path: Path) -> None:
    for content in (b"", b"PAR1 not really PAR1", written("csv", CONTRACT, [])):
        with pytest.raises(DatasetError, match=r"train\.parquet: is no Parquet file"):
            read(tmp_path, "parquet", CONTRACT, content)
    other = written("parquet", ANY, [])
    with pytest.raises(DatasetError, match=r"there is no column result\.text"):
        read(tmp_path, "parquet", CONTRACT, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_that_is_not_there(kind: str, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"cannot be read \(No such file or directory\)"):
        list(calls_in(tmp_path / f"train.{kind}", CONTRACT))


def test_parquet_needs_a_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for work in (
        lambda: written("parquet", CONTRACT, []),
        lambda: read(tmp_path, "parquet", CONTRACT, b""),
    ):
        with pytest.raises(UsageError, match=r"pip install \"distilgen\[parquet\]\""):
            work()


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    content = b"\xef\xbb\xbf" + written("csv", CONTRACT, [(ARGUMENTS, RESULT)])
    assert read(tmp_path, "csv", CONTRACT, content) == [(ARGUMENTS, RESULT)]


def test_long_cells(tmp_path: Path) -> None:
    call = ({**ARGUMENTS, "topic": "a" * 300_000}, RESULT)
    assert read(tmp_path, "csv", CONTRACT, written("csv", CONTRACT, [call])) == [call]
