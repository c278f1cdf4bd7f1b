"""Processes the stream message by message: tracks the transaction, routes rows, collects control rows, skips repeats.

After a lost connection the server repeats what was not confirmed. The reader recognises what it has routed by its
position in the stream, which is the same every time, and skips it.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from integratedb_companion.daemon.metrics import Metrics
from integratedb_companion.daemon.routing.events import SCHEMA_CHANGED, Transaction
from integratedb_companion.daemon.routing.router import Router
from integratedb_companion.daemon.state import parse_types

from .encodings import UTF8, Encoding
from .pgoutput import (
    OMITTED,
    UNCHANGED,
    Begin,
    Commit,
    Delete,
    Ignored,
    Insert,
    Keepalive,
    Message,
    ProtocolError,
    Relation,
    Row,
    Truncate,
    Type,
    Update,
    decode,
    frame,
    shortened,
)
from .progress import Progress
from .runs import SHORTEST, decode_run, successive_runs, table_of
from .timelines import FIRST, Timelines

CONTROL: Final = ("integratedb", "control")
_ALL: Final = 1 << 62
#: Commits that may not be visible to other sessions yet.
RECENT: Final = 64
#: A longer row loses its longest values. JSON may take six times as much memory, and the daemon holds several rows.
ROW_BYTES: Final = 16 << 20


@dataclass(frozen=True, slots=True)
class ControlRow:
    """A row of the control table."""

    id: int
    kind: str
    body: Any


@dataclass(frozen=True, slots=True)
class ControlCommit:
    """The end of a transaction with control rows; it counts as routed after these have been applied."""

    rows: tuple[ControlRow, ...]
    commit: Commit
    xid: int


class StreamReader:
    """Turns messages of the stream into events on channels."""

    def __init__(
        self,
        router: Router,
        progress: Progress,
        source: str,
        metrics: Metrics,
        encoding: Encoding = UTF8,
        timelines: Timelines = FIRST,
    ) -> None:
        self._router = router
        self._progress = progress
        self._source = source
        self._timelines = timelines
        self._encoding = encoding
        self._metrics = metrics
        self._transaction: Transaction | None = None
        #: The last transactions: the server sends them before other sessions see them.
        self._recent: deque[int] = deque(maxlen=RECENT)
        self._recent_lsn = 0
        #: How far the last transaction was routed that was not routed as a whole. It may come again, with earlier ones.
        self._partial: tuple[int, int] = (0, 0)
        self._skip_to = 0
        #: Whether values of the current change may be omitted, because it is too long.
        self._in_part = False
        #: The tables that the transaction wrote to and that the stream described again, as it does after each change.
        self._described: set[int] = set()
        #: The table that the previous message described: a partition is described directly after its root.
        self._described_before: int | None = None
        self._control: list[ControlRow] = []
        self._control_relid: int | None = None
        self._control_columns: list[str] = []
        self._handlers: dict[type, Callable[[Any], ControlCommit | None]] = {
            Begin: self._begin,
            Commit: self._commit,
            Relation: self._relation,
            Insert: self._insert,
            Update: self._update,
            Delete: self._delete,
            Truncate: self._truncate,
            Type: self._nothing,
            Ignored: self._nothing,
        }

    def restart(self) -> None:
        """Prepare for a new connection: the server repeats an unfinished transaction from its beginning."""
        if self._transaction is not None:
            self._partial = max(self._partial, (self._transaction.commit_lsn, self._transaction.position))
            self._transaction = None

    def take_all(self, messages: Sequence[bytes]) -> Iterator[Keepalive | ControlCommit]:
        """Process messages; yields what the caller must act on before the next message is processed."""
        for run in successive_runs(messages):
            if len(run) >= SHORTEST and self._take_run(run):
                continue
            for data in run:
                received = self.take(data)
                if received is not None:
                    yield received

    def _take_run(self, run: Sequence[bytes]) -> bool:
        """Process a run as a whole; returns False, and does nothing, when its messages must be processed one by one."""
        transaction = self._transaction
        if transaction is None or transaction.position < self._skip_to or self._encoding.codec is not None:
            return False
        relid, count = table_of(run)
        if relid == self._control_relid or self._router.column_count(relid) != count:
            return False
        rows = decode_run(run, transaction.position, count)
        if rows is None or not self._router.route_runs(transaction, relid, rows):
            return False
        self._described_before = None
        return True

    @property
    def transaction(self) -> Transaction | None:
        """The transaction that has begun and not ended."""
        return self._transaction

    def is_beyond(self, data: bytes | memoryview, commit_lsn: int) -> bool:
        """Whether a message shows that the server has nothing more to send of a transaction."""
        payload = frame(data)
        if type(payload) is Keepalive:
            return self._transaction is None and payload.wal_end > commit_lsn
        message = decode(payload)  # type: ignore[arg-type]  # Keepalive was returned above
        return type(message) is Begin and message.commit_lsn > commit_lsn

    def take(self, data: bytes | memoryview) -> Keepalive | ControlCommit | None:
        """Process one message; returns what the caller must act on."""
        payload = frame(data)
        if type(payload) is Keepalive:
            if self._transaction is None:
                self._progress.seen(payload.wal_end)
            return payload
        message = decode(payload)  # type: ignore[arg-type]  # Keepalive was returned above
        is_long = len(payload) > ROW_BYTES
        self._in_part = is_long or self._encoding.codec is not None
        if is_long:
            message = _shortened(message)
        if self._encoding.codec is not None:
            if type(message) is Insert and message.relid == self._control_relid:
                message = self._encoding.recode_all(message)
            else:
                message = self._encoding.recode(message)
        happened = self._handlers[type(message)](message)
        if type(message) is Relation:
            self._described_before = message.relid
        elif type(message) is not Type:
            self._described_before = None
        return happened

    def position(self) -> tuple[list[int], int]:
        """Return the last transactions, and the commit LSN of the last one."""
        return [*self._recent], self._recent_lsn

    def _begin(self, message: Begin) -> None:
        self._recent.append(message.xid)
        self._recent_lsn = max(self._recent_lsn, message.commit_lsn)
        self._transaction = Transaction(message, self._source, self._timelines.of(message.commit_lsn))
        self._control = []
        self._described.clear()
        if message.commit_lsn <= self._progress.routed_lsn:
            self._skip_to = _ALL
        else:
            self._skip_to = self._partial[1] if self._partial[0] == message.commit_lsn else 0

    def _commit(self, message: Commit) -> ControlCommit | None:
        transaction, self._transaction = self._open(), None
        if self._skip_to == _ALL:
            return None
        self._metrics.transactions.inc()
        self._metrics.changes.inc(transaction.position)
        if self._control:
            # Until that has been done the transaction may come again, but its rows have been routed.
            self._partial = max(self._partial, (message.commit_lsn, transaction.position))
            return ControlCommit(tuple(self._control), message, transaction.xid)
        self._progress.routed(message.commit_lsn, message.end_lsn)
        return None

    def _relation(self, message: Relation) -> None:
        if self._transaction is not None:
            self._described.add(message.relid)
        if (message.schema, message.name) == CONTROL:
            self._control_relid = message.relid
            self._control_columns = [column.name for column in message.columns]
        self._router.describe(message)
        if self._described_before is not None:
            self._router.describe_leaf(self._described_before, message)

    def _insert(self, message: Insert) -> None:
        transaction = self._open()
        if message.relid == self._control_relid:
            self._take_control(transaction, message)
        elif transaction.position < self._skip_to:
            transaction.position += 1
        elif self._in_part:
            self._router.insert_in_part(transaction, message)
        else:
            self._router.insert(transaction, message)

    def _update(self, message: Update) -> None:
        transaction = self._open()
        if transaction.position < self._skip_to:
            transaction.position += 1
        else:
            self._router.update(transaction, message)

    def _delete(self, message: Delete) -> None:
        transaction = self._open()
        if transaction.position < self._skip_to:
            transaction.position += 1
        else:
            self._router.delete(transaction, message)

    def _truncate(self, message: Truncate) -> None:
        transaction = self._open()
        if transaction.position < self._skip_to:
            transaction.position += len(message.relids)
        else:
            self._router.truncate(transaction, message)

    def _nothing(self, _: Type | Ignored) -> None:
        """Ignore the message: type names are not needed, because control rows describe the types' structure."""

    def _take_control(self, transaction: Transaction, message: Insert) -> None:
        values = dict(zip(self._control_columns, message.new, strict=True))
        id_, kind, body = values["id"], values["kind"], values["body"]
        if not (isinstance(id_, bytes) and isinstance(kind, bytes) and isinstance(body, bytes)):
            raise ProtocolError("a control row has nulls")
        row = ControlRow(int(id_), kind.decode(), json.loads(body))
        position = transaction.position
        transaction.position += 1
        self._control.append(row)
        if row.kind == "types" and self._skip_to != _ALL:
            self._router.change_types(parse_types(row.body))
        if row.kind == "schema_changed" and position >= self._skip_to:
            self._announce(transaction, position, row.body)
        if row.kind == "event" and position >= self._skip_to:
            event = transaction.event(position, str(row.body["type"]), str(row.body["subject"]), row.body["data"])
            self._router.announce(int(row.body["id"]), event)

    def _announce(self, transaction: Transaction, position: int, body: Any) -> None:
        """Announce a schema change; rows of the same transaction had the earlier fields and types."""
        stakeholder_id, subject, data = int(body["id"]), body["subject"], body["data"]
        news = {"column_added", "column_changed"} & {change["change"] for change in data["changes"]}
        if news and self._router.has_route(stakeholder_id, subject, self._described):
            data = {**data, "gap": True}
        self._router.announce(stakeholder_id, transaction.event(position, SCHEMA_CHANGED, subject, data))

    def _open(self) -> Transaction:
        if self._transaction is None:
            raise ProtocolError("a change outside of a transaction")
        return self._transaction


def _shortened(message: Message) -> Message:
    """Shorten the rows of a change that are too long."""
    match message:
        case Insert(relid, new):
            return Insert(relid, shortened(new, ROW_BYTES))
        case Update(relid, old, new):
            return _shortened_update(relid, old, new)
        case Delete(relid, old):
            return Delete(relid, shortened(old, ROW_BYTES))
    return message


def _shortened_update(relid: int, old: Row | None, new: Row) -> Update:
    """Shorten both rows of an update; an unchanged value is omitted from both, and stays known as unchanged."""
    after = shortened(new, ROW_BYTES)
    if old is None:
        return Update(relid, None, after)
    before = shortened(old, ROW_BYTES)
    for index, value in enumerate(new):
        if value == old[index] and OMITTED in (before[index], after[index]):
            before[index], after[index] = OMITTED, UNCHANGED
    return Update(relid, before, after)
