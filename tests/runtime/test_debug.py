"""What is printed of questions and answers, and what is not."""

from __future__ import annotations

import io
import json
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, wraps
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any, Literal, NamedTuple

import pytest
from pydantic import BaseModel, Field, RootModel, SecretStr
from typing_extensions import TypeAliasType, TypedDict

from distilgen import Sensitive
from distilgen.errors import InvalidAnswerError
from distilgen.runtime import Contract, configure, debug, settings

ContractOf = Callable[..., Contract]

SSN = "987-AB-6543"
KEY = "sk-proj-abcdefghijklmnopqrst1234"
SERVER = "http://me:open-sesame@models.example/v1"


class Guest(BaseModel):
    name: str
    ssn: Annotated[str, Sensitive("ssn")]


class Email(BaseModel):
    to: str
    text: str


def send(topic: str, code: Annotated[Any, Sensitive("code")] = None) -> Email: ...  # type: ignore[empty-body]


def book(topic: str) -> Guest: ...  # type: ignore[empty-body]


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module that the functions are found in."""
    module = ModuleType("shop.mail")
    monkeypatch.setitem(sys.modules, "shop.mail", module)
    return module


@pytest.fixture
def asking(
    shop: ModuleType, contract_of: ContractOf
) -> Callable[..., tuple[Contract, debug.Question]]:
    """Prints the question of a call to a function."""

    def ask(
        function: Callable[..., Any], *, returns: Any = None, known: bool = True, **arguments: Any
    ) -> tuple[Contract, debug.Question]:
        contract = replace(contract_of(function, returns), model="ft:small")
        if known:
            setattr(shop, function.__name__, function)
        hint = returns or function.__annotations__["return"]
        return contract, debug.request(
            contract,
            eval(hint, globals()) if isinstance(hint, str) else hint,
            SERVER,
            asked_of(contract),
            arguments,
        )

    return ask


def asked_of(contract: Contract, **more: Any) -> dict[str, Any]:
    """What the client gets; its messages hold the arguments in the clear."""
    secret = {"topic": "in the clear"}
    return {"model": contract.model, **contract.request(secret), "timeout": 3.5, **more}


def completion(arguments: object, **message: Any) -> Any:
    """A completion of openai's, from a server."""
    from openai.types.chat import ChatCompletion

    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    call = {"id": "c", "type": "function", "function": {"name": "Answer", "arguments": text}}
    said = {"role": "assistant", "content": None, "tool_calls": [call], **message}
    return ChatCompletion.model_validate(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": "ft:small",
            "choices": [
                {
                    "index": 0,
                    "message": said,
                    "finish_reason": "tool_calls",
                    "logprobs": {"content": [{"token": SSN, "logprob": 0, "top_logprobs": []}]},
                }
            ],
        }
    )


Asking = Callable[..., tuple[Contract, debug.Question]]
Err = pytest.CaptureFixture[str]


def test_question_and_answer_are_readable(asking: Asking, capsys: Err) -> None:
    contract, question = asking(send, topic="Größe", code=None)
    question.answered(completion({"to": "Ann", "text": "a\nb"}), 0.1234)
    out, text = capsys.readouterr()
    assert out == ""
    number = text.split(":")[0].removeprefix("distilgen ")
    head, rest = text.split("\n", 1)
    server = "http://me:[KEY_1]@models.example/v1"
    assert head == f"distilgen {number}: {contract.function} asks ft:small at {server}"
    assert rest.startswith(f"  system:\n    {contract.system_prompt}\n")
    assert '  user:\n    {\n      "topic": "Größe",\n      "code": null\n    }\n' in rest
    assert '          "name": "Answer",\n' in rest
    assert "  timeout:\n    3.5\n" in rest
    assert "in the clear" not in rest
    assert f"distilgen {number}: {contract.function}: the answer, 0.123 s\n" in rest
    assert '"arguments": {\n                  "to": "Ann",' in rest
    assert "logprob" not in rest


