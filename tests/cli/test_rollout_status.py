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
ERROR = {"type": "TimeoutError", "message": "no answer in 30 s"}
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
    elapsed_ms: float = 1000, function: str = "shop.mail:reply",
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
        "result": {"to": "Ann", "urgent": True},
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
  failures    20.0%, 1 of 5 asked: TimeoutError 1
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
        "mode": "canary",
        "model": MODEL,
        "calls": 6,
        "answered": 2,
        "share": 2 / 6,
        "modes": {"canary": 4, "shadow": 2},
        "teacher": {"median_ms": 1500, "p95_ms": 3000},
        "other_contracts": 1,
    }
    low, high = student.pop("interval")
    assert (round(low, 4), round(high, 4)) == (0.0945, 0.9055)
    assert student == {
        "model": MODEL,
        "asked": 5,
        "questions": 5,
        "answered": 2,
        "failed": 1,
        "failures": {"TimeoutError": 1},
        "pairs": 2,
        "equal": 1,
        "agreement": 0.5,
        "median_ms": 400,
        "p95_ms": 600,
        "input_tokens": 3000,
        "output_tokens": 300,
        "untold": 0,
        "cached": 1,
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
    distilgen("dispatch", "--model", "big", "src")
    contract = distilgen.read(SIDECAR).partition('fingerprint="')[2].partition('"')[0]
    told = {"mode": "dispatch", "model": "big", **TOKENS}
    distilgen.write({FILE: record(1, contract, told, source="big")})
    ran = distilgen("rollout", "status")
    assert "  mode        dispatched\n  calls       1: dispatch 1\n" in ran.out
    assert "teacher" not in ran.out
    assert "  tokens      1,000 in, 100 out\n" in ran.out
    assert ran.err == 'no price: say it in [tool.distilgen.prices."big"] of pyproject.toml\n'
    glob = '[tool.distilgen.prices."b*"]\ninput = 5000\noutput = 0\nas_of = "2026-11-01"\n'
    distilgen.write({"pyproject.toml": glob})
    ran = distilgen("rollout", "status")
    assert "  tokens      1,000 in, 100 out: $5.00 at prices of 2026-11-01\n" in ran.out
    assert ran.err == ""


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
