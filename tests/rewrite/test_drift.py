"""What no longer belongs together is found, line by line, with what mends it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from distilgen import lock
from distilgen.errors import MissingPackageError, NoSchemaError, SchemaError
from distilgen.rewrite import contracts_file, drift
from distilgen.rewrite.finding import KINDS
from distilgen.rewrite.routes import Route

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from distilgen.contract import Contract
    from distilgen.source.functions import Surveyed
    from tests.rewrite.conftest import Step, Workbench

TEXT = 'from shop.models import M\n\n\ndef f(a: int) -> M:\n    """Doc."""\n    return M(x=a)\n'

INSTRUMENT = "distilgen instrument --only f shop/mail.py"
AGAIN = "distilgen dispatch --only f shop/mail.py"
FOREIGN = "distilgen dispatch --model ft:one --accept-contract --only f shop/mail.py"
ACCEPT = "distilgen dispatch --accept-contract --only f shop/mail.py"
RESTORE = "distilgen restore --only f shop/mail.py"
DISPATCH = "distilgen dispatch --model NAME --only f shop/mail.py"
ORIGINALS = "git checkout HEAD -- .distilgen/originals/shop/mail.py.json"
VERSIONS = "git checkout HEAD -- shop/_mail_distil.py"


def _found(
    bench: Workbench,
    *,
    fresh: Mapping[str, Any] | None = None,
    trained: Mapping[str, str] | None = None,
    new: bool = False,
    freeze: Callable[[Surveyed], Contract] | None = None,
    now: Mapping[str, Any] | None = None,
    sources: Mapping[str, str] | None = None,
    absent: frozenset[str] = frozenset(),
    by_source: Mapping[str, int] | None = None,
    locked: Mapping[str, lock.Function] | None = None,
) -> list[tuple[int, str, str, str]]:
    """(line, function, message, command) of the findings.

    fresh: what the contracts have as the code is now, where it is not what was frozen; now: as far
    as reading tells. sources: of the types now. absent: packages that they need. by_source: what
    must have been compared by source. locked: what the lock says.
    """
    contracts = {item.function.qualname: contract for item, contract in bench.wanted()}

    def frozen_anew(item: Surveyed) -> Contract:
        contract = replace(contracts[item.function.qualname], **(fresh or {}))
        return replace(contract, fingerprint=contract.digest())

    def refrozen(item: Surveyed, frozen: Contract) -> tuple[Contract, frozenset[str]]:
        fresh = {**(now or {}), "sources": sources or {}}
        del item
        return replace(frozen, **fresh), absent

    code = drift.Code(freeze or frozen_anew, refrozen)
    listed = list(
        drift.findings(bench.load(), bench.surveyed(), code, trained or {}, locked or {}, new=new)
    )
    assert all(item.path == bench.path for item in listed)
    assert {item.kind for item in listed} <= set(KINDS)
    if by_source is not None:
        assert code.by_source == by_source
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
    "the tool": {"tool": {"name": "N", "parameters": {}}},
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
    bench.edit("@_distil.f.record\n", "")
    assert _found(bench) == [(5, "f", "lost its decorator", INSTRUMENT)]


def test_a_decorator_that_is_gone_from_what_is_no_candidate(bench: Workbench) -> None:
    bench.put(TEXT).run("canary")
    bench.put(TEXT.replace("-> M:", "-> M:  # distilgen: skip"))
    assert _found(bench) == [(4, "f", "lost its decorator", RESTORE)]
    bench.restore("f")
    assert _found(bench) == []
    assert not bench.sidecar.exists()


def test_a_function_that_is_gone(bench: Workbench) -> None:
    bench.put(TEXT).run("instrument")
    bench.put("from shop.models import M\n")
    message = "is gone, but _mail_distil.py has its contract"
    assert _found(bench) == [(1, "f", message, RESTORE)]


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
    assert _found(bench) == [(6, "f", message, RESTORE)]


FAILING = {
    "no schema": (
        NoSchemaError("M holds a callable"),
        "is no candidate any more: M holds a callable",
        RESTORE,
    ),
    "not installed": (
        SchemaError("no module named x"),
        "cannot be compared, as its contract has no `sources`: no module named x",
        INSTRUMENT,
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
    assert _found(bench) == [(5, "f", message, DISPATCH)]


def test_a_stub_with_a_model_of_another_contract(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    message = (
        "its model ft:one was trained for another contract, 0123456789ab; name one of this "
        "contract, or accept it"
    )
    trained = {"ft:one": "0123456789abcdef"}
    assert _found(bench, trained=trained) == [(5, "f", message, FOREIGN)]
    entry = lock.Function(bench.load().contracts["f"].fingerprint, "dispatched", "ft:one", True)
    assert _found(bench, trained=trained, locked={"shop.mail:f": entry}) == []
    other = replace(entry, contract="1")
    assert _found(bench, trained=trained, locked={"shop.mail:f": other}) != []


def test_a_trained_student_of_a_changed_contract(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    trained = {"ft:one": bench.load().contracts["f"].fingerprint}
    message = (
        "its contract changed: the user message's format (ft:one was trained for another; "
        "train anew, or accept this one)"
    )
    fresh = {"user_message": "{call}"}
    assert _found(bench, fresh=fresh, trained=trained) == [(5, "f", message, ACCEPT)]


def test_a_stub_without_its_body(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    bench.originals.unlink()
    message = "its body is not under .distilgen/originals"
    assert _found(bench) == [(5, "f", message, ORIGINALS)]


def test_a_stub_in_a_renamed_folder(bench: Workbench) -> None:
    for name in ("mail", "post"):
        bench.at(f"shop/{name}.py").put(TEXT.replace("shop.", ".")).run("dispatch")
    (bench.project / "shop").rename(bench.project / "store")
    message = (
        "its body is in .distilgen/originals/shop/post.py.json, of a module that was renamed or "
        "changed"
    )
    mend = "distilgen restore --only f store/post.py"
    assert (5, "f", message, mend) in _found(bench.at("store/post.py"))


def test_a_stub_whose_body_may_be_one_of_two(bench: Workbench) -> None:
    stub = ""
    for name in ("shop/a.py", "shop/b.py"):
        one = bench.at(name).put(TEXT)
        one.run("dispatch")
        stub = one.raw.decode()
        one.put("")
    bench.put(stub.replace("_b_distil", "_mail_distil"))
    bench.sidecar.write_bytes(bench.at("shop/b.py").sidecar.read_bytes())
    bodies = ".distilgen/originals/shop/b.py.json"
    message = f"its body is in {bodies}, of a module that was renamed or changed"
    assert message in [said for _, _, said, _ in _found(bench)]
    text = bench.sidecar.read_text("utf-8")
    bench.sidecar.write_text(text.replace("shop.b:f", "shop.c:f"), "utf-8")
    mend = "move the right one to .distilgen/originals/shop/mail.py.json"
    assert mend in [mend for _, _, _, mend in _found(bench)]


def test_every_function_is_looked_at(bench: Workbench) -> None:
    bench.put(TEXT + "\n\nclass A:\n    def g(self) -> M: ...\n").run("instrument")
    bench.run("dispatch", "A.g")
    found = _found(bench, fresh={"user_message": "{call}"}, trained={"ft:one": "0" * 32})
    assert [(function, message[:12]) for _, function, message, _ in found] == [
        ("f", "its contract"),
        ("A.g", "its contract"),
        ("A.g", "its model ft"),
    ]


BEFORE = {"shop.models:M": "0a", "shop.models:N": "0b"}
NOT_HERE = MissingPackageError("no schema for M: needs the package acme", "acme")
UNKNOWN = "cannot be evaluated here"
READ: dict[str, tuple[Exception | None, dict[str, Any], str]] = {
    "nothing": (NOT_HERE, {}, ""),
    "a statement": (
        NOT_HERE,
        {"sources": {**BEFORE, "shop.models:M": "0c"}},
        f"shop.models:M changed since the contract was frozen, and {UNKNOWN}: {NOT_HERE}",
    ),
    "one came, one went": (
        None,
        {"sources": {"shop.models:M": "0a", "shop.models:O": "0b"}},
        "its contract changed: the schema of M",
    ),
    "the prompt": (
        NOT_HERE,
        {"now": {"system_prompt": "Other."}},
        "its contract changed: the system prompt (signature, docstring or template)",
    ),
    "what is installed": (None, {}, ""),
    "what is installed, to no schema": (NoSchemaError("M holds an ndarray"), {}, ""),
    "another error": (SchemaError("ImportError: email-validator"), {}, ""),
}


@pytest.mark.parametrize(("error", "changed", "said"), READ.values(), ids=READ)
def test_compared_by_source(
    bench: Workbench, error: Exception | None, changed: dict[str, Any], said: str
) -> None:
    bench.put(TEXT).run("instrument")
    _edited(bench, sources=BEFORE)

    def freeze(_: Surveyed) -> Contract:
        if error:
            raise error
        parameters = {"type": "array"}
        return replace(bench.load().contracts["f"], tool={"name": "M", "parameters": parameters})

    mend = [(6, "f", said, INSTRUMENT)] if said else []
    settings = {"sources": BEFORE, "absent": frozenset({"acme"}), **changed}
    by_source = {} if said else {"no module acme here": 1}
    assert _found(bench, freeze=freeze, by_source=by_source, **settings) == mend


def test_a_student_of_a_changed_source_is_dispatched_again(bench: Workbench) -> None:
    def freeze(_: Surveyed) -> Contract:
        raise NOT_HERE

    bench.put(TEXT).run("dispatch")
    _edited(bench, sources=BEFORE, model="ft:one 1")
    ((line, _, _, mend),) = _found(bench, freeze=freeze, sources={**BEFORE, "shop.a:B": "0c"})
    assert (line, mend) == (5, AGAIN)


MODES: tuple[Step, ...] = ("shadow", "canary", "fallback")


@pytest.mark.parametrize("step", MODES)
def test_of_a_function_with_a_student_beside_it(bench: Workbench, step: Step) -> None:
    bench.put(TEXT).run(step)
    again = f"distilgen dispatch --mode {step} --only f shop/mail.py"
    changed = "its contract changed: the user message's format"
    assert _found(bench, fresh={"user_message": "{call}"}) == [(6, "f", changed, again)]
    options = f"--mode {step} --model ft:one --accept-contract"
    mend = f"distilgen dispatch {options} --only f shop/mail.py"
    ((_, _, _, accept),) = _found(bench, trained={"ft:one": "0" * 32})
    assert accept == mend
    _edited(bench, model=None)
    mend = f"distilgen dispatch --mode {step} --model NAME --only f shop/mail.py"
    assert _found(bench) == [(6, "f", f"is in {step} mode without a model", mend)]
    _edited(bench, system_prompt="Other.")
    edited = "its contract in _mail_distil.py was edited by hand"
    assert (6, "f", edited, VERSIONS) in _found(bench)


@pytest.mark.parametrize("step", MODES)
def test_a_lost_decorator_of_a_mode(bench: Workbench, step: Step) -> None:
    states = bench.put(TEXT).run(step).states
    bench.put(TEXT)
    mend = f"distilgen rollout set shop.mail:f --mode {step}"
    assert _found(bench, locked=states) == [(4, "f", "lost its decorator", mend)]
    assert _found(bench) == [(4, "f", "lost its decorator", INSTRUMENT)]


def test_a_recorded_function_may_keep_a_model(bench: Workbench) -> None:
    bench.put(TEXT).write(bench.route(Route("record")))
    assert bench.load().contracts["f"].model == "ft:one"
    assert _found(bench, trained={"ft:one": "0" * 32}) == []


@pytest.mark.parametrize(("step", "line"), [("instrument", 5), ("dispatch", 4), ("canary", 5)])
def test_an_import_that_is_gone(bench: Workbench, step: Step, line: int) -> None:
    bench.put(TEXT).run(step)
    (imported,) = [text for text in bench.raw.decode().split("\n") if "_mail_distil" in text]
    bench.edit(f"{imported}\n", "")
    mend = "put back the line `from . import _mail_distil as _distil`"
    assert _found(bench) == [(line, "f", "uses _distil, which nothing imports any more", mend)]
    bench.edit("import M\n", "import M\nfrom . import _mail_distil as _distil\n")
    assert _found(bench) == []


def test_a_stub_that_is_gone(bench: Workbench) -> None:
    bench.put(TEXT).run("dispatch")
    bench.put(TEXT)
    assert _found(bench) == [(4, "f", "lost its stub", INSTRUMENT)]


def test_a_function_that_was_moved(bench: Workbench) -> None:
    bench.put(TEXT).run("instrument")
    moved = bench.at("shop/post.py").put(bench.raw)
    ((line, function, message, mend),) = _found(moved)
    assert (line, function) == (6, "f")
    assert message.startswith("uses _mail_distil.py, the sidecar of another module")
    assert mend == "distilgen restore shop/post.py && distilgen instrument shop/post.py"


def test_a_function_that_was_renamed_with_its_contract(bench: Workbench) -> None:
    bench.put(TEXT).run("canary")
    _edited(bench, share=0.07, timeout=5.0)
    bench.put(bench.raw.replace(b"def f", b"def g").replace(b"_distil.f.", b"_distil.g."))
    options = "--mode canary --model ft:one --share 7% --timeout 5"
    mend = f"distilgen dispatch {options} --only g shop/mail.py"
    assert _found(bench) == [
        (6, "g", "has no contract in _mail_distil.py", mend),
        (1, "f", "is gone, but _mail_distil.py has its contract", mend),
    ]
    _edited(bench, model="ft:two")
    assert "--timeout 5 --accept-contract" in _found(bench, trained={"ft:two": "0"})[0][3]


def test_a_decorator_that_was_written_by_hand(bench: Workbench) -> None:
    bench.put(TEXT).run("canary")
    bench.put(
        bench.raw
        + TEXT.partition("\n\n\n")[2].encode().replace(b"def f", b"\n\n@_distil.g.canary\ndef g")
    )
    mend = "distilgen dispatch --mode canary --model NAME --only g shop/mail.py"
    ((_, _, message, found),) = _found(bench)
    assert (message, found) == ("has no contract in _mail_distil.py", mend)


def test_a_contract_that_was_there_comes_from_version_control(bench: Workbench) -> None:
    for step in ("instrument", "canary"):
        states = bench.put(TEXT).run(step).states
        bench.sidecar.unlink()
        ((_, _, _, mend),) = _found(bench, locked=states)
        assert mend == VERSIONS


@pytest.mark.parametrize("step", ["instrument", "canary", "dispatch"])
def test_a_contract_whose_name_was_changed_in_the_code(bench: Workbench, step: Step) -> None:
    states = bench.put(TEXT).run(step).states
    bench.put(bench.raw.replace(b"_distil.f.", b"_distil.g."))
    ((_, _, message, mend),) = _found(bench, locked=states)
    assert message == "has no contract in _mail_distil.py"
    options = {"canary": "dispatch --mode canary --model ft:one", "instrument": "instrument"}
    assert mend.startswith(f"distilgen {options.get(step, 'dispatch --model ft:one')} --only f ")
    bench.run(step)
    assert list(bench.load().contracts) == ["g"]
    assert _found(bench) == []
    bench.restore()
    assert bench.raw.decode() == TEXT
