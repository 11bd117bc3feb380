"""What it costs to instrument and restore a real package, beside parsing it.

    python benchmarks/instrument.py

A copy of the installed `openai` package; CPU-seconds of processes of their own, children included,
and the ratio to `ast.parse` of every file. Beside ours stands LibCST, which parses the files that
change and writes them back unchanged.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import openai

AST = """
import ast, pathlib, sys
for path in pathlib.Path(sys.argv[1]).rglob("*.py"):
    ast.parse(path.read_bytes())
"""

LIBCST = """
import pathlib, sys
import libcst
for path in map(pathlib.Path, sys.stdin.read().splitlines()):
    libcst.parse_module(path.read_bytes()).bytes
"""


def seconds(folder: Path, *command: str, given: str = "") -> tuple[float, str]:
    """(CPU-seconds of a command and its children, what it printed)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        input=given,
        capture_output=True,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(Path(openai.__file__).parent, folder / "openai", ignore=ignored)
        (folder / "pyproject.toml").touch()
        files = list((folder / "openai").rglob("*.py"))
        lines = sum(path.read_bytes().count(b"\n") for path in files)
        floor, _ = seconds(folder, "-c", AST, "openai")
        scan, _ = seconds(folder, "-m", "distilgen", "scan", "openai")
        record, said = seconds(folder, "-m", "distilgen", "instrument", "openai")
        again, _ = seconds(folder, "-m", "distilgen", "instrument", "openai")
        sidecars = (folder / "openai").rglob("_*_distil.py")
        changed = [path.with_name(path.name[1 : -len("_distil.py")] + ".py") for path in sidecars]
        codemod, _ = seconds(folder, "-c", LIBCST, given="\n".join(map(str, changed)))
        restore, _ = seconds(folder, "-m", "distilgen", "restore", "openai")
        print(f"openai {openai.__version__}: {len(files)} files, {lines:,} lines;", end=" ")
        print(f"{said.count('instrumented')} functions in {len(changed)} files")
        print(f"{'':44} {'CPU s':>7} {'ratio':>7}")
        rows = {
            "ast.parse of every file": floor,
            "distilgen scan": scan,
            "distilgen instrument, schemas included": record,
            "distilgen instrument, nothing to do": again,
            "LibCST: parse and write the changed files": codemod,
            "distilgen restore": restore,
        }
        for row, spent in rows.items():
            print(f"{row:44} {spent:7.2f} {spent / floor:7.2f}")


if __name__ == "__main__":
    main()
