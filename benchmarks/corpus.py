"""Can the rewriting be trusted with anyone's code? Packages from the registry, there and back.

    python benchmarks/corpus.py [--every] [--jobs N] [--cache FOLDER] [PACKAGE ...]

The wheels of PACKAGES and the running Python's standard library are copied into a temporary folder,
and every module goes the way of `roundtrip.py`: instrument, again, restore; dispatch, again,
restore. Taken are the candidates, with contracts made up; with `--every` all functions, those
without a return annotation given one first. Downloads stay in the cache (default: a folder below
the system's temporary one). Ends with 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import random
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from roundtrip import STEPS, Trip, Which, annotated, travel

from distilgen.errors import SourceError
from distilgen.source.index import Index
from distilgen.source.resolve import Resolver

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PACKAGES = (
    "aiogram==3.31.0", "aiohttp==3.14.5", "anthropic==2.12.0", "apache-airflow-core==3.3.2",
    "astroid==4.3.4", "attrs==26.1.0", "autogen-core==0.7.5", "babel==2.18.0", "black==26.10.1",
    "bokeh==3.10.2", "click==8.5.1", "cohere==7.3.1", "crewai==1.15.30", "dagster==1.13.29",
    "django==6.1.3", "docutils==0.23", "fastapi==0.165.0", "flask==3.1.3", "google-genai==3.4.0",
    "groq==1.7.0", "httpx==0.28.1", "hypothesis==6.170.15", "inspect-ai==0.3.285",
    "instructor==1.17.0", "ipython==9.18.1", "jedi==0.20.1", "jinja2==3.1.6",
    "langchain-community==0.4.2", "langchain-core==1.8.2", "libcst==1.9.0", "litestar==2.25.0",
    "llama-index-core==0.14.25", "mcp==2.3.0", "mistralai==3.7.0", "mypy==2.4.1",
    "nox==2026.10.20", "numpy==2.4.6", "openai==3.54.0", "opentelemetry-sdk==1.45.2",
    "parso==0.8.7", "pip==26.3", "poetry==2.5.1", "prefect==3.9.1", "pydantic==2.14.3",
    "pydantic-ai-slim==2.68.0", "pydantic-settings==2.16.3", "pygments==2.21.0", "pylint==4.1.4",
    "pytest==9.2.0", "requests==2.34.2", "rich==15.0.0", "scikit-learn==1.9.1", "scrapy==2.19.0",
    "semantic-kernel==1.45.0", "setuptools==84.2.1", "sphinx==9.2.0", "sqlalchemy==2.1.9",
    "sqlglot==30.30.0", "sqlmodel==0.0.50", "starlette==1.10.0", "twisted==26.10.0",
    "typer==0.29.2", "urllib3==2.8.0", "werkzeug==3.1.9",
)  # fmt: skip

CACHE = Path(tempfile.gettempdir()) / "distilgen-corpus"

_CHUNK = 100
"""So many files share what is known about other modules."""

_BIG = 30_000
"""Bytes of files that are left out of a sample."""

_KINDS = {
    "does not compile": "compile failures",
    "a second": "second-pass changes",
}
_OTHER = "differences"


@dataclass
class Tally:
    """What became of many files. whole: files that both came back, by step. problems: with the
    file. strange: files that this Python does not take.
    """

    files: int = 0
    lines: int = 0
    modules: int = 0
    strange: int = 0
    seconds: float = 0.0
    trip: Trip = field(default_factory=Trip)
    problems: list[tuple[str, str]] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count another's too."""
        for name in ("files", "lines", "modules", "strange", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.problems += other.problems
        self.trip.add(other.trip)


def wheels(packages: Sequence[str], cache: Path) -> list[Path]:
    """The wheels of packages, downloaded if need be."""
    cache.mkdir(parents=True, exist_ok=True)
    missing = [name for name in packages if not list(cache.glob(_pattern(name)))]
    if missing:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--only-binary", ":all:", "--ignore-requires-python", "--dest", str(cache)]
        subprocess.run([*command, *missing], check=True)
    return [next(cache.glob(_pattern(name))) for name in packages]


def unpack(archives: Iterable[Path], root: Path, *, stdlib: bool = True) -> None:
    """The source of wheels and of the standard library as one project at `root`."""
    for archive in archives:
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(root, [n for n in opened.namelist() if n.endswith((".py", ".pyi"))])
    if stdlib:
        shutil.copytree(
            sysconfig.get_path("stdlib"),
            root / "stdlib",
            ignore=shutil.ignore_patterns(
                "site-packages", "__pycache__", "*.so", "*.a", "config-*"
            ),
            symlinks=True,
        )
    (root / "pyproject.toml").touch()


def sample(folders: Iterable[Path], size: int) -> list[tuple[Path, Path]]:
    """(folder, file in it) of some files with functions, none of them big; the same ones wherever
    they are.
    """
    found = {
        hashlib.sha256(path.relative_to(folder).as_posix().encode()).hexdigest(): (folder, path)
        for folder in folders
        for path in folder.rglob("*.py")
        if "site-packages" not in path.relative_to(folder).parts
        and path.stat().st_size < _BIG
        and b"def " in path.read_bytes()
    }
    return [found[key] for key in sorted(found)[:size]]


def run(root: Path, paths: Sequence[Path], *, every: bool) -> Tally:
    """Send files of a project on their way."""
    tally, start = Tally(), time.process_time()
    resolver = Resolver(Index((root, root / "stdlib")))
    for path in paths:
        raw = path.read_bytes()
        tally.files += 1
        tally.lines += raw.count(b"\n")
        try:
            trip = _trip(root, path, resolver, "all" if every else "candidates")
        except SourceError:
            tally.strange += 1
        except Exception:  # noqa: BLE001 - whatever it is, it is a bug of ours, and to be told
            tally.problems.append((str(path.relative_to(root)), traceback.format_exc()))
        else:
            tally.modules += trip.functions > 0
            tally.problems += [(str(path.relative_to(root)), said) for said in trip.problems]
            tally.trip.add(trip)
        finally:
            path.write_bytes(raw)
    tally.seconds = time.process_time() - start
    return tally


def _trip(root: Path, path: Path, resolver: Resolver, which: Which) -> Trip:
    if which == "all":
        path.write_bytes(annotated(path.read_bytes(), path))
    return travel(root, path, resolver, which)


def _pattern(requirement: str) -> str:
    name, _, version = requirement.partition("==")
    return f"{name.replace('-', '_')}-{version}-*.whl"


def report(tally: Tally) -> None:
    """Print the table, and what was refused and broken."""
    trip = tally.trip
    print(
        f"{tally.files:,} files, {tally.lines:,} lines, of which {tally.strange:,} files do not "
        f"parse here; {trip.functions:,} functions in {tally.modules:,} files; "
        f"{tally.seconds:,.0f} CPU-seconds"
    )
    print(f"{'':24} {'instrument':>12} {'dispatch':>12}")
    rows = {
        "functions taken": trip.taken,
        "functions refused": _sum((step, count) for (step, _), count in trip.refusals.items()),
        "files that changed": trip.changed,
        "restored byte for byte": trip.restored,
        **{
            kind: _sum((_step(said), 1) for _, said in tally.problems if _kind(said) == kind)
            for kind in (*_KINDS.values(), _OTHER)
        },
    }
    for label, counts in rows.items():
        print(f"{label:24} " + " ".join(f"{counts[step]:12,}" for step in STEPS))
    for (step, reason), count in sorted(trip.refusals.items(), key=lambda item: -item[1]):
        print(f"refused, {step}: {count:,} times {reason}\n    {trip.examples[step, reason]}")
    for path, said in tally.problems:
        print(f"BROKEN {path}: {said}")


def _sum(items: Iterable[tuple[str, int]]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for name, count in items:
        counts[name] += count
    return counts


def _step(problem: str) -> str:
    return problem.partition(":")[0]


def _kind(problem: str) -> str:
    said = problem.partition(": ")[2]
    return next((kind for start, kind in _KINDS.items() if said.startswith(start)), _OTHER)


def main() -> int:
    """Print what became of the corpus."""
    parser = argparse.ArgumentParser()
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--every", action="store_true")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    tally = Tally()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        unpack(wheels(options.packages, options.cache), root)
        paths = sorted(root.rglob("*.py"))
        chunks = [paths[at : at + _CHUNK] for at in range(0, len(paths), _CHUNK)]
        random.Random(1).shuffle(chunks)
        with multiprocessing.Pool(options.jobs, maxtasksperchild=4) as pool:
            work = pool.imap_unordered(partial(run, root, every=options.every), chunks)
            for number, part in enumerate(work, 1):
                tally.add(part)
                for path, said in part.problems:
                    print(f"BROKEN {path}: {said}", file=sys.stderr)
                count, lost = tally.trip.functions, sum(tally.trip.refusals.values())
                row = f"{number} of {len(chunks)}: {tally.files:,} files, {tally.lines:,} lines"
                row += f", {count:,} functions, {lost:,} refusals, {len(tally.problems)} broken"
                print(row, file=sys.stderr, flush=True)
    report(tally)
    return int(bool(tally.problems))


if __name__ == "__main__":
    sys.exit(main())
