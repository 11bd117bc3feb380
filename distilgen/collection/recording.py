"""Where collected calls are recorded, and that every one of them is."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from distilgen.collection.done import Done
from distilgen.errors import CollectError, UsageError
from distilgen.records import urls
from distilgen.records.stores import open_store
from distilgen.runtime import settings, sinks
from distilgen.runtime.settings import Override

if TYPE_CHECKING:
    from distilgen.collection.teacher import Teacher
    from distilgen.records.store import Store

_PATIENCE_S = 60.0
_ALL = 2**53


def refuse_disabled() -> None:
    """Raises UsageError where nothing would be recorded."""
    if settings.is_disabled():
        raise UsageError(
            "DISTILGEN_DISABLED is set, so that no call would be recorded; unset it to collect"
        )


def record_in(store: Store, url: str, root: Path) -> None:
    """Record every call, in the place of a URL, whatever environment and program say of samples.
    store: the same, opened. root: of the project. Raises ConfigError.
    """
    settings.take_environment()
    said = settings.current()
    place = urls.place_of(url, "--records")
    spool = said.spool if os.environ.get("DISTILGEN_SPOOL") else root / settings.SPOOL
    settings.configure(
        records=store.place if place.kind == urls.FILES else url,
        spool=spool,
        sample=1.0,
        budget=None if said.budget is None else _ALL,
    )


def keep_teacher(teacher: Teacher) -> None:
    """Have the function itself answer all calls, though they be shared with a student."""
    if teacher.recorder.route is not None:
        mode = (*settings.current().mode, Override(teacher.name, "record", None))
        settings.configure(mode=mode)  # type: ignore[arg-type]  # as it is kept


def done_in(store: Store, url: str, teacher: Teacher) -> Done:
    """The calls that have been made; those that wait in the spool of a run that was killed are sent
    first. Raises RecordError.
    """
    if urls.place_of(url, "--records").kind in (urls.SQL, urls.OBJECTS):
        from distilgen.runtime.sinks import shipping  # noqa: PLC0415 - for remote stores

        spool = Path(settings.current().spool)
        if spool.is_dir():
            shipping.ship(spool, url)
    return Done.of(store, teacher.contract, hides=teacher.hides)


def finish() -> None:
    """Bring all records to their place. Raises CollectError where some are not there in a minute;
    they are safe in the spool.
    """
    left = sinks.flush(_PATIENCE_S)
    if left:
        raise CollectError(
            f"{left} records wait in {settings.current().spool}, since their place cannot be "
            "reached; `distilgen records ship` sends them"
        )


def opened(said: str | None, configured: str, root: Path) -> tuple[Store, str]:
    """(the store of the records, its URL): as said on the command line, or as configured. Raises
    ConfigError for a place that cannot be read: what was done could not be told.
    """
    base = Path.cwd() if said else root
    origin = "--records" if said else "records in [tool.distilgen]"
    url = said or configured
    store = open_store(url, origin, base)
    place = urls.place_of(url, origin)
    return store, urls.absolute(place.rest if place.kind == urls.SQL else url, str(base.absolute()))
