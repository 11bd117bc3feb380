"""docs/formats.md names every format, and its rows are those that the code makes."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from distilgen.contract import Contract
from distilgen.dataset.columns import Columns
from distilgen.dataset.tables import CsvTable
from distilgen.dataset.writers import FORMATS
from distilgen.rows import FORMATS as ROWS

PAGE = (Path(__file__).resolve().parents[2] / "docs/formats.md").read_text("utf-8")
WIDTH = 98
EMAIL = {
    "properties": {
        "to": {"title": "To", "type": "string"},
        "urgent": {"title": "Urgent", "type": "boolean"},
    },
    "required": ["to", "urgent"],
    "type": "object",
}
CONTRACT = Contract(
    function="shop.mail:reply",
    fingerprint="",
    system_prompt="You answer in place of a Python function. …",
    user_message="{arguments}",
    tool={"name": "Email", "description": "An email.", "parameters": EMAIL},
    inputs={
        "properties": {"text": {"type": "string"}, "copies": {"type": "integer"}},
        "required": ["text", "copies"],
        "type": "object",
    },
)
ARGUMENTS, RESULT = {"text": "Ann, call me!", "copies": 1}, {"to": "Ann", "urgent": True}


def shown(value: Any, indent: int = 0) -> str:
    """JSON that is broken into lines only where it is too wide for the page."""
    text = json.dumps(value, ensure_ascii=False)
    if len(text) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return text
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [
            f"{json.dumps(k)}: {shown(v, indent + 4 + len(json.dumps(k)))}"
            if not isinstance(v, dict | list)
            else f"{json.dumps(k)}: {shown(v, indent + 2)}"
            for k, v in value.items()
        ]
    else:
        parts = [shown(item, indent + 2) for item in value]
    lines = f",\n{inner}".join(parts)
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{first}\n{inner}{lines}\n{' ' * indent}{last}"


def example(name: str) -> str:
    """The block of a format on the page."""
    if name in ROWS:
        return f"```json\n{shown(ROWS[name](CONTRACT, ARGUMENTS, RESULT))}\n```"
    if name == "csv":
        file = io.BytesIO()
        table = CsvTable(CONTRACT, file)
        table.write(ARGUMENTS, RESULT)
        table.close()
        return f"```text\n{file.getvalue().decode()}```"
    lines = [f"{column.name}: {column.kind}" for column in Columns(CONTRACT)]
    return "```text\n" + "\n".join(lines) + "\n```"


@pytest.mark.parametrize("name", FORMATS)
def test_a_row_of_each_format(name: str) -> None:
    section = re.search(rf"^## {name}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert section, name
    assert example(name) in section[1]


def test_the_table_names_the_formats() -> None:
    assert tuple(re.findall(r"^\| \[([a-z-]+)\]\(#([a-z-]+)\) \|", PAGE, re.MULTILINE)) == tuple(
        (name, name) for name in FORMATS
    )
