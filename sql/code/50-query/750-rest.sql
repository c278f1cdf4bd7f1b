-- The URL face without HTTP, for learning and tests.

CREATE OR REPLACE FUNCTION integratedb.answered_rest(
  for_role oid, schemas text[], method text, url text, body text, version text, answer text[])
RETURNS jsonb
LANGUAGE plpython3u
STABLE PARALLEL UNSAFE
SECURITY DEFINER -- as compiled_query()
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.answer_rest(plpy, for_role, schemas, (method, url, body), version, answer)
$python$;

COMMENT ON FUNCTION integratedb.answered_rest(oid, text[], text, text, text, text, text[]) IS
'Compiles a request for a role and runs nothing; or, with the row of its statement, answers it. Returns {"statement", '
'"params"}, or {"status", "headers", "body", "undo"}. schemas: where names are looked up. version: that of the extension. '
'Null if one of these is null, or the row is none.';

CREATE OR REPLACE FUNCTION integratedb.answered_error(sqlstate text, message text, detail text, hint text)
RETURNS jsonb
LANGUAGE plpython3u
STABLE PARALLEL UNSAFE
SECURITY DEFINER -- as compiled_query()
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.answer_error(sqlstate, message, detail, hint)
$python$;

COMMENT ON FUNCTION integratedb.answered_error(text, text, text, text) IS
'The answer to a request whose statement failed, as answered_rest() returns it. Null without a SQLSTATE or a message.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_rest(method text, url text, request_body jsonb DEFAULT NULL)
RETURNS TABLE (status integer, headers jsonb, body jsonb)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
-- The function has no SET search_path: what the request runs sees the caller's. So all names are qualified.
AS $$
DECLARE
  caller CONSTANT pg_catalog.oid := (SELECT r.oid FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) CURRENT_USER);
  schemas CONSTANT pg_catalog.text[] := integratedb.schemas_of_session(caller);
  installed CONSTANT pg_catalog.text := (SELECT x.extversion FROM pg_catalog.pg_extension AS x WHERE x.extname OPERATOR(pg_catalog.=) 'integratedb');
  content CONSTANT pg_catalog.text := request_body::pg_catalog.text;
  compiled pg_catalog.jsonb;
  result pg_catalog.jsonb;
  answer record;
  said_message pg_catalog.text;
  said_detail pg_catalog.text;
  said_hint pg_catalog.text;
  refused boolean;
BEGIN
  IF method IS NULL OR url IS NULL OR pg_catalog.length(url) OPERATOR(pg_catalog.>) 100000 OR integratedb.excess_of(request_body) IS NOT NULL THEN
    refused := integratedb.refuse(
      code => '22023',
      message => 'the request cannot be read: its method or its URL is null, or a part of it is too large',
      detail => NULL,
      hint => 'Write a request: SELECT * FROM integratedb_rest(''GET'', ''/people?age=gte.18'').');
  END IF;

  compiled := integratedb.answered_rest(caller, schemas, method, url, content, installed, NULL);
  IF compiled OPERATOR(pg_catalog.?) 'status' THEN
    result := compiled;
  ELSE
    -- The block undoes what a refused request did.
    BEGIN
      EXECUTE compiled OPERATOR(pg_catalog.->>) 'statement'
         INTO answer
        USING ARRAY(SELECT p.value FROM pg_catalog.jsonb_array_elements_text(compiled OPERATOR(pg_catalog.->) 'params') WITH ORDINALITY AS p (value, place) ORDER BY p.place);
      result := integratedb.answered_rest(
        caller, schemas, method, url, content, installed,
        ARRAY[answer.body::pg_catalog.text, answer.row_count::pg_catalog.text, answer.total::pg_catalog.text, CASE WHEN answer.more THEN 't' ELSE 'f' END,
              answer.etag::pg_catalog.text, answer.new_count::pg_catalog.text, answer.location::pg_catalog.text, answer.headers::pg_catalog.text,
              answer.status::pg_catalog.text]);
      IF (result OPERATOR(pg_catalog.->) 'undo')::pg_catalog.bool THEN
        RAISE EXCEPTION 'this request is refused';
      END IF;
    EXCEPTION
      WHEN OTHERS THEN
        -- A refusal is an answer already.
        IF result IS NULL THEN
          GET STACKED DIAGNOSTICS said_message = MESSAGE_TEXT, said_detail = PG_EXCEPTION_DETAIL, said_hint = PG_EXCEPTION_HINT;
          result := integratedb.answered_error(
            SQLSTATE, said_message,
            CASE WHEN said_detail OPERATOR(pg_catalog.<>) '' THEN said_detail END,
            CASE WHEN said_hint OPERATOR(pg_catalog.<>) '' THEN said_hint END);
        END IF;
    END;
  END IF;

  RETURN QUERY SELECT (result OPERATOR(pg_catalog.->>) 'status')::pg_catalog.int4,
                      result OPERATOR(pg_catalog.->) 'headers',
                      integratedb.as_json(result OPERATOR(pg_catalog.->>) 'body');
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_rest(text, text, jsonb) IS
'Answers a request of the REST API without HTTP, with the rights and the policies of its caller: what integratedb api '
'would answer.
method: GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS. url: path and parameters, /people?age=gte.18. request_body: the rows of a '
'write, or the arguments of a function. body in the answer is text where the answer is no JSON.
Errors: 22023 the request is null or too large. All others are answers, with the status that HTTP would have; what such a '
'request did is undone.
For everybody, with the caller''s own rights.';

CREATE OR REPLACE FUNCTION integratedb.as_json(content text)
RETURNS jsonb
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN content::jsonb;
EXCEPTION
  WHEN invalid_text_representation THEN
    RETURN to_jsonb(content);
END
$$;

COMMENT ON FUNCTION integratedb.as_json(text) IS
'A text as JSON; as a JSON string, where it is no JSON.';
