-- Finds what a transaction touched: the relations, the objects below views, and the claims that these can affect.

CREATE OR REPLACE FUNCTION integratedb.rewritten_relations()
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- The function reads the whole catalog, which an index would slow down. Its callers look rows up, with other planner
-- settings.
SET enable_seqscan = on
AS $$
DECLARE
  -- No row that this transaction or one of its subtransactions wrote is older.
  oldest CONSTANT integer := age(pg_current_xact_id()::xid);
BEGIN
  RETURN ARRAY(
    SELECT k.oid
      FROM pg_class AS k
     WHERE age(k.xmin) <= oldest
       AND k.relkind IN ('r', 'v', 'm', 'f', 'p', 'S')
       AND integratedb.is_own_xid(k.xmin));
END
$$;

COMMENT ON FUNCTION integratedb.rewritten_relations() IS
'The relations whose catalog rows this transaction wrote. This finds relations that no event names. Reads all of '
'pg_class.';

CREATE OR REPLACE FUNCTION integratedb.rewritten_and_locked_relations()
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN ARRAY(
    SELECT k.oid
      FROM (SELECT DISTINCT l.relation
              FROM pg_locks AS l
             WHERE l.locktype = 'relation'
               AND l.pid = pg_backend_pid()
               AND l.database = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())) AS locked
      JOIN pg_class AS k ON k.oid = locked.relation
     WHERE k.relkind IN ('r', 'v', 'm', 'f', 'p')
       AND integratedb.is_own_xid(k.xmin));
END
$$;

COMMENT ON FUNCTION integratedb.rewritten_and_locked_relations() IS
'The relations that this transaction has locked and whose catalog rows it wrote. The relations that ALTER TABLE '
'changed are among them. The cost does not depend on the size of the catalog.';

CREATE OR REPLACE FUNCTION integratedb.rewritten_privileges(OUT relations oid[], OUT schemas name[])
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = on
AS $$
DECLARE
  oldest CONSTANT integer := age(pg_current_xact_id()::xid);
BEGIN
  relations := integratedb.rewritten_relations() || ARRAY(
    SELECT a.attrelid FROM pg_attribute AS a WHERE age(a.xmin) <= oldest AND integratedb.is_own_xid(a.xmin)
    UNION
    -- DROP OWNED also removes a role from policies that apply to other roles too.
    SELECT y.polrelid FROM pg_policy AS y WHERE age(y.xmin) <= oldest AND integratedb.is_own_xid(y.xmin));
  schemas := ARRAY(SELECT n.nspname FROM pg_namespace AS n WHERE age(n.xmin) <= oldest AND integratedb.is_own_xid(n.xmin));
END
$$;

COMMENT ON FUNCTION integratedb.rewritten_privileges() IS
'The relations and schemas whose privileges or policies this transaction may have changed, by their catalog rows. '
'Reads all of pg_class and pg_attribute.';

CREATE OR REPLACE FUNCTION integratedb.may_have_detached(of_xid xid8)
RETURNS boolean
LANGUAGE plpgsql -- PL/pgSQL keeps the plan: planning takes ten times as long as running
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- The event of a detached partition names the partitioned table, which may have been dropped since.
  RETURN EXISTS (
    SELECT FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.command_tag = 'ALTER TABLE'
       AND e.classid = 'pg_class'::regclass
       AND NOT e.dropped
       AND coalesce((SELECT k.relkind = 'p' FROM pg_class AS k WHERE k.oid = e.objid), true));
END
$$;

COMMENT ON FUNCTION integratedb.may_have_detached(xid8) IS
'Whether a transaction may have detached partitions: it altered a partitioned table.';

CREATE OR REPLACE FUNCTION integratedb.touched_relations(of_xid xid8, since_event bigint DEFAULT NULL)
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Only a few objects are needed, but the planner would read whole catalogs in place of looking them up.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  relations oid[];
  types oid[];
  schemas oid[];
  extensions oid[];
  found oid[];
