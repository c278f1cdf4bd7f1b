"""Makes the rows of `cluster status` of what etcd holds and of what each Patroni answers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from .etcd import Value
from .rendering import NAMESPACE, PATRONI_NAMESPACE
from .slots import readiness

#: States of a Postgres that takes part: one that streams, one that reads archived WAL, a running primary.
WELL = ("running", "streaming", "in archive recovery")


@dataclass(frozen=True)
class Keys:
    """The keys of one cluster in etcd."""

    cluster: str

    @property
    def patroni(self) -> str:
        """Return the prefix of Patroni's keys."""
        return f"{PATRONI_NAMESPACE}{self.cluster}/"

    @property
    def own(self) -> str:
        """Return the prefix of the agents' keys."""
        return f"{NAMESPACE}{self.cluster}/"

    def node(self, name: str) -> str:
        """Return the key of a node, which stays while the node is lost."""
        return f"{self.own}nodes/{name}"

    def slots(self, name: str) -> str:
        """Return the key of what the agent of a node reports of its slots."""
        return f"{self.own}slots/{name}"

    @property
    def configuration(self) -> str:
        """Return the key of Patroni's configuration."""
        return f"{self.patroni}config"

    def version(self, number: int) -> str:
        """Return the key of a version of the configuration."""
        return f"{self.versions}{number:08}"

    @property
    def versions(self) -> str:
        """Return the prefix of the versions of the configuration."""
        return f"{self.own}versions/"

    def result(self, name: str) -> str:
        """Return the key of what a node made of the newest version."""
        return f"{self.own}results/{name}"

    def token(self, hashed: str) -> str:
        """Return the key of a token."""
        return f"{self.own}tokens/{hashed}"

    def leader(self) -> str:
        """Return the key of Patroni's that holds the name of the primary."""
        return f"{self.patroni}leader"

    def member(self, name: str) -> str:
        """Return the key that a Patroni renews."""
        return f"{self.patroni}members/{name}"


@dataclass(frozen=True)
class Node:
    """One row."""

    name: str
    #: primary, replica or lost.
    role: str
    #: Where Postgres listens.
    address: str
    state: str
    timeline: int | None = None
    lag_bytes: int | None = None
    lag_s: float | None = None
    #: sync or async; None of the primary.
    sync: str | None = None
    #: Whether the daemon could go on with its slot here: ready, copying or missing; None: it has none.
    slot: str | None = None
    pending_restart: bool = False
    #: Whether Patroni itself answers; what does not may still be the primary until its key ends.
    answers: bool = False
    agent: str = ""

    @property
    def is_well(self) -> bool:
        """Whether the node takes part."""
        return self.role != "lost" and self.state in WELL


@dataclass(frozen=True)
class Status:
    """All rows, and what holds for the cluster."""

    cluster: str
    #: Whether a majority of etcd answers. Without it the rows may be old.
    quorum: bool
    primary: str | None
    synchronous: bool
    paused: bool
    ttl: int
    nodes: tuple[Node, ...] = ()
    #: Names and peer URLs of etcd's members.
    etcd: tuple[dict[str, Any], ...] = field(default=())

    @property
    def is_well(self) -> bool:
        """Whether there is a primary, a quorum, and no node is missing."""
        return self.quorum and self.primary is not None and all(node.is_well for node in self.nodes)

    def node(self, name: str) -> Node | None:
        """Return a row by its name."""
        return next((node for node in self.nodes if node.name == name), None)

    def as_json(self) -> dict[str, Any]:
        """Return the document of GET /status."""
        return {
            "cluster": self.cluster,
            "well": self.is_well,
            "quorum": self.quorum,
            "primary": self.primary,
            "synchronous": self.synchronous,
            "paused": self.paused,
            "ttl": self.ttl,
            "nodes": [asdict(node) for node in self.nodes],
            "etcd": list(self.etcd),
        }


def status(
    cluster: str,
    keys: Mapping[str, Value],
    answers: Mapping[str, Mapping[str, Any]],
    *,
    quorum: bool,
    now: datetime,
    etcd: Sequence[dict[str, Any]] = (),
) -> Status:
    """Return the state of a cluster from the keys of etcd, and from what each Patroni answers."""
    of = Keys(cluster)
    configuration = document(keys.get(of.configuration))
    sync = document(keys.get(f"{of.patroni}sync"))
    leader = keys.get(of.leader())
    primary = leader.value if leader else None
    registered = _below(keys, f"{of.own}nodes/")
    members = _below(keys, f"{of.patroni}members/")
    standbys = {one.lower() for one in str(sync.get("sync_standby") or "").split(",") if one}
    written = _position(primary, members, answers)
    reports = _below(keys, f"{of.own}slots/")
    rows = [
        _row(
            name,
            registered.get(name, {}),
            members.get(name),
            answers.get(name),
            primary=primary,
            standbys=standbys,
            written=written,
            slot=readiness(name, primary, reports),
            now=now,
        )
        for name in sorted(registered.keys() | members.keys())
    ]
    # The primary first, as people look for it.
    rows.sort(key=lambda row: ("primary", "replica", "lost").index(row.role))
    return Status(
        cluster,
        quorum,
        primary if any(row.role == "primary" for row in rows) else None,
        bool(configuration.get("synchronous_mode")),
        bool(configuration.get("pause")),
        int(configuration.get("ttl") or 0),
        tuple(rows),
        tuple(etcd),
    )


