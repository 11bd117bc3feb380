"""The manifest of a dataset: written and read back, and what is said of one that was changed."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.dataset import manifest
from distilgen.dataset.manifest import Manifest, Part
from distilgen.errors import DatasetError

if TYPE_CHECKING:
    from pathlib import Path

WHOLE = Manifest(
    function="shop.mail:reply",
    contract="0" * 32,
    format="openai-tools",
    seed=3,
    holdout={"validation": 0.1, "test": 0},
    filters={"since": None},
    left_out={"failed": 2},
    conflicts={"policy": "drop", "calls": 1},
    files={"train": Part("train.jsonl", 2, 30, "a" * 64)},
)


def test_it_is_read_as_it_was_written(tmp_path: Path) -> None:
    manifest.write(tmp_path, WHOLE)
    assert manifest.read(tmp_path) == WHOLE


CHANGED: list[tuple[str, Any, str]] = [
    ("files.train.file", 3, "files.train.file must be a text"),
    ("files.train.rows", "2", "files.train.rows must be a whole number"),
    ("files.train.rows", True, "files.train.rows must be a whole number"),
    ("files.train.rows", -1, "files.train has rows or bytes that are less than 0"),
    ("files.train.bytes", 1.5, "files.train.bytes must be a whole number"),
    ("files.train.sha256", None, "files.train.sha256 must be a text"),
    ("files.train.sha256", ..., "files.train.sha256 is missing"),
    ("files.train.x", 1, "files.train.x is unknown"),
    ("files.train", "train.jsonl", "files.train must be an object"),
    ("files.dev", {}, "files.dev is no split: one of train, validation, test"),
    ("files", [], "files must be an object"),
    ("files", ..., "files is missing"),
    ("function", ..., "function is missing"),
    ("function", ["a"], "function must be a text"),
    ("seed", "3", "seed must be a whole number"),
    ("holdout", [], "holdout must be an object"),
    ("holdout.test", "0.1", "holdout.test must be a number"),
    ("left_out.failed", "2", "left_out.failed must be a count"),
    ("answers", "song", "answers is 'song', and not one of "),
    ("x", 1, "x is unknown"),
]  # fmt: skip


NAMES = ["../../x", "..", ".", "", "/etc/x", "a/b", "..\\x", "C:x", "C:\\x", "a\0b"]
CHANGED += [
    ("files.train.file", name, f"files.train.file is {name!r}, and must be a file in the folder")
    for name in NAMES
]


@pytest.mark.parametrize(("where", "to", "said"), CHANGED)
def test_one_that_was_changed_by_hand(where: str, to: Any, said: str, tmp_path: Path) -> None:
    values = json.loads(json.dumps(asdict(WHOLE)))
    *steps, last = where.split(".")
    inner = values
    for step in steps:
        inner = inner[step]
    if to is ...:
        del inner[last]
    else:
        inner[last] = to
    path = tmp_path / manifest.NAME
    path.write_text(json.dumps(values), "utf-8")
    with pytest.raises(DatasetError) as error:
        manifest.read(tmp_path)
    assert str(error.value).startswith(f"{path}: {said}")
    assert str(error.value).endswith("; run `distilgen dataset build`")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000, b"1" * 5_000])
def test_one_that_is_no_json(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / manifest.NAME
    path.write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be read"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("content", ["[]", "null", '"x"'])
def test_one_that_is_no_object(content: str, tmp_path: Path) -> None:
    (tmp_path / manifest.NAME).write_text(content, "utf-8")
    with pytest.raises(DatasetError, match="it must be an object"):
        manifest.read(tmp_path)


def test_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no dataset"):
        manifest.read(tmp_path)
