-- Makes the code of dropped stakeholders, which integratedb_archive owns, harmless. No role can run its functions.
-- Other code, which would run with the rights of the role that uses it, is reported.

CREATE OR REPLACE FUNCTION integratedb.archived_functions()
RETURNS TABLE (oid oid, prokind "char", is_barred boolean)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT p.oid, p.prokind,
         p.prosecdef AND EXISTS (SELECT FROM unnest(p.proconfig) AS s (setting) WHERE s.setting LIKE 'allow\_system\_table\_mods=%')
    FROM pg_proc AS p
   WHERE p.proowner = (SELECT u.oid FROM pg_authid AS u WHERE u.rolname = 'integratedb_archive')
$$;

COMMENT ON FUNCTION integratedb.archived_functions() IS
'The routines that dropped stakeholders left behind, and whether running them is barred already.';

CREATE OR REPLACE FUNCTION integratedb.disarm_triggers()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  archive CONSTANT oid := 'integratedb_archive'::regrole::oid;
  found record;
BEGIN
  -- A trigger on another owner's table would run the code in the middle of that owner's statements.
  FOR found IN
    SELECT t.tgname, n.nspname, k.relname
      FROM pg_trigger AS t
      JOIN pg_proc AS p ON p.oid = t.tgfoid AND p.proowner = archive
      JOIN pg_class AS k ON k.oid = t.tgrelid AND k.relowner <> archive
      JOIN pg_namespace AS n ON n.oid = k.relnamespace
     WHERE NOT t.tgisinternal
       AND t.tgparentid = 0
     ORDER BY n.nspname, k.relname, t.tgname
  LOOP
    EXECUTE format('DROP TRIGGER %I ON %I.%I', found.tgname, found.nspname, found.relname);
    RAISE NOTICE 'trigger % on % is dropped: it ran a function of the stakeholder', quote_ident(found.tgname), integratedb.path_of(found.nspname, found.relname);
  END LOOP;

  -- Each trigger is disabled by name, because "USER" on a partitioned table omits triggers that are on a partition
  -- alone. A partition's trigger that comes from another owner's table belongs to that owner.
  FOR found IN
    SELECT t.tgname, n.nspname, k.relname, k.relkind, pg_get_triggerdef(t.oid) AS definition
      FROM pg_trigger AS t
      JOIN pg_class AS k ON k.oid = t.tgrelid AND k.relowner = archive
      JOIN pg_namespace AS n ON n.oid = k.relnamespace
      LEFT JOIN pg_trigger AS p ON p.oid = t.tgparentid
      LEFT JOIN pg_class AS pk ON pk.oid = p.tgrelid
     WHERE NOT t.tgisinternal
       AND t.tgenabled <> 'D'
       AND (t.tgparentid = 0 OR pk.relowner = archive)
     ORDER BY t.tgparentid <> 0, n.nspname, k.relname, t.tgname
  LOOP
    IF found.relkind = 'v' THEN
      -- Postgres cannot disable triggers of a view.
      EXECUTE format('DROP TRIGGER %I ON %I.%I', found.tgname, found.nspname, found.relname);
      RAISE NOTICE 'trigger % on % is dropped: a trigger of a view cannot be disabled', quote_ident(found.tgname), integratedb.path_of(found.nspname, found.relname)
        USING HINT = format('It was: %s.', found.definition);
    ELSE
      EXECUTE format('ALTER TABLE %I.%I DISABLE TRIGGER %I', found.nspname, found.relname, found.tgname);
    END IF;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.disarm_triggers() IS
'Disables the triggers on tables of integratedb_archive. Drops the triggers on its views, and the triggers that run '
'its functions on tables of other owners.';

CREATE OR REPLACE FUNCTION integratedb.drop_computed_indexes()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  archive CONSTANT oid := 'integratedb_archive'::regrole::oid;
  found record;
