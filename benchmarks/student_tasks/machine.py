"""Teachers of real text, found on the machine: Debian's package lists and changelogs, docstrings of
installed packages, subjects of commits. What is not there is skipped.
"""

from __future__ import annotations

import ast
import datetime as dt
import email.utils
import functools
import gzip
import random
import re
import shutil
import site
import subprocess
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import BaseModel

from student_tasks import words
from student_tasks.papers import ADDRESSES, LOGS, Text
from student_tasks.task import NO_ANSWER, Draw, Row, Task, side_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_MOST = 40_000  # texts of a source


def _sided(rows: Iterable[tuple[str, Row]]) -> tuple[list[Row], list[Row]]:
    """Rows by side, which what stands before each of them decides, in an order of no meaning;
    equal arguments once.
    """
    sides: tuple[list[Row], list[Row]] = ([], [])
    seen = set()
    for group, row in rows:
        if (text := repr(row[0])) not in seen:
            seen.add(text)
            sides[side_of(group)].append(row)
    for side in sides:
        random.Random(0).shuffle(side)
    return sides


def _other(task: Task, key: str) -> Callable[[Draw], Row]:
    """Texts of another task."""

    def made(draw: Draw) -> Row:
        assert task.row is not None
        return {key: task.row(draw)[0]["text"]}, NO_ANSWER

    return made


def _junk(key: str) -> Callable[[Draw], Row]:
    return lambda draw: ({key: words.junk(draw)}, NO_ANSWER)


# Debian's package lists


@functools.cache
def _packages() -> tuple[dict[str, str], ...]:
    if shutil.which("apt-cache") is None:
        return ()
    listed = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, check=False).stdout
    found = []
    for block in listed.decode(errors="replace").split("\n\n"):
        lines = re.findall(r"^([A-Z][\w-]*): (.*)$", block, re.MULTILINE)
        if lines:
            found.append(dict(lines))
    return tuple(found)


Section = Literal[
    "admin", "devel", "doc", "fonts", "games", "golang", "graphics", "haskell", "java",
    "javascript", "libdevel", "libs", "math", "net", "perl", "php", "python", "ruby", "rust",
    "science", "sound", "text", "utils", "web",
]  # fmt: skip


class Package(BaseModel):
    name: str
    description: str


class Place(BaseModel):
    section: Section


@functools.cache
def _sections() -> tuple[list[Row], list[Row]]:
    known = set(get_args(Section))
    return _sided(
        (
            package.get("Source", package["Package"]).split()[0],
            (
                {"name": package["Package"], "description": package.get("Description", "")},
                {"section": package["Section"]},
            ),
        )
        for package in _packages()
        if package.get("Section") in known
    )


def _as_package(make: Callable[[Draw], str]) -> Callable[[Draw], Row]:
    def made(draw: Draw) -> Row:
        text = make(draw)
        return {"name": text.split(maxsplit=1)[0] if text.split() else "", "description": text}, (
            NO_ANSWER
        )

    return made


SECTIONS = Task(
    "sections",
    "a Debian package's name and short description; its section, of 24",
    Package,
    Place,
    rows=lambda side: _sections()[side],
    elsewhere={
        "log lines": _as_package(lambda draw: _text_of(LOGS, draw)),
        "addresses": _as_package(lambda draw: _text_of(ADDRESSES, draw)),
        "junk": _as_package(words.junk),
    },
)


def _text_of(task: Task, draw: Draw) -> str:
    assert task.row is not None
    return str(task.row(draw)[0]["text"])


class Dependency(BaseModel):
    package: str
    architecture: str | None
    relation: Literal["<<", "<=", "=", ">=", ">>"] | None
    version: str | None
    alternatives: int


_DEPENDENCY = re.compile(
    r"(?P<package>[a-z0-9][a-z0-9+.-]*)(?::(?P<architecture>[a-z0-9-]+))?"
    r"(?: \((?P<relation><<|<=|=|>=|>>) (?P<version>[^()\s]+)\))?"
)


def _depends(text: str) -> Any:
    """What a dependency says; `NO_ANSWER` where it is none."""
    first, *others = text.split(" | ")
    found = _DEPENDENCY.fullmatch(first)
    if found is None:
        return NO_ANSWER
    return {**found.groupdict(), "alternatives": len(others)}


