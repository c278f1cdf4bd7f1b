-- Roles are identified by oid. Objects that dropped stakeholders leave behind belong to a role without rights.

ALTER TABLE integratedb.specification ADD COLUMN handed_in_by_oid oid NOT NULL DEFAULT 0;
COMMENT ON COLUMN integratedb.specification.handed_in_by_oid IS
'The identifier of the role in handed_in_by. A later role with the same name is another role.';

UPDATE integratedb.specification AS s
   SET handed_in_by_oid = u.oid
  FROM pg_catalog.pg_roles AS u
 WHERE u.rolname OPERATOR(pg_catalog.=) s.handed_in_by;

DO LANGUAGE plpgsql $$
BEGIN
  -- An existing role is checked each time before it gets an object.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) 'integratedb_archive') THEN
    CREATE ROLE integratedb_archive NOLOGIN;
  END IF;
END
$$;
