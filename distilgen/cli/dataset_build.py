"""`distilgen dataset build`: records become training files."""

from __future__ import annotations

import contextlib
import difflib
import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from distilgen import lock
from distilgen.cli import options, report
from distilgen.cli.plan_page import ESTIMATED
from distilgen.cli.record_filter import (
    chosen,
    say_malformed,
    since_option,
    until_option,
    where_option,
)
from distilgen.cli.record_lines import printable
from distilgen.dataset import answers, build as building, fields, intake, writers
from distilgen.dataset.conflicts import NAME as CONFLICTS
from distilgen.dataset.drawn import Draw
from distilgen.dataset.holdout import Holdout
from distilgen.dataset.manifest import SPLITS
from distilgen.dataset.tokens import counter
from distilgen.errors import UsageError
from distilgen.records.where import Path as FieldPath, Where
from distilgen.rewrite import journal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distilgen.contract import Contract


def _share(_context: click.Context, _option: click.Parameter, said: str) -> float:
    """From 0 to below 1: `0.1` or `10%`."""
    with contextlib.suppress(ValueError):
        read = float(said.removesuffix("%")) / (100 if said.endswith("%") else 1)
        if 0 <= read < 1:
            return read
    raise click.BadParameter(f"{said!r} is no share from 0 to below 1, such as 0.1 or 10%")


_count = click.IntRange(1)
_JOBS = 2  # each has its own memory
_FEW = 3  # older contracts that are told
_TAKEN = {
    answers.MAJORITY: "the majority's is taken",
    answers.LATEST: "the latest is taken",
    answers.DROP: "none is taken",
}

_rows = (
    click.option(
        "--format", "format_name", type=click.Choice(writers.FORMATS), default="openai-tools",
        show_default=True, help="How a row looks; see docs/formats.md.",
    ),
    click.option(
        "--conflicts", type=click.Choice(answers.POLICIES), default=answers.MAJORITY,
        show_default=True, help="Which answer is taken of a call that has several.",
    ),
    click.option(
        "--near-duplicates", type=click.FloatRange(0, 1, min_open=True), metavar="SHARE",
        help="Leave out calls that have this share of their words in common with another, such as "
        "0.9.",
    ),
    click.option(
        "--balance", metavar="FIELD",
        help="As many rows in train of each value of a field, such as result.kind.",
    ),
    click.option("--each", type=_count, help="With --balance: so many of each value, at most."),
    click.option("--max-row-tokens", type=_count, help="Leave out rows with more tokens."),
    click.option("--max-tokens", type=_count, help="Train on so many tokens, at most."),
    click.option("--model", metavar="NAME", help="The model whose tokens are counted."),
)  # fmt: skip
_splits = (
    click.option(
        "--validation", callback=_share, default="0.1", show_default=True, help="Share held out."
    ),
    click.option(
        "--test", callback=_share, default="0.1", show_default=True, help="Share held out."
    ),
    click.option("--no-holdout", is_flag=True, help="Train on everything: both shares are 0."),
    click.option(
        "--group-by", metavar="FIELD",
        help="Never divide calls with the same value of a field, such as arguments.customer.",
    ),
    click.option(
        "--seed", type=int, default=0, show_default=True, help="Of the split and the order."
    ),
)  # fmt: skip
_records = (
    since_option,
    until_option,
    click.option("--source", metavar="NAME", help="Who answered: teacher, or a model's name."),
    where_option,
    click.option(
        "--accept-contract", multiple=True, metavar="DIGITS",
        help="Take records of the older contract whose fingerprint begins so, too. Repeatable.",
    ),
)  # fmt: skip


def _told(function: Callable[..., int]) -> Callable[..., int]:
    for option in reversed((*_rows, *_splits, *_records)):
        function = option(function)
    return function