BEGIN
  SELECT array_agg(e.objid) FILTER (WHERE e.classid = 'pg_class'::regclass),
         array_agg(e.objid) FILTER (WHERE e.classid = 'pg_type'::regclass),
         array_agg(e.objid) FILTER (WHERE e.classid = 'pg_namespace'::regclass),
         array_agg(e.objid) FILTER (WHERE e.classid = 'pg_extension'::regclass)
    INTO relations, types, schemas, extensions
    FROM integratedb.ddl_event AS e
   WHERE e.xid = of_xid
     AND CASE WHEN since_event IS NULL THEN e.checked ELSE e.id >= since_event END
     AND e.objid IS NOT NULL;

  -- The relations are found by their dependency on the schema, because neither catalog has an index on the schema. Row
  -- types and arrays are found below.
  IF schemas IS NOT NULL THEN
    relations := relations || ARRAY(
      SELECT d.objid FROM pg_depend AS d
       WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = ANY (schemas) AND d.classid = 'pg_class'::regclass);
    types := types || ARRAY(
      SELECT d.objid FROM pg_depend AS d
       WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = ANY (schemas) AND d.classid = 'pg_type'::regclass);
  END IF;

  -- The event of ALTER EXTENSION names no object that it moves or changes.
  IF extensions IS NOT NULL THEN
    relations := relations || ARRAY(
      SELECT d.objid FROM pg_depend AS d
       WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = ANY (extensions) AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass);
    types := types || ARRAY(
      SELECT d.objid FROM pg_depend AS d
       WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = ANY (extensions) AND d.deptype = 'e' AND d.classid = 'pg_type'::regclass);
  END IF;

  -- Two kinds of relations are named by no event and cannot be reached from one: a partition that was detached after
  -- its partitioned table was changed, and a member that left its extension after it was moved. This transaction wrote
  -- their catalog rows.
  IF extensions IS NULL AND integratedb.may_have_detached(of_xid) THEN
    relations := relations || integratedb.rewritten_and_locked_relations();
  END IF;
  IF extensions IS NOT NULL THEN
    relations := relations || integratedb.rewritten_relations();
    types := types || ARRAY(
      SELECT t.oid FROM pg_type AS t WHERE age(t.xmin) <= age(pg_current_xact_id()::xid) AND integratedb.is_own_xid(t.xmin));
  END IF;

  -- Composite types are also relations, and tables are also types of columns.
  types := types || ARRAY(SELECT k.reltype FROM pg_class AS k WHERE k.oid = ANY (relations) AND k.reltype <> 0);

  -- A type reaches columns through its array type, the domains over it, and their array types. A recursive query would
  -- prepare tables for many rows at each COMMIT, but nearly every change reaches one array type. OFFSET 0 makes the
  -- planner look up each row. Otherwise it would compare all with all.
  found := types;
  WHILE cardinality(found) > 0 LOOP
    found := ARRAY(
      SELECT d.objid
        FROM unnest(found) AS t (oid)
       CROSS JOIN LATERAL (
         SELECT d.objid FROM pg_depend AS d
          WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = t.oid AND d.classid = 'pg_type'::regclass
         OFFSET 0) AS d
      EXCEPT
      SELECT unnest(types));
    types := types || found;
  END LOOP;
  relations := relations || ARRAY(
    SELECT d.objid
      FROM unnest(types) AS t (oid)
     CROSS JOIN LATERAL (
       SELECT d.objid FROM pg_depend AS d
        WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = t.oid AND d.classid = 'pg_class'::regclass
       OFFSET 0) AS d);

  -- ALTER TABLE also changes children and partitions, which no event names.
  found := relations;
  WHILE cardinality(found) > 0 LOOP
    found := ARRAY(
      SELECT i.inhrelid
        FROM unnest(found) AS r (oid)
       CROSS JOIN LATERAL (SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = r.oid OFFSET 0) AS i
      EXCEPT
      SELECT unnest(relations));
    relations := relations || found;
  END LOOP;
  RETURN ARRAY(SELECT DISTINCT r.oid FROM unnest(relations) AS r (oid));
