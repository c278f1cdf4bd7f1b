"""Delivers to webhooks: POSTs events, signed as the Standard Webhooks specification says."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader

from integratedb_companion.daemon.routing.events import Event
from integratedb_companion.daemon.routing.ordering import segments

from .addresses import AddressPolicy
from .attempts import BatchSize, Outcome
from .faults import ReceiverError, describe, http_answer, place_of
from .names import Lookups, Resolver, stakeholder
from .receiver_sockets import ReceiverSocket, ReceiverSockets
from .secret_settings import resolve_secret, resolve_url

SINGLE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
#: How much is read until the status is known, and after that: a short answer is read whole, so that its connection can
#: be reused.
HEAD_BYTES, BODY_BYTES = 64 << 10, 8 << 10
#: How many heads an answer may have: those of interim answers (1xx), and its own.
HEADS = 16
#: How long a connection may take to be closed.
CLOSED_WITHIN_S = 2.0
#: How much is parsed before the limits are checked again.
PARSED_BYTES = 4 << 10


class _Protocol(ResponseHandler):
    """Reads a limited part of each answer, and closes a connection whose receiver sends data without a request.

    aiohttp parses and buffers all data that arrives, also after the answer. So an endless answer would fill the memory
    and hold up all other channels.
    """

    in_use = True
    _room = HEAD_BYTES
    _heads = 0
    _is_status_known = False

    def begin_use(self) -> None:
        """Expect one answer."""
        self.in_use = True
        self._room, self._heads, self._is_status_known = HEAD_BYTES, 0, False

    def data_received(self, data: bytes) -> None:
        """Parse data up to the limits, and discard the rest."""
        if not data:  # aiohttp resumes where it paused
            super().data_received(data)
            return
        if not self.in_use:
            self._disconnect()
            return
        while data and self._room and self.exception() is None:
            part, data = data[: min(PARSED_BYTES, self._room)], data[min(PARSED_BYTES, self._room) :]
            self._room -= len(part)
            super().data_received(part)
            if self._heads > HEADS:
                self._disconnect()
                return
        if not self._room:
            self._read_no_more()

    def close(self) -> None:
        """Close the connection, and do not wait long for a receiver that neither reads nor ends the encryption."""
        transport = self.transport
        super().close()
        if transport is not None:
            self._loop.call_later(CLOSED_WITHIN_S, transport.abort)

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Queue a head that was parsed."""
        self._heads += 1
        if data[0].code >= FIRST_FINAL_STATUS and not self._is_status_known:
            self._is_status_known, self._room = True, BODY_BYTES
        super().feed_data(data, size)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Resume reading, unless enough was read."""
        if self._room:
            super().resume_reading(resume_parser)

    def _read_no_more(self) -> None:
        if not self._is_status_known:
            self._disconnect()
        elif self.transport is not None:
            self.transport.pause_reading()

    def _disconnect(self) -> None:
        self._room = 0
        if self.transport is not None:
            self.transport.abort()


class _Connector(aiohttp.TCPConnector):
    """Records which socket a request uses, and when the socket is free again."""

    def __init__(self, sockets: ReceiverSockets, **options: Any) -> None:
        super().__init__(**options)
        self._sockets = sockets
        self._factory = partial(_Protocol, loop=self._loop)  # type: ignore[assignment]  # partial is invariant

    async def connect(self, *arguments: Any, **options: Any) -> Connection:
        """Reuse an idle connection, or open one."""
        while True:
            connection = await super().connect(*arguments, **options)
            transport = connection.transport
            connected = None if transport is None else transport.get_extra_info("socket")
            used = None if connected is None else self._sockets.find(connected.fileno())
            if used is None:  # the socket is closed already
                return connection
            if not used.is_given_up:
                assert isinstance(connection.protocol, _Protocol)
                connection.protocol.begin_use()
                self._sockets.begin_use(used, stakeholder.get())
                connection.add_callback(partial(self._end_use, connection.protocol, used))
                return connection
            connection.close()

    def _end_use(self, protocol: _Protocol, used: ReceiverSocket) -> None:
        protocol.in_use = False
        self._sockets.end_use(used)


def open_session(policy: AddressPolicy, names: Lookups) -> aiohttp.ClientSession:
    """Open the HTTP client that all webhooks share; it reuses connections and checks each address when it connects."""
    connector = _Connector(
        policy.sockets,
        limit=0,
        socket_factory=policy.socket,
        keepalive_timeout=60,
        # With the connector's own cache, a stakeholder would wait for lookups of another one.
        resolver=Resolver(names),
        use_dns_cache=False,
    )
    return aiohttp.ClientSession(connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar())


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """Sign a body: the key is base64 after whsec_, the signature is base64 after its version."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


