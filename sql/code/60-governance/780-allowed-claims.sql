-- Which unmet claims refuse no migration: those whose removal was announced and is due, and those that are waived.

CREATE OR REPLACE FUNCTION integratedb.place_of(path text, field text)
RETURNS text
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT path || coalesce('.' || quote_ident(field), '')
$$;

COMMENT ON FUNCTION integratedb.place_of(text, text) IS 'A table, or a column of a table, for a message.';

CREATE OR REPLACE FUNCTION integratedb.days_until(moment timestamptz)
RETURNS integer
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT CASE WHEN isfinite(moment) THEN greatest(ceil(extract(epoch FROM moment - now()) / 86400), 0)::integer END
$$;

COMMENT ON FUNCTION integratedb.days_until(timestamptz) IS 'The days from now on, rounded up; 0 once the moment has passed.';

CREATE OR REPLACE VIEW integratedb.deprecated_claim AS
  SELECT d.id AS deprecation_id, cr.claim_id, cr.path, cc.column_name::text AS field
    FROM integratedb.deprecation AS d
    JOIN integratedb.claim_relation AS cr
      ON cr.relid = d.relid
      OR (d.removed_at IS NOT NULL AND cr.schema_name = d.schema_name AND cr.relation_name = d.relation_name)
    LEFT JOIN integratedb.claim_column AS cc
      ON cc.relation_id = cr.id
     AND d.attnum <> 0
     AND (cc.attnum = d.attnum OR (d.removed_at IS NOT NULL AND cc.column_name = d.column_name))
   WHERE d.attnum = 0
      OR cc.relation_id IS NOT NULL
  UNION
  SELECT d.id, cr.claim_id, k.to_path, d.column_name::text
    FROM integratedb.deprecation AS d
    JOIN integratedb.claim_key AS k ON k.kind = 'references' AND k.to_relid = d.relid
    JOIN integratedb.claim_relation AS cr ON cr.id = k.relation_id
   WHERE d.attnum = 0
      OR d.column_name = ANY (k.to_fields)
      OR EXISTS (
        SELECT FROM integratedb.key_target AS t
         WHERE (t.relation_id, t.key) = (k.relation_id, k.key)
           AND t.relid = d.relid
           AND d.attnum = ANY (t.attnums));

COMMENT ON VIEW integratedb.deprecated_claim IS
'The claims that depend on something deprecated, by their relations, columns or references. field: null for a whole '
'table.';

CREATE OR REPLACE VIEW integratedb.dependent_notice AS
  SELECT e.deprecation_id, e.claim_id, s.stakeholder_id, e.path, e.field, c.until, n.deprecation_id IS NOT NULL AS is_told, n.told_at
    FROM integratedb.deprecated_claim AS e
    JOIN integratedb.deprecation AS d ON d.id = e.deprecation_id AND d.removed_at IS NULL
    JOIN integratedb.claim AS c ON c.id = e.claim_id
    JOIN integratedb.specification AS s ON s.id = c.specification_id
    LEFT JOIN integratedb.deprecation_notice AS n
           ON n.deprecation_id = e.deprecation_id
          AND n.stakeholder_id = s.stakeholder_id
          AND n.path = e.path
          AND coalesce(n.field, '') = coalesce(e.field, '');

COMMENT ON VIEW integratedb.dependent_notice IS
'The claims that depend on something deprecated that is still there, and whether and when their stakeholders were told.';

CREATE OR REPLACE VIEW integratedb.waived_claim AS
  -- The path of a claim on schema.* stands for all its tables.
  SELECT w.id AS waiver_id, c.id AS claim_id, CASE WHEN c.wildcard_schema IS NULL THEN w.path END AS path, w.field
    FROM integratedb.waiver AS w
    JOIN integratedb.specification AS s ON s.stakeholder_id = w.stakeholder_id
    JOIN integratedb.claim AS c ON c.specification_id = s.id AND c.path = w.path AND c.wildcard_schema IS NOT NULL
   -- A transaction that began before the end, and waited, is after it.
   WHERE w.until > pg_catalog.clock_timestamp()
  UNION
  SELECT w.id, cr.claim_id, w.path, w.field
    FROM integratedb.waiver AS w
    JOIN integratedb.specification AS s ON s.stakeholder_id = w.stakeholder_id
    JOIN integratedb.claim AS c ON c.specification_id = s.id
    JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id AND cr.path = w.path
   WHERE w.until > pg_catalog.clock_timestamp()
     AND (w.field IS NULL OR EXISTS (SELECT FROM integratedb.claim_column AS cc WHERE cc.relation_id = cr.id AND cc.column_name = w.field));

COMMENT ON VIEW integratedb.waived_claim IS
'The claims that waivers in force concern. path: null for all tables of a claim on schema.*.';

