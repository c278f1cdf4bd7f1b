-- Compares the baseline with the present catalog, set-based, without Python.
--
-- Each view shows claim_id, so that a condition on claim_id reaches the indexes. Without such a condition, the views
-- read everything once.

CREATE OR REPLACE VIEW integratedb.required_relation AS
  SELECT cr.claim_id,
         cr.alternative,
         c.alternatives,
         cr.id AS relation_id,
         cr.schema_name,
         cr.relation_name,
         cr.path,
         cr.relid,
         st.name AS stakeholder,
         u.oid AS role_oid,
         k.oid AS present_relid,
         -- The privilege is checked only on the relation that was granted. A recreated relation gets its grants at the
         -- next sync.
         (u.oid IS NOT NULL
          AND k.oid = cr.relid
          AND cr.ungranted_since IS NULL
          AND NOT pg_catalog.has_schema_privilege(u.oid, n.oid, 'USAGE')) AS lacks_usage,
         (u.oid IS NOT NULL
          AND k.relrowsecurity
          AND NOT (pg_catalog.pg_has_role(u.oid, k.relowner, 'USAGE') AND NOT k.relforcerowsecurity)
          AND NOT EXISTS (
            SELECT FROM pg_catalog.pg_policy AS p
             WHERE p.polrelid = k.oid
               AND p.polpermissive
               AND p.polcmd IN ('r', '*')
               AND EXISTS (
                 SELECT FROM pg_catalog.unnest(p.polroles) AS polrole (oid)
                  WHERE CASE polrole.oid WHEN 0 THEN true ELSE pg_catalog.pg_has_role(u.oid, polrole.oid, 'USAGE') END))) AS lacks_policy,
         behind.blocked_columns,
         cr.ungranted_since,
         coalesce((k.relkind = 'v' OR k.relrowsecurity) AND k.oid = cr.relid AND u.oid IS NOT NULL, false) AS has_something_behind
    FROM integratedb.claim_relation AS cr
    JOIN integratedb.claim AS c ON c.id = cr.claim_id
    JOIN integratedb.specification AS s ON s.id = c.specification_id
    JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
    LEFT JOIN pg_catalog.pg_authid AS u ON u.oid = st.role_oid AND u.rolname = st.name
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = cr.schema_name
    -- OFFSET 0 makes the planner look up schema and name together. Otherwise the planner would look for the name and
    -- filter the schemas. That reads thousands of rows where each tenant has a schema with the same tables.
    LEFT JOIN LATERAL (
      SELECT k.oid, k.relowner, k.relkind, k.relrowsecurity, k.relforcerowsecurity
        FROM pg_catalog.pg_class AS k
       WHERE k.relnamespace = n.oid
         AND k.relname = cr.relation_name
         AND k.relkind IN ('r', 'v', 'm', 'f', 'p')
      OFFSET 0) AS k ON true
     -- OFFSET 0 makes the function run once for each relation, not once for each column. Most relations have nothing
     -- behind them.
    LEFT JOIN LATERAL (
      SELECT integratedb.blocked_columns(u.oid, k.oid) AS blocked_columns
       WHERE (k.relkind = 'v' OR k.relrowsecurity)
         AND k.oid = cr.relid
         AND u.oid IS NOT NULL
      OFFSET 0) AS behind ON true
   WHERE NOT c.optional;

COMMENT ON VIEW integratedb.required_relation IS
'The relations of non-optional claims, with the relations that the catalog has under their names now.';

