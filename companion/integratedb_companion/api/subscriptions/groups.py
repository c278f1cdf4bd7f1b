"""Reads changed rows again, once for all subscribers who would see the same.

Their role, claims, headers and document are alike.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import orjson

from integratedb.query.faces import url
from integratedb.query.faces.graphql.compiling import refusal
from integratedb.query.faces.graphql.documents import InvalidError
from integratedb.query.faces.graphql.following import Following, Key, compile_subscription
from integratedb.query.faces.graphql.variables import Variables
from integratedb.query.faces.url import errors
from integratedb.query.problems import ProblemError
from integratedb.query.statement import Options, Statement, Subjects, compile_query
from integratedb_companion.api import answers, estimates
from integratedb_companion.api.connection import DatabaseError, LostError, Query
from integratedb_companion.api.execution import (
    Executor,
    Plan,
    RefusedError,
    RequestError,
    Row,
    Slow,
    SurfaceUnstableError,
    Watch,
)
from integratedb_companion.api.graphql import GraphQL
from integratedb_companion.api.graphql_requests import Wanted
from integratedb_companion.api.messages import Head, Response
from integratedb_companion.api.parameters import encoded
from integratedb_companion.api.pool import BusyError, UnreachableError
from integratedb_companion.api.settings import Settings
from integratedb_companion.api.surfaces import Entry, RoleError
from integratedb_companion.api.tokens import Caller
from integratedb_companion.api.transaction import request_settings
from integratedb_companion.common.logs import fault

log = logging.getLogger(__name__)

#: Changed rows that wait to be read. Beyond them, subscribers are told that changes are missing.
MOST_WAITING: Final = 5_000
#: For so many rows a group knows whether it selects them, and all groups of a worker together.
MOST_KNOWN: Final = 10_000
MOST_KNOWN_IN_ALL: Final = 400_000
#: A group reads again after a rest, so changes that come close together are read together: the rest is longer with more
#: subscribers of the group, because each gets a message, and with more groups, because each has a statement.
REST_S: Final = 0.02
REST_OF_MEMBER_S: Final = 0.00025
REST_OF_GROUP_S: Final = 0.00075
LONGEST_REST_S: Final = 0.5
#: A statement that takes longer makes its group wait for others that do.
SLOW_S: Final = 0.25
FIRST_RETRY_S: Final = 0.25
LONGEST_RETRY_S: Final = 5.0
#: Errors that a later attempt may not have: serialization, deadlock, resources, a server that stops.
_PASSING: Final = ("40", "53", "57P", "58", "08")


class Member(Protocol):
    """A subscriber."""

    def deliver(self, payload: str) -> None:
        """Take the payload of a message ``next``."""

    def fail(self, errors: Sequence[dict[str, Any]], *, is_forbidden: bool) -> None:
        """End the subscription."""


class GroupError(Exception):
    """The subscription cannot begin, or ends."""

    def __init__(self, errors: Sequence[dict[str, Any]], *, is_forbidden: bool = False) -> None:
        super().__init__()
        self.errors = errors
        self.is_forbidden = is_forbidden


@dataclass(frozen=True, slots=True)
class Subject:
    """What subscriptions must have in common to be read together, all of which a policy or a document may look at."""

    caller: Caller
    head: Head
    raw_path: bytes
    wanted: Wanted

    @property
    def key(self) -> Hashable:
        """Return what is the same for all subscriptions of a group."""
        variables = orjson.dumps(self.wanted.variables, option=orjson.OPT_SORT_KEYS)
        settings = (self.caller.role, self.caller.settings, self.head.settings, self.raw_path)
        return (*settings, self.wanted.query, self.wanted.operation, variables)


@dataclass(frozen=True, slots=True, eq=False)
class _Made:
    """What the document is compiled to, for one surface."""

    entry: Entry
    following: Following
    statement: Statement
    holes: Sequence[Any]


@dataclass(slots=True)
class Shared:
    """What all groups of a worker share."""

    settings: Settings
    executor: Executor
    graphql: GraphQL
    fast: asyncio.Semaphore
    slow: asyncio.Semaphore
    groups: int = 0

    @property
    def most_known(self) -> int:
        """For how many rows a group may know whether it selects them."""
        return max(100, min(MOST_KNOWN, MOST_KNOWN_IN_ALL // max(1, self.groups)))


class Group:
    """Subscriptions that are alike."""

    def __init__(self, subject: Subject, shared: Shared, on_made: Callable[[Group], None]) -> None:
        """``on_made`` is called when the document was compiled for another surface."""
        self.key = subject.key
        self._subject = subject
        self._shared = shared
        self._on_made = on_made
        self._made: _Made | None = None
        self.members: dict[Member, None] = {}
        #: Whether changes are told; before, nobody has been promised any.
        self.is_live = False
        self.is_ended = False
        self._waiting: OrderedDict[Key, str] = OrderedDict()
        self._resync = False
        self._known: OrderedDict[Key, bool] = OrderedDict()
        self._reading: asyncio.Task[None] | None = None
        self._watch = Watch()
        self._cancelling: asyncio.Task[None] | None = None
        self._read_at_s = float("-inf")
        self._took_s = 0.0
        self._is_made_anew = False
        self._is_examined = shared.settings.max_cost is None

    @property
    def role(self) -> str:
        """The role of the subscribers."""
        return self._subject.caller.role

    @property
    def entry(self) -> Entry | None:
        """The surface that the document is compiled for."""
        return self._made.entry if self._made is not None else None

    @property
    def _rest_s(self) -> float:
        wanted_s = REST_OF_MEMBER_S * len(self.members) + REST_OF_GROUP_S * self._shared.groups
        return min(max(REST_S, wanted_s), LONGEST_REST_S)

    @property
    def table(self) -> tuple[int, int, tuple[str, ...]]:
        """The table, the role and the columns of the key, as the database knows them now."""
        assert self._made is not None
        entity = self._made.following.entity
        columns = tuple(_name(entity.relation.columns[name].sql) for name in entity.key)
        return entity.relation.oid, self._made.entry.role.oid, columns

    async def check(self) -> None:
        """Compile the document for the present surface, and let Postgres judge the statement. Error: GroupError."""
        await self._read([])

    def changed(self, kind: str, key: Key | None) -> None:
        """Take a change; without a key, nobody can say which rows changed."""
        if key is None or len(self._waiting) >= MOST_WAITING:
            self.resync()
            return
        before = self._waiting.pop(key, None)
        # A row that was new a moment ago is still one that nobody knows.
        self._waiting[key] = "I" if before == "I" and kind == "U" else kind
        self._begin()

    def resync(self) -> None:
        """Tell subscribers that changes may be missing."""
        self._waiting.clear()
        self._known.clear()
        self._resync = True
        self._begin()

    def look(self) -> None:
        """Look whether the surface has changed: the table may be another one now."""
        if self._made is not None and not self._waiting:
            self._waiting[()] = "S"
            self._begin()

    def end(self) -> None:
        """Read nothing any more."""
        self.is_ended = True
        if self._watch.connection is not None:
            # Otherwise Postgres would not stop.
            self._cancelling = asyncio.create_task(self._watch.cancel())
        elif self._reading is not None:
            self._reading.cancel()

    def _begin(self) -> None:
        if self.is_live and not self.is_ended and self._reading is None:
            self._reading = asyncio.create_task(self._run())
            self._reading.add_done_callback(self._done)

    def go_live(self) -> None:
        """Tell changes from now on."""
        self.is_live = True
        if self._waiting or self._resync:
            self._begin()

    def _done(self, task: asyncio.Task[None]) -> None:
        self._reading = None
        if task.cancelled():
            return
        problem = task.exception()
        if problem is not None:
            log.error("subscription failed", extra=fault(problem))
            self.fail([{"message": "Something went wrong in the service.", "extensions": {"code": "PGRSTX00"}}])
        elif self._waiting or self._resync:
            self._begin()

    def fail(self, errors: Sequence[dict[str, Any]], *, is_forbidden: bool = False) -> None:
        """End all subscriptions with an error."""
        self.is_ended = True
        for member in [*self.members]:
            member.fail(errors, is_forbidden=is_forbidden)

    async def _run(self) -> None:
        """Read what waits, until nothing waits."""
        pause_s = FIRST_RETRY_S
        while (self._waiting or self._resync) and not self.is_ended:
            rest_s = self._read_at_s + self._rest_s - time.monotonic()
            if rest_s > 0:
                await asyncio.sleep(rest_s)
                continue
            taken = self._take()
            resync, self._resync = self._resync, False
            try:
                nodes = await self._read([key for key in taken if key])
            except GroupError as ended:
                self.fail(ended.errors, is_forbidden=ended.is_forbidden)
                return
            except _RetryError:
                self._put_back(taken, resync=resync)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, LONGEST_RETRY_S)
                continue
            pause_s = FIRST_RETRY_S
            assert self._made is not None
            strange = [key for key in taken if key and not self._made.following.fits(key)]
            if strange:
                # The key had other types when these rows changed.
                taken = {key: kind for key, kind in taken.items() if key not in strange}
                resync = True
            if self._is_made_anew:
                # Policies may be others, and the table another one.
                self._is_made_anew = False
                self._on_made(self)
                resync = True
            self._deliver(taken, nodes, resync=resync)

    def _take(self) -> dict[Key, str]:
        most = self._made.following.most_keys if self._made is not None else 1
        return dict(self._waiting.popitem(last=False) for _ in range(min(most, len(self._waiting))))

    def _put_back(self, taken: dict[Key, str], *, resync: bool) -> None:
        self._resync |= resync
        for key, kind in reversed(taken.items()):
            if key not in self._waiting:
                self._waiting[key] = kind
                self._waiting.move_to_end(key, last=False)

    def _deliver(self, taken: dict[Key, str], found: dict[bytes, bytes], *, resync: bool) -> None:
        """Tell what was read: rows as they are now, and which ones are selected no more."""
        assert self._made is not None
        following = self._made.following
        # Without row security, the role may know of every row that there was.
        may_know = not following.entity.relation.row_security
        nodes, removed = [], []
        for key, kind in taken.items():
            if not key:
                continue
            id_ = following.id_of(key)
            was_selected = self._known.pop(key, None)
            node = found.get(id_)
            if node is not None:
                nodes.append(node)
            elif was_selected or (was_selected is None and may_know and kind != "I"):
                removed.append(id_)
            self._known[key] = node is not None
        while len(self._known) > self._shared.most_known:
            self._known.popitem(last=False)
        # A message says something that the document selects; the one about missing changes is sent in any case.
        if resync or (nodes and following.wants("nodes")) or (removed and following.wants("removed")):
            payload = _payload(following.payload(nodes, removed, resync=resync))
            for member in [*self.members]:
                member.deliver(payload)

    def first(self) -> str:
        """Return the payload of a subscriber's first message: from now on, changes are told."""
        assert self._made is not None
        return _payload(self._made.following.payload((), (), resync=True))

    async def _read(self, keys: Sequence[Key]) -> dict[bytes, bytes]:
        """Read rows by their keys: what is selected of them, by their global ids. Errors: GroupError, _RetryError."""
        lane = self._shared.slow if self._took_s > SLOW_S else self._shared.fast
        async with lane:
            began_s = time.monotonic()
            try:
                response = await self._shared.executor.execute(self.role, self._maker(keys), self._watch)
            except RequestError as wrapped:
                error = wrapped.__cause__
                assert isinstance(error, InvalidError)
                raise GroupError([dict(each.formatted) for each in error.errors]) from None
            except RoleError:
                raise GroupError(
                    [worded("42501", "The role may not use this API any more.")], is_forbidden=True
                ) from None
            except DatabaseError as error:
                if error.sqlstate.startswith(_PASSING):
                    raise _RetryError from None
                raise GroupError([self._refused(error)]) from None
            except (LostError, UnreachableError, BusyError, SurfaceUnstableError):
                raise _RetryError from None
            finally:
                self._read_at_s = time.monotonic()
                self._took_s = self._read_at_s - began_s
        if response.status != 200:
            problem = orjson.loads(response.body)
            raise GroupError([worded(problem["code"], problem["message"])])
        return dict(_split(response.body))

    def _maker(self, keys: Sequence[Key]) -> Callable[[Entry], Plan | Response | Slow[Plan | Response]]:
        def make(entry: Entry) -> Plan | Response | Slow[Plan | Response]:
            made = self._made
            if made is not None and made.entry is entry:
                return self._plan(made, keys)
            return Slow(lambda: self._plan(self._compiled(entry), keys))

        return make

    def _compiled(self, entry: Entry) -> _Made:
        wanted, settings = self._subject.wanted, self._shared.settings
        try:
            schema, document = self._shared.graphql.document(entry, wanted.query)
            operation = document.operation(wanted.operation)
            variables = Variables(schema.graphql, operation, wanted.variables)
            following = compile_subscription(document, operation, variables, schema, settings.max_rows)
            statement = _statement(following, entry, settings)
        except InvalidError as error:
            raise RequestError from error
        self._is_made_anew = self._made is not None
        self._made = _Made(entry, following, statement, variables.holes)
        return self._made

    def _plan(self, made: _Made, keys: Sequence[Key]) -> Plan:
        fitting = [key for key in keys if made.following.fits(key)]
        values = made.following.values(fitting) or [[] for _ in made.following.entity.key]
        texts = made.statement.bind([*made.holes[: made.following.first_hole], *values])
        most = self._shared.settings.max_answer_bytes
        query = Query(_bounded(made.statement.text, most), encoded(texts))
        plan = Plan(query, reads=True, settings=self._settings, respond=_body, is_text=True, alike=made)
        if self._is_examined or not keys:
            return plan

        def examined(answer: bytes) -> Plan:
            limit, cost = self._shared.settings.max_cost, estimates.cost_of(answer)
            if limit is not None and cost > limit:
                raise RefusedError(answers.of_error(errors.too_costly(cost, limit)))
            self._is_examined = True
            return plan

        examining = Query(estimates.ESTIMATE + query.text, query.values, prepared=False)
        return replace(plan, examine=examining, examined=examined)

    def _settings(self) -> list[tuple[bytes, bytes]]:
        subject = self._subject
        return request_settings(subject.caller, b"GET", subject.raw_path, subject.head)

    def _refused(self, error: DatabaseError) -> dict[str, Any]:
        is_anonymous = self._subject.caller.is_anonymous
        refused = url.word_database(error.sqlstate, error.message, error.detail, error.hint, is_anonymous)
        more = {}
        if self._shared.settings.error_verbosity == "verbose":
            more = {"details": refused.details, "hint": refused.hint}
        return worded(refused.code, refused.message, **more)


