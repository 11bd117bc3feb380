"""The real Pydantic schema of a return type, without importing the project: a worker process."""

from __future__ import annotations

import ast
import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from distilgen.errors import ConfigError, MissingPackageError, NoSchemaError, SchemaError
from distilgen.source import expressions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distilgen.source.functions import Surveyed

SECONDS = 60.0
"""How long one type may take to evaluate, imports of its packages included."""

# The worker finds this package by its path, so that the project's interpreter needs none of ours
# but pydantic, and sees none of our environment's packages.
_START = """
import sys, types
package = types.ModuleType("distilgen")
package.__path__ = [sys.argv.pop(1)]
def __getattr__(name):  # what models may import from us; the rest is not for the worker
    if name != "Sensitive":
        raise AttributeError(name)
    from distilgen.runtime.sensitive import Sensitive
    return Sensitive
package.__getattr__ = __getattr__
sys.modules["distilgen"] = package
from distilgen.source.worker import main
main()
"""


@dataclass(frozen=True)
class Evaluated:
    """The schema of an argument's type, its definitions under `$defs`; or why there is none."""

    schema: dict[str, Any] | None = None
    reason: str = ""


@dataclass
class SchemaWorker:
    """A process that evaluates return types, started at the first question. A context manager.

    python: the project's interpreter. roots: its import roots. folder: where it runs.
    """

    roots: Sequence[Path]
    folder: Path
    python: str = sys.executable
    seconds: float = SECONDS
    _process: subprocess.Popen[bytes] | None = None
    _answers: queue.SimpleQueue[bytes] = field(default_factory=queue.SimpleQueue)
    _noise: IO[bytes] | None = None
    _known: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def schema_of(self, function: Surveyed) -> dict[str, Any]:
        """The JSON schema of a candidate's answer. Raises SchemaError with the reason,
        MissingPackageError where a package is not installed, NoSchemaError where there can be none.
        """
        schema: dict[str, Any] = self._evaluated(function)["schema"]
        return schema

    def inputs_of(self, function: Surveyed) -> dict[str, Evaluated]:
        """The schemas of a candidate's annotated arguments by their names, of `*args` and
        `**kwargs` those of one item. Raises as `schema_of`, but for what is wrong with an argument:
        that is its reason.
        """
        inputs: dict[str, dict[str, Any]] = self._evaluated(function)["inputs"]
        return {name: Evaluated(**found) for name, found in inputs.items()}

    def _evaluated(self, function: Surveyed) -> dict[str, Any]:
        question: dict[str, Any] = {
            "module": function.facts.name,
            "path": str(function.facts.path),
            "annotation": function.answer,
            "classes": function.function.classes,
            "many": function.streams,
            "parameters": dict(annotations_of(function)),
        }
        request = json.dumps(question)
        if request not in self._known:
            answer = self._ask(request)
            if answer.get("error", {}).get("ended") and question["parameters"]:
                # An argument's type may be to blame, and a contract can do without it.
                answer = self._ask(json.dumps({**question, "parameters": {}}))
                reason = {"reason": "evaluating the types of the arguments ended the process"}
                answer["inputs"] = dict.fromkeys(question["parameters"], reason)
            self._known[request] = answer
        answer = self._known[request]
        if "error" in answer:
            message = _message(answer["error"], function.answer)
            if package := answer["error"].get("package"):
                raise MissingPackageError(message, package)
            raise (NoSchemaError if answer["error"].get("hopeless") else SchemaError)(message)
        return answer

    def _ask(self, request: str) -> dict[str, Any]:
        process = self._running()
        try:
            if process.stdin is None:
                raise BrokenPipeError
            process.stdin.write(request.encode() + b"\n")
            process.stdin.flush()
            line = self._answers.get(timeout=self.seconds)
        except queue.Empty:
            self._stop()
            message = f"evaluating it took over {self.seconds:g} seconds"
            return {"error": {"message": message, "ended": True}}
        except OSError:
            line = b""
        if not line:
            message = f"evaluating it ended the process{self._last_words()}"
            return {"error": {"message": message, "ended": True}}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._noise = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `_stop`
            package = str(Path(__file__).resolve().parent.parent)
            try:
                self._process = subprocess.Popen(
                    [self.python, "-P", "-c", _START, package, *map(str, self.roots)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=self._noise,
                    cwd=self.folder,
                    env={**os.environ, "PYTHONHASHSEED": "0"},
                )
            except OSError as error:
                raise ConfigError(f"cannot run the interpreter {self.python}: {error}") from error
            self._answers = queue.SimpleQueue()
            threading.Thread(
                target=_pump, args=(self._process.stdout, self._answers), daemon=True
            ).start()
        return self._process

    def _last_words(self) -> str:
        """Why the worker died, from its standard error; it is started anew at the next question."""
        if self._process:
            self._process.wait()
        text = ""
        if self._noise:
            self._noise.seek(0)
            lines = self._noise.read().decode(errors="replace").strip().splitlines()
            text = f": {lines[-1]}" if lines else ""
        self._stop()
        return text

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream:
                    stream.close()
        if self._noise:
            self._noise.close()
            self._noise = None


def _pump(stream: IO[bytes] | None, answers: queue.SimpleQueue[bytes]) -> None:
    try:
        for line in stream or ():
            answers.put(line)
    except (OSError, ValueError):
        pass  # closed by `_stop`
    answers.put(b"")


def annotations_of(function: Surveyed) -> Iterator[tuple[str, str]]:
    """The annotations of its arguments, quotes taken off. What does not parse is left as it is, for
    the worker to refuse.
    """
    wanted = set(function.arguments)
    for parameter in function.function.parameters:
        if parameter.annotation and parameter.name in wanted:
            text = parameter.annotation
            with contextlib.suppress(*expressions.BROKEN):
                text = ast.unparse(expressions.unquoted(expressions.parse(text)))
            yield parameter.name, text


def _message(error: dict[str, Any], annotation: str) -> str:
    where = f" ({error['path']}:{error['line']})" if "path" in error else ""
    return f"no schema for {annotation}: {error['message']}{where}"
