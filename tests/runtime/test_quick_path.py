"""The wrapper's own way of writing a record gives what the recorder's gives, for any call."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Generic, Literal, TypeVar
from uuid import UUID

import pydantic
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, RootModel, computed_field

from distilgen.runtime import Contract, configure
from distilgen.runtime.recorder import Recorder
from distilgen.runtime.wrapper import wrapper

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

T = TypeVar("T")


@pytest.fixture(autouse=True)
def _no_tracing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another test may have imported OpenTelemetry: then every call is asked for its span."""
    monkeypatch.setattr("distilgen.runtime.tracing.is_here", lambda: False)


class Flat(BaseModel):
    n: int
    text: str = ""
    ratio: float = 0.5
    on: bool | None = None


class Child(Flat):
    more: int = 1


class Nested(BaseModel):
    flat: Flat
    rest: list[Flat] = []


class Aliased(BaseModel):
    model_config = ConfigDict(populate_by_name=True)
    user_name: str = Field(alias="userName")


class Computed(BaseModel):
    n: int

    @computed_field
    def double(self) -> int:
        return 2 * self.n


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")
    n: int


class Private(BaseModel):
    n: int
    _secret: int = PrivateAttr(7)


class Cached(BaseModel):
    n: int

    @cached_property
    def square(self) -> int:
        return self.n**2


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)
    n: int


class Excluding(BaseModel):
    n: int
    hidden: str = Field("x", exclude=True)


class Numbers(RootModel[list[int]]):
    pass


class Page(BaseModel, Generic[T]):
    items: list[T]


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


