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


def test_a_server_that_is_named_gets_no_key_of_another(distilgen: Cli) -> None:
    distilgen.write({"pyproject.toml": PROFILE})
    assert distilgen("dispatch", "src").code == 0
    assert contract(distilgen).api_key_env == "OWN_KEY"
    assert distilgen("dispatch", "--base-url", "http://127.0.0.1:3/v1", "src").code == 0
    assert contract(distilgen).api_key_env is None
    said = ("--base-url", "http://127.0.0.1:4/v1", "--api-key-env", "HOUSE_KEY")
    assert distilgen("rollout", "set", "reply", *said).code == 0
    assert contract(distilgen).api_key_env == "HOUSE_KEY"
    assert distilgen("rollout", "set", "reply", "--base-url", "none").code == 0
    assert contract(distilgen).api_key_env is None


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
    "no share": (["--share", "1"], "'1' is no share from 0% to 100%: write 1% or 0.01"),
    "more than all": (["--share", "101%"], "'101%' is no share"),
    "no number": (["--share", "nan%"], "'nan%' is no share"),
    "percent of all": (["--share", "90"], "'90' is no share from 0% to 100%: write 90% or 0.9"),
    "a percent": (["--min-agreement", "90"], "to below 100%: write 90% or 0.9"),
    "never proven": (
        ["--min-agreement", "100%"],
        "'100%' is no share from 0% to below 100%: no number of calls could prove that",
    ),
    "never at all": (["--min-agreement", "100"], ": no number of calls could prove that"),
    "never as a number": (["--min-agreement", "1.0"], ": no number of calls could prove that"),
    "half a model": (["--model", ""], "'' is no name of a model"),
    "no model": (["--model", "none"], "shop.mail:reply: which model? Name it with --model"),
    "no time": (["--timeout", "0"], "'0' is no number of seconds above 0"),
    "half a time": (["--reasks", "1.5"], "'1.5' is no whole number from 0"),
    "no window": (["--window", "0"], "'0' is no whole number from 1"),
    "another answer": (["--answers", "xml"], "'xml' is no way to answer: tool, strict-tool, "),
    "no profile": (["--provider", "x"], "no [tool.distilgen.providers.x] in pyproject.toml; known"),
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
    assert "no [tool.distilgen.providers.ther] in pyproject.toml; known: azure, " in ran.err
    assert ", other, own" in ran.err


def test_what_is_not_said_stays(distilgen: Cli) -> None:
    served = ("--timeout", "5", "--base-url", "http://a/v1", "--api-key-env", "HOUSE_KEY")
    guarded = ("--share", "5%", "--min-agreement", "90%")
    distilgen(*ALL, "--mode", "canary", *served, *guarded)
    before = settings(distilgen)
    distilgen("dispatch", "--model", "ft:n", "--mode", "canary", "src")
    assert settings(distilgen) == {**before, "model": "ft:n"}
    distilgen("dispatch", "--mode", "canary", "--timeout", "none", "src")
    del before["timeout"]
    assert settings(distilgen) == {**before, "model": "ft:n"}
    distilgen("dispatch", "--mode", "shadow", "src")
    del before["share"]  # it was of the mode
    assert settings(distilgen) == {**before, "model": "ft:n"}


def test_a_stub_that_is_recorded_stays_so(distilgen: Cli) -> None:
    def is_recorded(*options: str) -> bool:
        assert distilgen("dispatch", "src", *options).code == 0
        return "@_distil.reply.record" in distilgen.read("src/shop/mail.py")

    assert is_recorded("--model", "ft:m", "--record")
    assert is_recorded("--model", "ft:n")
    assert is_recorded()
    assert not is_recorded("--no-record")
    assert not is_recorded("--model", "ft:m")
    assert distilgen("dispatch", "src", "--record", "--no-record").code == 2


def test_without_a_model_each_function_keeps_its_own(distilgen: Cli) -> None:
    text = distilgen.read("src/shop/mail.py")
    distilgen("dispatch", "--model", "ft:m", "src")
    distilgen.write({"src/shop/other.py": text})
    ran = distilgen("dispatch", "src")
    assert ran.code == 2
    assert "shop.other:reply: which model? Name it with --model" in ran.err
    distilgen.write({"pyproject.toml": '[tool.distilgen.dispatch]\nmodel = "house"\n'})
    assert distilgen("dispatch", "src").out == "dispatched: shop.other:reply\n"
    assert contract(distilgen).model == "ft:m"


