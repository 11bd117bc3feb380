"""`distilgen train --provider trl`, up to where a training process would start."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from distilgen.training.trl_run import process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.cli.conftest import Cli

    Records = Callable[[Mapping[str, str]], None]


@pytest.fixture
def built(distilgen: Cli, records: Records) -> Cli:
    """A project with a dataset, and a folder that looks like a model."""
    distilgen("instrument", "src")
    records({f"call {n}": f'{{"to":"call {n}","urgent":false}}' for n in range(20)})
    assert distilgen("dataset", "build").code == 0
    names = ("config.json", "tokenizer.json", "chat_template.jinja", "model.safetensors")
    distilgen.write({f"tiny/{name}": "{}" for name in names})
    return distilgen


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        ([], 2, "which model is to be tuned? Name its folder with --base-model"),
        (["--base-model", "nowhere"], 123, "nowhere: there is no such folder"),
        (["--base-model", "src"], 123, "is no checkpoint of transformers"),
        (["--base-model", "tiny", "--full", "--lora-rank", "8"], 2, "with --full there is none"),
        (["--base-model", "tiny", "--base-url", "http://x"], 2, "--base-url: is an option of"),
        (["--base-model", "tiny", "--suffix", "a"], 2, "--suffix: is an option of hosts, and this"),
        (["--base-model", "tiny", "--poll", "0"], 2, "--poll: is an option of hosts, and this is"),
        (["--base-model", "tiny", "--set", "seed=1"], 2, "--set seed: say --seed"),
        (["--job", "trl-none"], 123, "trl-none: is no run of trl; there is none"),
    ],
)
def test_what_cannot_be_done(built: Cli, options: list[str], code: int, said: str) -> None:
    ran = built("train", "reply", "--provider", "trl", *options)
    assert ran.code == code
    assert said in ran.err
    assert not list((built.folder / ".distilgen").glob("runs/*"))


def test_a_missing_extra(built: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "PACKAGES", ("no-such-package",))
    ran = built("train", "reply", "--provider", "trl", "--base-model", "tiny")
    assert ran.code == 123
    assert 'the package no-such-package is missing: pip install "distilgen[trl]"' in ran.err
    assert not list((built.folder / ".distilgen").glob("runs/*"))


def test_options_of_trl_are_of_no_other(built: Cli) -> None:
    ran = built("train", "reply", "--provider", "student", "--lora-rank", "8")
    assert ran.code == 2
    assert "--lora-rank: is an option of --provider trl, and this is student" in ran.err
