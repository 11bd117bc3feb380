"""The names of exceptions after which a call is made again."""

from __future__ import annotations

import pytest

from distilgen.collection.retried import classes
from distilgen.errors import UsageError


class OwnError(Exception):
    """Of this module."""


Alias = OwnError
HERE = f"{__name__}:f"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ValueError", "ValueError"),
        ("builtins.OSError", "OSError"),
        ("OwnError", "OwnError"),
        ("Alias", f"{__name__}.OwnError"),
        ("json.JSONDecodeError", "json.decoder.JSONDecodeError"),
        ("zipfile.BadZipFile", "zipfile.BadZipFile"),
    ],
)
def test_names_of_exceptions(name: str, expected: str) -> None:
    assert classes([name], HERE) == (expected,)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("NopeError", "; name one of a package as package.Name"),
        ("ValuError", "did you mean ValueError?"),
        ("OwnErro", "did you mean OwnError?"),
        ("no.such.Error", "; name one of a package"),
        ("json.loads", "; name one of a package"),
        ("SystemExit", "; name one of a package"),
        ("", "; name one of a package"),
        ("a..b", "; name one of a package"),
    ],
)
def test_other_names_are_refused(name: str, hint: str) -> None:
    with pytest.raises(UsageError, match=r"names no exception of Python's own") as caught:
        classes([name], HERE)
    assert hint in str(caught.value)
