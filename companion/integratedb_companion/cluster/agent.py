"""Runs the agent of a node: it supervises etcd and Patroni, and knows the state of the cluster."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import UTC, datetime
from typing import Any

import aiohttp
import yaml

from integratedb_companion.common.errors import CommandError

from . import configuration, fencing, machine, nodes, rendering, slots, versions
from .etcd import Etcd, EtcdError, Member, Value
from .layout import Layout
from .nodes import Keys, Status
from .patroni import Patroni
from .processes import Part
from .settings import Settings, host_in_url, moved
from .starting import superuser
from .switchover import Preview, preview

log = logging.getLogger(__name__)

#: How long an answer about the cluster is used again, so that many requests ask etcd and Patroni once.
FRESH_S = 0.5
LOOK_S, PATRONI_PATIENCE_S, ETCD_PATIENCE_S = 5.0, 90.0, 10.0
RENEW_S, RETRY_S = 5.0, 0.5
SWITCHOVER_TIMEOUT_S = 60.0
#: A member of etcd may be behind, and not know this node yet.
REMOVED_TIMES = 3
#: How long Patroni waits at the first start for etcd, which it would otherwise try every 5 s.
ETCD_TRIES, ETCD_PAUSE_S = 75, 0.2
_LEFT, _COME_BACK = "node {name} has left its cluster", "Remove {path}, and join again with a new token."


class Agent:
    """One node."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.settings: Settings = layout.read_settings()
        self.secrets = layout.read_secrets()
        if self.settings.left:
            raise CommandError(_LEFT.format(name=self.settings.name), hint=_COME_BACK.format(path=layout.path))
        self.keys = Keys(self.settings.cluster)
        self.stop = asyncio.Event()
        own = self.settings.url(self.settings.ports.etcd)
        tls = client_tls(layout)
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=50), cookie_jar=aiohttp.DummyCookieJar()
        )
        self.etcd = Etcd(self.session, tls, [own, *self.settings.etcd_endpoints])
        self.patroni = Patroni(self.session, tls, self.secrets["patroni"])
        self.etcd_part = Part(
            "etcd",
            [self.settings.etcd_program, "--config-file", str(layout.etcd_configuration)],
            layout.path / "etcd.pid",
            layout.logs / "etcd.log",
            ETCD_PATIENCE_S,
        )
        self.patroni_part = Part(
            "patroni",
            [sys.executable, "-m", "patroni", str(layout.patroni_configuration)],
            layout.path / "patroni.pid",
            layout.logs / "patroni.log",
            PATRONI_PATIENCE_S,
        )
        #: Whether it is leaving, and is not registered again meanwhile.
        self.leaves = False
        self._missing = 0
        self._known: dict[str, Value] = {}
        self._members: list[dict[str, Any]] = []
        self._status: Status | None = None
        self._looked_s = 0.0
        self._looking = asyncio.Lock()

    async def run(self, serve: Callable[[Agent], Awaitable[contextlib.AsyncExitStack]]) -> None:
        """Run until `stop` is set; then end Patroni, which hands the primary over, and etcd."""
        self._write_configuration()
        async with self.session, await serve(self):
            self.etcd_part.begin()
            fence = fencing.watch(self.patroni_part, self.etcd, self.settings, self.layout.data, self._is_paused)
            follow = configuration.Configuration(self).follow()
            loops = (self.etcd_part.keep(), self._keep_patroni(), self._renew(), self._carry_slot(), follow, fence)
            tasks = [asyncio.create_task(self._until_stop(loop)) for loop in loops]
            stopped = asyncio.create_task(self.stop.wait())
            try:
                done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
                for task in done - {stopped}:
                    task.result()  # a loop that ends is a fault, which ends the agent; etcd and Patroni go on
            finally:
                stopped.cancel()
            await self._hand_over()
            await self.patroni_part.stop()
            await self.etcd_part.stop()
            for task in tasks:
                task.cancel()
        if self.settings.left and not self.leaves:
            raise CommandError(_LEFT.format(name=self.settings.name), hint=_COME_BACK.format(path=self.layout.path))

    def _is_paused(self) -> bool:
        return self._status is not None and self._status.paused

    async def _hand_over(self) -> None:
        """Make another node the primary before this one stops: that is faster than a failover."""
        if not self.patroni_part.runs:
            return
        plan = preview(await self.look(fresh=True), None, None, datetime.now(UTC))
        if plan.old != self.settings.name:
            return
        if plan.reasons:
            log.warning("the primary is not handed over", extra={"reasons": list(plan.reasons)})
            return
        answer = await self.switch(plan)
        log.info("the primary is handed over", extra={"to": plan.new, "answer": answer})

    async def switch(self, plan: Preview) -> tuple[int, str] | None:
        """Ask the Patroni of the primary for a switchover; return what it says; None: no answer."""
        assert plan.old is not None
        body = {"leader": plan.old, "candidate": plan.new, **({"scheduled_at": plan.at} if plan.at else {})}
        return await self.patroni.post(self.patroni_urls()[plan.old], "/switchover", body, SWITCHOVER_TIMEOUT_S)

    async def _until_stop(self, loop: Coroutine[Any, Any, None]) -> None:
        """Run a loop; one that ends, because its part was stopped, does not end the agent."""
        await loop
        await self.stop.wait()

    def _write_configuration(self) -> None:
        settings, layout = self.settings, self.layout
        etcd = rendering.etcd(settings, layout, machine.resolved(settings.address))
        layout.write(layout.etcd_configuration, yaml.safe_dump(etcd, sort_keys=False).encode())

    def _write_patroni(self, document: Mapping[str, Any]) -> bool:
        """Write the file of Patroni, for this configuration of the cluster; return whether it is another one."""
        layout = self.layout
        hosts = [endpoint.removeprefix("https://") for endpoint in self.etcd.endpoints]
        shared = versions.parameters(document) or self.settings.parameters
        content = rendering.patroni(self.settings, layout, self.secrets, hosts, shared)
        text = yaml.safe_dump(content, sort_keys=False).encode()
        with contextlib.suppress(OSError):
            if layout.patroni_configuration.read_bytes() == text:
                return False
        layout.write(layout.patroni_configuration, text)
        return True

    async def configure_patroni(self, document: Mapping[str, Any]) -> None:
        """Leave to the cluster what a version says about the sizes of this node."""
        if self._write_patroni(document):
            await self.patroni.post(self.settings.url(self.settings.ports.patroni), "/reload", {}, LOOK_S)

    def sizes(self, document: Mapping[str, Any]) -> dict[str, str]:
        """Return the parameters that this node alone has, with this configuration of the cluster."""
        return rendering.sizes(self.settings, versions.parameters(document))

    async def _keep_patroni(self) -> None:
        """Start Patroni once etcd is there and votes, and keep it running."""
        if not self.settings.votes:
            await self._become_voter()
        own = self.etcd.endpoints[0]
        for _ in range(ETCD_TRIES):
            if await self.etcd.answers(own):
                break
            await asyncio.sleep(ETCD_PAUSE_S)
        document: dict[str, Any] = {}
        with contextlib.suppress(EtcdError):
            found = await self.etcd.snapshot(self.keys.configuration)
            document = nodes.document(found.get(self.keys.configuration))
        if document or not self.layout.patroni_configuration.exists():
            self._write_patroni(document)
        self.patroni_part.begin()
        await self.patroni_part.keep()

    async def _become_voter(self) -> None:
        """Ask the other members to let this node's etcd vote, until it has caught up."""
        peer = self.settings.url(self.settings.ports.etcd_peer)
        others = self.etcd.endpoints[1:]
        while True:
            with contextlib.suppress(EtcdError):
                members = [
                    one
                    for one in await Etcd(self.session, client_tls(self.layout), others).members()
                    if one.peer_url == peer
                ]
                if members and not members[0].is_learner:
                    break
                if members:
                    await Etcd(self.session, client_tls(self.layout), others).promote(members[0].id)
                    break
            await asyncio.sleep(0.5)
        self.keep(votes=True)
        # Without the hash of the token, nobody can ask for the answer of the join any more.
        with contextlib.suppress(EtcdError):
            await self.etcd.put(self.keys.node(self.settings.name), json.dumps(registration(self.settings)))

    def keep(self, **changes: Any) -> None:
        """Change the settings of the node, durably."""
        self.settings = moved(self.settings, **changes)
        self.layout.write(self.layout.settings, self.settings.as_json())

    async def _renew(self) -> None:
        """Keep what leads to the other nodes up to date."""
        while True:
            pause_s = RETRY_S
            with contextlib.suppress(EtcdError):
                members = await self.etcd.members()
                own = self.etcd.endpoints[0]
                if self._is_removed(members):
                    log.error("the other nodes have taken this one out of the cluster")
                    self.keep(left=True)
                    self.stop.set()
                    return
                await self._register()
                self._members = [
                    {"name": one.name, "peer_url": one.peer_url, "votes": not one.is_learner} for one in members
                ]
                urls = [one.client_url for one in members if one.client_url]
                if own in urls:
                    self.etcd.endpoints = [own, *sorted(set(urls) - {own})]
                state = await self.look()
                peers = tuple(
                    sorted(node.agent for node in state.nodes if node.agent and node.name != self.settings.name)
                )
                if state.quorum and (peers, tuple(self.etcd.endpoints)) != (
                    self.settings.peers,
                    self.settings.etcd_endpoints,
                ):
                    self.keep(peers=peers, etcd_endpoints=tuple(self.etcd.endpoints))
                pause_s = RENEW_S
            await asyncio.sleep(pause_s)

    async def _carry_slot(self) -> None:
        """Report the slots of this node; on the primary, have the daemon's slot carried once it exists."""
        dsn = superuser(self.layout, self.settings)
        reported = None
        while True:
            await asyncio.sleep(RENEW_S)
            found = await slots.look(dsn)
            if found is None:
                continue
            if found != reported:
                with contextlib.suppress(EtcdError):
                    await self.etcd.put(self.keys.slots(self.settings.name), json.dumps(found.as_json()))
                    reported = found
            change = slots.patch(found, nodes.document(self._known.get(self.keys.configuration)))
            if found.is_primary and self._known and change is not None:
                answer = await self.patroni.patch(self.settings.url(self.settings.ports.patroni), change)
                status = None if answer is None else answer[0]
                log.info("the slot of the daemon is to be carried to the replicas", extra={"status": status})

    def _is_removed(self, members: list[Member]) -> bool:
        """Whether this node's etcd was missing among the members several times in a row."""
        peer = self.settings.url(self.settings.ports.etcd_peer)
        is_missing = self.settings.votes and all(one.peer_url != peer for one in members)
        self._missing = self._missing + 1 if is_missing else 0
        return self._missing >= REMOVED_TIMES and not self.leaves

    async def _register(self) -> None:
        if self._missing or self.leaves:
            return
        key = self.keys.node(self.settings.name)
        if key not in self._known:
            await self.etcd.swap({key: 0}, {key: json.dumps(registration(self.settings))}, [])

    async def look(self, *, fresh: bool = False) -> Status:
        """Return the state of the cluster, at most half a second old."""
        async with self._looking:
            if self._status is None or fresh or time.monotonic() - self._looked_s > FRESH_S:
                self._status = await self._look()
                self._looked_s = time.monotonic()
            return self._status

    async def _look(self) -> Status:
        quorum = True
        prefixes = (self.keys.patroni, self.keys.own)
        try:
            async with asyncio.timeout(LOOK_S / 2):
                self._known = await self.etcd.snapshot(*prefixes)
        except (EtcdError, TimeoutError):
            quorum = False
            with contextlib.suppress(EtcdError, TimeoutError):
                async with asyncio.timeout(LOOK_S / 2):
                    self._known = await self.etcd.snapshot(*prefixes, serializable=True)
        urls = self.patroni_urls()
        answers = await asyncio.gather(*(self.patroni.get(url, "/patroni") for url in urls.values()))
        return nodes.status(
            self.settings.cluster,
            self._known,
            {name: answer[1] for name, answer in zip(urls, answers, strict=True) if answer is not None},
            quorum=quorum,
            now=datetime.now(UTC),
            etcd=self._members,
        )

    def patroni_urls(self) -> dict[str, str]:
        """Return where each node's Patroni is asked."""
        prefix = self.keys.node("")
        found = {
            key.removeprefix(prefix): str(nodes.document(value).get("patroni"))
            for key, value in self._known.items()
            if key.startswith(prefix)
        }
        return found or {self.settings.name: self.settings.url(self.settings.ports.patroni)}

    def registered(self, name: str) -> dict[str, Any] | None:
        """Return what is registered of a node, as of the last look."""
        value = self._known.get(self.keys.node(name))
        return nodes.document(value) if value else None

    def all_registered(self) -> dict[str, dict[str, Any]]:
        """Return what is registered of all nodes, as of the last look."""
        prefix = self.keys.node("")
        return {
            key.removeprefix(prefix): nodes.document(value)
            for key, value in self._known.items()
            if key.startswith(prefix)
        }


def registration(settings: Settings) -> dict[str, Any]:
    """Return what all nodes know of a node, also while it is lost."""
    host, ports = host_in_url(settings.address), settings.ports
    return {
        "postgres": f"{host}:{ports.postgres}",
        "agent": settings.agent,
        "patroni": settings.url(ports.patroni),
        "etcd_peer": settings.url(ports.etcd_peer),
        "since": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def client_tls(layout: Layout) -> ssl.SSLContext:
    """Return how this node connects to others: it verifies them, and proves what it is."""
    context = ssl.create_default_context(cafile=str(layout.ca))
    context.load_cert_chain(layout.certificate, layout.key)
    return context


def server_tls(layout: Layout) -> ssl.SSLContext:
    """Return how the agent serves: a client may prove by a certificate that it is a node."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(layout.ca))
    context.load_cert_chain(layout.certificate, layout.key)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
