-- Settings, status and the audit log, for operators of the database.

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
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  PERFORM integratedb.require_writable();

  IF integratedb.setting_value(setting) IS NULL THEN
    refused := integratedb.refuse(
      code => 'IDB07',
      message => format('unknown setting: %s', coalesce(quote_literal(left(setting, 80)), 'null')),
      detail => NULL,
      hint => 'The settings are enforcement (commit, explicit), ddl_event_retention (an interval such as 90 days), lock_timeout (an interval such as 30 s), deprecation (advisory, binding) and max_lease_ttl (an interval such as 24 hours).');
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

  IF setting = 'lock_timeout'
     AND NOT (integratedb.is_positive_interval(value) AND value::interval BETWEEN interval '100 ms' AND interval '1 hour') THEN
    refused := integratedb.refuse(
      code => 'IDB07',
      message => format('invalid value for setting lock_timeout: %s', coalesce(quote_literal(left(value, 80)), 'null')),
      detail => NULL,
      hint => 'An interval from 100 ms to 1 hour, such as 30 s.');
  END IF;

  IF setting = 'deprecation' AND (value IS NULL OR value NOT IN ('advisory', 'binding')) THEN
    refused := integratedb.refuse(
      code => 'IDB07',
      message => format('invalid value for setting deprecation: %s', coalesce(quote_literal(left(value, 80)), 'null')),
      detail => NULL,
      hint => 'advisory: deprecations only inform; binding: after its date, what is deprecated may be removed although somebody claims it.');
  END IF;

  IF setting = 'max_lease_ttl' AND NOT (integratedb.is_positive_interval(value) AND value::interval <= interval '1 year') THEN
    refused := integratedb.refuse(
      code => 'IDB07',
      message => format('invalid value for setting max_lease_ttl: %s', coalesce(quote_literal(left(value, 80)), 'null')),
      detail => NULL,
      hint => 'An interval greater than zero, of 1 year at most, such as 24 hours.');
  END IF;

  -- The dependents relied on deprecations that only inform, so they get their days from now on.
  IF setting = 'deprecation' AND value = 'binding' AND integratedb.setting_value(setting) <> value THEN
    PERFORM integratedb.take_lock();
    UPDATE integratedb.deprecation AS d SET announced_at = clock_timestamp() WHERE d.removed_at IS NULL;
  END IF;

  INSERT INTO integratedb.setting AS s (name, value)
  VALUES (integratedb_configure.setting, integratedb_configure.value)
  ON CONFLICT ON CONSTRAINT setting_pkey DO UPDATE SET value = EXCLUDED.value;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_configure(text, text) IS
'Changes a setting.
setting, value: one of these.
enforcement: commit (default; a migration that breaks a claim is refused at COMMIT) or explicit (it commits with a
WARNING).
ddl_event_retention: how long the audit log is kept, an interval (default 90 days).
lock_timeout: how long a claim or a COMMIT with schema changes waits for another one, an interval from 100 ms to 1 hour
(default 30 s).
deprecation: advisory (default; integratedb_deprecate() only informs) or binding (what is deprecated may be removed after
its date, although somebody claims it; with the change, the 7 days of notice begin again).
max_lease_ttl: how long a lease lasts at most, with its renewals, an interval of 1 year at most (default 24 hours).
Error: IDB07 unknown setting, or a value that the setting does not accept.
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

COMMENT ON FUNCTION integratedb.is_positive_interval(text) IS
'Whether the text is an interval greater than zero that can be subtracted from now.';

