-- Which notifications are asked for, which relations are published now, and why some cannot be published.

CREATE OR REPLACE VIEW integratedb.notification AS
  SELECT s.stakeholder_id,
         st.name AS stakeholder,
         c.id AS claim_id,
         cr.id AS relation_id,
         cr.relid,
         cr.schema_name,
         cr.relation_name,
         cr.path,
         c.wildcard_schema IS NULL AS is_named,
         CASE WHEN m.match -> 'events' IS NULL OR m.match -> 'events' ? '*' THEN ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE']
              ELSE ARRAY(SELECT pg_catalog.jsonb_array_elements_text(m.match -> 'events')) END AS events,
         m.match -> 'channels' AS channels,
         k.relkind IN ('r', 'p') AND k.relpersistence = 'p' AND NOT k.relispartition AS is_publishable,
         CASE WHEN k.relispartition THEN 'a single partition'
              WHEN k.relpersistence = 'u' THEN 'an unlogged table'
              ELSE CASE k.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialised view' WHEN 'f' THEN 'a foreign table' END END AS obstacle,
         cr.alternative,
         c.optional
    FROM integratedb.specification AS s
    JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
    JOIN integratedb.claim AS c ON c.specification_id = s.id
    JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id
    -- OFFSET 0 makes the planner look up the identifier. Otherwise the planner would look for the name, which each
    -- tenant may use in its own schema.
    JOIN LATERAL (
      SELECT k.relkind, k.relpersistence, k.relispartition, k.relname, n.nspname
        FROM pg_catalog.pg_class AS k
        JOIN pg_catalog.pg_namespace AS n ON n.oid = k.relnamespace
       WHERE k.oid = cr.relid
      OFFSET 0) AS k ON k.relname = cr.relation_name AND k.nspname = cr.schema_name
   CROSS JOIN LATERAL (SELECT coalesce(c.document, s.document -> 'match' -> c.match) AS match) AS m
   WHERE s.kind = 'notifications';

COMMENT ON VIEW integratedb.notification IS
'Relations of notification claims, where the last expansion found them and they still exist: the events asked for, '
'and the obstacles to publishing them.';

CREATE OR REPLACE VIEW integratedb.unidentified_leaf AS
  SELECT wanted.relid AS relid, k.oid AS leaf, found.index IS NOT NULL OR k.relreplident = 'f' AS is_incomplete
    FROM (SELECT DISTINCT n.relid FROM integratedb.notification AS n WHERE n.is_publishable) AS wanted
   CROSS JOIN LATERAL (
     SELECT wanted.relid AS leaf
     UNION
     SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(wanted.relid) AS p WHERE p.isleaf) AS tree
    JOIN pg_catalog.pg_class AS k ON k.oid = tree.leaf AND k.relkind = 'r'
    LEFT JOIN LATERAL (
      SELECT i.indexrelid AS index, i.indkey::smallint[] AS columns
        FROM pg_catalog.pg_index AS i
       WHERE i.indrelid = k.oid
         AND i.indisvalid
         AND CASE k.relreplident WHEN 'd' THEN i.indisprimary AND i.indimmediate WHEN 'i' THEN i.indisreplident ELSE false END
       LIMIT 1) AS found ON true
   WHERE CASE WHEN k.relreplident = 'f' OR found.index IS NOT NULL
              -- From Postgres 18 on, a replica identity must not contain unpublished columns. Generated columns are not
              -- published.
              THEN pg_catalog.current_setting('server_version_num')::integer >= 180000
                   AND EXISTS (
                     SELECT FROM pg_catalog.pg_attribute AS a
                      WHERE a.attrelid = k.oid
                        AND a.attgenerated <> ''
                        AND NOT a.attisdropped
                        AND (k.relreplident = 'f' OR a.attnum = ANY (found.columns)))
              ELSE true END;

COMMENT ON VIEW integratedb.unidentified_leaf IS
'Tables, and partitions of published tables, without a replica identity that can be published. If they were '
'published, their UPDATE or DELETE would fail. is_incomplete: a replica identity exists, but contains generated '
'columns.';

