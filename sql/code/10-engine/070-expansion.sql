-- Writes the baseline: merges the batches that Python expanded, and writes changed rows only.

CREATE OR REPLACE FUNCTION integratedb.schema_members(schemas name[], among oid[])
RETURNS TABLE (oid oid, schema_name name, relation_name name, width integer)
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- pg_class has no index on the schema. pg_depend has one, and every relation depends on its schema.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
  IF among IS NOT NULL THEN
    RETURN QUERY
      SELECT r.oid, r.schema_name, r.relation_name, k.relnatts::integer
        FROM integratedb.readable_relation AS r
        JOIN pg_class AS k ON k.oid = r.oid
       WHERE r.oid = ANY (among)
         AND r.schema_name IN (SELECT unnest(schemas))
         AND NOT r.relispartition;
    RETURN;
  END IF;

  RETURN QUERY
    SELECT r.oid, r.schema_name, r.relation_name, k.relnatts::integer
      FROM pg_namespace AS n
     -- OFFSET 0 makes the planner search schema by schema. Otherwise it would read the dependencies on all schemas.
     CROSS JOIN LATERAL (
       SELECT d.objid
         FROM pg_depend AS d
        WHERE d.refclassid = 'pg_namespace'::regclass
          AND d.refobjid = n.oid
          AND d.classid = 'pg_class'::regclass
       OFFSET 0) AS d
      JOIN integratedb.readable_relation AS r ON r.oid = d.objid AND r.relnamespace = n.oid AND NOT r.relispartition
      JOIN pg_class AS k ON k.oid = r.oid
     WHERE n.nspname = ANY (schemas);
END
$$;

COMMENT ON FUNCTION integratedb.schema_members(name[], oid[]) IS
'The relations that schema.* stands for in these schemas, except single partitions, each with its approximate number '
'of columns (width). among: only these relations; null: all.';

CREATE OR REPLACE FUNCTION integratedb.store_batch(for_specification bigint, batch jsonb)
RETURNS bigint[]
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- The planner has no statistics on rows inside JSON, nor on tables that were just filled. A join would compare all
-- claims of a specification with all. So each row is looked up by its key, in subqueries that cannot be joined in
-- another way.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
  stored_ids bigint[];
