"""`distilgen files` through the real client, against a host that keeps state."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

import pytest
from fine_tuning_server import ANY, FineTuningServer, busy
from openai_server import Response, error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Cli, Ran

    Run = Callable[..., Ran]

ROWS = '{"messages":[]}\n' * 10


@pytest.fixture
def files(
    distilgen: Cli, host: FineTuningServer, slept: list[float], monkeypatch: pytest.MonkeyPatch
) -> Run:
    """Runs `distilgen files` on the host, in a project with a file of rows."""
    del slept
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    distilgen.write({"train.jsonl": ROWS})

    def run(*arguments: str) -> Ran:
        return distilgen("files", *arguments, "--base-url", host.base_url)

    return run


def names(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines()[2:] if line]


def added(host: FineTuningServer, content: bytes = b"x", name: str = "rows.jsonl") -> str:
    return str(host.add_file(content, name).body["id"])


def test_list(files: Run, host: FineTuningServer) -> None:
    assert (files("list").out, files("list").err) == ("", "no files\n")
    host.page = 2
    ids = [added(host, b"x" * 1500, f"{number}.jsonl") for number in range(4)]
    host.add_file(b"step\n", "s\x1b[2J.csv", purpose="fine-tune-results", expires_after=7200)
    ran = files("list")
    assert names(ran.out) == ["file-5", *ids[::-1]]
    assert ran.out.splitlines()[2].split("   ")[-1] == "s\\x1b[2J.csv"
    assert "2026-11-22 02:00" in ran.out
    assert "1.5 kB" in ran.out
    assert names(files("list", "--purpose", "fine-tune").out) == ids[::-1]
    ran = files("list", "--limit", "3")
    assert (len(names(ran.out)), ran.err) == (
        3, "the first 3; there are more: --limit N, or --all\n",
    )  # fmt: skip
    assert files("list", "--limit", "5").err == files("list", "--all").err == ""
    said = json.loads(files("list", "--json", "--limit", "1").out)
    assert (said["data"], said["has_more"]) == ([host.files["file-5"].body], True)


def test_upload_sends_training_files_once(
    distilgen: Cli, files: Run, host: FineTuningServer
) -> None:
    ran = files("upload", "train.jsonl")
    assert (ran.code, ran.out) == (0, "file file-1 is processed\n")
    assert json.loads(files("upload", "train.jsonl", "--json").out) == host.files["file-1"].body
    assert host.made["file"] == 1
    assert host.files["file-1"].content == ROWS.encode()
    assert "\n*\n" in distilgen.read(".distilgen/.gitignore")
    distilgen.write({"train.jsonl": ROWS + ROWS})
    assert files("upload", "train.jsonl").out == "file file-2 is processed\n"
    assert files("delete", "file-2", "--yes").code == 0
    assert files("upload", "train.jsonl").out == "file file-3 is processed\n"


def test_upload_for_something_else(distilgen: Cli, files: Run, host: FineTuningServer) -> None:
    distilgen.write({"page.txt": "é"})
    ran = files("upload", "page.txt", "--purpose", "user_data")
    assert ran.code == 0, ran.err
    body = host.files["file-1"].body
    assert (body["filename"], body["purpose"], body["bytes"]) == ("page.txt", "user_data", 2)
    assert files("upload", "nowhere.jsonl").code == 2
    distilgen.write({"empty.jsonl": ""})
    ran = files("upload", "empty.jsonl")
    assert (ran.code, "is empty" in ran.err) == (123, True)


def test_upload_waits_for_the_host_to_look_at_it(
    files: Run, host: FineTuningServer, slept: list[float]
) -> None:
    host.file_life = ("uploaded", "looking", "looking", "processed")
    host.drop("files.retrieve", nth=2)
    ran = files("upload", "train.jsonl", "--follow", "--poll", "7")
    assert (ran.code, ran.out) == (0, "file file-1 is processed\n")
    assert ran.err.count("file file-1 is looking\n") == 1
    assert "cannot be reached" in ran.err
    assert slept.count(7) == 2


def test_status(files: Run, host: FineTuningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    host.file_life = ("uploaded", "uploaded", "uploaded", "error")
    file = added(host, b"x" * 2048)
    page = files("status", file).out.splitlines()
    assert page == [
        "file     file-1", "name     rows.jsonl", "purpose  fine-tune", "size     2,048 bytes",
        "state    uploaded", "created  2026-11-22 00:00 UTC",
    ]  # fmt: skip
    assert json.loads(files("status", file, "--json").out) == host.files[file].body
    ran = files("status", file, "--follow")
    assert (ran.code, ran.out) == (123, "")
    assert ran.err == "distilgen: file file-1 is error: Line 3 is no JSON object.\n"
    assert files("status", file).code == 0

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    ran = files("status", added(host), "--follow")
    assert ran.code == 130
    assert "come back with: distilgen files status file-2 --follow --base-url http" in ran.err


def test_a_host_that_says_little(files: Run, host: FineTuningServer) -> None:
    odd = {"id": "f", "bytes": None, "created_at": "now", "status": None, "secret": [1]}
    host.fail("files.retrieve", Response(body=odd), times=9)
    host.fail("files.list", Response(body={"data": [odd, {"id": "g"}]}), times=9)
    assert files("status", "f").out == "file     f\ncreated  now\nsecret   [1]\n"
    assert json.loads(files("status", "f", "--follow", "--json").out) == odd
    assert names(files("list", "--all").out) == ["f", "g"]
    assert files("list", "--purpose", "batch").err == "no files\n"


def test_download(distilgen: Cli, files: Run, host: FineTuningServer) -> None:
    content = bytes(range(256)) * 1000
    file = added(host, content)
    ran = files("download", file, "-o", "copy.bin")
    assert (ran.code, ran.out, ran.err) == (0, "", "256 kB in copy.bin\n")
    assert (distilgen.folder / "copy.bin").read_bytes() == content
    ran = files("download", file, "-o", "copy.bin")
    assert (ran.code, "say --force to replace it" in ran.err) == (2, True)
    said = json.loads(files("download", file, "-o", "copy.bin", "--force", "--json").out)
    assert said == {"id": file, "output": "copy.bin", "bytes": len(content)}
    ran = files("download", file, "-o", "no/where.bin")
    assert (ran.code, "there is no folder" in ran.err) == (2, True)
    assert files("download", file, "-o", "-", "--json").code == 2
    text = added(host, "é\n".encode())
    ran = files("download", text, "-o", "-")
    assert (ran.code, ran.out, ran.err) == (0, "é\n", "")


def test_a_download_that_breaks_off_leaves_nothing(
    distilgen: Cli, files: Run, host: FineTuningServer
) -> None:
    before = distilgen.snapshot()
    file = added(host, b"x" * 1000)
    short = Response(body=b"x" * 500, headers={"Content-Length": "1000", "Connection": "close"})
    host.fail("files.content", short)
    ran = files("download", file, "-o", "copy.bin")
    assert ran.code == 123
    assert "broke off" in ran.err
    ran = files("download", "nobody", "-o", "copy.bin")
    assert (ran.code, "No such File object: nobody" in ran.err) == (123, True)
    assert distilgen.snapshot() == before
    host.fail("files.content", busy(2))
    assert files("download", file, "-o", "copy.bin").code == 0


def test_delete(files: Run, host: FineTuningServer) -> None:
    first, second, third = (added(host) for _ in range(3))
    ran = files("delete", first)
    assert ran.code == 2
    assert "nobody to ask here; say --yes to delete" in ran.err
    ran = files("delete", first, "nobody", second, first, "--yes")
    assert (ran.code, ran.out) == (123, f"file {first} is deleted\nfile {second} is deleted\n")
    assert "delete file nobody: " in ran.err
    assert list(host.files) == [third]
    host.drop("files.delete", done=True)
    said = json.loads(files("delete", third, "--yes", "--json").out)["data"]
    assert [(item["id"], item["deleted"]) for item in said] == [(third, True)]
    assert host.files == {}


def test_delete_asks_on_a_terminal(
    files: Run, host: FineTuningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = added(host)
    answers = iter(["n", "y"])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: next(answers))
    assert files("delete", file).code == 130
    assert list(host.files) == [file]
    ran = files("delete", file)
    assert (ran.code, "rows.jsonl" in ran.out) == (0, True)
    assert host.files == {}


@pytest.mark.parametrize(
    "command", [("status",), ("download", "-o", "x"), ("delete", "--yes"), ("list",)]
)
def test_what_is_wrong_is_said(
    distilgen: Cli, files: Run, host: FineTuningServer, command: tuple[str, ...]
) -> None:
    name, *more = command
    given = [] if name == "list" else ["nobody"]
    if given:
        ran = files(name, *given, *more)
        assert (ran.code, "answered 404" in ran.err) == (123, True)
        for wrong in ("", "..", "a/b"):
            assert files(name, wrong, *more).code == 2
    host.key = "another"
    ran = files(name, *given, *more)
    assert (ran.code, "answered 401" in ran.err) == (123, True)
    host.drop(ANY, times=1000)
    ran = files(name, *given, *more)
    assert (ran.code, "cannot be reached" in ran.err) == (123, True)
    host.heal()
    host.fail(ANY, error(500, "broken", None), times=1000)
    assert files(name, *given, *more).code == 123
    host.heal()
    if name != "download":
        host.fail(ANY, Response(body=b"<html>"), times=1000)
        ran = files(name, *given, *more)
        assert (ran.code, "Traceback" in ran.err) == (123, False)
    ran = distilgen("files", name, *given, *more, "--provider", "nobody")
    assert (ran.code, "no [tool.distilgen.providers.nobody]" in ran.err) == (2, True)


def test_no_key(distilgen: Cli, tmp_path: Path) -> None:
    assert distilgen("files", "--help").code == 0
    ran = distilgen("files", "list")
    assert (ran.code, "no API key: set OPENAI_API_KEY" in ran.err) == (123, True)
    assert not (tmp_path / ".distilgen").exists()
