"""`distilgen models`: the students that `distilgen.lock` knows."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from distilgen import lock
from distilgen.cli import options, report, students
from distilgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distilgen.cli.options import Session
    from distilgen.contract import Contract
    from distilgen.lock import Lock, Model

_NAME = click.argument("name", metavar="NAME")


@click.group()
def command() -> None:
    """The models that were trained, as distilgen.lock knows them: whose they are, how good they
    were when they were measured, and which functions they answer for.
    """


@command.command("list")
@click.argument("functions", nargs=-1, metavar="[FUNCTIONS]...")
@options.as_json
@options.project
def list_(functions: tuple[str, ...], as_json: bool, folder: Path) -> int:
    """The models, of all functions or of FUNCTIONS, the last made first."""
    with options.session(folder) as current:
        known = lock.read(current.project.root)
        models = known.models
        if functions:
            names = {item.function for item in options.chosen_contracts(current, functions)}
            models = {name: item for name, item in models.items() if item.function in names}
        contracts = _contracts(current)
        order = sorted(models, key=lambda name: (models[name].at, name), reverse=True)
        if as_json:
            found = [_values(current, known, contracts, name) for name in order]
            click.echo(json.dumps(found, indent=2, ensure_ascii=False))
            return current.code()
        if not order:
            click.echo("no model; train one with `distilgen train FUNCTION`", err=True)
            return current.code()
        rows = []
        for name in order:
            item = models[name]
            answers_for = ", ".join(_used_by(known, name))
            fits = _fits(item, contracts)
            rows.append((
                name, item.function, item.provider, _share(item.agreement), _share(item.coverage),
                item.at or "-", answers_for or "-" if fits else f"no: {_MISFIT}",
            ))  # fmt: skip
        head = ("model", "function", "trained by", "agreement", "coverage", "made", "answers for")
        report.table(head, rows)
        return current.code()


@command.command()
@_NAME
@options.as_json
@options.project
def show(name: str, as_json: bool, folder: Path) -> int:
    """Everything that is known of the model NAME, and how it is taken."""
    with options.session(folder) as current:
        known = lock.read(current.project.root)
        item = _model(known, name)
        contracts = _contracts(current)
        values = _values(current, known, contracts, name)
        if as_json:
            click.echo(json.dumps(values, indent=2, ensure_ascii=False))
            return current.code()
        for key, value in values.items():
            if value not in (None, "", [], {}):
                click.echo(f"{key.replace('_', ' '):<12} {_text(value)}")
        if _fits(item, contracts):
            mode = " --mode fallback" if students.is_embedded(name) else ""
            click.echo(
                f"next: distilgen dispatch --all --only {item.function} --model {name}{mode}",
                err=True,
            )
        else:
            click.echo(f"next: distilgen train {item.function}: {_MISFIT}", err=True)
        return current.code()


@command.command()
@_NAME
@options.project
def remove(name: str, folder: Path) -> int:
    """Forget the model NAME; of an embedded student, remove its file. One that answers for a
    function stays. What a host has of it stays there: `distilgen files` and `jobs` are for that.
    """
    with options.session(folder) as current:
        known = lock.read(current.project.root)
        _model(known, name)
        used = _used_by(known, name)
        if used:
            raise UsageError(
                f"{name}: {', '.join(used)} is answered by it; give the function back by "
                "`distilgen restore`, or take another model"
            )
        with report.writing(current) as work:
            work.forget_model(name)
        if students.is_embedded(name):
            students.place_of(current.project, name).unlink(missing_ok=True)
        click.echo(f"removed: {name}")
        return current.code()


_MISFIT = "its contract is not that of the function any more"


def _model(known: Lock, name: str) -> Model:
    if name not in known.models:
        import difflib  # noqa: PLC0415 - seldom needed

        close = difflib.get_close_matches(name, known.models, 1, cutoff=0.5)
        advice = f"did you mean {close[0]}?" if close else "`distilgen models list` has them all"
        raise UsageError(f"{name}: {lock.FILE} knows no such model; {advice}")
    return known.models[name]


def _contracts(current: Session) -> dict[str, Contract]:
    return {contract.function: contract for contract in current.project.frozen()}


def _fits(item: Model, contracts: dict[str, Contract]) -> bool:
    """Is its contract that of the function? Where none is frozen, it may be."""
    contract = contracts.get(item.function)
    return contract is None or contract.fingerprint == item.contract


def _used_by(known: Lock, name: str) -> list[str]:
    return sorted(function for function, item in known.functions.items() if item.model == name)


def _values(
    current: Session, known: Lock, contracts: dict[str, Contract], name: str
) -> dict[str, Any]:
    """What is known of a model, as JSON has it."""
    item = known.models[name]
    values = {"name": name, **asdict(item)}
    values["fits"] = _fits(item, contracts)
    values["answers_for"] = _used_by(known, name)
    values["latest"] = known.latest(item.function, item.contract) == name
    if students.is_embedded(name):
        values |= _embedded(current, name)
    return values


def _embedded(current: Session, name: str) -> dict[str, Any]:
    """What the file of an embedded student says."""
    from distilgen.embedded import file  # noqa: PLC0415 - as it is needed
    from distilgen.errors import StudentError  # noqa: PLC0415

    path = students.place_of(current.project, name)
    values: dict[str, Any] = {"file": current.project.relative(path)}
    try:
        model = file.load(path)
    except StudentError as error:
        return values | {"problem": str(error)}
    values["bytes"] = path.stat().st_size
    values |= {key: getattr(model, key) for key in ("rows", "target", "threshold", "made_by")}
    values["fields"] = dict(_kinds(model.predictor, ""))
    return values


def _kinds(predictor: Any, place: str) -> Iterator[tuple[str, str]]:
    """(field, kind of its predictor) for each field of an answer."""
    from distilgen.embedded.model import Fields, Maybe  # noqa: PLC0415 - as it is needed

    if isinstance(predictor, Fields):
        for name, inner in predictor.fields.items():
            yield from _kinds(inner, f"{place}.{name}" if place else name)
    elif isinstance(predictor, Maybe):
        for where, kind in _kinds(predictor.inner, place):
            yield where, f"{kind}, may be missing" if where == place else kind
    else:
        yield place or "answer", predictor.kind


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, dict):
        return "; ".join(f"{key}: {item}" for key, item in value.items())
    return (
        {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )
