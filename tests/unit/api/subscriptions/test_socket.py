"""A client that says nothing, or does not read, is disconnected; what waits for it is bounded."""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from integratedb_companion.api.messages import Head, Request
from integratedb_companion.api.subscriptions import protocol, socket
from integratedb_companion.api.subscriptions.socket import Sockets


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run a test in an event loop."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))

    return run


class Client:
    """A client that sends some events, and reads when it may."""

    def __init__(self, *frames: str) -> None:
        self.frames = [*frames]
        self.events: list[dict[str, Any]] = []
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def receive(self) -> dict[str, Any]:
        if self.frames:
            return {"type": "websocket.receive", "text": self.frames.pop(0)}
        await asyncio.Event().wait()
        raise AssertionError

    async def send(self, event: dict[str, Any]) -> None:
        await self.may_read.wait()
        self.events.append(event)

    @property
    def code(self) -> int | None:
        return self.events[-1].get("code")


def sockets() -> Sockets:
    async def of(_: str) -> None: ...

    caller = SimpleNamespace(role="reporter", expires_at_s=float("inf"))
    metrics = SimpleNamespace(too_slow=SimpleNamespace(inc=lambda: None))
    given: Any = SimpleNamespace(caller=lambda _: caller), SimpleNamespace(of=of), None, metrics
    hub: Any = None
    return Sockets(hub, *given, saved_only=False)


async def serve(made: Sockets, client: Client, *offered: str) -> None:
    request = Request("GET", "/graphql", b"/graphql", "", Head([]))
    await made.serve(request, [], offered or (protocol.SUBPROTOCOL,), client.receive, client.send)


@in_loop
async def test_a_client_that_does_not_introduce_itself_is_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "INIT_TIMEOUT_S", 0.01)
    client, made = Client(), sockets()
    await serve(made, client)
    assert client.code == 4408
    assert (made.strangers, made.open) == (0, set())


@in_loop
async def test_a_client_that_is_silent_is_asked_and_then_disconnected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "SILENCE_S", 0.01)
    client = Client('{"type":"connection_init"}')
    async with asyncio.timeout(5):
        await serve(sockets(), client)
    assert [event.get("text") for event in client.events[1:-1]] == [protocol.ACK, protocol.PING]
    assert client.code == 1001


@in_loop
async def test_what_waits_for_a_client_that_does_not_read_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "MOST_WAITING", 100)
    monkeypatch.setattr(socket, "CLOSE_TIMEOUT_S", 0.01)
    made, client = sockets(), Client('{"type":"connection_init"}')
    serving = asyncio.create_task(serve(made, client))
    while protocol.ACK not in [event.get("text") for event in client.events]:
        await asyncio.sleep(0)
    client.may_read.clear()
    [one] = made.open
    for _ in range(20):
        one.put("x" * 30)
        await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await serving
    assert (made.open, made.room.waiting) == (set(), 0)


@in_loop
async def test_the_number_of_clients_and_of_strangers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "MOST_STRANGERS", 0)
    client = Client()
    await serve(sockets(), client)
    assert client.code == protocol.TRY_AGAIN


@in_loop
async def test_another_protocol_is_refused() -> None:
    client = Client()
    await serve(sockets(), client, "graphql-ws")
    assert client.code == protocol.NOT_ACCEPTABLE


def test_a_long_document_is_parsed_beside_other_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[bool] = []

    def noted(_: Any) -> bool:
        threads.append(threading.current_thread() is threading.main_thread())
        return False

    async def run(_: Any) -> None:
        pass

    monkeypatch.setattr(socket, "_is_subscription", noted)
    served: Any = socket.Socket.__new__(socket.Socket)
    served._run = run
    for query in ("{a}", "{" + "a " * 4096 + "}"):
        asyncio.run(served._operate(SimpleNamespace(id="1", wanted=SimpleNamespace(query=query))))
    assert threads == [True, False]


@in_loop
async def test_a_query_that_is_completed_while_it_waits_for_a_connection_waits_no_longer() -> None:
    made, waiting = sockets(), []

    async def answer(*_: Any) -> None:
        waiting.append(1)
        try:
            await asyncio.Event().wait()
        finally:
            waiting.pop()

    made.faces = SimpleNamespace(answer=answer)  # type: ignore[assignment]  # stands for them
    init, query = '{"type":"connection_init"}', '{"id":"1","type":"subscribe","payload":{"query":"{ viewer { x } }"}}'
    client = Client(init, query)
    serving = asyncio.create_task(serve(made, client))
    while not waiting:
        await asyncio.sleep(0.001)
    [open_] = made.open
    open_._forget("1")
    async with asyncio.timeout(5):
        while waiting:
            await asyncio.sleep(0.001)
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