CREATE OR REPLACE VIEW integratedb.published AS
  SELECT r.prrelid AS relid, p.pubname AS publication, p.oid AS publication_oid
    FROM pg_catalog.pg_publication AS p
    JOIN pg_catalog.pg_publication_rel AS r ON r.prpubid = p.oid
   WHERE p.pubname IN ('integratedb', 'integratedb_append', 'integratedb_control');

COMMENT ON VIEW integratedb.published IS 'The relations in our publications now.';

CREATE OR REPLACE VIEW integratedb.notification_problem AS
  SELECT n.stakeholder_id,
         n.stakeholder,
         n.claim_id,
         n.path,
         NULL::text AS field,
         'table' AS property,
         pg_catalog.format('%s is %s: only permanent tables and partitioned tables can be notified', n.path, n.obstacle) AS message,
         CASE n.obstacle WHEN 'a single partition' THEN 'Name the partitioned table.' ELSE 'Name the tables that its rows come from.' END AS cure,
         n.alternative,
         n.optional,
         n.relid AS leaf
    FROM integratedb.notification AS n
   WHERE n.is_named
     AND NOT n.is_publishable
  UNION ALL
  SELECT n.stakeholder_id,
         n.stakeholder,
         n.claim_id,
         n.path,
         NULL,
         'replica_identity',
         pg_catalog.format('%s has %s%s, so its UPDATE and DELETE cannot be told', n.path,
                CASE WHEN u.is_incomplete THEN 'a replica identity with generated columns' ELSE 'no replica identity' END,
                CASE WHEN u.leaf = n.relid THEN '' ELSE pg_catalog.format(' in its partition %s', u.leaf::pg_catalog.regclass) END),
         pg_catalog.format(CASE WHEN u.is_incomplete
                                THEN 'ALTER TABLE %s REPLICA IDENTITY DEFAULT with a primary key of columns that are not generated; or ask for INSERT and TRUNCATE only.'
                                ELSE 'ALTER TABLE %s REPLICA IDENTITY FULL, or ADD PRIMARY KEY; or ask for INSERT and TRUNCATE only.' END,
                           u.leaf::pg_catalog.regclass),
         n.alternative,
         n.optional,
         u.leaf
    FROM integratedb.notification AS n
   -- OFFSET 0 makes the planner look up each relation by itself. Otherwise the planner would compare every row with
   -- every other.
   CROSS JOIN LATERAL (SELECT l.leaf, l.is_incomplete FROM integratedb.unidentified_leaf AS l WHERE l.relid = n.relid OFFSET 0) AS u
   WHERE n.events && ARRAY['UPDATE', 'DELETE']
     -- A wildcard skips relations that cannot be published, but relations that it already publishes must stay. OFFSET 0
     -- makes the planner look relations up, in place of hashing all published relations.
     AND (n.is_named OR EXISTS (SELECT FROM integratedb.published AS p WHERE p.relid = n.relid AND p.publication = 'integratedb' OFFSET 0))
  UNION ALL
  -- Postgres 18 can publish stored generated columns, if a publication asks for it. Our publications behave the same on
  -- every version.
  SELECT n.stakeholder_id,
         n.stakeholder,
         n.claim_id,
         n.path,
         a.attname,
         'column',
         pg_catalog.format('%s.%s is a generated column, which the stream does not carry', n.path, a.attname),
         'Leave the column out; the fields "*" do.',
         n.alternative,
         n.optional,
         n.relid
    FROM integratedb.notification AS n
    JOIN integratedb.claim AS c ON c.id = n.claim_id
    JOIN integratedb.specification AS s ON s.id = c.specification_id
    JOIN integratedb.claim_column AS cc ON cc.relation_id = n.relation_id
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = n.relid AND a.attnum = cc.attnum AND a.attgenerated <> ''
   WHERE NOT pg_catalog.jsonb_path_exists(coalesce(c.document, s.document -> 'match' -> c.match), '$.** ? (@ == "*")');

COMMENT ON VIEW integratedb.notification_problem IS
'Why a notification cannot be delivered, with the cure. leaf: the table or partition that causes the problem.';
