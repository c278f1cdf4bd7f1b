-- An event that tells of dropped ones says how many in a column: the text of an event is not read.

ALTER TABLE integratedb.delivery ADD COLUMN lost bigint;

COMMENT ON COLUMN integratedb.delivery.lost IS 'How many dropped events this one tells of; null: it is an event like any other.';
