-- Finds objects that are dropped together with temporary objects. When a session ends, Postgres drops its temporary
-- schema with all dependent objects, including permanent views and columns. The same happens at DISCARD TEMP, and for
-- ON COMMIT DROP right after the check. No event trigger fires.

CREATE OR REPLACE FUNCTION integratedb.doomed_objects(namespaces oid[])
RETURNS TABLE (classid oid, objid oid, objsubid integer, root_classid oid, root_objid oid)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Only a few objects are needed, so each is looked up.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
  WITH RECURSIVE doomed AS (
    SELECT d.classid, d.objid, d.objsubid, d.classid AS root_classid, d.objid AS root_objid
      FROM pg_depend AS d
     WHERE d.refclassid = 'pg_namespace'::regclass
       AND d.refobjid = ANY (namespaces)
    UNION
    SELECT n.classid, n.objid, n.objsubid, o.root_classid, o.root_objid
      FROM doomed AS o
     CROSS JOIN LATERAL (
       SELECT d.classid, d.objid, d.objsubid
         FROM pg_depend AS d
        WHERE d.refclassid = o.classid
          AND d.refobjid = o.objid
          AND (o.objsubid = 0 OR d.refobjsubid = o.objsubid)
       UNION ALL
       -- Dropping a part drops the whole: the view of a rule, the generated column of an expression.
       SELECT d.refclassid, d.refobjid, d.refobjsubid
         FROM pg_depend AS d
        WHERE d.classid = o.classid
          AND d.objid = o.objid
          AND d.objsubid = o.objsubid
          AND d.deptype = 'i'
       OFFSET 0) AS n
  )
  SELECT o.classid, o.objid, o.objsubid, o.root_classid, o.root_objid FROM doomed AS o
$$;

COMMENT ON FUNCTION integratedb.doomed_objects(oid[]) IS
'The objects that Postgres drops together with the objects in these schemas, as DROP ... CASCADE does. Each comes '
'with the object of these schemas that causes the drop (root_classid, root_objid).';

CREATE OR REPLACE FUNCTION integratedb.doomed_claims(namespaces oid[])
RETURNS TABLE (claim_id bigint, path text, with_what text)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
  WITH doomed AS MATERIALIZED (
    SELECT o.* FROM integratedb.doomed_objects(namespaces) AS o
     WHERE o.classid IN ('pg_class'::regclass, 'pg_policy'::regclass, 'pg_constraint'::regclass)
  ), relation AS (
    SELECT cr.claim_id, cr.alternative, cr.path, o.root_classid, o.root_objid
      FROM doomed AS o
      JOIN integratedb.claim_relation AS cr ON cr.relid = o.objid
     WHERE o.classid = 'pg_class'::regclass
       AND o.objsubid = 0
    UNION ALL
    -- Without its policy, a table shows no rows.
    SELECT cr.claim_id, cr.alternative, cr.path, o.root_classid, o.root_objid
      FROM doomed AS o
      JOIN pg_policy AS y ON y.oid = o.objid
      JOIN integratedb.claim_relation AS cr ON cr.relid = y.polrelid
     WHERE o.classid = 'pg_policy'::regclass
    UNION ALL
    -- Without its replica identity, UPDATE and DELETE of a published table fail.
    SELECT cr.claim_id, cr.alternative, cr.path, o.root_classid, o.root_objid
      FROM doomed AS o
      JOIN pg_index AS i ON i.indexrelid = o.objid AND (i.indisreplident OR i.indisprimary)
     CROSS JOIN LATERAL (
       SELECT i.indrelid AS oid
       UNION
       SELECT a.relid::oid FROM pg_partition_ancestors(i.indrelid) AS a) AS identified
      JOIN integratedb.claim_relation AS cr ON cr.relid = identified.oid
      JOIN integratedb.claim AS c ON c.id = cr.claim_id
      JOIN integratedb.specification AS s ON s.id = c.specification_id AND s.kind = 'notifications'
     WHERE o.classid = 'pg_class'::regclass
       AND o.objsubid = 0
    UNION ALL
    -- A collation or an operator class of a unique index may be temporary.
    SELECT k.claim_id, k.alternative, k.path, o.root_classid, o.root_objid
      FROM doomed AS o
     CROSS JOIN LATERAL integratedb.keys_resting_on(o.classid, o.objid) AS k
     WHERE o.objsubid = 0
    UNION ALL
    SELECT cr.claim_id, cr.alternative, min(integratedb.path_of(cr.schema_name, cr.relation_name) || '.' || cc.column_name),
           (min(ARRAY[o.root_classid, o.root_objid]::bigint[]))[1]::oid, (min(ARRAY[o.root_classid, o.root_objid]::bigint[]))[2]::oid
      FROM doomed AS o
      JOIN integratedb.claim_relation AS cr ON cr.relid = o.objid
      JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id AND cc.attnum = o.objsubid AND NOT cc.optional
     WHERE o.classid = 'pg_class'::regclass
       AND o.objsubid > 0
     GROUP BY cr.claim_id, cr.alternative, cr.id, cc.field, cc.choices
    HAVING count(DISTINCT cc.field_alternative) = cc.choices
  ), hurt AS (
    SELECT r.claim_id
      FROM relation AS r
      JOIN integratedb.claim AS c ON c.id = r.claim_id
     WHERE NOT c.optional
       AND (SELECT count(*)
              FROM (SELECT x.alternative FROM relation AS x WHERE x.claim_id = c.id
                    UNION
                    SELECT f.alternative FROM integratedb.failing_alternative AS f WHERE f.claim_id = c.id) AS lost) >= c.alternatives
  )
  SELECT r.claim_id, r.path, string_agg(DISTINCT pg_describe_object(r.root_classid, r.root_objid, 0), ', ')
    FROM relation AS r
   WHERE r.claim_id IN (SELECT h.claim_id FROM hurt AS h)
   GROUP BY r.claim_id, r.path
