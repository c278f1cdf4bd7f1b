-- These let a schema change read only the claims that it touches: each claim has its match, and USAGE is found by
-- schema.
ALTER TABLE integratedb.claim ADD COLUMN document jsonb;
COMMENT ON COLUMN integratedb.claim.document IS
'The match as the specification has it, so that one match can be read without the whole document. Null after a '
'restore from an older version, until the next sync or check.';
UPDATE integratedb.claim AS c
   SET document = m.document
  FROM integratedb.specification AS s
 CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(s.document -> 'match') WITH ORDINALITY AS m (document, place)
 WHERE c.specification_id = s.id
   AND c.match = m.place - 1;
CREATE INDEX own_usage_schema_name_idx ON integratedb.own_usage (schema_name);
