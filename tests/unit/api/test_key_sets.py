"""Keys by URL: fetched at a bounded rate, found by discovery, and kept when they cannot be fetched."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from integratedb_companion.api import key_sets
from integratedb_companion.api.key_sets import REFRESH_AT_MOST_EVERY_S, KeySet
from integratedb_companion.api.keys import Key
from tests.unit.api.test_tokens import jwk

SET = {"keys": [jwk("ES256", kid="e")]}


class Web:
    """What a test has instead of the web."""

    def __init__(self, **documents: Any) -> None:
        self.documents = documents
        self.fetched: list[str] = []
        self.taken: list[Sequence[Key]] = []
        self.now_s = 0.0

    def fetch(self, url: str) -> Any:
        self.fetched.append(url)
        if url not in self.documents:
            raise OSError("unreachable")
        return self.documents[url]

    def key_set(self, jwks_url: str | None = None, issuer: str | None = None) -> KeySet:
        return KeySet(jwks_url, issuer, self.taken.append, self.fetch, lambda: self.now_s)


def test_unknown_keys_cause_one_fetch_in_a_while_however_many_ask() -> None:
    web = Web(**{"https://x/jwks": SET})

    async def ask() -> list[bool]:
        keys = web.key_set("https://x/jwks")
        together = await asyncio.gather(*(keys.refresh() for _ in range(50)))
        again = await keys.refresh()
        web.now_s += REFRESH_AT_MOST_EVERY_S
        return [all(together), again, await keys.refresh()]

    assert asyncio.run(ask()) == [True, False, True]
    assert len(web.fetched) == 2
    assert [key.kid for key in web.taken[0]] == ["e"]


def test_an_issuer_is_asked_where_its_keys_are_and_must_name_itself() -> None:
    place = "https://x/.well-known/openid-configuration"
    web = Web(**{place: {"issuer": "https://x/", "jwks_uri": "https://x/jwks"}, "https://x/jwks": SET})
    assert asyncio.run(web.key_set(issuer="https://x/").refresh())
    assert web.fetched == [place, "https://x/jwks"]
    documents: list[Any] = [{"issuer": "https://evil/", "jwks_uri": "https://x/jwks"}, {"issuer": "https://x/"}, []]
    for document in documents:
        web = Web(**{place: document, "https://x/jwks": SET})
        assert not asyncio.run(web.key_set(issuer="https://x/").refresh())
        assert not web.taken


def test_keys_of_an_issuer_by_https_come_by_https() -> None:
    place = "https://x/.well-known/openid-configuration"
    web = Web(**{place: {"issuer": "https://x/", "jwks_uri": "http://x/jwks"}, "http://x/jwks": SET})
    assert not asyncio.run(web.key_set(issuer="https://x/").refresh())


def answered_by(answer: Callable[[socket.socket], None]) -> bool:
    """Whether keys are fetched from a server that answers in its own way; the fetch must end in any case."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with listening.accept()[0] as connection, contextlib.suppress(OSError):
                connection.recv(10_000)
                answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        keys = KeySet(f"http://127.0.0.1:{listening.getsockname()[1]}/", None, lambda _: None)
        has_keys = asyncio.run(keys.refresh())
        thread.join(10)
        return has_keys


@pytest.mark.parametrize(
    "sent",
    [
        b"no HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x" * 70_000 + b": y\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 2_000_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000,
        b"HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: ftp://127.0.0.1:1/keys\r\n\r\n",
    ],
)
def test_a_server_that_answers_nonsense_gives_no_keys(sent: bytes) -> None:
    assert not answered_by(lambda connection: connection.sendall(sent))


def test_a_server_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sets, "WHOLE_TIMEOUT_S", 0.3)

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(100):
            connection.sendall(b" ")
            time.sleep(0.05)

    began_s = time.monotonic()
    assert not answered_by(drip)
    assert time.monotonic() - began_s < 3


def test_known_keys_stay_when_new_ones_cannot_be_fetched() -> None:
    documents: list[Any] = [{"keys": []}, {}, [], None, {"keys": [{"kty": "new"}]}]
    for document in documents:
        web = Web(**{"https://x/jwks": document})
        assert not asyncio.run(web.key_set("https://x/jwks").refresh())
        assert not web.taken
    assert not asyncio.run(Web().key_set("https://x/jwks").refresh())
