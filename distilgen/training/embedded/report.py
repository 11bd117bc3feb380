"""What is said of a trained student: field by field, and what to do about the weak ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from distilgen.agreement import wilson
from distilgen.training.embedded import calibration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distilgen.embedded.call import Path
    from distilgen.training.embedded.fit import Leaf
    from distilgen.training.embedded.student import Trained, Trial

_WHOLE = "whole answer"
_WEAK = 0.9  # of the calls, that a field lets pass: below, something is said about it
_FEW = 100  # calls below which nothing else is said than that there should be more
_POOR = 0.5  # agreement below which more records are no advice


@dataclass(frozen=True)
class FieldReport:
    """path: of the field. predictor: what answers it. agreement: with the teacher, were it always
    to answer, a share of the calls that had trained nothing. passes: share of these for which it
    alone is sure enough. advice: what to do about it; empty where nothing is to be done.
    """

    path: Path
    predictor: str
    agreement: float
    passes: float
    advice: str


def fields(trained: Trained) -> list[FieldReport]:
    """A report of each field, in the order of the schema."""
    paths = dict.fromkeys(path for trial in trained.trials for path in trial.fields)
    return [_field(trained, path) for path in paths]


def _field(trained: Trained, path: Path) -> FieldReport:
    seen = [trial.fields[path] for trial in trained.trials if path in trial.fields]
    leaves = [leaf for leaf in trained.leaves if leaf.path[: len(path)] == path]
    agreement = sum(right for right, _ in seen) / len(seen)
    least = trained.model.threshold if trained.calibration.answers else trained.model.target
    passes = sum(sure >= least for _, sure in seen) / len(seen)
    few = len(trained.trials) < _FEW
    advice = "more records" if few else _advice(leaves, agreement, trained.model.target)
    if agreement >= trained.model.target and passes >= _WEAK:
        advice = ""
    return FieldReport(path, _predictor(leaves), agreement, passes, advice)


def _predictor(leaves: Sequence[Leaf]) -> str:
    names = dict.fromkeys(
        f"{leaf.name} of other fields" if leaf.later else leaf.name or "not learnt"
        for leaf in leaves
    )
    return " + ".join(names)


def _advice(leaves: Sequence[Leaf], agreement: float, target: float) -> str:
    reasons = [leaf.why for leaf in leaves if leaf.why]
    if reasons and agreement < target:
        return f"{reasons[0]}: leave it out of the answer, or leave such calls to the teacher"
    if agreement < _POOR:
        return "hardly to be learnt from these arguments: does the answer depend on more than them?"
    return "more records"


def lines(trained: Trained) -> list[str]:
    """The report as lines of text: a table by field, then what the student answers."""
    found = fields(trained)
    trials, tests = trained.trials, trained.tests
    whole = _ratio([trial.right for trial in trials])
    head = ("field", "predictor", "agreement", "sure enough", "what to do")
    table = [
        (
            ".".join(item.path) or _WHOLE,
            item.predictor,
            f"{item.agreement:.1%}",
            f"{item.passes:.1%}",
            item.advice,
        )
        for item in found
    ]
    if any(item.path for item in found):
        answered = _ratio([_answers(trained, trial) for trial in trials])
        table.append((_WHOLE, "", f"{whole:.1%}", f"{answered:.1%}", ""))
    widths = [max(map(len, column)) for column in zip(*([head, *table]), strict=True)]
    made = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (head, *table)
    ]
    made += _promise(trained)
    if tests:
        made.append(_tested(trained, tests))
    return made


def _promise(trained: Trained) -> list[str]:
    found, target = trained.calibration, trained.model.target
    if found.answers:
        said = (
            f"It answers {found.answered / found.outcomes:.1%} of the calls: those of which it is "
            f"at least {found.threshold:.1%} sure. Tried on {found.outcomes:,} calls that it had "
            f"not learnt from, {found.wrong:,} of {found.answered:,} answers were not the "
            f"teacher's: so at least {_percent(target)} agree, with 95% confidence."
        )
        made = [said]
    else:
        said = (
            f"It answers nothing: tried on {found.outcomes:,} calls that it had not learnt from, "
            f"its surest answers do not show that {_percent(target)} agree, with 95% confidence. "
            f"Without an error, that takes {calibration.least(0, target):,} answers."
        )
        made = [said]
        if found.outcomes < _FEW:
            made.append("Record more calls: some hundreds are usual.")
        elif found.needed:
            made.append(f"Likely it does with about {_round(found.needed):,} records.")
        else:
            made.append(
                "More records alone will hardly do: mend the weak fields, or ask for less by "
                "--target."
            )
    refused = sum(trial.refused for trial in trained.trials)
    if refused:
        made.append(
            f"{refused / len(trained.trials):.1%} of the calls are left to the teacher because "
            "they are unlike the others."
        )
    if trained.given > trained.model.rows:
        made.append(f"It learnt from {trained.model.rows:,} of {trained.given:,} different calls.")
    return made


def measured(trained: Trained) -> tuple[float | None, float | None]:
    """(agreement on what it answers of the test rows, the share that it answers of them), 0 to 1;
    None where there is nothing to tell them by. Where it answers no call at all, coverage is 0.
    """
    if not trained.calibration.answers:
        return None, 0.0
    answered = [trial for trial in trained.tests if _answers(trained, trial)]
    right = sum(trial.right for trial in answered)
    agreement = right / len(answered) if answered else None
    return agreement, len(answered) / len(trained.tests) if trained.tests else None


def _tested(trained: Trained, tests: Sequence[Trial]) -> str:
    answered = [trial for trial in tests if _answers(trained, trial)]
    right = sum(trial.right for trial in answered)
    said = f"Test: it answers {len(answered):,} of {len(tests):,} calls"
    if not answered:
        return f"{said}."
    low, high = wilson(right, len(answered))
    return (
        f"{said}, {right:,} of them as the teacher ({right / len(answered):.1%}, "
        f"95% interval {low:.1%} to {high:.1%})."
    )


def _answers(trained: Trained, trial: Trial) -> bool:
    return not trial.refused and trial.confidence >= trained.model.threshold


def _ratio(these: Sequence[bool]) -> float:
    return sum(these) / len(these) if these else 0.0


def _percent(share: float) -> str:
    return f"{share * 100:g}%"


def _round(number: int) -> int:
    """Two digits that count: more would promise too much."""
    size = int(10 ** max(0, len(str(number)) - 2))
    return -(-number // size) * size
