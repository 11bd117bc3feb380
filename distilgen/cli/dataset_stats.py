"""`distilgen dataset stats`: what is in a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from distilgen.cli import options, record_lines, report
from distilgen.cli.dataset_target import targets
from distilgen.cli.plan_page import ESTIMATED
from distilgen.dataset.manifest import SPLITS
from distilgen.dataset.statistics import FIELDS, VALUES, Statistics
from distilgen.dataset.tokens import counter
from distilgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from distilgen.cli.dataset_target import Target
    from distilgen.dataset.spread import Spread
    from distilgen.dataset.statistics import Field
    from distilgen.dataset.tokens import Counter

_SPLITS = ("split", "rows", "size", "tokens", "least", "median", "p95", "most", "messages")
_FIELDS = ("field", "type", "there", "null", "distinct", "least", "median", "most", "values")
_TOP = 3
_TOP_OF_SPLITS = 8
_CUT = 32  # characters of a value in a table
_TOP_JSON = 20


@click.command(short_help="Sizes of the splits, and what the answers hold.")
@click.argument("names", nargs=-1, metavar="[FUNCTION|FOLDER]...")
@click.option(
    "--field", "paths", multiple=True, metavar="PATH",
    help="Only this field of the answers, and those in it: to.name, lines[]. May be repeated.",
)  # fmt: skip
@click.option("--model", metavar="NAME", help="The model whose tokens are counted.")
@options.text_or_json
@options.project
def stats(
    names: tuple[str, ...],
    paths: tuple[str, ...],
    model: str | None,
    format_name: str,
    folder: Path,
) -> int:
    """Say what is in datasets: rows, bytes and tokens of each split; of each field of the answers,
    types, how often it is null, distinct values and the most frequent ones, numbers, lengths of
    texts (characters) and arrays (items); values that train never has; what was left out, and why.
    All datasets, or those of the named functions or folders. Beyond 10,000 rows, medians and 95th
    percentiles are right within 1 %.
    """
    with options.session(folder) as current:
        chosen = targets(current, names)
        count = counter(model)
        counted = [(target, _counted(target, count)) for target in chosen]
        _refuse_absent(paths, [found for _, found in counted])
        if format_name == "json":
            said = [_values(target, found, count, paths) for target, found in counted]
            click.echo(record_lines.pretty({"datasets": said}))
            return current.code()
        for number, (target, found) in enumerate(counted):
            click.echo("\n" * bool(number), nl=False)
            _show(target, found, paths)
        if not count.exact:
            click.echo(f"note: {ESTIMATED}", err=True)
        return current.code()


def _counted(target: Target, count: Counter) -> Statistics:
    found = Statistics()
    for split in SPLITS:
        path = target.path(split)
        if path is not None:
            found.add(split, path, target.manifest.format, target.contract, count)
    return found


def _refuse_absent(paths: Sequence[str], counted: Sequence[Statistics]) -> None:
    """Raises UsageError for a field that no dataset has."""
    known = list(dict.fromkeys(path for found in counted for path in found.fields))
    for path in paths:
        if not any(_is_in(name, path) for name in known):
            there = f"there are {', '.join(known[:FIELDS])}" if known else "no field is known"
            raise UsageError(f"--field {path}: no answer has it; {there}")


def _is_in(name: str, path: str) -> bool:
    return name == path or name.startswith((f"{path}.", f"{path}["))


def _chosen(found: Statistics, paths: Sequence[str]) -> dict[str, Field]:
    return {
        name: field
        for name, field in found.fields.items()
        if not paths or any(_is_in(name, path) for path in paths)
    }


# For reading.


def _show(target: Target, found: Statistics, paths: Sequence[str]) -> None:
    said = target.manifest
    click.echo(f"{record_lines.printable(said.function)}: {said.format}\n")
    if not paths:
        report.table(_SPLITS, [_split_cells(target, split, found) for split in found.splits])
    fields = _chosen(found, paths)
    if fields:
        report.table(_FIELDS, [_field_cells(name, field) for name, field in fields.items()])
    closed = {name: field for name, field in fields.items() if field.closed}
    if closed and len(found.splits) > 1:
        rows = [row for name, field in closed.items() for row in _value_rows(name, field, found)]
        report.table(("closed set", "value", *found.splits), rows)
    for line in _lines(target, found, fields):
        click.echo(record_lines.printable(line))


def _split_cells(target: Target, split: str, found: Statistics) -> tuple[str, ...]:
    here, part = found.splits[split], target.manifest.files[split]
    return (
        split,
        f"{here.rows:,}",
        record_lines.bytes_of(part.bytes),
        f"{here.tokens.total:,.0f}",
        *_three(here.tokens, p95=True),
        f"{here.messages.mean:.3g} a row" if here.messages.count else "-",
    )


def _field_cells(name: str, field: Field) -> tuple[str, ...]:
    kinds = [kind for kind, _ in field.kinds.most_common() if kind != "null"]
    repeated = [(text, share) for text, share in field.top(_TOP) if share * field.seen > 1.5]
    values = ", ".join(f"{record_lines.cut(text, _CUT)} {share:.0%}" for text, share in repeated)
    cells = (
        name,
        " or ".join(kinds) or "null",
        f"{field.seen:,}",
        f"{field.kinds['null'] / field.seen:.1%}",
        f"over {VALUES:,}" if field.more else f"{field.distinct:,}" if field.distinct else "-",
        *_three(field.numbers if field.numbers.count else field.lengths),
        values or "-",
    )
    return tuple(map(record_lines.printable, cells))


def _value_rows(name: str, field: Field, found: Statistics) -> Iterator[tuple[str, ...]]:
    """A row of each of the most frequent values: how often each split has it."""
    for number, (text, counts) in enumerate(field.by_split(_TOP_OF_SPLITS)):
        cells = (name if not number else "", record_lines.cut(text, _CUT))
        times = (f"{counts.get(split, 0):,}" for split in found.splits)
        yield (*map(record_lines.printable, cells), *times)
    left = field.distinct - _TOP_OF_SPLITS
    if left > 0:
        yield ("", f"{left:,} more", *("" for _ in found.splits))


def _three(spread: Spread, *, p95: bool = False) -> tuple[str, ...]:
    if not spread.count:
        return ("-",) * (3 + p95)
    middle = (spread.quantile(0.5), spread.quantile(0.95)) if p95 else (spread.quantile(0.5),)
    return tuple(map(_number, (spread.least, *middle, spread.most)))


def _number(number: float) -> str:
    return f"{number:,.0f}" if number == round(number) and abs(number) < 1e15 else f"{number:,.6g}"


def _lines(target: Target, found: Statistics, fields: Mapping[str, Field]) -> Iterator[str]:
    """What there is to say beside the tables."""
    said = target.manifest
    if target.contract is None:
        yield (
            "fields: not known: the rows are of a contract that the project has no more; run "
            "`distilgen dataset build`"
        )
    if found.other_fields:
        yield f"fields: there are more than the {FIELDS} that were counted"
    for name, field in fields.items():
        for split, values in field.unseen.items():
            few = ", ".join(values[:_TOP]) + (" and more" if len(values) > _TOP else "")
            yield f"never in train: {name} is {few} in {split}"
    if said.left_out:
        counts = ", ".join(f"{count:,} {reason}" for reason, count in said.left_out.items())
        yield f"left out: {counts}"
    if said.conflicts.get("calls"):
        policy = said.conflicts.get("policy", "?")
        calls = report.counted(said.conflicts["calls"], "call")
        yield f"conflicts: {calls} with more than one answer; policy: {policy}"
    if said.filters:
        asked = (f"{name} {_said(value)}" for name, value in said.filters.items())
        yield f"filters: {', '.join(asked)}"


def _said(value: Any) -> str:
    return " and ".join(map(str, value)) if isinstance(value, list) else str(value)


# For programs.


def _values(
    target: Target, found: Statistics, count: Counter, paths: Sequence[str]
) -> dict[str, Any]:
    said = target.manifest
    return {
        "function": said.function,
        "contract": said.contract,
        "format": said.format,
        "folder": str(target.folder),
        "tokens_by": count.name,
        "exact": count.exact,
        "splits": {
            split: {
                "rows": here.rows,
                "bytes": said.files[split].bytes,
                "tokens": _spread_values(here.tokens),
                "answer_tokens": _spread_values(here.answers),
                "messages": _spread_values(here.messages),
            }
            for split, here in found.splits.items()
        },
        "fields": {
            name: {
                "types": dict(field.kinds.most_common()),
                "seen": field.seen,
                "null": field.kinds["null"],
                "distinct": field.distinct,
                "more_distinct": field.more,
                "top": [{"value": text, "share": share} for text, share in field.top(_TOP_JSON)],
                "numbers": _spread_values(field.numbers),
                "lengths": _spread_values(field.lengths),
                "closed": field.closed,
                "by_split": dict(field.by_split(_TOP_JSON)) if field.closed else None,
                "never_in_train": field.unseen,
            }
            for name, field in _chosen(found, paths).items()
        },
        "left_out": dict(said.left_out),
        "conflicts": dict(said.conflicts),
        "filters": dict(said.filters),
    }


def _spread_values(spread: Spread) -> dict[str, float] | None:
    if not spread.count:
        return None
    return {
        "total": spread.total,
        "least": spread.least,
        "median": spread.quantile(0.5),
        "p95": spread.quantile(0.95),
        "most": spread.most,
    }
