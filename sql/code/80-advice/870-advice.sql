-- Runs the advisers: those of the extension with the rights of its owner, all others with the rights of the caller.

CREATE OR REPLACE FUNCTION integratedb.advisers()
RETURNS TABLE (adviser text, title text, level text, facing text, categories text[], description text)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- The comment of an adviser is what the adviser says of itself: the title, a line of words, and the description.
  SELECT substr(k.relname, 9), split_part(c.comment, E'\n', 1), w.words[1], w.words[2], w.words[3:],
         replace(substr(c.comment, length(split_part(c.comment, E'\n', 1)) + length(split_part(c.comment, E'\n', 2)) + 3), E'\n', ' ')
    FROM pg_depend AS d
    JOIN pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'integratedb'
    JOIN pg_class AS k ON k.oid = d.objid AND k.relkind = 'v' AND starts_with(k.relname::text, 'adviser_')
   CROSS JOIN LATERAL (SELECT obj_description(k.oid, 'pg_class') AS comment) AS c
   CROSS JOIN LATERAL (SELECT string_to_array(split_part(c.comment, E'\n', 2), ', ') AS words) AS w
   WHERE d.refclassid = 'pg_extension'::regclass
     AND d.classid = 'pg_class'::regclass
     AND d.deptype = 'e'
     AND k.relnamespace = 'integratedb'::regnamespace
$$;

COMMENT ON FUNCTION integratedb.advisers() IS
'The advisers of the extension: views named adviser_... of its own, each with what its comment says of it.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_advisers()
RETURNS TABLE (name text, title text, level text, facing text, categories text[], description text)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- nobody else may call what it calls
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY SELECT a.adviser, a.title, a.level, a.facing, a.categories, a.description FROM integratedb.advisers() AS a ORDER BY a.adviser;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_advisers() IS
'The checks that integratedb_advice() makes, also those that find nothing. Views in schema integratedb_advisers are not
listed.
Returns name, title, level (ERROR, WARN, INFO), facing (OWNER of the tables, ADMIN, STAKEHOLDER: who can act), categories,
description.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION integratedb.own_advice(only_adviser text)
RETURNS TABLE (
  name text,
  title text,
  level text,
  facing text,
  categories text[],
  description text,
  detail text,
  remediation text,
  metadata jsonb,
  cache_key text
)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads the extension's tables, and catalogs that nobody else can; runs views of the extension only
SET search_path = pg_catalog, integratedb, pg_temp
SET lock_timeout = '1s'
AS $$
DECLARE
  adviser record;
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role

  FOR adviser IN
    SELECT a.* FROM integratedb.advisers() AS a
     WHERE only_adviser IS NULL OR a.adviser = only_adviser
     ORDER BY array_position(ARRAY['ERROR', 'WARN', 'INFO'], a.level), a.adviser
  LOOP
    -- Postgres locks what it describes: the tables in the condition of a policy, and sequences. Whoever holds a lock
    -- on one of them must not hide all the other findings.
    BEGIN
      -- Only names of the extension's own views get here.
      RETURN QUERY EXECUTE format(
        'SELECT $1, $2, $3, $4, $5, $6, f.detail, f.remediation, f.metadata, $1 || '':'' || f.subject FROM integratedb.%I AS f ORDER BY f.subject',
        'adviser_' || adviser.adviser)
        USING adviser.adviser, adviser.title, adviser.level, adviser.facing, adviser.categories, adviser.description;
    EXCEPTION
      WHEN lock_not_available OR deadlock_detected THEN
        RETURN QUERY
          SELECT 'adviser_not_run', 'Adviser that does not run', 'WARN', 'ADMIN', ARRAY['INTEGRATEDB'],
                 'An adviser has stopped at a lock, so what it looks for goes unnoticed.',
                 format('Adviser %s is not run: another session has locked what the adviser reads for more than a second.', adviser.adviser),
                 'SELECT * FROM @extschema@.integratedb_monitor_sessions();', jsonb_build_object('adviser', adviser.adviser),
                 'adviser_not_run:' || adviser.adviser;
    END;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.own_advice(text) IS
'The findings of the extension''s advisers; of one of them, or of all (null). They read catalogs, statistics and the '
'extension''s tables only.';

