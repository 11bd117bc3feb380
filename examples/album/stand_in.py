"""A stand-in for the big model of the album example. There is no model in it: an album is made of
the name of the film by counting letters, so that the same film has the same album.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from openai_server import completion

if TYPE_CHECKING:
    from collections.abc import Mapping

_ARTISTS = ("The Stand-Ins", "Loopback", "Port of Call", "Ada and the Counters")
_NAMES = ("{} at Night", "After {}", "Songs for {}", "{} Revisited")
_TITLES = (
    "Opening Credits", "The Road to {}", "Slow Pan", "Letter from {}", "Rain on the Set",
    "Close-Up", "{} Blues", "Nobody Said Cut", "End Titles",
)  # fmt: skip


def answer(asked: dict[str, Any]) -> Mapping[str, Any]:
    """The completion for a question about a film, as `FineTuningServer.answers` wants it."""
    film = json.loads(asked["messages"][-1]["content"])["movie_name"]
    tool = asked["tools"][0]["function"]["name"]
    return completion(asked["model"], tool, _album(film))


def _album(film: str) -> dict[str, Any]:
    count = sum(map(ord, film))
    titles = [_TITLES[(count + 4 * place) % len(_TITLES)] for place in range(4 + count % 4)]
    return {
        "name": _NAMES[count % len(_NAMES)].format(film),
        "artist": _ARTISTS[len(film) % len(_ARTISTS)],
        "songs": [
            {"title": title.format(film), "length_seconds": 120 + count * (place + 7) % 180}
            for place, title in enumerate(titles)
        ],
    }
