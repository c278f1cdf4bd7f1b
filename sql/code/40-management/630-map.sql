-- The map of the console: relations, columns, foreign keys and who depends on them. Every number comes from the catalog
-- and from statistics that ANALYZE left, so that the map reads no table of a user.

CREATE OR REPLACE FUNCTION integratedb.management_relations()
RETURNS TABLE (
  path text,
  schema_name text,
  relation_name text,
  kind text,
  owner text,
  estimated_rows bigint,
  bytes bigint,
  row_security boolean,
  partitions integer,
  comment text,
  columns jsonb,
  dependents jsonb
)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  WITH RECURSIVE shown AS MATERIALIZED (
    SELECT k.oid, n.nspname, k.relname, k.relkind, k.relowner, k.reltuples, k.relpages, k.reltoastrelid, k.relrowsecurity
      FROM pg_class AS k
      JOIN pg_namespace AS n ON n.oid = k.relnamespace
     WHERE k.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND NOT k.relispartition
       AND n.nspname !~ '^pg_'
       AND n.nspname NOT IN ('information_schema', 'integratedb')
       AND NOT EXISTS (
             SELECT FROM pg_depend AS d
              WHERE d.classid = 'pg_class'::regclass AND d.objid = k.oid AND d.objsubid = 0 AND d.deptype = 'e')
  ),
  -- Not by pg_partition_tree(), which locks the partitions: an owner who holds a lock would hold up the map.
  partition_tree AS (
    SELECT s.oid AS root, s.oid AS relid FROM shown AS s WHERE s.relkind = 'p'
    UNION ALL
    SELECT t.root, i.inhrelid FROM partition_tree AS t JOIN pg_inherits AS i ON i.inhparent = t.relid
  ),
  parts AS (
    SELECT t.root, count(*)::integer AS number, sum(greatest(p.reltuples, 0)) AS reltuples, sum(p.relpages::bigint) AS relpages
      FROM partition_tree AS t
      JOIN pg_class AS p ON p.oid = t.relid AND p.relkind <> 'p'
     GROUP BY t.root
  ),
  column_lists AS (
    SELECT a.attrelid,
           jsonb_agg(
             jsonb_strip_nulls(jsonb_build_object(
               'name', a.attname,
               'type', format_type(a.atttypid, a.atttypmod),
               'nullable', NOT a.attnotnull,
               'key', CASE WHEN a.attnum = ANY (x.indkey) THEN true END,
               'comment', left(col_description(a.attrelid, a.attnum), 500)))
             ORDER BY a.attnum) AS columns
      FROM shown AS s
      JOIN pg_attribute AS a ON a.attrelid = s.oid AND a.attnum > 0 AND NOT a.attisdropped
      LEFT JOIN pg_index AS x ON x.indrelid = s.oid AND x.indisprimary
     GROUP BY a.attrelid
  ),
  claimed AS (
    SELECT cr.relid, st.name AS stakeholder, s.kind, cc.column_name,
           min(CASE
                 WHEN c.optional OR coalesce(cc.optional, false) THEN 3
                 WHEN c.alternatives > 1 OR cc.choices > 1 THEN 2
                 ELSE 1
               END) AS strictness
      FROM integratedb.claim AS c
      JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id
      JOIN integratedb.specification AS s ON s.id = c.specification_id
      JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
      LEFT JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id
     WHERE cr.relid IS NOT NULL
     GROUP BY cr.relid, st.name, s.kind, cc.column_name
  ),
  dependents AS (
    SELECT d.relid,
           jsonb_agg(
             jsonb_build_object(
               'stakeholder', d.stakeholder,
               'kind', d.kind,
               'dependency', (ARRAY['required', 'alternative', 'optional'])[d.strictness],
               'columns', coalesce(d.columns, '{}'))
             ORDER BY d.stakeholder, d.kind) AS dependents
      FROM (
        SELECT t.relid, t.stakeholder, t.kind, min(t.strictness) AS strictness,
               jsonb_object_agg(t.column_name, (ARRAY['required', 'alternative', 'optional'])[t.strictness])
                 FILTER (WHERE t.column_name IS NOT NULL) AS columns
          FROM claimed AS t
         GROUP BY t.relid, t.stakeholder, t.kind
      ) AS d
     GROUP BY d.relid
  )
  SELECT integratedb.path_of(s.nspname, s.relname),
         s.nspname::text,
         s.relname::text,
         CASE s.relkind
           WHEN 'r' THEN 'table'
           WHEN 'p' THEN 'partitioned table'
           WHEN 'v' THEN 'view'
           WHEN 'm' THEN 'materialized view'
           ELSE 'foreign table'
         END,
         pg_get_userbyid(s.relowner)::text,
         CASE WHEN s.relkind = 'p' THEN p.reltuples::bigint
              WHEN s.relkind <> 'v' AND s.reltuples >= 0 THEN s.reltuples::bigint END,
         CASE WHEN s.relkind = 'p' THEN p.relpages * current_setting('block_size')::bigint
              WHEN s.relkind IN ('r', 'm')
              THEN (s.relpages::bigint + coalesce(t.relpages, 0)) * current_setting('block_size')::bigint END,
         s.relrowsecurity,
         p.number,
         left(obj_description(s.oid, 'pg_class'), 2000),
         coalesce(l.columns, '[]'),
         coalesce(d.dependents, '[]')
    FROM shown AS s
    LEFT JOIN parts AS p ON p.root = s.oid
    LEFT JOIN pg_class AS t ON t.oid = s.reltoastrelid
    LEFT JOIN column_lists AS l ON l.attrelid = s.oid
    LEFT JOIN dependents AS d ON d.relid = s.oid
   ORDER BY s.nspname, s.relname
