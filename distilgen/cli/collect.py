"""`distilgen collect`: a teacher is run over many inputs, so that its records are filled."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from distilgen.cli import collect_function, collect_inputs, collect_summary, options
from distilgen.collection import engines, interpreter, recording, retried, runner
from distilgen.collection.pace import rate_of
from distilgen.collection.progress import Progress
from distilgen.collection.teacher import import_roots, teacher_of
from distilgen.errors import CollectError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.collection.engines import Engine
    from distilgen.project import Project

LOCAL, RAY = "local", "ray"
_SAID = "distilgen.arguments"
_LONGEST_S = 366 * 24 * 3_600.0


class _Remembering(click.Command):
    """A command that knows how it was called: another interpreter may have to do it."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_SAID] = list(args)
        return super().parse_args(ctx, args)


def _rate(_context: click.Context, _option: click.Parameter, said: str | None) -> float | None:
    try:
        return None if said is None else rate_of(said)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def _bound(
    _context: click.Context, _option: click.Parameter, said: str | None
) -> runner.Bound | None:
    if said is None:
        return None
    number, percent, rest = said.partition("%")
    with contextlib.suppress(ValueError):
        if percent and not rest and 0 <= float(number) <= 100:
            return runner.Bound(share=float(number) / 100)
        if not percent and int(number) > 0:
            return runner.Bound(number=int(number))
    raise click.BadParameter(f"{said!r} is neither a number of calls nor a share of them: 100, 10%")


def _seconds(_context: click.Context, _option: click.Parameter, said: float | None) -> float | None:
    if said is None or 0 < said <= _LONGEST_S:
        return said
    raise click.BadParameter(f"{said:g} is no time that can be waited for: say 30 or 0.5")


@click.command(cls=_Remembering)
@click.argument("function")
@collect_inputs.options
@click.option(
    "--concurrency", type=click.IntRange(1, 1_000), default=4, show_default=True,
    help="Calls at a time: threads, or tasks where the function is async.",
)  # fmt: skip
@click.option("--rate", callback=_rate, metavar="10/s|600/m|…", help="At most so many calls begin.")
@click.option(
    "--retries", type=click.IntRange(0), default=0, show_default=True,
    help="How often a call that raised is made again; the pauses double, from a second on.",
)  # fmt: skip
@click.option(
    "--retry-on", multiple=True, metavar="NAME",
    help="Only exceptions of this class, or of one that comes from it. May be repeated.",
)  # fmt: skip
@click.option(
    "--timeout", type=float, callback=_seconds, metavar="SECONDS",
    help="Of one try; async functions only, or --engine ray: a thread cannot be stopped.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(1), metavar="N",
    help="Make so many calls at most; the next run goes on behind them. Inputs that failed before "
    "come last.",
)  # fmt: skip
@click.option("--again", is_flag=True, help="Also make calls of which there is a record.")
@click.option(
    "--max-failures", "bound", callback=_bound, metavar="N|10%",
    help="Stop where so many calls have failed, or more than this share of 20 or more.",
)  # fmt: skip
@click.option(
    "--failures", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
    help="Write all inputs that went wrong into it, as JSON lines that --inputs takes.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Replace the file of --failures.")