CREATE OR REPLACE FUNCTION integratedb.find_lock_holder(OUT pid integer, OUT gid text, OUT words text)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- The lock on the table identifies the holder, who keeps it until the end. Waiting sessions also have a lock on the
  -- row. (xmax of the row does not identify the holder: it belongs to a subtransaction, and no view shows ended
  -- subtransactions.)
  WITH lock AS MATERIALIZED (
    SELECT l.locktype, l.mode, l.granted, l.pid, l.virtualtransaction
      FROM pg_locks AS l
     WHERE l.relation = 'integratedb.serialisation'::regclass
       AND l.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
  )
  SELECT a.pid,
         p.gid,
         CASE WHEN a.pid IS NOT NULL
              THEN format('pid %s, %s, %s since %s: %s', a.pid, a.usename, a.state, to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ'),
                          coalesce(nullif(a.application_name, ''), 'no application_name'))
              WHEN p.gid IS NOT NULL
              THEN format('prepared transaction %L of %s since %s', p.gid, p.owner, to_char(p.prepared, 'YYYY-MM-DD HH24:MI:SS TZ')) END
    FROM lock AS l
    LEFT JOIN pg_stat_activity AS a ON a.pid = l.pid
    LEFT JOIN (
      SELECT x.virtualtransaction, t.gid, t.owner, t.prepared
        FROM pg_prepared_xacts AS t
        JOIN pg_locks AS x ON x.locktype = 'transactionid' AND x.transactionid = t.transaction) AS p
      ON l.pid IS NULL AND p.virtualtransaction = l.virtualtransaction
   WHERE l.locktype = 'relation'
     AND l.mode = 'RowExclusiveLock'
     AND l.granted
     AND NOT EXISTS (SELECT FROM lock AS t WHERE t.locktype = 'tuple' AND t.virtualtransaction = l.virtualtransaction)
   LIMIT 1
$$;

COMMENT ON FUNCTION integratedb.find_lock_holder() IS
'The holder of the lock between claims and migrations: the process (pid) or the prepared transaction (gid), and a '
'text for a message. No row, or nulls, when the lock is free.';

CREATE OR REPLACE FUNCTION integratedb.lock_holder()
RETURNS text
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT h.words FROM integratedb.find_lock_holder() AS h
$$;

COMMENT ON FUNCTION integratedb.lock_holder() IS
'The session, or prepared transaction, that holds the lock between claims and migrations, as text; null when the lock '
'is free.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_end_lock_holder()
RETURNS text
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- ends sessions of any role for admins who may not
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  holder record;
  refused boolean;
BEGIN
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  SELECT h.pid, h.gid, h.words INTO holder FROM integratedb.find_lock_holder() AS h;
  IF holder.words IS NULL OR holder.pid = pg_backend_pid() THEN
    RETURN NULL;
  END IF;

  IF holder.pid IS NULL THEN
    refused := integratedb.refuse(
      code => '55000',
      message => format('the lock is held by a %s', holder.words),
      detail => 'Postgres ends a prepared transaction by a statement of its own only, outside of any function.',
      hint => format('As a superuser or its owner, in this database: ROLLBACK PREPARED %L.', holder.gid));
  END IF;

  PERFORM pg_terminate_backend(holder.pid, 5000);
  RETURN holder.words;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_end_lock_holder() IS
'Ends the session that holds the lock between claims and migrations, so that waiting sessions continue. Its transaction
is rolled back.
Returns the ended session: process, role and since when; null: the lock was free.
Error: 55000 a prepared transaction holds the lock; the hint has the statement that ends it.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION integratedb.who_may_create_in(of_schema name)
RETURNS text
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT string_agg(DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END, ', ')
    FROM pg_namespace AS n
   CROSS JOIN LATERAL aclexplode(n.nspacl) AS x
   WHERE n.nspname = of_schema
     AND x.privilege_type = 'CREATE'
     AND x.grantee <> n.nspowner
     AND NOT EXISTS (SELECT FROM pg_roles AS u WHERE u.oid = x.grantee AND u.rolsuper)
$$;

COMMENT ON FUNCTION integratedb.who_may_create_in(name) IS
'The roles that may create objects in a schema, except its owner and superusers; null: no role. Such a role can '
'create a function there that captures calls meant for IntegrateDB.';

