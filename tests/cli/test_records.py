"""`distilgen records`."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.cli import record_lines

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli, Ran

FOLDER = ".distilgen/records"
FILE = f"{FOLDER}/records-000001.jsonl"
ANSWER = {"to": "Ann", "urgent": False}


def record(number: int, **changes: Any) -> str:
    """The line of a record; None takes a value away."""
    values = {
        "id": f"019b76da-a800-7{number:03}-8000-00000000000{number % 10}",
        "at": f"2026-01-0{number}T00:00:00.000Z",
        "function": "shop.mail:reply",
        "contract": "0" * 32,
        "source": "teacher",
        "elapsed_ms": float(number),
        "rollout": None,
        "arguments": {"text": f"call {number}"},
        "result": ANSWER,
        **changes,
    }
    said = {key: value for key, value in values.items() if value is not None}
    return json.dumps(said, separators=(",", ":")) + "\n"


ERROR = {"type": "ValueError", "message": "no such letter"}
CANARY = {"mode": "canary", "model": "ft:small", "ms": 1.5, "asks": 2, "input_tokens": 1234}
LINES = (
    record(1),
    record(2, function="shop.mail:Mailer.send", source="ft:small", rollout=CANARY),
    record(3, result=None, error=ERROR),
    record(4, contract="f" * 32, arguments={"text": {"$unserializable": "m.T"}}),
)


@pytest.fixture
def kept(distilgen: Cli, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A project with four records, on a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    distilgen.write({FILE: "".join(LINES)})
    return distilgen


def ids(ran: Ran) -> list[int]:
    return [int(line[15:18]) for line in ran.out.splitlines()]


def fingerprint(distilgen: Cli) -> str:
    distilgen("instrument", "src")
    return distilgen.read("src/shop/_mail_distil.py").split('fingerprint="')[1].partition('"')[0]


# What is shown.


def test_list_shows_the_last_in_a_line_each(kept: Cli) -> None:
    ran = kept("records", "list")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines()[0] == (
        '019b76da-a800-7001 01-01 00:00 reply       1.0ms {"text":"ca… → {"to":"Ann","ur…'
    )
    assert all(len(line) <= 80 for line in ran.out.splitlines())
    assert ids(kept("records", "list", "--limit", "2")) == [3, 4]
    assert "ValueError" in ran.out


def test_list_tells_functions_of_two_modules_apart(kept: Cli) -> None:
    names = ("a.mail:reply", "b.mail:reply", "b.till:reply", "mail:x", f"m:{'long' * 9}")
    kept.write({FILE: "".join(record(n, function=name) for n, name in enumerate(names, 1))})
    lines = kept("records", "list").out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    assert [line[31:51].rstrip() for line in lines] == [
        "a.mail:reply", "b.mail:reply", "till:reply", "x", f"…{('long' * 9)[-19:]}",
    ]  # fmt: skip
    lines = kept("records", "tail", "--no-follow").out.splitlines()
    assert [line[31:].split()[0] for line in lines][:3] == ["reply", "b.mail:reply", "till:reply"]


def test_list_shows_the_seconds_of_today(kept: Cli) -> None:
    now = dt.datetime.now(dt.UTC)
    kept.write({FILE: record(1, at=now.isoformat())})
    assert f" {now:%H:%M:%S}    reply " in kept("records", "list").out


def test_list_as_json_is_what_is_stored(kept: Cli) -> None:
    ran = kept("records", "list", "--json")
    assert ran.out == "".join(LINES)


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        (["reply"], [1, 3, 4]),
        (["shop.mail:*"], [1, 2, 3, 4]),
        (["*.send"], [2]),
        (["--contract", "FFF"], [4]),
        (["--since", "2026-01-03"], [3, 4]),
        (["--until", "2026-01-02"], [1, 2]),
        (["--until", "2026-01-02T00:00"], [1]),
        (["--source", "ft:small"], [2]),
        (["--mode", "canary"], [2]),
        (["--errors"], [3]),
        (["--no-errors"], [1, 2, 4]),
        (["reply", "--no-errors", "--since", "2026-01-02"], [4]),
    ],
)
def test_one_filter_for_all(kept: Cli, options: list[str], numbers: list[int]) -> None:
    assert ids(kept("records", "list", *options)) == numbers
    assert ids(kept("records", "tail", "--no-follow", *options)) == numbers
    stats = json.loads(kept("records", "stats", "--json", *options).out)
    assert stats["records"] == len(numbers)
    assert kept("records", "export", "--output", "-", *options).out.count("\n") == len(numbers)
    assert kept("records", "delete", "--yes", *options).err.startswith(
        f"{len(numbers)} record{'s' * (len(numbers) > 1)} deleted"
    )
    assert ids(kept("records", "list")) == [n for n in (1, 2, 3, 4) if n not in numbers]


def test_a_function_that_has_no_records(kept: Cli) -> None:
    for command in ("list", "stats", "export --output x", "delete --yes"):
        ran = kept("records", *command.split(), "replay")
        assert ran.code == 2
        assert "replay: no such function; did you mean reply?" in ran.err
    assert not (kept.folder / "x").exists()
    assert len(kept.read(FILE).splitlines()) == 4


def test_a_time_that_is_none(kept: Cli) -> None:
    ran = kept("records", "list", "--since", "yesterday")
    assert ran.code == 2
    assert "yesterday: is no time; say 2026-11-03" in ran.err


@pytest.mark.parametrize("command", ["list", "stats", "delete --all --yes"])
def test_nothing_there(distilgen: Cli, command: str) -> None:
    ran = distilgen("records", *command.split())
    assert (ran.code, ran.out) == (0, "")
    assert f"{FOLDER}: no records yet; run `distilgen instrument`" in ran.err
    distilgen("instrument", "src")
    assert "no records yet; run the instrumented program" in distilgen("records", "list").err
    distilgen.write({FILE: "".join(LINES)})
    ran = distilgen("records", *command.replace("--all", "").split(), "--source", "other")
    assert (ran.code, ran.out) == (0, "")
    advice = "nothing to delete" if "delete" in command else "leave out filters"
    assert ran.err == f"none of 4 records is asked for; {advice}\n"


@pytest.mark.parametrize(
    "command", ["list", "stats", "tail --no-follow", "vacuum", "delete --all", "show x"]
)
def test_a_place_that_is_said_must_be_there(distilgen: Cli, command: str) -> None:
    distilgen.write({"kept/calls.jsonl": LINES[0]})
    for place, reason in (
        ("gone", "gone: there is no such folder"),
        ("kept/calls.jsonl", "calls.jsonl: is a file, not a folder; `distilgen records import`"),
        ("kept", "kept: has no records-*.jsonl, but calls.jsonl; `distilgen records import` reads"),
    ):
        ran = distilgen("records", *command.split(), "--records", place)
        assert ran.code == 2
        assert reason in ran.err


def test_a_place_that_is_configured_may_come(
    distilgen: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILGEN_RECORDS", "gone")
    ran = distilgen("records", "list")
    assert ran.code == 0
    assert "gone: no records yet" in ran.err
    distilgen.write({"kept.jsonl": LINES[0]})
    assert distilgen("records", "import", "kept.jsonl", "--records", "new").code == 0
    assert ids(distilgen("records", "list", "--records", "new")) == [1]


@pytest.mark.parametrize("command", ["list", "stats", "show 019b76da-a800-7001",
                                     "export --output -", "tail --no-follow -n 9"])  # fmt: skip
def test_lines_that_are_no_records_are_counted_and_not_fatal(kept: Cli, command: str) -> None:
    kept.write({FILE: LINES[0] + "no record\n" + LINES[1][:50] + "".join(LINES[1:]) + "?"})
    ran = kept("records", *command.split())
    assert ran.code == 0
    assert ran.out
    if command.split(maxsplit=1)[0] in ("list", "stats", "export"):
        first = f"3 lines are no records: {FILE}:2: is no JSON"
        assert ran.err.startswith(first)
        assert "`distilgen records vacuum` sets corrupt lines aside" in ran.err
        ran = kept("records", *command.split(), "--records", FOLDER)
        assert f"`distilgen records vacuum --records {FOLDER}` sets corrupt lines" in ran.err


def test_show(kept: Cli) -> None:
    ran = kept("records", "show", "019b76da-a800-7001")
    assert ran.code == 0
    assert "function  shop.mail:reply\n" in ran.out
    assert '"text": "call 1"' in ran.out
    ran = kept("records", "show", "019b76da-a800-7003")
    assert '"message": "no such letter"' in ran.out
    ran = kept("records", "show", "019b76da-a800-7002")
    assert (
        "mode      canary\nstudent   ft:small, 1.5ms, 2 questions, 1,234 tokens in\n\n" in ran.out
    )
    ran = kept("records", "show", "019b")
    assert ran.code == 2
    assert "019b: is the beginning of several: 019b76da-a800-7001-8000-000000000001, " in ran.err
    ran = kept("records", "show", "")
    assert (ran.code, "which record? Say its ID" in ran.err) == (2, True)
    ran = kept("records", "show", "x")
    assert ran.code == 2
    assert f"x: no record in {FOLDER} has an id that begins so" in ran.err


SHADOW = {"mode": "shadow", "model": "ft:small", "ms": 1.5}
INVALID = {
    "type": "distilgen.errors.InvalidAnswerError", "message": "cut off", "kind": "truncated",
    "status": 200, "request_id": "req_1",
}  # fmt: skip


def pair(number: int, of: int, **changes: Any) -> str:
    """A student's own record of a call that the teacher answered, too."""
    identity = json.loads(record(of))["id"]
    rollout = {**SHADOW, "of": identity, "agrees": changes.get("result") == ANSWER}
    return record(number, **{"source": "ft:small", "rollout": rollout, **changes})


