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
'Compiles queries as data for a role and runs nothing. Returns {"problem": {code, message, hint, pointer}}, or '
'{"statements": [{"statement", "params": [text, ...], "holes": [[parameter, form, query, key, many], ...], "reads", '
'"returns_rows", "uses"}, ...], "is_list", "explain"}. schemas: where names without a schema are looked up. params: the '
'values of {"param": name}. Null if the role, the schemas or the query is null. in_array: the statements get their parameters as one array of texts. holes: parameters that '
'are values of earlier answers.';

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
'version, and where a value is null.';

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
        'docs/queries-as-data.md describes them. SELECT integratedb_openapi() shows what this role may see.'));
  END IF;

  RETURN compiled;
END
$$;

COMMENT ON FUNCTION integratedb.compiled_for_caller(jsonb, jsonb, boolean) IS
'Compiles a query as data for the role that calls. Errors: 22023 for a query that cannot be read, and the code of the '
'problem (42P01, 42703, ...), with the place in the query.';

CREATE OR REPLACE FUNCTION integratedb.filled_parameters(statement jsonb, answers text[])
RETURNS text[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  filled text[] := ARRAY(SELECT p.value FROM jsonb_array_elements_text(statement -> 'params') WITH ORDINALITY AS p (value, place) ORDER BY p.place);
  hole jsonb;
  answer jsonb;
  refused boolean;
BEGIN
  FOR hole IN SELECT h.value FROM jsonb_array_elements(statement -> 'holes') AS h (value) LOOP
    answer := answers[(hole ->> 2)::integer + 1]::jsonb;
    IF (hole ->> 4)::boolean THEN
      filled[(hole ->> 0)::integer] := ARRAY(SELECT r.value ->> (hole ->> 3) FROM jsonb_array_elements(answer) AS r (value))::text;
      CONTINUE;
    END IF;

    IF jsonb_array_length(answer) <> 1 THEN
      refused := integratedb.refuse(
        code => '21000',
        message => format('query %s returned %s rows, expected one', hole ->> 2, jsonb_array_length(answer)),
        detail => NULL,
        hint => 'The values of all rows are a list: ["in", {"field": ...}, {"result": [0, "id"]}].');
    END IF;

    filled[(hole ->> 0)::integer] := CASE
      WHEN hole ->> 1 = 'json' THEN (answer -> 0 -> (hole ->> 3))::text
      WHEN hole ->> 1 = 'array' AND jsonb_typeof(answer -> 0 -> (hole ->> 3)) = 'array' THEN
        ARRAY(SELECT e.value FROM jsonb_array_elements_text(answer -> 0 -> (hole ->> 3)) AS e (value))::text
      ELSE answer -> 0 ->> (hole ->> 3)
    END;
  END LOOP;

  RETURN filled;
END
$$;

COMMENT ON FUNCTION integratedb.filled_parameters(jsonb, text[]) IS
'The parameters of a statement of compiled_query(), with values of the answers of earlier queries in its holes. Error '
'21000: a query of which one row is meant returned another number of rows.';

CREATE OR REPLACE FUNCTION integratedb.explained_query(statement jsonb)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
-- The function has no SET search_path: views and policies that the plan has see the caller's. So all names are qualified.
AS $$
DECLARE
  filled CONSTANT pg_catalog.text[] := ARRAY(
    SELECT p.value FROM pg_catalog.jsonb_array_elements_text(statement OPERATOR(pg_catalog.->) 'params') WITH ORDINALITY AS p (value, place) ORDER BY p.place);
  plan pg_catalog.json;
BEGIN
  EXECUTE 'EXPLAIN (FORMAT JSON) ' OPERATOR(pg_catalog.||) (statement OPERATOR(pg_catalog.->>) 'statement') INTO plan USING filled;
  RETURN pg_catalog.jsonb_build_object(
    'statement', statement OPERATOR(pg_catalog.->) 'statement',
    'params', statement OPERATOR(pg_catalog.->) 'params',
    'plan', plan,
    'claims', (
      SELECT coalesce(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(
               'path', (u.value OPERATOR(pg_catalog.->>) 0) OPERATOR(pg_catalog.||) '.' OPERATOR(pg_catalog.||) (u.value OPERATOR(pg_catalog.->>) 1),
               'fields', u.value OPERATOR(pg_catalog.->) 2)), '[]')
        FROM pg_catalog.jsonb_array_elements(statement OPERATOR(pg_catalog.->) 'uses') AS u (value)));
END
$$;

COMMENT ON FUNCTION integratedb.explained_query(jsonb) IS
'What a statement of compiled_query() is, and how Postgres would run it: {"statement", "params", "plan", "claims"}.';

CREATE OR REPLACE FUNCTION integratedb.answer_too_large(most bigint)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL SAFE -- volatile, so that the planner does not move a condition with it
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  refused boolean;
BEGIN
  refused := integratedb.refuse(
    code => 'IDB09',
    message => format('the answer has more than %s bytes', most),
    detail => 'Nothing was done.',
    hint => 'Ask for fewer rows or columns. The URL face also streams rows as text/csv or application/x-ndjson, without a limit.');
  RETURN refused;
END
$$;

COMMENT ON FUNCTION integratedb.answer_too_large(bigint) IS
'Raises IDB09. A statement of the data API calls it where its answer has more bytes than the service takes. Never '
'returns.';

