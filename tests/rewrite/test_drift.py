"""What no longer belongs together is found, line by line, with what mends it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen.errors import NoSchemaError, SchemaError
from distilgen.rewrite import contracts_file, drift

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distilgen.contract import Contract
    from distilgen.source.functions import Surveyed
    from tests.rewrite.conftest import Step, Workbench

TEXT = 'from shop.models import M\n\n\ndef f(a: int) -> M:\n    """Doc."""\n    return M(x=a)\n'

INSTRUMENT = "distilgen instrument"
AGAIN = "distilgen restore, then instrument, train and dispatch again"
VERSIONS = "take the file back from version control"


def _found(
    bench: Workbench,
    *,
    fresh: Mapping[str, Any] | None = None,
    trained: Mapping[str, str] | None = None,
    new: bool = False,
    freeze: Callable[[Surveyed], Contract] | None = None,
) -> list[tuple[int, str, str, str]]:
    """(line, function, message, command) of the findings.

    fresh: what the contracts have as the code is now, where it is not what was frozen.
    """
    contracts = {item.function.qualname: contract for item, contract in bench.wanted()}

    def frozen_anew(item: Surveyed) -> Contract:
        contract = replace(contracts[item.function.qualname], **(fresh or {}))
        return replace(contract, fingerprint=contract.digest())

    found = drift.findings(
        bench.load(), bench.surveyed(), freeze or frozen_anew, trained or {}, new=new
    )
    listed = list(found)
    assert all(item.path == bench.path for item in listed)
    return [(item.line, item.function, item.message, item.command) for item in listed]


@pytest.mark.parametrize("step", ["instrument", "dispatch"])
def test_fresh_work_has_no_findings(bench: Workbench, step: Step) -> None:
    bench.put(TEXT).run(step)
    assert _found(bench, new=True) == []


def test_a_plain_module_has_no_findings(bench: Workbench) -> None:
    assert _found(bench.put(TEXT)) == []


def test_a_trained_model_of_this_contract_is_no_finding(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    fingerprint = bench.load().contracts["f"].fingerprint
    assert _found(bench, trained={"ft:one": fingerprint, "ft:two": "0" * 32}) == []


def test_new_candidates_are_found_when_asked_for(bench: Workbench) -> None:
    bench.put(TEXT + "\n\ndef g() -> int: return 1\n")
    assert _found(bench, new=True) == [
        (4, "f", "is new: it returns M, and nothing records it", INSTRUMENT)
    ]


CHANGED: dict[str, tuple[dict[str, Any], str]] = {
    "prompt": (
        {"system_prompt": "Other."},
        "the system prompt (signature, docstring or template)",
    ),
    "user message": ({"user_message": "{call}"}, "the user message's format"),
    "a parameter": (
        {"inputs": {"properties": {"a": {}, "b": {}}}, "system_prompt": "b"},
        "the parameters were a",
    ),
    "moved": ({"function": "shop.post:f"}, "it was shop.mail:f, and is shop.post:f"),
    "a field more, a field less": (
        {
            "tool": {
                "name": "M",
                "description": "",
                "parameters": {"type": "object", "properties": {"x": {}, "y": {}}},
            }
        },
        "the schema of M (+x +y)",
    ),
    "a field's type": (
        {"tool": {"name": "M", "description": "", "parameters": {"type": "array"}}},
        "the schema of M",
    ),
    "the tool's description": (
        {
            "tool": {
                "name": "M",
                "description": "Said.",
                "parameters": {"type": "object", "properties": {}},
            }
        },
        "the tool's name or description",
    ),
    "two things": (
        {"system_prompt": "Other.", "user_message": "{call}"},
        "the system prompt (signature, docstring or template); the user message's format",
    ),
}


@pytest.mark.parametrize(("fresh", "said"), CHANGED.values(), ids=CHANGED)
@pytest.mark.parametrize(
    ("step", "line", "mend"), [("instrument", 6, INSTRUMENT), ("dispatch", 5, AGAIN)]
)
def test_a_changed_contract(
    bench: Workbench, step: Step, line: int, mend: str, fresh: dict[str, Any], said: str
) -> None:
    bench.put(TEXT).run(step)
    assert _found(bench, fresh=fresh) == [(line, "f", f"its contract changed: {said}", mend)]


INPUTS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a type": ({"a": {"type": "integer"}}, {}, "the schema of a"),
    "a definition": ({"a": {}}, {"$defs": {"D": {}}}, "the schemas of the arguments"),
}


@pytest.mark.parametrize(("fields", "more", "said"), INPUTS.values(), ids=INPUTS)
def test_schemas_of_arguments(
    bench: Workbench, fields: dict[str, Any], more: dict[str, Any], said: str
) -> None:
    fresh = {"inputs": {"properties": fields, "type": "object", **more}}
    bench.put(TEXT).run("instrument")
    assert _found(bench, fresh=fresh) == [(6, "f", f"its contract changed: {said}", INSTRUMENT)]


def test_a_student_keeps_the_schemas_of_its_arguments(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    assert _found(bench, fresh={"inputs": {"properties": {"a": {"type": "integer"}}}}) == []


def test_an_argument_that_cannot_be_evaluated_here_is_no_finding(bench: Workbench) -> None:
    bench.put(TEXT).run("instrument")
    reason = {"$comment": "its type needs the package acme"}
    assert _found(bench, fresh={"inputs": {"properties": {"a": reason}}}) == []


def test_a_field_that_went(bench: Workbench) -> None:
    bench.put(TEXT).run("instrument")
    parameters = {"type": "object", "properties": {"x": {}}}
    _edited(bench, tool={"name": "M", "description": "", "parameters": parameters}, sealed=True)
    assert _found(bench) == [(6, "f", "its contract changed: the schema of M (-x)", INSTRUMENT)]


def _edited(bench: Workbench, *, sealed: bool = False, **values: Any) -> None:
    """Write other values into the sidecar; the fingerprint stays that of before, unless sealed."""
    contract = replace(bench.load().contracts["f"], **values)
    if sealed:
        contract = replace(contract, fingerprint=contract.digest())
    bench.sidecar.write_bytes(contracts_file.render(bench.path, {"f": contract}))


HAND: dict[str, dict[str, Any]] = {
    "the prompt": {"system_prompt": "By hand."},
    "the user message": {"user_message": "By hand."},
    "the tool": {"tool": {"name": "N"}},
    "the fingerprint": {"fingerprint": "0" * 32},
}


@pytest.mark.parametrize("values", HAND.values(), ids=HAND)
@pytest.mark.parametrize(
    ("step", "line", "mend"), [("instrument", 6, INSTRUMENT), ("dispatch", 5, VERSIONS)]
)
def test_a_sidecar_that_was_edited_by_hand(
    bench: Workbench, step: Step, line: int, mend: str, values: dict[str, Any]
) -> None:
    bench.put(TEXT).run(step)
    _edited(bench, **values)
    message = "its contract in _mail_distil.py was edited by hand"
    assert _found(bench) == [(line, "f", message, mend)]


def test_a_contract_that_is_gone(bench: Workbench) -> None:
    bench.put(TEXT).run("instrument")
    bench.sidecar.unlink()
    assert _found(bench) == [(6, "f", "has no contract in _mail_distil.py", INSTRUMENT)]


def test_a_decorator_that_is_gone(bench: Workbench) -> None:
    bench.put(TEXT).run("instrument")
    bench.edit("@_mail_distil.f.record\n", "")
    assert _found(bench) == [(5, "f", "lost its decorator", INSTRUMENT)]


def test_a_function_that_is_gone(bench: Workbench) -> None:
    bench.put(TEXT).run("instrument")
    bench.put("from shop.models import M\n")
    message = "is gone, but _mail_distil.py has its contract"
    assert _found(bench) == [(1, "f", message, INSTRUMENT)]


NO_CANDIDATE = {
    "another return type": ("-> M:", "-> int:", "returns int"),
    "no annotation": ("-> M:", ":", "has no return annotation"),
    "skipped": ("-> M:", "-> M:  # distilgen: skip", "skipped by its comment"),
}


@pytest.mark.parametrize(("old", "new", "reason"), NO_CANDIDATE.values(), ids=NO_CANDIDATE)
def test_no_candidate_any_more(bench: Workbench, old: str, new: str, reason: str) -> None:
    bench.put(TEXT).run("instrument")
    bench.edit(old, new)
    message = f"is no candidate any more: {reason}"
    assert _found(bench) == [(6, "f", message, "distilgen restore")]


FAILING = {
    "no schema": (
        NoSchemaError("M holds a callable"),
        "is no candidate any more: M holds a callable",
        "distilgen restore",
    ),
    "not installed": (
        SchemaError("no module named x"),
        "cannot be compared: no module named x",
        "distilgen check --python",
    ),
}


@pytest.mark.parametrize(("error", "message", "mend"), FAILING.values(), ids=FAILING)
def test_no_schema(bench: Workbench, error: SchemaError, message: str, mend: str) -> None:
    def freeze(_: Surveyed) -> Contract:
        raise error

    bench.put(TEXT).run("instrument")
    assert _found(bench, freeze=freeze) == [(6, "f", message, mend)]


def test_a_stub_without_a_model(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    _edited(bench, model=None)
    message = "is a stub without a model"
    assert _found(bench) == [(5, "f", message, "distilgen dispatch --model")]


def test_a_stub_with_a_model_of_another_contract(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    message = "its model ft:one was trained for another contract, 0123456789ab"
    assert _found(bench, trained={"ft:one": "0123456789abcdef"}) == [
        (5, "f", message, "distilgen dispatch --model")
    ]


def test_a_stub_without_its_body(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    bench.originals.unlink()
    message = "its body is not under .distilgen/originals"
    assert _found(bench) == [(5, "f", message, "take it back from version control")]


def test_every_function_is_looked_at(bench: Workbench) -> None:
    bench.put(TEXT + "\n\nclass A:\n    def g(self) -> M: ...\n").run("instrument")
    bench.run("dispatch", "A.g")
    found = _found(bench, fresh={"user_message": "{call}"}, trained={"ft:one": "0" * 32})
    assert [(function, message[:12]) for _, function, message, _ in found] == [
        ("f", "its contract"),
        ("A.g", "its contract"),
        ("A.g", "its model ft"),
    ]
