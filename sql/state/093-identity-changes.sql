-- Which statements may have taken a replica identity away: their words tell it.

ALTER TABLE integratedb.ddl_event ADD COLUMN may_change_identity boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN integratedb.ddl_event.may_change_identity IS 'Whether the statement may have changed the replica identity: by its words, or because it ran inside a function, whose words are not known.';
