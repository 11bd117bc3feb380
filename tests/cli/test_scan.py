"""scan: what it finds, in every format."""

from __future__ import annotations

import json
import os
import re
import shutil
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import pytest

from distilgen.cli import report

if TYPE_CHECKING:
    from tests.cli.conftest import Cli, Ran

_ODD = "src/shop/schöne 100% post.py"
_NESTED = """\
from shop.models import Email


def outer() -> None:
    def inner() -> Email:
        return Email(to="x", urgent=False)
"""
_WHY = "no module can be imported beside schöne 100% post.py: its name is no identifier"
_BROKEN = "from shop.models import Email\n\n\ndef f() -> Email:\n    ...\n\n\nclass :\n"
_LATIN = b"from shop.models import Email\n# caf\xe9\ndef f() -> Email: ...\n"


def _wrong(distilgen: Cli) -> None:
    """Adds a function that is skipped, and two files that cannot be read."""
    distilgen.write({_ODD: _NESTED, "src/shop/broken.py": _BROKEN})
    (distilgen.folder / "src/shop/latin.py").write_bytes(_LATIN)


def _json(ran: Ran) -> Any:
    return json.loads(ran.out)


# -- json -------------------------------------------------------------------------------------


def test_json(distilgen: Cli) -> None:
    ran = distilgen("scan", "--format", "json")
    assert (ran.code, ran.err) == (0, "")
    assert _json(ran)["problems"] == []
    assert _json(ran)["functions"] == [
        {
            "function": "shop.mail:reply",
            "path": "src/shop/mail.py",
            "line": 6,
            "returns": "Email",
            "candidate": True,
            "reason": None,
            "state": "plain",
            "contract": None,
            "model": None,
        }
    ]


def test_json_of_every_function(distilgen: Cli) -> None:
    found = _json(distilgen("scan", "--all", "--format", "json"))["functions"]
    assert [(item["function"], item["candidate"], item["reason"]) for item in found] == [
        ("shop.mail:reply", True, None),
        ("shop.mail:subject", False, "returns str"),
    ]


def test_json_has_skipped_functions_and_problems(distilgen: Cli) -> None:
    _wrong(distilgen)
    ran = distilgen("scan", "--format", "json")
    assert ran.code == 123
    assert ran.err.count("\n") == 2
    skipped = next(item for item in _json(ran)["functions"] if item["reason"])
    assert (skipped["path"], skipped["reason"]) == (_ODD, _WHY)
    assert [(item["path"], item["line"]) for item in _json(ran)["problems"]] == [
        ("src/shop/broken.py", 8),
        ("src/shop/latin.py", 2),
    ]


def test_json_has_states_and_models(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    (found,) = _json(distilgen("scan", "--format", "json"))["functions"]
    assert (found["state"], found["model"]) == ("recorded", None)
    assert found["contract"] in distilgen.read("src/shop/_mail_distil.py")
    distilgen("dispatch", "--model", "ft:x", "src")
    (found,) = _json(distilgen("scan", "--format", "json"))["functions"]
    assert (found["state"], found["model"]) == ("dispatched", "ft:x")


# -- github -----------------------------------------------------------------------------------


def test_github(distilgen: Cli) -> None:
    _wrong(distilgen)
    ran = distilgen("scan", "--format", "github")
    assert ran.code == 123
    lines = ran.out.splitlines()
    shape = re.compile(r"::(notice|error) file=[^,:]+,line=[1-9]\d*,title=distilgen::.+")
    assert all(shape.fullmatch(line) for line in lines)
    told = "::notice file=src/shop/mail.py,line=6,title=distilgen::shop.mail:reply returns Email"
    assert f"{told}: candidate" in lines
    assert any(line.startswith("::notice file=src/shop/schöne 100%25 post.py,") for line in lines)
    assert [line[:33] for line in lines if line.startswith("::error")] == [
        "::error file=src/shop/broken.py,l",
        "::error file=src/shop/latin.py,li",
    ]


def test_github_has_states(distilgen: Cli) -> None:
    distilgen("dispatch", "--model", "ft:100%", "src")
    ran = distilgen("scan", "--format", "github")
    assert ran.out.endswith("shop.mail:reply returns Email: dispatched to ft:100%25\n")


# -- SARIF ------------------------------------------------------------------------------------


def _sarif(text: str) -> list[dict[str, Any]]:
    """The results of a log, of which all that 2.1.0 wants of it was checked."""
    log = json.loads(text)
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-2.1.0.json")
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "distilgen"
    rules = [rule["id"] for rule in driver["rules"]]
    assert len(set(rules)) == len(rules)
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["defaultConfiguration"]["level"] in ("none", "note", "warning", "error")
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] in ("none", "note", "warning", "error")
        assert result["message"]["text"]
        (location,) = result["locations"]
        place = location["physicalLocation"]
        uri = place["artifactLocation"]["uri"]
        assert re.fullmatch(r"(?:[\w.~/!$&'()*+,;=@-]|%[0-9A-F]{2})+", uri, re.ASCII)
        assert not uri.startswith("/")
        assert place["artifactLocation"]["uriBaseId"] in run["originalUriBaseIds"]
        assert place["region"]["startLine"] >= 1
    return list(run["results"])


