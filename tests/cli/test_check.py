"""What `check` looks at and how it prints, in projects whose packages are here and are not."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.rewrite.finding import KINDS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Cli, Ran

CONFLICT = "<<<<<<< ours\n{}=======\n{}>>>>>>> theirs\n"

TABLE = """\
from acme import Column
from pydantic import BaseModel


class Row(BaseModel):
    id: int = Column()
    # a comment

    def save(self) -> None:
        print("saved")
"""
STORE = '''\
from shop.table import Row


def find(id: int) -> Row:
    """Find a row."""
    return Row(id=id)
'''
ACME = "def Column():\n    return 0\n"


def _drifted(distilgen: Cli) -> None:
    """`reply` is instrumented, and its docstring another since."""
    distilgen("instrument", "src")
    text = distilgen.read("src/shop/mail.py")
    distilgen.write({"src/shop/mail.py": text.replace("Answer a letter", "Answer letters")})


@pytest.fixture
def absent(distilgen: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A project that was instrumented where its package was, and is checked where it is not: as
    pre-commit does, which installs our dependencies alone.
    """
    packages = tmp_path.parent / f"{tmp_path.name}-packages"
    packages.mkdir()
    (packages / "acme.py").write_text(ACME, "utf-8")
    monkeypatch.setenv("PYTHONPATH", str(packages))
    distilgen.write({"src/shop/table.py": TABLE, "src/shop/store.py": STORE})
    assert distilgen("instrument", "src").code == 0
    assert distilgen("check").err == "2 functions checked; 0 findings\n"
    monkeypatch.delenv("PYTHONPATH")
    return distilgen


BY_SOURCE = "2 functions checked; 1 compared by source: no module acme here; 0 findings\n"


def test_without_its_packages_a_contract_is_compared_by_source(absent: Cli) -> None:
    ran = absent("check")
    assert (ran.code, ran.out, ran.err) == (0, "", BY_SOURCE)
    assert json.loads(absent("check", "--format", "json").out)["by_source"] == {
        "no module acme here": 1
    }


SAME = {
    "layout": ("id: int = Column()", "id: int = (\n        Column()\n    )"),
    "a comment": ("# a comment", "# another"),
    "the body of a method": ('print("saved")', 'print("saved", self)'),
    "an import that it does not need": ("from acme", "import os\nfrom acme"),
    "another class": ("class Row", "class Other:\n    pass\n\n\nclass Row"),
}


@pytest.mark.parametrize(("old", "new"), SAME.values(), ids=SAME)
def test_the_same_source(absent: Cli, old: str, new: str) -> None:
    text = absent.read("src/shop/table.py")
    assert old in text
    absent.write({"src/shop/table.py": text.replace(old, new)})
    ran = absent("check")
    assert (ran.code, ran.out, ran.err) == (0, "", BY_SOURCE)


PROMPT = "the system prompt (signature, docstring or template)"
OTHER = {
    "a field": ("table.py", "id: int", "id: str", "shop.table:Row changed"),
    "an import": ("table.py", "from acme import", "from acme.orm import", "shop.table:Row changed"),
    "a name that hides another": (
        "table.py",
        "class Row",
        "class int(BaseModel): ...\n\n\nclass Row",
        "shop.table:int changed",
    ),
    "the function's import": (
        "store.py",
        "from shop.table import Row",
        "from shop.models import Email as Row",
        f"its contract changed: {PROMPT}; the schema of Email (-id +to +urgent)",
    ),
    "the docstring": (
        "store.py",
        "Find a row.",
        "Find it.",
        f"its contract changed: {PROMPT}",
    ),
    "a parameter": (
        "store.py",
        "(id: int)",
        "(id: int, n: int)",
        "its contract changed: the parameters were id",
    ),
}


@pytest.mark.parametrize(("file", "old", "new", "message"), OTHER.values(), ids=OTHER)
def test_another_source(absent: Cli, file: str, old: str, new: str, message: str) -> None:
    text = absent.read(f"src/shop/{file}")
    assert old in text
    absent.write({f"src/shop/{file}": text.replace(old, new, 1)})
    ran = absent("check")
    assert ran.code == 1
    assert re.match(rf"src/shop/store\.py:\d+: find: {re.escape(message)}", ran.out)
    assert ran.out.endswith("; mend: distilgen instrument --only find src/shop/store.py\n")


