"""The connections of webhooks between their uses."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import pytest

from integratedb_companion.daemon.delivery import webhook
from integratedb_companion.daemon.delivery.addresses import AddressPolicy
from integratedb_companion.daemon.delivery.attempts import Outcome
from integratedb_companion.daemon.delivery.names import Lookups
from integratedb_companion.daemon.delivery.webhook import WebhookSink, open_session
from integratedb_companion.daemon.routing.events import Event, event_id

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def an_event(position: int, *, padding: int = 0) -> Event:
    """An event with an id."""
    payload = b'{"id":"%b"%b}' % (event_id(1, 1, position).encode(), b" " * padding)
    return Event(1, position, b"", payload, time.time())


class Receiver:
    """Answers each request, and then as often as told although nobody asks."""

    def __init__(self, further_answers: int) -> None:
        self.connections = 0
        self.is_cut_off = asyncio.Event()
        self._further = further_answers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await reader.readuntil(b"}")
                writer.write(ANSWER)
                await writer.drain()
                for _ in range(self._further):
                    await asyncio.sleep(0.05)
                    writer.write(ANSWER * 1000)
                    await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            self.is_cut_off.set()
        finally:
            writer.close()


async def deliver(receiver: Receiver, times: int, *, cut_off_within_s: float | None = None) -> None:
    """Deliver one event after another, each over a connection that is there afterwards."""
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    policy = AddressPolicy()
    async with server, open_session(policy, Lookups()) as session:
        sink = WebhookSink("shipping", {"url": url}, session, policy.sockets)
        for position in range(times):
            outcome = await sink.deliver([an_event(position)])
            assert outcome.error is None
            assert policy.sockets.used() == 1
        if cut_off_within_s is not None:
            async with asyncio.timeout(cut_off_within_s):
                await receiver.is_cut_off.wait()
            assert policy.sockets.used() == 0


def test_a_connection_is_used_again() -> None:
    async def connections() -> int:
        receiver = Receiver(further_answers=0)
        await deliver(receiver, 3)
        return receiver.connections

    assert asyncio.run(connections()) == 1


def test_a_receiver_that_goes_on_answering_is_cut_off() -> None:
    # All of it would be kept in memory, for as long as the connection waits for its next use.
    async def attempt() -> None:
        await deliver(Receiver(further_answers=50), 1, cut_off_within_s=5)

    asyncio.run(attempt())


def deliver_to(first: bytes, then: bytes, times: int, timeout_s: float = 20) -> tuple[Outcome, int]:
    """Deliver an event to a receiver that answers this; returns the outcome, and how many bytes the receiver sent."""
    sent = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"}")
        with suppress(ConnectionError):
            for part in (first, *[then] * times):
                writer.write(part)
                await writer.drain()
                sent += len(part)
        writer.close()

    async def attempt() -> Outcome:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        policy = AddressPolicy()
        async with server, open_session(policy, Lookups()) as session:
            sink = WebhookSink("shipping", {"url": url, "timeout": timeout_s}, session, policy.sockets)
            return await sink.deliver([an_event(1)])

    return asyncio.run(attempt()), sent


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 1000),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", b"a" * 50_000),
        (b"", b"\r\n" * 20_000),
    ],
    ids=["interim", "hints", "extension", "blank"],
)
def test_an_answer_without_end_is_not_read_to_its_end(first: bytes, then: bytes) -> None:
    outcome, sent = deliver_to(first, then, 2_000, timeout_s=2)
    assert outcome.error is not None
    assert sent < 20 << 20  # the kernel has buffers, too


@pytest.mark.parametrize("body", [b"a" * 300_000, b"1\r\na\r\n" * 50_000 + b"0\r\n\r\n"], ids=["length", "chunks"])
def test_a_long_answer_confirms_the_event(body: bytes) -> None:
    coding = b"transfer-encoding: chunked" if body.endswith(b"\n") else b"content-length: %d" % len(body)
    outcome, _ = deliver_to(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\n\r\n" + body, b"", 0)
    assert outcome.error is None
    assert len(outcome.delivered) == 1


def test_interim_answers_and_long_heads_are_allowed() -> None:
    head = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 10 + b"HTTP/1.1 204 None\r\n"
    head += b"".join(b"x-%d: %b\r\n" % (number, b"a" * 1000) for number in range(40))
    outcome, _ = deliver_to(head + b"\r\n", b"", 0)
    assert outcome.error is None


@pytest.mark.filterwarnings("ignore:Sending a large body")
@pytest.mark.parametrize(
    "answer",
    [b"", ANSWER, ANSWER.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")],
    ids=["silent", "answering", "closing"],
)
def test_a_receiver_that_does_not_read_keeps_no_connection(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "CLOSED_WITHIN_S", 0.2)

    async def attempt() -> None:
        is_over = asyncio.Event()

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can
            writer.write(answer)
            await is_over.wait()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        policy = AddressPolicy()
        async with server, open_session(policy, Lookups()) as session:
            sink = WebhookSink("shipping", {"url": url, "timeout": 0.5}, session, policy.sockets)
            outcome = await sink.deliver([an_event(1, padding=20 << 20)])
            assert (outcome.error is None) == bool(answer)
            async with asyncio.timeout(3):
                while policy.sockets.used():
                    await asyncio.sleep(0.05)
            is_over.set()

    asyncio.run(attempt())
