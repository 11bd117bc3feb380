"""What a run tells its user: what it is about to do, how it goes, how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilgen.training.trl_run.folder import near
from distilgen.training.trl_run.process import PACKAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from distilgen.training.trl_run.folder import Run

_SHOWN = 100


def config(said: Mapping[str, Any], run: Run) -> Iterator[str]:
    """What is about to be done: a line for each kind of thing that decides what comes out."""
    settings = dict(said["settings"])
    method = settings.pop("method")
    more = settings.pop("more", {})
    rows = ", ".join(f"{count} {split}" for split, count in said["rows"].items())
    told = {
        "function": f"{said['function']}, contract {said['contract'][:12]}",
        "rows": f"{rows}, answers: {said['answers']}",
        "base model": near(said["base_model"]),
        "method": "all weights" if method == "full" else f"LoRA, rank {settings.pop('lora_rank')}",
        "settings": ", ".join(
            f"{key} {_plain(value)}" for key, value in {**_spoken(settings), **more}.items()
        ),
        "packages": ", ".join(f"{name} {said['packages'][name]}" for name in PACKAGES),
        "kept in": near(run.config_file),
    }
    width = max(map(len, told))
    for key, value in told.items():
        yield f"{key:<{width}}  {value}"


def _spoken(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {key.replace("_", " "): value for key, value in settings.items()}


def _plain(value: Any) -> str:
    if value is None:
        return "as the model has it"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else f"{value}"


class Lines:
    """Events as lines. Remembers how many steps there are, and when tokens were counted last."""

    def __init__(self) -> None:
        self._steps = 0
        self._counted: tuple[float, float] | None = None

    def of(self, events: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """The lines that tell of events."""
        for event in events:
            match event["event"]:
                case "rows":
                    yield from _rows(event)
                case "training":
                    self._steps = event["steps"]
                    if event["step"]:
                        yield f"{self._place(event)}: here it goes on"
                case "log":
                    yield f"{self._place(event)}: {', '.join(self._measured(event))}"
                case "failed" | "started" | "checkpoint":
                    pass

    def _place(self, event: Mapping[str, Any]) -> str:
        if not event["step"]:
            return "before training"
        return f"step {event['step']} of {self._steps}"

    def _measured(self, event: Mapping[str, Any]) -> Iterator[str]:
        for key, name in (("loss", "loss"), ("eval_loss", "validation loss")):
            if key in event:
                yield f"{name} {event[key]:.4g}"
        if "loss" in event and event.get("num_tokens") is not None:
            now = event["num_tokens"], event["seconds"]
            if self._counted and now[1] > self._counted[1]:
                speed = (now[0] - self._counted[0]) / (now[1] - self._counted[1])
                yield f"{speed:,.0f} tokens/s"
            self._counted = now


def _rows(event: Mapping[str, Any]) -> Iterator[str]:
    split = event["split"]
    if event["left_out"]:
        yield (
            f"{split}: {event['left_out']} rows are longer than {event['max_length']} tokens, and "
            "are left out; --max-length says how long they may be"
        )
    if event["rows"]:
        use = "trained on" if split == "train" else "measured"
        yield (
            f"{split}: {event['rows']} rows, {event['tokens']:,} tokens, {event['longest']:,} in "
            f"the longest; {use} are the {event['answer_tokens']:,} of the answers"
        )
    if split == "train" and event["rows"]:
        yield f"the first row's answer: {_short(event['answer'])}"
        if event["unseen"]:
            yield (
                f"note: a server asks with {event['unseen']!r} at the end, which the model's chat "
                "template does not write in front of an answer"
            )


def result(said: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """How it went."""
    since = f", the last {found['steps'] - found['since']} at once" if found["since"] else ""
    yield (
        f"{found['steps']} steps{since}: {found['tokens']:,} tokens in {found['seconds']:,.1f} s "
        f"on {found['device'].partition(':')[0]}, {found['tokens_per_second']:,.0f} tokens/s"
    )
    if found["last_loss"] is not None:
        yield f"loss: {found['first_loss']:.4g} at first, {found['last_loss']:.4g} at last"
    if found["eval_loss"] is not None and found["eval_loss_before"] is not None:
        yield (
            f"validation loss: {found['eval_loss_before']:.4g} before, "
            f"{found['eval_loss']:.4g} after, on {said['rows']['validation']} rows"
        )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}…"