@functools.cache
def _dependencies() -> tuple[list[Row], list[Row]]:
    fields = ("Depends", "Pre-Depends", "Recommends", "Suggests", "Breaks", "Conflicts")
    found = {
        item.strip()
        for package in _packages()
        for name in fields
        for item in package.get(name, "").split(",")
    }
    rows = ((text, ({"text": text}, _depends(text))) for text in sorted(found))
    return _sided(row for row in rows if row[1][1] is not NO_ANSWER)


def _requirement(draw: Draw) -> Row:
    name, version = words.word(draw), f"{draw.randrange(9)}.{draw.randrange(20)}"
    text = draw.choice(
        (
            f"{name}>={version}; python_version < '3.11'",
            f"{name}[all]=={version}.*",
            f'{name} = "^{version}"',
            f"{name.upper()} >= {version}",
            f"Requires: {name} >= {version}",
            f"{name}@{version}",
        )
    )
    return {"text": text}, _depends(text)


DEPENDENCIES = Task(
    "dependencies",
    "an item of a Debian package's dependencies; its parts, and how many alternatives",
    Text,
    Dependency,
    rows=lambda side: _dependencies()[side],
    elsewhere={
        "pip, npm, rpm": _requirement,
        "log lines": _other(LOGS, "text"),
        "junk": _junk("text"),
    },
)


class Version(BaseModel):
    text: str


class Parts(BaseModel):
    epoch: int
    upstream: str
    revision: str | None
    rebuilds: int | None


def _parts(text: str) -> dict[str, Any]:
    epoch, _, rest = text.rpartition(":")
    upstream, _, revision = rest.rpartition("-")
    if not upstream:
        upstream, revision = rest, ""
    rebuilds = re.search(r"\+b(\d+)$", revision)
    return {
        "epoch": int(epoch or 0),
        "upstream": upstream,
        "revision": revision or None,
        "rebuilds": int(rebuilds[1]) if rebuilds else None,
    }


@functools.cache
def _versions() -> tuple[list[Row], list[Row]]:
    found = sorted({package["Version"] for package in _packages() if "Version" in package})
    return _sided((text, ({"text": text}, _parts(text))) for text in found)


def _other_version(draw: Draw) -> Row:
    one, two, three = (draw.randrange(40) for _ in range(3))
    text = draw.choice(
        (
            f"v{one}.{two}.{three}-rc.{one}+build.{two}",
            f"{one}.{two}.dev{three}",
            f"{draw.getrandbits(160):040x}",
            f"release {one} of {2000 + two}",
            f"{one}!{two}.{three}.post1",
            f"Version {one}, {two}th edition",
        )
    )
    return {"text": text}, _parts(text)


VERSIONS = Task(
    "versions",
    "a Debian version; epoch, upstream version, revision, rebuilds",
    Version,
    Parts,
    rows=lambda side: _versions()[side],
    elsewhere={
        "other versions": _other_version,
        "log lines": _other(LOGS, "text"),
        "junk": _junk("text"),
    },
)


# Debian's changelogs


@functools.cache
def _changelogs() -> str:
    texts = {
        gzip.decompress(path.read_bytes()).decode(errors="replace")
        for path in sorted(Path("/usr/share/doc").glob("*/changelog.Debian.gz"))
    }
    return "\n".join(sorted(texts))


class Closed(BaseModel):
    closes: list[int]
    cve: list[str]


@functools.cache
def _bugs() -> tuple[list[Row], list[Row]]:
    texts = sorted(set(re.findall(r"^  \* (.*(?:\n   .*)*)", _changelogs(), re.MULTILINE)))
    found = []
    for raw in texts:
        text = " ".join(raw.split())
        # as the Debian Policy Manual has it, 4.4
        said = re.findall(
            r"closes:\s*(?:bug)?#?\s?\d+(?:,\s*(?:bug)?#?\s?\d+)*", text, re.IGNORECASE
        )
        closes = [int(number) for one in said for number in re.findall(r"\d+", one)]
        cve = re.findall(r"CVE-\d{4}-\d{4,7}", text)
        if closes or cve or side_of(f"{text} kept") == 0:  # half of those that have neither
            found.append((text, ({"text": text}, {"closes": closes, "cve": cve})))
    return _sided(found[:_MOST])


