"""The texts that distilgen generates: the jinja2 templates of the top-level folder `templates/`.

They ship inside the package; in a source tree they stand beside it.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import jinja2

from distilgen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = Path(__file__).resolve().parent
FOLDER = next(
    folder for folder in (_PACKAGE / "templates", _PACKAGE.parent / "templates") if folder.is_dir()
)


@cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - we write Python and prompts, not HTML
    )


def render(name: str, **values: object) -> str:
    """The text of a template of ours, named by its path below `templates/`."""
    return _environment().get_template(name).render(values)


@dataclass(frozen=True)
class Prompt:
    """A prompt template with its two blocks, `system` and `user`."""

    template: jinja2.Template
    project: Path

    def texts(self, values: Mapping[str, object]) -> tuple[str, str]:
        """(system, user): the texts of the blocks. Raises ConfigError, with file and line, when the
        template names what is not there or computes and gets it wrong.
        """
        context = self.template.new_context(dict(values))
        try:
            for _ in self.template.root_render_func(context):
                pass  # a template that extends another finds its blocks on the way
            absent = {"system", "user"} - set(context.blocks)
            if not absent:
                return _block(context, "system"), _block(context, "user")
        except Exception as error:  # the template's author may compute, and get it wrong
            raise _refusal(error, Path(self.template.filename or ""), self.project) from error
        name = _shown(Path(self.template.filename or ""), self.project)
        raise ConfigError(f"prompt: {name} has no block {' and no block '.join(sorted(absent))}")


def prompt(name: str, project: Path, folder: Path | None = None) -> Prompt:
    """A prompt template, by its name in `folder` or among ours, or by its path in the project.

    It may extend or include others: those beside it, those in the folder, and ours, as
    `prompts/distilgen.jinja`. Raises ConfigError when there is none, or it does not parse.
    """
    named = [place / f"{name}.jinja" for place in (folder, FOLDER / "prompts") if place]
    path = next((path for path in (*named, project / name) if path.is_file()), None)
    if path is None:
        ours = ", ".join(sorted(path.stem for path in (FOLDER / "prompts").glob("*.jinja")))
        message = f"prompt: no file {project / name}, and none of ours: {ours}"
        raise ConfigError(f"{message}; nor in {folder}" if folder else message)
    folders = [path.parent, *([folder] if folder else []), FOLDER]
    environment = _environment().overlay(loader=jinja2.FileSystemLoader(folders))
    try:
        return Prompt(environment.get_template(path.name), project)
    except UnicodeDecodeError as error:
        raise ConfigError(f"prompt: {_shown(path, project)} is not UTF-8") from error
    except jinja2.TemplateSyntaxError as error:
        raise _refusal(error, path, project) from error


def _block(context: jinja2.runtime.Context, block: str) -> str:
    return "".join(context.blocks[block][0](context)).strip("\n")


def _refusal(error: Exception, path: Path, project: Path) -> ConfigError:
    """What is wrong with a template, and where: in its file, or in one that it extends."""
    line, message = 0, f"{type(error).__name__}: {error}"
    if isinstance(error, jinja2.TemplateSyntaxError):
        path, line, message = Path(error.filename or path), error.lineno, error.message or ""
    else:
        for frame, number in traceback.walk_tb(error.__traceback__):
            inside = frame.f_globals.get("__jinja_template__")
            if isinstance(inside, jinja2.Template):
                path = Path(inside.filename or path)
                line = inside.get_corresponding_lineno(number)
    where = f"{_shown(path, project)}:{line}" if line else _shown(path, project)
    return ConfigError(f"prompt: {where}: {message}")


def _shown(path: Path, project: Path) -> str:
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else str(path)
