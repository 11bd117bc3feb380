"""Is what a row asks such as a live call asks it: the arguments, in the contract's words?"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from pydantic_core import from_json, to_json

from distilgen.contract import canonical_json
from distilgen.dataset.validation.lines import said
from distilgen.errors import RecordError
from distilgen.records.fitting import MOST_FAULTS, Schema
from distilgen.records.foreign import arguments_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from distilgen.contract import Contract

    Said = tuple[str, str, str]
    """A rule, steps of a JSON path below the question, what is wrong."""

_PLACEHOLDERS = re.compile(r"(\{arguments\}|\{call\})")
_ALIKE = frozenset({str, int, bool, type(None)})  # which pydantic_core writes as Python does


class Asked:
    """Looks at the questions of one contract."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._parts = _PLACEHOLDERS.split(contract.user_message)
        self._names = contract.parameters
        self._schema = Schema(dict(contract.inputs))

    def wrong(self, question: str) -> Iterator[Said]:
        """What is wrong with the text of a user message."""
        ahead, behind = self._parts[0], self._parts[-1]
        if len(self._parts) > 3:  # what stands several times is told apart by nobody
            if not (question.startswith(ahead) and question.endswith(behind)):
                yield "question-differs", "", f"is {said(question)}, and not what a live call sends"
            return
        if len(self._parts) == 1:
            if question != ahead:
                yield "question-differs", "", f"is {said(question)}; live calls send {said(ahead)}"
            return
        given = self._object(question)
        if given is not None and (given.keys() ^ set(self._names)):
            yield from self.wrong_names(given)
            return
        try:
            arguments = arguments_in(self._contract, question)
        except RecordError as error:
            yield "question-differs", "", f"is {said(question)}: {error}"
            return
        wanted = self._contract.messages(arguments)[-1]["content"]
        if wanted != question:
            yield "question-differs", "", f"is {said(question)}; a live call sends {said(wanted)}"
            return
        yield from self.wrong_types(arguments)

    def wrong_names(self, arguments: Mapping[str, Any]) -> Iterator[Said]:
        """Arguments that the function lacks, and those that it takes and that are not there."""
        for name in sorted(arguments.keys() - set(self._names)):
            yield "arguments-differ", "", f"the function has no parameter {said(name)}"
        for name in self._names:
            if name not in arguments:
                yield "arguments-differ", "", f"the argument {said(name)} is not there"

    def wrong_types(self, arguments: Mapping[str, Any]) -> Iterator[Said]:
        """Arguments that are not of their declared types."""
        for path, what in self._schema.faults(dict(arguments), "$", MOST_FAULTS):
            yield "arguments-misfit", path, what

    def takes(self, question: str) -> bool:
        """Is nothing wrong with a text? Says so more quickly than `wrong`."""
        if len(self._parts) != 3 or self._parts[1] != "{arguments}":
            return next(self.wrong(question), None) is None
        ahead, _, behind = self._parts
        inner = question[len(ahead) : len(question) - len(behind)]
        if f"{ahead}{inner}{behind}" != question:
            return False
        try:
            arguments = from_json(inner, allow_inf_nan=False, cache_strings="keys")
        except ValueError:
            return False
        if not isinstance(arguments, dict) or not self.takes_values(arguments):
            return False
        if _ALIKE.issuperset(map(type, arguments.values())):
            return to_json(arguments) == inner.encode()
        return canonical_json(arguments) == inner

    def takes_values(self, arguments: dict[str, Any]) -> bool:
        """Is nothing wrong with arguments as they are?"""
        return tuple(arguments) == self._names and self._schema.fits(arguments)

    def _object(self, question: str) -> dict[str, Any] | None:
        """The arguments as the text has them, where it has them as an object."""
        ahead, placeholder, behind = self._parts
        if placeholder != "{arguments}":
            return None
        inner = question[len(ahead) : len(question) - len(behind)]
        if f"{ahead}{inner}{behind}" != question:
            return None
        try:
            found = json.loads(inner)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None
