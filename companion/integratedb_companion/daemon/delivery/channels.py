"""Runs the channels in force: a queue for each, and a delivery task or a socket."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import aiohttp

from integratedb_companion.common.logs import fault
from integratedb_companion.daemon.metrics import Metrics
from integratedb_companion.daemon.model import NO_BACKLOG, Backlog, Report
from integratedb_companion.daemon.routing.router import Enqueue
from integratedb_companion.daemon.state import Channel, StakeholderState
from integratedb_companion.daemon.websocket.sockets import BroadcastSocket, QueueSocket, SocketChannel

from .addresses import AddressPolicy
from .attempts import Delivery, Sink
from .names import Lookups
from .queue import ChannelQueue
from .redis_sink import RedisSink
from .spill import Spill
from .webhook import WebhookSink

log = logging.getLogger(__name__)

#: The time limit for an attempt under way when the daemon stops.
STOP_TIMEOUT_S = 10.0
#: The same when a channel is changed: the stream and the other channels wait. An event that is cut off is sent again.
CHANGE_TIMEOUT_S = 1.0
#: How long a channel pauses after an error of the daemon ended its delivery.
RESTART_S = 10.0


@dataclass(slots=True)
class ActiveChannel:
    """A channel in force, with its queue and its delivery."""

    channel: Channel
    queue: ChannelQueue
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None
    socket: SocketChannel | None = None

    @property
    def takes_events(self) -> bool:
        """Whether events are queued: a paused broadcast keeps none, since its clients get no past events."""
        return not (self.channel.paused and self.channel.settings.get("mode") == "broadcast")


@dataclass(frozen=True, slots=True)
class StoredBacklog:
    """What an earlier daemon left, by channel: events in the delivery table, and failed attempts at the oldest one."""

    backlog: Mapping[int, Backlog] = field(default_factory=dict)
    failures: Mapping[int, int] = field(default_factory=dict)


NOTHING = StoredBacklog()


class Channels:
    """All channels in force."""

    def __init__(
        self,
        spill: Spill,
        metrics: Metrics,
        policy: AddressPolicy,
        session: aiohttp.ClientSession,
        names: Lookups,
        *,
        on_progress: Callable[[], None],
        on_gone: Callable[[Channel, str], None],
    ) -> None:
        self._spill = spill
        self._metrics = metrics
        self._lookups = names
        self._policy = policy
        self._session = session
        self._on_progress = on_progress
        self._on_gone = on_gone
        self._restarts: set[asyncio.Task[None]] = set()
        self._active: dict[int, ActiveChannel] = {}
        #: Held while channels are started or stopped: a channel that is being stopped must not be started twice.
        self._changing = asyncio.Lock()
        self._stopped = False

    def __iter__(self) -> Iterator[ActiveChannel]:
        return iter(list(self._active.values()))

    def enqueue(self) -> dict[int, Enqueue]:
        """Return the function that enqueues an event, by channel."""
        return {id_: active.queue.enqueue for id_, active in self._active.items() if active.takes_events}

    @property
    def changing(self) -> bool:
        """Whether channels are being started or stopped."""
        return self._changing.locked()

    def role_of(self, stakeholder: str) -> int | None:
        """Return the role of a stakeholder that has a SOCKET channel, paused or not."""
        for active in self._active.values():
            if active.channel.type == "SOCKET" and active.channel.stakeholder == stakeholder:
                return active.channel.role
        return None

    def find_socket(self, role: int, name: str) -> SocketChannel | None:
        """Return the socket that a client asks for, after the client has logged in as this role."""
        for active in self._active.values():
            if (active.channel.role, active.channel.name) == (role, name):
                return active.socket
        return None

    def oldest_unsafe(self) -> Iterable[int | None]:
        """Return, for each channel, the commit LSN of its oldest event that is in memory only."""
        return [active.queue.oldest_unsafe() for active in self._active.values()]

    async def make_room(self) -> None:
        """Hold up the stream until no queue is full; queues that stay full spill."""
        full = [active.queue.make_room() for active in self._active.values() if active.queue.full]
        if full:
            await asyncio.gather(*full)
        while self._spill.full:
            await self._spill.flush()

    def tick(self) -> None:
        """Spill events that have waited for long."""
        for active in self._active.values():
            active.queue.tick()

    async def apply(self, states: Iterable[StakeholderState], stored: StoredBacklog = NOTHING) -> None:
        """Start, change and stop channels so that those of `states` run."""
        async with self._changing:
            wanted = {channel.id: channel for state in states for channel in state.channels}
            gone = [self._active.pop(id_) for id_ in self._active.keys() - wanted.keys()]
            changed = [active for id_, active in self._active.items() if active.channel != wanted[id_]]
            await asyncio.gather(*(self._stop(active, CHANGE_TIMEOUT_S) for active in gone + changed))
            for active in gone:
                self._spill.forget(active.channel.id)
            renamed = [active for active in changed if _names(active.channel) != _names(wanted[active.channel.id])]
            # The metrics of all of them are removed first: a new channel may have the name of an old one.
            for active in gone + renamed:
                self._metrics.forget(active.channel)
            for active in changed:
                active.channel = wanted[active.channel.id]
                self._show(active)
                self._start(active)
            for id_ in wanted.keys() - self._active.keys():
                channel = wanted[id_]
                queue = ChannelQueue(id_, self._spill, self._on_progress, stored.backlog.get(id_, NO_BACKLOG))
                self._active[id_] = active = ActiveChannel(channel, queue)
                self._show(active)
                self._start(active, stored.failures.get(id_))

    async def restart(self, channel_id: int, *, rewind: bool = False) -> None:
        """Restart the delivery of a channel; `rewind` reads the delivery table from its beginning."""
        async with self._changing:
            active = self._active.get(channel_id)
            if active is None:
                return
            await self._stop(active, CHANGE_TIMEOUT_S)
            if rewind:
                active.queue.spill()
                await self._spill.flush_all()
                active.queue.rewind()
            self._start(active)

    async def restart_all(self, policy: AddressPolicy, session: aiohttp.ClientSession) -> None:
        """Restart all channels with another configuration."""
        self._policy, self._session = policy, session
        for id_ in list(self._active):
            await self.restart(id_)

    async def stop(self) -> None:
        """Finish the work under way and stop."""
        self._stopped = True  # without the lock: its holder may wait for the database, and this must not
        await asyncio.gather(*(self._stop(active, STOP_TIMEOUT_S) for active in self._active.values()))

    def _show(self, active: ActiveChannel) -> None:
        queue = active.queue
        self._metrics.show_queue(active.channel, queue.__len__, lambda: float(queue.spilled))

    def _start(self, active: ActiveChannel, failures: int | None = None) -> None:
        channel, queue = active.channel, active.queue
        if self._stopped:
            return
        if channel.paused:
            queue.spill()
            queue.report(Report("paused"))
            return
        try:
            sink = self._sink(active)
        except (KeyError, TypeError, ValueError) as problem:  # another version wrote these settings
            error = f"this version of the daemon cannot serve the channel ({type(problem).__name__})"
            log.error("channel cannot be served", extra={**_names(channel), **fault(problem)})
            queue.spill()
            queue.report(Report("failing", error))
            return
        if sink is None:
            return
        active.stopping = asyncio.Event()
        delivery = Delivery(channel, queue, sink, self._metrics, self._on_gone, failures)
        active.task = asyncio.create_task(delivery.run(active.stopping))
        active.task.add_done_callback(lambda task: self._ended(channel, task))

    def _sink(self, active: ActiveChannel) -> Sink | None:
        """Return the sink of a channel; None where its clients take events from the queue."""
        channel = active.channel
        match channel.type:
            case "WEBHOOK":
                return WebhookSink(channel.stakeholder, channel.settings, self._session, self._policy.sockets)
            case "REDIS":
                return RedisSink(channel.stakeholder, channel.settings, self._policy, self._lookups)
            case "SOCKET" if channel.settings.get("mode") == "broadcast":
                active.socket = sink = BroadcastSocket(channel, self._metrics)
                return sink
            case "SOCKET":
                active.socket = QueueSocket(channel, active.queue, self._metrics)
                return None
        raise ValueError("unknown type of channel")

    async def _stop(self, active: ActiveChannel, timeout_s: float) -> None:
        """Stop the delivery of a channel, in limited time, because the stream waits for it."""
        active.stopping.set()
        task, active.task = active.task, None
        socket, active.socket = active.socket, None
        ending = [] if task is None else [task]
        if socket is not None:
            # A client that reads at all gets the reason at once.
            ending.append(asyncio.create_task(self._close(active.channel, socket)))
        if ending:
            _, late = await asyncio.wait(ending, timeout=timeout_s)
            for one in late:
                one.cancel()

    async def _close(self, channel: Channel, socket: SocketChannel) -> None:
        try:
            await socket.close_within(CHANGE_TIMEOUT_S)
        except Exception as problem:  # an error with its clients; the channel is stopped all the same
            log.error("socket closed by a fault", extra={**_names(channel), **fault(problem)})

    def _ended(self, channel: Channel, task: asyncio.Task[None]) -> None:
        """Restart a delivery that an error ended, while the other channels continue."""
        if not task.cancelled() and (problem := task.exception()) is not None:
            log.error("delivery ended by a fault", extra={**_names(channel), **fault(problem)})
            again = asyncio.create_task(self._restart_later(channel.id))
            self._restarts.add(again)
            again.add_done_callback(self._restarts.discard)

    async def _restart_later(self, channel_id: int) -> None:
        await asyncio.sleep(RESTART_S)
        await self.restart(channel_id)


def _names(channel: Channel) -> dict[str, str]:
    return {"stakeholder": channel.stakeholder, "channel": channel.name}