BEGIN
  -- Autovacuum computes them, and would fail each time when the functions cannot be run.
  FOR found IN
    SELECT DISTINCT coalesce(n.nspname, m.nspname) AS schema_name, coalesce(k.relname, s.stxname) AS name, c.conname, r.relname AS table_name, s.oid IS NOT NULL AS is_statistics
      FROM pg_depend AS d
      LEFT JOIN pg_class AS k ON d.classid = 'pg_class'::regclass AND k.oid = d.objid AND k.relkind IN ('i', 'I') AND NOT k.relispartition AND k.relowner = archive
      LEFT JOIN pg_namespace AS n ON n.oid = k.relnamespace
      LEFT JOIN pg_constraint AS c ON c.conindid = k.oid AND c.contype IN ('p', 'u', 'x')
      LEFT JOIN pg_class AS r ON r.oid = c.conrelid
      LEFT JOIN pg_statistic_ext AS s ON d.classid = 'pg_statistic_ext'::regclass AND s.oid = d.objid AND s.stxowner = archive
      LEFT JOIN pg_namespace AS m ON m.oid = s.stxnamespace
     WHERE (d.refclassid = 'pg_proc'::regclass AND d.refobjid IN (SELECT p.oid FROM pg_proc AS p WHERE p.proowner = archive)
            OR d.refclassid = 'pg_operator'::regclass AND d.refobjid IN (SELECT o.oid FROM pg_operator AS o WHERE o.oprowner = archive))
       AND (k.oid IS NOT NULL OR s.oid IS NOT NULL)
     ORDER BY 1, 2
  LOOP
    IF found.is_statistics THEN
      EXECUTE format('DROP STATISTICS %I.%I', found.schema_name, found.name);
    ELSIF found.conname IS NOT NULL THEN
      EXECUTE format('ALTER TABLE %I.%I DROP CONSTRAINT %I', found.schema_name, found.table_name, found.conname);
    ELSE
      EXECUTE format('DROP INDEX %I.%I', found.schema_name, found.name);
    END IF;
    RAISE NOTICE '% % is dropped: it called a function of the stakeholder', CASE WHEN found.is_statistics THEN 'statistics' ELSE 'index' END, integratedb.path_of(found.schema_name, found.name);
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.drop_computed_indexes() IS
'Drops the indexes and statistics of integratedb_archive that call its functions. They hold no data.';

CREATE OR REPLACE FUNCTION integratedb.disarm_archive()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  found record;
BEGIN
  PERFORM integratedb.disarm_triggers();
  PERFORM integratedb.drop_computed_indexes();

  FOR found IN
    SELECT p.oid::regprocedure AS signature,
           a.prokind,
           a.is_barred,
           ARRAY(SELECT DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END
                   FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS x
                  WHERE x.grantee <> p.proowner) AS grantees
      FROM integratedb.archived_functions() AS a
      JOIN pg_proc AS p ON p.oid = a.oid
     ORDER BY 1
  LOOP
    IF cardinality(found.grantees) > 0 THEN
      EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %s CASCADE', found.signature, array_to_string(found.grantees, ', '));
    END IF;

    -- A superuser needs no EXECUTE, so a REVOKE is not enough. The rights of the owner alone are not enough either:
    -- code in a session can leave a search_path, a temporary table with a trigger, or a cursor that runs at COMMIT.
    --
    -- So the function gets the rights of its owner, and a setting that the owner may not set. Postgres then refuses the
    -- call before the first line of the function.
    IF found.prokind IN ('f', 'p') AND NOT found.is_barred THEN
      EXECUTE format('ALTER ROUTINE %s SECURITY DEFINER SET allow_system_table_mods = off', found.signature);
    END IF;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.disarm_archive() IS
'Makes the code that integratedb_archive owns harmless. No role, not even a superuser, can run its functions. Its '
'triggers are disabled, and objects that called its functions automatically are dropped.';

CREATE OR REPLACE FUNCTION integratedb.domain_checks(type_oid oid)
RETURNS text
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- Arrays, rows and ranges are followed, because Postgres checks each value in them.
  WITH RECURSIVE type AS (
    SELECT type_oid AS oid
    UNION
    SELECT n.oid
      FROM type AS b
      JOIN pg_type AS t ON t.oid = b.oid
     CROSS JOIN LATERAL (
       SELECT t.typbasetype AS oid
       UNION ALL
       SELECT t.typelem
       UNION ALL
       SELECT a.atttypid FROM pg_attribute AS a WHERE a.attrelid = t.typrelid AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped
       UNION ALL
       SELECT r.rngsubtype FROM pg_range AS r WHERE t.oid IN (r.rngtypid, r.rngmultitypid)) AS n
     WHERE n.oid <> 0
  )
  SELECT string_agg(c.conbin::text, ' ' ORDER BY c.oid)
    FROM type AS b
    JOIN pg_constraint AS c ON c.contypid = b.oid
$$;

COMMENT ON FUNCTION integratedb.domain_checks(oid) IS
'The stored expressions of the constraints that Postgres checks for values of a type; null when the type has none.';