class Pet(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


class Colour(Enum):
    RED = "red"


class Rich(BaseModel):
    colour: Colour = Colour.RED
    size: Literal["s", "m"] = "s"
    when: datetime = datetime(2026, 1, 2, tzinfo=UTC)
    how_long: timedelta = timedelta(1)
    price: Decimal = Decimal("1.10")
    raw: bytes = b"\x01"
    who: UUID = UUID(int=3)


class Labels(BaseModel):
    names: set[str]


class Stepping(BaseModel):
    """A model that is an iterator, too."""

    n: int

    def __next__(self) -> int:
        raise AssertionError("it is the caller's to be read")


class Wide(BaseModel):
    a: int = 1
    b: int = 1
    c: int = 1
    d: int = 1
    e: int = 1
    f: int = 1
    g: int = 1
    h: int = 1
    i: int = 1
    j: int = 1
    k: int = 1
    l: int = 1  # noqa: E741
    m: str = ""


@pydantic.dataclasses.dataclass
class Point:
    x: int
    y: float


class Word(str):
    __slots__ = ()


RESULTS: list[tuple[Any, Callable[[], Any]]] = [
    (Flat, lambda: Flat(n=1)),
    (Flat, lambda: Flat(n=-(10**25), text='"\\\n\x00é\u2028😀', ratio=1e300, on=True)),
    (Flat, lambda: Flat(n=1, text="\ud800")),
    (Flat, lambda: Flat(n=1, ratio=float("nan"))),
    (Flat, lambda: Flat(n=1, ratio=float("-inf"))),
    (Flat, lambda: Flat(n=1, ratio=-0.0)),
    (Flat, lambda: Flat(n=10**4299)),
    (Flat, lambda: Flat.model_construct(n=10**4300)),
    (Flat, lambda: Flat.model_construct(n=-(10**9000), text="x" * 5000)),
    (Flat, lambda: Flat(n=1, text="x" * 4400)),
    (Flat, lambda: Flat(n=1, text="9" * 9000)),
    (Flat, lambda: Flat.model_construct(n="one")),
    (Flat, lambda: Flat.model_construct(n=True)),
    (Flat, lambda: Flat.model_construct(n=1.0)),
    (Flat, lambda: Flat.model_construct(text="no n")),
    (Flat, lambda: Flat.model_construct(n=1, text=Word("w"))),
    (Flat, lambda: Flat.model_construct(n=1, other=2)),
    (Flat, lambda: Child(n=1)),
    (Flat, lambda: Nested(flat=Flat(n=1))),
    (Flat, lambda: {"n": 1}),
    (Flat, lambda: None),
    (Flat | None, lambda: None),
    (Flat | None, lambda: Flat(n=1)),
    (list[Flat], lambda: [Flat(n=1), Child(n=2)]),
    (list[Flat], lambda: (Flat(n=1),)),
    (dict[str, Flat], lambda: {"a": Flat(n=1)}),
    (Annotated[Flat, "a note"], lambda: Flat(n=1)),
    (Nested, lambda: Nested(flat=Child(n=1), rest=[Flat(n=2, ratio=2.5)])),
    (Nested, lambda: Nested(flat=Flat(n=1, ratio=float("nan")))),
    (Aliased, lambda: Aliased(userName="ann")),
    (Computed, lambda: Computed(n=2)),
    (Open, lambda: Open.model_validate({"n": 1, "more": [1, {"a": None}]})),
    (Private, lambda: Private(n=1)),
    (Cached, lambda: Cached(n=1)),
    (Cached, lambda: with_square(Cached(n=3))),
    (Frozen, lambda: Frozen(n=1)),
    (Excluding, lambda: Excluding(n=1, hidden="x")),
    (Numbers, lambda: Numbers([1, 2])),
    (Page[Flat], lambda: Page[Flat](items=[Flat(n=1)])),
    (Page[Flat], lambda: Page(items=[Flat(n=1)])),
    (Page, lambda: Page(items=[Flat(n=1)])),
    (Pet, lambda: Pet(pet=Dog())),
    (Pet, lambda: Pet.model_construct(pet=Flat(n=1))),
    (Cat | Dog, Cat),
    (Rich, Rich),
    (Labels, lambda: Labels(names={"c", "a", "b"})),
    (Stepping, lambda: Stepping(n=1)),
    (Wide, Wide),
    (Point, lambda: Point(1, 2.5)),
    (Point, lambda: Point(1, float("inf"))),
]


def with_square(cached: Cached) -> Cached:
    assert cached.square == 9
    return cached


def fail() -> Any:
    raise ValueError("no \ud800")


ODD_NAMES = (
    *("_", "__x", "type", "D_recorder", "ID_card", "self", "cls", "len", "recorded", "function"),
    *("call", "result", "given", "list", "make", "é", "_call", "__call", "D_", "None_", "error"),
)
NAMES = st.sampled_from(ODD_NAMES) | st.from_regex(r"[a-z_D][a-z_D0-9]{0,3}", fullmatch=True)
KINDS = ("positional", "either", "star", "keyword", "stars")
LENGTHS = st.sampled_from((4_280, 4_295, 4_300, 4_301, 5_000))
VALUES: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from((10**4299, 10**4300, -(10**4299), -(10**4300), 10**9000)),
    st.floats(),
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.just("\udfff"),
    LENGTHS.map("x".__mul__),
    LENGTHS.map("9".__mul__),
    st.integers().map(lambda n: Flat(n=n)),
    st.just(Flat(n=1, ratio=float("nan"))),
    st.just(Child(n=1)),
    st.lists(st.integers(0, 3).map(lambda n: Flat(n=n)), max_size=3),
    st.lists(st.integers() | st.text(max_size=2) | st.just(Flat(n=1)), max_size=3),
    st.just(Open.model_validate({"n": 1, "x": {3}})),
    st.just({"a": [1]}),
    st.just({2, 1}),
    st.just(b"\xff"),
    st.just(Rich()),
    st.just(object),
    st.builds(object),
    st.just(Word("w")),
)


@dataclass
class Called:
    """A function by its source, and one call of it. returns: an index into RESULTS."""

    parameters: str
    names: tuple[str, ...]
    defaults: dict[str, Any]
    args: list[Any]
    kwargs: dict[str, Any]
    returns: int
    raises: bool
    limit: int