def test_every_pattern_is_hidden_whatever_the_settings_say(asking: Asking, capsys: Err) -> None:
    configure(redact=["iban"])
    _, question = asking(send, topic=f"Ann, ann@example.org, {KEY}")
    question.answered(completion({"to": "ann@example.org", "text": "bob@example.org"}), 0)
    text = capsys.readouterr().err
    assert '"topic": "Ann, [EMAIL_1], [KEY_1]"' in text
    assert '"to": "[EMAIL_1]"' in text
    assert '"text": "[EMAIL_2]"' in text
    assert "example.org" not in text
    assert "sesame" not in text


def test_what_is_hidden_in_the_arguments_is_hidden_in_the_answer(
    asking: Asking, capsys: Err
) -> None:
    _, question = asking(send, topic="a", code=4711)
    question.answered(completion({"to": "4711", "text": "code 4711"}), 0)
    question.answered(completion("4711 is no JSON", content="nor is 4711"), 0)
    question.failed(ValueError("4711 is wrong"), 0)
    text = capsys.readouterr().err
    assert '"code": "[CODE_1]"' in text
    assert '"text": "code [CODE_1]"' in text
    assert "[CODE_1] is no JSON" in text
    assert "nor is [CODE_1]" in text
    assert "[CODE_1] is wrong" in text
    assert "4711" not in text


def test_values_tell_by_their_classes(asking: Asking, capsys: Err) -> None:
    asking(
        send, topic=[Guest(name="Ann", ssn=SSN), SecretStr("hush-hush"), f"again {SSN} hush-hush"]
    )
    text = capsys.readouterr().err
    assert '"name": "Ann"' in text
    assert '"again [SSN_1] [SECRET_1]"' in text
    assert SSN not in text
    assert '"[SECRET_1]"' in text


def test_the_contract_tells_of_secrets_in_arguments(contract: Contract, capsys: Err) -> None:
    secret = {"type": "string", "format": "password", "writeOnly": True}
    known = replace(contract, inputs={"properties": {"topic": {"properties": {"pw": secret}}}})
    debug.request(known, Email, "", asked_of(known), {"topic": {"pw": "hush", "more": "hush"}})
    text = capsys.readouterr().err
    assert "asks" in text
    assert "hush" not in text


def test_names_and_the_users_function(asking: Asking, capsys: Err) -> None:
    configure(redact_names=["to"], redact_with=lambda _, text: text.replace("P-123456", "[P]"))
    _, question = asking(send, topic={"to": "Maria Muster", "about": "P-123456"})
    question.answered(completion({"to": "Erika", "text": "Maria Muster, P-123456, Erika"}), 0)
    text = capsys.readouterr().err
    assert '"text": "[TO_1], [P], [TO_2]"' in text
    assert not [name for name in ("Maria", "Erika", "P-123456") if name in text]


class Aliased(BaseModel):
    ssn: Annotated[str, Sensitive, Field(alias="number[s]")]
    inner: list[Guest] | None = None


class Keyed(TypedDict):
    name: str
    ssn: Annotated[str, Sensitive("ssn")]


@dataclass
class Data:
    name: str
    ssn: Annotated[str | None, Sensitive("ssn")] = None


class Named(NamedTuple):
    name: str
    ssn: Annotated[str, Sensitive("ssn")]


class Holder(BaseModel):
    named: Named


class Locked(BaseModel):
    metadata: SecretStr
    default: Annotated[str, Sensitive] = ""


Password = TypeAliasType("Password", SecretStr)


class Shared(BaseModel):
    one: Password
    two: list[Password]


class Node(BaseModel):
    ssn: Annotated[str, Sensitive]
    left: Node | None = None


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]
    ssn: Annotated[int, Sensitive]


class Pet(RootModel[Annotated[Cat | Dog, Field(discriminator="kind")]]):
    pass