$$;

COMMENT ON FUNCTION integratedb.doomed_claims(oid[]) IS
'The non-optional claims that become unmet when Postgres drops the objects in these temporary schemas. path: the '
'relation or column that is dropped, or loses its policy, its key or its replica identity. with_what: the temporary object that '
'causes it.';

CREATE OR REPLACE FUNCTION integratedb.rests_on_temporary(classids oid[], objids oid[])
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
  WITH RECURSIVE base AS (
    SELECT o.classid, o.objid FROM unnest(classids, objids) AS o (classid, objid) WHERE o.classid IS NOT NULL AND o.objid IS NOT NULL
    UNION
    SELECT n.classid, n.objid
      FROM base AS b
     CROSS JOIN LATERAL (
       SELECT d.refclassid AS classid, d.refobjid AS objid FROM pg_depend AS d WHERE d.classid = b.classid AND d.objid = b.objid
       UNION ALL
       SELECT d.classid, d.objid FROM pg_depend AS d WHERE d.refclassid = b.classid AND d.refobjid = b.objid AND d.deptype = 'i'
       UNION ALL
       SELECT 'pg_policy'::regclass::oid, y.oid FROM pg_policy AS y WHERE y.polrelid = b.objid AND b.classid = 'pg_class'::regclass
       OFFSET 0) AS n
     -- Extensions and schemas are excluded, because nothing depends on the objects that they depend on.
     WHERE b.classid NOT IN ('pg_namespace'::regclass, 'pg_extension'::regclass)
  )
  SELECT EXISTS (
    SELECT FROM base AS b
      JOIN pg_namespace AS n ON n.oid = b.objid AND n.nspname ~ '^pg_temp_[0-9]+$'
     WHERE b.classid = 'pg_namespace'::regclass)
$$;

COMMENT ON FUNCTION integratedb.rests_on_temporary(oid[], oid[]) IS
'Whether any of these objects may be dropped when Postgres drops the objects in a temporary schema. doomed_objects() '
'gives the exact answer. Cheap if the objects have few dependencies.';

CREATE OR REPLACE FUNCTION integratedb.has_temporary_objects()
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- The function runs at each CREATE FUNCTION, so the plan is kept. Postgres keeps an empty schema for each session that
-- ever had temporary objects.
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM pg_namespace AS n
     CROSS JOIN LATERAL (
       SELECT FROM pg_depend AS d WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid LIMIT 1) AS d
     WHERE n.nspname ~ '^pg_temp_[0-9]+$');
END
$$;

COMMENT ON FUNCTION integratedb.has_temporary_objects() IS 'Whether any session has a temporary object.';

CREATE OR REPLACE FUNCTION integratedb.rested_namespaces(of_xid xid8)
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
  own CONSTANT oid := pg_my_temp_schema();
  classids oid[];
  objids oid[];
