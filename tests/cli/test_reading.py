"""scan, show and check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cli.conftest import Cli


def test_scan_lists_candidates_and_counts_the_others(distilgen: Cli) -> None:
    ran = distilgen("scan", "src/")
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines()]
    assert ["shop.mail:reply", "Email", "-", "plain"] in rows
    assert ran.out.endswith("\n1 candidate\n")


def test_scan_all_gives_each_function_its_reason(distilgen: Cli) -> None:
    rows = [" ".join(line.split()) for line in distilgen("scan", "--all").out.splitlines()]
    assert "shop.mail:subject str - skipped: returns str" in rows
    assert rows[-1] == "1 candidate, 1 other function"


def test_scan_knows_the_state(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    assert "recorded" in distilgen("scan").out
    distilgen("dispatch", "--model", "ft:x", "src")
    assert "dispatched to ft:x" in distilgen("scan").out


def test_show_has_prompt_tool_and_a_call(distilgen: Cli) -> None:
    ran = distilgen("show", "shop.mail:reply")
    assert ran.code == 0
    assert "shop.mail:reply  src/shop/mail.py:6  plain" in ran.out
    assert '    """Answer a letter."""' in ran.out
    assert '"description": "Send it now?"' in ran.out
    assert r'"content": "{\"text\":\"<str>\"}"' in ran.out


def test_show_renders_the_last_record(
    distilgen: Cli, records: Callable[[Mapping[str, str]], None]
) -> None:
    distilgen("instrument", "src")
    records({"a": '{"to":"a","urgent":false}', "b": '{"to":"b","urgent":true}'})
    ran = distilgen("show", "shop.mail:reply")
    assert "row of record 1" in ran.out
    assert r'"arguments": "{\"to\":\"b\",\"urgent\":true}"' in ran.out


def test_check_is_silent_where_nothing_drifted(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    ran = distilgen("check")
    assert (ran.code, ran.out) == (0, "")


@pytest.mark.parametrize(
    ("file", "old", "new", "finding"),
    [
        pytest.param("mail.py", "Answer a letter", "Answer letters",
                     "mail.py:8: reply: its contract changed: the system prompt", id="docstring"),
        pytest.param("mail.py", "text: str)", "text: str, n: int = 1)",
                     "mail.py:8: reply: its contract changed: the parameters were text",
                     id="parameter"),
        pytest.param("models.py", "    to: str\n", "    to: str\n    cc: str\n",
                     "mail.py:8: reply: its contract changed: the schema of Email (+cc)",
                     id="field in another file"),
        pytest.param("mail.py", "@_distil.reply.record\n", "",
                     "mail.py:7: reply: lost its decorator", id="decorator"),
        pytest.param("mail.py", "-> Email", "-> str",
                     "mail.py:8: reply: is no candidate any more: returns str", id="return type"),
        pytest.param("_mail_distil.py", "Answer a letter", "Do as you like",
                     "mail.py:8: reply: its contract in _mail_distil.py was edited by hand",
                     id="edited by hand"),
        pytest.param("_mail_distil.py", "reply = ", "<<<<<<< ours\nreply = ",
                     "_mail_distil.py:7: holds a merge conflict", id="merge conflict"),
        pytest.param("mail.py", "def reply", "def answer",
                     "mail.py:8: answer: its contract changed: it was shop.mail:reply, and is",
                     id="renamed"),
    ],
)  # fmt: skip
def test_check_finds(distilgen: Cli, file: str, old: str, new: str, finding: str) -> None:
    distilgen("instrument", "src")
    text = distilgen.read(f"src/shop/{file}")
    assert old in text
    distilgen.write({f"src/shop/{file}": text.replace(old, new, 1)})
    before = distilgen.snapshot()
    ran = distilgen("check")
    assert ran.code == 1
    assert ran.out.startswith(f"src/shop/{finding}")
    assert ran.out.count("\n") == 1
    assert distilgen.snapshot() == before


def test_instrument_mends_what_check_found(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    text = distilgen.read("src/shop/mail.py").replace("Answer a letter", "Answer letters")
    distilgen.write({"src/shop/mail.py": text})
    assert distilgen("check").code == 1
    assert distilgen("instrument", "src").out == "instrumented: shop.mail:reply\n"
    assert distilgen("check").code == 0


def test_reformatting_is_no_drift(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    text = distilgen.read("src/shop/mail.py")
    text = text.replace(
        "def reply(text: str) -> Email:", 'def reply(\n    text: "str",\n) -> "Email":'
    )
    distilgen.write({"src/shop/mail.py": "# moved down\n" + text})
    assert distilgen("check").code == 0


def test_check_new_reports_plain_candidates(distilgen: Cli) -> None:
    assert distilgen("check").code == 0
    ran = distilgen("check", "--new")
    assert ran.code == 1
    assert "src/shop/mail.py:6: reply: is new: it returns Email" in ran.out


def test_check_finds_a_stub_that_drifted_and_a_foreign_model(distilgen: Cli) -> None:
    distilgen("dispatch", "--model", "ft:m", "src")
    assert distilgen("check").code == 0
    entry = (
        '{"function": "f", "contract": "0123456789abcdef", "provider": "openai", "dataset": "d"}'
    )
    distilgen.write({"distilgen.lock": f'{{"models": {{"ft:m": {entry}}}}}'})
    ran = distilgen("check")
    assert ran.code == 1
    assert "its model ft:m was trained for another contract, 0123456789ab" in ran.out


def test_dispatch_refuses_a_model_of_another_contract(distilgen: Cli) -> None:
    entry = (
        '{"function": "f", "contract": "0123456789abcdef", "provider": "openai", "dataset": "d"}'
    )
    distilgen.write({"distilgen.lock": f'{{"models": {{"ft:m": {entry}}}}}'})
    ran = distilgen("dispatch", "--model", "ft:m", "src")
    assert ran.code == 123
    assert "1 skipped (ft:m was trained for another contract, --accept-contract" in ran.err
    assert "dispatch(" not in distilgen.read("src/shop/mail.py")
    assert distilgen("dispatch", "--accept-contract", "--model", "ft:m", "src").code == 0
    assert "dispatch(" in distilgen.read("src/shop/mail.py")
