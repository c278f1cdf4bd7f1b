-- The publications: what stakeholders are notified of, without column lists, kept equal to the matches.

CREATE OR REPLACE VIEW integratedb.notification AS
  SELECT s.stakeholder_id,
         st.name AS stakeholder,
         c.id AS claim_id,
         cr.id AS relation_id,
         k.oid AS relid,
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
              ELSE CASE k.relkind WHEN 'v' THEN 'a view' WHEN 'm' THEN 'a materialised view' WHEN 'f' THEN 'a foreign table' END END AS obstacle
    FROM integratedb.specification AS s
    JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
    JOIN integratedb.claim AS c ON c.specification_id = s.id
    JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id
    JOIN pg_catalog.pg_class AS k ON k.oid = cr.relid AND k.relname = cr.relation_name
    JOIN pg_catalog.pg_namespace AS n ON n.oid = k.relnamespace AND n.nspname = cr.schema_name
   CROSS JOIN LATERAL (SELECT s.document -> 'match' -> c.match AS match) AS m
   WHERE s.kind = 'notifications';

COMMENT ON VIEW integratedb.notification IS 'Relations that somebody is notified of, where the last expansion found them and they are still there: the events asked for, and what stands against publishing them.';

CREATE OR REPLACE VIEW integratedb.unidentified_leaf AS
  SELECT wanted.relid AS relid, k.oid AS leaf
    FROM (SELECT DISTINCT n.relid FROM integratedb.notification AS n WHERE n.is_publishable) AS wanted
   CROSS JOIN LATERAL (
     SELECT wanted.relid AS leaf
     UNION
     SELECT p.relid::oid FROM pg_catalog.pg_partition_tree(wanted.relid) AS p WHERE p.isleaf) AS tree
    JOIN pg_catalog.pg_class AS k ON k.oid = tree.leaf AND k.relkind = 'r'
   WHERE NOT (k.relreplident = 'f'
              OR EXISTS (
                SELECT FROM pg_catalog.pg_index AS i
                 WHERE i.indrelid = k.oid
                   AND i.indisvalid
                   AND CASE k.relreplident WHEN 'd' THEN i.indisprimary AND i.indimmediate WHEN 'i' THEN i.indisreplident ELSE false END));

COMMENT ON VIEW integratedb.unidentified_leaf IS 'Tables, and partitions of published tables, without a replica identity: publishing their UPDATE or DELETE would make those fail.';

CREATE OR REPLACE VIEW integratedb.wanted_publication AS
  SELECT n.relid,
         CASE WHEN pg_catalog.bool_or(n.events && ARRAY['UPDATE', 'DELETE'])
                   AND NOT EXISTS (SELECT FROM integratedb.unidentified_leaf AS u WHERE u.relid = n.relid)
              THEN 'integratedb' ELSE 'integratedb_append' END::name AS publication
    FROM integratedb.notification AS n
   WHERE n.is_publishable
   GROUP BY n.relid;

COMMENT ON VIEW integratedb.wanted_publication IS 'In which publication each notified table belongs: integratedb when UPDATE or DELETE is asked for and can be told, integratedb_append for INSERT and TRUNCATE.';

CREATE OR REPLACE VIEW integratedb.published AS
  SELECT r.prrelid AS relid, p.pubname AS publication, p.oid AS publication_oid
    FROM pg_catalog.pg_publication AS p
    JOIN pg_catalog.pg_publication_rel AS r ON r.prpubid = p.oid
   WHERE p.pubname IN ('integratedb', 'integratedb_append', 'integratedb_control');

COMMENT ON VIEW integratedb.published IS 'What is in our publications now.';

CREATE OR REPLACE VIEW integratedb.notification_problem AS
  SELECT n.stakeholder_id,
         n.stakeholder,
         n.claim_id,
         n.path,
         NULL::text AS field,
         'table' AS property,
         pg_catalog.format('%s is %s: only permanent tables and partitioned tables can be notified', n.path, n.obstacle) AS message,
         CASE n.obstacle WHEN 'a single partition' THEN 'Name the partitioned table.' ELSE 'Name the tables that its rows come from.' END AS cure
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
         pg_catalog.format('%s has no replica identity%s, so its UPDATE and DELETE cannot be told', n.path,
                CASE WHEN u.leaf = n.relid THEN '' ELSE pg_catalog.format(' in its partition %s', u.leaf::pg_catalog.regclass) END),
         pg_catalog.format('ALTER TABLE %s REPLICA IDENTITY FULL, or ADD PRIMARY KEY; or ask for INSERT and TRUNCATE only.', u.leaf::pg_catalog.regclass)
    FROM integratedb.notification AS n
    JOIN integratedb.unidentified_leaf AS u ON u.relid = n.relid
   WHERE n.events && ARRAY['UPDATE', 'DELETE']
     -- A wildcard takes what it can get, but what it had it keeps.
     AND (n.is_named OR EXISTS (SELECT FROM integratedb.published AS p WHERE p.relid = n.relid AND p.publication = 'integratedb'))
  UNION ALL
  SELECT n.stakeholder_id,
         n.stakeholder,
         n.claim_id,
         n.path,
         a.attname,
         'column',
         pg_catalog.format('%s.%s is a generated column, which the stream does not carry', n.path, a.attname),
         'Leave the column out; the fields "*" do.'
    FROM integratedb.notification AS n
    JOIN integratedb.claim AS c ON c.id = n.claim_id
    JOIN integratedb.specification AS s ON s.id = c.specification_id
    JOIN integratedb.claim_column AS cc ON cc.relation_id = n.relation_id
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = n.relid AND a.attnum = cc.attnum AND a.attgenerated <> ''
   WHERE NOT pg_catalog.jsonb_path_exists(s.document, '$.match[$m].** ? (@ == "*")', pg_catalog.jsonb_build_object('m', c.match))
     AND pg_catalog.current_setting('server_version_num')::integer < 180000;

