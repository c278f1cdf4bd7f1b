-- Leaves relations and columns out of the baseline that a wildcard matches and that the stakeholder could never read.
-- They are not granted.

CREATE OR REPLACE FUNCTION integratedb.newest_relation()
RETURNS bigint
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
  RETURN coalesce((SELECT max(cr.id) FROM integratedb.claim_relation AS cr), 0);
END
$$;

COMMENT ON FUNCTION integratedb.newest_relation() IS
'The greatest identifier of a relation in the baseline. Relations that an expansion adds have greater ones.';

CREATE OR REPLACE FUNCTION integratedb.field_key(relation_id bigint, field integer)
RETURNS bigint
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
RETURN relation_id * 65536 + field;

COMMENT ON FUNCTION integratedb.field_key(bigint, integer) IS
'A field of a relation of the baseline as one number. The function has no SET search_path, so that the planner '
'inlines it.';

CREATE OR REPLACE FUNCTION integratedb.known_relations(claims bigint[], OUT of_claims bigint[], OUT relids oid[])
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  SELECT coalesce(array_agg(cr.claim_id), '{}'), coalesce(array_agg(cr.relid), '{}')
    INTO of_claims, relids
    FROM unnest(claims) AS c (id)
   -- OFFSET 0 makes the planner go claim by claim. Otherwise it would read all rows that have an identifier.
   CROSS JOIN LATERAL (SELECT cr.claim_id, cr.relid FROM integratedb.claim_relation AS cr WHERE cr.claim_id = c.id OFFSET 0) AS cr
   WHERE cr.relid IS NOT NULL;
END
$$;

COMMENT ON FUNCTION integratedb.known_relations(bigint[]) IS
'The relations that these claims have in the baseline before an expansion adds more, each beside its claim. The pairs '
'are needed because a relation that one stakeholder could read may be unreadable for another.';

CREATE OR REPLACE FUNCTION integratedb.known_fields(claims bigint[], touched oid[])
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF touched IS NULL THEN
    RETURN ARRAY(
      SELECT integratedb.field_key(cc.relation_id, cc.field)
        FROM integratedb.claim_relation AS cr
        JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id
       WHERE cr.claim_id = ANY (claims));
  END IF;

  RETURN ARRAY(
    SELECT integratedb.field_key(cc.relation_id, cc.field)
      FROM (SELECT DISTINCT t.relid FROM unnest(touched) AS t (relid)) AS t
     -- OFFSET 0 makes the planner start from the touched relations. A claim on a schema may have thousands of
     -- relations.
     CROSS JOIN LATERAL (SELECT cr.id, cr.claim_id FROM integratedb.claim_relation AS cr WHERE cr.relid = t.relid OFFSET 0) AS cr
     CROSS JOIN LATERAL (SELECT cc.relation_id, cc.field FROM integratedb.claim_column AS cc WHERE cc.relation_id = cr.id OFFSET 0) AS cc
     WHERE cr.claim_id = ANY (claims));
END
$$;

COMMENT ON FUNCTION integratedb.known_fields(bigint[], oid[]) IS
'The fields that these claims have in the baseline of these relations (touched; null: all), before an expansion adds '
'more.';

