"""A specification costs what its size is, has bounds, and can be cancelled; a schema change costs what it touches.

Other tests run at once, so nothing here compares times of the clock: rows that were read are counted where that will
do. Where it will not, the time for which the server process kept a processor busy has a bound that only a cost of
another order exceeds.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.support import Session, refused

CLAIM = "SELECT integratedb_claim('reporter', %s)"
CHECK = "SELECT code, pointer, message FROM integratedb_check_spec(%s)"
TABLES = 50
COLUMNS = 100


@pytest.fixture
def wide(owner: Session) -> None:
    """50 tables of 100 columns: 5,000 matches of a column each."""
    columns = ", ".join(f"c{number} text" for number in range(COLUMNS))
    for table in range(TABLES):
        owner.run(f"CREATE TABLE shop.wide_{table} ({columns})")


def single_fields(number: int) -> list[dict[str, Any]]:
    """So many matches of a column each."""
    return [
        {"path": f"shop.wide_{position % TABLES}", "fields": [f"c{position // TABLES}"]} for position in range(number)
    ]


@pytest.fixture
def tenants(superuser: Session, admin: Session, claim: Callable[..., Any]) -> int:
    """300 schemas with the same tables, each claimed whole by one stakeholder. The planner knows nothing of them."""
    number = 300
    for tenant in range(number):
        superuser.run(
            f"CREATE SCHEMA tenant_{tenant} AUTHORIZATION shop_owner; SET ROLE shop_owner;"
            f"CREATE TABLE tenant_{tenant}.orders (id bigint PRIMARY KEY, note text); RESET ROLE"
        )
    claim(*({"path": f"tenant_{tenant}.*", "fields": ["*"]} for tenant in range(number)))
    return number


@pytest.fixture
def notified_tenants(superuser: Session, admin: Session, owner: Session) -> int:
    """Likewise, each notified whole to one stakeholder, who listens; one table is in partitions."""
    number = 300
    for table in ("claim", "claim_relation", "claim_column", "specification"):
        superuser.run(f"ALTER TABLE integratedb.{table} SET (autovacuum_enabled = off)")
    for tenant in range(number):
        superuser.run(
            f"CREATE SCHEMA tenant_{tenant} AUTHORIZATION shop_owner; SET ROLE shop_owner;"
            f"CREATE TABLE tenant_{tenant}.orders (id bigint PRIMARY KEY, note text); RESET ROLE"
        )
    owner.run("CREATE TABLE tenant_7.parts (id integer PRIMARY KEY) PARTITION BY RANGE (id)")
    owner.run("CREATE TABLE tenant_7.part_1 PARTITION OF tenant_7.parts FOR VALUES FROM (0) TO (10)")
    owner.run("CREATE INDEX orders_note_idx ON tenant_7.orders (note)")
    admin.run("SELECT integratedb_create_stakeholder('reporter')")
    match = [{"path": f"tenant_{tenant}.*", "fields": ["*"]} for tenant in range(number)]
    spec = {"match": match, "channels": [{"name": "live", "type": "SOCKET"}]}
    admin.run("SELECT integratedb_notify('reporter', %s)", Jsonb(spec))
    return number


def private_megabytes(session: Session) -> float:
    """Memory of the server process of a session that it shares with nobody."""
    status = Path(f"/proc/{session.info.backend_pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("RssAnon:")]
    return int(line.split()[1]) / 1024


@contextmanager
def peak_of(session: Session) -> Iterator[list[float]]:
    """The private memory of the session's server process, looked at every few milliseconds."""
    seen = [private_megabytes(session)]
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.005):
            seen.append(private_megabytes(session))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        done.set()
        thread.join()


#: Rows that were read of one table.
READ_OF = (
    "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_all_tables WHERE relid = %s::regclass"
)

READ = """
SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0))
  FROM pg_stat_user_tables
 WHERE schemaname = 'integratedb'
   AND relname IN ('claim', 'claim_relation', 'claim_column', 'own_grant', 'own_usage')
"""


def rows_read(superuser: Session, session: Session, *statements: str) -> dict[str, int]:
    """How many rows of the baseline a session reads for each of these."""
    counts = {}
    for statement in statements:
        session.run("SELECT pg_stat_force_next_flush()")
        before = superuser.value(READ)
        session.run(statement)
        session.run("SELECT pg_stat_force_next_flush()")
        counts[statement] = int(superuser.value(READ) - before)
    return counts


