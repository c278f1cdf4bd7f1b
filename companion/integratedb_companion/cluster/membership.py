"""Changes who belongs to the cluster and who is the primary: tokens, joins, leaves and switchovers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, TypeVar

from integratedb_companion.common.configuration import ConfigurationError

from . import certificates, switchover, tokens
from .agent import Agent, client_tls, registration
from .errors import RefusedError
from .etcd import Etcd, EtcdError, EtcdRefusedError, Member
from .settings import Ports, Settings, checked_address, checked_name, moved

log = logging.getLogger(__name__)

#: How the new primary is looked for afterwards.
SEEN_TRIES, SEEN_PAUSE_S = 100, 0.2
UNHEALTHY_TRIES, UNHEALTHY_PAUSE_S = 12, 1.0
Result = TypeVar("Result")


class Membership:
    """The changes that an agent makes for the cluster."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._busy = asyncio.Lock()

    async def new_token(self, valid_s: int) -> dict[str, Any]:
        """Make a token for one join; etcd has its hash until it is used or its time is over."""
        if not 0 < valid_s <= tokens.LONGEST_S:
            raise RefusedError(400, f"valid_s must be from 1 to {tokens.LONGEST_S}")
        token = tokens.Token.draw(certificates.fingerprint(self._agent.layout.ca.read_bytes()))
        until = time.time() + valid_s
        try:
            lease = await self._agent.etcd.lease(valid_s)
            key = self._agent.keys.token(tokens.hashed(token.secret))
            await self._agent.etcd.put(key, json.dumps({"until": until}), lease)
        except EtcdError as problem:
            raise _no_etcd(problem) from None
        return {"token": str(token), "until": datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds")}

    async def check_token(self, secret: str) -> int:
        """Return the revision of a valid token; 0: it is used, and may repeat its join. Error: RefusedError."""
        hashed = tokens.hashed(secret)
        try:
            found = await self._agent.etcd.snapshot(self._agent.keys.own)
        except EtcdError as problem:
            raise _no_etcd(problem) from None
        token = found.get(self._agent.keys.token(hashed))
        if token is not None:
            # The lease of etcd may end some seconds late.
            if json.loads(token.value)["until"] > time.time():
                return token.revision
        elif any(hashed in value.value for key, value in found.items() if key.startswith(self._agent.keys.node(""))):
            return 0
        raise RefusedError(
            401,
            "the token is used, expired or unknown",
            hint="integratedb cluster token on a node of the cluster makes a new one.",
        )

    async def join(self, secret: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Take a node into the cluster: its certificate, its vote in etcd, and all secrets. Error: RefusedError."""
        node = _node(body, self._agent.settings)
        csr = str(body.get("request", "")).encode()
        try:
            key = certificates.key_of_request(csr)
        except certificates.CertificateError as problem:
            raise RefusedError(400, str(problem)) from None
        self._check_versions(body.get("versions", {}))
        async with self._busy:
            try:
                await self._take(secret, node, key)
                member = await self._add(node)
            except EtcdError as problem:
                raise _no_etcd(problem) from None
        log.info("a node joins", extra={"node": node.name, "address": node.address})
        return await self._welcome(node, csr, member)

    def _check_versions(self, versions: Mapping[str, Any]) -> None:
        from .machine import versions as own_versions

        own = own_versions(self._agent.settings.bindir)
        for what, ours in own.items():
            theirs = str(versions.get(what, "nothing"))[:40]
            if theirs != ours:
                raise RefusedError(
                    409,
                    f"the node has {what} {theirs!a}, and the cluster {ours}",
                    hint="Install the same version there.",
                )

    async def _take(self, secret: str, node: Settings, key: str) -> None:
        """Use the token up, and register the node, in one transaction."""
        agent = self._agent
        await agent.look(fresh=True)
        revision = await self.check_token(secret)
        hashed = tokens.hashed(secret)
        known = agent.registered(node.name)
        is_repeated = known is not None and known.get("token") == hashed and known.get("key") == key
        if known is not None and not is_repeated:
            raise RefusedError(
                409,
                f"the cluster has a node {node.name} already",
                hint="--name gives this one another name. Where the old one is lost: "
                f"integratedb cluster leave --node {node.name}",
            )
        if is_repeated:
            return
        if revision == 0:
            raise RefusedError(401, "the token is used", hint="integratedb cluster token makes a new one.")
        document = registration(node)
        for other, taken in agent.all_registered().items():
            for what in ("postgres", "agent", "patroni", "etcd_peer"):
                if taken.get(what) == document[what]:
                    raise RefusedError(409, f"node {other} has {what} at {document[what]} already")
        document |= {"token": hashed, "key": key}
        done = await agent.etcd.swap(
            {agent.keys.token(hashed): revision, agent.keys.node(node.name): 0},
            {agent.keys.node(node.name): json.dumps(document)},
            [agent.keys.token(hashed)],
        )
        if not done:
            raise RefusedError(401, "the token is used", hint="integratedb cluster token makes a new one.")

    async def _add(self, node: Settings) -> Member:
        """Add the node's etcd without a vote, so that the others do not depend on one that never starts."""
        peer = node.url(node.ports.etcd_peer)
        for member in await self._agent.etcd.members():
            if member.peer_url == peer:
                return member
        try:
            return await _patiently(lambda: self._agent.etcd.add_learner(peer))
        except EtcdRefusedError as problem:
            if "too many learner" in str(problem):
                raise RefusedError(
                    409, "another node is joining", hint="Run the command again when that node streams."
                ) from None
            raise

    async def _welcome(self, node: Settings, csr: bytes, member: Member) -> dict[str, Any]:
        agent, layout = self._agent, self._agent.layout
        ca, ca_key = layout.ca.read_bytes(), layout.ca_key.read_bytes()
        members = await agent.etcd.members()
        names = {str(record.get("etcd_peer")): name for name, record in agent.all_registered().items()} | {
            node.url(node.ports.etcd_peer): node.name
        }
        initial = [f"{one.name or names.get(one.peer_url, '')}={one.peer_url}" for one in members]
        others = [one.client_url for one in members if one.client_url and one.id != member.id]
        settings = moved(
            agent.settings,
            name=node.name,
            address=node.address,
            ports=node.ports,
            initial_cluster=",".join(initial),
            etcd_endpoints=tuple(others),
            peers=tuple(str(record["agent"]) for name, record in agent.all_registered().items() if name != node.name),
            votes=False,
            bindir="",
            etcd_program="",
            memory_bytes=0,
        )
        return {
            "settings": settings.as_json(),
            "secrets": agent.secrets,
            "certificate": certificates.sign(csr, ca, ca_key, node.name, node.address).decode(),
            "ca": ca.decode(),
            "ca_key": ca_key.decode(),
        }

    async def leave(self, name: str) -> dict[str, Any]:
        """Take a node out of the cluster: this one, or one that is lost. Error: RefusedError."""
        agent = self._agent
        async with self._busy:
            state = await agent.look(fresh=True)
            record = agent.registered(name)
            row = state.node(name)
            if record is None or row is None:
                raise RefusedError(404, f"there is no node {name[:60]!a}")
            if not state.quorum:
                raise RefusedError(503, "etcd has no majority", hint="Bring back the nodes that are missing first.")
            if len(state.nodes) == 1:
                raise RefusedError(
                    409, f"node {name} is the last one", hint="Stop its agent, and remove its directory."
                )
            if name == state.primary:
                raise RefusedError(
                    409, f"node {name} is the primary", hint="integratedb cluster switchover makes another one that."
                )
            is_own = name == agent.settings.name
            if not is_own and row.role != "lost":
                raise RefusedError(
                    409, f"node {name} runs", hint=f"integratedb cluster leave on that node, or at {row.agent}."
                )
            return await self._leave(name, str(record.get("etcd_peer")), is_own=is_own)

    async def _leave(self, name: str, peer: str, *, is_own: bool) -> dict[str, Any]:
        agent = self._agent
        if is_own:
            agent.leaves = True
            await agent.patroni_part.stop()
        try:
            members = await agent.etcd.members()
            member = next((one for one in members if one.peer_url == peer), None)
            others = [one.client_url for one in members if one.client_url and one.peer_url != peer]
            # The registration last: without it, this could not be run again.
            if member is not None:
                await _patiently(lambda: agent.etcd.remove(member.id, others))
            left = [agent.keys.node(name), agent.keys.member(name)]
            await Etcd(agent.session, client_tls(agent.layout), others).swap({}, {}, left)
        except EtcdError as problem:
            hint = (
                "Run the command again. Patroni of the node is stopped; a restart of its agent starts it."
                if is_own
                else None
            )
            raise RefusedError(503, f"etcd: {problem}", hint=hint) from None
        log.info("a node has left", extra={"node": name})
        with contextlib.suppress(EtcdError):
            await agent.look(fresh=True)
        if is_own:
            agent.keep(left=True)
            # After the answer.
            asyncio.get_running_loop().call_later(0.5, agent.stop.set)
        return {"left": name, "directory": str(agent.layout.path) if is_own else None}

    async def switchover(
        self, to: str | None, at: str | None, *, dry_run: bool, now: datetime
    ) -> tuple[int, dict[str, Any]]:
        """Make another node the primary, unless something speaks against it; return the HTTP status and the report."""
        agent = self._agent
        state = await agent.look(fresh=True)
        plan = switchover.preview(state, to, at, now)
        if plan.reasons or dry_run:
            return (200 if dry_run else 409), {**plan.as_json(), "done": False}
        began_s = time.monotonic()
        answer = await agent.switch(plan)
        if answer is None or answer[0] not in (200, 202):
            said = answer[1] if answer else "no answer"
            raise RefusedError(503, f"Patroni of node {plan.old} refused: {said}", hint="integratedb cluster status")
        if answer[0] == 200:
            for _ in range(SEEN_TRIES):
                if (await agent.look(fresh=True)).primary == plan.new:
                    break
                await asyncio.sleep(SEEN_PAUSE_S)
        log.info("switchover", extra={"old": plan.old, "new": plan.new})
        return answer[0], {**plan.as_json(), "done": answer[0] == 200, "took_s": round(time.monotonic() - began_s, 1)}


async def _patiently(change: Callable[[], Awaitable[Result]]) -> Result:
    """Change the members of etcd; a member that has just come back counts as unhealthy for 5 s. Error: EtcdError."""
    for _ in range(UNHEALTHY_TRIES):
        try:
            return await change()
        except EtcdRefusedError as problem:
            if "unhealthy cluster" not in str(problem):
                raise
        await asyncio.sleep(UNHEALTHY_PAUSE_S)
    return await change()


def _node(body: Mapping[str, Any], own: Settings) -> Settings:
    """Read what a node says about itself. Error: RefusedError."""
    given = body.get("node", {})
    ports = given.get("ports") or {}
    names = set(asdict(Ports()))
    if not isinstance(ports, dict) or set(ports) != names or not all(type(one) is int for one in ports.values()):
        raise RefusedError(400, "node.ports is not complete")
    try:
        return moved(
            own,
            name=checked_name("node.name", given.get("name")),
            address=checked_address(given.get("address")),
            ports=Ports(**ports),
        )
    except ConfigurationError as problem:
        raise RefusedError(400, str(problem)) from None


def _no_etcd(problem: EtcdError) -> RefusedError:
    return RefusedError(503, str(problem), hint="integratedb cluster status shows which nodes are missing.")
