"""What a scan found, in the formats of other programs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from distilgen import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from distilgen.errors import SourceError

    Shown = Callable[[Path], str]


class Finding(NamedTuple):
    """A function with a return annotation.

    path: from the project's folder, with slashes. function: `module:qualname`. reason: why it is
    left alone; empty for a candidate. near: it returns a Pydantic type, or may. contract: the
    fingerprint of the frozen one. mark: plain, or a state of `lock.State`. model: who is asked.
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
    content = {
        "version": __version__,
        "functions": functions,
        "problems": unread(problems, shown),
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def unread(problems: Sequence[SourceError], shown: Shown) -> list[dict[str, Any]]:
    """What could not be read, as JSON has it."""
    return [
        {"path": shown(Path(error.path)), "line": error.line, "message": error.message}
        for error in problems
    ]


def as_github(found: Sequence[Finding], problems: Sequence[SourceError], shown: Shown) -> str:
    """Workflow commands, one line each, which GitHub shows beside the code."""
    return workflow_commands([
        *wrong(problems, shown),
        *(
            Result("notice", item.path, item.line,
                   f"{item.function} returns {item.returns}: {_outcome(item)}")
            for item in found
        ),
    ])  # fmt: skip


class Result(NamedTuple):
    """One line of what a command has to say. rule: its kind. path: from the project's folder."""

    rule: str
    path: str
    line: int
    message: str
    title: str = "distilgen"


def wrong(problems: Sequence[SourceError], shown: Shown) -> list[Result]:
    """What is told of files that cannot be read."""
    return [
        Result(PROBLEM, shown(Path(error.path)), error.line or 1, error.message)
        for error in problems
    ]


def workflow_commands(results: Sequence[Result]) -> str:
    """Results as workflow commands; what is no notice is an error.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
    """
    lines = []
    for item in results:
        place = f"file={_property(item.path)},line={item.line},title={_property(item.title)}"
        kind = "notice" if item.rule == "notice" else "error"
        lines.append(f"::{kind} {place}::{_escaped(item.message)}")
    return "\n".join(lines)


def _outcome(item: Finding) -> str:
    return item.state if item.reason or item.mark != "plain" else "candidate"


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


PROBLEM = "problem"
_RULES = {
    "candidate": ("note", "Returns a Pydantic type: can be recorded and dispatched"),
    "skipped": ("note", "Returns a Pydantic type, and is left alone"),
    "other": ("none", "Returns no Pydantic type"),
    PROBLEM: ("error", "Cannot be read"),
}


def as_sarif(found: Sequence[Finding], problems: Sequence[SourceError], shown: Shown) -> str:
    """A log of the static analysis results interchange format."""
    results = wrong(problems, shown)
    for item in found:
        rule = ("skipped" if item.near else "other") if item.reason else "candidate"
        message = f"{item.function} returns {item.returns}: {_outcome(item)}"
        results.append(Result(rule, item.path, item.line, message))
    return sarif(_RULES, results)


def sarif(rules: Mapping[str, tuple[str, str]], results: Sequence[Result], page: str = "") -> str:
    """A SARIF log. rules: (level, description) by name. page: where they are described.

    https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    described = [
        {
            "id": name,
            "shortDescription": {"text": text},
            "defaultConfiguration": {"level": level},
            **({"helpUri": f"{page}#{name}"} if page else {}),
        }
        for name, (level, text) in rules.items()
    ]
    driver = {"name": "distilgen", "version": __version__, "rules": described}
    run = {
        "tool": {"driver": driver},
        "originalUriBaseIds": {"SRCROOT": {"description": {"text": "The project's folder"}}},
        "results": [_result(rules, item) for item in results],
    }
    schema = "https://json.schemastore.org/sarif-2.1.0.json"
    return json.dumps({"$schema": schema, "version": "2.1.0", "runs": [run]}, indent=2)


def _result(rules: Mapping[str, tuple[str, str]], item: Result) -> Mapping[str, Any]:
    from urllib.parse import quote  # noqa: PLC0415 - most scans print a table

    place = {
        "artifactLocation": {"uri": quote(item.path), "uriBaseId": "SRCROOT"},
        "region": {"startLine": item.line},
    }
    return {
        "ruleId": item.rule,
        "ruleIndex": list(rules).index(item.rule),
        "level": rules[item.rule][0],
        "message": {"text": item.message},
        "locations": [{"physicalLocation": place}],
    }


FORMATS: Mapping[str, Callable[[Sequence[Finding], Sequence[SourceError], Shown], str]] = {
    "json": as_json,
    "github": as_github,
    "sarif": as_sarif,
}
