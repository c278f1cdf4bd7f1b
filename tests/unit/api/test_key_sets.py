"""Keys by URL: fetched at a bounded rate, found by discovery, and kept when they cannot be fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

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


def test_known_keys_stay_when_new_ones_cannot_be_fetched() -> None:
    documents: list[Any] = [{"keys": []}, {}, [], None, {"keys": [{"kty": "new"}]}]
    for document in documents:
        web = Web(**{"https://x/jwks": document})
        assert not asyncio.run(web.key_set("https://x/jwks").refresh())
        assert not web.taken
    assert not asyncio.run(Web().key_set("https://x/jwks").refresh())
