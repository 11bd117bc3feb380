"""Settings come from the environment, and from the program, which wins; never from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import distilgen
from distilgen.errors import ConfigError
from distilgen.runtime import configure, settings, sink

if TYPE_CHECKING:
    from pathlib import Path


def test_without_a_word_records_go_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings.current() == settings.Settings(".distilgen/records", None, None, 30.0)
    assert sink.current().folder == tmp_path / ".distilgen" / "records"


def test_the_folder_stays_when_the_program_changes_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = sink.current()
    monkeypatch.chdir("/")
    assert sink.current() is first
    assert first.folder.is_relative_to(tmp_path)


def test_the_environment_is_asked_and_the_program_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILGEN_RECORDS", str(tmp_path / "one"))
    monkeypatch.setenv("DISTILGEN_TIMEOUT", "2.5")
    assert settings.current().timeout == 2.5
    assert sink.current().folder == tmp_path / "one"
    configure(records=tmp_path / "two")
    assert sink.current().folder == tmp_path / "two"
    assert settings.current().timeout == 2.5
    configure(timeout=7)
    assert settings.current().timeout == 7
    assert sink.current().folder == tmp_path / "two"


def test_configure_is_public() -> None:
    assert distilgen.configure is configure


def test_a_client_is_kept_and_none_changes_nothing() -> None:
    client = object()
    configure(client=client)
    configure()
    assert settings.current().client is client
    assert settings.current().async_client is None


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("records", "records"),
        ("/a/b", "/a/b"),
        ("file:a/b", "a/b"),
        ("file:///a/b", "/a/b"),
        ("file:/a/b", "/a/b"),
        ("C:\\records", "C:\\records"),
    ],
)
def test_a_folder_or_a_file_url(url: str, folder: str) -> None:
    assert settings.folder_of(url, "test") == folder


@pytest.mark.parametrize("url", ["s3://bucket", "sqlite:///records.db", "logging:", "file:"])
def test_other_sinks_are_named_in_the_error(url: str) -> None:
    with pytest.raises(ConfigError, match=r"configure\(records=…\): .*(no sink|no folder)"):
        configure(records=url)


@pytest.mark.parametrize("seconds", ["soon", "0", "-1", "nan", "inf"])
def test_a_timeout_must_be_seconds(seconds: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="is no number of seconds"):
        configure(timeout=float(seconds) if seconds != "soon" else "soon")  # type: ignore[arg-type]
    monkeypatch.setenv("DISTILGEN_TIMEOUT", seconds)
    with pytest.raises(ConfigError, match="DISTILGEN_TIMEOUT"):
        settings.current()


@pytest.mark.parametrize(("value", "off"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_the_off_switch(value: str, off: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILGEN_DISABLED", value)
    assert settings.is_disabled() is off