#: Lower ones are of interim answers.
FIRST_FINAL_STATUS = 200
#: Answers that do not reject the request as such: the receiver is overloaded, or the request came too early.
BUSY = {408, 425, 429, 502, 503, 504}


class GoneError(ReceiverError):
    """The receiver answered 410: it wants no more events."""


class BusyError(ReceiverError):
    """The receiver answered that it cannot take anything at present."""


class WebhookSink:
    """Sends to one URL, with `concurrency` requests at a time; events that share a row stay in order."""

    def __init__(
        self, stakeholder: str, settings: Mapping[str, Any], session: aiohttp.ClientSession, sockets: ReceiverSockets
    ) -> None:
        self._stakeholder = stakeholder
        self._sockets = sockets
        self._url: str = settings["url"]
        self._secret: str | None = settings.get("secret")
        self._timeout = aiohttp.ClientTimeout(total=float(settings.get("timeout", 10)))
        self._batch = int(settings.get("batch", 1))
        self._size = BatchSize(self._batch)
        self._concurrency = int(settings.get("concurrency", 1))
        self._session = session
        # Several batches for each lane, so that rows of uneven number do not leave lanes idle.
        self.window = self._batch * (self._concurrency * 4 if self._concurrency > 1 else 1)

    async def deliver(self, events: Sequence[Event]) -> Outcome:
        """Send events in lanes. A lane stops at its first failure, and then no later segment begins."""
        stakeholder.set(self._stakeholder)
        if self._concurrency == 1:
            return await self._lane(events)
        outcomes: list[Outcome] = []
        for lanes in segments(events, self._concurrency):
            outcomes += await asyncio.gather(*(self._lane(lane) for lane in lanes))
            if any(outcome.error is not None for outcome in outcomes):
                break
        arrived = {id(event) for outcome in outcomes for event in outcome.delivered}
        return Outcome(
            delivered=[event for event in events if id(event) in arrived],
            failed=[event for outcome in outcomes for event in outcome.failed],
            error=next((outcome.error for outcome in outcomes if outcome.error), None),
            gone=any(outcome.gone for outcome in outcomes),
        )

    async def close(self) -> None:
        """Do nothing: the session is shared."""

    async def _lane(self, events: Sequence[Event]) -> Outcome:
        """Send events in batches; a rejected batch is halved at once, until the event at fault is sent alone."""
        done = 0
        limit: int | None = None
        while done < len(events):
            batch = events[done : done + (limit or self._size.now)]
            place = "the receiver"
            try:
                url = resolve_url(self._url, "WEBHOOK", self._stakeholder)
                place = place_of(url)
                await self._post(url, place, batch)
            except GoneError as problem:
                return Outcome(events[:done], (), describe(problem, place), gone=True)
            except Exception as problem:
                rejected = isinstance(problem, ReceiverError) and not isinstance(problem, BusyError)
                if rejected and len(batch) > 1:
                    limit = len(batch) // 2
                    continue
                self._size.failed()
                return Outcome(events[:done], batch if len(batch) == 1 else (), describe(problem, place))
            done += len(batch)
            if limit is None:
                self._size.succeeded()
        return Outcome(events)

    async def _post(self, url: str, place: str, batch: Sequence[Event]) -> None:
        if self._batch == 1:
            message_id, body, content_type = batch[0].id, batch[0].payload, SINGLE
        else:
            message_id = batch[0].id if len(batch) == 1 else f"{batch[0].id}..{batch[-1].id}"
            body, content_type = b"[" + b",".join(event.payload for event in batch) + b"]", BATCH
        timestamp = int(time.time())
        headers = {"content-type": content_type, "webhook-id": message_id, "webhook-timestamp": str(timestamp)}
        if self._secret is not None:
            headers["webhook-signature"] = sign(
                resolve_secret(self._secret, self._stakeholder), message_id, timestamp, body
            )
        async with (
            self._sockets.attempt(self._stakeholder),
            self._session.post(
                url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False
            ) as response,
        ):
            await response.content.read(BODY_BYTES)
            if response.status == 410:
                raise GoneError(http_answer(place, response.status))
            if response.status in BUSY:
                raise BusyError(http_answer(place, response.status))
            if not 200 <= response.status < 300:
                raise ReceiverError(http_answer(place, response.status))