def _row(
    name: str,
    registered: Mapping[str, Any],
    member: Mapping[str, Any] | None,
    answer: Mapping[str, Any] | None,
    *,
    primary: str | None,
    standbys: set[str],
    written: int | None,
    slot: str | None,
    now: datetime,
) -> Node:
    address = str(registered.get("postgres") or "")
    agent = str(registered.get("agent") or "")
    if member is None and answer is None:
        return Node(name, "lost", address, "lost", agent=agent)
    live = answer or {}
    state = str(live.get("state") or (member or {}).get("state") or "unknown")
    # Who has the key is promoted a moment later, and takes no writes before.
    is_primary = name == primary and live.get("role", "primary") in ("primary", "master")
    if name == primary and not is_primary:
        state = "being promoted"
    if name != primary and live.get("replication_state") == "streaming":
        state = "streaming"
    timeline = live.get("timeline") or (member or {}).get("timeline")
    position = _replayed(live, member or {})
    lag_bytes = lag_s = None
    if not is_primary and written is not None and position is not None:
        lag_bytes = max(0, written - position)
        lag_s = 0.0 if lag_bytes == 0 else _age_s(live, now)
    return Node(
        name,
        "primary" if is_primary else "replica",
        address,
        state,
        int(timeline) if timeline else None,
        lag_bytes,
        lag_s,
        None if is_primary else "sync" if name.lower() in standbys else "async",
        slot,
        bool(live.get("pending_restart") or (member or {}).get("pending_restart")),
        answer is not None,
        agent,
    )


def _position(
    primary: str | None, members: Mapping[str, Mapping[str, Any]], answers: Mapping[str, Mapping[str, Any]]
) -> int | None:
    if primary is None:
        return None
    live = (answers.get(primary) or {}).get("xlog") or {}
    position = live.get("location") or (members.get(primary) or {}).get("xlog_location")
    return int(position) if position else None


def _replayed(live: Mapping[str, Any], member: Mapping[str, Any]) -> int | None:
    position = (live.get("xlog") or {}).get("replayed_location") or member.get("xlog_location")
    return int(position) if position else None


def _age_s(live: Mapping[str, Any], now: datetime) -> float | None:
    """Return how old the last transaction is that a replica has replayed."""
    try:
        replayed = datetime.fromisoformat(str((live.get("xlog") or {})["replayed_timestamp"]))
        return round(max(0.0, (now - replayed).total_seconds()), 1)
    except (KeyError, TypeError, ValueError):
        return None


def _below(keys: Mapping[str, Value], prefix: str) -> dict[str, dict[str, Any]]:
    return {key.removeprefix(prefix): document(value) for key, value in keys.items() if key.startswith(prefix)}


def document(value: Value | None) -> dict[str, Any]:
    """Return the JSON object that a key holds; empty where it holds none."""
    try:
        found = json.loads(value.value) if value else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


COLUMNS = ("name", "role", "address", "state", "timeline", "lag", "sync", "slot", "restart")


def cells(node: Node) -> tuple[str, ...]:
    """Return the cells of a row, as people read it."""
    lag = ""
    if node.lag_bytes is not None:
        lag = f"{_bytes(node.lag_bytes)}" + (f", {node.lag_s} s" if node.lag_s else "")
    state = node.state if node.answers or node.role == "lost" else f"{node.state} (does not answer)"
    return (
        node.name,
        node.role,
        node.address,
        state,
        str(node.timeline or ""),
        lag,
        node.sync or "",
        node.slot or "",
        "pending" if node.pending_restart else "",
    )


def _bytes(number: int) -> str:
    for unit, factor in (("GB", 1 << 30), ("MB", 1 << 20), ("kB", 1 << 10)):
        if number >= factor:
            return f"{number / factor:.1f} {unit}"
    return f"{number} B"


def as_text(state: Status) -> str:
    """Return the table of GET /status for people."""
    rows = [COLUMNS, *(cells(node) for node in state.nodes)]
    # A column that says nothing about any node is left out.
    used = [at for at in range(len(COLUMNS)) if any(row[at] for row in rows[1:])]
    widths = {at: max(len(row[at]) for row in rows) for at in used}
    lines = ["  ".join(row[at].ljust(widths[at]) for at in used).rstrip() for row in rows]
    return "\n".join([*lines, "", *remarks(state)]).rstrip() + "\n"


def remarks(state: Status) -> list[str]:
    """Return what the table cannot say, one sentence each."""
    said = []
    if not state.quorum:
        said.append("etcd has no majority: what you see may be old, and no other node can become the primary.")
    if state.primary is None:
        said.append("There is no primary: nothing can be written.")
    if state.paused:
        said.append("Patroni is paused: no other node becomes the primary by itself.")
    if not state.synchronous:
        said.append("Replication is asynchronous: a failover may lose the last commits.")
    if len(state.etcd) in (1, 2):
        said.append(
            f"{len(state.etcd)} node{'s have' if len(state.etcd) == 2 else ' has'} a vote: "
            "automatic failover needs three."
        )
    return said