SECRETS = {
    "a password": ("--base-url", "http://user:hunter2@host/v1", "holds a user name or a password"),
    "a user": ("--base-url", "https://hunter2@host", "holds a user name or a password"),
    "a query": ("--base-url", "https://host/v1?api_key=hunter2", "holds a query, where keys do"),
    "a fragment": ("--base-url", "https://host/v1#hunter2", "holds a query, where keys do"),
    "no scheme": ("--base-url", "hunter2.example/v1", "should be http:// or https:// with a host"),
    "another scheme": ("--base-url", "ftp://hunter2/v1", "should be http:// or https://"),
    "no host": ("--base-url", "http:///hunter2", "should be http:// or https:// with a host"),
    "no port": ("--base-url", "http://host:hunter2/", "should be http:// or https:// with a host"),
    "a key": ("--api-key-env", "sk-hunter2", "should be the name of an environment variable"),
    "another key": ("--api-key-env", "gsk_hunter2AbC1dEf2GhI3j", "looks like a key; name the"),
}


@pytest.mark.parametrize(("option", "value", "message"), SECRETS.values(), ids=SECRETS)
def test_secrets_are_neither_taken_nor_repeated(
    distilgen: Cli, option: str, value: str, message: str
) -> None:
    distilgen("instrument", "src")
    key = option[2:].replace("-", "_")
    before = distilgen.snapshot()
    for command in (ALL, ("rollout", "set", "reply", "--mode", "shadow", "--model", "m")):
        ran = distilgen(*command, option, value)
        assert (ran.code, ran.out) == (2, "")
        assert message in ran.err
        assert "hunter2" not in ran.err
    if key == "base_url":
        ran = distilgen("train", "reply", "--base-model", "m", option, value)
        assert (ran.code, "hunter2" in ran.err) == (2, False)
    assert distilgen.snapshot() == before
    places = ["providers.own"] + ["dispatch"] * (key == "base_url")
    for place in places:
        distilgen.write({"pyproject.toml": f'[tool.distilgen.{place}]\n{key} = "{value}"\n'})
        ran = distilgen(*ALL)
        assert ran.code == 2
        assert f"{place}.{key}: {message}" in ran.err
        assert "hunter2" not in ran.err


def test_functions_that_a_mode_cannot_take_are_passed_over(distilgen: Cli) -> None:
    text = "from shop.models import Email\n\n\ndef ask(text: str) -> Email: ...\n"
    distilgen.write({"src/shop/ask.py": text})
    ran = distilgen(*ALL, "--mode", "shadow", "-v")
    assert (ran.code, ran.out) == (0, "set to shadow: shop.mail:reply\n")
    reason = "it has no body, and shadow needs a teacher beside the student"
    assert f"src/shop/ask.py:4: shop.ask:ask: skipped: {reason}\n" in ran.err
    assert distilgen.read("src/shop/ask.py") == text
    ran = distilgen(*ALL, "--mode", "shadow", "--only", "ask")
    assert ran.code == 123
    assert f"src/shop/ask.py:4: ask: {reason}\n" in ran.err
    assert distilgen(*ALL, "--mode", "shadow", "--only", "shop.ask:*").code == 0


@pytest.mark.parametrize(
    ("more", "url", "key"),
    [
        (["--provider", "nebius"], "https://api.tokenfactory.nebius.com/v1/", "NEBIUS_API_KEY"),
        (["--provider", "nebius", "--base-url", "http://a/v1"], "http://a/v1", "NEBIUS_API_KEY"),
        (
            ["--provider", "azure", "--base-url", "http://a/openai/v1"],
            "http://a/openai/v1",
            "AZURE_OPENAI_API_KEY",
        ),
        (["--provider", "openai"], None, None),
        (["--provider", "openai", "--base-url", "http://a/v1"], "http://a/v1", None),
    ],
)
def test_known_hosts_need_no_profile(
    distilgen: Cli, more: list[str], url: str | None, key: str | None
) -> None:
    assert distilgen("dispatch", "--model", "m", *more, "src").code == 0
    text = distilgen.read("src/shop/_mail_distil.py")
    assert (f'base_url="{url}"' in text) == (url is not None)
    assert (f'api_key_env="{key}"' in text) == (key is not None)


def test_nobody_knows_where_your_azure_is(distilgen: Cli) -> None:
    ran = distilgen("dispatch", "--model", "m", "--provider", "azure", "src")
    assert ran.code == 2
    assert "azure: where is it? name its URL with --base-url" in ran.err
    config = '[tool.distilgen.dispatch]\nmodel = "m"\nprovider = "azure"\n'
    distilgen.write({"pyproject.toml": config})
    assert "azure: where is it?" in distilgen("dispatch", "src").err
