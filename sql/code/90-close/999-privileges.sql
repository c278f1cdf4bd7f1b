-- Revokes EXECUTE on every function from everybody, then grants it to the few roles that need it. Only this file grants
-- EXECUTE. It comes last, so that a new function cannot be forgotten.
--
-- It changes only privileges that differ. After a GRANT or REVOKE in an extension's script, the whole ACL of the
-- function counts as part of the extension, which pg_dump omits. In an update, this would drop the privileges that
-- stakeholders were granted.

DO LANGUAGE plpgsql $$
DECLARE
  everybody CONSTANT pg_catalog.regprocedure[] := ARRAY[
    '@extschema@.integratedb_validate_migration(integer)',
    '@extschema@.integratedb_unmet_claims(integer)',
    '@extschema@.integratedb_preview_migration(text)',
    '@extschema@.integratedb_sync()',
    '@extschema@.integratedb_dependents(text, text)',
    '@extschema@.integratedb_deprecate(text, text, timestamptz, text)',
    '@extschema@.integratedb_undeprecate(text, text)',
    '@extschema@.integratedb_deprecations()',
    '@extschema@.integratedb_waive(text, text, text, timestamptz, text)',
    '@extschema@.integratedb_end_waiver(bigint)',
    '@extschema@.integratedb_waivers()',
    '@extschema@.integratedb_request_claim(text, jsonb, text, text)',
    '@extschema@.integratedb_requests(text)',
    '@extschema@.integratedb_approve_request(bigint, text)',
    '@extschema@.integratedb_reject_request(bigint, text)',
    '@extschema@.integratedb_withdraw_request(bigint)',
    '@extschema@.integratedb_check_spec(jsonb, text)',
    '@extschema@.integratedb_claim(text, jsonb)',
    '@extschema@.integratedb_notify(text, jsonb)',
    '@extschema@.integratedb_save_query(text, text, jsonb)',
    '@extschema@.integratedb_drop_query(text, text)',
    '@extschema@.integratedb_queries(text)',
    '@extschema@.integratedb_query(jsonb, jsonb)',
    '@extschema@.integratedb_compile(jsonb)',
    '@extschema@.integratedb_rest(text, text, jsonb)',
    '@extschema@.integratedb_graphql(text, jsonb, text)',
    '@extschema@.integratedb_openapi(text)',
    '@extschema@.integratedb_translate(text, text)',
    'integratedb.translated_query(oid, text[], text, text)',
    'integratedb.translated(oid, text[], text, text)',
    'integratedb.excess_of(jsonb)',
    'integratedb.compiled_query(oid, text[], jsonb, jsonb, boolean)',
    'integratedb.described_surface(oid, text[], text, text)',
    'integratedb.compiled_graphql(oid, text[], text, jsonb, text)',
    'integratedb.place_of_error(jsonb, text, text, text)',
    'integratedb.answered_rest(oid, text[], text, text, text, text, text[])',
    'integratedb.answered_error(text, text, text, text)',
    'integratedb.as_json(text)',
    'integratedb.schemas_of_session(oid)',
    'integratedb.compiled_for_caller(jsonb, jsonb, boolean)',
    'integratedb.filled_parameters(jsonb, text[])',
    'integratedb.explained_query(jsonb)',
    'integratedb.run_queries(jsonb, double precision)',
    'integratedb.surface_version(oid, text[], oid[])',
    'integratedb.surface_changed()',
    'integratedb.answer_too_large(bigint)',
    'integratedb.refuse(text, text, text, text)',
    'integratedb.surface(oid, text[], oid)',
    'integratedb.deprecation_notes(oid[])',
    'integratedb.why_not_visible(oid, text, text, text)',
    'integratedb.claimed_names(oid)',
    'integratedb.claimed_keys(oid)',
    'integratedb.notified_relations(oid)',
    'integratedb.saved_queries(oid)',
    'integratedb.exposed_schemas(oid, text[])',
    'integratedb.media_type_aggregates(oid, oid[], oid[])',
    'integratedb.possible_writes(oid)',
    'integratedb.view_origins(oid)',
    'integratedb.view_columns(oid[])',
    'integratedb.surface_relations(oid, oid[], text[], text[], oid[], smallint[], text[], oid[], smallint[], oid[], smallint[], oid)',
    'integratedb.surface_foreign_keys(oid[], oid[], smallint[], oid[], smallint[])',
    'integratedb.surface_functions(oid[])',
    'integratedb.surface_types(oid, oid[], oid[], oid[])'
  ]::pg_catalog.regprocedure[];

  admins CONSTANT pg_catalog.regprocedure[] := ARRAY[
    '@extschema@.integratedb_create_stakeholder(text, timestamptz)',
    '@extschema@.integratedb_rename_stakeholder(text, text)',
    '@extschema@.integratedb_rotate_password(text, timestamptz)',
    '@extschema@.integratedb_drop_stakeholder(text)',
    '@extschema@.integratedb_lease(text, interval, text)',
    '@extschema@.integratedb_renew_lease(bigint, interval)',
    '@extschema@.integratedb_revoke_lease(bigint)',
    '@extschema@.integratedb_leases()',
    '@extschema@.integratedb_adopt_role(text)',
    '@extschema@.integratedb_adopt_claim(text, text)',
    '@extschema@.integratedb_stakeholders()',
    '@extschema@.integratedb_specification(text, text)',
    '@extschema@.integratedb_override(text)',
    '@extschema@.integratedb_access(text)',
    '@extschema@.integratedb_ddl_events(timestamptz, integer)',
    '@extschema@.integratedb_configure(text, text)',
    '@extschema@.integratedb_status()',
    '@extschema@.integratedb_end_lock_holder()',
    '@extschema@.integratedb_pause_channel(text, text)',
    '@extschema@.integratedb_resume_channel(text, text)',
    '@extschema@.integratedb_redeliver(text, text)',
    '@extschema@.integratedb_deliveries(text, text, integer)',
    '@extschema@.integratedb_allow_api(text, boolean)',
    '@extschema@.integratedb_rotate_api_key(boolean)',
    '@extschema@.integratedb_advice(boolean, text)',
    '@extschema@.integratedb_advisers()',
    '@extschema@.integratedb_mute_advice(text, text, timestamptz)',
    '@extschema@.integratedb_unmute_advice(text)',
    '@extschema@.integratedb_monitor_locks()',
    '@extschema@.integratedb_monitor_sessions()',
    '@extschema@.integratedb_monitor_xmin()',
    '@extschema@.integratedb_monitor_connections()',
    '@extschema@.integratedb_monitor_statements(integer)',
    '@extschema@.integratedb_monitor_replication()',
    '@extschema@.integratedb_monitor_slots()',
    '@extschema@.integratedb_monitor_wraparound(integer)',
    '@extschema@.integratedb_monitor_wal()',
    '@extschema@.integratedb_monitor_cache()',
    '@extschema@.integratedb_monitor_channels()',
    '@extschema@.integratedb_cancel(integer, boolean)',
    'integratedb.advisers()',
    'integratedb.own_advice(text)',
    'integratedb.foreign_advice(text)',
    'integratedb.mutes()'
  ]::pg_catalog.regprocedure[];

  daemons CONSTANT pg_catalog.regprocedure[] := ARRAY[
    'integratedb.daemon_check()',
    'integratedb.daemon_slot(text)',
    'integratedb.daemon_slot_announced(text)',
    'integratedb.daemon_slot_created(text, pg_lsn, bigint[])',
    'integratedb.daemon_control_ids()',
    'integratedb.daemon_control(pg_lsn)',
    'integratedb.daemon_control_passed(bigint[], pg_lsn)',
    'integratedb.daemon_transaction_is_over(bigint)',
    'integratedb.daemon_reserve(text, pg_lsn)',
    'integratedb.daemon_follow_timeline(text, pg_lsn, pg_lsn)',
    'integratedb.daemon_replicated()',
    'integratedb.daemon_backlog()',
    'integratedb.daemon_failures()',
    'integratedb.daemon_pause(bigint, text)',
    'integratedb.daemon_report(bigint, text, text, integer, double precision)',
    'integratedb.daemon_enforce_limits(bigint, pg_lsn, bigint, bigint)',
    'integratedb.daemon_feed_keys()',
    'integratedb.daemon_remind()',
    'integratedb.daemon_end_leases()',
    'integratedb.daemon_tell_dependents()',
    'integratedb.delivery_save(bigint[], pg_lsn[], bigint[], bytea[], text[], double precision[])',
    'integratedb.delivery_load(bigint, pg_lsn, bigint, integer)',
    'integratedb.delivery_settle(bigint, pg_lsn[], bigint[])',
    'integratedb.delivery_dead(bigint, pg_lsn[], bigint[], text)'
  ]::pg_catalog.regprocedure[];

  apis CONSTANT pg_catalog.regprocedure[] := ARRAY[
    'integratedb.management_has_users()',
    'integratedb.management_create_first_user(text, text)',
    'integratedb.management_create_user(text, text, jsonb)',
    'integratedb.management_users(bigint, integer)',
    'integratedb.management_user_by_id(bigint)',
    'integratedb.management_user_by_name(text)',
    'integratedb.management_change_user(bigint, text, text, boolean, jsonb)',
    'integratedb.management_delete_user(bigint)',
    'integratedb.management_refresh_token_issued(bigint, interval)',
    'integratedb.management_refresh_token_used(uuid, bigint)',
    'integratedb.management_login_attempted(text, text)',
    'integratedb.management_login_succeeded(text, text, timestamptz)',
    'integratedb.management_stakeholder(bigint)',
    'integratedb.management_stakeholder_name(text)',
    'integratedb.management_schemas(jsonb, text)',
    'integratedb.management_private_schemas(text[])',
    'integratedb.management_translate(bigint, text, text, text[])',
    'integratedb.management_ddl_events(bigint, integer)',
    'integratedb.management_relations()',
    'integratedb.management_foreign_keys()',
    'integratedb.management_column_statistics(text)',
    'integratedb.management_dependent_objects(text)',
    'integratedb.management_session_exists(uuid, bigint)'
  ]::pg_catalog.regprocedure[];

  authenticators CONSTANT pg_catalog.regprocedure[] := ARRAY[
    'integratedb.api_keys()'
  ]::pg_catalog.regprocedure[];

  change record;
