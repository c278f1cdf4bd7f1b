-- Only integratedb.refuse() raises errors. All other functions decide, return refusals as rows, and pass them to
-- integratedb.refuse().

DO LANGUAGE plpgsql $$
BEGIN
  IF pg_catalog.to_regtype('integratedb.refusal') IS NULL THEN
    CREATE TYPE integratedb.refusal AS (code text, message text, detail text, hint text);
  END IF;
END
$$;

COMMENT ON TYPE integratedb.refusal IS
'A refusal as a row: SQLSTATE, message, detail and hint. integratedb.refuse() raises it.';

CREATE OR REPLACE FUNCTION integratedb.refuse(code text, message text, detail text, hint text)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF detail IS NULL THEN
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, HINT = hint;
  END IF;

  RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, DETAIL = detail, HINT = hint;
END
$$;

COMMENT ON FUNCTION integratedb.refuse(text, text, text, text) IS
'Raises code (SQLSTATE) with message, detail (null: no detail) and hint (required). Never returns. Where clients see '
'the error often, callers assign the result, because PERFORM would add its own text to the CONTEXT.';