COMMENT ON VIEW integratedb.notification_problem IS 'Why something that is asked for cannot be notified, with the cure.';

CREATE OR REPLACE FUNCTION integratedb.ensure_publications()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  wanted record;
BEGIN
  INSERT INTO integratedb.own_change DEFAULT VALUES ON CONFLICT DO NOTHING;

  FOR wanted IN
    SELECT w.name, w.publish, p.oid IS NULL AS is_missing
      FROM (VALUES ('integratedb', 'insert, update, delete, truncate', true, true, true, true),
                   ('integratedb_append', 'insert, truncate', true, false, false, true),
                   ('integratedb_control', 'insert', true, false, false, false))
        AS w (name, publish, pubinsert, pubupdate, pubdelete, pubtruncate)
      LEFT JOIN pg_publication AS p ON p.pubname = w.name
     WHERE p.oid IS NULL
        OR (p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot)
           IS DISTINCT FROM (w.pubinsert, w.pubupdate, w.pubdelete, w.pubtruncate, true)
  LOOP
    IF wanted.is_missing THEN
      EXECUTE format('CREATE PUBLICATION %I WITH (publish = %L, publish_via_partition_root = true)', wanted.name, wanted.publish);
    ELSE
      EXECUTE format('ALTER PUBLICATION %I SET (publish = %L, publish_via_partition_root = true)', wanted.name, wanted.publish);
    END IF;
  END LOOP;

  IF NOT EXISTS (SELECT FROM integratedb.published AS p WHERE p.publication = 'integratedb_control' AND p.relid = 'integratedb.control'::regclass) THEN
    ALTER PUBLICATION integratedb_control ADD TABLE ONLY integratedb.control;
  END IF;

  DELETE FROM integratedb.own_change WHERE xid = pg_current_xact_id();
END
$$;

COMMENT ON FUNCTION integratedb.ensure_publications() IS 'Makes sure of the three publications: they are there and publish what they should. Their tables are reconcile_publications()''s.';

CREATE OR REPLACE FUNCTION integratedb.reconcile_publications()
RETURNS oid[]
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  change record;
  added oid[] := ARRAY[]::oid[];
BEGIN
  PERFORM integratedb.ensure_publications();
  INSERT INTO integratedb.own_change DEFAULT VALUES ON CONFLICT DO NOTHING;

  -- A loop, because each is a statement of its own; in name order, so that two cannot deadlock each other.
  FOR change IN
    SELECT r.schema_name, r.relation_name, r.oid AS relid, had.publication AS old, want.publication AS new
      FROM (SELECT p.relid, p.publication FROM integratedb.published AS p WHERE p.publication <> 'integratedb_control') AS had
      FULL JOIN integratedb.wanted_publication AS want USING (relid)
      JOIN integratedb.readable_relation AS r ON r.oid = relid
     WHERE had.publication IS DISTINCT FROM want.publication
     ORDER BY r.schema_name, r.relation_name
  LOOP
    IF change.old IS NOT NULL THEN
      EXECUTE format('ALTER PUBLICATION %I DROP TABLE ONLY %I.%I', change.old, change.schema_name, change.relation_name);
    END IF;
    IF change.new IS NOT NULL THEN
      EXECUTE format('ALTER PUBLICATION %I ADD TABLE ONLY %I.%I', change.new, change.schema_name, change.relation_name);
      IF change.old IS NULL THEN
        added := array_append(added, change.relid);
      END IF;
    END IF;
  END LOOP;

  DELETE FROM integratedb.own_change WHERE xid = pg_current_xact_id();
  RETURN added;
EXCEPTION
  WHEN deadlock_detected OR lock_not_available THEN
    PERFORM integratedb.refuse(
      code => SQLSTATE,
      message => format('a table to be published is locked by another transaction: %s', SQLERRM),
      detail => NULL,
      hint => 'Nothing was changed. Run the transaction again.');
    RETURN added;
END
$$;

COMMENT ON FUNCTION integratedb.reconcile_publications() IS 'Makes the tables of the publications what the matches want. Returns those that were in none before. Errors: 40P01, 55P03, each with a HINT to retry.';
