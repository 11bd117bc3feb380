"""Tokens are counted with tables that are there, else estimated; nothing reaches for a network."""

from __future__ import annotations

import hashlib
import socket
from typing import TYPE_CHECKING, Any

import pytest
import tiktoken

from distilgen.dataset import tokens
from distilgen.dataset.tokens import ESTIMATE, counter, estimate

if TYPE_CHECKING:
    from pathlib import Path

_SENTENCES = {
    "Hello, my name is GPT-4o. I'm a new type of language model, it's nice to meet you!": 24,
    "Hallo, mein Name is GPT-4o. Ich bin ein neues KI-Sprachmodell. Es ist schön, dich "
    "kennenzulernen.": 29,
    "Bonjour, je m'appelle GPT-4o. Je suis un nouveau type de modèle de langage, c'est un plaisir "
    "de vous rencontrer!": 28,
    "Hola, me llamo GPT-4o. Soy un nuevo tipo de modelo de lenguaje, ¡es un placer conocerte!": 26,
    "Olá, meu nome é GPT-4o. Sou um novo tipo de modelo de linguagem, é um prazer conhecê-lo!": 27,
    "Ciao, mi chiamo GPT-4o. Sono un nuovo tipo di modello linguistico, è un piacere "
    "conoscerti!": 28,
    "Merhaba, benim adım GPT-4o. Ben yeni bir dil modeli türüyüm, tanıştığımıza memnun "  # noqa: RUF001
    "oldum!": 30,
    "Xin chào, tên tôi là GPT-4o. Tôi là một loại mô hình ngôn ngữ mới, rất vui được gặp bạn!": 30,
    "Привет, меня зовут GPT-4o. Я — новая языковая модель, приятно познакомиться!": 23,
    "مرحبًا، اسمي جي بي تي-4o. أنا نوع جديد من نموذج اللغة، سررت بلقائك!": 26,
    "नमस्ते, मेरा नाम जीपीटी-4o है। मैं एक नए प्रकार का भाषा मॉडल हूँ। आपसे मिलकर अच्छा लगा!": 31,
    "வணக்கம், என் பெயர் ஜிபிடி-4o. நான் ஒரு புதிய வகை மொழி மாதிரி, உங்களை சந்தித்ததில் மகிழ்ச்சி!": 35,
    "안녕하세요, 제 이름은 GPT-4o입니다. 저는 새로운 유형의 언어 모델입니다, 만나서 "
    "반갑습니다!": 27,
    "你好，我的名字是GPT-4o。我是一种新型的语言模型，很高兴见到你!": 24,  # noqa: RUF001
    "こんにちわ、私の名前はGPT−4oです。私は新しいタイプの言語モデルです、初めまして": 26,  # noqa: RUF001
    "You miss 100% of the shots you don't take": 11,
    "2 + 2 = 4": 7,
    "I would like to buy a train ticket to Tokyo, please.": 13,
    "Je voudrais acheter un billet de train pour Tokyo, s'il vous plaît.": 15,
    "Many words map to one token, but some don't: indivisible.\n\nUnicode characters like emojis "
    "may be split into many tokens containing the underlying bytes: 🤚🏾\n\nSequences of "
    "characters commonly found next to each other may be grouped together: 1234567890": 53,
}
"""Texts whose number of tokens OpenAI has published (the GPT-4o announcement, its help pages and
tokenizer page, the cookbook), and one of a university's page in English and French.
"""
_WORDS = {"antidisestablishmentarianism": 6, "お誕生日おめでとう": 8, "tiktoken is great!": 6}
"""The cookbook's, chosen for being odd."""


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a socket is opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.parametrize(("text", "known"), _SENTENCES.items())
def test_an_estimate_is_near_what_is_known(text: str, known: int) -> None:
    assert estimate(text) == pytest.approx(known, rel=0.2)


