-- From 0.2.0 to 0.3.0.

-- The users of the management API.
#include sql/state/070-api-user.sql

-- What the daemon is told of kept events is more.
DROP FUNCTION integratedb.daemon_backlog();
DROP FUNCTION integratedb.daemon_enforce_limits(bigint, pg_catalog.pg_lsn, bigint);

-- Each claim has its match beside it, and the baseline is stored in batches.
ALTER TABLE integratedb.claim ADD COLUMN document jsonb;
COMMENT ON COLUMN integratedb.claim.document IS 'The match as the specification has it, apart, so that nobody has to take the whole document apart for one match; null after a restore from an older version, until the next sync or check.';
UPDATE integratedb.claim AS c
   SET document = m.document
  FROM integratedb.specification AS s
 CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(s.document -> 'match') WITH ORDINALITY AS m (document, place)
 WHERE c.specification_id = s.id
   AND c.match = m.place - 1;
CREATE INDEX own_usage_schema_name_idx ON integratedb.own_usage (schema_name);

DROP FUNCTION integratedb.expand(jsonb, text, integer[], oid[]);
DROP FUNCTION integratedb.store_relation(bigint, jsonb);
DROP FUNCTION integratedb.store_expansion(bigint, integer[], oid[]);
DROP FUNCTION integratedb.rename_hint(jsonb, integer, text, text, text);
DROP FUNCTION integratedb.revoke_surplus(bigint[], oid[]);
DROP FUNCTION integratedb.grant_usage(bigint[], oid[]);
DROP FUNCTION integratedb.reconcile_grants(bigint[], oid[]);