CREATE OR REPLACE FUNCTION integratedb.mutes()
RETURNS TABLE (cache_key text, mute jsonb)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads a table that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    SELECT m.cache_key, jsonb_build_object('reason', m.reason, 'by', m.muted_by, 'at', m.muted_at, 'until', m.muted_until)
      FROM integratedb.muted_advice AS m
     WHERE m.muted_until IS NULL OR m.muted_until > now();
END
$$;

COMMENT ON FUNCTION integratedb.mutes() IS 'The findings that are muted now: who, when, why and until when.';

CREATE OR REPLACE FUNCTION integratedb.foreign_advice(only_adviser text)
RETURNS TABLE (
  name text,
  title text,
  level text,
  facing text,
  categories text[],
  description text,
  detail text,
  remediation text,
  metadata jsonb,
  cache_key text
)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER -- the views are not the extension's, so the extension gives them no rights
SET search_path = pg_catalog, integratedb, pg_temp
SET lock_timeout = '1s'
AS $$
DECLARE
  adviser record;
  expected CONSTANT text[] := ARRAY[
    'name text', 'title text', 'level text', 'facing text', 'categories text[]', 'description text', 'detail text', 'remediation text',
    'metadata jsonb', 'cache_key text'];
  lacking text;
BEGIN
  FOR adviser IN
    SELECT k.oid, k.relname, k.relkind, format('%I.%I', n.nspname, k.relname) AS target,
           -- The functions in a view run with the rights of the caller. So a view is run only if its owner has these
           -- rights anyway. The owner of the schema can put another view in its place at any time.
           (SELECT pg_get_userbyid(w.owner)
              FROM (VALUES (1, k.relowner), (2, n.nspowner)) AS w (position, owner)
             WHERE NOT pg_has_role(w.owner, current_user, 'USAGE')
             ORDER BY w.position
             LIMIT 1) AS stranger,
           k.relowner = n.nspowner OR NOT pg_has_role(k.relowner, current_user, 'USAGE') AS is_view_strange,
           has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(k.oid, 'SELECT') AS is_readable,
           ARRAY(SELECT e.name FROM unnest(expected) WITH ORDINALITY AS e (name, position)
                  WHERE NOT EXISTS (
                    SELECT FROM pg_attribute AS a
                     WHERE a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped
                       AND a.attname || ' ' || format_type(a.atttypid, NULL) = e.name)
                  ORDER BY e.position) AS lacking
      FROM pg_namespace AS n
      JOIN pg_class AS k ON k.relnamespace = n.oid AND k.relkind IN ('v', 'm')
     WHERE n.nspname = 'integratedb_advisers'
       AND (only_adviser IS NULL OR k.relname = only_adviser)
     ORDER BY k.relname
  LOOP
    IF adviser.stranger IS NULL AND adviser.is_readable AND cardinality(adviser.lacking) = 0 THEN
      BEGIN
        RETURN QUERY EXECUTE format(
          'SELECT left(coalesce(f.name, $1), 200), left(coalesce(f.title, $1), 500), '
          '       CASE WHEN f.level IN (''ERROR'', ''WARN'') THEN f.level ELSE ''INFO'' END, left(f.facing, 100), f.categories, '
          '       left(f.description, 10000), left(f.detail, 10000), left(f.remediation, 100000), coalesce(f.metadata, ''{}''), '
          '       left(coalesce(f.cache_key, $1 || '':''), 1000) '
          '  FROM integratedb_advisers.%I AS f LIMIT 1000', adviser.relname)
          USING adviser.relname::text;
        CONTINUE;
      EXCEPTION
        -- One view that fails must not hide what all others find, so the error is a finding itself. A cancelled query is
        -- not caught.
        WHEN OTHERS THEN
          lacking := format('it fails: %s %s', SQLSTATE, SQLERRM);
      END;
    ELSE
      lacking := CASE WHEN adviser.stranger IS NOT NULL THEN
                        format('the owner of %s is %I, and functions of the view would run with the rights of %I',
                               CASE WHEN adviser.is_view_strange THEN 'the view' ELSE 'its schema' END, adviser.stranger, current_user)
                      WHEN NOT adviser.is_readable THEN format('role %I may not read it', current_user)
                      ELSE 'these columns are missing: ' || array_to_string(adviser.lacking, ', ') END;
    END IF;

    name := 'adviser_not_run';
    title := 'Adviser that does not run';
    level := 'WARN';
    facing := 'ADMIN';
    categories := ARRAY['INTEGRATEDB'];
    description := 'A view in schema integratedb_advisers is not part of the advice, so what it looks for goes unnoticed.';
    detail := format('Adviser %s is not run: %s.', adviser.target, lacking);
    remediation := CASE WHEN adviser.stranger IS NOT NULL AND adviser.is_view_strange THEN
                          format('ALTER TABLE %s OWNER TO %I;', adviser.target, current_user)
                        WHEN adviser.stranger IS NOT NULL THEN format('ALTER SCHEMA integratedb_advisers OWNER TO %I;', current_user)
                        WHEN NOT adviser.is_readable THEN
                          format('GRANT USAGE ON SCHEMA integratedb_advisers TO %I; GRANT SELECT ON %s TO %1$I;', current_user, adviser.target)
                        ELSE format('DROP %s %s;', CASE adviser.relkind WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'VIEW' END, adviser.target) END;
    metadata := jsonb_build_object('view', adviser.target);
    cache_key := 'adviser_not_run:' || adviser.target;
    RETURN NEXT;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.foreign_advice(text) IS
