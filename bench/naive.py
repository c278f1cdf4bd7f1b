"""The same question asked the naive way: a correlated subquery over information_schema a claim, two counts compared."""

from __future__ import annotations

import sys

from bench.support import claim_columns, compare, connect, create_tables, elapsed, fresh_database, report

# What one writes first: subqueries over information_schema for each claimed column (is it there as claimed, and may the
# role read it), and two counts compared.
NAIVE = """
SELECT (SELECT count(*) FROM integratedb.claim_column)
       = (SELECT count(*)
            FROM integratedb.claim_column AS cc
            JOIN integratedb.claim_relation AS r ON r.id = cc.relation_id
           WHERE (SELECT count(*)
                    FROM information_schema.columns AS i
                   WHERE i.table_schema = r.schema_name::text
                     AND i.table_name = r.relation_name::text
                     AND i.column_name = cc.column_name::text
                     AND (cc.is_nullable OR i.is_nullable = 'NO')
                     AND cc.type = i.udt_schema || '.' || i.udt_name
                     AND cc.min_length <= coalesce(i.character_maximum_length, i.numeric_precision, 2147483647)) = 1
             AND (SELECT count(*)
                    FROM information_schema.column_privileges AS p
                   WHERE p.table_schema = r.schema_name::text
                     AND p.table_name = r.relation_name::text
                     AND p.column_name = cc.column_name::text
                     AND p.privilege_type = 'SELECT'
                     AND p.grantee = 'bench_one') = 1)
"""


def main() -> bool:
    print(
        "naive: 5,000 claimed columns in 500 tables of 10 columns, against subqueries over information_schema for each",
        flush=True,
    )
    with fresh_database("bench_naive") as database, connect(database) as session:
        create_tables(session, tables=500, columns=10)
        session.execute("CREATE EXTENSION integratedb CASCADE")
        claim_columns(session, "bench_one", tables=500, columns=10)
        session.execute("VACUUM ANALYZE")
        (ours,) = compare(9, lambda: session.execute("SELECT * FROM integratedb_unmet_claims()").fetchall())
        # Once: it takes so long that noise does not matter.
        answers: list[object] = []
        naive = elapsed(lambda: answers.extend(session.execute(NAIVE).fetchall()))
        assert answers == [(True,)], answers
        assert session.execute("SELECT count(*) FROM integratedb_unmet_claims()").fetchone() == (0,)
        return report("integratedb_unmet_claims()", ours, naive, bar=1 / 100)


if __name__ == "__main__":
    sys.exit(not main())