def test_an_estimate_is_off_by_8_percent_on_average() -> None:
    examples = {**_SENTENCES, **_WORDS}
    off = [abs(estimate(text) / known - 1) for text, known in examples.items()]
    assert len(off) == 23
    assert sum(off) / len(off) < 0.085


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 0),
        (" ", 1),
        ("\n", 1),
        ("a", 1),
        ("word word", 2),
        ("getName", 3),  # its seven letters may be one piece more
        ("1", 1),
        ("123", 1),
        ("1234", 2),
        ("123456", 2),
        ("1234567 12", 5),  # 123 456 7, a blank, 12
        ("a.\nb", 3),  # the line's end is part of the punctuation
        ("a\n\nb", 3),
        ("a    b", 3),
        ("don't", 2),
        ("\ud800", 1),  # half of a character
        ("\0", 1),
    ],
)
def test_what_an_estimate_is_made_of(text: str, number: int) -> None:
    assert estimate(text) == number


@pytest.mark.usefixtures("no_network")
@pytest.mark.parametrize("model", [None, "gpt-4o-mini", "gpt-3.5-turbo", "llama", "", "ft:a:b"])
def test_no_table_no_network(
    model: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    found = counter(model)
    assert (found.name, found.exact) == (ESTIMATE, False)
    assert found.count("word word") == 2


@pytest.mark.usefixtures("no_network")
def test_a_cache_that_is_switched_off_holds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    assert counter("gpt-4o").name == ESTIMATE


@pytest.mark.usefixtures("no_network")
def test_a_table_of_another_content_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIKTOKEN_CACHE_DIR", raising=False)
    monkeypatch.setenv("DATA_GYM_CACHE_DIR", str(tmp_path))
    torn = tmp_path / hashlib.sha1(tokens._TABLES["o200k_base"].url.encode()).hexdigest()
    torn.write_bytes(b"half of it")
    assert counter("gpt-4o").name == ESTIMATE
    assert torn.read_bytes() == b"half of it"


@pytest.mark.usefixtures("no_network")
def test_tables_are_where_tiktoken_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real loader finds the file that we look for; our hashes are those that it expects."""
    from tiktoken_ext import openai_public  # type: ignore[import-untyped]

    asked: dict[str, tuple[str, str]] = {}

    def load(url: str, expected_hash: str) -> dict[bytes, int]:
        asked[name] = url, expected_hash
        return {bytes([code]): code for code in range(256)}

    monkeypatch.setattr(openai_public, "load_tiktoken_bpe", load)
    for name in tokens._TABLES:
        openai_public.ENCODING_CONSTRUCTORS[name]()
    assert asked == tokens._TABLES

    from tiktoken.load import read_file_cached

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path))
    content = b"a table"
    table = tokens._Table("https://example.invalid/t", hashlib.sha256(content).hexdigest())
    (tmp_path / hashlib.sha1(table.url.encode()).hexdigest()).write_bytes(content)
    assert tokens._is_there(table)
    assert read_file_cached(*table) == content


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (None, "o200k_base"),
        ("gpt-4o-mini-2024-07-18", "o200k_base"),
        ("ft:gpt-4.1-mini-2025-04-14:house::abc", "o200k_base"),
        ("openai/gpt-oss-20b", "o200k_harmony"),
        ("gpt-3.5-turbo", "cl100k_base"),
        ("mistral-small", ESTIMATE),
    ],
)
def test_a_model_has_its_table(
    model: str | None, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bytes_of(name: str) -> tiktoken.Encoding:
        every = {bytes([code]): code for code in range(256)}
        return tiktoken.Encoding(name, pat_str=r"\S+|\s+", mergeable_ranks=every, special_tokens={})

    monkeypatch.setattr(tokens, "_is_there", lambda _: True)
    monkeypatch.setattr(tiktoken, "get_encoding", bytes_of)
    found = counter(model)
    assert (found.name, found.exact) == (name, name != ESTIMATE)
    if found.exact:
        assert found.count("four é<|endoftext|>") == 20


def test_a_model_in_a_folder_counts_by_its_own_tokenizer(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    made = Tokenizer(WordLevel({"[UNK]": 0, "tea": 1}, unk_token="[UNK]"))
    made.pre_tokenizer = Whitespace()
    made.save(str(tmp_path / "tokenizer.json"))
    found = counter(str(tmp_path))
    assert (found.name, found.exact) == (str(tmp_path), True)
    assert found.count("green tea, please") == 4
    (tmp_path / "tokenizer.json").write_text("{}", "utf-8")
    assert counter(str(tmp_path)).name == ESTIMATE


_COUNTER = tokens.Counter("characters", len, exact=True)


@pytest.mark.parametrize(
    ("row", "number"),
    [
        # 3 a row; a message: 3, its role and its content
        ({"messages": [{"role": "user", "content": "1234567"}]}, 3 + 3 + 4 + 7),
        ({"messages": [{"role": "user", "name": "ab", "content": "c"}]}, 3 + 3 + 4 + 2 + 1 + 1),
        ({"messages": [{"role": "assistant", "content": None, "weight": 1}]}, 3 + 3 + 9),
        # a call: 3, its name and its arguments
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [
                            {
                                "id": "call00000",
                                "type": "function",
                                "function": {"name": "Email", "arguments": "{}"},
                            }
                        ],
                    }
                ],
                "tools": [{"a": 1}],
                "parallel_tool_calls": False,
            },
            3 + 3 + 9 + 3 + 5 + 2 + len('{"a":1}'),
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "function_call": {"name": "E", "arguments": "{}"}}
                ],
                "functions": [{"a": 1}, {"b": "é"}],
            },
            3 + 3 + 9 + 3 + 1 + 2 + 7 + 9,
        ),
        ({"prompt": "ab", "completion": "cd"}, 4),
        (
            {
                "prompt": [{"role": "user", "content": "a"}],
                "completion": [{"role": "assistant", "content": "b"}],
            },
            3 + 3 + 4 + 1 + 3 + 9 + 1,
        ),
        (
            {"conversations": [{"from": "human", "value": "a"}], "system": "be", "tools": "[]"},
            3 + 3 + 5 + 1 + 2 + 2,
        ),
        ({"instruction": "ab", "input": "c", "output": "d"}, 4),
        ({"input": "ab", "output": "c"}, 3),
        ({"arguments": {"a": 1}, "result": [1, None]}, 7 + 8),
        ({"arguments.a": 12, "result": None}, 2),
        ({"messages": ["no message"]}, 3 + 3 + 10),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, 3 + 3 + 4 + 17),
        ({}, 0),
    ],
)
def test_a_row_by_hand(row: dict[str, Any], number: int) -> None:
    assert _COUNTER.of_row(row) == number


@pytest.mark.parametrize(
    ("row", "number"),
    [
        ({"messages": [{"role": "user", "content": "abc"}]}, 3),
        (
            {
                "messages": [
                    {"role": "assistant", "function_call": {"name": "E", "arguments": "{}"}}
                ]
            },
            3 + 1 + 2,
        ),
        ({"conversations": [{"from": "gpt", "value": "ab"}], "system": "be"}, 2),
        ({"prompt": "abc", "completion": "de"}, 2),
        ({"prompt": [], "completion": [{"role": "assistant", "content": "a"}]}, 1),
        ({"instruction": "abc", "input": "d", "output": "ef"}, 2),
        ({"arguments": {}, "result": {"a": 1}}, 7),
        ({"messages": ["ab"]}, 2),
        ({"messages": []}, 0),
        ({}, 0),
    ],
)
def test_an_answer_by_hand(row: dict[str, Any], number: int) -> None:
    assert _COUNTER.of_answer(row) == number


def test_tools_are_counted_anew_when_they_change() -> None:
    found = tokens.Counter("characters", len, exact=True)
    rows: list[dict[str, Any]] = [{"tools": [{"a": 1}]}, {"tools": [{"a": 1}]}, {"tools": [{}]}]
    assert [found.of_row(row) for row in rows] == [7, 7, 2]
