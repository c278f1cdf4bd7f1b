"""Brings the database into the state of the contracts, in one transaction; a plan is the same, rolled back.

So a plan is exact: every specification that differs is submitted, and judged by the same rules as when it is applied.
An unchanged contract is rolled back as well, so a second run leaves nothing, not even a row in the audit log.
Stakeholders are dropped only at the end of an application, because that ends their sessions for good.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

import psycopg
from psycopg.types.json import Jsonb

from integratedb_companion.common.extension import Extension, transaction
from integratedb_companion.common.refusals import structured

from .credentials import Credentials, Target, issued
from .difference import Change, PartChange, compare, compare_queries
from .handover import handover
from .model import Contract, ContractsError, Document, Finding
from .reading import EMPTY

#: Another transaction was migrating or claiming: nothing was changed, and the transaction is repeated.
RETRIED = ("40001", "40P01", "55P03")
ATTEMPTS = 5
RETRY_S = 0.5

#: Secrets are shown to nobody, so no answer says whether one has changed. But Postgres counts writes to this table
#: publicly. If counting is off, a secret that may have changed counts as changed.
CHANNEL_WRITES = """
    SELECT CASE WHEN pg_catalog.current_setting('track_counts')::boolean
                THEN (SELECT n_tup_ins + n_tup_upd + n_tup_del FROM pg_catalog.pg_stat_xact_all_tables
                       WHERE schemaname = 'integratedb' AND relname = 'channel')
           END