def rows_read_of(superuser: Session, table: str, session: Session, statement: str) -> int:
    """How many rows of a table a session reads for a statement."""
    session.run("SELECT pg_stat_force_next_flush()")
    before = superuser.value(READ_OF, table)
    session.run(statement)
    session.run("SELECT pg_stat_force_next_flush()")
    return int(superuser.value(READ_OF, table) - before)


# Submitting


def test_a_type_name_of_many_brackets_is_refused_at_once(admin, stakeholder):
    stakeholder("reporter")
    admin.run("SET statement_timeout = '60s'")
    fields = [{"name": f"c{number}", "type": "x" + "[ ]" * 99 + "y"} for number in range(100)]
    with refused("IDB02") as error:
        admin.run(CLAIM, Jsonb({"match": {"path": "shop.orders", "fields": fields}}))
    assert len(json.loads(error.value.diag.message_detail or "")) == 100


def test_a_match_twice_is_refused_at_the_second(admin, stakeholder):
    stakeholder("reporter")
    with refused("IDB02") as error:
        admin.run(CLAIM, Jsonb({"match": [{"path": "shop.*", "fields": ["*"]}] * 20}))
    pointers = [place for _, place in json.loads(error.value.diag.message_detail or "")]
    assert pointers == [f"#/match/{number}" for number in range(1, 20)]


def test_notifications_that_differ_in_the_order_of_events_only_are_the_same(admin, stakeholder):
    stakeholder("reporter")
    match = {"path": "shop.orders", "fields": ["id"]}
    spec = {"match": [{**match, "events": ["INSERT", "UPDATE"]}, {**match, "events": ["UPDATE", "INSERT"]}]}
    with refused("IDB02", match="same match"):
        admin.run("SELECT integratedb_notify('reporter', %s)", Jsonb(spec))


def test_five_thousand_matches_cost_four_times_what_a_quarter_of_them_costs(admin, connect, stakeholder, wide):
    stakeholder("reporter")
    quarter = min(submit(admin, 1250), submit(admin, 1250))
    fresh = connect("shop_admin")
    with peak_of(fresh) as megabytes:
        whole = submit(fresh, 5000)
        fresh.run("SELECT integratedb_sync()")
    assert whole < 12 * quarter
    assert whole < 20
    assert max(megabytes) < 100


def submit(session: Session, matches: int) -> float:
    """Seconds of a processor that a claim of so many matches takes."""
    started = session.processor_s()
    session.run(CLAIM, Jsonb({"match": single_fields(matches)}))
    return session.processor_s() - started


def test_what_stands_for_too_many_columns_is_refused_before_the_lock(owner, admin, superuser, connect, stakeholder):
    stakeholder("reporter")
    owner.run(f"CREATE TABLE shop.very_wide ({', '.join(f'c{number} int' for number in range(1000))})")
    star = {"path": "shop.very_wide", "fields": ["*"]}
    spec = Jsonb({"match": [{"alternatives": [star, {"path": f"shop.other_{number}"}]} for number in range(201)]})
    assert owner.rows(CHECK, spec) == [
        ("54000", "#/match", "the specification stands for 201000 columns; at most 200000 are allowed")
    ]
    holder = connect(superuser.info.user)
    with holder.transaction():
        holder.run("SELECT integratedb.take_lock()")
        admin.run("SET statement_timeout = '30s'")
        with refused("54000", match="201000 columns"):
            admin.run(CLAIM, spec)


def test_a_schema_counts_as_what_is_in_it(owner):
    for table in range(5):
        owner.run(f"CREATE TABLE shop.very_wide_{table} ({', '.join(f'c{number} int' for number in range(1500))})")
    events = ["INSERT", "UPDATE", "DELETE", "TRUNCATE"]
    matches = [
        {
            "path": "shop.*",
            "fields": ["*"],
            "optional": optional,
            "events": [event for bit, event in enumerate(events) if mask & 1 << bit],
        }
        for optional in (False, True)
        for mask in range(1, 16)
    ]
    for number, codes in ((26, []), (30, ["54000"])):
        spec = Jsonb({"match": matches[:number]})
        rows = owner.rows("SELECT code FROM integratedb_check_spec(%s, 'notifications')", spec)
        assert [code for (code,) in rows if code != "IDB03"] == codes