@st.composite
def calls(draw: st.DrawFn) -> Called:
    """A signature and arguments that it takes."""
    names = draw(
        st.lists(
            NAMES.filter(lambda name: name.isidentifier() and not keyword.iskeyword(name)),
            unique=True,
            max_size=4,
        )
    )
    # Each star at most once.
    order = sorted(str(draw(st.sampled_from(KINDS))) for _ in names)
    kinds = [
        "keyword" if kind in order[:place] and "star" in kind else kind
        for place, kind in enumerate(order)
    ]
    pairs = sorted(zip(kinds, names, strict=True), key=lambda pair: KINDS.index(pair[0]))
    kinds, names = [kind for kind, _ in pairs], [name for _, name in pairs]
    parts: list[str] = []
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    defaults: dict[str, Any] = {}
    for place, (kind, name) in enumerate(pairs):
        if kind == "keyword" and "keyword" not in kinds[:place] and "star" not in kinds:
            parts.append("*")
        if kind in ("star", "stars"):
            parts.append(("*" if kind == "star" else "**") + name)
            if kind == "stars":
                kwargs["more"] = draw(VALUES)
            elif len(args) == place:
                args += draw(st.lists(VALUES, max_size=2))
            continue
        if not defaults.keys().isdisjoint(names[:place]) or draw(st.booleans()):
            defaults[name] = draw(VALUES)
        parts.append(f"{name}=defaults[{name!r}]" if name in defaults else name)
        if name not in defaults or draw(st.booleans()):
            if kind == "keyword" or (kind == "either" and draw(st.booleans())):
                kwargs[name] = draw(VALUES)
            elif len(args) == place:
                args.append(draw(VALUES))
            elif kind == "either":
                kwargs[name] = draw(VALUES)
            else:  # one before it took its default
                parts[-1], defaults[name] = f"{name}=defaults[{name!r}]", None
        if kind == "positional" and "positional" not in kinds[place + 1 :]:
            parts.append("/")
    return Called(
        ", ".join(parts),
        tuple(names),
        defaults,
        args,
        kwargs,
        draw(st.integers(0, len(RESULTS) - 1)),
        draw(st.integers(0, 9)) == 0,
        draw(st.sampled_from((262_144, 262_144, 262_144, 50, 1_000, 4_500, 9_000))),
    )


def written(folder: Path) -> list[bytes]:
    """The lines that are there now, without what no two calls share."""
    lines = [
        line for path in sorted(folder.glob("*.jsonl")) for line in path.read_bytes().splitlines()
    ]
    for path in folder.glob("*.jsonl"):
        path.write_bytes(b"")
    return [
        re.sub(rb'^\{"id":"[^"]{36}","at":"[^"]{24}",|"elapsed_ms":[0-9.e-]+,', b"", line, count=2)
        for line in lines
    ]


def recorder_of(function: Callable[..., Any], names: tuple[str, ...]) -> Recorder:
    contract = Contract(
        function="shop.mail:compose",
        fingerprint="f",
        system_prompt="",
        user_message="",
        tool={},
        inputs={"properties": {name: {} for name in names}},
    )
    return Recorder(contract, function)


