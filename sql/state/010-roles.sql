-- The schema of everything internal and the two group roles; roles are cluster-wide, so they may be there already.

CREATE SCHEMA integratedb;

DO LANGUAGE plpgsql $$
DECLARE
  group_role text;
  members text;
BEGIN
  FOREACH group_role IN ARRAY ARRAY['integratedb_admin', 'integratedb_daemon'] LOOP
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname = group_role) THEN
      EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', group_role);
      CONTINUE;
    END IF;

    SELECT pg_catalog.string_agg(m.member::pg_catalog.regrole::text, ', ' ORDER BY m.member::pg_catalog.regrole::text)
      INTO members
      FROM pg_catalog.pg_auth_members AS m
     WHERE m.roleid = group_role::pg_catalog.regrole;

    IF members IS NOT NULL THEN
      RAISE WARNING 'role % exists already and has members, who hold its rights in this database too: %', group_role, members
        USING HINT = pg_catalog.format('REVOKE %I FROM whoever should not.', group_role);
    END IF;
  END LOOP;
END
$$;
