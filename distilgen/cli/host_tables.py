"""How a host's objects look, on a terminal and as JSON. Hosts leave fields out, and add others."""

from __future__ import annotations

import datetime as dt
import json
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from distilgen.cli import record_lines, report
from distilgen.cli.record_lines import printable
from distilgen.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

NOTHING = "-"
_SETTINGS = "hyperparameters"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400

_JOB = {
    "job": "id",
    "state": "status",
    "base model": "model",
    "model": "fine_tuned_model",
    "created": "created_at",
    "finished": "finished_at",
    "expected": "estimated_finish",
    "training file": "training_file",
    "validation file": "validation_file",
    "result files": "result_files",
    "method": "method",
    "hyperparameters": _SETTINGS,
    "suffix": "user_provided_suffix",
    "seed": "seed",
    "trained tokens": "trained_tokens",
    "metadata": "metadata",
    "error": "error",
}
_FILE = {
    "file": "id",
    "name": "filename",
    "purpose": "purpose",
    "size": "bytes",
    "state": "status",
    "details": "status_details",
    "created": "created_at",
    "expires": "expires_at",
}
_TIMES = ("created_at", "finished_at", "estimated_finish", "expires_at")
_KIND = "object"


def plain(thing: Any) -> dict[str, Any]:
    """An object of the `openai` client as the host gave it. Raises TrainingError for none."""
    if not hasattr(thing, "to_dict"):
        raise TrainingError(f"the host's list has no objects but {text(thing)}")
    found: dict[str, Any] = thing.to_dict(mode="json", warnings=False)
    return found


def cut(found: Iterable[Any], limit: int | None) -> tuple[list[dict[str, Any]], bool]:
    """(the first so many objects; are there more?). limit: None for all."""
    items = iter(found)
    first = [plain(item) for item in islice(items, limit)]
    return first, next(items, None) is not None


def as_json(value: Any) -> str:
    """A value as JSON for programs."""
    return record_lines.pretty(_finite(value))


def line_as_json(value: Any) -> str:
    """The same in one line."""
    return json.dumps(_finite(value), separators=(",", ":"))


def document(found: Iterable[Any], *, more: bool = False) -> str:
    """A list of objects as JSON, as hosts give it. more: are there others behind?"""
    return as_json({"object": "list", "data": list(found), "has_more": more})


def listing(
    found: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    row: Callable[[Mapping[str, Any]], Sequence[str]],
    *,
    json_form: bool,
    nothing: str,
    more: bool = False,
) -> None:
    """Print a list of objects. nothing: is said where it is empty."""
    if json_form:
        click.echo(document(found, more=more))
    elif found:
        report.table(columns, [row(item) for item in found])
    else:
        click.echo(nothing, err=True)
    if more:
        click.echo(f"the first {len(found):,}; there are more: --limit N, or --all", err=True)


def job_page(job: Mapping[str, Any]) -> str:
    """All that a host says of a job."""
    method = job.get("method")
    kind = method.get("type") if isinstance(method, dict) else None
    inner = method.get(kind) if isinstance(method, dict) else None
    if inner == {_SETTINGS: job.get(_SETTINGS)}:  # which is said twice, then
        job = {**job, "method": kind}
    return _page(_JOB, job)


def file_page(file: Mapping[str, Any]) -> str:
    """All that a host says of a file."""
    return _page(_FILE, file)


def job_row(job: Mapping[str, Any]) -> tuple[str, ...]:
    """A job in a line of a table: see `JOB_COLUMNS`."""
    made = text(job.get("fine_tuned_model"))
    return (
        text(job.get("id")),
        text(job.get("status")),
        time_of(job.get("created_at")),
        took(job.get("created_at"), job.get("finished_at")),
        text(job.get("model")),
        made if made != NOTHING else text(reason(job)),
    )


JOB_COLUMNS = ("job", "state", "created (UTC)", "took", "base model", "outcome")


def file_row(file: Mapping[str, Any]) -> tuple[str, ...]:
    """A file in a line of a table: see `FILE_COLUMNS`."""
    return (
        text(file.get("id")),
        text(file.get("purpose")),
        size(file.get("bytes")),
        text(file.get("status")),
        time_of(file.get("created_at")),
        time_of(file.get("expires_at")),
        text(file.get("filename")),
    )


FILE_COLUMNS = ("file", "purpose", "size", "state", "created (UTC)", "expires (UTC)", "name")


def reason(job: Mapping[str, Any]) -> str:
    """Why a job failed; empty where the host does not say."""
    error = job.get("error")
    if isinstance(error, dict):
        return str(error.get("message") or error.get("code") or "")
    return str(error or "")


def text(value: Any) -> str:
    """A value in a line."""
    if value is None or value in ("", {}, []):
        return NOTHING
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return printable(", ".join(value))
    if isinstance(value, dict) and not any(isinstance(v, dict | list) for v in value.values()):
        return printable(", ".join(f"{name} {item}" for name, item in value.items()))
    return printable(json.dumps(value, ensure_ascii=False))


def time_of(value: Any) -> str:
    """A time, in seconds since 1970, to the minute; whatever else a host has there as it is."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return dt.datetime.fromtimestamp(value, dt.UTC).strftime("%Y-%m-%d %H:%M")
        except (OverflowError, OSError, ValueError):
            return text(value)
    return text(value)


def took(start: Any, end: Any) -> str:
    """The time between two times: `42s`, `5m`, `1h 05m`, `2d 03h`."""
    if not isinstance(start, int | float) or not isinstance(end, int | float) or end < start:
        return NOTHING
    seconds = int(end - start)
    if seconds < _MINUTE:
        return f"{seconds}s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE}m"
    if seconds < _DAY:
        return f"{seconds // _HOUR}h {seconds % _HOUR // _MINUTE:02}m"
    return f"{seconds // _DAY}d {seconds % _DAY // _HOUR:02}h"


def number(value: Any) -> str:
    """A metric: `0.4123`."""
    return f"{value:.4g}" if isinstance(value, float) else text(value)


def size(value: Any) -> str:
    """A number of bytes: `512 B`, `3.4 MB`."""
    return record_lines.bytes_of(value) if isinstance(value, int) and value >= 0 else text(value)


def _page(names: Mapping[str, str], thing: Mapping[str, Any]) -> str:
    """The fields that are known by our names for them, then the others by the host's."""
    known = {*names.values(), _KIND}
    fields = {**names} | {key.replace("_", " "): key for key in thing if key not in known}
    shown = {name: _shown(key, thing.get(key)) for name, key in fields.items()}
    shown = {name: value for name, value in shown.items() if value != NOTHING}
    width = max(map(len, shown), default=0)
    return "\n".join(f"{printable(name):<{width}}  {value}" for name, value in shown.items())


def _shown(key: str, value: Any) -> str:
    if key in _TIMES:
        time = time_of(value)
        return f"{time} UTC" if isinstance(value, int | float) and time != NOTHING else time
    if key == "bytes" and isinstance(value, int):
        return f"{value:,} bytes"
    if isinstance(value, int) and not isinstance(value, bool) and key == "trained_tokens":
        return f"{value:,}"
    return text(value)


def _finite(value: Any) -> Any:
    """A value without the numbers that JSON has not: a loss that ran away is `"nan"`."""
    if isinstance(value, float) and value - value != 0:
        return str(value)
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list) else value
