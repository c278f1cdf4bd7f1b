-- The schemas of %(owner)s with what is in them, and what %(roles)s may read of it, as one JSON document. Under an empty
-- search path, so that format_type() names every type that is not built in with its schema.
WITH role AS (
  SELECT r.oid, r.rolname FROM pg_catalog.pg_roles AS r WHERE r.rolname = ANY (%(roles)s)
), schema AS (
  SELECT n.* FROM pg_catalog.pg_namespace AS n WHERE pg_catalog.pg_get_userbyid(n.nspowner) = %(owner)s AND n.nspname <> 'shop'
), relation AS (
  SELECT c.*, schema.nspname FROM pg_catalog.pg_class AS c JOIN schema ON schema.oid = c.relnamespace WHERE c.relkind IN ('r', 'v', 'm', 'p', 'f')
)
SELECT pg_catalog.json_build_object(
  'schemas', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'oid', s.oid::bigint, 'name', s.nspname,
      'users', ARRAY(SELECT rolname FROM role WHERE pg_catalog.has_schema_privilege(role.oid, s.oid, 'USAGE')),
      'granted', ARRAY(SELECT rolname FROM role JOIN pg_catalog.aclexplode(s.nspacl) AS x ON x.grantee = role.oid AND x.privilege_type = 'USAGE')
    ) ORDER BY s.nspname), '[]') FROM schema AS s),
  'types', (SELECT coalesce(pg_catalog.json_agg(ARRAY[s.nspname::text, t.typname::text, t.typtype::text] ORDER BY s.nspname, t.typname), '[]')
      FROM pg_catalog.pg_type AS t JOIN schema AS s ON s.oid = t.typnamespace WHERE t.typtype IN ('e', 'd')),
  'relations', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
      'oid', c.oid::bigint, 'schema', c.nspname, 'name', c.relname, 'kind', c.relkind, 'is_partition', c.relispartition,
      'permanent', c.relpersistence = 'p', 'row_security', c.relrowsecurity,
      'invoker', coalesce(c.reloptions && '{security_invoker=true,security_invoker=on}', false),
      'reads', ARRAY(SELECT pg_catalog.json_build_array(d.refobjid::bigint, d.refobjsubid)
                       FROM pg_catalog.pg_rewrite AS w
                       JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid
                      WHERE w.ev_class = c.oid AND c.relkind = 'v' AND d.refobjid <> c.oid
                        AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass),
      'identified', CASE c.relreplident WHEN 'f' THEN true WHEN 'n' THEN false ELSE EXISTS (
          SELECT FROM pg_catalog.pg_index AS i
           WHERE i.indrelid = c.oid AND i.indisvalid AND CASE c.relreplident WHEN 'd' THEN i.indisprimary ELSE i.indisreplident END) END,
      'unique', (SELECT coalesce(pg_catalog.json_agg((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1]), '[]') FROM pg_catalog.pg_index AS i
                  WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL),
      'primary', (SELECT k.conkey FROM pg_catalog.pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'p'),
      'references', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(k.confrelid::bigint, k.conkey, k.confkey)), '[]')
                       FROM pg_catalog.pg_constraint AS k LEFT JOIN pg_catalog.pg_constraint AS up ON up.oid = k.conparentid
                      WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.convalidated AND up.conrelid IS DISTINCT FROM c.oid),
      'leaves', ARRAY(SELECT p.relid::oid::bigint FROM pg_catalog.pg_partition_tree(c.oid) AS p WHERE p.isleaf AND c.relkind = 'p'),
      'granted', ARRAY(SELECT rolname FROM role JOIN pg_catalog.aclexplode(c.relacl) AS x ON x.grantee = role.oid AND x.privilege_type = 'SELECT'),
      'publications', ARRAY(SELECT p.pubname FROM pg_catalog.pg_publication_rel AS r JOIN pg_catalog.pg_publication AS p ON p.oid = r.prpubid
                             WHERE r.prrelid = c.oid AND p.pubname IN ('integratedb', 'integratedb_append')),
      'policies', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object('permissive', p.polpermissive, 'command', p.polcmd,
          'roles', ARRAY(SELECT pg_catalog.pg_get_userbyid(r) FROM pg_catalog.unnest(p.polroles) AS r WHERE r <> 0))), '[]')
          FROM pg_catalog.pg_policy AS p WHERE p.polrelid = c.oid),
      'columns', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_object(
          'name', a.attname, 'number', a.attnum, 'type', pg_catalog.format_type(a.atttypid, NULL), 'type_kind', t.typtype,
          'base', CASE t.typtype WHEN 'd' THEN pg_catalog.format_type(t.typbasetype, t.typtypmod)
                  ELSE pg_catalog.format_type(a.atttypid, a.atttypmod) END,
          'not_null', a.attnotnull OR (t.typtype = 'd' AND t.typnotnull), 'generated', a.attgenerated <> '',
          'readers', ARRAY(SELECT rolname FROM role WHERE pg_catalog.has_column_privilege(role.oid, c.oid, a.attnum, 'SELECT')),
          'public', pg_catalog.has_column_privilege('public', c.oid, a.attnum, 'SELECT'),
          'granted', ARRAY(SELECT rolname FROM role JOIN pg_catalog.aclexplode(a.attacl) AS x
                            ON x.grantee = role.oid AND x.privilege_type = 'SELECT')
        ) ORDER BY a.attnum), '[]')
          FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
         WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
    ) ORDER BY c.nspname, c.relname), '[]') FROM relation AS c)
)
