-- Panels about sessions: who waits for whom, what they do, and who keeps old rows alive.

CREATE OR REPLACE FUNCTION integratedb.monitored_sessions()
RETURNS TABLE (
  pid integer,
  role name,
  database name,
  application text,
  client inet,
  state text,
  wait text,
  connected_at timestamptz,
  xact_start timestamptz,
  state_change timestamptz,
  xmin_age integer,
  query text,
  is_waiting boolean
)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT a.pid, a.usename, a.datname, nullif(a.application_name, ''), a.client_addr, a.state,
         a.wait_event_type || ': ' || a.wait_event, a.backend_start, a.xact_start, a.state_change, age(a.backend_xmin),
         CASE WHEN a.datname = current_database() THEN integratedb.masked(nullif(left(a.query, 2000), '')) END,
         a.wait_event_type = 'Lock'
    FROM pg_stat_activity AS a
   WHERE a.backend_type = 'client backend'
     AND a.pid <> pg_backend_pid()
$$;

COMMENT ON FUNCTION integratedb.monitored_sessions() IS
'The sessions of clients, without this one. Statements are masked as in the audit log, and those of other databases are '
'left out.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_monitor_locks()
RETURNS TABLE (
  depth integer,
  pid integer,
  waits_for integer,
  role name,
  database name,
  application text,
  state text,
  wait text,
  seconds double precision,
  xact_seconds double precision,
  query text,
  path integer[]
)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads sessions of other roles
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    WITH RECURSIVE session AS MATERIALIZED (
      SELECT s.* FROM integratedb.monitored_sessions() AS s
    ), edge AS MATERIALIZED (
      -- Postgres looks at all locks for each call, so only sessions that wait for a lock are asked about.
      SELECT DISTINCT s.pid AS waiting, b.pid AS blocker
        FROM session AS s
       CROSS JOIN LATERAL unnest(pg_blocking_pids(s.pid)) AS b (pid)
       WHERE s.is_waiting
    ), tree AS (
      SELECT DISTINCT 0 AS depth, e.blocker AS pid, NULL::integer AS waits_for, ARRAY[e.blocker] AS path
        FROM edge AS e
       WHERE NOT EXISTS (SELECT FROM edge AS up WHERE up.waiting = e.blocker)
      UNION ALL
      SELECT t.depth + 1, e.waiting, e.blocker, t.path || e.waiting
        FROM tree AS t
        JOIN edge AS e ON e.blocker = t.pid
       WHERE e.waiting <> ALL (t.path)
         AND t.depth < 20
    )
    SELECT t.depth, t.pid, t.waits_for, s.role, s.database, s.application,
           CASE t.pid WHEN 0 THEN 'prepared transaction' ELSE s.state END, s.wait,
           extract(epoch FROM clock_timestamp() - s.state_change)::double precision,
           extract(epoch FROM clock_timestamp() - s.xact_start)::double precision,
           s.query, t.path
      FROM tree AS t
      LEFT JOIN session AS s ON s.pid = t.pid
     ORDER BY t.path
     LIMIT 1000;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_monitor_locks() IS
'The sessions that wait for locks, as a tree: below each session that holds what others need, those others.
Returns depth (0: waits for nobody), pid (0: a prepared transaction), waits_for (the pid above), role, database,
application, state, wait, seconds (in this state), xact_seconds, query (masked; null for other databases), path (the pids
from the top). No rows: nobody waits. At most 1000 rows.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_monitor_sessions()
RETURNS TABLE (
  pid integer,
  role name,
  database name,
  application text,
  client inet,
  state text,
  wait text,
  connected_at timestamptz,
  seconds double precision,
  xact_seconds double precision,
  xmin_age integer,
  holds_xmin boolean,
  query text
)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads sessions of other roles
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    SELECT s.pid, s.role, s.database, s.application, s.client, s.state, s.wait, s.connected_at,
           extract(epoch FROM clock_timestamp() - s.state_change)::double precision,
           extract(epoch FROM clock_timestamp() - s.xact_start)::double precision,
           s.xmin_age, coalesce(s.xmin_age = max(s.xmin_age) OVER (), false), s.query
      FROM integratedb.monitored_sessions() AS s
     ORDER BY s.state = 'idle', s.xact_start, s.pid
     LIMIT 1000;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_monitor_sessions() IS
