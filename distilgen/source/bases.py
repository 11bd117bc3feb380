"""The base classes of a class, other names of them followed."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distilgen.source import expressions, known
from distilgen.source.names import Definition, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distilgen.source.facts import Facts
    from distilgen.source.names import Key, Names
    from distilgen.source.reads import Known


@dataclass
class Bases:
    """Finds base classes."""

    names: Names
    _known: Known[list[Definition]] = field(default_factory=dict)

    def of(self, found: Definition) -> list[Definition]:
        """What the bases of a class stand for, one definition for each that may hold."""
        reads = self.names.index.reads
        return reads.once(self._known, key_of(found), lambda: list(self._all(found)))

    def _all(self, found: Definition) -> Iterator[Definition]:
        facts, defined = found.facts, found.binding and found.binding.defined
        if facts is None or not defined:
            return
        for text in defined.bases:
            try:
                node = expressions.shared(text)
            except expressions.BROKEN:
                continue
            yield from self._base(node, facts, found.around, set())

    def _base(
        self, node: ast.expr, facts: Facts, classes: tuple[str, ...], seen: set[Key]
    ) -> Iterator[Definition]:
        while isinstance(node, ast.Subscript):
            node = node.value
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield self._made(node, node.func, facts, classes)
        elif isinstance(node, ast.IfExp):
            for side in (node.body, node.orelse):
                yield from self._base(side, facts, classes, seen)
        elif isinstance(node, ast.Name | ast.Attribute):
            for found in self.names.define(node, facts, classes):
                yield from self._followed(found, seen)

    def _made(
        self,
        node: ast.Call,
        maker: ast.Name | ast.Attribute,
        facts: Facts,
        classes: tuple[str, ...],
    ) -> Definition:
        """A base that a call makes."""
        made = self.names.define(maker, facts, classes)
        if any(item.name in known.FACTORIES for item in made):
            return Definition("outside", "pydantic.BaseModel")
        forms = [item for item in made if item.is_form and item.last in known.WITH_FIELDS]
        if forms:
            return forms[0]
        return Definition("missing", f"nobody can read what {ast.unparse(node)} makes")

    def _followed(self, found: Definition, seen: set[Key]) -> Iterator[Definition]:
        """A class, or what another name of it stands for."""
        text = found.binding.expression if found.binding else None
        key = key_of(found)
        if found.kind != "value" or found.facts is None or not text or key is None:
            yield found
        elif key not in seen:
            seen.add(key)
            try:
                alias = expressions.shared(text)
            except expressions.BROKEN:
                return
            yield from self._base(alias, found.facts, found.around, seen)
