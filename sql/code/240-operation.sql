-- Settings, status and the audit log, for whoever operates the database.

CREATE OR REPLACE FUNCTION @extschema@.integratedb_configure(setting text, value text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes a table that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();

  IF integratedb.setting_value(setting) IS NULL THEN
    refused := integratedb.refuse(
      code => 'IDB07',
      message => format('unknown setting: %s', coalesce(quote_literal(left(setting, 80)), 'null')),
      detail => NULL,
      hint => 'The settings are enforcement (commit, explicit) and ddl_event_retention (an interval such as 90 days).');
  END IF;

  IF setting = 'enforcement' AND (value IS NULL OR value NOT IN ('commit', 'explicit')) THEN
    refused := integratedb.refuse(
      code => 'IDB07',
      message => format('invalid value for setting enforcement: %s', coalesce(quote_literal(left(value, 80)), 'null')),
      detail => NULL,
      hint => 'commit refuses a migration that breaks a claim; explicit warns, and leaves it to integratedb_validate_migration().');
  END IF;

  IF setting = 'ddl_event_retention' AND NOT integratedb.is_positive_interval(value) THEN
    refused := integratedb.refuse(
      code => 'IDB07',
      message => format('invalid value for setting ddl_event_retention: %s', coalesce(quote_literal(left(value, 80)), 'null')),
      detail => NULL,
      hint => 'An interval greater than zero, such as 90 days.');
  END IF;

  INSERT INTO integratedb.setting AS s (name, value)
  VALUES (integratedb_configure.setting, integratedb_configure.value)
  ON CONFLICT ON CONSTRAINT setting_pkey DO UPDATE SET value = EXCLUDED.value;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_configure(text, text) IS
'Changes a setting.
setting, value: enforcement: commit (default; a migration that breaks a claim is refused at COMMIT) or explicit (it commits with a WARNING); ddl_event_retention: how long the audit log is kept, an interval (default 90 days).
Error: IDB07 no such setting, or not its value.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION integratedb.is_positive_interval(value text)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN coalesce(value::interval > interval '0', false) AND now() - value::interval IS NOT NULL;
EXCEPTION
  WHEN invalid_datetime_format OR datetime_field_overflow OR interval_field_overflow OR invalid_text_representation THEN
    RETURN false;
END
$$;

COMMENT ON FUNCTION integratedb.is_positive_interval(text) IS 'Whether the text is an interval greater than zero that can be subtracted from now.';

CREATE OR REPLACE FUNCTION integratedb.lock_holder()
RETURNS text
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- The lock on the table tells the holder, who keeps it to the end, from those who wait, who have one on the row besides.
  -- (xmax of the row does not: it is of a subtransaction, and those are in no view once they are over.)
  WITH lock AS MATERIALIZED (
    SELECT l.locktype, l.mode, l.granted, l.pid, l.virtualtransaction
      FROM pg_locks AS l
     WHERE l.relation = 'integratedb.serialisation'::regclass
       AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
  )
  SELECT coalesce(
           (SELECT format('pid %s, %s, %s since %s: %s', a.pid, a.usename, a.state, to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'),
                          coalesce(nullif(a.application_name, ''), 'no application_name'))
              FROM pg_stat_activity AS a
             WHERE a.pid = l.pid),
           (SELECT format('prepared transaction %L of %s since %s', p.gid, p.owner, to_char(p.prepared, 'YYYY-MM-DD HH24:MI:SS TZ'))
              FROM pg_prepared_xacts AS p
              JOIN pg_locks AS x ON x.locktype = 'transactionid' AND x.transactionid = p.transaction
             WHERE x.virtualtransaction = l.virtualtransaction
               AND l.pid IS NULL))
    FROM lock AS l
   WHERE l.locktype = 'relation'
     AND l.mode = 'RowExclusiveLock'
     AND l.granted
     AND NOT EXISTS (SELECT FROM lock AS t WHERE t.locktype = 'tuple' AND t.virtualtransaction = l.virtualtransaction)
   LIMIT 1
$$;

COMMENT ON FUNCTION integratedb.lock_holder() IS 'Which session, or prepared transaction, holds the lock between claims and migrations; null when nobody does.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_status()
RETURNS TABLE (fact text, value text)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- reads tables and sessions that nobody else can; a stakeholder is told of itself only
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
  WITH mine AS (
    SELECT st.id
      FROM integratedb.stakeholder AS st
     WHERE integratedb.is_admin(integratedb.caller())
        OR st.name = integratedb.caller()
  ), claims AS (
    SELECT c.id, c.sync_pending_since, c.unmet_since, s.kind
      FROM mine
      JOIN integratedb.specification AS s ON s.stakeholder_id = mine.id
      JOIN integratedb.claim AS c ON c.specification_id = s.id
  )
  (SELECT f.fact, f.value
    FROM (VALUES
      (1, 'version', (SELECT x.extversion FROM pg_extension AS x WHERE x.extname = 'integratedb')),
      (2, 'enforcement', integratedb.setting_value('enforcement')),
      (3, 'ddl_event_retention', integratedb.setting_value('ddl_event_retention')),
      (4, 'armed', CASE WHEN integratedb.is_armed() OR NOT EXISTS (SELECT FROM claims) THEN 'yes'
                        ELSE 'no: restored; the next migration or SELECT integratedb_sync() arms it' END),
      (5, 'event triggers', (SELECT string_agg(e.evtname || CASE e.evtenabled WHEN 'O' THEN ' enabled' WHEN 'A' THEN ' enabled' WHEN 'R' THEN ' REPLICA ONLY' ELSE ' DISABLED' END, ', ' ORDER BY e.evtname)
                               FROM pg_event_trigger AS e WHERE e.evtname IN ('integratedb_ddl_command_end', 'integratedb_sql_drop'))),
      (6, 'stakeholders', (SELECT count(*)::text FROM mine)),
      (7, 'claims', (SELECT count(*)::text FROM claims AS c WHERE c.kind = 'claims')),
      (8, 'notifications', (SELECT count(*)::text FROM claims AS c WHERE c.kind = 'notifications')),
      (9, 'unmet', (SELECT count(*)::text FROM claims AS c JOIN integratedb.broken_claim AS u ON u.claim_id = c.id)),
      (10, 'pending sync', (SELECT count(*)::text FROM claims AS c WHERE c.sync_pending_since IS NOT NULL)),
      (11, 'lock holder', CASE WHEN integratedb.is_admin(integratedb.caller()) THEN coalesce(integratedb.lock_holder(), 'nobody') END)
    ) AS f (position, fact, value)
   WHERE f.value IS NOT NULL
   ORDER BY f.position)
  UNION ALL
  SELECT n.fact, n.value FROM integratedb.notification_facts() AS n
$$;

COMMENT ON FUNCTION @extschema@.integratedb_status() IS
'How things stand, one row a fact: version, enforcement, ddl_event_retention, armed (no: after a restore, until the first migration or sync), event triggers, stakeholders, claims, notifications, unmet, pending sync (claims whose expansion was put off because Python could not be loaded), lock holder.
Returns fact and value, both text.
For members of integratedb_admin; a stakeholder is told of itself only.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_ddl_events(since timestamptz DEFAULT NULL, max_results integer DEFAULT 100)
RETURNS TABLE (
  id bigint,
  occurred_at timestamptz,
  xid xid8,
  session_user_name name,
  command_tag text,
  object_type text,
  object_identity text,
  query text,
  reason text
)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- reads a table that nobody else can: it holds other people's statements
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT e.id, e.occurred_at, e.xid, e.session_user_name, e.command_tag, e.object_type, e.object_identity, e.query, e.reason
    FROM integratedb.ddl_event AS e
   WHERE (since IS NULL OR e.occurred_at >= since)
     AND e.audited
   ORDER BY e.occurred_at DESC, e.id DESC
   LIMIT max_results
$$;

COMMENT ON FUNCTION @extschema@.integratedb_ddl_events(timestamptz, integer) IS
'The audit log of schema changes, newest first.
since: from this time on; null: all that is kept. max_results: at most so many; null: all.
Returns id, occurred_at, xid (transaction), session_user_name (login), command_tag, object_type, object_identity, query (on the first row of a transaction; cut at 8 kB, comments left out, literals masked that may hold a secret; a remark in its place where it calls functions of ours), reason (of an override).
For members of integratedb_admin.';