'The sessions of clients, those with the longest transactions first, without this one.
Returns pid, role, database, application, client, state, wait, connected_at, seconds (in this state), xact_seconds,
xmin_age (transactions since the oldest row that it may see), holds_xmin (no other session keeps older rows), query
(masked; null for other databases). At most 1000 rows.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_monitor_xmin()
RETURNS TABLE (kind text, name text, xmin_age integer, since timestamptz)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads sessions of other roles
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    SELECT h.kind, h.name, h.xmin_age, h.since
      FROM (SELECT 'session' AS kind, format('pid %s of %I', s.pid, s.role) AS name, s.xmin_age, s.xact_start AS since
              FROM integratedb.monitored_sessions() AS s
            UNION ALL
            SELECT 'prepared transaction', t.gid, age(t.transaction), t.prepared FROM pg_prepared_xacts AS t
            UNION ALL
            SELECT 'slot', r.slot_name::text, greatest(age(r.xmin), age(r.catalog_xmin)), NULL FROM pg_replication_slots AS r
            UNION ALL
            SELECT 'standby', coalesce(nullif(w.application_name, ''), format('pid %s', w.pid)), age(w.backend_xmin), w.backend_start
              FROM pg_stat_replication AS w) AS h
     WHERE h.xmin_age IS NOT NULL
     ORDER BY h.xmin_age DESC, h.kind, h.name
     LIMIT 100;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_monitor_xmin() IS
'What keeps VACUUM from removing old rows, the oldest first.
Returns kind (session, prepared transaction, slot, standby), name, xmin_age (in transactions), since. At most 100 rows.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_monitor_connections()
RETURNS TABLE (role name, database name, state text, connections bigint, total bigint, most integer)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads sessions of other roles
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    SELECT a.usename, a.datname, a.state, count(*), (sum(count(*)) OVER ())::bigint,
           integratedb.usable_connections()
      FROM pg_stat_activity AS a
     WHERE a.backend_type = 'client backend'
     GROUP BY a.usename, a.datname, a.state
     ORDER BY 4 DESC, 1, 2, 3;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_monitor_connections() IS
'The connections by role, database and state, the most first.
Returns role, database, state, connections, total (of all rows), most (how many roles without superuser can have).
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_cancel(pid integer, terminate boolean DEFAULT false)
RETURNS text
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- signals sessions of other roles for admins who may not
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  caller CONSTANT name := integratedb.caller();
  session record;
  refused boolean;
BEGIN
  SELECT a.usename, a.application_name, a.state, a.xact_start, u.rolsuper, a.backend_type = 'client backend' AS is_client,
         format('pid %s, %s, %s: %s', a.pid, a.usename, a.state, coalesce(nullif(a.application_name, ''), 'no application_name')) AS words
    INTO session
    FROM pg_stat_activity AS a
    LEFT JOIN pg_roles AS u ON u.oid = a.usesysid
   WHERE a.pid = integratedb_cancel.pid
     AND a.pid <> pg_backend_pid();
  IF session.words IS NULL THEN
    RETURN NULL;
  END IF;

  -- What Postgres itself refuses to a member of pg_signal_backend.
  IF NOT session.is_client
     OR (session.rolsuper IS DISTINCT FROM false
         AND NOT EXISTS (SELECT FROM pg_roles AS u WHERE u.rolname = caller AND u.rolsuper)) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: pid %s is %s', pid,
                        CASE WHEN session.is_client THEN 'a session of a superuser' ELSE 'a process of the server' END),
      detail => NULL,
      hint => CASE
                WHEN session.is_client THEN format('As a superuser: SELECT pg_catalog.%s(%s).', CASE WHEN terminate THEN 'pg_terminate_backend' ELSE 'pg_cancel_backend' END, pid)
                ELSE 'Sessions that can be ended: SELECT * FROM @extschema@.integratedb_monitor_sessions().' END);
  END IF;

  PERFORM integratedb.log_own_event(CASE WHEN terminate THEN 'INTEGRATEDB TERMINATE' ELSE 'INTEGRATEDB CANCEL' END, session.words, false);
  -- The audit log forgets what a ROLLBACK undoes. The signal is sent for good.
  RAISE LOG '% by %: %', CASE WHEN terminate THEN 'integratedb_cancel: terminated' ELSE 'integratedb_cancel: canceled' END, quote_ident(caller), session.words;

  IF terminate THEN
    PERFORM pg_terminate_backend(pid, 5000);
  ELSE
    PERFORM pg_cancel_backend(pid);
  END IF;
  RETURN session.words;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_cancel(integer, boolean) IS
'Cancels the statement of a session, or ends the session.
pid: its process, as the panels show it. terminate: whether the session is ended; its transaction is rolled back.
Returns the session: process, role, state, application; null: it does not exist, or is the caller''s own.
Error: 42501 the session is that of a superuser, or the process is not a session of a client.
For members of integratedb_admin; it adds a row to the audit log.';
