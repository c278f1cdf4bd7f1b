-- Leases: a temporary login that acts as a stakeholder. Its role is dropped when it ends.

CREATE OR REPLACE FUNCTION integratedb.find_leases()
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- 0 is no role.
  UPDATE integratedb.lease AS l SET role_oid = coalesce((SELECT u.oid FROM pg_roles AS u WHERE u.rolname = l.role_name), 0)
$$;

COMMENT ON FUNCTION integratedb.find_leases() IS 'After a restore, finds the roles of leases again by their names.';

CREATE OR REPLACE FUNCTION integratedb.lease_role(of_lease integratedb.lease)
RETURNS oid
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT u.oid FROM pg_authid AS u WHERE u.oid = of_lease.role_oid AND u.rolname = of_lease.role_name
$$;

COMMENT ON FUNCTION integratedb.lease_role(integratedb.lease) IS 'The role of a lease; null where it does not exist.';

CREATE OR REPLACE FUNCTION integratedb.set_lease_role(of_role oid, stakeholder name)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Whoever has the lease may lock the row, and everybody's claims and migrations wait meanwhile.
SET lock_timeout = '500ms'
AS $$
DECLARE
  refused boolean;
BEGIN
  -- ALTER ROLE refuses to set this one in a SECURITY DEFINER function.
  DELETE FROM pg_db_role_setting AS s WHERE s.setrole = of_role AND s.setdatabase = 0;
  INSERT INTO pg_db_role_setting (setdatabase, setrole, setconfig) VALUES (0, of_role, ARRAY['role=' || stakeholder]);
EXCEPTION
  WHEN lock_not_available OR deadlock_detected THEN
    refused := integratedb.refuse_locked_role(of_role, SQLERRM);
END
$$;

COMMENT ON FUNCTION integratedb.set_lease_role(oid, name) IS
'Lets the sessions of a lease''s role begin as the stakeholder, so that what they create is the stakeholder''s. Error: '
'55P03.';

CREATE OR REPLACE FUNCTION integratedb.lock_out(of_role oid)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET lock_timeout = '200ms'
AS $$
DECLARE
  refused boolean;
BEGIN
  -- A session of the role may lock its row, by ALTER ROLE CURRENT_USER. So its sessions are ended first, and again if
  -- another one begins meanwhile.
  FOR round IN 1 .. 5 LOOP
    PERFORM integratedb.end_sessions(of_role, '1 s');
    BEGIN
      UPDATE pg_authid AS u
         SET rolcanlogin = false,
             rolvaliduntil = least(u.rolvaliduntil, clock_timestamp())
       WHERE u.oid = of_role;
      PERFORM integratedb.end_sessions(of_role, '1 s');
      RETURN;
    EXCEPTION
      WHEN lock_not_available OR deadlock_detected THEN
        IF round = 5 THEN
          refused := integratedb.refuse_locked_role(of_role, SQLERRM);
        END IF;
    END;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.lock_out(oid) IS
'Ends the sessions of a role, which cannot log in any more. Error: 55P03 a transaction that outlives its session, '
'because it is prepared, has changed the role.';

CREATE OR REPLACE FUNCTION integratedb.drop_lease_role(of_role oid, role_name name, heir name)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- A prepared transaction may hold locks on what the role owns.
  before CONSTANT text := integratedb.bound_waiting();
  elsewhere text;
  refused boolean;