CREATE OR REPLACE FUNCTION integratedb.leave_out_unreadable(
  claims bigint[], newest bigint, known_claims bigint[], known_relations oid[], known_fields bigint[], touched oid[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  new_relations bigint[];
  grown_relations bigint[];
  unreadable bigint[];
  unreadable_fields bigint[];
  stakeholders bigint[];
  relids oid[];
  fresh record;
BEGIN
  new_relations := ARRAY(
    SELECT cr.id
      FROM integratedb.claim_relation AS cr
     WHERE cr.id > newest
       AND (SELECT c.wildcard_schema IS NOT NULL FROM integratedb.claim AS c WHERE c.id = cr.claim_id)
       AND cr.claim_id = ANY (claims)
       -- A renamed relation was readable before.
       AND (cr.claim_id, cr.relid) NOT IN (SELECT k.claim_id, k.relid FROM unnest(known_claims, known_relations) AS k (claim_id, relid)));
  grown_relations := ARRAY(
    SELECT DISTINCT cr.id
      FROM (SELECT DISTINCT t.relid FROM unnest(coalesce(touched, known_relations)) AS t (relid)) AS t
     -- OFFSET 0 makes the planner start from the touched relations, as above.
     CROSS JOIN LATERAL (SELECT cr.id, cr.claim_id FROM integratedb.claim_relation AS cr WHERE cr.relid = t.relid OFFSET 0) AS cr
      JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id
     WHERE cr.id <= newest
       -- A recreated relation has the fields of a relation that was readable before.
       AND (touched IS NULL
            OR (cr.claim_id, t.relid) IN (SELECT k.claim_id, k.relid FROM unnest(known_claims, known_relations) AS k (claim_id, relid)))
       AND cr.claim_id = ANY (claims)
       AND integratedb.field_key(cc.relation_id, cc.field) NOT IN (SELECT unnest(known_fields)));
  IF cardinality(new_relations) = 0 AND cardinality(grown_relations) = 0 THEN
    RETURN;
  END IF;

  unreadable := ARRAY(
    SELECT r.relation_id
      FROM integratedb.required_relation AS r
     WHERE r.relation_id = ANY (new_relations)
       AND (r.lacks_usage OR r.lacks_policy OR 0 = ANY (r.blocked_columns)));
  unreadable_fields := ARRAY(
    SELECT integratedb.field_key(f.relation_id, f.field)
      FROM integratedb.failing_column AS f
     WHERE f.relation_id = ANY (new_relations || grown_relations)
       AND (f.relation_id = ANY (new_relations) OR integratedb.field_key(f.relation_id, f.field) NOT IN (SELECT unnest(known_fields)))
       AND f.relation_id NOT IN (SELECT unnest(unreadable))
       AND f.present_attnum IS NOT NULL);
  -- All columns of these relations are left out, so the relations are too.
  unreadable := unreadable || ARRAY(
    SELECT n.id
      FROM unnest(new_relations) AS n (id)
     WHERE n.id NOT IN (SELECT unnest(unreadable))
       AND EXISTS (SELECT FROM integratedb.claim_column AS cc WHERE cc.relation_id = n.id)
       AND NOT EXISTS (
         SELECT FROM integratedb.claim_column AS cc
          WHERE cc.relation_id = n.id AND integratedb.field_key(cc.relation_id, cc.field) NOT IN (SELECT unnest(unreadable_fields))));

  unreadable_fields := ARRAY(
    SELECT u.key FROM unnest(unreadable_fields) AS u (key) WHERE u.key / 65536 NOT IN (SELECT unnest(unreadable)));

  -- A relation or column that was left out and is readable now is in the baseline again.
  DELETE FROM integratedb.left_out AS l
   WHERE EXISTS (
     SELECT FROM integratedb.claim_relation AS cr
      WHERE cr.id = ANY (new_relations || grown_relations)
        AND cr.id NOT IN (SELECT unnest(unreadable))
        AND cr.claim_id = l.claim_id
        AND cr.relid = l.relid
        AND (l.attnum = 0 OR integratedb.field_key(cr.id, l.attnum) <> ALL (unreadable_fields)));
  IF cardinality(unreadable) = 0 AND cardinality(unreadable_fields) = 0 THEN
    RETURN;
  END IF;

  FOR fresh IN
    WITH left_out AS (
      INSERT INTO integratedb.left_out (claim_id, relid, attnum)
      SELECT cr.claim_id, cr.relid, 0 FROM integratedb.claim_relation AS cr WHERE cr.id = ANY (unreadable)
      UNION
      SELECT cr.claim_id, cr.relid, cc.attnum
        FROM integratedb.claim_relation AS cr
        JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id
       WHERE cr.id = ANY (new_relations || grown_relations)
         AND cr.id NOT IN (SELECT unnest(unreadable))
         AND integratedb.field_key(cc.relation_id, cc.field) = ANY (unreadable_fields)
      ON CONFLICT DO NOTHING
      RETURNING claim_id, relid, attnum
    ), problem AS MATERIALIZED (
      SELECT p.claim_id, p.path, p.field, p.property, p.found, p.cure, p.present_relid, p.present_attnum
        FROM integratedb.problems_of(ARRAY(SELECT DISTINCT l.claim_id FROM left_out AS l)) AS p
    )
    SELECT st.name AS stakeholder,
           c.path,
           string_agg(DISTINCT integratedb.path_of(k.schema_name, k.relation_name) || coalesce('.' || quote_ident(a.attname), ''), ', ') AS places,
           string_agg(DISTINCT format('%s: %s', p.path || coalesce('.' || quote_ident(p.field), ''), p.found), E'\n') AS problems,
           min(p.cure) AS cure
      FROM left_out AS l
      JOIN integratedb.claim AS c ON c.id = l.claim_id
      JOIN integratedb.specification AS s ON s.id = c.specification_id
      JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
      JOIN integratedb.readable_relation AS k ON k.oid = l.relid
      LEFT JOIN pg_attribute AS a ON a.attrelid = l.relid AND a.attnum = l.attnum AND l.attnum > 0
      LEFT JOIN problem AS p ON p.claim_id = l.claim_id AND p.present_relid = l.relid AND (l.attnum = 0 OR p.present_attnum = l.attnum)
     GROUP BY st.name, c.id, c.path
  LOOP
    RAISE NOTICE 'stakeholder % cannot read %, which it claims by "*": not granted, and not part of the claim on %',
      fresh.stakeholder, fresh.places, fresh.path
      USING DETAIL = coalesce(fresh.problems, ''),
            HINT = concat_ws(' ', fresh.cure || '; then', 'SELECT integratedb_sync() tries it again.');
  END LOOP;

  SELECT array_agg(DISTINCT s.stakeholder_id), array_agg(DISTINCT cr.relid)
    INTO stakeholders, relids
    FROM integratedb.claim_relation AS cr
    JOIN integratedb.claim AS c ON c.id = cr.claim_id
    JOIN integratedb.specification AS s ON s.id = c.specification_id
   WHERE cr.id = ANY (unreadable)
      OR (cr.id = ANY (new_relations || grown_relations)
          AND EXISTS (
            SELECT FROM integratedb.claim_column AS cc
             WHERE cc.relation_id = cr.id AND integratedb.field_key(cc.relation_id, cc.field) = ANY (unreadable_fields)));

  DELETE FROM integratedb.claim_relation AS cr WHERE cr.id = ANY (unreadable);
  DELETE FROM integratedb.claim_column AS cc
   WHERE cc.relation_id = ANY (new_relations || grown_relations)
     AND integratedb.field_key(cc.relation_id, cc.field) = ANY (unreadable_fields);

  PERFORM integratedb.reconcile_grants(stakeholders, relids, giving_back => false, namespaces => '{}');
END
$$;

COMMENT ON FUNCTION integratedb.leave_out_unreadable(bigint[], bigint, bigint[], oid[], bigint[], oid[]) IS
'Runs after an expansion of these claims and the grants for it. Removes from the baseline what wildcards added and '
'the stakeholder cannot read, revokes the grants on it, and reports it once in a NOTICE. newest, known_claims with '
'known_relations, known_fields: from the baseline before. touched: as for the expansion.';

CREATE OR REPLACE FUNCTION integratedb.without_left_out(document jsonb, of_specification bigint)
RETURNS jsonb
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM integratedb.left_out AS l JOIN integratedb.claim AS c ON c.id = l.claim_id WHERE c.specification_id = of_specification
  ) THEN
    RETURN document;
  END IF;

  RETURN jsonb_build_object('match', (
    SELECT jsonb_agg(
             CASE WHEN m.match ? 'relations'
                  THEN m.match || jsonb_build_object('relations', (
                    SELECT coalesce(
                             jsonb_agg(
                               r.relation || jsonb_build_object('fields', (
                                 SELECT coalesce(jsonb_agg(f.field ORDER BY f.place), '[]')
                                   FROM jsonb_array_elements(r.relation -> 'fields') WITH ORDINALITY AS f (field, place)
                                  WHERE f.field ->> 'name' IN (
                                    SELECT cc.column_name FROM integratedb.claim_column AS cc WHERE cc.relation_id = cr.id)))
                               ORDER BY r.place),
                             '[]')
                      FROM jsonb_array_elements(m.match -> 'relations') WITH ORDINALITY AS r (relation, place)
                      JOIN integratedb.claim AS c ON c.specification_id = of_specification AND c.match = m.place - 1
                      JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id AND cr.path = r.relation ->> 'path'))
                  ELSE m.match END
             ORDER BY m.place)
      FROM jsonb_array_elements(document -> 'match') WITH ORDINALITY AS m (match, place)));
END
$$;

COMMENT ON FUNCTION integratedb.without_left_out(jsonb, bigint) IS
'An expanded specification, without the relations and columns of schema.* that were left out.';
