"""100 changes a second to many WebSocket clients, beside a bare server of the same library sending the same frames."""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import threading
import time
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

from bench.notifications.support import insert_at, percentile, shop, verdict
from tests.system.harness import free_port

RATE, SECONDS = 100, 8


class Clients:
    """Clients in an event loop of their own, which note when they got which order."""

    def __init__(self, number: int, url: str, headers: dict[str, str] | None = None) -> None:
        self.arrived_s: list[list[tuple[int, float]]] = [[] for _ in range(number)]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks: list[asyncio.Task[None]] = []
        asyncio.run_coroutine_threadsafe(self._open(number, url, headers), self._loop).result(120)

    async def _open(self, number: int, url: str, headers: dict[str, str] | None) -> None:
        for index in range(number):
            client = await connect(url, additional_headers=headers, compression=None, ping_interval=None)
            self._tasks.append(asyncio.create_task(self._read(index, client)))

    async def _read(self, index: int, client: ClientConnection) -> None:
        arrived = self.arrived_s[index]
        async for frame in client:
            text = str(frame)  # as it is: the daemon sends text only
            arrived.append((int(text[text.index('"record":{"id":') + 15 :].split(",")[0]), time.time()))

    def close(self, expected: int) -> None:
        """End when everybody has everything, or after a minute: the clients may be what is slow."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and any(len(arrived) < expected for arrived in self.arrived_s):
            time.sleep(0.05)

        async def end() -> None:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(30)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def latencies_ms(self, sent_s: dict[int, float]) -> list[float]:
        """Give them, after making sure that every client got everything in order."""
        for arrived in self.arrived_s:
            assert [number for number, _ in arrived] == list(sent_s), "complete and in order"
        return [max(0.05, (at - sent_s[number]) * 1000) for arrived in self.arrived_s for number, at in arrived]


def bare(number: int, frames: list[str]) -> list[float]:
    """Measure a server that does nothing but send."""
    port = free_port()
    source = f"""
import asyncio, sys
from websockets.asyncio.server import broadcast, serve

async def main():
    connections = set()
    async def handle(connection):
        connections.add(connection)
        await connection.wait_closed()
    async with serve(handle, "127.0.0.1", {port}, compression=None):
        print("ready", flush=True)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1 << 24)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            broadcast(connections, line[:-1], text=True)
asyncio.run(main())
"""
    import subprocess

    with subprocess.Popen([sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdout.readline()
        clients = Clients(number, f"ws://127.0.0.1:{port}/")
        sent: dict[int, float] = {}
        start_s = time.time()
        for index, frame in enumerate(frames):
            time.sleep(max(0, start_s + index / RATE - time.time()))
            server.stdin.write(frame.encode() + b"\n")
            server.stdin.flush()
            sent[1_000_000 + index] = time.time()
        clients.close(len(sent))
        server.stdin.close()
    return clients.latencies_ms(sent)


def ours(number: int) -> list[float]:
    """Measure the daemon."""
    with shop(f"bench_fanout_{number}") as (made, _):
        made.notify({"type": "SOCKET", "name": "live", "mode": "broadcast"})
        daemon = made.daemon()
        credentials = base64.b64encode(f"{made.stakeholder}:{made.password}".encode()).decode()
        url = f"ws://127.0.0.1:{daemon.port}/v1/notifications/live"
        clients = Clients(number, url, {"Authorization": f"Basic {credentials}"})
        sent = insert_at(made.owner, RATE, 1_000_000, RATE * SECONDS)
        clients.close(len(sent))
    return clients.latencies_ms(sent)


def frames() -> list[str]:
    """The frames that the daemon sends, as text."""

    def body(n: int) -> dict[str, Any]:
        return {
            "specversion": "1.0",
            "id": f"{n:016X}-00000000",
            "source": "/integratedb/bench_fanout",
            "type": "integratedb.row.insert",
            "subject": "public.orders",
            "datacontenttype": "application/json",
            "time": "2026-01-01T00:00:00.000000Z",
            "data": {
                "record": {
                    "id": n,
                    "status": "x",
                    "customer": None,
                    "total": None,
                    "at": "2026-01-01T00:00:00.000000+00:00",
                },
                "old": None,
                "changed": None,
                "lsn": "0/16B3748",
                "xid": 1234,
            },
        }

    return [json.dumps(body(1_000_000 + n), separators=(",", ":")) for n in range(RATE * SECONDS)]


def main() -> bool:
    """Measure."""
    met = True
    for number, bar in ((100, 3.0), (500, None)):
        peer, mine = percentile(bare(number, frames()), 0.95), percentile(ours(number), 0.95)
        print(f"fan-out: {RATE} changes/s to {number} clients; p95 bare server {peer:.2f} ms, daemon {mine:.2f} ms")
        if bar is None:
            print(f"  ours / peer: {mine / peer:.2f}")
        else:
            met = verdict("ours p95 / peer p95", mine / peer, bar)
    return met


if __name__ == "__main__":
    sys.exit(not main())
