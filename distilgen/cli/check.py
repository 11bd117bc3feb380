"""`distilgen check`: for pre-commit and CI, where code and contract drifted apart."""

from __future__ import annotations

from pathlib import Path

import click

from distilgen import lock
from distilgen.cli import options, report
from distilgen.errors import CLEAN, FINDINGS, SourceError
from distilgen.rewrite import drift, module as modules


@click.command()
@options.optional_paths
@click.option("--new", is_flag=True, help="Report candidates that nothing records, too.")
@options.python
@options.project
def command(paths: tuple[Path, ...], new: bool, python: str | None, folder: Path) -> int:
    """Compare the code with the frozen contracts; one line a finding, with the command that mends
    it. Reads only. Without PATHS, the whole project. Exits 1 when there are findings.
    """
    with options.session(folder, python) as current:
        root = current.project.root
        trained = {name: entry.contract for name, entry in lock.read(root).items()}
        found = checked = 0
        for surveys in current.project.survey(paths or (root,), ours=not new):
            try:
                loaded = modules.load(root, surveys.source)
            except SourceError as error:
                found += 1
                where = current.project.relative(Path(error.path))
                click.echo(f"{where}:{error.line or 1}: {error.message}")
                continue
            checked += len(loaded.found.functions)
            for finding in drift.findings(
                loaded, surveys.functions, current.project.freeze, trained, new=new
            ):
                found += 1
                where = f"{current.project.relative(finding.path)}:{finding.line}"
                click.echo(
                    f"{where}: {finding.function}: {finding.message}; mend: {finding.command}"
                )
        said = f"{report.counted(checked, 'function')} checked, {report.counted(found, 'finding')}"
        click.echo(said, err=True)
        return current.code(FINDINGS if found else CLEAN)
