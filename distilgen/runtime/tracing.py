"""OpenTelemetry, where the program uses it: which span a call is in, and a span for each call."""

from __future__ import annotations

import contextlib
import functools
import logging
import sys
from typing import TYPE_CHECKING, Any

from distilgen.runtime.call import told

if TYPE_CHECKING:
    from distilgen.contract import Contract

_log = logging.getLogger("distilgen.runtime")
_API = "opentelemetry.trace"


def is_here() -> bool:
    """Has the program imported OpenTelemetry's API?"""
    return _API in sys.modules


@functools.cache
def can_start() -> bool:
    """Is there an API to start spans with? Says once that there is none."""
    try:
        import opentelemetry.trace  # noqa: F401, PLC0415 - an extra
    except ImportError:
        _log.warning('no spans: pip install "distilgen[otel]"')
        return False
    return True


def members(span: Span | None) -> bytes:
    """`trace_id` and `span_id` of the call's span, or of the active one, as members of a record;
    nothing without one.
    """
    api = sys.modules.get(_API)
    if api is None:
        return b""
    context = (span.span if span is not None else api.get_current_span()).get_span_context()
    if not context.is_valid:
        return b""
    return b'"trace_id":"%032x","span_id":"%016x",' % (context.trace_id, context.span_id)


class Span:
    """The span of one call. Whatever an implementation of OpenTelemetry raises stays here."""

    def __init__(self, contract: Contract) -> None:
        from opentelemetry import context, trace  # noqa: PLC0415 - an extra

        self._context = context
        self._trace = trace
        told = {
            "distilgen.function": contract.function,
            "distilgen.contract": contract.fingerprint,
        }
        self.span = trace.get_tracer("distilgen").start_span(contract.function, attributes=told)
        self._around: Any = None
        self._within: Any = None

    def enter(self) -> None:
        """Make it the active one, or what the body of a generator made active when it yielded."""
        with contextlib.suppress(Exception):
            self._around = self._context.get_current()
            within = self._within or self._trace.set_span_in_context(self.span, self._around)
            self._context.attach(within)

    def leave(self) -> None:
        """Make the one around it active again."""
        # Not by a token: a coroutine may end in another context than it began in.
        with contextlib.suppress(Exception):
            self._within = self._context.get_current()
            self._context.attach(self._around)

    def end(self, error: BaseException | None) -> None:
        """The call is over."""
        with contextlib.suppress(Exception):
            if error is not None:
                self.span.set_status(self._trace.StatusCode.ERROR, told(error)["message"])
                self.span.record_exception(error)
        with contextlib.suppress(Exception):
            self.span.end()
