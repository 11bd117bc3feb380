"""`distilgen rollout status`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.conftest import MAIL

if TYPE_CHECKING:
    from tests.cli.conftest import Cli

FILE = ".distilgen/records/records-000001.jsonl"
SIDECAR = "src/shop/_mail_distil.py"
MODEL = "ft:small:acme::abc"
PRICES = f"""
[tool.distilgen.prices."ft:small:*"]
input = 2
output = 10.5
as_of = "2026-11-01"

[tool.distilgen.prices."{MODEL}"]
input = 1
output = 8
"""
TOKENS = {"ms": 400, "asks": 1, "input_tokens": 1000, "output_tokens": 100}
ERROR = {"type": "distilgen.errors.UnreachableError", "message": "no\nconnection", "status": 503}
UNSURE = {"type": "distilgen.errors.LowConfidenceError", "message": "not sure enough"}
FREE = 'no price: say it in [tool.distilgen.prices."{}"] of pyproject.toml; 0, where it is free\n'
WHY = "1 of 2 answers agree, 50.0 % (9.5 % to 90.5 %), under 95 %"
OPENED = f"opened: {WHY}; calls go to the teacher for 60 s"


def instrument(distilgen: Cli, **settings: Any) -> str:
    """Record `reply`, say the settings of a rollout in its contract; its fingerprint."""
    distilgen("instrument", "src")
    text = distilgen.read(SIDECAR)
    ahead, _, behind = text.partition("    system_prompt=")
    said = "".join(f"    {name}={value!r},\n" for name, value in settings.items())
    distilgen.write({SIDECAR: f"{ahead}    system_prompt={behind.rstrip()[:-1]}{said})\n"})
    return ahead.partition('fingerprint="')[2].partition('"')[0]


def share(distilgen: Cli, mode: str, **settings: Any) -> str:
    """Let a student have its share of the calls of `reply`; the fingerprint of its contract."""
    fingerprint = instrument(distilgen, model=MODEL, **settings)
    text = distilgen.read("src/shop/mail.py").replace(".reply.record", f".reply.{mode}")
    distilgen.write({"src/shop/mail.py": text})
    return fingerprint


def record(
    number: int, contract: str, rollout: dict[str, Any] | None, *, source: str = "teacher",
    elapsed_ms: float = 1000, function: str = "shop.mail:reply", to: str = "Ann",
) -> str:  # fmt: skip
    values = {
        "id": f"{number:08}-{'pair' if rollout and 'of' in rollout else 'call'}",
        "at": f"2026-11-{number:02}T10:00:00.000Z",
        "function": function,
        "contract": contract,
        "source": source,
        "elapsed_ms": elapsed_ms,
        "rollout": rollout,
        "arguments": {"text": "Ann!"},
        "result": {"to": to, "urgent": True},
    }
    return json.dumps({key: value for key, value in values.items() if value is not None}) + "\n"


def month(contract: str) -> str:
    """Records of a shadow, then a canary."""
    asked = {"model": MODEL, **TOKENS}
    shadow, canary = {"mode": "shadow"}, {"mode": "canary"}
    lines = [
        record(1, contract, shadow),
        record(1, contract, {**shadow, **asked, "of": "1", "agrees": True}, source=MODEL),
        record(2, contract, shadow, elapsed_ms=3000),
        record(2, contract, {**shadow, **asked, "of": "2", "agrees": False, "guard": OPENED},
               source=MODEL),
        record(3, contract, canary, elapsed_ms=2000),
        record(4, contract, {**canary, **asked, "ms": 600}, source=MODEL),
        record(5, contract, {**canary, **asked, "cached": True, "ms": 1, "guard": "closed: again"},
               source=MODEL, elapsed_ms=2),
        record(6, contract, {**canary, "model": MODEL, "ms": 30_000, "error": ERROR},
               elapsed_ms=31_500),
        record(7, contract, None),
        record(8, "0" * 32, canary),
        record(9, contract, canary, function="shop.mail:gone"),
    ]  # fmt: skip
    return "".join(lines)


PAGE = """\
shop.mail:reply
  mode        canary, 10% of the calls
  left out    1 record of another contract
  calls       6: canary 4, shadow 2
  answered    33.3%, 2 of 6 calls by a student
  teacher     1.5s median, 3.0s p95
  student     ft:small:acme::abc
  agreement   50.0%, 1 of 2 pairs, 95 % interval 9.5% to 90.5%
  failures    20.0%, 1 of 5 asked: UnreachableError (HTTP 503) 1
  last one    11-06 10:00, record 00000006-call: no connection
  times       400ms median, 600ms p95
  tokens      3,000 in, 300 out: $0.0054
  cached      25.0%, 1 of 4 answers
  guard       2 events, by the last one closed
  11-02 10:00 opened: 1 of 2 answers agree, 50.0 % (9.5 % to 90.5 %), under 95 %; calls go to the
              teacher for 60 s
  11-05 10:00 closed: again