CREATE OR REPLACE VIEW integratedb.failing_column AS
  SELECT r.claim_id,
         r.alternative,
         r.alternatives,
         r.relation_id,
         r.schema_name,
         r.relation_name,
         r.path,
         r.stakeholder,
         r.role_oid,
         r.relid,
         r.present_relid,
         cc.field,
         cc.field_alternative,
         cc.choices,
         cc.column_name,
         cc.type,
         cc.min_length,
         cc.is_nullable,
         cc.attnum,
         a.attnum AS present_attnum,
         a.atttypid AS present_type_oid,
         a.atttypmod AS present_type_modifier,
         a.attnotnull AS present_not_null,
         r.ungranted_since,
         coalesce(0 = ANY (r.blocked_columns), false) AS is_blocked_whole
    FROM integratedb.required_relation AS r
    JOIN integratedb.claim_column AS cc ON cc.relation_id = r.relation_id
    LEFT JOIN pg_catalog.pg_attribute AS a
           ON a.attrelid = r.present_relid
          AND a.attname = cc.column_name
          AND a.attnum > 0
          AND NOT a.attisdropped
   WHERE NOT cc.optional
     AND r.present_relid IS NOT NULL
     AND (a.attnum IS NULL
          -- A column still fits if its type and modifier are those of the last expansion, and the type has its name. Built-in
          -- types keep theirs. type_fits() takes 1 ms, and a claim may have thousands of columns.
          OR (CASE WHEN a.atttypid IS DISTINCT FROM cc.type_oid OR a.atttypmod IS DISTINCT FROM cc.type_modifier THEN true
                   WHEN cc.type_oid < 16384 THEN false
                   ELSE NOT EXISTS (SELECT FROM integratedb.type_name AS t WHERE t.oid = a.atttypid AND t.exact = cc.type) END
              AND NOT integratedb.type_fits(a.atttypid, a.atttypmod, cc.type, cc.min_length))
          OR (NOT cc.is_nullable AND NOT a.attnotnull
              AND NOT (SELECT t.typnotnull FROM pg_catalog.pg_type AS t WHERE t.oid = a.atttypid)
              AND NOT integratedb.is_domain_not_null(a.atttypid))
          OR a.attnum = ANY (r.blocked_columns)
          OR 0 = ANY (r.blocked_columns)
          OR (r.role_oid IS NOT NULL
              AND r.ungranted_since IS NULL
              AND r.present_relid = r.relid
              AND a.attnum = cc.attnum
              AND NOT pg_catalog.has_column_privilege(r.role_oid, r.present_relid, a.attnum, 'SELECT')));

COMMENT ON VIEW integratedb.failing_column IS
'Field alternatives of non-optional fields that the present catalog does not satisfy, where the relation exists.';

CREATE OR REPLACE VIEW integratedb.failing_field AS
  SELECT f.claim_id, f.alternative, f.alternatives, f.relation_id, f.field
    FROM integratedb.failing_column AS f
   GROUP BY f.claim_id, f.alternative, f.alternatives, f.relation_id, f.field, f.choices
  HAVING count(*) = f.choices;

COMMENT ON VIEW integratedb.failing_field IS 'Required fields without a field alternative that is met.';

CREATE OR REPLACE VIEW integratedb.failing_alternative AS
  SELECT r.claim_id, r.alternative, r.alternatives
    FROM integratedb.required_relation AS r
   WHERE r.present_relid IS NULL
      OR r.lacks_usage
      OR r.lacks_policy
      -- An obstacle to the whole relation makes its fields fail, and failing_field reports it, so that it is searched
      -- once. Here it is searched only for relations without required fields.
      OR CASE WHEN r.has_something_behind
              THEN NOT EXISTS (SELECT FROM integratedb.claim_column AS cc WHERE cc.relation_id = r.relation_id AND NOT cc.optional OFFSET 0)
                   AND 0 = ANY (integratedb.blocked_columns(r.role_oid, r.present_relid)) END
  UNION
  SELECT f.claim_id, f.alternative, f.alternatives
    FROM integratedb.failing_field AS f
  UNION
  SELECT f.claim_id, f.alternative, f.alternatives
    FROM integratedb.failing_key AS f;

COMMENT ON VIEW integratedb.failing_alternative IS
'Alternatives of non-optional claims that the present catalog does not satisfy, with the number of the claim''s '
'alternatives.';

CREATE OR REPLACE VIEW integratedb.unmet_claim AS
  SELECT bad.claim_id
    FROM integratedb.failing_alternative AS bad
   GROUP BY bad.claim_id, bad.alternatives
  HAVING count(*) = bad.alternatives
  UNION
  SELECT c.id
    FROM integratedb.claim AS c
   WHERE c.wildcard_schema IS NOT NULL
     AND NOT c.optional
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_namespace AS n WHERE n.nspname = c.wildcard_schema);