CREATE OR REPLACE FUNCTION integratedb.effects_of(expression text)
RETURNS text
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- A stored expression names functions and operators by their identifiers. A literal is written as bytes, so it cannot
  -- imitate one.
  --
  -- These names lead to further code: the defaults of arguments, which are computed before the function is run or
  -- refused, and the constraints of domains in casts.
  WITH RECURSIVE part AS (
    SELECT expression COLLATE "C" AS tree
    UNION
    SELECT n.tree COLLATE "C"
      FROM part AS x
     CROSS JOIN LATERAL regexp_matches(x.tree, ':(funcid|aggfnoid|winfnoid|resulttype) ([0-9]+)', 'g') AS found (parts)
     CROSS JOIN LATERAL (
       SELECT p.proargdefaults::text AS tree FROM pg_proc AS p WHERE found.parts[1] IN ('funcid', 'aggfnoid', 'winfnoid') AND p.oid = found.parts[2]::oid
       UNION ALL
       SELECT integratedb.domain_checks(found.parts[2]::oid) WHERE found.parts[1] = 'resulttype') AS n
     WHERE n.tree IS NOT NULL
  )
  SELECT string_agg(DISTINCT p.oid::regprocedure::text, ', ')
    FROM part AS x
   CROSS JOIN LATERAL regexp_matches(x.tree, ':(funcid|aggfnoid|winfnoid|opno) ([0-9]+)', 'g') AS found (parts)
    LEFT JOIN pg_operator AS o ON found.parts[1] = 'opno' AND o.oid = found.parts[2]::oid
    JOIN pg_proc AS p ON p.oid = CASE WHEN found.parts[1] = 'opno' THEN o.oprcode::oid ELSE found.parts[2]::oid END
   WHERE (p.provolatile = 'v' OR NOT (SELECT u.rolsuper FROM pg_authid AS u WHERE u.oid = p.proowner))
     -- These functions only return a value, and are usual in defaults.
     AND NOT (p.oid < 16384 AND p.proname IN ('clock_timestamp', 'currval', 'gen_random_uuid', 'lastval', 'nextval', 'random', 'random_normal', 'timeofday', 'uuidv4', 'uuidv7'))
     AND NOT EXISTS (SELECT FROM integratedb.archived_functions() AS a WHERE a.oid = p.oid AND a.is_barred)
$$;

COMMENT ON FUNCTION integratedb.effects_of(text) IS
'The functions that a stored expression calls and that may do more than compute, as text for a message; null when no '
'such function is called. Calls by defaults of arguments and by constraints of domains are included. Such functions '
'are the volatile ones, and those of owners who are not superusers. Functions that cannot be run are excluded.';

CREATE OR REPLACE FUNCTION integratedb.expressions_of(of_role oid)
RETURNS TABLE (classid oid, objid oid, place text, expression text)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- Postgres refreshes a materialised view with the rights of its owner, and reads its rows without running code.
  SELECT 'pg_class'::regclass::oid, k.oid,
         CASE WHEN k.relkind = 'v' AND r.rulename = '_RETURN' THEN pg_describe_object('pg_class'::regclass, k.oid, 0)
              ELSE pg_describe_object('pg_rewrite'::regclass, r.oid, 0) END,
         concat(r.ev_qual, r.ev_action)
    FROM pg_class AS k
    JOIN pg_rewrite AS r ON r.ev_class = k.oid
   WHERE k.relowner = of_role
     AND k.relkind <> 'm'
  UNION ALL
  SELECT 'pg_class'::regclass, k.oid, pg_describe_object('pg_attrdef'::regclass, a.oid, 0), a.adbin::text
    FROM pg_class AS k
    JOIN pg_attrdef AS a ON a.adrelid = k.oid
   WHERE k.relowner = of_role
  UNION ALL
  SELECT 'pg_class'::regclass, k.oid, pg_describe_object('pg_policy'::regclass, p.oid, 0), concat(p.polqual, p.polwithcheck)
    FROM pg_class AS k
    JOIN pg_policy AS p ON p.polrelid = k.oid
   WHERE k.relowner = of_role
  UNION ALL
  SELECT 'pg_class'::regclass, k.oid, pg_describe_object('pg_constraint'::regclass, c.oid, 0), c.conbin::text
    FROM pg_class AS k
    JOIN pg_constraint AS c ON c.conrelid = k.oid
   WHERE k.relowner = of_role
  UNION ALL
  SELECT 'pg_class'::regclass, k.oid, pg_describe_object('pg_class'::regclass, x.indexrelid, 0), concat(x.indexprs, x.indpred)
    FROM pg_class AS k
    JOIN pg_index AS x ON x.indrelid = k.oid
   WHERE k.relowner = of_role
  UNION ALL
  SELECT 'pg_class'::regclass, k.oid, 'the partition key of ' || pg_describe_object('pg_class'::regclass, k.oid, 0), p.partexprs::text
    FROM pg_class AS k
    JOIN pg_partitioned_table AS p ON p.partrelid = k.oid
   WHERE k.relowner = of_role
  UNION ALL
  -- The planner computes the constant parts of these expressions.
  SELECT 'pg_class'::regclass, k.oid, pg_describe_object('pg_statistic_ext'::regclass, x.oid, 0), x.stxexprs::text
    FROM pg_class AS k
    JOIN pg_statistic_ext AS x ON x.stxrelid = k.oid
   WHERE k.relowner = of_role
  UNION ALL
  -- A write to a column of a domain checks the constraints of the domain, even of another owner's domain.
  SELECT 'pg_class'::regclass, k.oid, pg_describe_object('pg_class'::regclass, k.oid, a.attnum), integratedb.domain_checks(a.atttypid)
    FROM pg_class AS k
    JOIN pg_attribute AS a ON a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS t ON t.oid = a.atttypid AND t.typowner <> of_role
   WHERE k.relowner = of_role
     AND k.relkind IN ('r', 'p', 'f')
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid, concat(pg_describe_object('pg_constraint'::regclass, c.oid, 0), ' on ', pg_describe_object('pg_type'::regclass, t.oid, 0)), c.conbin::text
    FROM pg_type AS t
    JOIN pg_constraint AS c ON c.contypid = t.oid
   WHERE t.typowner = of_role
  UNION ALL
  SELECT 'pg_type'::regclass, t.oid, pg_describe_object('pg_type'::regclass, t.oid, 0), t.typdefaultbin::text
    FROM pg_type AS t
   WHERE t.typowner = of_role
