-- Creates, renames and re-keys stakeholders. A stakeholder has a name, a login role and a private schema.

CREATE OR REPLACE FUNCTION integratedb.stakeholder_name(given text)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- COLLATE "C" is needed because lower() of other collations turns some letters, such as the Kelvin sign, into ASCII
  -- letters.
  normalised CONSTANT text := lower(btrim(given, E' \t\r\n') COLLATE "C");
  refused boolean;
BEGIN
  IF normalised IS NULL
     OR normalised !~ '^[a-z_][a-z0-9_]{0,31}$'
     OR normalised ~ '^(pg_|integratedb)'
     OR normalised IN ('public', 'none', 'information_schema') THEN
    refused := integratedb.refuse(
      code => 'IDB06',
      message => format('invalid stakeholder name: %s', coalesce(quote_literal(left(given, 80)), 'null')),
      detail => NULL,
      hint => 'A name is trimmed and lower-cased, then 1 to 32 of a-z, 0-9 and _, no digit first; not pg_..., integratedb..., public, none or information_schema.');
  END IF;

  RETURN normalised;
END
$$;

COMMENT ON FUNCTION integratedb.stakeholder_name(text) IS 'The name of a stakeholder in its stored form. Error: IDB06.';

CREATE OR REPLACE FUNCTION integratedb.find_stakeholder(given text)
RETURNS integratedb.stakeholder
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  found_row integratedb.stakeholder;
  refused boolean;
BEGIN
  SELECT st.* INTO found_row FROM integratedb.stakeholder AS st WHERE st.name = lower(btrim(given, E' \t\r\n') COLLATE "C");
  IF NOT FOUND THEN
    refused := integratedb.refuse(
      code => 'IDB04',
      message => format('unknown stakeholder: %s', coalesce(quote_literal(left(given, 80)), 'null')),
      detail => NULL,
      hint => 'An admin lists them with SELECT * FROM integratedb_stakeholders(), and adds one with SELECT * FROM integratedb_create_stakeholder(name).');
  END IF;

  RETURN found_row;
END
$$;

COMMENT ON FUNCTION integratedb.find_stakeholder(text) IS
'The stakeholder with this name, trimmed and lower-cased. Error: IDB04.';

CREATE OR REPLACE FUNCTION integratedb.claims_on_schema(wanted name, but_of bigint)
RETURNS TABLE (stakeholder text, kind text)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT DISTINCT st.name, s.kind
    FROM (SELECT c.specification_id FROM integratedb.claim AS c WHERE c.wildcard_schema = wanted
          UNION
          SELECT c.specification_id
            FROM integratedb.claim_relation AS cr
            JOIN integratedb.claim AS c ON c.id = cr.claim_id
           WHERE cr.schema_name = wanted) AS named
    JOIN integratedb.specification AS s ON s.id = named.specification_id
    JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
   WHERE st.id IS DISTINCT FROM but_of
$$;

COMMENT ON FUNCTION integratedb.claims_on_schema(name, bigint) IS
'The stakeholders whose specifications name this schema, existing or not, also in alternatives and optional matches. '
'but_of: excludes this stakeholder.';

CREATE OR REPLACE FUNCTION integratedb.require_free_name(wanted text, for_stakeholder bigint)
RETURNS void
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  taken_by CONSTANT text := CASE
    WHEN EXISTS (SELECT FROM integratedb.stakeholder AS st WHERE st.name = wanted) THEN 'a stakeholder'
    WHEN EXISTS (SELECT FROM pg_roles AS u WHERE u.rolname = wanted) THEN 'a role'
    WHEN EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = wanted) THEN 'a schema'
  END;
  claimed_by text;
  refused boolean;
BEGIN
  IF taken_by IS NOT NULL THEN
    refused := integratedb.refuse(
      code => 'IDB05',
      message => format('stakeholder exists: %s is taken by %s', quote_literal(wanted), taken_by),
      detail => NULL,
      hint => 'A stakeholder needs its name for itself, for a role of the cluster and for a schema of this database. Choose another one.');
  END IF;

  -- A claim submitted before the schema exists would read the private schema of a stakeholder that never agreed.
  SELECT string_agg(format('%s (%s)', c.stakeholder, c.kind), E'\n' ORDER BY c.stakeholder, c.kind)
    INTO claimed_by
    FROM integratedb.claims_on_schema(wanted, but_of => for_stakeholder) AS c;
  IF claimed_by IS NOT NULL THEN
    -- The message names no stakeholder, because the management API shows the message to users who manage only some
    -- stakeholders.
    refused := integratedb.refuse(
      code => 'IDB05',
      message => format('a schema of the name %s is claimed already, so it would not be private', quote_literal(wanted)),
      detail => claimed_by,
      hint => 'Choose another name. Or submit the specifications in DETAIL without that schema, then create or rename the stakeholder, then claim again.');
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.require_free_name(text, bigint) IS
'Refuses a name that a stakeholder, role or schema has, and the name of a schema that other stakeholders claim. '
'for_stakeholder: the stakeholder that gets the name; null: a new one. Error: IDB05.';

