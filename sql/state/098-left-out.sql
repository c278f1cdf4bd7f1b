-- Relations and columns that "*" and schema.* match, but that the stakeholder could never read.

CREATE TABLE integratedb.left_out (
  claim_id bigint NOT NULL,
  relid oid NOT NULL,
  attnum smallint NOT NULL,
  CONSTRAINT left_out_pkey PRIMARY KEY (claim_id, relid, attnum),
  CONSTRAINT left_out_claim_fkey FOREIGN KEY (claim_id) REFERENCES integratedb.claim (id) ON DELETE CASCADE
);

COMMENT ON TABLE integratedb.left_out IS
'Relations and columns that a claim by "*" or schema.* matches, but that its stakeholder could not read when they '
'appeared. They are not granted, and not part of the baseline. They are tried again when they change, and by '
'integratedb_sync().';
COMMENT ON COLUMN integratedb.left_out.claim_id IS 'The claim.';
COMMENT ON COLUMN integratedb.left_out.relid IS 'The relation.';
COMMENT ON COLUMN integratedb.left_out.attnum IS 'The column; 0: the relation as a whole.';
