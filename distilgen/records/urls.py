"""What a records URL names.

    .distilgen/records, file:FOLDER, file:///FOLDER   files of JSON lines in a folder
    sqlite:///FILE, postgresql://…                    a table, through SQLAlchemy
    memory://…, s3://…, local:///FOLDER, …            objects, through fsspec
    logging:NAME, logging:NAME?rows=messages          a logger of the standard library's
    package.module:callable                           a callable of the user's

The standard library only: a recorded program asks this before its first record.
"""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from distilgen.errors import ConfigError
from distilgen.records.schemes import BUCKETS, is_protocol, wrong_driver

FILES, SQL, OBJECTS, LOGGING, CALLABLE = "files", "sql", "objects", "logging", "callable"

_CALLABLE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_SQL = re.compile(r"(sqlite|postgresql)(?:\+(\w+))?:(.*)", re.DOTALL)
_POSTGRES = re.compile(r"postgres(\+\w+)?:")


class Place(NamedTuple):
    """kind: one of the five above. rest: a folder for files, what follows the scheme for logging,
    else the whole URL. A `~` at the beginning of a path is the user's home.
    """

    kind: str
    rest: str


def place_of(url: str, origin: str) -> Place:
    """What a URL names. origin: where it was said, for the error. Raises ConfigError."""
    scheme, colon, rest = url.partition(":")
    if not colon or len(scheme) == 1:  # one letter is a Windows drive
        if not url:
            raise ConfigError(f"{origin}: names no place for records")
        return Place(FILES, _from_home(url, origin))
    if scheme == "file":
        return Place(FILES, _folder(rest, origin))
    if scheme == "logging":
        if not rest.partition("?")[0]:
            raise ConfigError(f"{origin}: logging: names no logger; say logging:NAME")
        return Place(LOGGING, rest)
    if _SQL.match(url):
        return Place(SQL, _database(url, origin))
    if _POSTGRES.match(url):
        raise ConfigError(f"{origin}: {scheme}: is spelled postgresql{scheme[8:]}://…")
    if "://" in url:
        _check_objects(url, origin)
        return Place(OBJECTS, url)
    if scheme in BUCKETS:
        raise ConfigError(f"{origin}: {url}: say {scheme}://{rest.lstrip('/')}")
    if _CALLABLE.fullmatch(url):
        return Place(CALLABLE, url)
    raise _unknown(url, origin)


def _unknown(url: str, origin: str) -> ConfigError:
    return ConfigError(
        f"{origin}: {without_password(url)} names no place for records; known are a folder, "
        "file:FOLDER, sqlite:///FILE, postgresql://…, s3://… (and what else fsspec knows), "
        "logging:NAME, package.module:callable"
    )


def _from_home(path: str, origin: str) -> str:
    """The path with the user's home for a `~`. Raises ConfigError where there is none."""
    if not path.startswith("~"):
        return path
    whole = os.path.expanduser(path)  # noqa: PTH111 - text to text
    if whole == path:
        raise ConfigError(f"{origin}: {path}: nobody here has such a home; say the whole path")
    return whole


def _folder(rest: str, origin: str) -> str:
    """The folder that stands behind `file:`; a host before it must be this one."""
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        if host not in ("", "localhost"):
            raise ConfigError(
                f"{origin}: file:{rest} names a host, {host}; say file:///{rest[2:]} or "
                f"file:{rest[2:]}"
            )
        rest = slash + path.lstrip("/")
    if not rest.strip("/"):
        raise ConfigError(f"{origin}: file: names no folder")
    return _from_home(rest, origin)


def _database(url: str, origin: str) -> str:
    """The URL of a database. Raises ConfigError where it can never be one."""
    found = _SQL.fullmatch(url)
    dialect, driver, rest = found.groups("") if found else ("", "", "")
    shown = f"{origin}: {without_password(url)}"
    wrong = wrong_driver(dialect, driver)
    if wrong:
        raise ConfigError(f"{shown}: {wrong}")
    if dialect == "sqlite":
        path = rest.removeprefix("//")
        if path.partition("?")[0] in ("", "/", "/:memory:", ":memory:"):
            raise ConfigError(f"{shown}: a database in memory keeps nothing; say sqlite:///FILE")
        if not rest.startswith("///"):
            raise ConfigError(f"{shown} is no database URL; say sqlite:///{path}")
        return f"{url.partition(':')[0]}:///{_from_home(path[1:], origin)}"
    if not rest.startswith("//"):
        raise ConfigError(f"{shown} is no database URL; say {dialect}://USER@HOST/DATABASE")
    host = re.split("[/?]", rest[2:].rpartition("@")[2])[0]
    _, colon, port = host.rpartition(":")
    if colon and port and not port.isdigit() and not host.endswith("]"):  # an IPv6 address
        raise ConfigError(f"{shown}: its port is no number")
    return url


def _check_objects(url: str, origin: str) -> None:
    """Raises ConfigError for a URL that fsspec can never open."""
    for link in url.split("::"):  # as in `simplecache::s3://bucket`
        protocol, slashes, path = link.partition("://")
        if not is_protocol(protocol):
            raise _unknown(url, f"{origin}: nothing here knows {protocol}://")
        if slashes and protocol in BUCKETS and path[:1] in ("", "/"):
            raise ConfigError(f"{origin}: {url} names no bucket; say {protocol}://BUCKET/FOLDER")


_SECRETS = "password|passwd|pwd|secret|token|key|credential|sig"
_FILE = re.compile(r"(sqlite(?:\+\w+)?:///)([^?]+)(\?.*)?")


def without_password(url: str) -> str:
    """The URL as messages and folder names may show it."""
    shown = re.sub(r"(://[^:/?#]*):[^?#]*@", r"\1:…@", url)
    return re.sub(rf"(?i)([?&][^=&]*(?:{_SECRETS})[^=&]*=)[^&]*", r"\1…", shown)


def absolute(url: str, folder: str) -> str:
    """The URL, the path of an SQLite file in it whole and in its one form. folder: where a relative
    one begins.
    """
    found = _FILE.fullmatch(url)
    if not found or found[2] == ":memory:":
        return url
    path = os.path.normpath(os.path.join(folder, found[2]))  # noqa: PTH118 - text to text
    return f"{found[1]}{path}{found[3] or ''}"
