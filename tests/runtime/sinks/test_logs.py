"""Records as log messages: what handlers get, and what is said when nobody would see them."""

from __future__ import annotations

import json
import logging
import logging.handlers
import queue
import sys
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.errors import ConfigError, RecordError
from distilgen.rows import openai_functions
from distilgen.runtime.sinks.logs import LoggingSink

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distilgen.contract import Contract

    Line = Callable[..., bytes]

NAME = "distilgen_test.calls"


class Kept(logging.Handler):
    """Keeps what it gets."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """A logger that is enabled for INFO and has no handlers, here or further up."""
    found = logging.getLogger(NAME)
    found.setLevel(logging.INFO)
    found.propagate = False
    yield found
    for handler in list(found.handlers):
        found.removeHandler(handler)
        handler.close()
    found.setLevel(logging.NOTSET)
    found.propagate = True
    found.disabled = False


def test_a_record_is_one_message(logger: logging.Logger, line: Line, contract: Contract) -> None:
    kept = Kept()
    logger.addHandler(kept)
    sink = LoggingSink(NAME)
    sink.write(line("100 %s é"), contract)
    assert sink.flush(1) == 0
    sink.after_fork()
    sink.close()
    (record,) = kept.records
    assert (record.name, record.levelname) == (NAME, "INFO")
    assert record.getMessage().encode() + b"\n" == line("100 %s é")
    about = {"function": contract.function, "contract": contract.fingerprint}
    assert vars(record)["distilgen"] == about


def test_messages_are_the_rows_that_instructor_logs(
    logger: logging.Logger, line: Line, contract: Contract
) -> None:
    kept = Kept()
    logger.addHandler(kept)
    LoggingSink(f"{NAME}?rows=messages").write(line("é"), contract)
    (record,) = kept.records
    row = json.loads(record.getMessage())
    assert row == openai_functions(contract, {"topic": "é"}, {"subject": "é"})
    assert row["messages"][-1]["function_call"]["name"] == "Email"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"result": None, "error": {"type": "E", "message": "m"}}, "the call raised"),
        ({"topic": {"$unserializable": "socket"}}, "a value of the call is left out"),
        ({"id": None}, "has no id"),
    ],
)
def test_a_call_without_a_row_is_lost_with_its_reason(
    logger: logging.Logger, line: Line, contract: Contract, changes: dict[str, object], reason: str
) -> None:
    kept = Kept()
    logger.addHandler(kept)
    with pytest.raises(RecordError, match=reason):
        LoggingSink(f"{NAME}?rows=messages").write(line(**changes), contract)
    assert kept.records == []


@pytest.mark.parametrize("what", ["level", "disabled", "everything"])
def test_a_logger_that_takes_no_information_is_an_error(
    logger: logging.Logger, line: Line, contract: Contract, what: str
) -> None:
    kept = Kept()
    logger.addHandler(kept)
    if what == "level":
        logger.setLevel(logging.WARNING)
    elif what == "disabled":
        logger.disabled = True
    else:
        logging.disable(logging.INFO)
    try:
        with pytest.raises(RecordError, match=f"logger {NAME} is not enabled for INFO"):
            LoggingSink(NAME).write(line(), contract)
    finally:
        logging.disable(logging.NOTSET)
    assert kept.records == []


def test_a_logger_without_a_handler_for_it_is_an_error(
    logger: logging.Logger, line: Line, contract: Contract
) -> None:
    logger.handlers.clear()  # pytest's own
    sink = LoggingSink(NAME)
    with pytest.raises(RecordError, match="has no handler that takes INFO"):
        sink.write(line(), contract)
    logger.addHandler(logging.NullHandler())
    with pytest.raises(RecordError, match="has no handler that takes INFO"):
        sink.write(line(), contract)
    logger.addHandler(Kept(logging.ERROR))
    with pytest.raises(RecordError, match="has no handler that takes INFO"):
        sink.write(line(), contract)
    above = Kept()
    parent = logging.getLogger(NAME.partition(".")[0])
    parent.addHandler(above)
    logger.propagate = True
    try:
        sink.write(line(), contract)
    finally:
        parent.removeHandler(above)
    assert len(above.records) == 1


def test_what_a_filter_of_the_logger_drops_is_lost(
    logger: logging.Logger, line: Line, contract: Contract
) -> None:
    kept, seen = Kept(), []

    def drops(record: logging.LogRecord) -> bool:
        seen.append(record.getMessage())
        return "keep" in record.getMessage()

    logger.addHandler(kept)
    logger.addFilter(drops)
    try:
        with pytest.raises(RecordError, match=f"a filter of logger {NAME} drops it"):
            LoggingSink(NAME).write(line("drop"), contract)
        LoggingSink(NAME).write(line("keep"), contract)
    finally:
        logger.removeFilter(drops)
    assert len(kept.records) == 1
    assert len(seen) == 2


@pytest.mark.skipif(sys.version_info < (3, 12), reason="filters could not give another record")
def test_a_filter_may_give_another_record(
    logger: logging.Logger, line: Line, contract: Contract
) -> None:
    kept = Kept()

    def another(record: logging.LogRecord) -> Any:
        return logging.makeLogRecord({**vars(record), "msg": "another"})

    logger.addHandler(kept)
    logger.addFilter(another)
    try:
        LoggingSink(NAME).write(line(), contract)
    finally:
        logger.removeFilter(another)
    assert [record.getMessage() for record in kept.records] == ["another"]


def test_what_a_handler_raises_is_its_own_business(
    logger: logging.Logger,
    line: Line,
    contract: Contract,
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Broken(logging.StreamHandler):  # type: ignore[type-arg]
        def format(self, record: logging.LogRecord) -> str:
            raise ValueError(f"broken: {record.name}")

    logger.addHandler(Broken())
    LoggingSink(NAME).write(line(), contract)
    assert f"broken: {NAME}" in capsys.readouterr().err


def test_a_queue_and_files_that_rotate(
    logger: logging.Logger, line: Line, contract: Contract, tmp_path: Path
) -> None:
    path = tmp_path / "calls.log"
    files = logging.handlers.RotatingFileHandler(path, maxBytes=2000, backupCount=99)
    waiting: queue.Queue[logging.LogRecord] = queue.Queue()
    logger.addHandler(logging.handlers.QueueHandler(waiting))
    listener = logging.handlers.QueueListener(waiting, files)
    listener.start()
    sink = LoggingSink(NAME)
    for number in range(50):
        sink.write(line(number), contract)
    listener.stop()
    files.close()
    parts = list(tmp_path.glob("calls.log*"))
    assert len(parts) > 3
    lines = b"".join(part.read_bytes() for part in parts).splitlines(keepends=True)
    assert sorted(lines) == sorted(line(number) for number in range(50))


def test_root_is_a_logger_too(line: Line, contract: Contract) -> None:
    root, kept = logging.getLogger(), Kept()
    level = root.level
    root.addHandler(kept)
    root.setLevel(logging.INFO)
    try:
        LoggingSink("root").write(line(), contract)
    finally:
        root.setLevel(level)
        root.removeHandler(kept)
    assert len(kept.records) == 1


@pytest.mark.parametrize("rest", ["calls?rows=parquet", "calls?form=raw", "calls?rows"])
def test_other_rows_are_refused(rest: str) -> None:
    with pytest.raises(ConfigError, match="say \\?rows=raw or \\?rows=messages"):
        LoggingSink(rest)
