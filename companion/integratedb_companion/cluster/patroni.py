"""Speaks to the REST API of each Patroni, with the certificate of this node."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from typing import Any

import aiohttp

from .rendering import API_USER

TIMEOUT_S = 2.0


class Patroni:
    """The Patronis of a cluster."""

    def __init__(self, session: aiohttp.ClientSession, tls: ssl.SSLContext, password: str) -> None:
        self._session, self._tls = session, tls
        self._login = aiohttp.BasicAuth(API_USER, password)

    async def get(self, url: str, path: str, timeout_s: float = TIMEOUT_S) -> tuple[int, dict[str, Any]] | None:
        """Return the status and the document of an answer; None: no answer."""
        try:
            async with self._session.get(
                f"{url}{path}", ssl=self._tls, timeout=aiohttp.ClientTimeout(total=timeout_s, connect=1.0)
            ) as answer:
                return answer.status, _document(await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    async def post(self, url: str, path: str, body: Mapping[str, Any], timeout_s: float) -> tuple[int, str] | None:
        """Ask for an action; return the status and what Patroni says; None: no answer."""
        return await self._send("POST", url, path, body, timeout_s)

    async def patch(self, url: str, body: Mapping[str, Any]) -> tuple[int, str] | None:
        """Change the configuration of the cluster; return the status and what Patroni says; None: no answer."""
        return await self._send("PATCH", url, "/config", body, TIMEOUT_S)

    async def _send(
        self, method: str, url: str, path: str, body: Mapping[str, Any], timeout_s: float
    ) -> tuple[int, str] | None:
        try:
            async with self._session.request(
                method,
                f"{url}{path}",
                data=json.dumps(body),
                auth=self._login,
                ssl=self._tls,
                timeout=aiohttp.ClientTimeout(total=timeout_s, connect=1.0),
            ) as answer:
                return answer.status, (await answer.read())[:500].decode(errors="replace").strip()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None


def _document(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
