-- Panels about the server: wraparound, WAL and checkpoints, and the cache.

CREATE OR REPLACE FUNCTION @extschema@.integratedb_monitor_wraparound(max_results integer DEFAULT 50)
RETURNS TABLE (
  kind text,
  name text,
  xid_age integer,
  multixact_age integer,
  percent numeric,
  last_vacuum timestamptz,
  dead_rows bigint,
  is_vacuumed boolean
)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads processes of other roles
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    (SELECT 'database', d.datname::text, age(d.datfrozenxid), mxid_age(d.datminmxid),
            round(greatest(age(d.datfrozenxid), mxid_age(d.datminmxid)) / 21474836.47, 1), NULL::timestamptz, NULL::bigint,
            EXISTS (SELECT FROM pg_stat_progress_vacuum AS p WHERE p.datid = d.oid)
       FROM pg_database AS d
      WHERE d.datallowconn
      ORDER BY 5 DESC, 2)
    UNION ALL
    (SELECT 'table', format('%I.%I', n.nspname, k.relname), age(k.relfrozenxid), mxid_age(k.relminmxid),
            round(greatest(age(k.relfrozenxid), mxid_age(k.relminmxid)) / 21474836.47, 1),
            greatest(pg_stat_get_last_vacuum_time(k.oid), pg_stat_get_last_autovacuum_time(k.oid)), pg_stat_get_dead_tuples(k.oid),
            EXISTS (SELECT FROM pg_stat_progress_vacuum AS p WHERE p.relid = k.oid)
       FROM pg_class AS k
       JOIN pg_namespace AS n ON n.oid = k.relnamespace
      WHERE k.relkind IN ('r', 'm', 't')
        AND k.relpersistence <> 't'
      ORDER BY 5 DESC, 7 DESC, 2
      LIMIT greatest(coalesce(max_results, 1000), 0));
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_monitor_wraparound(integer) IS
'How old the oldest transaction identifiers are: of all databases, and of tables of this one, the oldest first.
max_results: the greatest number of tables; null: 1000.
Returns kind (database, table), name, xid_age, multixact_age, percent (of the age at which writes stop), last_vacuum,
dead_rows, is_vacuumed (VACUUM is running there).
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_monitor_wal()
RETURNS TABLE (fact text, value numeric, unit text, since timestamptz)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads what only some roles may
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  checkpoints jsonb;
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role

  -- PostgreSQL 17 moved the counts of checkpoints to a view of their own, under other names.
  EXECUTE format('SELECT to_jsonb(c) FROM pg_catalog.%I AS c',
                 CASE WHEN current_setting('server_version_num')::integer >= 170000 THEN 'pg_stat_checkpointer' ELSE 'pg_stat_bgwriter' END)
     INTO checkpoints;

  RETURN QUERY
    SELECT f.fact, f.value, f.unit, f.since
      FROM pg_stat_wal AS w
     CROSS JOIN (SELECT d.temp_files, d.temp_bytes, d.deadlocks, d.conflicts, d.stats_reset
                   FROM pg_stat_database AS d WHERE d.datname = current_database()) AS d
     CROSS JOIN pg_stat_archiver AS a
     CROSS JOIN LATERAL (VALUES
       (1, 'wal', w.wal_bytes, 'bytes', w.stats_reset),
       (2, 'wal records', w.wal_records::numeric, 'records', w.stats_reset),
       (3, 'wal full pages', w.wal_fpi::numeric, 'pages', w.stats_reset),
       (4, 'wal position', integratedb.present_lsn() - '0/0'::pg_lsn, 'bytes', NULL),
       (5, 'checkpoints by time', coalesce(checkpoints ->> 'num_timed', checkpoints ->> 'checkpoints_timed')::numeric, 'checkpoints', (checkpoints ->> 'stats_reset')::timestamptz),
       (6, 'checkpoints by request', coalesce(checkpoints ->> 'num_requested', checkpoints ->> 'checkpoints_req')::numeric, 'checkpoints', (checkpoints ->> 'stats_reset')::timestamptz),
       (7, 'checkpoint writes', round(coalesce(checkpoints ->> 'write_time', checkpoints ->> 'checkpoint_write_time')::numeric), 'ms', (checkpoints ->> 'stats_reset')::timestamptz),
       (8, 'checkpoint syncs', round(coalesce(checkpoints ->> 'sync_time', checkpoints ->> 'checkpoint_sync_time')::numeric), 'ms', (checkpoints ->> 'stats_reset')::timestamptz),
       (9, 'checkpoint buffers', coalesce(checkpoints ->> 'buffers_written', checkpoints ->> 'buffers_checkpoint')::numeric, 'pages', (checkpoints ->> 'stats_reset')::timestamptz),
       (10, 'temporary files', d.temp_files::numeric, 'files', d.stats_reset),
       (11, 'temporary files, size', d.temp_bytes::numeric, 'bytes', d.stats_reset),
       (12, 'deadlocks', d.deadlocks::numeric, 'deadlocks', d.stats_reset),
       (13, 'conflicts with recovery', d.conflicts::numeric, 'conflicts', d.stats_reset),
       (14, 'archived', a.archived_count::numeric, 'files', a.stats_reset),
       (15, 'failed to archive', a.failed_count::numeric, 'files', a.stats_reset)
     ) AS f (position, fact, value, unit, since)
     ORDER BY f.position;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_monitor_wal() IS
'Counts of the WAL, of checkpoints, of the archive, and of temporary files of this database. They only grow: the
difference of two answers is a rate. Many checkpoints by request mean that max_wal_size is small.
Returns fact, value, unit, since (when the counts began; null: never reset).
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_monitor_cache()
RETURNS TABLE (kind text, hit bigint, read bigint, percent numeric)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- refuses code of other roles, as all panels do
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    SELECT c.kind, c.hit, c.read, round(100.0 * c.hit / nullif(c.hit + c.read, 0), 2)
      FROM (SELECT 'database' AS kind, d.blks_hit AS hit, d.blks_read AS read
              FROM pg_stat_database AS d WHERE d.datname = current_database()
            UNION ALL
            SELECT 'tables', sum(t.heap_blks_hit)::bigint, sum(t.heap_blks_read)::bigint FROM pg_statio_user_tables AS t
            UNION ALL
            SELECT 'indexes', sum(i.idx_blks_hit)::bigint, sum(i.idx_blks_read)::bigint FROM pg_statio_user_indexes AS i) AS c;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_monitor_cache() IS
'How many blocks this database found in the buffers of Postgres. A hint only: a low percentage can be healthy, and a high
one hides a query that reads the same blocks all day.
Returns kind (database, tables, indexes), hit, read (from the operating system, which has a cache, too), percent.
For members of integratedb_admin.';