BEGIN
  PERFORM integratedb.lock_out(of_role);
  PERFORM integratedb.refuse_owner_of_shared(of_role, role_name);

  -- A session that ends meanwhile may still create objects. DROP ROLE finds them, and the next round hands them over.
  FOR round IN 1 .. 20 LOOP
    PERFORM integratedb.end_sessions(of_role, '1 s');
    -- REASSIGN does not see objects that are created while it waits for a lock, and DROP OWNED would drop them.
    FOR turn IN 1 .. 2 LOOP
      EXECUTE format('REASSIGN OWNED BY %I TO %I', role_name, heir);
    END LOOP;
    CONTINUE WHEN NOT integratedb.is_handed_over(of_role);
    EXECUTE format('DROP OWNED BY %I', role_name);

    elsewhere := integratedb.used_elsewhere(of_role);
    IF elsewhere IS NOT NULL THEN
      EXECUTE format('REVOKE %I FROM %I', heir, role_name);
      RAISE WARNING 'role % of a lease is kept, without login and rights: it is used in database %', quote_ident(role_name), elsewhere
        USING HINT = format('There: DROP OWNED BY %I; then DROP ROLE %I.', role_name, role_name);
      PERFORM set_config('lock_timeout', before, true);
      RETURN;
    END IF;

    BEGIN
      EXECUTE format('DROP ROLE %I', role_name);
      PERFORM integratedb.end_sessions(of_role, '1 s');
      PERFORM set_config('lock_timeout', before, true);
      RETURN;
    EXCEPTION
      WHEN dependent_objects_still_exist THEN
        NULL;
    END;
  END LOOP;

  refused := integratedb.refuse(
    code => '55006',
    message => format('role %I of a lease is in use: others who may SET ROLE to it go on creating objects that it owns', role_name),
    detail => (SELECT string_agg(format('%I is a member of it', m.member::regrole::text), E'\n' ORDER BY m.member::regrole::text) FROM pg_auth_members AS m WHERE m.roleid = of_role),
    hint => format('Nothing was changed. REVOKE %I FROM these roles, and try again.', role_name));
EXCEPTION
  WHEN lock_not_available OR deadlock_detected THEN
    refused := integratedb.refuse(
      code => SQLSTATE,
      message => format('another transaction locks what role %I owns: %s', role_name, SQLERRM),
      detail => NULL,
      hint => 'Nothing was changed. SELECT * FROM pg_locks shows who holds a lock, SELECT * FROM pg_prepared_xacts whether a prepared transaction does. End that one and try again.');
END
$$;

COMMENT ON FUNCTION integratedb.drop_lease_role(oid, name, name) IS
'Ends the sessions of a lease''s role, gives what it owns to the stakeholder''s role (heir), and drops it. A role that '
'another database uses is kept without login and rights, with a WARNING. Errors: 2BP01 it owns a database; 55006 it is '
'in use; 40P01, 55P03 another transaction locks what it owns.';

CREATE OR REPLACE FUNCTION integratedb.end_leases(ids bigint[])
RETURNS integer
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  of_lease integratedb.lease;
  of_role oid;
  heir name;
  number integer := 0;
BEGIN
  FOR of_lease IN SELECT l.* FROM integratedb.lease AS l WHERE l.id = ANY (ids) ORDER BY l.id FOR UPDATE LOOP
    of_role := integratedb.lease_role(of_lease);
    IF of_role IS NOT NULL THEN
      heir := (SELECT r.name::name FROM integratedb.stakeholder_role AS r WHERE r.stakeholder_id = of_lease.stakeholder_id);
      IF heir IS NULL THEN
        PERFORM integratedb.lock_out(of_role);
        PERFORM integratedb.drop_role(of_role, of_lease.role_name);
      ELSE
        PERFORM integratedb.drop_lease_role(of_role, of_lease.role_name, heir);
      END IF;
    END IF;
    DELETE FROM integratedb.lease AS l WHERE l.id = of_lease.id;
    number := number + 1;
  END LOOP;
  RETURN number;
END
$$;

COMMENT ON FUNCTION integratedb.end_leases(bigint[]) IS
'Ends these leases: their sessions end, and their roles are dropped. What they own is the stakeholder''s then, or the '
'archive''s where the stakeholder has no role. Returns how many there were. Errors: those of drop_lease_role().';

CREATE OR REPLACE FUNCTION integratedb.due_leases()
RETURNS bigint[]
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- A copy of the database has the same leases. Where it has renewed one, the role is valid for longer.
  SELECT coalesce(array_agg(l.id), '{}')
    FROM integratedb.lease AS l
    LEFT JOIN pg_authid AS u ON u.oid = l.role_oid AND u.rolname = l.role_name
   WHERE greatest(l.valid_until, u.rolvaliduntil) <= clock_timestamp()
$$;

COMMENT ON FUNCTION integratedb.due_leases() IS 'The leases whose time is over.';

