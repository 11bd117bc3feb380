"""Settings come from the environment, and from the program, which wins; never from a file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import openai
import pytest

import distilgen
from distilgen.errors import ConfigError
from distilgen.runtime import configure, settings, sinks
from distilgen.runtime.sinks.files import FileSink

if TYPE_CHECKING:
    from pathlib import Path


def folder_now() -> Path:
    """Where the next record goes."""
    current = sinks.current()
    assert isinstance(current, FileSink)
    return current.folder


def test_without_a_word_records_go_below_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = f"{tmp_path}{os.sep}"
    assert settings.current() == settings.Settings(
        records=f"{folder}.distilgen/records", spool=f"{folder}.distilgen/spool"
    )
    assert folder_now() == tmp_path / ".distilgen" / "records"


def test_the_folder_stays_when_the_program_changes_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = sinks.current()
    monkeypatch.chdir("/")
    assert sinks.current() is first
    assert folder_now().is_relative_to(tmp_path)


def test_the_environment_is_asked_and_the_program_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILGEN_RECORDS", str(tmp_path / "one"))
    monkeypatch.setenv("DISTILGEN_TIMEOUT", "2.5")
    assert settings.current().timeout == 2.5
    assert folder_now() == tmp_path / "one"
    configure(records=tmp_path / "two")
    assert folder_now() == tmp_path / "two"
    assert settings.current().timeout == 2.5
    configure(timeout=7)
    assert settings.current().timeout == 7
    assert folder_now() == tmp_path / "two"


def test_configure_is_public() -> None:
    assert distilgen.configure is configure


def test_a_client_is_kept_and_none_changes_nothing() -> None:
    client = openai.OpenAI(api_key="k")
    configure(client=client)
    configure()
    assert settings.current().client is client
    assert settings.current().async_client is None


@pytest.mark.parametrize(
    "said",
    [
        {"client": 3},
        {"client": "http://127.0.0.1"},
        {"client": openai.AsyncOpenAI(api_key="k")},
        {"async_client": openai.OpenAI(api_key="k")},
        {"cache": True},
        {"guard": True},
        {"guard": "redis://here"},
    ],
)
def test_what_cannot_be_asked_or_shared(said: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=next(iter(said))):
        configure(**said)


def test_of_an_operators_word_what_is_right_holds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("DISTILGEN_MODE", "bogus, same=Record,canary:5, shadow:5%")
    settings.forget()
    found = settings.current().mode
    assert [(item.pattern, item.mode, item.share) for item in found] == [
        ("same", "record", None),
        ("*", "shadow", 0.05),
    ]
    assert len(caplog.messages) == 2
    assert "write 10% or 0.1" in caplog.text


def test_a_guards_file_by_its_url(tmp_path: Path) -> None:
    configure(guard=f"sqlite:///{tmp_path}/guard.db")
    assert settings.current().guard == f"{tmp_path}/guard.db"


@pytest.mark.parametrize("url", ["carrier-pigeon:coop", "sqlite:records.db", "logging:", "file:"])
def test_what_is_no_place_is_said_at_once(url: str) -> None:
    with pytest.raises(ConfigError, match=r"configure\(records=…\): "):
        configure(records=url)


@pytest.mark.parametrize("seconds", ["soon", "0", "-1", "nan", "inf"])
def test_a_timeout_must_be_seconds(
    seconds: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError, match="is no number of seconds"):
        configure(timeout=float(seconds) if seconds != "soon" else "soon")  # type: ignore[arg-type]
    settings.forget()
    monkeypatch.setenv("DISTILGEN_TIMEOUT", seconds)
    assert settings.current().timeout is None
    assert "DISTILGEN_TIMEOUT" in caplog.text


@pytest.mark.parametrize("name", ["records", "redact", "redact_with"])
def test_what_there_is_no_default_for_is_raised_until_it_is_said_right(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = {"records": "a b:c", "redact": "emial", "redact_with": "no.such:thing"}
    right: dict[str, Any] = {"records": tmp_path, "redact": "email", "redact_with": lambda _, x: x}
    monkeypatch.setenv(f"DISTILGEN_{name.upper()}", wrong[name])
    for _ in range(2):
        with pytest.raises(ConfigError, match=f"^DISTILGEN_{name.upper()}: "):
            settings.check()
    configure(**{name: right[name]})
    settings.check()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("records", 3), ("spool", 3), ("limit", True), ("limit", 0), ("limit", 1.5),
        ("sample", 1.1), ("sample", True), ("budget", "x"), ("nested", "some"),
        ("sample_by", "luck"),
        ("report", "perhaps"), ("spans", 7), ("redact", "emial"), ("redact", [3]),
        ("redact_with", 3), ("redact_with", "no.such:thing"), ("flush_seconds", -1),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_named_and_nothing_changes(name: str, value: object) -> None:
    before = settings.current()
    with pytest.raises(ConfigError, match=rf"^configure\({name}=…\): "):
        configure(**{"timeout": 3, name: value})  # type: ignore[arg-type]
    assert settings.current() == before


@pytest.mark.parametrize(
    ("value", "off"),
    [
        ("1", True),
        ("true", True),
        ("Yes", True),
        ("perhaps", True),
        ("0", False),
        ("", False),
        ("off", False),
    ],
)
def test_the_off_switch(value: str, off: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILGEN_DISABLED", value)
    assert settings.is_disabled() is off
