"""What a run of TRL is told: the settings that decide what comes out of it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from distilgen.contract import JSON_SCHEMA, STRICT_JSON_SCHEMA, STRICT_TOOL, TOOL
from distilgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from distilgen.contract import Contract

LORA_RATE, FULL_RATE = 2e-4, 2e-5
"""Learning rates: an adapter bears, and wants, ten times what all weights do."""

_OPTIONS = {
    "num_train_epochs": "--epochs", "learning_rate": "--learning-rate", "seed": "--seed",
    "per_device_train_batch_size": "--batch-size", "per_device_eval_batch_size": "--batch-size",
    "max_length": "--max-length", "r": "--lora-rank",
}  # fmt: skip
_OURS = frozenset({
    "output_dir", "overwrite_output_dir", "do_train", "do_eval", "resume_from_checkpoint",
    "packing", "padding_free", "completion_only_loss", "assistant_only_loss", "report_to",
    "disable_tqdm", "save_strategy", "save_only_model", "push_to_hub", "hub_model_id", "hub_token",
    "dataset_kwargs", "skip_prepare_dataset", "model_init_kwargs", "remove_unused_columns",
    "trust_remote_code", "task_type", "base_model_name_or_path", "inference_mode", "data_seed",
    "load_best_model_at_end", "max_steps",
})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Settings:
    """epochs: how often each row is trained on. batch_size: rows of a step, in all processes
    together. learning_rate: None for the default of the method. full: all weights are trained, and
    not an adapter. lora_rank: of the adapter. max_length: tokens of the longest row; None for what
    the model takes. answers: how the student is taught to answer, one of
    `distilgen.contract.ANSWERS`; None for as `taught` finds best. own_call: a tool call is taught
    in the form of the model's chat template, and not as its arguments alone. more: further
    settings, by their names in TRL's SFTConfig or PEFT's LoraConfig.
    """

    epochs: float = 3.0
    batch_size: int = 8
    learning_rate: float | None = None
    seed: int = 0
    full: bool = False
    lora_rank: int = 16
    max_length: int | None = None
    answers: str | None = None
    own_call: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    def rate(self) -> float:
        """The learning rate."""
        if self.learning_rate is not None:
            return self.learning_rate
        return FULL_RATE if self.full else LORA_RATE

    def said(self) -> dict[str, Any]:
        """All of it, as JSON values; what means nothing for the method is left out."""
        lora = {} if self.full else {"lora_rank": self.lora_rank}
        return {
            "method": "full" if self.full else "lora",
            **lora,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "learning_rate": self.rate(),
            "seed": self.seed,
            "max_length": self.max_length,
            "own_call": self.own_call,
            **({"more": dict(sorted(self.more.items()))} if self.more else {}),
        }


def taught(contract: Contract, format_name: str, answers: str | None) -> Contract:
    """A contract with its answers as the student is taught them: as it is said, else as the rows
    of the dataset have them, which is in text in the format `openai-json`.
    """
    text = {TOOL: JSON_SCHEMA, STRICT_TOOL: STRICT_JSON_SCHEMA}
    rows = contract.answers
    if format_name == "openai-json":
        rows = text.get(rows, rows)
    return replace(contract, answers=answers or rows)


def more(given: Iterable[str]) -> dict[str, Any]:
    """Settings given as KEY=VALUE; a value is JSON, or a text. Raises UsageError for what is no
    such pair, is given twice, or is not to be set.
    """
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not (equals and key.isidentifier()):
            raise UsageError(f"--set {text}: say KEY=VALUE, for example warmup_steps=10")
        if key in _OPTIONS:
            raise UsageError(f"--set {key}: say {_OPTIONS[key]}")
        if key in _OURS:
            raise UsageError(f"--set {key}: distilgen sets it itself")
        if key in found:
            raise UsageError(f"--set {key}: is said twice")
        found[key] = _value(value)
    return found


def _value(text: str) -> Any:
    lowered = {"true": True, "false": False, "none": None}
    if text.lower() in lowered:
        return lowered[text.lower()]
    try:
        return json.loads(text)
    except ValueError:
        return text
