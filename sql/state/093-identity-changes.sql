-- Which statements may have taken a replica identity away: their words tell it. Apart from the audit log, which cannot be altered
-- by an update while a check of the same transaction waits in it.

CREATE TABLE integratedb.identity_change (
  xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
  relid oid NOT NULL,
  CONSTRAINT identity_change_pkey PRIMARY KEY (xid, relid)
);

COMMENT ON TABLE integratedb.identity_change IS
'Tables whose replica identity a transaction may have changed, until its check: by the words of the statement, or '
'because it ran inside a function, whose words are not known.';
COMMENT ON COLUMN integratedb.identity_change.xid IS 'The transaction, as pg_current_xact_id().';
COMMENT ON COLUMN integratedb.identity_change.relid IS 'The table.';
