-- From 0.2.0 to 0.3.0.

-- The users of the management API.
#include sql/state/070-api-user.sql

-- What the daemon is told of kept events is more.
DROP FUNCTION integratedb.daemon_backlog();
DROP FUNCTION integratedb.daemon_enforce_limits(bigint, pg_catalog.pg_lsn, bigint);

-- The checks that wait in a transaction, the update's own among them.
#include sql/state/080-queued-check.sql

INSERT INTO integratedb.queued_check (xid)
SELECT DISTINCT e.xid
  FROM integratedb.ddl_event AS e
 WHERE e.check_queued
   AND e.xid OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id();

-- The audit log kept calls with their literals, and passwords behind nested comments.
#include sql/code/088-query-text.sql

UPDATE integratedb.ddl_event AS e
   SET query = integratedb.masked(e.query)
 WHERE e.query IS NOT NULL;