$$;

COMMENT ON FUNCTION integratedb.management_relations() IS
'Every table and view of the database but those of the system and of extensions: path, kind, owner, the rows and bytes '
'that the catalog estimates (null: never analysed), columns (name, type, nullable, key, comment) and dependents '
'(stakeholder, kind, dependency, and the columns with the dependency of each). Partitions are counted with their parent.';

CREATE OR REPLACE FUNCTION integratedb.management_foreign_keys()
RETURNS TABLE (name text, from_path text, from_columns text[], to_path text, to_columns text[])
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT c.conname::text,
         integratedb.path_of(n.nspname, k.relname),
         ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY AS x (attnum, place)
                 JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = x.attnum ORDER BY x.place),
         integratedb.path_of(fn.nspname, fk.relname),
         ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY AS x (attnum, place)
                 JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = x.attnum ORDER BY x.place)
    FROM pg_constraint AS c
    JOIN pg_class AS k ON k.oid = c.conrelid
    JOIN pg_namespace AS n ON n.oid = k.relnamespace
    JOIN pg_class AS fk ON fk.oid = c.confrelid
    JOIN pg_namespace AS fn ON fn.oid = fk.relnamespace
   WHERE c.contype = 'f'
     AND c.conparentid = 0
     AND NOT k.relispartition
     AND NOT fk.relispartition
     AND n.nspname <> 'integratedb'
   ORDER BY 2, 1
$$;

COMMENT ON FUNCTION integratedb.management_foreign_keys() IS
'Every foreign key of the database: its name, and the path and columns of both sides. Those of partitions are left out.';

CREATE OR REPLACE FUNCTION integratedb.management_column_statistics(path text)
RETURNS TABLE (schema_name text, column_name text, null_fraction real, distinct_values real, average_bytes integer, frequencies real[])
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- The values themselves stay behind: pg_stats shows them only to those who may read the column.
  SELECT n.nspname::text, a.attname::text, s.stanullfrac, s.stadistinct, s.stawidth,
         CASE 1 WHEN s.stakind1 THEN s.stanumbers1[1:20]
                WHEN s.stakind2 THEN s.stanumbers2[1:20]
                WHEN s.stakind3 THEN s.stanumbers3[1:20]
                WHEN s.stakind4 THEN s.stanumbers4[1:20]
                WHEN s.stakind5 THEN s.stanumbers5[1:20] END
    FROM pg_namespace AS n
    JOIN pg_class AS k ON k.relnamespace = n.oid AND k.relname = (integratedb.path_parts(path))[2]
    JOIN pg_attribute AS a ON a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN LATERAL (
      SELECT s.* FROM pg_statistic AS s WHERE s.starelid = a.attrelid AND s.staattnum = a.attnum
       ORDER BY s.stainherit DESC LIMIT 1) AS s ON true
   WHERE n.nspname = (integratedb.path_parts(path))[1]
     AND n.nspname !~ '^pg_'
     AND n.nspname <> 'integratedb'
   ORDER BY a.attnum
$$;

COMMENT ON FUNCTION integratedb.management_column_statistics(text) IS
'What ANALYZE found in the columns of a table: the fraction of nulls, the distinct values (negative: a fraction of the '
'rows, as in pg_stats), the average size in bytes and the frequencies of the most common values. It shows no value. '
'path: schema.table. No rows: the table does not exist, or was never analysed.';

