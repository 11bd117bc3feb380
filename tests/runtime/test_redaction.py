"""What is to be hidden never reaches a record, and what stands in its place still teaches."""

from __future__ import annotations

import inspect
import json
import time
import warnings
from collections import namedtuple
from collections.abc import Callable, Sequence  # noqa: TC003 - annotations here are evaluated
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Optional, TypedDict, Unpack

import pydantic.dataclasses
import pytest
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    Secret,
    SecretBytes,
    SecretStr,
    TypeAdapter,
    computed_field,
    create_model,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

from distilgen.contract import Contract
from distilgen.runtime import patterns
from distilgen.runtime.arguments import canonical, in_the_clear
from distilgen.runtime.redaction import NOTHING_SAID, Redacting, Redaction
from distilgen.runtime.sensitive import NotRedactedError, Sensitive
from distilgen.runtime.settings import Settings
from distilgen.runtime.shape import shape_of

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForCheckers


SSN = "078-05-1120"


class Address(BaseModel):
    street: str = Field("Elm 5", alias="Street")
    zip: int = 12345


# The mark changes nothing for the user's own code


class WithLast(BaseModel):
    @computed_field  # type: ignore[prop-decorator]
    @property
    def last(self) -> str:
        return "1120"


class WithMarkedLast(BaseModel):
    @computed_field  # type: ignore[prop-decorator]
    @property
    def last(self) -> Annotated[str, Sensitive]:
        return "1120"


def guest_of(base: type[BaseModel], mark: Callable[[Any], Any]) -> type[BaseModel]:
    """A model with every kind of field; mark: is put on each."""
    base.model_config = ConfigDict(ser_json_bytes="base64", ser_json_inf_nan="constants")
    shouted = Annotated[str, PlainSerializer(str.upper, return_type=str)]
    length = Annotated[str, PlainSerializer(len, return_type=int)]
    fields: dict[str, Any] = {
        "ssn": (mark(str), Field(SSN, alias="socialNumber")),
        "age": (mark(int), 41),
        "weight": (mark(float), float("inf")),
        "photo": (mark(bytes), b"\xff"),
        "born": (mark(date), date(2000, 1, 2)),
        "key": (mark(SecretStr), SecretStr("hunter2")),
        "home": (mark(Address), Address(Street="Elm 5")),
        "other": (mark(Address) | None, None),
        "nick": (Optional[mark(str)], None),  # noqa: UP045 - the old spelling, too
        "either": (mark(str) | int, 5),
        "names": (mark(list[str]), ["Anna", "Bert"]),
        "inside": (list[mark(str)], ["Cleo", "Dora"]),  # type: ignore[misc]
        "by_name": (dict[str, mark(int)], {"a": 1}),  # type: ignore[misc]
        "tags": (mark(set[str]), {"one"}),
        "shouted": (mark(shouted), Field(default_factory=lambda: "loud")),
        "length": (mark(length), Field(default_factory=lambda: "four")),
    }
    return create_model("Guest", __base__=base, **fields)


MARKED = guest_of(WithMarkedLast, lambda kind: Annotated[kind, Sensitive("x")])
BARE = guest_of(WithLast, lambda kind: kind)


@pytest.mark.parametrize(
    "how",
    [
        {},
        {"by_alias": True},
        {"exclude": {"ssn", "home"}},
        {"exclude": {"home": {"street"}, "names": {0}, "inside": {1}, "by_name": {"a"}}},
        {"include": {"ssn": True, "home": {"street"}, "names": {0}}, "by_alias": True},
        {"exclude_none": True},
        {"exclude_defaults": True},
        {"exclude_unset": True},
        {"round_trip": True},
        {"warnings": "error"},
    ],
    ids=lambda options: "-".join(options) or "none",
)
def test_a_mark_changes_no_dump(how: dict[str, Any]) -> None:
    marked, bare = MARKED(), BARE()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert marked.model_dump(**how) == bare.model_dump(**how)
        assert marked.model_dump(mode="json", **how) == bare.model_dump(mode="json", **how)
        assert marked.model_dump_json(**how) == bare.model_dump_json(**how)


