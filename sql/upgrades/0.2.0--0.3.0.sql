-- From 0.2.0 to 0.3.0.

-- The users of the management API.
#include sql/state/070-api-user.sql

-- How many dropped events an event tells of. Only daemon_enforce_limits() wrote events that begin so.
#include sql/state/075-lost-events.sql
UPDATE integratedb.delivery AS d
   SET lost = pg_catalog.substring(d.event, '^[{]"id": "[0-9A-F-]{25}", "data": [{]"count": ([0-9]{1,18}), ')::bigint
 WHERE d.event LIKE '{"id": "%'
   AND pg_catalog.left(d.event, 1000) LIKE '%"reason": "queue_limit"%';

-- What the daemon is told of kept events is more.
DROP FUNCTION integratedb.daemon_backlog();
DROP FUNCTION integratedb.daemon_enforce_limits(bigint, pg_catalog.pg_lsn, bigint);
