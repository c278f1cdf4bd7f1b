-- Roles are identified by oid. A role counts as a stakeholder's role only while it has no power that a stakeholder must
-- not have.

CREATE OR REPLACE VIEW integratedb.stakeholder_role AS
  SELECT st.id AS stakeholder_id, st.name, u.oid AS role_oid
    FROM integratedb.stakeholder AS st
    JOIN pg_catalog.pg_authid AS u ON u.oid = st.role_oid AND u.rolname = st.name;

COMMENT ON VIEW integratedb.stakeholder_role IS
'The roles of the stakeholders. A role that was dropped and recreated under the name of a stakeholder is not listed.';

CREATE OR REPLACE FUNCTION integratedb.powers_of(of_role oid)
RETURNS text
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  WITH RECURSIVE reached AS (
    SELECT of_role AS oid
    UNION
    SELECT m.roleid FROM reached AS r JOIN pg_auth_members AS m ON m.member = r.oid
  )
  SELECT string_agg(
           CASE WHEN u.oid = of_role THEN power.name ELSE format('member of %I (%s)', u.rolname, power.name) END,
           ', ' ORDER BY u.oid <> of_role, u.rolname, power.position)
    FROM reached AS r
    JOIN pg_authid AS u ON u.oid = r.oid
   CROSS JOIN LATERAL (VALUES
     (1, u.rolsuper, 'SUPERUSER'),
     (2, u.rolcreaterole, 'CREATEROLE'),
     (3, u.rolcreatedb, 'CREATEDB'),
     (4, u.rolreplication, 'REPLICATION'),
     (5, u.rolbypassrls, 'BYPASSRLS'),
     (6, u.oid <> of_role AND u.oid < 16384, 'a role of Postgres'),
     (7, u.oid <> of_role AND u.rolname LIKE 'integratedb\_%', 'a role of IntegrateDB'),
     (8, u.oid <> of_role AND EXISTS (
           SELECT FROM pg_shdepend AS d WHERE d.refclassid = 'pg_authid'::regclass AND d.refobjid = u.oid AND d.deptype = 'o'),
      'which owns objects')
   ) AS power (position, has_it, name)
   WHERE power.has_it
$$;

COMMENT ON FUNCTION integratedb.powers_of(oid) IS
'The powers that a role of a stakeholder must not have, as text for a message; null when the role has none of them. '
'Powers are attributes, and memberships in roles that have an attribute, own objects, or belong to Postgres or '
'IntegrateDB. Membership in a plain group, which only holds grants, is allowed.';

CREATE OR REPLACE FUNCTION integratedb.require_plain_role(of_role oid, role_name name, what_for text)
RETURNS void
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  powers CONSTANT text := integratedb.powers_of(of_role);
  refused boolean;
BEGIN
  IF powers IS NOT NULL THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('role %I has powers that %s must not have: %s', role_name, what_for, powers),
      detail => NULL,
      hint => format('Take them away first: ALTER ROLE %1$I NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS, and REVOKE the memberships FROM %1$I.', role_name));
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.require_plain_role(oid, name, text) IS
'Refuses a role that has powers_of(). what_for: what the role is needed for, for the message. Error: 42501.';

CREATE OR REPLACE FUNCTION integratedb.refuse_locked_role(of_role oid, problem text)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN integratedb.refuse(
    code => '55P03',
    message => format('another transaction changes role %I: %s', pg_get_userbyid(of_role), problem),
    detail => NULL,
    hint => 'Nothing was changed. End that transaction and try again: SELECT * FROM pg_locks shows who holds a lock, SELECT * FROM pg_prepared_xacts whether a prepared transaction does.');
END
$$;

COMMENT ON FUNCTION integratedb.refuse_locked_role(oid, text) IS
'Refuses to wait for a transaction that changes this role. problem: the message of Postgres. Error: 55P03.';

CREATE OR REPLACE FUNCTION integratedb.hold_role_row(of_role oid)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- A role may change its own password in a transaction that it leaves open, and everybody's claims and migrations may
-- wait meanwhile.
SET lock_timeout = '500ms'
AS $$
DECLARE
  refused boolean;
