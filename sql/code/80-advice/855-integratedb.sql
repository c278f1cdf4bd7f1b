-- Advisers about IntegrateDB itself.

CREATE OR REPLACE VIEW integratedb.adviser_event_trigger_disabled AS
  SELECT e.evtname::text AS subject,
         pg_catalog.format('Event trigger %I is %s, so migrations are not checked.', e.evtname, CASE e.evtenabled WHEN 'R' THEN 'for replicas only' ELSE 'disabled' END) AS detail,
         pg_catalog.format('ALTER EVENT TRIGGER %I ENABLE; SELECT @extschema@.integratedb_sync();', e.evtname) AS remediation,
         pg_catalog.jsonb_build_object('event_trigger', e.evtname) AS metadata
    FROM pg_catalog.pg_event_trigger AS e
   WHERE pg_catalog.starts_with(e.evtname::text, 'integratedb_')
     AND e.evtenabled NOT IN ('O', 'A');

COMMENT ON VIEW integratedb.adviser_event_trigger_disabled IS
'Contracts are not enforced: an event trigger is disabled
ERROR, ADMIN, CONTRACTS
Somebody disabled it, perhaps for a migration, and did not enable it again. Only a superuser can do either.';

CREATE OR REPLACE VIEW integratedb.adviser_enforcement_explicit AS
  SELECT 'enforcement' AS subject,
         'Setting enforcement is explicit: a migration that breaks a claim commits with a WARNING.' AS detail,
         'SELECT @extschema@.integratedb_configure(''enforcement'', ''commit'');' AS remediation,
         '{}'::jsonb AS metadata
   WHERE integratedb.setting_value('enforcement') = 'explicit';

COMMENT ON VIEW integratedb.adviser_enforcement_explicit IS
'Contracts are not enforced at COMMIT
INFO, ADMIN, CONTRACTS
This is meant for teams whose migrations call integratedb_validate_migration() themselves.';

CREATE OR REPLACE VIEW integratedb.adviser_not_armed AS
  SELECT 'armed' AS subject,
         'This database was restored, and no migration or sync has looked its objects up since.' AS detail,
         'SELECT @extschema@.integratedb_sync();' AS remediation,
         '{}'::jsonb AS metadata
   WHERE NOT integratedb.is_armed()
     AND EXISTS (SELECT FROM integratedb.claim AS c);

COMMENT ON VIEW integratedb.adviser_not_armed IS
'Restored, and not synced
WARN, ADMIN, CONTRACTS
Object identifiers of the dump are another server''s. The sync finds everything by name, and reports what is missing.';

CREATE OR REPLACE VIEW integratedb.adviser_schema_open AS
  SELECT n.nspname::text AS subject,
         pg_catalog.format('%s may create objects in schema %I, where the functions of IntegrateDB are, and so capture calls of admins.', w.who, n.nspname) AS detail,
         pg_catalog.format('REVOKE CREATE ON SCHEMA %I FROM %s;', n.nspname, w.who) AS remediation,
         pg_catalog.jsonb_build_object('schema', n.nspname) AS metadata
    FROM pg_catalog.pg_extension AS x
    JOIN pg_catalog.pg_namespace AS n ON n.oid = x.extnamespace
   CROSS JOIN LATERAL integratedb.who_may_create_in(n.nspname) AS w (who)
   WHERE x.extname = 'integratedb'
     AND w.who IS NOT NULL;

COMMENT ON VIEW integratedb.adviser_schema_open IS
'Others may capture calls of IntegrateDB
ERROR, ADMIN, SECURITY
A function of the same name with more fitting arguments would be called instead, with the rights of the admin.';

CREATE OR REPLACE VIEW integratedb.adviser_calls_captured AS
  SELECT p.oid::pg_catalog.regprocedure::text AS subject,
         pg_catalog.format('%s of %I has a name of IntegrateDB, and may be called instead of it.', p.oid::pg_catalog.regprocedure, pg_catalog.pg_get_userbyid(p.proowner)) AS detail,
         pg_catalog.format('DROP ROUTINE %s;', p.oid::pg_catalog.regprocedure) AS remediation,
         pg_catalog.jsonb_build_object('function', p.oid::pg_catalog.regprocedure::text) AS metadata
    FROM pg_catalog.pg_extension AS x
    JOIN pg_catalog.pg_proc AS p ON p.pronamespace = x.extnamespace AND pg_catalog.starts_with(p.proname::text, 'integratedb_')
   WHERE x.extname = 'integratedb'
     AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_depend AS d WHERE d.classid = 'pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e');

COMMENT ON VIEW integratedb.adviser_calls_captured IS
'Function that captures calls of IntegrateDB
ERROR, ADMIN, SECURITY
No function but those of the extension should have such a name in its schema.';

CREATE OR REPLACE VIEW integratedb.adviser_contract_lock_held AS
  SELECT 'lock' AS subject,
         pg_catalog.format('The lock between claims and migrations is held: %s. Claims and migrations wait.', h.words) AS detail,
         CASE WHEN h.pid IS NULL THEN pg_catalog.format('ROLLBACK PREPARED %L;', h.gid) ELSE 'SELECT @extschema@.integratedb_end_lock_holder();' END AS remediation,
         pg_catalog.jsonb_build_object('pid', h.pid, 'gid', h.gid) AS metadata
    FROM integratedb.find_lock_holder() AS h
    LEFT JOIN pg_catalog.pg_stat_activity AS a ON a.pid = h.pid
    LEFT JOIN pg_catalog.pg_prepared_xacts AS t ON t.gid = h.gid
   WHERE pg_catalog.clock_timestamp() - coalesce(a.xact_start, t.prepared) > interval '1 minute';

COMMENT ON VIEW integratedb.adviser_contract_lock_held IS
'Lock between claims and migrations is held
WARN, ADMIN, CONTRACTS
A migration or a claim is not committed for more than a minute.';
