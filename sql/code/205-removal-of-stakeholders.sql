-- Dropping a stakeholder. What it leaves behind is kept, owned by a role without any right, and its code is made harmless.

CREATE OR REPLACE FUNCTION integratedb.end_sessions(role_name name)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM pg_terminate_backend(a.pid, 5000)
     FROM pg_stat_activity AS a
    WHERE a.usename = role_name
      AND a.pid <> pg_backend_pid();
END
$$;

COMMENT ON FUNCTION integratedb.end_sessions(name) IS 'Ends the sessions of a role, and waits up to 5 s for each.';

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
       AND d.classid IN ('pg_database'::regclass, 'pg_tablespace'::regclass));
  refused boolean;
BEGIN
  IF owned IS NOT NULL THEN
    refused := integratedb.refuse(
      code => '2BP01',
      message => format('role %I owns what is not this database''s: %s', role_name, owned),
      detail => NULL,
      hint => 'Give it another owner first: ALTER DATABASE ... OWNER TO, or ALTER TABLESPACE ... OWNER TO.');
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.refuse_owner_of_shared(oid, name) IS 'Refuses to drop the role that owns a database or a tablespace. Error: 2BP01.';

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

COMMENT ON FUNCTION integratedb.owned_by(oid) IS 'What a role owns in this database.';

CREATE OR REPLACE FUNCTION integratedb.disarm_code(of_role oid)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  found record;
BEGIN
  -- A trigger on somebody else's table would run the code in the midst of that one's work.
  FOR found IN
    SELECT t.tgname, n.nspname, k.relname
      FROM pg_trigger AS t
      JOIN pg_proc AS p ON p.oid = t.tgfoid AND p.proowner = of_role
      JOIN pg_class AS k ON k.oid = t.tgrelid AND k.relowner <> of_role
      JOIN pg_namespace AS n ON n.oid = k.relnamespace
     WHERE NOT t.tgisinternal
       AND t.tgparentid = 0
     ORDER BY n.nspname, k.relname, t.tgname
  LOOP
    EXECUTE format('DROP TRIGGER %I ON %I.%I', found.tgname, found.nspname, found.relname);
    RAISE NOTICE 'trigger % on % is dropped: it ran a function of the stakeholder', quote_ident(found.tgname), integratedb.path_of(found.nspname, found.relname);
  END LOOP;

  FOR found IN
    SELECT DISTINCT n.nspname, k.relname
      FROM pg_trigger AS t
      JOIN pg_class AS k ON k.oid = t.tgrelid AND k.relowner = of_role
      JOIN pg_namespace AS n ON n.oid = k.relnamespace
     WHERE NOT t.tgisinternal
       AND NOT k.relispartition
       AND k.relkind IN ('r', 'p', 'f')
     ORDER BY 1, 2
  LOOP
    EXECUTE format('ALTER TABLE %I.%I DISABLE TRIGGER USER', found.nspname, found.relname);
  END LOOP;

  FOR found IN
    SELECT p.oid::regprocedure AS signature,
           p.prokind,
           ARRAY(SELECT DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x.grantee)) END
                   FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS x
                  WHERE x.grantee <> of_role) AS grantees
      FROM pg_proc AS p
     WHERE p.proowner = of_role
     ORDER BY 1
  LOOP
    IF cardinality(found.grantees) > 0 THEN
      EXECUTE format('REVOKE ALL ON ROUTINE %s FROM %s CASCADE', found.signature, array_to_string(found.grantees, ', '));
    END IF;
    -- So it runs with its owner's rights, which are none, and not with those of a superuser who reads a view or an index.
    IF found.prokind IN ('f', 'p') THEN
      EXECUTE format('ALTER ROUTINE %s SECURITY DEFINER', found.signature);
    END IF;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.disarm_code(oid) IS 'Makes the code of a role harmless before the role without rights gets it: nobody may execute its functions, which run with their owner''s rights from now on; triggers are disabled, and dropped on tables of others.';

