"""Checks the credentials of a WebSocket client by logging in to Postgres with them, at a bounded rate."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
from collections import OrderedDict

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

LOGINS_AT_ONCE = 4
FAILURES_ALLOWED = 5
FORGET_AFTER_S = 60.0
REMEMBERED = 10_000
CONNECT_TIMEOUT_S = 5


class TooManyFailuresError(Exception):
    """So many logins of this kind failed lately that no more are tried."""


class PasswordNotAskedError(Exception):
    """Postgres let the login in without looking at the password, so it proves nothing."""


def parse_basic(header: str | None) -> tuple[str, str] | None:
    """Read an Authorization header; None when it holds no HTTP Basic credentials."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    return (user, password) if colon and user and "\0" not in user + password else None


class Logins:
    """Tries logins, remembering the failed ones."""

    def __init__(self, dsn: str) -> None:
        kept = ("host", "hostaddr", "port", "dbname", "sslmode", "sslrootcert")
        self._place = {key: str(value) for key, value in conninfo_to_dict(dsn).items() if key in kept}
        self._at_once = asyncio.Semaphore(LOGINS_AT_ONCE)
        self._failures: OrderedDict[tuple[str, str], list[float]] = OrderedDict()

    async def check(self, address: str, user: str, password: str) -> bool:
        """Whether Postgres takes the credentials."""
        now_s = time.monotonic()
        # Counted for the client alone too, so that trying many names does not help.
        subjects = ((address, user), (address, ""))
        for subject, allowed in zip(subjects, (FAILURES_ALLOWED, 4 * FAILURES_ALLOWED), strict=True):
            recent = [at for at in self._failures.get(subject, ()) if at > now_s - FORGET_AFTER_S]
            if len(recent) >= allowed:
                raise TooManyFailuresError
        async with self._at_once:
            if await self._log_in(user, password):
                self._failures.pop(subjects[0], None)
                return True
        for subject in subjects:
            recent = self._failures.setdefault(subject, [])
            recent.append(now_s)
            del recent[: -4 * FAILURES_ALLOWED]
            self._failures.move_to_end(subject)
        while len(self._failures) > REMEMBERED:
            self._failures.popitem(last=False)
        return False

    async def _log_in(self, user: str, password: str) -> bool:
        target = make_conninfo(
            **self._place, user=user, password=password, connect_timeout=CONNECT_TIMEOUT_S, passfile="/dev/null"
        )
        try:
            connection = await psycopg.AsyncConnection.connect(target)
        except psycopg.OperationalError:
            return False
        try:
            if not connection.pgconn.used_password:
                raise PasswordNotAskedError
        finally:
            await connection.close()
        return True
