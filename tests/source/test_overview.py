"""A scan with a cache finds what a scan without one finds, and looks again only where it must."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from distilgen.project import Project
from distilgen.source import overview as overviews
from distilgen.source.examine import Examiner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distilgen.errors import SourceError
    from distilgen.source.examine import Looked
    from distilgen.source.rows import Overview

CACHE = ".distilgen/cache/scan.sqlite"

FILES = {
    "pyproject.toml": "",
    "shop/__init__.py": "",
    "shop/models.py": "from pydantic import BaseModel\n\nclass Item(BaseModel):\n    name: str\n",
    "shop/base.py": "class Plain:\n    pass\n",
    "shop/all.py": "from shop.models import *\n__all__ = ['Item', 'Other']\n"
    "class Other(Item): ...\n",
    "shop/direct.py": "from shop.models import Item\ndef f() -> Item: ...\ndef g() -> str: ...\n",
    "shop/starred.py": "from shop.all import *\ndef f() -> Item: ...\ndef g() -> Other: ...\n",
    "shop/late.py": "from shop.missing import Late\ndef f() -> Late: ...\n",
    "shop/own.py": "from shop.base import Plain\nclass Own(Plain): ...\ndef f() -> Own: ...\n",
    "tools/script.py": "import helper\ndef f() -> helper.Thing: ...\n",
    "tools/text.py": "def f() -> str: ...\n",
}


class Scanned:
    """What a scan found. looked: names of the files that it looked at."""

    def __init__(self, found: list[Overview], problems: list[str], looked: list[str]) -> None:
        self.rows = [
            (item.path, item.marked, item.rows and item.module, item.rows) for item in found
        ]
        self.problems, self.looked = problems, looked

    def of(self, name: str) -> list[tuple[str, str]]:
        """(function, reason) of a file."""
        found = [rows for path, _, _, rows in self.rows if path.endswith(name)]
        return [(row.qualname, row.reason) for rows in found for row in rows]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The files above, which nobody touched for a while."""
    root = tmp_path / "project"
    for name, text in FILES.items():
        _write(root, name, text)
    return root


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the file system is as fine as it says."""
    monkeypatch.setattr(overviews, "_CLOCK", -1000.0)


def _write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _scan(root: Path, *paths: str, everything: bool = False) -> Scanned:
    problems: list[str] = []
    looked: list[str] = []
    examine = Examiner.examine

    def told(error: SourceError) -> None:
        problems.append(str(error))

    def counted(self: Examiner, one: Looked) -> tuple[Overview, str]:
        looked.append(Path(one.path).name)
        return examine(self, one)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Examiner, "examine", counted)
        patch.setattr(overviews, "_CLOCK", -1000.0)
        with Project.at(root, told, sys.executable) as opened:
            places = [root / path for path in paths] or [root]
            rows = list(opened.overviews(places, everything=everything))
    return Scanned(rows, problems, looked)


def _fresh(root: Path, *paths: str, everything: bool = False) -> Scanned:
    """A scan without a cache."""
    place, aside = root / ".distilgen", root.parent / "aside"
    if place.exists():
        place.rename(aside)
    try:
        return _scan(root, *paths, everything=everything)
    finally:
        shutil.rmtree(place, ignore_errors=True)
        if aside.exists():
            aside.rename(place)


def _same(root: Path, *paths: str, everything: bool = False) -> Scanned:
    """A scan with the cache, which finds what one without it finds."""
    cached = _scan(root, *paths, everything=everything)
    fresh = _fresh(root, *paths, everything=everything)
    assert cached.rows == fresh.rows
    assert cached.problems == fresh.problems
    return cached


def test_a_module_that_is_compiled_now(project: Path) -> None:
    _write(project, "fast.py", "from shop.models import Item\n")
    _write(project, "slow.py", "from fast import Item\ndef f() -> Item: ...\n")
    assert _same(project).of("slow.py") == [("f", "")]
    (project / "fast.py").rename(project / "fast.so")
    why = "module fast is compiled: its source cannot be read"
    assert _same(project).of("slow.py") == [("f", why)]
    _write(project, "fast.py", "from shop.models import Item\n")
    assert _same(project).of("slow.py") == [("f", "")]


def test_looks_at_nothing_twice(project: Path) -> None:
    assert _same(project).looked
    again = _same(project)
    assert again.looked == []
    assert again.of("direct.py") == [("f", "")]
    assert again.of("starred.py") == [("f", ""), ("g", "")]


def test_gives_what_was_found_in_the_order_of_the_walk(project: Path) -> None:
    first = [path for path, *_ in _scan(project).rows]
    assert first == sorted(first)
    (project / "shop/direct.py").write_text("from shop.models import Item\ndef h() -> Item: ...\n")
    assert [path for path, *_ in _scan(project).rows] == first


@pytest.mark.parametrize(
    ("name", "text", "looked"),
    [
        pytest.param("shop/models.py", FILES["shop/models.py"] + "    more: int\n",
                     ["models.py"], id="a field"),
        pytest.param("shop/models.py", FILES["shop/models.py"] + "def f(a: int) -> str:\n    ...\n",
                     ["models.py", "starred.py"], id="a function, which a star import may bring"),
        pytest.param("shop/models.py", "import os\n\n" + FILES["shop/models.py"],
                     ["models.py", "starred.py"], id="a name, which a star import may bring"),
        pytest.param("shop/models.py", "# moved down\n\n" + FILES["shop/models.py"],
                     ["models.py"], id="a comment"),
        pytest.param("shop/models.py", FILES["shop/models.py"].replace("(BaseModel)", ""),
                     ["direct.py", "models.py", "starred.py"], id="the base of a class"),
        pytest.param("shop/models.py", FILES["shop/models.py"].replace("Item", "Thing"),
                     ["direct.py", "models.py", "starred.py"], id="the name of a class"),
        pytest.param("shop/base.py", "from pydantic import BaseModel as Plain\n",
                     ["base.py", "own.py"], id="a base elsewhere"),
        pytest.param("shop/all.py", FILES["shop/all.py"].replace("'Item', ", ""),
                     ["all.py", "starred.py"], id="__all__"),
        pytest.param("shop/missing.py", "from shop.models import Item as Late\n",
                     ["late.py", "missing.py"], id="a module that was missing"),
        pytest.param("tools/helper.py", "from shop.models import Item as Thing\n",
                     ["helper.py", "script.py"], id="a module beside a script"),
        pytest.param("helper.py", "from shop.models import Item as Thing\n",
                     ["helper.py", "script.py"], id="a module at the root"),
        pytest.param("shop/models/__init__.py", "class Item: ...\n",
                     ["__init__.py", "direct.py", "starred.py"], id="a package in its place"),
        pytest.param("shop/other.py", "x = 1\n", ["other.py"], id="a module of no interest"),
        pytest.param("shop/models.py", "class (\n", ["direct.py", "models.py", "starred.py"],
                     id="a module that does not parse"),
    ],
)  # fmt: skip
def test_looks_again_where_it_must(project: Path, name: str, text: str, looked: list[str]) -> None:
    _scan(project)
    _write(project, name, text)
    if name == "shop/models/__init__.py":
        assert set(looked) <= set(_same(project).looked)
    else:
        assert set(_same(project).looked) - {"all.py"} <= set(looked)
    assert _same(project).looked == []


def test_touched_files_are_not_looked_at(project: Path) -> None:
    _scan(project)
    for name in FILES:
        os.utime(project / name)
    assert _same(project).looked == []


def test_change_of_the_same_size_and_time(project: Path) -> None:
    _scan(project)
    path = project / "shop/models.py"
    stat = path.stat()
    time.sleep(0.02)
    path.write_text(FILES["shop/models.py"].replace("BaseModel)", "object   )"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    assert _same(project).of("direct.py") == []


def test_a_file_that_was_just_written_is_read_again(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overviews, "_CLOCK", 1000.0)
    assert overviews._settled((project / "shop/models.py").stat()) == ""


def test_every_function_and_the_near_ones_take_turns(project: Path) -> None:
    for everything in (False, True, False, True, True, False):
        _same(project, everything=everything)
    assert _same(project, everything=True).looked == []
    assert _same(project).looked == []


@pytest.mark.parametrize(
    "change", ["exclude = ['shop/models.py']", "roots = ['tools']", "include = ['shop']"]
)
def test_configuration(project: Path, change: str) -> None:
    _same(project)
    _write(project, "pyproject.toml", f"[tool.distilgen]\n{change}\n")
    _same(project)
    _write(project, "pyproject.toml", "")
    _same(project)


def test_a_module_of_another_folder_that_came_before_a_scan_of_a_part(project: Path) -> None:
    _same(project)
    _write(project, "helper.py", "from shop.models import Item as Thing\n")
    assert _same(project, "tools").of("script.py") == [("f", "")]
    assert _same(project).of("script.py") == [("f", "")]


def test_an_excluded_module_that_came(project: Path) -> None:
    _write(project, "pyproject.toml", "[tool.distilgen]\nexclude = ['helper.py']\n")
    _same(project)
    _write(project, "helper.py", "from shop.models import Item as Thing\n")
    assert _same(project).of("script.py") == [("f", "")]


def test_removed_files_leave_the_cache(project: Path) -> None:
    for number in range(30):
        _write(
            project, f"many/m{number}.py", "from shop.models import Item\ndef f() -> Item: ...\n"
        )
    _scan(project)
    shutil.rmtree(project / "many")
    _same(project)
    store = sqlite3.connect(project / CACHE)
    kept = {Path(path) for (path,) in store.execute("SELECT path FROM files")}
    store.close()
    assert not [path for path in kept if not path.exists()]


def test_writes_its_cache_and_nothing_else(project: Path) -> None:
    before = {path for path in project.rglob("*") if "__pycache__" not in path.parts}
    _scan(project)
    _scan(project, everything=True)
    new = {path.relative_to(project).as_posix() for path in project.rglob("*")} - {
        path.relative_to(project).as_posix() for path in before
    }
    assert {name for name in new if not name.startswith(CACHE)} == {
        ".distilgen",
        ".distilgen/cache",
        ".distilgen/cache/.gitignore",
    }
    assert (project / ".distilgen/cache/.gitignore").read_text() == "*\n"


# -- what may happen to a cache -----------------------------------------------------------------


def _deleted(path: Path) -> None:
    path.unlink()


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def _emptied(path: Path) -> None:
    path.write_bytes(b"")


def _garbage(path: Path) -> None:
    path.write_bytes(random.Random(1).randbytes(20_000))


def _garbage_inside(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[4096:] = random.Random(1).randbytes(len(raw) - 4096)
    path.write_bytes(raw)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _other_tables(path: Path) -> None:
    store = sqlite3.connect(path)
    store.execute("DROP TABLE files")
    store.execute("CREATE TABLE files (a)")
    store.commit()
    store.close()


def _other_rows(path: Path) -> None:
    store = sqlite3.connect(path)
    store.execute("UPDATE files SET rows = '[1, 2]' WHERE rows != ''")
    store.commit()
    store.close()


@pytest.mark.parametrize(
    "damage",
    [_deleted, _cut, _emptied, _garbage, _garbage_inside, _folder, _other_tables, _other_rows,
    ],
)  # fmt: skip
def test_damaged(project: Path, damage: Callable[[Path], None]) -> None:
    _scan(project)
    damage(project / CACHE)
    _write(project, "shop/models.py", "class Item: ...\n")
    cached = _scan(project)
    fresh = _fresh(project)
    assert cached.rows == fresh.rows
    _same(project)


def test_the_folder_is_a_file(project: Path) -> None:
    _write(project, ".distilgen", "")
    with_file = _scan(project)
    (project / ".distilgen").unlink()
    assert with_file.rows == _scan(project).rows


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
@pytest.mark.skipif(os.name != "nt" and os.getuid() == 0, reason="nothing is read only for root")
def test_read_only(project: Path) -> None:
    project.chmod(0o555)
    try:
        rows = _scan(project).rows
    finally:
        project.chmod(0o755)
    assert rows == _scan(project).rows


def test_locked(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("distilgen.source.cache._SECONDS", 0.05)
    _scan(project)
    _write(project, "shop/models.py", "class Item: ...\n")
    store = sqlite3.connect(project / CACHE)
    store.execute("BEGIN EXCLUSIVE")
    locked = _scan(project)
    store.rollback()
    store.close()
    assert locked.rows == _fresh(project).rows
    _same(project)


def test_many_processes(project: Path) -> None:
    for number in range(40):
        text = f"from shop.models import Item\ndef f{number}() -> Item: ...\n"
        _write(project, f"many/m{number}.py", text)
    command = [sys.executable, "-m", "distilgen", "scan", "--format", "json"]
    for _ in range(2):
        shutil.rmtree(project / ".distilgen", ignore_errors=True)
        running = [
            subprocess.Popen(command, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(3)
        ]
        said = {run.communicate() for run in running}
        assert len(said) == 1
        assert next(iter(said))[0].count(b'"candidate": true') == 43
    _same(project)


# -- any edits ----------------------------------------------------------------------------------

_BASES = ["BaseModel", "object", "Item", "Plain", "Missing", "Other"]
_IMPORTS = [
    "from pydantic import BaseModel\n", "from shop.models import Item\n",
    "from shop.base import Plain\n", "from shop.all import *\n", "from .models import *\n",
    "from shop.missing import Late as Item\n", "import shop.models as m\nItem = m.Item\n",
    "from shop import models\n", "from .new import Other\n", "from . import new\n",
    "try:\n    from shop.missing import Late\nexcept ImportError:\n    Late = int\n", "",
]  # fmt: skip
_NAMES = ["models", "base", "all", "direct", "starred", "late", "own", "missing", "new", "__init__"]
_TYPES = ["Item", "Plain", "Other", "Late", "list[Item]", "str", "new.Other", "models.Item"]


def _module(chance: random.Random) -> str:
    parts = [chance.choice(_IMPORTS) for _ in range(chance.randint(1, 3))]
    if chance.random() < 0.3:
        parts.append(f"__all__ = {chance.sample(['Item', 'Plain', 'Other', 'Late'], 2)}\n")
    parts += (
        f"class {name}({chance.choice(_BASES)}):\n    x: {chance.choice(_TYPES)}\n"
        for name in chance.sample(["Item", "Plain", "Other", "Late"], chance.randint(0, 2))
    )
    if chance.random() < 0.3:
        parts.append(f"{chance.choice(['Item', 'Late'])} = {chance.choice(_TYPES)}\n")
    parts += (
        f"def f{number}(a) -> {chance.choice(_TYPES)}:\n    return a\n"
        for number in range(chance.randint(0, 3))
    )
    if chance.random() < 0.05:
        parts.append("class (\n")
    return "".join(parts)


def _edited(root: Path, chance: random.Random) -> None:
    folder = chance.choice(["shop", "shop", "shop", "tools", "."])
    path = root / folder / f"{chance.choice(_NAMES)}.py"
    match chance.randrange(6):
        case 0 if path.exists():
            path.unlink()
        case 1 if path.exists():
            os.utime(path)
        case 2 if path.exists():
            text = path.read_text()
            path.write_text(text.replace("class Item", "class Renamed"))
        case 3:
            package = root / "shop" / chance.choice(_NAMES[:8])
            if package.is_dir():
                shutil.rmtree(package)
            else:
                _write(package, "__init__.py", _module(chance))
        case _:
            path.write_text(_module(chance))


@pytest.mark.parametrize("seed", range(6))
def test_any_edits(project: Path, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(15):
        for _ in range(chance.randint(1, 3)):
            _edited(project, chance)
        part = chance.choice([(), (), (), ("shop",), ("tools",)])
        _same(project, *part, everything=chance.random() < 0.3)


# -- the same output, whatever the order ----------------------------------------------------------


def test_order_of_folders(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _fresh(project).rows
    scandir = os.scandir

    class Shuffled:
        def __init__(self, path: str, chance: random.Random) -> None:
            with scandir(path) as found:
                self.found = sorted(found, key=lambda entry: entry.name)
            chance.shuffle(self.found)

        def __enter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self.found)

        def __exit__(self, *_: object) -> None:
            pass

        def __iter__(self) -> Iterator[os.DirEntry[str]]:
            return iter(self.found)

    for seed in range(5):
        chance = random.Random(seed)
        monkeypatch.setattr(
            "distilgen.source.walk.os.scandir", lambda path, c=chance: Shuffled(path, c)
        )
        with monkeypatch.context():
            assert _scan(project).rows == rows
        monkeypatch.undo()
        shutil.rmtree(project / ".distilgen", ignore_errors=True)


def test_hash_seeds(project: Path) -> None:
    said = set()
    for seed in ("0", "1", "2", "2"):
        command = [sys.executable, "-m", "distilgen", "scan", "--all", "--format", "json"]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        done = subprocess.run(
            command, cwd=project, env=environment, capture_output=True, check=True
        )
        said.add(done.stdout)
        if seed != "2":
            shutil.rmtree(project / ".distilgen")
    assert len(said) == 1
