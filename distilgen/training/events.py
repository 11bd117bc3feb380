"""What a job says of itself, in lines: each event once, in the order in which it came."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from distilgen.training.host import Host

PAGE = 100  # events of one request, at most
_LEVELS = {"warn": "warning: ", "warning": "warning: ", "error": "error: "}
_STEP, _STEPS = "step", "total_steps"


@dataclass
class Events:
    """The events of a job, each of which is new once."""

    host: Host
    job: str
    _seen: set[Any] = field(default_factory=set)

    def new(self, asking: Callable[..., Any], *, whole: bool = False) -> list[Any]:
        """Those that are new, oldest first. asking: see `Host.every`. whole: look through all of
        them, as hosts may have them in another order than newest first. Raises HostError.
        """
        new = []
        for event in self.host.every(f"events of job {self.job}", self._first, asking):
            if _key(event) not in self._seen:
                new.append(event)
            elif not whole:
                break
        self._seen.update(map(_key, new))
        new.reverse()  # those of one second, too, are newest first on the host
        return sorted(new, key=_time)

    def _first(self) -> Any:
        return self.host.client.fine_tuning.jobs.list_events(self.job, limit=PAGE)


def all_events(host: Host, job: str) -> list[Any]:
    """The events of a job, oldest first. Raises HostError."""
    return Events(host, job).new(host.ask, whole=True)


def line_of(event: Any) -> str:
    """An event in a line. Metrics: `step 10 of 90: train_loss 0.41, valid_loss 0.5`."""
    data = getattr(event, "data", None)
    if getattr(event, "type", None) == "metrics" and isinstance(data, dict) and _STEP in data:
        said = ", ".join(numbers(data))
        if said:
            steps = f" of {data[_STEPS]}" if data.get(_STEPS) else ""
            return f"step {data[_STEP]}{steps}: {said}"
    level = _LEVELS.get(getattr(event, "level", None) or "", "")
    return f"{level}{getattr(event, 'message', None) or 'an event without a message'}"


def numbers(metrics: Mapping[str, Any]) -> Iterator[str]:
    """Metrics as `train_loss 0.41`, but for those that count steps."""
    for name, value in metrics.items():
        counts = name in (_STEP, _STEPS)
        if isinstance(value, int | float) and not isinstance(value, bool) and not counts:
            yield f"{name} {value:.4g}"


def last_error(host: Host, job: str) -> str:
    """What the last event of level error says; empty where there is none. Raises HostError."""
    events = all_events(host, job)
    said = [event for event in events if getattr(event, "level", None) == "error"]
    return str(getattr(said[-1], "message", None) or "") if said else ""


def _time(event: Any) -> float:
    time = getattr(event, "created_at", None)
    return time if isinstance(time, int | float) else 0


def _key(event: Any) -> Any:
    return getattr(event, "id", None) or (getattr(event, "created_at", None), line_of(event))