@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_a_mark_changes_no_schema(mode: Any) -> None:
    assert MARKED.model_json_schema(mode=mode) == BARE.model_json_schema(mode=mode)
    assert TypeAdapter(Annotated[Address, Sensitive]).json_schema(mode=mode) == TypeAdapter(
        Address
    ).json_schema(mode=mode)


def test_a_mark_changes_no_validation() -> None:
    data = MARKED().model_dump(mode="json", by_alias=True, exclude={"last", "length", "key"})
    assert MARKED.model_validate(data).model_dump() == BARE.model_validate(data).model_dump()


def test_wrong_values_are_warned_about_as_without_a_mark() -> None:
    marked, bare = MARKED.model_construct(age="old"), BARE.model_construct(age="old")
    for model in (marked, bare):
        with pytest.warns(UserWarning, match="Expected `int`"):
            assert json.loads(model.model_dump_json())["age"] == "old"


def test_labels() -> None:
    assert repr(Sensitive) == "Sensitive"
    assert repr(Sensitive("card no. 2")) == "Sensitive('CARD_NO')"
    with pytest.raises(ValueError, match="a label of Sensitive needs a letter"):
        Sensitive("12")


# Arguments


def begun(function: Any = None, /, **said: Any) -> Redacting:
    """The redaction of a call of a function, with these settings."""
    redaction = of(function or (lambda: None), **said)
    return (redaction or NOTHING_SAID).begin()


def of(function: Callable[..., Any], **said: Any) -> Redaction | None:
    args, varargs, varkw = inspect.getargs(function.__code__)
    names = [*args, *filter(None, (varargs, varkw))]
    contract = Contract(
        function="a:f",
        fingerprint="",
        system_prompt="",
        user_message="",
        tool={},
        inputs={"properties": {name: {} for name in names}},
    )
    return Redaction.of(function, contract, Settings(**said))


def arguments(redacting: Redacting, /, **given: Any) -> Any:
    return json.loads(redacting.arguments(given))


class Guest(BaseModel):
    name: str = "Ann"
    ssn: Annotated[str, Sensitive("ssn")] = SSN
    age: Annotated[int, Sensitive] = 41
    key: SecretStr = SecretStr("hunter2")


@dataclass
class Point:
    x: int = 1
    owner: Annotated[str, Sensitive("owner")] = "Anna Blume"
    guests: Annotated[list[str], Sensitive] | None = None
    key: SecretStr = SecretStr("hunter2")  # noqa: RUF009 - it is never changed


@pydantic.dataclasses.dataclass
class Checked:
    owner: Annotated[str, Sensitive("owner")] = "Anna Blume"
    key: SecretBytes = SecretBytes(b"hunter2")


class Row(NamedTuple):
    number: int
    owner: Annotated[str, Sensitive("owner")] = "Anna Blume"


class Told(TypedDict):
    number: int
    owner: Annotated[str, Sensitive("owner")]


class Opened(BaseModel):
    model_config = ConfigDict(extra="allow")
    value: Any = None


class Revealing(BaseModel):
    """Pydantic's own recipe for writing a secret."""

    key: SecretStr = SecretStr("hunter2")

    @field_serializer("key", when_used="always")
    def _key(self, key: SecretStr) -> str:
        return f"key={key.get_secret_value()}"


class RevealingInJson(Revealing):
    @field_serializer("key", when_used="json")
    def _key(self, key: SecretStr) -> str:
        return key.get_secret_value()


class Backwards(BaseModel):
    ssn: Annotated[str, Sensitive("ssn")] = SSN

    @field_serializer("ssn")
    def _ssn(self, ssn: str) -> str:
        return ssn[::-1]


class Flat(BaseModel):
    ssn: Annotated[int, Sensitive("ssn")] = 42

    @model_serializer
    def _all(self) -> dict[str, Any]:
        return {"number": self.ssn, "next": self.ssn + 1}


