-- GraphQL in SQL. PL/Python only compiles, for a role; functions with the rights of their caller run the statements.

CREATE OR REPLACE FUNCTION integratedb.compiled_graphql(for_role oid, schemas text[], document text, variables jsonb, operation text)
RETURNS jsonb
LANGUAGE plpython3u
STABLE PARALLEL UNSAFE
SECURITY DEFINER -- as compiled_query()
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.compile_graphql(plpy, for_role, schemas, document, variables, operation)
$python$;

COMMENT ON FUNCTION integratedb.compiled_graphql(oid, text[], text, jsonb, text) IS
'Compiles a document of GraphQL for a role and runs nothing. Returns {"errors"}; or {"missing": why}, without graphql-core; '
'or what run_queries() takes, with {"pieces": [text or the number of a query, ...], "places": [{"locations", "path"}, ...]}, '
'a place for each query. schemas: those that the schema is of. Null if the role, the schemas or the document is null.';

CREATE OR REPLACE FUNCTION integratedb.place_of_error(compiled jsonb, code text, message text, context text)
RETURNS jsonb
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- The comment at the beginning of each statement; the outermost statement comes last.
  number integer := (
    SELECT m.mark[1]::integer
      FROM regexp_matches(context, '/\* field ([0-9]{1,4}) \*/', 'g') WITH ORDINALITY AS m (mark, place)
     ORDER BY m.place DESC
     LIMIT 1);
BEGIN
  IF number IS NULL AND code IN ('P0002', '21000') THEN
    number := (
      SELECT (min(s.place) - 1)::integer
        FROM jsonb_array_elements(compiled -> 'statements') WITH ORDINALITY AS s (value, place)
       WHERE starts_with(message, format('no row of %s was', s.value ->> 'field'))
          OR starts_with(message, format('%s touches ', s.value ->> 'field')));
  END IF;

  RETURN coalesce(
    compiled -> 'places' -> CASE WHEN jsonb_array_length(compiled -> 'places') = 1 THEN 0 ELSE number END,
    '{}');
END
$$;

COMMENT ON FUNCTION integratedb.place_of_error(jsonb, text, text, text) IS
'Where the field stands whose query of compiled_graphql() failed, as {"locations", "path"}; {} where that is not known.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_graphql(document text, variables jsonb DEFAULT NULL, operation_name text DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
-- The function has no SET search_path: views, policies and triggers that the document runs see the caller's. So all
-- names are qualified.
AS $$
DECLARE
  caller CONSTANT pg_catalog.oid := (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER);
  compiled pg_catalog.jsonb;
  answers pg_catalog.text[];
  said_message pg_catalog.text;
  said_context pg_catalog.text;
  refused boolean;
BEGIN
  IF document IS NULL OR integratedb.excess_of(variables) IS NOT NULL THEN
    refused := integratedb.refuse(
      code => '22023',
      message => 'the document cannot be read: it is null, or the variables are too large',
      detail => NULL,
      hint => 'Write a document: SELECT integratedb_graphql(''{ __typename }'').');
  END IF;

  compiled := integratedb.compiled_graphql(caller, integratedb.schemas_of_session(caller), document, variables, operation_name);
  IF compiled OPERATOR(pg_catalog.?) 'missing' THEN
    refused := integratedb.refuse(
      code => '0A000',
      message => 'GraphQL needs the Python module graphql-core 3.3 on the server: ' OPERATOR(pg_catalog.||) (compiled OPERATOR(pg_catalog.->>) 'missing'),
      detail => NULL,
      hint => 'Where the server runs, install it from the source tree of IntegrateDB: make install-graphql. Then begin a new session.');
  ELSIF compiled OPERATOR(pg_catalog.?) 'errors' THEN
    RETURN compiled;
  END IF;

  -- The block undoes what a refused document did.
  BEGIN
    answers := ARRAY(
      SELECT a.value::pg_catalog.text
        FROM integratedb.run_queries(compiled) AS r,
             pg_catalog.json_array_elements(r.body::pg_catalog.json) WITH ORDINALITY AS a (value, place)
       ORDER BY a.place);
  EXCEPTION
    WHEN OTHERS THEN
      GET STACKED DIAGNOSTICS said_message = MESSAGE_TEXT, said_context = PG_EXCEPTION_CONTEXT;
      RETURN pg_catalog.jsonb_build_object(
        'data', NULL,
        'errors', pg_catalog.jsonb_build_array(
          integratedb.place_of_error(compiled, SQLSTATE, said_message, said_context)
          OPERATOR(pg_catalog.||) pg_catalog.jsonb_build_object(
            'message', said_message, 'extensions', pg_catalog.jsonb_build_object('code', SQLSTATE))));
  END;

  RETURN pg_catalog.jsonb_build_object('data', (
    SELECT pg_catalog.string_agg(
             CASE
               WHEN pg_catalog.jsonb_typeof(p.value) OPERATOR(pg_catalog.=) 'number' THEN answers[(p.value OPERATOR(pg_catalog.#>>) '{}')::pg_catalog.int4 OPERATOR(pg_catalog.+) 1]
               ELSE p.value OPERATOR(pg_catalog.#>>) '{}'
             END, '' ORDER BY p.place)::pg_catalog.jsonb
      FROM pg_catalog.jsonb_array_elements(compiled OPERATOR(pg_catalog.->) 'pieces') WITH ORDINALITY AS p (value, place)));
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_graphql(text, jsonb, text) IS
'Answers a document of GraphQL, with the rights and the policies of its caller. variables: an object. operation_name: the '
'operation that is meant, of several. Returns {"data"}, or {"data", "errors"}; an error of Postgres is an answer, with its '
'SQLSTATE in extensions.code, and what such a document did is undone. Errors: 22023 the document is null, or the variables '
'are too large; 0A000 the server has no graphql-core 3.3.
For everybody, with the caller''s own rights.';
