-- The daemon gets the current states in the form of this version.
SELECT integratedb.publish_control('{}', '{}');

-- From here on the event triggers work again. ALTER EXTENSION itself adds its row to the audit log.
DELETE FROM integratedb.own_change AS o WHERE o.xid OPERATOR(pg_catalog.=) pg_catalog.pg_current_xact_id();