@click.command()
@click.argument("functions", nargs=-1, metavar="[FUNCTION]...")
@_told
@click.option(
    "--jobs", type=_count, help="Processes that read records, where there are many.",
    default=min(_JOBS, os.cpu_count() or 1), show_default=True,
)  # fmt: skip
@click.option(
    "--output", type=click.Path(path_type=Path, file_okay=False),
    help="The folder for the datasets; default: the configured one.",
)  # fmt: skip
@options.records
@options.project
def build(
    functions: tuple[str, ...], output: Path | None, records: str | None, folder: Path, **said: Any
) -> int:
    """Build a dataset for each FUNCTION with records, default all: train, validation, test and
    manifest.json in a folder named after it. Equal calls never fall on two sides, and the same
    records give the same files, byte for byte.
    """
    said |= _refuse_senseless(said)
    with options.session(folder) as current:
        project = current.project
        contracts = options.chosen_contracts(current, functions)
        asked, recipe = _asked(current, contracts, said), _recipe(contracts, said)
        if output is None:
            output = project.root / project.config.datasets
            if output.is_relative_to(project.root / journal.STATE):
                journal.ignore_state(project.root / journal.STATE)
        store = options.records_store(current, records)
        with report.share_done("building") as told:
            outcome = building.build(store, contracts, output, asked, recipe, told)
        found = outcome.found
        if found.first:
            say_malformed(current, found.malformed, found.first)
        for built in outcome.built:
            _tell(current, built, asked, recipe)
        for name, count in sorted(found.unknown.items()) if not functions else ():
            counted = f"{report.counted(count, 'record')}, but no contract of that name: left out"
            click.echo(f"{printable(name)}: {counted}", err=True)
        if (said["max_tokens"] or said["max_row_tokens"]) and not counter(said["model"]).exact:
            click.echo(f"note: {ESTIMATED}", err=True)
        wrong = _refuse_unmet(said, outcome.built)
        if wrong:
            click.echo(wrong, err=True)
            current.failed = True
        if functions and not all(built.rows for built in outcome.built):
            current.failed = True
        if not any(built.rows for built in outcome.built):
            click.echo(f"no rows: nothing to train on{_advice(outcome.built)}", err=True)
            current.failed = True
        return current.code()


def _refuse_senseless(said: Any) -> dict[str, float]:
    """The shares that are held out. Raises UsageError for options that make no sense together."""
    context = click.get_current_context()
    shares = {name: said[name] for name in ("validation", "test")}
    if math.isnan(said["near_duplicates"] or 0):
        raise UsageError("--near-duplicates: should be a number")
    for name in shares:
        is_said = context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE
        if said["no_holdout"] and is_said and said[name]:
            raise UsageError(f"--no-holdout or --{name}, not both")
    if said["no_holdout"]:
        shares = dict.fromkeys(shares, 0.0)
    if sum(shares.values()) >= 1:
        raise UsageError("--validation and --test leave nothing to train on")
    if said["each"] and not said["balance"]:
        raise UsageError("--each says how many of each value: of which field? Say --balance, too")
    if said["model"] and not (said["max_tokens"] or said["max_row_tokens"]):
        raise UsageError(
            "--model says whose tokens are counted: how many? Say --max-tokens or "
            "--max-row-tokens, too"
        )
    return shares


def _asked(current: options.Session, contracts: Sequence[Contract], said: Any) -> intake.Asked:
    """Which records are asked for. Raises UsageError."""
    group_by = FieldPath(said["group_by"], "--group-by") if said["group_by"] else None
    where = Where(said["where"]) if said["where"] else None
    for option, condition in (("--group-by", group_by), ("--where", where)):
        if condition:
            _refuse_unknown(option, condition.members, contracts)
    wanted = chosen((), said["since"], said["until"], source=said["source"], where=where)
    return intake.Asked(
        wanted.selection,
        tuple(digits.lower() for digits in said["accept_contract"]),
        frozenset(lock.read(current.project.root).models),
        group_by,
        said["seed"],
    )