class Kept(BaseModel):
    ssn: Annotated[str, Sensitive("ssn")] = SSN
    none: None = None

    @model_serializer(mode="wrap")
    def _all(self, handler: Any) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if value is not None}


class Derived(BaseModel):
    ssn: Annotated[str, Field(exclude=True), Sensitive("ssn")] = SSN

    @computed_field  # type: ignore[prop-decorator]
    @property
    def sentence(self) -> str:
        return f"it is {self.ssn}."


GUEST = {"name": "Ann", "ssn": "[SSN_1]", "age": "[SENSITIVE_1]", "key": "[SECRET_1]"}
OWNED = {"owner": "[OWNER_1]", "key": "[SECRET_1]"}


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (SecretStr("hunter2"), "[SECRET_1]"),
        (SecretBytes(b"hunter2"), "[SECRET_1]"),
        (Secret[date](date(2026, 1, 2)), "[SECRET_1]"),
        (Secret[int](123456), "[SECRET_1]"),
        (SecretStr(""), ""),
        ([SecretStr("a"), SecretStr("b")] * 2, ["[SECRET_1]", "[SECRET_2]"] * 2),
        ({"a": {"b": SecretStr("hunter2")}}, {"a": {"b": "[SECRET_1]"}}),
        (Guest(), GUEST),
        ([Guest(), {"a": Guest()}], [GUEST, {"a": GUEST}]),
        (Opened(value=Guest()), {"value": GUEST}),
        (Opened(value=[Guest()], more=Guest()), {"value": [GUEST], "more": GUEST}),  # type: ignore[call-arg]
        (Opened(value=SecretStr("x")), {"value": "[SECRET_1]"}),
        (Opened(value=Point()), {"value": {"x": 1, **OWNED, "guests": None}}),
        (Point(guests=["Bert"]), {"x": 1, **OWNED, "guests": ["[SENSITIVE_1]"]}),
        (Checked(), OWNED),
        (Row(1), [1, "[OWNER_1]"]),
        (Revealing(), {"key": "key=[SECRET_1]"}),
        (RevealingInJson(), {"key": "[SECRET_1]"}),
        (Opened(value=Revealing()), {"value": {"key": "key=[SECRET_1]"}}),
        (Backwards(), "[SENSITIVE_1]"),
        ([1, Opened(value=[Backwards()])], [1, "[SENSITIVE_1]"]),
        (Flat(), "[SENSITIVE_1]"),
        (Kept(), {"ssn": "[SSN_1]"}),
        (Derived(), {"sentence": "it is [SSN_1]."}),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_values_say_what_is_to_be_hidden(value: Any, shown: Any) -> None:
    with pytest.raises(NotRedactedError):
        canonical({"x": value})
    text = NOTHING_SAID.begin().arguments({"before": 1, "x": value})
    assert json.loads(text) == {"before": 1, "x": shown}
    for leak in ("hunter2", SSN, SSN[::-1], "Anna", "Bert", "42", "43", "123456", "2026"):
        assert leak.encode() not in text


def test_a_student_is_asked_in_the_clear() -> None:
    sent = json.loads(in_the_clear({"x": Guest(), "y": Point()}))
    assert sent["x"] == {"name": "Ann", "ssn": SSN, "age": 41, "key": "**********"}
    assert sent["y"]["owner"] == "Anna Blume"


Alias = Annotated[str, Sensitive("alias")]


def test_annotations_of_parameters_say_it() -> None:
    def book(
        ssn: Annotated[str, Sensitive("ssn")],
        age: Annotated[int, Sensitive],
        nick: Annotated[str, Sensitive] | None,
        names: list[Annotated[str, Sensitive("name")]],
        told: Sequence[Told],
        alias: Alias,
        late: Annotated[OnlyForCheckers, Sensitive],
        free: OnlyForCheckers,
        given: Annotated[dict[str, str], Sensitive],
    ) -> None: ...

    shown = arguments(
        begun(book),
        ssn=SSN,
        age=41,
        nick=None,
        names=["Anna", "Bert", "Anna"],
        told=[{"number": 7, "owner": "Cleo"}],
        alias="Dora",
        late="1.5000",
        free=3,
        given={"a": "b"},
    )
    assert shown == {
        "ssn": "[SSN_1]",
        "age": "[SENSITIVE_1]",
        "nick": None,
        "names": ["[NAME_1]", "[NAME_2]", "[NAME_1]"],
        "told": [{"number": 7, "owner": "[OWNER_1]"}],
        "alias": "[ALIAS_1]",
        "late": "[SENSITIVE_2]",
        "free": 3,
        "given": "[SENSITIVE_3]",
    }


