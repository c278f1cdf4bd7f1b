-- The version of a surface: a value that changes whenever a transaction commits that changed the surface.

CREATE OR REPLACE FUNCTION integratedb.surface_version(for_role oid, schemas text[])
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
-- Without SET search_path, which would take longer than the rest. So all names are qualified.
AS $$
BEGIN
  -- The identifiers of the schemas count, because another schema may get the name.
  RETURN (
    WITH subject (oid) AS (
      SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname OPERATOR(pg_catalog.=) ANY (schemas::pg_catalog.name[])
      UNION ALL
      VALUES (for_role), (0::pg_catalog.oid)
    )
    SELECT pg_catalog.concat_ws('.',
             pg_catalog.sum(s.oid::pg_catalog.int8),
             (SELECT coalesce(pg_catalog.sum(c.weight), 0)
                FROM integratedb.surface_change AS c
               WHERE c.subject OPERATOR(pg_catalog.=) ANY (pg_catalog.array_agg(s.oid))))
      FROM subject AS s);
END
$$;

COMMENT ON FUNCTION integratedb.surface_version(oid, text[]) IS
'The version of the surface of a role in these schemas: a text that changes whenever a transaction commits that changed '
'the surface.';
