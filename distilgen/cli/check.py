"""`distilgen check`: for pre-commit and CI, where code and contract drifted apart."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from distilgen import __version__
from distilgen.cli import findings, options, report
from distilgen.errors import CLEAN, FINDINGS
from distilgen.rewrite.finding import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distilgen.cli.inspection import Inspection
    from distilgen.rewrite.finding import Finding

_PAGE = "https://github.com/distilgen/distilgen/blob/main/docs/commands.md"
_RULES = {name: ("error", text) for name, text in KINDS.items()} | {
    findings.PROBLEM: ("error", "Cannot be read")
}
_FORMATS = ("text", "json", "github", "sarif")


@click.command()
@options.optional_paths
@click.option("--new", is_flag=True, help="Report candidates that nothing records, too.")
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMATS),
    default="text",
    show_default=True,
    help="How to print: json for programs, github for annotations of a workflow, SARIF 2.1.0.",
)
@options.python
@options.project
def command(paths: tuple[Path, ...], new: bool, form: str, python: str | None, folder: Path) -> int:
    """Compare the code with the frozen contracts; one line a finding, with the command that mends
    it. Reads only. Without PATHS, the whole project; with PATHS, what is in them and what depends
    on them. Exits 1 when there are findings.
    """
    from distilgen.cli.inspection import Inspection  # noqa: PLC0415 - LibCST, for --help

    with options.session(folder, python) as current:
        inspection = Inspection(current.project, new=new)
        found = list(inspection.findings(paths or (current.project.root,)))
        text = _printed(form, current, inspection, found)
        if text:
            click.echo(text)
        click.echo(_summary(inspection, found), err=True)
        return current.code(FINDINGS if found else CLEAN)


def _printed(
    form: str, current: options.Session, inspection: Inspection, found: Sequence[Finding]
) -> str:
    shown = current.project.relative
    if form == "json":
        return _as_json(current, inspection, found)
    if form == "text":
        return "\n".join(
            f"{shown(item.path)}:{item.line}: {_said(item)}; mend: {item.command}" for item in found
        )
    results = findings.wrong(current.problems, shown)
    results += [
        findings.Result(
            item.kind,
            shown(item.path),
            item.line,
            f"{_said(item)}; mend: {item.command}",
            f"distilgen: {item.kind}",
        )
        for item in found
    ]
    if form == "github":
        return findings.workflow_commands(results)
    return findings.sarif(_RULES, results, _PAGE)


def _said(item: Finding) -> str:
    return f"{item.function}: {item.message}" if item.function else item.message


def _as_json(current: options.Session, inspection: Inspection, found: Sequence[Finding]) -> str:
    """One object: `findings`; `checked`, how many functions; `by_source`, how many of them could be
    compared by their source alone, by the reason; `problems`.
    """
    rows = [
        {
            "kind": item.kind,
            "path": current.project.relative(item.path),
            "line": item.line,
            "function": item.function or None,
            "message": item.message,
            "command": item.command,
        }
        for item in found
    ]
    content = {
        "version": __version__,
        "findings": rows,
        "checked": inspection.checked,
        "by_source": dict(sorted(inspection.code.by_source.items())),
        "problems": findings.unread(current.problems, current.project.relative),
    }
    return json.dumps(content, indent=2, ensure_ascii=False)


def _summary(inspection: Inspection, found: Sequence[Finding]) -> str:
    said = [f"{report.counted(inspection.checked, 'function')} checked"]
    said += [
        f"{count} compared by source: {reason}"
        for reason, count in sorted(inspection.code.by_source.items())
    ]
    return "; ".join([*said, report.counted(len(found), "finding")])
