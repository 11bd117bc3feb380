"""Descriptions in docstrings of the three styles, and in those of none."""

from __future__ import annotations

from textwrap import dedent

import pytest

from distilgen.docstrings import described

STYLES = {
    "Google": (
        """
        Find.

        Args:
            a: The first,
                which goes on.
            b (int, optional): Second: with a colon. Defaults to 3.
            *args: More.
            **kwargs: Others.

        Returns:
            Item: What was found.

        Raises:
            ValueError: Never.
        """,
        {
            "a": "The first, which goes on.",
            "b": "Second: with a colon. Defaults to 3.",
            "args": "More.",
            "kwargs": "Others.",
        },
        "What was found.",
    ),
    "NumPy": (
        """
        Find.

        Parameters
        ----------
        a : int
            The first.
        b, c : {1, 2}, optional
            Two
            of them.
        **kwargs
            Others.

        Returns
        -------
        Item
            What was found.
        """,
        {"a": "The first.", "b": "Two of them.", "c": "Two of them.", "kwargs": "Others."},
        "What was found.",
    ),
    "Sphinx": (
        r"""
        Find.

        :param a: The first.
        :param int b: The second,
            which goes on.
        :type a: int
        :param \*args: More.
        :returns: What was found.
        :rtype: Item
        """,
        {"a": "The first.", "b": "The second, which goes on.", "args": "More."},
        "What was found.",
    ),
    "none": ("Find the thing.\n\nNote: it is there.", {}, ""),
    "empty": ("", {}, ""),
    "descriptions that say nothing": ("Find.\n\nArgs:\n    a:\n    b: Yes.", {"b": "Yes."}, ""),
}


@pytest.mark.parametrize(("text", "parameters", "returns"), STYLES.values(), ids=STYLES)
def test_styles(text: str, parameters: dict[str, str], returns: str) -> None:
    found = described(dedent(text).strip())
    assert found.parameters == parameters
    assert found.returns == returns


@pytest.mark.parametrize(
    "text",
    [
        "Args:",
        "Args:\n a",
        "Args:\n    a\n  b: x\nc",
        ":param",
        ":param:",
        ":param a b c d: x",
        ":",
        "::",
        "Parameters\n----",
        "Parameters\n----------\n: int",
        "Returns:\nRaises:",
        ":returns",
        "@param a",
        "Args:\n\t a: x\n    b: y",
        "\x00\ud800",
        "a" * 100_000,
        ":param a: x\n" * 1_000,
        "Args:\n" + "    a: " * 1_000,
    ],
    ids=lambda text: repr(text[:20]),
)
def test_what_cannot_be_read_says_nothing_and_fails_nothing(text: str) -> None:
    assert isinstance(described(text).returns, str)