COMMENT ON VIEW integratedb.unmet_claim IS
'Non-optional claims without an alternative that the present catalog satisfies.';

CREATE OR REPLACE FUNCTION integratedb.unmet_among(claims bigint[])
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Only some claims are checked, so each is looked up. The planner knows neither their number nor the rows of tables
-- that were just filled. It would read whole catalogs, or all tables of one name.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
-- Planning takes longer than running.
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN ARRAY(SELECT u.claim_id FROM integratedb.unmet_claim AS u WHERE u.claim_id = ANY (claims));
END
$$;

COMMENT ON FUNCTION integratedb.unmet_among(bigint[]) IS
'The unmet claims among these claims, by identifier. This is for a part of the claims; the view unmet_claim has all.';

CREATE OR REPLACE VIEW integratedb.untellable_claim AS
  SELECT DISTINCT p.claim_id
    FROM integratedb.notification_problem AS p
   WHERE NOT p.optional
     AND NOT EXISTS (
       SELECT FROM integratedb.notification AS n
        WHERE n.claim_id = p.claim_id
          AND n.alternative <> p.alternative
          AND NOT EXISTS (
            SELECT FROM integratedb.notification_problem AS other WHERE other.claim_id = n.claim_id AND other.alternative = n.alternative)
          AND NOT EXISTS (
            SELECT FROM integratedb.failing_alternative AS f WHERE f.claim_id = n.claim_id AND f.alternative = n.alternative));

COMMENT ON VIEW integratedb.untellable_claim IS
'Non-optional notification claims without an alternative that is both satisfied by the present catalog and can be '
'notified.';

CREATE OR REPLACE FUNCTION integratedb.untellable_among(claims bigint[])
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- For the reasons given at unmet_among().
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  suspect bigint[];
BEGIN
  -- A new session plans the view for longer than most of its statements run. Problems are rare.
  IF NOT EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications') THEN
    RETURN '{}'::bigint[];
  END IF;
  -- OFFSET 0 makes the planner look up one claim after another, not search all notifications.
  suspect := ARRAY(
    SELECT t.claim_id
      FROM unnest(claims) AS t (claim_id)
     CROSS JOIN LATERAL (
       SELECT FROM integratedb.notification_problem AS p WHERE p.claim_id = t.claim_id AND NOT p.optional OFFSET 0 LIMIT 1) AS p);
  IF cardinality(suspect) = 0 THEN
    RETURN suspect;
  END IF;

  RETURN ARRAY(
    SELECT u.claim_id
      FROM unnest(suspect) AS t (claim_id)
     CROSS JOIN LATERAL (SELECT u.claim_id FROM integratedb.untellable_claim AS u WHERE u.claim_id = t.claim_id OFFSET 0) AS u);
END
$$;

COMMENT ON FUNCTION integratedb.untellable_among(bigint[]) IS
'The notification claims among these claims that cannot be notified. The view untellable_claim has all of them.';

CREATE OR REPLACE FUNCTION integratedb.untellable_claims()
RETURNS SETOF bigint
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
ROWS 10
AS $$
BEGIN
  -- A new session plans the view for longer than most of its statements run. Problems are rare.
  IF EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications')
     AND EXISTS (SELECT FROM integratedb.notification_problem AS p WHERE NOT p.optional) THEN
    RETURN QUERY SELECT u.claim_id FROM integratedb.untellable_claim AS u;
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.untellable_claims() IS
'The notification claims that cannot be notified: the view untellable_claim, which is planned only if that can be.';

CREATE OR REPLACE VIEW integratedb.broken_claim AS
  SELECT u.claim_id FROM integratedb.unmet_claim AS u
  UNION
  SELECT p.claim_id FROM integratedb.untellable_claims() AS p (claim_id);

COMMENT ON VIEW integratedb.broken_claim IS
'Unmet claims, and notification claims that are met but cannot be notified. They are reported until they are '
'repaired.';

CREATE OR REPLACE FUNCTION integratedb.broken_among(claims bigint[])
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN integratedb.unmet_among(claims) || integratedb.untellable_among(claims);
END
$$;

