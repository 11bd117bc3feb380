"""Which passages of the paper fit a question: ranked by BM25, without any package."""

import math
from collections import Counter
from functools import cache
from pathlib import Path

from prose import content

PAPER = Path(__file__).resolve().parent.parent / "paper"
K1, B = 1.5, 0.75  # Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009


@cache
def passages() -> tuple[str, ...]:
    """The paragraphs of the paper, in order."""
    texts = (path.read_text("utf-8") for path in sorted(PAPER.glob("*.md")))
    found = [" ".join(part.split()) for text in texts for part in text.split("\n\n")]
    return tuple(part for part in found if part and not part.startswith("#"))


@cache
def _counts() -> tuple[Counter[str], ...]:
    return tuple(Counter(content(passage)) for passage in passages())


def best(question: str, count: int) -> list[str]:
    """The passages that fit best, the best one first; fewer where no more share a word with it."""
    held = _counts()
    mean = sum(words.total() for words in held) / len(held)

    def score(words: Counter[str]) -> float:
        length = 1 - B + B * words.total() / mean
        total = 0.0
        for word in set(content(question)):
            having = sum(word in other for other in held)
            rarity = math.log(1 + (len(held) - having + 0.5) / (having + 0.5))
            total += rarity * words[word] * (K1 + 1) / (words[word] + K1 * length)
        return total

    scores = [score(words) for words in held]
    order = sorted(range(len(held)), key=lambda place: (-scores[place], place))
    return [passages()[place] for place in order[:count] if scores[place] > 0]
