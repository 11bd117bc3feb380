"""show: what the student sees, and the strict form of what it answers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.conftest import Cli


def test_inputs(distilgen: Cli) -> None:
    ran = distilgen("show", "shop.mail:reply")
    section = ran.out.partition("── inputs\n")[2].partition("\n── ")[0]
    assert json.loads(section) == {
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
        "type": "object",
    }


def test_strict(distilgen: Cli) -> None:
    source = """
        from pydantic import BaseModel, Field
        class Email(BaseModel):
            to: str = Field(min_length=1)
            urgent: bool = False
        """
    (distilgen.folder / "src/shop/models.py").write_text(source.replace("\n        ", "\n"))
    ran = distilgen("show", "shop.mail:reply", "--strict")
    assert ran.code == 0
    _, schema, dropped = ran.out.split("── ")
    made = json.loads(schema.partition("\n")[2])
    assert made["required"] == ["to", "urgent"]
    assert made["additionalProperties"] is False
    assert dropped.split("\n") == [
        "dropped; Pydantic still checks the answer",
        "/properties/to  minLength: 1",
        "/properties/urgent  default: false",
        "",
    ]


def test_strict_where_there_is_none(distilgen: Cli) -> None:
    source = """
        from pydantic import BaseModel
        class Email(BaseModel):
            x: list[list[list[list[list[list[list[list[list[list[int]]]]]]]]]]
        """
    (distilgen.folder / "src/shop/models.py").write_text(source.replace("\n        ", "\n"))
    ran = distilgen("show", "shop.mail:reply", "--strict")
    assert "strict schema: there is none" in ran.out
    assert "11 levels of objects and lists, and the most is 10" in ran.out
