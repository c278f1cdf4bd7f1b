"""Connects subscriptions with the daemon: each change goes to the groups that watch its table."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine, Hashable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final
from weakref import WeakValueDictionary

from integratedb_companion.api.connection import DatabaseError, LostError
from integratedb_companion.api.execution import Executor
from integratedb_companion.api.graphql import GraphQL
from integratedb_companion.api.own_keys import OwnKeys
from integratedb_companion.api.pool import BusyError, Pool, UnreachableError
from integratedb_companion.api.settings import Settings
from integratedb_companion.api.surfaces import RoleError
from integratedb_companion.common.logs import fault

from .feed import AwayError, Change, Feed, Position, Told, Watch
from .groups import Group, GroupError, Member, Shared, Subject, invisible, unavailable, worded
from .shares import Shares
from .visibility import Visibility

log = logging.getLogger(__name__)

#: Groups of one worker, and its subscriptions. Where all are taken, whoever has most gives way to who has less.
MOST_GROUPS: Final = 2_000
MOST_SUBSCRIPTIONS: Final = 10_000
#: So many groups of one caller begin at once: those of other callers do not wait behind all others of this one.
MOST_BEGINNING: Final = 4
#: How long the daemon may be away until subscriptions end; until then, subscribers are told when it is back.
AWAY_S: Final = 30.0
CHECK_EVERY_S: Final = 1.0
#: So long changes wait until sessions see them. Then subscribers read anew now, and once more when sessions do: the
#: commit may wait for a standby, or who told of it is no daemon.
VISIBLE_S: Final = 5.0
MOST_LATE: Final = 10_000
#: How often surfaces are compared where nothing changes.
LOOK_EVERY_S: Final = 2.0


@dataclass(slots=True)
class _Watched:
    """A table that is watched, and the groups that watch it."""

    number: int
    groups: dict[Group, None] = field(default_factory=dict)


class Hub:
    """The subscriptions of one worker."""

    def __init__(self, settings: Settings, pool: Pool, executor: Executor, graphql: GraphQL, keys: OwnKeys) -> None:
        assert settings.daemon_url is not None
        self._feed = Feed(settings.daemon_url, lambda: keys.of_database)
        self._visibility = Visibility(pool)
        # Requests keep half of the connections.
        lanes = asyncio.Semaphore(max(1, pool.size // 2 - 1)), asyncio.Semaphore(1)
        self._shared = Shared(settings, executor, graphql, *lanes)
        self._groups: dict[Hashable, Group] = {}
        self._starting: dict[Hashable, asyncio.Task[Group]] = {}
        self._turns: WeakValueDictionary[Hashable, asyncio.Semaphore] = WeakValueDictionary()
        self._group_shares: Shares[Group] = Shares()
        self._member_shares: Shares[Member] = Shares()
        self._watched: dict[Watch, _Watched] = {}
        self._by_number: dict[int, _Watched] = {}
        self._watch_of: dict[Group, Watch] = {}
        self._count = 0
        self._moving: set[asyncio.Task[None]] = set()
        #: Commits that sessions did not see in time, with the position of the last one, and who waits for them.
        self._late: tuple[frozenset[int], int] = frozenset(), 0
        self._waiting_for_late: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Follow the daemon, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._feed.run(self._on_open))
            tasks.create_task(self._follow())
            tasks.create_task(self._look_at_daemon())
            tasks.create_task(self._look_at_surfaces())

    @property
    def count(self) -> int:
        """The number of subscriptions."""
        return self._count

    async def subscribe(self, subject: Subject, member: Member) -> Group:
        """Begin a subscription; the member's first message is the first one of these. Error: GroupError."""
        caller = subject.caller
        if self._count >= MOST_SUBSCRIPTIONS:
            ended = self._member_shares.to_end(caller.role, caller.settings, lambda _: True)
            if ended is None:
                raise _full()
            ended.fail(_full().errors, is_forbidden=False)
        self._count += 1
        try:
            while True:
                group = await self._group(subject)
                if not group.is_ended:
                    break
            group.members[member] = None
            self._member_shares.add(member, caller.role, caller.settings)
            member.deliver(group.first())
            return group
        except BaseException:
            self._count -= 1
            raise

    def unsubscribe(self, group: Group, member: Member) -> None:
        """End a subscription."""
        if group.members.pop(member, member) is None:
            self._member_shares.remove(member)
            self._count -= 1
        if not group.members:
            self._drop(group)

    async def _group(self, subject: Subject) -> Group:
        key = subject.key
        starting = self._starting.get(key)
        if starting is None:
            group = self._groups.get(key)
            if group is not None and not group.is_ended:
                return group
            if group is not None:
                # It failed while nobody was there, and counts until it is dropped.
                self._drop(group)
            if len(self._groups) >= MOST_GROUPS:
                self._make_room(subject)
            starting = self._starting[key] = asyncio.create_task(self._start(key, subject))
            starting.add_done_callback(lambda _: self._starting.pop(key, None))
        # A subscriber who leaves takes nobody's group along.
        return await asyncio.shield(starting)

    def _make_room(self, subject: Subject) -> None:
        """End the group of somebody who has more. Error: GroupError."""
        caller = subject.caller
        ended = self._group_shares.to_end(caller.role, caller.settings, lambda group: group.is_live)
        if ended is None:
            raise _full()
        ended.fail(_full().errors)
        self._drop(ended)

    async def _start(self, key: Hashable, subject: Subject) -> Group:
        group = Group(subject, self._shared, self._on_made)
        self._groups[key] = group
        self._group_shares.add(group, group.role, subject.caller.settings)
        self._shared.groups = len(self._groups)
        caller = group.role, subject.caller.settings
        turn = self._turns.get(caller)
        if turn is None:
            turn = self._turns[caller] = asyncio.Semaphore(MOST_BEGINNING)
        try:
            async with turn:
                await group.check()
                position = await self._feed.confirm(self._watch(group))
                if not await self._is_visible(position):
                    raise invisible()
        except AwayError:
            self._drop(group)
            raise unavailable() from None
        except BaseException:
            self._drop(group)
            raise
        group.go_live()
        # Whoever wanted it may be gone by now.
        asyncio.get_running_loop().call_later(CHECK_EVERY_S, self._drop_unless_used, group)
        return group

    def _drop_unless_used(self, group: Group) -> None:
        if not group.members:
            self._drop(group)

    def _drop(self, group: Group) -> None:
        group.end()
        if self._groups.get(group.key) is group:
            del self._groups[group.key]
            self._group_shares.remove(group)
            self._shared.groups = len(self._groups)
        self._unwatch(group)

    def _watch(self, group: Group) -> int:
        watch = Watch(*group.table)
        watched = self._watched.get(watch)
        if watched is None:
            watched = self._watched[watch] = _Watched(self._feed.watch(watch))
            self._by_number[watched.number] = watched
        watched.groups[group] = None
        self._watch_of[group] = watch
        return watched.number

    def _unwatch(self, group: Group) -> None:
        watch = self._watch_of.pop(group, None)
        if watch is None:
            return
        watched = self._watched[watch]
        watched.groups.pop(group, None)
        if not watched.groups:
            del self._watched[watch]
            del self._by_number[watched.number]
            self._spawn(self._end_watch(watched.number))

    async def _end_watch(self, number: int) -> None:
        # The daemon forgets all watches of a connection that ends.
        with contextlib.suppress(AwayError):
            await self._feed.unwatch(number)

    def _on_made(self, group: Group) -> None:
        """Watch the table that a group reads now, if that is another one."""
        if self._watch_of.get(group) not in (None, Watch(*group.table)):
            self._unwatch(group)
            number = self._watch(group)
            self._spawn(self._move(group, number))

    async def _move(self, group: Group, number: int) -> None:
        try:
            position = await self._feed.confirm(number)
        except AwayError:
            return  # when it is back, all groups are told
        if not await self._is_visible(position):
            self._wait_for_late(position.xids, position.lsn)
        group.resync()

    async def _is_visible(self, position: Position, told: Told | None = None) -> bool:
        """Wait until sessions see what was committed; return whether they do, before what was told is past."""
        waiting = asyncio.create_task(self._visibility.wait(position.xids, position.lsn))
        tasks = [waiting] if told is None else [waiting, asyncio.create_task(self._feed.past(told))]
        try:
            await asyncio.wait(tasks, timeout=VISIBLE_S, return_when=asyncio.FIRST_COMPLETED)
            if waiting.done():
                waiting.result()
            return waiting.done()
        finally:
            for task in tasks:
                task.cancel()

    def _wait_for_late(self, xids: Iterable[int], lsn: int) -> None:
        """Let subscribers read anew when sessions see these commits, too."""
        known, newest = self._late
        # A daemon does not tell of so many at once: later ones take the place of some.
        kept = frozenset(islice({*xids} | known, MOST_LATE))
        self._late = kept, max(lsn, newest)
        if self._waiting_for_late is not None:
            self._waiting_for_late.cancel()
        self._waiting_for_late = self._spawn(self._tell_late())

    async def _tell_late(self) -> None:
        await self._visibility.wait(*self._late)
        self._late = frozenset(), 0
        self._waiting_for_late = None
        self._resync_every_group()

    def _resync_every_group(self) -> None:
        for group in [*self._watch_of]:
            group.resync()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._moving.add(task)
        task.add_done_callback(self._moving.discard)
        return task

    def _on_open(self, position: Position) -> None:
        """Tell all subscribers that changes may be missing, once what was committed is visible."""
        # What was told on an earlier connection is past.
        if self._waiting_for_late is not None:
            self._waiting_for_late.cancel()
        self._late = frozenset(), 0
        self._spawn(self._resync_all(position))

    async def _resync_all(self, position: Position) -> None:
        if not await self._is_visible(position):
            self._wait_for_late(position.xids, position.lsn)
        for group in [*self._watch_of]:
            if group.is_live:
                group.look()
                group.resync()

    async def _follow(self) -> None:
        """Pass changes on, in their order, when every session sees them."""
        while True:
            frames = await self._feed.take()
            changes = [change for frame in frames for change in frame.changes or ()]
            rows = [change for change in changes if len(change) == 5]
            is_lossy = any(frame.changes is None for frame in frames)
            if rows:
                position = Position(tuple({row[3] for row in rows}), max(row[4] for row in rows))
                if not await self._is_visible(position, frames[0]):
                    if self._feed.is_past(frames[0]):
                        continue
                    self._wait_for_late(position.xids, position.lsn)
                    is_lossy, changes = True, [change for change in changes if len(change) != 5]
            try:
                if is_lossy:
                    self._resync_every_group()
                for change in changes:
                    self._pass_on(change)
            except Exception as problem:
                log.error("changes not passed on", extra=fault(problem))
                raise

    def _pass_on(self, change: Change) -> None:
        if change[1] == "S":
            for group in [*self._watch_of]:
                group.look()
            return
        watched = self._by_number.get(change[0])
        if watched is not None:
            key = None if change[2] is None else tuple(change[2])
            for group in [*watched.groups]:
                group.changed(change[1], key)

    async def _look_at_surfaces(self) -> None:
        """Let groups look whether their surface has changed, or their role may not use the API any more.

        Each statement compares that, but a group may have nothing to read for long.
        """
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            by_entry: dict[int, list[Group]] = {}
            for group in [*self._watch_of]:
                if group.is_live and group.entry is not None:
                    by_entry.setdefault(id(group.entry), []).append(group)
            for groups in by_entry.values():
                if await self._has_changed(groups[0]):
                    for group in groups:
                        group.look()

    async def _has_changed(self, group: Group) -> bool:
        assert group.entry is not None
        try:
            return await self._shared.executor.surfaces.has_changed(group.entry)
        except RoleError:
            return True
        except (DatabaseError, LostError, UnreachableError, BusyError):
            return False

    async def _look_at_daemon(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            since_s = self._feed.away_since_s
            if since_s is None or time.monotonic() < since_s + AWAY_S:
                continue
            for group in [*self._watch_of]:
                if group.is_live:
                    group.fail(unavailable().errors)
                    self._drop(group)


def _full() -> GroupError:
    return GroupError([worded("PGRSTX02", "Too many subscriptions are open.")])