CREATE OR REPLACE FUNCTION integratedb.end_lease_sessions(ids bigint[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.end_sessions(integratedb.lease_role(l))
     FROM integratedb.lease AS l
    WHERE l.id = ANY (ids)
      AND integratedb.lease_role(l) IS NOT NULL;
END
$$;

COMMENT ON FUNCTION integratedb.end_lease_sessions(bigint[]) IS
'Ends the sessions of these leases. It may take a while, so it runs before the lock between claims and migrations is '
'taken.';

CREATE OR REPLACE FUNCTION integratedb.check_here()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- on_commit() puts the check back in the queue once in a statement, so the second command runs it.
  FOR round IN 1 .. 2 LOOP
    SET CONSTRAINTS integratedb.ddl_event_check IMMEDIATE;
    SET CONSTRAINTS integratedb.ddl_event_check DEFERRED;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.check_here() IS
'Runs the check at COMMIT now, so that the caller can undo what it refuses. Errors: those of a COMMIT.';

CREATE OR REPLACE FUNCTION integratedb.try_to_end_leases(ids bigint[])
RETURNS integer
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Everybody's claims and migrations wait meanwhile.
SET lock_timeout = '500ms'
AS $$
DECLARE
  over record;
  number integer := 0;
  in_the_way text;
  what_to_do text;
BEGIN
  FOR over IN
    SELECT l.id, l.role_name, integratedb.lease_role(l) AS role_oid
      FROM integratedb.lease AS l
     WHERE l.id = ANY (ids)
     ORDER BY l.id
       FOR UPDATE
  LOOP
    -- Whoever has a lease can stand in the way in many ways: by locks, by thousands of objects, by what others claim of
    -- its objects. That keeps no other lease from ending, and its login is of no use any more.
    BEGIN
      UPDATE integratedb.lease AS l SET valid_until = least(l.valid_until, clock_timestamp()) WHERE l.id = over.id;
      IF over.role_oid IS NOT NULL THEN
        PERFORM integratedb.lock_out(over.role_oid);
        IF EXISTS (SELECT FROM pg_stat_activity AS a WHERE a.usesysid = over.role_oid) THEN
          RAISE WARNING 'lease % is over, but its role % cannot be dropped yet: it has a session that does not end', over.id, over.role_name
            USING HINT = 'The role cannot log in. The daemon, or the next lease, tries again.';
          CONTINUE;
        END IF;
      END IF;
      BEGIN
        PERFORM integratedb.end_leases(ARRAY[over.id]);
        PERFORM integratedb.check_here();
        number := number + 1;
      EXCEPTION
        WHEN OTHERS THEN
          GET STACKED DIAGNOSTICS in_the_way = PG_EXCEPTION_DETAIL;
          RAISE WARNING 'lease % is over, but its role % cannot be dropped yet: %', over.id, over.role_name, SQLERRM
            USING DETAIL = in_the_way,
                  HINT = 'The role cannot log in. The daemon, or the next lease, tries again.';
      END;

    EXCEPTION
      WHEN lock_not_available OR deadlock_detected THEN
        GET STACKED DIAGNOSTICS what_to_do = PG_EXCEPTION_HINT;
        RAISE WARNING 'lease % is over, but its role % can still log in: %', over.id, over.role_name, SQLERRM
          USING HINT = what_to_do;
    END;
  END LOOP;
  RETURN number;
END
$$;

COMMENT ON FUNCTION integratedb.try_to_end_leases(bigint[]) IS
'Ends these leases now. Returns how many. A WARNING names each whose role cannot be dropped yet; its sessions are ended, '
'and it cannot log in.';

CREATE OR REPLACE FUNCTION integratedb.daemon_end_leases()
RETURNS integer
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions; drops roles
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF integratedb.due_leases() = '{}' OR NOT integratedb.is_armed() THEN
    RETURN 0;
  END IF;

  PERFORM integratedb.end_lease_sessions(integratedb.due_leases());
  PERFORM integratedb.take_lock();
  RETURN integratedb.try_to_end_leases(integratedb.due_leases());
END
$$;

COMMENT ON FUNCTION integratedb.daemon_end_leases() IS
'Ends the leases whose time is over, as try_to_end_leases() does. Returns how many. Errors: 40001, 55P03: retry.';

CREATE OR REPLACE FUNCTION integratedb.require_lease_ttl(ttl interval, leased_at timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  longest CONSTANT timestamptz := leased_at + integratedb.setting_value('max_lease_ttl')::interval;
  valid_until timestamptz;
  refused boolean;
BEGIN
  BEGIN
    valid_until := now() + ttl;
  EXCEPTION
    WHEN datetime_field_overflow THEN
      valid_until := 'infinity';
  END;

  IF valid_until IS NULL OR valid_until <= now() OR valid_until > longest THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('a lease cannot last %s', coalesce(ttl::text, 'null')),
      detail => format('The setting max_lease_ttl is %s, counted from its beginning.', integratedb.setting_value('max_lease_ttl')),
      hint => 'Give an interval that ends before, such as 1 hour. For longer, lease again: SELECT * FROM integratedb_lease(stakeholder).');
  END IF;

  RETURN valid_until;
END
$$;

COMMENT ON FUNCTION integratedb.require_lease_ttl(interval, timestamptz) IS
'When a lease that began at leased_at ends after this time from now. Error: 22023 beyond the setting max_lease_ttl.';

CREATE OR REPLACE FUNCTION integratedb.leasing_admin()
RETURNS name
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  caller CONSTANT name := integratedb.caller();
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();
  IF NOT integratedb.is_admin(caller) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: role %I is no member of integratedb_admin', caller),
      detail => NULL,
      hint => 'Ask a member of integratedb_admin.');
  END IF;
  RETURN caller;
END
$$;

COMMENT ON FUNCTION integratedb.leasing_admin() IS
'The caller(), who must be an admin: a SECURITY DEFINER function of an admin must not lease for others. Error: 42501.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_lease(stakeholder text, ttl interval DEFAULT '1 hour', note text DEFAULT NULL)
RETURNS TABLE (id bigint, username text, password text, valid_until timestamptz)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- creates roles for admins who may not
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  caller CONSTANT name := integratedb.leasing_admin();
  owner integratedb.stakeholder := integratedb.find_stakeholder(integratedb_lease.stakeholder);
  words CONSTANT text := nullif(btrim(integratedb_lease.note), '');
  ends_at CONSTANT timestamptz := integratedb.require_lease_ttl(integratedb_lease.ttl, now());
  new_role name;
  role_oid oid;
  refused boolean;
BEGIN
  IF length(words) > 1000 THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('the note has %s characters; at most 1000 are allowed', length(words)),
      detail => NULL,
      hint => 'Say what the login is for, such as the number of a job.');
  END IF;

  PERFORM integratedb.end_lease_sessions(integratedb.due_leases());
  PERFORM integratedb.take_lock();
  PERFORM integratedb.ensure_armed();
  owner := integratedb.find_stakeholder(integratedb_lease.stakeholder);
  PERFORM integratedb.hold_role(owner);
  PERFORM integratedb.try_to_end_leases(integratedb.due_leases());

  LOOP
    new_role := format('%s__%s', owner.name, left(replace(gen_random_uuid()::text, '-', ''), 8))::name;
    EXIT WHEN NOT EXISTS (SELECT FROM pg_authid AS u WHERE u.rolname = new_role);
  END LOOP;
  EXECUTE format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE INHERIT NOREPLICATION NOBYPASSRLS', new_role);
  EXECUTE format('GRANT %I TO %I', owner.name, new_role);
  SELECT u.oid INTO role_oid FROM pg_authid AS u WHERE u.rolname = new_role;

  INSERT INTO integratedb.lease AS l (stakeholder_id, role_oid, role_name, note, leased_by, valid_until)
  VALUES (owner.id, role_oid, new_role, words, caller, ends_at)
  RETURNING l.id INTO id;
  PERFORM integratedb.set_lease_role(role_oid, owner.name::name);
  username := new_role::text;
  valid_until := ends_at;
  password := integratedb.set_new_password(role_oid, ends_at);
  PERFORM integratedb.log_own_event(
    'INTEGRATEDB LEASE', format('%s until %s', new_role, to_char(ends_at, 'YYYY-MM-DD HH24:MI TZ')) || coalesce(': ' || words, ''), false);
  RETURN NEXT;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_lease(text, interval, text) IS
