"""Routes row changes to channels, by a plan that is compiled once for a relation and a specification version."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from operator import attrgetter
from typing import Final

from integratedb_companion.daemon.state import EVENTS, Route, StakeholderState, with_types
from integratedb_companion.daemon.stream.pgoutput import Delete, Insert, Relation, Row, Truncate, Update
from integratedb_companion.daemon.stream.runs import RowRun

from .event_runs import position_digits
from .events import Event, Projection, Transaction
from .identities import Identities, identity_of, one_of
from .json_values import TypeStructure
from .ordering import BARRIER, RowKeys
from .watches import Watched, Watches

#: Enqueues events of one channel, in order.
Enqueue = Callable[[Sequence[Event]], None]

#: The same as Event(*values), without a call of Python code for each event.
_event: Final[Callable[[Iterable[object]], Event]] = partial(tuple.__new__, Event)
_position: Final = attrgetter("position")


@dataclass(frozen=True, slots=True)
class Output:
    """One form of a change, and the channels that get this form."""

    projection: Projection
    enqueue: tuple[Enqueue, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What happens to the changes of one relation."""

    outputs: Mapping[str, tuple[Output, ...]]
    inserts: tuple[Output, ...]
    #: The keys that determine the order of events where a channel delivers concurrently; None where no channel does.
    keys: RowKeys | None
    #: Whether an UPDATE without an old row left the columns of these keys unchanged.
    knows_keys: bool
    #: The services of the data API that watch the relation; None where none does.
    watched: Watched | None = None


