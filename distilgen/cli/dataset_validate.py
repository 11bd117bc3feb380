"""`distilgen dataset validate`: what is wrong in training files, by line and path."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from distilgen import __version__
from distilgen.cli import dataset_target, findings, options, report
from distilgen.cli.record_lines import printable
from distilgen.dataset import manifest
from distilgen.dataset.validation.findings import Finding, Findings
from distilgen.dataset.validation.profiles import PROFILES
from distilgen.dataset.validation.rules import ERROR, RULES
from distilgen.errors import CLEAN, FINDINGS, DatasetError, SourceError, UsageError
from distilgen.rows import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from distilgen.contract import Contract
    from distilgen.dataset.validation.file import Given, Looked
    from distilgen.dataset.validation.profiles import Profile

_STDIN = "-"
_TABLES = ("csv", "parquet")
_HOSTED = ("openai-tools", "openai-functions", "openai-json")


def _rules(context: click.Context, _: click.Parameter, said: bool) -> None:
    if said:
        rows = [(n, r.level, "yes" if r.fixed else "", r.what) for n, r in RULES.items()]
        report.table(("rule", "level", "--fix", "what is wrong"), rows)
        context.exit(CLEAN)


@click.command()
@click.argument("names", nargs=-1, metavar="[FUNCTION | FOLDER | FILE.jsonl | -]...")
@click.option(
    "--profile", "profile", type=click.Choice(list(PROFILES)),
    help="The host whose rules hold; default: openai for its own formats, else none.",
)  # fmt: skip
@click.option("--model", metavar="NAME", help="The model to train: how many tokens a row may have.")
@click.option("--function", metavar="FUNCTION", help="Whose rows the FILEs hold.")
@click.option("--fix", is_flag=True, help="Mend what is safe to mend; no answer changes.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json", "github"]), default="text",
    show_default=True, help="How to print: json for programs, github for a workflow.",
)  # fmt: skip
@click.option(
    "--max-findings", "most", type=click.IntRange(1), default=10, show_default=True,
    help="Show as many of a rule in each file; all are counted.",
)  # fmt: skip
@click.option(
    "--rules", is_flag=True, is_eager=True, expose_value=False, callback=_rules,
    help="List the rules, and end.",
)  # fmt: skip
@options.project
def validate(
    names: tuple[str, ...],
    profile: str | None,
    model: str | None,
    function: str | None,
    fix: bool,
    form: str,
    most: int,
    folder: Path,
) -> int:
    """Look for what is wrong in datasets, default all of the project, and in any FILE of training
    rows: their form, as the host wants it, their answers, as the contract has them, what stands
    twice, and what is held out and trained on. Exits 1 when there are errors; warnings are none.
    """
    with options.session(folder) as current, ExitStack() as held:
        work = _Work(current, PROFILES[profile] if profile else None, model, most, fix)
        contract = options.the_contract(current, function) if function else None
        files = [name for name in names if name == _STDIN or _is_file(name)]
        rest = [name for name in names if name not in files]
        for name in list(rest):
            inside = dataset_target.loose_files(Path(name)) if Path(name).is_dir() else []
            if inside:
                rest.remove(name)
                files += map(str, inside)
        if contract and not files:
            raise UsageError("--function says whose rows a FILE holds: name one")
        for name in {
            name if name == _STDIN else Path(name).resolve(): name for name in files
        }.values():
            work.alone(name, contract, held)
        work.beside()
        if rest or not names:
            for target in dataset_target.targets(current, rest):
                work.dataset(target, manifest.SPLITS)
        return work.tell(form)


def _is_file(name: str) -> bool:
    if Path(name).is_file():
        return True
    if name.endswith((".jsonl", ".json", ".csv", ".parquet")) and not Path(name).is_dir():
        raise UsageError(f"{name}: there is no such file")
    return False


@dataclasses.dataclass
class _Work:
    """The files that were looked at so far."""

    current: options.Session
    profile: Profile | None
    model: str | None
    most: int
    fix: bool
    looked: list[Looked] = dataclasses.field(default_factory=list)
    of_datasets: list[Findings] = dataclasses.field(default_factory=list)
    mended: dict[str, Counter[str]] = dataclasses.field(default_factory=dict)

    def alone(self, name: str, contract: Contract | None, held: ExitStack) -> None:
        """Look at a file that the user names, as a part of its dataset where it is one."""
        from distilgen.dataset.validation.file import Given  # noqa: PLC0415 - for --help

        if name == _STDIN:
            if self.fix:
                raise UsageError("--fix writes to files: name one in the place of -")
            folder = held.enter_context(tempfile.TemporaryDirectory())
            path = Path(folder, "rows.jsonl")
            with path.open("wb") as file:
                shutil.copyfileobj(sys.stdin.buffer, file)
            self._look(Given(_STDIN, path, contract=contract))
            return
        path = Path(name)
        if not contract and (path.parent / manifest.NAME).is_file():
            for target in dataset_target.targets(self.current, [str(path.parent)]):
                splits = [s for s, part in target.manifest.files.items() if part.file == path.name]
                if splits:
                    self.dataset(target, splits)
                    return
        table = path.suffix.removeprefix(".")
        if table in _TABLES and contract is None:
            raise UsageError(f"{name}: say --function: without it nothing is known of its columns")
        self._look(Given(self._shown(path), path, format=table if table in _TABLES else "",
                         contract=contract))  # fmt: skip

    def beside(self) -> None:
        """Compare the files of no dataset with one another."""
        from distilgen.dataset.validation import leaks  # noqa: PLC0415 - for --help

        leaks.tell_beside([looked for looked in self.looked if not looked.given.split])

    def dataset(self, target: dataset_target.Target, splits: Sequence[str]) -> None:
        """Look at a dataset's files."""
        from distilgen.dataset.validation import file, leaks  # noqa: PLC0415 - for --help

        said = Findings(self._shown(target.folder / manifest.NAME), self.most)
        if target.manifest.format not in (*FORMATS, *_TABLES):
            what = f"it says format {target.manifest.format!r}, which there is not"
            raise DatasetError(f"{said.file}: {what}; run `distilgen dataset build`")
        self.of_datasets.append(said)
        if target.contract is None:
            what = f"{target.manifest.function}: the dataset is of contract "
            said.add("contract-outdated", 0, "", f"{what}{target.manifest.contract}")
        found: dict[str, Looked] = {}
        for split in manifest.SPLITS:
            path, part = target.path(split), target.manifest.files.get(split)
            if path is None or part is None or split not in splits:
                continue
            if not path.is_file():
                said.add("file-missing", 0, "", f"{part.file} is not there")
                continue
            given = file.Given(
                self._shown(path), path, split, target.manifest.format, target.contract, part
            )
            looked = self._look(given)
            if looked:
                found[split] = looked
        train = found.pop(file.TRAIN, None)
        if train:
            for looked in found.values():
                leaks.tell(train, looked)
        self._update(target, [*found.values(), *([train] if train else [])])

    def _look(self, given: Given) -> Looked | None:
        from distilgen.dataset.validation import file, mending, table  # noqa: PLC0415 - as above

        profile = self.profile
        if profile is None and given.format in ("", *_HOSTED):
            profile = PROFILES["openai"]
        try:
            if given.format in _TABLES:
                looked = table.look(given, profile, self.most)
            else:
                looked = file.look(given, profile, self.model, self.most)
                while self.fix:  # what was mended may stand twice then
                    mended = mending.mend(looked, profile, self.model)
                    if mended is None:
                        break
                    self.mended.setdefault(given.shown, Counter()).update(mended.changes)
                    if given.part and given.part.sha256 == looked.sha256:
                        given = dataclasses.replace(given, part=mended.part)
                    looked = file.look(given, profile, self.model, self.most)
        except OSError as error:
            reason = error.strerror or str(error)
            what = "mended" if self.fix else "read"
            self.current.tell(SourceError(given.path, f"cannot be {what}: {reason}"))
            return None
        self.looked.append(looked)
        return looked

    def _update(self, target: dataset_target.Target, looked: Sequence[Looked]) -> None:
        """The manifest says what mended files are now."""
        files = dict(target.manifest.files)
        files |= {item.given.split: item.given.part for item in looked if item.given.part}
        if files != target.manifest.files:
            said = dataclasses.replace(target.manifest, files=files)
            manifest.write(target.folder, said)

    def _shown(self, path: Path) -> str:
        return self.current.project.relative(path.absolute())

    def _all(self) -> Iterator[Findings]:
        yield from self.of_datasets
        yield from (item.findings for item in self.looked)

    def tell(self, form: str) -> int:
        """Print it all. Returns the exit code."""
        said = list(self._all())
        kept = [found for item in said for found in item.in_order()]
        if form == "json":
            click.echo(self._as_json(kept))
        elif form == "github":
            text = findings.workflow_commands([_result(found) for found in kept])
            if text:
                click.echo(text)
        else:
            for item in said:
                _print(item)
        for name, changes in self.mended.items():
            counts = ", ".join(f"{count:,} {rule}" for rule, count in sorted(changes.items()))
            click.echo(f"{printable(name)}: mended: {counts}", err=True)
        errors, warnings = (sum(getattr(i, n) for i in said) for n in ("errors", "warnings"))
        rows = sum(item.rows for item in self.looked)
        unremembered = sum(item.unremembered for item in self.looked)
        if unremembered:
            click.echo(f"{unremembered:,} rows were too many to look for their like", err=True)
        click.echo(
            f"{report.counted(len(self.looked), 'file')}, {report.counted(rows, 'row')}: "
            f"{report.counted(errors, 'error')}, {report.counted(warnings, 'warning')}",
            err=True,
        )
        return self.current.code(FINDINGS if errors else CLEAN)

    def _as_json(self, kept: Sequence[Finding]) -> str:
        """One object: `files`, `findings`, `counts` of all findings by rule, `mended`: changes by
        file and rule, `problems`.
        """
        counts: Counter[str] = Counter()
        for item in self._all():
            counts.update(item.counts)
        content: dict[str, Any] = {
            "version": __version__,
            "files": [
                {
                    "path": item.given.shown,
                    "rows": item.rows,
                    "bytes": item.bytes,
                    "sha256": item.sha256,
                    "errors": item.findings.errors,
                    "warnings": item.findings.warnings,
                }
                for item in self.looked
            ],
            "findings": [
                {
                    "rule": found.rule,
                    "level": RULES[found.rule].level,
                    "path": found.file,
                    "line": found.line or None,
                    "json_path": found.path or None,
                    "message": found.message,
                    "mend": found.mend,
                }
                for found in kept
            ],
            "counts": dict(sorted(counts.items())),
            "mended": {name: dict(sorted(c.items())) for name, c in self.mended.items()},
            "problems": findings.unread(self.current.problems, self.current.project.relative),
        }
        return json.dumps(content, indent=2)


def _print(found: Findings) -> None:
    for item in found.in_order():
        place = f"{item.file}:{item.line}" if item.line else item.file
        path = f"{item.path}: " if item.path else ""
        level = "" if item.is_error else "warning: "
        text = f"{place}: {level}{path}{item.message} ({item.rule}); mend: {item.mend}"
        click.echo(printable(text))
    for rule, count in sorted(found.counts.items()):
        if count > found.most:
            more = f"{found.file}: {count - found.most:,} more of {rule}, {count:,} in all"
            click.echo(printable(more))


def _result(found: Finding) -> findings.Result:
    path = f"{found.path}: " if found.path else ""
    return findings.Result(
        "problem" if RULES[found.rule].level == ERROR else "notice",
        found.file,
        found.line or 1,
        f"{path}{found.message}; mend: {found.mend}",
        f"distilgen: {found.rule}",
    )
