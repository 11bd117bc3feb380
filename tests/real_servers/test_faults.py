"""What goes wrong with a real server becomes an error of ours, in time, and passes."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from real_server import KEY, TOKENS
from return_types import RETURNS, SLOW, contract_for, is_of

from distilgen.errors import DispatchError, MissingCredentialsError, ModelUnavailableError
from distilgen.runtime import configure

if TYPE_CHECKING:
    from real_server import RealServer

AT_ONCE = ("list", "union", "int", "literal") * 2
"""Without free text, so that every answer is valid, where a server keeps to the schema."""


def test_unknown_model(server: RealServer) -> None:
    contract = contract_for(RETURNS["union"], **server.student | {"model": "ft:none"})
    try:
        got = contract.dispatch(RETURNS["union"], number=1)
    except ModelUnavailableError:
        return
    assert is_of(RETURNS["union"], got)  # a server of one model need not look at the name


def test_wrong_path(server: RealServer) -> None:
    contract = contract_for(
        RETURNS["flat"], **server.student | {"base_url": f"{server.base_url}/nowhere"}
    )
    with pytest.raises(ModelUnavailableError, match="--base-url"):
        contract.dispatch(RETURNS["flat"], number=1)


def test_wrong_key(server: RealServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}-not")
    contract = contract_for(RETURNS["flat"], **server.student)
    with pytest.raises(MissingCredentialsError, match="OPENAI_API_KEY"):
        contract.dispatch(RETURNS["flat"], number=1)


def test_prompt_beyond_the_context(server: RealServer) -> None:
    contract = contract_for(
        RETURNS["flat"],
        **server.student,
        system_prompt="Predict. " * TOKENS,
    )
    with pytest.raises(DispatchError, match="context"):
        contract.dispatch(RETURNS["flat"], number=1)


def test_time_limit(server: RealServer) -> None:
    configure(timeout=0.05)
    contract = contract_for(SLOW, **server.student)
    began = time.monotonic()
    with pytest.raises(DispatchError, match=r"0\.05 seconds"):
        contract.dispatch(SLOW, number=1)
    assert time.monotonic() - began < 10


def test_time_limit_async(server: RealServer) -> None:
    configure(timeout=0.05)
    contract = contract_for(SLOW, **server.student)
    began = time.monotonic()
    with pytest.raises(DispatchError, match=r"0\.05 seconds"):
        asyncio.run(contract.adispatch(SLOW, number=1))
    assert time.monotonic() - began < 10


def test_killed_and_back(own_server: RealServer) -> None:
    contract = contract_for(SLOW, **own_server.student)
    killer = threading.Timer(0.15, own_server.kill)
    killer.start()
    with pytest.raises(DispatchError):
        contract.dispatch(SLOW, number=1)
    killer.join()
    with pytest.raises(DispatchError, match="cannot reach"):
        contract.dispatch(SLOW, number=1)
    own_server.start()
    contract = contract_for(RETURNS["union"], **own_server.student)
    assert is_of(RETURNS["union"], contract.dispatch(RETURNS["union"], number=1))


def test_killed_async(own_server: RealServer) -> None:
    contract = contract_for(SLOW, **own_server.student)

    async def ask() -> Any:
        asyncio.get_running_loop().call_later(0.15, own_server.kill)
        return await contract.adispatch(SLOW, number=1)

    with pytest.raises(DispatchError):
        asyncio.run(ask())


def test_threads_at_once(server: RealServer) -> None:
    def ask(name: str) -> Any:
        contract = contract_for(RETURNS[name], **server.student)
        return contract.dispatch(RETURNS[name], number=1)

    with ThreadPoolExecutor(len(AT_ONCE)) as threads:
        for name, got in zip(AT_ONCE, threads.map(ask, AT_ONCE), strict=True):
            assert is_of(RETURNS[name], got)


def test_tasks_at_once(server: RealServer) -> None:
    async def ask(name: str) -> Any:
        contract = contract_for(RETURNS[name], **server.student)
        return await contract.adispatch(RETURNS[name], number=1)

    async def ask_all() -> list[Any]:
        return await asyncio.gather(*map(ask, AT_ONCE))

    for name, got in zip(AT_ONCE, asyncio.run(ask_all()), strict=True):
        assert is_of(RETURNS[name], got)
