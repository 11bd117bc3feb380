"""[tool.distilgen]: what is read of it. What is wrong with it: tests/cli/test_bad_input.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from distilgen import config
from distilgen.config import Provider
from distilgen.dataset.prices import BUILT_IN, Price
from distilgen.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("day", ["2026-11-01", '"2026-11-01"'])
def test_a_day_is_a_date_or_a_text(tmp_path: Path, day: str) -> None:
    table = f'[tool.distilgen.prices."ft:*"]\ninput = 1\noutput = 2\nas_of = {day}\n'
    (tmp_path / config.FILE).write_text(table, "utf-8")
    assert config.load(tmp_path).prices == {"ft:*": Price(1, 2, "2026-11-01")}


def test_a_price_may_say_what_training_costs(tmp_path: Path) -> None:
    table = (
        '[tool.distilgen.prices.small]\ninput = 0\noutput = 2\ntraining = 0\nsource = "a bill"\n'
    )
    (tmp_path / config.FILE).write_text(table, "utf-8")
    assert config.load(tmp_path).price_of("small") == Price(0, 2, training=0, source="a bill")


def test_behind_the_users_prices_are_those_of_the_table(tmp_path: Path) -> None:
    assert config.load(tmp_path).price_of("gpt-4.1-mini") is BUILT_IN["gpt-4.1-mini"]
    assert config.load(tmp_path).price_of("small") is None


@pytest.mark.parametrize("training", ["-1", "inf", "true", '"5"', "[]"])
def test_a_training_price_is_a_number(tmp_path: Path, training: str) -> None:
    table = f"[tool.distilgen.prices.small]\ninput = 0\noutput = 2\ntraining = {training}\n"
    (tmp_path / config.FILE).write_text(table, "utf-8")
    with pytest.raises(ConfigError, match=r'prices\."small"\.training: should be a number, 0 or'):
        config.load(tmp_path)


NEBIUS = "https://api.tokenfactory.nebius.com/v1/"
PROFILES = """
[tool.distilgen.providers.own]
base_url = "http://own/v1"
[tool.distilgen.providers.lora]
shape = "nebius"
base_url = "http://lora/v1"
fine_tuning = { hyperparameters = { lora = true } }
[tool.distilgen.providers.azure]
base_url = "https://acme.openai.azure.com/openai/v1/"
api_key_env = "ACME_KEY"
"""


@pytest.mark.parametrize(
    ("name", "profile"),
    [
        ("openai", Provider(shape="openai")),
        ("nebius", Provider(NEBIUS, "NEBIUS_API_KEY", shape="nebius")),
        ("own", Provider("http://own/v1", shape="openai")),
        (
            "lora",
            Provider(
                "http://lora/v1", "NEBIUS_API_KEY", shape="nebius",
                fine_tuning={"hyperparameters": {"lora": True}},
            ),
        ),
        ("azure", Provider("https://acme.openai.azure.com/openai/v1/", "ACME_KEY", shape="azure")),
        ("nobody", None),
    ],
)  # fmt: skip
def test_profiles_of_the_project_and_of_known_hosts(
    tmp_path: Path, name: str, profile: Provider | None
) -> None:
    (tmp_path / config.FILE).write_text(PROFILES, "utf-8")
    assert config.load(tmp_path).profile(name) == profile
