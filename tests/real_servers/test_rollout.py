"""A function whose body is kept always returns a value of its type: the student's or its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
from real_server import MODEL
from return_types import Meeting, Order, Parcel, Quote, contract_for, is_of

from distilgen.contract import ANSWERS
from distilgen.records.files import read
from distilgen.records.record import Record
from distilgen.runtime import configure

if TYPE_CHECKING:
    from pathlib import Path

    from real_server import RealServer

CALLS = 8
OWN = Parcel(sku="own", count=-1, express=True)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "records"
    configure(records=path, timeout=60, retries=0)
    return path


def sources(folder: Path) -> list[str]:
    return [record.source for record in read(folder) if isinstance(record, Record)]


@pytest.mark.parametrize("answers", ANSWERS)
def test_fallback(server: RealServer, answers: str, folder: Path) -> None:
    contract = contract_for(Quote, **server.student | {"answers": answers})

    @contract.fallback
    def compose(number: int) -> Quote:
        return Quote(kind="quote", cents=number)

    got = [compose(number) for number in range(CALLS)]
    assert all(is_of(Quote, value) for value in got)
    told = sources(folder)
    assert len(told) >= CALLS
    assert (MODEL in told) == (answers in server.kind.forms)


def test_fallback_async(server: RealServer, folder: Path) -> None:
    contract = contract_for(Order, **server.student)

    @contract.fallback
    async def compose(number: int) -> Order:
        await asyncio.sleep(0)
        return Order.model_validate(
            {"mood": "glad", "parcels": [OWN], "note": None, "weight": number}
        )

    async def ask() -> list[Any]:
        return await asyncio.gather(*map(compose, range(CALLS)))

    assert all(is_of(Order, value) for value in asyncio.run(ask()))
    assert len(sources(folder)) >= CALLS


@pytest.mark.parametrize("mode", ["shadow", "canary", "fallback"])
def test_student_that_is_often_wrong(server: RealServer, mode: str, folder: Path) -> None:
    contract = contract_for(Meeting, **server.student, share=0.5)
    own = Meeting.model_validate({"day": "2026-11-03", "who": "own"})

    def compose(number: int) -> Meeting:
        return own.model_copy(update={"who": str(number)})

    decorated = getattr(contract, mode)(compose)
    for number in range(CALLS):
        got = decorated(number)
        assert is_of(Meeting, got)
        assert mode != "shadow" or got == compose(number)
    assert len(sources(folder)) >= CALLS


def test_server_that_goes(own_server: RealServer, folder: Path) -> None:
    contract = contract_for(Parcel, **own_server.student)

    @contract.fallback
    def compose(number: int) -> Parcel:
        return OWN.model_copy(update={"count": -number})

    assert is_of(Parcel, compose(1))
    own_server.kill()
    assert [compose(number).count for number in range(2, 6)] == [-2, -3, -4, -5]
    assert len(sources(folder)) >= 5
