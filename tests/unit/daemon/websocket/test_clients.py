"""A WebSocket client that does not read is sent away, one that reads slowly is not; none takes all the time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from websockets.asyncio.server import ServerConnection, serve

from integratedb_companion.daemon.websocket import clients
from integratedb_companion.daemon.websocket.clients import Client, dismiss

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
#: More than the kernel keeps.
LONG = b"x" * (12 << 20)
PING, PONG, TEXT = (bytes([opcode]) + b"\x80\0\0\0\0" for opcode in (0x89, 0x8A, 0x81))
#: 60,000 bytes with an empty mask.
LONG_FRAME = b"\x82\xfe\xea\x60\0\0\0\0" + b"x" * 60_000


class Peer:
    """A client by hand, which reads what it is told to."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self._connection, data)

    async def read(self, limit: int = 1 << 20) -> bytes:
        return await self._loop.sock_recv(self._connection, limit)

    async def is_gone(self) -> bool:
        try:
            async with asyncio.timeout(5):
                while await self.read():
                    pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True


def run(serving: Callable[[ServerConnection], Awaitable[None]], story: Callable[[Peer], Awaitable[None]]) -> None:
    async def all_of_it() -> None:
        async with serve(
            serving, "127.0.0.1", 0, create_connection=Client, compression=None, ping_interval=None
        ) as server:
            with socket.socket() as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32768)
                connection.setblocking(False)
                loop = asyncio.get_running_loop()
                await loop.sock_connect(connection, next(iter(server.sockets)).getsockname())
                peer = Peer(connection)
                await peer.send(HANDSHAKE)
                await peer.read(300)
                await story(peer)

    asyncio.run(all_of_it())


async def send_much(client: ServerConnection) -> None:
    await client.send(LONG)
    await client.wait_closed()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "READS_WITHIN_S", 0.3)


@pytest.mark.usefixtures("impatient")
def test_who_reads_nothing_is_gone_in_time() -> None:
    ended = asyncio.Event()

    async def serving(client: ServerConnection) -> None:
        await send_much(client)
        ended.set()

    async def story(_: Peer) -> None:
        await asyncio.wait_for(ended.wait(), 5)

    run(serving, story)


@pytest.mark.usefixtures("impatient")
def test_who_reads_slowly_gets_all_of_it() -> None:
    async def story(peer: Peer) -> None:
        left = len(LONG) - 300  # what came with the handshake
        pause_at = left
        while left > 0:
            if left < pause_at:
                await asyncio.sleep(0.05)
                pause_at = left - (500 << 10)
            data = await peer.read()
            assert data
            left -= len(data)

    run(send_much, story)


def test_who_pings_and_reads_no_answer_is_gone() -> None:
    async def story(peer: Peer) -> None:
        with suppress(ConnectionError):
            for _ in range(10):
                await peer.send(PING * (clients.UNREAD_PINGS // 2))
                await asyncio.sleep(0.02)
        assert await peer.is_gone()

    run(send_much, story)


@pytest.mark.parametrize("is_head_complete", [False, True])
def test_who_sends_much_before_the_handshake_is_finished_is_gone(is_head_complete: bool) -> None:
    async def attempt() -> None:
        never = asyncio.Event()

        async def admit(*_: object) -> None:
            await never.wait()

        async def serving(_: ServerConnection) -> None:
            pass

        async with serve(serving, "127.0.0.1", 0, process_request=admit, create_connection=Client) as server:
            with socket.socket() as connection:
                connection.setblocking(False)
                await asyncio.get_running_loop().sock_connect(connection, next(iter(server.sockets)).getsockname())
                peer = Peer(connection)
                head = HANDSHAKE[:-2] + b"".join(b"x-%d: %b\r\n" % (n, b"a" * 1000) for n in range(20))
                await peer.send(head)
                if is_head_complete:
                    await peer.send(b"\r\n")
                await asyncio.sleep(0.1)
                assert len(server.handler_tasks) == 1
                with suppress(ConnectionError):
                    await peer.send(LONG_FRAME if is_head_complete else b"y: %b\r\n" % (b"a" * 1000) * 40)
                assert await peer.is_gone()
            never.set()

    asyncio.run(attempt())


def test_who_pings_and_reads_may_go_on() -> None:
    async def serving(client: ServerConnection) -> None:
        await client.wait_closed()

    async def story(peer: Peer) -> None:
        for _ in range(10):
            await peer.send(PING * clients.UNREAD_PINGS)
            answered = 0
            while answered < 2 * clients.UNREAD_PINGS:
                answered += len(await peer.read())

    run(serving, story)


@pytest.mark.parametrize("frame", [PING, PONG, TEXT], ids=["pings", "pongs", "texts"])
def test_who_sends_many_frames_leaves_time_for_others(frame: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    # So long that what is left unread shows.
    monkeypatch.setattr(clients, "PAUSE_FACTOR", 1e6)
    taken: list[int] = []
    as_before = Client.data_received

    def noted(client: Client, data: bytes) -> None:
        taken.append(len(data))
        as_before(client, data)

    monkeypatch.setattr(Client, "data_received", noted)

    async def serving(client: ServerConnection) -> None:
        async for _ in client:
            pass

    async def story(peer: Peer) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(2):
                while True:
                    await peer.send(frame * 40_000)
        assert max(taken) <= clients.READ_BYTES
        # A frame takes some microseconds, on whatever machine; then it rests.
        assert sum(taken) < 2_000 * len(frame) + len(HANDSHAKE)

    run(serving, story)
    assert not Client._pausing


def test_a_role_with_many_clients_slows_down_its_own() -> None:
    pauses = clients.Pauses()
    many = [pauses.begin(1) for _ in range(500)]
    assert many[-1] == 500
    assert pauses.begin(2) == 2
    # All together are processed as long as one client alone.
    assert sum(1 / times for times in [2 * 500] * 500 + [2]) == pytest.approx(1)
    for role in [1] * 500 + [2]:
        pauses.end(role)
    assert not pauses


def test_who_rests_is_not_read_while_the_library_has_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "PAUSE_AFTER_S", 0)
    enough = asyncio.Event()
    connected: list[ServerConnection] = []
    received: list[object] = []

    async def serving(client: ServerConnection) -> None:
        connected.append(client)
        await enough.wait()
        async for message in client:
            received.append(message)  # noqa: PERF401  # a comprehension would lose them when the client goes

    async def story(peer: Peer) -> None:
        sending = asyncio.create_task(peer.send(b"\x81\x81\0\0\0\0x" * 20_000 + b"\x88\x80\0\0\0\0"))
        await asyncio.sleep(0.3)
        [client] = connected
        held = len(client.recv_messages.frames)
        await asyncio.sleep(0.3)
        assert len(client.recv_messages.frames) == held < 1_000
        enough.set()
        await sending
        assert await peer.is_gone()

    run(serving, story)
    assert received == ["x"] * 20_000


@pytest.mark.parametrize("much", [True, False])
def test_who_is_sent_away_is_gone_in_time(much: bool) -> None:
    ended = asyncio.Event()

    async def serving(client: ServerConnection) -> None:
        sending = asyncio.create_task(client.send(LONG if much else b""))
        await asyncio.sleep(0.05)
        await asyncio.wait_for(dismiss(client, 4008, "too slow", 0.2), 1)
        await asyncio.gather(sending, return_exceptions=True)
        ended.set()

    async def story(_: Peer) -> None:
        await asyncio.wait_for(ended.wait(), 5)

    run(serving, story)
