"""A hidden value is found however it is spelled, whole or cut, and nothing else is."""

from __future__ import annotations

import json
import time

import pytest
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from distilgen.runtime.sought import Sought

LINES = "my secret illness\nis called blah\nand it hurts"
QUOTED = 'O\'Brien-"77"'
LONG = 'dear "all"\n' * 1_000
FOREIGN = "日本語の秘密と手紙" * 4


def sought(*values: str) -> Sought:
    made = Sought(lambda value: f"[X_{values.index(value) + 1}]")
    for value in values:
        made.add(value)
    return made


def said_of(value: object) -> str:
    """How Pydantic shows a value that is no number."""
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(int | float).validate_python(value)
    return str(caught.value)


@pytest.mark.parametrize(
    "value",
    [LINES, QUOTED, LONG, FOREIGN, "it's", 'a "b"', "back\\'slash", "\x7f\x80\ud800a"],
    ids=ascii,
)
def test_a_value_is_found_as_repr_and_json_spell_it(value: str) -> None:
    for text, shown in {
        value: "[X_1]",
        f">{value}< {value}": ">[X_1]< [X_1]",
        json.dumps({"a": value}): '{"a": "[X_1]"}',
        json.dumps(value, ensure_ascii=False): '"[X_1]"',
        repr(value)[1:-1]: "[X_1]",
        **{repr(f"{quote}Q{value}").partition("Q")[2][:-1]: "[X_1]" for quote in ("'", '"')},
    }.items():
        assert sought(value).replaced(text) == shown
        assert sought(value).replaced_in_message(text) == shown


def test_a_value_is_found_as_pydantic_writes_it() -> None:
    text = to_json({"a": LINES + QUOTED + FOREIGN}).decode()
    assert sought(LINES + QUOTED + FOREIGN).replaced(text) == '{"a":"[X_1]"}'


@pytest.mark.parametrize("value", [LINES * 2, QUOTED * 6, LONG, FOREIGN, "it's " * 20, "🔑" * 30])
@pytest.mark.parametrize("hold", [lambda value: value, lambda value: {"key": value, "k": value}])
def test_what_pydantic_shows_of_a_value_is_found(value: str, hold: object) -> None:
    message = said_of(hold(value))  # type: ignore[operator]
    assert message.count("...") == 2  # each member of the union says it
    for shown in (sought(value).replaced(message), sought(value).replaced_in_message(message)):
        assert shown.count("[X_1]...[X_1]") == 2
        assert not any(value[place : place + 4] in shown for place in range(3, 20))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("'my secret...'", "'[X_1]...'"),
        ('"my secret…', '"[X_1]…'),
        ("...hurts'", "...[X_1]'"),
        ("my secret illness... and it hurts.", "[X_1]... and it hurts."),
        ("'my secret...and it hurts'", "'[X_1]...[X_1]'"),
        ("a...my secret illness\\nis...b", "a...[X_1]...b"),
    ],
)
def test_what_stands_beside_dots_is_taken_for_a_part(text: str, shown: str) -> None:
    assert sought(LINES).replaced(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "'my secret'",
        "my secret...",
        "'my...hurt'",
        "... hurts",
        "so my secret illness, said he",
        "[X_12]",
    ],
    ids=["no dots", "no quote", "too short", "of another end", "no message", "a placeholder"],
)
def test_what_many_texts_have_stays(text: str) -> None:
    assert sought(LINES, "X_12", "abc").replaced(text) == text


def test_messages_show_no_part_without_dots() -> None:
    message = "bad: my secret illness\\nis ca and my secret illne, lled blah\nand it hurts"
    assert sought(LINES).replaced_in_message(message) == "bad: [X_1] and [X_1], [X_1]"


def test_the_longest_value_goes_first() -> None:
    long = "x" * 2_000
    made = sought(long, long + "yz", "abcd", "abcdef")
    assert made.replaced(f"{long}yz {long} abcdef abcd") == "[X_2] [X_1] [X_4] [X_3]"


def test_a_value_wins_over_the_spelling_of_another() -> None:
    for values in (("a\nbcd", "a\\nbcd"), ("a\\nbcd", "a\nbcd")):
        made = sought(*values)
        assert made.replaced(values[0]) == "[X_1]"
        assert made.replaced(values[1]) == "[X_2]"
        assert all(value in made for value in values)


@pytest.mark.parametrize(
    ("value", "piece"),
    [
        ("a" * 500_000 + "b", "a"),
        ("a" * 900 + "b", "a"),
        ("'" * 300_000, "'"),
        ("\n" * 300_000, "\\n"),
        ("abcdefghijkl" + "m" * 400_000, "abcdefghijkl"),
        ("abcdefghijkl" + "m" * 400_000, "'abcd..."),
        ("." * 5_000, ".'... "),
    ],
)
def test_hostile_text_takes_no_time(value: str, piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    start = time.perf_counter()
    sought(value).replaced(text)
    sought(value).replaced_in_message(text)
    # Seconds where it is linear, hours where it is not: no measurement, but a bound.
    assert time.perf_counter() - start < 30
