-- Queries as data, in SQL. PL/Python only compiles, for a role; a function with the rights of its caller runs the
-- statement.

CREATE OR REPLACE FUNCTION integratedb.compiled_query(for_role oid, schemas text[], query jsonb, params jsonb, in_array boolean)
RETURNS jsonb
LANGUAGE plpython3u
STABLE PARALLEL UNSAFE
SECURITY DEFINER -- only a superuser can ask where the Python is; it reads catalogs, and runs nothing of a user's
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.compile_query(plpy, for_role, schemas, query, params, in_array)
$python$;

COMMENT ON FUNCTION integratedb.compiled_query(oid, text[], jsonb, jsonb, boolean) IS
'Compiles a query as data for a role and runs nothing. Returns {"problem": {code, message, hint, pointer}}, or '
'{"statement", "params": [text, ...], "reads", "returns_rows"}. schemas: where names without a schema are looked up. '
'params: the values of {"param": name}. in_array: the statement gets its parameters as one array of texts.';

CREATE OR REPLACE FUNCTION integratedb.described_surface(for_role oid, schemas text[], wanted text, version text)
RETURNS jsonb
LANGUAGE plpython3u
STABLE PARALLEL UNSAFE
SECURITY DEFINER -- as compiled_query()
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.describe_surface(plpy, for_role, schemas, wanted, version)
$python$;

COMMENT ON FUNCTION integratedb.described_surface(oid, text[], text, text) IS
'The OpenAPI document (wanted: 3.1 or 2.0) of what a role may see in the first of these schemas. Null for another '
'version.';

