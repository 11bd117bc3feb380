"""`distilgen scan`: a table of functions, and what can be done with them."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from distilgen.cli import options, report
from distilgen.errors import SourceError
from distilgen.rewrite import module as modules

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.project import Surveys


@click.command()
@options.optional_paths
@click.option(
    "--all", "everything", is_flag=True, help="List every function with a return annotation."
)
@options.python
@options.project
def command(paths: tuple[Path, ...], everything: bool, python: str | None, folder: Path) -> int:
    """List the functions that return a Pydantic type: contract, state, or why they are skipped.

    Without PATHS, the whole project.
    """
    with options.session(folder, python) as current:
        rows: list[tuple[str, str, str, str]] = []
        others: Counter[str] = Counter()
        candidates = 0
        for surveys in current.project.survey(paths or (current.project.root,)):
            for row, near in _rows(current, surveys):
                if row[3].startswith("skipped") and not near and not everything:
                    others[row[3].removeprefix("skipped: ")] += 1
                else:
                    rows.append(row)
                candidates += not row[3].startswith("skipped")
        if rows:
            report.table(("function", "returns", "contract", "state"), rows)
        click.echo(_summary(candidates, others))
        return current.code()


def _summary(candidates: int, others: Counter[str]) -> str:
    said = report.counted(candidates, "candidate")
    rest = sum(others.values())
    if not rest:
        return said
    most = ", ".join(f"{count} {reason}" for reason, count in others.most_common(3))
    more = ", …" if len(others) > 3 else ""
    return f"{said}; {report.counted(rest, 'other function')} ({most}{more}); see --all"


def _rows(
    current: options.Session, surveys: Surveys
) -> list[tuple[tuple[str, str, str, str], bool]]:
    rows = []
    try:
        loaded = modules.load(current.project.root, surveys.source)
    except SourceError as error:
        current.tell(error)
        return []
    for item in surveys.functions:
        mark, contract = loaded.found.at(item.function.line), loaded.contract_of(item.function.line)
        frozen = contract.fingerprint[:12] if contract else "-"
        state = f"skipped: {item.reason}" if item.reason else "plain"
        if mark:
            state = mark.state + (f" to {contract.model}" if contract and contract.model else "")
        rows.append(
            ((item.name, item.function.returns or "", frozen, state), item.near or bool(mark))
        )
    return rows
