"""Checks the credentials of a client by logging in to Postgres, at a limited rate.

An attempt is counted before it is made, so that concurrent attempts count too. The answer and the time until it are the
same in three cases: the password is wrong, the role cannot log in with a password, the role does not exist.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import math
import secrets
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import LiteralString

import psycopg
from psycopg.conninfo import make_conninfo

from integratedb_companion.common.logs import fault
from integratedb_companion.common.networks import network_of

from .own_server import Parameters

log = logging.getLogger(__name__)

LOGINS_AT_ONCE = 4
#: So that a name whose logins take long leaves some for the others.
LOGINS_OF_NAME_AT_ONCE = 2
#: Failures in FORGET_AFTER_S: of one name from one address, of one address, of one name from all addresses.
FAILURES_ALLOWED = 5
FAILURES_OF_ADDRESS = 20
FAILURES_OF_NAME = 100
FORGET_AFTER_S = 60.0
REMEMBERED = 10_000
CONNECT_TIMEOUT_S = 5
#: A refusal is sent after a multiple of this time, so that it does not show how long Postgres took.
REFUSED_AFTER_S = 0.5
#: Postgres truncates longer names.
NAME_BYTES = 63
#: A role may set these for its own sessions. The first query of a session that is serializable, read-only and
#: deferrable waits for other serializable transactions, and the role may keep one open.
OPTIONS = "-c default_transaction_deferrable=off -c default_transaction_isolation=read\\ committed -c jit=off"

Subject = tuple[str, str]

#: The oid of the session's role, since another role may have got its name since the login. Every name is qualified,
#: because the session has the settings of the role.
ROLE: LiteralString = """
SELECT a.usesysid
  FROM pg_catalog.pg_stat_activity AS a
 WHERE a.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()
