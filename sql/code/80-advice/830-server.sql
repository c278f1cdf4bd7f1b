-- Advisers about the server: wraparound, sessions, settings and extensions.

CREATE OR REPLACE VIEW integratedb.adviser_wraparound AS
  SELECT w.kind || ' ' || w.target AS subject,
         pg_catalog.format('The oldest row of %s %s is %s transactions old. Postgres takes no more writes at about 2.1 billion.', w.kind, w.target, w.age) AS detail,
         w.cure AS remediation,
         pg_catalog.jsonb_build_object(w.kind, w.target, 'age', w.age) AS metadata
    FROM (SELECT 'database' AS kind, pg_catalog.quote_ident(d.datname) AS target, greatest(pg_catalog.age(d.datfrozenxid), pg_catalog.mxid_age(d.datminmxid)) AS age,
                 'VACUUM (FREEZE);' AS cure
            FROM pg_catalog.pg_database AS d
           WHERE d.datallowconn
          UNION ALL
          SELECT 'table', pg_catalog.format('%I.%I', n.nspname, k.relname),
                 greatest(pg_catalog.age(k.relfrozenxid), pg_catalog.mxid_age(k.relminmxid), pg_catalog.age(t.relfrozenxid), pg_catalog.mxid_age(t.relminmxid)),
                 pg_catalog.format('VACUUM (FREEZE) %I.%I;', n.nspname, k.relname)
            FROM pg_catalog.pg_class AS k
            JOIN pg_catalog.pg_namespace AS n ON n.oid = k.relnamespace
            LEFT JOIN pg_catalog.pg_class AS t ON t.oid = k.reltoastrelid
           WHERE k.relkind IN ('r', 'm')) AS w
   WHERE w.age > 1000000000
     AND w.age < 2147483647;

COMMENT ON VIEW integratedb.adviser_wraparound IS
'Transaction identifiers near their end
ERROR, ADMIN, SERVER
Autovacuum freezes rows at 200 million. An age of a billion means that it is held up: by a long transaction, a slot, a
prepared transaction, or a table that it cannot lock. For a database, run the statement there.';

CREATE OR REPLACE VIEW integratedb.adviser_idle_in_transaction AS
  SELECT pg_catalog.format('pid %s', a.pid) AS subject,
         pg_catalog.format('Session %s of %s (%s) is idle in a transaction since %s. It keeps its locks, and VACUUM removes nothing newer.', a.pid, a.usename,
                coalesce(nullif(a.application_name, ''), 'no application_name'), pg_catalog.to_char(a.state_change, 'YYYY-MM-DD HH24:MI:SS TZ')) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_cancel(%s, terminate => true);', a.pid) AS remediation,
         pg_catalog.jsonb_build_object('pid', a.pid, 'role', a.usename, 'database', a.datname, 'state', a.state, 'since', a.state_change) AS metadata
    FROM pg_catalog.pg_stat_activity AS a
   WHERE a.state IN ('idle in transaction', 'idle in transaction (aborted)')
     AND pg_catalog.clock_timestamp() - a.state_change > interval '5 minutes';

COMMENT ON VIEW integratedb.adviser_idle_in_transaction IS
'Session that is idle in a transaction
WARN, ADMIN, SERVER
The application has begun a transaction and does nothing for more than five minutes. idle_in_transaction_session_timeout
ends such sessions.';

CREATE OR REPLACE VIEW integratedb.adviser_long_transaction AS
  SELECT pg_catalog.format('pid %s', a.pid) AS subject,
         pg_catalog.format('The transaction of session %s of %s (%s) began at %s.', a.pid, a.usename, coalesce(nullif(a.application_name, ''), 'no application_name'),
                pg_catalog.to_char(a.xact_start, 'YYYY-MM-DD HH24:MI:SS TZ')) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_cancel(%s);', a.pid) AS remediation,
         pg_catalog.jsonb_build_object('pid', a.pid, 'role', a.usename, 'database', a.datname, 'state', a.state, 'since', a.xact_start) AS metadata
    FROM pg_catalog.pg_stat_activity AS a
   WHERE a.backend_type = 'client backend'
     AND a.state = 'active'
     AND pg_catalog.clock_timestamp() - a.xact_start > interval '1 hour';