def _recipe(contracts: Sequence[Contract], said: Any) -> building.Recipe:
    """How rows are made. Raises UsageError."""
    balance = FieldPath(said["balance"], "--balance") if said["balance"] else None
    if balance:
        if not said["balance"].startswith(("arguments", "result")):
            raise UsageError("--balance: by a field of the arguments or the result")
        _refuse_unknown("--balance", balance.members, contracts)
    return building.Recipe(
        said["format_name"],
        Holdout(said["validation"], said["test"]),
        said["conflicts"],
        said["near_duplicates"],
        Draw(balance, said["each"], said["max_row_tokens"], said["max_tokens"], said["model"]),
        said["jobs"],
        _filters(said),
    )


_ELSEWHERE = ("format_name", "validation", "test", "no_holdout", "seed", "conflicts", "jobs")


def _filters(said: Any) -> dict[str, Any]:
    """What was asked for, by option, for the manifest: times as they are, not as how long ago."""
    filters = {name: value for name, value in said.items() if value and name not in _ELSEWHERE}
    wanted = chosen((), said["since"], said["until"]).selection
    for name, time in (("since", wanted.since), ("until", wanted.until)):
        if time:
            filters[name] = time.isoformat()
    return filters


def _refuse_unknown(
    option: str, members: frozenset[tuple[str, str]], contracts: Sequence[Contract]
) -> None:
    """Raises UsageError for a member of arguments or results that no contract has."""
    if any(fields.has(contract, members) for contract in contracts):
        return
    for whole, name in sorted(members):
        names = [fields.known(contract, whole) or () for contract in contracts]
        known = sorted({one for some in names for one in some})
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            advice = f"did you mean {whole}.{close[0]}?" if close else f"known: {', '.join(known)}"
            raise UsageError(f"{option}: no contract has {whole}.{name}; {advice}")
    together = " and ".join(f"{whole}.{name}" for whole, name in sorted(members))
    raise UsageError(f"{option}: no contract has both {together}")


def _tell(
    current: options.Session,
    built: building.Built,
    asked: intake.Asked,
    recipe: building.Recipe,
) -> None:
    where = current.project.relative(built.folder.absolute())
    rows = ", ".join(f"{split} {built.rows[split]:,}" for split in SPLITS if built.rows[split])
    if rows:
        click.echo(f"{built.contract.function}: {rows} in {where}/")
    else:
        stays = f"; what is in {where}/ stays" if built.folder.exists() else ""
        click.echo(f"{built.contract.function}: no rows{stays}")
    for reason, count in built.left_out.items():
        such = ""
        if reason == intake.MISFIT:
            such = f" ({printable(built.tally.misfit)})"
        elif reason == intake.OLDER:
            older = [
                f"{printable(name[:12])}: {records:,}"
                for name, records in built.tally.older.most_common()
                if not name.startswith(asked.accepted)
            ]
            such = f" ({', '.join(older[:_FEW])})"
        click.echo(f"  left out: {report.counted(count, 'record')} {reason}{such}")
    if built.conflicts:
        calls = report.counted(built.conflicts, "call")
        taken = _TAKEN[recipe.conflicts]
        listed = f"; they are in {where}/{CONFLICTS}" if rows else ""
        click.echo(f"  {calls} with more than one answer: {taken}{listed}")
    shares = {"validation": recipe.holdout.validation, "test": recipe.holdout.test, "train": 1.0}
    for split, share in shares.items():
        if rows and share and not built.rows[split]:
            click.echo(f"  note: {split} has no rows: {rows} is too few to share", err=True)


def _refuse_unmet(said: Any, built: Sequence[building.Built]) -> str:
    """What is wrong with a contract that was to be accepted; nothing where there were records."""
    older = {name for one in built for name in one.tally.older}
    for digits in said["accept_contract"]:
        if not any(name.startswith(digits.lower()) for name in older):
            there = ", ".join(sorted(printable(name[:12]) for name in older)) or "none"
            return (
                f"--accept-contract {digits}: no record is of such a contract; there are: {there}"
            )
    return ""


def _advice(built: Sequence[building.Built]) -> str:
    """What to do where records were left out."""
    for one in built:
        for name, _ in one.tally.older.most_common(1):
            return (
                f"; take those of an older contract with --accept-contract {printable(name[:12])}"
            )
    return ""
