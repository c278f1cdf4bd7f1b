-- The version of a surface: a value that changes whenever a transaction commits that changed the surface. Each request of
-- the data API compares it with the version that its plan was made for.

CREATE OR REPLACE FUNCTION integratedb.surface_version(for_role oid, schemas text[], further oid[] DEFAULT '{}')
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
-- The function has no SET search_path, which would take longer than the rest. So all names are qualified.
AS $$
BEGIN
  -- The identifiers of the schemas count, because another schema may get the name. The sum counts, not the greatest
  -- number, because a transaction with a lower number may commit later.
  RETURN (
    SELECT pg_catalog.concat_ws('.', s.named, (
             SELECT coalesce(pg_catalog.sum(c.weight), 0)
               FROM integratedb.surface_change AS c
              WHERE c.subject OPERATOR(pg_catalog.=) ANY (s.subjects)))
      FROM (SELECT pg_catalog.sum(n.oid::pg_catalog.int8) AS named,
                   pg_catalog.array_agg(n.oid) OPERATOR(pg_catalog.||) further OPERATOR(pg_catalog.||) ARRAY[for_role, 0::pg_catalog.oid] AS subjects
              FROM pg_catalog.pg_namespace AS n
             WHERE n.nspname OPERATOR(pg_catalog.=) ANY (schemas::pg_catalog.name[])) AS s);
END
$$;

COMMENT ON FUNCTION integratedb.surface_version(oid, text[], oid[]) IS
'The version of the surface of a role in these schemas: a text that changes whenever a transaction commits that changed '
'the surface, in whatever order transactions commit. further: other schemas that the surface depends on, as surface() '
'tells them. It counts changes of whole schemas: of tables, views, functions, types, casts, comments and policies. '
'GRANT names no object, so each one counts for all surfaces. Not counted: memberships and attributes of roles.';

CREATE OR REPLACE FUNCTION integratedb.surface_changed()
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  refused boolean;
BEGIN
  refused := integratedb.refuse(
    code => 'IDB08',
    message => 'the schema or the claims changed since this statement was made',
    detail => 'Nothing was done.',
    hint => 'Read the surface again: SELECT integratedb.surface(role, schemas). Make the statement from it, and run the request again.');
  RETURN refused;
END
$$;

COMMENT ON FUNCTION integratedb.surface_changed() IS
'Raises IDB08. A request calls it where surface_version() is not the one that its statement was made for. Never '
'returns.';
