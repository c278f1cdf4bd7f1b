-- Statements that may have removed a replica identity, by their words. An update cannot alter the audit log while a
-- check of the same transaction is queued in it. So these statements have their own table.

CREATE TABLE integratedb.identity_change (
  xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
  relid oid NOT NULL,
  CONSTRAINT identity_change_pkey PRIMARY KEY (xid, relid)
);

COMMENT ON TABLE integratedb.identity_change IS
'Tables whose replica identity a transaction may have changed, until its check. The words of the statement show this. '
'A statement inside a function counts too, because its words are unknown.';
COMMENT ON COLUMN integratedb.identity_change.xid IS 'The transaction, as pg_current_xact_id().';
COMMENT ON COLUMN integratedb.identity_change.relid IS 'The table.';
