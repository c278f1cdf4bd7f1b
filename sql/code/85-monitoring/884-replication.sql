-- Panels about replication: standbys and slots.

CREATE OR REPLACE FUNCTION integratedb.present_lsn()
RETURNS pg_lsn
LANGUAGE sql
VOLATILE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT CASE WHEN pg_is_in_recovery() THEN coalesce(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) ELSE pg_current_wal_lsn() END
$$;

COMMENT ON FUNCTION integratedb.present_lsn() IS 'The end of the WAL: written on a primary, received on a standby.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_monitor_replication()
RETURNS TABLE (
  name text,
  role name,
  client inet,
  state text,
  sync_state text,
  sent_bytes numeric,
  write_bytes numeric,
  flush_bytes numeric,
  replay_bytes numeric,
  write_seconds double precision,
  flush_seconds double precision,
  replay_seconds double precision,
  heard_at timestamptz
)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads sessions of other roles
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    SELECT coalesce(nullif(w.application_name, ''), format('pid %s', w.pid)), w.usename, w.client_addr, w.state, w.sync_state,
           l.present - w.sent_lsn, l.present - w.write_lsn, l.present - w.flush_lsn, l.present - w.replay_lsn,
           extract(epoch FROM w.write_lag)::double precision, extract(epoch FROM w.flush_lag)::double precision,
           extract(epoch FROM w.replay_lag)::double precision, w.reply_time
      FROM pg_stat_replication AS w
     CROSS JOIN (SELECT integratedb.present_lsn() AS present) AS l
     ORDER BY 1;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_monitor_replication() IS
'The standbys and other readers of the WAL, with their lag.
Returns name, role, client, state, sync_state, sent_bytes, write_bytes, flush_bytes and replay_bytes (how far behind),
write_seconds, flush_seconds and replay_seconds (null on an idle server), heard_at.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_monitor_slots()
RETURNS TABLE (
  name name,
  kind text,
  database name,
  is_ours boolean,
  active boolean,
  inactive_since timestamptz,
  wal_status text,
  kept_bytes numeric,
  limit_bytes numeric,
  behind_bytes numeric,
  xmin_age integer,
  conflicting boolean,
  synced boolean
)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads what only some roles may
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    SELECT s.slot_name, s.slot_type, s.database, EXISTS (SELECT FROM integratedb.slot AS o WHERE o.name = s.slot_name), s.active,
           -- These columns are those of PostgreSQL 16 and 17.
           (d.document ->> 'inactive_since')::timestamptz, s.wal_status, l.present - s.restart_lsn,
           (SELECT nullif(g.setting::numeric, -1) * 1048576 FROM pg_settings AS g WHERE g.name = 'max_slot_wal_keep_size'),
           l.present - s.confirmed_flush_lsn, greatest(age(s.xmin), age(s.catalog_xmin)),
           (d.document ->> 'conflicting')::boolean, (d.document ->> 'synced')::boolean
      FROM pg_replication_slots AS s
     CROSS JOIN LATERAL (SELECT to_jsonb(s) AS document) AS d
     CROSS JOIN (SELECT integratedb.present_lsn() AS present) AS l
     ORDER BY s.slot_name;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_monitor_slots() IS
'The replication slots, and the WAL that they keep.
Returns name, kind, database, is_ours (a daemon of this database made it), active, inactive_since (from PostgreSQL 17 on),
wal_status, kept_bytes, limit_bytes (null: no limit), behind_bytes (what a logical slot has not confirmed), xmin_age,
conflicting (16 on), synced (17 on).
For members of integratedb_admin.';
