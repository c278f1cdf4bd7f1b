-- An event that reports dropped events has their number in a column, because the text of an event is never read.

ALTER TABLE integratedb.delivery ADD COLUMN lost bigint;

COMMENT ON COLUMN integratedb.delivery.lost IS
'The number of dropped events that this event reports; null: an ordinary event.';
