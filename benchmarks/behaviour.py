"""Do packages pass their own tests when they are instrumented?

    python benchmarks/behaviour.py [--cache FOLDER] [--tests PATH] [--with REQUIREMENT]
                                   [--all] [--select EXPRESSION] [PACKAGE ...]

Of each package the sdist is downloaded from the registry and installed, editable, with what its
tests need, into an environment of its own. Its tests run three times: as it is, with the package
instrumented by the command line (with `--all` its tests and documents, too), and restored. Compared
are the outcomes of the tests one by one, and the files' bytes; and each function that the first run
calls must have left records in the second. Ends with 1 when something differs.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import tomllib
import venv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from distilgen.errors import USAGE
from distilgen.project import Project
from distilgen.records.files import read
from distilgen.records.record import Malformed
from distilgen.runtime.settings import RECORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distilgen.errors import SourceError

PACKAGES = ("fastapi==0.165.0", "pydantic-settings==2.16.3")

CACHE = Path(tempfile.gettempdir()) / "distilgen-behaviour"

_ARGUMENTS = {
    # It runs the documents' examples, and ends pytest with an internal error.
    "pydantic-settings": ["--ignore", "tests/test_docs.py"],
}
"""What pytest is told for some packages."""

_GROUPS = ("tests", "test", "testing", "dev")
"""What groups of requirements and extras are called that tests need."""

_EXTRAS = ("all", "full", "standard")
"""What extras are called that hold what else the tests of a package use."""

_HERE = Path(__file__).resolve().parent
_SECONDS = 1800

Outcomes = dict[str, str]


@dataclass
class Behaviour:
    """What a package did. runs: outcome by test, run by run. called: functions that tests call.
    records: how many each function left. files: that are not what they were when all was restored.
    """

    package: str
    instrumented: list[str] = field(default_factory=list)
    runs: dict[str, Outcomes] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    records: Counter[str] = field(default_factory=Counter)
    malformed: int = 0
    files: list[str] = field(default_factory=list)
    said: str = ""

    @property
    def differences(self) -> list[str]:
        """Tests that do not end as they do before."""
        before = self.runs["before"]
        return [
            f"{run}: {test}: {before.get(test, 'absent')}, then {outcomes.get(test, 'absent')}"
            for run, outcomes in self.runs.items()
            for test in sorted({*before, *outcomes})
            if before.get(test) != outcomes.get(test)
        ]

    @property
    def silent(self) -> list[str]:
        """Instrumented functions that are called, and leave no record."""
        return sorted((self.called & set(self.instrumented)) - set(self.records))

    @property
    def is_good(self) -> bool:
        """Is nothing to be told, and was there something to tell of?"""
        if not self.records or "passed" not in self.runs["before"].values():
            return False
        return not (self.differences or self.silent or self.files or self.malformed)


@dataclass(frozen=True)
class Package:
    """An unpacked sdist, and an environment in which its tests run."""

    name: str
    root: Path
    python: Path

    @classmethod
    def get(cls, requirement: str, cache: Path, extra: Sequence[str]) -> Package:
        """Download, unpack and install, if need be; the files as they were published."""
        name = re.split(r"[=<>~!\[]", requirement)[0]
        folder = cache / requirement
        package = cls(name, folder / "source", folder / "venv/bin/python")
        if not (folder / "archive").exists():
            command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps"]
            command += ["--no-binary", name, "--dest", str(folder / "new"), requirement]
            subprocess.run(command, check=True)
            (folder / "new").rename(folder / "archive")
        shutil.rmtree(package.root, ignore_errors=True)
        (archive,) = (folder / "archive").glob("*.tar.gz")
        with tarfile.open(archive) as opened:
            opened.extractall(folder / "unpacked", filter="data")
        next((folder / "unpacked").iterdir()).rename(package.root)
        if not (folder / "installed").exists():
            package.install(extra)
            (folder / "installed").touch()
        return package

    def install(self, extra: Sequence[str]) -> None:
        """Make the environment. Requirements of tests that cannot be had are told and passed."""
        project = tomllib.loads((self.root / "pyproject.toml").read_text("utf-8"))
        known = project.get("project", {}).get("optional-dependencies", {})
        chosen = ",".join(name for name in _EXTRAS if name in known)
        own = f"{self.root}[{chosen}]" if chosen else str(self.root)
        venv.create(self.python.parents[1], with_pip=True)
        self._pip("--upgrade", "pip")
        wanted = list(_test_requirements(self.root))
        try:
            self._pip("--editable", own, "pytest", *wanted)
        except subprocess.CalledProcessError:
            self._pip("--editable", own, "pytest")
            for one in wanted:
                try:
                    self._pip(one)
                except subprocess.CalledProcessError:
                    print(f"{self.name}: cannot install {one}", file=sys.stderr)
        self._pip("--editable", str(_HERE.parent))
        if extra:
            self._pip(*extra)

    def code(self) -> list[Path]:
        """Where the package's own modules are, without tests and documents."""
        module = self.name.replace("-", "_").removesuffix("_slim")
        for folder in (self.root / "src", self.root):
            if (folder / module).is_dir():
                return [folder / module]
        if (self.root / "src").is_dir():
            return [self.root / "src"]
        return [
            path.parent
            for path in self.root.glob("*/__init__.py")
            if path.parent.name not in ("tests", "docs", "docs_src", "scripts", "examples")
        ]

    def run_tests(self, tests: str, arguments: Sequence[str], **variables: str) -> Outcomes:
        """The outcome of each test, by its name."""
        report = self.root.parent / "report.xml"
        report.unlink(missing_ok=True)
        command = [str(self.python), "-m", "pytest", "-q", "--junitxml", str(report), *arguments]
        command += ["-p", "no:cacheprovider", "-p", "no:randomly", tests]
        environment = {
            key: value for key, value in os.environ.items() if not key.startswith("DISTILGEN_")
        }
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**environment, "PYTHONDONTWRITEBYTECODE": "1", **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        (self.root.parent / f"log-{time.time_ns()}.txt").write_text(done.stdout)
        if done.returncode > 2 or not report.exists():
            raise RuntimeError(f"{self.name}: pytest did not finish:\n{done.stdout[-3000:]}")
        return dict(_outcomes(ET.parse(report)))

    def distilgen(self, *arguments: str) -> str:
        """What our command line says. Raises RuntimeError where it ends in an error of its own."""
        done = subprocess.run(
            [str(self.python), "-m", "distilgen", *arguments],
            cwd=self.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if "Traceback (most recent call last)" in done.stdout or done.returncode == USAGE:
            raise RuntimeError(f"{self.name}: distilgen failed:\n{done.stdout[-3000:]}")
        return done.stdout

    def files(self) -> dict[str, bytes]:
        """The source files and whatever is generated beside them."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
            and (path.suffix == ".py" or "originals" in path.parts)
            and "__pycache__" not in path.parts
        }

    def _pip(self, *requirements: str) -> None:
        subprocess.run([str(self.python), "-m", "pip", "install", "-q", *requirements], check=True)


def _test_requirements(root: Path) -> Iterator[str]:
    """What a package's metadata and files say that its tests need."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    groups = project.get("dependency-groups", {})
    extras = project.get("project", {}).get("optional-dependencies", {})
    found = next((name for name in _GROUPS if name in groups), None)
    if found:
        yield from _flat(groups, found)
    else:
        yield from next((extras[name] for name in _GROUPS if name in extras), [])


def _flat(groups: dict[str, Any], name: str) -> Iterator[str]:
    for item in groups[name]:
        if isinstance(item, str):
            yield item
        else:
            yield from _flat(groups, item["include-group"])


def _outcomes(report: ET.ElementTree[ET.Element]) -> Iterator[tuple[str, str]]:
    seen: Counter[str] = Counter()
    for case in report.iter("testcase"):
        name = f"{case.get('classname')}::{case.get('name')}"
        name = re.sub(r"0x[0-9a-f]{6,}", "0x", name)
        seen[name] += 1
        kinds = {child.tag for child in case} & {"failure", "error", "skipped"}
        yield f"{name}#{seen[name]}", "+".join(sorted(kinds)) or "passed"


def behaviour(
    package: Package, tests: str, arguments: Sequence[str], *, everywhere: bool
) -> Behaviour:
    """Run the tests of a package three times."""
    result = Behaviour(package.name)
    own = package.root.parent
    targets = [package.root] if everywhere else package.code()
    known = _candidates(package, targets)
    before = package.files()
    watched, called = own / "watched.json", own / "called.json"
    watched.write_text(json.dumps(list(known)))
    records = own / "records"
    shutil.rmtree(records, ignore_errors=True)
    result.runs["before"] = package.run_tests(
        tests,
        ["-p", "behaviour_at_runtime", *arguments],
        PYTHONPATH=str(_HERE),
        DISTILGEN_WATCHED=str(watched),
        DISTILGEN_CALLED=str(called),
    )
    result.called = {known[file, name] for file, name in json.loads(called.read_text())}
    result.said = package.distilgen("instrument", *map(str, targets))
    result.instrumented = re.findall(r"^instrumented: (\S+)", result.said, re.MULTILINE)
    result.runs["instrumented"] = package.run_tests(
        tests, arguments, DISTILGEN_RECORDS=str(records)
    )
    # Tests that clear the environment before the first call send records below the folder.
    for folder in (records, package.root / RECORDS):
        for record in read(folder):
            if isinstance(record, Malformed):
                result.malformed += 1
            else:
                result.records[record.function] += 1
    package.distilgen("restore", ".")
    after = package.files()
    result.files = sorted(n for n in {*before, *after} if before.get(n) != after.get(n))
    result.runs["restored"] = package.run_tests(tests, arguments)
    return result


def _candidates(package: Package, targets: Sequence[Path]) -> dict[tuple[str, str], str]:
    """The names of the functions that may be instrumented, by file and qualified name."""

    def told(error: SourceError) -> None:
        print(error, file=sys.stderr)

    with Project.at(package.root, told, str(package.python)) as project:
        return {
            (str(surveys.source.path), item.function.qualname): item.name
            for surveys in project.survey(targets)
            for item in surveys.functions
            if item.is_candidate
        }


def report(result: Behaviour) -> None:
    """Print what a package did."""
    print(f"\n{result.package}: {len(result.instrumented)} functions instrumented, of which the")
    called = result.called & set(result.instrumented)
    print(f"tests call {len(called)}; {result.records.total():,} records", end=" ")
    print(f"of {len(result.records)} functions, {result.malformed} malformed")
    if not result.records or not result.runs["before"]:
        print("NOTHING TO COMPARE: no function is called, or no test runs")
    print(f"{'':14} {'passed':>8} {'failed':>8} {'error':>8} {'skipped':>8}")
    for run, outcomes in result.runs.items():
        counts = Counter(outcomes.values())
        row = [counts[kind] for kind in ("passed", "failure", "error", "skipped")]
        print(f"{run:14} " + " ".join(f"{count:8,}" for count in row))
    for name, count in result.records.most_common():
        print(f"    {count:7,} {name}")
    for name in result.silent:
        print(f"CALLED, NO RECORD {name}")
    for text in result.differences:
        print(f"DIFFERENT {text}")
    for text in result.files:
        print(f"NOT RESTORED {text}")


def main() -> int:
    """Print a table for each package."""
    parser = argparse.ArgumentParser()
    parser.add_argument("packages", nargs="*", default=PACKAGES)
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--tests", default="tests")
    parser.add_argument("--with", dest="extra", action="append", default=[])
    parser.add_argument("--all", dest="everywhere", action="store_true")
    parser.add_argument("--select", help="what pytest's -k takes")
    options = parser.parse_args()
    good = True
    for requirement in options.packages:
        package = Package.get(requirement, options.cache.resolve(), options.extra)
        arguments = _ARGUMENTS.get(package.name, [])
        arguments += ["-k", options.select] if options.select else []
        result = behaviour(package, options.tests, arguments, everywhere=options.everywhere)
        report(result)
        print(*re.findall(r"^(?!instrumented: ).+", result.said, re.MULTILINE), sep="\n")
        good &= result.is_good
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