def test_a_contract_without_sources_is_not_passed_over(absent: Cli) -> None:
    name = "src/shop/_store_distil.py"
    text = absent.read(name)
    absent.write({name: re.sub(r"    sources=\{.*?\n    \},\n", "", text, flags=re.DOTALL)})
    ran = absent("check")
    assert ran.code == 1
    assert "find: cannot be compared, as its contract has no `sources`: no schema" in ran.out


# -- paths ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "found"),
    [
        pytest.param("src/shop/mail.py", True, id="the module"),
        pytest.param("src/shop/_mail_distil.py", True, id="its sidecar"),
        pytest.param("src/shop/models.py", True, id="what its contract depends on"),
        pytest.param("src", True, id="a folder"),
        pytest.param("pyproject.toml", True, id="the configuration"),
        pytest.param("distilgen.lock", True, id="the lock"),
        pytest.param("src/shop/other.py", False, id="what has nothing to do with it"),
        pytest.param("src/shop/mail.pyi", False, id="a stub for type checkers"),
    ],
)
def test_paths(distilgen: Cli, target: str, found: bool) -> None:
    distilgen.write({"src/shop/other.py": "x = 1\n", "src/shop/mail.pyi": "def reply(: ...\n"})
    distilgen("instrument", "src")
    models = distilgen.read("src/shop/models.py").replace("to: str\n", "to: str\n    cc: str\n")
    distilgen.write({"src/shop/models.py": models})
    ran = distilgen("check", target)
    assert (ran.code, ran.out.count("\n"), "problem" in ran.err) == (found, found, False)


def test_a_module_that_went_concerns_those_that_needed_it(distilgen: Cli) -> None:
    distilgen.write({"src/shop/other.py": "x = 1\n"})
    distilgen("instrument", "src")
    (distilgen.folder / "src/shop/models.py").unlink()
    ran = distilgen("check", "src/shop/other.py")
    assert ran.code == 1
    assert "src/shop/mail.py:8: reply: is no candidate any more: " in ran.out