def test_nothing_is_done_where_nothing_is_said() -> None:
    def plain(topic: str, guest: OnlyForCheckers) -> Address | None: ...

    def holding(guest: Guest) -> None: ...

    def giving() -> list[SecretStr] | None: ...

    assert of(plain) is None
    assert of(holding) == of(giving) == NOTHING_SAID
    assert of(plain, redact=("email",)) == Redaction(patterns=("email",))


def test_what_was_hidden_is_hidden_everywhere() -> None:
    def book(ssn: Annotated[str, Sensitive("ssn")], text: str, number: Annotated[int, Sensitive], data: Any) -> None: ...  # noqa: E501  # fmt: skip

    redacting = begun(book)
    assert arguments(
        redacting,
        text=f"I am {SSN}, or was it {SSN}? 98765 43",
        data=[SSN, {SSN: 98765}, 43, "x98765"],
        ssn=SSN,
        number=98765,
    ) == {
        "text": "I am [SSN_1], or was it [SSN_1]? [SENSITIVE_1] 43",
        "data": ["[SSN_1]", {"[SSN_1]": "[SENSITIVE_1]"}, 43, "x[SENSITIVE_1]"],
        "ssn": "[SSN_1]",
        "number": "[SENSITIVE_1]",
    }
    assert result(redacting, f"for {SSN}") == "for [SSN_1]"
    assert redacting.error(f"no such guest: {SSN!r}") == "no such guest: '[SSN_1]'"


LETTER = 'Dear "Ann",\nI\'m ill: é\\x,\n\nyours Bob'


def test_what_was_hidden_is_hidden_as_repr_and_json_spell_it() -> None:
    def send(letter: Annotated[str, Sensitive("letter")], log: Any) -> None: ...

    class Out(BaseModel):
        text: str

    redacting = begun(send)
    shown = arguments(redacting, letter=LETTER, log=[repr(LETTER), {repr({"a": LETTER}): 1}])
    assert shown["log"] == ["'[LETTER_1]'", {"{'a': '[LETTER_1]'}": 1}]
    for ascii_only in (True, False):
        out = Out(text=json.dumps({"l": LETTER}, ensure_ascii=ascii_only))
        assert result(redacting, out, Out) == {"text": '{"l": "[LETTER_1]"}'}
    with pytest.raises(pydantic.ValidationError) as caught:
        TypeAdapter(list[int]).validate_python({"letter": LETTER})
    cut = result(redacting, str(caught.value))
    assert cut == redacting.error(str(caught.value))
    assert "input_value={'letter': '[LETTER_1]...[LETTER_1]'}" in cut
    assert redacting.error(f"lookup of {LETTER!r} failed") == "lookup of '[LETTER_1]' failed"


def test_a_key_that_is_hidden_by_name_is_hidden_in_what_stands_before_it() -> None:
    given = [{"note": "it is hunter2", "password": "hunter2"}]
    shown = [{"note": "it is [PASSWORD_1]", "password": "[PASSWORD_1]"}]
    redacting = begun(redact_names=("password",))
    assert arguments(redacting, a=given) == {"a": shown}
    assert result(begun(redact_names=("password",)), given) == shown


