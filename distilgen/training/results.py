"""What a job has left on its host, besides the model: metrics by step, and checkpoints."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import re
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from distilgen.errors import HostError
from distilgen.rewrite.replace import replace_file
from distilgen.training.events import numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.training.host import Host

METRICS = "metrics.csv"
LARGEST = 64 * 1024**2
"""Bytes of a file with metrics, at most: some hosts list the model's weights among the results."""


def folder_of(runs: Path, server: str, job: str) -> Path:
    """Where the results of a job are. server: its URL; two may have jobs of the same name, and name
    them as they like.
    """
    url = urlsplit(server)
    place = url.netloc.rpartition("@")[2] + url.path.rstrip("/")
    return runs / _name(place) / _name(job)


def _name(said: str) -> str:
    """A text as a file's name."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", said).lstrip(".") or "_"


def checkpoints(host: Host, job: str) -> list[Any]:
    """The host's checkpoints of a job, first step first. Raises HostError."""
    api = host.client.fine_tuning.jobs.checkpoints
    found = host.every(f"checkpoints of job {job}", lambda: api.list(job))
    return sorted(found, key=lambda point: getattr(point, "step_number", None) or 0)


def last_checkpoint(host: Host, job: str) -> str | None:
    """The model of the last checkpoint; None where the host has, or shows, none."""
    try:
        points = checkpoints(host, job)
    except HostError:
        return None
    return _model(points[-1]) if points else None


def checkpoint_line(point: Any) -> str:
    """A checkpoint in a line."""
    metrics: Any = getattr(point, "metrics", None)
    said = ", ".join(numbers(metrics.to_dict() if hasattr(metrics, "to_dict") else {}))
    step = getattr(point, "step_number", None)
    line = f"checkpoint at step {step}: {_model(point) or point.id}"
    return f"{line}, {said}" if said else line


def _model(point: Any) -> str | None:
    return getattr(point, "fine_tuned_model_checkpoint", None)


def metrics(host: Host, files: list[str]) -> bytes | None:
    """The table of metrics among a job's result files, as CSV; None where there is none. Raises
    HostError.
    """
    api = host.client.files
    for name in files:
        what = f"result file {name}"
        file = host.ask(what, partial(api.retrieve, name))
        is_csv = PurePosixPath(getattr(file, "filename", None) or "").suffix in (".csv", "")
        if is_csv and (getattr(file, "bytes", None) or 0) <= LARGEST:
            return plain(host.ask(what, partial(api.content, name)).content)
    return None


def plain(content: bytes) -> bytes:
    """The CSV of a result file, which hosts give as it is, or in base64."""
    packed = b"".join(content.split())
    if b"," in packed:
        return content
    try:
        opened = base64.b64decode(packed, validate=True)
    except binascii.Error:
        return content
    return opened if b"," in opened else content


def last_values(table: bytes) -> Iterator[str]:
    """The last value of each column of metrics, as `train_loss 0.41 (step 90)`."""
    text = table.decode("utf-8-sig", "replace")
    last: dict[str, tuple[float, str]] = {}
    for row in csv.DictReader(io.StringIO(text)):
        for name, value in row.items():
            if name and name != "step" and isinstance(value, str) and value.strip():
                try:
                    last[name] = float(value), row.get("step") or ""
                except ValueError:
                    continue
    for name, (number, step) in last.items():
        yield f"{name} {number:.4g} (step {step})" if step else f"{name} {number:.4g}"


def fetched(host: Host, job: str, files: list[str], runs: Path) -> Iterator[str]:
    """Lines about a job's results; its metrics are written below `runs`. What cannot be had is
    said: the model is there whatever becomes of the rest.
    """
    try:
        table = metrics(host, files)
        if table is not None:
            path = folder_of(runs, host.server, job) / METRICS
            replace_file(path, table)
            said = ", ".join(last_values(table))
            yield f"last metrics: {said}" if said else "metrics: the host's table has none"
            is_near = path.is_relative_to(Path.cwd())
            yield f"metrics by step: {path.relative_to(Path.cwd()) if is_near else path}"
        for point in checkpoints(host, job):
            yield checkpoint_line(point)
    except HostError as error:
        yield f"not all results could be had: {error}"
    except OSError as error:
        yield f"the metrics could not be kept: {error}"
