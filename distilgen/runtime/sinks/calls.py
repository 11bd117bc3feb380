"""Records as arguments of a callable in the user's program: `package.module:name`."""

from __future__ import annotations

import inspect
import json
import pkgutil
import threading
from typing import TYPE_CHECKING, Any

from distilgen.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.contract import Contract


class CallableSink:
    """Calls it with each record, as a dict, in the thread that made the record."""

    def __init__(self, path: str) -> None:
        """path: `package.module:name`, imported at the first record; the name may have dots."""
        self.path = path
        self._function: Callable[[dict[str, Any]], object] | None = None
        self._inside = threading.local()

    def write(self, line: bytes, contract: Contract) -> None:
        """Hand over one record. Raises whatever the import or the callable raises, and RecordError
        for what it records itself, which would have no end, and where it wants to end the program.
        """
        del contract
        if getattr(self._inside, "is_busy", False):
            raise RecordError(f"{self.path} made this call itself, while it took a record")
        self._inside.is_busy = True
        try:
            if self._function is None:
                self._function = pkgutil.resolve_name(self.path)
            answer = self._function(json.loads(line))
        except SystemExit as error:
            raise RecordError(f"{self.path} wants to end the program: exit {error.code}") from error
        finally:
            self._inside.is_busy = False
        if inspect.iscoroutine(answer):
            answer.close()
            raise RecordError(f"{self.path} is a coroutine function, which nobody here can await")

    def flush(self, seconds: float) -> int:
        """Nothing is kept back."""
        del seconds
        return 0

    def close(self) -> None:
        """The callable is the program's."""

    def after_fork(self) -> None:
        """The callable sees to that itself."""
