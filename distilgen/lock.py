"""`distilgen.lock`, committed: which model was trained for which contract, on which dataset."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from distilgen.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

FILE = "distilgen.lock"


@dataclass(frozen=True)
class Model:
    """A student. function, contract: whose, and the fingerprint it was trained for. dataset: the
    SHA-256 of its training file. agreement: measured share of equal answers, if it was measured.
    """

    function: str
    contract: str
    provider: str
    dataset: str
    job: str | None = None
    agreement: float | None = None


def read(project: Path) -> dict[str, Model]:
    """The models by name; none where there is no lock. Raises ConfigError when it is not ours."""
    path = project / FILE
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
        return {name: Model(**entry) for name, entry in content["models"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"{path}: cannot be read ({error}); settle its merge conflict, or take it back"
        raise ConfigError(f"{message} from version control") from error


def write(project: Path, models: dict[str, Model]) -> None:
    """Replace the lock."""
    from distilgen.rewrite.journal import replace_file  # noqa: PLC0415 - readers need none of it

    content = {"models": {name: asdict(model) for name, model in sorted(models.items())}}
    replace_file(project / FILE, (json.dumps(content, indent=2) + "\n").encode())
