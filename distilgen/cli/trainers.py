"""Who trains: the options of `train`, and the provider that they stand for."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from distilgen.cli import options as shared
from distilgen.config import OPENAI, unknown_provider
from distilgen.contract import ANSWERS
from distilgen.errors import UsageError
from distilgen.rewrite import journal

if TYPE_CHECKING:
    from collections.abc import Callable

    from distilgen.cli.options import Session
    from distilgen.training.provider import Provider

STUDENT, TRL = "student", "trl"
"""Providers that need no host."""

_HOSTS = "hosts"
_POLL = 10.0
_LEAST, _MOST = 0.5, 0.999  # of --target


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the options say; None where they say nothing."""

    provider: str | None
    base_model: str | None
    base_url: str | None
    suffix: str | None
    seed: int | None
    poll: float | None
    epochs: float | None
    batch_size: int | None
    learning_rate: float | None
    full: bool
    lora_rank: int | None
    max_length: int | None
    answers: str | None
    own_call: bool
    processes: int | None
    settings: tuple[str, ...]
    target: float | None


def _target(_context: click.Context, _option: click.Parameter, said: str | None) -> float | None:
    if said is None:
        return None
    number, percent, rest = said.partition("%")
    with contextlib.suppress(ValueError):
        share = float(number) / (100 if percent else 1)
        if not rest and _LEAST <= share <= _MOST:
            return round(share, 9)
    raise click.BadParameter(f"{said!r} is no share from {_LEAST:.0%} to {_MOST:.1%}, such as 98%")


_OPTIONS = (
    click.option(
        "--provider",
        metavar="NAME",
        help="student (the default), trl, openai, azure, nebius, or a profile in "
        "[tool.distilgen.providers.NAME].",
    ),
    click.option("--base-model", metavar="NAME", help="The model to tune; of trl, its folder."),
    shared.base_url,
    click.option("--suffix", metavar="TEXT", help="Part of the tuned model's name."),
    click.option("--seed", type=int, help="Makes a job repeatable where the host can."),
    click.option(
        "--poll",
        type=click.FloatRange(min=0),
        metavar="SECONDS",
        help=f"Between two looks at a host's job; default: {_POLL:g}.",
    ),
    click.option(
        "--epochs",
        type=click.FloatRange(min=0, min_open=True),
        metavar="N",
        help="How often each row is trained on; default: as a host finds best, of trl: 3.",
    ),
    click.option(
        "--batch-size",
        type=click.IntRange(min=1),
        metavar="N",
        help="Rows of a step; default: as a host finds best, of trl: 8.",
    ),
    click.option(
        "--learning-rate",
        type=click.FloatRange(min=0, min_open=True),
        metavar="RATE",
        help="The rate, or at OpenAI and Azure a multiple of theirs; default: as a host finds "
        "best, of trl: 0.0002, with --full 0.00002.",
    ),
    click.option("--full", is_flag=True, help="trl: train all weights, and not an adapter."),
    click.option(
        "--lora-rank",
        type=click.IntRange(min=1),
        metavar="N",
        help="trl: the rank of the adapter; default: 16.",
    ),
    click.option(
        "--max-length",
        type=click.IntRange(min=1),
        metavar="TOKENS",
        help="trl: leave longer rows out; default: what the model reads.",
    ),
    click.option(
        "--answers",
        type=click.Choice(ANSWERS),
        help="trl: how the student is taught to answer; default: as the dataset's rows do.",
    ),
    click.option(
        "--own-call",
        is_flag=True,
        help="trl: teach tool calls in the form of the model's chat template, for a server that "
        "forces calls in it; default: as their arguments alone, as vLLM forces them.",
    ),
    click.option(
        "--processes",
        type=click.IntRange(min=1),
        metavar="N",
        help="trl: how many train; default: one for each GPU.",
    ),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="KEY=VALUE",
        help="trl: a setting of TRL's SFTConfig or PEFT's LoraConfig; of a host: a field of the "
        "job, such as trainingType=GlobalStandard. May be repeated.",
    ),
    click.option(
        "--target",
        metavar="SHARE",
        callback=_target,
        help="student: the share of its answers that is to be the teacher's, such as 98% (the "
        "default); of the calls for which it cannot promise that, it answers none.",
    ),
)
_TAKEN_BY = {
    **dict.fromkeys(("base_model", "epochs", "batch_size", "learning_rate", "set"), (TRL, _HOSTS)),
    **dict.fromkeys(("base_url", "suffix", "poll"), (_HOSTS,)),
    **dict.fromkeys(
        ("full", "lora_rank", "max_length", "answers", "own_call", "processes"), (TRL,)
    ),
    "target": (STUDENT,),
}
"""Whose an option is, where not everybody takes it."""


