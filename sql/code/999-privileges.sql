-- Who may execute what: nobody anything, then the few. This file is the one home of grants, and comes last, so that a
-- new function cannot be forgotten.

DO LANGUAGE plpgsql $$
DECLARE
  member record;
BEGIN
  FOR member IN
    SELECT p.oid::pg_catalog.regprocedure AS signature
      FROM pg_catalog.pg_depend AS d
      JOIN pg_catalog.pg_extension AS x ON x.oid = d.refobjid AND x.extname = 'integratedb'
      JOIN pg_catalog.pg_proc AS p ON p.oid = d.objid
     WHERE d.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
       AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
       AND d.deptype = 'e'
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', member.signature);
  END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION
  integratedb_validate_migration(integer),
  integratedb_unmet_claims(integer),
  integratedb_preview_migration(text),
  integratedb_sync(),
  integratedb_dependents(text, text),
  integratedb_check_spec(jsonb, text),
  integratedb_claim(text, jsonb),
  integratedb_notify(text, jsonb)
TO PUBLIC;

GRANT EXECUTE ON FUNCTION
  integratedb_create_stakeholder(text, timestamptz),
  integratedb_rename_stakeholder(text, text),
  integratedb_rotate_password(text, timestamptz),
  integratedb_drop_stakeholder(text),
  integratedb_stakeholders(),
  integratedb_specification(text, text),
  integratedb_override(text),
  integratedb_access(text),
  integratedb_ddl_events(timestamptz, integer),
  integratedb_configure(text, text),
  integratedb_status(),
  integratedb_pause_channel(text, text),
  integratedb_resume_channel(text, text),
  integratedb_redeliver(text, text),
  integratedb_deliveries(text, text, integer)
TO integratedb_admin;

GRANT USAGE ON SCHEMA integratedb TO integratedb_daemon;

GRANT EXECUTE ON FUNCTION
  integratedb.daemon_check(),
  integratedb.daemon_slot(text),
  integratedb.daemon_slot_announced(text),
  integratedb.daemon_slot_created(text, pg_lsn, bigint[]),
  integratedb.daemon_control_ids(),
  integratedb.daemon_control(pg_lsn),
  integratedb.daemon_control_passed(bigint[], pg_lsn),
  integratedb.daemon_reserve(text, pg_lsn),
  integratedb.daemon_backlog(),
  integratedb.daemon_pause(bigint, text),
  integratedb.daemon_report(bigint, text, text, integer, double precision),
  integratedb.daemon_enforce_limits(bigint, pg_lsn, bigint),
  integratedb.delivery_save(bigint[], pg_lsn[], bigint[], bytea[], text[], double precision[]),
  integratedb.delivery_load(bigint, pg_lsn, bigint, integer),
  integratedb.delivery_settle(bigint, pg_lsn[], bigint[]),
  integratedb.delivery_dead(bigint, pg_lsn[], bigint[], text)
TO integratedb_daemon;
