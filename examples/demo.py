"""`make demo`: the whole loop on copies of the examples, offline, each command with its output.

The only thing that is not real is the chat model which the support desk asks: `tickets/stand_in.py`
answers in its place, by rules. The students are real: trained on what was recorded, here and now.
"""

from __future__ import annotations

import argparse
import filecmp
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from openai_server import OpenAIServer
from tickets import stand_in

HERE = Path(__file__).resolve().parent
WORK = HERE.parent / "build" / "demo"
BIN = Path(sys.executable).parent
KNOWN = 700
TABLE = 9  # lines, of what training says at its end


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

    def run(
        self, command: str, *, keep: int | None = None, last: int = 0, **environment: str
    ) -> str:
        """Run a command line; shows the `keep` first lines of what it prints, default all, and at
        its end the `last` ones. Returns all of them.
        """
        said = "".join(f"{key}={value} " for key, value in environment.items())
        print(f"\n$ {said}{command}", flush=True)
        words = [w if w != "python" else sys.executable for w in shlex.split(command)]
        program = shutil.which(words[0], path=self.environment["PATH"]) or words[0]
        lines = []
        with subprocess.Popen(
            [program, *words[1:]],
            cwd=self.folder,
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        ) as running:
            for line in running.stdout or ():
                lines.append(line)
                if keep is None or len(lines) <= keep:
                    print(line, end="", flush=True)
        if keep is not None and len(lines) > keep + last:
            print(f"… {len(lines) - keep - last} more lines")
            print("".join(lines[len(lines) - last :]), end="")
        if running.returncode:
            raise SystemExit(f"demo: that command ended with {running.returncode}")
        return "".join(lines)

    def show(self, name: str, keep: int, *, last: bool = False) -> None:
        """Print the first or the last lines of a file, long ones cut for the screen."""
        lines = (self.folder / name).read_text("utf-8").splitlines()
        print(f"\n$ {'tail' if last else 'head'} -n {keep} {name}")
        for line in lines[-keep:] if last else lines[:keep]:
            print(line if len(line) <= 160 else f"{line[:160]}…")

    def find(self, text: str, name: str) -> None:
        """Print the lines of a file that have a text in them."""
        print(f"\n$ grep {text} {name}")
        lines = (self.folder / name).read_text("utf-8").splitlines()
        print("\n".join(line for line in lines if text in line))

    def prove_restored(self) -> None:
        """Compare every source file with the original, byte for byte."""
        files = [p.relative_to(self.original) for p in self.original.rglob("*.py")]
        _, different, failed = filecmp.cmpfiles(self.original, self.folder, files, shallow=False)
        extra = sorted(set(self.folder.rglob("*_distil.py")))
        if different or failed or extra:
            raise SystemExit(f"demo: not restored: {different}{failed}{extra}")
        several = f"{len(files)} source files are" if len(files) > 1 else "the source file is"
        print(f"({several} byte for byte as before)")


def title(text: str) -> None:
    """A heading between two parts."""
    print(f"\n\033[1m{'─' * 4} {text}\033[0m" if sys.stdout.isatty() else f"\n{'─' * 4} {text}")


def tickets(known: int, target: str | None) -> None:
    """A support desk: three calls of a chat model a ticket, then a student in their place.

    known: how many tickets there are to learn from. target: the agreement to promise.
    """
    shell = Shell("tickets")
    path = shell.folder / "tickets/known.jsonl"
    lines = path.read_text("utf-8").splitlines(keepends=True)
    path.write_text("".join(lines[:known]), "utf-8", newline="\n")
    with OpenAIServer(stand_in.respond) as server:
        shell.environment |= {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "none-needed"}
        title("a support desk: a chain of three calls of a chat model sorts each ticket")
        print(
            "(a stand-in plays the chat model: it answers by rules, at once, on this machine; "
            "a real one takes a second)"
        )
        before = shell.run("python -m desk tickets/new.jsonl before.jsonl")
        requests = [len(server.requests)]
        title("record: one import, one decorator, one generated file")
        shell.run("distilgen scan src/")
        shell.run("distilgen instrument src/")
        shell.find("_distil", "src/desk/triage.py")
        shell.run("python -m desk tickets/known.jsonl", keep=4)
        title("train: a student for this function, on this machine, from what was recorded")
        shell.run("distilgen dataset build")
        shell.run(f"distilgen train triage{f' --target {target}' if target else ''}")
        title("evaluate: on calls that were held out")
        shell.run("distilgen evaluate triage --model latest")
        title("fallback: the student answers where it is sure; where not, the chat model")
        shell.run("distilgen dispatch --mode fallback --model latest src/")
        server.requests.clear()
        after = shell.run("python -m desk tickets/new.jsonl after.jsonl")
        requests.append(len(server.requests))
    shell.run("distilgen rollout status")
    print()
    say_who_answered(shell.folder)
    was, now = (_milliseconds(said) for said in (before, after))
    print(f"(a ticket took {was:g} ms and takes {now:g} ms: {was / now:.0f} times as fast)")
    print(f"(the chat model was asked {requests[0]} times, and is asked {requests[1]} times)")
    title("restore: the code is what it was")
    shell.run("distilgen restore src/")
    shell.prove_restored()


