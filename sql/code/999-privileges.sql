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
  integratedb_claim(text, jsonb)
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
  integratedb_status()
TO integratedb_admin;