@pytest.mark.parametrize(
    ("returns", "answer", "shown"),
    [
        (Guest, {"name": "Ann", "ssn": SSN}, {"name": "Ann", "ssn": "[SSN_1]"}),
        (
            Aliased,
            {"number[s]": SSN, "inner": [{"name": "Ann", "ssn": SSN}]},
            {"number[s]": "[NUMBER_S_1]", "inner": [{"name": "Ann", "ssn": "[NUMBER_S_1]"}]},
        ),
        (Keyed, {"name": "Ann", "ssn": SSN}, {"name": "Ann", "ssn": "[SSN_1]"}),
        (Data, {"name": "Ann", "ssn": SSN}, {"name": "Ann", "ssn": "[SSN_1]"}),
        (Holder, {"named": ["Ann", SSN]}, {"named": ["[NAMED_1]", "[NAMED_2]"]}),
        (Locked, {"metadata": SSN, "default": "b"}, {"metadata": "[METADATA_1]", "default": "[D"}),
        (Shared, {"one": SSN, "two": [SSN]}, {"one": "[ONE_1]", "two": ["[ONE_1]"]}),
        (Node, {"ssn": "a", "left": {"ssn": SSN}}, {"ssn": "[SSN_1]", "left": {"ssn": "[SSN_2]"}}),
        (Pet, {"kind": "dog", "ssn": SSN}, {"kind": "dog", "ssn": "[SSN_1]"}),
        (Annotated[str, Sensitive], {"result": SSN}, {"result": "[RESULT_1]"}),
        (list[Guest], {"result": [{"ssn": SSN}]}, {"result": [{"ssn": "[SSN_1]"}]}),
        (Annotated[Email, Sensitive], {"to": SSN, "text": ""}, {"to": "[TO_1]", "text": ""}),
        (Guest, {"misspelt": "Ann", "ssn": [SSN]}, {"misspelt": "Ann", "ssn": ["[SSN_1]"]}),
    ],
)
def test_the_return_type_tells_too(
    returns: Any, answer: dict[str, Any], shown: Any, asking: Asking, capsys: Err
) -> None:
    contract, question = asking(book, returns=returns, topic=f"of {SSN}")
    assert capsys.readouterr().err == "", "the answer may tell what is to be hidden in the question"
    question.answered(completion(answer), 0)
    text = capsys.readouterr().err
    assert text.count(f"{contract.function} asks") == 1
    assert SSN not in text
    flat = "".join(text.split())
    assert f'"arguments":{json.dumps(shown, separators=(",", ":"))}'.rstrip('"}') in flat
    question.failed(ValueError(f"{SSN} again"), 0)
    text = capsys.readouterr().err
    assert contract.function in text
    assert f"{contract.function} asks" not in text


def test_a_number_that_the_answer_is_not_to_show(asking: Asking, capsys: Err) -> None:
    _, question = asking(book, returns=Dog, topic=["it is 98765", 98765])
    question.answered(completion({"kind": "dog", "ssn": 98765}), 0)
    text = capsys.readouterr().err
    assert '"ssn": {\n                    "$redacted": "[SSN_1]"' in text
    assert '"it is [SSN_1]"' in text
    assert "98765" not in text


def test_an_answer_that_is_no_json_may_hold_a_marked_field_anywhere(
    asking: Asking, capsys: Err
) -> None:
    _, question = asking(book, topic="a")
    question.answered(completion(f'{{"name": "Ann", "ssn": "{SSN}', content="Sorry."), 0)
    text = capsys.readouterr().err
    assert SSN not in text
    assert "characters, not shown: no valid JSON)" in text
    assert "Sorry." in text


def test_a_question_that_is_asked_again(asking: Asking, capsys: Err) -> None:
    contract, question = asking(book, topic="a")
    answer = {"name": "Ann", "ssn": SSN}
    question.answered(completion(answer), 0)
    call = {"type": "function", "function": {"name": "Answer", "arguments": json.dumps(answer)}}
    asked = asked_of(contract)
    asked["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "user", "content": f"ssn: {SSN} is no number of sk-aaaaaaaaaaaaaaaaaaaaaaaa1"},
    ]
    capsys.readouterr()
    again = debug.request(contract, Guest, SERVER, asked, {"topic": "a"})
    again.answered(completion({"name": "Ann", "ssn": "111"}), 0)
    text = capsys.readouterr().err
    assert SSN not in text
    assert "  assistant:\n" in text
    assert "ssn: [SSN_1] is no number of [KEY_1]" in text.replace("[KEY_2]", "[KEY_1]")