BEGIN
  FOR change IN
    WITH member AS (
      SELECT p.oid::pg_catalog.regprocedure AS signature, p.proacl, p.proowner
        FROM pg_catalog.pg_depend AS d
        JOIN pg_catalog.pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'integratedb'
        JOIN pg_catalog.pg_proc AS p ON p.oid = d.objid
       WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
         AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
         AND d.deptype = 'e'
    ), wanted (grantee, signature) AS (
      SELECT 'public', f.signature FROM pg_catalog.unnest(everybody) AS f (signature)
      UNION ALL
      SELECT 'integratedb_admin', f.signature FROM pg_catalog.unnest(admins) AS f (signature)
      UNION ALL
      SELECT 'integratedb_daemon', f.signature FROM pg_catalog.unnest(daemons) AS f (signature)
      UNION ALL
      SELECT 'integratedb_management', f.signature FROM pg_catalog.unnest(apis) AS f (signature)
      UNION ALL
      SELECT 'integratedb_authenticator', f.signature FROM pg_catalog.unnest(authenticators) AS f (signature)
    ), held (grantee, signature) AS (
      SELECT g.grantee, m.signature
        FROM member AS m
       CROSS JOIN LATERAL pg_catalog.aclexplode(m.proacl) AS a
        JOIN (VALUES ('public', 0::pg_catalog.oid),
                     ('integratedb_admin', 'integratedb_admin'::pg_catalog.regrole),
                     ('integratedb_daemon', 'integratedb_daemon'::pg_catalog.regrole),
                     ('integratedb_management', 'integratedb_management'::pg_catalog.regrole),
                     ('integratedb_authenticator', 'integratedb_authenticator'::pg_catalog.regrole)) AS g (grantee, oid)
          ON g.oid = a.grantee
    )
    SELECT 1 AS step, 'REVOKE ALL ON FUNCTION %s FROM %s' AS statement, r.signature, r.grantee
      FROM (SELECT m.signature, 'public' AS grantee FROM member AS m WHERE m.proacl IS NULL
            UNION ALL
            (SELECT h.signature, h.grantee FROM held AS h EXCEPT SELECT w.signature, w.grantee FROM wanted AS w)) AS r
    UNION ALL
    SELECT 2, 'GRANT EXECUTE ON FUNCTION %s TO %s', g.signature, g.grantee
      FROM (SELECT w.signature, w.grantee FROM wanted AS w EXCEPT SELECT h.signature, h.grantee FROM held AS h) AS g
     ORDER BY step
  LOOP
    EXECUTE pg_catalog.format(change.statement, change.signature, change.grantee);
  END LOOP;

  -- Everybody may use the schema: its few functions for everybody are part of each request of the data API.
  FOR change IN
    SELECT g.grantee
      FROM (VALUES ('PUBLIC', 0::pg_catalog.oid),
                   ('integratedb_daemon', 'integratedb_daemon'::pg_catalog.regrole),
                   ('integratedb_management', 'integratedb_management'::pg_catalog.regrole)) AS g (grantee, oid)
     WHERE NOT EXISTS (
       SELECT FROM pg_catalog.pg_namespace AS n
        CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) AS a
        WHERE n.nspname = 'integratedb' AND a.grantee = g.oid AND a.privilege_type = 'USAGE')
  LOOP
    EXECUTE pg_catalog.format('GRANT USAGE ON SCHEMA integratedb TO %s', change.grantee);
  END LOOP;

  -- A column of one of our types, in a table of somebody else, would stop an update that changes the type.
  FOR change IN
    SELECT t.oid::pg_catalog.regtype AS type
      FROM pg_catalog.pg_type AS t
     WHERE t.typnamespace = 'integratedb'::pg_catalog.regnamespace
       AND NOT (t.typelem <> 0 AND t.typlen = -1)
       AND pg_catalog.has_type_privilege('public', t.oid, 'USAGE')
  LOOP
    EXECUTE pg_catalog.format('REVOKE USAGE ON TYPE %s FROM PUBLIC', change.type);
  END LOOP;
END
$$;
