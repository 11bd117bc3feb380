"""The bodies that stubs replaced, and the imports that went with them.

Kept under `.distilgen/originals/`, which is committed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilgen import sides
from distilgen.errors import SourceError
from distilgen.rewrite.pruned import Pruned

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FOLDER = Path(".distilgen/originals")


def path_for(project: Path, module: Path) -> Path:
    """The file that keeps the bodies of a module: its own path below the folder, with `.json`."""
    return project / FOLDER / f"{module.relative_to(project).as_posix()}.json"


@dataclass(frozen=True)
class Kept:
    """What was removed from a module. bodies: by contract name. imports: those that went with them,
    from the top of the file on.
    """

    bodies: dict[str, str]
    imports: tuple[Pruned, ...] = ()


def read(project: Path, module: Path) -> Kept:
    """What was removed from a module, there or gone. The sides of a merge conflict are taken
    together, where they are not at odds. Raises SourceError.
    """
    path = path_for(project, module)
    try:
        text = path.read_text("utf-8")
        both = sides.sides(text)
        if both is None:
            return _parsed(text)
        return _together(*map(_parsed, both))
    except (FileNotFoundError, NotADirectoryError):
        return Kept({})
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        message = f"cannot be read as removed bodies ({error}); take it back from version control"
        raise SourceError(path, message) from error


def _together(ours: Kept, theirs: Kept) -> Kept:
    """Raises ValueError where they are at odds."""
    found = [{"imports": kept.imports} for kept in (ours, theirs) if kept.imports]
    imports = sides.together(found[0], found[-1])["imports"] if found else ()
    return Kept(sides.together(ours.bodies, theirs.bodies), imports)


def _parsed(text: str) -> Kept:
    """Raises ValueError and what else comes of data in another shape."""
    content = json.loads(text)
    bodies = {str(name): _unsealed(item, name) for name, item in content["bodies"].items()}
    rows = _unsealed(content["imports"], "the imports") if "imports" in content else []
    return Kept(bodies, tuple(Pruned(**{**row, "names": tuple(row["names"])}) for row in rows))


def _sealed(value: Any) -> dict[str, Any]:
    """With a digest, so that what is restored is what was removed, and each by itself, so that
    branches merge.
    """
    return {"sha256": _digest(value), "removed": value}


def _unsealed(item: dict[str, Any], name: str) -> Any:
    if item["sha256"] != _digest(item["removed"]):
        raise ValueError(f"{name} was edited by hand")
    return item["removed"]


def modules(project: Path) -> Iterator[Path]:
    """The modules of which bodies were removed. They may have been renamed or deleted since."""
    folder = project / FOLDER
    for path in sorted(folder.rglob("*.json")):
        yield project / path.relative_to(folder).with_suffix("")


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def render(
    project: Path, module: Path, bodies: dict[str, str], pruned: Sequence[Pruned] = ()
) -> bytes:
    """The file's bytes."""
    name = module.relative_to(project).as_posix()
    sealed = {contract: _sealed(body) for contract, body in sorted(bodies.items())}
    content: dict[str, Any] = {"file": name, "bodies": sealed}
    if pruned:
        content["imports"] = _sealed([asdict(item) for item in pruned])
    return (json.dumps(content, indent=2, ensure_ascii=True) + "\n").encode()