def say_who_answered(folder: Path) -> None:
    """Say of the new tickets who answered them, and how often as the chat model alone had."""
    alone = [json.loads(line) for line in _lines(folder / "before.jsonl")]
    tickets = [json.loads(line)["ticket"] for line in _lines(folder / "tickets/new.jsonl")]
    taught = dict(zip(tickets, alone, strict=True))
    records = [
        json.loads(line)
        for path in (folder / ".distilgen/records").glob("*.jsonl")
        for line in _lines(path)
    ]
    alike = [
        record["result"] == taught[record["arguments"]["ticket"]]
        for record in records
        if record["source"].startswith("student:")
    ]
    if not alike:
        raise SystemExit("demo: the student answered nothing")
    print(
        f"({len(tickets)} new tickets: the student answered {len(alike)}, {sum(alike)} of them as "
        f"the chat model; that one answered {len(tickets) - len(alike)})"
    )


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines()


def _milliseconds(said: str) -> float:
    found = re.search(r"([\d.]+) ms each", said)
    if found is None:
        raise SystemExit("demo: the desk said no time")
    return float(found[1])


def three_digit_multiply() -> None:
    """The example of instructor's documentation, in its wording and format."""
    shell = Shell("three_digit_multiply")
    title("instructor's own example, in its wording and row format: a relation is found exactly")
    shell.run("distilgen instrument .")
    shell.run("python three_digit_multiply.py 250", keep=2)
    shell.run("distilgen dataset build --format openai-functions")
    shell.show(".distilgen/datasets/three_digit_multiply.fn/train.jsonl", 1)
    shell.run("distilgen train three_digit_multiply:fn", keep=0, last=TABLE)
    shell.run("distilgen evaluate three_digit_multiply:fn --model latest")
    shell.run("distilgen dispatch --mode fallback --model latest .")
    said = shell.run("python three_digit_multiply.py 1000", keep=2)
    products = [map(int, re.findall(r"=(\d+)", line)) for line in said.splitlines()]
    wrong = [
        line
        for (a, b, result), line in zip(products, said.splitlines(), strict=True)
        if a * b != result
    ]
    shell.run("distilgen rollout status --short")
    if wrong:
        raise SystemExit(f"demo: {wrong[0]}")
    print("(all 1,000 products are right)")
    shell.run("distilgen restore .")
    shell.prove_restored()


def sales_follow_up() -> None:
    """A chain of functions that ends in an email: a text, which takes a language model."""
    shell = Shell("sales_follow_up")
    title("a function that writes: what a language model would be tuned on, and the stub for it")
    shell.run("distilgen show shop.mail:complex_chain", keep=12)
    shell.run("distilgen instrument src/")
    shell.run("python -m shop", keep=2)
    shell.run("distilgen dataset build --no-holdout")
    shell.show(".distilgen/datasets/shop.mail.complex_chain/train.jsonl", 1)
    shell.run("distilgen dispatch --model ft:gpt-4.1-mini:acme::abc src/")
    shell.show("src/shop/mail.py", 7, last=True)
    shell.run("distilgen restore src/")
    shell.prove_restored()


def main() -> None:
    """Run the examples on fresh copies below build/demo."""
    parser = argparse.ArgumentParser(description="The whole loop on the examples, offline.")
    parser.add_argument("--known", type=int, default=KNOWN, help="tickets to learn from")
    parser.add_argument("--target", help="agreement that the student is to promise: 98%%")
    given = parser.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    tickets(given.known, given.target)
    three_digit_multiply()
    sales_follow_up()


if __name__ == "__main__":
    main()