'Creates a temporary login that acts as a stakeholder: it reads what the stakeholder may read, and what it creates is
the stakeholder''s. When its time is over, its sessions are ended and its role is dropped: by the daemon, or by the next
lease. Without a daemon, no new session begins after that time.
stakeholder: its name. ttl: how long, up to the setting max_lease_ttl. note: what it is for.
Returns id, username, password and valid_until. The password is shown only once.
Errors: 22023 a time beyond max_lease_ttl, or a note of more than 1000 characters; 42501 the caller is no admin, or the
stakeholder''s role has powers; 42704 the stakeholder''s role does not exist; IDB04 unknown stakeholder; 40001, 55P03:
retry. A WARNING names leases that are over, and whose roles cannot be dropped yet.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION integratedb.find_lease(of_id bigint)
RETURNS integratedb.lease
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  found_row integratedb.lease;
  refused boolean;
BEGIN
  SELECT l.* INTO found_row FROM integratedb.lease AS l WHERE l.id = of_id FOR UPDATE;
  IF NOT FOUND THEN
    refused := integratedb.refuse(
      code => '42704',
      message => format('there is no lease %s', coalesce(of_id::text, 'null')),
      detail => NULL,
      hint => 'SELECT id, username, valid_until FROM integratedb_leases() lists them. A lease that is over is forgotten.');
  END IF;
  RETURN found_row;