CREATE OR REPLACE FUNCTION integratedb.management_dependent_objects(path text)
RETURNS TABLE (table_schema text, schema_name text, kind text, name text, on_path text, columns text[])
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  WITH asked AS (
    SELECT k.oid, k.reltype, n.nspname
      FROM pg_namespace AS n
      JOIN pg_class AS k ON k.relnamespace = n.oid AND k.relname = (integratedb.path_parts(path))[2]
     WHERE n.nspname = (integratedb.path_parts(path))[1]
       AND k.relkind IN ('r', 'p', 'v', 'm', 'f')
       AND n.nspname !~ '^pg_'
       AND n.nspname NOT IN ('information_schema', 'integratedb')
  ),
  links AS (
    SELECT a.nspname AS table_schema, a.oid AS relid, d.classid, d.objid, d.refobjsubid
      FROM asked AS a
      JOIN pg_depend AS d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.oid
    UNION
    -- A function may take or return rows of the table.
    SELECT a.nspname, a.oid, d.classid, d.objid, 0
      FROM asked AS a
      JOIN pg_depend AS d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = a.reltype AND d.classid = 'pg_proc'::regclass
  ),
  named AS (
    SELECT l.table_schema, n.nspname AS schema_name, l.relid, l.refobjsubid,
           CASE k.relkind WHEN 'm' THEN 'materialized view' WHEN 'v' THEN 'view' ELSE 'rule' END AS kind,
           CASE WHEN k.relkind IN ('v', 'm') THEN integratedb.path_of(n.nspname, k.relname) ELSE r.rulename END AS name,
           CASE WHEN k.relkind NOT IN ('v', 'm') THEN integratedb.path_of(n.nspname, k.relname) END AS on_path
      FROM links AS l
      JOIN pg_rewrite AS r ON l.classid = 'pg_rewrite'::regclass AND r.oid = l.objid
      JOIN pg_class AS k ON k.oid = r.ev_class
      JOIN pg_namespace AS n ON n.oid = k.relnamespace
     -- A view depends on itself.
     WHERE k.oid <> l.relid OR k.relkind NOT IN ('v', 'm')
    UNION ALL
    SELECT l.table_schema, n.nspname, l.relid, l.refobjsubid,
           CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
           format('%s(%s)', integratedb.path_of(n.nspname, p.proname), pg_get_function_identity_arguments(p.oid)), NULL
      FROM links AS l
      JOIN pg_proc AS p ON l.classid = 'pg_proc'::regclass AND p.oid = l.objid
      JOIN pg_namespace AS n ON n.oid = p.pronamespace
    UNION ALL
    SELECT l.table_schema, n.nspname, l.relid, l.refobjsubid, 'policy', p.polname, integratedb.path_of(n.nspname, k.relname)
      FROM links AS l
      JOIN pg_policy AS p ON l.classid = 'pg_policy'::regclass AND p.oid = l.objid
      JOIN pg_class AS k ON k.oid = p.polrelid
      JOIN pg_namespace AS n ON n.oid = k.relnamespace
    UNION ALL
    SELECT l.table_schema, n.nspname, l.relid, l.refobjsubid, 'trigger', t.tgname, integratedb.path_of(n.nspname, k.relname)
      FROM links AS l
      JOIN pg_trigger AS t ON l.classid = 'pg_trigger'::regclass AND t.oid = l.objid AND NOT t.tgisinternal
      JOIN pg_class AS k ON k.oid = t.tgrelid
      JOIN pg_namespace AS n ON n.oid = k.relnamespace
  )
  SELECT d.table_schema::text, d.schema_name::text, d.kind, d.name, d.on_path,
         coalesce(array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL), '{}')
    FROM named AS d
    LEFT JOIN pg_attribute AS a ON a.attrelid = d.relid AND a.attnum = d.refobjsubid AND d.refobjsubid > 0
   WHERE d.schema_name <> 'integratedb'
   GROUP BY d.table_schema, d.schema_name, d.kind, d.name, d.on_path
   ORDER BY d.kind, d.name, d.on_path
$$;

COMMENT ON FUNCTION integratedb.management_dependent_objects(text) IS
'The views, functions, policies, triggers and rules that depend on a table according to pg_depend: kind, name, on_path '
'(the table that a policy, trigger or rule belongs to), the schemas of both sides, and the columns that the object uses. '
'path: schema.table. Postgres knows what a function of LANGUAGE sql with BEGIN ATOMIC uses, and whose rows a function '
'takes or returns; it does not know the text of others.';
