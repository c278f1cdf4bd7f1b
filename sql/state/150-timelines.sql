-- Timelines: after a failover, the daemon's slot and its records are compared with where the server left the earlier one.

ALTER TABLE integratedb.slot ADD COLUMN timeline integer;

COMMENT ON COLUMN integratedb.slot.timeline IS
'The timeline on which ceiling_lsn was recorded; null: recorded by an earlier version.';

ALTER TABLE integratedb.control ADD COLUMN written_lsn pg_lsn;
ALTER TABLE integratedb.control ALTER COLUMN written_lsn SET DEFAULT pg_catalog.pg_current_wal_insert_lsn();

COMMENT ON COLUMN integratedb.control.written_lsn IS
'A position shortly before the row was written; null: written by an earlier version.';