def test_of_an_unknown_function_no_argument_is_shown(asking: Asking, capsys: Err) -> None:
    _, question = asking(send, known=False, topic="Maria", code=5)
    question.answered(completion({"to": "Maria", "text": "5"}), 0)
    text = capsys.readouterr().err
    assert '"topic": "[SENSITIVE_1]"' in text
    assert '"code": "[SENSITIVE_2]"' in text
    assert "Maria" not in text


class Shop:
    def method(self, topic: Annotated[str, Sensitive("pin")], more: str) -> Email: ...  # type: ignore[empty-body]

    @classmethod
    def of_class(cls, topic: Annotated[str, Sensitive("pin")], more: str) -> Email: ...  # type: ignore[empty-body]

    @staticmethod
    def static(topic: Annotated[str, Sensitive("pin")], more: str) -> Email: ...  # type: ignore[empty-body]

    @property
    def of_itself(self) -> Email: ...  # type: ignore[empty-body]

    @cached_property
    def cached(self) -> Email: ...  # type: ignore[empty-body]


def wrapped(topic: Annotated[str, Sensitive("pin")], more: str) -> Email: ...  # type: ignore[empty-body]


@wraps(wrapped)
def wrapping(*args: Any) -> Email:
    return wrapped(*args)


def swallowed(*args: Any) -> Email:
    return wrapped(*args)


def unknown(topic: Nowhere, more: str) -> Email: ...  # type: ignore[empty-body, name-defined] # noqa: F821


@pytest.mark.parametrize("module", ["shop.mail", "__main__"])
@pytest.mark.parametrize(
    ("name", "found", "shown"),
    [
        ("Shop.method", Shop, ["[PIN_1]", "b"]),
        ("Shop.of_class", Shop, ["[PIN_1]", "b"]),
        ("Shop.static", Shop, ["[PIN_1]", "b"]),
        ("wrapped", wrapped, ["[PIN_1]", "b"]),
        ("wrapped", wrapping, ["[PIN_1]", "b"]),
        ("wrapped", swallowed, ["[SENSITIVE_1]", "[SENSITIVE_2]"]),
        ("unknown", unknown, ["[SENSITIVE_1]", "b"]),
        ("wrapped", 5, ["[SENSITIVE_1]", "[SENSITIVE_2]"]),
    ],
)
def test_where_a_function_is_found(
    module: str,
    name: str,
    found: Any,
    shown: list[str],
    contract_of: ContractOf,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Err,
) -> None:
    made = ModuleType(module)
    setattr(made, name.partition(".")[0], found)
    monkeypatch.setitem(sys.modules, module, made)
    contract = replace(contract_of(wrapped, Email), function=f"shop.mail:{name}", model="m")
    debug.request(contract, Email, "", asked_of(contract), {"topic": "a", "more": "b"})
    text = capsys.readouterr().err
    assert f'"topic": "{shown[0]}",\n      "more": "{shown[1]}"\n' in text


@pytest.mark.parametrize("name", ["Shop.of_itself", "Shop.cached"])
def test_properties_have_no_arguments(
    name: str, contract_of: ContractOf, shop: ModuleType, capsys: Err
) -> None:
    shop.Shop = Shop  # type: ignore[attr-defined]
    contract = replace(contract_of(lambda: None, Email), function=f"shop.mail:{name}", model="m")
    debug.request(contract, Email, "", asked_of(contract), {}).answered(completion({}), 0)
    assert "  user:\n    {}\n" in capsys.readouterr().err


def test_long_texts_are_cut_and_their_length_is_told(asking: Asking, capsys: Err) -> None:
    _, question = asking(send, topic="ä" * 12_345)
    question.answered(completion({"to": "b" * 2_001}, content="c" * 3_000), 0)
    text = capsys.readouterr().err
    assert "ä" * 2_000 + '… (12,345 characters)"' in text
    assert "b" * 2_000 + '… (2,001 characters)"' in text
    assert "c" * 2_000 + '… (3,000 characters)"' in text


def test_headers_are_not_shown(asking: Asking, capsys: Err) -> None:
    contract, _ = asking(send, topic="a")
    more = {"extra_headers": {"Authorization": "open-sesame"}, "extra_body": {"a": object()}}
    debug.request(contract, Email, SERVER, asked_of(contract, **more), {"topic": "a"})
    text = capsys.readouterr().err
    assert "sesame" not in text
    assert '"a": "object"' in text


