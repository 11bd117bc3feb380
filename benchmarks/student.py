"""How good, sure, small and quick embedded students are, on tasks with honest held-out calls.

    python benchmarks/student.py                       every task, 100 to 3,000 records
    python benchmarks/student.py --quick               300 records, fewer calls
    python benchmarks/student.py --tasks logs loans --sizes 1000 --kinds

Each task of `student_tasks` has a teacher: made-up ones, and real text that is found on the machine
(a task whose source is not there is skipped, and said so). A student is trained on so many records,
written to its file and loaded again; then it is asked calls that share no sentence and no value of
an open kind with the training, and calls from elsewhere: of other formats, languages, ranges, and
texts that are no input to anything.

all: agreement, if it answered every call. answered: the share of calls that it does answer, with a
threshold for an agreement of 98 %. agreement: of those. elsewhere: of the calls from elsewhere, how
many it answers, and how many it answers wrongly. Training is in seconds by the clock, a call in
microseconds of CPU time. The floors are in the same run: a student without a field, a request to a
loopback server over a bare socket, and scikit-learn's TfidfVectorizer with a LogisticRegression for
each field of up to 50 values.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from student_tasks import TASKS
from student_tasks.task import NO_ANSWER, POOL, TEST

from distilgen.agreement import alike
from distilgen.embedded import file
from distilgen.embedded.call import Call
from distilgen.embedded.model import Fields, Model
from distilgen.rows.plain import raw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from student_tasks.task import Row, Task

SIZES = (100, 300, 1000, 3000)
TESTED, FOREIGN, TIMED = 3000, 1200, 1500
TARGET = 0.98
QUICK_SIZES, QUICK_SHARE = (300,), 0.2
LEAST_TESTED = 300  # of a source with fewer texts, nothing is said
PEER_VALUES, PEER_TIMED = 50, 100
LONG = 1_000_000  # characters


@dataclass
class Measured:
    """A student of a task. Shares 0 to 1; times in seconds by the clock, and of calls microseconds
    of CPU time.
    """

    task: str
    records: int
    tested: int
    agreement: float
    coverage: float
    answered_agreement: float
    foreign: int
    foreign_answered: float
    foreign_wrong: float
    seconds: float
    bytes: int
    median: float
    p99: float
    long_ms: float
    peer_seconds: float | None = None
    peer_median: float | None = None
    fields: dict[str, float] = field(default_factory=dict)
    kinds: dict[str, tuple[float, float]] = field(default_factory=dict)
    why: dict[str, int] = field(default_factory=dict)


class Open:
    """A gate that refuses nothing."""

    kind: ClassVar[str] = "open"

    def refuses(self, call: object) -> str:  # noqa: ARG002 - whatever it is
        """Nothing."""
        return ""

    def check(self) -> None:
        """There is nothing to check."""


def empty() -> Model:
    """A student without a field."""
    return Model("benchmark:empty", "", Fields({}), Open(), 0.0, TARGET, 0, "benchmark")


def times_of(model: Model, rows: Sequence[Row]) -> list[float]:
    """Microseconds of CPU time of each call, the first tenth of them not counted."""
    times = []
    for arguments, _ in rows:
        start = time.thread_time_ns()
        model.answer(arguments)
        times.append((time.thread_time_ns() - start) / 1000)
    return times[len(times) // 10 :]


def long_of(model: Model, arguments: dict[str, Any]) -> float:
    """Milliseconds of a call whose texts are a million characters long."""
    long = {
        name: (value + " ") * (LONG // (len(value) + 1)) if isinstance(value, str) else value
        for name, value in arguments.items()
    }
    start = time.perf_counter()
    model.predictor.predict(Call(long))
    model.answer(long)
    return (time.perf_counter() - start) * 1e3


def trained(task: Task, rows: Sequence[Row], folder: Path) -> Path:
    """The file of a student, by the way of `distilgen train`."""
    from distilgen.training.embedded.provider import StudentProvider
    from distilgen.training.provider import Dataset

    contract = task.contract()
    train = folder / "train.jsonl"
    made = (json.dumps(raw(contract, *row)) for row in rows)
    train.write_text("".join(f"{row}\n" for row in made), "utf-8", newline="\n")
    dataset = Dataset(folder, contract, "raw", train, None, None, "", len(rows))
    provider = StudentProvider(folder / "students", folder / "runs", TARGET)
    job = provider.follow(provider.create(dataset), lambda _line: None)
    place = provider.result(job).place
    assert place is not None
    return place


def peer(task: Task, rows: Sequence[Row]) -> tuple[float, float] | None:
    """Seconds to train, and microseconds a call, of scikit-learn's usual pipeline for the fields
    that have few values; None where none has.
    """
    from sklearn.feature_extraction.text import (  # type: ignore[import-untyped]
        TfidfVectorizer,
    )
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]

    texts = [" ".join(map(str, arguments.values())) for arguments, _ in rows]
    names = [
        name
        for name in task.answer.model_fields
        if 1 < len({json.dumps(result[name]) for _, result in rows}) <= PEER_VALUES
    ]
    if not names:
        return None
    start = time.perf_counter()
    vectorizer = TfidfVectorizer()
    matrix = vectorizer.fit_transform(texts)
    classifiers = [
        LogisticRegression(max_iter=1000).fit(
            matrix, [json.dumps(result[name]) for _, result in rows]
        )
        for name in names
    ]
    seconds = time.perf_counter() - start
    times = []
    for text in texts[:PEER_TIMED]:
        start = time.thread_time_ns()
        one = vectorizer.transform([text])
        for classifier in classifiers:
            classifier.predict(one)
        times.append((time.thread_time_ns() - start) / 1000)
    return seconds, statistics.median(times)


def measured(task: Task, size: int, share: float) -> Measured:
    """A student of so many records, held against what it has not seen."""
    rows = task.drawn(POOL, size)
    tested = task.drawn(TEST, int(TESTED * share))
    foreign = task.foreign(int(FOREIGN * share))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        path = trained(task, rows, Path(folder))
        seconds = time.perf_counter() - start
        model, written = file.load(path), path.stat().st_size
    times = times_of(model, tested[: int(TIMED * share) + 1])
    right = answered = answered_right = 0
    fields: Counter[str] = Counter()
    why: Counter[str] = Counter()
    for arguments, result in tested:
        value = model.predictor.predict(Call(arguments)).value
        equal = alike(result, value)
        right += equal
        answer = model.answer(arguments)
        if answer.why:
            why[reason_of(answer.why)] += 1
        else:
            answered += 1
            answered_right += equal
        if isinstance(value, dict):
            fields.update(name for name in result if alike(result[name], value.get(name)))
    kinds = abroad(model, foreign)
    plain = peer(task, rows)
    return Measured(
        task=task.name,
        records=size,
        tested=len(tested),
        agreement=right / len(tested),
        coverage=answered / len(tested),
        answered_agreement=answered_right / answered if answered else 1.0,
        foreign=len(foreign),
        foreign_answered=statistics.fmean(answered for answered, _ in kinds.values()),
        foreign_wrong=statistics.fmean(wrong for _, wrong in kinds.values()),
        seconds=seconds,
        bytes=written,
        median=statistics.median(times),
        p99=statistics.quantiles(times, n=100)[-1],
        long_ms=long_of(model, tested[0][0]),
        peer_seconds=plain and plain[0],
        peer_median=plain and plain[1],
        fields={name: fields[name] / len(tested) for name in task.answer.model_fields},
        kinds=kinds,
        why=dict(why.most_common()),
    )


def abroad(model: Model, calls: Sequence[tuple[str, Row]]) -> dict[str, tuple[float, float]]:
    """Of the calls from elsewhere, by kind: the shares that are answered, and answered wrongly."""
    found: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    for kind, (arguments, result) in calls:
        answer = model.answer(arguments)
        wrong = result == NO_ANSWER or not alike(result, answer.value)
        found[kind].append((not answer.why, not answer.why and wrong))
    return {
        kind: (
            statistics.fmean(answered for answered, _ in said),
            statistics.fmean(wrong for _, wrong in said),
        )
        for kind, said in found.items()
    }


def reason_of(why: str) -> str:
    """Why a student abstains, without what differs from call to call."""
    return "not sure" if " sure of its answer" in why else " ".join(why.split()[-7:])


# What is printed

HEAD = (
    "| task | records | all | answered | agreement | elsewhere answered | wrong | training s | kB "
    "| median µs | p99 µs |\n|---|---|---|---|---|---|---|---|---|---|---|"
)


def line(one: Measured) -> str:
    """A row of the table."""
    shares = (one.agreement, one.coverage, one.answered_agreement)
    told = [f"{share:.3f}" for share in shares]
    if not one.coverage:
        told[2] = ""
    told += [f"{one.foreign_answered:.3f}", f"{one.foreign_wrong:.3f}", f"{one.seconds:.1f}"]
    told += [f"{one.bytes / 1000:.0f}", f"{one.median:.0f}", f"{one.p99:.0f}"]
    return f"| {one.task} | {one.records:,} | {' | '.join(told)} |"


def details(one: Measured) -> None:
    """Print agreement by field, why it abstains, and calls from elsewhere by kind."""
    print("    fields:", ", ".join(f"{name} {share:.3f}" for name, share in one.fields.items()))
    print("    abstains:", ", ".join(f"{why} {count}" for why, count in one.why.items()) or "never")
    for kind, (answered, wrong) in one.kinds.items():
        print(f"    {kind}: {answered:.3f} answered, {wrong:.3f} wrong")


def summary(found: Sequence[Measured], floors: tuple[float, float]) -> None:
    """Print the goals beside what was reached."""
    answering = [one for one in found if one.coverage]
    below = [one for one in answering if one.answered_agreement < TARGET]
    print(f"\nagreement on answered calls of at least {TARGET}: ", end="")
    print(f"{len(answering) - len(below)} of {len(answering)} students that answer", end="")
    print(f"; not {', '.join(map(_shortly, below))}" if below else "")
    thousand = [one for one in found if one.records == 1000]
    if thousand:
        wide = sum(one.coverage >= 0.9 for one in thousand)
        print(f"at least 0.9 answered with 1,000 records: {wide} of {len(thousand)} tasks")
    slow = max(found, key=lambda one: one.median)
    print(f"median of the slowest: {slow.median:.0f} µs ({slow.task}, {slow.records:,}); ", end="")
    print(f"over all students {statistics.median(one.median for one in found):.0f} µs, ", end="")
    print(f"a student without a field {floors[0]:.1f} µs, a request to loopback {floors[1]:.0f} µs")
    far = max(found, key=lambda one: one.foreign_wrong)
    print(f"elsewhere answered wrongly, at most: {far.foreign_wrong:.3f} ({_shortly(far)})")
    long = max(found, key=lambda one: one.long_ms)
    print(f"a text of a million characters, at most: {long.long_ms:.0f} ms ({_shortly(long)})")
    beside = [one for one in found if one.peer_seconds and one.peer_median]
    if beside:
        training = statistics.median(one.seconds / (one.peer_seconds or 1) for one in beside)
        serving = statistics.median(one.median / (one.peer_median or 1) for one in beside)
        print(
            "of scikit-learn's pipeline, medians: "
            f"{training:.0f} times its training, {serving:.3f} of its time a call"
        )


def _shortly(one: Measured) -> str:
    return f"{one.task} {one.records:,}"


def floors() -> tuple[float, float]:
    """Microseconds of a student without a field, and of a request over a bare socket."""
    from dispatch import floor, server

    rows: list[Row] = [({}, {})] * 2000
    with server() as port:
        return statistics.median(times_of(empty(), rows)), floor(port)


def main() -> int:
    """Print the table and the summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", choices=[task.name for task in TASKS])
    parser.add_argument("--sizes", nargs="+", type=int)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kinds", action="store_true", help="fields, reasons, and calls by kind")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    said = parser.parse_args()
    share = QUICK_SHARE if said.quick else 1.0
    sizes = said.sizes or (QUICK_SIZES if said.quick else SIZES)
    found: list[Measured] = []
    print(HEAD, flush=True)
    for task in TASKS:
        if said.tasks and task.name not in said.tasks:
            continue
        there, tested = len(task.drawn(POOL, max(sizes))), len(task.drawn(TEST, LEAST_TESTED))
        if there < min(sizes) or tested < LEAST_TESTED:
            print(f"{task.name}: skipped, {there} and {tested} texts on this machine", flush=True)
            continue
        for size in sizes:
            if size > there:
                print(f"{task.name}: {there} texts on this machine, no {size:,}", flush=True)
                continue
            found.append(measured(task, size, share))
            print(line(found[-1]), flush=True)
            if said.kinds:
                details(found[-1])
            if said.json:
                said.json.write_text(json.dumps([asdict(one) for one in found], indent=1), "utf-8")
    if found:
        summary(found, floors())
    return 0


if __name__ == "__main__":
    sys.exit(main())