CREATE OR REPLACE FUNCTION integratedb.set_new_password(of_role oid, valid_until timestamptz)
RETURNS text
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  secret record;
BEGIN
  PERFORM integratedb.require_writable();
  SELECT * INTO secret FROM integratedb.new_password();

  -- ALTER ROLE would need the verifier in its text, which pg_stat_statements and messages about a lock wait show.
  UPDATE pg_authid AS u
     SET rolpassword = secret.verifier,
         rolvaliduntil = coalesce(set_new_password.valid_until, 'infinity')
   WHERE u.oid = of_role;
  RETURN secret.password;
END
$$;

COMMENT ON FUNCTION integratedb.set_new_password(oid, timestamptz) IS
'Gives a role a new password. Postgres sees only the verifier, and no statement contains the verifier. valid_until: '
'when the password expires; null: never. Returns the password.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_create_stakeholder(stakeholder text, valid_until timestamptz DEFAULT NULL)
RETURNS TABLE (id bigint, name text, username text, password text)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- creates roles and schemas for admins who may not
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  new_name CONSTANT text := integratedb.stakeholder_name(stakeholder);
  new_role oid;
BEGIN
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  PERFORM integratedb.take_lock();
  PERFORM integratedb.require_free_name(new_name, NULL);

  EXECUTE format(
    'CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT NOREPLICATION NOBYPASSRLS', new_name);
  EXECUTE format('CREATE SCHEMA %I AUTHORIZATION %I', new_name, new_name);
  EXECUTE format(
    'GRANT EXECUTE ON FUNCTION @extschema@.integratedb_specification(text, text), @extschema@.integratedb_access(text), @extschema@.integratedb_status() TO %I',
    new_name);

  INSERT INTO integratedb.stakeholder AS st (name, role_oid)
  SELECT new_name, u.oid FROM pg_roles AS u WHERE u.rolname = new_name
  RETURNING st.id, st.role_oid INTO id, new_role;

  name := new_name;
  username := new_name;
  password := integratedb.set_new_password(new_role, valid_until);
  RETURN NEXT;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_create_stakeholder(text, timestamptz) IS
'Creates a stakeholder: a login role and a private schema of its name.
stakeholder: the name, trimmed and lower-cased; 1 to 32 of a-z, 0-9, _.
valid_until: when the password expires; null: never.
Returns id, name, username and password. The password is shown only once: Postgres keeps only a SCRAM-SHA-256 verifier
(RFC 7677).
Errors: IDB05 the name is taken by a stakeholder, role or schema, or others claim a schema of that name; IDB06 the name
is not valid.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION integratedb.rename_role(of_role oid, old_name text, new_name text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- The role may change its schema in a transaction that it leaves open, and everybody's claims and migrations wait
-- meanwhile.
SET lock_timeout = '500ms'
AS $$
DECLARE
  refused boolean;
BEGIN
  EXECUTE format('ALTER ROLE %I RENAME TO %I', old_name, new_name);
  IF EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = old_name AND n.nspowner = of_role) THEN
    EXECUTE format('ALTER SCHEMA %I RENAME TO %I', old_name, new_name);
  END IF;
EXCEPTION
  WHEN lock_not_available OR deadlock_detected THEN
    refused := integratedb.refuse_locked_role(of_role, SQLERRM);
END
$$;

COMMENT ON FUNCTION integratedb.rename_role(oid, text, text) IS
'Renames a role, and its schema of the same name. Error: 55P03.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_rename_stakeholder(stakeholder text, new_name text)
RETURNS TABLE (id bigint, name text, username text, password text)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- renames roles and schemas for admins who may not
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  present integratedb.stakeholder := integratedb.find_stakeholder(stakeholder);
  wanted CONSTANT text := integratedb.stakeholder_name(new_name);
  of_role oid;
  expires timestamptz;
  misnamed text;
BEGIN
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  PERFORM integratedb.take_lock();
  PERFORM integratedb.ensure_armed();
  present := integratedb.find_stakeholder(stakeholder);
  PERFORM integratedb.require_free_name(wanted, present.id);
  of_role := integratedb.hold_role(present);

  SELECT u.rolvaliduntil INTO expires FROM pg_roles AS u WHERE u.oid = of_role;

  PERFORM integratedb.rename_role(of_role, present.name, wanted);
  UPDATE integratedb.stakeholder AS st SET name = wanted WHERE st.id = present.id;
  PERFORM integratedb.set_lease_role(integratedb.lease_role(l), wanted::name)
     FROM integratedb.lease AS l
    WHERE l.stakeholder_id = present.id
      AND integratedb.lease_role(l) IS NOT NULL;
  PERFORM integratedb.add_surface_stakeholders(ARRAY[present.id]);

  SELECT string_agg(ch.name, ', ' ORDER BY ch.id)
    INTO misnamed
    FROM integratedb.channel AS ch
   WHERE ch.stakeholder_id = present.id
     AND (ch.settings ->> 'url' LIKE 'env:%' OR ch.settings ->> 'secret' LIKE 'env:%');
  IF misnamed IS NOT NULL THEN
    RAISE WARNING 'channels of % name environment variables of %, which the daemon does not use any more: %', wanted, present.name, misnamed
      USING HINT = format('Set variables that begin with INTEGRATEDB_SECRET_%s__ for the daemon, and submit the channels with their names: integratedb_notify().', upper(wanted));
  END IF;

  id := present.id;
  name := wanted;
  username := wanted;
  password := integratedb.set_new_password(of_role, expires);
  RETURN NEXT;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_rename_stakeholder(text, text) IS
