"""Calls that are nearly equal to an earlier one, by the words of their arguments.

MinHash and locality-sensitive hashing, by datasketch (an extra): of two calls, the share of runs of
three words that both have is estimated, and calls above the threshold are found without comparing
each with each. (A. Z. Broder, "On the resemblance and containment of documents", 1997)

A character of a script that puts no blanks between words counts as a word.
"""

from __future__ import annotations

import importlib
import json
import re
from typing import TYPE_CHECKING, Any

from distilgen.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from distilgen.dataset.answers import Call

NEAR = "nearly equal to another one"

_PERMUTATIONS = 64
_WORDS = 3  # in a run
_UNSPACED = (  # Thai and Lao, Burmese, Khmer, kana, Chinese characters
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\U00020000-\U0003ffff"
)
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+|[^\w\s]")
_FOUND_FROM = 0.9  # the hashes find no nearer ones alone: with so few, datasketch refuses to
_WEIGHTS = (0.1, 0.9)  # found in vain, missed: what is found is looked at again


def distinct(calls: Iterable[Call], threshold: float, left_out: dict[int, int]) -> Iterator[Call]:
    """The calls of which none before is nearly equal, function by function.

    threshold: the similarity from which on two are, 0 to 1. left_out: is counted up by function.
    Some kilobytes stay in memory for each call that is kept. Raises UsageError without datasketch.
    """
    try:
        sketches: Any = importlib.import_module("datasketch")
    except ImportError:
        raise UsageError(
            '--near-duplicates needs datasketch: pip install "distilgen[near-duplicates]"'
        ) from None

    number = -1
    for call in calls:
        if call.number != number:
            number = call.number
            known = sketches.MinHashLSH(
                min(threshold, _FOUND_FROM), _PERMUTATIONS, weights=_WEIGHTS
            )
            kept: dict[bytes, Any] = {}
        made = sketches.MinHash(num_perm=_PERMUTATIONS)
        made.update_batch(_runs(call.arguments))
        if any(made.jaccard(kept[name]) >= threshold for name in known.query(made)):
            left_out[number] = left_out.get(number, 0) + 1
            continue
        known.insert(call.digest, made, check_duplication=False)
        kept[call.digest] = sketches.LeanMinHash(made)
        yield call


def _runs(arguments: bytes) -> list[bytes]:
    """The runs of words in all values of the arguments, in lower case; each value has its own."""
    found = []
    for value in _values(json.loads(arguments)):
        words = _WORD.findall(value.lower())
        ends = range(max(len(words) - _WORDS + 1, 1))
        found += [" ".join(words[start : start + _WORDS]).encode() for start in ends]
    return found or [b""]


def _values(value: Any) -> Iterator[str]:
    """The innermost values, as texts; one that is no text with where it stands."""
    if isinstance(value, dict):
        for name, item in value.items():
            if isinstance(item, str | dict | list):
                yield from _values(item)
            else:
                yield f"{name} {json.dumps(item)}"
    elif isinstance(value, list):
        for item in value:
            yield from _values(item)
    else:
        yield value if isinstance(value, str) else json.dumps(value)
