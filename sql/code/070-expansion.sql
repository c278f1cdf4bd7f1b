-- The baseline is written here: what Python expanded, merged row by row so that what did not change is not written.

CREATE OR REPLACE FUNCTION integratedb.store_relation(of_claim bigint, incoming jsonb)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  stored_id bigint;
BEGIN
  INSERT INTO integratedb.claim_relation AS cr (claim_id, alternative, schema_name, relation_name, path, relid)
  SELECT of_claim, r.alternative, r.schema_name, r.relation_name, r.path, r.relid
    FROM jsonb_to_record(incoming) AS r (alternative integer, schema_name name, relation_name name, path text, relid oid)
  ON CONFLICT ON CONSTRAINT claim_relation_key DO UPDATE
     SET relid = EXCLUDED.relid
   WHERE cr.relid IS DISTINCT FROM EXCLUDED.relid;

  SELECT cr.id
    INTO stored_id
    FROM integratedb.claim_relation AS cr
    JOIN jsonb_to_record(incoming) AS r (alternative integer, schema_name name, relation_name name)
      ON r.alternative = cr.alternative AND r.schema_name = cr.schema_name AND r.relation_name = cr.relation_name
   WHERE cr.claim_id = of_claim;

  DELETE FROM integratedb.claim_column AS cc
   WHERE cc.relation_id = stored_id
     AND NOT EXISTS (
       SELECT FROM jsonb_to_recordset(incoming -> 'columns') AS n (field integer, field_alternative integer)
        WHERE n.field = cc.field AND n.field_alternative = cc.field_alternative);

  INSERT INTO integratedb.claim_column AS cc
         (relation_id, field, field_alternative, choices, optional, column_name, type, min_length, is_nullable, attnum, type_oid, type_modifier)
  SELECT stored_id, n.field, n.field_alternative, n.choices, n.optional, n.column_name, n.type, n.min_length, n.is_nullable,
         n.attnum, n.type_oid, n.type_modifier
    FROM jsonb_to_recordset(incoming -> 'columns')
      AS n (field integer, field_alternative integer, choices integer, optional boolean, column_name name, type text,
            min_length integer, is_nullable boolean, attnum smallint, type_oid oid, type_modifier integer)
  ON CONFLICT ON CONSTRAINT claim_column_pkey DO UPDATE
     SET column_name = EXCLUDED.column_name,
         type = EXCLUDED.type,
         min_length = EXCLUDED.min_length,
         is_nullable = EXCLUDED.is_nullable,
         attnum = EXCLUDED.attnum,
         type_oid = EXCLUDED.type_oid,
         type_modifier = EXCLUDED.type_modifier
   WHERE (cc.column_name, cc.type, cc.min_length, cc.is_nullable, cc.attnum, cc.type_oid, cc.type_modifier)
         IS DISTINCT FROM
         (EXCLUDED.column_name, EXCLUDED.type, EXCLUDED.min_length, EXCLUDED.is_nullable, EXCLUDED.attnum, EXCLUDED.type_oid, EXCLUDED.type_modifier);

  RETURN stored_id;
END
$$;

COMMENT ON FUNCTION integratedb.store_relation(bigint, jsonb) IS 'Merges one expanded relation of a claim, with its columns, into the baseline. Returns its identifier.';

CREATE OR REPLACE FUNCTION integratedb.store_expansion(for_specification bigint, matches integer[] DEFAULT NULL, touched oid[] DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  schema_relations oid[];
  expanded jsonb;
  incoming record;
  kept bigint[];
BEGIN
  -- schema.* may stand for thousands: what was not touched and is in the baseline stays as it is there.
  IF touched IS NOT NULL THEN
    schema_relations := ARRAY(
      SELECT r.oid
        FROM integratedb.claim AS c
        JOIN integratedb.readable_relation AS r ON r.schema_name = c.wildcard_schema AND NOT r.relispartition
       WHERE c.specification_id = for_specification
         AND c.match = ANY (matches)
         AND (r.oid = ANY (touched)
              OR NOT EXISTS (
                SELECT FROM integratedb.claim_relation AS cr
                 WHERE cr.claim_id = c.id AND cr.relid = r.oid AND cr.relation_name = r.relation_name)));
  END IF;

  -- Python is given the matches in question only: a specification may have thousands.
  SELECT integratedb.expand(
           document => CASE WHEN matches IS NULL THEN s.document
                            ELSE jsonb_build_object('match', (SELECT jsonb_agg(s.document -> 'match' -> m.match ORDER BY m.match)
                                                                FROM unnest(matches) AS m (match))) END,
           kind => s.kind,
           matches => coalesce((SELECT array_agg(m.match ORDER BY m.match) FROM unnest(matches) AS m (match)),
                               ARRAY(SELECT generate_series(0, jsonb_array_length(s.document -> 'match') - 1))),
           schema_relations => schema_relations)
    INTO expanded
    FROM integratedb.specification AS s
   WHERE s.id = for_specification;

  INSERT INTO integratedb.claim AS c (specification_id, match, optional, alternatives, path, wildcard_schema)
  SELECT for_specification, n.match, n.optional, n.alternatives, n.path, n.wildcard_schema
    FROM jsonb_to_recordset(expanded -> 'claims')
      AS n (match integer, optional boolean, alternatives integer, path text, wildcard_schema name)
  ON CONFLICT ON CONSTRAINT claim_match_key DO UPDATE
     SET sync_pending_since = NULL
   WHERE c.sync_pending_since IS NOT NULL;

  -- A loop, because the planner knows nothing of rows inside JSON and would compare them all with all.
  FOR incoming IN
    SELECT c.id AS claim_id, r.relation
      FROM jsonb_array_elements(expanded -> 'relations') AS r (relation)
      JOIN integratedb.claim AS c
        ON c.specification_id = for_specification
       AND c.match = (r.relation ->> 'match')::integer
  LOOP
    kept := array_append(kept, integratedb.store_relation(incoming.claim_id, incoming.relation));
  END LOOP;

  DELETE FROM integratedb.claim_relation AS cr
   USING integratedb.claim AS c
   WHERE c.id = cr.claim_id
     AND c.specification_id = for_specification
     AND (matches IS NULL OR c.match = ANY (matches))
     AND cr.id <> ALL (coalesce(kept, '{}'))
     AND (touched IS NULL
          OR c.wildcard_schema IS NULL
          OR NOT EXISTS (
            SELECT FROM integratedb.readable_relation AS r
             WHERE r.oid = cr.relid
               AND r.relation_name = cr.relation_name
               AND r.schema_name = cr.schema_name
               AND NOT r.relispartition));

  RETURN expanded -> 'document';
END
$$;

COMMENT ON FUNCTION integratedb.store_expansion(bigint, integer[], oid[]) IS 'Expands matches of a specification (positions from 0; null: all) against the present catalog and makes the outcome their baseline. touched: of schema.*, expand these relations, the new and the vanished ones only; null: all. Returns the specification as far as it was expanded.';
