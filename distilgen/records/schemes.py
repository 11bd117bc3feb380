"""Which URLs can ever work: by the names of protocols and drivers alone.

The standard library only: a recorded program asks this before its first record.
"""

from __future__ import annotations

import sys
from typing import Any

PROTOCOLS = frozenset({
    "abfs", "abfss", "adl", "arrow_hdfs", "asynclocal", "az", "blockcache", "box", "cached", "dask",
    "data", "dbfs", "dir", "dropbox", "dvc", "file", "filecache", "ftp", "gcs", "gdrive", "generic",
    "gist", "git", "github", "gs", "hdfs", "hf", "http", "https", "jlab", "jupyter", "lakefs",
    "libarchive", "local", "memory", "oci", "ocilake", "oss", "pyscript", "reference", "root", "s3",
    "s3a", "sftp", "simplecache", "smb", "ssh", "tar", "tos", "tosfs", "wandb", "webdav", "webhdfs",
    "zip",
})  # fmt: skip
"""What fsspec 2026.9 knows (`fsspec.registry.known_implementations`), with synonyms."""

BUCKETS = frozenset({"s3", "s3a", "gs", "gcs", "oss", "tos", "abfs", "abfss", "az", "adl"})
"""Those whose URLs begin with a bucket or container."""

_DRIVERS = frozenset({"psycopg", "psycopg2", "psycopg2cffi", "pg8000", "pysqlite", "pysqlcipher"})
_WAITED_FOR = frozenset({"asyncpg", "psycopg_async", "aiosqlite"})


def is_protocol(name: str) -> bool:
    """Does fsspec know it, as it comes, or by what is installed or registered here?"""
    if name in PROTOCOLS or _is_plugin("fsspec.specs", name):
        return True
    fsspec: Any = sys.modules.get("fsspec")
    return fsspec is not None and name in fsspec.available_protocols()


def wrong_driver(dialect: str, driver: str) -> str:
    """Why a driver is none for us; nothing where it may be one."""
    if driver in _WAITED_FOR:
        return f"{driver} is for asyncio; say {dialect}://…"
    if driver in _DRIVERS or not driver or _is_plugin("sqlalchemy.dialects", f"{dialect}.{driver}"):
        return ""
    return f"nothing here knows the driver {driver}; say {dialect}://…"


def _is_plugin(group: str, name: str) -> bool:
    from importlib.metadata import entry_points  # noqa: PLC0415 - only for what we do not know

    return any(entry_points(group=group, name=name))
