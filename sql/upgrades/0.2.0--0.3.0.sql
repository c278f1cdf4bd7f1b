-- From 0.2.0 to 0.3.0.

-- The users of the management API.
#include sql/state/070-api-user.sql

-- What the daemon is told of kept events is more.
DROP FUNCTION integratedb.daemon_backlog();
DROP FUNCTION integratedb.daemon_enforce_limits(bigint, pg_catalog.pg_lsn, bigint);

-- Roles are known by their identifiers.
ALTER TABLE integratedb.specification ADD COLUMN handed_in_by_oid oid NOT NULL DEFAULT 0;
UPDATE integratedb.specification AS s
   SET handed_in_by_oid = u.oid
  FROM pg_catalog.pg_roles AS u
 WHERE u.rolname OPERATOR(pg_catalog.=) s.handed_in_by;
COMMENT ON COLUMN integratedb.specification.handed_in_by_oid IS 'That role by object identifier: another one that has its name later is another one.';

-- How long somebody waits for the lock.
ALTER TABLE integratedb.setting DROP CONSTRAINT setting_is_known;
ALTER TABLE integratedb.setting ADD CONSTRAINT setting_is_known CHECK (name IN ('enforcement', 'ddl_event_retention', 'lock_timeout'));
COMMENT ON COLUMN integratedb.setting.name IS 'enforcement, ddl_event_retention or lock_timeout.';

-- What dropped stakeholders leave behind belongs to a role without rights.
DO LANGUAGE plpgsql $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = 'integratedb_archive') THEN
    CREATE ROLE integratedb_archive NOLOGIN;
  END IF;
END
$$;

-- These have other arguments, or another result, now.
DROP FUNCTION integratedb.set_new_password(text, timestamptz);
DROP FUNCTION integratedb.grant_usage(bigint[], oid[]);
DROP FUNCTION integratedb.grant_columns(bigint[], oid[]);
DROP FUNCTION integratedb.reconcile_grants(bigint[], oid[]);
DROP FUNCTION integratedb.require_right_to_hand_in(name, text, text, jsonb, jsonb);
DROP FUNCTION integratedb.require_admin_or_self(text);
DROP FUNCTION integratedb.notification_facts();
