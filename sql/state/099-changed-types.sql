-- The structure of types that the daemon knows, and the changes of a transaction to it before COMMIT.

ALTER TABLE integratedb.control
  DROP CONSTRAINT control_kind,
  ADD CONSTRAINT control_kind CHECK (kind IN ('state', 'schema_changed', 'redeliver', 'types'));

COMMENT ON COLUMN integratedb.control.kind IS
'state: the complete state of the stakeholder from here on; schema_changed: an event to send; redeliver: read the '
'dead-lettered events of a channel again; types: the structure of types that a transaction has changed, for the rows '
'that it writes after that, for every stakeholder.';

CREATE TABLE integratedb.notified_type (
  type_oid oid NOT NULL,
  structure jsonb NOT NULL,
  CONSTRAINT notified_type_pkey PRIMARY KEY (type_oid)
);

CREATE INDEX notified_type_composite_idx ON integratedb.notified_type (type_oid) WHERE structure OPERATOR(pg_catalog.->>) 'kind' OPERATOR(pg_catalog.=) 'composite';

COMMENT ON TABLE integratedb.notified_type IS
'The arrays, composites and domains that the daemon knows, as the current states have them.';
COMMENT ON COLUMN integratedb.notified_type.type_oid IS 'The type.';
COMMENT ON COLUMN integratedb.notified_type.structure IS 'The structure in the form of integratedb.type_structures().';

CREATE TABLE integratedb.type_change (
  xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
  type_oid oid NOT NULL,
  structure jsonb NOT NULL,
  told_bytes bigint NOT NULL,
  CONSTRAINT type_change_pkey PRIMARY KEY (xid, type_oid)
);

COMMENT ON TABLE integratedb.type_change IS 'Types whose structure a transaction has changed, until its check.';
COMMENT ON COLUMN integratedb.type_change.xid IS 'The transaction, as pg_current_xact_id().';
COMMENT ON COLUMN integratedb.type_change.type_oid IS 'The type.';
COMMENT ON COLUMN integratedb.type_change.structure IS 'The new structure after the change.';
COMMENT ON COLUMN integratedb.type_change.told_bytes IS
'The number of bytes that the transaction has sent to the daemon for this type.';
