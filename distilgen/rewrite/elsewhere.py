"""What else in a project speaks of a module's names."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite import originals
from distilgen.rewrite.imports import words
from distilgen.source import files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

_GAP = r"[\s\\]+"
_STAR = rf"{_GAP}import[\s\\]*\*"
_DOTS = re.compile(rf"\bfrom[\s\\]*\.[.\s\\]*{_STAR.removeprefix(_GAP)}")
"""`from . import *`"""


@dataclass
class Elsewhere:
    """The source files of a project as text, read once, with what was taken out of them: it may be
    put back. Whatever imports a name from a module, or patches it there, says both of their names;
    what says them for another reason does no harm.
    """

    project: Path
    files: Iterable[Path]

    def __call__(self, module: Path, names: Collection[str]) -> set[str]:
        """Those of `names` that another file may take from `module`."""
        package = module.parent if module.stem == "__init__" else None
        last = unicodedata.normalize("NFKC", package.name if package else module.stem)
        star = re.compile(rf"\b{re.escape(last)}{_STAR}")
        found: set[str] = set()
        real = module.resolve()
        for path, text in self._texts.items():
            inside = package is not None and path.is_relative_to(package)
            if not inside and last not in text:
                continue
            said = words(text)
            if (inside or last in said) and path.resolve() != real:
                if star.search(text) or (inside and _DOTS.search(text)):
                    return set(names)
                found |= said.intersection(names)
        return found

    @cached_property
    def _texts(self) -> dict[Path, str]:
        return {path: self._text(path) for path in self.files}

    def _text(self, path: Path) -> str:
        parts = []
        with suppress(SourceError):  # who rewrites the file says so
            raw = files.read_bytes(path)
            parts.append(raw.decode("latin-1"))
            parts[0] = files.decode(raw, path).text
        with suppress(SourceError):
            parts += originals.read(self.project, path).values()
            parts += (item.removed for item in originals.imports(self.project, path))
        text = "\n".join(parts)
        return text if text.isascii() else unicodedata.normalize("NFKC", text)
