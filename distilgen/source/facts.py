"""One file's facts: what its names are bound to, its classes and functions.

Facts are plain data. Expressions are kept as their source text; `resolve` parses the few it needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


ParameterKind = Literal["positional_only", "plain", "variadic", "keyword_only", "keywords"]


class Import(NamedTuple):
    """What an imported name stands for: a module, or one of its attributes.

    level: leading dots of a relative import. name: the attribute; None for the module itself.
    """

    module: str
    level: int = 0
    name: str | None = None


class Binding(NamedTuple):
    """One statement that binds a name.

    expression: the assigned value or the type alias, as source text.
    typing_only: under `if TYPE_CHECKING`. conditional: in a block that may not run.
    type_parameters: of a type alias, `type Pair[T] = …`.
    """

    kind: Literal["import", "class", "function", "value"]
    line: int
    imported: Import | None = None
    defined: Class | None = None
    expression: str | None = None
    typing_only: bool = False
    conditional: bool = False
    type_parameters: tuple[str, ...] = ()


class Class(NamedTuple):
    """A class statement. scope: what its body binds.

    fields: (name, annotation) of a dataclass, NamedTuple or TypedDict, by the look of it.
    type_parameters: `class Page[T]`. bounds: of each its bound as source text, or nothing.
    """

    qualname: str
    line: int
    bases: tuple[str, ...]
    decorators: tuple[str, ...]
    scope: Mapping[str, tuple[Binding, ...]]
    fields: tuple[tuple[str, str], ...] = ()
    type_parameters: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()


class Parameter(NamedTuple):
    """A parameter as written. kind: as in `inspect`, lower case. default: its source text."""

    name: str
    kind: ParameterKind
    annotation: str | None
    default: str | None


class Function(NamedTuple):
    """A function statement.

    line: of the `def`. classes: the enclosing classes, outermost first. returns: the annotation's
    source text. docstring: cleaned of indentation. empty: it has no body but a docstring, `...`,
    `pass` or `raise NotImplementedError`. nested: it is defined inside a function.
    """

    name: str
    qualname: str
    line: int
    classes: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    returns: str | None
    docstring: str | None
    decorators: tuple[str, ...]
    is_async: bool
    is_generator: bool
    empty: bool
    nested: bool
    typing_only: bool
    skipped: bool
    type_parameters: tuple[str, ...] = ()
    bounds: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Facts:
    """What one file says.

    exported: the names in `__all__` where plain lists make it. exported_too: the names that are
    written in an `__all__` which is computed. is_script: it has a main guard.
    """

    name: str
    path: Path
    is_package: bool
    scope: Mapping[str, tuple[Binding, ...]]
    stars: tuple[Import, ...]
    exported: tuple[str, ...] | None
    functions: tuple[Function, ...]
    is_script: bool = False
    exported_too: tuple[str, ...] = ()

    @cached_property
    def where(self) -> str:
        """Its path."""
        return str(self.path)

    @cached_property
    def folder(self) -> Path:
        """The folder that it is in."""
        return self.path.parent

    @cached_property
    def package(self) -> str:
        """The package that relative imports start from."""
        if self.name == "__init__":  # an import root, whose files stand in no package
            return ""
        return self.name if self.is_package else self.name.rpartition(".")[0]
