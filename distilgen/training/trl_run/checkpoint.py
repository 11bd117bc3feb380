"""A folder with a model's weights, as Hugging Face's transformers keep them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilgen.errors import TrainingError

if TYPE_CHECKING:
    from pathlib import Path

_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")
_TOKENIZERS = (
    "tokenizer.json", "tokenizer.model", "spiece.model", "vocab.json", "vocab.txt", "tekken.json",
)  # fmt: skip
_TOLD = ("*.json", "*.jinja", "*.model", "*.txt")  # small files that say what the model is
_PIECE = 1024 * 1024


@dataclass(frozen=True)
class Checkpoint:
    """A model in a folder. digest: of its small files, and of the sizes and ends of its weights."""

    folder: Path
    digest: str


def opened(folder: Path) -> Checkpoint:
    """The checkpoint in a folder. Raises TrainingError for what is none that can be tuned."""
    if not folder.exists():
        message = f"{folder}: there is no such folder"
        if not folder.is_absolute() and len(folder.parts) == 2:  # OWNER/NAME
            message += (
                "; distilgen downloads nothing: fetch the model with "
                f"`hf download {folder.as_posix()} --local-dir {folder.name}` and name its folder"
            )
        raise TrainingError(message)
    if not folder.is_dir():
        raise TrainingError(f"{folder}: is a file; name the folder that holds the model")
    if not (folder / "config.json").is_file():
        raise TrainingError(f"{folder}: {_without_config(folder)}")
    weights = sorted({path for pattern in _WEIGHTS for path in folder.glob(pattern)})
    if not weights:
        raise TrainingError(f"{folder}: has no weights (*.safetensors); is its download complete?")
    if not any((folder / name).is_file() for name in _TOKENIZERS):
        raise TrainingError(
            f"{folder}: has no tokenizer (tokenizer.json); copy the tokenizer's files into it"
        )
    if not _has_template(folder):
        raise TrainingError(
            f"{folder}: has no chat template, so nobody knows how a conversation is written for "
            "this model; take the instruct version of it, or put its chat_template.jinja into the "
            "folder"
        )
    return Checkpoint(folder, _digest(folder, weights))


def _without_config(folder: Path) -> str:
    if (folder / "adapter_config.json").is_file():
        return "is an adapter; name the folder of a whole model, into which it may be merged"
    if any(folder.glob("*.gguf")):
        return "holds GGUF files, which cannot be tuned; name the folder with the original weights"
    return "is no checkpoint of transformers: it has no config.json"


def _has_template(folder: Path) -> bool:
    if any((folder / name).is_file() for name in ("chat_template.jinja", "chat_template.json")):
        return True
    return bool(_json(folder / "tokenizer_config.json").get("chat_template"))


def _json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise TrainingError(f"{path}: cannot be read ({error}); fetch the model again") from error
    return found if isinstance(found, dict) else {}


def _digest(folder: Path, weights: list[Path]) -> str:
    """Weights are gigabytes: their size, beginning and end tell them apart. Where the folder lies
    does not count.
    """
    _json(folder / "config.json")
    told = hashlib.sha256()
    small = {path for pattern in _TOLD for path in folder.glob(pattern)}
    try:
        for path in sorted(small | set(weights)):
            size = path.stat().st_size
            told.update(f"{path.name}\0{size}\0".encode())
            with path.open("rb") as file:
                told.update(file.read(_PIECE))
                file.seek(max(size - _PIECE, 0))
                told.update(file.read(_PIECE))
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be read ({error})") from error
    return told.hexdigest()
