"""A dataset in another format has the same calls in the same order, and comes back as it was."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.contract import Contract, canonical_json
from distilgen.dataset import manifest, writers
from distilgen.dataset.export import Source, to_file, to_folders
from distilgen.dataset.manifest import Manifest, Part
from distilgen.dataset.writers import FORMATS
from distilgen.errors import DatasetError, UsageError
from distilgen.rows import FORMATS as ROWS

if TYPE_CHECKING:
    from pathlib import Path

CALLS = [
    ({"text": f'{number}\n"é" = ', "count": number}, {"to": "=A1", "tags": {"a": [None, 1.5]}})
    for number in (3, 1, 2)
]


@pytest.fixture
def contract(contract: Contract) -> Contract:
    inputs = {"text": {"type": "string"}, "count": {"type": "integer"}}
    answer = {"type": "object", "properties": {"to": {"type": "string"}, "tags": {}}}
    values: dict[str, Any] = {
        "inputs": {"type": "object", "properties": inputs, "required": list(inputs)},
        "tool": {**contract.tool, "parameters": {**answer, "required": ["to", "tags"]}},
    }
    return Contract(**{**vars(contract), **values})


@pytest.fixture
def source(tmp_path: Path, contract: Contract) -> Source:
    """A dataset of two splits, in the default format."""
    folder = tmp_path / "built"
    folder.mkdir()
    parts = {}
    for split, calls in (("train", CALLS), ("test", CALLS[:1])):
        rows = [ROWS["openai-tools"](contract, *call) for call in calls]
        content = "".join(canonical_json(row) + "\n" for row in rows).encode()
        (folder / f"{split}.jsonl").write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        parts[split] = Part(f"{split}.jsonl", len(calls), len(content), digest)
    said = Manifest(contract.function, "f", "openai-tools", seed=7, left_out={"x": 1}, files=parts)
    manifest.write(folder, said)
    return Source(folder, said, contract)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", FORMATS)
def test_there_and_back(name: str, source: Source, tmp_path: Path) -> None:
    ((place, said),) = to_folders([source], name, tmp_path / "a" / "there", force=False)
    assert place == tmp_path / "a" / "there" / "shop.mail.compose"
    assert (said.format, said.seed, said.left_out) == (name, 7, {"x": 1})
    assert manifest.read(place) == said
    for part in said.files.values():
        content = (place / part.file).read_bytes()
        assert (part.bytes, part.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert sorted(files(place)) == sorted(["manifest.json", *(p.file for p in said.files.values())])
    there = Source(place, said, source.contract)
    ((back, _),) = to_folders([there], "openai-tools", tmp_path / "back", force=False)
    assert files(back) == files(source.folder)


@pytest.mark.parametrize("name", ROWS)
def test_rows_are_those_that_the_format_makes(name: str, source: Source, tmp_path: Path) -> None:
    path = tmp_path / "train"
    part = to_file(source, "train", name, path)
    rows = [ROWS[name](source.contract, *call) for call in CALLS]
    assert path.read_bytes() == "".join(canonical_json(row) + "\n" for row in rows).encode()
    assert (part.file, part.rows) == ("train", 3)


def test_a_row_that_cannot_be_read_back_leaves_nothing(source: Source, tmp_path: Path) -> None:
    path = source.folder / "train.jsonl"
    lines = path.read_text("utf-8").splitlines()
    row = json.loads(lines[1])
    row["messages"][1]["content"] = "hello"
    path.write_text("\n".join([lines[0], json.dumps(row), lines[2]]), "utf-8")
    before = files(tmp_path)
    for work in (
        lambda: to_folders([source], "csv", tmp_path / "new" / "out", force=False),
        lambda: to_file(source, "train", "csv", tmp_path / "train.csv"),
    ):
        with pytest.raises(DatasetError) as caught:
            work()
        assert str(caught.value).startswith(
            f"{path}:2: cannot be exported: its question does not tell the arguments; `distilgen"
        )
        assert files(tmp_path) == before
        assert not (tmp_path / "new").exists()


def test_a_split_without_rows(source: Source, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no validation rows; it has: train, test"):
        to_file(source, "validation", "csv", tmp_path / "x")


def test_what_is_there_is_replaced_when_that_is_asked_for(source: Source, tmp_path: Path) -> None:
    out = tmp_path / "out"
    to_folders([source], "csv", out, force=False)
    with pytest.raises(UsageError, match="is there already; say --force to replace it"):
        to_folders([source], "raw", out, force=False)
    to_folders([source], "raw", out, force=True)
    assert sorted(files(out)) == [
        f"shop.mail.compose/{name}" for name in ("manifest.json", "test.jsonl", "train.jsonl")
    ]


def test_what_is_never_replaced(source: Source, tmp_path: Path) -> None:
    out = tmp_path / "out" / "shop.mail.compose"
    out.mkdir(parents=True)
    (out / "precious").touch()
    with pytest.raises(UsageError, match="is no dataset, and is not replaced"):
        to_folders([source], "csv", out.parent, force=True)
    with pytest.raises(UsageError, match="is no folder"):
        to_folders([source], "csv", out / "precious", force=True)
    own = source.folder.rename(tmp_path / "shop.mail.compose")
    moved = Source(own, source.manifest, source.contract)
    with pytest.raises(UsageError, match="is the dataset itself"):
        to_folders([moved], "csv", tmp_path, force=True)
    with pytest.raises(UsageError, match="would hold two datasets"):
        to_folders([moved, moved], "csv", tmp_path / "two", force=True)


def test_a_full_disk(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    to_folders([source], "csv", tmp_path / "out", force=False)
    before = files(tmp_path)
    monkeypatch.setattr(writers.Staged, "end", fail)
    for place in ("out", "new"):
        with pytest.raises(DatasetError, match="cannot be written: No space left on device"):
            to_folders([source], "raw", tmp_path / place, force=True)
        assert files(tmp_path) == before
    assert not (tmp_path / "new").exists()


def test_ctrl_c(source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = files(tmp_path)
    monkeypatch.setattr(writers.Staged, "end", interrupt)
    with pytest.raises(KeyboardInterrupt):
        to_folders([source], "raw", tmp_path / "new", force=False)
    with pytest.raises(KeyboardInterrupt):
        to_file(source, "train", "raw", tmp_path / "x")
    assert files(tmp_path) == before
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_take_its_place(
    source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on Windows, where a program has a file of it open."""
    ((place, _),) = to_folders([source], "csv", tmp_path / "out", force=False)
    before = files(tmp_path)
    kind = type(place)
    rename = kind.rename

    def refuse(self: Path, target: Path) -> Path:
        if target == place and not self.name.endswith(".old"):
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(kind, "rename", refuse)
    with pytest.raises(DatasetError, match="cannot be written: Permission denied"):
        to_folders([source], "raw", tmp_path / "out", force=True)
    assert files(tmp_path) == before


def test_a_link_is_followed(source: Source, tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.touch()
    link.symlink_to(real)
    to_file(source, "test", "raw", link)
    assert link.is_symlink()
    assert json.loads(real.read_bytes()) == {"arguments": CALLS[0][0], "result": CALLS[0][1]}
