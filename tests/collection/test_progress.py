"""What the user sees of a collection."""

from __future__ import annotations

import io
import json

import pytest

from distilgen.collection.feed import Call, Ended, Failure
from distilgen.collection.given import Given, Refused
from distilgen.collection.progress import FEW, Progress
from distilgen.errors import CollectError


def ended(number: int, failure: Failure | None = None) -> Ended:
    call = Call(Given({"n": str(number)}, f"a:{number}"), {"n": number}, b'{"n":%d}' % number)
    return Ended(call, failure)


def test_the_line_says_how_far_it_is() -> None:
    now = 0.0
    progress = Progress(10_000, clock=lambda: now)
    assert progress.line() == "[....................] 0/10,000"
    for number in range(1_200):
        progress.ended(ended(number, Failure("E", "") if number < 3 else None))
    progress.passed()
    now = 30.0
    assert progress.line() == (
        "[##..................] 1,201/10,000   3 failed   40.0 calls/s   3 min 40 s left"
    )


def test_without_a_total_it_says_what_it_knows() -> None:
    now = 0.0
    progress = Progress(None, clock=lambda: now)
    progress.ended(ended(1))
    now = 2.0
    assert progress.line() == "1   0.5 calls/s"


def test_a_total_that_was_too_small_is_none() -> None:
    progress = Progress(1, clock=lambda: 0.0)
    progress.ended(ended(1))
    progress.ended(ended(2))
    assert progress.line() == "[####################] 2/2"


def test_the_speed_is_that_of_late() -> None:
    now = 0.0
    progress = Progress(None, clock=lambda: now)
    for _ in range(5):  # a minute each with 600 calls
        for number in range(600):
            progress.ended(ended(number))
        now += 60
        progress.line()
    now += 240
    progress.line()
    assert progress.line() == "3,000"


def test_a_terminal_shows_it_and_nothing_stays(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    progress = Progress(2, is_shown=True, clock=lambda: 0.0)
    progress.ended(ended(1))
    progress.close()
    bar = "[##########..........]"
    assert capsys.readouterr().err == f"\r{bar} 1/2\x1b[K\r\x1b[K"


def test_the_line_is_not_folded(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "11")
    Progress(2, is_shown=True, clock=lambda: 0.0).ended(ended(1))
    assert capsys.readouterr().err == "\r[#########\x1b[K"


def test_the_first_that_went_wrong_are_kept() -> None:
    progress = Progress(None)
    for number in range(FEW + 5):
        progress.ended(ended(number, Failure("ValueError", "bad\n  thing")))
    assert progress.first == [f"a:{number}: ValueError: bad thing" for number in range(FEW)]


def test_the_file_of_all_that_went_wrong_is_a_file_of_inputs() -> None:
    file = io.BytesIO()
    progress = Progress(None, file)
    progress.ended(ended(1, Failure("ValueError", "bad")))
    progress.ended(ended(2))
    progress.refused(Refused("a:3", "n: is missing", {"m": b"\xff", "o": float("nan")}))
    progress.refused(Refused("a:4", "is no JSON"))
    progress.refused(Refused("f:1", "still", {"n": "[1]", "$origin": "a:1"}, is_text=True))
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert lines[0] == {
        "n": 1, "$origin": "a:1", "$error": {"type": "ValueError", "message": "bad"},
    }  # fmt: skip
    assert lines[1]["m"] == "_w=="
    assert lines[1]["$error"] == {"type": "refused", "message": "n: is missing"}
    assert lines[2] == {
        "n": "[1]", "$text": True, "$origin": "f:1",
        "$error": {"type": "refused", "message": "still"},
    }  # fmt: skip
    assert len(lines) == 3


def test_half_of_a_character_is_written_as_json_can_say_it() -> None:
    file = io.BytesIO()
    progress = Progress(None, file)
    progress.refused(Refused("a:1", "bad", {"n": "\ud800"}))
    progress.ended(ended(1, Failure("E", "\udfff")))
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    assert [lines[0]["n"], lines[1]["$error"]["message"]] == ["\ud800", "\udfff"]


def test_a_full_disk_is_told() -> None:
    class Full(io.BytesIO):
        def write(self, _: object) -> int:
            raise OSError(28, "No space left on device")

    progress = Progress(None, Full())
    with pytest.raises(CollectError, match="--failures cannot be written: No space left"):
        progress.ended(ended(1, Failure("E", "")))


def test_what_is_hidden_in_records_is_given_back_as_it_came() -> None:
    file = io.BytesIO()
    progress = Progress(None, file, hides=True)
    progress.ended(ended(1, Failure("E", "")))
    assert json.loads(file.getvalue())["n"] == "1"
