"""The bodies that stubs replaced, kept under `.distilgen/originals/`, which is committed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from distilgen.errors import SourceError

FOLDER = Path(".distilgen/originals")


def path_for(project: Path, module: Path) -> Path:
    """The file that keeps the bodies of a module: its own path below the folder, with `.json`."""
    return project / FOLDER / f"{module.relative_to(project).as_posix()}.json"


def read(project: Path, module: Path) -> dict[str, str]:
    """The removed bodies by contract name; none where nothing was removed. Raises SourceError."""
    path = path_for(project, module)
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
        bodies = {str(name): str(text) for name, text in content["bodies"].items()}
        whole = content["sha256"] == _digest(bodies)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        message = f"cannot be read as removed bodies ({error}); take it back from version control"
        raise SourceError(path, message) from error
    if not whole:
        message = "was edited by hand; take it back from version control"
        raise SourceError(path, message)
    return bodies


def _digest(bodies: dict[str, str]) -> str:
    """Of what the file keeps, so that a restored body is the one that was removed."""
    return hashlib.sha256(json.dumps(bodies, sort_keys=True).encode()).hexdigest()


def render(project: Path, module: Path, bodies: dict[str, str]) -> bytes:
    """The file's bytes."""
    name = module.relative_to(project).as_posix()
    content = {"file": name, "sha256": _digest(bodies), "bodies": bodies}
    return (json.dumps(content, indent=2, ensure_ascii=True) + "\n").encode()
