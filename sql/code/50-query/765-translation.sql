-- Translation of a query of one face into the others. Nothing is run.

CREATE OR REPLACE FUNCTION integratedb.translated_query(for_role oid, schemas text[], from_face text, query text)
RETURNS jsonb
LANGUAGE plpython3u
STABLE PARALLEL UNSAFE
SECURITY DEFINER -- as compiled_query()
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.translate_query(plpy, for_role, schemas, from_face, query)
$python$;

COMMENT ON FUNCTION integratedb.translated_query(oid, text[], text, text) IS
'Translates a query of one face (url, graphql or data) for a role into the others and runs nothing. Returns {"problem": '
'{code, message, hint}}, or {"url", "graphql", "data", "sql"}, each {"text"} or {"why"}; sql also has {"parameters"}. Null '
'if a value is null.';

CREATE OR REPLACE FUNCTION integratedb.translated(for_role oid, schemas text[], from_face text, query text)
RETURNS jsonb
LANGUAGE plpgsql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  translated jsonb;
  refused boolean;
BEGIN
  translated := integratedb.translated_query(for_role, schemas, from_face, query);
  IF translated IS NULL OR translated ? 'problem' THEN
    refused := integratedb.refuse(
      code => coalesce(translated #>> '{problem,code}', '22023'),
      message => coalesce(translated #>> '{problem,message}', 'the query, or its face, is null'),
      detail => NULL,
      hint => coalesce(translated #>> '{problem,hint}', 'SELECT integratedb_openapi() shows what this role may see.'));
  END IF;

  RETURN translated;
END
$$;

COMMENT ON FUNCTION integratedb.translated(oid, text[], text, text) IS
'What translated_query() returns. Errors: 22023 for a query that cannot be read, and the code of the problem (42P01, '
'42703, ...).';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_translate(from_face text, query text)
RETURNS TABLE (face text, written text, parameters jsonb, why text)
LANGUAGE plpgsql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
-- The function has no SET search_path, because it reads the caller's. So all names are qualified.
AS $$
DECLARE
  caller CONSTANT pg_catalog.oid := (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER);
  translated CONSTANT pg_catalog.jsonb := integratedb.translated(caller, integratedb.schemas_of_session(caller), from_face, query);
BEGIN
  RETURN QUERY
    SELECT f.name,
           translated OPERATOR(pg_catalog.#>>) ARRAY[f.name, 'text'],
           translated OPERATOR(pg_catalog.#>) ARRAY[f.name, 'parameters'],
           translated OPERATOR(pg_catalog.#>>) ARRAY[f.name, 'why']
      FROM pg_catalog.unnest('{url,graphql,data,sql}'::pg_catalog.text[]) WITH ORDINALITY AS f (name, place)
     ORDER BY f.place;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_translate(text, text) IS
'Says in each face what a query of one face asks for, with the names that the caller sees, and runs nothing.
from_face: url, graphql or data. query: its text: /people?age=gte.18, { peopleNodes { nodes { name } } }, or '
'{"select": ["name"], "from": "people"}. One query that reads is translated.
Returns a row for each face: written is the query in it; why says what the face has no words for. Of sql, written is the '
'statement, and parameters are its values as texts.
Errors: 22023 for a query that cannot be read; 42P01, 42703 and others for names that the role cannot see; 54000 for more '
'than 100,000 characters; 0A000 for GraphQL without graphql-core on the server.
For everybody.';

CREATE OR REPLACE FUNCTION integratedb.management_translate(id bigint, from_face text, query text, allowed text[])
RETURNS jsonb
LANGUAGE plpgsql
STABLE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  for_role CONSTANT oid := (SELECT r.role_oid FROM integratedb.stakeholder_role AS r WHERE r.stakeholder_id = id);
BEGIN
  RETURN integratedb.translated(
    for_role,
    ARRAY(
      SELECT DISTINCT c.schema_name
        FROM integratedb.claimed_names(for_role) AS c
       WHERE allowed IS NULL OR c.schema_name = ANY (allowed)
       ORDER BY 1),
    from_face,
    query);
END
$$;

COMMENT ON FUNCTION integratedb.management_translate(bigint, text, text, text[]) IS
'Translates a query for the stakeholder with this id, in the schemas of its claims that are allowed; null: in all. Errors: '
'those of integratedb_translate().';