COMMENT ON VIEW integratedb.adviser_long_transaction IS
'Transaction of more than an hour
WARN, ADMIN, SERVER
VACUUM keeps all rows that the transaction might still see, in every table. Tables grow until the transaction ends.';

CREATE OR REPLACE VIEW integratedb.adviser_prepared_transaction AS
  SELECT t.gid AS subject,
         pg_catalog.format('Prepared transaction %L of %s, in database %I, waits since %s and keeps its locks.', t.gid, t.owner, t.database,
                pg_catalog.to_char(t.prepared, 'YYYY-MM-DD HH24:MI:SS TZ')) AS detail,
         pg_catalog.format('ROLLBACK PREPARED %L;', t.gid) AS remediation,
         pg_catalog.jsonb_build_object('gid', t.gid, 'role', t.owner, 'database', t.database, 'since', t.prepared) AS metadata
    FROM pg_catalog.pg_prepared_xacts AS t
   WHERE pg_catalog.clock_timestamp() - t.prepared > interval '1 hour';

COMMENT ON VIEW integratedb.adviser_prepared_transaction IS
'Prepared transaction of more than an hour
WARN, ADMIN, SERVER
No session owns it, so only COMMIT PREPARED or ROLLBACK PREPARED ends it, as its owner or a superuser, in its database.';

CREATE OR REPLACE VIEW integratedb.adviser_connections_near_max AS
  SELECT 'max_connections' AS subject,
         pg_catalog.format('%s of %s connections are taken, and %s of them are idle.', n.taken, n.most, n.idle) AS detail,
         'ALTER SYSTEM SET idle_session_timeout = ''10min''; SELECT pg_catalog.pg_reload_conf();' AS remediation,
         pg_catalog.jsonb_build_object('taken', n.taken, 'most', n.most, 'idle', n.idle) AS metadata
    FROM (SELECT count(*) AS taken, count(*) FILTER (WHERE a.state = 'idle') AS idle,
                 integratedb.usable_connections() AS most
            FROM pg_catalog.pg_stat_activity AS a
           WHERE a.backend_type = 'client backend') AS n
   WHERE n.taken > n.most * 0.8;

COMMENT ON VIEW integratedb.adviser_connections_near_max IS
'Almost all connections are taken
WARN, ADMIN, SERVER
The next application may find none. The statement ends sessions that are idle for ten minutes. A pooler is better.';

CREATE OR REPLACE VIEW integratedb.adviser_setting_hurts AS
  SELECT s.name AS subject,
         pg_catalog.format('Setting %s is %s: %s.', s.name, s.reset_val, b.why) AS detail,
         pg_catalog.format('ALTER SYSTEM SET %I = %L; SELECT pg_catalog.pg_reload_conf();', s.name, b.better) AS remediation,
         pg_catalog.jsonb_build_object('setting', s.name, 'value', s.reset_val, 'context', s.context) AS metadata
    FROM pg_catalog.pg_settings AS s
    JOIN (VALUES ('fsync', 'off', 'on', 'a crash of the machine destroys the cluster'),
                 ('full_page_writes', 'off', 'on', 'a crash of the machine can destroy pages that were just written'),
                 ('autovacuum', 'off', 'on', 'tables grow, and writes stop when transaction identifiers run out'),
                 ('track_counts', 'off', 'on', 'autovacuum does not know what to do'),
                 ('zero_damaged_pages', 'on', 'off', 'damaged pages are emptied without an error'),
                 ('ignore_checksum_failure', 'on', 'off', 'damaged pages are read without an error'),
                 ('password_encryption', 'md5', 'scram-sha-256', 'a stolen hash of a password is enough to log in'),
                 ('event_triggers', 'off', 'on', 'no claim is checked at COMMIT'),
                 ('enable_indexscan', 'off', 'on', 'the planner avoids indexes'),
                 ('enable_hashjoin', 'off', 'on', 'the planner avoids hash joins'),
                 ('enable_nestloop', 'off', 'on', 'the planner avoids nested loops'),
                 ('enable_seqscan', 'off', 'on', 'the planner reads whole tables through indexes')) AS b (name, bad, better, why)
      ON b.name = s.name AND b.bad = s.reset_val
  UNION ALL
  SELECT s.name, pg_catalog.format('Setting max_connections is %s: each idle connection takes memory, and many active ones wait for each other.', s.reset_val),
         'ALTER SYSTEM SET max_connections = 200;',
         pg_catalog.jsonb_build_object('setting', s.name, 'value', s.reset_val, 'context', s.context)
    FROM pg_catalog.pg_settings AS s
   WHERE s.name = 'max_connections'
     AND s.reset_val::integer > 500
  UNION ALL
  SELECT s.name, pg_catalog.format('Setting wal_level is %s, and stakeholders have notifications: no daemon can read the changes.', s.reset_val),
         'ALTER SYSTEM SET wal_level = ''logical'';',
         pg_catalog.jsonb_build_object('setting', s.name, 'value', s.reset_val, 'context', s.context)
    FROM pg_catalog.pg_settings AS s
   WHERE s.name = 'wal_level'
     AND s.reset_val <> 'logical'
     AND EXISTS (SELECT FROM integratedb.channel AS ch);

