"""The bodies that stubs replaced, and the imports that went with them.

Kept under `.distilgen/originals/`, which is committed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilgen.errors import SourceError
from distilgen.rewrite.pruned import Pruned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER = Path(".distilgen/originals")


def path_for(project: Path, module: Path) -> Path:
    """The file that keeps the bodies of a module: its own path below the folder, with `.json`."""
    return project / FOLDER / f"{module.relative_to(project).as_posix()}.json"


def read(project: Path, module: Path) -> dict[str, str]:
    """The removed bodies by contract name; none where nothing was removed. Raises SourceError."""
    return _content(project, module)[0]


def imports(project: Path, module: Path) -> tuple[Pruned, ...]:
    """The imports that went with them, from the top of the file on. Raises SourceError."""
    return _content(project, module)[1]


def _content(project: Path, module: Path) -> tuple[dict[str, str], tuple[Pruned, ...]]:
    path = path_for(project, module)
    if not path.exists():
        return {}, ()
    try:
        content = json.loads(path.read_text("utf-8"))
        bodies = {str(name): str(text) for name, text in content["bodies"].items()}
        rows = content.get("imports", [])
        pruned = tuple(Pruned(**{**row, "names": tuple(row["names"])}) for row in rows)
        whole = content["sha256"] == _digest(bodies, pruned)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        message = f"cannot be read as removed bodies ({error}); take it back from version control"
        raise SourceError(path, message) from error
    if not whole:
        message = "was edited by hand; take it back from version control"
        raise SourceError(path, message)
    return bodies, pruned


def read_all(project: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """(module, its removed bodies) for every module of the project that has any, or had: it may
    have been renamed or deleted since. Raises SourceError.
    """
    folder = project / FOLDER
    for path in sorted(folder.rglob("*.json")):
        module = project / path.relative_to(folder).with_suffix("")
        yield module, read(project, module)


def _digest(bodies: dict[str, str], pruned: Sequence[Pruned]) -> str:
    """Of what the file keeps, so that what is restored is what was removed."""
    kept = [bodies, [asdict(item) for item in pruned]] if pruned else bodies
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def render(
    project: Path, module: Path, bodies: dict[str, str], pruned: Sequence[Pruned] = ()
) -> bytes:
    """The file's bytes."""
    name = module.relative_to(project).as_posix()
    content: dict[str, Any] = {
        "file": name,
        "sha256": _digest(bodies, pruned),
        "bodies": bodies,
    }
    if pruned:
        content["imports"] = [asdict(item) for item in pruned]
    return (json.dumps(content, indent=2, ensure_ascii=True) + "\n").encode()
