"""The texts that distilgen generates: the jinja2 templates of the top-level folder `templates/`.

They ship inside the package; in a source tree they stand beside it.
"""

from __future__ import annotations

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

SYSTEM, USER = "system", "user"
"""The two blocks of a prompt template."""


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


def prompt_template(name: str, project: Path) -> jinja2.Template:
    """A prompt template: one of ours by its bare name, or a file of the project's.

    Raises ConfigError when there is none, it does not parse, or it lacks one of its two blocks.
    """
    environment = _environment()
    own = FOLDER / "prompts" / f"{name}.jinja"
    try:
        if own.is_file():
            template = environment.get_template(f"prompts/{name}.jinja")
        else:
            template = environment.from_string((project / name).read_text("utf-8"))
    except OSError:
        ours = ", ".join(sorted(path.stem for path in own.parent.glob("*.jinja")))
        raise ConfigError(f"prompt: no file {project / name}, and none of ours: {ours}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"prompt: {project / name} is not UTF-8") from error
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(f"prompt: {name}:{error.lineno}: {error.message}") from error
    absent = {SYSTEM, USER} - set(template.blocks)
    if absent:
        raise ConfigError(f"prompt: {name} has no block {' and no block '.join(sorted(absent))}")
    return template


def render_block(template: jinja2.Template, block: str, values: Mapping[str, object]) -> str:
    """The text of one block of a template. Raises ConfigError when it names what is not there."""
    try:
        return "".join(template.blocks[block](template.new_context(dict(values)))).strip("\n")
    except Exception as error:  # the template's author may compute, and get it wrong
        raise ConfigError(f"prompt: block {block}: {type(error).__name__}: {error}") from error
