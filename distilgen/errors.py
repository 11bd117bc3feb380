"""Every exception that distilgen raises on purpose, and the exit code that each means.

A message says where (file, line, function), what is wrong in the user's words, and what to do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

CLEAN = 0
FINDINGS = 1
USAGE = 2
FAILED = 123


class DistilgenError(Exception):
    """Root of the tree. `exit_code` is what the command line ends with when this is the worst."""

    exit_code = FAILED


class UsageError(DistilgenError):
    """What the user typed cannot be done: an unknown function, a path outside the project."""

    exit_code = USAGE


class ConfigError(UsageError):
    """`[tool.distilgen]` or an environment variable holds something it must not."""


class SourceError(DistilgenError):
    """A source file cannot be read, parsed or rewritten; the file is left as it was."""

    def __init__(
        self, path: Path | str, message: str, *, line: int | None = None, function: str = ""
    ) -> None:
        self.path = path
        self.line = line
        self.function = function
        self.message = message
        where = f"{path}:{line}" if line else f"{path}"
        super().__init__(f"{where}: {function}: {message}" if function else f"{where}: {message}")


class RunError(DistilgenError):
    """A command that writes cannot start: another is at work in the project, or what an interrupted
    one left cannot be understood.
    """


class SchemaError(DistilgenError):
    """Pydantic gave no schema for a return type, or the type could not be evaluated."""


class MissingPackageError(SchemaError):
    """A type needs a package that the project's interpreter does not have."""

    def __init__(self, message: str, package: str) -> None:
        super().__init__(message)
        self.package = package


class NoSchemaError(SchemaError):
    """Pydantic has evaluated the type, and says that no JSON schema describes it."""


class RecordError(DistilgenError):
    """A record cannot be read, or cannot become a row."""


class DatasetError(DistilgenError):
    """A dataset cannot be built, read or written, or is none."""


class CollectError(DistilgenError):
    """A teacher cannot be run over inputs, or these cannot be read."""


class TrainingError(DistilgenError):
    """A fine-tuning job could not be created, or ended without a model."""


class HostError(TrainingError):
    """A host refused a request, could not be reached, or answered what is no answer.

    status: of HTTP; None where nothing came back. code: the host's name for what is wrong, where it
    gave one. after: seconds for which it asks to be left alone. passes: may the same request
    succeed later?
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None,
        code: str | None = None,
        after: float | None = None,
        passes: bool = False,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.after = after
        self.passes = passes


class DispatchError(DistilgenError):
    """The student gave no usable answer. Raised to the caller of a dispatched function.

    request_id: the server's name for the question, where it gave one.
    """

    def __init__(self, message: str, *, request_id: str | None = None) -> None:
        super().__init__(message)
        self.request_id = request_id


class MissingCredentialsError(DispatchError):
    """No API key and no client, or the server refuses the key: nobody to ask."""


class ModelUnavailableError(DispatchError):
    """The server does not know the model, or does not serve it any more."""


class StudentError(DispatchError):
    """The file of an embedded student is not there, is damaged, or is of another version or
    contract.
    """


class DispatchTimeoutError(DispatchError):
    """No answer within the call's time limit."""


class UnreachableError(DispatchError):
    """No connection to the server."""


class InvalidAnswerError(DispatchError):
    """The student answered, but not with a value of the return type.

    kind: truncated, refused, filtered, no-tool-call, several-tool-calls, wrong-tool, invalid-json,
    invalid, or no-completion. answer: the raw text. error: Pydantic's ValidationError, where it was
    that which refused the answer.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: str,
        answer: str | None = None,
        error: ValueError | None = None,
        request_id: str | None = None,
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.kind = kind
        self.answer = answer
        self.error = error


class LowConfidenceError(DispatchError):
    """The student answered, and was not sure enough: the teacher has to. confidence: 0 to 1."""

    def __init__(
        self, message: str, *, confidence: float | None, request_id: str | None = None
    ) -> None:
        super().__init__(message, request_id=request_id)
        self.confidence = confidence