$$;

COMMENT ON FUNCTION integratedb.expressions_of(oid) IS
'The stored expressions in objects of a role that run with the rights of the role that uses them, each with its '
'object. They belong to views, rules, defaults, policies, constraints, indexes, partition keys, statistics and '
'domains.';

CREATE OR REPLACE FUNCTION integratedb.warn_of_live_expressions(archived text[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  live CONSTANT text[] := ARRAY(
    SELECT format('%s calls %s', x.place, integratedb.effects_of(x.expression))
      FROM integratedb.expressions_of('integratedb_archive'::regrole::oid) AS x
     WHERE x.classid || ' ' || x.objid <> ALL (archived)
       AND integratedb.effects_of(x.expression) IS NOT NULL
     ORDER BY x.place);
BEGIN
  IF cardinality(live) > 0 THEN
    -- The expressions are kept unchanged, because another definition could break claims of other stakeholders.
    RAISE WARNING 'what is kept calls functions as whoever uses it: % of its views and other expressions', cardinality(live)
      USING DETAIL = array_to_string(live, E'\n'),
            HINT = 'Let no superuser or admin read or write these. Look at the definitions, which runs nothing: SELECT pg_get_viewdef(...), or \d+ in psql. DROP what is not needed.';
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.warn_of_live_expressions(text[]) IS
'Warns about the views and other expressions of integratedb_archive that run functions with the rights of the role '
'that uses them. The given objects are excluded: class and object identifier, with a space between.';

CREATE OR REPLACE FUNCTION integratedb.warn_of_failing_callers(archived text[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  archive CONSTANT oid := 'integratedb_archive'::regrole::oid;
  callers CONSTANT text[] := ARRAY(
    SELECT DISTINCT format('%s calls %s', pg_describe_object(d.classid, d.objid, 0), a.oid::regprocedure)
      FROM integratedb.archived_functions() AS a
      -- A call of an operator of the stakeholder calls the operator's function.
     CROSS JOIN LATERAL (
       SELECT 'pg_proc'::regclass::oid AS classid, a.oid AS objid
       UNION ALL
       SELECT 'pg_operator'::regclass, o.oid FROM pg_operator AS o WHERE o.oprcode = a.oid) AS called
      JOIN pg_depend AS d ON d.refclassid = called.classid AND d.refobjid = called.objid
      LEFT JOIN pg_attrdef AS f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
      LEFT JOIN pg_constraint AS c ON d.classid = 'pg_constraint'::regclass AND c.oid = d.objid
      LEFT JOIN pg_rewrite AS w ON d.classid = 'pg_rewrite'::regclass AND w.oid = d.objid
      LEFT JOIN pg_policy AS y ON d.classid = 'pg_policy'::regclass AND y.oid = d.objid
      LEFT JOIN pg_class AS k ON k.oid = coalesce(f.adrelid, nullif(c.conrelid, 0), w.ev_class, y.polrelid, CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid END)
      LEFT JOIN pg_type AS t ON t.oid = nullif(c.contypid, 0)
     WHERE 'pg_proc'::regclass::oid || ' ' || a.oid <> ALL (archived)
       AND coalesce(k.relowner, t.typowner) <> archive
     ORDER BY 1);
BEGIN
  IF cardinality(callers) > 0 THEN
    RAISE WARNING 'functions that cannot be run any more are called by objects of others, which fail when they are used: %', cardinality(callers)
      USING DETAIL = array_to_string(callers, E'\n'),
            HINT = 'Their owners drop them, or let them call functions of their own. Until then reading or writing what they belong to fails (42501).';
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.warn_of_failing_callers(text[]) IS
'Warns about the indexes, expressions, views and policies of other owners that call functions of integratedb_archive, '
'which nobody can run. The given functions are excluded: class and object identifier, with a space between.';