class _RetryError(Exception):
    """Postgres cannot answer now."""


def _statement(following: Following, entry: Entry, settings: Settings) -> Statement:
    options = Options(
        settings.schemas[0],
        form="lines",
        further_schemas=settings.schemas[1:],
        max_rows=settings.max_rows,
        aggregates=settings.aggregates,
        subjects=Subjects(entry.role.oid, settings.schemas, entry.surface.further),
    )
    try:
        return compile_query(following.query, entry.surface, options)
    except ProblemError as problem:
        raise refusal(problem) from None


def _bounded(text: str, most_bytes: int) -> bytes:
    """Return a statement whose lines have no line breaks, which JSON has between its parts only, and a bounded size."""
    most = f"'{most_bytes:d}'::pg_catalog.int8"
    return (
        "SELECT pg_catalog.translate(l.line, E'\\n', ' ') FROM (SELECT l.line,"  # noqa: S608  the compiler's statement, and a number
        f" pg_catalog.sum(pg_catalog.octet_length(l.line)) OVER () AS size FROM ({text}) AS l (line)) AS l"
        f" WHERE CASE WHEN l.size OPERATOR(pg_catalog.>) {most}"
        f" THEN integratedb.answer_too_large({most}) ELSE true END"
    ).encode()


def _payload(data: bytes) -> str:
    return '{"data":' + data.decode() + "}"


