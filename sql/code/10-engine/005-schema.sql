-- Refuses to install or update the extension in a schema where another role could capture calls that are meant for the
-- extension.

DO LANGUAGE plpgsql $$
DECLARE
  creators text;
  captors text;
BEGIN
  SELECT pg_catalog.string_agg(DISTINCT CASE x.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(x.grantee)) END, ', ')
    INTO creators
    FROM pg_catalog.pg_namespace AS n
   CROSS JOIN LATERAL pg_catalog.aclexplode(n.nspacl) AS x
   WHERE n.oid = '@extschema@'::pg_catalog.regnamespace
     AND x.privilege_type = 'CREATE'
     AND x.grantee <> n.nspowner
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS u WHERE u.oid = x.grantee AND u.rolsuper);

  IF creators IS NOT NULL THEN
    RAISE EXCEPTION 'IntegrateDB must not live in schema @extschema@, where others than its owner may create objects: %', creators
      USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = 'A function of theirs with other argument types could capture calls that are meant for the extension.',
            HINT = pg_catalog.format('REVOKE CREATE ON SCHEMA @extschema@ FROM %s; then try again. Or create the extension in a schema of its own.', creators);
  END IF;

  SELECT pg_catalog.string_agg(p.oid::pg_catalog.regprocedure::text, ', ' ORDER BY p.oid)
    INTO captors
    FROM pg_catalog.pg_proc AS p
   WHERE p.pronamespace = '@extschema@'::pg_catalog.regnamespace
     AND pg_catalog.starts_with(p.proname::text, 'integratedb_')
     AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_depend AS d
        WHERE d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e');

  IF captors IS NOT NULL THEN
    RAISE EXCEPTION 'IntegrateDB must not live in schema @extschema@, which has functions of the same names: %', captors
      USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = 'They could capture calls that are meant for the extension.',
            HINT = pg_catalog.format('DROP ROUTINE %s; then try again. Or create the extension in a schema of its own.', captors);
  END IF;
END
$$;