END
$$;

COMMENT ON FUNCTION integratedb.touched_relations(xid8, bigint) IS
'The relations that a transaction''s schema changes can affect, by identifier: named in events, inherited, or reached '
'through types and schemas. since_event: all changes from this one on; null: those that are checked.';

CREATE OR REPLACE FUNCTION integratedb.changed_objects(of_xid xid8)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.checked
       AND e.command_tag NOT IN ('GRANT', 'REVOKE')
       AND (e.command_tag <> 'DROP OWNED' OR e.dropped));
END
$$;

COMMENT ON FUNCTION integratedb.changed_objects(xid8) IS
'Whether a transaction created, altered or dropped an object that is checked. False for GRANT, REVOKE and DROP OWNED '
'alone. Every role may run these where they change nothing or only temporary objects, and they name no object.';

CREATE OR REPLACE FUNCTION integratedb.revokes_are_found()
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- Reading a column costs a hundredth of the validation of a claimed column.
  RETURN pg_relation_size('pg_attribute') <= 100 * pg_relation_size('integratedb.claim_column');
END
$$;

COMMENT ON FUNCTION integratedb.revokes_are_found() IS
'Whether it is cheaper to read the catalog for rows that this transaction wrote. False for a few claims beside a huge '
'catalog; then the rows of the claims are looked up.';

CREATE OR REPLACE FUNCTION integratedb.revoked_claims_among_few()
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Only a few claims exist, but the planner would read whole catalogs in place of looking them up.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN ARRAY(
    SELECT DISTINCT cr.claim_id
      FROM integratedb.claim_relation AS cr
     WHERE EXISTS (SELECT FROM pg_class AS k WHERE k.oid = cr.relid AND integratedb.is_own_xid(k.xmin) OFFSET 0)
        OR EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = cr.schema_name AND integratedb.is_own_xid(n.xmin) OFFSET 0)
        OR EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = cr.relid AND integratedb.is_own_xid(y.xmin) OFFSET 0)
        OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = cr.relid AND integratedb.is_own_xid(a.xmin) OFFSET 0)
        OR CASE WHEN EXISTS (SELECT FROM pg_class AS k WHERE k.oid = cr.relid AND (k.relkind = 'v' OR k.relrowsecurity) OFFSET 0)
                THEN EXISTS (
                  SELECT FROM integratedb.claim AS c
                    JOIN integratedb.specification AS s ON s.id = c.specification_id
                    JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
                   WHERE c.id = cr.claim_id
                     AND integratedb.wrote_below(st.role_oid, cr.relid)
                  OFFSET 0)
                ELSE false END);
END
$$;

COMMENT ON FUNCTION integratedb.revoked_claims_among_few() IS
'The result of revoked_claims(), found from the claims and not from the catalogs.';

CREATE OR REPLACE FUNCTION integratedb.claims_above(classids oid[], objids oid[])
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  first_recorded CONSTANT oid := 12000::oid;
BEGIN
  IF coalesce(cardinality(objids), 0) = 0 THEN
    RETURN ARRAY[]::bigint[];
  END IF;

  -- Postgres records no dependency on built-in objects, so all views, and all relations with row security, count.
  IF EXISTS (SELECT FROM unnest(objids) AS o (oid) WHERE o.oid < first_recorded) THEN
    RETURN ARRAY(
      SELECT DISTINCT cr.claim_id
        FROM integratedb.claim_relation AS cr
        JOIN pg_class AS k ON k.oid = cr.relid AND (k.relkind = 'v' OR k.relrowsecurity));
  END IF;

  RETURN ARRAY(SELECT DISTINCT cr.claim_id FROM integratedb.claim_relation AS cr WHERE cr.relid = ANY (integratedb.relations_above(classids, objids)));
