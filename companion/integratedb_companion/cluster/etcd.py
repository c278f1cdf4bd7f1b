"""Speaks to etcd by its JSON gateway: ranges, transactions, leases and members."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp

TIMEOUT_S = 2.0


class EtcdError(Exception):
    """No member of etcd answered, or one refused."""


class EtcdRefusedError(EtcdError):
    """A member of etcd has refused a request."""


@dataclass(frozen=True)
class Value:
    """What a key holds, and the revision that wrote it."""

    value: str
    revision: int
    lease: int = 0


@dataclass(frozen=True)
class Member:
    """One member of etcd; one that was never started has no name."""

    id: str
    name: str
    peer_url: str
    client_url: str
    is_learner: bool


class Etcd:
    """The cluster of etcd; the first endpoint that answers is asked."""

    def __init__(self, session: aiohttp.ClientSession, tls: ssl.SSLContext, endpoints: Sequence[str]) -> None:
        self._session, self._tls = session, tls
        self.endpoints = list(dict.fromkeys(endpoints))

    async def call(
        self, path: str, body: dict[str, Any], endpoints: Sequence[str] | None = None, timeout_s: float = TIMEOUT_S
    ) -> dict[str, Any]:
        """Send a request to the first endpoint that answers. Error: EtcdError."""
        problem: Exception = EtcdError("etcd has no endpoint")
        for endpoint in endpoints or self.endpoints:
            try:
                async with self._session.post(
                    f"{endpoint}/v3/{path}",
                    data=json.dumps(body),
                    ssl=self._tls,
                    timeout=aiohttp.ClientTimeout(total=timeout_s, connect=1.0),
                ) as answer:
                    said = json.loads(await answer.read())
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                problem = EtcdError(f"etcd at {endpoint} does not answer: {type(error).__name__}")
                continue
            if answer.status == 200:
                return dict(said)
            message = str(said.get("message") or said.get("error") or answer.status)
            problem = EtcdRefusedError(message)
            # A learner and a member without a leader cannot answer, and others may.
            if not any(words in message for words in ("learner", "no leader", "timed out", "unavailable")):
                break
        raise problem

    async def snapshot(self, *prefixes: str, serializable: bool = False) -> dict[str, Value]:
        """Return all keys below the prefixes, at one revision. Error: EtcdError.

        A serializable answer needs no quorum, and may be old.
        """
        operations = [
            {"requestRange": {"key": _encode(one), "range_end": _encode(_after(one)), "serializable": serializable}}
            for one in prefixes
        ]
        answer = await self.call("kv/txn", {"success": operations})
        found: dict[str, Value] = {}
        for response in answer.get("responses", ()):
            for pair in response.get("response_range", {}).get("kvs", ()):
                key = base64.b64decode(pair["key"]).decode()
                found[key] = Value(
                    base64.b64decode(pair.get("value", "")).decode(errors="replace"),
                    int(pair["mod_revision"]),
                    int(pair.get("lease", 0)),
                )
        return found

    async def put(self, key: str, value: str, lease: int = 0) -> None:
        """Write a key. Error: EtcdError."""
        await self.call("kv/put", {"key": _encode(key), "value": _encode(value), "lease": str(lease)})

    async def swap(self, expected: dict[str, int], puts: dict[str, str], deletes: Sequence[str]) -> bool:
        """Write and delete keys in one transaction, if the expected keys are of those revisions; 0: absent."""
        compare = [
            {"target": "MOD", "key": _encode(key), "result": "EQUAL", "modRevision": str(revision)}
            for key, revision in expected.items()
        ]
        success: list[dict[str, Any]] = [
            {"requestPut": {"key": _encode(key), "value": _encode(value)}} for key, value in puts.items()
        ]
        success += [{"requestDeleteRange": {"key": _encode(key)}} for key in deletes]
        answer = await self.call("kv/txn", {"compare": compare, "success": success})
        return bool(answer.get("succeeded"))

    async def lease(self, seconds: int) -> int:
        """Grant a lease, at whose end its keys are deleted. Error: EtcdError."""
        return int((await self.call("lease/grant", {"TTL": str(seconds)}))["ID"])

    async def members(self) -> list[Member]:
        """Return the members. Error: EtcdError."""
        answer = await self.call("cluster/member/list", {})
        return [_member(one) for one in answer.get("members", ())]

    async def add_learner(self, peer_url: str) -> Member:
        """Add a member that does not vote yet, so that the others need it for no quorum. Error: EtcdError."""
        answer = await self.call("cluster/member/add", {"peerURLs": [peer_url], "isLearner": True}, timeout_s=5)
        return _member(answer["member"])

    async def promote(self, member: str) -> None:
        """Let a learner vote, once it has caught up. Error: EtcdError."""
        await self.call("cluster/member/promote", {"ID": member}, timeout_s=5)

    async def remove(self, member: str, endpoints: Sequence[str]) -> None:
        """Remove a member. Error: EtcdError."""
        await self.call("cluster/member/remove", {"ID": member}, endpoints, timeout_s=5)

    async def answers(self, endpoint: str) -> bool:
        """Whether a member serves requests, with a quorum or without."""
        try:
            await asyncio.wait_for(self.call("maintenance/status", {}, [endpoint]), TIMEOUT_S)
        except (EtcdError, TimeoutError):
            return False
        return True


def _member(document: dict[str, Any]) -> Member:
    return Member(
        str(document["ID"]),
        str(document.get("name", "")),
        str(next(iter(document.get("peerURLs", ())), "")),
        str(next(iter(document.get("clientURLs", ())), "")),
        bool(document.get("isLearner", False)),
    )


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _after(prefix: str) -> str:
    """Return the first key after all that begin with the prefix, which is ASCII."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1)