CREATE OR REPLACE FUNCTION integratedb.run_queries(compiled jsonb, max_cost double precision DEFAULT NULL)
RETURNS TABLE (body text, more boolean)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
-- The function has no SET search_path: views, policies and triggers that the queries run see the caller's. So all names
-- are qualified.
AS $$
DECLARE
  explain CONSTANT boolean := (compiled OPERATOR(pg_catalog.->) 'explain')::pg_catalog.bool;
  most_bytes CONSTANT pg_catalog.int8 := (compiled OPERATOR(pg_catalog.->>) 'most_bytes')::pg_catalog.int8;
  bytes pg_catalog.int8 := '0'::pg_catalog.int8;
  statement pg_catalog.jsonb;
  answers pg_catalog.text[] := ARRAY[]::pg_catalog.text[];
  cost double precision;
  answer record;
  refused boolean;
BEGIN
  more := false;
  FOR statement IN
    SELECT s.value
      FROM pg_catalog.jsonb_array_elements(compiled OPERATOR(pg_catalog.->) 'statements') WITH ORDINALITY AS s (value, place)
     ORDER BY s.place
  LOOP
    IF explain THEN
      answers := pg_catalog.array_append(answers, integratedb.explained_query(statement)::pg_catalog.text);
      CONTINUE;
    END IF;

    IF max_cost IS NOT NULL THEN
      cost := (integratedb.explained_query(statement) OPERATOR(pg_catalog.#>>) '{plan,0,Plan,Total Cost}')::pg_catalog.float8;
      IF cost OPERATOR(pg_catalog.>) max_cost THEN
        refused := integratedb.refuse(
          code => '54000',
          message => pg_catalog.format('the estimated cost of the query, %s, is more than %s', pg_catalog.round(cost), max_cost),
          detail => NULL,
          hint => 'Filter by columns with an index, or ask for fewer embedded rows.');
      END IF;
    END IF;

    EXECUTE statement OPERATOR(pg_catalog.->>) 'statement' INTO answer USING integratedb.filled_parameters(statement, answers);
    IF answer.row_count OPERATOR(pg_catalog.<) (statement OPERATOR(pg_catalog.->>) 'least')::pg_catalog.int8 THEN
      refused := integratedb.refuse(
        code => 'P0002',
        message => pg_catalog.format('no row of %s was found that this role may write', statement OPERATOR(pg_catalog.->>) 'field'),
        detail => NULL,
        hint => 'All changes of the request were undone.');
    ELSIF answer.row_count OPERATOR(pg_catalog.>) (statement OPERATOR(pg_catalog.->>) 'most')::pg_catalog.int8 THEN
      refused := integratedb.refuse(
        code => '21000',
        message => pg_catalog.format('%s touches %s rows, more than atMost: %s', statement OPERATOR(pg_catalog.->>) 'field', answer.row_count, statement OPERATOR(pg_catalog.->>) 'most'),
        detail => NULL,
        hint => 'All changes of the request were undone. Narrow the filter, or raise atMost.');
    END IF;

    more := more OR answer.more;
    answers := pg_catalog.array_append(answers, CASE
      WHEN (statement OPERATOR(pg_catalog.->) 'returns_rows')::pg_catalog.bool THEN coalesce(answer.body, 'null')
      ELSE pg_catalog.format('{"count": %s}', answer.row_count) END);
    bytes := bytes OPERATOR(pg_catalog.+) pg_catalog.octet_length(answers[pg_catalog.cardinality(answers)]);
    IF bytes OPERATOR(pg_catalog.>) most_bytes THEN
      refused := integratedb.answer_too_large(most_bytes);
    END IF;
  END LOOP;

  body := CASE
    WHEN (compiled OPERATOR(pg_catalog.->) 'is_list')::pg_catalog.bool THEN pg_catalog.concat('[', pg_catalog.array_to_string(answers, ',' OPERATOR(pg_catalog.||) E'\n '), ']')
    ELSE answers[1] END;
  RETURN NEXT;
END
$$;

COMMENT ON FUNCTION integratedb.run_queries(jsonb, double precision) IS
'Runs what compiled_query() returned. body: JSON, the rows of a query or {"count": n} for a write that returns none; for '
'a list of queries, a list of these. more: whether rows were left out, because an answer has a maximum. max_cost: the '
'highest cost that the planner may expect. A statement may have "least" and "most", the rows that it must touch, and '
'"field", what the caller calls it; compiled may have "most_bytes", which all answers together may have. Errors: P0002, '
'21000, 54000, IDB09, and those of the statements.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_query(query jsonb, params jsonb DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
-- The function has no SET search_path: views, policies and triggers that the query runs see the caller's. So all names
-- are qualified.
AS $$
BEGIN
  RETURN (SELECT r.body::pg_catalog.jsonb FROM integratedb.run_queries(integratedb.compiled_for_caller(query, params, true)) AS r);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_query(jsonb, jsonb) IS
'Runs a query as data, with the rights and the policies of its caller. query: HoneySQL''s maps as JSON, for example '
'{"select": ["id", "name"], "from": "people", "where": [">=", {"field": "age"}, 18]}; or a list of queries, of which a '
'later one may use an earlier one''s answer: {"result": [0, "id"]}; or {"query", "params", "explain"}, where explain '
'returns {"statement", "params", "plan", "claims"} and runs nothing. params: the values of {"param": "name"} in it. '
'Returns the rows as an array; {"count": n} for a write without "returning"; a list of answers for a list. Errors: 22023 '
'for a query that cannot be read, 42P01, 42703 and others for names that the role cannot see, with the place in the '
'query; and those of the statements.
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
  RETURN QUERY
    SELECT s.value OPERATOR(pg_catalog.->>) 'statement', s.value OPERATOR(pg_catalog.->) 'params'
      FROM pg_catalog.jsonb_array_elements(compiled OPERATOR(pg_catalog.->) 'statements') WITH ORDINALITY AS s (value, place)
     ORDER BY s.place;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_compile(jsonb) IS
'The statement that a query as data becomes for its caller, and the parameters of the statement as texts; for a list of '
'queries, a row each. Runs nothing. Errors: those of integratedb_query() that come before the statement runs.
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
