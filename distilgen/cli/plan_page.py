"""How the plan of a training looks."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from distilgen.cli import record_lines, report
from distilgen.dataset.manifest import SPLITS

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

    from distilgen.cli.dataset_target import Target
    from distilgen.dataset.plan import Plan, Size
    from distilgen.dataset.prices import Price
    from distilgen.dataset.tokens import Counter
    from distilgen.dataset.validation.profiles import Profile

_COLUMNS = ("split", "rows", "tokens", "answers", "median", "p95", "longest", "over the limit")
_UNKNOWN = "unknown"
_CLOSING = (
    "OpenAI takes no new fine-tuning jobs from 6 January 2027 on, and from organisations without "
    "recent ones it takes none already; the gpt-4o and gpt-4.1 families and what is tuned of them "
    "stop on 14 January 2027"
)
ESTIMATED = (
    "tokens are estimated, within about 15 % of what OpenAI's models of today count: no table of "
    "the model is here"
)
_NOT_LISTED = ("gpt-5", "o1", "o3", "o4")
_LISTED = (
    "OpenAI's guide to supervised fine-tuning lists gpt-4.1, gpt-4.1-mini and gpt-4.1-nano (May "
    "2026), and not"
)
_HOUR_S, _DAY_S = 3_600, 86_400


@dataclass(frozen=True)
class Cost:
    """usd: of a call; None where nobody says. how: who does, or how to. prices: those of it."""

    usd: float | None = None
    how: str = ""
    prices: tuple[Price, ...] = ()


@dataclass
class Planned:
    """A training of a base model. model: None where the user names none. limit: tokens of a row.
    sizes: by split. plan: None without training rows. student, trains: the prices of its calls
    and of the training. speed: tokens per second on a machine of one's own; guessed: by us.
    """

    model: str | None
    host: Profile
    local: bool
    limit: int | None
    counter: Counter
    sizes: Mapping[str, Size]
    plan: Plan | None = None
    teacher: Cost = field(default_factory=Cost)
    student: Price | None = None
    trains: Price | None = None
    speed: float | None = None
    guessed: bool = False

    def lines(self, today: dt.date) -> Iterator[str]:
        """For reading: what it is called, and what it is."""
        plan, size = self.plan, self.sizes.get("train")
        if plan is None or size is None:
            yield _fact("training", "nothing: there is no row in train")
            return
        if self.model:
            by = f" by {self.host.name}" if self.host.name else ""
            yield _fact("model", self.model + (" on this machine" if self.local else by))
        else:
            yield _fact("model", f"{_UNKNOWN}: say --model BASE")
        rule = self._rule() if plan.by_rule else "as you say"
        yield _fact("epochs", f"{plan.epochs}, {rule}")
        trained = f"{plan.billed:,} tokens: {size.billed:,} in {plan.epochs} epochs"
        yield _fact("trained", trained)
        yield from self._costs(plan, size, today)
        yield _fact("pays", _pays(plan))

    def _rule(self) -> str:
        if self.local:
            return "TRL's default"
        of_openai = self.host.name in ("openai", "azure")
        return "OpenAI's rule" + ("" if of_openai else "; another host may have its own: --epochs")

    def _costs(self, plan: Plan, size: Size, today: dt.date) -> Iterator[str]:
        if self.local:
            yield _fact("time", self._time(plan))
        elif self.trains is not None and plan.training is not None:
            rate = f"at {_usd(self.trains.training or 0)} per million tokens"
            yield _fact("training", f"{_usd(plan.training)} {rate}, {_dated(self.trains, today)}")
        elif self.model:
            yield _fact("training", f"{_UNKNOWN}: {self._add('training')}")
        else:
            yield _fact("training", f"{_UNKNOWN}: it depends on the model")
        tokens = f"{size.asked_of_call:,.0f} tokens in, {size.answered_of_call:,.0f} out"
        if self.student is not None and plan.student is not None:
            rates = f"at {_usd(self.student.input)} and {_usd(self.student.output)} per million"
            said = f"{_usd(plan.student)} a call: {tokens}, {rates}, {_dated(self.student, today)}"
            yield _fact("student", said)
        elif self.local:
            yield _fact("student", f"a call takes {tokens}, on this machine, which is not counted")
        else:
            advice = f": {self._add('input and output')}" if self.model else ""
            yield _fact("student", f"a call takes {tokens}; its price is {_UNKNOWN}{advice}")
        if self.teacher.usd is None:
            yield _fact("teacher", f"{_UNKNOWN}: {self.teacher.how}")
        else:
            dates = "".join(f", {_dated(price, today)}" for price in self.teacher.prices)
            yield _fact("teacher", f"{_usd(self.teacher.usd)} a call: {self.teacher.how}{dates}")

    def _add(self, keys: str) -> str:
        return f'add [tool.distilgen.prices."{self.model}"] with {keys} to pyproject.toml'

    def _time(self, plan: Plan) -> str:
        if plan.seconds is None:
            return f"{_UNKNOWN}: the model's name does not say its size; say --tokens-per-second"
        said = f"about {_duration(plan.seconds)} at {self.speed:,.0f} tokens per second"
        if not self.guessed:
            return said
        return f"{said}, which is one CPU core's, give or take a half; a GPU: --tokens-per-second"

    def notes(self) -> Iterator[str]:
        """What to look out for in this dataset."""
        size = self.sizes.get("train")
        count = size.rows if size else 0
        if self.host.name and count < self.host.rows:
            held_out = sum(size.rows for size in self.sizes.values()) > count
            advice = ", or build with --no-holdout" if held_out else ""
            are = f"there {'is' if count == 1 else 'are'} {count:,}"
            yield (
                f"{self.host.name} wants at least {self.host.rows} training rows, and {are}: "
                f"record more calls{advice}"
            )
        cut = sum(size.cut for size in self.sizes.values())
        if cut and self.limit:
            yield (
                f"{report.counted(cut, 'row')} of more than {self.limit:,} tokens would be cut at "
                "the end, which is the answer: build with --max-row-tokens"
            )

    def general_notes(self) -> Iterator[str]:
        """What to look out for whatever the dataset."""
        if self.host.name == "openai":
            if self.model and self.model.startswith(_NOT_LISTED):
                yield f"{_LISTED} {self.model}"
            yield _CLOSING
        if self.host.name == "together" and "validation" in self.sizes:
            yield "together bills the validation rows, too, each time it evaluates on them"

    def values(self) -> dict[str, Any]:
        """For programs."""
        plan = self.plan
        return {
            "model": self.model,
            "host": "local" if self.local else self.host.name or None,
            "tokens_by": self.counter.name,
            "exact": self.counter.exact,
            "limit": self.limit,
            "splits": {split: _size_values(size) for split, size in self.sizes.items()},
            "epochs": plan and plan.epochs,
            "billed_tokens": plan and plan.billed,
            "training_usd": plan and plan.training,
            "training_seconds": plan and plan.seconds,
            "student_usd_per_call": plan and plan.student,
            "teacher_usd_per_call": plan and plan.teacher,
            "calls_per_day": plan and plan.calls_per_day,
            "break_even_calls": plan and plan.break_even,
            "break_even_days": plan and plan.days,
            "prices": {
                name: {"as_of": price.as_of or None, "source": price.source or None}
                for name, price in (("student", self.student), ("training", self.trains))
                if price
            },
            "notes": [*self.notes(), *self.general_notes()],
        }


@dataclass(frozen=True)
class Shown:
    """A dataset, and what is planned with it, one for each model."""

    target: Target
    planned: list[Planned]

    def show(self, today: dt.date) -> None:
        """Print it."""
        said = self.target.manifest
        click.echo(f"{record_lines.printable(said.function)}: {said.format}\n")
        last: object = None
        for number, item in enumerate(self.planned):
            same = item.counter.name, item.limit
            if same != last:
                click.echo("\n" * bool(number), nl=False)
                report.table(
                    _COLUMNS, [_cells(s, item.sizes[s]) for s in SPLITS if s in item.sizes]
                )
                last = same
            else:
                click.echo()
            click.echo("\n".join(map(record_lines.printable, item.lines(today))))

    def values(self) -> dict[str, Any]:
        """For programs."""
        said = self.target.manifest
        return {
            "function": said.function,
            "contract": said.contract,
            "format": said.format,
            "folder": str(self.target.folder),
            "plans": [item.values() for item in self.planned],
        }


@dataclass(frozen=True)
class Total:
    """Training one model on all datasets. rows: of training. billed: tokens. training: USD;
    seconds: on this machine; None where one of them is not known.
    """

    model: str | None
    rows: int
    billed: int
    training: float | None
    seconds: float | None

    def line(self, local: bool) -> str:
        """For reading."""
        cost = self.seconds if local else self.training
        said = "" if cost is None else f", {_duration(cost) if local else _usd(cost)}"
        of_model = f"{self.model}: " if self.model else ""
        return _fact(
            "in all", f"{of_model}{report.counted(self.rows, 'row')}, {self.billed:,} tokens{said}"
        )


def totals(shown: Sequence[Shown]) -> list[Total]:
    """Of each model, what training it on all of some datasets comes to."""
    found = []
    for items in zip(*(item.planned for item in shown), strict=True):
        plans = [(item.plan, item.sizes["train"]) for item in items if item.plan]
        if plans:
            found.append(Total(
                items[0].model,
                sum(size.rows for _, size in plans),
                sum(plan.billed for plan, _ in plans),
                _sum([plan.training for plan, _ in plans]),
                _sum([plan.seconds for plan, _ in plans]),
            ))  # fmt: skip
    return found


def notes(shown: Sequence[Shown]) -> list[str]:
    """What to look out for, each once; of which dataset, where there are several."""
    own: dict[str, None] = {}
    general: dict[str, None] = {}
    for item in shown:
        whose = f"{item.target.manifest.function}: " if len(shown) > 1 else ""
        for planned in item.planned:
            own |= dict.fromkeys(f"{whose}{note}" for note in planned.notes())
            if not planned.counter.exact:
                general[ESTIMATED] = None
            general |= dict.fromkeys(planned.general_notes())
    return [*own, *general]


def _sum(numbers: Sequence[float | None]) -> float | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _cells(split: str, size: Size) -> tuple[str, ...]:
    longest = ", ".join(f"{tokens:,} (row {number:,})" for number, tokens in size.longest[:1])
    numbers = (size.rows, size.tokens, size.answers, size.median, size.p95)
    return (split, *(f"{number:,}" for number in numbers), longest or "-", f"{size.cut:,}")


def _size_values(size: Size) -> dict[str, Any]:
    return {
        "rows": size.rows,
        "tokens": size.tokens,
        "billed": size.billed,
        "answer_tokens": size.answers,
        "median": size.median,
        "p95": size.p95,
        "over_the_limit": size.cut,
        "longest": [{"row": number, "tokens": tokens} for number, tokens in size.longest],
    }


def _fact(name: str, text: str) -> str:
    return f"{name:<9} {text}"


def _pays(plan: Plan) -> str:
    if plan.saving is None or plan.training is None:
        return f"{_UNKNOWN}, as long as a price is"
    if plan.break_even is None:
        more = f"{_usd(-plan.saving)} more than" if plan.saving else "as much as"
        return f"never: a call of the student costs {more} one of the teacher"
    said = f"after {report.counted(plan.break_even, 'call')}" if plan.break_even else "at once"
    said += f", each {_usd(plan.saving)} cheaper"
    if not plan.days:
        return said
    return f"{said}: {plan.days:,.1f} days at {plan.calls_per_day:,.0f} calls a day"


def _dated(price: Price, today: dt.date) -> str:
    if not price.as_of:
        return "a price without a day"
    return f"as of {price.as_of}" + (" (old: look it up)" if price.is_old(today) else "")


def _usd(amount: float) -> str:
    """To the cent from a dollar on; below, to three digits."""
    if amount >= 1 or math.isclose(amount, round(amount, 2)):
        return f"${amount:,.2f}"
    return f"${amount:.{max(2, 2 - _exponent(amount))}f}"


def _exponent(amount: float) -> int:
    return int(f"{amount:e}".partition("e")[2])


def _duration(seconds: float) -> str:
    for size, name in ((_DAY_S, "days"), (_HOUR_S, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:,.1f} {name}"
    return f"{seconds:,.0f} seconds"
