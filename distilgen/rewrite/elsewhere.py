"""What else in a project speaks of a module's names."""

from __future__ import annotations

import re
import sys
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from distilgen.errors import SourceError
from distilgen.rewrite.imports import words
from distilgen.source import files

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from distilgen.rewrite.archive import Archive

_STAR = r"import[\s\\]*\*"
_FROM = re.compile(rf"\b(\w+)[\s\\]+{_STAR}")
_DOTS = re.compile(rf"\bfrom[\s\\]*\.[.\s\\]*{_STAR}")
"""`from . import *`"""


@dataclass(frozen=True)
class _Said:
    """What a file says. stars: the last names of the modules of which it imports all. dots: it
    imports all of a package that it is in.
    """

    words: frozenset[str]
    stars: frozenset[str]
    dots: bool


@dataclass
class Elsewhere:
    """The source files of a project as words, read once, with what was taken out of them: it may be
    put back. Whatever imports a name from a module, or patches it there, says both of their names;
    what says them for another reason does no harm.
    """

    archive: Archive
    files: Iterable[Path]

    def __call__(self, module: Path, names: Collection[str]) -> set[str]:
        """Those of `names` that another file may take from `module`."""
        package = module.parent if module.stem == "__init__" else None
        last = unicodedata.normalize("NFKC", package.name if package else module.stem)
        found: set[str] = set()
        real = module.resolve()
        for path, said in self._said.items():
            inside = package is not None and path.is_relative_to(package)
            if (inside or last in said.words) and path.resolve() != real:
                if last in said.stars or (inside and said.dots):
                    return set(names)
                found |= said.words.intersection(names)
        return found

    @cached_property
    def _said(self) -> dict[Path, _Said]:
        return {path: _said(self._text(path)) for path in self.files}

    def _text(self, path: Path) -> str:
        parts = []
        with suppress(SourceError):  # who rewrites the file says so
            raw = files.read_bytes(path)
            parts.append(raw.decode("latin-1"))
            parts[0] = files.decode(raw, path).text
        with suppress(SourceError):
            kept = self.archive.kept(path)
            parts += kept.bodies.values()
            parts += (item.removed for item in kept.imports)
        text = "\n".join(parts)
        return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _said(text: str) -> _Said:
    some = re.search(_STAR, text) is not None
    stars = _FROM.findall(text) if some else ()
    known = frozenset(map(sys.intern, words(text)))  # most are in many files
    return _Said(known, frozenset(stars), some and bool(_DOTS.search(text)))
