"""What a student is asked is what its training row says, byte for byte, for 500 random functions of
every kind and every form of answer; and the row's answer comes back as the teacher's value.

The rows are made of the records of the calls; the questions come from the stubs and the decorators
that the rewriting writes.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import importlib
import inspect
import os
import random
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from textwrap import indent
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter
from roundtrip import contract_of

from distilgen.contract import ANSWERS, RESULT_KEY, canonical_json
from distilgen.records.files import read
from distilgen.records.record import Record
from distilgen.rewrite import module as modules, run, steps
from distilgen.rewrite.routes import Route
from distilgen.rows import openai_tools
from distilgen.runtime import Contract, configure
from distilgen.source import files
from distilgen.source.functions import survey
from distilgen.source.index import Index
from distilgen.source.resolve import Resolver
from distilgen.strict import strict_form

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import pytest

    from distilgen.contract import Contract as PlainContract
    from distilgen.errors import SourceError
    from distilgen.rewrite.routes import Mode
    from distilgen.source.functions import Surveyed

_FUNCTIONS = int(os.environ.get("FUZZ", "500"))
_SEED = 6
MODEL = "ft:small:shop"

MODELS = '''\
from __future__ import annotations

import datetime as dt
import enum
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, NamedTuple

from pydantic import BaseModel, Field


class Colour(enum.Enum):
    RED = "rouge"
    BLUE = "bleu"


class Size(enum.IntEnum):
    SMALL = 1


@dataclass
class Customer:
    name: str
    tags: frozenset[str] = frozenset()


class Place(NamedTuple):
    street: str
    number: int


class Item(BaseModel):
    sku: str = Field(alias="stockKeepingUnit")
    price: Decimal = Decimal("0.10")


class Email(BaseModel):
    """An email, with all that it may have."""

    subject: str
    at: dt.datetime | None = None
    items: list[Item] = []
    labels: set[str] = set()
    colour: Colour | None = None
    share: float = 0.1


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


class Refusal(BaseModel):
    kind: Literal["refusal"] = "refusal"
    why: str
'''

HEAD = """\
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from .models import Colour, Customer, Email, Item, Place, Refusal, Size, Tree
"""

VALUES = (
    ("int", "0"), ("int", "-1"), ("int", "10**30"), ("bool", "True"), ("float", "0.1"),
    ("float", "-0.0"), ("float", "5e-324"), ("float", "1e22"), ("float", "float('inf')"),
    ("float", "float('nan')"), ("str", "''"), ("str", "'é€漢😀'"), ("str", "'{arguments} {call}'"),
    ("str", "'\\u2028 \\x00 \\x7f \"quoted\" \\\\ </s>'"), ("None", "None"), ("bytes", "b''"),
    ("bytes", "b'\\x00\\xff'"), ("dt.date", "dt.date(2026, 11, 3)"),
    ("dt.datetime", "dt.datetime(2026, 11, 3, 1, 2, 3, 4, tzinfo=dt.UTC)"),
    ("dt.datetime", "dt.datetime(2026, 11, 3)"), ("dt.time", "dt.time(1, 2)"),
    ("dt.timedelta", "dt.timedelta(days=1, microseconds=5)"), ("Decimal", "Decimal('0.10')"),
    ("uuid.UUID", "uuid.UUID(int=6)"), ("Path", "Path('a/b')"), ("set[int]", "{30, 1, 2}"),
    ("set[str]", "{'b', 'a', 'é', 'ab'}"), ("frozenset[str]", "frozenset('cab')"),
    ("dict[str, list[int | None]]", "{'z': [1, None], 'a': []}"), ("dict[int, str]", "{2: 'a'}"),
    ("tuple[int, ...]", "(1, 2)"), ("Colour", "Colour.RED"), ("Size", "Size.SMALL"),
    ("Customer", "Customer('ann', frozenset('ba'))"), ("Place", "Place('é', 1)"),
    ("Item", "Item(stockKeepingUnit='a')"), ("list[Item]", "[Item(stockKeepingUnit='a')] * 2"),
    ("Email | None", "Email(subject='a', labels={'b', 'a'}, colour=Colour.BLUE)"),
    ("Email", "Email(subject='a', share=float('nan'))"),
    ("Tree", "Tree(name='a', children=[Tree(name='b')])"), ("Literal['a', 1]", "1"),
    ("Any", "{'a': [{'b': (1, {2})}], 'c': Customer('é')}"), ("Any", "[[[]], {}, None, 1.5]"),
)  # fmt: skip
"""Annotations of parameters, and values of them."""

RESULTS = (
    ("Email", "Email(subject='a')"),
    ("Email", "Email(subject='é\\u2028', labels={'b', 'a'})"),
    ("Email", "Email(subject='a', at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC))"),
    ("Email", "Email(subject='', items=[Item(stockKeepingUnit='a', price=Decimal('1.50'))])"),
    ("Email | None", "None"), ("Email | None", "Email(subject='a')"),
    ("Email | Refusal", "Refusal(why='no')"), ("list[Email]", "[Email(subject='a')] * 2"),
    ("list[Email]", "[]"), ("Tree", "Tree(name='a', children=[Tree(name='b')])"), ("int", "-7"),
    ("int", "10**18"), ("float", "0.1"), ("float", "-0.0"), ("float", "5e-324"), ("bool", "True"),
    ("str", "'{\"result\": 1}'"), ("str", "''"), ("bytes", "b'abc'"), ("None", "None"),
    ("Decimal", "Decimal('0.1234567890123456789')"), ("dt.date", "dt.date(2026, 11, 3)"),
    ("dt.timedelta", "dt.timedelta(hours=1)"), ("uuid.UUID", "uuid.UUID(int=6)"),
    ("Path", "Path('a/b')"), ("Colour", "Colour.BLUE"),
    ("Customer", "Customer('ann', frozenset('ba'))"),
    ("Place", "Place('é', 1)"), ("tuple[int, str]", "(1, 'a')"), ("set[int]", "{3, 1}"),
    ("frozenset[Colour]", "frozenset({Colour.RED})"), ("Literal['a', 'b']", "'b'"),
    ("dict[str, int]", "{'b': 1, 'a': 2}"), ("dict[str, Any]", "{'b': [1, {'a': None}]}"),
)  # fmt: skip
"""Return types, and results."""

KINDS = (
    "def", "async def", "generator", "async generator", "method", "async method",
    "generator method", "async generator method", "classmethod", "staticmethod", "property",
)  # fmt: skip
NAMES = ("a", "b", "Email", "list", "type", "returns", "arguments", "result", "é", "_x", "self_")


@dataclass(frozen=True)
class Case:
    """A function and a call of it, as source texts. returns: the type of what a student answers."""

    kind: str
    name: str
    source: str
    call: str
    returns: str
    forms: tuple[str, ...] = ANSWERS
    schema: dict[str, Any] = field(default_factory=dict)


def cases(count: int) -> Iterator[Case]:
    """So many functions, the same ones each time; every kind among them as often."""
    chance = random.Random(_SEED)
    for number in range(count):
        kind = KINDS[number % len(KINDS)]
        shown, given = ("", "") if kind == "property" else _parameters(chance)
        returns, result = chance.choice(RESULTS)
        name = f"f{number}"
        starts = "async " if kind.startswith("async") else ""
        lines = []
        if "generator" in kind:
            items = [f"_{name}()"] * chance.randrange(4)
            wanted, returns = f"list[{returns}]", f"{'Async' * bool(starts)}Iterator[{returns}]"
            lines += [f"    yield {item}" for item in items] or ["    return", "    yield"]
        else:
            wanted = returns
            lines.append(f"    return _{name}()")
        owner = ""
        if kind.endswith(("method", "property")) and kind != "staticmethod":
            first = "cls" if kind == "classmethod" else "self"
            shown = ", ".join(filter(None, (first, shown)))
        head = f"{starts}def {name}({shown}) -> {returns}:"
        text = "\n".join([head, f'    """Answer “{number}”."""', *lines])
        if kind in ("classmethod", "staticmethod", "property"):
            text = f"@{kind}\n{text}"
        if kind.endswith(("method", "property")):
            text = f"class A{number}:\n{indent(text, '    ')}"
            owner = f"A{number}()."
        call = f"{owner}{name}" + ("" if kind == "property" else f"({given})")
        qualname = f"A{number}.{name}" if owner else name
        text += f"\n\n\ndef _{name}():\n    return {result}\n"  # its parameters hide names
        yield Case(kind, qualname, text, call, wanted)


def _parameters(chance: random.Random) -> tuple[str, str]:
    """A parameter list of every shape, and arguments that fit."""
    names = list(NAMES)
    chance.shuffle(names)
    shown: list[str] = []
    given: list[str] = []
    positional, plain, named = (chance.randrange(3) for _ in range(3))
    has_default = False
    by_name = False
    for place in range(positional + plain):
        name, (annotation, value) = names.pop(), chance.choice(VALUES)
        has_default = has_default or chance.random() < 0.3
        shown.append(f"{name}: {annotation}" + (f" = {value}" if has_default else ""))
        if place == positional - 1:
            shown.append("/")
        if has_default and chance.random() < 0.4:
            by_name = True  # nothing can stand behind what is left out
            continue
        if place >= positional and (by_name or chance.random() < 0.3):
            given.append(f"{name}={value}")
            by_name = True
        elif not by_name:
            given.append(value)
    annotation, value = chance.choice(VALUES)
    if chance.random() < 0.4:
        shown.append(f"*{names.pop()}: {annotation}")
        if not by_name:
            given += [value] * chance.randrange(3)
    elif named:
        shown.append("*")
    for _ in range(named):
        name, (annotation, value) = names.pop(), chance.choice(VALUES)
        has_default = chance.random() < 0.5
        shown.append(f"{name}: {annotation}" + (f" = {value}" if has_default else ""))
        if not has_default or chance.random() < 0.5:
            given.append(f"{name}={value}")
    if chance.random() < 0.4:
        annotation, value = chance.choice(VALUES)
        shown.append(f"**{names.pop()}: {annotation}")
        given += [f"{name}={value}" for name in ("z", "y", "ü")[: chance.randrange(4)]]
    return ", ".join(shown), ", ".join(given)


class Project:
    """A package with the functions in one module, which is rewritten again and again."""

    def __init__(self, root: Path, drawn: list[Case]) -> None:
        self.root = root
        self.path = root / "shop/mail.py"
        self.path.parent.mkdir()
        (root / "pyproject.toml").write_text("")
        (root / "shop/__init__.py").write_text("")
        (root / "shop/models.py").write_text(MODELS, "utf-8")
        self.path.write_text("\n\n".join([HEAD, *(case.source for case in drawn)]), "utf-8")
        space = vars(self.load())
        self.cases = {f"shop.mail:{case.name}": described(case, space) for case in drawn}

    def rewrite(self, mode: Mode) -> None:
        """Have the calls go so."""
        resolver = Resolver(Index((self.root,)))
        surveyed = survey(resolver.index.of_file(files.read(self.path)), resolver)
        wanted = [(item, self._contract(item)) for item in surveyed]
        assert len(wanted) == len(self.cases)
        module = modules.load(self.root, files.read(self.path))
        if mode == "record":
            planned = steps.instrument(module, wanted, refuse)
        else:
            wishes = [steps.Wish(item, contract, Route(mode)) for item, contract in wanted]
            planned = steps.route(module, wishes, refuse)
        with run.opened(self.root, "step", lambda _: None, refuse) as work:
            work.write([planned], refuse)

    def load(self) -> Any:
        """The module as it stands."""
        for name in [name for name in sys.modules if name.partition(".")[0] == "shop"]:
            del sys.modules[name]
        importlib.invalidate_caches()
        return importlib.import_module("shop.mail")

    def _contract(self, item: Surveyed) -> PlainContract:
        case = self.cases[item.name]
        wraps = case.schema["title"] == "Wrapped"
        made = replace(
            contract_of(item),
            tool={"name": "Answer", "description": "The answer.", "parameters": case.schema},
            wraps_result=wraps,
            model=MODEL,
        )
        return replace(made, fingerprint=made.digest())


def contracts() -> dict[str, Contract]:
    """Those of the sidecar, by function."""
    sidecar = importlib.import_module("shop._mail_distil")
    found = (item for item in vars(sidecar).values() if isinstance(item, Contract))
    return {contract.function: contract for contract in found}


def described(case: Case, space: dict[str, Any]) -> Case:
    """With the schema of its answers, and the forms that it allows."""
    schema = TypeAdapter(eval(case.returns, space)).json_schema()
    if schema.get("type") != "object":
        definitions = {"$defs": schema.pop("$defs")} if "$defs" in schema else {}
        schema = {"properties": {RESULT_KEY: schema}, "required": [RESULT_KEY], **definitions}
        schema |= {"type": "object", "title": "Wrapped"}
    schema.setdefault("title", "Object")
    strict = strict_form(schema).schema is not None
    forms = tuple(form for form in ANSWERS if strict or "strict" not in form)
    return replace(case, schema=schema, forms=forms)


def refuse(error: SourceError) -> None:
    raise error


async def outcome(space: dict[str, Any], case: Case) -> Any:
    """What a call gives, or all of its items."""
    value = eval(case.call, space)
    if inspect.isawaitable(value):
        return await value
    if inspect.isasyncgen(value):
        return [item async for item in value]
    return list(value) if inspect.isgenerator(value) else value


class Student:
    """A client whose server knows one answer."""

    def __init__(self, *, is_async: bool) -> None:
        async def acreate(**request: Any) -> Any:
            return self.create(**request)

        create: Callable[..., Any] = acreate if is_async else self.create
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=create))

    answer: dict[str, Any]
    requests: list[dict[str, Any]]

    def create(self, **request: Any) -> Any:
        Student.requests.append(request)
        said = Student.answer
        calls = [
            SimpleNamespace(id=call["id"], function=SimpleNamespace(**call["function"]))
            for call in said.get("tool_calls", [])
        ]
        message = SimpleNamespace(content=said.get("content"), tool_calls=calls)
        choice = SimpleNamespace(finish_reason="stop", message=message)
        return SimpleNamespace(choices=[choice])


def text_of(value: Any) -> str:
    """A text that tells -0.0 from 0.0 and True from 1, and knows no order of a set, and no class of
    a time zone.
    """
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, set | frozenset):
        return f"{type(value).__name__}{sorted(map(text_of, value))}"
    if isinstance(value, list | tuple):
        return f"{type(value).__name__}{[text_of(item) for item in value]}"
    if hasattr(value, "__dict__") and type(value).__module__ == "shop.models":
        inside = {key: text_of(item) for key, item in vars(value).items()}
        return f"{type(value).__name__}{inside}"
    return repr(value)


def test_train_is_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(tmp_path)
    project = Project(tmp_path, list(cases(_FUNCTIONS)))
    counts: Counter[str] = Counter()

    async def teach() -> dict[str, str]:
        space = vars(project.load())
        return {name: text_of(await outcome(space, case)) for name, case in project.cases.items()}

    async def serve(mode: str, form: str, space: dict[str, Any]) -> None:
        for name, contract in contracts().items():
            case = project.cases[name]
            if form not in case.forms:
                continue
            object.__setattr__(contract, "answers", form)
            contract._student._form = None
            record = taught[name]
            row = openai_tools(contract, record.arguments, record.result)
            Student.answer, Student.requests = row["messages"][-1], []
            value = await outcome(space, case)
            assert text_of(value) == values[name], case
            (request,) = Student.requests
            assert_same(request, row, contract, case)
            counts[f"{mode}, {form}"] += 1
            counts[case.kind] += 1

    project.rewrite("record")
    configure(records=tmp_path / "taught")
    values = asyncio.run(teach())
    taught = {item.function: item for item in read(tmp_path / "taught") if isinstance(item, Record)}
    assert taught.keys() == project.cases.keys()

    for mode in ("fallback", "dispatch"):
        project.rewrite(mode)
        space = vars(project.load())
        for form in ANSWERS:
            folder = tmp_path / f"{mode}-{form}"
            configure(
                records=folder,
                client=Student(is_async=False),
                async_client=Student(is_async=True),
            )
            asyncio.run(serve(mode, form, space))
            if mode == "dispatch":
                continue
            for item in read(folder):  # a student's record makes the row that a teacher's makes
                assert isinstance(item, Record)
                old = taught[item.function]
                assert item.source == MODEL
                for one, other in ((item.arguments, old.arguments), (item.result, old.result)):
                    assert canonical_json(one) == canonical_json(other)
    print("\n", dict(counts))
    assert set(KINDS) <= set(counts)
    assert all(counts[f"{mode}, {form}"] for mode in ("fallback", "dispatch") for form in ANSWERS)


def assert_same(
    request: dict[str, Any], row: dict[str, Any], contract: Contract, case: Case
) -> None:
    """Everything that a call sends is in the row, byte for byte, but for the forced choice."""
    wanted = {"model": MODEL, "messages": row["messages"][:-1]}
    if contract.calls_tool:
        wanted |= {key: row[key] for key in ("tools", "parallel_tool_calls")}
        wanted["tool_choice"] = {"type": "function", "function": {"name": "Answer"}}
    else:
        wanted["response_format"] = contract.form()["response_format"]
    sent = {key: request[key] for key in request if key != "timeout"}
    assert sent.keys() == wanted.keys()
    for key, value in wanted.items():
        assert canonical_json(sent[key]) == canonical_json(value), (key, case)
    assert 0 < request["timeout"] <= 30
