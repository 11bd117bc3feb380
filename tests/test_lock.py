"""distilgen.lock: functions and models, an entry a line."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest

from distilgen import lock
from distilgen.errors import ConfigError
from distilgen.lock import Function, Lock, Model

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Module:
    """What became of one."""

    states: dict[str, Function] = field(default_factory=dict)
    gone: tuple[str, ...] = ()


REPLY = Function("c1", "recorded")
FORWARD = Function("c2", "dispatched", "ft:one")
MODEL = Model("shop.mail:reply", "c1", "openai", "d", "job", 0.5)

TEXT = """\
{
  "functions": {
    "shop.mail:forward": {"contract": "c2", "state": "dispatched", "model": "ft:one"},
    "shop.mail:reply": {"contract": "c1", "state": "recorded", "model": null}
  },
  "models": {
    "ft:one": {"function": "shop.mail:reply", "contract": "c1", "provider": "openai", \
"dataset": "d", "job": "job", "agreement": 0.5, "answers": "tool", "coverage": null, "at": ""}
  }
}
"""


def _put(project: Path, content: Lock) -> None:
    (project / lock.FILE).write_bytes(content.render() or b"")


def test_an_entry_a_line_in_order(tmp_path: Path) -> None:
    whole = Lock({"shop.mail:reply": REPLY, "shop.mail:forward": FORWARD}, {"ft:one": MODEL})
    _put(tmp_path, whole)
    assert (tmp_path / lock.FILE).read_bytes() == TEXT.encode()
    assert lock.read(tmp_path) == whole


def test_no_entry_no_file(tmp_path: Path) -> None:
    assert lock.read(tmp_path) == Lock()
    assert Lock().render() is None


@pytest.mark.parametrize("part", ["functions", "models"])
def test_one_part_is_enough(tmp_path: Path, part: str) -> None:
    (tmp_path / lock.FILE).write_text(json.dumps({part: json.loads(TEXT)[part]}))
    found = lock.read(tmp_path)
    assert (len(found.functions), len(found.models)) in ((2, 0), (0, 1))


def test_what_changes_leaves_the_rest() -> None:
    whole = Lock({"a:f": REPLY, "a:old": REPLY, "b:g": FORWARD}, {"ft:one": MODEL})
    module = Module({"a:f": FORWARD}, ("a:old", "a:never"))
    after = whole.after([module])
    assert after == Lock({"a:f": FORWARD, "b:g": FORWARD}, {"ft:one": MODEL})
    assert (whole.says(module), after.says(module)) == (False, True)
    none = whole.after([Module(gone=("a:f", "a:old", "b:g"))])
    assert none.with_model("ft:two", MODEL) == Lock({}, {"ft:one": MODEL, "ft:two": MODEL})


@pytest.mark.parametrize("first", [0, 1])
def test_a_function_that_moved_is_where_it_went(first: int) -> None:
    outcomes = [Module(gone=("a:f",)), Module({"a:f": FORWARD})]
    after = Lock({"a:f": REPLY}).after([outcomes[first], outcomes[1 - first]])
    assert after.functions == {"a:f": FORWARD}


CONFLICT = TEXT.replace(
    '    "shop.mail:reply"',
    '<<<<<<< HEAD\n    "a:f": {},\n=======\n>>>>>>> it\n    "shop.mail:reply"',
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (CONFLICT, "distilgen.lock:4: holds a merge conflict; keep the entries of both sides"),
        ("{", "take it back from version control"),
        ("[]", "take it back from version control"),
        ('{"functions": {"a:f": {"contract": "1"}}}', "take it back from version control"),
        ('{"models": {"m": 3}}', "take it back from version control"),
        ("\udcff", "take it back from version control"),
    ],
)
def test_what_is_no_lock_is_told(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / lock.FILE).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError) as caught:
        lock.read(tmp_path)
    assert message in str(caught.value)


def test_git_merges_what_two_have_added_apart(tmp_path: Path) -> None:
    def git(*command: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
        subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True, capture_output=True)

    base = Lock({f"{name}:f": REPLY for name in "bcdefghij"})
    git("init", "-q", "-b", "main")
    _put(tmp_path, base)
    git("add", ".")
    git("commit", "-q", "-m", "base")
    git("branch", "other")
    _put(tmp_path, base.after([Module({"a:f": FORWARD})]))
    git("commit", "-q", "-a", "-m", "one")
    git("checkout", "-q", "other")
    _put(tmp_path, base.after([Module({"e2:f": FORWARD})]))
    git("commit", "-q", "-a", "-m", "two")
    git("merge", "-q", "main")
    assert set(lock.read(tmp_path).functions) == set(base.functions) | {"a:f", "e2:f"}


def test_an_acceptance_stays_while_contract_and_model_do() -> None:
    name, accepted = "shop.mail:forward", replace(FORWARD, accepted=True)
    known = Lock({name: accepted})
    assert '"model": "ft:one", "accepted": true}' in (known.render() or b"").decode()
    same = Module({name: replace(FORWARD, state="canary")})
    assert known.after([same]).functions[name] == replace(accepted, state="canary")
    assert known.says(Module({name: FORWARD}))
    for other in (replace(FORWARD, contract="c3"), replace(FORWARD, model="ft:two")):
        assert known.after([Module({name: other})]).functions[name] == other
