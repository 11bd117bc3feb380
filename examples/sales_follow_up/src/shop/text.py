"""Reading a transcript: its turns, its sentences, the facts in them."""

import re
from dataclasses import dataclass

from shop.catalogue import PRICES

_TURN = re.compile(
    r"^(?P<speaker>[A-Z]\w+) \((?P<role>agent|customer)\): (?P<words>.+)$", re.MULTILINE
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_PRICE = re.compile(r"(\d+) euros")
_DAYS = {"tomorrow": 1, "in a few days": 3, "next week": 7, "in two weeks": 14, "next month": 30}


@dataclass(frozen=True)
class Turn:
    """What one side said in one go."""

    speaker: str
    role: str
    sentences: tuple[str, ...]


def turns(transcript: str) -> list[Turn]:
    """The turns of a transcript whose lines read `Name (role): words`."""
    return [
        Turn(found["speaker"], found["role"], tuple(_SENTENCE.split(found["words"].strip())))
        for found in _TURN.finditer(transcript)
    ]


def customer(transcript: str) -> str:
    """The customer's name."""
    return next((turn.speaker for turn in turns(transcript) if turn.role == "customer"), "there")


def products(text: str) -> list[str]:
    """The products that a text names, in order of mention."""
    places = {name: text.lower().find(name) for name in PRICES}
    return sorted((name for name, place in places.items() if place >= 0), key=places.__getitem__)


def prices(sentence: str) -> list[int]:
    """The prices that a sentence names, in euros."""
    return [int(found) for found in _PRICE.findall(sentence)]


def days_until_next_call(transcript: str) -> int:
    """When the two agreed to talk again; a week where they did not."""
    said = transcript.lower()
    last = max(_DAYS, key=said.rfind)
    return _DAYS[last] if last in said else 7