CREATE OR REPLACE FUNCTION integratedb.schemas_of_session(for_role oid)
RETURNS text[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
-- The function has no SET search_path, because it reads the caller's. So all names are qualified.
AS $$
BEGIN
  RETURN ARRAY(
    SELECT s.name
      FROM (SELECT p.name::pg_catalog.text AS name, p.place
              FROM pg_catalog.unnest(pg_catalog.current_schemas(false)) WITH ORDINALITY AS p (name, place)
            UNION ALL
            SELECT c.schema_name, 1000000 FROM integratedb.claimed_names(for_role) AS c) AS s
     WHERE s.name OPERATOR(pg_catalog.!~) '^pg_' AND s.name OPERATOR(pg_catalog.<>) ALL ('{integratedb,information_schema}'::pg_catalog.text[])
     GROUP BY s.name
     ORDER BY pg_catalog.min(s.place), s.name);
END
$$;

COMMENT ON FUNCTION integratedb.schemas_of_session(oid) IS
'The schemas in which queries of this session look names up: those of its search_path, then those of the claims of the '
'role.';

CREATE OR REPLACE FUNCTION integratedb.compiled_for_caller(query jsonb, params jsonb, in_array boolean)
RETURNS jsonb
LANGUAGE plpgsql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
-- The function has no SET search_path, because it reads the caller's. So all names are qualified.
AS $$
DECLARE
  caller CONSTANT pg_catalog.oid := (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER);
  excess CONSTANT pg_catalog.text := integratedb.excess_of(pg_catalog.jsonb_build_array(query, params));
  compiled pg_catalog.jsonb;
  refused boolean;
BEGIN
  IF query IS NULL OR excess IS NOT NULL THEN
    refused := integratedb.refuse(
      code => '22023',
      message => CASE WHEN query IS NULL THEN 'the query is null' ELSE 'the query cannot be read: ' OPERATOR(pg_catalog.||) excess END,
      detail => NULL,
      hint => 'Write a query as data: {"select": ["id", "name"], "from": "people"}.');
  END IF;

  compiled := integratedb.compiled_query(caller, integratedb.schemas_of_session(caller), query, params, in_array);
  IF compiled OPERATOR(pg_catalog.?) 'problem' THEN
    refused := integratedb.refuse(
      code => compiled OPERATOR(pg_catalog.#>>) '{problem,code}',
      message => compiled OPERATOR(pg_catalog.#>>) '{problem,message}',
      detail => 'In the query: ' OPERATOR(pg_catalog.||) (compiled OPERATOR(pg_catalog.#>>) '{problem,pointer}') OPERATOR(pg_catalog.||) '.',
      hint => coalesce(
        compiled OPERATOR(pg_catalog.#>>) '{problem,hint}',
        'docs/data-api.md describes queries as data. SELECT integratedb_openapi() shows what this role may see.'));
  END IF;

  RETURN compiled;
END
$$;

COMMENT ON FUNCTION integratedb.compiled_for_caller(jsonb, jsonb, boolean) IS
'Compiles a query as data for the role that calls. Errors: 22023 for a query that cannot be read, and the code of the '
'problem (42P01, 42703, ...), with the place in the query.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_query(query jsonb, params jsonb DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
-- The function has no SET search_path: views, policies and triggers that the query runs see the caller's. So all names
-- are qualified.
AS $$
DECLARE
  compiled CONSTANT pg_catalog.jsonb := integratedb.compiled_for_caller(query, params, true);
  answer record;
BEGIN
  EXECUTE compiled OPERATOR(pg_catalog.->>) 'statement'
     INTO answer
    USING ARRAY(SELECT p.value FROM pg_catalog.jsonb_array_elements_text(compiled OPERATOR(pg_catalog.->) 'params') WITH ORDINALITY AS p (value, place) ORDER BY p.place);
  IF (compiled OPERATOR(pg_catalog.->) 'returns_rows')::pg_catalog.bool THEN
    RETURN answer.body::pg_catalog.jsonb;
  END IF;

  RETURN pg_catalog.jsonb_build_object('count', answer.row_count);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_query(jsonb, jsonb) IS
'Runs a query as data, with the rights and the policies of its caller. query: HoneySQL''s maps as JSON, for example '
'{"select": ["id", "name"], "from": "people", "where": [">=", {"field": "age"}, 18]}. params: the values of '
'{"param": "name"} in it. Returns the rows as an array; {"count": n} for a write without "returning". Errors: 22023 for '
'a query that cannot be read, 42P01, 42703 and others for names that the role cannot see, with the place in the query; '
'and those of the statement.
For everybody, with the caller''s own rights.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_compile(query jsonb)
RETURNS TABLE (statement text, params jsonb)
LANGUAGE plpgsql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
-- The function has no SET search_path, because it reads the caller's. So all names are qualified.
AS $$
DECLARE
  compiled CONSTANT pg_catalog.jsonb := integratedb.compiled_for_caller(query, NULL, false);
BEGIN
  RETURN QUERY SELECT compiled OPERATOR(pg_catalog.->>) 'statement', compiled OPERATOR(pg_catalog.->) 'params';
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_compile(jsonb) IS
'The statement that a query as data becomes for its caller, and the parameters of the statement as texts. Runs nothing. '
'Errors: those of integratedb_query() that come before the statement runs.
For everybody.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_openapi(version text DEFAULT '3.1')
RETURNS jsonb
LANGUAGE plpgsql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
-- The function has no SET search_path, because it reads the caller's. So all names are qualified.
AS $$
DECLARE
  caller CONSTANT pg_catalog.oid := (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER);
  installed CONSTANT pg_catalog.text := (SELECT x.extversion FROM pg_catalog.pg_extension AS x WHERE x.extname OPERATOR(pg_catalog.=) 'integratedb');
  document pg_catalog.jsonb;
  refused boolean;
BEGIN
  document := integratedb.described_surface(caller, integratedb.schemas_of_session(caller), version, installed);
  IF document IS NULL THEN
    refused := integratedb.refuse(
      code => '22023',
      message => pg_catalog.format('unknown version of OpenAPI: %s', coalesce(pg_catalog.quote_literal(pg_catalog.left(version, 80)), 'null')),
      detail => NULL,
      hint => 'The versions are 3.1, and 2.0 for Swagger.');
  END IF;

  RETURN document;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_openapi(text) IS
'The OpenAPI document of what the caller may see in the first schema of its search_path, or of its claims. version: 3.1, '
'or 2.0 for Swagger. Error 22023: another version.
For everybody.';
