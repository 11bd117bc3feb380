"""The training process: how it is started, and ended."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from distilgen.errors import TrainingError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distilgen.training.trl_run.folder import Run

PACKAGES = ("torch", "transformers", "trl", "peft", "datasets", "accelerate")
"""What a training process needs, in the order in which they build on each other."""

STOPPED = (143, -15)
"""Exit codes after SIGTERM: of a process that heeds it, and of one that does not."""

_ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "WANDB_MODE": "disabled",
    "TRL_EXPERIMENTAL_SILENCE": "1", "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONUTF8": "1",
    "PYTHONSAFEPATH": "1",  # a file `trl.py` in the project is not what is meant
}  # fmt: skip
_STEP_S = 60.0  # a step is finished, and its checkpoint written
_LOOK_S = 0.1


def versions() -> dict[str, str]:
    """Of the packages that train. Raises TrainingError for one that is missing."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            raise TrainingError(
                f'the package {name} is missing: pip install "distilgen[trl]"'
            ) from None
    return found


def gpus() -> int:
    """How many GPUs PyTorch sees."""
    import torch  # noqa: PLC0415 - seconds

    return int(torch.cuda.device_count())


def command(run: Run, processes: int) -> list[str]:
    """What trains a run: Python, or `accelerate launch` for several processes."""
    module = ["-m", "distilgen.training.trl_run", str(run.path)]
    if processes == 1:
        return [sys.executable, *module]
    launch = ["-m", "accelerate.commands.launch", "--num_machines", "1", "--num_processes"]
    said = [str(processes), "--mixed_precision", "no", "--dynamo_backend", "no"]
    device = [] if gpus() else ["--cpu"]
    multi = ["--multi_gpu"] if gpus() >= processes else []
    return [sys.executable, *launch, *said, *device, *multi, *module]


def shown(words: Sequence[str]) -> str:
    """A command as a shell takes it."""
    return subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)


def start(run: Run, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start it, away from this terminal's Ctrl-C; what it writes goes to the log."""
    apart: dict[str, object] = {"start_new_session": True}
    if os.name == "nt":
        apart = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
    with run.log_file.open("ab") as log:
        process = subprocess.Popen(  # type: ignore[call-overload]
            list(words),
            cwd=run.path,
            env={**os.environ, **_ENVIRONMENT},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            **apart,
        )
    run.write("process.json", {"pid": process.pid})
    started: subprocess.Popen[bytes] = process
    return started


def stop(run: Run, process: subprocess.Popen[bytes] | None) -> None:
    """End the process of a run, ours or another command's, and all that it has started. One that
    does not end when it is asked to is killed.
    """
    pid = process.pid if process is not None else _pid(run)
    if not pid or not _lives(run, process):
        return
    _signal(pid, hard=False)
    end = time.monotonic() + _STEP_S
    try:
        while _lives(run, process) and time.monotonic() < end:
            time.sleep(_LOOK_S)
    finally:  # a second Ctrl-C ends the patience
        _signal(pid, hard=True)
        if process is not None:
            process.wait()


def _lives(run: Run, process: subprocess.Popen[bytes] | None) -> bool:
    return run.is_held() if process is None else process.poll() is None


def _pid(run: Run) -> int:
    try:
        return int(json.loads((run.path / "process.json").read_text("utf-8"))["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0


def _signal(pid: int, *, hard: bool) -> None:
    if os.name == "nt":  # it knows no asking
        words = ["taskkill", "/F", "/T", "/PID", str(pid)]
        subprocess.run(words, capture_output=True, check=False)
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL if hard else signal.SIGTERM)
