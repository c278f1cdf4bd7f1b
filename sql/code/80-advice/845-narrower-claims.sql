-- Advisers about claims that ask for more than they need. The statement submits the narrower claim.

CREATE OR REPLACE FUNCTION integratedb.with_named_fields(claim bigint, without text DEFAULT NULL)
RETURNS jsonb
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT jsonb_set(c.specification, '{match}', (
           SELECT jsonb_agg(m.match ORDER BY all_of.position, m.path)
             FROM jsonb_array_elements(c.specification -> 'match') WITH ORDINALITY AS all_of (match, position)
            CROSS JOIN LATERAL (
              SELECT all_of.match, '' AS path
               WHERE all_of.position <> c.match + 1
              UNION ALL
              SELECT all_of.match || jsonb_build_object('path', cr.path, 'fields', f.fields), cr.path
                FROM integratedb.claim_relation AS cr
               CROSS JOIN LATERAL (
                 SELECT coalesce(jsonb_agg(cc.column_name ORDER BY cc.field), '[]') AS fields
                   FROM integratedb.claim_column AS cc
                  WHERE cc.relation_id = cr.id
                    AND cc.field_alternative = 0
                    AND (without IS NULL OR cc.column_name !~* without)) AS f
               WHERE cr.claim_id = c.claim_id
                 AND all_of.position = c.match + 1) AS m))
    FROM integratedb.advised_claim AS c
   WHERE c.claim_id = claim
$$;

COMMENT ON FUNCTION integratedb.with_named_fields(bigint, text) IS
'The specification of a claim by "*" or schema.*, with the present columns by name. without: a pattern of names that are '
'left out.';

CREATE OR REPLACE VIEW integratedb.advised_wildcard AS
  SELECT c.*
    FROM integratedb.advised_claim AS c
   WHERE c.kind = 'claims'
     AND (c.wildcard_schema IS NOT NULL OR c.document -> 'fields' @> '["*"]');

COMMENT ON VIEW integratedb.advised_wildcard IS 'The claims by "*" or schema.*.';

CREATE OR REPLACE VIEW integratedb.adviser_wildcard_claim_growing AS
  SELECT c.stakeholder || ':' || c.path AS subject,
         pg_catalog.format('%s claims all of %s. Since that claim was submitted (%s), %s was changed %s times, and each new column is granted to %1$s.', c.stakeholder,
                c.path, pg_catalog.to_char(c.handed_in_at, 'YYYY-MM-DD'), CASE WHEN c.wildcard_schema IS NULL THEN 'the table' ELSE 'the schema' END, g.times) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_claim(%L, %L);', c.stakeholder, integratedb.with_named_fields(c.claim_id)) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', c.stakeholder, 'path', c.path, 'changes', g.times, 'since', c.handed_in_at) AS metadata
    FROM integratedb.advised_wildcard AS c
   CROSS JOIN LATERAL (
     SELECT count(DISTINCT e.xid) AS times
       FROM integratedb.ddl_event AS e
      WHERE e.occurred_at > c.handed_in_at
        AND e.audited
        AND e.command_tag IN ('ALTER TABLE', 'CREATE TABLE', 'CREATE VIEW')
        AND CASE WHEN c.wildcard_schema IS NOT NULL THEN e.schema_name = c.wildcard_schema
                 ELSE EXISTS (SELECT FROM integratedb.claim_relation AS cr
                               WHERE cr.claim_id = c.claim_id AND cr.schema_name = e.schema_name AND cr.relation_name = e.relation_name) END) AS g
   WHERE g.times >= 3;

COMMENT ON VIEW integratedb.adviser_wildcard_claim_growing IS
'Claim by "*" on something that grows
INFO, STAKEHOLDER, CONTRACTS, SECURITY
A claim by "*" reads each new column, and each migration that drops one must reckon with it. Three changes or more within
the audit log are reported. A claim by names is read by people, too.';

CREATE OR REPLACE VIEW integratedb.adviser_wildcard_claim_sensitive AS
  SELECT c.stakeholder || ':' || cr.path AS subject,
         pg_catalog.format('%s claims all columns of %s, and so reads %s.', c.stakeholder, cr.path, pg_catalog.string_agg(pg_catalog.quote_ident(cc.column_name), ', ' ORDER BY cc.field)) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_claim(%L, %L);', c.stakeholder,
                integratedb.with_named_fields(c.claim_id, integratedb.sensitive_name())) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', c.stakeholder, 'path', cr.path, 'columns', pg_catalog.jsonb_agg(cc.column_name ORDER BY cc.field)) AS metadata
    FROM integratedb.advised_wildcard AS c
    JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.claim_id
    JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id AND cc.column_name ~* integratedb.sensitive_name()
   GROUP BY c.claim_id, c.stakeholder, cr.path;

COMMENT ON VIEW integratedb.adviser_wildcard_claim_sensitive IS
'Claim by "*" that reads a secret column
WARN, STAKEHOLDER, SECURITY, CONTRACTS
The name of the column is that of a password, a key or a personal number. Who needs it claims it by name.';

