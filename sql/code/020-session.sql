-- Who is asking, in what kind of session, under which settings; and the lock.

COMMENT ON SCHEMA integratedb IS 'Everything internal of the extension integratedb; its functions for users are integratedb_... in the schema that it was created in.';
COMMENT ON ROLE integratedb_admin IS 'Members manage the stakeholders, claims and settings of IntegrateDB, in every database of the cluster that has the extension.';
COMMENT ON ROLE integratedb_daemon IS 'The program that runs beside IntegrateDB logs in as a member: it reads specifications and writes deliveries, through functions only.';

CREATE OR REPLACE FUNCTION integratedb.caller()
RETURNS name
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN CASE current_setting('role') WHEN 'none' THEN SESSION_USER ELSE current_setting('role')::name END;
END
$$;

COMMENT ON FUNCTION integratedb.caller() IS 'The role that the session acts as: SET ROLE, else the login. current_user cannot say it inside SECURITY DEFINER, nor, from PG 18, in a deferred trigger; the setting "role" cannot be set without membership. Code that runs for somebody else (index expressions under REINDEX or ANALYZE) would pass for that one: hand_in() makes sure that it is not in such a place.';

CREATE OR REPLACE FUNCTION integratedb.is_admin(role_name name)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT EXISTS (
      SELECT FROM pg_roles AS r
       WHERE r.rolname = role_name
         AND (r.rolsuper OR pg_has_role(r.oid, 'integratedb_admin', 'USAGE'))));
END
$$;

COMMENT ON FUNCTION integratedb.is_admin(name) IS 'Whether the role is a superuser or has the rights of integratedb_admin; false for a role that does not exist.';

CREATE OR REPLACE FUNCTION integratedb.is_restore_session()
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF current_setting('check_function_bodies')::boolean
     OR current_setting('row_security')::boolean
     OR NOT integratedb.is_admin(SESSION_USER) THEN
    RETURN false;
  END IF;

  -- What the database, a role or a connection's options set is in force in every session: nobody restores a dump there.
  RETURN (
    SELECT count(*) = 2
      FROM pg_settings AS s
     WHERE s.name IN ('check_function_bodies', 'row_security')
       AND s.source = 'session');
END
$$;

COMMENT ON FUNCTION integratedb.is_restore_session() IS 'Whether pg_dump''s own settings (check_function_bodies and row_security off) are on for a login that may skip the checks: a dump being restored. They count where the session itself has SET them, as pg_restore and psql do, and not where ALTER DATABASE, ALTER ROLE, a configuration file or options of the connection did.';

CREATE OR REPLACE FUNCTION integratedb.setting_value(setting text)
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT coalesce(
      (SELECT s.value FROM integratedb.setting AS s WHERE s.name = setting),
      CASE setting WHEN 'enforcement' THEN 'commit' WHEN 'ddl_event_retention' THEN '90 days' END));
END
$$;

COMMENT ON FUNCTION integratedb.setting_value(text) IS 'The value of a setting, or its default; null for a name that is no setting.';

CREATE OR REPLACE FUNCTION integratedb.is_own_xid(tuple_xmin xid)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  epoch CONSTANT bigint := 4294967296;
  present CONSTANT bigint := pg_current_xact_id()::text::bigint;
  full_xid bigint := tuple_xmin::text::bigint;
BEGIN
  -- 0 to 2 are permanent identifiers: a bootstrapped or frozen row.
  IF full_xid < 3 THEN
    RETURN false;
  END IF;

  full_xid := present - present % epoch + full_xid;

  -- A row that we see was written at most half an epoch ago; a subtransaction's identifier may be after ours.
  IF full_xid - present > epoch / 2 THEN
    full_xid := full_xid - epoch;
  ELSIF present - full_xid > epoch / 2 THEN
    full_xid := full_xid + epoch;
  END IF;

  RETURN full_xid >= 3 AND coalesce(pg_xact_status(full_xid::text::xid8) = 'in progress', false);
END
$$;

COMMENT ON FUNCTION integratedb.is_own_xid(xid) IS 'Whether this transaction, or a subtransaction of it, wrote a row that it can see: xmin of the row is still in progress.';

CREATE OR REPLACE FUNCTION integratedb.require_writable()
RETURNS void
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  refused boolean;
BEGIN
  -- Always on while a server is in recovery.
  IF NOT current_setting('transaction_read_only')::boolean THEN
    RETURN;
  END IF;

  IF pg_is_in_recovery() THEN
    refused := integratedb.refuse(
      code => '25006',
      message => 'this server is a standby, where nothing can be changed',
      detail => NULL,
      hint => 'Do it on the primary. What only reads works here too, such as integratedb_unmet_claims() and integratedb_status().');
  END IF;

  refused := integratedb.refuse(
    code => '25006',
    message => 'this transaction is read-only',
    detail => NULL,
    hint => 'BEGIN READ WRITE, or SET default_transaction_read_only = off.');
END
$$;

COMMENT ON FUNCTION integratedb.require_writable() IS 'Refuses what writes, where nothing can be written: on a standby, in a read-only transaction. Error: 25006.';

CREATE OR REPLACE FUNCTION integratedb.take_lock()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();
  UPDATE integratedb.serialisation SET taken = taken + 1;
EXCEPTION
  WHEN serialization_failure OR deadlock_detected OR lock_not_available THEN
    refused := integratedb.refuse(
      code => SQLSTATE,
      message => format('a claim or a migration in another transaction came in between: %s', SQLERRM),
      detail => NULL,
      hint => 'Nothing was changed. Run the transaction again. An admin sees by SELECT * FROM integratedb_status() who holds the lock.');
END
$$;

COMMENT ON FUNCTION integratedb.take_lock() IS 'Locks claims against migrations until the end of the transaction. Errors: 25006 nothing can be written here; 40001, 40P01, 55P03, each with a HINT to retry.';
