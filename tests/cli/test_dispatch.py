"""`dispatch` as a user types it: modes, settings and where they come from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from distilgen.rewrite import contracts_file

if TYPE_CHECKING:
    from distilgen.contract import Contract
    from tests.cli.conftest import Cli

ALL = ("dispatch", "--model", "ft:m", "src")

PROFILE = """\
[tool.distilgen.dispatch]
model = "house"
base_url = "http://127.0.0.1:1/v1"
provider = "own"

[tool.distilgen.providers.own]
api_key_env = "OWN_KEY"
timeout = 5
reasks = 0
answers = "json-schema"

[tool.distilgen.providers.other]
base_url = "http://127.0.0.1:2/v1"
"""


def contract(distilgen: Cli) -> Contract:
    """The frozen contract of `reply`."""
    return contracts_file.read(distilgen.folder / "src/shop/mail.py")["reply"]


def settings(distilgen: Cli) -> dict[str, str]:
    """The settings of the frozen contract of `reply`."""
    return contracts_file.options(contract(distilgen))


@pytest.mark.parametrize("mode", ["shadow", "canary", "fallback"])
def test_a_mode_keeps_the_body(distilgen: Cli, mode: str) -> None:
    before = distilgen.snapshot()
    ran = distilgen(*ALL, "--mode", mode)
    assert (ran.code, ran.out) == (0, f"set to {mode}: shop.mail:reply\n")
    assert ran.err == f"1 function set to {mode}; 3 files\n"
    text = distilgen.read("src/shop/mail.py")
    assert f'@_distil.reply.{mode}\ndef reply(text: str) -> Email:\n    """Answer a letter' in text
    assert "    # the teacher\n" in text
    assert f'"state": "{mode}", "model": "ft:m"' in distilgen.read("distilgen.lock")
    assert distilgen(*ALL, "--mode", mode, "--check").code == 0
    assert distilgen("check").code == 0
    assert distilgen("restore", "src").code == 0
    assert distilgen.snapshot() == before


def test_a_recorded_stub(distilgen: Cli) -> None:
    before = distilgen.snapshot()
    assert distilgen(*ALL, "--record").code == 0
    assert (
        "@_distil.reply.record\ndef reply(text: str) -> Email:\n"
        '    """Answer a letter."""\n    return _distil.reply.dispatch(Email, text=text)\n'
    ) in distilgen.read("src/shop/mail.py")
    assert distilgen("check").code == 0
    assert distilgen("restore", "src").code == 0
    assert distilgen.snapshot() == before


def test_every_setting(distilgen: Cli) -> None:
    options = {
        "base_url": "http://127.0.0.1:1/v1",
        "api_key_env": "KEY",
        "answers": "strict-json-schema",
        "timeout": "2.5",
        "reasks": "0",
        "share": "5%",
        "pairs": "1%",
        "min_agreement": "90%",
        "max_failures": "0.2",
        "window": "50",
        "pause": "10",
        "min_confidence": "80%",
    }
    words = [word for k, v in options.items() for word in (f"--{k.replace('_', '-')}", v)]
    assert distilgen(*ALL, "--mode", "canary", *words).code == 0
    assert settings(distilgen) == {**options, "model": "ft:m", "max_failures": "20%"}
    assert "    share=0.05,\n" in distilgen.read("src/shop/_mail_distil.py")


def test_what_a_profile_says(distilgen: Cli) -> None:
    distilgen.write({"pyproject.toml": PROFILE})
    assert distilgen("dispatch", "src").code == 0
    assert settings(distilgen) == {
        "model": "house",
        "base_url": "http://127.0.0.1:1/v1",
        "api_key_env": "OWN_KEY",
        "answers": "json-schema",
        "timeout": "5",
        "reasks": "0",
    }
    assert distilgen("dispatch", "--timeout", "none", "--reasks", "3", "src").code == 0
    assert contract(distilgen).timeout is None
    assert contract(distilgen).reasks == 3


def test_a_profile_that_is_named_takes_no_key_of_another(distilgen: Cli) -> None:
    distilgen.write({"pyproject.toml": PROFILE})
    assert distilgen("dispatch", "--provider", "other", "src").code == 0
    assert contract(distilgen).base_url == "http://127.0.0.1:2/v1"
    assert contract(distilgen).api_key_env is None
    assert distilgen("rollout", "set", "reply", "--provider", "own").code == 0
    assert contract(distilgen).base_url is None
    assert contract(distilgen).api_key_env == "OWN_KEY"


