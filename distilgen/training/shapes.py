"""How hosts with OpenAI's fine-tuning API differ, and what a job is asked of each.

OpenAI: https://developers.openai.com/api/reference/resources/fine_tuning. Azure:
https://learn.microsoft.com/azure/foundry/openai/how-to/fine-tuning. Nebius:
https://docs.tokenfactory.nebius.com/api-reference/fine-tuning/create-a-fine-tuning-job.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from distilgen.dataset.validation.profiles import PROFILES, Profile
from distilgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SUFFIX = 64  # characters
_OURS = {
    "model": "say --base-model",
    "suffix": "say --suffix",
    "seed": "say --seed",
    "training_file": "it is the dataset's",
    "validation_file": "it is the dataset's",
}
_PAIRS, _NAME, _VALUE = 16, 64, 512  # of metadata, and characters


@dataclass(frozen=True)
class Shape:
    """One way of having OpenAI's API. base_url: of the one host that has it; None where there are
    several, or it is the client's own. api_key_env: the variable that usually has the key. methods:
    do hyperparameters stand in a method, or at the top? rate: what the learning rate is called
    there. metadata: does a job keep pairs of ours? ready: must a file have been processed before a
    job may name it? deployed: is a model served only once somebody has deployed it?
    """

    name: str
    base_url: str | None = None
    api_key_env: str = "OPENAI_API_KEY"
    methods: bool = True
    rate: str = "learning_rate_multiplier"
    metadata: bool = True
    ready: bool = False
    deployed: bool = False

    @property
    def files(self) -> Profile:
        """What it wants of training files."""
        return PROFILES[self.name]


SHAPES: Mapping[str, Shape] = {
    shape.name: shape
    for shape in (
        Shape("openai"),
        Shape("azure", api_key_env="AZURE_OPENAI_API_KEY", ready=True, deployed=True),
        Shape(
            "nebius", "https://api.tokenfactory.nebius.com/v1/", "NEBIUS_API_KEY",
            methods=False, rate="learning_rate", metadata=False,
        ),
    )
}  # fmt: skip
"""By name."""


@dataclass(frozen=True, kw_only=True)
class Wishes:
    """How a model is to be tuned; None for as the host finds best. learning_rate: a multiple of the
    host's own, or the rate itself, by the shape. fields: of the question for a job, besides these;
    tables in it are taken together.
    """

    base_model: str
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    suffix: str | None = None
    seed: int | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def wishes_of(base_model: str | None, epochs: float | None, **given: Any) -> Wishes | None:
    """How a model is to be tuned, as it was said; None where it was not said which. Raises
    UsageError.
    """
    if epochs is not None and not float(epochs).is_integer():
        raise UsageError(f"--epochs {epochs:g}: hosts take whole numbers")
    if not base_model:
        return None
    return Wishes(base_model=base_model, epochs=None if epochs is None else int(epochs), **given)


def fields_of(given: Iterable[str]) -> dict[str, Any]:
    """Fields of a question for a job, given as KEY=VALUE: a dot in the key leads into a table; a
    value is JSON, or a text. Raises UsageError.
    """
    found: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        names = key.split(".")
        if not equals or not all(names):
            example = "trainingType=GlobalStandard or hyperparameters.lora=true"
            raise UsageError(f"--set {text}: say KEY=VALUE, for example {example}")
        if names[0] in _OURS:
            raise UsageError(f"--set {key}: {_OURS[names[0]]}")
        made: Any = _value(value)
        for name in reversed(names):
            made = {name: made}
        found = together(found, made)
    return found


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def question(shape: Shape, wishes: Wishes, metadata: Mapping[str, str]) -> dict[str, Any]:
    """What a job is asked for with, but for its files. Raises UsageError for what every host would
    refuse.
    """
    wanted = {
        "n_epochs": wishes.epochs,
        "batch_size": wishes.batch_size,
        shape.rate: wishes.learning_rate,
    }
    given = {name: value for name, value in wanted.items() if value is not None}
    asked: dict[str, Any] = {"model": wishes.base_model}
    if shape.methods:
        asked["method"] = {"type": "supervised", "supervised": {"hyperparameters": given}}
    else:
        asked["hyperparameters"] = given
    if shape.metadata:
        asked["metadata"] = dict(metadata)
    if wishes.suffix is not None:
        asked["suffix"] = wishes.suffix
    if wishes.seed is not None:
        asked["seed"] = wishes.seed
    asked = together(wishes.fields, asked)
    _check(asked)
    return asked


def together(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """What both say, and where both say something, theirs; tables in them are taken together."""
    made = dict(ours)
    for name, value in theirs.items():
        there = made.get(name)
        both = isinstance(there, dict) and isinstance(value, dict)
        made[name] = together(there, value) if both and there is not None else value
    return made


def _check(asked: Mapping[str, Any]) -> None:
    suffix = asked.get("suffix")
    if isinstance(suffix, str) and not 0 < len(suffix.strip()) <= SUFFIX:
        message = f"--suffix has {len(suffix)} characters; hosts take 1 to {SUFFIX}: name a shorter"
        raise UsageError(
            f"{message} one" if suffix.strip() else f"--suffix: {suffix!r} says nothing"
        )
    pairs = asked.get("metadata") or {}
    if not isinstance(pairs, dict):
        raise UsageError(f"metadata: should be a table, not {pairs!r}")
    if len(pairs) > _PAIRS:
        raise UsageError(f"metadata: {len(pairs)} pairs with ours; hosts take {_PAIRS} at most")
    for name, value in pairs.items():
        if not isinstance(value, str) or len(name) > _NAME or len(value) > _VALUE:
            raise UsageError(
                f"metadata.{name}: should be a text of at most {_VALUE} characters, under a name "
                f"of at most {_NAME}"
            )
