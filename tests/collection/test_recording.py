"""Where collected calls are recorded, and that every one of them is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from distilgen.collection import recording
from distilgen.errors import ConfigError, UsageError
from distilgen.runtime import configure, settings

if TYPE_CHECKING:
    from pathlib import Path


def test_places_are_the_projects_or_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    store, _ = recording.opened(None, "records", tmp_path)
    assert store.place == str(tmp_path / "records")
    store, _ = recording.opened("records", "other", tmp_path)
    assert store.place == str(tmp_path / "here/records")
    _, url = recording.opened("sqlite:///a.db", "other", tmp_path)
    assert url == f"sqlite:///{tmp_path / 'here' / 'a.db'}"
    _, url = recording.opened(None, "sqlite:///a.db", tmp_path)
    assert url == f"sqlite:///{tmp_path / 'a.db'}"
    with pytest.raises(ConfigError, match="cannot be read back"):
        recording.opened("logging:x", "other", tmp_path)


def test_no_call_is_left_out(tmp_path: Path) -> None:
    configure(sample=0.5, budget=3, records="elsewhere", redact_names=["secret"])
    store, url = recording.opened(None, "records", tmp_path)
    recording.record_in(store, url, tmp_path)
    said = settings.current()
    assert said.records == str(tmp_path / "records")
    assert said.spool == str(tmp_path / ".distilgen/spool")
    assert said.sample == 1
    assert said.budget is not None
    assert said.budget > 10**15
    assert said.redact_names == ("secret",)


def test_a_spool_that_is_named_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILGEN_SPOOL", str(tmp_path / "mine"))
    settings.forget()
    store, url = recording.opened(None, "records", tmp_path)
    recording.record_in(store, url, tmp_path)
    assert settings.current().spool == str(tmp_path / "mine")


def test_recording_that_is_turned_off_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    recording.refuse_disabled()
    monkeypatch.setenv("DISTILGEN_DISABLED", "1")
    with pytest.raises(UsageError, match="unset it to collect"):
        recording.refuse_disabled()
