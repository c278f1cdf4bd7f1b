"""An owner who holds locks on tables holds up nothing that admins and the console read."""

from __future__ import annotations

import time

import pytest

from tests.sql.conftest import ADMIN
from tests.support import Session

TABLES = """
CREATE TABLE shop.parts (id int PRIMARY KEY) PARTITION BY RANGE (id);
CREATE TABLE shop.parts_1 PARTITION OF shop.parts FOR VALUES FROM (0) TO (10);
CREATE TABLE shop.parts_2 PARTITION OF shop.parts FOR VALUES FROM (10) TO (20) PARTITION BY LIST (id);
CREATE TABLE shop.parts_3 PARTITION OF shop.parts_2 FOR VALUES IN (11);
CREATE INDEX ON shop.orders ((id + 1)) WHERE id > 3;
ALTER TABLE shop.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY seen ON shop.orders USING (EXISTS (SELECT FROM shop.customers AS c WHERE c.id > 1));
CREATE VIEW shop.shown AS SELECT * FROM shop.orders;
CREATE SEQUENCE shop.numbers;
"""
#: What reads, and needs no argument.
READERS = """
SELECT p.oid::regprocedure::text, format('SELECT * FROM %I.%I()', n.nspname, p.proname)
  FROM pg_proc AS p
  JOIN pg_namespace AS n ON n.oid = p.pronamespace
  JOIN pg_depend AS d ON d.objid = p.oid AND d.deptype = 'e'
 WHERE (p.proname ~ '^integratedb_(monitor_|stakeholders|status|unmet|advisers|advice|channels|ddl_events|queries)'
        OR p.proname IN ('management_relations', 'management_foreign_keys'))
   AND p.pronargs = p.pronargdefaults
"""
#: integratedb_advice() waits a second for each adviser that reads a policy or a sequence. Nothing else waits.
PATIENCE_S = 10


@pytest.fixture
def locked(owner: Session) -> None:
    owner.run(TABLES)
    owner.run("ANALYZE")
    names = owner.value(
        "SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class AS c"
        " WHERE c.relnamespace = 'shop'::regnamespace AND c.relkind IN ('r', 'p')"
    )
    owner.run(f"BEGIN; LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE; ALTER SEQUENCE shop.numbers INCREMENT 2")


@pytest.mark.usefixtures("locked")
def test_readers_do_not_wait_for_an_owner(superuser: Session) -> None:
    superuser.run("SET statement_timeout = '30s'")
    readers = superuser.rows(READERS)
    assert len(readers) > 15
    readers += [
        (f"{function}({path})", f"SELECT * FROM integratedb.management_{function}('{path}')")
        for path in ("shop.orders", "shop.parts")
        for function in ("column_statistics", "dependent_objects")
    ]
    waited = {}
    for name, query in readers:
        began_s = time.monotonic()
        superuser.run(query)
        waited[name] = time.monotonic() - began_s
    assert {name: seconds for name, seconds in waited.items() if seconds > PATIENCE_S} == {}


@pytest.mark.usefixtures("locked")
def test_the_advice_says_which_advisers_have_stopped_at_a_lock(admin: Session, superuser: Session) -> None:
    superuser.run(f"CREATE SCHEMA integratedb_advisers AUTHORIZATION {ADMIN}")
    admin.run("""
        CREATE VIEW integratedb_advisers.mine AS
          SELECT 'mine'::text AS name, 'm'::text AS title, 'WARN'::text AS level, 'OWNER'::text AS facing,
                 ARRAY['X'] AS categories, 'd'::text AS description, 'd'::text AS detail, 'r'::text AS remediation,
                 '{}'::jsonb AS metadata, pg_get_expr(p.polqual, p.polrelid) AS cache_key
            FROM pg_policy AS p""")
    admin.run("SET statement_timeout = '30s'")
    found = admin.dicts("SELECT * FROM integratedb_advice()")
    stopped = {f["cache_key"] for f in found if f["name"] == "adviser_not_run"}
    assert "adviser_not_run:integratedb_advisers.mine" in stopped
    assert {"adviser_not_run:rls_policy_always_true", "adviser_not_run:sequence_near_end"} <= stopped
    assert {f["name"] for f in found} - {"adviser_not_run"}
