"""Fetches a JWK set by its URL, or that of an OpenID issuer, and again for unknown keys, at a bounded rate."""

from __future__ import annotations

import asyncio
import logging
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

import orjson

from integratedb_companion.common.logs import fault

from .keys import Key, UnusableKeyError, read_document

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 5.0
#: A peer that sends a byte now and then keeps each read within its own limit.
WHOLE_TIMEOUT_S: Final = 20.0
MAX_BYTES: Final = 1 << 20
#: Keys that were withdrawn are trusted so long at most.
REFRESH_EVERY_S: Final = 600.0
#: Unknown keys cause a fetch at most so often; tokens with invented names of keys are cheap to make.
REFRESH_AT_MOST_EVERY_S: Final = 10.0


class KeySet:
    """The keys at a URL."""

    def __init__(
        self,
        jwks_url: str | None,
        issuer: str | None,
        replace: Callable[[Sequence[Key]], None],
        fetch: Callable[[str], Any] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jwks_url = jwks_url
        self._issuer = issuer
        self._replace = replace
        self._fetch = fetch or _fetch
        self._now = now
        self._tried_at_s = float("-inf")
        self._under_way: asyncio.Task[bool] | None = None
        self._known: tuple[Key, ...] | None = None
        # A peer that never ends occupies this thread, and none that requests need.
        self._thread = ThreadPoolExecutor(1, "key set")

    async def refresh(self) -> bool:
        """Fetch the keys, unless that was tried a moment ago; return whether there are keys of a new fetch."""
        if self._under_way is None:
            if self._now() < self._tried_at_s + REFRESH_AT_MOST_EVERY_S:
                return False
            self._tried_at_s = self._now()
            self._under_way = asyncio.create_task(self._load())
            self._under_way.add_done_callback(self._ended)
        return await asyncio.shield(self._under_way)

    def _ended(self, _: asyncio.Task[bool]) -> None:
        self._under_way = None

    async def keep(self) -> None:
        """Fetch the keys now and at intervals."""
        while True:
            await self.refresh()
            await asyncio.sleep(REFRESH_EVERY_S if self._known is not None else REFRESH_AT_MOST_EVERY_S)

    async def _load(self) -> bool:
        try:
            url = self._jwks_url or await self._discover()
            keys = read_document(await self._fetched(url))
        except (OSError, ValueError, HTTPException, UnusableKeyError) as problem:
            log.error("the key set cannot be fetched; the known keys stay", extra=fault(problem))
            return False
        # Equal keys have other objects each time, so the cache of tokens is cleared at each fetch.
        self._known = keys
        self._replace(keys)
        log.info("key set fetched", extra={"keys": len(keys)})
        return True

    async def _discover(self) -> str:
        assert self._issuer is not None
        document = await self._fetched(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if not isinstance(document, dict) or document.get("issuer") != self._issuer:
            raise ValueError("the document names another issuer")
        url = str(document.get("jwks_uri"))
        scheme, of_issuer = urlsplit(url).scheme, urlsplit(self._issuer).scheme
        if scheme not in ("http", "https") or (of_issuer == "https" and scheme != "https"):
            raise ValueError("the document has no jwks_uri, or one that leads away from https")
        return url

    async def _fetched(self, url: str) -> Any:
        async with asyncio.timeout(WHOLE_TIMEOUT_S):
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._fetch, url)


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows redirects to the web only, and from https to https only."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        scheme = urlsplit(newurl).scheme
        if scheme not in ("http", "https") or (req.full_url.startswith("https:") and scheme != "https"):
            raise ValueError("a redirect leads away from https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _fetch(url: str) -> Any:
    opener = urllib.request.build_opener(_SameScheme)
    request = urllib.request.Request(url, headers={"Accept": "application/json"})  # noqa: S310  the settings, and _discover(), take http(s) only
    until_s = time.monotonic() + WHOLE_TIMEOUT_S
    text = bytearray()
    with opener.open(request, timeout=TIMEOUT_S) as answer:
        while portion := answer.read1(MAX_BYTES):
            text += portion
            if len(text) > MAX_BYTES:
                raise ValueError("the document is too long")
            if time.monotonic() > until_s:
                raise TimeoutError("the document does not end")
    return orjson.loads(text)