class Router:
    """Turns the changes of the stream into events on channels."""

    def __init__(self, source: str, watches: Watches | None = None) -> None:
        self._source = source
        self._watches = Watches() if watches is None else watches
        self._relations: dict[int, Relation] = {}
        self._states: dict[int, StakeholderState] = {}
        self._enqueue: Mapping[int, Enqueue] = {}
        self._plans: dict[int, Plan | None] = {}
        #: The partitions that the stream has described since the current state came into force, by their root.
        self._leaves: dict[int, dict[int, Identities]] = {}

    def apply(self, states: Iterable[StakeholderState], enqueue: Mapping[int, Enqueue]) -> None:
        """Replace the states in force; `enqueue` holds the function that enqueues an event, by channel."""
        self._states = {state.id: state for state in states}
        self._enqueue = enqueue
        self._plans.clear()
        for route in self._routes():
            if route.lists_leaves:
                self._leaves.pop(route.relid, None)

    def watches_changed(self, relid: int) -> None:
        """Compile the plan of a relation anew, because others watch it now."""
        self._plans.pop(relid, None)

    def change_types(self, types: Mapping[int, TypeStructure]) -> None:
        """Replace type structures that change at this point of the stream."""
        self._states = {id_: with_types(state, types) for id_, state in self._states.items()}
        self._plans.clear()

    def announce(self, stakeholder_id: int, event: Event) -> None:
        """Send an event to every channel of one stakeholder."""
        state = self._states.get(stakeholder_id)
        for channel in state.channels if state else ():
            if channel.id in self._enqueue:
                self._enqueue[channel.id]((event,))

    def has_route(self, stakeholder_id: int, path: str, relids: Collection[int]) -> bool:
        """Whether a stakeholder receives rows of one of these tables under this path."""
        state = self._states.get(stakeholder_id)
        return any(route.path == path and route.relid in relids for route in (state.routes if state else ()))

    def describe(self, relation: Relation) -> None:
        """Replace the description of a relation at this point of the stream."""
        self._relations[relation.relid] = relation
        self._plans.pop(relation.relid, None)

    def describe_leaf(self, root: int, leaf: Relation) -> None:
        """Replace the description of a partition, which the stream sends directly after its root."""
        if any(route.relid == leaf.relid for route in self._routes()):
            return  # it has routes of its own, and follows the other table by chance
        identity = identity_of(leaf)
        described = self._leaves.setdefault(root, {})
        if described.get(leaf.relid) != identity:
            described[leaf.relid] = identity
            self._plans.pop(root, None)

    def insert(self, transaction: Transaction, message: Insert) -> int:
        """Route a new row; returns the number of its events."""
        position = transaction.position
        transaction.position = position + 1
        relid = message.relid
        plan = self._plans[relid] if relid in self._plans else self._compile(relid)
        if plan is None:
            return 0
        new = message.new
        count = 0
        if plan.watched is not None:
            plan.watched.insert(transaction, new)
        key = BARRIER if plan.keys is None else plan.keys.of(None, new)
        for output in plan.inserts:
            payload = output.projection.insert(transaction, position, new)
            event = Event(transaction.commit_lsn, position, key, payload, transaction.committed_at_s)
            for enqueue in output.enqueue:
                enqueue((event,))
                count += 1
        return count

    def column_count(self, relid: int) -> int | None:
        """Return the number of columns of a table; None when rows of the table must be routed one by one."""
        plan = self._plans[relid] if relid in self._plans else self._compile(relid)
        if plan is not None and (plan.keys is not None or plan.watched is not None):
            return None
        return len(self._relations[relid].columns)

    def route_runs(self, transaction: Transaction, relid: int, runs: Sequence[RowRun]) -> bool:
        """Route many rows of one table; returns False when they must be routed one by one."""
        plan = self._plans[relid] if relid in self._plans else self._compile(relid)
        first, count = transaction.position, sum(len(run.positions) for run in runs)
        if plan is not None:
            events_of = self._events_of(plan, transaction, runs, position_digits(first, count))
            if events_of is None:
                return False
            for enqueue, events in events_of.items():
                enqueue(events)
        transaction.position = first + count
        return True

    def _events_of(
        self, plan: Plan, transaction: Transaction, runs: Sequence[RowRun], digits: Sequence[bytes]
    ) -> dict[Enqueue, list[Event]] | None:
        """Build the events of many rows by channel, in order; None when the rows must be routed one by one."""
        events_of: dict[Enqueue, list[Event]] = {}
        first = transaction.position
        lsn, committed_at_s = repeat(transaction.commit_lsn), repeat(transaction.committed_at_s)
        for run in runs:
            own_digits = digits if len(runs) == 1 else [digits[position - first] for position in run.positions]
            for output in plan.outputs[run.kind]:
                payloads = output.projection.runs[run.kind].payloads(transaction, own_digits, run.columns)
                if payloads is None:
                    return None
                fields = zip(lsn, run.positions, repeat(BARRIER), payloads, committed_at_s, strict=False)
                events = list(map(_event, fields))
                for enqueue in output.enqueue:
                    events_of.setdefault(enqueue, []).extend(events)
        if len(runs) > 1:
            for events in events_of.values():
                events.sort(key=_position)
        return events_of

    def insert_in_part(self, transaction: Transaction, message: Insert) -> int:
        """Route a new row that is too long."""
        new = message.new
        return self._route(
            transaction, message.relid, "INSERT", None, new, lambda form, at: form.insert_in_part(transaction, at, new)
        )

    def update(self, transaction: Transaction, message: Update) -> int:
        """Route a changed row."""
        old, new = message.old, message.new
        return self._route(
            transaction, message.relid, "UPDATE", old, new, lambda form, at: form.update(transaction, at, old, new)
        )

    def delete(self, transaction: Transaction, message: Delete) -> int:
        """Route a deleted row."""
        old = message.old
        return self._route(
            transaction, message.relid, "DELETE", old, None, lambda form, at: form.delete(transaction, at, old)
        )

    def truncate(self, transaction: Transaction, message: Truncate) -> int:
        """Route truncated tables, one event for each."""
        return sum(
            self._route(transaction, relid, "TRUNCATE", None, None, lambda form, at: form.truncate(transaction, at))
            for relid in message.relids
        )

    def _route(
        self,
        transaction: Transaction,
        relid: int,
        kind: str,
        old: Row | None,
        new: Row | None,
        build: Callable[[Projection, int], bytes],
    ) -> int:
        position = transaction.position
        transaction.position = position + 1
        plan = self._plans[relid] if relid in self._plans else self._compile(relid)
        if plan is None:
            return 0
        count = 0
        if plan.watched is not None:
            _tell(plan.watched, transaction, kind, old, new)
        if plan.keys is None or kind == "TRUNCATE" or (kind == "UPDATE" and old is None and not plan.knows_keys):
            key = BARRIER
        else:
            key = plan.keys.of(old, new)
        for output in plan.outputs[kind]:
            payload = build(output.projection, position)
            event = Event(transaction.commit_lsn, position, key, payload, transaction.committed_at_s)
            for enqueue in output.enqueue:
                enqueue((event,))
                count += 1
        return count

    def _compile(self, relid: int) -> Plan | None:
        relation = self._relations[relid]
        identities = self._identities(relation)
        outputs = {kind: tuple(self._outputs(relation, kind, identities)) for kind in EVENTS}
        plan = None
        watched = self._watched(relation, identities)
        if any(outputs.values()) or watched is not None:
            keys = RowKeys(relation) if self._is_concurrent(relation) else None
            knows_keys = identities.knows([column.name for column in relation.columns if column.key])
            plan = Plan(outputs, outputs["INSERT"], keys, knows_keys, watched)
        self._plans[relid] = plan
        return plan

    def _watched(self, relation: Relation, identities: Identities) -> Watched | None:
        """Return what tells the watches of a relation; only what a stakeholder is notified of is told for its role."""
        found = []
        for watch in self._watches.of(relation.relid):
            states = (state for state in self._states.values() if state.role in (watch.role, None))
            routes = (route for state in states for route in state.routes if route.relid == relation.relid)
            events = frozenset[str]().union(*(route.events for route in routes))
            if events:
                found.append((watch, events))
        return Watched(relation, identities, found) if found else None

    def _identities(self, relation: Relation) -> Identities:
        """Return the replica identities that a row of this table may have been written under."""
        routes = [route for route in self._routes() if route.relid == relation.relid]
        listed = {route.leaves for route in routes if route.lists_leaves}
        described = self._leaves.get(relation.relid, {}).values()
        if listed == {None} or not (listed or described):
            return identity_of(relation)  # the table has no partitions
        return one_of([*(leaves for leaves in listed if leaves is not None), *described])

    def _routes(self) -> Iterable[Route]:
        return (route for state in self._states.values() for route in state.routes)

    def _is_concurrent(self, relation: Relation) -> bool:
        """Whether a channel of this table delivers concurrently; otherwise computing keys would be wasted time."""
        concurrent = {
            channel.id
            for state in self._states.values()
            for channel in state.channels
            if channel.settings.get("concurrency", 1) > 1
        }
        return any(
            route.relid == relation.relid and not concurrent.isdisjoint(route.channel_ids) for route in self._routes()
        )

    def _outputs(self, relation: Relation, kind: str, identities: Identities) -> Iterable[Output]:
        for state in self._states.values():
            # The matches of one stakeholder that select the same change for one channel produce one event together.
            fields_of: dict[int, set[str]] = {}
            path = ""
            for route in state.routes:
                if route.relid == relation.relid and kind in route.events:
                    path = route.path
                    for channel in route.channel_ids:
                        fields_of.setdefault(channel, set()).update(route.fields)
            together: dict[frozenset[str], list[Enqueue]] = {}
            for channel, fields in fields_of.items():
                if channel in self._enqueue:
                    together.setdefault(frozenset(fields), []).append(self._enqueue[channel])
            for wanted, enqueue in together.items():
                form = Projection(relation, path, wanted, state.types, self._source, identities)
                yield Output(form, tuple(enqueue))


def _tell(watched: Watched, transaction: Transaction, kind: str, old: Row | None, new: Row | None) -> None:
    if kind == "TRUNCATE":
        watched.truncate(transaction)
    elif new is None:
        watched.delete(transaction, old or [])
    elif kind == "INSERT":
        watched.insert(transaction, new)
    else:
        watched.update(transaction, old, new)