def test_arguments_of_other_names_are_hidden_one_by_one() -> None:
    def send(*to: Annotated[str, Sensitive("to")], **kw: Annotated[str, Sensitive("kw")]) -> None: ...  # noqa: E501  # fmt: skip

    for marked in (begun(send), begun(lambda **kw: kw, redact_names=("kw",))):
        shown = arguments(marked, kw={"a": "Anna", "b": "Bert", "c": None, "d": [7, "Anna"]})
        assert shown["kw"] == {"a": "[KW_1]", "b": "[KW_2]", "c": None, "d": ["[KW_3]", "[KW_1]"]}
        assert result(marked, "to Bert") == "to [KW_2]"
    redacting = begun(send)
    assert arguments(redacting, to=("Anna",), kw={"k": [object()]}) == {
        "to": ["[TO_1]"],
        "kw": {"k": ["[KW_1]"]},
    }


def test_arguments_of_other_names_may_be_marked_one_by_one() -> None:
    def send(**kw: Unpack[Told]) -> None: ...

    assert arguments(begun(send), kw={"number": 1, "owner": "Anna"}) == {
        "kw": {"number": 1, "owner": "[OWNER_1]"}
    }


def test_short_values_are_hidden_where_they_stand_alone() -> None:
    def book(name: Annotated[str, Sensitive("name")], text: str, same: str) -> None: ...

    assert arguments(begun(book), name="Al", text="Also Al", same="Al") == {
        "name": "[NAME_1]",
        "text": "Also Al",
        "same": "[NAME_1]",
    }


def test_placeholders_stay_and_are_not_given_again() -> None:
    def book(ssn: Annotated[str, Sensitive("ssn")], text: str) -> None: ...

    shown = arguments(
        begun(book, redact=("email",)), ssn=SSN, text="[SSN_1] wrote to a@x.de and [EMAIL_1]"
    )
    assert shown == {"ssn": "[SSN_2]", "text": "[SSN_1] wrote to [EMAIL_2] and [EMAIL_1]"}
    again = arguments(begun(book, redact=("email",)), **shown)
    assert again == shown


def test_long_values_are_found_inside_of_longer_ones() -> None:
    def send(letter: Annotated[str, Sensitive("letter")], text: str) -> None: ...

    letter = "dear (all)\n" * 1_000
    shown = arguments(begun(send), letter=letter, text=f">{letter}<")
    assert shown == {"letter": "[LETTER_1]", "text": ">[LETTER_1]<"}


def test_a_limit_hides_what_is_hidden_all_the_same() -> None:
    def send(letter: Annotated[str, Sensitive("letter")], text: str) -> None: ...

    redacting = begun(send)
    text = redacting.arguments({"letter": "abcd" * 100, "text": "x" * 1_000}, 200)
    assert json.loads(text) == {"letter": "[LETTER_1]", "text": {"$too_large": 1_000}}
    assert redacting.error("abcd" * 100) == "[LETTER_1]"


# Names


@pytest.mark.parametrize(
    ("names", "key"),
    [
        (("password",), "password"),
        (("password",), "Password"),
        (("api_token",), "apiToken"),
        (("apiToken",), "API-TOKEN"),
        (("*token",), "github_token"),
        (("pass*",), "passPhrase"),
        (("nothing", "p?n"), "pin"),
    ],
)
def test_configured_names_match_at_any_depth(names: tuple[str, ...], key: str) -> None:
    redacting = begun(redact_names=names)
    shown = arguments(redacting, **{key: "abcd"}, deep=[{"a": {key: "efgh", "b": "abcd"}}])
    label = key.upper().replace("-", "_")
    assert shown == {
        key: f"[{label}_1]",
        "deep": [{"a": {key: f"[{label}_2]", "b": f"[{label}_1]"}}],
    }
    assert result(redacting, {key: "ijkl"}) == {key: f"[{label}_3]"}


def test_names_that_only_look_alike_stay() -> None:
    given = {"passwords": "abcd", "pass": "efgh"}
    assert arguments(begun(redact_names=("password",)), **given) == given


# Patterns and the user's function


