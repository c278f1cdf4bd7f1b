"""Changes the configuration of the cluster in versions: who, when, why, what became of it on each node, and back again.

Patroni keeps one key without a history. Each version is written in one transaction of etcd with that key, if nobody has
changed the key meanwhile. A key that no version was written with was changed past the agents.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import psycopg

from . import nodes, validation, versions
from .errors import RefusedError
from .etcd import EtcdError, Value
from .starting import superuser
from .versions import ConfigurationRefusedError, Version

if TYPE_CHECKING:
    from .agent import Agent

log = logging.getLogger(__name__)

FOLLOW_S: Final = 3.0
#: How much of who and why is kept.
MOST_TEXT: Final = 500
RESTARTING: Final = """
SELECT s.name FROM pg_catalog.pg_settings AS s WHERE s.context OPERATOR(pg_catalog.=) 'postmaster'
"""


class Configuration:
    """The configuration of the cluster, as one agent reads and changes it."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        #: The version that this node has judged last, and why it was refused.
        self._judged: tuple[int, str | None] = (0, None)

    async def show(self) -> dict[str, Any]:
        """Return the present document, its version, and what each node made of it."""
        known = await self._snapshot()
        present, history = self._of(known)
        newest, prefix = history[-1] if history else None, self._agent.keys.result("")
        results = {
            key.removeprefix(prefix): nodes.document(value) for key, value in known.items() if key.startswith(prefix)
        }
        return {
            "version": newest.number if newest else 0,
            "document": nodes.document(present),
            "nodes": results,
        }

    async def history(self) -> list[dict[str, Any]]:
        """Return the versions, the newest first, each with what it changed."""
        _, history = await self._read()
        found = []
        for before, version in zip([None, *history], history, strict=False):
            changes = versions.diff(before.document if before else {}, version.document) if before else []
            shown = {name: value for name, value in version.as_json().items() if name != "document"}
            found.append({**shown, "changes": [asdict(one) for one in changes]})
        return found[::-1]

    async def diff(self, number: int, against: int | None) -> dict[str, Any]:
        """Return what differs between a version and another one, the one before it by default."""
        _, history = await self._read()
        of = {version.number: version for version in history}
        other = number - 1 if against is None else against
        if number not in of or (other not in of and other != 0):
            raise RefusedError(404, f"there is no version {number if number not in of else other}")
        changes = versions.diff(of[other].document if other else {}, of[number].document)
        return {"from": other, "to": number, "changes": [asdict(one) for one in changes]}

    async def change(self, patch: Mapping[str, Any], who: str, why: str, *, dry_run: bool) -> dict[str, Any]:
        """Make a new version with a patch; null removes a member."""
        present, history = await self._read()
        document = versions.merged(nodes.document(present), patch)
        return await self._make(document, present, history, who, why, dry_run=dry_run)

    async def rollback(self, number: int, who: str, why: str, *, dry_run: bool) -> dict[str, Any]:
        """Make a new version with the document of an old one."""
        present, history = await self._read()
        old = next((version for version in history if version.number == number), None)
        if old is None:
            raise RefusedError(404, f"there is no version {number}", hint="integratedb cluster config history")
        return await self._make(old.document, present, history, who, why or f"back to {number}", dry_run=dry_run)

    async def _make(
        self,
        document: dict[str, Any],
        present: Value | None,
        history: list[Version],
        who: str,
        why: str,
        *,
        dry_run: bool,
    ) -> dict[str, Any]:
        changes = versions.diff(nodes.document(present), document)
        if not changes:
            raise RefusedError(409, "that changes nothing")
        restarting = await self._restarting()
        order = versions.restart_order(changes, restarting)
        try:
            versions.check(document)
            await asyncio.to_thread(
                validation.check,
                self._agent.settings.bindir,
                self._agent.sizes(document) | versions.parameters(document),
                start=order is not None,
            )
        except ConfigurationRefusedError as problem:
            raise RefusedError(422, str(problem), hint="Nothing was changed.") from None
        number = history[-1].number + 1 if history else 1
        made = Version(number, _now(), who[:MOST_TEXT], why[:MOST_TEXT], foreign=False, document=document)
        answer = {
            "version": None if dry_run else number,
            "changes": [asdict(one) for one in changes],
            "restart": order,
            "dry_run": dry_run,
        }
        if not dry_run and not await self._write(made, present):
            raise RefusedError(
                409, "somebody else has changed the configuration meanwhile", hint="Look, and try again."
            )
        return answer

    async def _write(self, version: Version, present: Value | None) -> bool:
        keys = self._agent.keys
        try:
            return await self._agent.etcd.swap(
                {keys.configuration: present.revision if present else 0, keys.version(version.number): 0},
                {
                    keys.configuration: json.dumps(version.document),
                    keys.version(version.number): json.dumps(version.as_json()),
                },
                [],
            )
        except EtcdError as problem:
            raise _no_etcd(problem) from None

    async def _snapshot(self) -> dict[str, Value]:
        try:
            return await self._agent.etcd.snapshot(self._agent.keys.patroni, self._agent.keys.own)
        except EtcdError as problem:
            raise _no_etcd(problem) from None

    async def _read(self) -> tuple[Value | None, list[Version]]:
        return self._of(await self._snapshot())

    def _of(self, known: Mapping[str, Value]) -> tuple[Value | None, list[Version]]:
        keys = self._agent.keys
        found = [
            Version.of(nodes.document(value)) for key, value in sorted(known.items()) if key.startswith(keys.versions)
        ]
        return known.get(keys.configuration), [version for version in found if version is not None]

    async def _restarting(self) -> list[str]:
        """Return the parameters of Postgres that only a restart changes."""
        dsn = superuser(self._agent.layout, self._agent.settings)
        try:
            async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
                return [str(row[0]) for row in await (await connection.execute(RESTARTING)).fetchall()]
        except psycopg.Error:
            raise RefusedError(
                503, "the Postgres of this node does not answer", hint="Ask the agent of another node."
            ) from None

    async def follow(self) -> None:
        """Record changes that were made past the agents, and report what this node made of the newest version."""
        while True:
            await asyncio.sleep(FOLLOW_S)
            try:
                await self._look()
            except (RefusedError, EtcdError):
                pass  # etcd has no majority, and the next look may find one
            except OSError as problem:  # as of a full disk
                log.warning("the configuration cannot be followed", extra={"error": problem.strerror})

    async def _look(self) -> None:
        known = await self._snapshot()
        present, history = self._of(known)
        if present is None:
            return
        newest = history[-1] if history else None
        version = known.get(self._agent.keys.version(newest.number)) if newest else None
        if newest is None or version is None or version.revision != present.revision:
            await self._record(present, newest)
        else:
            await self._report(known, newest)

    async def _record(self, present: Value, newest: Version | None) -> None:
        document = nodes.document(present)
        if newest is None:
            made = Version(1, _now(), "", "the cluster was made", foreign=False, document=document)
        else:
            # The same document, written anew, has the revision of its version.
            made = Version(newest.number + 1, _now(), "", "changed past the agents", foreign=True, document=document)
        if await self._write(made, present) and made.foreign:
            log.warning("the configuration was changed past the agents", extra={"version": made.number})

    async def _report(self, known: Mapping[str, Value], newest: Version) -> None:
        """Write what this node made of a version, when that is news."""
        if self._judged[0] != newest.number:
            await self._agent.configure_patroni(newest.document)
            self._judged = newest.number, await self._judge(newest)
        pending, refusal = await self._pending(), self._judged[1]
        state = "refused" if refusal else "pending restart" if pending else "applied"
        result = {"version": newest.number, "state": state, "detail": refusal or pending or None}
        key = self._agent.keys.result(self._agent.settings.name)
        reported = nodes.document(known.get(key))
        if result != {one: reported.get(one) for one in result}:
            await self._agent.etcd.put(key, json.dumps({**result, "at": _now()}))

    async def _judge(self, version: Version) -> str | None:
        """Return why the Postgres of this node does not take the parameters of a version."""
        parameters = self._agent.sizes(version.document) | versions.parameters(version.document)
        try:
            await asyncio.to_thread(validation.check, self._agent.settings.bindir, parameters, start=False)
        except ConfigurationRefusedError as problem:
            return str(problem)
        return None

    async def _pending(self) -> str:
        """Return which parameters wait for a restart of this node's Postgres; empty: none."""
        answer = await self._agent.patroni.get(self._agent.settings.url(self._agent.settings.ports.patroni), "/patroni")
        reasons = answer[1].get("pending_restart_reason") if answer is not None else None
        if not isinstance(reasons, Mapping):
            return ""
        return ", ".join(
            f"{name} {one.get('old_value')} -> {one.get('new_value')}" if isinstance(one, Mapping) else str(name)
            for name, one in sorted(reasons.items())
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _no_etcd(problem: EtcdError) -> RefusedError:
    return RefusedError(503, str(problem), hint="integratedb cluster status shows which nodes are missing.")
