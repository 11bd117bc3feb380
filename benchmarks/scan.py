"""What it costs to scan a big project: cold, warm, and after one change, beside `ast.parse`.

    python benchmarks/scan.py [FOLDER]

The corpus is made of the source of published packages, about 950,000 lines, which are downloaded
from the package registry into FOLDER (default: a temporary folder) where they are not there yet.
Times are CPU-seconds of processes of their own, start-up and children included, the least of
several runs; memory is the process's peak. Beside ours stand `ast.parse` of every file, and ruff
looking for unused imports without its cache.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

PACKAGES = (
    "openai==3.54.0",
    "fastapi==0.165.0",
    "langchain-core==1.8.2",
    "langchain-community==0.4.2",
    "pydantic-ai-slim==2.68.0",
    "instructor==1.17.0",
    "apache-airflow-core==3.3.2",
)
RUNS = 5

AST = """
import ast, pathlib
for path in pathlib.Path(".").rglob("*.py"):
    ast.parse(path.read_bytes())
"""

# A change that others see: a function more in a module that hundreds of files import.
SHARED = "langchain_core/documents/base.py"
# And one that nobody does.
LEAF = "openai/resources/models.py"


class Cost(NamedTuple):
    """cpu: seconds. wall: seconds. memory: peak, MB."""

    cpu: float
    wall: float
    memory: float


def corpus(folder: Path) -> Path:
    """The corpus below a folder, downloaded if need be."""
    project = folder / "corpus"
    if not project.exists():
        wheels = folder / "wheels"
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        subprocess.run([*command, "--dest", str(wheels), *PACKAGES], check=True)
        for wheel in sorted(wheels.glob("*.whl")):
            with zipfile.ZipFile(wheel) as archive:
                archive.extractall(project)
        (project / "pyproject.toml").touch()
    return project


def cost(folder: Path, *command: str) -> Cost:
    """What a command costs."""
    # Of its own process, because peak memory is only told of all children so far.
    script = (
        "import resource, subprocess, sys, time; start = time.perf_counter();"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "wall = time.perf_counter() - start;"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, *command],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return Cost(*map(float, done.stdout.split()))


def least(costs: list[Cost]) -> Cost:
    """The least of each, and the most memory."""
    return Cost(min(c.cpu for c in costs), min(c.wall for c in costs), max(c.memory for c in costs))


def changed(project: Path, name: str, turn: int, scan: list[str]) -> Cost:
    """What a scan costs after a function was added to a file, and the file put back."""
    path = project / name
    before = path.read_bytes()
    path.write_bytes(before + f"\n\ndef added_{turn}() -> str:\n    return ''\n".encode())
    try:
        return cost(project, *scan)
    finally:
        path.write_bytes(before)
        subprocess.run(scan, cwd=project, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else name).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        project = corpus(folder)
        os.chdir(project)
        files = list(project.rglob("*.py"))
        lines = sum(path.read_bytes().count(b"\n") for path in files)
        scan = [sys.executable, "-m", "distilgen", "scan"]
        ruff = [sys.executable, "-m", "ruff", "check", "--no-cache", "--isolated", "--quiet"]
        ruff += ["--select", "F401", "--exit-zero", "--config", "respect-gitignore=false"]
        rows: dict[str, list[Cost]] = {}
        for turn in range(RUNS):
            rows.setdefault("ast.parse of every file", []).append(
                cost(project, sys.executable, "-c", AST)
            )
            shutil.rmtree(project / ".distilgen", ignore_errors=True)
            rows.setdefault("distilgen scan, cold", []).append(cost(project, *scan))
            rows.setdefault("distilgen scan, warm", []).append(cost(project, *scan))
            for label, path in (("a leaf", LEAF), ("a module of many", SHARED)):
                rows.setdefault(f"distilgen scan, one file changed: {label}", []).append(
                    changed(project, path, turn, scan)
                )
            rows.setdefault("ruff F401, no cache", []).append(cost(project, *ruff))
        said = subprocess.run(scan, cwd=project, check=True, capture_output=True, text=True).stdout
        print(f"{len(files):,} files, {lines:,} lines; {said.splitlines()[-1]}")
        print(f"{'':48} {'CPU s':>7} {'ratio':>7} {'wall s':>7} {'MB':>5}")
        floor = least(rows["ast.parse of every file"]).cpu
        for row, costs in rows.items():
            found = least(costs)
            print(
                f"{row:48} {found.cpu:7.2f} {found.cpu / floor:7.2f} {found.wall:7.2f} "
                f"{found.memory:5.0f}"
            )


if __name__ == "__main__":
    main()