# Cancelling

LONG = {
    "fields": {"match": {"path": "shop.orders", "fields": [f"c{number}" for number in range(60_000)]}},
    "matches": {"match": [{"path": f"shop.t{number}", "fields": ["a", "b", "c"]} for number in range(9_000)]},
    "field alternatives": {
        "match": {"path": "shop.orders", "fields": [{"alternatives": ["id", *(f"c{n}" for n in range(60_000))]}]}
    },
    "types": {
        "match": {
            "path": "shop.orders",
            "fields": [{"name": f"c{n}", "type": f"t{n}", "optional": True} for n in range(15_000)],
        }
    },
    "events": {"match": {"path": "shop.orders", "fields": ["id"], "events": ["INSERT"] * 60_000}},
}


@pytest.mark.parametrize("document", LONG.values(), ids=LONG)
@pytest.mark.parametrize("after", [0.1, 0.5, 1.5])
def test_a_long_specification_can_be_cancelled(admin, superuser, stakeholder, document, after):
    stakeholder("reporter")
    cancelled_at: list[float] = []
    ended = threading.Event()
    pid = admin.info.backend_pid

    def cancel() -> None:
        # What has not begun cannot be cancelled.
        while superuser.value("SELECT state FROM pg_stat_activity WHERE pid = %s", pid) != "active":
            if ended.wait(0.01):
                return
        if not ended.wait(after):
            cancelled_at.append(admin.processor_s())
            superuser.run("SELECT pg_cancel_backend(%s)", pid)

    thread = threading.Thread(target=cancel)
    thread.start()
    ends: str | None = None
    try:
        admin.run(CLAIM, Jsonb(document))
    except psycopg.Error as error:
        ends = error.sqlstate
    finally:
        ended.set()
        thread.join()
    # On a fast machine it may be through before.
    assert ends in ("57014", "IDB02", "IDB03", None)
    if cancelled_at:
        assert admin.processor_s() - cancelled_at[0] < 5
    assert admin.value("SELECT 1") == 1


def test_a_long_specification_ends_by_statement_timeout(admin, stakeholder):
    stakeholder("reporter")
    admin.run("SET statement_timeout = '100ms'")
    with refused("57014"):
        admin.run(CLAIM, Jsonb(LONG["fields"]))


# Schema changes


def test_a_schema_change_reads_the_claims_that_it_touches_only(superuser, owner, tenants):
    owner.run("CREATE TABLE shop.unclaimed (id integer)")
    for warming in (
        "ALTER TABLE tenant_7.orders ALTER note SET DEFAULT ''",
        "GRANT SELECT ON shop.unclaimed TO PUBLIC",
    ):
        owner.run(warming)
    read = rows_read(
        superuser,
        owner,
        "ALTER TABLE tenant_7.orders ALTER note SET DEFAULT 'x'",
        "ALTER TABLE tenant_7.orders ADD extra integer",
        "CREATE TABLE tenant_7.more (id integer)",
        "ALTER TABLE shop.unclaimed ADD extra integer",
        "GRANT SELECT ON shop.unclaimed TO PUBLIC",
        "REVOKE SELECT ON shop.unclaimed FROM PUBLIC",
    )
    assert max(read.values()) < tenants, read


def test_a_schema_change_reads_the_notifications_that_it_touches_only(superuser, owner, notified_tenants):
    owner.run("CREATE TABLE shop.unclaimed (id integer PRIMARY KEY)")
    for number in range(7):
        owner.run(f"ALTER TABLE tenant_7.orders ALTER note SET DEFAULT '{number}'")
    statements = (
        "ALTER TABLE tenant_7.orders ALTER note SET DEFAULT 'x'",
        "ALTER TABLE tenant_7.orders ALTER note SET STORAGE EXTERNAL",
        "ALTER TABLE tenant_7.parts ALTER id SET DEFAULT 1",
        "ALTER TABLE tenant_7.orders ADD CHECK (id > 0)",
        "CREATE TABLE tenant_7.part_2 PARTITION OF tenant_7.parts FOR VALUES FROM (10) TO (20)",
        "DROP INDEX tenant_7.orders_note_idx",
        "ALTER TABLE shop.unclaimed DROP CONSTRAINT unclaimed_pkey",
    )
    read = rows_read(superuser, owner, *statements)
    assert max(read.values()) < notified_tenants, read


