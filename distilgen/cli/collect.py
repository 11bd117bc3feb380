"""`distilgen collect`: a teacher is run over many inputs, so that its records are filled."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from distilgen.cli import collect_inputs, options, report
from distilgen.cli.record_lines import printable
from distilgen.collection import engines, files, interpreter, mapping, recording, runner
from distilgen.collection.given import Source
from distilgen.collection.pace import rate_of
from distilgen.collection.progress import FEW, Progress
from distilgen.collection.teacher import import_roots, teacher_of
from distilgen.errors import CLEAN, FINDINGS, CollectError, UsageError
from distilgen.project import unknown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.collection.engines import Engine
    from distilgen.collection.teacher import Teacher
    from distilgen.project import Project
    from distilgen.records.store import Store
    from distilgen.source.functions import Surveyed

_INTERRUPTED = 130
_SAID = "distilgen.arguments"


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
    number, percent, _ = said.partition("%")
    with contextlib.suppress(ValueError):
        if percent and 0 <= float(number) <= 100:
            return runner.Bound(share=float(number) / 100)
        if not percent and int(number) > 0:
            return runner.Bound(number=int(number))
    raise click.BadParameter(f"{said!r} is neither a number of calls nor a share of them: 100, 10%")


@click.command(cls=_Remembering)
@click.argument("function")
@click.option(
    "--inputs", metavar="FILE|DIR|-",
    help="Inputs: a file, all such files of a folder, or standard input.",
)  # fmt: skip
@click.option(
    "--input-format", type=click.Choice(files.INPUT_FORMATS),
    help="What the inputs are, where the name of the file does not say it.",
)  # fmt: skip
@click.option(
    "--generate", type=click.IntRange(1), metavar="N",
    help='Make so many inputs from the types of the parameters; needs "distilgen[generate]".',
)  # fmt: skip
@click.option("--seed", type=int, default=0, show_default=True, help="Of --generate.")
@click.option(
    "--map", "columns", multiple=True, metavar="PARAMETER=COLUMN",
    help="The column of a parameter that is not called like it. May be repeated.",
)  # fmt: skip
@click.option(
    "--set", "constants", multiple=True, metavar="PARAMETER=JSON",
    help="The same value in all calls: JSON, or else text. May be repeated.",
)  # fmt: skip
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
    "--timeout", type=click.FloatRange(0, min_open=True), metavar="SECONDS",
    help="Of one call; async functions only: a thread cannot be stopped.",
)  # fmt: skip
@click.option(
    "--limit", type=click.IntRange(1), metavar="N",
    help="Make so many calls at most; the next run goes on behind them.",
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
@collect_inputs.options
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
        surveyed = _function(project, said["function"])
        store, url = recording.opened(said["records"], project.config.records, project.root)
        import_roots(project.roots)
        teacher = teacher_of(surveyed.name, lambda: project.freeze(surveyed))
        engine = collect_inputs.engine(project, said)
        if said["timeout"] and not (teacher.is_async or engine):
            raise UsageError(
                f"--timeout: {teacher.name} is not async, and a thread cannot be stopped"
            )
        recording.record_in(store, url, project.root)
        recording.keep_teacher(teacher)
        chained = _chained(project, store, teacher, said) if said["from_"] is not None else None
        source = chained.source if chained else _source(teacher, said)
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
        return (
            _end(outcome, progress, teacher, project.relative(store.place), said) or current.code()
        )


def _refuse(said: dict[str, Any]) -> None:
    """Raises UsageError for options that do not go together."""
    kinds = {"--inputs": said["inputs"], "--generate": said["generate"]}
    kinds |= {"--documents": said["documents"], "--from": said["from_"]}
    named = [name for name, value in kinds.items() if value is not None]
    if len(named) != 1:
        several = " and ".join(named)
        raise UsageError(
            f"{several}: say one of them" if named else f"which inputs? Say {' or '.join(kinds)}"
        )
    if said["input_format"] and not said["inputs"]:
        raise UsageError("--input-format is of --inputs")
    collect_inputs.refuse(said)
    if said["retry_on"] and not said["retries"]:
        raise UsageError("--retry-on: say how often by --retries")
    if said["force"] and not said["failures"]:
        raise UsageError("--force is of --failures")


def _source(teacher: Teacher, said: dict[str, Any]) -> Source:
    """The inputs that the user asks for. Raises UsageError, CollectError."""
    constants = mapping.constants(said["constants"])
    renamed = mapping.pairs("--map", said["columns"])
    if said["documents"]:
        return collect_inputs.Wanted(teacher.typed, said, renamed, constants).documents()
    if said["generate"]:
        from distilgen.collection import generated  # noqa: PLC0415 - Hypothesis, an extra

        if renamed:
            raise UsageError("--map: what is made has no columns")
        return generated.source(teacher.typed, said["generate"], said["seed"], constants, _say)
    found = files.files_of(said["inputs"], said["input_format"])
    columns = mapping.Columns(teacher.typed, renamed, constants, _say)
    rows = files.rows_of(found, said["input_format"])
    return Source(columns.inputs(rows), files.total_of(found, said["input_format"]))


def _chained(
    project: Project, store: Store, teacher: Teacher, said: dict[str, Any]
) -> collect_inputs.Chained:
    """The results of another function as inputs. Raises UsageError, CollectError."""
    before = _function(project, said["from_"])
    frozen = {contract.function: contract for contract in project.frozen()}
    contract = frozen.get(before.name) or project.freeze(before)
    renamed, constants = (
        mapping.pairs("--map", said["columns"]),
        mapping.constants(said["constants"]),
    )
    wanted = collect_inputs.Wanted(teacher.typed, said, renamed, constants)
    return wanted.chain(store, contract)


def _function(project: Project, name: str) -> Surveyed:
    """The function that is meant. Raises UsageError."""
    if ":" in name:
        _, found = project.function(name)
    else:
        found = _named(project, name)
    if found.reason:
        raise UsageError(f"{found.name}: cannot be recorded: {found.reason}")
    return found


def _named(project: Project, name: str) -> Surveyed:
    known: list[str] = []
    found: list[Surveyed] = []
    for surveys in project.survey([project.root]):
        for item in surveys.functions:
            known.append(item.function.qualname)
            if item.function.qualname == name:
                found.append(item)
    if not found:
        raise UsageError(f"{name}: {unknown(name, known)}")
    if len(found) > 1:
        several = ", ".join(item.name for item in found)
        raise UsageError(f"{name}: there are several: {several}")
    return found[0]


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

    with export.output(path, force=force) as file:
        yield file


def _end(
    outcome: runner.Outcome, progress: Progress, teacher: Teacher, place: str, said: dict[str, Any]
) -> int:
    """Say what came of it; the exit code. Raises CollectError."""
    wrong = outcome.failed + outcome.refused
    if not (outcome.error or outcome.is_interrupted or outcome.begun or wrong or outcome.passed):
        raise CollectError("there were no inputs")
    for line in progress.first:
        _say(line)
    if wrong > FEW:
        more = "" if said["failures"] else "; --failures FILE has all of them"
        _say(f"and {wrong - FEW:,} more{more}")
    if not said["quiet"]:
        _say(_summary(outcome, teacher, place))
    if outcome.error is not None:
        raise outcome.error
    if outcome.is_interrupted:
        return _INTERRUPTED
    if outcome.too_many:
        raise CollectError(
            f"stopped: {outcome.failed:,} of {outcome.ended:,} calls failed; what was done stays "
            "done, run the command again when the teacher works"
        )
    if wrong and not outcome.returned + outcome.known:
        raise CollectError("no input gave a result")
    return FINDINGS if wrong else CLEAN


def _summary(outcome: runner.Outcome, teacher: Teacher, place: str) -> str:
    parts = [f"{teacher.name}: {report.counted(outcome.returned, 'call')} returned"]
    for count, text in (
        (outcome.failed, "failed"),
        (outcome.refused, "refused"),
        (outcome.known, "done before"),
        (outcome.repeated, "repeated"),
    ):
        if count:
            parts.append(f"{count} {text}")
    parts.append(f"records are in {place}")
    if outcome.is_interrupted:
        parts.append("stopped; what was done stays done, run the command again to go on")
    elif outcome.is_limited:
        parts.append("stopped at --limit; the next run goes on behind")
    return "; ".join(parts)


def _least(*counts: int | None) -> int | None:
    return min((count for count in counts if count is not None), default=None)


def _say(text: str) -> None:
    click.echo(printable(text), err=True)
