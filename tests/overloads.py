"""Functions of the extension's names with other arguments, as somebody makes them who may create in its schema."""

from __future__ import annotations

from tests.support import Session

#: Every one raises, so that a call that reaches one fails visibly. One with more arguments, which have defaults, is not
#: among them: Postgres then refuses every call as ambiguous (42725), and runs neither.
MAKE = r"""
DO $do$
DECLARE
  f record;
  variant text;
BEGIN
  FOR f IN
    SELECT p.oid, n.nspname, p.proname, p.pronargs AS n,
           ARRAY(SELECT quote_ident(p.proargnames[i]) FROM generate_series(1, p.pronargs) AS i) AS names,
           ARRAY(SELECT format_type(p.proargtypes[i - 1], NULL) FROM generate_series(1, p.pronargs) AS i) AS types
      FROM pg_depend AS d
      JOIN pg_proc AS p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
      JOIN pg_namespace AS n ON n.oid = p.pronamespace AND n.nspname <> 'integratedb'
     WHERE d.deptype = 'e' AND p.proname LIKE 'integratedb%'
  LOOP
    FOR variant IN
      -- Every argument of another type that a literal, a small number or a document would fit.
      SELECT string_agg(f.names[i] || ' ' || t.other, ', ' ORDER BY i)
        FROM unnest(ARRAY['text', 'varchar', 'name', 'bpchar', 'json', 'anyelement', 'smallint', 'bigint', 'timestamp'])
               AS t (other),
             generate_series(1, f.n) AS i
       GROUP BY t.other
      UNION ALL
      -- Fewer arguments, for calls that leave one to its default.
      SELECT coalesce(a.list, '')
        FROM generate_series(0, f.n - 1) AS k
       CROSS JOIN LATERAL (
         SELECT string_agg(f.names[i] || ' ' || f.types[i], ', ' ORDER BY i) FROM generate_series(1, k) AS i
       ) AS a (list)
    LOOP
      BEGIN
        EXECUTE format(
          'CREATE FUNCTION %I.%I(%s) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION ''captured''; END $$',
          f.nspname, f.proname, variant);
      EXCEPTION
        WHEN duplicate_function OR invalid_function_definition OR syntax_error THEN NULL;
      END;
    END LOOP;
  END LOOP;
END
$do$
"""


def make_overloads(attacker: Session) -> int:
    """Make them, as a role that may; give how many there are."""
    attacker.run(MAKE)
    return int(attacker.value("SELECT count(*) FROM pg_proc WHERE proowner = current_user::regrole"))
