"""The project's own interpreter, which must run its functions: it has their packages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from distilgen.errors import CollectError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

_ASK = """\
import importlib.util, json, sys
there = importlib.util.find_spec("distilgen") is not None
print(json.dumps([sys.prefix, list(sys.version_info[:2]), there]))
"""
_SECONDS = 60


def is_this(python: str) -> bool:
    """Is the interpreter that runs this one of the same environment? Raises ConfigError where it
    cannot be run, CollectError where it is another, without distilgen.
    """
    if os.path.abspath(python) == os.path.abspath(sys.executable):  # noqa: PTH100 - it follows no link
        return True
    try:
        done = subprocess.run(
            [python, "-P", "-c", _ASK], capture_output=True, check=True, timeout=_SECONDS
        )
        prefix, version, has_distilgen = json.loads(done.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise ConfigError(f"cannot run the interpreter {python}: {error}") from error
    if prefix == sys.prefix and version == list(sys.version_info[:2]):
        return True
    if not has_distilgen:
        raise CollectError(
            f"{python}: the project's interpreter runs its functions, and has no distilgen: "
            f"{python} -m pip install distilgen"
        )
    return False


def run_in(python: str, arguments: Sequence[str]) -> int:
    """Run a command line of ours in another interpreter; its exit code. Where the system can, it
    takes the place of this process, and nothing is returned.
    """
    line = [python, "-P", "-m", "distilgen", *arguments]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        os.execv(python, line)  # noqa: S606 - it is no shell
    child = subprocess.Popen(line)
    while True:
        try:
            return child.wait()
        except KeyboardInterrupt:  # which the child has got, too
            continue