def test_calls_of_which_the_student_did_badly(kept: Cli) -> None:
    failed = {**CANARY, "error": INVALID}
    own = {**SHADOW, "of": "x", "error": INVALID}
    kept.write({
        FILE: record(1)
        + record(2, rollout=failed)
        + record(3, rollout=own, source="ft:small", result=None, error=ERROR)
        + pair(4, 1, result={"to": "Bob", "urgent": False})
        + pair(5, 1, result=ANSWER)
        + record(6, rollout={"mode": "dispatch"}, source="big", result=None, error=ERROR)
        + record(7, result=None, error=ERROR)
        + record(8, rollout={"mode": "canary", "held": True}),
    })  # fmt: skip
    for options, numbers in (
        (["--student-failed"], [2, 3, 6]),
        (["--unequal"], [4]),
        (["--student-failed", "--mode", "canary"], [2]),
    ):
        assert ids(kept("records", "list", *options)) == numbers
        assert ids(kept("records", "tail", "--no-follow", *options)) == numbers
        stats = json.loads(kept("records", "stats", "--json", *options).out)
        assert stats["records"] == len(numbers)
        assert kept("records", "export", "--output", "-", *options).out.count("\n") == len(numbers)
    arrows = [line.partition("…")[2][1] for line in kept("records", "list").out.splitlines()]
    assert arrows == ["→", "⇏", "⇏", "≠", "=", "⇏", "→", "→"]
    said = f"{INVALID['type']}: cut off (truncated, HTTP 200, request req_1)"
    assert f"failed    {said}\n" in kept("records", "show", "019b76da-a800-7002").out
    page = kept("records", "show", "019b76da-a800-7008").out
    assert "held back by the guard: the student was not asked\n" in page


