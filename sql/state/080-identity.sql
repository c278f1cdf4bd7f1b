-- Roles are known by their identifiers, and what dropped stakeholders leave behind belongs to a role without rights.

ALTER TABLE integratedb.specification ADD COLUMN handed_in_by_oid oid NOT NULL DEFAULT 0;
COMMENT ON COLUMN integratedb.specification.handed_in_by_oid IS
'That role by object identifier: another one that has its name later is another one.';

UPDATE integratedb.specification AS s
   SET handed_in_by_oid = u.oid
  FROM pg_catalog.pg_roles AS u
 WHERE u.rolname OPERATOR(pg_catalog.=) s.handed_in_by;

DO LANGUAGE plpgsql $$
BEGIN
  -- One that is there already is looked at whenever it is to be given something.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) 'integratedb_archive') THEN
    CREATE ROLE integratedb_archive NOLOGIN;
  END IF;
END
$$;
