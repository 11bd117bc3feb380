"""Fits the whole answer, part by part, as its schema says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from distilgen.agreement import alike
from distilgen.contract import canonical_json
from distilgen.embedded.call import ANSWER
from distilgen.embedded.model import Fields, Maybe, Places, Unknown, Variants
from distilgen.training.embedded import chain, choice
from distilgen.training.embedded.fitter import Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from distilgen.embedded.call import Call, Path
    from distilgen.embedded.predictor import Predictor
    from distilgen.training.embedded.choice import Choice
    from distilgen.training.embedded.fitter import Column, Fitter
    from distilgen.training.embedded.shape import Schema, Shape

_LEAST = 3  # rows of a part: with fewer, nothing is fitted to it
_GOOD = 0.98  # agreement of a part, from which on nothing else is looked for
_CLOSED = 20  # values among which none stands out: a classifier knows all of them
_STANDS_OUT = 0.05  # share of rows that have a value which stands out
_GAIN = 0.02  # agreement by which two predictors must be better than one, or half of what is left
_OF_OTHERS = {"closed", "labels"}  # fitters for fields that look at others
_SURE = 0.98  # agreement of a field, from which on it need not look at others
_FREE = 50  # keys of an object whose schema names none, that are looked at


@dataclass(frozen=True)
class Leaf:
    """A part of the answer that has one predictor. path: where it stands. name: of what fitted it;
    empty where nothing did. why: nothing did. exact: the relation holds for all rows. paths: the
    columns that the predictor looks at. later: fields of the answer are among them.
    """

    path: Path
    name: str
    exact: bool = False
    why: str = ""
    paths: frozenset[Path] = frozenset()

    @property
    def later(self) -> bool:
        """Does it look at other fields of the answer?"""
        return any(path[0] == ANSWER for path in self.paths)


@dataclass(frozen=True)
class Fitted:
    """predictor: of an answer, or a part of one. leaves: its parts, in the order of the schema."""

    predictor: Predictor
    leaves: tuple[Leaf, ...]

    @property
    def exact(self) -> bool:
        """Does every relation hold for all rows?"""
        return all(leaf.exact for leaf in self.leaves)

    def answers(self, path: Path) -> Iterator[Path]:
        """The fields of an object of the answer that it looks at. path: of the object."""
        start = (ANSWER, *path)
        for leaf in self.leaves:
            yield from (its for its in leaf.paths if its[: len(start)] == start)

    @property
    def statistical(self) -> frozenset[Path]:
        """The columns that predictors look at which are not exact."""
        return frozenset().union(*(leaf.paths for leaf in self.leaves if not leaf.exact))


def fit(
    calls: Sequence[Call],
    targets: Sequence[Any],
    shape: Shape,
    columns: tuple[Column, ...],
    fitters: Sequence[Fitter],
    seed: int = 0,
) -> Fitted:
    """The predictor of an answer. targets: JSON values, in an order that has nothing to do with
    them, for choices look at the first rows. The calls learn the fields of their answers: they are
    not to be predicted.
    """
    return _Work(columns, tuple(fitters), seed).part(calls, targets, shape, ())


@dataclass(frozen=True)
class _Work:
    columns: tuple[Column, ...]
    fitters: tuple[Fitter, ...]
    seed: int
    splits: bool = True  # are values that stand out told apart, where that is better?

    def part(
        self, calls: Sequence[Call], targets: Sequence[Any], shape: Shape | None, path: Path
    ) -> Fitted:
        """The predictor of what stands at a path of the answer."""
        if len(targets) < _LEAST:
            return _unknown(path, f"{len(targets)} calls have a value here: too few")
        if shape is None:
            return _unknown(path, "its type is within itself")
        there = [item for item in targets if item is not None]
        if shape.is_scalar and (len(there) == len(targets) or _few(there)):
            return self._leaf(calls, targets, shape.leaf, path)
        exact = [fitter for fitter in self.fitters if fitter.exact]
        whole = choice.choose(calls, targets, self._field(shape.leaf, path), exact)
        if whole.predictor is not None:
            return _done(path, whole)
        if len(there) < len(targets):
            present = [item is not None for item in targets]
            return self._maybe(calls, targets, present, shape, path, "null")
        if len(shape.alternatives) == 1:
            return self.part(calls, targets, shape.below(shape.alternatives[0]), path)
        if shape.alternatives:
            return self._variants(calls, targets, shape, path)
        if all(isinstance(item, dict) for item in targets):
            return self._fields(calls, targets, shape, path)
        if shape.places and {len(item) for item in targets} == {len(shape.places)}:
            return self._places(calls, targets, shape, path)
        return self._leaf(calls, targets, shape.leaf, path)

    def _fields(
        self, calls: Sequence[Call], targets: Sequence[Any], shape: Shape, path: Path
    ) -> Fitted:
        names = dict.fromkeys(shape.properties)
        for item in targets:
            names.update(dict.fromkeys(item))
        free = [name for name in names if name not in shape.properties]
        same = all(item.keys() == targets[0].keys() for item in targets)
        if free and not (same and len(names) <= _FREE):
            return _unknown(path, "its keys are not always the same")
        made: dict[str, Fitted] = {}
        for name in names:
            below = shape.below(shape.properties.get(name, {}))
            there = [name in item for item in targets]
            values = [item.get(name) for item in targets]
            if all(there):
                made[name] = self.part(calls, values, below, (*path, name))
            elif any(there):
                made[name] = self._maybe(calls, values, there, below, (*path, name), "")
        made, seen, later = self._chained(calls, targets, shape, path, made)
        fields = {name: fitted.predictor for name, fitted in made.items()}
        return Fitted(Fields(fields, path, seen, later), _leaves(made.values()))

    def _chained(
        self, calls: Sequence[Call], targets: Sequence[Any], shape: Shape, path: Path,
        made: dict[str, Fitted],
    ) -> tuple[dict[str, Fitted], tuple[str, ...], tuple[str, ...]]:  # fmt: skip
        """The fields of an object, of which some look at others: those that are clearly better so.
        Also the names of those that are looked at, and of those that look, in the order in which
        they do: the more a field gains, the later it is, and it looks at those before it.

        They learn of the teacher's values, and see the student's: by the chain rule, the whole
        answer is right as often as each field is where those before it are.
        """
        shown = chain.columns(targets, path) if len(made) > 1 else {}
        if all(made[name].exact for name in shown):
            return made, (), ()
        for name in shown:
            for call, item in zip(calls, targets, strict=True):
                call.put((ANSWER, *path, name), item[name])
        values = {name: [item[name] for item in targets] for name in shown}
        gains: dict[str, tuple[tuple[Column, ...], list[bool]]] = {}
        alone: dict[str, list[bool]] = {}
        quick = {name: self._quick(fitted) for name, fitted in made.items()}
        for name in shown:
            if not made[name].exact:
                alone[name] = quick[name].held_out(calls, values[name], shape, path, name)
                if sum(alone[name]) < _SURE * len(alone[name]):
                    found = quick[name].looking(calls, values[name], shape, path, name, shown)
                    if choice.is_better(found[1], alone[name]):
                        gains[name] = found
        made, later = dict(made), []
        waiting = sorted(gains, key=lambda name: sum(gains[name][1]) - sum(alone[name]))
        while waiting:
            name = waiting.pop(0)
            seen, right = gains[name]
            if waiting:
                before = {other: its for other, its in shown.items() if other not in waiting}
                seen, right = quick[name].looking(calls, values[name], shape, path, name, before)
            if choice.is_better(right, alone[name]):
                below = shape.below(shape.properties.get(name, {}))
                wider = replace(self, columns=seen)
                made[name] = wider.part(calls, values[name], below, (*path, name))
                later.append(name)
        looked_at = {its[len(path) + 1] for name in later for its in made[name].answers(path)}
        return made, tuple(name for name in made if name in looked_at), tuple(later)

    def _quick(self, fitted: Fitted) -> _Work:
        """Fits a field once more with what was chosen for it, and as a closed set."""
        names = {leaf.name for leaf in fitted.leaves} | _OF_OTHERS
        fitters = tuple(item for item in self.fitters if item.exact or item.name in names)
        return replace(self, fitters=fitters, splits=False)

    def looking(
        self, calls: Sequence[Call], values: Sequence[Any], shape: Shape, path: Path, name: str,
        shown: Mapping[str, list[Column]],
    ) -> tuple[tuple[Column, ...], list[bool]]:  # fmt: skip
        """The columns of a field that looks at others, and of rows held out, whether it is right:
        it looks at nothing but them, where that is as good.
        """
        others = tuple(
            column for other, columns in shown.items() if other != name for column in columns
        )
        tried = [
            (columns, replace(self, columns=columns).held_out(calls, values, shape, path, name))
            for columns in (others, (*self.columns, *others))
        ]
        return max(tried, key=lambda item: sum(item[1]))

    def held_out(
        self, calls: Sequence[Call], values: Sequence[Any], shape: Shape, path: Path, name: str
    ) -> list[bool]:
        """Of rows held out, whether the predictor of a field answers as the teacher."""
        calls, values = calls[: choice.ROWS], values[: choice.ROWS]
        out = len(values) // 3
        below = shape.below(shape.properties.get(name, {}))
        predictor = self.part(calls[out:], values[out:], below, (*path, name)).predictor
        return [
            alike(predictor.predict(call.copy()).value, value)
            for call, value in zip(calls[:out], values[:out], strict=True)
        ]

    def _places(
        self, calls: Sequence[Call], targets: Sequence[Any], shape: Shape, path: Path
    ) -> Fitted:
        made = [
            self.part(
                calls, [item[place] for item in targets], shape.below(schema), (*path, str(place))
            )
            for place, schema in enumerate(shape.places)
        ]
        return Fitted(Places(tuple(item.predictor for item in made)), _leaves(made))

    def _maybe(
        self, calls: Sequence[Call], targets: Sequence[Any], there: Sequence[bool],
        shape: Shape | None, path: Path, instead: str,
    ) -> Fitted:  # fmt: skip
        presence = self._leaf(calls, there, {"type": "boolean"}, (*path, "?"))
        which = [place for place, present in enumerate(there) if present]
        inner = self.part([calls[i] for i in which], [targets[i] for i in which], shape, path)
        predictor = Maybe(presence.predictor, inner.predictor, instead)
        return Fitted(predictor, _leaves([presence, inner]))

    def _variants(
        self, calls: Sequence[Call], targets: Sequence[Any], shape: Shape, path: Path
    ) -> Fitted:
        which = [shape.variant_of(item) for item in targets]
        if -1 in which:
            return self._leaf(calls, targets, shape.leaf, path)
        names = sorted(set(which))
        inner = []
        for variant in names:
            rows = [place for place, found in enumerate(which) if found == variant]
            below = shape.below(shape.alternatives[variant])
            inner.append(
                self.part([calls[i] for i in rows], [targets[i] for i in rows], below, path)
            )
        if len(inner) == 1:
            return inner[0]
        chosen = [str(names.index(variant)) for variant in which]
        labels = {"enum": [str(place) for place in range(len(names))]}
        told_apart = self._leaf(calls, chosen, labels, (*path, "type"))
        predictor = Variants(told_apart.predictor, tuple(item.predictor for item in inner))
        return Fitted(predictor, _leaves([told_apart, *inner]))

    def _leaf(
        self, calls: Sequence[Call], targets: Sequence[Any], schema: Schema, path: Path
    ) -> Fitted:
        """The predictor of a part without parts. Where none is good and one value stands out, that
        value and the others are told apart first.
        """
        wanted = self._field(schema, path)
        found = choice.choose(calls, targets, wanted, self.fitters)
        usual = None if found.exact or not self.splits else _usual(targets)
        if usual is not None:
            agreement = choice.agreement(calls, targets, wanted, self.fitters, found)
            if agreement < _GOOD:
                least = agreement + min(_GAIN, (1 - agreement) / 2)
                split = self._split(calls, targets, wanted, usual, least)
                if split is not None:
                    return split
        return _unknown(path, _reason(targets)) if found.predictor is None else _done(path, found)

    def _split(
        self, calls: Sequence[Call], targets: Sequence[Any], wanted: Field, usual: str, least: float
    ) -> Fitted | None:
        """Two predictors, where they agree in at least such a share of rows together."""
        there = [canonical_json(item) != usual for item in targets]
        which = [place for place, other in enumerate(there) if other]
        if len(which) < _LEAST:
            return None
        some, others = [calls[i] for i in which], [targets[i] for i in which]
        inner = choice.choose(some, others, wanted, self.fitters)
        if inner.predictor is None:
            return None
        boolean = self._field({"type": "boolean"}, (*wanted.path, "?"))
        presence = choice.choose(calls, there, boolean, self.fitters)
        if presence.predictor is None:
            return None
        rest = len(which) / len(targets)
        right = choice.agreement(some, others, wanted, self.fitters, inner)
        told_apart = choice.agreement(calls, there, boolean, self.fitters, presence)
        if told_apart * (1 - rest + rest * right) < least:
            return None
        parts = [_done(boolean.path, presence), _done(wanted.path, inner)]
        return Fitted(Maybe(parts[0].predictor, parts[1].predictor, usual), _leaves(parts))

    def _field(self, schema: Schema, path: Path) -> Field:
        return Field(path, schema, self.columns, self.seed)


def _done(path: Path, found: Choice) -> Fitted:
    predictor = found.predictor or Unknown("")
    leaf = Leaf(path, found.fitter, found.exact, paths=frozenset(paths_in(predictor)))
    return Fitted(predictor, (leaf,))


def _unknown(path: Path, why: str) -> Fitted:
    return Fitted(Unknown(why), (Leaf(path, "", why=why),))


def _leaves(several: Iterable[Fitted]) -> tuple[Leaf, ...]:
    return tuple(leaf for fitted in several for leaf in fitted.leaves)


def paths_in(predictor: Any) -> Iterator[Path]:
    """The columns that a predictor looks at: every `path` in its data, and `other` beside it."""
    if is_dataclass(predictor):
        values = vars(predictor)
        for name in ("path", "other"):
            if isinstance(values.get(name), tuple) and values[name]:
                yield values[name]
        for name in (item.name for item in fields(predictor)):
            yield from paths_in(values[name])
    elif isinstance(predictor, tuple):
        for item in predictor:
            yield from paths_in(item)
    elif isinstance(predictor, dict):
        for item in predictor.values():
            yield from paths_in(item)


def _usual(targets: Sequence[Any]) -> str | None:
    """The value that stands out, as JSON: many rows have it, and others have very many more."""
    counts = Counter(map(canonical_json, targets))
    value, count = counts.most_common(1)[0]
    open_set = len(counts) > _CLOSED and not isinstance(targets[0], dict | list)
    return value if open_set and count >= max(_LEAST, _STANDS_OUT * len(targets)) else None


def _few(values: Sequence[Any]) -> bool:
    """Is nothing to be told but that there is a value, or which of very few?"""
    return len({repr(value) for value in values}) <= max(1, min(20, len(values) // 10))


def _reason(targets: Sequence[Any]) -> str:
    if any(isinstance(item, dict | list) for item in targets):
        return "lists and objects like these are not learnt"
    return "its values stand in no argument, and hardly any comes twice"
