"""A big model makes albums of films; a small one is tuned on them, and makes them from then on.

python examples/album/run.py
python examples/album/run.py --model BIG --base-model SMALL --base-url URL
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from demo import WORK, Shell, title

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVERS = Path(__file__).resolve().parents[2] / "tests" / "servers"
BIG, SMALL = "gpt-4.1", "gpt-4.1-mini-2025-04-14"
FUNCTION = "album:make_album"


@contextmanager
def _host(given: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """The options by which commands find the host, and by which they wait for it: the host that is
    named, OpenAI where there is a key, or else the tests' own, on this machine.
    """
    wait = "" if given.poll is None else f" --poll {given.poll:g}"
    if given.base_url or given.provider or os.environ.get("OPENAI_API_KEY"):
        options = {"--provider": given.provider, "--base-url": given.base_url}
        yield "".join(f" {name} {value}" for name, value in options.items() if value), wait
        return
    sys.path.insert(0, str(SERVERS))
    from album import stand_in  # noqa: PLC0415 - where nobody else answers
    from fine_tuning_server import FineTuningServer  # noqa: PLC0415

    print(
        "(a stand-in on this machine plays the host, and no model is in it: the big one makes its "
        "albums by counting\nletters, the tuned one knows its training rows by heart; a real host "
        "takes its place by --base-url or --provider)"
    )
    with FineTuningServer() as server:
        server.answers[given.model] = stand_in.answer
        yield f" --base-url {server.base_url}", wait or " --poll 0.2"


def main() -> None:
    """Run the loop on a fresh copy."""
    parser = argparse.ArgumentParser(
        description="A big model teaches a small one what albums are, by those of thirteen films."
    )
    parser.add_argument("--model", default=BIG, help=f"the big model; default: {BIG}")
    parser.add_argument("--base-model", default=SMALL, help=f"the small one; default: {SMALL}")
    parser.add_argument("--base-url", help="the host of both: a server with OpenAI's API")
    parser.add_argument("--provider", help="the host of both: openai, azure or nebius")
    parser.add_argument("--poll", type=float, help="seconds between two looks at the job")
    given = parser.parse_args()
    shutil.rmtree(WORK / "album", ignore_errors=True)
    shell = Shell("album")
    shell.environment["OPENAI_API_KEY"] = os.environ.get("OPENAI_API_KEY") or "none-needed"
    with _host(given) as (host, poll):
        _loop(shell, given.model, given.base_model, host, poll)


def _loop(shell: Shell, big: str, small: str, host: str, poll: str) -> None:
    title("a function without a body: the big model answers, and its answers are recorded")
    shell.run("distilgen scan")
    shell.run(f"distilgen dispatch --record --model {big}{host} src/")
    shell.run("python src/main.py")
    title("a dataset of the answers, and a job that tunes the small model on it")
    shell.run("distilgen dataset build --no-holdout")
    train = f"distilgen train {FUNCTION} --base-model {small}{host or ' --provider openai'}"
    said = shell.run(f"{train} --no-follow")
    found = re.search(r": job (\S+) is ", said)
    if found is None:
        raise SystemExit("album: the host named no job")
    title("the next day: back to the job, by its id")
    shell.run(f"{train} --job {found[1]}{poll}")
    shell.run(f"distilgen jobs events {found[1]}{host}")
    shell.run("distilgen models list")
    title("the tuned model answers, and the program is the same")
    shell.run(f"distilgen dispatch --model latest{host} src/")
    shell.run("python src/main.py")
    shell.run("distilgen records stats")
    title("restore: the function without a body comes back")
    shell.run("distilgen restore src/")
    shell.prove_restored()


if __name__ == "__main__":
    main()