def _tracked(draw: Draw) -> Row:
    number, name = draw.randrange(100, 10**6), words.word(draw)
    text = draw.choice(
        (
            f"{name}: fixes GH-{number}, see also rhbz#{number + 3}",
            f"Resolves JIRA-{number} in {name}",
            f"schließt Fehler Nr. {number} ({name})",
            f"{name} (#{number}) (!{number + 1})",
            f"Reverts r{number} of {name}; XSA-{number % 400}",
        )
    )
    return {"text": text}, {"closes": [], "cve": []}


BUGS = Task(
    "bugs",
    "an entry of a Debian changelog; the bugs that it closes, and its CVE numbers",
    Text,
    Closed,
    rows=lambda side: _bugs()[side],
    elsewhere={
        "other trackers": _tracked,
        "log lines": lambda draw: ({"text": _text_of(LOGS, draw)}, {"closes": [], "cve": []}),
        "junk": lambda draw: ({"text": words.junk(draw)}, {"closes": [], "cve": []}),
    },
)


class Signature(BaseModel):
    name: str
    email: str
    date: str
    offset: str


@functools.cache
def _signatures() -> tuple[list[Row], list[Row]]:
    found = []
    lines = sorted(set(re.findall(r"^ -- (.*>  .*)$", _changelogs(), re.MULTILINE)))
    random.Random(0).shuffle(lines)
    signed: Counter[str] = Counter()
    for line in lines:
        name, address = email.utils.parseaddr(line.partition(">")[0] + ">")
        parsed = email.utils.parsedate_tz(line.partition(">")[2])
        signed[name] += 1
        shown = re.fullmatch(r"(.*) <([^<>]*)>  \w+, .* ([+-]\d{4})", line)
        if parsed is None or shown is None or signed[name] > 25:  # one signs a tenth of all
            continue
        date = dt.date(*parsed[:3]).isoformat()
        result = {"name": shown[1], "email": address, "date": date, "offset": shown[3]}
        if shown[2] == address:
            found.append((name, ({"text": line}, result)))
    return _sided(found)


def _mailed(draw: Draw) -> Row:
    one, two = words.name(draw), words.name(draw)
    day = draw.randrange(1, 29)
    text = draw.choice(
        (
            f"From: {one.lower()}@{two.lower()}.org (on {day}/12/2024)",
            f"{day}.12.2024 {one} {two}",
            f"Author: {one} {two}\nDate: 2024-12-{day:02}",
            f'"{two}, {one}" <{one.lower()} at {two.lower()} dot net>',
            f"{one} ({two}@{one}.com), {day} décembre 2024",
        )
    )
    return {"text": text}, NO_ANSWER


SIGNATURES = Task(
    "signatures",
    "the last line of a Debian changelog's entry; name, address, date, offset; by person",
    Text,
    Signature,
    rows=lambda side: _signatures()[side],
    elsewhere={
        "other signatures": _mailed,
        "addresses": _other(ADDRESSES, "text"),
        "junk": _junk("text"),
    },
)


# Docstrings


class Parameter(BaseModel):
    name: str
    type: str | None
    optional: bool
    description: str | None


_NUMPY = re.compile(r"^(?P<name>\w+) : (?P<type>[^\n]+?)(?P<optional>, optional)?$")
_GOOGLE = re.compile(
    r"^(?P<name>\w+)(?: \((?P<type>[^()\n]+?)(?P<optional>, optional)?\))?: (?P<description>\S.*)$"
)
_SPHINX = re.compile(r"^:param (?:(?P<type>[\w.]+) )?(?P<name>\w+): (?P<description>\S.*)$")


def _parameter(line: str) -> Any:
    """What a docstring's line says of a parameter; `NO_ANSWER` where it does not."""
    for pattern in (_SPHINX, _NUMPY, _GOOGLE):
        if found := pattern.match(line):
            said = {"type": None, "description": None, **found.groupdict()}
            return {
                "name": said["name"],
                "type": said["type"],
                "optional": said.get("optional") is not None,
                "description": said["description"],
            }
    return NO_ANSWER


