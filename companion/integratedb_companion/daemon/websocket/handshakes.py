"""Tracks connections that have not finished their handshake, and closes some when there are too many."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

C = TypeVar("C", bound=Hashable)


class Handshakes(Generic[C]):
    """Holds a limited number of connections; the oldest one of the address with the most makes room for a new one.

    So idle connections keep no other client out, whether they come from one address or from many. A client that speaks
    at once has finished before its turn to make room comes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._address_of: dict[C, str] = {}
        self._of_address: dict[str, dict[C, None]] = {}

    def __len__(self) -> int:
        return len(self._address_of)

    def begin(self, connection: C, address: str) -> C | None:
        """Record a new connection; returns the connection to close, which is already forgotten here."""
        leaving = None
        if len(self._address_of) >= self._limit:
            most = max(self._of_address.values(), key=len)
            leaving = next(iter(most))
            self.end(leaving)
        self._address_of[connection] = address
        self._of_address.setdefault(address, {})[connection] = None
        return leaving

    def end(self, connection: C) -> None:
        """Forget a connection whose handshake is finished, or that is closed."""
        address = self._address_of.pop(connection, None)
        if address is not None:
            held = self._of_address[address]
            del held[connection]
            if not held:
                del self._of_address[address]