@pytest.mark.parametrize("waits", [False, True])
def test_both_ways_write_the_same(waits: bool, tmp_path: Path) -> None:
    @settings(
        max_examples=250,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(calls())
    def check(called: Called) -> None:
        hint, make = RESULTS[called.returns]
        answers: list[Any] = []

        def answer() -> Any:
            answers.append(fail() if called.raises else make())
            return answers[-1]

        space: dict[str, Any] = {"answer": answer, "defaults": called.defaults}
        kind = "async def" if waits else "def"
        exec(f"{kind} compose({called.parameters}): return answer()", space)
        function = space["compose"]
        function.__annotations__["return"] = hint
        configure(records=tmp_path, limit=called.limit)
        recorder = recorder_of(function, called.names)
        recorded = wrapper(recorder, function)

        def outcome() -> str:
            try:
                got = recorded(*called.args, **called.kwargs)
                if waits:
                    got = finished(got)
            except ValueError as error:
                return repr(error)
            assert got is answers[-1]
            return "returned"

        expected = "ValueError('no \\ud800')" if called.raises else "returned"
        seen = []
        for quickly in (False, True, False, True):
            if not quickly:
                recorder.plan = None
            assert outcome() == expected
            seen += written(tmp_path)
        assert len(seen) == 4, recorder.counts()
        assert set(seen) == {seen[0]}

    check()


def finished(coroutine: Any) -> Any:
    """What a coroutine that waits for nothing returns."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits")


ATOMS = [(), (1, "a"), (None, 2.5), (True, float("nan"))]
MODELS: list[Any] = [(Cat(), 2), ([Cat(), Dog()], [1, "a"])]
QUICK = [
    *((Flat, make, args) for make in (lambda: Flat(n=1),) for args in (*ATOMS, *MODELS)),
    (Flat, lambda: Flat(n=1, text="x" * 5000), MODELS[0]),
    (Nested, lambda: Nested(flat=Flat(n=1)), ATOMS[1]),
    (Flat, lambda: Flat.model_construct(n=1, text=Word("w")), ATOMS[1]),
    (Aliased, lambda: Aliased(userName="ann"), ATOMS[1]),
    (Rich, Rich, MODELS[0]),
    (Wide, Wide, ATOMS[1]),
    (list[Flat], lambda: [Flat(n=1)], ATOMS[1]),
    (Page[Flat], lambda: Page[Flat](items=[]), ATOMS[1]),
    (Point, lambda: Point(1, 2.0), ATOMS[1]),
    (Numbers, lambda: Numbers([1]), ATOMS[1]),
]


@pytest.mark.parametrize(("hint", "make", "args"), QUICK)
@pytest.mark.parametrize("waits", [False, True])
def test_plain_calls_go_the_quick_way(
    hint: Any,
    make: Callable[[], Any],
    args: tuple[Any, ...],
    waits: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def compose(a: Any = 0, b: Any = 0) -> Any:
        del a, b
        return make()

    async def acompose(a: Any = 0, b: Any = 0) -> Any:
        return compose(a, b)

    configure(records=tmp_path)
    function = acompose if waits else compose
    function.__annotations__["return"] = hint
    recorder = recorder_of(function, ("a", "b"))
    recorded = wrapper(recorder, function)
    ways: list[str] = []
    for name in ("begin", "went_well", "go_on"):
        monkeypatch.setattr(Recorder, name, noting(ways, name, getattr(Recorder, name)))
    for _ in range(5):
        got = recorded(*args)
        if waits:
            finished(got)
    assert ways == ["begin"]
    assert recorder.counts().recorded == 5


def noting(ways: list[str], name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    def called(*args: Any) -> Any:
        ways.append(name)
        return method(*args)

    return called


def test_a_small_limit_holds_on_both_ways(tmp_path: Path) -> None:
    def compose() -> Flat:
        return Flat(n=1, text="x" * 100)

    configure(records=tmp_path, limit=80)
    recorded = wrapper(recorder_of(compose, ()), compose)
    for _ in range(3):
        recorded()
    seen = written(tmp_path)
    assert len(seen) == 3
    assert all(b'"result":{"$too_large":' in line for line in seen)


def test_an_integer_that_python_does_not_read_back_is_an_error_of_the_record(
    tmp_path: Path,
) -> None:
    def compose(flat: Flat, digits: int) -> Flat:
        return flat.model_copy(update={"n": 10**digits})

    configure(records=tmp_path)
    recorded = wrapper(recorder_of(compose, ("flat", "digits")), compose)
    for _ in range(2):
        assert recorded(Flat(n=1), 4300).n == 10**4300
        recorded(Flat(n=1), 4299)
    lines = written(tmp_path)
    assert [b"more than 4300 digits" in line for line in lines] == [True, False] * 2


def test_more_calls_in_a_millisecond_than_an_id_can_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock stands still: 10,000 calls, nested ones among them, and no two ids alike."""

    def compose(n: int) -> Flat:
        return inner(n) if n % 10 == 0 else Flat(n=n)

    def within(n: int) -> Flat:
        return Flat(n=n)

    monkeypatch.setattr("time.perf_counter_ns", lambda: 10**9)
    configure(records=tmp_path)
    recorder = recorder_of(compose, ("n",))
    recorded = wrapper(recorder, compose)
    inner = wrapper(recorder_of(within, ("n",)), within)
    for n in range(10_000):
        recorded(n)
    text = (tmp_path / "records-000001.jsonl").read_bytes()
    ids = re.findall(rb'^\{"id":"([^"]+)"', text, re.MULTILINE)
    parents = re.findall(rb'"parent":"([^"]+)"', text)
    assert len(ids) == len(set(ids)) == 11_000
    assert len(set(parents)) == 1_000
    assert set(parents) < set(ids)
    assert all(UUID(one.decode()).version == 7 for one in ids)


def test_a_clock_that_is_set_back_makes_no_id_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compose(n: int) -> Flat:
        return Flat(n=n)

    configure(records=tmp_path)
    recorded = wrapper(recorder_of(compose, ("n",)), compose)
    now = [1_800_000_000 * 10**9, 0]
    monkeypatch.setattr("time.time_ns", lambda: now[0])
    monkeypatch.setattr("time.perf_counter_ns", lambda: now[1])
    for n in range(2_000):
        now[1] += 100_000
        now[0] += 100_000 if n % 100 else -3_600 * 10**9
        recorded(n)
    text = (tmp_path / "records-000001.jsonl").read_bytes()
    ids = re.findall(rb'^\{"id":"([^"]+)","at":"20\d\d-\d\d-\d\dT', text, re.MULTILINE)
    assert len(ids) == len(set(ids)) == 2_000