#: Each changes what the daemon has to know, or might have.
CHANGES = """
ALTER TABLE tenant_7.orders ADD extra integer
ALTER TABLE tenant_7.orders ADD list integer[]
ALTER TABLE tenant_7.orders REPLICA IDENTITY FULL
ALTER TABLE tenant_7.orders ALTER note SET NOT NULL
CREATE TABLE tenant_9.more (id integer PRIMARY KEY)
CREATE VIEW tenant_9.view AS SELECT 1 AS one
ALTER TABLE tenant_7.part_1 REPLICA IDENTITY FULL
CREATE TABLE tenant_7.part_2 (id integer PRIMARY KEY)
ALTER TABLE tenant_7.parts ATTACH PARTITION tenant_7.part_2 FOR VALUES FROM (10) TO (20)
ALTER TABLE tenant_7.parts DETACH PARTITION tenant_7.part_2
CREATE TABLE shop.part_3 PARTITION OF tenant_7.parts FOR VALUES FROM (20) TO (30)
ALTER TABLE shop.part_3 REPLICA IDENTITY FULL
DROP TABLE shop.part_3
DROP TABLE tenant_7.part_1
CREATE TYPE tenant_7.pair AS (a integer, b text)
ALTER TABLE tenant_8.orders ADD pair tenant_7.pair
ALTER TYPE tenant_7.pair ADD ATTRIBUTE c integer[] CASCADE
ALTER TYPE tenant_7.pair RENAME TO couple
DROP TYPE tenant_7.couple CASCADE
ALTER TABLE tenant_1.orders ALTER note TYPE varchar(10)
ALTER TABLE tenant_2.orders RENAME TO renamed
ALTER TABLE tenant_3.orders DROP CONSTRAINT orders_pkey
ALTER TABLE tenant_2.renamed SET SCHEMA tenant_3
ALTER TABLE tenant_3.renamed RENAME note TO notes
ALTER TABLE tenant_5.orders DROP note
ALTER TABLE tenant_5.orders DROP CONSTRAINT orders_pkey
ALTER TABLE tenant_17.orders ADD tags text[]
ALTER TABLE tenant_17.orders ALTER tags TYPE text USING tags::text
ALTER TABLE tenant_17.orders ALTER tags TYPE text[] USING tags::text[]
ALTER TABLE tenant_17.orders DROP tags
DROP TABLE tenant_6.orders
ALTER SCHEMA tenant_10 RENAME TO elsewhere
DROP SCHEMA tenant_11 CASCADE
DROP TABLE tenant_12.orders; CREATE TABLE tenant_12.orders (id integer PRIMARY KEY)
ALTER TABLE tenant_13.orders RENAME TO old; CREATE TABLE tenant_13.orders (id integer)
""".strip().splitlines()


def test_the_daemon_is_told_the_same_by_parts_as_as_a_whole(superuser, admin, notified_tenants):
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    admin.run("SELECT integratedb_create_stakeholder('silent')")
    spec = {"match": {"path": "tenant_17.orders", "fields": ["id", {"name": "tags", "optional": True}]}}
    admin.run("SELECT integratedb_notify('silent', %s)", Jsonb(spec))
    untold = """
        SELECT s.name FROM integratedb.stakeholder AS s
         WHERE integratedb.told_state(s.id) IS DISTINCT FROM integratedb.control_state(s.id)"""
    for statement in CHANGES:
        superuser.run(statement)
        assert superuser.rows(untold) == [], statement
        assert superuser.rows("SELECT relid FROM integratedb.misplaced_relations()") == [], statement


def test_a_new_table_of_one_tenant_can_be_read(superuser, owner, tenants, connect):
    owner.run("CREATE TABLE tenant_7.more (id integer)")
    superuser.run("SET ROLE reporter")
    assert superuser.rows("SELECT id FROM tenant_7.more") == []