COMMENT ON FUNCTION integratedb.broken_among(bigint[]) IS
'The claims among these that are unmet, or cannot be notified; a claim that is both comes twice. The view broken_claim '
'has all of them.';

CREATE OR REPLACE FUNCTION integratedb.problems_of(claims bigint[])
RETURNS TABLE (
  claim_id bigint,
  alternative integer,
  path text,
  field text,
  property text,
  expected jsonb,
  actual jsonb,
  found text,
  relation_name name,
  relid oid,
  present_relid oid,
  attnum smallint,
  present_attnum smallint,
  renamed_relation text,
  renamed_column text,
  cure text,
  reader_cure text,
  lies_behind boolean,
  relation_id bigint,
  key integer
)
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Planning takes longer than running.
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
  RETURN QUERY
  SELECT c.id, 0, c.path, NULL, 'table', to_jsonb('schema ' || quote_ident(c.wildcard_schema)), NULL::jsonb,
         'expected a schema, found none', NULL::name, NULL::oid, NULL::oid, NULL::smallint, NULL::smallint, NULL, NULL, NULL, NULL, false,
         NULL::bigint, NULL::integer
    FROM integratedb.claim AS c
   WHERE c.id = ANY (claims)
     AND c.wildcard_schema IS NOT NULL
     AND NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = c.wildcard_schema);

  RETURN QUERY
  SELECT r.claim_id, r.alternative, r.path, NULL, p.property, p.expected, p.actual, p.found, r.relation_name,
         r.relid, r.present_relid, NULL::smallint, NULL::smallint, p.renamed, NULL,
         -- A path is not SQL: it has upper case and key words without quotes.
         CASE p.property WHEN 'row_security' THEN
           format('CREATE POLICY %I ON %I.%I FOR SELECT TO %I USING (true), or whatever rows it may see',
                  r.stakeholder || '_reads', r.schema_name, r.relation_name, r.stakeholder) END,
         NULL, false, NULL::bigint, NULL::integer
    FROM integratedb.required_relation AS r
    LEFT JOIN integratedb.readable_relation AS moved
           ON r.present_relid IS NULL
          AND moved.oid = r.relid
          AND EXISTS (SELECT FROM integratedb.serialisation AS lock WHERE lock.armed_for IS NOT NULL)
   CROSS JOIN LATERAL (
     SELECT integratedb.path_of(moved.schema_name, moved.relation_name) AS path
   ) AS now_at
   CROSS JOIN LATERAL (VALUES
     (r.present_relid IS NULL, 'table', to_jsonb(r.path), to_jsonb(now_at.path),
      'expected a table, found none' || coalesce('; it was renamed to ' || now_at.path, ''), now_at.path),
     (r.lacks_usage, 'privilege', '"USAGE"'::jsonb, NULL, format('role %I lacks USAGE on schema %I', r.stakeholder, r.schema_name), NULL),
     (r.lacks_policy, 'row_security', '"a permissive policy for SELECT"'::jsonb, NULL,
      format('row level security is on and no policy lets role %I read', r.stakeholder), NULL)
   ) AS p (fails, property, expected, actual, found, renamed)
   WHERE r.claim_id = ANY (claims)
     AND p.fails;

  RETURN QUERY
  SELECT f.claim_id, f.alternative, f.path, f.column_name::text, p.property, p.expected, p.actual, p.found, f.relation_name,
         f.relid, f.present_relid, f.attnum, f.present_attnum, NULL, p.renamed, NULL, NULL, false, NULL::bigint, NULL::integer
    -- The count stands beside each row, in place of a join with failing_field. Without statistics the planner would
    -- join the two by nested loops.
    FROM (SELECT c.*, count(*) OVER (PARTITION BY c.relation_id, c.field) AS failing
            FROM integratedb.failing_column AS c
           WHERE c.claim_id = ANY (claims)) AS f
    LEFT JOIN integratedb.readable_column AS present ON present.relid = f.present_relid AND present.attnum = f.present_attnum
    -- The claimed column, where it exists under another name.
    LEFT JOIN pg_attribute AS moved
           ON f.present_attnum IS NULL
          AND f.present_relid = f.relid
          AND moved.attrelid = f.relid
          AND moved.attnum = f.attnum
          AND NOT moved.attisdropped
   -- OFFSET 0 computes the names once for each column, not once for each use below.
   CROSS JOIN LATERAL (
     SELECT CASE WHEN f.type IS NOT NULL THEN integratedb.written_claim_type(f.type, f.min_length) END AS wanted,
            CASE WHEN f.type IS NOT NULL AND f.present_attnum IS NOT NULL
                 THEN integratedb.written_type(f.present_type_oid, f.present_type_modifier) END AS found
     OFFSET 0
   ) AS type_is
   CROSS JOIN LATERAL (VALUES
     (f.present_attnum IS NULL, 'column', to_jsonb(f.column_name), to_jsonb(moved.attname),
      format('expected a column%s, found none', ' of type ' || type_is.wanted) || coalesce('; it was renamed to ' || quote_ident(moved.attname), ''),
      moved.attname::text),
     (f.present_attnum IS NOT NULL AND f.type IS NOT NULL AND NOT integratedb.type_fits(f.present_type_oid, f.present_type_modifier, f.type, NULL),
      'type', to_jsonb(type_is.wanted), to_jsonb(type_is.found), format('expected type %s, found %s', type_is.wanted, type_is.found), NULL),
     (present.length_limit < f.min_length, 'min_length',
      CASE f.min_length WHEN 2147483647 THEN '"unlimited"'::jsonb ELSE to_jsonb(f.min_length) END, to_jsonb(present.length_limit),
      format('expected a length or precision of %s, found %s',
             CASE f.min_length WHEN 2147483647 THEN 'no limit' ELSE format('at least %s', f.min_length) END, present.length_limit), NULL),
     (present.is_nullable AND NOT f.is_nullable, 'is_nullable', 'false'::jsonb, 'true'::jsonb, 'expected NOT NULL, found a nullable column', NULL),
     (f.present_attnum = f.attnum AND f.present_relid = f.relid AND f.role_oid IS NOT NULL AND f.ungranted_since IS NULL
      AND NOT has_column_privilege(f.role_oid, f.present_relid, f.present_attnum, 'SELECT'),
      'privilege', '"SELECT"'::jsonb, NULL, format('role %I may not SELECT it', f.stakeholder), NULL)
   ) AS p (fails, property, expected, actual, found, renamed)
   WHERE f.failing = f.choices
     AND p.fails;

  -- What most databases do not have is not planned either.
  IF EXISTS (
    SELECT FROM integratedb.claim_relation AS cr
      JOIN pg_class AS k ON k.oid = cr.relid
     WHERE cr.claim_id = ANY (claims)
       AND (k.relkind = 'v' OR k.relrowsecurity))
  THEN
    RETURN QUERY
    SELECT r.claim_id, r.alternative, r.path, a.attname::text, o.property, to_jsonb(o.expected), NULL::jsonb, o.found, r.relation_name,
           r.relid, r.present_relid, a.attnum, a.attnum, NULL, NULL, o.cure, o.reader_cure, true, NULL::bigint, NULL::integer
      -- OFFSET 0 reads the failing columns once for each relation, not once for each obstacle.
      FROM (SELECT q.*,
                   ARRAY(SELECT cc.column_name
                           FROM integratedb.claim_column AS cc
                           JOIN integratedb.failing_field AS f ON f.relation_id = cc.relation_id AND f.field = cc.field
                          WHERE cc.relation_id = q.relation_id
                            AND f.claim_id = q.claim_id) AS failing
              FROM integratedb.required_relation AS q
             WHERE q.claim_id = ANY (claims)
               AND q.blocked_columns <> '{}'
            OFFSET 0) AS r
     CROSS JOIN LATERAL integratedb.obstacles(r.role_oid, r.present_relid) AS o
      LEFT JOIN pg_attribute AS a ON a.attrelid = r.present_relid AND a.attnum = o.column_number
     WHERE o.column_number IS NULL OR a.attname = ANY (r.failing);
  END IF;

  IF EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications') THEN
    RETURN QUERY
    SELECT n.claim_id, 0, n.path, n.field, n.property, NULL::jsonb, NULL::jsonb,
           -- The place is written before the message.
           ltrim(substr(n.message, 1 + length(n.path || coalesce('.' || quote_ident(n.field), '')))),
           NULL::name, NULL::oid, NULL::oid, NULL::smallint, NULL::smallint, NULL, NULL, NULL, NULL, false, NULL::bigint, NULL::integer
      FROM integratedb.notification_problem AS n
     WHERE n.claim_id = ANY (claims);
  END IF;

  RETURN QUERY
  SELECT k.claim_id, k.alternative, k.path, NULL, k.property, k.expected, NULL::jsonb, k.said, k.relation_name, k.relid, k.present_relid,
         NULL::smallint, NULL::smallint, k.renamed_relation, NULL, k.cure, NULL, false, k.relation_id, k.key
    FROM integratedb.key_problems(claims) AS k;