def _docstrings() -> Iterator[str]:
    for folder in site.getsitepackages():
        for path in sorted(Path(folder).rglob("*.py"))[::5]:
            raw = path.read_bytes()
            if not any(mark in raw for mark in _MARKS):
                continue
            try:
                tree = ast.parse(raw)
            except (SyntaxError, ValueError, RecursionError):
                continue
            for node in ast.walk(tree):
                if isinstance(node, ast.FunctionDef | ast.ClassDef):
                    yield ast.get_docstring(node) or ""


_HEADS = {"Parameters", "Args:", "Arguments:", "Attributes:"}
_MARKS = (b"Parameters\n", b"Args:\n", b"Arguments:\n", b"Attributes:\n", b":param ")


def _parameter_lines() -> Iterator[str]:
    for text in _docstrings():
        lines = text.splitlines()
        inside, indent = False, 0
        for place, line in enumerate(lines):
            stripped = line.strip()
            if stripped.startswith(":param "):
                yield stripped
            elif stripped in _HEADS:
                inside = True
                following = next((one for one in lines[place + 1 :] if one.strip(" -")), "")
                indent = len(following) - len(following.lstrip())
            elif not stripped or stripped.endswith(":"):
                inside = inside and bool(stripped.strip("-")) and not stripped.endswith(":")
            elif inside and len(line) - len(line.lstrip()) == indent and stripped.strip("-"):
                yield stripped


@functools.cache
def _parameters() -> tuple[list[Row], list[Row]]:
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what other people's source makes the parser say
        lines = sorted(set(_parameter_lines()))
    for line in lines:
        said = _parameter(line)
        if said is not NO_ANSWER and len(line) < 200:
            found.append((line, ({"line": line}, said)))
    return _sided(found[:_MOST])


class DocstringLine(BaseModel):
    line: str


def _other_parameter(draw: Draw) -> Row:
    one, two, three = (words.word(draw) for _ in range(3))
    line = draw.choice(
        (
            f"@param {one} the {two} to {three}",
            f"@arg {{{one}}} {two} - {three}",
            f"\\param[in] {one} {two} of the {three}",
            f"* `{one}` ({two}) -- {three}",
            f"{one} -> {two}; {three}",
            f"--{one} {two.upper()}   {three}",
        )
    )
    return {"line": line}, NO_ANSWER


PARAMETERS = Task(
    "parameters",
    "a docstring's line on a parameter, in three styles; name, type, optional, description",
    DocstringLine,
    Parameter,
    rows=lambda side: _parameters()[side],
    elsewhere={
        "other languages": _other_parameter,
        "addresses": _other(ADDRESSES, "line"),
        "junk": _junk("line"),
    },
)


# Commits


class Subject(BaseModel):
    text: str


class Change(BaseModel):
    area: str | None
    pull_request: int | None
    summary: str


def _change(text: str) -> dict[str, Any]:
    found = re.fullmatch(r"(?:([^\s:][^:]{0,40}): )?(.*?)(?: \(#(\d+)\))?", text)
    assert found is not None
    return {
        "area": found[1],
        "pull_request": int(found[3]) if found[3] else None,
        "summary": found[2],
    }


@functools.cache
def _commits() -> tuple[list[Row], list[Row]]:
    if shutil.which("git") is None:
        return [], []
    home = Path.home()
    folders = {Path(__file__).parents[2], *home.glob("*"), *home.glob(".*"), *home.glob("*/*")}
    subjects: set[str] = set()
    for folder in sorted(folders):
        if (folder / ".git").exists():
            command = ["git", "-C", str(folder), "log", "--format=%s", "-n", str(_MOST)]
            said = subprocess.run(command, capture_output=True, check=False).stdout
            subjects.update(said.decode(errors="replace").splitlines())
    rows = ((text, ({"text": text}, _change(text))) for text in sorted(subjects) if text.strip())
    return _sided(rows)


COMMITS = Task(
    "commits",
    "the subject of a commit, of the git repositories in the home folder; area, number, summary",
    Subject,
    Change,
    rows=lambda side: _commits()[side],
    elsewhere={
        "log lines": _other(LOGS, "text"),
        "addresses": _other(ADDRESSES, "text"),
        "junk": _junk("text"),
    },
)
