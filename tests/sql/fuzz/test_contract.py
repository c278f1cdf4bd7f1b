"""Random schemas, specifications and migrations on the real server: at each COMMIT it says what the model says."""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from tests.sql.conftest import ADMIN, OWNER, Connect
from tests.sql.fuzz import catalog, model
from tests.sql.fuzz.catalog import Catalog
from tests.sql.fuzz.model import SPELLINGS, State
from tests.sql.fuzz.statements import SERVER, Documents, Draw, Statements
from tests.support import Session

ROLES = ("fz_reader", "fz_other")
CALLS = {"claims": "integratedb_claim", "notifications": "integratedb_notify"}

#: Names that GraphQL has as they are.
PLAIN = frozenset({"fz", "t", "u", "v", "a", "b", "c"})

#: Stories a seed, for as many workers as there are shards; `make fuzz` sets the seconds, and goes on with new seeds.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "8"))
SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
FIRST_SEED = int(os.environ.get("FUZZ_SEED", time.time_ns() % 2**32 if SECONDS else 1))
SHARDS = 3
#: Shrinking takes minutes on a real server, and a failure prints its statements anyway.
SHRINK = bool(os.environ.get("FUZZ_SHRINK"))


class World:
    """A database in which one owner migrates and two stakeholders depend, and the model of it.

    The owner is an admin, who may override, and claim anything; or there is another `admin` for that, and the owner is
    nothing but the owner.
    """

    def __init__(self, superuser: Session, owner: Session, admin: Session | None) -> None:
        self.superuser = superuser
        self.owner = owner
        self.admin = admin
        self.has_changed = False
        self.begun = Catalog()
        self.owner.run("SET search_path = ''; SET client_min_messages = error")
        self.state = State()
        self.transcript: list[str] = []
        self.outcomes: Counter[str] = Counter()

    def catalog(self) -> Catalog:
        """Read the catalog, in the owner's transaction."""
        return catalog.read(self.owner, OWNER, ROLES)

    def reset(self) -> None:
        """Begin anew: nothing claimed, nothing there."""
        self.owner.rollback()
        for who, kind in self.superuser.rows(
            "SELECT st.name, s.kind FROM integratedb.specification AS s"
            " JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id WHERE s.document <> '{\"match\": []}'"
        ):
            if kind == "queries":
                self.superuser.run(
                    "SELECT integratedb_drop_query(%s, q.name) FROM integratedb_queries(%s) AS q", who, who
                )
            else:
                self.superuser.run(f"SELECT {CALLS[kind]}(%s, %s)", who, Jsonb({"match": []}))
        for name in self.catalog().schemas:
            self.owner.run(f'DROP SCHEMA "{name}" CASCADE')
        self.superuser.run("DELETE FROM integratedb.deprecation; DELETE FROM integratedb.waiver")
        self.state = State()
        self.transcript = []

    def run(self, statement: str, *values: Any) -> None:
        """Execute as the owner, and write it down."""
        self.transcript.append(statement % tuple(f"'{v}'" for v in values) + ";" if values else statement + ";")
        try:
            self.owner.run(statement, *values)
        except psycopg.Error as error:
            self.transcript.append(f"-- {error.sqlstate} {error.diag.message_primary}")
            self.outcomes[f"{statement.split(' ')[0]} {error.sqlstate}"] += 1
            raise
        self.outcomes[" ".join(re.findall(r"^[A-Z]+|integratedb_\w+", statement))] += 1

    # The steps of a transaction.

    def statement(self, draw: Draw) -> None:
        """One statement, of which Postgres may know that it cannot be; then the transaction goes on without it."""
        claimed = {table.key for claim in self.state.claims for table in claim.tables()}
        statement = Statements(draw, self.catalog(), ROLES, claimed).any()
        in_savepoint = draw.chance(2)
        if not in_savepoint and self.dry_run(statement) is None:
            self.run(statement)
            self.has_changed = True
        elif in_savepoint:
            refused = self.guarded(statement)
            self.has_changed |= refused is None
            assert refused is None or not (refused.sqlstate or "").startswith(("IDB", "XX")), refused

    def dry_run(self, statement: str) -> psycopg.Error | None:
        """What Postgres would say."""
        try:
            with self.owner.transaction(force_rollback=True):
                self.owner.run(statement)
        except psycopg.Error as error:
            return error
        return None

    def found(self, draw: Draw) -> None:
        """Some tables, and what each stakeholder depends on."""
        self.run("BEGIN")
        self.run('CREATE SCHEMA "fz"')
        for _ in range(draw.number(2, 4)):
            self.run(Statements(draw, self.catalog(), ROLES).create_table())
        for _ in range(draw.number(0, 3)):
            self.statement(draw)
        for who, kind in itertools.product(ROLES, CALLS) if self.admin is None else ():
            # Twice again if it is refused, so that there is something to break.
            any(self.submit(draw, who, kind) for _ in range(3))
        for _ in range(draw.number(0, 2)) if self.admin is None else ():
            self.save_query(draw, self.owner, guarded=True)
        self.commit(State())
        self.compare()
        if self.admin is not None:
            self.hand_in_as_admin(draw, times=3)

    def submit(self, draw: Draw, who: str, kind: str) -> bool:
        """A new specification by the owner; the model knows whether it is accepted."""
        now = self.catalog()
        document = Documents(draw, now, SPELLINGS).document(kind)
        allowed = self.admin is None or model.may_submit(self.state, who, kind, document, now)
        expected = model.submit(self.state, who, kind, document, now) if allowed else None
        refused = self.guarded(f"SELECT public.{CALLS[kind]}(%s, %s)", who, json.dumps(document))
        assert (refused is None) == (expected is not None), f"the model: {expected is not None}; the engine: {refused}"
        assert refused is None or refused.sqlstate == ("IDB03" if allowed else "42501"), refused
        if expected is not None:
            owners = self.state.by_owner | {(who, kind)} if self.admin is not None else frozenset()
            self.state = replace(expected, by_owner=owners)
        return expected is not None and bool(document["match"])

    def save_query(self, draw: Draw, session: Session, *, guarded: bool) -> None:
        """Save or drop a query; what it reads is claimed beside what other queries read."""
        who, name = draw.one(ROLES), draw.one(("recent", "all-of-it"))
        now, is_document = self.catalog(), False
        saved = [claim for claim in self.state.claims if claim.source.get("query") == name and claim.stakeholder == who]
        if saved and draw.chance(3):
            text, values = "SELECT public.integratedb_drop_query(%s, %s)", [who, name]
            columns: list[str] = []
        else:
            relations = [r for r in now.relations.values() if r.columns and "." not in "".join(r.key)]
            if not relations:
                return
            relation = draw.one(relations)
            columns = draw.some([c for c in relation.columns if "." not in c], 1, 3)
            query: dict[str, Any] = {"select": columns, "from": ".".join(relation.key)}
            schema, table = relation.key
            columns_of_graphql = [column for column in columns if column in PLAIN]
            is_document = schema in PLAIN and table in PLAIN and bool(columns_of_graphql) and draw.chance(2)
            if is_document:
                columns = columns_of_graphql
                query = {"graphql": f"{{ {table}Nodes {{ nodes {{ {' '.join(columns)} }} }} }}", "schema": schema}
            text, values = "SELECT public.integratedb_save_query(%s, %s, %s)", [who, name, json.dumps(query)]
        refused, reads = self.called(session, text, values, guarded=guarded)
        if refused is not None and refused.sqlstate in ("42P01", "42703", "42702", *(["22023"] * is_document)):
            return  # the claims of the stakeholder call it something else
        if refused is not None:
            assert refused.sqlstate == "IDB03", refused
            known = {table.key for claim in self.state.claims if claim.stakeholder == who for table in claim.tables()}
            # A document reads the key of its rows, too.
            if relation.key not in known and not is_document:
                path = ".".join(map(model.quoted, relation.key))
                match = {"path": path, "fields": sorted(columns), "query": name}
                assert model.submit(self.state, who, "queries", {"match": [match]}, now, name) is None
            return
        matches: list[dict[str, Any]] = [{**match, "query": name} for match in reads or []]
        for derived in matches:
            written = derived.get("alternatives", [derived])
            [present] = [one for one in written if model.split_path(one["path"]) == relation.key]
            assert len(present["fields"]) >= len(set(columns)), reads
            assert is_document or len(present["fields"]) == len(set(columns)), reads
        self.outcomes["a document of GraphQL"] += is_document and bool(matches)
        expected = model.submit(self.state, who, "queries", {"match": matches}, now, name)
        assert expected is not None, f"the model refuses {matches}"
        self.state = expected

    def called(
        self, session: Session, text: str, values: list[Any], *, guarded: bool
    ) -> tuple[psycopg.Error | None, Any]:
        """Call a function, in a savepoint of the owner's transaction or between them."""
        self.transcript.append(text % tuple(f"'{v}'" for v in values) + ";")
        try:
            if guarded:
                with session.transaction():
                    found = session.value(text, *values)
            else:
                found = session.value(text, *values)
        except psycopg.Error as error:
            self.transcript.append(f"-- {error.sqlstate} {error.diag.message_primary}")
            self.outcomes[f"{text.split('_', 1)[1].split('(')[0]} {error.sqlstate}"] += 1
            return error, None
        self.outcomes[text.split("public.")[1].split("(")[0]] += 1
        return None, found

    def hand_in_as_admin(self, draw: Draw, *, times: int = 1) -> None:
        """New specifications by the admin, between the owner's transactions."""
        assert self.admin is not None
        for who, kind in itertools.product(ROLES, CALLS):
            for _ in range(times):
                now = self.catalog()
                document = Documents(draw, now, SPELLINGS).document(kind)
                expected = model.submit(self.state, who, kind, document, now)
                statement = f"SELECT public.{CALLS[kind]}(%s, %s)"
                self.transcript.append(f"/* admin */ SELECT {CALLS[kind]}('{who}', '{json.dumps(document)}');")
                refused = None
                try:
                    self.admin.run(statement, who, json.dumps(document))
                except psycopg.Error as error:
                    self.transcript.append(f"-- {error.sqlstate} {error.diag.message_primary}")
                    refused = error
                assert (refused.sqlstate if refused else None) == (None if expected else "IDB03"), refused
                if expected is None:
                    continue
                self.state = replace(expected, by_owner=self.state.by_owner - {(who, kind)})
                if document["match"]:
                    break
        for _ in range(draw.number(0, 2)):
            self.save_query(draw, self.admin, guarded=False)
        self.compare()

    def announce(self, draw: Draw) -> None:
        """Between the transactions: something is deprecated and due at once, or a dependency is waived."""
        now = self.catalog()
        claims = [claim for claim in self.state.claims if not claim.optional]
        if draw.chance(2) and now.relations:
            relation = draw.one(list(now.relations.values()))
            column = draw.one([None, *relation.columns.values()])
            place = (relation.oid, column.number if column else 0)
            if place in self.state.due:
                return
            path = ".".join(map(model.quoted, relation.key))
            self.run(
                "SELECT public.integratedb_deprecate(%s, %s, pg_catalog.now() + '1 day')", path, column and column.name
            )
            self.superuser.run(
                "UPDATE integratedb.deprecation SET announced_at = now() - interval '8 days', remove_after = now()"
            )
            promised = {(c.stakeholder, *place) for c in self.state.claims if c.until and model.depends(c, place)}
            self.state = replace(
                self.state, due=self.state.due | {place}, promised=self.state.promised | frozenset(promised)
            )
        elif claims:
            claim = draw.one(claims)
            tables = [table for table in claim.tables() if table.fields]
            path, name = claim.path, None
            if tables and draw.chance(2):
                table = draw.one(tables)
                path, name = ".".join(map(model.quoted, table.key)), draw.one(draw.one(table.fields).choices).name
            if name is not None and any(
                c.kind == "notifications" for c in claims if c.stakeholder == claim.stakeholder
            ):
                return  # what cannot be notified names no field, or several
            waive = "SELECT public.integratedb_waive(%s, %s, %s, pg_catalog.now() + '1 day', 'fuzz')"
            self.transcript.append(waive % tuple(f"'{v}'" for v in (claim.stakeholder, path, name)) + ";")
            self.superuser.run(waive, claim.stakeholder, path, name)
            self.state = replace(self.state, waived=self.state.waived | {(claim.stakeholder, path, name)})
        self.outcomes["announced"] += 1

    def may_sync(self, now: Catalog) -> bool:
        """Whether something is at stake for the owner; for anybody else a sync does nothing, and a validation looks."""
        return self.admin is None or self.has_changed or model.has_stake(self.state, now)

    def sync(self) -> None:
        """The baseline follows."""
        now = self.catalog()
        expected = model.sync(self.state, now) if self.may_sync(now) else self.state
        assert self.guarded("SELECT public.integratedb_sync()") is None
        self.state = expected

    def override(self) -> None:
        """An admin lets the transaction pass."""
        refused = self.guarded("SELECT public.integratedb_override('fuzz')")
        if self.admin is None:
            assert refused is None, refused
            self.state = replace(self.state, overridden=True)
        else:
            assert refused is not None
            assert refused.sqlstate == "42501", refused

    def validate(self) -> None:
        """Refused for whatever is unmet."""
        now = self.catalog()
        expected = model.validate(self.state, now)
        if expected is not None and not self.may_sync(now):
            expected = self.state
        refused = self.guarded("SELECT public.integratedb_validate_migration()")
        assert (refused is None) == (expected is not None), f"the model: {expected is not None}; the engine: {refused}"
        assert refused is None or refused.sqlstate == "IDB01", refused
        self.state = expected or self.state

    def guarded(self, statement: str, *values: Any) -> psycopg.Error | None:
        """Execute what may be refused, without losing the transaction."""
        try:
            with self.owner.transaction():
                self.run(statement, *values)
        except psycopg.Error as error:
            return error
        return None

    def transaction(self, draw: Draw) -> None:
        """A migration, to its COMMIT or not."""
        if self.admin is not None and draw.chance(3):
            self.hand_in_as_admin(draw)
        if draw.chance(3):
            self.announce(draw)
        before = self.state
        self.run("BEGIN")
        self.has_changed = False
        self.begun = self.catalog()
        kept: list[State] = []
        for _ in range(draw.one([1, 1, 2, 3, 5])):
            match draw.number(1, 30):
                case 1:
                    self.sync()
                case 2:
                    self.validate()
                case 3:
                    self.override()
                case 4 | 5 | 6:
                    self.submit(draw, draw.one(ROLES), draw.one(list(CALLS)))
                case 10 | 11 | 12 if self.admin is None:
                    self.save_query(draw, self.owner, guarded=True)
                case 7:
                    self.run("SET CONSTRAINTS ALL IMMEDIATE")
                case 8 | 9:
                    self.run(f"SAVEPOINT s{len(kept)}")
                    kept.append(self.state)
                case 13 | 14 if kept:
                    self.state = kept.pop()
                    self.run(f"ROLLBACK TO SAVEPOINT s{len(kept)}")
                case _:
                    self.statement(draw)
        if draw.chance(12):
            self.run("ROLLBACK")
            self.state = before
        else:
            self.commit(before)
        self.compare()

    def commit(self, before: State) -> None:
        """COMMIT; the engine and the model agree on the verdict, and on what it does."""
        now = self.catalog()
        verdict = model.commit(self.state, now)
        listed = Counter(self.owner.rows("SELECT stakeholder, kind, path FROM public.integratedb_unmet_claims(NULL)"))
        assert listed == self.state.listed(now), "integratedb_unmet_claims() before COMMIT"
        try:
            self.run("COMMIT")
        except psycopg.Error as error:
            if error.sqlstate != "IDB01":
                raise
            found = re.findall(r"^(\w+) \((\w+)( [\w-]+)?\): ", error.diag.message_detail or "", re.MULTILINE)
            named = Counter((who, "queries" if query else kind) for who, kind, query in found)
            assert set(named) == set(verdict.refused), f"the model refuses {verdict.refused}; the engine: {named}"
            self.state = before
            return
        assert not verdict.refused, f"the model refuses {verdict.refused}; the engine accepted"
        after, here = verdict.state, self.catalog()
        for place, tables in verdict.maybe.items():
            claim = after.claims[place]
            again = frozenset(t for t in tables if (*claim.name, t.oid) in self.baseline())
            missed = [t.key for t in tables - again if model.has_changed(t.oid, self.begun, here)]
            assert not missed, f"not tried again: {missed}"
            after = model.with_tried_again(after, place, again, here)
        self.state = self.compare_grants(now, self.state, after)

    def baseline(self) -> set[tuple[str, str, str, int]]:
        """What each `schema.*` stands for: the documents do not say which statements try again what was left out."""
        return set(
            self.superuser.rows(
                "SELECT st.name, s.kind, c.path, cr.relid::bigint FROM integratedb.claim AS c"
                " JOIN integratedb.specification AS s ON s.id = c.specification_id"
                " JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id"
                " JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id WHERE c.wildcard_schema IS NOT NULL"
            )
        )

    # What follows.

    def compare(self) -> None:
        """What is listed as unmet, and what is published."""
        now = self.catalog()
        listed = Counter(self.owner.rows("SELECT stakeholder, kind, path FROM public.integratedb_unmet_claims(NULL)"))
        assert listed == self.state.listed(now), "integratedb_unmet_claims()"
        published = {r.key: r.publications for r in now.relations.values() if r.publications}
        assert published == model.publications(self.state, now), "publications"

    def compare_grants(self, before: Catalog, old: State, new: State) -> State:
        """SELECT on exactly the claimed columns, besides what somebody else gave; USAGE likewise."""
        now = self.catalog()
        had = {(who, r.oid, c.number) for r, c in before.columns() for who in c.granted}
        has = {(who, r.oid, c.number) for r, c in now.columns() for who in c.granted}
        # A claim that is unmet is granted nothing.
        steady = replace(new, claims=tuple(claim for claim in new.claims if claim not in new.excused))
        wanted, required = set(model.claimed(new, now)), set(model.claimed(steady, now))
        self._compare("SELECT", had, has, set(old.granted), wanted, required, new)
        had_usage = {(who, s.oid) for s in before.schemas.values() for who in s.granted}
        has_usage = {(who, s.oid) for s in now.schemas.values() for who in s.granted}
        entered, required_usage = set(model.entered(new, now)), set(model.entered(steady, now))
        self._compare("USAGE", had_usage, has_usage, set(old.used), entered, required_usage, new)
        tables = {r.oid: r.granted for r in before.relations.values()}
        assert tables == {r.oid: r.granted for r in now.relations.values()}, "SELECT on whole tables"
        # What was kept for a claim that is unmet is the engine's to revoke.
        return replace(new, granted=new.granted | old.granted & has, used=new.used | old.used & has_usage)

    @staticmethod
    def _compare(
        what: str,
        had: set[Any],
        has: set[Any],
        ours: set[Any],
        wanted: set[Any],
        required: set[Any],
        new: State,
    ) -> None:
        others = had - ours
        # What was revoked and is not required comes back with the next sync, or before.
        revoked = ours - had
        assert required - revoked <= has, f"{what} lacks {required - revoked - has}"
        # The grants of a claim that is unmet stay as they were.
        unmet = {claim.stakeholder for claim in new.excused}
        kept = {place for place in ours & had if place[0] in unmet}
        assert others <= has, f"{what} of others is gone: {others - has}"
        assert has <= wanted | others | kept, f"{what} is too much: {has - wanted - others - kept}"


