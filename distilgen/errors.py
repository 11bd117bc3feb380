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


class TrainingError(DistilgenError):
    """A fine-tuning job could not be created, or ended without a model."""


class DispatchError(DistilgenError):
    """The student gave no usable answer. Raised to the caller of a dispatched function."""


class MissingCredentialsError(DispatchError):
    """No API key and no client: nobody to ask."""


class ModelUnavailableError(DispatchError):
    """The server does not know the model, or refuses to serve it to us."""


class InvalidAnswerError(DispatchError):
    """The student answered, but not with a value of the return type. `answer` is its raw text."""

    def __init__(self, message: str, *, answer: str | None = None) -> None:
        super().__init__(message)
        self.answer = answer
