-- Pins settings that any user may change in a session. Functions that run with the rights of their owner, and the
-- functions that they call, need the values that the extension was written for. Only this file sets them. It walks the
-- members, so that a new function cannot be forgotten.
--
-- pg_upgrade copies these settings by name. A name that a later major version does not have would stop pg_upgrade. A
-- name that only a later version has would be missing there. So a setting belongs here only if every supported version
-- has it. (The minor versions of August 2024 added restrict_nonsystem_relation_kind to all of them.)
--
-- These settings stay those of the session on purpose: check_function_bodies and row_security (they mark a restore),
-- TimeZone and client_min_messages (for people), the timeouts, and settings that change only the speed of plans.

DO LANGUAGE plpgsql $$
DECLARE
  change record;
BEGIN
  FOR change IN
    WITH pinned (name, value) AS (
      VALUES
        -- How Postgres reads literals and names in our bodies, and NULL in an array.
        ('standard_conforming_strings', 'on'),
        ('transform_null_equals', 'off'),
        ('array_nulls', 'on'),
        ('plpgsql.extra_errors', 'none'),
        ('plpgsql.extra_warnings', 'none'),
        -- How values become text and text becomes values. Types and objects are compared, stored and shown by name.
        ('quote_all_identifiers', 'off'),
        ('DateStyle', 'ISO, MDY'),
        ('IntervalStyle', 'postgres'),
        ('bytea_output', 'hex'),
        ('extra_float_digits', '1'),
        -- These would end the session, forbid our own views, or let an index miss rows.
        ('exit_on_error', 'off'),
        ('restrict_nonsystem_relation_kind', ''),
        -- These would start workers or a compiler for every small query. Without workers, the setting that forces
        -- parallel plans has no effect. (Its name is force_parallel_mode before PostgreSQL 16, and debug_parallel_query
        -- from then on.)
        ('max_parallel_workers_per_gather', '0'),
        ('jit', 'off')
    ), planner (name, value) AS (
      -- At a cost of 1e308 all plans cost the same, and a claim takes minutes. The event triggers, which fire at each
      -- statement, use queries that have one plan only.
      VALUES
        ('seq_page_cost', '1'),
        ('random_page_cost', '4'),
        ('cpu_tuple_cost', '0.01'),
        ('cpu_index_tuple_cost', '0.005'),
        ('cpu_operator_cost', '0.0025'),
        ('from_collapse_limit', '8'),
        ('join_collapse_limit', '8')
    ), known AS (
      -- The settings that this server has. Those of plpgsql exist, because this block is PL/pgSQL.
      SELECT p.name, p.value, p.is_planner
        FROM (SELECT a.name, a.value, false FROM pinned AS a
              UNION ALL
              SELECT b.name, b.value, true FROM planner AS b) AS p (name, value, is_planner)
        JOIN pg_catalog.pg_settings AS s ON s.name = p.name
    )
    SELECT pg_catalog.format('ALTER FUNCTION %s SET %s = %L', f.oid::pg_catalog.regprocedure, k.name, k.value) AS statement
      FROM pg_catalog.pg_depend AS d
      JOIN pg_catalog.pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'integratedb'
      JOIN pg_catalog.pg_proc AS f ON f.oid = d.objid AND f.prosecdef
      JOIN known AS k ON NOT k.is_planner OR f.prorettype <> 'pg_catalog.event_trigger'::pg_catalog.regtype
     WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
       AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
       AND d.deptype = 'e'
     ORDER BY f.oid, k.name
  LOOP
    EXECUTE change.statement;
  END LOOP;
END
$$;
