"""Microsoft Presidio as the function that searches texts: `configure(redact_with=Presidio())`.

Needs `pip install 'distilgen[presidio]'`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from distilgen.errors import ConfigError


def _blank(language: str) -> Any:
    """An analyzer with Presidio's recognisers of the language and without a model: none has to be
    downloaded, and no names of people and places are found, for these take one.
    """
    try:
        spacy = import_module("spacy")
        analyzer = import_module("presidio_analyzer")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f'Presidio: {error.name} is not installed: pip install "distilgen[presidio]"'
        ) from error
    engine = analyzer.nlp_engine.SpacyNlpEngine(
        models=[{"lang_code": language, "model_name": "blank"}]
    )
    engine.nlp = {language: spacy.blank(language)}
    registry = analyzer.RecognizerRegistry(supported_languages=[language])
    registry.load_predefined_recognizers(languages=[language])
    return analyzer.AnalyzerEngine(
        nlp_engine=engine, registry=registry, supported_languages=[language]
    )


@dataclass(frozen=True)
class Presidio:
    """Finds what Presidio finds, for `redact_with`.

    analyzer: your own `AnalyzerEngine`, with a model say; else one without. language: of the texts.
    threshold: the score, 0 to 1, from which on a find is hidden. entities: their names, as Presidio
    has them; None is every one. Raises ConfigError where Presidio is not installed.
    """

    analyzer: Any = None
    language: str = "en"
    threshold: float = 0.5
    entities: tuple[str, ...] | None = None
    _engine: Any = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_engine", self.analyzer or _blank(self.language))

    def __call__(self, path: str, text: str) -> list[tuple[int, int, str]]:
        """Where the finds in a text begin and end, and what they are; the longest of each place."""
        del path
        finds = self._engine.analyze(
            text,
            language=self.language,
            score_threshold=self.threshold,
            entities=list(self.entities) if self.entities is not None else None,
        )
        spans: list[tuple[int, int, str]] = []
        for find in sorted(finds, key=lambda find: (find.start - find.end, -find.score)):
            if not any(find.start < end and start < find.end for start, end, _ in spans):
                spans.append((find.start, find.end, find.entity_type))
        return sorted(spans)
