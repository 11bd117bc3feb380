"""The whole answer, part by part: which predictor each part of a schema gets."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from distilgen.embedded.call import ANSWER, Call
from distilgen.embedded.exact import Source
from distilgen.embedded.model import Fields, Maybe, Places, Unknown, Variants
from distilgen.embedded.predictor import Predicted
from distilgen.training.embedded import columns
from distilgen.training.embedded.fit import Fitted, fit
from distilgen.training.embedded.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distilgen.training.embedded.fitter import Fitter

    Learn = Callable[..., Fitted]

STRING, INTEGER = {"type": "string"}, {"type": "integer"}
ROWS = 60


def arguments(number: int) -> dict[str, Any]:
    draw = random.Random(number)
    return {
        "text": f"text {draw.random()}",
        "count": draw.randrange(10_000),
        "kind": draw.choice(["mail", "call", "visit"]),
        "urgent": draw.random() < 0.5,
    }


@pytest.fixture
def learn(fitters: Sequence[Fitter]) -> Learn:
    def learn(
        teacher: Callable[[dict[str, Any]], Any], schema: dict[str, Any], *more: Fitter
    ) -> Fitted:
        calls = [Call(arguments(number)) for number in range(ROWS)]
        targets = [teacher(dict(call.arguments)) for call in calls]
        shape = Shape({}, schema.get("$defs", {})).below(schema)
        assert shape is not None
        return fit(calls, targets, shape, columns.of(calls, None), (*fitters, *more))

    return learn


def obj(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


NULLABLE = {"anyOf": [STRING, {"type": "null"}]}
MAIL, VISIT = obj(to=STRING), obj(count=INTEGER, kind={"const": "visit"})


@pytest.mark.parametrize(
    ("schema", "teacher", "kind"),
    [
        pytest.param(STRING, lambda a: a["text"], "copy", id="a text"),
        pytest.param({"type": "boolean"}, lambda a: a["kind"] == "mail", "table", id="a bool"),
        pytest.param(obj(a=STRING, b=INTEGER), lambda a: {"a": a["text"], "b": a["count"]},
                     "fields", id="an object"),
        pytest.param(obj(a=obj(b=INTEGER)), lambda a: {"a": {"b": a["count"]}}, "fields",
                     id="an object within an object"),
        pytest.param({"$ref": "#/$defs/A", "$defs": {"A": obj(a=STRING)}},
                     lambda a: {"a": a["text"]}, "fields", id="a reference"),
        pytest.param(NULLABLE, lambda a: a["text"] if a["urgent"] else None, "maybe",
                     id="a text or null"),
        pytest.param(NULLABLE, lambda a: a["text"], "copy", id="a text that is never null"),
        pytest.param(NULLABLE, lambda _: None, "constant", id="always null"),
        pytest.param(NULLABLE, lambda a: "x" if a["urgent"] else None, "table",
                     id="one text or null"),
        pytest.param({"anyOf": [obj(b=INTEGER), {"type": "null"}]},
                     lambda a: {"b": a["count"]} if a["urgent"] else None, "maybe",
                     id="an object or null"),
        pytest.param({"anyOf": [MAIL, VISIT]},
                     lambda a: {"count": a["count"], "kind": "visit"} if a["urgent"]
                     else {"to": a["text"]}, "variants", id="a union"),
        pytest.param({"oneOf": [MAIL, VISIT]}, lambda a: {"to": a["text"]}, "fields",
                     id="a union of which one type is used"),
        pytest.param({"type": "array", "prefixItems": [STRING, INTEGER]},
                     lambda a: [a["text"], a["count"]], "places", id="a tuple"),
        pytest.param({"type": "object", "additionalProperties": INTEGER},
                     lambda a: {"x": a["count"], "y": 1}, "fields",
                     id="a dictionary with always the same keys"),
        pytest.param({}, lambda a: a["text"], "copy", id="anything"),
        pytest.param(STRING, lambda a: "" if a["urgent"] else a["text"], "maybe",
                     id="a value that stands out"),
    ],
)  # fmt: skip
def test_parts_are_learnt(
    schema: dict[str, Any], teacher: Callable[[dict[str, Any]], Any], kind: str, learn: Learn
) -> None:
    fitted = learn(teacher, schema)
    assert fitted.predictor.kind == kind
    for number in range(ROWS, ROWS + 30):
        assert fitted.predictor.predict(Call(arguments(number))).value == teacher(arguments(number))


@pytest.mark.parametrize(
    ("schema", "teacher", "why"),
    [
        pytest.param(STRING, lambda a: a["text"][::-1], "stand in no argument", id="a text"),
        pytest.param({"type": "object", "additionalProperties": INTEGER},
                     lambda a: {a["text"]: 1}, "keys are not always", id="free keys"),
        pytest.param({"type": "array", "items": STRING}, lambda a: [a["text"][::-1]],
                     "lists and objects", id="a list"),
        pytest.param({"anyOf": [STRING, INTEGER]}, lambda a: [a["text"][::-1]],
                     "lists and objects", id="not as the schema says"),
    ],
)  # fmt: skip
def test_what_is_not_learnt_says_why(
    schema: dict[str, Any], teacher: Callable[[dict[str, Any]], Any], why: str, learn: Learn
) -> None:
    fitted = learn(teacher, schema)
    assert isinstance(fitted.predictor, Unknown)
    assert why in fitted.predictor.why
    assert why in fitted.leaves[0].why


def test_a_type_within_itself_is_not_learnt(learn: Learn) -> None:
    tree = obj(name=STRING, below={"anyOf": [{"$ref": "#/$defs/Tree"}, {"type": "null"}]})
    fitted = learn(
        lambda a: {"name": a["text"], "below": {"name": a["text"][::-1], "below": None}},
        {"$ref": "#/$defs/Tree", "$defs": {"Tree": tree}},
    )
    assert isinstance(fitted.predictor, Fields)
    assert fitted.predictor.fields["name"].kind == "copy"
    assert isinstance(fitted.predictor.fields["below"], Unknown)
    assert "within itself" in fitted.predictor.fields["below"].why


def test_a_key_that_is_missing_sometimes(learn: Learn) -> None:
    def teacher(a: dict[str, Any]) -> dict[str, Any]:
        return {"to": a["text"], **({"count": a["count"]} if a["urgent"] else {})}

    fitted = learn(teacher, obj(to=STRING, count=INTEGER))
    for number in range(ROWS, ROWS + 30):
        assert fitted.predictor.predict(Call(arguments(number))).value == teacher(arguments(number))


def test_a_part_with_hardly_any_rows_is_not_learnt(learn: Learn) -> None:
    rare = arguments(7)["text"]
    fitted = learn(lambda a: {"b": 1} if a["text"] == rare else None,
                   {"anyOf": [obj(b=INTEGER), {"type": "null"}]})  # fmt: skip
    assert isinstance(fitted.predictor, Maybe)
    assert isinstance(fitted.predictor.inner, Unknown)


def test_leaves_tell_what_was_made_of_the_parts(learn: Learn) -> None:
    fitted = learn(
        lambda a: {"to": a["text"], "kind": a["kind"] == "mail", "no": a["text"][::-1]},
        obj(to=STRING, kind={"type": "boolean"}, no=STRING),
    )
    assert [(leaf.path, leaf.name, leaf.exact) for leaf in fitted.leaves] == [
        (("to",), "copy", True),
        (("kind",), "lookup", False),
        (("no",), "", False),
    ]
    assert fitted.statistical == {("kind",)}
    assert not fitted.exact


def test_tuples_of_objects_and_unions_are_put_together(learn: Learn) -> None:
    fitted = learn(
        lambda a: [{"to": a["text"]}, a["count"] if a["urgent"] else a["text"]],
        {"type": "array", "prefixItems": [MAIL, {"anyOf": [STRING, INTEGER]}]},
    )
    assert isinstance(fitted.predictor, Places)
    assert isinstance(fitted.predictor.places[0], Fields)
    assert fitted.predictor.places[1].kind in ("variants", "unknown")


def test_a_union_of_scalars_is_told_apart(learn: Learn) -> None:
    union = {"anyOf": [obj(a=STRING), INTEGER]}
    fitted = learn(lambda a: a["count"] if a["urgent"] else {"a": a["text"]}, union)
    assert isinstance(fitted.predictor, Variants)


def parity(a: dict[str, Any]) -> dict[str, Any]:
    """`same` can be told by the other two fields, and hardly by one argument."""
    mail = a["kind"] == "mail"
    return {"same": {"x": "y", "z": mail is a["urgent"]}["z"], "both": f"{mail} {a['urgent']}",
            "mail": mail}  # fmt: skip


def test_a_field_may_look_at_those_before_it(learn: Learn) -> None:
    class Pairs:
        """As a lookup of two columns, which finds `both`."""

        name = "pairs"
        exact = False

        def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Any) -> Any:
            from distilgen.embedded.exact import Source, Table, key

            if field.path != ("both",):
                return None
            sources = (Source(("kind",)), Source(("urgent",)))
            values = tuple(sorted({f'"{target}"' for target in targets}))
            rows = {
                key(sources, call): values.index(f'"{target}"')
                for call, target in zip(calls, targets, strict=True)
            }
            return Table(sources, rows, values, 1.0)

    fitted = learn(
        parity, obj(same={"type": "boolean"}, both=STRING, mail={"type": "boolean"}), Pairs()
    )
    predictor = fitted.predictor
    assert isinstance(predictor, Fields)
    assert predictor.later == ("same",)
    assert [leaf.later for leaf in fitted.leaves] == [True, False, False]
    for number in range(ROWS, ROWS + 30):
        found = predictor.predict(Call(arguments(number)))
        assert found.value == parity(arguments(number))
        assert list(found.value) == ["same", "both", "mail"]


@dataclass(frozen=True)
class Partly:
    """Right of some calls in ten. sources: what it looks at."""

    kind: ClassVar[str] = "partly"
    right: int
    sources: tuple[Source, ...]

    def predict(self, call: Call) -> Predicted:
        number = call.arguments["n"]
        return Predicted(number % 7 if number % 10 < self.right else -1, 0.5)

    def check(self) -> None:
        """It is what it is."""


def test_the_field_that_gains_most_by_the_others_looks_at_all_of_them() -> None:
    class Gaining:
        name = "gaining"
        exact = False

        def fit(self, calls: Sequence[Call], targets: Sequence[Any], field: Any) -> Any:
            del calls, targets
            seen = {path[1] for path, _ in field.columns if path[0] == ANSWER}
            right = {"alone": 6, "some": 5 + 2 * bool(seen), "most": 2 + 2 * len(seen)}
            sources = tuple(Source((ANSWER, name)) for name in sorted(seen))
            return Partly(right[field.path[0]], sources)

    calls = [Call({"n": number}) for number in range(300)]
    targets = [dict.fromkeys(("most", "some", "alone"), number % 7) for number in range(300)]
    shape = Shape({}, {}).below(obj(most=INTEGER, some=INTEGER, alone=INTEGER))
    assert shape is not None
    predictor = fit(calls, targets, shape, columns.of(calls, None), [Gaining()]).predictor
    assert isinstance(predictor, Fields)
    assert predictor.later == ("some", "most")
    assert predictor.seen == ("some", "alone")
    looked_at = {
        name: [source.path[1] for source in part.sources]
        for name, part in predictor.fields.items()
        if isinstance(part, Partly)
    }
    assert looked_at == {"most": ["alone", "some"], "some": ["alone"], "alone": []}
    assert list(predictor.predict(Call({"n": 1})).value) == ["most", "some", "alone"]