"""


class NoServerError(Exception):
    """The daemon is not connected to a server that could check a password."""


class TooManyFailuresError(Exception):
    """Too many logins of this kind have failed recently, so no further one is tried."""


def parse_basic(header: str | None) -> tuple[str, str] | None:
    """Parse an Authorization header; None when it holds no HTTP Basic credentials."""
    scheme, _, encoded = (header or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon and user and "\0" not in user + password else None


class Logins:
    """Tries logins, and counts those that failed and those under way."""

    def __init__(self, server: Callable[[], Parameters | None], role_of: Callable[[str], int | None]) -> None:
        """`server` returns the parameters of the daemon's server; None while the daemon is not connected.

        `role_of` returns the only role that may log in by a name; None where no role may.
        """
        self._server = server
        self._role_of = role_of
        self._concurrent_logins = asyncio.Semaphore(LOGINS_AT_ONCE)
        #: For each name that logs in now: how many attempts there are, and which of them may be tried.
        self._names: dict[str, tuple[int, asyncio.Semaphore]] = {}
        #: The times of failed attempts, and the number of attempts under way.
        self._failures: OrderedDict[Subject, list[float]] = OrderedDict()
        self._pending: Counter[Subject] = Counter()
        self._attempt_ended = asyncio.Condition()
        #: The role that logged in by a name from an address: guesses from elsewhere do not lock it out.
        self._last_role: OrderedDict[Subject, int] = OrderedDict()

    async def check(self, address: str, user: str, password: str) -> int | None:
        """Return the role that these credentials log in as; None if Postgres refuses them, or admits another role."""
        if self._server() is None:
            raise NoServerError
        started_s = time.monotonic()
        limits = self._limits(network_of(address), user)
        await self._begin(limits)
        admitted = None
        try:
            async with self._turn(_cut(user)):
                wanted = self._role_of(user)
                # A role that may not log in here is tried with a random password: as slow, but nothing can be learnt.
                role = await self._log_in(user, secrets.token_urlsafe() if wanted is None else password)
                # Another role may have got the name, before the stream reported the change.
                admitted = role if role == wanted else None
        finally:  # also when the client disconnects, because the guess has been made
            self._end(limits, admitted)
            async with self._attempt_ended:
                self._attempt_ended.notify_all()
        if admitted is None:
            waited_s = time.monotonic() - started_s
            await asyncio.sleep(math.ceil(waited_s / REFUSED_AFTER_S) * REFUSED_AFTER_S - waited_s)
        return admitted

    @asynccontextmanager
    async def _turn(self, name: str) -> AsyncIterator[None]:
        """Wait until one more login is possible, by this name and in total."""
        attempts, of_name = self._names.get(name, (0, asyncio.Semaphore(LOGINS_OF_NAME_AT_ONCE)))
        self._names[name] = attempts + 1, of_name
        try:
            async with of_name, self._concurrent_logins:
                yield
        finally:
            attempts, _ = self._names.pop(name)
            if attempts > 1:
                self._names[name] = attempts - 1, of_name

    async def _begin(self, limits: dict[Subject, int]) -> None:
        """Count an attempt; an attempt that may exceed a limit waits for those under way."""
        async with self._attempt_ended:
            while True:
                now_s = time.monotonic()
                failed = {subject: len(self._recent(subject, now_s)) for subject in limits}
                if any(failed[subject] >= allowed for subject, allowed in limits.items()):
                    raise TooManyFailuresError
                if all(failed[subject] + self._pending[subject] < allowed for subject, allowed in limits.items()):
                    break
                await self._attempt_ended.wait()
            self._pending.update(limits.keys())

    def _end(self, limits: dict[Subject, int], admitted: int | None) -> None:
        now_s = time.monotonic()
        for subject, allowed in limits.items():
            self._pending[subject] -= 1
            if not self._pending[subject]:
                del self._pending[subject]
            if admitted is None:
                self._failures[subject] = [*self._recent(subject, now_s), now_s][-allowed:]
                self._failures.move_to_end(subject)
        if admitted is not None:
            own = next(iter(limits))
            self._failures.pop(own, None)
            self._last_role[own] = admitted
            self._last_role.move_to_end(own)
        for remembered in (self._failures, self._last_role):
            while len(remembered) > REMEMBERED:
                remembered.popitem(last=False)

    def _limits(self, network: str, user: str) -> dict[Subject, int]:
        """Return the subjects that an attempt counts for, and how many failures each may have."""
        name = _cut(user)
        limits = {(network, name): FAILURES_ALLOWED, (network, ""): FAILURES_OF_ADDRESS}
        known = self._last_role.get((network, name))
        if known is None or known != self._role_of(user):
            limits["", name] = FAILURES_OF_NAME
        return limits

    def _recent(self, subject: Subject, now_s: float) -> list[float]:
        return [at for at in self._failures.get(subject, ()) if at > now_s - FORGET_AFTER_S]

    async def _log_in(self, user: str, password: str) -> int | None:
        server = self._server()
        if server is None:  # the connection was lost while this login waited
            return None
        try:
            target = make_conninfo(
                "",
                **{**server, "options": OPTIONS},
                user=user,
                password=password,
                connect_timeout=CONNECT_TIMEOUT_S,
            )
            connection = await psycopg.AsyncConnection.connect(target, autocommit=True)
        except (psycopg.Error, ValueError):
            return None
        try:
            if connection.pgconn.used_password:
                async with asyncio.timeout(CONNECT_TIMEOUT_S):
                    row = await (await connection.execute(ROLE)).fetchone()
                return None if row is None else int(row[0])
            log.error("pg_hba.conf lets logins in without a password: refused", extra={"stakeholder": user})
            return None
        except (psycopg.Error, TimeoutError) as problem:
            log.warning("login not looked at", extra=fault(problem))
            return None
        finally:
            try:
                await connection.close()
            except psycopg.Error as problem:
                log.warning("login not closed", extra=fault(problem))


def _cut(user: str) -> str:
    """Return the name as Postgres cuts it."""
    return user.encode()[:NAME_BYTES].decode(errors="replace")