@click.option(
    "--engine", type=click.Choice((LOCAL, RAY)), default=LOCAL, show_default=True,
    help='Who makes the calls: this process, or a Ray cluster; needs "distilgen[ray]".',
)  # fmt: skip
@click.option(
    "--ray-address", metavar="ADDRESS",
    help="The Ray cluster: HOST:PORT, auto, ray://…; default: one of its own, on this machine.",
)  # fmt: skip
@options.records
@options.python
@options.quiet
@options.project
def command(folder: Path, python: str | None, **said: Any) -> int:
    """Run a function over many inputs, so that its records are filled.

    FUNCTION is `module:name`, or its name. It is imported and called as the project's program would
    do it, and every call is recorded, whether it is instrumented or not. Calls that have a result
    in the records are not made again, so that a run that was stopped goes on where it was. Exit
    code 1: some inputs could not be run, or some calls failed.
    """
    recording.refuse_disabled()
    _refuse(said)
    with options.session(folder, python) as current:
        project = current.project
        if not interpreter.is_this(project.python):
            line = ["collect", *click.get_current_context().meta[_SAID]]
            return interpreter.run_in(project.python, line)
        surveyed = collect_function.function(project, said["function"], quiet=said["quiet"])
        store, url = recording.opened(said["records"], project.config.records, project.root)
        import_roots(project.roots)
        teacher = teacher_of(surveyed.name, lambda: project.freeze(surveyed))
        said["retry_on"] = retried.classes(said["retry_on"], teacher.name)
        engine = _engine(project, said)
        if said["timeout"] and not (teacher.is_async or engine):
            raise UsageError(
                f"--timeout: {teacher.name} is not async, and a thread cannot be stopped"
            )
        recording.record_in(store, url, project.root)
        recording.keep_teacher(teacher)
        wanted = collect_inputs.Wanted.of(teacher.typed, said)
        chained = None
        if said["from_"] is not None:
            first = collect_function.function(project, said["from_"], quiet=said["quiet"])
            chained = wanted.chain(store, collect_function.contract(project, first))
        source = chained.source if chained else wanted.source()
        done = None if said["again"] else recording.done_in(store, url, teacher)
        with _failures(said["failures"], force=said["force"]) as file:
            is_shown = sys.stderr.isatty() and not said["quiet"]
            progress = Progress(
                _least(source.total, said["limit"]), file, hides=teacher.hides, is_shown=is_shown
            )
            try:
                outcome = runner.run(teacher, source, _options(said, engine), progress, done)
            finally:
                progress.close()
        recording.finish()
        if chained:
            chained.tell(current)
        for note in source.notes():
            collect_inputs.tell(note)
        _tell(outcome, progress, teacher.name, project.relative(store.place), said)
        return collect_summary.code(outcome) or current.code()


def _refuse(said: dict[str, Any]) -> None:
    """Raises UsageError for options that do not go together."""
    collect_inputs.refuse(said)
    if said["retry_on"] and not said["retries"]:
        raise UsageError("--retry-on: say how often by --retries")
    if said["force"] and not said["failures"]:
        raise UsageError("--force is of --failures")
    if said["ray_address"] and said["engine"] != RAY:
        raise UsageError(f"--ray-address is of --engine {RAY}")
    collect_inputs.refuse_absent(said)


def _engine(project: Project, said: dict[str, Any]) -> Engine | None:
    """Who makes the calls; None for this process. Raises UsageError."""
    if said["engine"] != RAY:
        return None
    from distilgen.collection.ray_engine import RayEngine  # noqa: PLC0415 - Ray, an extra

    return RayEngine(project.root, project.roots, said["ray_address"])


def _options(said: dict[str, Any], engine: Engine | None) -> runner.Options:
    manner = engines.Manner(
        concurrency=said["concurrency"],
        rate=said["rate"],
        retries=said["retries"],
        retry_on=said["retry_on"],
        timeout=said["timeout"],
    )
    return runner.Options(manner, said["limit"], said["again"], said["bound"], engine)


@contextlib.contextmanager
def _failures(path: Path | None, *, force: bool) -> Iterator[BinaryIO | None]:
    if path is None:
        yield None
        return
    from distilgen.records import export  # noqa: PLC0415 - seldom asked for

    try:
        with export.output(path, force=force) as file:
            yield file
    except OSError as error:
        raise CollectError(
            f"--failures {path}: {error.strerror or error}; what was done stays done"
        ) from error


def _tell(
    outcome: runner.Outcome, progress: Progress, name: str, place: str, said: dict[str, Any]
) -> None:
    for line in collect_summary.wrongs(progress, is_kept=said["failures"] is not None):
        collect_inputs.tell(line)
    if not said["quiet"] and not outcome.is_empty:
        collect_inputs.tell(collect_summary.summary(outcome, name, place))


def _least(*counts: int | None) -> int | None:
    return min((count for count in counts if count is not None), default=None)
