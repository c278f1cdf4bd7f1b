-- Drops stakeholders. A role without any right gets the objects that a stakeholder leaves behind, and their code is
-- made harmless.

CREATE OR REPLACE FUNCTION integratedb.end_sessions(of_role oid, longest interval DEFAULT '10 s')
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  last CONSTANT timestamptz := clock_timestamp() + longest;
  found bigint;
BEGIN
  -- Until COMMIT, Postgres accepts logins of the role. A session that logs in while the others are ended is ended too.
  LOOP
    PERFORM pg_stat_clear_snapshot();
    SELECT count(pg_terminate_backend(a.pid))
      INTO found
      FROM pg_stat_activity AS a
     -- The sessions are found by identifier, because the name may already belong to another role or to none.
     WHERE a.usesysid = of_role
       AND a.pid <> pg_backend_pid();
    EXIT WHEN found = 0 OR clock_timestamp() > last;
    PERFORM pg_sleep(0.005);
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.end_sessions(oid, interval) IS
'Ends the sessions of a role until it has none, for about this time at most.';

CREATE OR REPLACE FUNCTION integratedb.end_sessions_without_role()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.end_sessions(a.usesysid)
     FROM pg_stat_activity AS a
    WHERE a.datname = current_database()
      AND a.backend_type = 'client backend'
      AND NOT EXISTS (SELECT FROM pg_authid AS u WHERE u.oid = a.usesysid)
    GROUP BY a.usesysid;
END
$$;

COMMENT ON FUNCTION integratedb.end_sessions_without_role() IS
'Ends the sessions of this database whose role does not exist: a dropped stakeholder may have logged in at the moment '
'of COMMIT.';

CREATE OR REPLACE FUNCTION integratedb.end_dropped_sessions()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- ends sessions for admins who may not
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_authid AS u WHERE u.oid = OLD.role_oid) THEN
    PERFORM integratedb.end_sessions(OLD.role_oid, CASE TG_TABLE_NAME WHEN 'lease' THEN interval '1 s' ELSE interval '10 s' END);
  END IF;
  RETURN NULL;
END
$$;

COMMENT ON FUNCTION integratedb.end_dropped_sessions() IS
'Trigger: at COMMIT, ends the sessions that began between the drop of a stakeholder, or of a lease, and the end of that '
'transaction.';

CREATE OR REPLACE FUNCTION integratedb.refuse_owner_of_shared(of_role oid, role_name name)
RETURNS void
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  owned CONSTANT text := (
    SELECT string_agg(pg_describe_object(d.classid, d.objid, 0), ', ')
      FROM pg_shdepend AS d
     WHERE d.refclassid = 'pg_authid'::regclass
       AND d.refobjid = of_role
       AND d.deptype = 'o'
       AND (d.classid IN ('pg_database'::regclass, 'pg_tablespace'::regclass, 'pg_subscription'::regclass)
            -- A role without power cannot own these either.
            OR (d.classid IN ('pg_event_trigger'::regclass, 'pg_foreign_data_wrapper'::regclass)
                AND d.dbid = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database()))));
  refused boolean;
BEGIN
  IF owned IS NOT NULL THEN
    refused := integratedb.refuse(
      code => '2BP01',
      message => format('role %I owns what integratedb_archive is not given: %s', role_name, owned),
      detail => 'A database, a tablespace and a subscription are not this database''s; an event trigger and a foreign-data wrapper belong to superusers.',
      hint => 'Give it another owner first: ALTER DATABASE ... OWNER TO, and likewise ALTER TABLESPACE, SUBSCRIPTION, EVENT TRIGGER or FOREIGN DATA WRAPPER.');
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.refuse_owner_of_shared(oid, name) IS
'Refuses to drop a role that owns a database, a tablespace, a subscription, or an object that only a superuser may '
'own. Error: 2BP01.';

CREATE OR REPLACE FUNCTION integratedb.owned_by(of_role oid)
RETURNS TABLE (classid oid, objid oid, description text)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT d.classid, d.objid, i.type || ' ' || i.identity
    FROM pg_shdepend AS d
   CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, d.objsubid) AS i
   WHERE d.dbid = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())
     AND d.refclassid = 'pg_authid'::regclass
     AND d.refobjid = of_role
     AND d.deptype = 'o'
$$;

COMMENT ON FUNCTION integratedb.owned_by(oid) IS 'The objects that a role owns in this database.';

CREATE OR REPLACE FUNCTION integratedb.is_handed_over(of_role oid)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- REASSIGN leaves these two kinds to DROP OWNED. They mean nothing without the role.
  SELECT NOT EXISTS (
    SELECT FROM integratedb.owned_by(of_role) AS o WHERE o.classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass))
$$;