END
$$;

COMMENT ON FUNCTION integratedb.find_lease(bigint) IS 'The lease with this identifier, locked. Error: 42704.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_renew_lease(id bigint, ttl interval DEFAULT '1 hour')
RETURNS timestamptz
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- alters roles for admins who may not
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  of_lease integratedb.lease;
  of_role oid;
  ends_at timestamptz;
  refused boolean;
BEGIN
  PERFORM integratedb.leasing_admin();
  PERFORM integratedb.take_lock();
  PERFORM integratedb.ensure_armed();
  of_lease := integratedb.find_lease(id);
  of_role := integratedb.lease_role(of_lease);
  IF of_role IS NULL OR of_lease.valid_until <= clock_timestamp() THEN
    refused := integratedb.refuse(
      code => '55000',
      message => format('lease %s is over', id),
      detail => NULL,
      hint => 'Lease again: SELECT * FROM integratedb_lease(stakeholder).');
  END IF;

  ends_at := integratedb.require_lease_ttl(ttl, of_lease.leased_at);
  PERFORM integratedb.hold_role_row(of_role);
  UPDATE pg_authid AS u SET rolvaliduntil = ends_at WHERE u.oid = of_role;
  UPDATE integratedb.lease AS l SET valid_until = ends_at WHERE l.id = of_lease.id;
  PERFORM integratedb.log_own_event(
    'INTEGRATEDB RENEW LEASE', format('%s until %s', of_lease.role_name, to_char(ends_at, 'YYYY-MM-DD HH24:MI TZ')), false);
  RETURN ends_at;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_renew_lease(bigint, interval) IS
'Lets a lease last longer, or shorter. Its password stays.
id: that of the lease. ttl: how long from now on. All of it together lasts max_lease_ttl at most.
Returns when it ends.
Errors: 22023 beyond max_lease_ttl; 42501 the caller is no admin; 42704 no such lease; 55000 it is over; 40001, 55P03:
retry.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_revoke_lease(id bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- drops roles for admins who may not
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  of_lease integratedb.lease;
BEGIN
  PERFORM integratedb.leasing_admin();
  PERFORM integratedb.end_lease_sessions(ARRAY[id]);
  PERFORM integratedb.take_lock();
  PERFORM integratedb.ensure_armed();
  of_lease := integratedb.find_lease(id);
  IF integratedb.lease_role(of_lease) IS NOT NULL THEN
    PERFORM integratedb.lock_out(integratedb.lease_role(of_lease));
  END IF;
  PERFORM integratedb.try_to_end_leases(ARRAY[of_lease.id]);
  PERFORM integratedb.log_own_event('INTEGRATEDB REVOKE LEASE', of_lease.role_name, false);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_revoke_lease(bigint) IS
'Ends a lease now: its sessions end, and its role is dropped.
id: that of the lease.
Errors: 42501 the caller is no admin; 42704 no such lease; 40001, 55P03: retry. A WARNING says why the role cannot be
dropped yet: it cannot log in any more, and the daemon, or the next lease, tries again.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_leases()
RETURNS TABLE (
  id bigint,
  stakeholder text,
  username text,
  leased_by name,
  leased_at timestamptz,
  valid_until timestamptz,
  sessions bigint,
  note text
)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads tables and sessions that admins cannot
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
#variable_conflict use_column
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    SELECT l.id, st.name, l.role_name::text, l.leased_by, l.leased_at, l.valid_until,
           (SELECT count(*) FROM pg_stat_activity AS a WHERE a.usesysid = l.role_oid), l.note
      FROM integratedb.lease AS l
      JOIN integratedb.stakeholder AS st ON st.id = l.stakeholder_id
     ORDER BY l.valid_until, l.id;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_leases() IS
'The leases whose roles exist, those that end first first.
Returns id, stakeholder, username, leased_by, leased_at, valid_until, sessions (how many its login has), note.
For members of integratedb_admin.';