def _body(row: Row) -> Response:
    return Response(200, [], row[0] or b"")


def _split(lines: bytes) -> list[tuple[bytes, bytes]]:
    """Return the global ids and what is selected of the rows that a statement has read."""
    found = []
    for line in lines.split(b"\n"):
        if line:
            id_, node = _parts(line)
            found.append((id_, node))
    return found


def _parts(line: bytes) -> tuple[bytes, bytes]:
    # json_build_object() writes "id" : "...", "node" : {...}; row_to_json() writes no spaces.
    start = line.index(b'"', line.index(b":")) + 1
    end = line.index(b'"', start)
    colon = line.find(b":", end)
    return line[start:end], b"{}" if colon < 0 else line[colon + 1 : -1].strip()


def worded(code: str, message: str, **more: Any) -> dict[str, Any]:
    """Return an error with a code."""
    return {"message": message, "extensions": {"code": code, **more}}


def _name(sql: str) -> str:
    """Return the name of a column that is quoted where it must be."""
    return sql[1:-1].replace('""', '"') if sql.startswith('"') else sql


def unavailable() -> GroupError:
    """Return the error where the daemon does not tell of changes."""
    message = "Changes cannot be told: the service does not reach the daemon. Subscribe again later."
    return GroupError([worded("PGRSTX01", message)])


def invisible() -> GroupError:
    """Return the error where sessions do not see in time what the daemon has told of."""
    message = "Changes cannot be told now: the last ones are committed, but not visible yet. Subscribe again later."
    return GroupError([worded("PGRSTX01", message)])
