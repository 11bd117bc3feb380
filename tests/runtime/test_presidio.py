"""Presidio's finds become placeholders like any others."""

from __future__ import annotations

import json
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from distilgen.errors import ConfigError
from distilgen.runtime.presidio import Presidio
from distilgen.runtime.redaction import Redaction


class Analyzer:
    """Finds the words that it was told, as Presidio's engine does."""

    def __init__(self, **words: tuple[str, float]) -> None:
        self.words = words
        self.asked: list[dict[str, Any]] = []

    def analyze(self, text: str, **asked: Any) -> list[SimpleNamespace]:
        self.asked.append(asked)
        return [
            SimpleNamespace(start=place, end=place + len(word), entity_type=kind, score=score)
            for kind, (word, score) in self.words.items()
            if (place := text.find(word)) >= 0
        ]


def test_finds_become_numbered_placeholders() -> None:
    analyzer = Analyzer(
        PERSON=("Anna Blume", 0.85), URL=("Blume", 0.9), US_SSN=("078-05-1120", 0.6)
    )
    redacting = Redaction(by=Presidio(analyzer, threshold=0.6, entities=("PERSON",))).begin()
    text = redacting.arguments({"a": "Anna Blume has 078-05-1120", "b": "ask Anna Blume"})
    assert json.loads(text) == {"a": "[PERSON_1] has [US_SSN_1]", "b": "ask [PERSON_1]"}
    assert analyzer.asked[0] == {
        "language": "en",
        "score_threshold": 0.6,
        "entities": ["PERSON"],
    }


def test_where_it_is_missing_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(ConfigError, match=r'spacy .*: pip install "distilgen\[presidio\]"'):
        Presidio()


def test_no_model_is_needed() -> None:
    pytest.importorskip("presidio_analyzer")
    redacting = Redaction(by=Presidio()).begin()
    text = redacting.arguments({"a": "card 4111 1111 1111 1111, mail ann@example.com"})
    assert json.loads(text) == {"a": "card [CREDIT_CARD_1], mail [EMAIL_ADDRESS_1]"}