def test_a_model_is_asked_as_it_was_taught(distilgen: Cli) -> None:
    distilgen(*ALL)
    fingerprint = contract(distilgen).fingerprint
    lock = json.loads(distilgen.read("distilgen.lock"))
    for name, answers in (("ft:json", "json-schema"), ("ft:tool", "tool")):
        lock["models"][name] = {
            "function": "shop.mail:reply",
            "contract": fingerprint,
            "provider": "openai",
            "dataset": "d",
            "answers": answers,
        }
    distilgen.write({"distilgen.lock": json.dumps(lock)})
    distilgen("dispatch", "--model", "ft:json", "src")
    assert contract(distilgen).answers == "json-schema"
    distilgen("dispatch", "--model", "ft:json", "--answers", "tool", "src")
    assert contract(distilgen).answers == "tool"
    distilgen("rollout", "set", "reply", "--model", "ft:json", "--mode", "canary")
    assert contract(distilgen).answers == "tool"
    distilgen("rollout", "set", "reply", "--model", "ft:tool")
    distilgen("rollout", "set", "reply", "--model", "ft:json")
    assert contract(distilgen).answers == "json-schema"


STRICTLESS = """\
from typing import Annotated

from pydantic import BaseModel, WithJsonSchema


class Email(BaseModel):
    to: Annotated[str, WithJsonSchema({"allOf": [{"type": "string"}, {"minLength": 1}]})]
"""


@pytest.mark.parametrize("command", [ALL, ("rollout", "set", "reply", "--mode", "canary")])
def test_a_schema_without_a_strict_form(distilgen: Cli, command: tuple[str, ...]) -> None:
    distilgen.write({"src/shop/models.py": STRICTLESS})
    before = distilgen.snapshot()
    ran = distilgen(*command, "--model", "ft:m", "--answers", "strict-tool")
    assert ran.code == 123
    assert "mail.py:6: reply: its schema has no strict form: " in ran.err
    assert distilgen.snapshot() == before


WRONG = {
    "a share of all": (["--share", "10%"], "--share: in dispatch mode, the student answers all"),
    "a guard without a teacher": (["--window", "9"], "--window: in dispatch mode"),
    "records besides": (["--mode", "canary", "--record"], "--record: in canary mode, every call"),
    "pairs of pairs": (["--mode", "shadow", "--pairs", "5%"], "--pairs: in shadow mode, --share"),
    "no body goes": (["--mode", "shadow", "--prune"], "--prune: in shadow mode, no body"),
    "no share": (["--share", "1"], "'1' is no share from 0% to 100%: write 10% or 0.1"),
    "more than all": (["--share", "101%"], "'101%' is no share"),
    "no number": (["--share", "nan%"], "'nan%' is no share"),
    "never proven": (["--min-agreement", "100%"], "'100%' is no share from 0% to below 100%"),
    "no time": (["--timeout", "0"], "'0' is no number of seconds above 0"),
    "half a time": (["--reasks", "1.5"], "'1.5' is no whole number from 0"),
    "no window": (["--window", "0"], "'0' is no whole number from 1"),
    "another answer": (["--answers", "xml"], "'xml' is no way to answer: tool, strict-tool, "),
    "no profile": (["--provider", "x"], "no [tool.distilgen.providers.x] in pyproject.toml; there"),
    "no mode": (["--mode", "record"], "Invalid value for '--mode'"),
}


@pytest.mark.parametrize(("options", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_meant(distilgen: Cli, options: list[str], message: str) -> None:
    before = distilgen.snapshot()
    ran = distilgen(*ALL, *options)
    assert (ran.code, ran.out) == (2, "")
    assert message in ran.err
    assert distilgen.snapshot() == before


def test_an_unknown_profile_names_those_that_there_are(distilgen: Cli) -> None:
    distilgen.write({"pyproject.toml": PROFILE})
    ran = distilgen(*ALL, "--provider", "ther")
    assert ran.code == 2
    assert "no [tool.distilgen.providers.ther] in pyproject.toml; known: other, own" in ran.err