@pytest.mark.parametrize(
    ("student", "said"),
    [
        ({"to": "Bob", "urgent": False}, "\n\nnot equal: to"),
        ({"urgent": 0, "c\x1bc": ""}, "\n\nnot equal: to, urgent, c\\x1bc"),
        ({**ANSWER}, "\n\nnot equal: nothing that was recorded"),
        ("Bob", ""),
    ],
)
def test_show_the_teachers_answer_beside_the_students(kept: Cli, student: Any, said: str) -> None:
    line = json.loads(pair(2, 1, result=student))
    line["rollout"]["agrees"] = False
    kept.write({FILE: json.dumps(line) + "\n" + record(1)})
    out = kept("records", "show", line["id"]).out
    assert "\x1b" not in out
    behind = out.partition("\n\nteacher's result\n")[2]
    assert behind == f"{json.dumps(ANSWER, indent=2)}{said}\n"


def test_show_where_the_teachers_answer_is_not_there(kept: Cli) -> None:
    kept.write({FILE: pair(2, 1, result="Bob")})
    out = kept("records", "show", "019b76da-a800-7002").out
    identity = json.loads(record(1))["id"]
    assert out.endswith(f"\nteacher's result\nnot known: record {identity} is not in {FOLDER}\n")
    kept.write({FILE: pair(2, 1, result=ANSWER)})
    assert "teacher's result" not in kept("records", "show", "019b76da-a800-7002").out


def test_pairs_are_counted_apart_from_calls(kept: Cli) -> None:
    kept.write({FILE: record(1) + pair(2, 1, result=ANSWER)})
    groups = json.loads(kept("records", "stats", "--json").out)["groups"]
    assert [(g["function"], g["source"], g["calls"], g["median_ms"]) for g in groups] == [
        ("shop.mail:reply", "ft:small", 1, 2), ("shop.mail:reply", "teacher", 1, 1),
    ]  # fmt: skip
    (group,) = json.loads(kept("records", "stats", "--json", "--by", "function").out)["groups"]
    assert group["calls"] == 2


def test_show_what_a_student_had_to_do_with_it(kept: Cli) -> None:
    compared = {"mode": "shadow", "model": "m", "ms": 30, "asks": 1, "of": "019b-1"}
    kept.write({
        FILE: record(1, source="m", rollout={
            **compared, "agrees": False, "input_tokens": 9, "output_tokens": 2, "cached": True,
            "joined": True, "confidence": 0.98765, "guard": "opened: \x1b[2J1 of 2",
        })
        + record(2, source="m", rollout={**compared, "agrees": True})
        + record(3, rollout={"mode": "fallback", "model": "m", "ms": 31e3, "error": ERROR})
        + record(4, source="m", rollout={"mode": "fallback", "model": "m"})
        + record(5, source="big"),
    })  # fmt: skip
    page = kept("records", "show", "019b76da-a800-7001").out
    said = "m, 30ms, 1 question, 9 tokens in, 2 out, confidence 0.988, cached, joined"
    assert f"mode      shadow\nstudent   {said}\npair of   019b-1, not equal\n" in page
    assert "guard     opened: \\x1b[2J1 of 2\n" in page
    assert "pair of   019b-1, equal\n" in kept("records", "show", "019b76da-a800-7002").out
    page = kept("records", "show", "019b76da-a800-7003").out
    assert "mode      fallback\nstudent   m, 31s\nfailed    ValueError: no such letter\n" in page
    arrows = [line.partition("…")[2][1] for line in kept("records", "list").out.splitlines()]
    assert arrows == ["≠", "=", "⇏", "⇒", "⇒"]
    for number in (1, 4):
        ran = kept("records", "show", f"019b76da-a800-700{number}", "--row")
        assert (ran.code, "a student answered it" in ran.err) == (2, True)


