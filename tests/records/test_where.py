"""Conditions on records: what they say, and what is none."""

from __future__ import annotations

import pickle

import pytest

from distilgen.errors import UsageError
from distilgen.records.record import Record
from distilgen.records.where import ABSENT, Path, Where

RECORD = Record(
    id="1",
    function="shop:reply",
    contract="c",
    at="2026-11-03T01:02:03Z",
    elapsed_ms=20.5,
    arguments={"text": "A Refund, please", "lang": "de", "n": 3, "null": None, "a-b": 1},
    source="teacher",
    result={"urgent": True, "lines": [{"t": "x"}, {"t": "y"}], "score": 0.5, "to": "a@b.org"},
)


@pytest.mark.parametrize(
    "text",
    [
        "result.urgent",
        "result.urgent and arguments.lang == 'de'",
        "result.urgent == True and result.urgent is True and result.urgent == true",
        "not result.urgent or arguments.n > 2",
        "1 < arguments.n <= 3",
        "arguments.n > -1",
        "arguments.lang in ('de', 'fr')",
        "arguments.lang not in ['en']",
        "'refund' in lower(arguments.text)",
        "'x' not in arguments.text",
        "len(result.lines) == 2",
        "result.lines[0].t == 'x' and result.lines[-1].t == 'y'",
        "result['score'] <= 0.5 and arguments['a-b'] == 1",
        "matches(result.to, '@b[.]org$')",
        "arguments['null'] is None and arguments['null'] == null",
        "elapsed_ms > 20 and source == 'teacher' and function == 'shop:reply'",
        "not arguments.missing",
        "not (arguments.missing == 1) and not (arguments.missing != 1)",
        "not (arguments.missing is None)",
        "not (arguments.text > 3)",
        "not len(arguments.n)",
        "not lower(arguments.n)",
        "not matches(arguments.n, 'x')",
        "not result.lines[7]",
        "not result.lines.t",
        "error is None and rollout is None and mode == ''",
    ],
)
def test_what_holds(text: str) -> None:
    assert Where(text)(RECORD)
    assert not Where(f"not ({text})")(RECORD)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("result.score >", "invalid syntax"),
        ("", "invalid syntax"),
        ("score > 3", "'score' is nothing that a record has"),
        ("result.score = 3", "invalid syntax"),
        ("__import__('os')", "is nothing that a record has"),
        ("result.__class__.__mro__()", "is nothing that a record has"),
        ("result.score + 1 > 3", "'result.score \\+ 1' is nothing"),
        ("[x for x in result]", "is nothing that a record has"),
        ("len(result, 2) > 1", "len takes 1 values, not 2"),
        ("result[arguments.n]", "is nothing that a record has"),
        ("b'x' == result.to", "is nothing that a record has"),
        ("(" * 400, "too many|cannot be read|invalid"),
    ],
)
def test_what_is_no_condition(text: str, wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong):
        Where(text)


@pytest.mark.parametrize("pattern", ["[", "a{99999999999999}"])
def test_a_pattern_that_is_none(pattern: str) -> None:
    with pytest.raises(UsageError, match="is no pattern"):
        Where(f"matches(result.gone, {pattern!r})")
    record = Record("1", "f", "c", "", 0, {"p": pattern}, "teacher", "text")
    with pytest.raises(UsageError, match="is no pattern"):
        Where("matches(result, arguments.p)")(record)


def test_members_that_are_named() -> None:
    named = Where("result.a.b > 1 and len(arguments['c-d']) > 2 and source == 'result.e'").members
    assert named == {("result", "a"), ("arguments", "c-d")}


def test_dunders_are_but_members() -> None:
    assert not Where("result.__class__")(RECORD)


def test_paths() -> None:
    assert Path("result.lines[1].t", "--by")(RECORD) == "y"
    assert Path("result.gone", "--by")(RECORD) is ABSENT
    assert Path("source", "--by")(RECORD) == "teacher"
    with pytest.raises(UsageError, match="--by 'lines': 'lines' is nothing"):
        Path("lines", "--by")
    with pytest.raises(UsageError, match=r"--by 'result\.': .*; write it as in Python: result"):
        Path("result.", "--by")


def test_they_travel_to_other_processes() -> None:
    where, path = pickle.loads(pickle.dumps((Where("result.urgent"), Path("source", "x"))))
    assert where(RECORD)
    assert where == Where("result.urgent")
    assert path(RECORD) == "teacher"


def test_a_call_that_raised_has_no_result() -> None:
    failed = Record("1", "f", "c", "", 0, {}, "teacher", error={"type": "E"})
    assert not Where("result is None")(failed)
    assert Where("error.type == 'E'")(failed)
