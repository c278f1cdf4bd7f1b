-- The roles that the data API may act as.

COMMENT ON ROLE integratedb_authenticator IS
'The data API of IntegrateDB logs in as a NOINHERIT member of this role. A member may become each role that is granted '
'to it, such as those of stakeholders, by integratedb_allow_api().';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_allow_api(stakeholder text, allowed boolean DEFAULT true)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- grants roles for admins who may not
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  present integratedb.stakeholder := integratedb.find_stakeholder(stakeholder);
  is_new CONSTANT boolean := current_setting('server_version_num')::integer >= 160000;
  of_role oid;
  grantor oid;
BEGIN
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  PERFORM integratedb.ensure_armed();
  present := integratedb.find_stakeholder(stakeholder);
  of_role := integratedb.hold_role(present);

  IF coalesce(allowed, true) THEN
    IF is_new
       OR NOT EXISTS (SELECT FROM pg_auth_members AS m WHERE m.roleid = of_role AND m.member = 'integratedb_authenticator'::regrole)
    THEN
      EXECUTE format('GRANT %I TO integratedb_authenticator', present.name)
              || CASE WHEN is_new THEN ' WITH INHERIT FALSE, SET TRUE' ELSE '' END;
    END IF;
  ELSE
    -- Since PostgreSQL 16, each grantor has a grant of its own.
    FOR grantor IN
      SELECT m.grantor FROM pg_auth_members AS m WHERE m.roleid = of_role AND m.member = 'integratedb_authenticator'::regrole
    LOOP
      EXECUTE format('REVOKE %I FROM integratedb_authenticator', present.name)
              || CASE WHEN is_new THEN format(' GRANTED BY %I', pg_get_userbyid(grantor)) ELSE '' END;
    END LOOP;
  END IF;

  PERFORM integratedb.log_own_event(
    CASE WHEN coalesce(allowed, true) THEN 'INTEGRATEDB ALLOW API' ELSE 'INTEGRATEDB DISALLOW API' END,
    format('role of %s', present.name), false);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_allow_api(text, boolean) IS
'Lets the data API act as a stakeholder, or no longer: grants its role to integratedb_authenticator, or revokes it. Takes
effect on the next request.
stakeholder: its name. allowed: false to revoke.
Errors: 42501 the role has powers that a stakeholder must not have; 42704 the role does not exist, or another role has
its name; IDB04 unknown stakeholder.
For members of integratedb_admin.';