BEGIN
  INSERT INTO integratedb.claim (specification_id, match, optional, alternatives, path, wildcard_schema, until, document)
  SELECT for_specification, n.match, n.optional, n.alternatives, n.path, n.wildcard_schema, n.until, n.document
    FROM jsonb_to_recordset(batch -> 'claims')
      AS n (match integer, optional boolean, alternatives integer, path text, wildcard_schema name, until date, document jsonb)
   WHERE (SELECT c.id FROM integratedb.claim AS c WHERE c.specification_id = for_specification AND c.match = n.match) IS NULL;

  INSERT INTO integratedb.claim_relation AS cr (claim_id, alternative, schema_name, relation_name, path, relid)
  SELECT c.id, n.alternative, n.schema_name, n.relation_name, n.path, n.relid
    FROM jsonb_to_recordset(batch -> 'relations')
      AS n (match integer, alternative integer, schema_name name, relation_name name, path text, relid oid)
   CROSS JOIN LATERAL (
     SELECT c.id FROM integratedb.claim AS c WHERE c.specification_id = for_specification AND c.match = n.match OFFSET 0) AS c
    LEFT JOIN LATERAL (
     SELECT cr.id, cr.relid
       FROM integratedb.claim_relation AS cr
      WHERE (cr.claim_id, cr.alternative, cr.schema_name, cr.relation_name) = (c.id, n.alternative, n.schema_name, n.relation_name)
     OFFSET 0) AS old ON true
   -- ON CONFLICT writes a new row version even if nothing changes, so unchanged rows are filtered out.
   WHERE old.id IS NULL
      OR old.relid IS DISTINCT FROM n.relid
  ON CONFLICT ON CONSTRAINT claim_relation_key DO UPDATE
     SET relid = EXCLUDED.relid;

  stored_ids := ARRAY(
    SELECT cr.id
      FROM ROWS FROM (jsonb_to_recordset(batch -> 'relations') AS (match integer, alternative integer, schema_name name, relation_name name))
           WITH ORDINALITY AS n (match, alternative, schema_name, relation_name, place)
     CROSS JOIN LATERAL (
       SELECT c.id FROM integratedb.claim AS c WHERE c.specification_id = for_specification AND c.match = n.match OFFSET 0) AS c
     CROSS JOIN LATERAL (
       SELECT cr.id
         FROM integratedb.claim_relation AS cr
        WHERE (cr.claim_id, cr.alternative, cr.schema_name, cr.relation_name) = (c.id, n.alternative, n.schema_name, n.relation_name)
       OFFSET 0) AS cr
     ORDER BY n.place);

  WITH incoming AS MATERIALIZED (
    SELECT stored_ids[n.relation + 1] AS relation_id, n.*
      FROM jsonb_to_recordset(batch -> 'columns')
        AS n (relation integer, field integer, field_alternative integer, choices integer, optional boolean, column_name name, type text,
              min_length integer, is_nullable boolean, attnum smallint, type_oid oid, type_modifier integer)
  ), gone AS (
    DELETE FROM integratedb.claim_column AS cc
     WHERE cc.relation_id = ANY (stored_ids)
       AND (cc.relation_id, cc.field, cc.field_alternative) NOT IN (SELECT n.relation_id, n.field, n.field_alternative FROM incoming AS n)
  )
  INSERT INTO integratedb.claim_column AS cc
         (relation_id, field, field_alternative, choices, optional, column_name, type, min_length, is_nullable, attnum, type_oid, type_modifier)
  SELECT n.relation_id, n.field, n.field_alternative, n.choices, n.optional, n.column_name, n.type, n.min_length, n.is_nullable,
         n.attnum, n.type_oid, n.type_modifier
    FROM incoming AS n
    LEFT JOIN LATERAL (
      SELECT cc.*
        FROM integratedb.claim_column AS cc
       WHERE (cc.relation_id, cc.field, cc.field_alternative) = (n.relation_id, n.field, n.field_alternative)
      OFFSET 0) AS old ON true
   WHERE old.relation_id IS NULL
      OR (old.column_name, old.type, old.min_length, old.is_nullable, old.attnum, old.type_oid, old.type_modifier)
         IS DISTINCT FROM
         (n.column_name, n.type, n.min_length, n.is_nullable, n.attnum, n.type_oid, n.type_modifier)
  ON CONFLICT ON CONSTRAINT claim_column_pkey DO UPDATE
     SET column_name = EXCLUDED.column_name,
         type = EXCLUDED.type,
         min_length = EXCLUDED.min_length,
         is_nullable = EXCLUDED.is_nullable,
         attnum = EXCLUDED.attnum,
         type_oid = EXCLUDED.type_oid,
         type_modifier = EXCLUDED.type_modifier;

  IF batch -> 'keys' = '[]' AND NOT EXISTS (SELECT FROM integratedb.claim_key AS k WHERE k.specification_id = for_specification) THEN
    RETURN stored_ids;
  END IF;

  WITH incoming AS MATERIALIZED (
    SELECT stored_ids[n.relation + 1] AS relation_id, n.*
      FROM jsonb_to_recordset(batch -> 'keys')
        AS n (relation integer, key integer, kind text, optional boolean, fields name[], to_schema_name name, to_relation_name name,
              to_path text, to_fields name[], to_relid oid)
  ), gone AS (
    DELETE FROM integratedb.claim_key AS k
     WHERE k.relation_id = ANY (stored_ids)
       AND (k.relation_id, k.key) NOT IN (SELECT n.relation_id, n.key FROM incoming AS n)
  )
  INSERT INTO integratedb.claim_key AS k
         (relation_id, key, specification_id, kind, optional, fields, to_schema_name, to_relation_name, to_path, to_fields, to_relid)
  SELECT n.relation_id, n.key, for_specification, n.kind, n.optional, n.fields, n.to_schema_name, n.to_relation_name, n.to_path,
         n.to_fields, n.to_relid
    FROM incoming AS n
    LEFT JOIN LATERAL (
      SELECT k.relation_id, k.to_relid FROM integratedb.claim_key AS k WHERE (k.relation_id, k.key) = (n.relation_id, n.key) OFFSET 0) AS old ON true
   WHERE old.relation_id IS NULL
      OR old.to_relid IS DISTINCT FROM n.to_relid
  ON CONFLICT ON CONSTRAINT claim_key_pkey DO UPDATE
     SET to_relid = EXCLUDED.to_relid;

  RETURN stored_ids;
END
$$;

