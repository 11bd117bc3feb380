"""How many tokens a text or a training row is: counted, where the model's own table is on this
machine, else estimated. Nothing is ever downloaded.

tiktoken (the extra `tokens`) fetches a table at its first use. So it is only asked where the whole
table lies in its cache already.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

ESTIMATE = "estimate"
"""The name of a counter that has no table."""

PER_MESSAGE, PER_NAME, PER_ROW = 3, 1, 3
"""Tokens around a message, around its author's name, and around a row. Source: OpenAI's cookbook,
"How to count tokens with tiktoken" and "Data preparation and analysis for chat model fine-tuning".
"""

_KEPT = 16  # texts whose number is not counted again at once
_PER_CALL = 3  # nobody says how hosts write a tool call: we take that of a message
_CHATS = frozenset({"messages", "conversations", "prompt", "completion"})
_UNSEEN = frozenset({"parallel_tool_calls", "weight"})  # said to the trainer, not to the model


class _Table(NamedTuple):
    url: str
    sha256: str


_BLOB = "https://openaipublic.blob.core.windows.net/encodings"
_O200K = _Table(
    f"{_BLOB}/o200k_base.tiktoken",
    "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
)
_TABLES = {
    "o200k_base": _O200K,
    "o200k_harmony": _O200K,
    "cl100k_base": _Table(
        f"{_BLOB}/cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
}
"""Of encodings that a model of today has. Source: tiktoken's openai_public.py."""