def test_a_sidecar_whose_module_is_gone(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    (distilgen.folder / "src/shop/mail.py").unlink()
    said = (
        "src/shop/_mail_distil.py:1: belongs to mail.py, which is gone; take it back, if it was "
        "renamed; mend: git rm src/shop/_mail_distil.py\n"
    )
    for target in ("src", "src/shop/_mail_distil.py"):
        ran = distilgen("check", target)
        assert (ran.code, ran.out) == (1, said)


# -- merge conflicts --------------------------------------------------------------------------


def _conflict(distilgen: Cli, name: str, line: str) -> None:
    text = distilgen.read(name)
    (found,) = [item for item in text.splitlines(keepends=True) if line in item][:1]
    distilgen.write({name: text.replace(found, CONFLICT.format(found, found), 1)})


CONFLICTS = {
    "sidecar": ("src/shop/_mail_distil.py", "fingerprint=", "its sides go together"),
    "module": ("src/shop/mail.py", "urgent =", "settle it first"),
    "originals": (
        ".distilgen/originals/src/shop/mail.py.json",
        "sha256",
        "its sides go together",
    ),
    "lock": ("distilgen.lock", "shop.mail", "its sides go together"),
}


@pytest.mark.parametrize(("name", "line", "what"), CONFLICTS.values(), ids=CONFLICTS)
def test_a_merge_conflict(distilgen: Cli, name: str, line: str, what: str) -> None:
    distilgen("instrument", "src")
    if "originals" in name or "lock" in name:
        distilgen("dispatch", "--model", "ft:m", "src")
    _conflict(distilgen, name, line)
    at = distilgen.read(name).split("\n").index("<<<<<<< ours") + 1
    before = distilgen.snapshot()
    ran = distilgen("check")
    assert ran.code == 1
    assert ran.out.startswith(f"{name}:{at}: holds a merge conflict; {what}; mend: ")
    assert ran.out.count("\n") == 1
    assert distilgen.snapshot() == before
    if "together" in what:
        mend = ran.out.strip().rpartition("; mend: distilgen ")[2]
        assert distilgen(*mend.split()).code == 0
        assert distilgen("check").code == 0


def test_a_conflict_whose_sides_differ(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    name = "src/shop/_mail_distil.py"
    (line,) = [x for x in distilgen.read(name).splitlines(keepends=True) if "fingerprint=" in x]
    sides = CONFLICT.format(line, line.replace('="', '="0'))
    distilgen.write({name: distilgen.read(name).replace(line, sides)})
    ran = distilgen("check")
    assert ran.code == 1
    assert "(the sides of its merge conflict differ on reply; take one of them)" in ran.out
    assert distilgen("instrument", "src").code == 123


def test_markers_in_a_string_are_no_conflict(distilgen: Cli) -> None:
    text = distilgen.read("src/shop/mail.py")
    distilgen.write({"src/shop/mail.py": f'{text}\nTEXT = """\n{CONFLICT.format("", "")}"""\n'})
    distilgen("instrument", "src")
    assert distilgen("check").code == 0


def test_files_that_cannot_be_read(distilgen: Cli) -> None:
    distilgen("dispatch", "--model", "ft:m", "src")
    distilgen.write({".distilgen/originals/src/shop/mail.py.json": "{}"})
    ran = distilgen("check")
    assert ran.code == 1
    assert ran.out.startswith(".distilgen/originals/src/shop/mail.py.json:1: cannot be read as ")
    assert "mend: git checkout HEAD -- .distilgen/originals/src/shop/mail.py.json" in ran.out


def test_a_module_that_does_not_parse_is_a_failure(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    distilgen.write({"src/shop/mail.py": distilgen.read("src/shop/mail.py") + "x = (\n"})
    assert distilgen("check").code == 123


# -- formats ----------------------------------------------------------------------------------

MESSAGE = f"its contract changed: {PROMPT}"
MEND = "distilgen instrument --only reply src/shop/mail.py"


def _formatted(distilgen: Cli, form: str) -> Ran:
    _drifted(distilgen)
    ran = distilgen("check", "--format", form)
    assert (ran.code, ran.err) == (1, "1 function checked; 1 finding\n")
    return ran


def test_text(distilgen: Cli) -> None:
    said = _formatted(distilgen, "text").out
    assert re.fullmatch(
        rf"src/shop/mail\.py:\d+: reply: {re.escape(MESSAGE)}; mend: {MEND}\n", said
    )


def test_json(distilgen: Cli) -> None:
    found: dict[str, Any] = json.loads(_formatted(distilgen, "json").out)
    line = found["findings"][0].pop("line")
    assert distilgen.read("src/shop/mail.py").split("\n")[line - 1].startswith("def reply")
    assert found["checked"] == 1
    assert found["findings"] == [
        {
            "kind": "contract-changed",
            "path": "src/shop/mail.py",
            "function": "reply",
            "message": MESSAGE,
            "command": MEND,
        }
    ]


def test_github(distilgen: Cli) -> None:
    said = _formatted(distilgen, "github").out
    title = "title=distilgen%3A contract-changed"
    assert re.fullmatch(
        rf"::error file=src/shop/mail\.py,line=\d+,{title}::reply: {re.escape(MESSAGE)}; "
        rf"mend: {MEND}\n",
        said,
    )


def test_sarif(distilgen: Cli) -> None:
    log = json.loads(_formatted(distilgen, "sarif").out)
    assert log["version"] == "2.1.0"
    (run,) = log["runs"]
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert set(KINDS) < set(rules)
    assert rules["contract-changed"]["helpUri"].endswith("commands.md#contract-changed")
    (result,) = run["results"]
    assert (result["ruleId"], result["level"]) == ("contract-changed", "error")
    assert list(rules)[result["ruleIndex"]] == "contract-changed"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "src/shop/mail.py", "uriBaseId": "SRCROOT"}


@pytest.mark.parametrize("form", ["text", "json", "github", "sarif"])
def test_problems_are_in_every_format(distilgen: Cli, form: str) -> None:
    distilgen("instrument", "src")
    distilgen.write({"src/shop/mail.py": distilgen.read("src/shop/mail.py") + "x = (\n"})
    ran = distilgen("check", "--format", form)
    assert ran.code == 123
    assert "does not parse" in (ran.err if form == "text" else ran.out)


def test_the_command_of_a_finding_mends_it(distilgen: Cli) -> None:
    _drifted(distilgen)
    mend = json.loads(distilgen("check", "--format", "json").out)["findings"][0]["command"]
    assert distilgen(*mend.split()[1:]).code == 0
    assert distilgen("check").code == 0


def test_usage(distilgen: Cli) -> None:
    assert distilgen("check", "--format", "xml").code == 2
    assert distilgen("check", "..").code == 2


def test_what_a_renamed_module_needs_is_not_left_over(distilgen: Cli) -> None:
    distilgen("dispatch", "--model", "ft:m", "src")
    (distilgen.folder / "src/shop/mail.py").rename(distilgen.folder / "src/shop/post.py")
    for target in ("src", "src/shop/_mail_distil.py"):
        ran = distilgen("check", target)
        assert ran.code == 1
        assert ran.out.count("\n") == 1
        assert "src/shop/post.py:7: reply: uses _mail_distil.py, the sidecar of another" in ran.out


def _without_all(distilgen: Cli, text: str) -> None:
    """`reply` is instrumented, and everything but the lock's entry is lost again."""
    distilgen("instrument", "src")
    (distilgen.folder / "src/shop/_mail_distil.py").unlink()
    distilgen.write({"src/shop/mail.py": text})


def test_a_function_of_which_the_lock_alone_knows(distilgen: Cli) -> None:
    text = distilgen.read("src/shop/mail.py")
    _without_all(distilgen, text)
    ran = distilgen("check")
    assert ran.code == 1
    line = text[: text.index("def reply")].count("\n") + 1
    assert ran.out == (
        f"src/shop/mail.py:{line}: reply: lost all that distilgen wrote; "
        "distilgen.lock says that it is recorded; "
        "mend: distilgen instrument --only reply src/shop/mail.py\n"
    )
    assert distilgen("instrument", "--only", "reply", "src/shop/mail.py").code == 0
    assert distilgen("check").code == 0


def test_a_function_that_went_with_all_that_was_of_it(distilgen: Cli) -> None:
    _without_all(distilgen, "")
    assert distilgen("check").code == 0


def test_the_lock_says_nothing_of_files_that_were_not_looked_at(distilgen: Cli) -> None:
    _without_all(distilgen, distilgen.read("src/shop/mail.py"))
    assert distilgen("check", "src/shop/models.py").code == 0


@pytest.mark.parametrize("gone", [False, True])
def test_a_damaged_sidecar_that_another_module_uses(distilgen: Cli, gone: bool) -> None:
    text = distilgen.read("src/shop/mail.py")
    distilgen.write({"src/shop/other.py": text})
    distilgen("instrument", "src")
    moved = distilgen.read("src/shop/mail.py")
    distilgen.write({
        "src/shop/archive.py": moved,
        "src/shop/_mail_distil.py": distilgen.read("src/shop/_mail_distil.py") + "x = (\n",
        "src/shop/other.py": distilgen.read("src/shop/other.py").replace("Answer", "Answer to"),
    })  # fmt: skip
    if gone:
        (distilgen.folder / "src/shop/mail.py").unlink()
    ran = distilgen("check")
    assert ran.code == 1
    assert ran.out.count("src/shop/_mail_distil.py:52: does not parse") == 1, ran.out
    assert "src/shop/archive.py:8: reply: uses _mail_distil.py, the sidecar of another" in ran.out
    assert "src/shop/other.py:8: reply: its contract changed" in ran.out
    assert ran.out.count("\n") == 3
    ran = distilgen("check", "src/shop/archive.py")
    assert ran.out.count("\n") == 2
    assert "_mail_distil.py:52: does not parse" in ran.out


def test_a_sidecar_with_other_shapes_ends_no_check(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    sidecar = distilgen.read("src/shop/_mail_distil.py")
    inputs = '    inputs={"properties": {"text": 3}},\n'
    edited = re.sub(r"    inputs=\{.*?\n    \},\n", inputs, sidecar, flags=re.DOTALL)
    assert edited != sidecar
    distilgen.write({"src/shop/_mail_distil.py": edited})
    ran = distilgen("check")
    assert ran.code == 1
    assert ran.out.startswith(
        "src/shop/_mail_distil.py:7: reply is no contract (its inputs is of another kind); "
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("recorded", "dispatched", "something else than _mail_distil.py"),
        ("shop.mail:reply", "shop.mail:other", "nothing"),
    ],
)
def test_a_lock_that_says_something_else(distilgen: Cli, old: str, new: str, message: str) -> None:
    distilgen("instrument", "src")
    right = distilgen.read("distilgen.lock")
    distilgen.write({"distilgen.lock": right.replace(old, new)})
    ran = distilgen("check")
    assert ran.code == 1
    mend = "distilgen instrument --only reply src/shop/mail.py"
    assert f"reply: distilgen.lock says {message} of it; mend: {mend}\n" in ran.out
    assert distilgen("instrument", "src").code == 0
    assert distilgen("check").code == 0
