"""A span of OpenTelemetry for one question to a student, by the GenAI semantic conventions.

https://github.com/open-telemetry/semantic-conventions-genai says what its attributes mean. What was
asked and what was answered is not in it, nor the message of an error, which may quote them.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from distilgen.runtime import tracing
from distilgen.runtime.call import told

if TYPE_CHECKING:
    from distilgen.contract import Contract

_OPENAI = "api.openai.com"
_AZURE = ".openai.azure.com"
_PORTS = {"http": 80, "https": 443}


def start(contract: Contract, server: str) -> AskingSpan | None:
    """The span of a question that is about to be asked; None where OpenTelemetry is missing.

    server: the client's base URL, "" if it is not known.
    """
    if not tracing.can_start():
        return None
    try:
        return AskingSpan(contract, server)
    except Exception:  # noqa: BLE001 - an implementation of OpenTelemetry may raise anything
        return None


class AskingSpan:
    """The span of one question. It is the active one inside of its `with` blocks, and outlives
    them until its `end`. Whatever an implementation of OpenTelemetry raises stays here.
    """

    def __init__(self, contract: Contract, server: str) -> None:
        from opentelemetry import context, trace  # noqa: PLC0415 - an extra

        self._context = context
        self._trace = trace
        self._span = trace.get_tracer("distilgen").start_span(
            f"chat {contract.model}" if contract.model else "chat",
            kind=trace.SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "chat",
                **({"gen_ai.request.model": contract.model} if contract.model else {}),
                **({} if contract.calls_tool else {"gen_ai.output.type": "json"}),
                **_server(server),
                "distilgen.function": contract.function,
                "distilgen.contract": contract.fingerprint,
            },
        )
        self._around: Any = None

    def __enter__(self) -> Self:
        with contextlib.suppress(Exception):
            self._around = self._context.get_current()
            self._context.attach(self._trace.set_span_in_context(self._span, self._around))
        return self

    def __exit__(self, *_: object) -> None:
        # Not by a token: a coroutine may end in another context than it began in.
        with contextlib.suppress(Exception):
            if self._around is not None:
                self._context.attach(self._around)

    def answered(self, completion: Any) -> None:
        """The server sent this, whatever it is."""
        with contextlib.suppress(Exception):
            usage = getattr(completion, "usage", None)
            choices = getattr(completion, "choices", None) or ()
            reasons = (getattr(choice, "finish_reason", None) for choice in choices)
            said = (
                ("gen_ai.response.id", str, getattr(completion, "id", None)),
                ("gen_ai.response.model", str, getattr(completion, "model", None)),
                ("gen_ai.usage.input_tokens", int, getattr(usage, "prompt_tokens", None)),
                ("gen_ai.usage.output_tokens", int, getattr(usage, "completion_tokens", None)),
                ("gen_ai.response.finish_reasons", list, [r for r in reasons if type(r) is str]),
            )
            for name, kind, value in said:
                if type(value) is kind and value != []:
                    self._span.set_attribute(name, value)

    def failed(self, error: BaseException) -> None:
        """There was no answer, or none that is one. The type of the error tells why."""
        with contextlib.suppress(Exception):
            self._span.set_attribute("error.type", told(error)["type"])
            self._span.set_status(self._trace.StatusCode.ERROR)

    def end(self) -> None:
        """The question is over."""
        with contextlib.suppress(Exception):
            self._span.end()


def _server(url: str) -> dict[str, Any]:
    """Who answers there: the provider's name, address and port."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or _PORTS.get(parts.scheme)
    except ValueError:  # no URL
        host, port = "", None
    if not host:
        return {"gen_ai.provider.name": "openai"}  # whose interface it is
    provider = "azure.ai.openai" if host.endswith(_AZURE) else host
    return {
        "gen_ai.provider.name": "openai" if host == _OPENAI else provider,
        "server.address": host,
        **({"server.port": port} if port else {}),
    }
