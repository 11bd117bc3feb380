"""A package with one module under test, rewritten with contracts made by hand."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import pytest
from roundtrip import contract_of

from distilgen.rewrite import marks, module, originals, restoration, run, steps
from distilgen.rewrite.archive import Archive
from distilgen.rewrite.elsewhere import Elsewhere
from distilgen.rewrite.routes import Route
from distilgen.source import files
from distilgen.source.functions import survey
from distilgen.source.index import Index
from distilgen.source.resolve import Resolver

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.contract import Contract
    from distilgen.errors import SourceError
    from distilgen.source.functions import Surveyed

Step = Literal["instrument", "dispatch", "dispatch and record", "shadow", "canary", "fallback"]

ROUTES: dict[Step, Route] = {
    "dispatch": Route("dispatch"),
    "dispatch and record": Route("dispatch", records=True),
    "shadow": Route("shadow"),
    "canary": Route("canary"),
    "fallback": Route("fallback"),
}

MODELS = """\
from pydantic import BaseModel


class M(BaseModel):
    x: int = 0


class N(M):
    pass
"""


def _refuse(error: SourceError) -> None:
    raise error


@dataclass(frozen=True)
class Workbench:
    """The module at `path` of a project, and what distilgen does to it. Every step reads the files
    anew and writes them, as a command would.
    """

    project: Path
    path: Path

    def at(self, name: str) -> Workbench:
        """The same project with another module under test."""
        path = self.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return replace(self, path=path)

    @property
    def raw(self) -> bytes:
        """The module's bytes."""
        return self.path.read_bytes()

    @property
    def name(self) -> str:
        """The module's dotted name."""
        return Index((self.project,)).name_of(self.path)[0]

    @property
    def sidecar(self) -> Path:
        """Where its contracts are."""
        return marks.sidecar_path(self.path)

    @property
    def originals(self) -> Path:
        """Where its removed bodies are."""
        return originals.path_for(self.project, self.path)

    def put(self, content: str | bytes) -> Workbench:
        """Write the module."""
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)
        return self

    def edit(self, old: str, new: str) -> None:
        """Change the module as its author would; `old` must be there once."""
        text = self.raw.decode()
        assert text.count(old) == 1, text
        self.put(text.replace(old, new))

    def load(self) -> module.Module:
        """The module as it stands."""
        return module.load(self.project, files.read(self.path))

    def surveyed(self) -> list[Surveyed]:
        """Its functions with a return annotation."""
        resolver = Resolver(Index((self.project,)))
        return list(survey(resolver.index.of_file(files.read(self.path)), resolver))

    def wanted(self, *only: str) -> list[tuple[Surveyed, Contract]]:
        """Its candidates, all or those with these qualified names, with contracts."""
        return [
            (item, contract_of(item))
            for item in self.surveyed()
            if item.is_candidate and (not only or item.function.qualname in only)
        ]

    def plan(
        self, step: Step, *only: str, model: str = "ft:one", prune: bool = False
    ) -> module.Planned:
        """What a step would do."""
        if step == "instrument":
            return steps.instrument(self.load(), self.wanted(*only), _refuse)
        return self.route(ROUTES[step], *only, model=model, prune=prune)

    def route(
        self, route: Route, *only: str, model: str | None = "ft:one", prune: bool = False
    ) -> module.Planned:
        """What it would be to have the calls go so."""
        elsewhere = Elsewhere(Archive(self.project), sorted(self.project.rglob("*.py")))
        wishes = [
            steps.Wish(item, replace(contract, model=model), route)
            for item, contract in self.wanted(*only)
        ]
        return steps.route(self.load(), wishes, _refuse, elsewhere=elsewhere if prune else None)

    def run(
        self, step: Step, *only: str, model: str = "ft:one", prune: bool = False
    ) -> module.Planned:
        """Take a step."""
        return self.write(self.plan(step, *only, model=model, prune=prune))

    def restore(self, *only: str) -> module.Planned:
        """Take the steps back."""
        return self.write(restoration.restore(self.load(), self.name, _refuse, only or None))

    def write(self, planned: module.Planned) -> module.Planned:
        """Carry out what was planned, in a run of its own."""
        with run.opened(self.project, "step", lambda _: None, _refuse) as work:
            work.write([planned], _refuse)
        return planned

    def check(
        self, step: Step, before: str | bytes, after: str | bytes, *, prune: bool = False
    ) -> None:
        """The one assertion of a rewrite: a step makes `after` of `before`, and that compiles, and
        a second pass changes nothing, and `restore` gives back the bytes and leaves no file.
        """
        original = self.put(before).raw
        standing = self._files()
        self.run(step, prune=prune)
        expected = after.encode() if isinstance(after, str) else after
        assert self.raw.decode("latin-1") == expected.decode("latin-1")
        compile(self.raw, str(self.path), "exec", dont_inherit=True)
        assert self.plan(step, prune=prune).changes == ()
        assert self.plan(step, prune=prune).functions == ()
        self.restore()
        assert self.raw == original
        assert self._files() == standing

    def _files(self) -> set[Path]:
        return {
            path
            for path in self.project.rglob("*")
            if path.is_file()
            and path.relative_to(self.project).as_posix()
            not in (".distilgen/.gitignore", ".distilgen/run.lock")
        }


@pytest.fixture
def bench(tmp_path: Path) -> Workbench:
    """`shop/mail.py` in a package with `shop/models.py`, which has the models M and N."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "pyproject.toml").write_text("")
    (tmp_path / "shop/__init__.py").write_text("")
    (tmp_path / "shop/models.py").write_text(MODELS)
    return Workbench(tmp_path, tmp_path / "shop/mail.py")
