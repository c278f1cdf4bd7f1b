-- Refuses to install where the server's Python cannot run the extension, or where others could capture calls that are meant
-- for it, before anything has been created.

DO LANGUAGE plpython3u $python$
try:
    import jsonschema
except ImportError as error:
    plpy.error(
        "IntegrateDB needs the Python module jsonschema in the server's Python, which cannot be imported: %s" % error,
        sqlstate="58P01",
        hint="Install it where the Postgres server runs and try again. Debian, Ubuntu: apt-get install python3-jsonschema",
    )
$python$;

DO LANGUAGE plpgsql $$
DECLARE
  creators text;
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
END
$$;
