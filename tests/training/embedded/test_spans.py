"""distilgen.training.embedded.spans: values in texts are found, with the way they are written."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from typing import Any

import pytest

from distilgen.embedded import file
from distilgen.embedded.call import Call
from distilgen.embedded.exact import Source
from distilgen.embedded.model import Fields, Model
from distilgen.embedded.novelty import Novelty
from distilgen.embedded.spans import Tokens
from distilgen.training.embedded import columns, places
from distilgen.training.embedded.fitter import Field
from distilgen.training.embedded.places import Way
from distilgen.training.embedded.spans import SpanFitter, SpanListFitter

SYLLABLES = ["".join(pair) for pair in itertools.product("bdklmn", "aeio")]


def word(draw: Any) -> Any:
    return "".join(draw.choice(SYLLABLES) for _ in range(draw.randint(2, 4)))


def letter(draw: Any) -> Any:
    """A text, and what stands in it."""
    day = dt.date(2020, 1, 1) + dt.timedelta(draw.randint(0, 2000))
    said = {
        "name": f"{word(draw).title()} {word(draw).title()}",
        "code": word(draw).upper(),
        "date": day.isoformat(),
        "total": draw.randint(1000, 99999) / 100,
        "share": draw.randint(1, 99) / 100,
        "items": [word(draw) for _ in range(draw.randint(0, 4))],
    }
    items = ", ".join(f'"{item}"' for item in said["items"]) or "nothing"
    greeting = draw.choice(["Dear", "Hello", "Good morning"])
    code = said["code"].lower()
    return (
        f"{greeting} {said['name']},\nyour order {code} of {day:%d.%m.%Y} has {items}. "
        f"Pay {said['total']:,.2f} EUR by {day + dt.timedelta(30):%d.%m.%Y} at the latest, "
        f"or {round(said['share'] * 100)} % more. Call 555-1234 or {word(draw).title()}."
    ), said


def letters(count: Any, seed: Any) -> Any:
    draw = random.Random(seed)
    return [letter(draw) for _ in range(count)]


def fitted(rows: Any, targets: Any, fitter: Any = None) -> Any:
    calls = [Call({"text": text, "n": 1}) for text in rows]
    field = Field(("field",), {}, columns.of(calls, None), 0)
    return (fitter or SpanFitter()).fit(calls, targets, field)


@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("name", ()),
        ("code", ("upper",)),
        ("date", ("date_dmy",)),
        ("total", ("number",)),
        ("share", ("number", "hundredth")),
        ("items", ()),
    ],
)
def test_what_stands_in_a_text_is_found_in_new_ones(name: Any, steps: Any) -> None:
    rows = letters(150, 1)
    fitter = SpanListFitter() if name == "items" else SpanFitter()
    found = fitted([text for text, _ in rows], [said[name] for _, said in rows], fitter)
    found.check()
    assert found.steps == steps
    answers = [(found.predict(Call({"text": text})), said[name]) for text, said in letters(100, 2)]
    assert sum(answer.value == target for answer, target in answers) >= 97
    assert all(answer.value == target for answer, target in answers if answer.confidence > 0.9)
    assert sum(answer.confidence > 0.8 for answer, _ in answers) > 85


def test_a_file_keeps_what_was_found() -> None:
    rows = letters(60, 1)
    texts = [text for text, _ in rows]
    parts = {
        "name": fitted(texts, [said["name"] for _, said in rows]),
        "items": fitted(texts, [said["items"] for _, said in rows], SpanListFitter()),
    }
    fields = Fields(parts)
    model = Model("m:f", "0", fields, Novelty(("text",), ()), 0.0, 0.98, 60, "tests")
    again = file.parse(file.dump(model)).predictor
    for text, _ in letters(20, 2):
        call = {"text": text}
        assert again.predict(Call(call)) == fields.predict(Call(call))


def test_rows_without_their_value_lower_the_confidence() -> None:
    rows = letters(150, 1)
    texts = [text for text, _ in rows]
    names = [said["name"] for _, said in rows]
    asked = [Call({"text": text}) for text, _ in letters(50, 2)]
    sure = fitted(texts, names)
    unsure = fitted(texts, ["unknown" if n % 3 else name for n, name in enumerate(names, 1)])
    often = fitted(texts, [name if n % 3 else "unknown" for n, name in enumerate(names)])
    assert unsure is None
    assert sum(sure.predict(call).confidence for call in asked) > sum(
        often.predict(call).confidence for call in asked
    )


def test_no_span_is_learnt_of_values_that_stand_nowhere() -> None:
    texts = [text for text, _ in letters(60, 1)]
    assert fitted(texts, [f"value {n}" for n in range(60)]) is None
    assert fitted(texts, [f"value {n}" for n in range(60)], SpanListFitter()) is None
    assert fitted(texts, [[f"value {n}"] for n in range(60)], SpanListFitter()) is None
    assert fitted(texts, [[] for _ in range(60)], SpanListFitter()) is None
    assert fitted(texts, [True] * 60) is None
    assert fitted(texts, [{"a": 1}] * 60) is None
    assert fitted(texts[:5], [text[:4] for text in texts[:5]]) is None
    assert fitted([], []) is None


def test_the_same_rows_give_the_same_spans() -> None:
    rows = letters(60, 1)
    texts, names = [text for text, _ in rows], [said["name"] for _, said in rows]
    assert fitted(texts, names) == fitted(texts, names)


@pytest.mark.parametrize(
    ("text", "steps", "target", "found"),
    [
        ("Ada and Ada, Adam", (), "Ada", ["Ada", "Ada"]),
        ("ADA and ada", ("lower",), "ada", ["ADA", "ada"]),
        ("No. A 12-3 here", ("alnum",), "A123", ["A 12-3"]),
        ("costs $1,234.50, not 1,234.5.", ("number",), 1234.5, ["1,234.50", "1,234.5"]),
        ("1234 and 234", ("number",), 234, ["234"]),
        ("-5 or 5", ("number",), -5, ["-5"]),
        ("-5 or 5", ("number",), 5, ["5", "5"]),
        ("0.5, .5 and 05", ("number",), 0.5, ["0.5"]),
        ("5 % or 6", ("percent",), 0.05, ["5"]),
        ("two of 2", ("number_word",), 2, ["two"]),
        ("on 3 May 2024.", ("date_dmy",), "2024-05-03", ["3 May 2024"]),
        ("Sat, May 3rd, 2024", ("date_mdy",), "2024-05-03", ["May 3rd, 2024"]),
        ("at 10:00:00 or 10:00", ("time",), "10:00:00", ["10:00:00", "10:00"]),
        (
            "[03/May/2024:10:00:01 +0000]",
            ("datetime_dmy",),
            "2024-05-03T10:00:01Z",
            ["03/May/2024:10:00:01 +0000"],
        ),
        ("nothing", (), "", []),
        ("nothing", ("number",), 5, []),
    ],
)
def test_a_value_is_found_where_it_is_written(
    text: Any, steps: Any, target: Any, found: Any
) -> None:
    call = Call({"text": text})
    tokens = Tokens(text)
    spans = places.of(Source(("text",)), Way(steps), call, target)
    assert [tokens.slice(*span) for span in spans] == found
