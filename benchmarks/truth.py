"""The analysis against the truth: packages that are imported, and what their annotations then are.

    python benchmarks/truth.py [--cache FOLDER] [PACKAGE ...]

Needs a package registry. Of each package an environment is made, with pip; its source is copied
into a project of its own and surveyed, and in a process of that environment every module is
imported. Compared are, by function: does it return a Pydantic type (precision, recall), and the
schema with that of `TypeAdapter(hint).json_schema()`, key order included.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilgen.errors import SchemaError, SourceError
from distilgen.project import Project
from distilgen.source.schema import SchemaWorker
from distilgen.source.verdict import Verdict

if TYPE_CHECKING:
    from distilgen.source.functions import Surveyed

PACKAGES = (
    "openai", "fastapi", "langchain-core", "mcp", "anthropic", "pydantic-ai-slim", "instructor",
    "sqlmodel", "pydantic-settings", "groq", "cohere", "mistralai", "google-genai",
    "qdrant-client", "weaviate-client", "datamodel-code-generator", "polyfactory",
    "fastapi-users", "beanie", "prefect", "ormar", "a2a-sdk", "openai-agents", "langsmith",
    "docling-core", "chromadb", "llama-index-core", "together", "guardrails-ai", "crewai",
    "letta-client", "elevenlabs", "browser-use", "unstructured-client",
    "inspect-ai", "langgraph", "ollama", "pyiceberg", "sigstore", "aiogram", "nonebot2", "dspy",
    "bentoml", "dagster", "marvin", "mirascope", "autogen-core", "llama-cloud", "portkey-ai",
    "firecrawl-py", "atomic-agents", "logfire", "fastui", "django-ninja",
    "scim2-models", "stac-pydantic", "geojson-pydantic", "redis-om", "hatchet-sdk", "litestar",
    "openapi-python-client", "griptape", "dlt", "cloudflare", "openapi-pydantic", "copier",
    "conda-lock", "semantic-router", "pydantic-xml", "mem0ai", "hume", "label-studio-sdk",
)  # fmt: skip

_RUNTIME = Path(__file__).with_name("truth_at_runtime.py")


@dataclass
class Compared:
    """Counts of one package, and what was not as it should be: (kind, reason, example)."""

    package: str
    version: str = ""
    annotated: int = 0
    comparable: int = 0
    candidates: int = 0
    found: int = 0
    wrong: int = 0
    missed: int = 0
    schemas: int = 0
    equal: int = 0
    not_comparable: int = 0
    seconds: float = 0.0
    notes: list[tuple[str, str, str]] = field(default_factory=list)

    def note(self, kind: str, reason: str, function: Surveyed, detail: object = "") -> None:
        text = f"{function.name} -> {function.function.returns} {detail}".strip()
        self.notes.append((kind, reason, f"{self.package}: {text}"))


def environment(package: str, folder: Path) -> Path:
    """The interpreter of an environment that has the package."""
    python = folder / "venv/bin/python"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder / "venv", with_pip=True)
        command = [str(python), "-m", "pip", "install", "-q", "--only-binary", ":all:"]
        subprocess.run([*command, package, "pydantic"], check=True)
        (folder / "done").touch()
    return python


def project(package: str, folder: Path) -> Path:
    """A folder that holds a copy of the package's source, and nothing else."""
    target = folder / "project"
    target.mkdir(exist_ok=True)
    if not (target / "pyproject.toml").exists():
        site = next((folder / "venv/lib").glob("python*/site-packages"))
        (found,) = importlib.metadata.distributions(path=[str(site)], name=package)
        for file in found.files or ():
            if ".." not in file.parts and ".dist-info" not in file.parts[0]:
                source = Path(str(found.locate_file(file)))
                if source.suffix != ".pyc" and source.is_file():
                    (target / file).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(source, target / file)
        (target / "pyproject.toml").touch()
    return target


def version(package: str, folder: Path) -> str:
    """Which release of the package is in its environment."""
    site = next((folder / "venv/lib").glob("python*/site-packages"))
    (found,) = importlib.metadata.distributions(path=[str(site)], name=package)
    return found.version


def truth(python: Path, root: Path, folder: Path) -> dict[str, Any]:
    """What the program says, remembered as long as the asking stays the same."""
    known = folder / f"truth-{hashlib.sha256(_RUNTIME.read_bytes()).hexdigest()[:12]}.json"
    if not known.exists():
        command = [str(python), "-P", "-B", str(_RUNTIME), str(root), str(known)]
        variables = {**os.environ, "PYTHONHASHSEED": "0", "SQLALCHEMY_SILENCE_UBER_WARNING": "1"}
        with (folder / "truth.log").open("wb") as log:
            subprocess.run(
                command, cwd=folder, env=variables, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, check=True, timeout=900,
            )  # fmt: skip
    answer: dict[str, Any] = json.loads(known.read_bytes())
    return answer


def compare(package: str, folder: Path) -> Compared:
    """Survey a package and hold what is found against the truth."""
    python = environment(package, folder)
    root = project(package, folder)
    known = truth(python, root, folder)
    result = Compared(package, version(package, folder))
    start = time.perf_counter()
    told: list[SourceError] = []
    shutil.rmtree(root / ".distilgen", ignore_errors=True)  # what another version has found
    surveyed = _survey(root, python, told, everything=True)
    quick = {function.name for function in _survey(root, python, told, everything=False)}
    for function in surveyed:
        if function.near and function.name not in quick:
            result.note("lost by the quick scan", function.reason or "a candidate", function)
    with SchemaWorker((root,), root, str(python)) as worker:
        for function in surveyed:
            place = function.facts.path.relative_to(root).as_posix()
            at_run_time = known["functions"].get(f"{place}:{function.function.line}")
            _compare(function, at_run_time, place in known["failed"], worker, result)
    result.seconds = time.perf_counter() - start
    return result