def test_patterns_search_every_text() -> None:
    redacting = begun(redact=patterns.check(["all"], ""))
    given = {"a": "Ann <ann@example.com>", "b": [{"bob@example.com": "Ann@example.com"}]}
    shown = {"a": "Ann <[EMAIL_1]>", "b": [{"[EMAIL_2]": "[EMAIL_1]"}]}
    assert arguments(redacting, **given) == shown
    assert (
        result(redacting, "call 0171 1234567 or bob@example.com") == "call [PHONE_1] or [EMAIL_2]"
    )
    assert redacting.error("no ann@example.com, cleo@example.com") == "no [EMAIL_1], [EMAIL_3]"


def test_a_function_of_the_user_gets_path_and_text() -> None:
    seen: list[tuple[str, str]] = []

    def by(path: str, text: str) -> str:
        seen.append((path, text))
        return text.replace("Anna", "[PERSON]")

    redacting = begun(redact=("email",), redact_with=by)
    assert arguments(redacting, items=[{"to": "Anna a@x.de"}], n=1) == {
        "items": [{"to": "[PERSON] [EMAIL_1]"}],
        "n": 1,
    }
    assert result(redacting, {"to": "Anna"}) == {"to": "[PERSON]"}
    assert redacting.error("no Anna") == "no [PERSON]"
    assert seen == [("items.0.to", "Anna [EMAIL_1]"), ("result.to", "Anna"), ("error", "no Anna")]


def test_a_function_of_the_user_may_say_where_instead() -> None:
    def by(_: str, text: str) -> Any:
        place = text.find("Anna")
        return [(place, place + 4, "person")] if place >= 0 else []

    redacting = begun(redact_with=by)
    assert arguments(redacting, a="Anna, Bert", b="to Anna") == {
        "a": "[PERSON_1], Bert",
        "b": "to [PERSON_1]",
    }