def _uri(result: dict[str, Any]) -> str:
    return unquote(result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"])


def test_sarif(distilgen: Cli) -> None:
    _wrong(distilgen)
    ran = distilgen("scan", "--all", "--format", "sarif")
    assert ran.code == 123
    results = _sarif(ran.out)
    found = [(result["ruleId"], _uri(result)) for result in results]
    assert sorted(found) == [
        ("candidate", "src/shop/mail.py"),
        ("other", "src/shop/mail.py"),
        ("other", _ODD),
        ("problem", "src/shop/broken.py"),
        ("problem", "src/shop/latin.py"),
        ("skipped", _ODD),
    ]
    assert all((distilgen.folder / _uri(result)).exists() for result in results)


def test_sarif_has_states(distilgen: Cli) -> None:
    distilgen("dispatch", "--model", "ft:x", "src")
    (result,) = _sarif(distilgen("scan", "--format", "sarif").out)
    assert result["message"]["text"] == "shop.mail:reply returns Email: dispatched to ft:x"


def test_sarif_of_nothing(distilgen: Cli) -> None:
    distilgen.write({"src/shop/mail.py": ""})
    assert _sarif(distilgen("scan", "--format", "sarif").out) == []


# -- table ------------------------------------------------------------------------------------


def test_table_of_nothing(distilgen: Cli) -> None:
    distilgen.write({"src/shop/mail.py": ""})
    ran = distilgen("scan")
    assert (ran.code, ran.out, ran.err) == (0, "0 candidates\n", "")
    assert _json(distilgen("scan", "--format", "json"))["functions"] == []
    assert distilgen("scan", "--format", "github").out.strip() == ""


def test_table_has_problems_and_skipped_functions(distilgen: Cli) -> None:
    _wrong(distilgen)
    ran = distilgen("scan")
    assert ran.code == 123
    assert f"skipped: {_WHY}" in ran.out
    assert ran.out.endswith("\n1 candidate, 1 skipped\n")
    assert "src/shop/broken.py:8: does not parse: " in ran.err
    assert "src/shop/latin.py:2: cannot be decoded: " in ran.err


def test_problems_are_told_each_time(distilgen: Cli) -> None:
    _wrong(distilgen)
    first, second = distilgen("scan"), distilgen("scan")
    assert first == second


def test_annotation_over_lines_is_one_line(distilgen: Cli) -> None:
    text = distilgen.read("src/shop/mail.py")
    text = text.replace("-> Email:", "-> (\n    Email\n    | None\n):")
    distilgen.write({"src/shop/mail.py": text})
    lines = distilgen("scan").out.splitlines()
    assert re.fullmatch(r"shop\.mail:reply +\(? ?Email \| None ?\)? +- +plain", lines[2])


@pytest.mark.parametrize("width", [1, 40, 80])
def test_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    size = os.terminal_size((width, 24))
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: size)
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    text = "skipped: " + "why " * 30
    report.table(("name", "state"), [("a:b", text), ("c", "plain")])
    lines = capsys.readouterr().out.splitlines()
    assert all(len(re.sub(r"\x1b\[\d+m", "", line)) <= max(width, 27) for line in lines)
    assert "".join("".join(line[7:] for line in lines[2:-2]).split()) == "".join(text.split())


def test_table_of_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    report.table(("name", "state"), [])
    assert capsys.readouterr().out.splitlines()[0].split() == ["name", "state"]
