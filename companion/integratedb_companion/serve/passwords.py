"""Passwords: Argon2id in threads, few at once, and as much work for a user who does not exist."""

from __future__ import annotations

import asyncio
import os

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

#: What OWASP's Password Storage Cheat Sheet asks of Argon2id: 19 MiB and a few hundredths of a second for each.
MEMORY_KIB, PASSES, LANES = 19 << 10, 2, 1
AT_ONCE = max(2, min(os.cpu_count() or 2, 8))


class Passwords:
    """Hashes and checks."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES)
        self._at_once = asyncio.Semaphore(AT_ONCE)
        self._nobody = self._hasher.hash(os.urandom(16))

    async def hash(self, password: str) -> str:
        """Give the hash to be stored."""
        async with self._at_once:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def matches(self, password: str, stored: str | None) -> bool:
        """Whether the password is that of the hash; with None it takes as long, and is not."""
        async with self._at_once:
            is_right = await asyncio.to_thread(self._verify, stored or self._nobody, password)
        return is_right and stored is not None

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
