"""Raw values become what the parameters want."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
from decimal import Decimal
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field

from distilgen.collection.given import Given
from distilgen.collection.typed import MisfitError, Typed
from distilgen.errors import CollectError, UsageError


class Size(enum.Enum):
    BIG = "big"
    SMALL = 2


class Item(BaseModel):
    name: str
    at: dt.date


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)

    at: dt.date
    tags: set[int]


class Odd:
    pass


def takes(annotation: Any, default: Any = inspect.Parameter.empty) -> Typed:
    def function(x: Any) -> None: ...

    function.__annotations__ = {"x": annotation}
    parameter = inspect.Parameter(
        "x", inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=annotation
    )
    return Typed.of(function, {"x": parameter})


@pytest.mark.parametrize(
    ("annotation", "cell", "value"),
    [
        (int, "5", 5),
        (float, "1e3", 1000.0),
        (bool, "yes", True),
        (str, "5", "5"),
        (str, "", ""),
        (str | None, "", ""),
        (int | None, "", None),
        (int | None, "7", 7),
        (dt.date, "2026-02-03", dt.date(2026, 2, 3)),
        (dt.datetime, "2026-02-03T04:05:06Z", dt.datetime(2026, 2, 3, 4, 5, 6, tzinfo=dt.UTC)),
        (Decimal, "1.50", Decimal("1.50")),
        (Size, "big", Size.BIG),
        (Size, "2", Size.SMALL),
        (Literal["a", "b"], "a", "a"),
        (list[int], "[1, 2]", [1, 2]),
        (set[str], '["a"]', {"a"}),
        (dict[str, int], '{"a": 1}', {"a": 1}),
        (Item, '{"name": "n", "at": "2026-02-03"}', Item(name="n", at=dt.date(2026, 2, 3))),
        (list[Item], "[]", []),
        (str | list[str], '["a"]', '["a"]'),
        (Any, "5", "5"),
    ],
)
def test_cells(annotation: Any, cell: str, value: Any) -> None:
    assert takes(annotation).values(Given({"x": cell}, "", is_text=True)) == {"x": value}


@pytest.mark.parametrize(
    ("annotation", "raw", "value"),
    [
        (int, 5, 5),
        (set[int], [1, 1], {1}),
        (tuple[int, str], [1, "a"], (1, "a")),
        (Item, {"name": "n", "at": "2026-02-03"}, Item(name="n", at=dt.date(2026, 2, 3))),
        (Strict, {"at": "2026-02-03", "tags": [1]}, Strict(at=dt.date(2026, 2, 3), tags={1})),
        (dt.date, dt.date(2026, 2, 3), dt.date(2026, 2, 3)),
        (int | None, None, None),
    ],
)
def test_json_values(annotation: Any, raw: Any, value: Any) -> None:
    assert takes(annotation).values(Given({"x": raw}, "")) == {"x": value}


@pytest.mark.parametrize(
    ("annotation", "raw", "is_text", "message"),
    [
        (int, "five", True, r"x: input should be a valid integer.*; 'five' is no int"),
        (int, "", True, r"x: input should be a valid integer.*; '' is no int"),
        (Annotated[int, Field(ge=1)], "0", True, r"x: input should be greater than or equal to 1"),
        (list[int], "[1,", True, r"x: invalid JSON"),
        (list[int], '["a"]', True, r"x\.0: input should be a valid integer"),
        (list[int], "[1]", False, r"x: input should be a valid list; '\[1\]' is no list\[int\]"),
        (Item, {"name": "n"}, False, r"x\.at: field required; .* is no Item"),
        (Size, "no", True, r"x: input should be 'big' or 2; 'no' is no Size"),
    ],
)
def test_misfits_are_named(annotation: Any, raw: Any, is_text: bool, message: str) -> None:
    with pytest.raises(MisfitError, match=message):
        takes(annotation).values(Given({"x": raw}, "", is_text=is_text))


def test_many_faults_of_a_long_value_are_cut() -> None:
    with pytest.raises(MisfitError) as caught:
        takes(list[int]).values(Given({"x": ["no"] * 100}, ""))
    assert " and 97 more; " in str(caught.value)
    assert len(str(caught.value)) < 500


def test_defaults_stand_for_what_is_missing() -> None:
    assert takes(int, 3).values(Given({}, "")) == {"x": 3}
    assert takes(int, 3).values(Given({"x": ""}, "", is_text=True)) == {"x": 3}
    with pytest.raises(MisfitError, match=r"^x: is missing$"):
        takes(int).values(Given({}, ""))


def test_types_that_nothing_can_become_are_refused_where_they_are_needed() -> None:
    with pytest.raises(CollectError, match=r"parameter x: no input can become its type .*Odd"):
        takes(Odd).refuse((), {})
    takes(Odd, None).refuse((), {})
    with pytest.raises(CollectError, match="parameter x"):
        takes(Odd, None).refuse(["x"], {})
    with pytest.raises(CollectError, match="its type Elsewhere cannot be evaluated"):
        takes("Elsewhere").refuse((), {})


def test_constants_must_fit() -> None:
    takes(int).refuse((), {"x": 1})
    with pytest.raises(UsageError, match="--set x: input should be a valid integer"):
        takes(int).refuse((), {"x": "no"})


def test_a_validator_that_raises_is_told() -> None:
    class Picky(BaseModel):
        n: int

        def model_post_init(self, _context: Any) -> None:
            raise KeyError(self.n)

    with pytest.raises(MisfitError, match="x: KeyError: 1"):
        takes(Picky).values(Given({"x": {"n": 1}}, ""))
