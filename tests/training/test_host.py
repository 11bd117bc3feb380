"""A host is asked patiently, and for nothing twice."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from fine_tuning_server import busy
from openai_server import error

from distilgen.errors import HostError

if TYPE_CHECKING:
    from fine_tuning_server import FineTuningServer

    from distilgen.training.host import Host
    from tests.training.conftest import Clock

AWAY = error(503, "away", None)


def test_asking_again(host: Host, server: FineTuningServer, clock: Clock) -> None:
    file = server.add_file(b"{}")
    server.fail("files.retrieve", busy(20))
    server.drop("files.retrieve", nth=1)
    found = host.ask("file", lambda: host.client.files.retrieve(file.body["id"]))
    assert found.id == file.body["id"]
    assert clock.slept[0] == 20


def test_whom_one_waits_for_is_said(host: Host, server: FineTuningServer) -> None:
    told: list[str] = []
    host = replace(host, told=told.append)
    file = server.add_file(b"{}")
    server.fail("files.retrieve", busy(20))
    server.drop("files.retrieve", nth=2)
    host.ask("file", lambda: host.client.files.retrieve(file.body["id"]))
    assert told == [
        f"{host.server} answered 429; trying again in 20 s",
        f"{host.server} cannot be reached; trying again in 2 s",
    ]


def test_asking_ends(host: Host, server: FineTuningServer, clock: Clock) -> None:
    server.fail("files.retrieve", AWAY, times=99)
    with pytest.raises(HostError, match="answered 503"):
        host.ask("file", lambda: host.client.files.retrieve("f"))
    assert clock.slept == [1, 2, 4, 8]
    server.heal()
    server.fail("files.retrieve", busy(3600))
    with pytest.raises(HostError, match="answered 429"):  # nobody waits an hour for a command
        host.ask("file", lambda: host.client.files.retrieve("f"))
    with pytest.raises(HostError, match="answered 404"):
        host.ask("file", lambda: host.client.files.retrieve("f"))
    assert clock.slept == [1, 2, 4, 8]


def test_outlasting(host: Host, server: FineTuningServer, clock: Clock) -> None:
    file = server.add_file(b"{}")
    server.fail("files.retrieve", AWAY, times=9)
    told: list[str] = []
    host.outlast("file", lambda: host.client.files.retrieve(file.body["id"]), told.append)
    assert clock.slept == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(told) == 2
    assert "answered 503: away" in told[0]
    assert told[1].endswith("is back")


def test_every_page(host: Host, server: FineTuningServer) -> None:
    server.page = 2
    names = [server.add_file(b"{}").body["id"] for _ in range(5)]
    found = [file.id for file in host.every("files", host.client.files.list)]
    assert found == names[::-1]
    assert server.kinds == ["files.list"] * 3


def test_a_host_without_cursors(host: Host) -> None:
    class Page:
        def __init__(self) -> None:
            self.data = [type("File", (), {"id": name}) for name in "ab"]

        def has_next_page(self) -> bool:
            return True

        def get_next_page(self) -> Page:
            return Page()

    assert [item.id for item in host.every("files", Page)] == ["a", "b"]
    nothing = type("Nothing", (), {"data": None, "has_next_page": lambda _: True})
    assert list(host.every("files", nothing)) == []
    with pytest.raises(HostError, match="not of OpenAI's API"):
        list(host.every("files", lambda: "<html>"))
    with pytest.raises(HostError, match="its list is a str"):
        list(host.every("files", lambda: type("Page", (), {"data": "text"})))


def test_made_once(host: Host, server: FineTuningServer) -> None:
    done: list[Any] = []

    def make() -> str:
        done.append(1)
        host.client.files.retrieve("f")
        return "made"

    server.fail("files.retrieve", AWAY)
    assert host.make("it", lambda: "found", make) == "found"
    assert len(done) == 1
    server.fail("files.retrieve", busy(1), times=99)
    with pytest.raises(HostError, match="answered 429"):
        host.make("it", lambda: pytest.fail("there is nothing to look for"), make)
    assert len(done) == 6
