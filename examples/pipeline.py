"""What the two data pipelines share: their command line, and a shell that shows progress.

The teachers of both are plain functions, and need nothing. With `--model` a model takes their
place: in the copy, the functions are dispatched to it, its answers are recorded, and the same
commands follow.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess

from demo import WORK, Shell


class Pipeline(Shell):
    """A fresh copy of an example below build/demo, whose functions a model may answer."""

    def __init__(self, example: str, about: str) -> None:
        """Reads the command line."""
        parser = argparse.ArgumentParser(description=about)
        parser.add_argument(
            "--model", help="let this model answer, and not the functions' own code"
        )
        parser.add_argument("--base-url", help="where it is: an OpenAI-compatible server")
        given = parser.parse_args()
        if given.base_url and not given.model:
            parser.error("--base-url is of --model")
        if given.model and not (given.base_url or os.environ.get("OPENAI_API_KEY")):
            parser.error("--model needs OPENAI_API_KEY, or a server by --base-url")
        self.model: str | None = given.model
        self.base_url: str | None = given.base_url
        shutil.rmtree(WORK / example, ignore_errors=True)
        super().__init__(example)
        if self.model:
            self.environment["OPENAI_API_KEY"] = os.environ.get("OPENAI_API_KEY") or "none-needed"

    def record(self, *functions: str) -> None:
        """Have the calls of the functions recorded, whoever answers them."""
        self.run("distilgen instrument --all")
        if self.model:
            only = " ".join(f"--only {name}" for name in functions)
            where = f" --base-url {self.base_url}" if self.base_url else ""
            self.run(f"distilgen dispatch --record --model {self.model}{where} {only} src/")

    def watch(self, command: str) -> None:
        """Run a command line whose progress is to be seen, on a terminal; what goes wrong with some
        inputs or rows (exit code 1) it says itself, and the others go on.
        """
        print(f"\n$ {command}", flush=True)
        words = shlex.split(command)
        program = shutil.which(words[0], path=self.environment["PATH"]) or words[0]
        code = subprocess.run(
            [program, *words[1:]], cwd=self.folder, env=self.environment, check=False
        ).returncode
        if code not in (0, 1):
            raise SystemExit(f"{self.original.name}: that command ended with {code}")