COMMENT ON FUNCTION integratedb.is_handed_over(oid) IS
'Whether a role owns no object in this database that could be kept.';

CREATE OR REPLACE FUNCTION integratedb.hand_over(of_role oid, role_name name)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  is_done boolean := integratedb.is_handed_over(of_role);
BEGIN
  PERFORM integratedb.refuse_owner_of_shared(of_role, role_name);

  -- REASSIGN does not see objects that are created while it waits for a lock, and DROP OWNED would drop them. So
  -- REASSIGN runs at least twice. A REPEATABLE READ transaction does not see such objects afterwards either.
  FOR round IN 1 .. 10 LOOP
    EXIT WHEN is_done AND round <> 2;
    EXECUTE format('REASSIGN OWNED BY %I TO integratedb_archive', role_name);
    is_done := integratedb.is_handed_over(of_role);
  END LOOP;

  IF is_done THEN
    -- This runs after the change of the owner, so that it covers all code that the archive got, including code created
    -- meanwhile.
    PERFORM integratedb.disarm_archive();
    EXECUTE format('DROP OWNED BY %I', role_name);
  END IF;
  RETURN is_done;
END
$$;

COMMENT ON FUNCTION integratedb.hand_over(oid, name) IS
'Gives integratedb_archive the objects that a role owns in this database, makes their code harmless, and revokes the '
'role''s grants. Returns false if other sessions continue to create objects of the role. Error: 2BP01 the role owns a '
'database or a tablespace.';

CREATE OR REPLACE FUNCTION integratedb.used_elsewhere(of_role oid)
RETURNS text
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT string_agg(DISTINCT quote_ident(d.datname), ', ')
    FROM pg_shdepend AS s
    JOIN pg_database AS d ON d.oid = CASE WHEN s.classid = 'pg_database'::regclass THEN s.objid ELSE s.dbid END
   WHERE s.refclassid = 'pg_authid'::regclass
     AND s.refobjid = of_role
     AND d.datname <> current_database()
$$;

COMMENT ON FUNCTION integratedb.used_elsewhere(oid) IS
'The other databases in which a role owns something or was granted something, as text; null when no other database is '
'affected.';

CREATE OR REPLACE FUNCTION integratedb.drop_role(of_role oid, role_name name)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  elsewhere text;
  refused boolean;
BEGIN
  -- A role that may SET ROLE can create objects meanwhile, in another transaction. DROP ROLE waits for that transaction
  -- and finds the objects. The next round hands them over.
  FOR round IN 1 .. 20 LOOP
    PERFORM integratedb.end_sessions(of_role);
    CONTINUE WHEN NOT integratedb.hand_over(of_role, role_name);

    elsewhere := integratedb.used_elsewhere(of_role);
    IF elsewhere IS NOT NULL THEN
      EXECUTE format('ALTER ROLE %I LOGIN', role_name);
      RAISE WARNING 'role % is kept, without rights in this database: it is used in database %', quote_ident(role_name), elsewhere
        USING HINT = format('There: DROP OWNED BY %I; then DROP ROLE %I.', role_name, role_name);
      RETURN;
    END IF;

    BEGIN
      EXECUTE format('DROP ROLE %I', role_name);
      PERFORM integratedb.end_sessions(of_role);
      RETURN;
    EXCEPTION
      WHEN dependent_objects_still_exist THEN
        NULL;
    END;
  END LOOP;

  refused := integratedb.refuse(
    code => '55006',
    message => format('role %I is in use: others who may SET ROLE to it go on creating objects that it owns', role_name),
    detail => (SELECT string_agg(format('%I is a member of it', m.member::regrole::text), E'\n' ORDER BY m.member::regrole::text) FROM pg_auth_members AS m WHERE m.roleid = of_role),
    hint => format('Nothing was changed. REVOKE %I FROM these roles, and try again.', role_name));
END
$$;

COMMENT ON FUNCTION integratedb.drop_role(oid, name) IS
'Ends the sessions of a stakeholder''s role, hands its objects over, and drops the role, unless another database uses '
'it. Errors: those of hand_over(); 55006 other sessions continue to use the role.';

CREATE OR REPLACE FUNCTION integratedb.remove_role(of_role oid, role_name name)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- A prepared transaction may hold locks on objects of the role, and every other session would then wait for this one.
  -- So the wait is bounded.
  before CONSTANT text := integratedb.bound_waiting();
  archive CONSTANT oid := integratedb.hold_archive();
  archived CONSTANT text[] := ARRAY(SELECT o.classid || ' ' || o.objid FROM integratedb.owned_by(archive) AS o);
  dropped boolean := true;
  kept text[];
  refused boolean;
