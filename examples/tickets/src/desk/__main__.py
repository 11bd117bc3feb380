"""`python -m desk FILE [OUTPUT]`: triage the tickets of a JSON-lines file."""

import json
import statistics
import sys
import time
from pathlib import Path

from desk.triage import triage

SHOWN = 3


def main(path: Path, output: Path | None = None) -> None:
    """Print a few answers, how many there are, and how long one takes; all answers into output."""
    tickets = [json.loads(line)["ticket"] for line in path.read_text("utf-8").splitlines()]
    answers, seconds = [], []
    for ticket in tickets:
        start = time.perf_counter()
        answers.append(triage(ticket))
        seconds.append(time.perf_counter() - start)
    for ticket, answer in list(zip(tickets, answers, strict=True))[:SHOWN]:
        print(f"{' '.join(ticket.split())[:60]}…\n  {answer!r}")
    print(f"{len(answers)} tickets, {statistics.median(seconds) * 1e3:.2f} ms each (median)")
    if output:
        lines = [f"{answer.model_dump_json()}\n" for answer in answers]
        output.write_text("".join(lines), "utf-8", newline="\n")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        raise SystemExit(__doc__)
    main(*map(Path, sys.argv[1:]))