class Counter:
    """Counts tokens. name: of the encoding, or `ESTIMATE`. exact: is `count` that of the model?"""

    def __init__(self, name: str, count: Callable[[str], int], *, exact: bool) -> None:
        self.name = name
        self.exact = exact
        # rows repeat the system prompt, and their answers are asked for twice
        self.count: Callable[[str], int] = lru_cache(maxsize=_KEPT)(count)
        self._tools: tuple[Any, int] = (None, 0)

    def of_row(self, row: Mapping[str, Any]) -> int:
        """The tokens of a training row in any JSON format.

        Texts, roles and names are counted as they are, with `PER_MESSAGE`, `PER_NAME` and
        `PER_ROW`. How a host writes tools and tool calls is not published: tools are counted as
        compact JSON, as most chat templates of open models write them, and a call as its name, its
        arguments and 3 more. OpenAI's own form of tools is a little shorter.
        """
        total = 0
        for key, value in row.items():
            if key in _CHATS and isinstance(value, list):
                total += PER_ROW if key != "completion" else 0
                total += sum(map(self._of_message, value))
            elif key in ("tools", "functions"):
                total += self._of_tools(value)
            elif key not in _UNSEEN:
                total += self._of_value(value)
        return total

    def of_answer(self, row: Mapping[str, Any]) -> int:
        """Those of its tokens that are the answer: what a student has to write. The frame around
        the answer is not among them.
        """
        for key in ("messages", "conversations", "completion"):
            if isinstance(row.get(key), list) and row[key]:
                return self._of_last(row[key][-1])
        found = (row[key] for key in ("completion", "output", "result") if key in row)
        return self._of_value(next(found, None))

    def _of_last(self, message: Any) -> int:
        if not isinstance(message, dict):
            return self._of_value(message)
        said = {key: value for key, value in message.items() if key not in ("role", "from", "name")}
        return max(self._of_message(said) - PER_MESSAGE, 0)

    def _of_message(self, message: Any) -> int:
        if not isinstance(message, dict):
            return PER_MESSAGE + self._of_value(message)
        total = PER_MESSAGE
        for key, value in message.items():
            if key == "tool_calls" and isinstance(value, list):
                total += sum(map(self._of_call, value))
            elif key == "function_call":
                total += self._of_call(value)
            elif key not in _UNSEEN:
                total += self._of_value(value) + PER_NAME * (key == "name")
        return total

    def _of_call(self, call: Any) -> int:
        said = call.get("function", call) if isinstance(call, dict) else call
        if not isinstance(said, dict):
            return _PER_CALL + self._of_value(said)
        return _PER_CALL + self._of_value(said.get("name")) + self._of_value(said.get("arguments"))

    def _of_tools(self, tools: Any) -> int:
        known, total = self._tools  # as a rule all rows of a file have the same
        if known != tools:
            total = sum(map(self._of_value, tools if isinstance(tools, list) else [tools]))
            self._tools = tools, total
        return total

    def _of_value(self, value: Any) -> int:
        if value is None:
            return 0
        if isinstance(value, str):
            return self.count(value)
        return self.count(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def counter(model: str | None) -> Counter:
    """Who counts the tokens of a model; of none, those of OpenAI's models of today.

    A model that is a folder with a `tokenizer.json` counts by that, where the package tokenizers is
    installed. For others the estimate steps in where tiktoken is not installed, does not know the
    model, or has not got the whole table in its cache.
    """
    own = _of_folder(model) if model else None
    if own:
        return own
    name = "o200k_base" if model is None else _encoding_of(model)
    if name not in _TABLES or not _is_there(_TABLES[name]):
        return Counter(ESTIMATE, estimate, exact=False)
    import tiktoken  # noqa: PLC0415 - an extra

    return Counter(name, _counting(tiktoken.get_encoding(name).encode_ordinary), exact=True)


def _of_folder(model: str) -> Counter | None:
    """The counter of a model in a folder; None where it is no such, or cannot be read."""
    path = Path(model, "tokenizer.json")
    if not path.is_file():
        return None
    try:
        from tokenizers import Tokenizer  # noqa: PLC0415 - comes with transformers
    except ImportError:
        return None
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception:  # noqa: BLE001 - it raises nothing more special for a broken file
        return None
    return Counter(
        model, lambda text: len(tokenizer.encode(text, add_special_tokens=False)), exact=True
    )


def _counting(encode: Callable[[str], list[int]]) -> Callable[[str], int]:
    return lambda text: len(encode(text))


def _encoding_of(model: str) -> str:
    """What tiktoken says of a model; nothing where it says nothing, or is not there."""
    try:
        from tiktoken import encoding_name_for_model  # noqa: PLC0415 - an extra
    except ImportError:
        return ""
    # tiktoken takes `ft:gpt-4.1-mini:…` for a gpt-4
    base = model.removeprefix("ft:").partition(":")[0].rpartition("/")[2]
    try:
        return encoding_name_for_model(base)
    except KeyError:
        return ""


def _is_there(table: _Table) -> bool:
    """Does tiktoken find the table in its cache? The same search as in tiktoken.load. It removes a
    file that has another content and fetches it anew: such a one counts as absent.
    """
    try:
        import tiktoken  # noqa: F401, PLC0415 - an extra
    except ImportError:
        return False
    folder = os.environ.get("TIKTOKEN_CACHE_DIR", os.environ.get("DATA_GYM_CACHE_DIR"))
    if folder is None:
        folder = str(Path(tempfile.gettempdir(), "data-gym-cache"))
    if not folder:  # the user says: no cache
        return False
    name = hashlib.sha1(table.url.encode(), usedforsecurity=False).hexdigest()
    try:
        content = Path(folder, name).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content).hexdigest() == table.sha256


# The estimate. A text becomes one letter a character: its class. What is then counted follows how
# o200k_base cuts a text before it looks into its table: a word with the space ahead of it, digits
# by three, punctuation together, blanks together.