"""


def test_a_page_a_function(distilgen: Cli) -> None:
    contract = share(distilgen, "canary", share=0.1)
    distilgen.write({FILE: month(contract), "pyproject.toml": PRICES})
    ran = distilgen("rollout", "status")
    assert (ran.code, ran.out) == (0, PAGE)
    assert ran.err == "shop.mail:gone: 1 record, but no contract of that name: left out\n"


def test_for_programs(distilgen: Cli) -> None:
    contract = share(distilgen, "canary", share=0.1)
    distilgen.write({FILE: month(contract) + "?\n", "pyproject.toml": PRICES})
    ran = distilgen("rollout", "status", "--json", "--since", "2026-11-01")
    assert ran.code == 0
    said = json.loads(ran.out)
    (reply,) = said.pop("functions")
    assert said == {
        "since": "2026-11-01T00:00:00+00:00", "until": None, "gone": {"shop.mail:gone": 1},
        "malformed": 1,
    }  # fmt: skip
    (student,), guard = reply.pop("students"), reply.pop("guard")
    assert reply == {
        "function": "shop.mail:reply",
        "contract": contract,
        "sidecar": SIDECAR,
        "mode": "canary",
        "model": MODEL,
        "recorded": True,
        "calls": 6,
        "answered": 2,
        "share": 2 / 6,
        "held": 0,
        "modes": {"canary": 4, "shadow": 2},
        "teacher": {"median_ms": 1500, "p95_ms": 3000},
        "other_contracts": 1,
    }
    low, high = student.pop("interval")
    assert (round(low, 4), round(high, 4)) == (0.0945, 0.9055)
    assert student == {
        "model": MODEL,
        "asked": 5,
        "questions": 4,
        "answered": 2,
        "failed": 1,
        "failures": [{"type": ERROR["type"], "kind": None, "status": 503, "count": 1}],
        "last_failure": {
            "at": "2026-11-06T10:00:00.000Z",
            "id": "00000006-call",
            "type": ERROR["type"],
            "message": "no\nconnection",
            "request_id": None,
        },
        "unsure": 0,
        "pairs": 2,
        "equal": 1,
        "agreement": 0.5,
        "median_ms": 400,
        "p95_ms": 600,
        "input_tokens": 3000,
        "output_tokens": 300,
        "untold": 0,
        "cached": 1,
        "joined": 0,
        "cost_usd": 0.0054,
        "prices_as_of": None,
    }
    assert (guard["events"], guard["open"]) == (2, False)
    assert guard["last"][0] == {
        "at": "2026-11-02T10:00:00.000Z", "id": "00000002-pair", "model": MODEL, "what": OPENED,
    }  # fmt: skip


def test_of_a_time(distilgen: Cli) -> None:
    contract = share(distilgen, "canary")
    distilgen.write({FILE: month(contract)})
    ran = distilgen("rollout", "status", "--since", "2026-11-02", "--until", "2026-11-04")
    assert "mode        canary\n" in ran.out
    assert "calls       3: canary 2, shadow 1\n" in ran.out
    assert "guard       1 event, by the last one open: the teacher answers\n" in ran.out
    assert distilgen("rollout", "status", "--since", "soon").code == 2
    ran = distilgen("rollout", "status", "--since", "2026-11-30", "--json")
    (reply,) = json.loads(ran.out)["functions"]
    assert (reply["calls"], reply["share"]) == (0, None)
    (student,) = reply["students"]
    assert (student["agreement"], student["interval"], student["median_ms"]) == (None, None, None)


@pytest.mark.parametrize("mode", ["shadow", "canary", "fallback"])
def test_a_function_that_was_not_called_yet(distilgen: Cli, mode: str) -> None:
    share(distilgen, mode)
    ran = distilgen("rollout", "status")
    assert ran.out == (
        f"shop.mail:reply\n  mode        {mode}\n  calls       none\n"
        f"  student     {MODEL}, not asked yet\n"
    )
    assert (ran.code, ran.err) == (0, "")


def test_a_dispatched_function(distilgen: Cli) -> None:
    distilgen("dispatch", "--model", "big", "--record", "src")
    contract = distilgen.read(SIDECAR).partition('fingerprint="')[2].partition('"')[0]
    told = {"mode": "dispatch", "model": "big", **TOKENS}
    distilgen.write({FILE: record(1, contract, told, source="big")})
    ran = distilgen("rollout", "status")
    assert "  mode        dispatched\n  calls       1: dispatch 1\n" in ran.out
    assert "teacher" not in ran.out
    assert "  tokens      1,000 in, 100 out\n" in ran.out
    assert ran.err == FREE.format("big")
    assert distilgen("rollout", "status", "--short").err == ""
    glob = '[tool.distilgen.prices."b*"]\ninput = 5000\noutput = 0\nas_of = "2026-11-01"\n'
    distilgen.write({"pyproject.toml": glob})
    ran = distilgen("rollout", "status")
    assert "  tokens      1,000 in, 100 out: $5.00 at prices of 2026-11-01\n" in ran.out
    assert ran.err == ""
    free = '[tool.distilgen.prices."big"]\ninput = 0\noutput = 0\n'
    distilgen.write({"pyproject.toml": free})
    ran = distilgen("rollout", "status")
    assert "  tokens      1,000 in, 100 out: free\n" in ran.out
    assert ran.err == ""


@pytest.mark.parametrize("options", [[], ["--record"]])
def test_a_stub_may_leave_no_records(distilgen: Cli, options: list[str]) -> None:
    distilgen("dispatch", "--model", "big", *options, "src")
    says = not options
    contract = distilgen.read(SIDECAR).partition('fingerprint="')[2].partition('"')[0]
    before = {"mode": "fallback", "model": "small", "ms": 10}
    distilgen.write({FILE: record(1, contract, before, source="small")})
    out = distilgen("rollout", "status").out
    unasked = "student     big, not asked yet\n"
    said = "dispatched; its calls are not recorded (`distilgen dispatch --record` records them)\n"
    assert (said in out) is says
    assert (unasked in out) is not says
    assert ("not recorded" in distilgen("rollout", "status", "--short").out) is says
    (values,) = json.loads(distilgen("rollout", "status", "--json").out)["functions"]
    assert values["recorded"] is not says


def test_calls_that_the_guard_held_back(distilgen: Cli) -> None:
    contract = share(distilgen, "canary")
    held, asked = {"mode": "canary", "held": True}, {"mode": "canary", "model": MODEL, "ms": 1}
    lines = [record(number, contract, held) for number in range(1, 4)]
    distilgen.write({FILE: "".join([*lines, record(4, contract, asked, source=MODEL)])})
    assert "  held back   75.0%, 3 of 4 calls by the guard\n" in distilgen("rollout", "status").out
    (values,) = json.loads(distilgen("rollout", "status", "--json").out)["functions"]
    assert (values["held"], values["calls"]) == (3, 4)


def test_failures_by_what_is_known_of_them(distilgen: Cli) -> None:
    contract = share(distilgen, "fallback")
    invalid = {"type": "distilgen.errors.InvalidAnswerError", "message": "m"}
    errors = [
        {**invalid, "kind": "truncated"},
        {**invalid, "kind": "truncated"},
        {**invalid, "kind": "invalid", "message": "late " * 60, "request_id": "req_1"},
        UNSURE,
    ]
    told = {"mode": "fallback", "model": MODEL, "ms": 9}
    lines = [record(n, contract, {**told, "error": error}) for n, error in enumerate(errors, 1)]
    lines.append(record(5, contract, {**told, "joined": True}, source=MODEL))
    distilgen.write({FILE: "".join(lines)})
    out = distilgen("rollout", "status").out
    types = "InvalidAnswerError (truncated) 2, InvalidAnswerError (invalid)\n              1\n"
    assert f"  failures    60.0%, 3 of 5 asked: {types}" in out
    joined = out.replace("\n             ", "")
    assert (
        f"  last one    11-03 10:00, record 00000003-call: {'late ' * 39}late… (request" in joined
    )
    assert "  not sure    20.0%, 1 of 5 asked: not sure enough\n" in out
    assert "  answered    20.0%, 1 of 5 calls by a student\n" in out
    assert "  joined      50.0%, 1 of 2 answers\n" in out
    assert "not told" not in out
    values = json.loads(distilgen("rollout", "status", "--json").out)["functions"][0]["students"][0]
    assert (values["failed"], values["unsure"], values["joined"]) == (3, 1, 1)
    assert values["failures"][0] == {
        "type": invalid["type"], "kind": "truncated", "status": None, "count": 2,
    }  # fmt: skip
    assert values["last_failure"]["request_id"] == "req_1"


def test_agreement_by_field(distilgen: Cli) -> None:
    contract = share(distilgen, "shadow")
    pair = {"mode": "shadow", "model": MODEL, "ms": 1}
    lines = [
        record(1, contract, {"mode": "shadow"}),
        record(1, contract, {**pair, "of": "00000001-call", "agrees": True}, source=MODEL),
        record(2, contract, {"mode": "shadow"}),
        record(2, contract, {**pair, "of": "00000002-call", "agrees": False}, source=MODEL,
               to="Bob"),
        record(3, contract, {**pair, "of": "gone", "agrees": True}, source=MODEL),
    ]  # fmt: skip
    distilgen.write({FILE: "".join(lines)})
    assert "fields" not in distilgen("rollout", "status").out
    assert (
        "  fields      known of 66.7%, 2 of 3 pairs\n"
        "              to: 50.0% of 2 (9.5% to 90.5%)\n"
        "              urgent: 100.0% of 2 (34.2% to 100.0%)\n"
    ) in distilgen("rollout", "status", "--fields").out
    said = json.loads(distilgen("rollout", "status", "--fields", "--json").out)
    assert said["functions"][0]["students"][0]["fields"] == {
        "pairs": 2,
        "by_name": {"to": {"pairs": 2, "equal": 1}, "urgent": {"pairs": 2, "equal": 2}},
    }
    ran = distilgen("rollout", "status", "--short", "--fields")
    assert (ran.code, "--short is for reading" in ran.err) == (2, True)


def test_a_line_a_function(distilgen: Cli) -> None:
    contract = share(distilgen, "canary")
    distilgen.write({FILE: month(contract)})
    ran = distilgen("rollout", "status", "--short")
    assert ran.code == 0
    head, rule, row = ran.out.splitlines()[:3]
    assert head.split("   ")[0].strip() == "function"
    assert set(rule) == {"─"}
    assert [cell.strip() for cell in row.split("   ") if cell.strip()] == [
        "shop.mail:reply", "canary", "33.3% of 6", "50.0% of 2 (9.5% to 90.5%)", "20.0%, 1 of 5",
        "closed",
    ]  # fmt: skip
    assert distilgen("rollout", "status", "--short", "--mode", "canary").out == ran.out
    for options in ([], ["--short"]):
        none = distilgen("rollout", "status", "--mode", "shadow", *options)
        assert none.out == ""
        assert none.err.startswith("no function that is asked for is in mode shadow\n")


def test_functions_of_one_mode(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    assert distilgen("rollout", "status").out == ""
    assert distilgen("rollout", "status", "--mode", "record").out.startswith("shop.mail:reply\n")
    assert distilgen("rollout", "status", "--mode", "dispatch", "reply").out == ""


@pytest.mark.parametrize(
    ("mode", "means"),
    [
        ("shadow", "open: in canary or fallback mode, the teacher would answer"),
        ("canary", "open: the teacher answers"),
        ("record", "open"),
    ],
)
def test_what_an_open_guard_means(distilgen: Cli, mode: str, means: str) -> None:
    contract = share(distilgen, mode)
    told = {"mode": "canary", "model": MODEL, "guard": OPENED}
    distilgen.write({FILE: record(1, contract, told, source=MODEL)})
    said = f"  guard       1 event, by the last one {means}\n"
    assert said in distilgen("rollout", "status", "reply").out


def copied(distilgen: Cli, change: tuple[str, str]) -> str:
    """Copy the package, sidecar and all, and change the copy's; the fingerprint of the first."""
    contract = share(distilgen, "shadow")
    for name in ("__init__.py", "mail.py", "models.py", "_mail_distil.py"):
        text = distilgen.read(f"src/shop/{name}").replace(*change)
        distilgen.write({f"src/a_backup/{name}": text})
    return contract


