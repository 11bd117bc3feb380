"""The environment that a project runs in: where its interpreter finds packages."""

from __future__ import annotations

import ast
import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from distilgen.errors import ConfigError

_SECONDS = 60


def packages_of(python: str, cache: Path) -> tuple[Path, ...]:
    """The folders in which an interpreter finds packages, in its order: of `sys.path`, to which
    `.pth` files have added theirs, and after those the ones of editable installs.

    cache: a folder to remember the answers of other interpreters in. Raises ConfigError.
    """
    if Path(python) == Path(sys.executable):
        paths = sys.path if sys.flags.safe_path else sys.path[1:]  # not the folder of the program
        paths = [*paths, *_editable(paths)]
    else:
        paths = _remembered(python, cache)
    return tuple(Path(path) for path in paths if path and Path(path).is_dir())


def _remembered(python: str, cache: Path) -> list[str]:
    place = cache / "interpreter.json"
    key = [python, os.environ.get("PYTHONPATH", ""), *_signs(python)]
    with suppress(OSError, ValueError, TypeError):
        kept, paths, times = json.loads(place.read_text("utf-8"))
        if kept == key and times == _times(paths):
            return [str(path) for path in paths]
    found = _asked(python)
    found += _editable(found)
    with suppress(OSError):
        cache.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps([key, found, _times(found)]), "utf-8")
    return found


def _editable(paths: list[str]) -> list[str]:
    """The folders of packages that finders of setuptools' find, which no `sys.path` names: each has
    a table, `MAPPING`, of a package's name and its folder.
    """
    found: dict[str, None] = {}
    for finder in sorted(f for path in paths for f in Path(path).glob("__editable__*_finder.py")):
        with suppress(OSError, SyntaxError, ValueError):
            for statement in ast.parse(finder.read_bytes()).body:
                match statement:
                    case (
                        ast.AnnAssign(target=ast.Name(id="MAPPING"), value=ast.Dict() as table)
                        | ast.Assign(targets=[ast.Name(id="MAPPING")], value=ast.Dict() as table)
                    ):
                        for name, place in ast.literal_eval(table).items():
                            if Path(place).stem == name.rpartition(".")[2]:  # else it was renamed
                                parents = Path(place).parents
                                found[str(parents[name.count(".")])] = None
    return [path for path in found if path not in paths]


def _times(paths: list[str]) -> list[int]:
    """When something was last installed in a folder: that may be a file that names others."""
    return [Path(path).stat().st_mtime_ns if Path(path).exists() else 0 for path in paths]


def _signs(python: str) -> list[str]:
    """What changes when an interpreter is another, or finds its packages elsewhere."""
    signs = []
    for path in (Path(python), Path(python).parent.parent / "pyvenv.cfg"):
        with suppress(OSError):
            stat = path.stat()
            signs.append(f"{path.resolve()} {stat.st_size} {stat.st_mtime_ns}")
    return signs


def _asked(python: str) -> list[str]:
    import subprocess  # noqa: PLC0415 - seldom needed, and a scan with nothing to do is quick

    code = "import json, sys; print(json.dumps(sys.path))"
    try:
        done = subprocess.run(
            [python, "-P", "-c", code], capture_output=True, check=True, timeout=_SECONDS
        )
        found: list[str] = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise ConfigError(f"cannot run the interpreter {python}: {error}") from error
    return found
