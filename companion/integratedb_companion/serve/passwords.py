"""Hashes and checks passwords with Argon2id in threads, few at once; unknown users take the same time."""

from __future__ import annotations

import asyncio
import os

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: Argon2id's parameters in OWASP's Password Storage Cheat Sheet: 19 MiB and a few hundredths of a second for each.
MEMORY_KIB, PASSES, LANES = 19 << 10, 2, 1
AT_ONCE = max(2, min(os.cpu_count() or 2, 8))


class Passwords:
    """Hashes and checks passwords."""

    def __init__(self) -> None:
        self._hasher = _hasher()
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._nobody = self._hasher.hash(os.urandom(16))

    async def hash(self, password: str) -> str:
        """Return the hash to store."""
        async with self._at_once:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether the password has this hash; None takes as long, and never matches."""
        async with self._at_once:
            is_right = await asyncio.to_thread(self._verify, stored or self._nobody, password)
        return is_right and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def hashed(password: str) -> str:
    """Return the hash to store, at once: for the user that `integratedb start` creates."""
    return _hasher().hash(password)


def _hasher() -> PasswordHasher:
    return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
