-- From 0.2.0 to 0.3.0.

-- The users of the management API.
#include sql/state/070-api-user.sql

-- What the daemon is told of kept events is more.
DROP FUNCTION integratedb.daemon_backlog();
DROP FUNCTION integratedb.daemon_enforce_limits(bigint, pg_catalog.pg_lsn, bigint);