"""


class ContractsRefusedError(ContractsError):
    """The database refused contracts; nothing was changed."""

    hint = "Nothing was changed."

    def __init__(self, findings: list[Finding]) -> None:
        super().__init__("the database refuses the contracts", findings)


class DatabaseChangedError(ContractsError):
    """The changes to apply are not those that the user confirmed."""

    hint = "Nothing was changed. Look at the plan again."

    def __init__(self) -> None:
        super().__init__("the database has changed since the plan was made")


@dataclass(frozen=True)
class Outcome:
    """The result of a run."""

    changes: list[Change]
    unmanaged: list[str]
    credentials: list[Credentials]
    #: What the contracts depend on and is deprecated or waived: rows of the functions, as the contracts leave them.
    deprecations: list[Document] = field(default_factory=list)
    waivers: list[Document] = field(default_factory=list)


class Reconciliation:
    """One run over all contracts, in a transaction that the caller commits or rolls back."""

    def __init__(self, database: Extension, contracts: Iterable[Contract], *, prune: bool) -> None:
        self.database, self.contracts, self.prune = database, list(contracts), prune
        self.changes: list[Change] = []
        self.findings: list[Finding] = []
        self.credentials: list[Credentials] = []
        self.unmanaged: list[str] = []
        self.deprecations: list[Document] = []
        self.waivers: list[Document] = []

    def run(self, progress: Callable[[list[Contract]], Iterable[Contract]] = iter) -> None:
        """Submit all contracts."""
        existing = [row["name"] for row in self.database.rows("integratedb_stakeholders")]
        # Stakeholders are created before all claims: a name is refused once a claim names that schema.
        created = {
            contract.stakeholder
            for contract in self.contracts
            if contract.stakeholder not in existing and self._create(contract)
        }
        for contract in progress(self.contracts):
            if contract.stakeholder in created or contract.stakeholder in existing:
                self._contract(contract, exists=contract.stakeholder in existing)
        wanted = {contract.stakeholder for contract in self.contracts}
        self.deprecations = [
            row for row in self.database.rows("integratedb_deprecations") if not wanted.isdisjoint(row["claimed_by"])
        ]
        self.waivers = [row for row in self.database.rows("integratedb_waivers") if row["stakeholder"] in wanted]
        missing = [name for name in existing if name not in wanted]
        if self.prune:
            self.changes += [self._removal(name) for name in missing]
        else:
            self.unmanaged = missing

    def drop(self) -> None:
        """Drop the stakeholders that are to be removed."""
        for change in self.changes:
            if change.action == "remove":
                self.database.value("integratedb_drop_stakeholder", stakeholder=change.stakeholder)

    def _contract(self, contract: Contract, *, exists: bool) -> None:
        claims, _ = self._submit(contract, "claims", exists=exists)
        notifications, hidden = self._submit(contract, "notifications", exists=exists)
        queries = self._save_queries(contract, exists=exists, again=bool(claims))
        parts = tuple(claims + notifications + queries)
        if not exists:
            self.changes.append(Change(contract.stakeholder, "add", parts, file=contract.file))
        elif parts or hidden:
            self.changes.append(Change(contract.stakeholder, "change", parts, hidden, contract.file))

    def _create(self, contract: Contract) -> bool:
        try:
            with self.database.connection.transaction():
                [row] = self.database.rows(
                    "integratedb_create_stakeholder", stakeholder=contract.stakeholder, valid_until=None
                )
        except psycopg.Error as refusal:
            self._refused(refusal, contract, None)
            return False
        if row["name"] != contract.stakeholder:
            self._finding(contract, ("stakeholder",), f"the name of the stakeholder is written {row['name']}")
        self.credentials.append(issued(self.database.connection, row))
        return True

    def _submit(
        self, contract: Contract, kind: Literal["claims", "notifications"], *, exists: bool
    ) -> tuple[list[PartChange], bool]:
        """Submit a specification; returns the parts that change, and whether a secret changes."""
        wanted = contract.document(kind)
        before: Document = EMPTY
        if exists:
            before = self._stored(contract, kind)
        if _same(wanted, before) and not _has_secrets(wanted):
            return [], False
        function = "integratedb_claim" if kind == "claims" else "integratedb_notify"
        try:
            with self.database.connection.transaction() as savepoint:
                writes = self._channel_writes()
                self.database.rows(function, stakeholder=contract.stakeholder, spec=wanted)
                after = self._stored(contract, kind)
                changes = compare(kind, before, after)
                shown = any(change.part == "channels" for change in changes)
                hidden = _has_secrets(wanted) and not shown and (writes is None or self._channel_writes() != writes)
                # This also applies to other spellings of types: the stored specification then keeps its spelling.
                if not changes and not hidden:
                    raise psycopg.Rollback(savepoint)
                return changes, hidden and exists
        except psycopg.Error as refusal:
            self._refused(refusal, contract, kind)
        return [], False

    def _save_queries(self, contract: Contract, *, exists: bool, again: bool) -> list[PartChange]:
        """Save and drop queries; returns those that change.

        ``again``: the claims have changed, whose alternatives what the queries read may have.
        """
        stored = self._queries(contract.stakeholder) if exists else {}
        changes: list[PartChange] = []
        for name in dict.fromkeys([*stored, *contract.queries]):
            try:
                with self.database.connection.transaction() as savepoint:
                    if name not in contract.queries:
                        self.database.value("integratedb_drop_query", stakeholder=contract.stakeholder, name=name)
                        changes += compare_queries({name: stored[name]}, {})
                        continue
                    query = contract.queries[name]
                    before = {name: stored[name]} if name in stored else {}
                    if before and stored[name]["query"] == query and not again:
                        continue
                    reads = self.database.value(
                        "integratedb_save_query", stakeholder=contract.stakeholder, name=name, query=Jsonb(query)
                    )
                    found = compare_queries(before, {name: {"query": query, "reads": reads}})
                    if not found:
                        raise psycopg.Rollback(savepoint)
                    changes += found
            except psycopg.Error as refusal:
                self._refused_query(refusal, contract, name)
        return changes

    def _queries(self, stakeholder: str) -> dict[str, Document]:
        rows = self.database.rows("integratedb_queries", stakeholder=stakeholder)
        return {row["name"]: {"query": row["query"], "reads": row["reads"]} for row in rows}

    def _refused_query(self, refusal: psycopg.Error, contract: Contract, name: str) -> None:
        if refusal.sqlstate is None or refusal.sqlstate in RETRIED:
            raise refusal
        said = refusal.diag
        more: dict[str, Any] = {
            "sqlstate": refusal.sqlstate, "stakeholder": contract.stakeholder, "kind": f"query {name}",
        }  # fmt: skip
        problems = structured(said.message_detail)
        for problem in problems:
            message = f"query {name}: {problem['message']}"
            self.findings.append(Finding(message, contract.file, contract.line_of_query(name), {**problem, **more}))
        if not problems:
            place = re.fullmatch(r"In the query: (#\S*)\.", said.message_detail or "")
            line = contract.line_of_query(name, place[1] if place else "#")
            message = f"query {name}: {said.message_primary or refusal}"
            self.findings.append(Finding(message, contract.file, line, {**more, "hint": said.message_hint}))

    def _stored(self, contract: Contract, kind: str) -> Document:
        stored: Document = self.database.value("integratedb_specification", stakeholder=contract.stakeholder, kind=kind)
        return stored

    def _channel_writes(self) -> int | None:
        row = self.database.connection.execute(CHANNEL_WRITES).fetchone()
        return row[0] if row else None

    def _removal(self, name: str) -> Change:
        parts: list[PartChange] = []
        for kind in ("claims", "notifications"):
            stored = self.database.value("integratedb_specification", stakeholder=name, kind=kind)
            parts += compare(kind, stored, EMPTY)
        parts += compare_queries(self._queries(name), {})
        return Change(name, "remove", tuple(parts))

    def _finding(self, contract: Contract, steps: tuple[str, ...], message: str, **more: Any) -> None:
        self.findings.append(Finding(message, contract.file, contract.line(steps), more))

    def _refused(self, refusal: psycopg.Error, contract: Contract, kind: str | None) -> None:
        if refusal.sqlstate is None or refusal.sqlstate in RETRIED:
            raise refusal
        said = refusal.diag
        problems = structured(said.message_detail) if kind else []
        for problem in problems:
            if "pointer" in problem:
                line = contract.line_of_pointer(str(kind), problem["pointer"])
            else:
                line = contract.line_of_column(str(kind), problem.get("path"), problem.get("field"))
            more = {"sqlstate": refusal.sqlstate, "stakeholder": contract.stakeholder, "kind": kind, **problem}
            self.findings.append(Finding(more.pop("message"), contract.file, line, more))
        if not problems:
            message = said.message_primary or str(refusal)
            self._finding(
                contract, (kind or "stakeholder",), message, sqlstate=refusal.sqlstate, hint=said.message_hint
            )


def plan(
    database: Extension,
    contracts: list[Contract],
    *,
    prune: bool,
    progress: Callable[[list[Contract]], Iterable[Contract]] = iter,
) -> Outcome:
    """Return what applying the contracts would do. Error: ContractsRefusedError."""

    def attempt() -> Outcome:
        with transaction(database.connection, force_rollback=True):
            run = Reconciliation(database, contracts, prune=prune)
            run.run(progress)
        return _outcome(run)

    return _retried(attempt)


def apply(
    database: Extension,
    contracts: list[Contract],
    target: Target | None,
    *,
    prune: bool,
    expected: list[Change] | None = None,
    progress: Callable[[list[Contract]], Iterable[Contract]] = iter,
    before_commit: Callable[[Outcome], None] = lambda _: None,
) -> Outcome:
    """Apply the contracts; new credentials are written before COMMIT, and removed if it fails.

    ``expected`` are the changes that the user confirmed. ``before_commit`` gets the outcome before COMMIT. Errors:
    ContractsRefusedError, DatabaseChangedError, CredentialsError, CommitUnknownError, psycopg.Error. After all but
    CommitUnknownError nothing was changed.
    """

    def attempt() -> Outcome:
        with handover(database.connection, target) as under_way:
            run = Reconciliation(database, contracts, prune=prune)
            run.run(progress)
            outcome = _outcome(run)
            if expected is not None and outcome.changes != expected:
                raise DatabaseChangedError
            if not outcome.changes:
                under_way.rollback()
            run.drop()
            under_way.write(outcome.credentials)
            before_commit(outcome)
        return outcome

    return _retried(attempt)


def _outcome(run: Reconciliation) -> Outcome:
    if run.findings:
        raise ContractsRefusedError(run.findings)
    return Outcome(run.changes, run.unmanaged, run.credentials, run.deprecations, run.waivers)


def _retried(attempt: Callable[[], Outcome]) -> Outcome:
    for number in range(1, ATTEMPTS):
        try:
            return attempt()
        except psycopg.Error as problem:
            if problem.sqlstate not in RETRIED:
                raise
            time.sleep(RETRY_S * number)
    return attempt()


def _same(wanted: Document, stored: Document) -> bool:
    return {"channels": [], **wanted} == {"channels": [], **stored}


def _has_secrets(document: Document) -> bool:
    """Whether a channel has a text that may be secret: neither `env:NAME` nor a redacted text is."""
    channels = document.get("channels")
    return any(
        not str(channel[key]).startswith("env:") and (key == "secret" or "@" in str(channel[key]))
        for channel in (channels if isinstance(channels, list) else ())
        if isinstance(channel, dict)
        for key in ("secret", "url")
        if key in channel
    )
