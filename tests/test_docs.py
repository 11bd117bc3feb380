"""The docs name every command, option and setting that there is, and none that there is not."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path

import click
import pytest

from distilgen.cli import _COMMANDS, cli
from distilgen.config import Config, DispatchConfig, Provider
from distilgen.dataset.prices import Price
from distilgen.rewrite.finding import KINDS
from distilgen.runtime import configure
from distilgen.runtime.settings import RECORDS, Settings

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = (ROOT / "docs/commands.md").read_text("utf-8")
CONFIGURATION = (ROOT / "docs/configuration.md").read_text("utf-8")


def _leaves(command: click.Command, path: str) -> dict[str, click.Command]:
    if not isinstance(command, click.Group):
        return {path: command}
    context = click.Context(command)
    inner = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return {
        key: leaf
        for name, sub in inner.items()
        if sub
        for key, leaf in _leaves(sub, f"{path} {name}".strip()).items()
    }


LEAVES = _leaves(cli, "")


@pytest.mark.parametrize("name", LEAVES)
def test_command_and_its_options_are_documented(name: str) -> None:
    heading = re.search(rf"^## distilgen {name}\b", COMMANDS, re.MULTILINE)
    assert heading
    section = COMMANDS[heading.start() :].partition("\n## ")[0]
    documented = COMMANDS.partition("\n## ")[0] + section
    for parameter in LEAVES[name].params:
        for option in (o for o in parameter.opts if o.startswith("--")):
            assert option in documented


def test_documented_options_exist() -> None:
    real = {o for leaf in LEAVES.values() for p in leaf.params for o in p.opts} | {"--help"}
    assert set(re.findall(r"--[a-z][a-z-]+", COMMANDS)) <= real


def test_every_command_has_a_line_in_the_overview() -> None:
    assert {name.split()[0] for name in LEAVES} == set(_COMMANDS)
    assert all(leaf.help for leaf in LEAVES.values())


def test_configuration_is_documented() -> None:
    table = CONFIGURATION.partition("```toml")[2].partition("```")[0]
    keys = set(re.findall(r"^(\w+) = ", table, re.MULTILINE))
    kinds = (Config, DispatchConfig, Provider, Price)
    known = {item.name for kind in kinds for item in fields(kind)}
    assert keys == known - {"dispatch", "providers", "prices"}
    assert Config().records == RECORDS


def test_every_setting_of_the_runtime_is_documented() -> None:
    pages = ("docs/recording.md", "docs/rollout.md")
    text = CONFIGURATION + "".join((ROOT / page).read_text("utf-8") for page in pages)
    for name in inspect.signature(configure).parameters:
        assert f"`{name}=" in text
    read = {f"DISTILGEN_{name.upper()}" for name in Settings.__dataclass_fields__}
    unread = {"DISTILGEN_CLIENT", "DISTILGEN_ASYNC_CLIENT"}
    assert set(re.findall(r"\bDISTILGEN_[A-Z_]+", text)) == read - unread | {"DISTILGEN_DISABLED"}


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / link).exists(), f"{page.name}: {link}"


def test_readme_names_the_two_commands_first() -> None:
    top = (ROOT / "README.md").read_text("utf-8").split("\n\n")[2]
    assert "make demo" in top
    assert "make test" in top


def test_nothing_names_a_machine() -> None:
    wrong = re.compile(r"/(?:home|root|work|Users)/")
    files = [p for name in ("README.md", "CHANGELOG.md", "Makefile") for p in [ROOT / name]]
    files += [*(ROOT / "docs").glob("*.md"), *(ROOT / "distilgen").rglob("*.py")]
    assert [p.name for p in files if wrong.search(p.read_text("utf-8"))] == []


def test_every_kind_of_finding_has_a_row() -> None:
    rows = re.findall(r'^\| <a id="([a-z-]+)"></a>`([a-z-]+)` \|', COMMANDS, re.MULTILINE)
    assert rows == [(name, name) for name in KINDS]
