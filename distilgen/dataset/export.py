"""A built dataset in another format: its rows are read back as calls, and rendered anew."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from distilgen.contract import canonical_json
from distilgen.dataset import manifest as manifests, reading
from distilgen.dataset.answers import Call
from distilgen.dataset.writers import Staged, suffix_of
from distilgen.errors import DatasetError, UsageError
from distilgen.rewrite import replace as files
from distilgen.rows import call_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.dataset.manifest import Manifest, Part


@dataclass(frozen=True)
class Source:
    """A built dataset, and the contract that its rows were rendered with."""

    folder: Path
    manifest: Manifest
    contract: Contract


def to_file(source: Source, split: str, format_name: str, path: Path) -> Part:
    """Write a split into a new file: the same calls in the same order. Returns what a manifest says
    of it. The file is there when this returns, whole.

    Raises DatasetError for a row that cannot be read back or rendered, which it names, and where
    the file cannot be written; UsageError where the split has no rows.
    """
    part = source.manifest.files.get(split)
    if part is None:
        known = ", ".join(source.manifest.files) or "none"
        raise UsageError(f"{source.folder}: has no {split} rows; it has: {known}")
    target = path.resolve()  # a link is followed
    with _beside(target) as temporary, _told(path):
        staged = Staged(temporary, source.contract, format_name)
        try:
            _render(source, source.folder / part.file, staged, format_name)
            made = staged.end(path.name)
        finally:
            staged.close()
        files.rename(temporary, target)
        files.sync([target.parent])
    return made


def to_folders(
    sources: Sequence[Source], format_name: str, output: Path, *, force: bool
) -> list[tuple[Path, Manifest]]:
    """Write datasets into folders named after their functions, with manifests: each is a dataset
    again. Returns them. All of them appear when all are written, or none does.

    force: a dataset that is there is replaced. Raises UsageError where it must not be, and as
    `to_file`.
    """
    places = [output / manifests.folder_name(source.contract) for source in sources]
    _refuse(sources, output, places, force=force)
    with _told(output), _folder(output), _beside(output / "export") as work:
        made = [
            (place, _dataset(source, format_name, work / place.name))
            for source, place in zip(sources, places, strict=True)
        ]
        for place in places:
            _move(work / place.name, place)
        files.sync([output])
    return made


def _move(folder: Path, place: Path) -> None:
    """Put a folder in its place; what stood there comes back where that fails."""
    old = folder.with_name(f"{folder.name}.old")
    if place.exists():
        place.rename(old)
    try:
        folder.rename(place)
    except BaseException:
        if old.exists():
            old.rename(place)
        raise


def _dataset(source: Source, format_name: str, folder: Path) -> Manifest:
    folder.mkdir(parents=True)
    suffix = suffix_of(format_name)
    parts = {
        split: to_file(source, split, format_name, folder / f"{split}.{suffix}")
        for split in source.manifest.files
    }
    said = replace(source.manifest, format=format_name, files=parts)
    manifests.write(folder, said)
    return said


def _refuse(
    sources: Sequence[Source], output: Path, places: Sequence[Path], *, force: bool
) -> None:
    if output.exists() and not output.is_dir():
        raise UsageError(f"{output}: is no folder; with --split, a file is written")
    for number, (source, place) in enumerate(zip(sources, places, strict=True)):
        if place in places[:number]:
            raise UsageError(f"{place}: would hold two datasets; export them one by one")
        if place.exists() and place.resolve() == source.folder.resolve():
            raise UsageError(f"{place}: is the dataset itself; name another --output")
        if place.exists() and not force:
            raise UsageError(f"{place}: is there already; say --force to replace it")
        if place.exists() and not (place / manifests.NAME).is_file():
            raise UsageError(f"{place}: is no dataset, and is not replaced; name another --output")


def _render(source: Source, path: Path, staged: Staged, format_name: str) -> None:
    said, contract = source.manifest, source.contract
    own = "raw" if said.format in reading.TABLES else said.format
    for number, row in reading.rows(path, said.format, contract):
        try:
            arguments, result = call_of(own, contract, row)
            call = [canonical_json(value).encode() for value in (arguments, result)]
            staged.add(Call(0, b"", b"", *call))
        except ValueError as error:
            again = f"`distilgen dataset build --format {format_name}` makes it of the records"
            raise DatasetError(f"{path}:{number}: cannot be exported: {error}; {again}") from error


@contextlib.contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """A folder that is there; one that was made for this goes again when nothing comes of it."""
    there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    files.make_folder(folder)
    try:
        yield
    except BaseException:
        files.prune(folder.absolute(), there.absolute())
        raise


@contextlib.contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A name beside a path for what is being written, which is gone afterwards."""
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.distilgen")
    try:
        yield temporary
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """What the system does not let us write is told of."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise DatasetError(f"{path}: cannot be written: {reason}") from error