def test_a_revoke_is_found_among_many_claims(superuser, owner, tenants):
    assert superuser.value("SELECT integratedb.revokes_are_found()")
    for statement in (
        "REVOKE SELECT (note) ON tenant_7.orders FROM reporter",
        "REVOKE SELECT ON ALL TABLES IN SCHEMA tenant_9 FROM reporter",
        "REVOKE USAGE ON SCHEMA tenant_11 FROM reporter",
        # In a subtransaction.
        "DO $$ BEGIN REVOKE SELECT (id) ON tenant_3.orders FROM reporter; EXCEPTION WHEN no_data_found THEN END $$",
    ):
        with refused("IDB01"):
            owner.run(statement)
        assert superuser.value("SELECT count(*) FROM integratedb_unmet_claims()") == 0


def test_a_revoke_that_leaves_what_is_claimed_passes(owner, tenants):
    owner.run("GRANT SELECT ON tenant_7.orders TO PUBLIC")
    owner.run("REVOKE SELECT ON tenant_7.orders FROM PUBLIC")


def test_a_grant_mends_what_a_revoke_left_unmet(superuser, admin, owner, tenants):
    admin.run("SELECT integratedb_configure('enforcement', 'explicit')")
    owner.run("REVOKE SELECT (note) ON tenant_7.orders FROM reporter")
    assert superuser.value("SELECT count(*) FROM integratedb.claim WHERE unmet_since IS NOT NULL") == 1
    owner.run("GRANT SELECT (note) ON tenant_7.orders TO reporter")
    assert superuser.value("SELECT count(*) FROM integratedb.claim WHERE unmet_since IS NOT NULL") == 0


def test_usage_goes_with_the_last_claim_of_one_schema_only(superuser, owner, admin, claim):
    superuser.run("CREATE SCHEMA a AUTHORIZATION shop_owner; CREATE SCHEMA b AUTHORIZATION shop_owner")
    owner.run("CREATE TABLE a.t (id integer); CREATE TABLE b.t (id integer)")
    claim({"path": "a.t", "fields": ["id"], "optional": True}, {"path": "b.t", "fields": ["id"], "optional": True})
    superuser.run("ALTER SCHEMA a RENAME TO c")
    usage = "SELECT has_schema_privilege('reporter', %s, 'USAGE')"
    assert superuser.value(usage, "c") is False
    owner.run("DROP TABLE b.t")
    assert superuser.value(usage, "b") is False


def test_thousands_of_unmet_claims_are_described_in_linear_time(owner, admin, superuser, stakeholder, wide):
    stakeholder("reporter")
    admin.run(CLAIM, Jsonb({"match": single_fields(5000)}))
    admin.run("SET statement_timeout = '60s'")
    with refused("IDB01") as error, owner.transaction():
        for table in range(TABLES):
            owner.run(f"ALTER TABLE shop.wide_{table} RENAME TO narrow_{table}")
    assert "5000 claims" in (error.value.diag.message_primary or "")


# Few bytes as jsonb, up to 131,072 where somebody writes one out.
NUMBERS = ["1e131071", "-1e131071", "1e-16383", "0e-16383", "123.5e-16000"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "call",
    [
        "SELECT integratedb_claim('reporter', %s::jsonb)",
        "SELECT integratedb_notify('reporter', %s::jsonb)",
        "DO $$ BEGIN IF (SELECT code FROM integratedb_check_spec(current_setting('test.spec')::jsonb)) = 'IDB02' THEN"
        " RAISE EXCEPTION 'refused' USING ERRCODE = 'IDB02'; END IF; END $$",
    ],
)
def test_a_number_costs_what_it_has_of_bytes(admin, stakeholder, call, number):
    stakeholder("reporter")
    numbers = ",".join([number] * 20_000)
    for document in (
        f'{{"match": [{numbers}]}}',
        f'{{"match": [], "channels": [{numbers}]}}',
        "[" * 50 + numbers + "]" * 50,
    ):
        before, memory = admin.processor_s(), private_megabytes(admin)
        with refused("IDB02", match=None if "DO" in call else "more than 100 digits"), peak_of(admin) as seen:
            if "%s" in call:
                admin.run(call, document)
            else:
                admin.run("SELECT set_config('test.spec', %s, false)", document)
                admin.run(call)
        assert admin.processor_s() - before < 2
        assert max(seen) - memory < 200


def test_numbers_with_a_few_digits_are_judged_where_they_stand(admin, stakeholder):
    stakeholder("reporter")
    for number in ("0", "0.0", "1e99", "1e-99", "12345678901234567890", "1e18"):
        with refused("IDB02") as caught:
            admin.run("SELECT integratedb_claim('reporter', %s::jsonb)", f'{{"match": {number}}}')
        assert "#/match" in str(caught.value)