def options(function: Callable[..., int]) -> Callable[..., int]:
    """The options that say who trains, and how: `said`."""

    @functools.wraps(function)
    def command(**given: Any) -> int:
        said = Said(**{name: given.pop(name) for name in Said.__dataclass_fields__})
        return function(said=said, **given)

    made: Callable[..., int] = command
    for decorate in reversed(_OPTIONS):
        made = decorate(made)
    return made


def provider_of(current: Session, said: Said) -> Provider:
    """The provider that is said: the embedded student, where nothing is. Raises UsageError."""
    name = said.provider
    if name is None:
        name = OPENAI if said.base_url else STUDENT
    _refuse(said, name)
    if name == STUDENT:
        return _student(current, said)
    if name == TRL:
        return _trl(current, said)
    return _host(current, said)


def _refuse(said: Said, name: str) -> None:
    """Raises UsageError for an option that the provider of a name would not heed."""
    kind = name if name in (STUDENT, TRL) else _HOSTS
    for option, takers in _TAKEN_BY.items():
        given = getattr(said, "settings" if option == "set" else option)
        is_said = given is not None and given is not False and given != ()
        if is_said and kind not in takers:
            whose = " and of ".join(
                taker if taker == _HOSTS else f"--provider {taker}" for taker in takers
            )
            raise UsageError(
                f"--{option.replace('_', '-')}: is an option of {whose}, and this is {name}; leave "
                "it out, or name another --provider"
            )


def _student(current: Session, said: Said) -> Provider:
    from distilgen.training.embedded.provider import (  # noqa: PLC0415 - as they are needed
        StudentProvider,
    )
    from distilgen.training.embedded.student import TARGET as USUAL  # noqa: PLC0415

    root = current.project.root
    return StudentProvider(
        root / current.project.config.students,
        root / journal.STATE / "runs",
        USUAL if said.target is None else said.target,
        said.seed or 0,
    )


def _trl(current: Session, said: Said) -> Provider:
    from distilgen.training.trl import TrlProvider  # noqa: PLC0415 - as they are needed
    from distilgen.training.trl_run.settings import Settings, more  # noqa: PLC0415

    if said.full and said.lora_rank:
        raise UsageError("--lora-rank: is of an adapter, and with --full there is none")
    names = ("epochs", "batch_size", "learning_rate", "seed", "lora_rank", "max_length", "answers")
    given = {name: getattr(said, name) for name in names if getattr(said, name) is not None}
    return TrlProvider(
        Path(said.base_model) if said.base_model else None,
        current.project.root / journal.STATE / "runs",
        Settings(full=said.full, own_call=said.own_call, more=more(said.settings), **given),
        processes=said.processes,
        say=click.echo,
    )


def _host(current: Session, said: Said) -> Provider:
    from distilgen.cli import hosts  # noqa: PLC0415 - as they are needed
    from distilgen.training.openai import OpenAIProvider  # noqa: PLC0415
    from distilgen.training.shapes import (  # noqa: PLC0415
        SHAPES,
        fields_of,
        together,
        wishes_of,
    )

    config = current.project.config
    name = OPENAI if said.provider is None else said.provider
    if config.profile(name) is None:
        known = {STUDENT, TRL, *config.providers, *SHAPES}
        raise UsageError(f"--provider: {unknown_provider(name, known)}")
    fields = together(hosts.profile_of(config, name).fine_tuning, fields_of(said.settings))
    given = {key: getattr(said, key) for key in ("batch_size", "learning_rate", "suffix", "seed")}
    wishes = wishes_of(said.base_model, said.epochs, fields=fields, **given)
    host = hosts.host_of(config, said.provider, said.base_url)
    runs = current.project.root / journal.STATE / "runs"
    return OpenAIProvider(host, wishes, runs, _POLL if said.poll is None else said.poll)