_CLASSES: dict[bytes, Iterable[int]] = {
    b"a": range(ord("a"), ord("z") + 1),
    b"A": range(ord("A"), ord("Z") + 1),
    b"0": range(ord("0"), ord("9") + 1),
    b" ": b" \t\v\f",
    b"\n": b"\r\n",
    b"'": b"'",
    b"l": range(0xC3, 0xCA),  # Latin letters with marks
    b"c": range(0xCE, 0xD4),  # Greek, Cyrillic
    b"s": range(0xD6, 0xDC),  # Hebrew, Arabic
    b"i": (0xE0,),  # scripts of India, Thai
    b"v": (0xE1,),  # more Latin letters, most of them Vietnamese; Georgian, Khmer, Ethiopic
    b"k": (0xE3,),  # kana
    b"h": range(0xE4, 0xEA),  # Chinese characters
    b"g": range(0xEA, 0xEE),  # Hangul
    b"e": range(0xF0, 0xF8),  # emoji, rare characters
    b"o": (*range(0xCA, 0xCE), 0xD4, 0xD5, *range(0xDC, 0xE0), 0xEE),  # other scripts
}
_PER_CHARACTER = {
    b"l": 0.30, b"c": 0.25, b"s": 0.40, b"i": 0.37, b"k": 0.50, b"h": 0.70, b"g": 0.52, b"e": 2.0,
    b"o": 0.60,
}  # fmt: skip
"""Tokens a character. Source: the numbers of tokens of one sentence in twenty languages that OpenAI
published with GPT-4o (https://openai.com/index/hello-gpt-4o/), without its punctuation. A Latin
letter with a mark is part of a word besides.
"""
_PER_VIETNAMESE, _PER_OTHER = 0.05, 0.60
_PER_SEVEN, _PER_TEN = 0.30, 0.60  # the longer a word, the more pieces
_PER_MARKS, _PER_APOSTROPHE = 0.5, 1.5  # three signs in a row; `don't`, `l'art`
_CONTINUING = bytes(range(0x80, 0xC0))


def _classes() -> bytes:
    table = bytearray(b"." * 256)  # punctuation, signs, and what is no character
    for letter, many in _CLASSES.items():
        for code in many:
            table[code] = letter[0]
    return bytes(table)


def _only(kinds: bytes) -> bytes:
    """A table that leaves of the classes which it is given the first, and `-` for all others."""
    return bytes(kinds[0] if code in kinds else ord("-") for code in range(256))


_TABLE = _classes()
_WORDS, _WORDS_V = _only(b"aAl"), _only(b"aAlv")
_DIGITS, _SIGNS, _LINES, _BLANKS = map(_only, (b"0", b".'", b"\n", b" "))


def estimate(text: str) -> int:
    """About as many tokens as o200k_base makes of a text: English prose, code, JSON, other scripts.

    Made from what is public, without the table. On the 23 texts in its tests whose number is known
    it is off by 8 % on average, and by 17 % at most where they are sentences. Words that nobody
    else uses are more tokens than it says: keys, hashes, Base64.
    """
    raw = text.encode("utf-8", "replace")
    ascii_only = raw.isascii()
    kinds = b"-" + raw.translate(_TABLE, b"" if ascii_only else _CONTINUING)
    total, words = 0.0, kinds.translate(_WORDS)
    if not ascii_only:
        total += sum(kinds.count(kind) * share for kind, share in _PER_CHARACTER.items())
        latin = sum(map(raw.count, (b"\xe1\xb8", b"\xe1\xb9", b"\xe1\xba", b"\xe1\xbb")))
        others = kinds.count(b"v") - latin
        total += latin * _PER_VIETNAMESE + others * _PER_OTHER
        words = kinds.translate(_WORDS_V) if latin > others else words
    total += words.count(b"-a") + kinds.count(b"aA")  # words, also those in camelCase
    total += _PER_SEVEN * words.count(b"aaaaaaa") + _PER_TEN * words.count(b"aaaaaaaaaa")
    total += _of_digits(kinds.translate(_DIGITS)) + kinds.count(b" 0")
    signs = kinds.translate(_SIGNS)
    total += signs.count(b"-.") + _PER_MARKS * signs.count(b"...")
    total -= _PER_APOSTROPHE * kinds.count(b"a'a")
    if b"\n" in kinds:  # behind punctuation they are part of it
        total += kinds.translate(_LINES).count(b"-\n") - kinds.count(b".\n")
    if b"  " in kinds:  # the last blank goes to what follows
        total += kinds.translate(_BLANKS).count(b"-  ")
    return max(math.ceil(total), 1) if raw else 0


def _of_digits(digits: bytes) -> int:
    """They are taken by three."""
    if b"0000" not in digits:
        return digits.count(b"-0")
    threes = digits.replace(b"000", b"3")
    return threes.count(b"3") + threes.count(b"0") - threes.count(b"00")
