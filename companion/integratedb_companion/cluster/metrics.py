"""Defines the metrics of the agent in Prometheus's format."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge

from integratedb_companion.common.metrics import Page

from . import certificates
from .agent import Agent


class Metrics:
    """The gauges, which are set from the state of the cluster when the page is asked for."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        registry = CollectorRegistry()
        self._page = Page(registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(f"integratedb_cluster_{name}", text, labels, registry=registry)

        self._quorum = gauge("quorum", "1 while a majority of etcd answers")
        self._primary = gauge("has_primary", "1 while there is a primary")
        self._well = gauge("well", "1 while there is a primary, a quorum, and no node is missing")
        self._role = gauge("node_role", "1 for the role that a node has", "node", "role")
        self._lag = gauge("node_lag_bytes", "WAL that a replica has not replayed", "node")
        self._timeline = gauge("node_timeline", "The timeline of a node", "node")
        self._restarts = gauge("restarts", "How often this agent has started a part again", "part")
        self._expires = gauge("certificate_expires_seconds", "When the node's certificate ends, in Unix time")

    async def page(self) -> bytes:
        """Return the page."""
        state = await self._agent.look()
        self._quorum.set(state.quorum)
        self._primary.set(state.primary is not None)
        self._well.set(state.is_well)
        for one in (self._role, self._lag, self._timeline):
            one.clear()
        for node in state.nodes:
            self._role.labels(node.name, node.role).set(1)
            if node.lag_bytes is not None:
                self._lag.labels(node.name).set(node.lag_bytes)
            if node.timeline is not None:
                self._timeline.labels(node.name).set(node.timeline)
        for part in (self._agent.etcd_part, self._agent.patroni_part):
            self._restarts.labels(part.name).set(part.restarts)
        self._expires.set(certificates.expires(self._agent.layout.certificate.read_bytes()).timestamp())
        return self._page.render()