def test_show_a_row(kept: Cli) -> None:
    name = "019b76da-a800-7001"
    assert "no contract of shop.mail:reply is frozen" in kept("records", "show", name, "--row").err
    contract = fingerprint(kept)
    ran = kept("records", "show", name, "--row")
    assert ran.code == 2
    assert f"is of contract {'0' * 32}; that of shop.mail:reply is {contract} now" in ran.err
    assert "has no result" in kept("records", "show", "019b76da-a800-7003", "--row").err
    assert "lacks a value" in kept("records", "show", "019b76da-a800-7004", "--row").err
    kept.write({FILE: record(1, contract=contract)})
    ran = kept("records", "show", name, "--row")
    assert ran.code == 0
    assert '"parallel_tool_calls": false' in ran.out


def test_stats(kept: Cli) -> None:
    ran = kept("records", "stats")
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows[0][:7] == ["function", "source", "calls", "errors", "unusable", "median", "p95"]
    assert rows[2] == [
        "shop.mail:Mailer.send", "ft:small", "1", "0", "0.0%", "2.0ms", "2.0ms", "2026-01-02",
    ]  # fmt: skip
    assert rows[3][:7] == ["shop.mail:reply", "teacher", "3", "1", "33.3%", "3.0ms", "4.0ms"]
    assert ran.err.startswith("4 records; ")
    said = json.loads(kept("records", "stats", "--json", "--by", "error", "--by", "day").out)
    assert (said["records"], said["malformed"]) == (4, 0)
    assert said["size"] == (kept.folder / FILE).stat().st_size
    assert (
        kept("records", "stats", "--json", "--by", "error,day").out
        == json.dumps(said, indent=2) + "\n"
    )
    ran = kept("records", "stats", "--by", "error,month")
    assert ran.code == 2
    assert "'month' is not one of function, contract, day, source, mode, error" in ran.err
    assert said["groups"][3] | {"error": "ValueError", "day": "2026-01-03"} == said["groups"][3]


def test_terminals_are_not_steered_by_what_people_typed(kept: Cli) -> None:
    odd = "\x9b31m\x07\u202e\n"
    where = {"id": f"019b{odd}", "function": f"shop:{odd}", "source": odd, "contract": odd}
    kept.write({
        FILE: record(1, arguments={"text": odd, odd: odd}, **where)
        + record(2, result=None, error={"type": odd, "message": odd}, **where)
        + '{"id":"\u202e',
        "x.jsonl": json.dumps({"fn_name": odd, "resp": 1}),
    })  # fmt: skip
    contract = fingerprint(kept)
    for command in (
        "list", "list --json", "list nothing", "show 019b", "tail --no-follow",
        "tail --no-follow --json", "stats --by function,contract,source,error", "stats --json",
        "import -v x.jsonl",
    ):  # fmt: skip
        ran = kept("records", *command.split())
        said = ran.out + ran.err
        assert said
        assert not {char for char in said if not char.isprintable()} - {"\n"}
    kept.write({FILE: record(3, contract=contract, result={odd: 1}) + record(1, **where)})
    ran = kept("dataset", "build")
    assert not {char for char in ran.out + ran.err if not char.isprintable()} - {"\n"}
    given = json.loads(kept("records", "list", "--json").out.splitlines()[1])
    assert given["function"] == f"shop:{odd}"


@pytest.mark.parametrize(
    ("elapsed", "said"),
    [
        (0.0, "0µs"),
        (0.0123, "12µs"),
        (1.25, "1.2ms"),
        (34.4, "34ms"),
        (5600, "5.6s"),
        (1e5, "100s"),
    ],
)
def test_durations(elapsed: float, said: str) -> None:
    assert record_lines.duration(elapsed) == said


@pytest.mark.parametrize(
    ("size", "said"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (10**9, "1.0 GB")]
)
def test_sizes(size: int, said: str) -> None:
    assert record_lines.bytes_of(size) == said


def _program(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "distilgen", "records", *arguments]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(os.name == "nt", reason="no SIGINT to one process")
def test_tail_follows_until_ctrl_c(distilgen: Cli) -> None:
    running = _program("tail", "--json", folder=distilgen.folder)
    assert running.stdout
    time.sleep(1)  # it has found nothing
    distilgen.write({FILE: LINES[0]})
    assert running.stdout.readline() == LINES[0]
    running.send_signal(2)
    out, err = running.communicate(timeout=20)
    assert (running.returncode, out, err) == (0, "", "")


