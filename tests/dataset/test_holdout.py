"""Shares of digests."""

from __future__ import annotations

import hashlib

import pytest

from distilgen.dataset.holdout import Holdout


@pytest.mark.parametrize("shares", [(0, 0), (0.1, 0.1), (0.5, 0.25), (0, 0.9), (0.3, 0)])
def test_shares(shares: tuple[float, float]) -> None:
    holdout = Holdout(*shares)
    sides = [
        holdout.split_of(hashlib.sha256(b"%d" % number).hexdigest().encode())
        for number in range(20_000)
    ]
    for split, share in zip(("validation", "test"), shares, strict=True):
        assert abs(sides.count(split) / 20_000 - share) < 0.02
        assert (split in sides) is (share > 0)


def test_the_ends() -> None:
    holdout = Holdout(0.25, 0.5)
    assert holdout.split_of(b"0" * 32) == "test"
    assert holdout.split_of(b"7" + b"f" * 31) == "test"
    assert holdout.split_of(b"8" + b"0" * 31) == "validation"
    assert holdout.split_of(b"b" + b"f" * 31) == "validation"
    assert holdout.split_of(b"c" + b"0" * 31) == "train"
    assert holdout.split_of(b"f" * 32) == "train"
