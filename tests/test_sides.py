"""Conflicts that git left in files of ours."""

from __future__ import annotations

import pytest

from distilgen.sides import sides, together

SIDES = {
    "one conflict": (
        "a\n<<<<<<< HEAD\nb\n=======\nc\n>>>>>>> other\nd\n",
        ("a\nb\nd\n", "a\nc\nd\n"),
    ),
    "with what both came from": (
        "<<<<<<< HEAD\nb\n||||||| 1234\nold\n=======\nc\n>>>>>>> other\n",
        ("b\n", "c\n"),
    ),
    "two, one side empty": (
        "<<<<<<< a\n=======\nc\n>>>>>>> b\nx\n<<<<<<< a\ny\n=======\n>>>>>>> b\n",
        ("x\ny\n", "c\nx\n"),
    ),
    "CRLF": (
        "<<<<<<< a\r\nb\r\n=======\r\nc\r\n>>>>>>> b\r\n",
        ("b\r\n", "c\r\n"),
    ),
    "none": ("a\n=======\nb\n", None),
    "one that does not end": ("<<<<<<< a\nb\n=======\nc\n", None),
}


@pytest.mark.parametrize(("text", "both"), SIDES.values(), ids=SIDES)
def test_sides(text: str, both: tuple[str, str] | None) -> None:
    assert sides(text) == both


def test_together() -> None:
    assert together({"a": 1, "b": 2}, {"b": 2, "c": 3}) == {"a": 1, "b": 2, "c": 3}
    with pytest.raises(ValueError, match="differ on b; take one of them"):
        together({"a": 1, "b": 2}, {"b": 3})
