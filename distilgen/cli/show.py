"""`distilgen show`: what the student of one function sees, and must answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from distilgen.cli import options
from distilgen.cli.record_lines import pretty
from distilgen.contract import canonical_json
from distilgen.errors import UsageError
from distilgen.records.record import Record
from distilgen.rewrite import contracts_file, module as modules
from distilgen.rows import FORMATS
from distilgen.strict import strict_form

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.records.store import Store
    from distilgen.rewrite.marks import Mark
    from distilgen.source.functions import Surveyed


@click.command()
@click.argument("function", metavar="MODULE:FUNCTION")
@click.option(
    "--strict", is_flag=True, help="Show the answer's schema for strict structured outputs instead."
)
@options.records
@options.python
@options.project
def command(
    function: str, records: str | None, python: str | None, folder: Path, *, strict: bool
) -> int:
    """Show the contract of one function: system prompt, tool and input schema, and a row made with
    it, from its last record, or from the types of its parameters where it has none.
    """
    with options.session(folder, python) as current:
        source, surveyed = current.project.function(function)
        if not surveyed.is_candidate:
            raise UsageError(f"{function}: cannot be distilled: {surveyed.reason}")
        loaded = modules.load(current.project.root, source)
        contract = current.project.freeze(surveyed)
        mark = loaded.found.at(surveyed.function.line)
        frozen = loaded.contract_of(surveyed.function.line)
        where = f"{current.project.relative(source.path)}:{surveyed.function.line}"
        click.echo(f"{contract.function}  {where}  {_state(mark, frozen)}")
        click.echo(f"contract {contract.fingerprint}{_drift(contract, frozen)}")
        if strict:
            _show_strict(contract)
            return current.code()
        _section("system", contract.system_prompt)
        _section("tool", pretty(contract.tool))
        _section("inputs", pretty(contract.inputs))
        store = options.records_store(current, records)
        _section(*_example(contract, surveyed, store))
        return current.code()


def _show_strict(contract: Contract) -> None:
    """The strict schema, if there is one, and what is not in it."""
    found = strict_form(contract.tool["parameters"])
    if found.schema is None:
        _section("strict schema: there is none", "\n".join(found.obstacles))
    else:
        _section("strict schema", pretty(found.schema))
    lines = [f"{d.pointer}  {d.keyword}: {canonical_json(d.value)}" for d in found.dropped]
    if lines:
        _section("dropped; Pydantic still checks the answer", "\n".join(lines))


def _state(mark: Mark | None, frozen: Contract | None) -> str:
    """What is made of a function, and the settings of its contract."""
    if mark is None:
        return "plain"
    records = " and recorded" if mark.stub and mark.verb == "record" else ""
    said = contracts_file.options(frozen) if frozen else {}
    settings = ", ".join(f"{name.replace('_', '-')} {value}" for name, value in said.items())
    return f"{mark.state}{records}{'; ' if settings else ''}{settings}"


def _drift(contract: Contract, frozen: Contract | None) -> str:
    if frozen is None:
        return " (not frozen yet)"
    if frozen.fingerprint == contract.fingerprint:
        return ""
    return f" (frozen: {frozen.fingerprint}; the code has changed since)"


def _example(contract: Contract, surveyed: Surveyed, store: Store) -> tuple[str, str]:
    last = None
    for item in store.read():
        if isinstance(item, Record) and item.contract == contract.fingerprint:
            last = item if item.error is None and item.usable else last
    if last:
        row = FORMATS["openai-tools"](contract, last.arguments, last.result)
        return f"row of record {last.id}", pretty({"messages": row["messages"]})
    types = {p.name: f"<{p.annotation or 'anything'}>" for p in surveyed.function.parameters}
    given = {name: types[name] for name in contract.parameters}
    return (
        "messages of a call (no record yet: arguments by their types)",
        pretty({"messages": contract.messages(given)}),
    )


def _section(title: str, text: str) -> None:
    click.echo()
    click.secho(f"── {title}", bold=True)
    click.echo(text)
