"""`distilgen dataset export`: a built dataset in another format."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from distilgen.cli import options
from distilgen.cli.dataset_target import targets
from distilgen.dataset import export as exporting, writers
from distilgen.dataset.manifest import SPLITS
from distilgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distilgen.dataset.manifest import Manifest

_STDOUT = "-"


@click.command(short_help="Write a dataset in another format.")
@click.argument("names", nargs=-1, metavar="[FUNCTION|FOLDER]...")
@click.option(
    "--format", "format_name", type=click.Choice(writers.FORMATS), required=True,
    help="How a row is to look; see docs/formats.md.",
)  # fmt: skip
@click.option(
    "--output", required=True, metavar="PLACE",
    help="A folder for the datasets; with --split the file to write, or - for stdout.",
)  # fmt: skip
@click.option("--split", type=click.Choice(SPLITS), help="Only this split, of one dataset.")
@click.option("--force", is_flag=True, help="Replace what is there.")
@options.project
def export(
    names: tuple[str, ...],
    format_name: str,
    output: str,
    split: str | None,
    force: bool,
    folder: Path,
) -> int:
    """Write built datasets, default all, in another format: the same splits, and the same calls in
    the same order. The records are not needed. What is written appears when it is complete.
    """
    if output == _STDOUT and not split:
        raise UsageError("standard output takes one split: name it by --split")
    with options.session(folder) as current:
        sources = _sources(current, names)
        if not split:
            made = exporting.to_folders(sources, format_name, Path(output), force=force)
            for place, said in made:
                click.echo(f"{said.function}: {_counts(said)} in {place}", err=True)
            return current.code()
        if len(sources) > 1:
            raise UsageError("--split writes one file: name one function")
        if output == _STDOUT:
            _to_stdout(sources[0], split, format_name)
        else:
            _to_file(sources[0], split, format_name, Path(output), force=force)
        return current.code()


def _sources(current: options.Session, names: Sequence[str]) -> list[exporting.Source]:
    sources = []
    for target in targets(current, names):
        if target.contract is None:
            raise UsageError(
                f"{target.folder}: its rows are of a contract that the project has no more, and "
                "cannot be read back; run `distilgen dataset build`"
            )
        sources.append(exporting.Source(target.folder, target.manifest, target.contract))
    return sources


def _to_file(
    source: exporting.Source, split: str, format_name: str, path: Path, *, force: bool
) -> None:
    if path.is_dir():
        raise UsageError(f"{path}: is a folder; with --split, --output is a file")
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: is no file, and is not replaced")
    if path.exists() and not force:
        raise UsageError(f"{path}: is there already; say --force to replace it")
    if not path.parent.is_dir():
        raise UsageError(f"{path}: there is no folder {path.parent}")
    if path.resolve().parent == source.folder.resolve():
        raise UsageError(f"{path}: is in the dataset itself; name another --output")
    part = exporting.to_file(source, split, format_name, path)
    click.echo(f"{source.contract.function}: {split} {part.rows} in {path}", err=True)


def _to_stdout(source: exporting.Source, split: str, format_name: str) -> None:
    if format_name == "parquet":
        raise UsageError("a Parquet file cannot go to standard output: name an --output")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, split)
        exporting.to_file(source, split, format_name, path)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
        sys.stdout.buffer.flush()


def _counts(said: Manifest) -> str:
    return ", ".join(f"{split} {part.rows}" for split, part in said.files.items()) or "no rows"