END
$$;

COMMENT ON FUNCTION integratedb.claims_above(oid[], oid[]) IS
'The claims on relations that read or call any of these objects (relations and functions) through views and policies, '
'and the claims on these relations.';

CREATE OR REPLACE FUNCTION integratedb.claims_above_changes(of_xid xid8)
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  relations CONSTANT oid[] := ARRAY(
    -- A new table or column takes no privilege from a view above it. Changes of owners, options, rules and policies
    -- may.
    SELECT e.objid
      FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.checked
       AND NOT e.dropped
       AND e.classid = 'pg_class'::regclass
       AND e.command_tag NOT IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE MATERIALIZED VIEW', 'CREATE FOREIGN TABLE')
       AND (e.command_tag <> 'ALTER TABLE' OR e.may_secure_rows)
    UNION
    -- The sequences of a table's columns get the owner of the table.
    SELECT d.objid
      FROM integratedb.ddl_event AS e
     CROSS JOIN LATERAL (
       SELECT d.objid FROM pg_depend AS d
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = e.objid AND d.deptype IN ('a', 'i') AND d.classid = 'pg_class'::regclass
       OFFSET 0) AS d
     WHERE e.xid = of_xid AND e.checked AND NOT e.dropped AND e.classid = 'pg_class'::regclass AND e.command_tag = 'ALTER TABLE' AND e.may_secure_rows
    UNION
    SELECT e.objid
      FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.checked
       AND e.dropped
       AND e.object_type = 'policy'
       AND e.objid IS NOT NULL
    UNION
    SELECT d.objid
      FROM integratedb.ddl_event AS e
     CROSS JOIN LATERAL (
       SELECT d.objid FROM pg_depend AS d
        WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.objid AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass
       OFFSET 0) AS d
     WHERE e.xid = of_xid AND e.checked AND NOT e.dropped AND e.classid = 'pg_extension'::regclass);
  -- Functions are logged if their owner may have changed.
  functions CONSTANT oid[] := ARRAY(
    SELECT e.objid
      FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.checked
       AND NOT e.dropped
       AND e.classid = 'pg_proc'::regclass
       AND e.command_tag LIKE 'ALTER %');
BEGIN
  RETURN integratedb.claims_above(
    array_fill('pg_class'::regclass::oid, ARRAY[cardinality(relations)]) || array_fill('pg_proc'::regclass::oid, ARRAY[cardinality(functions)]),
    relations || functions);
END
$$;

COMMENT ON FUNCTION integratedb.claims_above_changes(xid8) IS
'The claims on views and tables with policies that may have lost a privilege on what they read, by the schema changes '
'of a transaction. GRANT and REVOKE are excluded.';

CREATE OR REPLACE FUNCTION integratedb.revoked_claims()
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  rewritten record;
  functions oid[] := ARRAY[]::oid[];
BEGIN
  IF NOT integratedb.revokes_are_found() THEN
    RETURN integratedb.revoked_claims_among_few();
  END IF;

  rewritten := integratedb.rewritten_privileges();
  IF EXISTS (
    SELECT FROM integratedb.ddl_event AS e
     WHERE e.xid = pg_current_xact_id()
       AND (e.command_tag = 'DROP OWNED' OR (e.command_tag = 'REVOKE' AND e.object_type IN ('FUNCTION', 'ROUTINE')))
  ) THEN
    functions := ARRAY(
      SELECT p.oid FROM pg_proc AS p WHERE age(p.xmin) <= age(pg_current_xact_id()::xid) AND integratedb.is_own_xid(p.xmin));
  END IF;

  RETURN ARRAY(
    SELECT unnest(integratedb.claims_above(
             array_fill('pg_class'::regclass::oid, ARRAY[cardinality(rewritten.relations)])
             || array_fill('pg_proc'::regclass::oid, ARRAY[cardinality(functions)]),
             rewritten.relations || functions))
    UNION
    SELECT cr.claim_id FROM integratedb.claim_relation AS cr WHERE cr.schema_name = ANY (rewritten.schemas));
