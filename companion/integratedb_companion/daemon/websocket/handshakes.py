"""Keeps track of connections that have not finished their handshake, and makes room when there are too many."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

C = TypeVar("C", bound=Hashable)


class Handshakes(Generic[C]):
    """At most so many connections; the oldest of the address that has the most makes room for a new one.

    So nobody keeps others out by connections that say nothing: neither from one address, nor from many, where a client that
    speaks at once has finished before its turn to make room comes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._address_of: dict[C, str] = {}
        self._of_address: dict[str, dict[C, None]] = {}

    def __len__(self) -> int:
        return len(self._address_of)

    def begin(self, connection: C, address: str) -> C | None:
        """Take note of a new connection; returns the one that has to go, already forgotten here."""
        leaving = None
        if len(self._address_of) >= self._limit:
            most = max(self._of_address.values(), key=len)
            leaving = next(iter(most))
            self.end(leaving)
        self._address_of[connection] = address
        self._of_address.setdefault(address, {})[connection] = None
        return leaving

    def end(self, connection: C) -> None:
        """Forget a connection: its handshake is over, or it is gone."""
        address = self._address_of.pop(connection, None)
        if address is not None:
            held = self._of_address[address]
            del held[connection]
            if not held:
                del self._of_address[address]