BEGIN
  PERFORM FROM pg_authid AS u WHERE u.oid = of_role FOR UPDATE;
EXCEPTION
  WHEN lock_not_available OR deadlock_detected THEN
    refused := integratedb.refuse_locked_role(of_role, SQLERRM);
END
$$;

COMMENT ON FUNCTION integratedb.hold_role_row(oid) IS
'Keeps everybody else from changing a role until the end of the transaction. Error: 55P03.';

CREATE OR REPLACE FUNCTION integratedb.hold_role(of_stakeholder integratedb.stakeholder)
RETURNS oid
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();

  -- The row lock prevents a rename of the role before this transaction ends. So statements that take the role's name
  -- are safe.
  PERFORM integratedb.hold_role_row(of_stakeholder.role_oid);
  IF NOT EXISTS (SELECT FROM pg_authid AS u WHERE u.oid = of_stakeholder.role_oid AND u.rolname = of_stakeholder.name) THEN
    refused := integratedb.refuse(
      code => '42704',
      message => format('the role of stakeholder %s does not exist', of_stakeholder.name)
                 || CASE WHEN EXISTS (SELECT FROM pg_roles AS u WHERE u.rolname = of_stakeholder.name)
                         THEN format(': role %I is another one, created since', of_stakeholder.name) ELSE '' END,
      detail => NULL,
      hint => format('If role %1$I is to be the stakeholder''s from now on: SELECT integratedb_adopt_role(%1$L). If it does not exist: CREATE ROLE %1$I LOGIN first.', of_stakeholder.name));
  END IF;

  PERFORM integratedb.require_plain_role(of_stakeholder.role_oid, of_stakeholder.name, 'a stakeholder');
  RETURN of_stakeholder.role_oid;
END
$$;

COMMENT ON FUNCTION integratedb.hold_role(integratedb.stakeholder) IS
'The oid of the stakeholder''s role, which cannot be renamed until the end of the transaction. Errors: 25006 nothing '
'can be written here; 42501 the role has powers that a stakeholder must not have; 42704 the role does not exist, or '
'another role has its name; 55P03 a transaction changes the role.';

CREATE OR REPLACE FUNCTION integratedb.is_caller(the_stakeholder integratedb.stakeholder)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN integratedb.caller() = the_stakeholder.name
     AND EXISTS (SELECT FROM integratedb.stakeholder_role AS r WHERE r.stakeholder_id = the_stakeholder.id);
END
$$;

COMMENT ON FUNCTION integratedb.is_caller(integratedb.stakeholder) IS
'Whether the session acts as this stakeholder''s own role. Error: 42501, that of caller().';

CREATE OR REPLACE FUNCTION integratedb.hold_archive()
RETURNS oid
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  archive record;
  members text;
  refused boolean;
BEGIN
  SELECT u.oid, u.rolcanlogin INTO archive FROM pg_authid AS u WHERE u.rolname = 'integratedb_archive' FOR UPDATE;
  IF NOT FOUND THEN
    CREATE ROLE integratedb_archive NOLOGIN;
    RETURN 'integratedb_archive'::regrole::oid;
  END IF;

  PERFORM integratedb.require_plain_role(archive.oid, 'integratedb_archive', 'the owner of what stakeholders leave behind');

  SELECT string_agg(m.member::regrole::text, ', ' ORDER BY m.member::regrole::text)
    INTO members
    FROM pg_auth_members AS m
   WHERE m.roleid = archive.oid;
  IF archive.rolcanlogin OR members IS NOT NULL THEN
    refused := integratedb.refuse(
      code => '42501',
      message => 'role integratedb_archive can be used' || coalesce(' by ' || members, ''),
      detail => 'It owns what dropped stakeholders left behind, among it their code, and must be nobody''s.',
      hint => 'ALTER ROLE integratedb_archive NOLOGIN' || coalesce('; REVOKE integratedb_archive FROM ' || members, '') || '.');
  END IF;

  RETURN archive.oid;
END
$$;

COMMENT ON FUNCTION integratedb.hold_archive() IS
'The oid of the role that owns the objects which dropped stakeholders left behind. The role must not log in, have '
'members, or have powers. The function creates the role if it does not exist. Error: 42501 somebody can use the role.';
