"""A stand-in for the chat model of the support desk, on the loopback interface.

There is no model in it: it finds cue words in what it is asked, by rules that are all in this file,
and the same question gets the same answer. So the example runs without a key or a network.

    python examples/tickets/stand_in.py
"""

from __future__ import annotations

import difflib
import json
import re
import sys
import threading
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from openai_server import OpenAIServer, Request, Response, completion, error

MODEL = "stand-in"

_CUES = {
    "account": (
        "login", "log in", "password", "account", "data", "code", "email", "two-step",
        "locked after", "access", "inloggen", "cuenta",
    ),
    "billing": (
        "charge", "charged", "invoice", "billed", "debited", "paid", "payment", "receipt",
        "subscription", "discount", "instalments", "pay", "voucher", "rechnung",
    ),
    "delivery": (
        "delivered", "delivery", "deliver", "parcel", "package", "tracking", "shipped", "shipment",
        "address", "arrived", "turned up", "promised",
        "angekommen", "recu", "llegado",
    ),
    "returns": (
        "return", "returned", "refund", "exchange", "replacement", "broken", "cracked", "warranty",
        "send back", "money back", "by mistake", "by accident", "in error", "box",
        "remboursement", "kapot", "zurueckgeben",
    ),
    "setup": (
        "connect", "pair", "offline", "error", "respond", "network", "install", "readings",
        "restarts", "reboots", "battery", "update", "reset", "router", "schedule", "manual", "find",
        "wlan",
    ),
    "other": (
        "newspaper", "press", "wholesale", "jobs", "lovely", "sponsor", "partner", "feature",
        "sample", "survey",
    ),
}  # fmt: skip
_STRONG = frozenset((
    "refund", "return", "returned", "exchange", "replacement", "money back", "send back",
    "by mistake", "by accident", "in error", "login", "log in", "password", "invoice", "payment",
    "newspaper", "wholesale", "sponsor", "subscription",
))  # fmt: skip
_PRODUCTS = {
    "tern": "Tern", "thermostat": "Tern", "heron": "Heron", "doorbell": "Heron",
    "plover": "Plover", "sensor": "Plover", "dunlin": "Dunlin", "plug": "Dunlin",
    "plugs": "Dunlin",
}  # fmt: skip
_URGENT = (
    "urgent", "urgently", "asap", "emergency", "today", "tomorrow", "smoke", "locked out",
)  # fmt: skip
_CALM = ("not urgent", "no hurry", "no rush")
_ORDER = re.compile(r"\bfm-\d{5}\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+(?:-[a-z]+)?")
_LEAST = 4  # letters of a word that is known with a slip in it, too


def respond(request: Request) -> Response:
    """The answer to one of the three questions of `desk.triage`, for `OpenAIServer`."""
    if (request.method, request.path) != ("POST", "/v1/chat/completions"):
        return error(404, f"Unknown request URL: {request.method} {request.path}", None)
    try:
        asked = request.json()
        task, text = (message["content"] for message in asked["messages"])
    except (ValueError, KeyError, TypeError):
        return error(400, "The body must be a JSON object with a system and a user message.", None)
    if task.startswith("Quote the sentence"):
        said = _gist(text)
    elif task.startswith("Which product"):
        said = json.dumps({"product": _product(text), "order": _order(text)})
    elif task.startswith("A support ticket"):
        gist, _, ticket = text.partition("\n\n")
        said = json.dumps({"queue": _queue(gist), "urgent": _is_urgent(ticket)})
    else:
        return error(400, "The stand-in knows the three questions of desk.triage alone.", None)
    answer = completion(asked["model"], None, "", finish_reason="stop", content=said)
    return Response(body=answer)


def _gist(ticket: str) -> str:
    """The sentence with the most cues, the first of several."""
    sentences = [part.strip() for part in re.split(r"(?<=[.!?])\s|\n", ticket)]
    return max(sentences, key=lambda said: (max(_scores(said).values()), -sentences.index(said)))


def _queue(sentence: str) -> str:
    scores = _scores(sentence)
    best = max(scores, key=lambda queue: scores[queue])
    return best if scores[best] else "other"


def _scores(sentence: str) -> dict[str, int]:
    words = _known_words(sentence)
    return {
        queue: sum(1 + 2 * (cue in _STRONG) for cue in cues if f" {cue} " in words)
        for queue, cues in _CUES.items()
    }


def _product(ticket: str) -> str | None:
    return next((_PRODUCTS[w] for w in _known_words(ticket).split() if w in _PRODUCTS), None)


def _order(ticket: str) -> str | None:
    found = _ORDER.search(ticket)
    return found[0].upper() if found else None


def _is_urgent(ticket: str) -> bool:
    words = _known_words(ticket)
    return not any(f" {cue} " in words for cue in _CALM) and any(
        f" {cue} " in words for cue in _URGENT
    )


def _known_words(text: str) -> str:
    """The words of a text, with slips mended, between spaces."""
    return f" {' '.join(_mended(word) for word in _WORD.findall(text.lower()))} "


_PHRASES = (*(cue for cues in _CUES.values() for cue in cues), *_PRODUCTS, *_URGENT, *_CALM)
_VOCABULARY = sorted({word for phrase in _PHRASES for word in phrase.split()})


@cache
def _mended(word: str) -> str:
    if len(word) < _LEAST or word in _VOCABULARY:
        return word
    same = [known for known in _VOCABULARY if known[0] == word[0]]
    close = difflib.get_close_matches(word, same, 1, cutoff=0.84)
    return close[0] if close else word


def main() -> None:
    """Serve until interrupted."""
    with OpenAIServer(respond) as server:
        print(f"serving {MODEL} on {server.base_url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
