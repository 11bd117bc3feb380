"""Projects of every layout: what is rewritten still runs, as it ran before."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.cli.conftest import Cli

MODEL = "from pydantic import BaseModel\n\n\nclass Item(BaseModel):\n    name: str\n"
ASK = '\n\ndef ask() -> Item:\n    return Item(name="x")\n'
MAIN = '\n\nif __name__ == "__main__":\n    print(ask())\n'
TEST = '\n\ndef test_ask():\n    assert ask().name == "x"\n'


@pytest.mark.parametrize(
    ("tree", "command"),
    [
        pytest.param({"m.py": MODEL + ASK}, "-c 'import m; m.ask()'", id="a module at the root"),
        pytest.param({"scripts/job.py": MODEL + ASK + MAIN}, "scripts/job.py", id="a script"),
        pytest.param(
            {"scripts/job.py": "from items import Item" + ASK + MAIN, "scripts/items.py": MODEL},
            "scripts/job.py",
            id="a script and the module beside it",
        ),
        pytest.param({"01_intro.py": MODEL + ASK + MAIN}, "01_intro.py", id="a name of digits"),
        pytest.param({"class.py": MODEL + ASK + MAIN}, "class.py", id="a name that is a keyword"),
        pytest.param(
            {"tests/helpers.py": MODEL + ASK, "tests/test_it.py": "from helpers import ask" + TEST},
            "-m pytest -q -p no:cacheprovider",
            id="helpers of tests",
        ),
        pytest.param(
            {"src/space/m.py": MODEL + ASK}, "-c 'import space.m as m; m.ask()'", id="a namespace"
        ),
        pytest.param(
            {"app/m.py": MODEL + ASK, "app/main.py": "from app.m import ask\n\nask()\n"},
            "-m app.main",
            id="a namespace at the root",
        ),
        pytest.param(
            {
                "pkg/__init__.py": "",
                "pkg/items.py": MODEL,
                "pkg/m.py": "from .items import Item" + ASK,
            },
            "-c 'import pkg.m as m; m.ask()'",
            id="relative imports",
        ),
        pytest.param(
            {
                "pkg/__init__.py": "from . import items",
                "pkg/items.py": MODEL,
                "pkg/m.py": "from pkg import items\n" + ASK.replace("Item", "items.Item"),
            },
            "-c 'import pkg.m as m; m.ask()'",
            id="a package that imports its module",
        ),
        pytest.param(
            {"pkg/__init__.py": "from . import items\n" + MODEL + ASK, "pkg/items.py": "x = 1\n"},
            "-c 'import pkg; pkg.ask()'",
            id="a package's own module",
        ),
    ],
)  # fmt: skip
def test_what_is_rewritten_runs(distilgen: Cli, tree: Mapping[str, str], command: str) -> None:
    distilgen.write(tree)
    before = distilgen.snapshot()
    ran = distilgen("instrument", "--only", "ask", ".")
    assert (ran.code, ran.out.count("\n")) == (0, 1), ran.err
    words = command.split("'")
    arguments = [*words[0].split(), *words[1:2]]
    done = subprocess.run(
        [sys.executable, *arguments],
        env={"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(distilgen.read(".distilgen/records/records-000001.jsonl").splitlines()) == 1
    assert distilgen("check").code == 0
    assert distilgen("restore", ".").code == 0
    after = {name: raw for name, raw in distilgen.snapshot().items() if ".distilgen" not in name}
    assert after == before


def test_a_file_that_no_sidecar_can_stand_beside(distilgen: Cli) -> None:
    distilgen.write({"my-mod.py": MODEL + ASK})
    ran = distilgen("instrument", ".")
    assert ran.code == 0
    assert "1 skipped (no module can be imported beside my-mod.py" in ran.err


def test_a_renamed_module_is_named(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    (distilgen.folder / "src/shop/mail.py").rename(distilgen.folder / "src/shop/post.py")
    message = "src/shop/post.py:8: reply: uses _mail_distil.py, the sidecar of another module"
    ran = distilgen("check")
    assert ran.code == 1
    assert ran.out.startswith(message)
    for command in ("instrument", "dispatch --model m"):
        ran = distilgen(*command.split(), "src")
        assert ran.code == 123
        assert message in ran.err
    for command in ("restore", "instrument"):
        assert distilgen(command, "src/shop/post.py").code == 0
    assert distilgen("check").code == 0


def test_a_sidecar_that_lacks_a_contract_is_made_anew(distilgen: Cli) -> None:
    method = "\n\n    def copy_of(self) -> Email:\n        return self\n"
    models = distilgen.read("src/shop/models.py")
    distilgen.write(
        {"src/shop/models.py": "from __future__ import annotations\n\n" + models + method}
    )
    distilgen("instrument", "src")
    before = distilgen.snapshot()
    (distilgen.folder / "src/shop/_models_distil.py").unlink()
    assert distilgen("check").code == 1
    assert distilgen("instrument", "src").code == 0
    assert distilgen.snapshot() == before


def test_a_root_that_is_not_there(distilgen: Cli) -> None:
    distilgen.write({"pyproject.toml": '[tool.distilgen]\nroots = ["nope"]\n'})
    ran = distilgen("scan")
    assert ran.code == 2
    assert "roots: there is no folder" in ran.err


def test_one_missing_body_keeps_the_others_from_nothing(distilgen: Cli) -> None:
    more = "\n\ndef forward(text: str) -> Email:\n    return reply(text)\n"
    distilgen.write({"src/shop/mail.py": distilgen.read("src/shop/mail.py") + more})
    distilgen("dispatch", "--model", "m", "--only", "forward", "src")
    kept = distilgen.read(".distilgen/originals/src/shop/mail.py.json")
    distilgen("dispatch", "--model", "m", "src")
    distilgen.write({".distilgen/originals/src/shop/mail.py.json": kept})
    ran = distilgen("restore", "src")
    assert ran.code == 123
    assert "src/shop/mail.py:7: reply: its body is not in .distilgen/originals/src/shop/" in ran.err
    assert ran.out == "restored: shop.mail:forward\n"


def test_a_generator_with_a_return_value_is_left_alone(distilgen: Cli) -> None:
    source = "from collections.abc import Generator\nfrom shop.models import Email\n\n\n"
    source += (
        "def several() -> Generator[Email, None, str]:\n    yield Email(to='', urgent=False)\n"
    )
    source += "    return 'end'\n\n\ndef one() -> Email:\n    return Email(to='', urgent=False)\n"
    distilgen.write({"src/shop/mail.py": source})
    ran = distilgen("dispatch", "--model", "m", "src")
    assert ran.code == 123
    assert "src/shop/mail.py:5: several: it returns a value behind its items" in ran.err
    assert ran.out == "dispatched: shop.mail:one\n"


def test_what_cannot_be_written_is_told(distilgen: Cli) -> None:
    distilgen("instrument", "src")
    distilgen.write({"file": "", ".distilgen/records/records-000001.jsonl": ""})
    contract = distilgen.read("src/shop/_mail_distil.py").split('fingerprint="')[1][:32]
    record = (
        f'{{"id":"1","function":"shop.mail:reply","contract":"{contract}","arguments":{{}},'
        '"result":{}}\n'
    )
    distilgen.write({".distilgen/records/records-000001.jsonl": record})
    ran = distilgen("dataset", "build", "--no-holdout", "--output", "file/x")
    assert ran.code in (2, 123)
    assert "Traceback" not in ran.err
    assert ran.err


@pytest.mark.parametrize("target", ["", "src", "src/shop/mail.py", "src/shop/_mail_distil.py"])
@pytest.mark.parametrize("inside", [False, True])
def test_a_path_through_a_link_to_the_project(
    distilgen: Cli, tmp_path_factory: pytest.TempPathFactory, target: str, inside: bool
) -> None:
    before = distilgen.snapshot()
    link = tmp_path_factory.mktemp("links") / "link"
    link.symlink_to(distilgen.folder / "src" if inside else distilgen.folder)
    path = link / target.removeprefix("src").lstrip("/") if inside else link / target
    for command in ("instrument", "check", "restore"):
        ran = distilgen(command, str(path))
        assert ran.code == 0, ran.err
        assert ran.out == (
            "" if command == "check" else f"{command.strip('e')}ed: shop.mail:reply\n"
        )
    assert distilgen.snapshot() == before


def test_a_link_inside_the_project_stays_as_it_is_named(distilgen: Cli) -> None:
    (distilgen.folder / "lib").symlink_to("src")
    ran = distilgen("scan", "lib/shop", "--format", "json")
    assert '"path": "lib/shop/mail.py"' in ran.out
