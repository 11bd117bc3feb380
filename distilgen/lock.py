"""`distilgen.lock`, committed: what stands in the place of which function, and which model was
trained for which contract, on which dataset.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Protocol

from distilgen import sides
from distilgen.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

FILE = "distilgen.lock"

State = Literal["recorded", "shadow", "canary", "fallback", "dispatched"]
"""What is made of a function: its calls leave records; a student is asked beside the teacher, for a
share of the calls, or first; or the student has taken its place.
"""


@dataclass(frozen=True)
class Function:
    """A function that is rewritten. contract: the fingerprint of its frozen contract. model: who
    answers in its place, or is asked besides. accepted: the model is taken for this contract,
    though it was trained for another.
    """

    contract: str
    state: State
    model: str | None = None
    accepted: bool = False

    def accepts(self, contract: str, model: str | None) -> bool:
        """Is the model taken for the contract of this fingerprint, whatever it was taught?"""
        return self.accepted and (self.contract, self.model) == (contract, model)


def renewed(known: Function | None, now: Function) -> Function:
    """What the lock is to say of a function, where it says `known` of it: that a model was accepted
    stays so while contract and model do.
    """
    if known and known.accepts(now.contract, now.model):
        return replace(now, accepted=True)
    return now


@dataclass(frozen=True)
class Model:
    """A student. function, contract: whose, and the fingerprint it was trained for. dataset: the
    SHA-256 of its training file. answers: how it was taught to answer, see
    `distilgen.contract.ANSWERS`. agreement: measured share of equal answers, if it was measured;
    coverage: of calls that were answered, where it may abstain. at: when it was made, UTC.
    """

    function: str
    contract: str
    provider: str
    dataset: str
    job: str | None = None
    agreement: float | None = None
    answers: str = "tool"
    coverage: float | None = None
    at: str = ""


class Outcome(Protocol):
    """What became of a module: what its functions are, and which ones it has no more."""

    @property
    def states(self) -> Mapping[str, Function]: ...

    @property
    def gone(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Lock:
    """What the file holds: functions by `module:qualname`, models by name."""

    functions: Mapping[str, Function] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)

    def after(self, outcomes: Iterable[Outcome]) -> Lock:
        """The lock when it says of some modules what they are now. A function that has gone from
        one of them to another is that one's.
        """
        functions = dict(self.functions)
        outcomes = list(outcomes)
        for name in (name for outcome in outcomes for name in outcome.gone):
            functions.pop(name, None)
        for outcome in outcomes:
            functions.update(self._renewed(outcome))
        return Lock(functions, self.models)

    def says(self, outcome: Outcome) -> bool:
        """Does it say of a module what that is now?"""
        states = self._renewed(outcome).items()
        known = all(self.functions.get(name) == state for name, state in states)
        return known and not any(name in self.functions for name in outcome.gone)

    def _renewed(self, outcome: Outcome) -> dict[str, Function]:
        known = self.functions
        return {name: renewed(known.get(name), state) for name, state in outcome.states.items()}

    def with_model(self, name: str, model: Model) -> Lock:
        """The lock with a model, which takes the place of what was known of it."""
        return Lock(self.functions, {**self.models, name: model})

    def without_model(self, name: str) -> Lock:
        """The lock without a model."""
        models = {key: model for key, model in self.models.items() if key != name}
        return Lock(self.functions, models)

    def latest(self, function: str, contract: str | None = None) -> str | None:
        """The name of the model of a function that was made last, and answers any calls; contract:
        for that fingerprint alone. None where there is none.
        """
        found = [
            (model.at, name)
            for name, model in self.models.items()
            if model.function == function
            and contract in (None, model.contract)
            and model.coverage != 0
        ]
        return max(found)[1] if found else None

    def render(self) -> bytes | None:
        """The file's bytes, an entry a line, which is what merges well; None for no file."""
        if not (self.functions or self.models):
            return None
        parts = (_part("functions", self.functions), _part("models", self.models))
        return "{{\n{},\n{}\n}}\n".format(*parts).encode()


def read(project: Path) -> Lock:
    """The project's lock; an empty one where there is no file. The sides of a merge conflict are
    taken together, where they are not at odds. Raises ConfigError when it is not ours.
    """
    path = project / FILE
    if not path.exists():
        return Lock()
    text = ""
    try:
        text = path.read_text("utf-8")
        both = sides.sides(text)
        if both is None:
            return _parsed(text)
        ours, theirs = map(_parsed, both)
        return Lock(
            sides.together(ours.functions, theirs.functions),
            sides.together(ours.models, theirs.models),
        )
    except (OSError, ValueError, TypeError, AttributeError) as error:
        line = sides.line_in(text)
        if line:
            message = f"{path}:{line}: holds a merge conflict; keep the entries of both sides"
            raise ConfigError(f"{message}, one for each name ({error})") from error
        message = f"{path}: cannot be read ({error}); take it back from version control"
        raise ConfigError(message) from error


def _parsed(text: str) -> Lock:
    """Raises ValueError and what else comes of data in another shape."""
    content = json.loads(text)
    functions, models = content.get("functions", {}), content.get("models", {})
    return Lock(
        {name: Function(**entry) for name, entry in functions.items()},
        {name: Model(**entry) for name, entry in models.items()},
    )


def _part(name: str, entries: Mapping[str, Any]) -> str:
    rows = [f"    {json.dumps(key)}: {json.dumps(_said(entries[key]))}" for key in sorted(entries)]
    inside = ",\n".join(rows)
    return f'  "{name}": {{\n{inside}\n  }}' if rows else f'  "{name}": {{}}'


def _said(entry: Any) -> dict[str, Any]:
    """An entry's values; what is not accepted is not said."""
    return {key: value for key, value in asdict(entry).items() if value is not False}
