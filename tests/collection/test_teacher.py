"""The function whose calls are collected: found, bound, wrapped."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.collection.given import Given, Refused
from distilgen.collection.teacher import import_roots, teacher_of
from distilgen.errors import CollectError

if TYPE_CHECKING:
    from pathlib import Path

    from distilgen.collection.teacher import Teacher
    from distilgen.contract import Contract
    from tests.collection.conftest import Records, Teach


SHOP = """
class Shop:
    class Inner:
        def method(self, n: int) -> Out:
            return Out(n=n)
    def method(self, n: int) -> Out:
        return Out(n=n)
    @staticmethod
    def static(n: int) -> Out:
        return Out(n=n)
    @classmethod
    def made(cls, n: int) -> Out:
        return Out(n=n)
    @property
    def price(self) -> Out:
        return Out(n=1)

class Needy:
    def __init__(self, name: str) -> None: ...
    def method(self, n: int) -> Out:
        return Out(n=n)
"""


def call(teacher: Teacher, **arguments: Any) -> None:
    made = teacher.prepare(Given(arguments, ""))
    assert not isinstance(made, Refused), made
    teacher.call(made.values)


@pytest.mark.parametrize("name", ["Shop.method", "Shop.Inner.method", "Shop.static", "Shop.made"])
def test_methods(teach: Teach, records: Records, name: str) -> None:
    teacher = teach(SHOP, name)
    call(teacher, n="3")
    assert [record["arguments"] for record in records()] == [{"n": 3}]
    assert records()[0]["function"].endswith(f":{name}")


def test_what_cannot_be_called_is_refused(teach: Teach) -> None:
    with pytest.raises(CollectError, match=r"Needy\(\) cannot be made without arguments"):
        teach(SHOP, "Needy.method")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Shop.price", "is no function: there is nothing to pass to it"),
        ("nothing", "its module has no nothing when it runs"),
    ],
)
def test_what_is_no_function_is_refused(
    teach: Teach, contract: Contract, name: str, message: str
) -> None:
    module = teach(SHOP, "Shop.static").name.partition(":")[0]
    with pytest.raises(CollectError, match=message):
        teacher_of(f"{module}:{name}", lambda: contract)


def test_all_kinds_of_parameters(teach: Teach, records: Records) -> None:
    teacher = teach("""
    def f(a: int, /, b: int, *rest: int, c: int = 3, **more: str) -> Out:
        return Out(n=a + b + sum(rest) + c + len(more))
    """)
    call(teacher, a=1, b=2)
    call(teacher, a=1, b=2, rest=["3", 4], c="5", more={"x": "y"})
    assert [(r["arguments"], r["result"]["n"]) for r in records()] == [
        ({"a": 1, "b": 2, "rest": [], "c": 3, "more": {}}, 6),
        ({"a": 1, "b": 2, "rest": [3, 4], "c": 5, "more": {"x": "y"}}, 16),
    ]


def test_a_decorated_function_is_called_as_the_program_calls_it(
    teach: Teach, records: Records
) -> None:
    teacher = teach("""
    import functools
    def twice(function):
        @functools.wraps(function)
        def both(n):
            return function(n * 2)
        return both
    @twice
    def f(n: int) -> Out:
        return Out(n=n)
    """)
    call(teacher, n=3)
    assert [record["result"] for record in records()] == [{"n": 6}]


def test_a_function_that_records_is_not_wrapped_again(
    teach: Teach, records: Records, contract: Contract
) -> None:
    first = teach("def f(n: int) -> Out:\n    return Out(n=n)\n")
    call(first, n=1)
    assert len(records()) == 1
    vars(sys.modules[first.name.partition(":")[0]])["f"] = first.function
    again = teacher_of(first.name, lambda: contract)
    assert again.recorder is first.recorder
    call(again, n=2)
    assert len(records()) == 2


def test_types_that_only_type_checkers_know(teach: Teach, records: Records) -> None:
    teacher = teach(
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    from nowhere import Thing\n"
        "def f(n: int, thing: 'Thing | None' = None) -> Out:\n    return Out(n=n)\n"
    )
    teacher.typed.refuse((), {})
    call(teacher, n=1)
    assert records()[0]["arguments"] == {"n": 1, "thing": None}


def test_arguments_that_no_record_can_hold_are_refused(teach: Teach) -> None:
    teacher = teach("""
    class Odd: ...
    def f(n: int, odd: Any = Odd()) -> Out:
        return Out(n=n)
    """)
    refused = teacher.prepare(Given({"n": 1}, "a:1"))
    assert isinstance(refused, Refused)
    assert refused.reason == "holds a value that has no JSON form, so no record can hold it"


def test_import_errors_show_the_users_own_lines(
    teach: Teach, contract: Contract, tmp_path: Path
) -> None:
    teach("def f(n: int) -> Out:\n    return Out(n=n)\n")
    (tmp_path / "broken_module.py").write_text("def g():\n    1 / 0\n\ng()\n", "utf-8")
    with pytest.raises(CollectError) as caught:
        teacher_of("broken_module:f", lambda: contract)
    said = str(caught.value)
    assert said.startswith(
        "broken_module cannot be imported:\nTraceback (most recent call last):\n"
    )
    assert said.endswith("ZeroDivisionError: division by zero")
    assert "importlib" not in said
    assert said.count('  File "') == 2


def test_a_module_that_ends_the_program_cannot_be_imported(
    teach: Teach, contract: Contract, tmp_path: Path
) -> None:
    teach("def f(n: int) -> Out:\n    return Out(n=n)\n")
    (tmp_path / "exiting_module.py").write_text("raise SystemExit(0)\n", "utf-8")
    with pytest.raises(CollectError, match="SystemExit: 0"):
        teacher_of("exiting_module:f", lambda: contract)


def test_roots_are_found_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "path", ["x"])
    import_roots((tmp_path / "src", tmp_path))
    import_roots((tmp_path / "src", tmp_path))
    assert sys.path == [str(tmp_path / "src"), str(tmp_path), "x"]