def _survey(
    root: Path, python: Path, told: list[SourceError], *, everything: bool
) -> list[Surveyed]:
    with Project.at(root, told.append, str(python)) as found:
        return [
            function
            for surveys in found.survey([root], everything=everything)
            for function in surveys.functions
            if not function.function.nested
        ]


def _compare(
    function: Surveyed,
    truth: dict[str, Any] | None,
    unimportable: bool,
    worker: SchemaWorker,
    result: Compared,
) -> None:
    result.annotated += 1
    result.candidates += function.is_candidate
    ours = function.near and not Verdict("other", function.reason).is_lost
    if truth is None or "holds" not in truth:
        if ours:
            result.not_comparable += 1
            why = "its module cannot be imported" if unimportable else "no function object is left"
            reason = _kind(truth["why"]) if truth else why
            result.note("not comparable", reason, function)
        return
    result.comparable += 1
    has_schema = "schema" in truth
    if ours and truth["holds"]:
        result.found += 1
    elif ours:
        result.wrong += 1
        result.note("wrong", function.reason or "a candidate", function, truth["hint"])
    elif truth["holds"] and has_schema:
        result.missed += 1
        result.note("missed", function.reason, function, truth["hint"])
    elif truth["holds"]:
        result.note("no schema, not found", function.reason, function, truth["why"])
    if not function.is_candidate or not truth["holds"]:
        if ours and function.reason:
            result.note("left alone", function.reason, function)
        return
    try:
        schema, error = worker.schema_of(function), ""
    except SchemaError as failure:
        schema, error = {}, str(failure)
    if not has_schema:
        result.not_comparable += 1
        kind = "neither has a schema" if error else "only we have a schema"
        result.note(kind, _kind(truth["why"]), function, error)
        return
    result.schemas += 1
    if json.dumps(schema) == json.dumps(truth["schema"]):
        result.equal += 1
    elif error:
        result.note("no schema", error.split(": ", 1)[-1], function)
    else:
        result.note("another schema", _difference(schema, truth["schema"]), function)


def _kind(why: str) -> str:
    return ": ".join(why.split(": ")[:2])


def _difference(ours: Any, truth: Any, path: str = "") -> str:
    """Where two schemas first differ."""
    if isinstance(ours, dict) and isinstance(truth, dict):
        for key in truth:
            if key not in ours:
                return f"{path}/{key} is missing"
            if json.dumps(ours[key]) != json.dumps(truth[key]):
                return _difference(ours[key], truth[key], f"{path}/{key}")
        more = [key for key in ours if key not in truth]
        return f"{path}/{more[0]} is too many" if more else f"{path}: order of keys"
    if isinstance(ours, list) and isinstance(truth, list) and len(ours) == len(truth):
        for place, (one, other) in enumerate(zip(ours, truth, strict=True)):
            if json.dumps(one) != json.dumps(other):
                return _difference(one, other, f"{path}/{place}")
    return f"{path}: {json.dumps(ours)[:80]} for {json.dumps(truth)[:80]}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


def _row(result: Compared) -> str:
    precision = _percent(result.found, result.found + result.wrong)
    recall = _percent(result.found, result.found + result.missed)
    return (
        f"{result.package:26}{result.version:>10}{result.annotated:10,}{result.candidates:7,}{precision:>11}{recall:>11}"
        f"{result.schemas:9,}{result.equal:8,}{result.not_comparable:8,}{result.seconds:8.1f}"
    )


def _print(results: list[Compared]) -> None:
    total = Compared("all")
    for result in results:
        for name in vars(total):
            if isinstance(getattr(total, name), int | float):
                setattr(total, name, getattr(total, name) + getattr(result, name))
        total.notes += result.notes
    print(_row(total))
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    examples: dict[tuple[str, str], str] = {}
    for kind, reason, example in total.notes:
        kinds[kind][reason] += 1
        examples.setdefault((kind, reason), example)
    for kind, reasons in kinds.items():
        print(f"\n{kind}: {reasons.total()}")
        for reason, count in reasons.most_common():
            print(f"  {count:5}  {reason}\n         {examples[kind, reason][:300]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else "")
    parser.add_argument("packages", nargs="*", metavar="PACKAGE")
    parser.add_argument("--cache", type=Path, help="where environments are kept")
    chosen = parser.parse_args()
    cache = chosen.cache or Path(tempfile.mkdtemp(prefix="truth-"))
    print(
        f"{'package':26}{'version':>10}{'annotated':>10}{'cand.':>7}{'precision':>11}{'recall':>11}"
        f"{'schemas':>9}{'equal':>8}{'not c.':>8}{'s':>8}"
    )
    results = []
    for package in chosen.packages or PACKAGES:
        try:
            results.append(compare(package, (cache / package).resolve()))
        except (OSError, subprocess.SubprocessError, ValueError) as error:
            print(f"{package:26} {error}", file=sys.stderr)
            continue
        print(_row(results[-1]), flush=True)
    _print(results)


if __name__ == "__main__":
    main()