END
$$;

COMMENT ON FUNCTION integratedb.revoked_claims() IS
'The claims that a GRANT, REVOKE or DROP OWNED of this transaction can affect. No event names their objects, but this '
'transaction wrote the catalog rows of the objects.';

CREATE OR REPLACE FUNCTION integratedb.checked_tags(of_xid xid8, since_event bigint DEFAULT NULL)
RETURNS text[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
  RETURN ARRAY(
    SELECT DISTINCT e.command_tag
      FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND CASE WHEN since_event IS NULL THEN e.checked ELSE e.id >= since_event END);
END
$$;

COMMENT ON FUNCTION integratedb.checked_tags(xid8, bigint) IS
'The kinds of statements by which a transaction changed something that is checked. since_event: as for '
'touched_relations().';

CREATE OR REPLACE FUNCTION integratedb.touched_claims(of_xid xid8, relations oid[], since_event bigint DEFAULT NULL)
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Only a few objects are needed, but the planner would read all claims in place of looking them up.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
  tags CONSTANT text[] := integratedb.checked_tags(of_xid, since_event);
  touched bigint[];
BEGIN
  WITH event AS (
    SELECT DISTINCT e.schema_name, e.relation_name, e.object_type
      FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND CASE WHEN since_event IS NULL THEN e.checked ELSE e.id >= since_event END
  )
  SELECT coalesce(array_agg(t.claim_id), '{}')
    INTO touched
    FROM (SELECT cr.claim_id FROM integratedb.claim_relation AS cr WHERE cr.relid = ANY (relations)
          UNION
          SELECT cr.claim_id
            FROM event AS e
           CROSS JOIN LATERAL (
             SELECT cr.claim_id FROM integratedb.claim_relation AS cr
              WHERE cr.relation_name = e.relation_name AND cr.schema_name = e.schema_name
             OFFSET 0) AS cr
          UNION
          SELECT cr.claim_id
            FROM event AS e
            JOIN integratedb.claim_relation AS cr ON cr.schema_name = e.schema_name
           WHERE e.object_type = 'schema'
          UNION
          SELECT c.id
            FROM event AS e
            JOIN integratedb.claim AS c ON c.wildcard_schema = e.schema_name
           WHERE e.relation_name IS NOT NULL OR e.object_type = 'schema') AS t;

  -- The event of a renamed schema has only the new name.
  IF EXISTS (
    SELECT FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.object_type = 'schema'
       AND CASE WHEN since_event IS NULL THEN e.checked ELSE e.id >= since_event END
  ) THEN
    touched := touched || ARRAY(
      SELECT c.id
        FROM integratedb.claim AS c
       WHERE c.wildcard_schema IS NOT NULL
         AND NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = c.wildcard_schema));
  END IF;

  IF tags && ARRAY['REVOKE', 'DROP OWNED'] THEN
    touched := touched || integratedb.revoked_claims();
  END IF;

  -- A GRANT breaks no claim, but may repair one, and so may a new index.
  IF tags && ARRAY['GRANT', 'CREATE INDEX', 'ALTER INDEX'] THEN
    touched := touched || (SELECT n.unmet FROM integratedb.noted_claims() AS n);
  END IF;

  touched := touched || integratedb.claims_by_keys(of_xid, relations, since_event, touched);

  RETURN ARRAY(SELECT DISTINCT t.claim_id FROM unnest(touched) AS t (claim_id));
END
$$;

COMMENT ON FUNCTION integratedb.touched_claims(xid8, oid[], bigint) IS
'The claims that a transaction''s schema changes can affect. relations: its touched_relations(). since_event: as for '
'touched_relations().';