CREATE OR REPLACE VIEW integratedb.claim_excuse AS
  SELECT e.claim_id, e.path, e.field, 'deprecation' AS kind,
         pg_catalog.format('deprecated at %s by %I%s%s', pg_catalog.to_char(d.deprecated_at, 'YYYY-MM-DD HH24:MI TZ'), d.deprecated_by,
                           coalesce(', to be removed after ' || pg_catalog.to_char(d.remove_after, 'YYYY-MM-DD HH24:MI TZ'), ''),
                           coalesce(': ' || d.message, '')) AS words,
         pg_catalog.jsonb_build_object('by', d.deprecated_by, 'at', d.deprecated_at, 'remove_after', d.remove_after, 'message', d.message) AS facts,
         d.removed_at
    FROM integratedb.deprecated_claim AS e
    JOIN integratedb.deprecation AS d ON d.id = e.deprecation_id
  UNION ALL
  SELECT e.claim_id, e.path, w.field, 'waiver',
         pg_catalog.format('waived until %s by %I: %s', pg_catalog.to_char(w.until, 'YYYY-MM-DD HH24:MI TZ'), w.waived_by, w.reason),
         pg_catalog.jsonb_build_object('id', w.id, 'by', w.waived_by, 'until', w.until, 'days_left', integratedb.days_until(w.until), 'reason', w.reason),
         NULL
    FROM integratedb.waived_claim AS e
    JOIN integratedb.waiver AS w ON w.id = e.waiver_id;

COMMENT ON VIEW integratedb.claim_excuse IS
'The deprecations and the waivers in force of what claims depend on, with words for a message. path: null for all '
'tables of a claim on schema.*. field: null for all of a table.';

CREATE OR REPLACE FUNCTION integratedb.excuses_of(claims bigint[])
RETURNS SETOF integratedb.claim_excuse
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
ROWS 10
AS $$
BEGIN
  -- A new session plans the view for longer than a refusal takes.
  IF EXISTS (SELECT FROM integratedb.deprecation) OR EXISTS (SELECT FROM integratedb.waiver) THEN
    RETURN QUERY SELECT e.* FROM integratedb.claim_excuse AS e WHERE e.claim_id = ANY (claims);
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.excuses_of(bigint[]) IS
'The rows of the view claim_excuse for these claims. The view is planned only if there are deprecations or waivers.';

CREATE OR REPLACE FUNCTION integratedb.excuse_of(claim bigint, occasion text)
RETURNS text
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT string_agg(concat_ws(' ', integratedb.place_of(e.path, e.field), e.words), '; ' ORDER BY e.path, e.field)
    FROM integratedb.claim_excuse AS e
   WHERE e.claim_id = claim
     AND CASE occasion WHEN 'waived' THEN e.kind = 'waiver'
                       WHEN 'deprecated and due' THEN e.kind = 'deprecation' AND e.removed_at IS NOT NULL END
$$;

COMMENT ON FUNCTION integratedb.excuse_of(bigint, text) IS
'Why a claim could become unmet, for the occasions of accept_allowed(); null for other occasions.';

