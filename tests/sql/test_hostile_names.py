"""What somebody made to be taken for an operator, function or table of Postgres is not, with the extension's rights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from psycopg import sql
from psycopg.types.json import Jsonb

from tests.sql.conftest import ADMIN, OWNER, ROOT, janitor, open_session
from tests.support import Server, Session, refused

HOSTILE = "hostile"
MALLORY = "mallory"

# An operator of each name for each pair of types, whether or not pg_catalog has one for it: where a search path reaches
# this schema at all, one of them suits better than an operator that takes polymorphic or coerced arguments.
OPERATORS = """
DO $$
DECLARE
  types CONSTANT regtype[] := ARRAY[
    'text', 'name', '"char"', 'oid', 'regclass', 'regtype', 'regrole', 'regprocedure', 'boolean', 'smallint',
    'integer', 'bigint', 'text[]', 'name[]', 'oid[]', 'smallint[]', 'bigint[]', 'jsonb', 'timestamptz', 'interval',
    'xid8', 'pg_lsn'];
  l regtype;
  r regtype;
  operator text;
BEGIN
  FOREACH l IN ARRAY types LOOP
    FOREACH r IN ARRAY types LOOP
      EXECUTE format(
        'CREATE FUNCTION public.trap(%s, %s) RETURNS boolean LANGUAGE plpgsql
         AS $body$ BEGIN RAISE EXCEPTION ''captured''; END $body$', l, r);
      FOREACH operator IN ARRAY string_to_array('= <> < > <= >= || && @> ~ !~ ~~ -> ->> ? + - & >>', ' ') LOOP
        EXECUTE format(
          'CREATE OPERATOR public.%s (FUNCTION = public.trap, LEFTARG = %s, RIGHTARG = %s)', operator, l, r);
      END LOOP;
    END LOOP;
  END LOOP;
END
$$
"""

# A function for each of pg_catalog's that the extension calls: with its arguments, or many types where it takes any.
FUNCTIONS = """
DO $$
DECLARE
  types CONSTANT regtype[] := ARRAY[
    'text', 'name', '"char"', 'oid', 'regclass', 'regrole', 'boolean', 'smallint', 'integer', 'bigint', 'text[]',
    'name[]', 'oid[]', 'bigint[]', 'jsonb', 'timestamptz', 'interval', 'xid8', 'pg_lsn', 'record'];
  f record;
BEGIN
  FOR f IN
    WITH called AS (
      SELECT DISTINCT call[1] AS name
        FROM unnest({bodies}::text[]) AS body
       CROSS JOIN regexp_matches(body, '([a-z_0-9]+)[(]', 'g') AS call
    )
    SELECT DISTINCT p.proname, CASE WHEN t.polymorphic THEN any_type::text || repeat(', text', p.pronargs - 1)
                                    ELSE pg_get_function_identity_arguments(p.oid) END AS arguments
      FROM called AS c
      JOIN pg_proc AS p ON p.proname = c.name AND p.pronamespace = 'pg_catalog'::regnamespace AND p.pronargs > 0
     CROSS JOIN LATERAL (
       SELECT bool_or(a.typtype = 'p'), bool_or(a.typname IN ('internal', 'cstring', 'trigger'))
         FROM pg_type AS a WHERE a.oid = ANY (p.proargtypes)) AS t (polymorphic, internal)
     CROSS JOIN unnest(CASE WHEN t.polymorphic THEN types ELSE ARRAY['text'::regtype] END) AS any_type
     WHERE NOT t.internal AND p.proargmodes IS NULL
  LOOP
    EXECUTE format(
      'CREATE OR REPLACE FUNCTION public.%I(%s) RETURNS boolean LANGUAGE plpgsql
       AS $body$ BEGIN RAISE EXCEPTION ''captured''; END $body$', f.proname, f.arguments);
  END LOOP;
END
$$
"""

# What depends on a function or operator of somebody's, other than an operator of theirs.
CAPTURED = """
SELECT pg_describe_object(d.classid, d.objid, d.objsubid) || ' uses ' || pg_describe_object(d.refclassid, d.refobjid, 0)
  FROM pg_depend AS d
 WHERE (d.refclassid = 'pg_operator'::regclass
        AND d.refobjid IN (SELECT o.oid FROM pg_operator AS o WHERE o.oprowner = %s::regrole))
    OR (d.refclassid = 'pg_proc'::regclass AND d.classid <> 'pg_operator'::regclass
        AND d.refobjid IN (SELECT p.oid FROM pg_proc AS p WHERE p.proowner = %s::regrole))
"""


# Relations and types that the extension reads, by their bare names.
TEMPORARY = """
SELECT DISTINCT k.relname
  FROM pg_catalog.pg_class AS k
 WHERE k.relkind IN ('r', 'v') AND k.relnamespace IN ('pg_catalog'::regnamespace, 'integratedb'::regnamespace)
UNION
SELECT t.typname
  FROM pg_catalog.pg_type AS t
 WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b' AND t.typname !~ '^_'
"""


@pytest.fixture
def hostile(server: Server, superuser: Session) -> Iterator[str]:
    """A shop's database, in whose schema public somebody has set traps before the extension came."""
    bodies = superuser.value("""
        SELECT array_agg(p.prosrc)
          FROM pg_proc AS p JOIN pg_depend AS d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid
          JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'integratedb' AND d.deptype = 'e'""")
    superuser.run(f"CREATE ROLE {MALLORY} LOGIN")
    with janitor(server, HOSTILE):
        with open_session(server, server.superuser, HOSTILE) as creator:
            creator.run(f"CREATE SCHEMA shop AUTHORIZATION {OWNER}; GRANT CREATE ON SCHEMA public TO {MALLORY}")
        with open_session(server, OWNER, HOSTILE) as owner:
            owner.run((ROOT / "demo/shop.sql").read_text())
        with open_session(server, MALLORY, HOSTILE, options="-c search_path=pg_catalog") as mallory:
            mallory.run(OPERATORS)
            mallory.run(sql.SQL(FUNCTIONS).format(bodies=bodies))
        with open_session(server, server.superuser, HOSTILE) as creator:
            # As the refusal to install there demands; what was created stays.
            creator.run(f"REVOKE CREATE ON SCHEMA public FROM {MALLORY}")
            creator.run("CREATE EXTENSION integratedb CASCADE")
        yield HOSTILE


@contextmanager
def sessions(server: Server, database: str, **more: str) -> Iterator[tuple[Session, Session, Session]]:
    """An admin, the owner of the shop and a superuser."""
    with ExitStack() as stack:
        admin, owner, superuser = (
            stack.enter_context(open_session(server, user, database, **more))
            for user in (ADMIN, OWNER, server.superuser)
        )
        yield admin, owner, superuser


def act(admin: Session, owner: Session, superuser: Session) -> None:
    """Do what admins and owners do; whatever fails may have been captured."""
    admin.run("SELECT public.integratedb_create_stakeholder('reporter')")
    for function, match in (
        ("claim", {"path": "shop.orders", "fields": ["note", {"name": "id", "type": "bigint", "is_nullable": False}]}),
        ("claim", {"path": "shop.*", "fields": ["*"]}),
        ("notify", {"path": "shop.products", "fields": ["*"]}),
    ):
        admin.run(f"SELECT public.integratedb_{function}('reporter', %s)", Jsonb({"match": match}))
    owner.run("ALTER TABLE shop.orders ADD COLUMN channel integer")
    owner.run("CREATE TABLE shop.other (id integer PRIMARY KEY)")
    drop = "ALTER TABLE shop.orders DROP COLUMN channel"
    with refused("IDB01"):
        owner.run(drop)
    assert owner.rows("SELECT stakeholder FROM public.integratedb_preview_migration(%s)", drop) == [("reporter",)]
    with owner.transaction():
        owner.run(drop)
        owner.run("SELECT public.integratedb_sync()")
    assert owner.value("SELECT public.integratedb_validate_migration()") == 0
    owner.run("GRANT SELECT ON shop.customers TO PUBLIC")
    owner.run("DROP TABLE shop.other; SELECT public.integratedb_sync()")
    for call in (
        "integratedb_stakeholders()",
        "integratedb_specification('reporter')",
        "integratedb_check_spec('{}')",
        "integratedb_unmet_claims()",
        "integratedb_dependents('shop.orders')",
        "integratedb_access('reporter')",
        "integratedb_status()",
        "integratedb_ddl_events()",
        "integratedb_configure('ddl_event_retention', '30 days')",
        "integratedb_rotate_password('reporter')",
        "integratedb_rename_stakeholder('reporter', 'analyst')",
        "integratedb_drop_stakeholder('analyst')",
    ):
        admin.run(f"SELECT * FROM public.{call}")
    for view in ("type_name", "readable_column", "unmet_claim", "notification_problem", "wanted_publication"):
        superuser.run(f"SELECT * FROM integratedb.{view}")


def test_nothing_that_was_in_the_target_schema_before_becomes_part_of_the_extension(server: Server, hostile: str):
    with open_session(server, server.superuser, hostile, options="-c search_path=pg_catalog") as superuser:
        assert superuser.value("SELECT count(*) FROM pg_operator WHERE oprowner = %s::regrole", MALLORY) > 5_000
        assert superuser.value("SELECT count(*) FROM pg_proc WHERE proowner = %s::regrole", MALLORY) > 700
        assert superuser.rows(CAPTURED, MALLORY, MALLORY) == []


def test_no_search_path_leads_the_extension_to_operators_and_functions_of_others(server: Server, hostile: str):
    with sessions(server, hostile, options="-c search_path=public,pg_catalog") as everybody:
        for session in everybody:
            with refused("P0001", match="captured"):
                session.run("SELECT format('%s', 'a') = 'b'")
        act(*everybody)


def test_temporary_tables_are_not_taken_for_relations_and_types_of_their_names(server: Server, database: str):
    with sessions(server, database) as everybody:
        names = [name for (name,) in everybody[2].rows(TEMPORARY)]
        assert {"pg_class", "claim", "jsonb"} <= set(names)
        for session in everybody:
            with session.transaction():
                for name in names:
                    session.run(sql.SQL("CREATE TEMPORARY TABLE {} (trap integer)").format(sql.Identifier(name)))
            session.run("SET search_path = pg_temp, public, pg_catalog")
            assert session.rows("SELECT * FROM pg_class") == []
        act(*everybody)