def test_one_function_in_two_sidecars(distilgen: Cli) -> None:
    contract = copied(distilgen, (MODEL, "other"))
    distilgen.write({FILE: record(1, contract, {"mode": "shadow"})})
    ran = distilgen("rollout", "status")
    assert ran.code == 0
    assert ran.err == (
        "shop.mail:reply: is in src/shop/_mail_distil.py and src/a_backup/_mail_distil.py; records "
        "are counted by the fingerprint of its contract\n"
    )
    assert ran.out.startswith("shop.mail:reply\n  mode        shadow\n  calls       1: shadow 1\n")
    assert ran.out.count("student") == 1 + ran.out.count("by a student")
    assert MODEL in ran.out


def test_one_function_with_two_contracts(distilgen: Cli) -> None:
    contract = share(distilgen, "shadow")
    other = "1" * 32
    copied(distilgen, (contract, other))
    lines = [record(1, contract, {"mode": "shadow"}), record(2, other, {"mode": "canary"})]
    distilgen.write({FILE: "".join([*lines, record(3, "2" * 32, {"mode": "shadow"})])})
    ran = distilgen("rollout", "status")
    first, second = ran.out.split("\n\n")
    assert first.startswith("shop.mail:reply in src/shop/_mail_distil.py\n")
    assert "  left out    1 record of another contract\n  calls       1: shadow 1\n" in first
    assert second.startswith("shop.mail:reply in src/a_backup/_mail_distil.py\n")
    assert "  calls       1: canary 1\n" in second
    values = json.loads(distilgen("rollout", "status", "--json").out)["functions"]
    assert [item["sidecar"] for item in values] == [SIDECAR, "src/a_backup/_mail_distil.py"]