COMMENT ON FUNCTION integratedb.store_batch(bigint, jsonb) IS
'Merges a batch of expand() into the baseline of a specification. Returns the identifiers of its relations.';

CREATE OR REPLACE FUNCTION integratedb.store_expansion(
  for_specification bigint, matches integer[] DEFAULT NULL, touched oid[] DEFAULT NULL, with_document boolean DEFAULT false)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Planning takes longer than running.
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  claims bigint[];
  schema_relations oid[];
  batch jsonb;
  kept bigint[] := ARRAY[]::bigint[];
  document jsonb;
BEGIN
  -- OFFSET 0 makes the planner look up one claim after another, not search all claims of the specification.
  claims := ARRAY(
    SELECT c.id
      FROM unnest(matches) AS m (match)
     CROSS JOIN LATERAL (
       SELECT c.id FROM integratedb.claim AS c WHERE c.specification_id = for_specification AND c.match = m.match OFFSET 0) AS c);

  -- schema.* may stand for thousands of relations. Untouched relations keep their rows in the baseline.
  IF touched IS NOT NULL THEN
    schema_relations := ARRAY(
      SELECT m.oid
        FROM integratedb.claim AS c
       CROSS JOIN LATERAL integratedb.schema_members(ARRAY[c.wildcard_schema], NULL) AS m
       WHERE c.id = ANY (claims)
         AND c.wildcard_schema IS NOT NULL
         AND (m.oid IN (SELECT unnest(touched))
              OR (m.oid IS DISTINCT FROM (
                    SELECT cr.relid
                      FROM integratedb.claim_relation AS cr
                     WHERE (cr.claim_id, cr.alternative, cr.schema_name, cr.relation_name) = (c.id, 0, m.schema_name, m.relation_name))
                  AND NOT EXISTS (
                    SELECT FROM integratedb.left_out AS l WHERE l.claim_id = c.id AND l.relid = m.oid AND l.attnum = 0))));
  END IF;

  -- A loop, because the expansion of schema.* may be too large for memory.
  FOR batch IN
    SELECT e.batch
      FROM (SELECT s.kind, s.document, ARRAY(SELECT generate_series(0, jsonb_array_length(s.document -> 'match') - 1)) AS matches
              FROM integratedb.specification AS s
             WHERE s.id = for_specification
               AND store_expansion.matches IS NULL
            UNION ALL
            -- A specification may have thousands of matches, so Python gets only those in question.
            SELECT s.kind, jsonb_build_object('match', jsonb_agg(coalesce(c.document, s.document -> 'match' -> c.match) ORDER BY c.match)),
                   array_agg(c.match ORDER BY c.match)
              FROM (SELECT * FROM integratedb.claim WHERE claim.id = ANY (claims) OFFSET 0) AS c
              JOIN integratedb.specification AS s ON s.id = c.specification_id
             GROUP BY s.id, s.kind) AS wanted
     CROSS JOIN LATERAL integratedb.expand(wanted.document, wanted.kind, wanted.matches, schema_relations, with_document) AS e (batch)
  LOOP
    IF batch ? 'document' THEN
      document := batch -> 'document';
    ELSE
      kept := kept || integratedb.store_batch(for_specification, batch);
    END IF;
  END LOOP;

  IF matches IS NULL THEN
    claims := ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.specification_id = for_specification);
  END IF;

  UPDATE integratedb.claim AS c
     SET sync_pending_since = NULL
   WHERE c.sync_pending_since IS NOT NULL
     AND c.id = ANY (claims);

  DELETE FROM integratedb.claim_relation AS cr
   USING integratedb.claim AS c
   WHERE c.id = cr.claim_id
     AND c.id = ANY (claims)
     AND cr.id NOT IN (SELECT unnest(kept))
     AND (touched IS NULL
          OR c.wildcard_schema IS NULL
          OR NOT EXISTS (
            SELECT FROM integratedb.readable_relation AS r
             WHERE r.oid = cr.relid
               AND r.relation_name = cr.relation_name
               AND r.schema_name = cr.schema_name
               AND NOT r.relispartition));

  RETURN document;
END
$$;

COMMENT ON FUNCTION integratedb.store_expansion(bigint, integer[], oid[], boolean) IS
'Expands matches of a specification (positions from 0; null: all) against the present catalog, and stores the result '
'as their baseline. touched: of schema.*, expand only these relations and the new and vanished ones; null: all. '
'with_document: return the expanded part of the specification; else null.';