@pytest.mark.parametrize("given", [None, 1, b"x", [1]])
def test_a_function_that_gives_no_text_fails(given: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        arguments(begun(redact_with=lambda _path, _text: given), a="b")


def test_a_function_that_raises_fails() -> None:
    def by(path: str, text: str) -> str:
        raise LookupError(path + text)

    redacting = begun(redact_with=by)
    with pytest.raises(LookupError):
        redacting.arguments({"a": "b"})
    with pytest.raises(LookupError):
        result(redacting, "b")
    with pytest.raises(LookupError):
        redacting.error("b")


# Results


def result(redacting: Redacting, value: Any, kind: Any = Any) -> Any:
    adapter: TypeAdapter[Any] = TypeAdapter(kind)
    text = redacting.result(
        value, lambda: adapter.dump_json(value, by_alias=True), (adapter, shape_of(adapter))
    )
    return json.loads(text)


def test_texts_in_results_stay_texts() -> None:
    class Answer(BaseModel):
        ssn: Annotated[str, Sensitive("ssn")]
        key: SecretStr
        names: Annotated[list[str], Sensitive("name")]
        note: str

    value = Answer(ssn=SSN, key=SecretStr("hunter2"), names=["Anna"], note=f"{SSN} hunter2")
    shown = {
        "ssn": "[SSN_1]",
        "key": "[SECRET_1]",
        "names": ["[NAME_1]"],
        "note": "[SSN_1] [SECRET_1]",
    }
    assert result(NOTHING_SAID.begin(), value, Answer) == shown
    text = value.model_dump_json().encode()
    untyped = NOTHING_SAID.begin().result(value, lambda: text)
    assert json.loads(untyped) == shown


def test_what_can_be_no_text_makes_a_result_no_answer_to_learn() -> None:
    assert result(NOTHING_SAID.begin(), Guest(), Guest)["age"] == {"$redacted": "[SENSITIVE_1]"}
    for kind in (list[Flat], list[Any], Any):
        assert result(NOTHING_SAID.begin(), [Flat()], kind) == {"$redacted": "[SENSITIVE_1]"}


def test_a_placeholder_that_does_not_fit_makes_it_none_either() -> None:
    class Answer(BaseModel):
        to: str = Field(max_length=5)
        born: Annotated[date, Sensitive("born")] = date(2000, 1, 2)
        note: str = "x"

    redacting = begun(redact=("email",))
    assert result(redacting, Answer.model_construct(to="a@x.de"), Answer) == {
        "to": {"$redacted": "[EMAIL_1]"},
        "born": {"$redacted": "[BORN_1]"},
        "note": "x",
    }


class Cat(BaseModel):
    name: Annotated[str, Sensitive("name")]
    born: Annotated[date, Sensitive("born")]


class Dog(BaseModel):
    name: Annotated[str, Sensitive("name")]
    tag: Annotated[str, Field(max_length=3), Sensitive("tag")]
    bites: bool


class Pair(BaseModel):
    left: str
    right: str

    @model_validator(mode="after")
    def _differ(self) -> Pair:
        if "[" in self.right:
            raise ValueError("no brackets")
        return self


ANNA = Cat(name="Anna", born=date(2000, 1, 2))
BORN = {"$redacted": "[BORN_1]"}


@pytest.mark.parametrize(
    ("value", "kind", "shown"),
    [
        (ANNA, Cat, {"name": "[NAME_1]", "born": BORN}),
        (
            [ANNA, Cat(name="Bert", born=ANNA.born)],
            list[Cat],
            [{"name": "[NAME_1]", "born": BORN}, {"name": "[NAME_2]", "born": BORN}],
        ),
        (
            {"a": (1, Dog(name="Anna", tag="abc", bites=True))},
            dict[str, tuple[int, Cat | Dog]],
            {"a": [1, {"name": "[NAME_1]", "tag": {"$redacted": "[TAG_1]"}, "bites": True}]},
        ),
        (
            {"mails": ("a@x.de", "a@x.de"), "note": "a@x.de"},
            dict[str, tuple[Annotated[str, Field(max_length=6)], str] | str],
            {"mails": [{"$redacted": "[EMAIL_1]"}, "[EMAIL_1]"], "note": "[EMAIL_1]"},
        ),
        (
            {"by": {"a@x.de": "x"}, "to": {"x": "a@x.de"}},
            dict[str, dict[Annotated[str, Field(max_length=6)], str]],
            {"by": {"$redacted": '{"[EMAIL_1]":"x"}'}, "to": {"x": "[EMAIL_1]"}},
        ),
        (
            [Pair(left="a@x.de", right="b@x.de"), Pair(left="a@x.de", right="c")],
            list[Pair],
            [
                {"left": {"$redacted": "[EMAIL_1]"}, "right": {"$redacted": "[EMAIL_2]"}},
                {"left": "[EMAIL_1]", "right": "c"},
            ],
        ),
    ],
    ids=["field", "item", "union", "list", "key", "whole"],
)
def test_only_what_can_hold_no_placeholder_is_marked(value: Any, kind: Any, shown: Any) -> None:
    assert result(begun(redact=("email",)), value, kind) == shown


def test_a_validator_that_says_nothing_of_where_marks_all() -> None:
    class Told(BaseModel):
        to: str
        other: str

        @field_validator("to")
        def _only(cls, to: str) -> str:  # noqa: N805
            if to.startswith("["):
                raise LookupError(to)
            return to

    value = Told(to="a@x.de", other="to a@x.de")
    assert result(begun(redact=("email",)), value, Told) == {
        "to": {"$redacted": "[EMAIL_1]"},
        "other": {"$redacted": "to [EMAIL_1]"},
    }


def test_an_answer_with_nothing_to_hide_is_as_it_was() -> None:
    value = {"a": [1.0, 1e16, None, True, "é"], "b": {"c": "d"}}
    redacting = begun(redact=("email", "phone"), redact_names=("x",))
    adapter: TypeAdapter[Any] = TypeAdapter(Any)
    text = adapter.dump_json(value)
    assert redacting.result(value, lambda: text, (adapter, shape_of(adapter))) == text
    assert redacting.result(value, lambda: text) == text


def test_sets_stay_sorted() -> None:
    class Labels(BaseModel):
        names: set[str]
        key: SecretStr = SecretStr("hunter2")

    shown = result(NOTHING_SAID.begin(), Labels(names={"c", "a", "b"}), Labels)
    assert shown == {"names": ["a", "b", "c"], "key": "[SECRET_1]"}


def test_what_a_result_hides_is_taken_out_of_the_arguments() -> None:
    redacting = begun(redact=("email",))
    early = redacting.arguments({"text": f"I am {SSN}, a@x.de", "ssn": SSN})
    assert redacting.again(early) is early
    result(redacting, Guest(), Guest)
    assert json.loads(redacting.again(early)) == {
        "text": "I am [SSN_1], [EMAIL_1]",
        "ssn": "[SSN_1]",
    }


def test_a_misfit_says_nothing_of_what_it_holds() -> None:
    adapter = TypeAdapter(Guest)
    redacting = NOTHING_SAID.begin()
    value = {"ssn": SSN, "name": "Annabel Lee"}
    with pytest.raises(pydantic.ValidationError) as caught:
        redacting.result(value, lambda: adapter.validate_python([SSN, value]))  # type: ignore[arg-type, return-value]
    message = redacting.error(str(caught.value))
    assert SSN not in message
    assert "Annabel Lee" not in message


def test_an_error_that_cuts_a_value_shows_no_part_of_it() -> None:
    def book(key: Annotated[str, Sensitive("key")]) -> None: ...

    redacting = begun(book)
    key = "0123456789abcdefghij" * 10
    redacting.arguments({"key": key})
    with pytest.raises(pydantic.ValidationError) as caught:
        TypeAdapter(int).validate_python(key)
    message = redacting.error(str(caught.value))
    assert "[KEY_1]" in message
    assert not any(key[place : place + 6] in message for place in range(20))


def test_many_names_and_values_take_no_time() -> None:
    rows = [{"password": f"secret {place}", "note": "it is secret 7."} for place in range(2_000)]
    start = time.perf_counter()
    shown = arguments(begun(redact_names=("password",)), rows=rows)["rows"]
    assert shown[9] == {"password": "[PASSWORD_10]", "note": "it is [PASSWORD_8]."}
    # It was compiled anew for each value: no measurement, but a bound.
    assert time.perf_counter() - start < 10


def test_calls_share_nothing() -> None:
    redaction = Redaction(patterns=("email",))
    for _ in range(2):
        assert arguments(redaction.begin(), a="a@x.de b@x.de") == {"a": "[EMAIL_1] [EMAIL_2]"}


def test_another_call_inside_of_a_serialiser_hides_for_itself() -> None:
    inner: list[bytes] = []

    class Nosy(BaseModel):
        ssn: Annotated[str, Sensitive("ssn")] = SSN

        @model_serializer(mode="wrap")
        def _all(self, handler: Any) -> Any:
            inner.append(NOTHING_SAID.begin().arguments({"x": Guest(), "y": f"of {SSN}"}))
            return handler(self)

    assert arguments(NOTHING_SAID.begin(), x=Nosy()) == {"x": {"ssn": "[SSN_1]"}}
    assert inner
    assert all(json.loads(text)["y"] == "of [SSN_1]" for text in inner)


def test_failures_are_raised() -> None:
    class Broken(SecretStr):
        def get_secret_value(self) -> str:
            raise RuntimeError("no secret")

    with pytest.raises(RuntimeError, match="no secret"):
        NOTHING_SAID.begin().arguments({"x": Broken("a")})
    with pytest.raises(RuntimeError, match="no secret"):
        NOTHING_SAID.begin().result([Broken("a")], lambda: b"[]")


Old = namedtuple("Old", "left right")  # noqa: PYI024 - the old kind, too


def test_circles_end() -> None:
    knot: list[Any] = [Old(SecretStr("hunter2"), 1)]
    knot.append(knot)
    shown = arguments(NOTHING_SAID.begin(), knot=knot, text="hunter2")
    assert shown == {"knot": {"$unserializable": "builtins.list"}, "text": "[SECRET_1]"}