'Renames a stakeholder, its role and its schema together, and gives it a new password. Claims and grants stay.
stakeholder: present name. new_name: as for integratedb_create_stakeholder().
Returns id, name, username and password. The password is shown only once.
Errors: 42501 the role has powers that a stakeholder must not have; 42704 the role does not exist, or another role has
its name; IDB01 at COMMIT, when others claim tables of the schema; IDB04 unknown stakeholder; IDB05 the new name is
taken, or others claim a schema of that name; IDB06 the new name is not valid.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_rotate_password(stakeholder text, valid_until timestamptz DEFAULT NULL)
RETURNS TABLE (id bigint, name text, username text, password text)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- alters roles for admins who may not
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  present integratedb.stakeholder := integratedb.find_stakeholder(stakeholder);
BEGIN
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  PERFORM integratedb.ensure_armed();
  present := integratedb.find_stakeholder(stakeholder);
  id := present.id;
  name := present.name;
  username := present.name;
  password := integratedb.set_new_password(integratedb.hold_role(present), valid_until);
  RETURN NEXT;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_rotate_password(text, timestamptz) IS
'Gives a stakeholder a new password. Open sessions continue.
stakeholder: its name. valid_until: when the password expires; null: never.
Returns id, name, username and password. The password is shown only once.
Errors: 42501 the role has powers that a stakeholder must not have; 42704 the role does not exist, or another role has
its name; IDB04 unknown stakeholder.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_adopt_role(stakeholder text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- grants on tables of any owner
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  present CONSTANT integratedb.stakeholder := integratedb.find_stakeholder(stakeholder);
  candidate oid;
  refused boolean;
BEGIN
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  PERFORM integratedb.take_lock();

  SELECT u.oid INTO candidate FROM pg_authid AS u WHERE u.rolname = present.name;
  PERFORM integratedb.hold_role_row(candidate);
  IF NOT EXISTS (SELECT FROM pg_authid AS u WHERE u.oid = candidate AND u.rolname = present.name) THEN
    refused := integratedb.refuse(
      code => '42704',
      message => format('there is no role %I for stakeholder %s', present.name, present.name),
      detail => NULL,
      hint => format('CREATE ROLE %I LOGIN first, or restore the roles.', present.name));
  END IF;
  PERFORM integratedb.require_plain_role(candidate, present.name, 'a stakeholder');

  UPDATE integratedb.stakeholder AS st SET role_oid = candidate, role_database = current_database() WHERE st.id = present.id;
  -- They act as the earlier role.
  PERFORM integratedb.end_leases(ARRAY(SELECT l.id FROM integratedb.lease AS l WHERE l.stakeholder_id = present.id));
  EXECUTE format(
    'GRANT EXECUTE ON FUNCTION @extschema@.integratedb_specification(text, text), @extschema@.integratedb_access(text), @extschema@.integratedb_status() TO %I',
    present.name);
  PERFORM integratedb.sync_all();
  PERFORM integratedb.log_own_event('INTEGRATEDB ADOPT', format('role of %s', present.name), true);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_adopt_role(text) IS
'Makes the role with the stakeholder''s name the stakeholder''s role, and grants it what the stakeholder claims. Use it
when the role was dropped and recreated, or restored after the database. Leases of the earlier role end.
stakeholder: its name.
Errors: 42501 the role has powers that a stakeholder must not have; 42704 the role does not exist; IDB04 unknown
stakeholder; 40001, 40P01, 55P03: retry.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_stakeholders()
RETURNS TABLE (id bigint, name text, created_at timestamptz, claims bigint, notifications bigint, unmet bigint)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads tables that admins cannot
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    SELECT st.id,
           st.name,
           st.created_at,
           count(c.id) FILTER (WHERE s.kind = 'claims'),
           count(c.id) FILTER (WHERE s.kind = 'notifications'),
           count(c.id) FILTER (WHERE u.claim_id IS NOT NULL)
      FROM integratedb.stakeholder AS st
      LEFT JOIN integratedb.specification AS s ON s.stakeholder_id = st.id
      LEFT JOIN integratedb.claim AS c ON c.specification_id = s.id
      LEFT JOIN integratedb.broken_claim AS u ON u.claim_id = c.id
     GROUP BY st.id
     ORDER BY st.name;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_stakeholders() IS
'The stakeholders of this database.
Returns id, name, created_at, and how many matches each has: claims, notifications, unmet.
For members of integratedb_admin.';
