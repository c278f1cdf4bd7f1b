-- Advisers about replication slots.

CREATE OR REPLACE VIEW integratedb.advised_slot AS
  SELECT s.slot_name, s.slot_type, s.database, s.active, s.wal_status, o.name IS NOT NULL AS is_ours,
         (CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() ELSE pg_catalog.pg_current_wal_lsn() END) - s.restart_lsn AS kept,
         -- In megabytes; -1: no limit.
         (SELECT g.setting::numeric * 1048576 FROM pg_catalog.pg_settings AS g WHERE g.name = 'max_slot_wal_keep_size') AS most
    FROM pg_catalog.pg_replication_slots AS s
    LEFT JOIN integratedb.slot AS o ON o.name = s.slot_name
   WHERE NOT s.temporary
     -- A slot that is synchronised from the primary (PostgreSQL 17) is inactive on the standby.
     AND coalesce(pg_catalog.to_jsonb(s) ->> 'synced', 'false') = 'false';

COMMENT ON VIEW integratedb.advised_slot IS
'The replication slots. kept: bytes of WAL that the slot keeps. most: the limit for that, negative without a limit. '
'is_ours: a daemon of this database made it.';

CREATE OR REPLACE VIEW integratedb.adviser_inactive_slot AS
  SELECT pg_catalog.quote_ident(s.slot_name) AS subject,
         pg_catalog.format('Nobody reads from replication slot %I (%s), and it keeps %s of WAL.', s.slot_name, s.slot_type, pg_catalog.pg_size_pretty(s.kept)) AS detail,
         pg_catalog.format('SELECT pg_catalog.pg_drop_replication_slot(%L);', s.slot_name) AS remediation,
         pg_catalog.jsonb_build_object('slot', s.slot_name, 'kept', s.kept, 'wal_status', s.wal_status) AS metadata
    FROM integratedb.advised_slot AS s
   WHERE NOT s.active
     AND NOT s.is_ours;

COMMENT ON VIEW integratedb.adviser_inactive_slot IS
'Replication slot without a reader
WARN, ADMIN, REPLICATION
The server keeps all WAL, and the rows of system catalogs, until the reader is back. If it never comes back, drop the
slot before the disk is full.';

CREATE OR REPLACE VIEW integratedb.adviser_slot_lag AS
  SELECT pg_catalog.quote_ident(s.slot_name) AS subject,
         CASE WHEN s.wal_status = 'lost' THEN pg_catalog.format('Replication slot %I has lost its WAL: its reader cannot continue.', s.slot_name)
              WHEN s.most > 0 THEN
                pg_catalog.format('Replication slot %I keeps %s of WAL (%s). At %s, the limit max_slot_wal_keep_size, the slot is lost.', s.slot_name,
                       pg_catalog.pg_size_pretty(s.kept), s.wal_status, pg_catalog.pg_size_pretty(s.most))
              ELSE pg_catalog.format('Replication slot %I keeps %s of WAL, without a limit.', s.slot_name, pg_catalog.pg_size_pretty(s.kept)) END AS detail,
         CASE WHEN s.wal_status = 'lost' THEN pg_catalog.format('SELECT pg_catalog.pg_drop_replication_slot(%L);', s.slot_name)
              ELSE pg_catalog.format('ALTER SYSTEM SET max_slot_wal_keep_size = %L; SELECT pg_catalog.pg_reload_conf();',
                          pg_catalog.ceil(greatest(s.kept, 5368709120) * 2 / 1048576)::bigint || 'MB') END AS remediation,
         pg_catalog.jsonb_build_object('slot', s.slot_name, 'kept', s.kept, 'most', nullif(s.most, -1048576), 'wal_status', s.wal_status) AS metadata
    FROM integratedb.advised_slot AS s
   WHERE s.wal_status IN ('unreserved', 'lost')
      OR (s.most > 0 AND s.kept > s.most / 2)
      OR (s.most < 0 AND s.kept > 10737418240);

COMMENT ON VIEW integratedb.adviser_slot_lag IS
'Replication slot that is far behind
ERROR, ADMIN, REPLICATION
The slot keeps more than half of what it may keep, or more than 10 GB without a limit. Let its reader catch up: for a slot
of IntegrateDB, that is the daemon. The statement only gives it more room.';

CREATE OR REPLACE VIEW integratedb.adviser_slot_without_limit AS
  SELECT 'max_slot_wal_keep_size' AS subject,
         pg_catalog.format('Replication slots exist (%s), and the WAL that they keep has no limit: a reader that stays away fills the disk.',
                pg_catalog.string_agg(pg_catalog.quote_ident(s.slot_name), ', ' ORDER BY s.slot_name)) AS detail,
         'ALTER SYSTEM SET max_slot_wal_keep_size = ''20GB''; SELECT pg_catalog.pg_reload_conf();' AS remediation,
         pg_catalog.jsonb_build_object('slots', pg_catalog.jsonb_agg(s.slot_name ORDER BY s.slot_name)) AS metadata
    FROM integratedb.advised_slot AS s
   WHERE s.most < 0
  HAVING count(*) > 0;

COMMENT ON VIEW integratedb.adviser_slot_without_limit IS
'Replication slots without a limit
INFO, ADMIN, REPLICATION
With a limit, a slot that is too far behind is lost, and the server keeps running. Choose a limit that fits the disk.';
