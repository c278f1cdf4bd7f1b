-- What nobody who submitted a claim could grant any more is no promise that a migration could break.

ALTER TABLE integratedb.claim_relation ADD COLUMN ungranted_since timestamptz;
COMMENT ON COLUMN integratedb.claim_relation.ungranted_since IS
'Since when the stakeholder lacks a right on the relation, because nobody who submitted a claim on it could grant '
'that; null: it has it, or somebody revoked it.';

-- Nearly always empty.
CREATE INDEX claim_relation_ungranted_idx ON integratedb.claim_relation (relid) WHERE ungranted_since IS NOT NULL;