CREATE OR REPLACE FUNCTION integratedb.captors()
RETURNS text
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT string_agg(p.oid::regprocedure::text, ', ' ORDER BY p.oid)
    FROM pg_extension AS x
    JOIN pg_proc AS p ON p.pronamespace = x.extnamespace AND starts_with(p.proname::text, 'integratedb_')
   WHERE x.extname = 'integratedb'
     AND NOT EXISTS (
       SELECT FROM pg_depend AS d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e')
$$;

COMMENT ON FUNCTION integratedb.captors() IS
'Functions of other owners with names like those of IntegrateDB, which could capture calls; null: none.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_status()
RETURNS TABLE (fact text, value text)
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads tables and sessions that nobody else can; a stakeholder is told of itself only
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
  WITH caller AS MATERIALIZED (
    SELECT c.name, integratedb.is_admin(c.name) AS is_admin FROM integratedb.caller() AS c (name)
  ), mine AS (
    SELECT st.id, st.name
      FROM caller
      JOIN integratedb.stakeholder AS st
        ON caller.is_admin
        OR (st.name = caller.name AND EXISTS (SELECT FROM integratedb.stakeholder_role AS r WHERE r.stakeholder_id = st.id))
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
      (3, 'deprecation', integratedb.setting_value('deprecation')),
      (3, 'max_lease_ttl', integratedb.setting_value('max_lease_ttl')),
      (4, 'armed', CASE WHEN integratedb.is_armed() OR NOT EXISTS (SELECT FROM claims) THEN 'yes'
                        ELSE 'no: restored; the next migration or SELECT integratedb_sync() arms it' END),
      (5, 'event triggers', (SELECT string_agg(e.evtname || CASE e.evtenabled WHEN 'O' THEN ' enabled' WHEN 'A' THEN ' enabled' WHEN 'R' THEN ' REPLICA ONLY' ELSE ' DISABLED' END, ', ' ORDER BY e.evtname)
                               FROM pg_event_trigger AS e WHERE e.evtname IN ('integratedb_ddl_command_end', 'integratedb_sql_drop'))),
      (6, 'stakeholders', (SELECT count(*)::text FROM mine)),
      (7, 'claims', (SELECT count(*)::text FROM claims AS c WHERE c.kind = 'claims')),
      (8, 'notifications', (SELECT count(*)::text FROM claims AS c WHERE c.kind = 'notifications')),
      (9, 'saved queries', (SELECT count(*)::text FROM mine JOIN integratedb.saved_query AS q ON q.stakeholder_id = mine.id)),
      (10, 'unmet', (SELECT count(*)::text FROM claims AS c JOIN integratedb.broken_claim AS u ON u.claim_id = c.id)),
      (10, 'allowed', (
        SELECT nullif(cardinality(a.removed) + cardinality(a.waived), 0) || ' of the unmet claims: a deprecation or a waiver allows it'
          FROM integratedb.allowed_claims(
                 ARRAY(SELECT c.id FROM claims AS c JOIN integratedb.broken_claim AS u ON u.claim_id = c.id)) AS a)),
      (11, 'pending sync', (SELECT count(*)::text FROM claims AS c WHERE c.sync_pending_since IS NOT NULL)),
      -- This row is shown only if such relations exist.
      (11, 'not granted', (
        SELECT string_agg(format('%s to %s', o.path, o.name), ', ' ORDER BY o.name, o.path) || '; SELECT integratedb_adopt_claim(stakeholder, kind)'
          FROM (SELECT DISTINCT mine.name, cr.path
                  FROM mine
                  JOIN integratedb.specification AS s ON s.stakeholder_id = mine.id
                  JOIN integratedb.claim AS c ON c.specification_id = s.id
                  JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id AND cr.ungranted_since IS NOT NULL
                 ORDER BY mine.name, cr.path
                 LIMIT 100) AS o)),
      (11, 'submitter lost', (
        SELECT string_agg(format('%s of %s: role %I no longer exists', s.kind, mine.name, s.handed_in_by), ', ' ORDER BY mine.name, s.kind)
               || '; SELECT integratedb_adopt_claim(stakeholder, kind)'
          FROM mine
          JOIN integratedb.specification AS s ON s.stakeholder_id = mine.id
         WHERE integratedb.is_armed()
           AND s.document -> 'match' <> '[]'
           AND integratedb.submitter(s.handed_in_by_oid, s.handed_in_by) IS NULL)),
      (11, 'waived', (
        SELECT string_agg(format('%s of %s until %s', integratedb.place_of(w.path, w.field), mine.name, to_char(w.until, 'YYYY-MM-DD HH24:MI TZ')), ', '
                          ORDER BY w.until, mine.name, w.path, w.field)
          FROM mine
          JOIN integratedb.waiver AS w ON w.stakeholder_id = mine.id AND w.until > now())),
      (11, 'deprecated', (
        SELECT string_agg(format('%s of %s%s', o.place, o.name, coalesce(', removal after ' || to_char(o.remove_after, 'YYYY-MM-DD HH24:MI TZ'), '')), ', '
                          ORDER BY o.remove_after, o.place, o.name)
          FROM (SELECT DISTINCT integratedb.place_of(d.path, d.field) AS place, mine.name, d.remove_after
                  FROM mine
                  JOIN integratedb.specification AS s ON s.stakeholder_id = mine.id
                  JOIN integratedb.claim AS c ON c.specification_id = s.id
                  JOIN integratedb.deprecated_claim AS e ON e.claim_id = c.id
                  JOIN integratedb.present_deprecation AS d ON d.id = e.deprecation_id
                 ORDER BY d.remove_after, 1, mine.name
                 LIMIT 100) AS o)),
      (12, 'lock_timeout', integratedb.setting_value('lock_timeout')),
      (13, 'lock holder', CASE WHEN (SELECT caller.is_admin FROM caller) THEN coalesce(integratedb.lock_holder(), 'nobody') END),
      (14, 'schema', CASE WHEN (SELECT caller.is_admin FROM caller) THEN (
                       SELECT CASE WHEN integratedb.captors() IS NOT NULL
                                   THEN format('%s: CAPTURED by %s; DROP ROUTINE %2$s', n.nspname, integratedb.captors())
                                   WHEN w.who IS NULL THEN n.nspname
                                   ELSE format('%s: OPEN, %s may create in it and capture calls; REVOKE CREATE ON SCHEMA %I FROM %2$s', n.nspname, w.who, n.nspname) END
                         FROM pg_extension AS x
                         JOIN pg_namespace AS n ON n.oid = x.extnamespace
                        CROSS JOIN LATERAL integratedb.who_may_create_in(n.nspname) AS w (who)
                        WHERE x.extname = 'integratedb') END)
    ) AS f (position, fact, value)
   WHERE f.value IS NOT NULL
   ORDER BY f.position)
  UNION ALL
  SELECT n.fact, n.value
    FROM caller
   CROSS JOIN LATERAL integratedb.notification_facts(ARRAY(SELECT mine.id FROM mine), caller.is_admin) AS n
