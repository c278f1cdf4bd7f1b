"""Runs the daemon: connects its parts, reads the stream, confirms what is safe, and shuts down in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import time
from collections.abc import Coroutine
from typing import Any, Final

import psycopg
from websockets.asyncio.server import Server

from integratedb_companion import __version__
from integratedb_companion.common import versions
from integratedb_companion.common.configuration import ConfigurationError
from integratedb_companion.common.open_files import FailedAcceptsLog, raise_limit, shares
from integratedb_companion.common.outside_text import plain
from integratedb_companion.daemon.settings import Settings
from integratedb_companion.http.login import Logins

from .database import LOG_EVERY_S, Database
from .delivery.addresses import AddressPolicy
from .delivery.channels import NOTHING, Channels, StoredBacklog
from .delivery.names import Lookups
from .delivery.receiver_sockets import ReceiverSockets
from .delivery.spill import Spill
from .delivery.webhook import open_session
from .liveness import Liveness
from .metrics import Metrics
from .reachability import STANDBY, is_temporary
from .routing.events import EVENTS_LOST, Event, Transaction
from .routing.router import Router
from .state import Channel, StakeholderState, parse_state, parse_types, with_types
from .stream import slot as slots
from .stream.confirmation import Confirmation
from .stream.encodings import UTF8
from .stream.gate import Gate
from .stream.pgoutput import POSTGRES_EPOCH_S, Begin, Keepalive, format_lsn
from .stream.progress import Progress
from .stream.reader import ControlCommit, StreamReader
from .stream.replication import (
    CONTROL_PUBLICATION,
    ReplicationConnection,
    SlotInUseError,
    SlotUnusableError,
    StreamEndedError,
    System,
    UnsendableError,
    check_login,
    conninfo,
)
from .stream.timelines import FIRST
from .websocket.feeds import Feeds
from .websocket.listener import Listener

log = logging.getLogger(__name__)

RECONNECT_S: Final = 1.0
SLOT_IN_USE_TRIES: Final = 5
HOUSEKEEPING_EVERY_S: Final = 3.0
REMIND_EVERY_S: Final = 60.0
STOP_TIMEOUT_S: Final = 10.0
#: The daemon stops being ready when it processes one piece of the stream for longer than this.
PIECE_TIMEOUT_S: Final = 10.0
#: The position of an event after all changes of its transaction.
AFTER_ALL: Final = (1 << 31) - 1


class Daemon:
    """The daemon of one database."""

    def __init__(self, settings: Settings, after: System | None = None) -> None:
        """`after`: the server that an earlier daemon of this process has read from."""
        self._settings = settings
        self._after = after
        self._metrics = Metrics()
        self._database = Database(settings.dsn, self._on_unreachable)
        self._stop = asyncio.Event()
        self._failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._confirmation = Confirmation(self._reserve, self._oldest_unsafe)
        self._spill = Spill(self._database, self._confirmation.progressed, self._replacement_for)
        self._shares = shares(raise_limit())
        self._policy = AddressPolicy(settings.denied, ReceiverSockets(self._shares.receivers))
        self._lookups = Lookups()
        self._session = open_session(self._policy, self._lookups)
        self._channels = Channels(
            self._spill,
            self._metrics,
            self._policy,
            self._session,
            self._lookups,
            on_progress=self._confirmation.progressed,
            on_gone=self._on_gone,
        )
        self._feeds = Feeds(self._database.feed_keys, self._on_watched, lambda: self._reader.position())
        self._states: dict[int, StakeholderState] = {}
        self._progress = Progress(0)
        self._source = ""
        self._encoding = UTF8
        self._system: System | None = None
        self._timelines = FIRST
        self._gate = Gate(self._database.replicated)
        self._lag_bytes = 0
        self._liveness = Liveness(self._database, self._on_unreachable, self._measure)
        #: When processing of the current piece of the stream began; None while the daemon waits for more.
        self._working_since_s: float | None = None
        #: What the daemon waits for until channels are in force; None when they are in force.
        self._waiting_for: str | None = "starting"
        self._background: set[asyncio.Task[Any]] = set()

    @property
    def system(self) -> System | None:
        """The server that the daemon reads from; None before it knows."""
        return self._system

    def stop(self) -> None:
        """Request an orderly shutdown."""
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        """Whether stop() was called."""
        return self._stop.is_set()

    def reload(self, settings: Settings) -> None:
        """Apply another configuration, as far as it can change while the daemon runs."""
        self._settings = settings
        self._spawn(self._reload())

    async def run(self) -> None:
        """Run until stop() is called; raises when the daemon cannot continue."""
        server = None
        asyncio.get_running_loop().set_exception_handler(FailedAcceptsLog().handle)
        try:
            server = await self._listen()
            if not await self._start_up():
                return
            # Events live for milliseconds and hold no reference cycles, so frequent garbage collection is wasted time.
            gc.freeze()
            gc.set_threshold(50_000, 20, 100)
            confirmation = self._confirmation
            coroutines = (
                self._spill.run(),
                confirmation.run(),
                confirmation.keep_alive(),
                self._maintain(),
                self._liveness.run(),
                self._remind(),
                self._follow(),
            )
            for coroutine in coroutines:
                self._spawn(coroutine)
            stop = asyncio.create_task(self._stop.wait())
            await asyncio.wait((stop, self._failure), return_when=asyncio.FIRST_COMPLETED)
            stop.cancel()
            if self._failure.done():
                self._failure.result()
            await self._finish()
        finally:
            if server is not None:
                server.close()
            for task in self._background:
                task.cancel()
            await asyncio.gather(*self._background, return_exceptions=True)
            await self._session.close()
            await self._database.close()

    async def _start_up(self) -> bool:
        """Start up, however long that takes; returns False when stop() is called before the end."""
        preparing = asyncio.create_task(self._prepare())
        stop = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait((preparing, stop), return_when=asyncio.FIRST_COMPLETED)
            if preparing.done():
                preparing.result()
            return preparing.done()
        finally:
            for task in (preparing, stop):
                task.cancel()
            await asyncio.gather(preparing, stop, return_exceptions=True)

    async def _prepare(self) -> None:
        await self._first_connection()
        log.info("starting", extra={"version": __version__, "pid": os.getpid(), "slot": self._settings.slot})
        self._waiting_for = "starting"
        await self._attach()
        self._waiting_for = None

    async def _follow(self) -> None:
        """Read the stream, and reconnect after every lost connection."""
        busy = 0
        passed_lsn = 0
        unsendable: Transaction | None = None
        while True:
            try:
                connection = await ReplicationConnection.open(self._settings.dsn, self._encoding.name)
                try:
                    await self._same_server(connection)
                    self._reader.restart()
                    first_lsn = max(self._progress.confirmed_lsn, passed_lsn)
                    if unsendable is not None:
                        await connection.start(self._settings.slot, first_lsn, CONTROL_PUBLICATION)
                        await self._pass_over(connection, unsendable)
                        # It may not be confirmed yet, and the server must not try it again.
                        passed_lsn = unsendable.commit_lsn + 1
                        unsendable = None
                        continue
                    await connection.start(self._settings.slot, first_lsn)
                    busy = 0
                    await self._read(connection)
                finally:
                    self._confirmation.stream = None
                    self._working_since_s = None
                    self._liveness.expects(something=False)
                    await connection.close()
            except SlotInUseError:
                busy += 1
                if busy >= SLOT_IN_USE_TRIES:
                    raise
            except SlotUnusableError as problem:
                raise slots.SlotLostError(f"{problem}. {slots.CURE}") from None
            except (StreamEndedError, psycopg.OperationalError) as problem:
                if isinstance(problem, UnsendableError):
                    unsendable = self._reader.transaction
                log.warning("stream lost", extra={"error": plain(str(problem).strip())})
            await asyncio.sleep(RECONNECT_S)
            await slots.check(self._settings.slot, self._database, self._timelines)

    async def _read(self, connection: ReplicationConnection) -> None:
        self._confirmation.stream = connection
        log.info("streaming", extra={"lsn": format_lsn(self._progress.confirmed_lsn)})
        self._confirmation.progressed()
        while True:
            self._liveness.expects(something=True)
            messages = await connection.read()
            self._liveness.expects(something=False)
            await self._gate.let_through()
            self._working_since_s = time.monotonic()
            for received in self._reader.take_all(messages):
                await self._act_on(received)
            await self._channels.make_room()
            self._working_since_s = None
            await asyncio.sleep(0)

    async def _act_on(self, received: ControlCommit | Keepalive) -> None:
        """Do what a message of the stream asks for, besides routing."""
        if isinstance(received, ControlCommit):
            await self._control(received)
        else:
            self._confirmation.progressed()
            if received.reply_requested:
                self._confirmation.reply_requested()

    async def _pass_over(self, connection: ReplicationConnection, unsendable: Transaction) -> None:
        """Take only the control rows of a transaction that the server cannot send, and report the loss."""
        self._confirmation.stream = connection
        lsn = unsendable.commit_lsn
        while self._progress.routed_lsn < lsn:
            for data in await connection.read():
                if self._reader.is_beyond(data, lsn):
                    self._progress.routed(lsn, lsn + 1)
                    break
                received = self._reader.take(data)
                if received is not None:
                    await self._act_on(received)
                if self._progress.routed_lsn >= lsn:
                    break
        self._feeds.lost()
        # Nothing may be awaited since the transaction counts as routed: it may be confirmed once these are safe.
        enqueue = self._channels.enqueue()
        for channel in (channel for state in self._states.values() for channel in state.channels):
            if channel.id in enqueue:
                self._metrics.of(channel).lost.inc()
                loss = {"reason": "cannot_be_sent", "channel": channel.name, "count": None}
                enqueue[channel.id]([unsendable.event(AFTER_ALL, EVENTS_LOST, channel.name, loss)])
        log.error("events lost: a row is too long for the server to send", extra={"lsn": format_lsn(lsn)})

    async def _control(self, received: ControlCommit) -> None:
        """Apply what a transaction changed, after recording durably that it has been applied."""
        commit = received.commit
        await self._database.until_visible(received.xid)
        await self._database.control_passed([row.id for row in received.rows], commit.end_lsn)
        for row in received.rows:
            if row.kind == "types":
                types = parse_types(row.body)
                self._states = {id_: with_types(state, types) for id_, state in self._states.items()}
        for row in received.rows:
            if row.kind == "state":
                state = parse_state(row.body)
                self._states[state.id] = state
        await self._apply()
        for row in received.rows:
            if row.kind == "redeliver":
                await self._channels.restart(int(row.body["channel"]), rewind=True)
        self._progress.routed(commit.commit_lsn, commit.end_lsn)

    async def _apply(self, stored: StoredBacklog = NOTHING) -> None:
        states = list(self._states.values())
        await self._channels.apply(states, stored)
        self._router.apply(states, self._channels.enqueue())
        self._feeds.state_changed()
        log.info("in force", extra={"stakeholders": len(states), "channels": len(list(self._channels))})

    def _oldest_unsafe(self) -> list[int | None]:
        return [self._spill.oldest_unsafe(), *self._channels.oldest_unsafe()]

    async def _reserve(self, lsn: int) -> None:
        await self._database.reserve(self._settings.slot, lsn)

    def _on_unreachable(self) -> None:
        """Close the stream when the database is unreachable.

        Nothing can be confirmed without the database, and a server that shuts down waits for the reader of its stream.
        """
        if self._confirmation.stream is not None:
            self._confirmation.stream.break_off()

    async def _maintain(self) -> None:
        """Every few seconds: spill waiting events, drop events beyond the limits."""
        while True:
            await asyncio.sleep(HOUSEKEEPING_EVERY_S)
            self._channels.tick()
            self._confirmation.progressed()
            self._metrics.streaming.set(self._confirmation.stream is not None)
            await self._gate.refresh()
            await self._enforce_limits()

    def _measure(self, position_lsn: int) -> None:
        self._lag_bytes = max(0, position_lsn - self._progress.confirmed_lsn)
        self._metrics.lag_bytes.set(self._lag_bytes)

    async def _remind(self) -> None:
        """Every minute: have reminders sent, which come back in the stream, and catch up with what takes longer."""
        while True:
            if await self._database.remind():
                await self._database.catch_up()
            await asyncio.sleep(REMIND_EVERY_S)

    async def _enforce_limits(self) -> None:
        for active in self._channels:
            lost, reported_behind = 0, False
            while active.queue.kept_bytes > 0:
                dropped = await self._database.enforce_limits(active.queue)
                active.queue.kept_bytes -= dropped.bytes
                if not dropped.events:
                    break
                lost += dropped.events
                reported_behind |= dropped.reported_behind
            if lost:
                channel = active.channel
                self._metrics.of(channel).lost.inc(lost)
                names = {"stakeholder": channel.stakeholder, "channel": channel.name}
                log.error("events lost: the queue is beyond its limits", extra={**names, "events": lost})
            if reported_behind:
                await self._channels.restart(active.channel.id, rewind=True)

    async def _first_connection(self) -> None:
        """Connect once, so that a wrong configuration is reported at once; wait for a server that is down."""
        logged_at_s = float("-inf")
        while True:
            try:
                connection = await self._database.connect()
                async with connection:
                    await versions.check(connection, __version__)
                    await check_login(connection)
                    await connection.execute("SELECT integratedb.daemon_check()")
                await self._identify()
                return
            except UnicodeError:
                raise ConfigurationError("a parameter of the connection is not UTF-8") from None
            except psycopg.Error as problem:
                text = plain(" ".join(str(problem).split()))
                problem_state = problem.sqlstate
                if not await is_temporary(problem, conninfo(self._settings.dsn)):
                    raise ConfigurationError(text) from None
            self._waiting_for = (
                "the server is a standby" if problem_state == STANDBY else "the database cannot be reached"
            )
            if time.monotonic() >= logged_at_s + LOG_EVERY_S:
                logged_at_s = time.monotonic()
                log.warning("database unreachable", extra={"error": text})
            await asyncio.sleep(RECONNECT_S)

    async def _identify(self) -> None:
        """Find out which server this is; from now on, no call goes to another one."""
        connection = await ReplicationConnection.open(self._settings.dsn)
        try:
            system = await connection.system()
            if self._after is not None and system.identifier == self._after.identifier:
                oldest = System(system.identifier, max(system.timeline, self._after.timeline))
                oldest.require(system)
            self._timelines = await connection.timelines(system.timeline)
        finally:
            await connection.close()
        self._system = system
        self._database.require(system)

    async def _listen(self) -> Server:
        channels = self._channels
        logins = Logins(self._database.server, channels.role_of)
        listener = Listener(
            logins,
            channels.find_socket,
            self._is_changing,
            self._not_ready_reason,
            self._metrics,
            self._shares,
            self._feeds,
        )
        host, port = self._settings.host, self._settings.port
        try:
            return await listener.open(host, port)
        except OSError as problem:
            raise ConfigurationError(f"cannot listen on {host}:{port}: {problem.strerror}") from None

    async def _attach(self) -> None:
        name = self._settings.slot
        lsn, gap = await slots.attach(
            name,
            self._database,
            self._settings.dsn,
            self._timelines,
            self._on_wait,
            accept_gap=self._settings.accept_gap,
        )
        source = self._source = f"/integratedb/{await self._database.name()}"
        self._progress = Progress(lsn)
        self._router = Router(source, self._feeds.watches)
        self._encoding = await self._database.encoding()
        self._reader = StreamReader(
            self._router, self._progress, source, self._metrics, self._encoding, self._timelines
        )
        await self._gate.refresh()
        self._liveness.begin(await self._database.sender_timeout_s())
        self._confirmation.begin(self._progress)
        for body in await self._database.control_in_force(lsn):
            state = parse_state(body)
            self._states[state.id] = state
        if gap:
            await self._report_gap(lsn, source)
        await self._apply(StoredBacklog(await self._database.backlog(), await self._database.failures()))

    async def _report_gap(self, lsn: int, source: str) -> None:
        """Notify every channel that changes were missed."""
        begin = Begin(lsn - 1, int((time.time() - POSTGRES_EPOCH_S) * 1e6), 0)
        moment = Transaction(begin, source, self._timelines.of(begin.commit_lsn))
        for state in self._states.values():
            for channel in state.channels:
                data = {"reason": "slot_lost", "channel": channel.name, "count": None}
                await self._database.save([(channel.id, moment.event(0, EVENTS_LOST, channel.name, data))])

    async def _same_server(self, connection: ReplicationConnection) -> None:
        assert self._system is not None
        self._system.require(await connection.system())

    async def _finish(self) -> None:
        """Finish the work under way, and confirm it."""
        log.info("stopping")
        await self._channels.stop()
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._spill.drain()
                await self._confirmation.finish()
        except TimeoutError:
            log.warning("the database does not answer: what is not confirmed will be sent again")

    async def _reload(self) -> None:
        old = self._session
        self._policy = AddressPolicy(self._settings.denied, self._policy.sockets)
        self._session = open_session(self._policy, self._lookups)
        await self._channels.restart_all(self._policy, self._session)
        await old.close()
        log.info("configuration read again")

    def _on_watched(self, relid: int) -> None:
        self._router.watches_changed(relid)

    def _on_gone(self, channel: Channel, reason: str) -> None:
        names = {"stakeholder": channel.stakeholder, "channel": channel.name}
        log.error("channel paused: its receiver wants no more", extra={**names, "error": reason})
        self._spawn(self._database.pause(channel.id, reason))

    def _replacement_for(self, channel_id: int, event: Event) -> Event | None:
        """Build the event that notifies a channel of an event which the database could not store."""
        channel = next((active.channel for active in self._channels if active.channel.id == channel_id), None)
        if channel is None:
            return None
        self._metrics.of(channel).lost.inc()
        begin = Begin(event.commit_lsn, int((event.committed_at_s - POSTGRES_EPOCH_S) * 1e6), 0)
        data = {
            "reason": "cannot_be_kept",
            "channel": channel.name,
            "count": 1,
            "first_id": event.id,
            "last_id": event.id,
        }
        timeline = self._timelines.of(event.commit_lsn)
        return Transaction(begin, self._source, timeline).event(event.position, EVENTS_LOST, channel.name, data)

    def _on_wait(self, reason: str) -> None:
        self._waiting_for = reason

    def _is_changing(self) -> bool:
        """Whether a channel that is not found may exist in a moment."""
        return self._waiting_for is not None or self._channels.changing

    def _not_ready_reason(self) -> str | None:
        if self._waiting_for is not None:
            return self._waiting_for
        if self._confirmation.stream is None:
            return "not connected to the stream"
        if self._lag_bytes > self._settings.max_lag_bytes:
            return f"{self._lag_bytes} bytes behind"
        now_s = time.monotonic()
        problem = self._liveness.problem()
        if problem is not None:
            return problem
        waiting_s = self._gate.waiting_since_s
        if waiting_s is not None and now_s > waiting_s + PIECE_TIMEOUT_S:
            return f"the stream has been waiting for the synchronous standbys for {now_s - waiting_s:.0f} s"
        since_s = self._working_since_s
        if since_s is not None and now_s > since_s + PIECE_TIMEOUT_S:
            return f"the stream has been waiting for {now_s - since_s:.0f} s"
        return None

    def _spawn(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = asyncio.create_task(coroutine)
        self._background.add(task)
        task.add_done_callback(self._on_ended)

    def _on_ended(self, task: asyncio.Task[Any]) -> None:
        self._background.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            self._fail(problem)

    def _fail(self, problem: BaseException) -> None:
        """Stop the daemon, because one of its parts has died."""
        if not self._failure.done():
            self._failure.set_exception(problem)