CREATE OR REPLACE VIEW integratedb.adviser_claim_always_null AS
  SELECT c.stakeholder || ':' || cr.path || '.' || pg_catalog.quote_ident(cc.column_name) AS subject,
         pg_catalog.format('%s claims column %I of %s, which is null in all of about %s rows.', c.stakeholder, cc.column_name, cr.path, k.reltuples::bigint) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_claim(%L, %L);', c.stakeholder,
                integratedb.without_field(c.specification,
                                          CASE WHEN c.document ? 'alternatives' THEN ARRAY['match', c.match::text, 'alternatives', cr.alternative::text]
                                               ELSE ARRAY['match', c.match::text] END,
                                          cc.column_name)) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', c.stakeholder, 'path', cr.path, 'column', cc.column_name, 'rows', k.reltuples) AS metadata
    FROM integratedb.advised_claim AS c
    JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.claim_id
    JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id AND cc.choices = 1
    JOIN pg_catalog.pg_class AS k ON k.oid = cr.relid AND k.reltuples >= 100
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.oid AND a.attname = cc.column_name
   WHERE c.kind = 'claims'
     AND c.wildcard_schema IS NULL
     -- The field must stand in the document by its name.
     AND EXISTS (
       SELECT FROM pg_catalog.jsonb_array_elements(coalesce(c.document -> 'fields', c.document -> 'alternatives' -> cr.alternative -> 'fields')) AS f (field)
        WHERE coalesce(f.field ->> 'name', f.field #>> '{}') = cc.column_name)
     AND EXISTS (
       SELECT FROM pg_catalog.pg_statistic AS s WHERE s.starelid = k.oid AND s.staattnum = a.attnum AND s.stanullfrac = 1);

COMMENT ON VIEW integratedb.adviser_claim_always_null IS
'Claimed column that is always null
INFO, STAKEHOLDER, CONTRACTS
ANALYZE found no value. The column may be abandoned, or its writer does not know that somebody reads it. The number of
rows and the share of nulls are those of the last ANALYZE.';

CREATE OR REPLACE VIEW integratedb.adviser_alternative_droppable AS
  SELECT c.stakeholder || ':' || cr.path AS subject,
         pg_catalog.format('%s claims %s or %s. The first no longer exists, and the second serves the claim.', c.stakeholder, cr.path, later.path) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_claim(%L, %L);', c.stakeholder,
                c.specification #- ARRAY['match', c.match::text, 'alternatives', cr.alternative::text]) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', c.stakeholder, 'path', cr.path, 'serves', later.path) AS metadata
    FROM integratedb.advised_claim AS c
    JOIN integratedb.claimed_relation AS cr ON cr.claim_id = c.claim_id AND cr.present_relid IS NULL
   CROSS JOIN LATERAL (
     SELECT o.path
       FROM integratedb.claimed_relation AS o
      WHERE o.claim_id = c.claim_id
        AND o.alternative > cr.alternative
        AND o.present_relid IS NOT NULL
        AND NOT EXISTS (SELECT FROM integratedb.failing_alternative AS f WHERE f.claim_id = o.claim_id AND f.alternative = o.alternative)
      ORDER BY o.alternative
      LIMIT 1) AS later
   WHERE c.kind = 'claims'
     AND c.alternatives > 1;

COMMENT ON VIEW integratedb.adviser_alternative_droppable IS
'Alternative that could be dropped
INFO, STAKEHOLDER, CONTRACTS
The migration that the alternative was for is over. As long as the old alternative stays, a new table of the old name would
be taken for it.';

CREATE OR REPLACE VIEW integratedb.adviser_field_alternative_droppable AS
  SELECT c.stakeholder || ':' || cr.path || '.' || pg_catalog.quote_ident(cc.column_name) AS subject,
         pg_catalog.format('%s claims column %I or %I of %s. The first no longer exists, and the second serves the claim.', c.stakeholder, cc.column_name,
                later.column_name, cr.path) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_claim(%L, %L);', c.stakeholder, c.specification #- (f.place || ARRAY['alternatives', cc.field_alternative::text])) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', c.stakeholder, 'path', cr.path, 'column', cc.column_name, 'serves', later.column_name) AS metadata
    FROM integratedb.advised_claim AS c
    JOIN integratedb.claimed_relation AS cr ON cr.claim_id = c.claim_id AND cr.present_relid IS NOT NULL
    JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.relation_id AND cc.choices > 1
   CROSS JOIN LATERAL (
     SELECT o.column_name
       FROM integratedb.claim_column AS o
       JOIN pg_catalog.pg_attribute AS a ON a.attrelid = cr.present_relid AND a.attname = o.column_name AND a.attnum > 0 AND NOT a.attisdropped
      WHERE o.relation_id = cc.relation_id
        AND o.field = cc.field
        AND o.field_alternative > cc.field_alternative
      ORDER BY o.field_alternative
      LIMIT 1) AS later
   CROSS JOIN LATERAL (
     SELECT CASE WHEN c.document ? 'alternatives' THEN ARRAY['match', c.match::text, 'alternatives', cr.alternative::text, 'fields', cc.field::text]
                 ELSE ARRAY['match', c.match::text, 'fields', cc.field::text] END AS place) AS f
   WHERE c.kind = 'claims'
     AND pg_catalog.jsonb_array_length(c.specification #> (f.place || 'alternatives'::text)) = cc.choices
     AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = cr.present_relid AND a.attname = cc.column_name AND a.attnum > 0 AND NOT a.attisdropped);

COMMENT ON VIEW integratedb.adviser_field_alternative_droppable IS
'Alternative of a field that could be dropped
INFO, STAKEHOLDER, CONTRACTS
The rename that the alternative was for is over. The claim reads better without the old name.';
