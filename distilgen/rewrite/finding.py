"""What `check` finds: the kinds that there are, and one of them at a place."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

KINDS = {
    "contract-changed": "A contract no longer matches its function",
    "source-changed": "The source that a contract was frozen from changed, and cannot be evaluated",
    "not-comparable": "A contract can be held against its function in no way",
    "contract-edited": "A contract was edited by hand",
    "contract-missing": "A function has no contract in the sidecar",
    "foreign-model": "A function's model was trained for another contract",
    "student-missing": "The file of an embedded student is not there",
    "model-missing": "A function that is to have a model has none",
    "body-missing": "The removed body of a function is not kept",
    "decorator-lost": "A function lost its decorator or its stub",
    "import-lost": "A module uses its sidecar, and does not import it",
    "foreign-sidecar": "A module uses the sidecar of another",
    "lock-differs": "The lock says something else of a function than its sidecar",
    "no-candidate": "A function is no candidate any more",
    "function-gone": "A contract's function is gone",
    "module-gone": "A sidecar's module is gone",
    "merge-conflict": "A file holds a merge conflict",
    "unreadable": "A generated file cannot be read",
    "run-interrupted": "A run of distilgen was interrupted",
    "new-candidate": "Nothing records a candidate",
}
"""By name, as `--format json` and SARIF have it; each has a row in docs/commands.md."""


@dataclass(frozen=True)
class Finding:
    """One drift. kind: one of KINDS. function: its qualified name; empty for one of a file.
    command: what mends it.
    """

    kind: str
    path: Path
    line: int
    function: str
    message: str
    command: str


def command(verb: str, project: Path, path: Path, function: str = "") -> str:
    """`distilgen instrument --only reply src/shop/mail.py`, to be run in the project's folder."""
    only = ["--only", function] if function else []
    words = [*only, shown(project, path)]
    return " ".join(["distilgen", verb, *map(shlex.quote, words)])


def routed(function: str, *options: str) -> str:
    """`distilgen rollout set shop.mail:reply --mode canary`."""
    return " ".join(["distilgen rollout set", *map(shlex.quote, (function, *options))])


def shown(project: Path, path: Path) -> str:
    """A path as commands have it."""
    return (path.relative_to(project) if path.is_relative_to(project) else path).as_posix()


def checkout(project: Path, path: Path) -> str:
    """The command that takes a file back from version control."""
    return f"git checkout HEAD -- {shlex.quote(shown(project, path))}"
