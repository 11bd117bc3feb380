"""Records in objects below a URL, through fsspec: S3 and whatever else it knows."""

from __future__ import annotations

import contextlib
import io
import re
from typing import TYPE_CHECKING, Any

from distilgen.errors import ConfigError, RecordError
from distilgen.records.files import Line
from distilgen.records.record import Malformed, Record, items_of
from distilgen.records.urls import without_password

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SUFFIX = ".jsonl"
CONNECT_S, READ_S = 5, 15


class ObjectStore:
    """Each batch is one object, `NAME.jsonl`. Who may read and write there, and at which endpoint,
    is said as fsspec and the provider's own tools have it said: by environment and files.
    """

    def __init__(self, url: str) -> None:
        """Raises ConfigError for a URL that fsspec does not know, or whose package is missing."""
        self.place = without_password(url)
        try:
            import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415 - an extra
        except ImportError as error:
            extra = _extra(url) or "objects"
            raise ConfigError(
                f'{self.place}: fsspec is not installed: pip install "distilgen[{extra}]"'
            ) from error
        try:
            # Of our own, not the program's: what it has listed or begun is not ours to see.
            self._files, self._root = fsspec.core.url_to_fs(
                url, skip_instance_cache=True, **_options(fsspec, url)
            )
        except ImportError as error:
            extra = _extra(url)
            hint = f': pip install "distilgen[{extra}]"' if extra else ""
            raise ConfigError(f"{self.place}: {error}{hint}") from error
        except ValueError as error:
            raise ConfigError(f"{self.place}: {error}") from error
        for files in (self._files, getattr(self._files, "fs", None)):
            if hasattr(files, "retries"):  # S3's
                setattr(files, "retries", 1)  # noqa: B010 - of a class without types
        self._root = self._root.rstrip("/")

    def append(self, lines: Sequence[bytes], name: str) -> None:
        """See `Store.append`. The object of that name is replaced."""
        with _said_here(self.place):
            self._put(f"{self._root}/{name}{SUFFIX}", b"".join(lines))

    def read(self) -> Iterator[Record | Malformed]:
        """See `Store.read`; by the names of the objects, which begin with the time of their first
        record.
        """
        for path in self._paths():
            with _said_here(self.place), self._files.open(path, "rb") as file:
                for number, line in enumerate(file, 1):
                    yield from items_of(path, number, line)

    def delete(self, wanted: Callable[[Record], bool]) -> int:
        """See `Store.delete`; an object at a time."""
        return self._remove(lambda item: isinstance(item, Record) and wanted(item), _forget)

    def set_aside(self, keep: Callable[[Sequence[Malformed]], None]) -> int:
        """Remove what is no record, after `keep` took it, an object at a time; how many lines
        were.
        """
        return self._remove(lambda item: isinstance(item, Malformed), keep)

    def _remove(
        self, goes: Callable[[Record | Malformed], bool], keep: Callable[[list[Any]], None]
    ) -> int:
        count = 0
        for path in self._paths():
            with _said_here(self.place):
                content = self._files.cat_file(path)
            kept, gone = [], []
            for number, text in enumerate(io.BytesIO(content), 1):
                for part, item in Line(0, number, text).parts(path):
                    if goes(item):
                        gone.append(item)
                    else:
                        kept.append(part.text)
            keep(gone)
            count += len(gone)
            with _said_here(self.place):
                if not kept:
                    self._files.rm_file(path)
                elif gone:
                    self._put(path, b"".join(kept))
        return count

    def _put(self, path: str, content: bytes) -> None:
        if "local" not in self._files.protocol:
            self._files.pipe_file(path, content)  # there at once or not at all
            return
        half = f"{path}.part"
        self._files.makedirs(self._root, exist_ok=True)
        self._files.pipe_file(half, content)
        self._files.mv(half, path)

    def _paths(self) -> list[str]:
        with _said_here(self.place):
            self._files.invalidate_cache()
            found = self._files.find(self._root)
            if not found:  # to many file systems, that they cannot be reached is as good a reason
                with contextlib.suppress(FileNotFoundError):
                    self._files.ls(self._root)
        return sorted(path for path in found if path.endswith(SUFFIX))


def _extra(url: str) -> str:
    return "s3" if re.search(r"(?:^|::)s3a?://", url) else ""


def _forget(items: object) -> None:
    del items


def _options(fsspec: Any, url: str) -> dict[str, Any]:
    """What S3 is asked with, unless the user's configuration of fsspec says otherwise: a server
    that does not answer is given up after some seconds, and asked again by nobody but us.
    """
    known = {link.partition("://")[0] for link in url.split("::")}
    ours = {
        "connect_timeout": CONNECT_S, "read_timeout": READ_S, "retries": {"max_attempts": 0},
    }  # fmt: skip
    return {
        name: {"config_kwargs": ours | fsspec.config.conf.get(name, {}).get("config_kwargs", {})}
        for name in known & {"s3", "s3a"}
    }


@contextlib.contextmanager
def _said_here(place: str) -> Iterator[None]:
    """What a file system says becomes a RecordError; each has exceptions of its own."""
    try:
        yield
    except Exception as error:
        raise RecordError(f"{place}: {_text(error)}") from error


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