def test_a_reader_that_goes_away_is_no_error(kept: Cli) -> None:
    kept.write({FILE: "".join(record(1, arguments={"text": "x" * 1000}) for _ in range(500))})
    running = _program("export", "--output", "-", folder=kept.folder)
    assert running.stdout
    assert running.stderr
    assert running.stdout.readline()
    running.stdout.close()
    assert running.stderr.read() == ""
    running.stderr.close()
    assert running.wait() == 141


@pytest.mark.parametrize("command", ["list", "list --json", "stats", "tail --no-follow", "--help"])
def test_so_is_one_that_was_never_there(kept: Cli, command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as out:  # noqa: PTH123 - a descriptor
        done = subprocess.run(
            [sys.executable, "-m", "distilgen", "records", *command.split()],
            cwd=kept.folder, stdout=out, stderr=subprocess.PIPE, check=False,
        )  # fmt: skip
    assert done.returncode == 141
    assert b"Traceback" not in done.stderr


# Files for others.


def test_export_and_import_of_lines(kept: Cli) -> None:
    half = json.loads(record(5, arguments={"text": "\ud800 é"}, parent="p", result=None))
    kept.write({FILE: "".join(LINES) + json.dumps({**half, "result": None}) + "\n"})
    before = kept("records", "list", "--json").out
    ran = kept("records", "export", "--output", "all.jsonl")
    assert ran.err == "5 records in all.jsonl\n"
    assert (kept.folder / "all.jsonl").stat().st_mode & 0o777 == 0o600
    ran = kept("records", "export", "--output", "all.jsonl")
    assert ran.code == 2
    assert "all.jsonl: is there already; say --force to replace it" in ran.err
    assert kept("records", "export", "--output", "all.jsonl", "--force").code == 0
    ran = kept("records", "import", "all.jsonl")
    assert (ran.code, ran.err) == (0, f"0 records added to {FOLDER}; 5 there already\n")
    kept("records", "delete", "--all", "--yes")
    ran = kept("records", "import", "all.jsonl", "-q")
    assert (ran.code, ran.err) == (0, "")
    assert kept("records", "list", "--json").out == before


def test_export_and_import_of_csv(kept: Cli) -> None:
    odd = 'a,"b"\n;\r\n=1+1 é'
    kept.write({FILE: "".join(LINES) + record(5, arguments={"text": odd + "x" * 200_000})})
    before = kept("records", "list", "--json").out
    assert kept("records", "export", "--format", "csv", "--output", "all.csv").code == 0
    rows = list(csv.DictReader(io.StringIO(kept("records", "export", "--format", "csv", "--output",
                                                "-", "--errors").out)))  # fmt: skip
    assert json.loads(rows[0]["error"]) == ERROR
    assert (rows[0]["result"], rows[0]["elapsed_ms"], rows[0]["rollout"]) == ("", "3.0", "")
    kept("records", "delete", "--all", "--yes")
    ran = kept("records", "import", "all.csv")
    assert (ran.code, ran.err) == (0, f"5 records added to {FOLDER}\n")
    assert kept("records", "list", "--json").out == before


def test_import_of_csv_from_before_there_were_rollouts(kept: Cli) -> None:
    text = kept("records", "export", "--format", "csv", "--output", "-", "--source", "teacher").out
    rows = [[*row[:9], *row[10:]] for row in csv.reader(io.StringIO(text))]
    assert "rollout" not in rows[0]
    with (kept.folder / "old.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    kept("records", "delete", "--all", "--yes")
    assert kept("records", "import", "old.csv").err == f"3 records added to {FOLDER}\n"
    assert kept("records", "list", "--json").out == "".join([LINES[0], *LINES[2:]])


def test_flat_csv_is_for_spreadsheets(kept: Cli) -> None:
    kept.write({
        FILE: LINES[0]
        + LINES[2]
        + record(5, arguments={"text": "=1+1", "n": -2, "more": [1]}, result=[True])
        + record(6, result="-x"),
    })  # fmt: skip
    ran = kept("records", "export", "--format", "csv", "--flatten", "--output", "-")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert list(rows[0])[9] == "rollout"
    assert list(rows[0])[10:] == [
        "arguments.text", "arguments.n", "arguments.more", "result.to", "result.urgent", "result",
        "error",
    ]  # fmt: skip
    assert [row["arguments.text"] for row in rows] == ["call 1", "call 3", "'=1+1", "call 6"]
    assert (rows[2]["arguments.n"], rows[2]["arguments.more"]) == ("-2", "[1]")
    assert [row["result"] for row in rows] == ["", "", "[true]", "'-x"]
    assert (rows[0]["result.urgent"], json.loads(rows[1]["error"])) == ("false", ERROR)
    kept.write({"flat.csv": ran.out})
    ran = kept("records", "import", "flat.csv")
    assert ran.code == 123
    assert "--flatten cannot be read back" in ran.err


def test_parquet_has_types(kept: Cli) -> None:
    tables = pytest.importorskip("pyarrow.parquet")
    kept.write({FILE: "".join(LINES) + record(5, at="")})
    ran = kept("records", "export", "--format", "parquet", "--output", "all.parquet")
    assert (ran.code, ran.err) == (0, "5 records in all.parquet\n")
    table = tables.read_table(kept.folder / "all.parquet")
    assert str(table.schema.field("at").type) == "timestamp[us, tz=UTC]"
    assert str(table.schema.field("elapsed_ms").type) == "double"
    rows = table.to_pylist()
    assert rows[0]["at"].isoformat() == "2026-01-01T00:00:00+00:00"
    assert json.loads(rows[0]["arguments"]) == {"text": "call 1"}
    assert (rows[2]["result"], json.loads(rows[2]["error"])) == (None, ERROR)
    assert (json.loads(rows[1]["rollout"]), rows[2]["rollout"]) == (CANARY, None)
    assert rows[4]["at"] is None
    ran = kept("records", "import", "all.parquet")
    assert (ran.code, "all.parquet: is a Parquet file, which is not read" in ran.err) == (2, True)
    ran = kept("records", "export", "--format", "parquet", "--output", "-")
    assert ran.code == 2


def test_parquet_goes_in_groups(kept: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    tables = pytest.importorskip("pyarrow.parquet")
    from distilgen.records import export

    monkeypatch.setattr(export, "_GROUP_ROWS", 3)
    kept("records", "export", "--format", "parquet", "--output", "all.parquet")
    assert tables.ParquetFile(kept.folder / "all.parquet").num_row_groups == 2


def test_parquet_without_its_package(kept: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ran = kept("records", "export", "--format", "parquet", "--output", "all.parquet")
    assert ran.code == 2
    assert 'pip install "distilgen[parquet]"' in ran.err
    assert not [path for path in kept.folder.iterdir() if "parquet" in path.name]


def test_what_cannot_be_exported(kept: Cli) -> None:
    assert kept("records", "export", "--output", "x", "--flatten").code == 2
    ran = kept("records", "export", "--output", os.devnull, "--force")
    assert ran.code == 2
    assert "is no file" in ran.err
    ran = kept("records", "export", "--output", "no/folder/x")
    assert (ran.code, ran.err) == (2, "distilgen: no/folder/x: there is no folder no/folder\n")


def test_what_the_system_does_not_let_be_written_is_named_as_it_was_said(
    kept: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, *_: object) -> int:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("distilgen.records.export.os.open", refuse)
    ran = kept("records", "export", "--output", "x.jsonl")
    assert (ran.code, ran.err) == (123, "distilgen: x.jsonl: Permission denied\n")


# Rows of others. The first four are instructor's own, the next LlamaIndex's.

CALL = {"name": "Email", "arguments": json.dumps(ANSWER, indent=2)}


def _asked(text: str, **answer: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": text}, {"role": "assistant", **answer}]}


ROWS: tuple[object, ...] = (
    _asked("Return `reply(Ann, hello (again))`", function_call=CALL),
    _asked(r'Return `reply(text="Bob \ud83d\ude00 \"hi\"")`', function_call=CALL),
    {"fn_name": "reply", "fn_repr": "…", "args": ["Cy"], "kwargs": {}, "resp": ANSWER,
     "schema": {}},
    {"fn_name": "gone", "fn_repr": "…", "args": [], "kwargs": {}, "resp": {}, "schema": {}},
    _asked("Dan, hello", content=json.dumps(ANSWER)),
    {"unknown": 1},
    [],
)  # fmt: skip


def test_import_of_rows(distilgen: Cli) -> None:
    contract = fingerprint(distilgen)
    distilgen.write({"rows.jsonl": "\n".join(map(json.dumps, ROWS)) + "\nno json"})
    os.utime(distilgen.folder / "rows.jsonl", (0, 1_767_225_600))
    ran = distilgen("records", "import", "rows.jsonl", "-v")
    assert ran.code == 0
    assert ran.err.splitlines() == [
        "rows.jsonl:4: no contract is frozen of a function gone",
        "rows.jsonl:5: it does not tell its function: say --function",
        "rows.jsonl:6: is neither a record nor a row of instructor's or LlamaIndex's",
        "rows.jsonl:7: is neither a record nor a row of instructor's or LlamaIndex's",
        "rows.jsonl:8: the last line is torn: its writer was stopped",
        "not understood: 2 lines: is neither a record nor a row of instructor's or LlamaIndex's",
        "not understood: 1 line: no contract is frozen of a function gone",
        "not understood: 1 line: it does not tell its function: say --function",
        "not understood: 1 line: the last line is torn: its writer was stopped",
        f"3 records added to {FOLDER}; 5 lines not understood",
    ]
    rows = [json.loads(line) for line in distilgen("records", "list", "--json").out.splitlines()]
    assert [row["arguments"] for row in rows] == [
        {"text": "Ann, hello (again)"}, {"text": 'Bob 😀 "hi"'}, {"text": "Cy"},
    ]  # fmt: skip
    assert {(r["contract"], r["source"], r["at"]) for r in rows} == {
        (contract, "teacher", "2026-01-01T00:00:00.000000Z")
    }
    ran = distilgen("records", "import", "rows.jsonl", "rows.jsonl")
    assert ran.code == 0
    assert f"0 records added to {FOLDER}; 6 there already" in ran.err
    ran = distilgen("records", "import", "rows.jsonl", "--function", "reply")
    assert ran.code == 0
    assert f"1 record added to {FOLDER}; 3 there already; 4 lines not understood" in ran.err
    assert "train 4" in distilgen("dataset", "build", "--no-holdout").out


def test_import_of_what_is_said_to_be_something(distilgen: Cli) -> None:
    fingerprint(distilgen)
    distilgen.write({"rows.jsonl": "\n".join(map(json.dumps, ROWS)), "kept.jsonl": LINES[0]})
    ran = distilgen("records", "import", "rows.jsonl", "--from", "instructor")
    assert "not understood: 1 line: its question is no call in instructor's words" in ran.err
    assert "not understood: 2 lines: is no row of instructor" in ran.err
    ran = distilgen("records", "import", "rows.jsonl", "--from", "records")
    assert (ran.code, "is no record" in ran.err) == (123, True)
    ran = distilgen("records", "import", "kept.jsonl", "--from", "llama-index")
    assert (ran.code, "is no row of llama-index" in ran.err) == (123, True)


def test_import_of_nothing(distilgen: Cli) -> None:
    distilgen.write({"rows.jsonl": "\n", "some.jsonl": json.dumps(ROWS[0])})
    ran = distilgen("records", "import", "rows.jsonl")
    assert ran.code == 123
    assert "no rows: nothing to import" in ran.err
    ran = distilgen("records", "import", "some.jsonl", "--from", "instructor")
    assert ran.code == 2
    assert "no contract is frozen" in ran.err
    assert distilgen("records", "import", "some.jsonl").code == 123
    assert distilgen("records", "import", "gone.jsonl").code == 2
    fingerprint(distilgen)
    ran = distilgen("records", "import", "some.jsonl", "--function", "replay")
    assert ran.code == 2
    assert "did you mean reply?" in ran.err


# What goes.


def test_delete_asks(kept: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for options in ([], ["--all", "reply"]):
        ran = kept("records", "delete", "--yes", *options)
        assert ran.code == 2
    ran = kept("records", "delete", "reply")
    assert ran.code == 2
    assert f"3 of 4 records in {FOLDER}: nobody to ask here; say --yes to delete them" in ran.err

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert kept("records", "delete", "reply").code == 130
    assert len(ids(kept("records", "list"))) == 4
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    ran = kept("records", "delete", "reply")
    assert ran.code == 0
    assert f"delete 3 of 4 records in {FOLDER}? [y/N]" in ran.err
    assert f"3 records deleted from {FOLDER}" in ran.err
    assert ids(kept("records", "list")) == [2]


def test_vacuum(kept: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = kept("records", "vacuum")
    assert "1 file left as large as before: a program has it open, or just wrote it" in ran.err
    monkeypatch.setattr("distilgen.records.vacuum.SETTLED_S", 0.0)
    kept.write({FILE: LINES[0] + "?\n" + LINES[0], f"{FOLDER}/records-000002.jsonl": LINES[1]})
    ran = kept("records", "vacuum")
    assert ran.code == 0
    said = ran.err.splitlines()
    assert said[:2] == [f"1 line set aside in {FOLDER}/corrupt.jsonl", "1 duplicate removed"]
    assert said[2].startswith("2 files of ")
    assert "1 file of " in said[2]
    assert ids(kept("records", "list")) == [1, 2]
    assert kept("records", "vacuum", "-q").err == ""


def test_vacuum_of_what_needs_none(distilgen: Cli) -> None:
    ran = distilgen("records", "vacuum")
    assert ran.code == 0
    assert "no records yet; nothing to do" in ran.err


def test_vacuum_of_other_places(kept: Cli) -> None:
    pytest.importorskip("fsspec")
    objects = kept.folder / "objects"
    kept.write({"objects/a.jsonl": LINES[0] + "?\n" + LINES[1]})
    place = ("--records", f"local://{objects}")
    said = f"`distilgen records vacuum --records local://{objects}` sets corrupt lines aside"
    assert said in kept("records", "list", *place).err
    ran = kept("records", "vacuum", *place)
    assert (ran.code, ran.err) == (0, f"1 line set aside in {FOLDER}/corrupt.jsonl\n")
    aside = json.loads(kept.read(f"{FOLDER}/corrupt.jsonl"))
    assert aside == {
        "file": f"{objects}/a.jsonl", "line": 2, "reason": aside["reason"], "text": "?",
    }  # fmt: skip
    assert kept("records", "list", *place).err == ""
    assert kept("records", "vacuum", *place).err == "0 lines set aside\n"


# Other places.


def test_a_database(kept: Cli) -> None:
    pytest.importorskip("sqlalchemy")
    kept("records", "export", "--output", "all.jsonl")
    ran = kept("records", "import", "all.jsonl", "--records", "sqlite:///kept.db")
    assert (ran.code, ran.err) == (0, f"4 records added to sqlite:///{kept.folder}/kept.db\n")
    place = ("--records", "sqlite:///kept.db")
    assert ids(kept("records", "list", *place)) == [1, 2, 3, 4]
    assert ids(kept("records", "tail", "--no-follow", "-n", "2", *place)) == [3, 4]
    contract = fingerprint(kept)
    kept.write({"more.jsonl": record(5, contract=contract)})
    kept("records", "import", "more.jsonl", *place)
    assert "train 1" in kept("dataset", "build", "--no-holdout", *place).out
    ran = kept("show", "shop.mail:reply", *place)
    assert "row of record 019b76da-a800-7005" in ran.out
    assert kept("records", "delete", "reply", "--yes", *place).code == 0
    assert ids(kept("records", "list", *place)) == [2]
    assert kept("records", "list", "--records", "logging:shop").code == 2


def _spool(distilgen: Cli, url: str) -> str:
    """A segment that a dead process has left in the spool, bound for a URL; its name."""
    from distilgen.runtime.sinks import destination

    folder = destination.folder_of(distilgen.folder / ".distilgen/spool", url)
    destination.make(folder, url)
    (folder / "20260101T000000.000000-00000000.jsonl").write_text(LINES[0] + "?\n" + LINES[1])
    return str(folder)


def test_ship_where_the_spool_is_bound_for(distilgen: Cli) -> None:
    pytest.importorskip("sqlalchemy")
    ran = distilgen("records", "ship")
    assert (ran.code, ran.err) == (0, "nothing waits in .distilgen/spool\n")
    assert distilgen("records", "ship", "--spool", "gone").code == 2
    url = f"sqlite:///{distilgen.folder}/kept.db"
    _spool(distilgen, url)
    ran = distilgen("records", "ship")
    assert ran.code == 0
    assert f"2 records shipped to {url}" in ran.err
    assert "1 line set aside in the spool: no record" in ran.err
    assert ids(distilgen("records", "list", "--records", "sqlite:///kept.db")) == [1, 2]
    assert distilgen("records", "ship", "-q").err == ""


def test_ship_where_it_is_said(distilgen: Cli) -> None:
    pytest.importorskip("sqlalchemy")
    one, two = "sqlite:///one.db", f"sqlite:///{distilgen.folder}/two.db"
    _spool(distilgen, "sqlite:///elsewhere.db")
    folder = _spool(distilgen, two)
    ran = distilgen("records", "ship")
    assert ran.code == 2
    assert "for which destination? Name one: sqlite:///" in ran.err
    ran = distilgen("records", "ship", one)
    assert ran.code == 2
    assert f"nothing waits for sqlite:///{distilgen.folder}/one.db; what waits is" in ran.err
    assert "what waits is bound for sqlite:///elsewhere.db, " in ran.err
    assert "2 records shipped" in distilgen("records", "ship", one, "--spool", folder).err
    assert ids(distilgen("records", "list", "--records", one)) == [1, 2]
    _spool(distilgen, two)
    distilgen.write({"pyproject.toml": '[tool.distilgen]\nrecords = "sqlite:///two.db"\n'})
    assert f"2 records shipped to {two}" in distilgen("records", "ship").err
    assert ids(distilgen("records", "list")) == [1, 2]


def test_ship_what_cannot_be_shipped(distilgen: Cli) -> None:
    pytest.importorskip("sqlalchemy")
    assert distilgen("records", "ship", "logging:shop").code == 2
    _spool(distilgen, "postgresql://me:secret@localhost/a")
    ran = distilgen("records", "ship")
    assert ran.code == 2
    assert "say that URL with its password" in ran.err
    assert "secret" not in ran.err
    distilgen.write({"file": ""})
    url = "sqlite:///file/kept.db"
    folder = _spool(distilgen, url)
    ran = distilgen("records", "ship", url, "--spool", folder)
    assert ran.code == 123
    assert "3 records left: " in ran.err
    distilgen.write({f"{os.path.relpath(folder)}/destination.json": "?"})
    ran = distilgen("records", "ship", "--spool", folder)
    assert ran.code == 123
    assert "destination.json: says no destination" in ran.err
