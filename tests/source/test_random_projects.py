"""Random projects are what they are at run time: every verdict, every schema, byte for byte.

RANDOM_PROJECTS="1000:2000" runs the seeds from 1000 up to 2000 instead of those of the suite.
`python tests/source/random_projects.py SEED FOLDER` writes the project of one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.errors import SchemaError, SourceError
from distilgen.project import Project
from distilgen.source import files, modules
from distilgen.source.functions import survey
from distilgen.source.index import Index
from distilgen.source.resolve import Resolver
from distilgen.source.schema import SchemaWorker
from distilgen.source.verdict import Verdict

if TYPE_CHECKING:
    from distilgen.source.functions import Surveyed
    from tests.source import random_projects

    Row = tuple[str, int, str, str, bool]

_FIRST, _STOP = map(int, os.environ.get("RANDOM_PROJECTS", "0:32").split(":"))
_BATCH = 16
"""So many projects share a process that imports them, and one that makes schemas."""

_HERE = Path(__file__).parent
_POLICY = (
    "an overload", "abstract", "a member of a Protocol", "returns the type variable",
    "an awaitable that something else runs", "an iterator that something else runs",
    "more than a plain Self", "BaseModel itself", "a generator that returns", "cannot find module",
    "has neither self nor cls",
)  # fmt: skip
"""Why a function may be left alone, though its hint has a schema."""


def _generator() -> Any:
    spec = importlib.util.spec_from_file_location("random_projects", _HERE / "random_projects.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Written:
    """A project on disk."""

    seed: int
    root: Path
    made: random_projects.Project

    @property
    def roots(self) -> tuple[Path, ...]:
        return modules.import_roots(self.root)

    @property
    def paths(self) -> list[Path]:
        return [self.root / name for name in sorted(self.made.files) if name.endswith(".py")]


def _write(seeds: range, folder: Path) -> list[Written]:
    found = [Written(seed, folder / str(seed), _generator().make(seed)) for seed in seeds]
    for project in found:
        for name, text in project.made.files.items():
            path = project.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    return found


def _truth(projects: list[Written]) -> dict[str, Any]:
    asked = [[[str(root) for root in item.roots], item.made.modules] for item in projects]
    done = subprocess.run(
        [sys.executable, "-P", "-B", str(_HERE / "random_truth.py")],
        input=json.dumps(asked),
        env={**os.environ, "PYTHONHASHSEED": "0"},
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    truth: dict[str, Any] = json.loads(done.stdout)
    return truth


def _resolver(project: Written) -> Resolver:
    installed = tuple(Path(path) for path in sys.path if Path(path).is_dir())
    return Resolver(Index(project.roots, installed))


def _surveyed(resolver: Resolver, path: Path) -> list[Surveyed]:
    return list(survey(resolver.index.of_file(files.read(path)), resolver))


def _row(item: Surveyed) -> Row:
    function = item.function
    return function.qualname, function.line, function.returns or "", item.reason, item.near


def _wrong(item: Surveyed, truth: dict[str, Any], worker: SchemaWorker) -> str:
    """What is not as it is at run time; empty when all is."""
    near = item.near and not Verdict("other", item.reason).is_lost
    if near != truth["holds"] and not (item.near and truth["holds"]):
        return f"near is {item.near}, {item.reason!r}, and its hint {truth['hint']}"
    if not item.is_candidate:
        left = "schema" in truth and not any(text in item.reason for text in _POLICY)
        return f"left alone: {item.reason}" if left else ""
    try:
        schema = json.dumps(worker.schema_of(item))
    except SchemaError as error:
        return f"{error}; at run time {truth.get('schema', truth.get('why'))}"
    if "schema" not in truth or schema == json.dumps(truth["schema"]):
        return ""  # of what is imported for type checkers only, the running program has no schema
    return f"its schema\n{schema}\nis at run time\n{json.dumps(truth['schema'])}"


_BATCHES = [range(start, min(start + _BATCH, _STOP)) for start in range(_FIRST, _STOP, _BATCH)]


@pytest.mark.parametrize("seeds", _BATCHES, ids=str)
def test_as_at_run_time(seeds: range, tmp_path: Path) -> None:
    projects = _write(seeds, tmp_path)
    truth = _truth(projects)
    assert len(truth["failed"]) < sum(len(item.made.modules) for item in projects) / 4
    wrong = []
    compared = candidates = 0
    roots = [root for item in projects for root in item.roots]
    with SchemaWorker(roots, tmp_path) as worker:
        for project in projects:
            resolver = _resolver(project)
            for path in project.paths:
                for item in _surveyed(resolver, path):
                    known = truth["functions"].get(f"{path}:{item.function.line}", {})
                    if "holds" not in known or item.function.nested:
                        continue
                    compared += 1
                    candidates += item.is_candidate
                    if what := _wrong(item, known, worker):
                        name = f"seed {project.seed}, {path}:{item.function.line}"
                        wrong.append(f"{name}: {item.function.returns}\n{what}")
    assert not wrong, "\n\n".join(wrong)
    assert compared > 20 * len(projects)
    assert candidates > 5 * len(projects)


@pytest.mark.parametrize("seeds", _BATCHES, ids=str)
def test_same_rows_whatever_was_read_before(seeds: range, tmp_path: Path) -> None:
    for project in _write(seeds, tmp_path)[::4]:
        resolver = _resolver(project)
        rows = {path: [_row(item) for item in _surveyed(resolver, path)] for path in project.paths}
        shuffled = project.paths
        random.Random(project.seed).shuffle(shuffled)
        other = _resolver(project)
        for path in shuffled:
            assert [_row(item) for item in _surveyed(other, path)] == rows[path]
            assert [_row(item) for item in _surveyed(_resolver(project), path)] == rows[path]


@pytest.mark.parametrize("seeds", _BATCHES, ids=str)
def test_overviews(seeds: range, tmp_path: Path) -> None:
    """A scan gives every annotated function a row, and, when it looks for Pydantic types only,
    those rows of them; from the cache as well.
    """

    def told(error: SourceError) -> None:
        raise error

    for project in _write(seeds, tmp_path)[::3]:
        resolver = _resolver(project)
        surveyed = {str(path): _surveyed(resolver, path) for path in project.paths}
        rows = {path: [_row(item) for item in found] for path, found in surveyed.items()}
        for found in surveyed.values():
            for item in found:
                assert item.reason or item.near
        for everything in (False, True, True, False):
            with Project.at(project.root, told, sys.executable) as opened:
                overviews = {
                    item.path: [tuple(row) for row in item.rows]
                    for item in opened.overviews([project.root], everything=everything)
                }
            for path, expected in rows.items():
                wanted = [row for row in expected if everything or row[-1]]
                assert overviews.get(path, []) == wanted, (project.seed, path, everything)


_FREEZE = """
import json, random, sys
from pathlib import Path
from distilgen.errors import SchemaError
from distilgen.project import Project
prints = {}
with Project.at(Path(sys.argv[1]), print, sys.executable) as project:
    found = [f for s in project.survey([project.root]) for f in s.functions if f.is_candidate]
    random.Random(int(sys.argv[2])).shuffle(found)
    for item in found:
        try:
            prints[f"{item.name}:{item.function.line}"] = project.freeze(item).fingerprint
        except SchemaError as error:
            prints[f"{item.name}:{item.function.line}"] = str(error)
print(json.dumps(prints, sort_keys=True))
"""


@pytest.mark.parametrize("seed", range(_FIRST, min(_STOP, _FIRST + 3)))
def test_same_fingerprints(seed: int, tmp_path: Path) -> None:
    """Whatever the hash seed is, and whichever function is frozen first."""
    (project,) = _write(range(seed, seed + 1), tmp_path)
    running = [
        subprocess.Popen(
            [sys.executable, "-c", _FREEZE, str(project.root), str(order)],
            env={**os.environ, "PYTHONHASHSEED": str(order)},
            stdout=subprocess.PIPE,
        )
        for order in (1, 2, 3)
    ]
    outputs = []
    for process in running:
        assert process.stdout is not None
        with closing(process.stdout) as output:
            outputs.append(output.read())
        assert process.wait() == 0
    assert json.loads(outputs[0])
    assert outputs[0] == outputs[1] == outputs[2]
