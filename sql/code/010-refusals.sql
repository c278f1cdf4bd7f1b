-- The one place that raises: everything else decides, returns rows, and comes here.

CREATE OR REPLACE FUNCTION integratedb.refuse(code text, message text, detail text, hint text)
RETURNS void
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

COMMENT ON FUNCTION integratedb.refuse(text, text, text, text) IS 'Raises code (SQLSTATE) with message, detail (null: none) and hint (required).';
