"""Trains a student of a contract's calls: tries it on calls that it has not seen, finds how sure it
must be, and fits it to all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from distilgen import __version__
from distilgen.agreement import alike
from distilgen.embedded.call import Call
from distilgen.embedded.model import Fields, Model
from distilgen.training.embedded import calibration, columns, rows as calls_of
from distilgen.training.embedded.calibration import Calibration, Outcome
from distilgen.training.embedded.fit import fit
from distilgen.training.embedded.gate import gate
from distilgen.training.embedded.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distilgen.contract import Contract
    from distilgen.embedded.call import Path
    from distilgen.embedded.predictor import Predictor
    from distilgen.training.embedded.fit import Fitted, Leaf
    from distilgen.training.embedded.fitter import Fitter
    from distilgen.training.embedded.rows import Row

TARGET = 0.98
"""The agreement on what is answered, where nothing else is wanted."""

_MANY = 400  # rows up to which there are twice as many folds, for each learns from little
_FOLDS = 5


class Trial(NamedTuple):
    """What a student said to a call that it had not learnt from. refused: by the gate. right,
    confidence: of the whole answer. fields: (right, confidence) by the path of the field.
    """

    refused: bool
    right: bool
    confidence: float
    fields: dict[Path, tuple[bool, float]]

    @property
    def outcome(self) -> Outcome:
        """What counts for the threshold."""
        return Outcome(0.0 if self.refused else self.confidence, self.right)


@dataclass(frozen=True)
class Trained:
    """A student, and what is known of it. leaves: its predictors, in the order of the schema.
    trials: of every call of the pool, by a student that was trained on others. tests: of the test
    split, by the student itself. given: different calls that there were to learn from.
    """

    model: Model
    leaves: tuple[Leaf, ...]
    calibration: Calibration
    trials: tuple[Trial, ...]
    tests: tuple[Trial, ...]
    given: int


class Memory(Protocol):
    """What a training that was interrupted has done already, as JSON by name."""

    def get(self, name: str) -> Any:
        """None where there is nothing."""

    def put(self, name: str, value: Any) -> None:
        """Remember a value."""


class Forgetful:
    """Remembers nothing."""

    def get(self, name: str) -> None:
        """Nothing."""

    def put(self, name: str, value: Any) -> None:
        """Forget it."""


def train(
    contract: Contract,
    rows: calls_of.Rows,
    fitters: Sequence[Fitter],
    *,
    target: float = TARGET,
    seed: int = 0,
    told: Callable[[str], None] = lambda _line: None,
    memory: Memory | None = None,
) -> Trained:
    """A student of the pool's calls, which answers where it agrees with `target` of them, a share.
    The same calls, in any order, give the same student. told: hears how far it is.

    How sure it must be is found by cross-fitting: each fold of the calls is tried on a student
    whose predictors, their kinds and its gate come of the other folds alone.
    """
    made = _Training(contract, rows.pool, tuple(fitters), seed)
    remembered = Forgetful() if memory is None else memory
    trials: list[Trial] = []
    parts = calls_of.folds(rows.pool, _FOLDS if len(rows.pool) > _MANY else 2 * _FOLDS)
    for number, part in enumerate(parts, 1):
        found = remembered.get(f"fold-{number}")
        here = [_read(item) for item in found] if found else made.tried(part)
        if not found:
            remembered.put(f"fold-{number}", [_written(trial) for trial in here])
        trials += here
        told(f"part {number} of {len(parts)}: {_shares(here)}")
    found_threshold = calibration.calibrate([trial.outcome for trial in trials], target)
    told(f"learning from all {len(rows.pool):,} calls")
    fitted, model_gate = made.fitted(range(len(rows.pool)))
    model = Model(
        contract.function,
        contract.fingerprint,
        fitted.predictor,
        model_gate,
        found_threshold.threshold,
        target,
        len(rows.pool),
        f"distilgen {__version__}",
    )
    tests = [_trial(model, Call(row.arguments), row) for row in rows.test]
    return Trained(model, fitted.leaves, found_threshold, tuple(trials), tuple(tests), rows.given)


class _Training:
    def __init__(
        self, contract: Contract, pool: Sequence[Row], fitters: tuple[Fitter, ...], seed: int
    ) -> None:
        self.contract = contract
        self.pool = pool
        self.fitters = fitters
        self.seed = seed
        self.shape = Shape.of(contract)
        self.calls = [Call(row.arguments) for row in pool]

    def fitted(self, places: Sequence[int]) -> tuple[Fitted, Any]:
        """Predictor and gate of some of the rows."""
        calls = [self.calls[place] for place in places]
        targets = [self.pool[place].result for place in places]
        found = columns.of(calls, self.contract.inputs)
        fitted = fit(calls, targets, self.shape, found, self.fitters, seed=self.seed)
        return fitted, gate(calls, self.contract.parameters, found, fitted.statistical)

    def tried(self, part: Sequence[int]) -> list[Trial]:
        """The rows of a part, by a student of the others."""
        inside = frozenset(part)
        fitted, its_gate = self.fitted([i for i in range(len(self.pool)) if i not in inside])
        model = Model("", "", fitted.predictor, its_gate, 0.0, 0.0, 0, "")
        return [_trial(model, Call(self.pool[place].arguments), self.pool[place]) for place in part]


def _trial(model: Model, call: Call, row: Row) -> Trial:
    value, confidence = model.predictor.predict(call)
    fields: dict[Path, tuple[bool, float]] = {}
    _fields(model.predictor, call, row.result, (), fields)
    refused = bool(model.gate.refuses(call))
    return Trial(refused, alike(value, row.result), confidence, fields)


def _fields(
    predictor: Predictor, call: Call, result: Any, path: Path,
    found: dict[Path, tuple[bool, float]],
) -> None:  # fmt: skip
    """Enter what each field says; fields of objects within objects are fields, too."""
    if isinstance(predictor, Fields) and isinstance(result, dict):
        for name, part in predictor.fields.items():
            _fields(part, call, result.get(name), (*path, name), found)
    else:
        value, confidence = predictor.predict(call)
        found[path] = alike(value, result), confidence


def _shares(trials: Sequence[Trial]) -> str:
    """How often each field was right, in words."""
    paths = dict.fromkeys(path for trial in trials for path in trial.fields)
    if set(paths) <= {()}:
        return f"{len(trials):,} calls, {_share([trial.right for trial in trials])} right"
    said = [
        f"{'.'.join(path)} "
        + _share([trial.fields[path][0] for trial in trials if path in trial.fields])
        for path in paths
    ]
    return f"{len(trials):,} calls, of which right: {', '.join(said)}"


def _share(right: Sequence[bool]) -> str:
    return f"{sum(right) / len(right):.1%}"


def _written(trial: Trial) -> Any:
    return [
        trial.refused, trial.right, trial.confidence,
        [[list(path), right, confidence] for path, (right, confidence) in trial.fields.items()],
    ]  # fmt: skip


def _read(item: Any) -> Trial:
    refused, right, confidence, fields = item
    return Trial(
        refused, right, confidence, {tuple(path): (good, sure) for path, good, sure in fields}
    )