BEGIN
  IF NOT integratedb.has_temporary_objects() THEN
    RETURN ARRAY[]::oid[];
  END IF;

  -- Another session may have a permanent view or function that depends on its temporary objects. This transaction may
  -- have created objects that depend on that view or function.
  SELECT array_agg(e.classid), array_agg(e.objid)
    INTO classids, objids
    FROM integratedb.ddl_event AS e
   WHERE e.xid = of_xid
     AND e.checked
     AND NOT e.dropped
     AND e.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_operator'::regclass, 'pg_ts_config'::regclass, 'pg_type'::regclass);
  IF classids IS NOT NULL AND integratedb.rests_on_temporary(classids, objids) THEN
    RETURN ARRAY(SELECT n.oid FROM pg_namespace AS n WHERE n.nspname ~ '^pg_temp_[0-9]+$');
  END IF;
  RETURN CASE own WHEN 0 THEN ARRAY[]::oid[] ELSE ARRAY[own] END;
END
$$;

COMMENT ON FUNCTION integratedb.rested_namespaces(xid8) IS
'The temporary schemas that a transaction may have made claims depend on: that of this session, or those of all '
'sessions if a changed object depends on any of them.';

CREATE OR REPLACE FUNCTION integratedb.temporary_refusal()
RETURNS integratedb.refusal
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = on
AS $$
DECLARE
  namespaces CONSTANT oid[] := integratedb.rested_namespaces(pg_current_xact_id());
  refusal integratedb.refusal;
BEGIN
  IF namespaces = '{}' THEN
    RETURN NULL;
  END IF;

  SELECT 'IDB01',
         format('invalid migration: with what is temporary in %s %s would go, which %s claims',
                CASE WHEN namespaces = ARRAY[pg_my_temp_schema()] THEN 'this session' ELSE 'a session' END,
                string_agg(DISTINCT d.path, ', '), string_agg(DISTINCT st.name, ', ')),
         string_agg(DISTINCT format('%s (%s): %s goes, or loses its policy or replica identity, with %s', st.name,
                                    CASE WHEN s.kind = 'queries' THEN 'query ' || (c.document ->> 'query') ELSE s.kind END, d.path, d.with_what), E'\n'),
         concat_ws(E'\n',
           'Author of the migration: make what it uses in a schema that stays, in place of the temporary one.',
           'Admin: SELECT integratedb_override(''reason'') in the same transaction lets it pass, on record.')
    INTO refusal
    FROM integratedb.doomed_claims(namespaces) AS d
    JOIN integratedb.claim AS c ON c.id = d.claim_id
    JOIN integratedb.specification AS s ON s.id = c.specification_id
    JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
  HAVING count(*) > 0;

  IF refusal.code IS NOT NULL AND (integratedb.override_reason() IS NOT NULL OR integratedb.setting_value('enforcement') = 'explicit') THEN
    RAISE WARNING '%', regexp_replace(refusal.message, '^invalid migration: ', '') USING DETAIL = refusal.detail;
    RETURN NULL;
  END IF;
  RETURN refusal;
END
$$;

COMMENT ON FUNCTION integratedb.temporary_refusal() IS
'The refusal (IDB01) of a transaction after which a claim depends on a temporary object of any session. Postgres '
'would drop the object with all that depends on it, and no event trigger would fire. Under an override, or where '
'enforcement is explicit, a WARNING, and null.';

CREATE OR REPLACE FUNCTION integratedb.refuse_temporary(of_specification bigint)
RETURNS void
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  relations CONSTANT oid[] := ARRAY(
    SELECT DISTINCT cr.relid FROM integratedb.claim AS c JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id
     WHERE c.specification_id = of_specification AND cr.relid IS NOT NULL);
  problems jsonb;
  refused boolean;
BEGIN
  IF NOT integratedb.rests_on_temporary(array_fill('pg_class'::regclass::oid, ARRAY[cardinality(relations)]), relations) THEN
    RETURN;
  END IF;

  SELECT jsonb_agg(jsonb_build_object('path', d.path, 'field', NULL, 'property', 'table', 'expected', NULL, 'actual', NULL,
                                      'message', format('%s goes, or loses its policy or replica identity, with %s', d.path, d.with_what)) ORDER BY d.path)
    INTO problems
    FROM integratedb.doomed_claims(ARRAY(SELECT n.oid FROM pg_namespace AS n WHERE n.nspname ~ '^pg_temp_[0-9]+$')) AS d
    JOIN integratedb.claim AS c ON c.id = d.claim_id
   WHERE c.specification_id = of_specification;

  IF problems IS NOT NULL THEN
    refused := integratedb.refuse(
      code => 'IDB03',
      message => format('claim not met: %s', problems #>> '{0,message}'),
      detail => problems::text,
      hint => 'Nothing was stored. What is temporary ends with its session, and takes along what depends on it. Its owner makes it in a schema that stays.');
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.refuse_temporary(bigint) IS
'Raises IDB03 if a specification claims a relation or column that is dropped together with a temporary object of any '
'session.';
