"""Who watches a question to a student, where the settings ask: a span, and what is printed."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Self

from distilgen.runtime import settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from distilgen.runtime.student import Question


class Witness:
    """Watches one request, which is sent in its `with` block."""

    def __init__(self, question: Question, server: str, request: Mapping[str, Any]) -> None:
        said, contract = settings.current(), question.contract
        self._span = self._printed = None
        if said.spans:
            from distilgen.runtime import asking_span  # noqa: PLC0415 - seldom asked for

            self._span = asking_span.start(contract, server)
        if said.debug:
            from distilgen.runtime import debug  # noqa: PLC0415 - seldom asked for

            self._printed = debug.request(
                contract, question.returns, server, request, question.given
            )
        self._start = time.perf_counter()

    def __enter__(self) -> Self:
        if self._span is not None:
            self._span.__enter__()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if self._span is not None:
            if error is not None:
                self._span.failed(error)
            self._span.__exit__(kind, error, trace)
            self._span.end()
        if self._printed is not None and error is not None:
            self._printed.failed(error, time.perf_counter() - self._start)

    def saw(self, completion: Any) -> Any:
        """The server sent this."""
        if self._span is not None:
            self._span.answered(completion)
        if self._printed is not None:
            self._printed.answered(completion, time.perf_counter() - self._start)
        return completion
