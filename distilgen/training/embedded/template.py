"""The search for a template: the same fixed pieces and the same values of the arguments, in the
same order, make the texts of all rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from distilgen.embedded.call import Call
    from distilgen.embedded.exact import Source

_ROWS: Final = 8  # that a template is looked for in, before all are asked
_ROUNDS: Final = 6
_MOST_STATES: Final = 20_000
_LONGEST: Final = 4000  # characters of a text

_Piece = "str | Source"


def find(
    usable: Sequence[Source], calls: Sequence[Call], targets: Sequence[str]
) -> list[str | Source] | None:
    """The pieces that make every target; None where none were found."""
    if max(map(len, targets), default=_LONGEST) >= _LONGEST:
        return None
    looked_at = _distinct(targets)
    for _ in range(_ROUNDS):
        found = _search(usable, [calls[row] for row in looked_at], [targets[r] for r in looked_at])
        if found is None:
            return None
        wrong = [row for row, call in enumerate(calls) if _made(found, call) != targets[row]]
        if not wrong:
            return found
        looked_at += wrong[:4]
    return None


def _distinct(targets: Sequence[str]) -> list[int]:
    """Rows with different targets, from all over."""
    rows = list({target: row for row, target in enumerate(targets)}.values())
    step = max(1, len(rows) // _ROWS)
    return rows[::step][:_ROWS]


def _made(pieces: list[str | Source], call: Call) -> str | None:
    made = [piece if isinstance(piece, str) else piece.value(call) for piece in pieces]
    return "".join(made) if all(isinstance(text, str) for text in made) else None


def _search(
    usable: Sequence[Source], calls: Sequence[Call], targets: Sequence[str]
) -> list[str | Source] | None:
    """Pieces that make these targets: depth first, the longest values first, a fixed character
    where no value fits. A state is how far each target is made.
    """
    values: dict[tuple[str, ...], Source] = {}
    for source in usable:
        texts = _within(source, calls, targets)
        if texts:
            values.setdefault(texts, source)
    ordered = sorted(values.items(), key=lambda item: -sum(map(len, item[0])))
    end = tuple(map(len, targets))
    start = (0,) * len(targets)
    before: dict[tuple[int, ...], tuple[tuple[int, ...], str | Source]] = {}
    todo = [start]
    seen = {start}
    while todo and len(seen) < _MOST_STATES:
        state = todo.pop()
        if state == end:
            return _pieces(before, state, start)
        steps: list[tuple[tuple[int, ...], str | Source]] = [
            (tuple(at + len(text) for at, text in zip(state, texts, strict=True)), source)
            for texts, source in ordered
            if all(map(str.startswith, targets, texts, state))
        ]
        following = {target[at : at + 1] for at, target in zip(state, targets, strict=True)}
        if len(following) == 1 and "" not in following:
            steps.append((tuple(at + 1 for at in state), following.pop()))
        for after, piece in reversed(steps):
            if after not in seen:
                seen.add(after)
                before[after] = state, piece
                todo.append(after)
    return None


def _within(
    source: Source, calls: Sequence[Call], targets: Sequence[str]
) -> tuple[str, ...] | None:
    """The values of a source, where each is a part of its target."""
    texts = []
    for call, target in zip(calls, targets, strict=True):
        text = source.value(call)
        if not isinstance(text, str) or not text or text not in target:
            return None
        texts.append(text)
    return tuple(texts) if len(set(texts)) > 1 else None


def _pieces(
    before: dict[tuple[int, ...], tuple[tuple[int, ...], str | Source]],
    state: tuple[int, ...],
    start: tuple[int, ...],
) -> list[str | Source]:
    found: list[str | Source] = []
    while state != start:
        state, piece = before[state]
        if isinstance(piece, str) and found and isinstance(found[-1], str):
            found[-1] = piece + found[-1]
        else:
            found.append(piece)
    return found[::-1]