def test_channels_count_for_the_size(admin, stakeholder):
    stakeholder("reporter")
    with refused("IDB02", match="the limit is 1000000"):
        admin.run(
            "SELECT integratedb_notify('reporter', %s::jsonb)",
            json.dumps({"match": [], "channels": [{"name": "x" * 1_000_001, "type": "SOCKET"}]}),
        )


def test_what_lies_behind_a_view_is_found_by_reading_its_query_once(owner, superuser, claim):
    columns = ", ".join(f"c{number} text" for number in range(30))
    owner.run(f"CREATE TABLE shop.wide (id integer, {columns}); CREATE VIEW shop.v AS SELECT * FROM shop.wide")
    claim({"path": "shop.v", "fields": ["id"]})

    def processor_s(expression: str) -> float:
        loop = f"DO $$ BEGIN FOR n IN 1..200 LOOP PERFORM {expression}; END LOOP; END $$"
        superuser.run(loop)
        started = superuser.processor_s()
        superuser.run(loop)
        taken: float = superuser.processor_s() - started
        return taken

    once = processor_s(
        "count(*) FROM pg_rewrite AS w, string_to_table(w.ev_action::text, ' :') WHERE w.ev_class = 'shop.v'::regclass"
    )
    assert processor_s("integratedb.blocked_columns('reporter'::regrole, 'shop.v'::regclass)") < 8 * once


# Many statements in one transaction


def test_the_statements_of_a_transaction_hold_few_locks_of_ours(owner, superuser):
    """Beyond 15 locks of a portal, Postgres goes through all locks of the transaction when the portal ends.

    The event triggers have a portal of their own, so the locks of the statement itself are not counted.
    """
    count = """
        SELECT count(*) FROM pg_locks AS l JOIN pg_class AS k ON k.oid = l.relation
         WHERE l.pid = %s AND k.relnamespace IN ('integratedb'::regnamespace, 'pg_catalog'::regnamespace)"""
    with owner.transaction():
        for number in range(3):
            owner.run(f"CREATE TABLE shop.new_{number} (id bigint PRIMARY KEY, note text)")
        owner.run("SELECT pg_advisory_xact_lock(1)")
        # Of these, four belong to the first statement only: it adds a row for the versions of the data API.
        assert superuser.value(count, owner.info.backend_pid) <= 19


def test_a_hundred_new_tables_are_granted_without_a_subtransaction_each(owner, superuser, claim):
    """Postgres goes through all that a transaction created at the end of each of its subtransactions."""
    claim({"path": "shop.*", "fields": ["*"]})
    identifier = "SELECT pg_current_xact_id()::text::bigint"
    used = []
    for batch, tables in enumerate((1, 100)):
        before = superuser.value(identifier)
        with owner.transaction():
            for number in range(tables):
                owner.run(f"CREATE TABLE shop.batch_{batch}_{number} (id bigint PRIMARY KEY, note{number % 3} text)")
        used.append(superuser.value(identifier) - before)
    assert used[1] < used[0] + 20, used
    superuser.run("SET ROLE reporter")
    assert superuser.rows("SELECT id, note0 FROM shop.batch_1_99") == []


def test_a_session_that_began_with_a_short_audit_log_does_not_read_a_long_one(superuser, owner, connect):
    superuser.run("TRUNCATE integratedb.ddl_event")
    superuser.run("VACUUM (ANALYZE) integratedb.ddl_event, integratedb.queued_check")
    superuser.run("ALTER TABLE integratedb.ddl_event SET (autovacuum_enabled = off)")
    statement = "ALTER TABLE shop.orders ALTER note SET DEFAULT ''"
    for _ in range(8):
        owner.run(statement)
    superuser.run(
        "INSERT INTO integratedb.ddl_event (xid, command_tag, checked)"
        " SELECT '1', 'ALTER TABLE', false FROM generate_series(1, 3000)"
    )
    assert rows_read_of(superuser, "integratedb.ddl_event", owner, statement) < 500


