-- Lookups for the management API in another form than an admin's: by id, page by page, and the names to compare with
-- scopes.

CREATE OR REPLACE FUNCTION integratedb.management_stakeholder(id bigint)
RETURNS text
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT st.name FROM integratedb.stakeholder AS st WHERE st.id = management_stakeholder.id
$$;

COMMENT ON FUNCTION integratedb.management_stakeholder(bigint) IS
'The name of the stakeholder with this id; null: the stakeholder does not exist.';

CREATE OR REPLACE FUNCTION integratedb.management_stakeholder_name(given text)
RETURNS text
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT integratedb.stakeholder_name(given)
$$;

COMMENT ON FUNCTION integratedb.management_stakeholder_name(text) IS
'The name that a stakeholder would get, for comparison with scopes. Error: IDB06.';

CREATE OR REPLACE FUNCTION integratedb.management_schemas(spec jsonb, kind text)
RETURNS text[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- Channels name no schema, so they are removed.
  parsed CONSTANT jsonb := integratedb.parsed(CASE jsonb_typeof(spec) WHEN 'object' THEN spec - 'channels' ELSE spec END, kind);
BEGIN
  IF parsed ? 'refusals' THEN
    PERFORM integratedb.refuse_specification(parsed -> 'refusals');
  END IF;

  RETURN ARRAY(
    SELECT r.path ->> 0 FROM jsonb_array_elements(parsed -> 'relations') AS r (path)
     UNION
    SELECT s.name FROM jsonb_array_elements_text(parsed -> 'schemas') AS s (name)
     ORDER BY 1);
END
$$;

COMMENT ON FUNCTION integratedb.management_schemas(jsonb, text) IS
'The schemas that a specification names, for comparison with scopes. Errors: 22023 unknown kind; IDB02 not well '
'formed.';

CREATE OR REPLACE FUNCTION integratedb.management_private_schemas(names text[])
RETURNS text[]
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- A schema that does not exist may become the schema of any stakeholder. No user may give away what a dropped
  -- stakeholder left behind.
  SELECT ARRAY(
    SELECT given.name
      FROM unnest(names) AS given (name)
     WHERE EXISTS (SELECT FROM integratedb.stakeholder AS st WHERE st.name = given.name)
        OR NOT EXISTS (
             SELECT FROM pg_namespace AS n
              WHERE n.nspname = given.name
                AND n.nspowner IS DISTINCT FROM (SELECT u.oid FROM pg_roles AS u WHERE u.rolname = 'integratedb_archive')))
$$;

COMMENT ON FUNCTION integratedb.management_private_schemas(text[]) IS
'The private schemas among these: of a stakeholder, of a dropped stakeholder, or a schema that does not exist yet and '
'may become one.';

CREATE OR REPLACE FUNCTION integratedb.management_ddl_events(before_id bigint, max_results integer)
RETURNS TABLE (
  id bigint,
  occurred_at timestamptz,
  xid xid8,
  session_user_name name,
  command_tag text,
  object_type text,
  object_identity text,
  query text,
  reason text
)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT e.id, e.occurred_at, e.xid, e.session_user_name, e.command_tag, e.object_type, e.object_identity, e.query, e.reason
    FROM integratedb.ddl_event AS e
   WHERE (before_id IS NULL OR e.id < before_id)
     AND e.audited
   ORDER BY e.id DESC
   LIMIT max_results
$$;

COMMENT ON FUNCTION integratedb.management_ddl_events(bigint, integer) IS
'integratedb_ddl_events() page by page: the newest changes before this one; null: from the newest.';