def test_another_model_before(distilgen: Cli) -> None:
    contract = share(distilgen, "fallback")
    told = {"mode": "fallback", "model": "old", "ms": 10}
    distilgen.write({FILE: record(1, contract, told, source="old")})
    out = distilgen("rollout", "status").out
    assert out.index(f"student     {MODEL}, not asked yet\n") < out.index("student     old\n")
    assert "tokens" not in out


def test_which_functions(distilgen: Cli) -> None:
    distilgen.write(
        {"src/shop/mail.py": MAIL + MAIL.partition("\n\n\n")[2].replace("def ", "def a_")}
    )
    ran = distilgen("rollout", "status")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("no function has a student; `distilgen rollout set ")
    assert json.loads(distilgen("rollout", "status", "--json").out)["functions"] == []
    distilgen("instrument", "src")
    assert distilgen("rollout", "status").out == ""
    ran = distilgen("rollout", "status", "a_reply")
    assert ran.out == "shop.mail:a_reply\n  mode        recorded\n  calls       none\n"
    assert distilgen("rollout", "status", "shop.mail:*").out.count("recorded") == 2
    ran = distilgen("rollout", "status", "replay")
    assert ran.code == 2
    assert "replay: no such function; did you mean reply" in ran.err
    contracts = distilgen.read(SIDECAR).split('fingerprint="')
    told = {"mode": "shadow"}
    distilgen.write({
        FILE: record(1, contracts[1].partition('"')[0], told)
        + record(2, "0" * 32, told, function="shop.mail:gone")
    })  # fmt: skip
    assert distilgen("rollout", "status").out.startswith(
        "shop.mail:reply\n  mode        recorded\n"
    )
    ran = distilgen("rollout", "status", "a_*")
    assert (ran.out.count("shop.mail"), ran.err) == (1, "")
    ran = distilgen("rollout", "status", "gone")
    assert (ran.code, "shop.mail:gone: 1 record, but no contract" in ran.err) == (0, True)