'The findings of views in schema integratedb_advisers, at most 1000 of each; of one of them, or of all (null). A view that '
'cannot be run is a finding itself.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_advice(with_muted boolean DEFAULT false, adviser text DEFAULT NULL)
RETURNS TABLE (
  name text,
  title text,
  level text,
  facing text,
  categories text[],
  description text,
  detail text,
  remediation text,
  metadata jsonb,
  cache_key text,
  muted jsonb
)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER -- runs views of others, which must not get the rights of the extension's owner
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  refused boolean;
BEGIN
  -- A misspelled name must not look like a database without findings.
  IF adviser IS NOT NULL
     AND NOT EXISTS (SELECT FROM integratedb.advisers() AS a WHERE a.adviser = integratedb_advice.adviser)
     AND NOT EXISTS (SELECT FROM pg_class AS k JOIN pg_namespace AS n ON n.oid = k.relnamespace
                      WHERE n.nspname = 'integratedb_advisers' AND k.relname = adviser AND k.relkind IN ('v', 'm')) THEN
    refused := integratedb.refuse(
      code => '42704',
      message => format('there is no adviser %s', quote_literal(left(adviser, 80))),
      detail => NULL,
      hint => 'SELECT name FROM integratedb_advisers() lists the advisers. Views in schema integratedb_advisers are advisers, too.');
  END IF;

  RETURN QUERY
    WITH finding AS MATERIALIZED (
      SELECT 1 AS part, o.* FROM integratedb.own_advice(adviser) AS o
      UNION ALL
      SELECT 2, f.* FROM integratedb.foreign_advice(adviser) AS f
    )
    SELECT f.name, f.title, f.level, f.facing, f.categories, f.description, f.detail, f.remediation, f.metadata, f.cache_key, m.mute
      FROM finding AS f
      LEFT JOIN integratedb.mutes() AS m ON m.cache_key = f.cache_key
     WHERE with_muted OR m.cache_key IS NULL
     ORDER BY array_position(ARRAY['ERROR', 'WARN', 'INFO'], f.level), f.part, f.name, f.cache_key;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_advice(boolean, text) IS
'What should be changed in this database and its contracts, the worst first.
with_muted: whether muted findings are shown too. adviser: only the findings of this one; null: of all.
Returns name (of the adviser), title, level (ERROR, WARN, INFO), facing (OWNER of the tables, ADMIN, STAKEHOLDER: who can
act), categories, description, detail (the finding with its evidence), remediation (statements that cure it), metadata,
cache_key (for integratedb_mute_advice), muted (null, or reason, by, at and until).
The advisers of the extension read catalogs, statistics and contracts, and no row of a table. Views in schema
integratedb_advisers, which have the columns name to cache_key, are advisers too. They run with the caller''s own rights,
and only if the owners of the view and of the schema have these rights, as superusers do.
Errors: 42501 the caller may not; 42704 unknown adviser.
For members of integratedb_admin.';
