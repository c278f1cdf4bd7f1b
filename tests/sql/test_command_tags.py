"""Every command that Postgres knows is looked at, but for those that are known to be harmless."""

from __future__ import annotations

import psycopg
import pytest

from tests.support import Session, refused

# What may change a relation, a column, a type, a schema, a policy, a publication or a privilege.
WATCHED = {
    "CREATE TABLE",
    "CREATE TABLE AS",
    "SELECT INTO",
    "ALTER TABLE",
    "CREATE VIEW",
    "ALTER VIEW",
    "CREATE MATERIALIZED VIEW",
    "ALTER MATERIALIZED VIEW",
    "CREATE FOREIGN TABLE",
    "ALTER FOREIGN TABLE",
    "IMPORT FOREIGN SCHEMA",
    "CREATE SCHEMA",
    "ALTER SCHEMA",
    "CREATE TYPE",
    "ALTER TYPE",
    "CREATE DOMAIN",
    "ALTER DOMAIN",
    "CREATE POLICY",
    "ALTER POLICY",
    "CREATE PUBLICATION",
    "ALTER PUBLICATION",
    "CREATE EXTENSION",
    "ALTER EXTENSION",
    "CREATE INDEX",
    "ALTER INDEX",
    "REINDEX",
    "CREATE RULE",
    "ALTER RULE",
    "GRANT",
    "REVOKE",
    "DROP OWNED",
}
KINDS = """ACCESS METHOD,AGGREGATE,CAST,COLLATION,CONSTRAINT,CONVERSION,DATABASE,DOMAIN,EVENT TRIGGER,EXTENSION,
    FOREIGN DATA WRAPPER,FOREIGN TABLE,FUNCTION,INDEX,LANGUAGE,LARGE OBJECT,MATERIALIZED VIEW,OPERATOR,OPERATOR CLASS,
    OPERATOR FAMILY,POLICY,PROCEDURE,PUBLICATION,ROLE,ROUTINE,RULE,SCHEMA,SEQUENCE,SERVER,STATISTICS,SUBSCRIPTION,TABLE,
    TABLESPACE,TEXT SEARCH CONFIGURATION,TEXT SEARCH DICTIONARY,TEXT SEARCH PARSER,TEXT SEARCH TEMPLATE,TRANSFORM,
    TRIGGER,TYPE,USER MAPPING,VIEW"""
# Those of cmdtaglist.h of PostgreSQL 15 to 18, and more: a server says which of them event triggers know.
TAGS = {f"{verb} {' '.join(kind.split())}" for verb in ("CREATE", "ALTER", "DROP") for kind in KINDS.split(",")} | {
    "ALTER DEFAULT PRIVILEGES",
    "COMMENT",
    "CREATE TABLE AS",
    "DROP OWNED",
    "GRANT",
    "IMPORT FOREIGN SCHEMA",
    "REFRESH MATERIALIZED VIEW",
    "REINDEX",
    "REVOKE",
    "SECURITY LABEL",
    "SELECT INTO",
}


def test_every_tag_is_watched_or_harmless(superuser: Session) -> None:
    superuser.run("CREATE FUNCTION public.seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
    known = set()
    for tag in sorted(TAGS):
        try:
            with superuser.transaction(force_rollback=True):
                superuser.run(
                    f"CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('{tag}') EXECUTE FUNCTION seen()"
                )
            known.add(tag)
        except (psycopg.errors.SyntaxError, psycopg.errors.FeatureNotSupported):
            pass
    assert len(known) > 100
    harmless = {tag for tag in known if superuser.value("SELECT integratedb.is_harmless(%s)", tag)}
    assert known - harmless == WATCHED & known
    assert not superuser.value("SELECT integratedb.is_harmless('CREATE SOMETHING NEW')")


def test_a_table_that_alter_index_renames_is_a_table(owner: Session, claim) -> None:
    claim({"path": "shop.orders", "fields": ["id"]})
    with refused("IDB01", match="ALTER INDEX"):
        owner.run("ALTER INDEX shop.orders RENAME TO orders_of_the_past")
    owner.run("ALTER INDEX shop.orders_pkey RENAME TO orders_key")
    assert owner.warnings() == []


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE shop.open_orders RENAME TO x",
        "ALTER TABLE shop.sales RENAME TO x",
        "ALTER INDEX shop.open_orders RENAME TO x",
        "ALTER VIEW shop.orders RENAME COLUMN id TO x",
        "ALTER FOREIGN TABLE shop.orders RENAME COLUMN id TO x",
        "ALTER MATERIALIZED VIEW shop.orders RENAME COLUMN id TO x",
    ],
)
def test_a_statement_takes_relations_of_other_kinds_too(owner: Session, claim, statement: str) -> None:
    claim({"path": "shop.open_orders"}, {"path": "shop.sales"}, {"path": "shop.orders", "fields": ["id"]})
    with refused("IDB01"):
        owner.run(statement)


def test_a_rule_is_logged_with_its_relation(owner: Session, superuser: Session, claim) -> None:
    claim({"path": "shop.orders", "fields": ["id"]})
    owner.run("CREATE RULE quiet AS ON DELETE TO shop.orders DO INSTEAD NOTHING")
    row = "SELECT schema_name, relation_name, checked FROM integratedb.ddl_event WHERE command_tag = 'CREATE RULE'"
    assert superuser.rows(row) == [("shop", "orders", True)]
