"""distilgen.training.embedded.exact, template and formula: what holds for every row is found."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest

from distilgen.embedded.call import Call
from distilgen.training.embedded import columns, exact
from distilgen.training.embedded.fitter import Field
from distilgen.training.embedded.formula import FormulaFitter

FITTERS = (
    exact.ConstantFitter(),
    exact.CopyFitter(),
    exact.TemplateFitter(),
    FormulaFitter(),
    exact.TableFitter(),
)


def fitted(rows: Any) -> Any:
    calls = [Call(arguments) for arguments, _ in rows]
    field = Field(("field",), {}, columns.of(calls, None), 0)
    targets = [target for _, target in rows]
    return next((made for fitter in FITTERS if (made := fitter.fit(calls, targets, field))), None)


def rows_of(make: Any, teacher: Any, count: Any, seed: Any) -> Any:
    draw = random.Random(seed)
    return [(arguments, teacher(arguments)) for arguments in (make(draw) for _ in range(count))]


def right(predictor: Any, make: Any, teacher: Any) -> Any:
    """Share of new calls on which a predictor is right."""
    new = rows_of(make, teacher, 200, 2)
    answers = [predictor.predict(Call(arguments)) for arguments, _ in new]
    return sum(
        answer.value == target and answer.confidence > 0.9
        for answer, (_, target) in zip(answers, new, strict=True)
    ) / len(new)


def integers(draw: Any) -> Any:
    return {"a": draw.randint(100, 999), "b": draw.randint(100, 999)}


def large(draw: Any) -> Any:
    return {"a": draw.randint(10**20, 10**21), "b": draw.randint(10**20, 10**21)}


def order(draw: Any) -> Any:
    return {
        "price": round(draw.uniform(1, 500), 2),
        "count": draw.randint(1, 40),
        "off": draw.choice([0, 0.05, 0.1, 0.2]),
        "to": draw.choice(["home", "europe", "world"]),
    }


def person(draw: Any) -> Any:
    def word() -> Any:
        return "".join(draw.choices("abcdefghijklmnop", k=draw.randint(3, 9)))

    return {
        "first": word().title(),
        "last": f"{word().title()} {word().title()}",
        "mail": f"{word()}.{word()}@{word()}.org",
        "number": draw.randint(1, 99999),
    }


def basket(draw: Any) -> Any:
    lines = [
        {"sku": f"S{draw.randint(1, 99)}", "n": draw.randint(1, 9), "p": draw.randint(1, 999) / 4}
        for _ in range(draw.randint(1, 6))
    ]
    return {"basket": {"lines": lines, "shipping": draw.choice([5, 10])}}


def stay(draw: Any) -> Any:
    day = dt.date(2024, 1, 1) + dt.timedelta(draw.randint(0, 700))
    return {"begin": day.isoformat(), "nights": draw.randint(1, 30)}


RATES = {"home": (5, 0.3), "europe": (7.5, 0.45), "world": (12, 1.1)}


@pytest.mark.parametrize(
    ("make", "teacher", "kind"),
    [
        pytest.param(make, teacher, kind, id=name)
        for name, make, teacher, kind in [
            ("constant", integers, lambda _: {"x": [1]}, "constant"),
            ("copy", integers, lambda a: a["b"], "copy"),
            ("digit", integers, lambda a: a["a"] // 10 % 10, "copy"),
            ("list", basket, lambda a: [line["sku"] for line in a["basket"]["lines"]], "copy"),
            ("object", basket, lambda a: a["basket"], "copy"),
            ("upper", person, lambda a: a["last"].upper(), "copy"),
            ("domain", person, lambda a: a["mail"].split("@")[1], "copy"),
            ("cut", person, lambda a: a["mail"][:6], "copy"),
            ("product", integers, lambda a: a["a"] * a["b"], "formula"),
            ("large", large, lambda a: a["a"] * a["b"], "formula"),
            ("linear", integers, lambda a: 3 * a["a"] - 2 * a["b"] + 7, "formula"),
            ("squares", integers, lambda a: a["a"] ** 2 - a["a"] * a["b"] + a["b"], "formula"),
            ("minutes", integers, lambda a: a["a"] // 60, "formula"),
            ("quotient", integers, lambda a: a["a"] // a["b"], "formula"),
            ("remainder", integers, lambda a: a["a"] % 7, "formula"),
            ("money", order, lambda a: f"{round(a['price'] * 1.19, 2):.2f}", "formula"),
            ("tax", order, lambda a: round(a["price"] * 1.19, 2), "formula"),
            ("unrounded", order, lambda a: a["price"] * 1.2 + 4.99, "formula"),
            ("mean", order, lambda a: round(a["price"] / a["count"], 2), "formula"),
            ("total", order, lambda a: round(a["price"] * a["count"] * (1 - a["off"]), 2), None),
            (
                "rates",
                order,
                lambda a: round(RATES[a["to"]][0] + RATES[a["to"]][1] * a["price"], 2),
                "cases",
            ),
            ("name", person, lambda a: f"{a['last']}, {a['first'][0]}.", "template"),
            ("id", person, lambda a: f"ORD-{a['number']:06d}", "template"),
            (
                "sum",
                basket,
                lambda a: (
                    sum(x["n"] * x["p"] for x in a["basket"]["lines"]) + a["basket"]["shipping"]
                ),
                "formula",
            ),
            ("flag", order, lambda a: {"home": False}.get(a["to"], True), "table"),
            (
                "end",
                stay,
                lambda a: (
                    dt.date.fromisoformat(a["begin"]) + dt.timedelta(a["nights"])
                ).isoformat(),
                "formula",
            ),
        ]
    ],
)
def test_a_relation_is_found_and_holds_for_new_calls(make: Any, teacher: Any, kind: Any) -> None:
    found = fitted(rows_of(make, teacher, 150, 1))
    assert found is not None
    found.check()
    assert kind in (None, found.kind)
    assert right(found, make, teacher) > 0.99


def test_few_rows_are_enough_where_numbers_have_many_values() -> None:
    found = fitted(rows_of(integers, lambda a: a["a"] * a["b"], 15, 1))
    assert right(found, integers, lambda a: a["a"] * a["b"]) == 1


@pytest.mark.parametrize("count", [8, 15, 40, 200])
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("make", [integers, order, person])
def test_chance_is_no_relation(make: Any, count: Any, seed: Any) -> None:
    draw = random.Random(seed + 100)
    for values in ([True, False], ["x", "y", "z"], range(4), range(10**6)):
        rows = rows_of(make, lambda _: draw.choice(values), count, seed)  # noqa: B023 - called here
        if len({str(target) for _, target in rows}) > 1:
            assert fitted(rows) is None


def test_one_wrong_row_is_no_relation() -> None:
    rows = rows_of(integers, lambda a: a["a"] * a["b"], 100, 1)
    rows[50] = rows[50][0], rows[50][1] + 1
    assert fitted(rows) is None


def test_a_table_is_as_sure_as_all_its_rows_make_it() -> None:
    draw = random.Random(1)
    found = fitted([({"a": n}, n % 7 < 3) for n in (draw.randrange(50) for _ in range(300))])
    assert found.kind == "table"
    assert found.sure == exact.sureness(250)


def test_a_boolean_is_no_number() -> None:
    assert fitted([({"a": n % 2}, bool(n % 2)) for n in range(100)]).kind == "table"


def test_the_simplest_of_equal_relations_is_taken() -> None:
    rows = [({"a": f"x{n}", "b": f"x{n}", "n": n}, f"x{n}") for n in range(50)]
    assert fitted(rows).source.path == ("a",)
    assert fitted(rows).source.steps == ()
    squares = [({"n": n, "m": n * n}, n * n) for n in range(50)]
    assert fitted(squares).source.path == ("m",)


def test_the_same_rows_give_the_same_predictor() -> None:
    rows = rows_of(order, lambda a: round(RATES[a["to"]][0] + a["price"] * 2, 2), 150, 1)
    assert fitted(rows) == fitted(rows)


def test_nothing_is_made_of_nothing() -> None:
    assert fitted([]) is None
    assert fitted([({}, 1)] * 5) is None
    assert fitted([({}, n) for n in range(50)]) is None


def test_what_stands_between_two_separators_of_which_either_may_be_missing() -> None:
    def make(draw: random.Random) -> dict[str, Any]:
        epoch = f"{draw.randrange(1, 9)}:" if draw.random() < 0.1 else ""
        upstream = ".".join(str(draw.randrange(30)) for _ in range(3))
        dash = f"-rc{draw.randrange(3)}" if draw.random() < 0.2 else ""
        revision = f"-{draw.randrange(1, 20)}" if draw.random() < 0.8 or dash else ""
        return {"version": f"{epoch}{upstream}{dash}{revision}"}

    def teacher(arguments: dict[str, Any]) -> str:
        rest = arguments["version"].rpartition(":")[2]
        return str(rest.rpartition("-")[0] or rest)

    predictor = fitted(rows_of(make, teacher, 200, 1))
    assert predictor.kind == "copy"
    assert right(predictor, make, teacher) == 1.0
