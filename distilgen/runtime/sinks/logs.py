"""Records as messages of a logger: `logging:NAME`, or `logging:NAME?rows=messages`."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

from distilgen.errors import ConfigError, RecordError
from distilgen.records.record import Malformed, parse
from distilgen.rows import openai_functions

if TYPE_CHECKING:
    from distilgen.contract import Contract

_ROWS = ("raw", "messages")


class LoggingSink:
    """Logs each record at INFO: the line itself, or the row of messages that instructor logs.

    `extra` says to handlers and formatters what it is: `distilgen`, with `function` and `contract`.
    """

    def __init__(self, name: str) -> None:
        """name: of the logger, and after a `?` the form of rows. Raises ConfigError."""
        self.name, _, query = name.partition("?")
        key, _, self.rows = query.partition("=") if query else ("rows", "=", "raw")
        if key != "rows" or self.rows not in _ROWS:
            raise ConfigError(f"logging:{name}: say ?rows=raw or ?rows=messages after the name")
        self._log = logging.getLogger(self.name)

    def write(self, line: bytes, contract: Contract) -> None:
        """Log one record. Raises RecordError where nobody would see it, also for a filter of the
        logger, and where a row of messages is asked for and the call has no answer.
        """
        if not self._log.isEnabledFor(logging.INFO):
            raise RecordError(f"logger {self.name} is not enabled for INFO: set its level")
        if not _is_handled(self._log):
            raise RecordError(f"logger {self.name} has no handler that takes INFO: add one")
        text = line.decode().rstrip("\n") if self.rows == "raw" else _row(line, contract)
        about = {"function": contract.function, "contract": contract.fingerprint}
        record = self._log.makeRecord(
            self._log.name, logging.INFO, __file__, 0, text, (), None, "write", {"distilgen": about}
        )
        # What `Logger.handle` does, which says nothing of what it drops.
        kept: Any = self._log.filter(record)
        if not kept:
            raise RecordError(f"a filter of logger {self.name} drops it")
        self._log.callHandlers(kept if isinstance(kept, logging.LogRecord) else record)

    def flush(self, seconds: float) -> int:
        """Nothing is kept back here: what handlers keep is their own."""
        del seconds
        return 0

    def close(self) -> None:
        """The logger and its handlers are the program's."""

    def after_fork(self) -> None:
        """Loggers see to that themselves."""


def _is_handled(logger: logging.Logger) -> bool:
    """Is there a handler that takes INFO, here or further up? The one of last resort does not, and
    a NullHandler takes nothing.
    """
    found: logging.Logger | None = logger
    while found is not None:
        takes = (h for h in found.handlers if not isinstance(h, logging.NullHandler))
        if any(handler.level <= logging.INFO for handler in takes):
            return True
        found = found.parent if found.propagate else None
    return False


def _row(line: bytes, contract: Contract) -> str:
    record = parse("the record", 1, line)
    if isinstance(record, Malformed):
        raise RecordError(str(record))
    if record.error is not None:
        raise RecordError("the call raised, and a row of messages is a call with its answer")
    if not record.usable:
        raise RecordError("a value of the call is left out, and a row of messages needs them all")
    row: dict[str, Any] = openai_functions(contract, record.arguments, record.result)
    return json.dumps(row, ensure_ascii=False)