CREATE OR REPLACE FUNCTION integratedb.allowed_claims(claims bigint[], OUT removed bigint[], OUT waived bigint[])
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  is_binding boolean;
BEGIN
  removed := '{}';
  waived := '{}';
  IF cardinality(claims) = 0
     OR NOT (EXISTS (SELECT FROM integratedb.deprecation) OR EXISTS (SELECT FROM integratedb.waiver)) THEN
    RETURN;
  END IF;
  is_binding := integratedb.setting_value('deprecation') = 'binding';

  WITH subject AS MATERIALIZED (
    SELECT c.id, c.until, c.unmet_allowed AND c.unmet_since IS NOT NULL AS unmet_allowed, c.path, c.wildcard_schema, s.stakeholder_id
      FROM integratedb.claim AS c
      JOIN integratedb.specification AS s ON s.id = c.specification_id
     WHERE c.id = ANY (claims)
  ), due AS MATERIALIZED (
    SELECT c.id AS claim_id, d.relid, d.attnum, d.schema_name, d.relation_name, d.column_name, d.removed_at IS NOT NULL AS is_removed
      FROM integratedb.deprecation AS d
      JOIN subject AS c
        ON (c.unmet_allowed AND d.removed_at IS NOT NULL)
        OR (is_binding AND d.removed_at IS NULL AND d.remove_after <= now() AND d.announced_at + interval '7 days' <= now())
     -- A promise counts as far as the claim still has it. least() ignores nulls.
     WHERE NOT EXISTS (
       SELECT FROM integratedb.deprecation_promise AS p
        WHERE p.deprecation_id = d.id
          AND p.stakeholder_id = c.stakeholder_id
          AND c.until IS NOT NULL
          AND least(p.until, c.until) >= (coalesce(d.removed_at, now()) AT TIME ZONE 'UTC')::date)
       -- Whoever renames what is deprecated to what is claimed has announced nothing to that stakeholder.
       AND NOT EXISTS (
         SELECT FROM integratedb.dependent_notice AS n
          WHERE n.deprecation_id = d.id
            AND n.claim_id = c.id
            AND NOT (n.is_told AND coalesce(n.told_at, '-infinity') + interval '7 days' <= now()))
  ), excused AS MATERIALIZED (
    SELECT w.claim_id, w.path, w.field FROM integratedb.waived_claim AS w WHERE w.claim_id = ANY (claims)
  ), part AS (
    SELECT r.claim_id, r.alternative,
           r.present_relid IS NULL
             AND EXISTS (
               SELECT FROM due AS d
                WHERE d.claim_id = r.claim_id
                  AND d.attnum = 0
                  AND (d.relid = r.relid OR (d.is_removed AND d.schema_name = r.schema_name AND d.relation_name = r.relation_name))) AS is_removed,
           EXISTS (SELECT FROM excused AS w WHERE w.claim_id = r.claim_id AND w.field IS NULL AND coalesce(w.path, r.path) = r.path) AS is_waived
      FROM integratedb.required_relation AS r
     WHERE r.claim_id = ANY (claims)
       AND (r.present_relid IS NULL OR r.lacks_usage OR r.lacks_policy
            OR (r.has_something_behind AND 0 = ANY (r.blocked_columns)
                AND NOT EXISTS (SELECT FROM integratedb.claim_column AS cc WHERE cc.relation_id = r.relation_id AND NOT cc.optional)))
    UNION ALL
    -- One column that may go is enough, because the others did not serve the field before either.
    SELECT f.claim_id, f.alternative,
           bool_or(f.present_attnum IS NULL
                   AND EXISTS (
                     SELECT FROM due AS d
                      WHERE d.claim_id = f.claim_id
                        AND ((d.relid = f.relid AND d.attnum IN (0, f.attnum))
                             OR (d.is_removed AND d.schema_name = f.schema_name AND d.relation_name = f.relation_name
                                 AND coalesce(d.column_name, f.column_name) = f.column_name)))),
           bool_or(EXISTS (SELECT FROM excused AS w
                            WHERE w.claim_id = f.claim_id AND coalesce(w.path, f.path) = f.path AND coalesce(w.field, f.column_name) = f.column_name))
      FROM integratedb.failing_column AS f
     WHERE f.claim_id = ANY (claims)
     GROUP BY f.claim_id, f.alternative, f.relation_id, f.field, f.choices
    HAVING count(*) = f.choices
    UNION ALL
    SELECT k.claim_id, k.alternative,
           EXISTS (
             SELECT FROM due AS d
               JOIN integratedb.claim_column AS cc
                 ON cc.relation_id = k.relation_id
                AND cc.field IN (SELECT n.field FROM integratedb.claim_column AS n
                                  WHERE n.relation_id = k.relation_id AND n.field_alternative = 0 AND n.column_name = ANY (ck.fields))
              WHERE d.claim_id = k.claim_id
                AND ((d.relid = cr.relid AND d.attnum IN (0, cc.attnum))
                     OR (d.is_removed AND d.schema_name = cr.schema_name AND d.relation_name = cr.relation_name
                         AND coalesce(d.column_name, cc.column_name) = cc.column_name))
                AND NOT EXISTS (
                  SELECT FROM integratedb.relations_at(jsonb_build_array(jsonb_build_array(cr.schema_name, cr.relation_name))) AS n
                    JOIN pg_attribute AS a ON a.attrelid = n.oid AND a.attname = cc.column_name AND a.attnum > 0 AND NOT a.attisdropped)
             UNION ALL
             -- The referenced table, or a referenced column, may go.
             SELECT FROM due AS d
              WHERE d.claim_id = k.claim_id
                AND ck.kind = 'references'
                AND (d.relid = ck.to_relid
                     OR (d.is_removed AND d.schema_name = ck.to_schema_name AND d.relation_name = ck.to_relation_name))
                AND (d.attnum = 0 OR d.column_name = ANY (ck.to_fields))
                AND NOT EXISTS (
                  SELECT FROM integratedb.relations_at(jsonb_build_array(jsonb_build_array(ck.to_schema_name, ck.to_relation_name))) AS n
                   WHERE n.oid IS NOT NULL
                     AND (d.attnum = 0
                          OR EXISTS (
                            SELECT FROM pg_attribute AS a
                             WHERE a.attrelid = n.oid AND a.attname = d.column_name AND a.attnum > 0 AND NOT a.attisdropped)))),
           EXISTS (SELECT FROM excused AS w
                    WHERE w.claim_id = k.claim_id AND coalesce(w.path, cr.path) = cr.path AND (w.field IS NULL OR w.field = ANY (ck.fields)))
      FROM integratedb.failing_key AS k
      JOIN integratedb.claim_key AS ck ON ck.relation_id = k.relation_id AND ck.key = k.key
      JOIN integratedb.claim_relation AS cr ON cr.id = k.relation_id
     WHERE k.claim_id = ANY (claims)
    UNION ALL
    SELECT c.id, 0, false, EXISTS (SELECT FROM excused AS w WHERE w.claim_id = c.id AND w.path IS NULL)
      FROM subject AS c
     WHERE c.wildcard_schema IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = c.wildcard_schema)
    UNION ALL
    SELECT p.claim_id, p.alternative, false,
           EXISTS (SELECT FROM excused AS w
                    WHERE w.claim_id = p.claim_id AND coalesce(w.path, p.path) = p.path AND (w.field IS NULL OR w.field = p.field))
      FROM integratedb.notification_problem AS p
     WHERE p.claim_id = ANY (claims)
       AND NOT p.optional
  ), verdict AS (
    SELECT p.claim_id, p.alternative, bool_and(p.is_removed) AS is_removed, bool_and(p.is_removed OR p.is_waived) AS is_allowed
      FROM part AS p
     GROUP BY p.claim_id, p.alternative
  ), claim AS (
    -- The claim passes with one alternative in which nothing else fails.
    SELECT v.claim_id, bool_or(v.is_removed) AS is_removed, bool_or(v.is_allowed) AS is_allowed FROM verdict AS v GROUP BY v.claim_id
  )
  SELECT coalesce(array_agg(c.claim_id) FILTER (WHERE c.is_removed), '{}'),
         coalesce(array_agg(c.claim_id) FILTER (WHERE c.is_allowed AND NOT c.is_removed), '{}')
    INTO removed, waived
    FROM claim AS c;