COMMENT ON VIEW integratedb.adviser_setting_hurts IS
'Setting that hurts
ERROR, ADMIN, SERVER
The value of the server''s configuration is compared, not that of a session. Where metadata has context postmaster, the
new value needs a restart.';

CREATE OR REPLACE VIEW integratedb.adviser_extension_in_public AS
  SELECT pg_catalog.quote_ident(x.extname) AS subject,
         pg_catalog.format('Extension %I is in schema public, among the objects of applications.', x.extname) AS detail,
         pg_catalog.format('CREATE SCHEMA IF NOT EXISTS extensions; ALTER EXTENSION %I SET SCHEMA extensions;', x.extname) AS remediation,
         pg_catalog.jsonb_build_object('extension', x.extname) AS metadata
    FROM pg_catalog.pg_extension AS x
    JOIN pg_catalog.pg_namespace AS n ON n.oid = x.extnamespace
   WHERE n.nspname = 'public'
     AND x.extrelocatable
     AND x.extname <> 'integratedb';

COMMENT ON VIEW integratedb.adviser_extension_in_public IS
'Extension in schema public
INFO, ADMIN, SECURITY
Its functions are visible to the data API, and can be confused with those of applications. Give the roles that use it
USAGE on the new schema, and add the schema to their search_path.';

CREATE OR REPLACE VIEW integratedb.adviser_extension_outdated AS
  SELECT pg_catalog.quote_ident(x.extname) AS subject,
         pg_catalog.format('Extension %I has version %s, and the server has version %s.', x.extname, x.extversion, e.default_version) AS detail,
         pg_catalog.format('ALTER EXTENSION %I UPDATE;', x.extname) AS remediation,
         pg_catalog.jsonb_build_object('extension', x.extname, 'version', x.extversion, 'available', e.default_version) AS metadata
    FROM pg_catalog.pg_extension AS x
    JOIN pg_catalog.pg_available_extensions() AS e ON e.name = x.extname
   WHERE e.default_version <> x.extversion;

COMMENT ON VIEW integratedb.adviser_extension_outdated IS
'Extension with an older version
INFO, ADMIN, SERVER
The package of the extension was updated, and the objects in this database were not.';

CREATE OR REPLACE VIEW integratedb.adviser_collation_version AS
  SELECT pg_catalog.quote_ident(d.datname) AS subject,
         pg_catalog.format('Database %I was made with version %s of its collation, and the operating system has %s: indexes on text may miss rows.', d.datname,
                d.datcollversion, pg_catalog.pg_database_collation_actual_version(d.oid)) AS detail,
         pg_catalog.format('REINDEX DATABASE %I; ALTER DATABASE %1$I REFRESH COLLATION VERSION;', d.datname) AS remediation,
         pg_catalog.jsonb_build_object('database', d.datname, 'version', d.datcollversion, 'actual', pg_catalog.pg_database_collation_actual_version(d.oid)) AS metadata
    FROM pg_catalog.pg_database AS d
   WHERE d.datname = pg_catalog.current_database()
     AND d.datcollversion <> pg_catalog.pg_database_collation_actual_version(d.oid);

COMMENT ON VIEW integratedb.adviser_collation_version IS
'Collation of another version
ERROR, ADMIN, SERVER
An update of the operating system changed the order of texts. Each index on text must be built again. REINDEX locks; do
large indexes one by one with REINDEX INDEX CONCURRENTLY first.';