@pytest.fixture
def world(superuser: Session, connect: Connect, shard: int) -> Iterator[World]:
    """An owner who may create schemas and foreign tables; in two of three shards an admin, who may do more."""
    is_admin = shard % SHARDS != 1
    if is_admin:
        superuser.run(f"GRANT integratedb_admin TO {OWNER}")
    superuser.run(f"""
        CREATE FOREIGN DATA WRAPPER fz_wrapper;
        CREATE SERVER {SERVER} FOREIGN DATA WRAPPER fz_wrapper;
        GRANT USAGE ON FOREIGN SERVER {SERVER} TO {OWNER}""")
    superuser.run(f"GRANT CREATE ON DATABASE {superuser.info.dbname} TO {OWNER}")
    for role in ROLES:
        superuser.run("SELECT integratedb_create_stakeholder(%s)", role)
    superuser.run("SELECT integratedb_configure('deprecation', 'binding')")
    yield World(superuser, connect(OWNER), None if is_admin else connect(ADMIN))
    if is_admin:
        superuser.run(f"REVOKE integratedb_admin FROM {OWNER}")


def tell_story(world: World, random: Random) -> None:
    """Some tables, some claims, and what happens to them."""
    draw = Draw(random)
    world.reset()
    try:
        world.found(draw)
        for _ in range(draw.number(3, 8)):
            world.transaction(draw)
    except BaseException:
        note("\n" + "\n".join(world.transcript))
        raise


def seeds(shard: int) -> Iterator[int]:
    """One seed, always the same; or new ones until the time is over."""
    if not SECONDS:
        yield FIRST_SEED + shard
        return
    until = time.monotonic() + SECONDS
    for number in itertools.count(FIRST_SEED + shard, SHARDS):
        if time.monotonic() > until:
            return
        yield number


@pytest.mark.parametrize("shard", range(SHARDS))
def test_the_engine_says_what_the_model_says(world: World, shard: int) -> None:
    for number in seeds(shard):
        print(f"again: FUZZ_SEED={number - shard} FUZZ_EXAMPLES={EXAMPLES}", flush=True)
        configured = settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            phases=[Phase.generate, Phase.shrink] if SHRINK else [Phase.generate],
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        )
        randoms = st.randoms(note_method_calls=False, use_true_random=not SHRINK)
        seed(number)(configured(given(random=randoms)(lambda random: tell_story(world, random))))()
    print(*(f"{count} {what}" for what, count in world.outcomes.most_common()), sep=", ")
