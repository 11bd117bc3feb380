"""`distilgen jobs create-from-file` and `create-from-id`: jobs on rows of one's own."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from distilgen.cli import host_options, host_tables, hosts, job_log, options
from distilgen.cli.host_options import hosted
from distilgen.cli.record_lines import printable
from distilgen.config import OPENAI
from distilgen.errors import FINDINGS, UsageError
from distilgen.rewrite import journal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distilgen.cli.options import Session
    from distilgen.training.host import Host

_PAGE = 100
_SHOWN = 3  # findings of a rule
_NAMED = ("model", "training_file")
_BOM_MISSING = "bom-missing"  # which an upload adds

_path = click.Path(path_type=Path, dir_okay=False, exists=True)
_OPTIONS = (
    click.option("--base-model", required=True, metavar="NAME", help="The model to tune."),
    click.option("--validation", type=_path, metavar="FILE", help="Rows to validate with."),
    host_options.validation_id,
    click.option("--epochs", type=click.IntRange(1), help="How often each row is seen."),
    click.option("--batch-size", type=click.IntRange(1), help="Rows of a step."),
    click.option(
        "--learning-rate", type=click.FloatRange(0, min_open=True),
        help="A multiple of the host's own, or the rate itself, as the host has it.",
    ),
    click.option("--suffix", metavar="TEXT", help="Part of the tuned model's name."),
    click.option("--seed", type=int, help="Makes a job repeatable where the host can."),
    click.option(
        "--metadata", multiple=True, callback=host_options.pairs, metavar="KEY=VALUE",
        help="Is kept with the job. May be repeated.",
    ),
    click.option(
        "--set", "settings", multiple=True, metavar="KEY=VALUE",
        help="A field of the job, such as trainingType=GlobalStandard. May be repeated.",
    ),
    click.option(
        "--no-validate", is_flag=True, help="Send files even where the host would refuse rows."
    ),
    click.option("--follow", is_flag=True, help="Wait until the job has ended."),
    host_options.poll,
    options.as_json,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Said:
    """What the options say."""

    base_model: str
    validation: Path | None
    validation_id: str | None
    epochs: int | None
    batch_size: int | None
    learning_rate: float | None
    suffix: str | None
    seed: int | None
    metadata: Mapping[str, str]
    settings: tuple[str, ...]
    no_validate: bool
    follow: bool
    poll: float
    as_json: bool


def _creating(function: Callable[..., int]) -> Callable[..., int]:
    """The options that say how a job is made: `said`."""

    @functools.wraps(function)
    def command(**given: Any) -> int:
        said = _Said(**{name: given.pop(name) for name in _Said.__dataclass_fields__})
        if said.validation and said.validation_id:
            raise UsageError("--validation or --validation-id, not both")
        return function(said=said, **given)

    made: Callable[..., int] = command
    for decorate in reversed(_OPTIONS):
        made = decorate(made)
    return made


@click.command("create-from-file", short_help="Upload a file, and train on it.")
@click.argument("file", type=_path)
@_creating
@hosted
def create_from_file(current: Session, host: Host, file: Path, said: _Said) -> int:
    """Upload FILE, unless the host has these very bytes, and make a fine-tuning job of it. Its rows
    are looked at first, as `distilgen dataset validate` does for this host; with errors in them,
    nothing is sent, and the command exits 1. Each run makes a job; `distilgen train` comes back to
    its own.
    """
    asked = _question(current, host, said)
    files = [file, *filter(None, [said.validation])]
    if not said.no_validate and not _fit(current, host, files, said.base_model):
        return current.code(FINDINGS)
    asked["training_file"] = _uploaded(current, host, file)
    return _create(current, host, asked, said)


@click.command("create-from-id", short_help="Train on a file that the host has.")
@host_options.file_id
@_creating
@hosted
def create_from_id(current: Session, host: Host, id_: str, said: _Said) -> int:
    """Make a fine-tuning job of a file that has been uploaded; see `distilgen files`."""
    asked = _question(current, host, said)
    files = [*filter(None, [said.validation])]
    if not said.no_validate and not _fit(current, host, files, said.base_model, first="validation"):
        return current.code(FINDINGS)
    asked["training_file"] = id_
    return _create(current, host, asked, said)


def _question(current: Session, host: Host, said: _Said) -> dict[str, Any]:
    """What the job is asked for with, but for its files. Raises UsageError."""
    from distilgen.training import shapes  # noqa: PLC0415 - for --help

    if said.metadata and not host.shape.metadata:
        raise UsageError(f"--metadata: {host.name} keeps none with its jobs")
    context = click.get_current_context().params
    profile = hosts.profile_of(current.project.config, context["provider"] or OPENAI)
    wishes = shapes.Wishes(
        base_model=said.base_model,
        epochs=said.epochs,
        batch_size=said.batch_size,
        learning_rate=said.learning_rate,
        suffix=said.suffix,
        seed=said.seed,
        fields=shapes.together(profile.fine_tuning, shapes.fields_of(said.settings)),
    )
    asked = shapes.question(host.shape, wishes, said.metadata)
    return {name: value for name, value in asked.items() if name != "metadata" or value}


def _fit(
    current: Session, host: Host, files: list[Path], model: str, *, first: str = "train"
) -> bool:
    """Would the host take these files? What is wrong in them is said."""
    from distilgen.dataset.validation import file, leaks  # noqa: PLC0415 - for --help

    looked = []
    for path, split in zip(files, (first, "validation"), strict=False):
        given = file.Given(current.project.relative(path.absolute()), path, split)
        looked.append(file.look(given, host.shape.files, model, _SHOWN))
    if len(looked) > 1:
        leaks.tell(looked[0], looked[1])
    wrong = [
        found
        for item in looked
        for found in item.findings.in_order()
        if found.is_error and found.rule != _BOM_MISSING
    ]
    for found in wrong:
        place = f"{found.file}:{found.line}" if found.line else found.file
        path_ = f"{found.path}: " if found.path else ""
        line = f"{place}: {path_}{found.message} ({found.rule}); mend: {found.mend}"
        click.echo(printable(line), err=True)
    if wrong:
        names = " ".join(item.given.shown for item in looked)
        click.echo(
            f"nothing was sent; to see all that is wrong: distilgen dataset validate {names} "
            f"--profile {host.shape.name}; to send it as it is: --no-validate",
            err=True,
        )
    return not wrong


def _uploaded(current: Session, host: Host, path: Path) -> str:
    from distilgen.training.uploads import Uploads  # noqa: PLC0415 - for --help

    state = current.project.root / journal.STATE
    journal.ignore_state(state)
    return str(Uploads(host, state / "runs" / "files").file(path).id)


def _create(current: Session, host: Host, asked: dict[str, Any], said: _Said) -> int:
    if said.validation:
        asked["validation_file"] = _uploaded(current, host, said.validation)
    elif said.validation_id:
        asked["validation_file"] = said.validation_id
    job = _made(host, asked)
    name, state = host_tables.text(job.get("id")), host_tables.text(job.get("status"))
    click.echo(f"job {name} is {state}", err=said.as_json)
    if said.follow:
        return job_log.followed(current, host, str(job["id"]), said.poll, as_json=said.as_json)
    if said.as_json:
        click.echo(host_tables.as_json(job))
    click.echo(f"next: distilgen jobs show {name} --follow{host.options}", err=True)
    return current.code()


def _made(host: Host, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The new job. Where its making was not answered, it is looked for among those of its training
    file that were not there before: asking again would make, and cost, a second one.
    """
    api = host.client.fine_tuning.jobs
    rest = {name: value for name, value in asked.items() if name not in _NAMED}
    named = {name: asked[name] for name in _NAMED}

    def newest() -> dict[str, Any]:
        listed = islice(host.every("list of jobs", lambda: api.list(limit=_PAGE)), _PAGE)
        file = named["training_file"]
        return {job.id: job for job in listed if getattr(job, "training_file", None) == file}

    before = newest()

    def found() -> Any:
        return next((job for id_, job in newest().items() if id_ not in before), None)

    def make() -> Any:
        return job_log.known(api.create(**named, extra_body=rest))

    return host_tables.plain(host.make("new job", found, make))