def test_a_module_that_cannot_be_read(distilgen: Cli) -> None:
    share(distilgen, "canary")
    distilgen.write({"src/shop/other.py": "import _distil\ndef (:\n"})
    ran = distilgen("rollout", "status")
    assert ran.code == 123
    assert "src/shop/other.py:2: " in ran.err
    assert "shop.mail:reply" in ran.out


def test_in_another_place(distilgen: Cli) -> None:
    pytest.importorskip("sqlalchemy")
    contract = share(distilgen, "canary", share=0.1)
    distilgen.write({"all.jsonl": month(contract), "pyproject.toml": PRICES})
    distilgen("records", "import", "all.jsonl", "--records", "sqlite:///kept.db")
    assert distilgen("rollout", "status", "--records", "sqlite:///kept.db").out == PAGE
    assert distilgen("rollout", "status", "--records", "gone").code == 2


def test_terminals_are_not_steered(distilgen: Cli) -> None:
    contract = share(distilgen, "canary")
    told = {"mode": "canary", "model": "\x1b[2J", "guard": "opened: \x1b[2J", "input_tokens": 1}
    blank = record(2, contract, {"mode": "canary", "guard": " "}, source="")
    distilgen.write({FILE: record(1, contract, told, source="\x1b[2J") + blank})
    ran = distilgen("rollout", "status")
    assert "\x1b" not in ran.out + ran.err
    assert "opened: \\x1b[2J" in ran.out
