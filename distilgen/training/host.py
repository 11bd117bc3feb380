"""One host, asked through the real client: patiently, and for nothing twice."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from distilgen.errors import HostError
from distilgen.training.host_errors import calling

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from distilgen.training.shapes import Shape

Found = TypeVar("Found")

_PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds before a request is made again."""

_LONGEST = 60.0
_MOST_ASKED, _MOST_OUTLASTED = 600.0, 3600.0
"""Seconds that a host may ask to be left alone, at most, while a command waits to begin something,
or for what has begun.
"""


@dataclass(frozen=True)
class Host:
    """name: of its profile. shape: how it has OpenAI's API. client: an `openai.OpenAI` that tries
    once: a request that is made again unasked makes a second job. now, sleep: the clock, in seconds
    since 1970. options: those by which other commands find it. told: takes a line whenever it is
    waited for before a request is made again.
    """

    name: str
    shape: Shape
    client: Any
    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    options: str = ""
    told: Callable[[str], None] = field(default=lambda _: None)

    @property
    def server(self) -> str:
        """Its URL."""
        return str(self.client.base_url)

    @property
    def account(self) -> str:
        """Names server and key, and tells neither: what one account has uploaded, another one has
        not.
        """
        said = f"{self.server}\n{self.client.api_key}"
        return hashlib.sha256(said.encode("utf-8", "replace")).hexdigest()[:16]

    def once(self, what: str, call: Callable[[], Found]) -> Found:
        """What a call gives, which is made once. Raises HostError."""
        with calling(self.server, what):
            return call()

    def ask(self, what: str, call: Callable[[], Found]) -> Found:
        """What a call gives that changes nothing on the host: made again, where that may help.
        Raises HostError.
        """
        for pause in _PAUSES:
            try:
                return self.once(what, call)
            except HostError as error:
                self.wait(error, pause)
        return self.once(what, call)

    def make(self, what: str, find: Callable[[], Found | None], make: Callable[[], Found]) -> Found:
        """What a call makes, which must not be made twice. Where nobody knows how it ended, it is
        looked for before it is made again. Raises HostError.
        """
        for pause in (*_PAUSES, None):
            try:
                return self.once(what, make)
            except HostError as error:
                if pause is None:
                    raise
                self.wait(error, pause)
                found = None if error.status == 429 else find()
                if found is not None:
                    return found
        raise AssertionError

    def wait(self, error: HostError, pause: float) -> None:
        """Wait until a request may be made again: so many seconds, or as the host asks. Raises the
        error where that would not help.
        """
        after = error.after or 0.0
        if not error.passes or after > _MOST_ASKED:
            raise error
        pause = max(pause, after)
        why = "cannot be reached" if error.status is None else f"answered {error.status}"
        self.told(f"{self.server} {why}; trying again in {pause:.0f} s")
        self.sleep(pause)

    def outlast(self, what: str, call: Callable[[], Found], told: Callable[[str], None]) -> Found:
        """As `ask`, however long the host is away; told: once that it is, and once that it is back.
        Raises HostError for what waiting does not help.
        """
        pause = _PAUSES[0]
        away = False
        while True:
            try:
                found = self.once(what, call)
            except HostError as error:
                if not error.passes:
                    raise
                if not away:
                    told(f"{error}; waiting for it")
                away = True
                self.sleep(max(pause, min(error.after or 0.0, _MOST_OUTLASTED)))
                pause = min(pause * 2, _LONGEST)
            else:
                if away:
                    told(f"{self.server} is back")
                return found

    def every(
        self, what: str, first: Callable[[], Any], asking: Callable[..., Any] | None = None
    ) -> Iterator[Any]:
        """All objects of a list that comes in pages, each once. first: gives the first page.
        asking: as `ask`, which it is unless another way is said. Raises HostError.
        """
        asking = asking or self.ask
        seen: set[Any] = set()
        following = first
        while True:
            page = asking(what, partial(_page, following))
            new = [item for item in page.data or () if getattr(item, "id", None) not in seen]
            yield from new
            seen.update(getattr(item, "id", None) for item in new)
            # A host that knows no cursors gives its first page again and again.
            if not new or not page.has_next_page():
                return
            following = page.get_next_page


def _page(call: Callable[[], Any]) -> Any:
    """A page of a list. Raises AttributeError, TypeError for what is none."""
    given = call()
    if not isinstance(given.data, list | None):
        raise TypeError(f"its list is a {type(given.data).__name__}")
    return given
