"""`distilgen dataset plan`: what training costs, and from how many calls on it pays."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from distilgen import lock
from distilgen.cli import options, record_lines
from distilgen.cli.dataset_target import targets
from distilgen.cli.plan_page import Cost, Planned, Shown, notes, totals
from distilgen.config import unknown_provider
from distilgen.dataset import plan as planning, traffic
from distilgen.dataset.manifest import SPLITS
from distilgen.dataset.prices import Prices, price_of
from distilgen.dataset.tokens import counter
from distilgen.dataset.validation.profiles import LOCAL, PROFILES, Profile
from distilgen.errors import UsageError
from distilgen.records.record import Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from distilgen.cli.dataset_target import Target
    from distilgen.config import Config
    from distilgen.dataset.plan import Plan, Size
    from distilgen.dataset.traffic import Traffic

_HOSTS = {
    "openai.com": "openai", "azure.com": "azure", "nebius.com": "nebius",
    "together.xyz": "together", "together.ai": "together", "fireworks.ai": "fireworks",
    "mistral.ai": "mistral",
}  # fmt: skip
_OPENAI = ("gpt-", "ft:gpt-", "o1", "o3", "o4")
_more = click.FloatRange(0, min_open=True)


@dataclass(frozen=True)
class _Asked:
    """What the user asks for, by the names of the options."""

    provider: str | None
    local: bool
    tokens_per_second: float | None
    epochs: int | None
    calls_per_day: float | None
    teacher_cost: float | None
    teacher_model: str | None

    def __post_init__(self) -> None:
        if self.teacher_cost is not None and self.teacher_model:
            raise UsageError("--teacher-cost or --teacher-model, not both")
        if self.local and self.provider:
            raise UsageError("--local or --provider, not both")
        if self.tokens_per_second and not self.local:
            raise UsageError("--tokens-per-second is of a machine of your own: add --local")
        for name in ("teacher_cost", "tokens_per_second", "calls_per_day"):
            if not math.isfinite(getattr(self, name) or 0):
                raise UsageError(f"--{name.replace('_', '-')}: should be a finite number")

    @property
    def needs_records(self) -> bool:
        """Is there something that only records can say?"""
        is_teacher_said = self.teacher_cost is not None or self.teacher_model
        return not (is_teacher_said and self.calls_per_day)


@click.command(short_help="What training costs, and from how many calls on it pays.")
@click.argument("names", nargs=-1, metavar="[FUNCTION|FOLDER]...")
@click.option(
    "--model", "models", multiple=True, metavar="BASE",
    help="A model to tune. May be repeated, to compare some.",
)  # fmt: skip
@click.option(
    "--provider", metavar="NAME",
    help=f"Who trains: {', '.join(PROFILES)}, or a profile in [tool.distilgen.providers.NAME].",
)  # fmt: skip
@click.option("--local", is_flag=True, help="It is trained on a machine of your own.")
@click.option(
    "--tokens-per-second", type=_more, metavar="N",
    help="With --local: how fast it trains; default: as one CPU core.",
)  # fmt: skip
@click.option("--epochs", type=click.IntRange(1), help="Default: the host's rule.")
@click.option("--calls-per-day", type=_more, metavar="N", help="Default: as in the records.")
@click.option(
    "--teacher-cost", type=click.FloatRange(0), metavar="USD",
    help="What a call of the teacher costs; default: what the records tell.",
)  # fmt: skip
@click.option("--teacher-model", metavar="NAME", help="The teacher is this model, asked the same.")
@options.text_or_json
@options.records
@options.project
def plan(
    names: tuple[str, ...],
    models: tuple[str, ...],
    format_name: str,
    records: str | None,
    folder: Path,
    provider: str | None,
    local: bool,
    tokens_per_second: float | None,
    epochs: int | None,
    calls_per_day: float | None,
    teacher_cost: float | None,
    teacher_model: str | None,
) -> int:
    """Say what training costs, before anything is sent: the tokens of each split, epochs, the price
    of the training and of a student's calls, and after how many calls it has paid. Of all datasets,
    or those of the named functions or folders. Nobody is asked; what nobody has said is unknown.
    """
    asked = _Asked(
        provider, local, tokens_per_second, epochs, calls_per_day, teacher_cost, teacher_model
    )
    with options.session(folder) as current:
        chosen = targets(current, names)
        hosts = {model: _host(current.project.config, asked, model) for model in models or (None,)}
        calls = _calls(current, asked, chosen, records)
        config, shown = current.project.config, []
        for target in chosen:
            measured: dict[tuple[str, int | None], dict[str, Size]] = {}
            plans = [
                _planned(target, asked, config, model, host, calls, measured)
                for model, host in hosts.items()
            ]
            shown.append(Shown(target, plans))
        if format_name == "json":
            values = {"datasets": [item.values() for item in shown]}
            values["totals"] = [asdict(total) for total in totals(shown)]
            click.echo(record_lines.pretty(values))
        else:
            for number, item in enumerate(shown):
                click.echo("\n" * bool(number), nl=False)
                item.show(dt.datetime.now(dt.UTC).date())
            if len(shown) > 1:
                said = (record_lines.printable(total.line(local)) for total in totals(shown))
                click.echo("\n".join(["", *said]))
            for note in notes(shown):
                click.echo(f"note: {record_lines.printable(note)}", err=True)
        return current.code()


def _host(config: Config, asked: _Asked, model: str | None) -> Profile:
    """Who trains a model. Raises UsageError for one that nobody knows."""
    name = asked.provider
    if name is None:
        is_openai = not asked.local and model and model.startswith(_OPENAI)
        return PROFILES["openai"] if is_openai else LOCAL
    if name in config.providers:
        host = urlsplit(config.providers[name].base_url or "").hostname or ""
        known = (to for end, to in _HOSTS.items() if host == end or host.endswith(f".{end}"))
        return PROFILES.get(next(known, name), LOCAL)
    if name not in PROFILES:
        raise UsageError(unknown_provider(name, {*config.providers, *PROFILES}))
    return PROFILES[name]


def _calls(
    current: options.Session, asked: _Asked, chosen: Sequence[Target], records: str | None
) -> dict[str, Traffic]:
    """What the records say of the functions."""
    if not asked.needs_records and not records:
        return {}
    store = options.records_store(current, records, may_come=not records)
    students = frozenset(lock.read(current.project.root).models)
    read = (item for item in store.read() if isinstance(item, Record))
    return traffic.count(read, {target.manifest.function for target in chosen}, students)


def _planned(
    target: Target,
    asked: _Asked,
    config: Config,
    model: str | None,
    host: Profile,
    calls: dict[str, Traffic],
    measured: dict[tuple[str, int | None], dict[str, Size]],
) -> Planned:
    """measured: what was measured of the dataset already, by who counted and the limit."""
    count, limit = counter(model), host.tokens(model)
    sizes = measured.get((count.name, limit)) or {
        split: planning.measure(path, target.manifest.format, target.contract, count, limit)
        for split in SPLITS
        if (path := target.path(split))
    }
    measured[count.name, limit] = sizes
    planned = Planned(model, host, asked.local, limit, count, sizes)
    size = sizes.get("train")
    if size is None or not size.rows:
        return planned
    here = calls.get(target.manifest.function)
    prices = Prices(config.prices, built_in=host.name == "openai")
    planned.teacher = _teacher(asked, config, size, here)
    planned.student = prices.of_student(model) if model else None
    planned.trains = prices.of_training(model) if model else None
    per_day = asked.calls_per_day or (here.per_day if here else None)
    planned.plan = _plan(asked, planned, size, per_day)
    return planned


def _plan(asked: _Asked, planned: Planned, size: Size, per_day: float | None) -> Plan:
    if not asked.local:
        return planning.hosted(
            size,
            price=planned.student,
            rate=planned.trains.training if planned.trains else None,
            epochs=asked.epochs,
            teacher=planned.teacher.usd,
            calls_per_day=per_day,
        )
    parameters = planning.parameters_of(planned.model) if planned.model else None
    guessed = planning.PER_CORE / parameters if parameters else None
    planned.guessed = asked.tokens_per_second is None
    planned.speed = asked.tokens_per_second or guessed
    return planning.local(
        size,
        tokens_per_second=planned.speed,
        price=planned.student,
        epochs=asked.epochs,
        teacher=planned.teacher.usd,
        calls_per_day=per_day,
    )


def _teacher(asked: _Asked, config: Config, size: Size, calls: Traffic | None) -> Cost:
    """What a call of the teacher costs, and who says so."""
    if asked.teacher_cost is not None:
        return Cost(asked.teacher_cost, "as you say")
    models = [asked.teacher_model] if asked.teacher_model else sorted(calls.told) if calls else []
    if not models:
        return Cost(None, "say --teacher-cost USD or --teacher-model NAME")
    prices = {model: price_of(model, config.prices) for model in models}
    known = {model: price for model, price in prices.items() if price}
    absent = [model for model in models if model not in known]
    if absent:
        return Cost(None, f'add [tool.distilgen.prices."{absent[0]}"] to pyproject.toml')
    if asked.teacher_model:
        price = known[asked.teacher_model]
        usd = price.of_call(size.asked_of_call, size.answered_of_call)
        return Cost(usd, f"{asked.teacher_model} for the same tokens", tuple(known.values()))
    assert calls is not None  # noqa: S101 - its models were just named
    how = f"the mean of {calls.told.total():,} recorded calls of {', '.join(models)}"
    return Cost(calls.cost(known), how, tuple(known.values()))
