"""Which calls have been made: 16 bytes each, however long their arguments are."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from distilgen.records.record import REDACTED, Malformed, marker_in

if TYPE_CHECKING:
    from distilgen.contract import Contract
    from distilgen.records.record import Record
    from distilgen.records.store import Store

_WIDTH = 16
_EMPTY = bytes(_WIDTH)


class Digests:
    """A set of digests in one block of memory: up to 48 bytes each."""

    def __init__(self) -> None:
        self._count = 0
        self._places = 1 << 10
        self._table = bytearray(self._places * _WIDTH)

    def __len__(self) -> int:
        return self._count

    def add(self, digest: bytes) -> bool:
        """Put one in; False where it was there."""
        start = self._place(digest)
        if self._table[start : start + _WIDTH] == digest:
            return False
        self._table[start : start + _WIDTH] = digest
        self._count += 1
        if self._count * 3 > self._places * 2:
            self._grow()
        return True

    def __contains__(self, digest: bytes) -> bool:
        start = self._place(digest)
        return self._table[start : start + _WIDTH] == digest

    def _place(self, digest: bytes) -> int:
        """Where it is, or may be put."""
        number = int.from_bytes(digest[:8], "little")
        while True:
            start = number % self._places * _WIDTH
            if self._table[start : start + _WIDTH] in (digest, _EMPTY):
                return start
            number += 1

    def _grow(self) -> None:
        before, self._places, self._count = self._table, self._places * 2, 0
        self._table = bytearray(self._places * _WIDTH)
        for start in range(0, len(before), _WIDTH):
            digest = bytes(before[start : start + _WIDTH])
            if digest != _EMPTY:
                place = self._place(digest)
                self._table[place : place + _WIDTH] = digest
                self._count += 1


class Done:
    """The calls of one contract that have a result in the records, those that have none though they
    were made, and those that this run has met.

    counts: how many records there are of each arguments, where they are redacted, so that different
    calls look alike in them; else None.
    """

    def __init__(self, *, hides: bool = False) -> None:
        self._known = Digests()
        self._failed = Digests()
        self._met = Digests()
        self._counts: Counter[bytes] | None = Counter() if hides else None
        self.malformed = 0

    @classmethod
    def of(cls, store: Store, contract: Contract, *, hides: bool) -> Done:
        """Those that a store has of a contract. hides: something of them is redacted. Raises
        RecordError.
        """
        done = cls(hides=hides)
        for item in store.read():
            if isinstance(item, Malformed):
                done.malformed += 1
            elif not _is_of(item, contract):
                continue
            elif _counts_as_done(item):
                done.add(item.arguments)
            else:
                done._failed.add(_digest(item.arguments))
        return done

    def add(self, arguments: Any) -> None:
        """There is a record with these arguments."""
        digest = _digest(arguments)
        if self._counts is None:
            self._known.add(digest)
        else:
            self._counts[digest] += 1

    def has_failed(self, text: bytes) -> bool:
        """Is there a record of a call with these arguments that gave nothing?"""
        return len(self._failed) > 0 and _digest(json.loads(text)) in self._failed

    def meets(self, key: bytes) -> bool:
        """Is this the first call of the run with this key?"""
        return self._met.add(hashlib.blake2b(key, digest_size=_WIDTH).digest())

    def takes(self, text: bytes) -> bool:
        """Is there a record of a call with these arguments? Where records are redacted, each of
        them stands for one call.
        """
        digest = _digest(json.loads(text))
        if self._counts is None:
            return digest in self._known
        self._counts[digest] -= 1
        return self._counts[digest] >= 0


def _is_of(record: Record, contract: Contract) -> bool:
    """Is it of a contract, and of a teacher?"""
    return (
        record.function == contract.function
        and record.contract == contract.fingerprint
        and not record.by_student
    )


def _counts_as_done(record: Record) -> bool:
    """Does it hold what its call was made for? What was too large to be kept, does not."""
    return record.error is None and (
        record.usable or marker_in([record.arguments, record.result]) == REDACTED
    )


def _digest(arguments: Any) -> bytes:
    text = json.dumps(arguments, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=_WIDTH).digest()