END
$$;

COMMENT ON FUNCTION integratedb.problems_of(bigint[]) IS
'Why each of these unmet claims is unmet: one row for each property of a table or column, with a description (found) '
'and the new name of a renamed column. Problems with keys (relation_id and key of claim_key), with row security, and '
'with objects behind the relation have their own cure.';

CREATE OR REPLACE FUNCTION integratedb.identity_cure(claim bigint)
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- A function, because a view inside the query would be planned with it each time.
  RETURN (SELECT rtrim(min(n.cure), '.')
            FROM integratedb.notification_problem AS n
           WHERE n.claim_id = claim AND n.property = 'replica_identity');
END
$$;

COMMENT ON FUNCTION integratedb.identity_cure(bigint) IS
'What gives the table of this notification claim a replica identity.';

CREATE OR REPLACE FUNCTION integratedb.rename_hint(document jsonb, path text, field text, renamed text)
RETURNS text
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- The renamed column must satisfy what the specification asks of the old one. The field may have alternatives
  -- already, so the document is read.
  WITH claimed AS (
    SELECT coalesce(
             jsonb_path_query_first(
               document,
               '$.** ? (@.path == $path).fields[*]
                  ? (@ == $field || @.name == $field || @.alternatives[*] == $field || @.alternatives[*].name == $field)',
               jsonb_build_object('path', path, 'field', field)),
             to_jsonb(field)) AS field
  ), choice AS (
    SELECT c.field AS claimed,
           CASE WHEN c.field ? 'alternatives' THEN c.field -> 'alternatives' ELSE jsonb_build_array(c.field) END AS present
      FROM claimed AS c
  )
  SELECT format('claim %s instead of %s in the fields of %s, and the rename passes',
                jsonb_build_object(
                  'alternatives',
                  c.present || (SELECT CASE jsonb_typeof(e.value) WHEN 'object' THEN e.value || jsonb_build_object('name', renamed)
                                            ELSE to_jsonb(renamed) END
                                  FROM jsonb_array_elements(c.present) AS e
                                 WHERE e.value = to_jsonb(field) OR e.value ->> 'name' = field
                                 LIMIT 1)),
                c.claimed,
                path)
    FROM choice AS c
