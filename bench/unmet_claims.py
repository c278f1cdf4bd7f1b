"""integratedb_unmet_claims() over 100,000 claimed columns, against the floor: a hash join that asks for privileges.

And over views, whose queries are read for what lies behind them, against reading them once.
"""

from __future__ import annotations

import sys

from bench.support import claim_columns, compare, connect, create_tables, fresh_database, report

# What any validation has to do at least: each claimed column looked up in the catalog, and the privilege asked for.
FLOOR = """
SELECT count(*)
  FROM integratedb.claim_relation AS r
  JOIN integratedb.claim AS c ON c.id = r.claim_id
  JOIN integratedb.specification AS s ON s.id = c.specification_id
  JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
  JOIN integratedb.claim_column AS cc ON cc.relation_id = r.id
  JOIN pg_attribute AS a ON a.attrelid = r.relid AND a.attname = cc.column_name
 WHERE has_column_privilege(st.role_oid, a.attrelid, a.attnum, 'SELECT')
"""

#: Each view's query taken apart once.
ONCE = """
SELECT count(*)
  FROM pg_rewrite AS w
 CROSS JOIN LATERAL string_to_table(w.ev_action::text, ' :')
 WHERE w.ev_class IN (SELECT r.relid FROM integratedb.claim_relation AS r)
"""


def views() -> bool:
    """What the validation of claimed views costs."""
    with fresh_database("bench_views") as database, connect(database) as session:
        create_tables(session, tables=1000, columns=30)
        create_views = "EXECUTE format('CREATE VIEW views.t%1$s AS SELECT * FROM wide.t%1$s', n)"
        session.execute("CREATE SCHEMA views")
        session.execute(f"DO $$ BEGIN FOR n IN 1..1000 LOOP {create_views}; END LOOP; END $$")
        session.execute("CREATE EXTENSION integratedb CASCADE")
        claim_columns(session, "bench_views", tables=1000, columns=30, schema="views")
        session.execute("VACUUM ANALYZE")
        session.execute("SET max_parallel_workers_per_gather = 0; SET jit = off")
        ours, once = compare(
            3,
            lambda: session.execute("SELECT * FROM integratedb_unmet_claims()").fetchall(),
            lambda: session.execute(ONCE).fetchall(),
        )
        return report("integratedb_unmet_claims() over 1,000 claimed views of 30 columns", ours, once, bar=8)


def main() -> bool:
    print(
        "unmet_claims: 100,000 claimed columns in 1,000 tables of 30 columns, against one plain hash join", flush=True
    )
    with fresh_database("bench_unmet") as database, connect(database) as session:
        create_tables(session, tables=1000, columns=30)
        session.execute("CREATE EXTENSION integratedb CASCADE")
        for name, columns in (("one", 30), ("two", 30), ("three", 30), ("four", 10)):
            claim_columns(session, f"bench_{name}", tables=1000, columns=columns)
        session.execute("VACUUM ANALYZE")
        session.execute("SET max_parallel_workers_per_gather = 0; SET jit = off")
        claimed = session.execute(FLOOR).fetchone()
        assert claimed == (100_000,), claimed
        assert session.execute("SELECT count(*) FROM integratedb_unmet_claims()").fetchone() == (0,)
        ours, floor = compare(
            9,
            lambda: session.execute("SELECT * FROM integratedb_unmet_claims()").fetchall(),
            lambda: session.execute(FLOOR).fetchall(),
        )
        good = report("integratedb_unmet_claims()", ours, floor, bar=1.5)
    return good & views()


if __name__ == "__main__":
    sys.exit(not main())
