"""The last records, and those that come in: in files that grow, come and go; in other stores."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from distilgen.errors import RecordError
from distilgen.records import follow as following
from distilgen.records.files import FileStore, files_of
from distilgen.records.follow import follow
from distilgen.records.record import Malformed, Record, parse
from distilgen.records.vacuum import vacuum

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Line = Callable[..., bytes]
Store = Callable[..., "Path"]


def anything(record: Record) -> bool:
    return record.source == "teacher"


def shown(items: list[Record | Malformed]) -> list[object]:
    return [i.arguments["topic"] if isinstance(i, Record) else i.reason for i in items]


class Happening:
    """What happens at each look instead of waiting; at the end the user stops it."""

    def __init__(self, *steps: Callable[[], object]) -> None:
        self.steps = list(steps)

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        if not self.steps:
            raise KeyboardInterrupt
        self.steps.pop(0)()


@pytest.fixture
def told() -> list[RecordError | None]:
    """What was told of a store that could not be read."""
    return []


@pytest.fixture
def collected(
    monkeypatch: pytest.MonkeyPatch, told: list[RecordError | None]
) -> Callable[..., list[object]]:
    def collect(store: object, last: int, *steps: Callable[[], object]) -> list[object]:
        monkeypatch.setattr("time.sleep", Happening(*steps).sleep)
        items: list[Record | Malformed] = []
        with suppress(KeyboardInterrupt):
            for item in follow(store, anything, last, live=True, troubled=told.append):  # type: ignore[arg-type]
                items.append(item)  # noqa: PERF402 - what came before the interrupt counts
        return shown(items)

    return collect


def test_the_last_of_several_files(
    line: Line, store: Store, told: list[RecordError | None]
) -> None:
    store(line(1), line(2))
    store(line(3), b"?\n", line(4, source="m"))
    folder = store(line(5))
    for count, last in ((0, []), (1, [5]), (2, [3, 5]), (3, [2, 3, 5]), (9, [1, 2, 3, 5])):
        found = follow(FileStore(folder), anything, count, live=False, troubled=told.append)
        assert shown(list(found)) == last


def test_what_comes_in(line: Line, tmp_path: Path, collected: Callable[..., list[object]]) -> None:
    folder = tmp_path / "records"
    kept = FileStore(folder)

    def write(name: str, content: bytes) -> Callable[[], object]:
        def step() -> None:
            folder.mkdir(exist_ok=True)
            with (folder / name).open("ab") as file:
                file.write(content)

        return step

    one, two = "records-000001.jsonl", "records-000002.jsonl"
    found = collected(
        kept,
        10,
        lambda: None,  # the folder is not there yet
        write(one, line(1)),
        write(one, line(2) + line(3)[:30]),
        write(one, line(3)[30:]),
        write(two, line(4) + b"?\n"),
        write(one, line(5, source="m")),
        (folder / one).unlink,
        write(one, line(6, at="2026-11-09T00:00:00Z")),
    )
    assert found == [1, 2, 3, 4, "is no JSON (Expecting value: line 1 column 1 (char 0))", 6]


def test_nothing_is_shown_twice_after_a_vacuum(
    line: Line, store: Store, collected: Callable[..., list[object]]
) -> None:
    folder = store(line(1, at="2026-11-03T00:00:01Z"))
    store(line(2, at="2026-11-03T00:00:02Z"))
    kept = FileStore(folder)
    found = collected(
        kept,
        1,
        lambda: vacuum(folder),
        lambda: kept.append([line(3, at="2026-11-03T00:00:03Z")], ""),
    )
    assert found == [2, 3]


DOWN = b"down"


class Others:
    """A store that is no folder."""

    place = "others"

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def read(self) -> Iterator[Record | Malformed]:
        for number, line in enumerate(self.lines, 1):
            if line == DOWN:
                raise RecordError("others: is down")
            yield parse("others", number, line)


def test_another_store(line: Line, collected: Callable[..., list[object]]) -> None:
    kept = Others()

    def add(*numbers: int) -> Callable[[], object]:
        return lambda: kept.lines.extend(line(n, id=str(n)) for n in numbers)

    add(1, 2)()
    found = collected(kept, 1, add(), add(3), add(4, 5), kept.lines.pop, add(6))
    assert found == [2, 3, 4, 5, 6]
    kept.lines.clear()
    assert collected(kept, 1, add(), add(7)) == [7]


def test_a_store_that_is_down_for_a_while(
    line: Line, collected: Callable[..., list[object]], told: list[RecordError | None]
) -> None:
    kept = Others()

    def add(*lines: bytes) -> Callable[[], object]:
        return lambda: kept.lines.extend(lines)

    one, two, three = (line(n, id=str(n)) for n in (1, 2, 3))
    add(one)()
    found = collected(kept, 1, add(two, DOWN), lambda: None, kept.lines.pop, add(three))
    assert found == [1, 2, 3]
    assert [str(error) for error in told] == ["others: is down", "None"]
    add(DOWN)()
    with pytest.raises(RecordError, match="is down"):
        collected(kept, 1)


def test_a_file_may_go_between_two_looks(
    line: Line, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = store(line(1))
    found = files_of(folder)
    files = following._Files(folder)
    monkeypatch.setattr(following, "files_of", lambda _: [*found, folder / "records-000009.jsonl"])
    assert [i for i in files.new() if isinstance(i, Record)]
    found[0].unlink()
    assert list(files.new()) == []
    assert list(files._read(found[0])) == []