$$;

COMMENT ON FUNCTION integratedb.rename_hint(jsonb, text, text, text) IS
'The field alternative by which a match of a specification (document) allows the rename of a column that it claims.';

CREATE OR REPLACE FUNCTION integratedb.describe_unmet(claims bigint[])
RETURNS TABLE (
  claim_id bigint,
  stakeholder text,
  kind text,
  path text,
  unmet_since timestamptz,
  problems jsonb,
  summary text,
  author_hint text,
  stakeholder_hint text,
  source text,
  excuse text
)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- The document of a match is examined once for each claim, not once for each problem. A claim may have thousands of
  -- problems.
  WITH subject AS MATERIALIZED (
    SELECT c.id, c.match, c.path, c.unmet_since, s.kind, m.document, st.id AS stakeholder_id, st.name AS stakeholder,
           jsonb_path_exists(m.document, '$.** ? (@ == "*")') AS is_wildcard, c.wildcard_schema IS NOT NULL AS is_whole_schema,
           CASE WHEN s.kind = 'queries' THEN m.document ->> 'query' END AS query,
           CASE WHEN c.unmet_allowed THEN c.unmet_reason END AS unmet_reason
      FROM integratedb.claim AS c
      JOIN integratedb.specification AS s ON s.id = c.specification_id
      JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
     CROSS JOIN LATERAL (SELECT coalesce(c.document, s.document -> 'match' -> c.match) AS document) AS m
     WHERE c.id = ANY (claims)
  ), problem AS (
    SELECT p.*,
           p.path || coalesce('.' || quote_ident(p.field), '') AS place,
           row_number() OVER (PARTITION BY p.claim_id ORDER BY p.alternative, p.path, p.field, p.property) AS position,
           row_number() OVER (PARTITION BY p.claim_id
                              ORDER BY p.renamed_column IS NULL AND p.renamed_relation IS NULL, p.alternative, p.path, p.field, p.property)
             AS position_of_rename
      FROM integratedb.problems_of(claims) AS p
  ), excuse AS MATERIALIZED (
    SELECT e.* FROM integratedb.excuses_of(claims) AS e
  ), allowed AS MATERIALIZED (
    SELECT a.removed, a.waived FROM integratedb.allowed_claims(claims) AS a
  ), described AS (
    SELECT p.claim_id,
           jsonb_agg(
             jsonb_build_object('path', p.path, 'field', p.field, 'property', p.property, 'expected', p.expected, 'actual', p.actual,
                                'message', format('%s: %s', p.place, p.found))
               || CASE WHEN c.query IS NULL THEN '{}' ELSE jsonb_build_object('query', c.query) END
               || excuses.facts
             ORDER BY p.position) AS problems,
           string_agg(format('%s: %s', p.place, p.found) || coalesce(' (' || excuses.words || ')', ''), '; ' ORDER BY p.position) AS summary
      FROM problem AS p
      JOIN subject AS c ON c.id = p.claim_id
     CROSS JOIN allowed AS a
     CROSS JOIN LATERAL (
       SELECT coalesce(jsonb_object_agg(e.kind, e.facts), '{}')
                || CASE WHEN p.claim_id = ANY (a.removed) THEN '{"allowed": "deprecated"}'::jsonb
                        WHEN p.claim_id = ANY (a.waived) THEN '{"allowed": "waived"}'::jsonb
                        ELSE '{}' END AS facts,
              string_agg(e.words, '; ' ORDER BY e.kind) AS words
         FROM excuse AS e
        WHERE e.claim_id = p.claim_id
          AND coalesce(e.path, p.path) = p.path
          AND (e.field IS NULL OR e.field = p.field)) AS excuses
     GROUP BY p.claim_id
  ), author AS (
    -- The first problem of a claim is enough for the hint.
    SELECT p.claim_id,
           coalesce(CASE WHEN p.key IS NULL THEN p.cure END, CASE p.property
             WHEN 'unique' THEN
               format('keep the unique key %s of %s until %s has moved on%s', p.expected, p.path, c.stakeholder,
                      coalesce(', or give it back: ' || p.cure, ''))
             WHEN 'references' THEN
               CASE WHEN p.cure IS NULL THEN format('keep %s, which %s references, as it is until %s has moved on', p.expected ->> 'to', p.path, c.stakeholder)
                    ELSE format('keep the foreign key %s of %s until %s has moved on, or give it back: %s',
                                p.expected -> 'fields', p.path, c.stakeholder, p.cure) END
             WHEN 'privilege' THEN
               CASE WHEN p.present_relid IS NULL OR integratedb.is_responsible(c.stakeholder_id, p.present_relid)
                      OR EXISTS (SELECT FROM integratedb.own_grant AS g WHERE g.stakeholder_id = c.stakeholder_id AND g.relid = p.present_relid)
                    THEN 'SELECT integratedb_sync() in the same transaction gives the privilege back'
                    ELSE format('whoever submitted the claim could not grant it; an admin takes it over first: SELECT integratedb_adopt_claim(%L, %L)', c.stakeholder, c.kind) END
             -- A partition, and a table with generated columns, needs another cure.
             WHEN 'replica_identity' THEN integratedb.identity_cure(p.claim_id)
             ELSE CASE WHEN c.is_wildcard AND (p.property <> 'table' OR (c.is_whole_schema AND p.relation_name IS NOT NULL))
                    -- This is skipped where the whole relation is gone, because a sync does not make such a claim met.
                    THEN format('SELECT integratedb_sync() in the same transaction, if it must be: %s is claimed by "*", which then follows', p.path)
                    ELSE format('keep %s until %s has moved on (SELECT * FROM integratedb_dependents(%s) tells who depends on it)',
                                p.place, c.stakeholder, concat_ws(', ', quote_literal(p.path), quote_literal(p.field)))
                  END
           END) AS hint
      FROM problem AS p
      JOIN subject AS c ON c.id = p.claim_id
     WHERE p.position = 1
  ), reader AS (
    SELECT p.claim_id,
           CASE
             WHEN c.query IS NOT NULL AND p.renamed_column IS NOT NULL AND NOT c.is_wildcard THEN
               format('%s in the claims, save query %s again, and the rename passes',
                      split_part(integratedb.rename_hint(c.document, p.path, p.field, p.renamed_column), ', and the rename passes', 1), c.query)
             WHEN c.query IS NOT NULL AND p.reader_cure IS NULL THEN
               format('save query %s again without %s, or drop it: SELECT integratedb_drop_query(%L, %L)', c.query,
                      CASE WHEN p.key IS NULL THEN p.place ELSE p.expected::text END, c.stakeholder, c.query)
             WHEN p.renamed_column IS NOT NULL AND NOT c.is_wildcard THEN
               integratedb.rename_hint(c.document, p.path, p.field, p.renamed_column)
             WHEN p.key IS NOT NULL AND p.renamed_relation IS NOT NULL THEN
               format('claim {"alternatives": [{"path": %s}, {"path": %s}]} beside it, and references to %s follow the rename',
                      p.expected -> 'to', to_jsonb(p.renamed_relation), p.expected ->> 'to')
             WHEN p.key IS NOT NULL THEN
               format('leave %s out of the "%s" of %s if nothing relies on it, and the migration passes', p.expected, p.property, p.path)
             WHEN p.renamed_relation IS NOT NULL THEN
               format('claim {"alternatives": [{"path": %s, ...}, {"path": %s, ...}]} instead of {"path": %s, ...}, and the rename passes',
                      to_jsonb(p.path), to_jsonb(p.renamed_relation), to_jsonb(p.path))
             WHEN p.reader_cure IS NOT NULL THEN p.reader_cure
             WHEN c.is_wildcard AND p.property IN ('table', 'column', 'type', 'min_length', 'is_nullable') THEN
               format('claim by name what it reads, instead of by "*", and the migration passes if %s is not among it', p.place)
             WHEN p.property IN ('privilege', 'row_security') THEN
               format('give the claim on %s up if nothing reads it any more, and the migration passes', p.place)
             ELSE format('claim an alternative to %s, make it optional, or give it up, and the migration passes', p.place)
           END AS hint
      FROM problem AS p
      JOIN subject AS c ON c.id = p.claim_id
     WHERE p.position_of_rename = 1
  )
  SELECT c.id,
         c.stakeholder,
         c.kind,
         c.path,
         c.unmet_since,
         coalesce(d.problems, '[]'),
         d.summary,
         author.hint,
         reader.hint,
         coalesce('query ' || c.query, c.kind),
         CASE WHEN c.unmet_since IS NOT NULL AND c.unmet_reason IS NOT NULL
              THEN format('Unmet since %s, %s.', to_char(c.unmet_since, 'YYYY-MM-DD HH24:MI TZ'), c.unmet_reason) END
    FROM subject AS c
    LEFT JOIN described AS d ON d.claim_id = c.id
    LEFT JOIN author ON author.claim_id = c.id
    LEFT JOIN reader ON reader.claim_id = c.id
   ORDER BY c.stakeholder, c.kind, c.match
$$;

COMMENT ON FUNCTION integratedb.describe_unmet(bigint[]) IS
'These unmet claims with their problems as JSON, as one line (summary), and with hints for the author of a migration '
'and for the stakeholder. source: the kind of the specification, or the saved query. excuse: since when and why it is '
'unmet, where a deprecation or a waiver let that happen.';