def test_a_change_of_a_partitioned_table_does_not_read_the_whole_catalog(superuser, owner, tenants):
    owner.run("CREATE TABLE shop.parts (id integer) PARTITION BY RANGE (id)")
    owner.run("CREATE TABLE shop.part_1 PARTITION OF shop.parts FOR VALUES FROM (0) TO (10)")
    statement = "ALTER TABLE shop.parts ALTER id SET DEFAULT 1"
    read = [rows_read_of(superuser, "pg_catalog.pg_class", owner, statement) for _ in range(6)]
    assert min(read) < tenants, read


def test_large_types_that_are_notified_cost_other_schema_changes_nothing(superuser, owner, admin, stakeholder):
    stakeholder("reporter")
    attributes = ", ".join(f"a{number} integer" for number in range(1000))
    for number in range(60):
        owner.run(f"CREATE TYPE shop.large_{number} AS ({attributes})")
    columns = ", ".join(f"c{number} shop.large_{number}" for number in range(60))
    owner.run(f"CREATE TABLE shop.large (id integer PRIMARY KEY, {columns})")
    document = {
        "match": [{"path": "shop.large", "fields": ["*"]}],
        "channels": [{"type": "SOCKET", "name": "x"}],
    }
    admin.run("SELECT integratedb_notify('reporter', %s)", Jsonb(document))
    assert superuser.value("SELECT count(*) FROM integratedb.notified_type") == 5
    before = owner.processor_s()
    for number in range(20):
        owner.run(f"CREATE VIEW shop.small_{number} AS SELECT 1 AS one")
    assert owner.processor_s() - before < 2


def test_types_beyond_the_bound_are_not_read(superuser, owner, admin, stakeholder, connect):
    stakeholder("reporter")
    attributes = ", ".join(f"a{number} integer" for number in range(1000))
    for number in range(40):
        owner.run(f"CREATE TYPE shop.large_{number} AS ({attributes})")
    columns = ", ".join(f"c{number} shop.large_{number}" for number in range(40))
    owner.run(f"CREATE TABLE shop.large (id integer PRIMARY KEY, {columns})")
    document = {"match": [{"path": "shop.large", "fields": ["*"]}], "channels": [{"type": "SOCKET", "name": "x"}]}
    admin.run("SELECT integratedb_notify('reporter', %s)", Jsonb(document))
    state = "SELECT integratedb.control_state(id) FROM integratedb.stakeholder"
    other = connect(superuser.info.user)
    # 6,000 attributes of one owner, for the walk and for the row; there are 40,000.
    # What other sessions read before may be counted late.
    assert min(rows_read_of(superuser, "pg_catalog.pg_attribute", other, state) for _ in range(3)) < 15_000
    assert len(superuser.value("SELECT body::text FROM integratedb.control ORDER BY id DESC LIMIT 1")) < 500_000
    # What the statement tells, and what the COMMIT does.
    for statement in ("ALTER TABLE shop.large ADD m{} integer", "ALTER TYPE shop.large_0 RENAME ATTRIBUTE a{} TO b{}"):
        statements = [statement.format(number, number) for number in range(3)]
        assert min(rows_read_of(superuser, "pg_catalog.pg_attribute", owner, one) for one in statements) < 40_000


@pytest.mark.parametrize(
    "made", ["DOMAIN shop.d AS integer", "DOMAIN shop.d AS text NOT NULL", "TYPE shop.d AS ENUM ('a')"]
)
def test_columns_of_types_that_users_made_are_compared_at_the_cost_of_others(owner, claim, superuser, made):
    for table, column_type in (("plain", "integer"), ("made", "shop.d")):
        if table == "made":
            owner.run(f"CREATE {made}")
        owner.run(f"CREATE TABLE shop.{table} ({', '.join(f'c{number} {column_type}' for number in range(800))})")
        claim({"path": f"shop.{table}", "fields": [f"c{number}" for number in range(800)]}, by=table)

    def processor_s(stakeholder: str) -> float:
        claims = superuser.value(
            "SELECT array_agg(c.id) FROM integratedb.claim AS c JOIN integratedb.specification AS s"
            " ON s.id = c.specification_id JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id"
            " WHERE st.name = %s",
            stakeholder,
        )
        superuser.value("SELECT integratedb.unmet_among(%s)", claims)
        started = superuser.processor_s()
        assert superuser.value("SELECT integratedb.unmet_among(%s)", claims) == []
        taken: float = superuser.processor_s() - started
        return taken

    plain = processor_s("plain")
    assert processor_s("made") < 8 * plain + 0.02
