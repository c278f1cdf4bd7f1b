-- From 0.2.0 to 0.3.0.

-- The users of the management API.
#include sql/state/070-api-user.sql

-- What the daemon is told of kept events is more.
DROP FUNCTION integratedb.daemon_backlog();
DROP FUNCTION integratedb.daemon_enforce_limits(bigint, pg_catalog.pg_lsn, bigint);

-- Roles by their identifiers, the role without rights, and how long somebody waits for the lock.
#include sql/state/080-identity.sql
#include sql/state/085-lock-timeout.sql

-- These have other arguments, or another result, now.
DROP FUNCTION integratedb.set_new_password(text, timestamptz);
DROP FUNCTION integratedb.grant_usage(bigint[], oid[]);
DROP FUNCTION integratedb.grant_columns(bigint[], oid[]);
DROP FUNCTION integratedb.reconcile_grants(bigint[], oid[]);
DROP FUNCTION integratedb.require_right_to_hand_in(name, text, text, jsonb, jsonb);
DROP FUNCTION integratedb.require_admin_or_self(text);
DROP FUNCTION integratedb.notification_facts();
