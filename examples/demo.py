"""`make demo`: the whole loop on copies of the examples, offline, each command with its output.

The only thing that is not real is the model: nobody can fine-tune one offline in seconds, so
`openai_server.py` answers in its place, from the very rows that it would have been trained on.
"""

from __future__ import annotations

import filecmp
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / "build" / "demo"
BIN = Path(sys.executable).parent
MODEL = "ft:gpt-4.1-mini:acme::abc"


class Shell:
    """Runs commands in a copy of an example, showing both sides as a terminal would."""

    def __init__(self, example: str) -> None:
        self.original = HERE / example
        self.folder = WORK / example
        ignore = shutil.ignore_patterns("__pycache__", ".distilgen")
        shutil.copytree(self.original, self.folder, ignore=ignore)
        hidden = ("DISTILGEN_", "OPENAI_")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(hidden)}
        self.environment |= {
            "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": "src",
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONIOENCODING": "utf-8",
        }

    def run(self, command: str, *, keep: int | None = None, **environment: str) -> str:
        """Run a command line; `keep` shows its first lines only. Returns what it printed."""
        said = "".join(f"{key}={value} " for key, value in environment.items())
        print(f"\n$ {said}{command}")
        words = [w if w != "python" else sys.executable for w in shlex.split(command)]
        program = shutil.which(words[0], path=self.environment["PATH"]) or words[0]
        done = subprocess.run(
            [program, *words[1:]],
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            check=False,
        )
        lines = done.stdout.splitlines()
        print("\n".join(lines[:keep]))
        if keep is not None and len(lines) > keep:
            print(f"… {len(lines) - keep} more lines")
        if done.returncode:
            raise SystemExit(f"demo: that command ended with {done.returncode}")
        return done.stdout

    def show(self, name: str, keep: int, *, last: bool = False) -> None:
        """Print the first or the last lines of a file, long ones cut for the screen."""
        lines = (self.folder / name).read_text("utf-8").splitlines()
        print(f"\n$ {'tail' if last else 'head'} -n {keep} {name}")
        for line in lines[-keep:] if last else lines[:keep]:
            print(line if len(line) <= 160 else f"{line[:160]}…")

    def prove_restored(self) -> None:
        """Compare every source file with the original, byte for byte."""
        files = [p.relative_to(self.original) for p in self.original.rglob("*.py")]
        _, different, failed = filecmp.cmpfiles(self.original, self.folder, files, shallow=False)
        extra = sorted(set(self.folder.rglob("*_distil.py")))
        if different or failed or extra:
            raise SystemExit(f"demo: not restored: {different}{failed}{extra}")
        print(f"({len(files)} source files are byte for byte what they were)")


def title(text: str) -> None:
    """A heading between two parts."""
    print(f"\n\033[1m{'─' * 4} {text}\033[0m" if sys.stdout.isatty() else f"\n{'─' * 4} {text}")


def sales_follow_up() -> None:
    """A chain of functions that ends in an email."""
    shell = Shell("sales_follow_up")
    title("what can be distilled, and what a student would see")
    shell.run("distilgen scan src/")
    shell.run("distilgen show shop.mail:complex_chain", keep=12)
    title("record: one import, one decorator, one generated file")
    shell.run("distilgen instrument src/")
    shell.run("distilgen check")
    teacher = shell.run("python -m shop")
    shell.show(".distilgen/records/records-000001.jsonl", 1)
    title("a dataset in OpenAI's tools format")
    shell.run("distilgen dataset build --no-holdout")
    rows = ".distilgen/datasets/shop.mail.complex_chain/train.jsonl"
    shell.show(rows, 1)
    title("shadow: the student is asked beside the teacher; a stand-in on loopback plays it")
    command = [sys.executable, str(HERE / "openai_server.py"), "--model", MODEL, rows]
    server = subprocess.Popen(command, cwd=shell.folder, stdout=subprocess.PIPE, encoding="utf-8")
    try:
        said = server.stdout.readline().strip() if server.stdout else ""
        print(f"\n$ python openai_server.py --model {MODEL} train.jsonl &\n{said}")
        url = said.rpartition(" ")[2]
        given = f"--model {MODEL} --base-url {url}"
        shell.run(f"distilgen dispatch --mode shadow {given} src/")
        answers = [shell.run("python -m shop", OPENAI_API_KEY="none-needed")]
        shell.run("distilgen rollout status")
        title("fallback: the student answers, and where it fails, the teacher")
        function = "shop.mail:complex_chain"
        shell.run(f"distilgen rollout set {function} --mode fallback")
        answers.append(shell.run("python -m shop", keep=3, OPENAI_API_KEY="none-needed"))
        title("dispatch: a thin stub, and no teacher any more")
        shell.run(f"distilgen rollout set {function} --mode dispatch")
        shell.show("src/shop/mail.py", 7, last=True)
        answers.append(shell.run("python -m shop", keep=3, OPENAI_API_KEY="none-needed"))
    finally:
        server.terminate()
        server.wait()
        if server.stdout:
            server.stdout.close()
    if any(answer != teacher for answer in answers):
        raise SystemExit("demo: the answers differ from the teacher's")
    print("(the same answers, from the model's side of the wire)")
    title("restore: the teacher comes back")
    shell.run("distilgen restore src/")
    shell.prove_restored()


def three_digit_multiply() -> None:
    """The example of instructor's documentation, in its wording and format."""
    shell = Shell("three_digit_multiply")
    title("instructor's own example, in its wording and row format")
    shell.run("distilgen instrument .")
    shell.run("python three_digit_multiply.py", keep=3)
    shell.run("distilgen dataset build --format openai-functions --no-holdout")
    rows = ".distilgen/datasets/three_digit_multiply.fn/train.jsonl"
    print(f"\n$ head -n 1 {rows}\n{(shell.folder / rows).read_text('utf-8').splitlines()[0]}")
    shell.run("distilgen restore .")
    shell.prove_restored()


def main() -> None:
    """Run both examples on fresh copies below build/demo."""
    shutil.rmtree(WORK, ignore_errors=True)
    sales_follow_up()
    three_digit_multiply()


if __name__ == "__main__":
    main()
