-- A migration cannot break a claim that no submitter can grant any more.

ALTER TABLE integratedb.claim_relation ADD COLUMN ungranted_since timestamptz;
COMMENT ON COLUMN integratedb.claim_relation.ungranted_since IS
'Since when the stakeholder lacks a privilege on the relation because no submitter of a claim on it could grant the '
'privilege. Null: the stakeholder has it, or another role revoked it.';

-- The index is almost always empty.
CREATE INDEX claim_relation_ungranted_idx ON integratedb.claim_relation (relid) WHERE ungranted_since IS NOT NULL;
