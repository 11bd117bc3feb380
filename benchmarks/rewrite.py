"""What it costs to instrument a big project, beside other tools that rewrite Python.

    python benchmarks/rewrite.py [FOLDER]

The corpus is that of `scan.py`, downloaded into FOLDER where it is not there yet. Times are
CPU-seconds of processes of their own, start-up and children included; memory is a process's peak.

- Rewriting alone: every candidate, with a contract made up; parse, plan, splice and verify. What
  finding the candidates costs is left out, as `scan.py` shows it.
- The command line: scan, freezing the contracts and writing included, as far as what the packages
  import is installed.
- LibCST: its own codemod that changes nothing, over the files concerned.
- bump-pydantic, on fastapi, beside `distilgen instrument` on the same.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

from roundtrip import contract_of
from scan import AST, Cost, corpus, cost, least

from distilgen.project import Project
from distilgen.rewrite import module, steps
from distilgen.source import files

RUNS = 3
BUMP = "bump-pydantic==0.8.0"

PARSE = """
import ast, pathlib, sys
for path in pathlib.Path(sys.argv[1]).read_text().splitlines():
    ast.parse(pathlib.Path(path).read_bytes())
"""


def alone(root: Path, report: Path) -> None:
    """Plan to instrument every candidate of a project; write to `report` what that cost, and the
    files concerned.
    """
    start = time.process_time()  # what the imports cost
    with Project.at(root, lambda _: None) as project:
        before = time.process_time()
        found = [
            (surveys.source.path, [item for item in surveys.functions if item.is_candidate])
            for surveys in project.survey([root])
        ]
        wanted = [
            (path, [(item, contract_of(item)) for item in items]) for path, items in found if items
        ]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        surveyed = time.process_time() - before
        wall = time.perf_counter()
        functions = 0
        for path, chosen in wanted:
            loaded = module.load(root, files.read(path))
            functions += len(steps.instrument(loaded, chosen, lambda _: None).functions)
        wall = time.perf_counter() - wall
    cpu = time.process_time() - surveyed
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
    told = {
        "cost": [cpu, wall + start, (peak + more) / 1024],
        "functions": functions,
        "files": [str(path) for path, _ in wanted],
    }
    report.write_text(json.dumps(told))


def _bump(folder: Path) -> Path:
    """The program, in an environment of its own."""
    python = folder / "bump/bin/python"
    if not python.exists():
        venv.create(folder / "bump", with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", BUMP], check=True)
    return python.with_name("bump-pydantic")


def _copy(project: Path, package: str, folder: Path) -> Path:
    """A copy of one package of the corpus, alone in a new folder."""
    target = folder / f"{package}-{time.time_ns()}"
    shutil.copytree(project / package, target / package)
    (target / "pyproject.toml").touch()
    return target


def _row(label: str, found: Cost, floor: float) -> None:
    print(
        f"{label:56} {found.cpu:8.2f} {found.cpu / floor:7.2f} {found.wall:8.2f} "
        f"{found.memory:6.0f}"
    )


def _of_the_corpus(project: Path, scratch: Path) -> None:
    """Print the table of the corpus."""
    report, listing = scratch / "alone.json", scratch / "files.txt"
    command = [sys.executable, __file__, "--alone", str(project), str(report)]
    codemod = [sys.executable, "-m", "libcst.tool", "codemod", "noop.NOOPCommand", "--jobs", "1"]
    codemod += ["--include-generated", "--hide-progress", "--no-format"]
    rows: dict[str, list[Cost]] = {}
    for _ in range(RUNS):
        subprocess.run(command, check=True)
        told = json.loads(report.read_bytes())
        rows.setdefault("rewriting alone, verified", []).append(Cost(*told["cost"]))
        listing.write_text("\n".join(told["files"]))
        parsing = cost(project, sys.executable, "-c", PARSE, str(listing))
        rows.setdefault("ast.parse of those files", []).append(parsing)
        noop = cost(project, *codemod, *told["files"])
        rows.setdefault("LibCST's codemod that changes nothing, those files", []).append(noop)
    lines = sum(Path(name).read_bytes().count(b"\n") for name in told["files"])
    print(f"{told['functions']:,} candidates in {len(told['files'])} files of {lines:,} lines")
    print(f"{'':56} {'CPU s':>8} {'ratio':>7} {'wall s':>8} {'MB':>6}")
    floor = least(rows["LibCST's codemod that changes nothing, those files"]).cpu
    for label, costs in rows.items():
        _row(label, least(costs), floor)
    _row("ast.parse of every file", cost(project, sys.executable, "-c", AST), floor)
    ours = [sys.executable, "-m", "distilgen"]
    for label, arguments in (
        ("distilgen scan, cold", ["scan"]),
        ("distilgen instrument, contracts frozen", ["instrument", "."]),
        ("distilgen instrument, nothing to do", ["instrument", "."]),
        ("distilgen restore", ["restore", "."]),
    ):
        _row(label, _cost_of_ours(project, *ours, *arguments), floor)


def _cost_of_ours(project: Path, *command: str) -> Cost:
    """What one of our commands costs, whose exit code tells of findings, too."""
    tolerant = "import subprocess, sys; subprocess.run(sys.argv[1:])"
    return cost(project, sys.executable, "-c", tolerant, *command)


def _of_fastapi(project: Path, folder: Path, scratch: Path) -> None:
    """Print the table of fastapi."""
    bump = str(_bump(folder))
    copies = [_copy(project, "fastapi", scratch) for _ in range(2)]
    theirs = cost(copies[0], bump, "fastapi")
    ours = _cost_of_ours(copies[1], sys.executable, "-m", "distilgen", "instrument", "fastapi")
    print(f"\n{'fastapi':56} {'CPU s':>8} {'ratio':>7} {'wall s':>8} {'MB':>6}")
    _row(BUMP, theirs, theirs.cpu)
    _row("distilgen instrument, contracts frozen", ours, theirs.cpu)


def main() -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else name).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        project, scratch = corpus(folder), Path(name).resolve()
        shutil.rmtree(project / ".distilgen", ignore_errors=True)
        _of_the_corpus(project, scratch)
        _of_fastapi(project, folder, scratch)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--alone"]:
        alone(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        main()