BEGIN
  IF EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = role_name AND n.nspowner = of_role) THEN
    BEGIN
      EXECUTE format('DROP SCHEMA %I RESTRICT', role_name);
    EXCEPTION
      WHEN dependent_objects_still_exist THEN
        dropped := false;
    END;
  END IF;

  EXECUTE format('ALTER ROLE %I NOLOGIN', role_name);
  PERFORM integratedb.drop_role(of_role, role_name);

  kept := ARRAY(
    SELECT o.description
      FROM integratedb.owned_by(archive) AS o
     WHERE o.classid || ' ' || o.objid <> ALL (archived)
     ORDER BY o.description);
  IF cardinality(kept) > 0 THEN
    RAISE NOTICE '% of % kept, owned by integratedb_archive', CASE cardinality(kept) WHEN 1 THEN '1 object' ELSE cardinality(kept) || ' objects' END,
        quote_ident(role_name) || CASE cardinality(kept) WHEN 1 THEN ' is' ELSE ' are' END
      USING DETAIL = array_to_string(kept, E'\n'),
            HINT = 'That role has no rights. A superuser looks at what is kept, gives away what is needed (ALTER TABLE ... OWNER TO), and drops the rest. Functions are for nobody to execute, triggers are disabled.';
    PERFORM integratedb.warn_of_live_expressions(archived);
    PERFORM integratedb.warn_of_failing_callers(archived);
  END IF;

  PERFORM set_config('lock_timeout', before, true);
  RETURN dropped;
EXCEPTION
  WHEN lock_not_available OR deadlock_detected THEN
    refused := integratedb.refuse(
      code => SQLSTATE,
      message => format('another transaction locks what role %I owns: %s', role_name, SQLERRM),
      detail => NULL,
      hint => 'Nothing was changed. SELECT * FROM pg_locks shows who holds a lock, SELECT * FROM pg_prepared_xacts whether a prepared transaction does. End that one and try again.');
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION integratedb.remove_role(oid, name) IS
'Drops the role of a stakeholder, and its private schema if that is empty. A NOTICE lists the objects that are kept, '
'one a line. Returns whether the schema was dropped. Errors: those of drop_role(); 42501 somebody can use '
'integratedb_archive; 40P01, 55P03 another transaction locks objects of the role.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_drop_stakeholder(stakeholder text)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- drops roles and schemas for admins who may not
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  present integratedb.stakeholder := integratedb.find_stakeholder(stakeholder);
  of_role oid;
BEGIN
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  PERFORM integratedb.take_lock();
  PERFORM integratedb.ensure_armed();
  -- The stakeholder is read again under the lock, because another session may have renamed or dropped it.
  present := integratedb.find_stakeholder(stakeholder);
  -- The channels are locked in the order of their ids, as the daemon locks them.
  PERFORM FROM integratedb.channel AS ch WHERE ch.stakeholder_id = present.id ORDER BY ch.id FOR UPDATE;

  IF EXISTS (SELECT FROM integratedb.stakeholder_role AS r WHERE r.stakeholder_id = present.id) THEN
    BEGIN
      of_role := integratedb.hold_role(present);
    EXCEPTION
      WHEN lock_not_available THEN
        -- A session of its own may have changed the role, to stay. It ends anyway.
        PERFORM integratedb.end_sessions(present.role_oid, '1 s');
        of_role := integratedb.hold_role(present);
    END;
  ELSIF EXISTS (SELECT FROM pg_roles AS u WHERE u.rolname = present.name) THEN
    RAISE WARNING 'role % is left alone, with its schema: it is not the one that was created for stakeholder %', quote_ident(present.name), present.name;
  END IF;
  PERFORM integratedb.end_leases(ARRAY(SELECT l.id FROM integratedb.lease AS l WHERE l.stakeholder_id = present.id));
  DELETE FROM integratedb.stakeholder AS st WHERE st.id = present.id;

  IF of_role IS NULL THEN
    RETURN NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = present.name);
  END IF;

  RETURN integratedb.remove_role(of_role, present.name);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_drop_stakeholder(text) IS
'Drops a stakeholder with its claims, grants and role, and ends its sessions.
stakeholder: its name.
Returns whether the private schema was dropped, which is so if it is empty.
Otherwise the schema and the other objects of the role stay, owned by integratedb_archive, a role without rights.
A NOTICE lists them. Functions among them cannot be executed, and triggers are disabled.
A WARNING names views and other expressions that call functions of Postgres or of other owners with the rights of the
role that uses them.
A role that another database uses is kept, with a WARNING. A role that no longer is the stakeholder''s own is kept too.
Errors: 2BP01 the role owns a database; 42501 the role has powers that a stakeholder must not have; 55006 other
sessions continue to use the role; IDB01 at COMMIT, when others claim the schema; IDB04 unknown stakeholder; 40001,
40P01, 55P03: retry.
For members of integratedb_admin.';
