"""What is held out and trained on: rows that stand in two splits, and questions that do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic_core import from_json

from distilgen.dataset.manifest import SPLITS
from distilgen.dataset.validation import plain, table
from distilgen.dataset.validation.file import TRAIN, rows_of
from distilgen.dataset.validation.lines import parsed
from distilgen.dataset.validation.questions import Question, ahead_of, question_of
from distilgen.dataset.validation.repeats import Hashes, Seen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distilgen.dataset.validation.file import Given, Looked


_HELD_OUT = ("leaked-row", "held-out-question")
_BESIDE = ("row-in-two-files", "question-in-two-files")


def tell(train: Looked, held_out: Looked, rules: tuple[str, str] = _HELD_OUT) -> None:
    """Tell the rows of a split that is held out which are in the training file, too, and those that
    ask what a row there asks. Their hashes may be equal by chance; here it is certain. rules: that
    they break.
    """
    shared = train.hashes.shared(held_out.hashes)
    if not shared:
        return
    whose = train.given.shown
    rows, questions = Seen(shared), Seen(shared)
    for number, row, question in _entries(train.given):
        if rows.wants(question.hashed() if question else row):
            rows.earlier(row, number)
            if question:
                questions.earlier(question.content(), number)
    for number, row, question in _entries(held_out.given):
        if not rows.wants(question.hashed() if question else row):
            continue
        first = rows.of(row)
        if first is not None:
            held_out.findings.add(rules[0], number, "", f"is line {first:,} of {whose}")
            continue
        first = questions.of(question.content()) if question else None
        if first is not None:
            what = f"asks what line {first:,} of {whose} asks"
            held_out.findings.add(rules[1], number, "", what)


def tell_beside(files: Sequence[Looked]) -> None:
    """Tell what stands in several files of no dataset that are looked at together. What is called
    train is trained on, validation and test are held out; of others nobody knows.
    """
    before = Hashes()
    for number, looked in enumerate(files):
        if before.shared(looked.hashes):
            for other in files[:number]:
                if _name(looked) == TRAIN and _name(other) in SPLITS:
                    tell(looked, other)
                elif _name(other) == TRAIN and _name(looked) in SPLITS:
                    tell(other, looked)
                else:
                    tell(other, looked, _BESIDE)
        before.join(looked.hashes)


def _name(looked: Looked) -> str:
    return looked.given.path.stem


def _entries(given: Given) -> Iterator[tuple[int, bytes, Question | None]]:
    """(number of the line, the row as bytes, what it asks)."""
    if given.format in table.FORMATS:
        yield from table.entries(given)
        return
    for number, line in rows_of(given):
        yield number, line, _question(given, line)


def _question(given: Given, line: bytes) -> Question | None:
    try:
        row = from_json(line, allow_inf_nan=False)
    except ValueError:
        row = parsed(line)[0]
    if not isinstance(row, dict):
        return None
    format_name = given.format or plain.format_of(row)
    return question_of(row, format_name, ahead_of(given.contract, format_name))
