-- The transactions with a queued check at COMMIT. Each statement needs this, and the audit log would be read through
-- all rows of the transaction.

CREATE TABLE integratedb.queued_check (
  xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
  CONSTRAINT queued_check_pkey PRIMARY KEY (xid)
);

COMMENT ON TABLE integratedb.queued_check IS
'Has a row while a check at COMMIT is queued in a transaction, so that later changes of the transaction do not queue '
'another one.';
COMMENT ON COLUMN integratedb.queued_check.xid IS 'The transaction, as pg_current_xact_id().';

COMMENT ON COLUMN integratedb.ddl_event.query IS
'The client''s statement, on the first row of a transaction, in the form of integratedb.masked().';
