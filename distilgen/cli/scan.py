"""`distilgen scan`: which functions return a Pydantic type, and what can be done with them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from distilgen.cli import findings, options, report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.source.rows import Overview


@click.command()
@options.optional_paths
@click.option(
    "--all", "everything", is_flag=True, help="List every function with a return annotation."
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", *findings.FORMATS]),
    default="table",
    show_default=True,
    help="How to print: json for programs, github for annotations of a workflow, SARIF 2.1.0.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Work in N processes; default: as many as pay.",
)
@options.python
@options.project
def command(
    paths: tuple[Path, ...],
    everything: bool,
    form: str,
    jobs: int | None,
    python: str | None,
    folder: Path,
) -> int:
    """List the functions that return a Pydantic type: contract, state, or why they are skipped.

    Without PATHS, the whole project.
    """
    with options.session(folder, python) as current:
        root = current.project.root
        wanted = paths or (root,)
        seen = list(current.project.overviews(wanted, everything=everything, jobs=jobs or 0))
        found = [
            item for overview in seen if overview.rows for item in _findings(current, overview)
        ]
        if form != "table":
            click.echo(findings.FORMATS[form](found, current.problems, current.project.relative))
            return current.code()
        if found:
            rows = [(item.function, item.returns, item.contract[:12] or "-", item.state)
                    for item in found]  # fmt: skip
            report.table(("function", "returns", "contract", "state"), rows)
        click.echo(_summary(found))
        return current.code()


def _summary(found: list[findings.Finding]) -> str:
    skipped = sum(1 for item in found if item.reason and item.near)
    others = sum(1 for item in found if item.reason and not item.near)
    parts = [report.counted(len(found) - skipped - others, "candidate")]
    parts += [f"{skipped} skipped"] if skipped else []
    parts += [f"{report.counted(others, 'other function')}"] if others else []
    return ", ".join(parts)


def _findings(current: options.Session, overview: Overview) -> Iterator[findings.Finding]:
    """The functions of a file, with what distilgen has made of them."""
    states = _states(current, Path(overview.path)) if overview.marked else {}
    path = current.project.relative(overview.path)
    for row in overview.rows:
        state, contract, model = states.get(row.line, ("plain", "", ""))
        name = f"{overview.module}:{row.qualname}"
        yield findings.Finding(
            path, row.line, name, row.returns, row.reason, row.near, contract, state, model
        )


def _states(current: options.Session, path: Path) -> dict[int, tuple[str, str, str]]:
    """(state, fingerprint, model) of the functions of a rewritten file, by line."""
    from distilgen.errors import SourceError  # noqa: PLC0415
    from distilgen.rewrite import module as modules  # noqa: PLC0415 - few files are rewritten
    from distilgen.source import files  # noqa: PLC0415

    try:
        loaded = modules.load(current.project.root, files.read(path))
    except SourceError as error:
        current.tell(error)
        return {}
    states: dict[int, tuple[str, str, str]] = {}
    for mark in loaded.found.functions:
        line = mark.function.lineno
        contract = loaded.contract_of(line)
        fingerprint, model = (contract.fingerprint, contract.model) if contract else ("", None)
        asked = "" if mark.state == "recorded" else model or ""
        states[line] = (mark.state, fingerprint, asked)
    return states
