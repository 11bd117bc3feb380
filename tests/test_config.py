"""[tool.distilgen]: what is read of it. What is wrong with it: tests/cli/test_bad_input.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from distilgen import config

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("day", ["2026-11-01", '"2026-11-01"'])
def test_a_day_is_a_date_or_a_text(tmp_path: Path, day: str) -> None:
    table = f'[tool.distilgen.prices."ft:*"]\ninput = 1\noutput = 2\nas_of = {day}\n'
    (tmp_path / config.FILE).write_text(table, "utf-8")
    assert config.load(tmp_path).prices == {"ft:*": config.Price(1, 2, "2026-11-01")}
