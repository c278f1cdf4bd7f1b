-- From 0.2.0 to 0.3.0.

-- The users of the management API.
#include sql/state/070-api-user.sql

-- What the daemon is told of kept events is more.
DROP FUNCTION integratedb.daemon_backlog();
DROP FUNCTION integratedb.daemon_enforce_limits(bigint, pg_catalog.pg_lsn, bigint);

-- Each claim has its match beside it, and the baseline is stored in batches.
#include sql/state/075-claim-document.sql

UPDATE integratedb.claim AS c
   SET document = m.document
  FROM integratedb.specification AS s
 CROSS JOIN LATERAL pg_catalog.jsonb_array_elements(s.document -> 'match') WITH ORDINALITY AS m (document, place)
 WHERE c.specification_id = s.id
   AND c.match = m.place - 1;

DROP FUNCTION integratedb.expand(jsonb, text, integer[], oid[]);
DROP FUNCTION integratedb.store_relation(bigint, jsonb);
DROP FUNCTION integratedb.store_expansion(bigint, integer[], oid[]);
DROP FUNCTION integratedb.rename_hint(jsonb, integer, text, text, text);
DROP FUNCTION integratedb.revoke_surplus(bigint[], oid[]);
DROP FUNCTION integratedb.grant_usage(bigint[], oid[]);
DROP FUNCTION integratedb.reconcile_grants(bigint[], oid[]);
