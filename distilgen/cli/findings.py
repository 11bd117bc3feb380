"""What a scan found, in the formats of other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from distilgen.errors import SourceError

    Shown = Callable[[Path], str]


class Finding(NamedTuple):
    """A function with a return annotation.

    path: from the project's folder, with slashes. function: `module:qualname`. reason: why it is
    left alone; empty for a candidate. near: it returns a Pydantic type, or may. contract: the
    fingerprint of the frozen one. mark: plain, recorded or dispatched. model: who answers, if it is
    dispatched.
    """

    path: str
    line: int
    function: str
    returns: str
    reason: str
    near: bool
    contract: str
    mark: str
    model: str

    @property
    def state(self) -> str:
        """In a few words."""
        if self.mark != "plain":
            return f"{self.mark} to {self.model}" if self.model else self.mark
        return f"skipped: {self.reason}" if self.reason else "plain"


def as_json(found: Sequence[Finding], problems: Sequence[SourceError], shown: Shown) -> str:
    """One object: `functions`, and `problems` of files that could not be read."""
    functions = [
        {
            "function": item.function,
            "path": item.path,
            "line": item.line,
            "returns": item.returns,
            "candidate": not item.reason,
            "reason": item.reason or None,
            "state": item.mark,
            "contract": item.contract or None,
            "model": item.model or None,
        }
        for item in found
    ]
    wrong = [
        {"path": shown(Path(error.path)), "line": error.line, "message": error.message}
        for error in problems
    ]
    content = {"version": __version__, "functions": functions, "problems": wrong}
    return json.dumps(content, indent=2, ensure_ascii=False)


def as_github(found: Sequence[Finding], problems: Sequence[SourceError], shown: Shown) -> str:
    """Workflow commands, one line each, which GitHub shows beside the code.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    lines = [
        _command("error", shown(Path(error.path)), error.line or 1, error.message)
        for error in problems
    ]
    lines += [
        _command(
            "notice",
            item.path,
            item.line,
            f"{item.function} returns {item.returns}: {_outcome(item)}",
        )
        for item in found
    ]
    return "\n".join(lines)


def _outcome(item: Finding) -> str:
    return item.state if item.reason or item.mark != "plain" else "candidate"


def _command(kind: str, path: str, line: int, message: str) -> str:
    escaped = _escaped(path).replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} file={escaped},line={line},title=distilgen::{_escaped(message)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


_RULES = {
    "candidate": ("note", "Returns a Pydantic type: can be recorded and dispatched"),
    "skipped": ("note", "Returns a Pydantic type, and is left alone"),
    "other": ("none", "Returns no Pydantic type"),
    "problem": ("error", "Cannot be read"),
}


def as_sarif(found: Sequence[Finding], problems: Sequence[SourceError], shown: Shown) -> str:
    """A log of the static analysis results interchange format.

    https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    rules = [
        {
            "id": name,
            "shortDescription": {"text": text},
            "defaultConfiguration": {"level": level},
        }
        for name, (level, text) in _RULES.items()
    ]
    driver = {"name": "distilgen", "version": __version__, "rules": rules}
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The project's folder"}}},
        "results": list(_results(found, problems, shown)),
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _results(
    found: Sequence[Finding], problems: Sequence[SourceError], shown: Shown
) -> Iterator[Mapping[str, Any]]:
    for error in problems:
        yield _result("problem", error.message, shown(Path(error.path)), error.line or 1)
    for item in found:
        rule = ("skipped" if item.near else "other") if item.reason else "candidate"
        message = f"{item.function} returns {item.returns}: {_outcome(item)}"
        yield _result(rule, message, item.path, item.line)


def _result(rule: str, message: str, path: str, line: int) -> Mapping[str, Any]:
    from urllib.parse import quote  # noqa: PLC0415 - most scans print a table

    place = {
        "artifactLocation": {"uri": quote(path), "uriBaseId": "SRCROOT"},
        "region": {"startLine": line},
    }
    return {
        "ruleId": rule,
        "ruleIndex": list(_RULES).index(rule),
        "level": _RULES[rule][0],
        "message": {"text": message},
        "locations": [{"physicalLocation": place}],
    }


FORMATS: Mapping[str, Callable[[Sequence[Finding], Sequence[SourceError], Shown], str]] = {
    "json": as_json,
    "github": as_github,
    "sarif": as_sarif,
}
