"""Are sorted imports still sorted when a module was instrumented?

    python benchmarks/import_order.py [--every] [--cache FOLDER] [--show N] [PACKAGE ...]

The packages of `corpus.py` as one project. Of the files that ruff's I001 and isort, both with their
default settings, leave alone, it is counted how many they would change after every candidate (with
`--every` every function with a return annotation) was instrumented.
"""

from __future__ import annotations

import argparse
import difflib
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from corpus import CACHE, PACKAGES, unpack, wheels
from roundtrip import contract_of, surveyed

from distilgen.errors import SourceError
from distilgen.rewrite import module, steps
from distilgen.source import files
from distilgen.source.index import Index
from distilgen.source.resolve import Resolver

if TYPE_CHECKING:
    from collections.abc import Sequence

_MANY = 200
"""So many files share what is known about other modules, and a call of a tool."""


def instrumented(root: Path, paths: Sequence[Path], *, every: bool) -> dict[Path, bytes]:
    """The bytes before, by file, of those that could be instrumented and now are."""
    resolver = Resolver(Index((root,)))
    changed = {}
    for path in paths:
        try:
            source = files.read(path)
            found = surveyed(source, resolver, "annotated" if every else "candidates")
            wanted = [(item, contract_of(item)) for item in found if item.is_candidate]
            if not wanted:
                continue
            planned = steps.instrument(module.load(root, source), wanted, lambda _: None)
        except SourceError:
            continue
        for change in planned.changes:
            if change.after is not None:
                change.path.write_bytes(change.after)
        changed[path] = source.raw
    return changed


def unsorted_by_ruff(root: Path, paths: Sequence[Path]) -> set[Path]:
    """The files in which ruff finds imports that are not sorted."""
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--no-cache",
        "--select",
        "I001",
    ]
    command += ["--output-format", "json", "--exit-zero", "--config", "respect-gitignore=false"]
    found: set[Path] = set()
    for at in range(0, len(paths), _MANY):
        names = [str(path) for path in paths[at : at + _MANY]]
        said = subprocess.run(
            [*command, *names], cwd=root, check=True, capture_output=True, text=True
        ).stdout
        found |= {Path(item["filename"]) for item in json.loads(said)}
    return found


def unsorted_by_isort(root: Path, paths: Sequence[Path]) -> set[Path]:
    """The files that isort would change."""
    command = [sys.executable, "-m", "isort", "--check-only", "--settings-path", str(root)]
    found: set[Path] = set()
    for at in range(0, len(paths), _MANY):
        names = [str(path) for path in paths[at : at + _MANY]]
        said = subprocess.run(
            [*command, *names], cwd=root, check=False, capture_output=True, text=True
        ).stderr
        found |= {
            Path(line.removeprefix("ERROR: ").partition(" Imports are")[0])
            for line in said.splitlines()
            if line.startswith("ERROR: ") and "Imports are" in line
        }
    return found


def _difference(before: bytes, after: bytes) -> str:
    """The place of our import."""
    old, new = (raw.decode("latin-1").splitlines() for raw in (before, after))
    lines = list(difflib.unified_diff(old, new, lineterm="", n=4))[2:]
    stop = next((n for n, line in enumerate(lines) if n and line.startswith("@@")), len(lines))
    return "\n".join(f"    {line}" for line in lines[:stop])


def main() -> None:
    """Print the counts and some examples."""
    parser = argparse.ArgumentParser()
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--show", type=int, default=3)
    options = parser.parse_args()
    tools = {"ruff": unsorted_by_ruff, "isort": unsorted_by_isort}
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        unpack(wheels(options.packages, options.cache), root, stdlib=False)
        paths = sorted(root.rglob("*.py"))
        changed: dict[Path, bytes] = {}
        for at in range(0, len(paths), _MANY):
            changed |= instrumented(root, paths[at : at + _MANY], every=options.every)
        after = {path: path.read_bytes() for path in changed}
        print(f"{len(changed):,} of {len(paths):,} files instrumented")
        print(f"{'':8} {'sorted before':>14} {'not after':>10}")
        worse: dict[str, list[Path]] = {}
        for label, unsorted in tools.items():
            for path, raw in changed.items():
                path.write_bytes(raw)
            clean = sorted(changed.keys() - unsorted(root, list(changed)))
            for path in changed:
                path.write_bytes(after[path])
            worse[label] = sorted(unsorted(root, clean))
            print(f"{label:8} {len(clean):14,} {len(worse[label]):10,}")
        for label, broken in worse.items():
            tops = Counter(path.relative_to(root).parts[0] for path in broken)
            print(f"\n{label}: {', '.join(f'{top} {count}' for top, count in tops.most_common())}")
            for path in broken[:: max(1, len(broken) // max(1, options.show))][: options.show]:
                print(f"{path.relative_to(root)}\n{_difference(changed[path], after[path])}")


if __name__ == "__main__":
    main()
