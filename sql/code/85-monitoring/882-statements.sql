-- The panel about statements: what pg_stat_statements has counted.

CREATE OR REPLACE FUNCTION integratedb.statements_schema()
RETURNS name
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- The function is a member of the extension, which only superusers create. Others may have functions of that name.
  SELECT n.nspname
    FROM pg_extension AS x
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid AND d.deptype = 'e' AND d.classid = 'pg_proc'::regclass
    JOIN pg_proc AS p ON p.oid = d.objid AND p.proname = 'pg_stat_statements' AND p.pronargs = 1 AND p.proargtypes[0] = 16
    JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname = 'c'
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
   WHERE x.extname = 'pg_stat_statements'
     -- The library has its settings only where the server has loaded it.
     AND EXISTS (SELECT FROM pg_settings AS s WHERE s.name = 'pg_stat_statements.max' AND s.context = 'postmaster')
$$;

COMMENT ON FUNCTION integratedb.statements_schema() IS
'The schema of the function pg_stat_statements(); null where the extension, or its library, is missing.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_monitor_statements(max_results integer DEFAULT 100)
RETURNS TABLE (
  role name,
  is_stakeholder boolean,
  calls bigint,
  total_ms double precision,
  mean_ms double precision,
  max_ms double precision,
  rows bigint,
  blocks_hit bigint,
  blocks_read bigint,
  temp_blocks_written bigint,
  wal_bytes numeric,
  query_id bigint,
  query text
)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads statements of other roles
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  source CONSTANT name := integratedb.statements_schema();
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role

  IF source IS NULL THEN
    RAISE NOTICE 'pg_stat_statements is not available in this database, so no statements are counted'
      USING DETAIL = 'shared_preload_libraries must name it, and the database needs CREATE EXTENSION pg_stat_statements.';
    RETURN;
  END IF;

  RETURN QUERY EXECUTE format(
    'SELECT u.rolname, EXISTS (SELECT FROM integratedb.stakeholder_role AS r WHERE r.role_oid = s.userid), '
    '       s.calls, s.total_exec_time, s.mean_exec_time, s.max_exec_time, s.rows, s.shared_blks_hit, s.shared_blks_read, '
    '       s.temp_blks_written, s.wal_bytes, s.queryid, integratedb.masked(left(s.query, 2000)) '
    '  FROM (SELECT t.* FROM %I.pg_stat_statements(true) AS t '
    '         WHERE t.dbid = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database()) '
    '         ORDER BY t.total_exec_time DESC LIMIT $1) AS s '
    '  LEFT JOIN pg_roles AS u ON u.oid = s.userid '
    ' ORDER BY s.total_exec_time DESC', source)
    USING greatest(least(coalesce(max_results, 1000), 1000), 0);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_monitor_statements(integer) IS
'The statements of this database by the time that they took, from pg_stat_statements.
max_results: the greatest number of rows, at most 1000 (null).
Returns role, is_stakeholder, calls, total_ms, mean_ms, max_ms, rows, blocks_hit, blocks_read, temp_blocks_written,
wal_bytes, query_id, query (without values, and masked). No rows, and a NOTICE, where pg_stat_statements is not available.
For members of integratedb_admin.';