$$;

COMMENT ON FUNCTION @extschema@.integratedb_status() IS
'The state of IntegrateDB, one row for each fact.
version, enforcement, ddl_event_retention, deprecation, max_lease_ttl, lock_timeout, lock holder, stakeholders, claims, notifications, saved
queries, unmet, event triggers, slots, channels.
armed: no: after a restore, until the first migration or sync.
pending sync: claims whose expansion was postponed, because Python could not be loaded, or a dump was restored.
not granted: relations that no submitter of a claim could grant; submitter lost; allowed: how many unmet claims refuse no
migration; waived: dependencies that refuse no migration for a time; deprecated: what stakeholders claim and owners will
remove; each only if there are any.
schema: where these functions are; OPEN: a role may create other functions there that capture calls; CAPTURED: a role
did so.
Returns fact and value, both text.
For members of integratedb_admin; a stakeholder sees only its own facts.';

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
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads a table that nobody else can: it holds other people's statements
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    SELECT e.id, e.occurred_at, e.xid, e.session_user_name, e.command_tag, e.object_type, e.object_identity, e.query, e.reason
      FROM integratedb.ddl_event AS e
     WHERE (since IS NULL OR e.occurred_at >= since)
       AND e.audited
     ORDER BY e.occurred_at DESC, e.id DESC
     LIMIT max_results;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_ddl_events(timestamptz, integer) IS
'The audit log of schema changes, newest first.
since: changes from this time on; null: all that are kept. max_results: the greatest number of rows; null: all.
Returns id, occurred_at, xid (transaction), session_user_name (login), command_tag, object_type, object_identity,
query, reason (of an override).
query: on the first row of a transaction, cut at 8 kB; comments are left out, and literals that may hold a secret are
masked. A remark replaces a query that calls functions of IntegrateDB.
For members of integratedb_admin.';