CREATE OR REPLACE FUNCTION integratedb.archive(of_role oid, role_name name)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  kept CONSTANT text[] := ARRAY(SELECT o.description FROM integratedb.owned_by(of_role) AS o ORDER BY o.description);
BEGIN
  PERFORM integratedb.refuse_owner_of_shared(of_role, role_name);

  IF cardinality(kept) > 0 THEN
    PERFORM integratedb.hold_archive();
    PERFORM integratedb.disarm_code(of_role);
    EXECUTE format('REASSIGN OWNED BY %I TO integratedb_archive', role_name);
    RAISE NOTICE '% of % kept, owned by integratedb_archive', CASE cardinality(kept) WHEN 1 THEN '1 object' ELSE cardinality(kept) || ' objects' END,
        quote_ident(role_name) || CASE cardinality(kept) WHEN 1 THEN ' is' ELSE ' are' END
      USING DETAIL = array_to_string(kept, E'\n'),
            HINT = 'That role has no rights. A superuser looks at what is kept, gives away what is needed (ALTER TABLE ... OWNER TO), and drops the rest. Functions are for nobody to execute, triggers are disabled.';
  END IF;

  EXECUTE format('DROP OWNED BY %I', role_name);
END
$$;

CREATE OR REPLACE FUNCTION integratedb.remove_role(of_role oid, role_name name)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- A prepared transaction may hold locks on what the role owns, and everybody would wait for this one.
  before CONSTANT text := integratedb.bound_waiting();
  dropped boolean := true;
  elsewhere text;
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
  PERFORM integratedb.end_sessions(role_name);
  PERFORM integratedb.archive(of_role, role_name);

  SELECT string_agg(DISTINCT quote_ident(d.datname), ', ')
    INTO elsewhere
    FROM pg_shdepend AS s
    JOIN pg_database AS d ON d.oid = CASE WHEN s.classid = 'pg_database'::regclass THEN s.objid ELSE s.dbid END
   WHERE s.refclassid = 'pg_authid'::regclass
     AND s.refobjid = of_role
     AND d.datname <> current_database();

  IF elsewhere IS NULL THEN
    EXECUTE format('DROP ROLE %I', role_name);
  ELSE
    EXECUTE format('ALTER ROLE %I LOGIN', role_name);
    RAISE WARNING 'role % is kept, without rights in this database: it is used in database %', quote_ident(role_name), elsewhere
      USING HINT = format('There: DROP OWNED BY %I; then DROP ROLE %I.', role_name, role_name);
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

COMMENT ON FUNCTION integratedb.remove_role(oid, name) IS 'Ends the sessions of a stakeholder''s role, archives what it owns and drops it, unless another database uses it. Returns whether its private schema was dropped. Errors: those of archive(); 40P01, 55P03 another transaction locks what it owns.';

COMMENT ON FUNCTION integratedb.archive(oid, name) IS 'Hands what a role owns in this database to integratedb_archive, says so in a NOTICE with a line an object, and takes the role''s grants away. Errors: 2BP01 the role owns a database or a tablespace; 42501 somebody can use integratedb_archive.';

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
  PERFORM integratedb.caller(); -- code of somebody else does not act for an admin
  PERFORM integratedb.take_lock();
  PERFORM integratedb.ensure_armed();
  -- Again, now that nothing moves: another session may have renamed or dropped it.
  present := integratedb.find_stakeholder(stakeholder);
  -- The channels in the order of their ids, as the daemon takes them.
  PERFORM FROM integratedb.channel AS ch WHERE ch.stakeholder_id = present.id ORDER BY ch.id FOR UPDATE;

  IF EXISTS (SELECT FROM integratedb.stakeholder_role AS r WHERE r.stakeholder_id = present.id) THEN
    of_role := integratedb.hold_role(present);
  ELSIF EXISTS (SELECT FROM pg_roles AS u WHERE u.rolname = present.name) THEN
    RAISE WARNING 'role % is left alone, with its schema: it is not the one that was created for stakeholder %', quote_ident(present.name), present.name;
  END IF;
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
Returns whether the private schema was dropped: it is when it is empty. Else the schema and whatever the role owns stay, owned by
integratedb_archive, a role without rights; a NOTICE lists them. Nobody may execute functions among them, and triggers are disabled.
A role that another database uses is kept, with a WARNING; so is one that is not the stakeholder''s own any more.
Errors: 2BP01 the role owns a database; 42501 the role has powers that a stakeholder must not have; IDB01 at COMMIT, when others claim the schema; IDB04 unknown;
40001, 40P01, 55P03: retry.
For members of integratedb_admin.';