END
$$;

COMMENT ON FUNCTION integratedb.allowed_claims(bigint[]) IS
'The unmet claims among these that refuse no migration: of an alternative, all that fails was deprecated and its removal '
'is due (removed), or is waived (waived).';

CREATE OR REPLACE FUNCTION integratedb.accept_allowed(claims bigint[])
RETURNS bigint[]
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  allowed CONSTANT record := integratedb.allowed_claims(claims);
  fresh bigint[];
  names text;
BEGIN
  IF cardinality(allowed.removed) = 0 AND cardinality(allowed.waived) = 0 THEN
    RETURN ARRAY[]::bigint[];
  END IF;
  fresh := ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.id = ANY (claims) AND NOT c.unmet_allowed);

  UPDATE integratedb.deprecation AS d
     SET removed_at = now()
   WHERE d.removed_at IS NULL
     AND d.remove_after <= now()
     AND d.announced_at + interval '7 days' <= now()
     AND EXISTS (
       SELECT FROM integratedb.deprecated_claim AS e
        WHERE e.deprecation_id = d.id
          AND e.claim_id = ANY (allowed.removed)
          AND NOT EXISTS (
            SELECT FROM integratedb.relations_at(jsonb_build_array(to_jsonb(integratedb.path_parts(e.path)))) AS r
             WHERE r.oid IS NOT NULL
               AND (e.field IS NULL
                    OR EXISTS (
                      SELECT FROM pg_attribute AS a
                       WHERE a.attrelid = r.oid AND a.attname = e.field AND a.attnum > 0 AND NOT a.attisdropped))));

  PERFORM integratedb.warn_unmet(allowed.removed, 'deprecated and due', allowed => true);
  PERFORM integratedb.warn_unmet(allowed.waived, 'waived', allowed => true);

  FOR names IN
    SELECT format('%s (%s): %s', st.name, s.kind, c.unmet_reason)
      FROM integratedb.claim AS c
      JOIN integratedb.specification AS s ON s.id = c.specification_id
      JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
     WHERE c.id = ANY (fresh)
       AND c.id = ANY (allowed.removed || allowed.waived)
     ORDER BY st.name, s.kind, c.match
  LOOP
    PERFORM integratedb.log_own_event('INTEGRATEDB ALLOWED', left(names, 2000), false);
  END LOOP;

  RETURN allowed.removed || allowed.waived;
END
$$;

COMMENT ON FUNCTION integratedb.accept_allowed(bigint[]) IS
'Accepts those of these unmet claims that a deprecation or a waiver allows, with a WARNING and a row in the audit log '
'for each. Returns them.';