class Broken:
    def model_dump(self, **_: Any) -> Any:
        raise RuntimeError(SSN)


def broken(path: str, text: str) -> str:
    raise ValueError(path, text)


def leaving(path: str, text: str) -> str:
    raise SystemExit(path, text)


@pytest.mark.parametrize("by", [broken, leaving])
def test_what_cannot_be_redacted_is_not_shown(by: Any, asking: Asking, capsys: Err) -> None:
    configure(redact_with=by)
    contract, question = asking(send, topic=SSN)
    question.answered(completion({"to": SSN}), 0)
    question.failed(ValueError(SSN), 0)
    text = capsys.readouterr().err
    assert SSN not in text
    assert [
        line.split(f"{contract.function}: ")[1].split(": ")[0] for line in text.splitlines()
    ] == [
        "the question could not be redacted, and is not shown",
        "the answer could not be redacted, and is not shown",
        "the error could not be redacted, and is not shown",
    ]


def test_settings_that_are_wrong(
    asking: Asking, capsys: Err, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILGEN_REDACT_WITH", "no.such:function")
    settings.forget()
    asking(send, topic=SSN)
    text = capsys.readouterr().err
    assert SSN not in text
    assert "DISTILGEN_REDACT_WITH" in text


@pytest.mark.parametrize(
    "odd", ["<html>", None, 5, [SSN], SimpleNamespace(id=SSN), Broken(), b"\xff", {1: "a"}]
)
def test_a_server_may_send_anything(odd: Any, asking: Asking, capsys: Err) -> None:
    _, question = asking(send, topic="a", code=SSN)
    question.answered(odd, 0)
    text = capsys.readouterr().err
    assert SSN not in text
    assert "<html>" in text or odd != "<html>"


def test_arguments_may_be_anything(asking: Asking, capsys: Err) -> None:
    asking(send, topic=[object(), float("nan"), "\ud800", iter(())], code=10**5_000)
    assert "asks ft:small" in capsys.readouterr().err


def test_an_error_says_what_it_is(asking: Asking, capsys: Err) -> None:
    contract, question = asking(send, topic="a", code=SSN)
    question.failed(InvalidAnswerError(f"{SSN}: no", kind="invalid", answer=SSN), 1.5)
    text = capsys.readouterr().err
    assert f"{contract.function}: failed, 1.500 s\n" in text
    assert '"type": "distilgen.errors.InvalidAnswerError"' in text
    assert '"message": "[CODE_1]: no"' in text


@pytest.mark.parametrize("stderr", [None, io.StringIO()])
def test_no_standard_error_no_matter(
    stderr: Any, asking: Asking, monkeypatch: pytest.MonkeyPatch, capsys: Err
) -> None:
    if stderr:
        stderr.close()
    monkeypatch.setattr(sys, "stderr", stderr)
    asking(send, topic="a")[1].answered(completion({}), 0)
    assert capsys.readouterr().out == ""


def test_what_redacts_may_ask_a_student_itself(
    asking: Asking, contract_of: ContractOf, capsys: Err
) -> None:
    def redact(path: str, text: str) -> str:
        del path
        contract = replace(contract_of(send), model="ft:redactor")
        question = debug.request(contract, Email, "", asked_of(contract), {"topic": text})
        question.answered(completion({}), 0)
        return text.replace("Maria", "[NAME]")

    configure(redact_with=redact)
    asking(send, topic="Maria")[1].answered(completion({"to": "Maria"}), 0)
    text = capsys.readouterr().err
    assert text.count("[NAME]") == 2
    assert "ft:redactor" not in text


def test_threads_do_not_mix(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    kept = SimpleNamespace(write=written.append, flush=lambda: None)
    monkeypatch.setattr(sys, "stderr", kept)
    threads = [threading.Thread(target=asking, args=(send,), kwargs={"topic": n}) for n in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(written) == 4
    assert all(text.startswith("distilgen ") and text.endswith("\n") for text in written)
    assert len({text.split(":")[0] for text in written}) == 4
