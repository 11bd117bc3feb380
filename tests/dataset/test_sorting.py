"""Any lines come out in order, however little memory may be taken."""

from __future__ import annotations

import random
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from distilgen.dataset import sorting
from distilgen.dataset.sorting import Sorter

if TYPE_CHECKING:
    from pathlib import Path


@given(st.lists(st.binary(max_size=3).map(lambda text: text.replace(b"\n", b"") + b"\n")))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_sorted(tmp_path: Path, lines: list[bytes]) -> None:
    for held in (1, 200, 10**6):
        sorter = Sorter(tmp_path, held)
        for line in lines:
            sorter.add(line)
        for _ in range(2):  # as often as wanted
            assert [line for batch in sorter.batches() for line in batch] == sorted(lines)


@pytest.mark.parametrize("runs", [1, 2, 40])
def test_many_lines_in_runs_that_are_read_piece_by_piece(
    runs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "_READ", 100)
    monkeypatch.setattr(sorting, "_READ_OF_ALL", 100)
    chance = random.Random(runs)
    lines = [b"%06d\n" % chance.randrange(5000) for _ in range(20_000)]
    sorter = Sorter(tmp_path, 20_000 * 67 // runs)
    for line in lines:
        sorter.add(line)
    batches = list(sorter.batches())
    assert [line for batch in batches for line in batch] == sorted(lines)
    assert runs - 1 <= len(sorter.runs) <= runs + 1
    if runs > 1:
        assert max(map(len, batches)) < 10_000


@pytest.mark.skipif(sys.platform == "win32", reason="there it is no limit of the system")
def test_more_runs_than_files_may_be_open(tmp_path: Path) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    sorter = Sorter(tmp_path, 1)
    for number in range(300):
        sorter.add(b"%d\n" % number)
    assert len(sorter.runs) == 300
    resource.setrlimit(resource.RLIMIT_NOFILE, (200, limits[1]))
    try:
        assert sum(map(len, sorter.batches())) == 300
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
