"""Keeps the keys of the tokens that the service gives itself: those of the database, which all services share."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import psycopg

from integratedb_companion.common.logs import fault

from .keys import Key
from .pool import conninfo

log = logging.getLogger(__name__)

ALGORITHM: Final = "HS256"
#: A replaced key signs for a minute more, so all services know the new one before it signs.
REFRESH_EVERY_S: Final = 20.0
#: Until the database has answered once.
RETRY_EVERY_S: Final = 2.0
#: Tokens with invented names of keys are cheap to make.
REFRESH_AT_MOST_EVERY_S: Final = 1.0
#: The database refuses any other statement, because code in the path of requests may become the login, too.
KEYS: Final = "SELECT k.id, k.secret, k.signs FROM integratedb.api_keys() AS k"
#: No key is for this login: the role does not exist, the login is no member of it, or the function is missing.
NOT_FOR_US: Final = ("22023", "42501", "42883", "3F000")
_PREFIX: Final = "integratedb-"


class OwnKeys:
    """The keys, and the one that signs."""

    def __init__(self, dsn: str, fallback: bytes, replace: Callable[[Sequence[Key]], None]) -> None:
        """``fallback`` is a secret of this service's processes, where the database has none for it."""
        self._conninfo = conninfo(dsn)
        self._fallback = fallback
        self._replace = replace
        self._tried_at_s = float("-inf")
        self._under_way: asyncio.Task[bool] | None = None
        self.signing: Key | None = None
        #: The name and the secret of the key that signs, if the database has it.
        self.of_database: tuple[str, bytes] | None = None
        self._known: tuple[Key, ...] = ()

    async def keep(self) -> None:
        """Read the keys now and at intervals."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_EVERY_S if self.signing is not None else RETRY_EVERY_S)

    async def refresh(self) -> bool:
        """Read the keys, unless that was done a moment ago; return whether there are others than before."""
        if self._under_way is None:
            now_s = time.monotonic()
            if self.signing is not None and now_s < self._tried_at_s + REFRESH_AT_MOST_EVERY_S:
                return False
            self._tried_at_s = now_s
            self._under_way = asyncio.create_task(self._load())
            self._under_way.add_done_callback(self._ended)
        return await asyncio.shield(self._under_way)

    def _ended(self, _: asyncio.Task[bool]) -> None:
        self._under_way = None

    async def _load(self) -> bool:
        try:
            rows = await self._read()
        except psycopg.Error as problem:
            if problem.sqlstate not in NOT_FOR_US:
                log.error("the keys of tokens cannot be read; the known ones stay", extra=fault(problem))
                return False
            rows = []
        is_of_database = bool(rows)
        if not rows:
            if self.signing is None:
                log.info("the tokens of /oauth/token end with this process: its login is no integratedb_authenticator")
            rows = [(hashlib.sha256(b"kid" + self._fallback).hexdigest()[:16], self._fallback, True)]
        keys = tuple(Key((ALGORITHM,), bytes(secret), f"{_PREFIX}{name}", is_own=True) for name, secret, _ in rows)
        self.signing = next(key for key, row in zip(keys, rows, strict=True) if row[2])
        own = next((str(name), bytes(secret)) for name, secret, signs in rows if signs)
        self.of_database = own if is_of_database else None
        if set(keys) == set(self._known):
            return False
        self._known = keys
        self._replace(keys)
        return True

    async def _read(self) -> list[Any]:
        """Read the keys over a connection of their own, which no request has used."""
        async with await psycopg.AsyncConnection.connect(self._conninfo) as connection:
            await connection.execute("SET LOCAL ROLE integratedb_authenticator")
            return await (await connection.execute(KEYS)).fetchall()
