-- Keeps the publications equal to the matches of the specifications. The publications have no column lists.

CREATE OR REPLACE VIEW integratedb.wanted_publication AS
  SELECT n.relid,
         CASE WHEN pg_catalog.bool_or(n.events && ARRAY['UPDATE', 'DELETE'])
                   AND NOT EXISTS (SELECT FROM integratedb.unidentified_leaf AS u WHERE u.relid = n.relid)
              THEN 'integratedb' ELSE 'integratedb_append' END::name AS publication,
         pg_catalog.bool_or(n.events && ARRAY['UPDATE', 'DELETE']) AS wants_all
    FROM integratedb.notification AS n
   WHERE n.is_publishable
   GROUP BY n.relid;

COMMENT ON VIEW integratedb.wanted_publication IS
'The publication that each notified table belongs in: integratedb when UPDATE or DELETE is asked for and can be '
'notified, integratedb_append for INSERT and TRUNCATE. wants_all: whether UPDATE or DELETE is asked for.';

CREATE OR REPLACE FUNCTION integratedb.published_unidentified()
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
-- The query reads all published relations and nothing else, so one plan fits.
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN ARRAY(
    SELECT p.relid
      FROM integratedb.published AS p
     CROSS JOIN LATERAL (SELECT k.relkind FROM pg_class AS k WHERE k.oid = p.relid OFFSET 0) AS k
     CROSS JOIN LATERAL (
       SELECT p.relid AS leaf WHERE k.relkind = 'r'
       UNION ALL
       SELECT t.relid::oid FROM pg_partition_tree(p.relid) AS t WHERE k.relkind = 'p' AND t.isleaf) AS tree
     CROSS JOIN LATERAL (SELECT k.relreplident FROM pg_class AS k WHERE k.oid = tree.leaf AND k.relkind = 'r' OFFSET 0) AS leaf
     WHERE p.publication = 'integratedb'
       AND leaf.relreplident <> 'f'
       AND NOT EXISTS (
         SELECT FROM pg_index AS i
          WHERE i.indrelid = tree.leaf
            AND i.indisvalid
            AND CASE leaf.relreplident WHEN 'd' THEN i.indisprimary AND i.indimmediate WHEN 'i' THEN i.indisreplident ELSE false END
         OFFSET 0));
END
$$;

COMMENT ON FUNCTION integratedb.published_unidentified() IS
'The relations that are published with UPDATE and DELETE and have lost their replica identity, so that these '
'statements fail. The cause is this transaction, or an earlier change that the event triggers did not see.';

CREATE OR REPLACE VIEW integratedb.publication_fault AS
  SELECT w.name,
         p.oid IS NULL AS is_missing,
         p.pubowner IS DISTINCT FROM x.extowner AS is_owned_otherwise,
         NOT (SELECT u.rolsuper FROM pg_catalog.pg_authid AS u WHERE u.oid = p.pubowner) AS is_owned_by_others,
         (p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot)
           IS DISTINCT FROM (w.pubinsert, w.pubupdate, w.pubdelete, w.pubtruncate, true) AS publishes_otherwise,
         w.publish,
         -- Properties that no ALTER of ours removes, or that only a later version of Postgres has.
         p.puballtables
           OR coalesce(pg_catalog.to_jsonb(p) ->> 'puballsequences', 'false') <> 'false'
           OR coalesce(pg_catalog.to_jsonb(p) ->> 'pubgencols', 'n') <> 'n'
           OR EXISTS (SELECT FROM pg_catalog.pg_publication_namespace AS n WHERE n.pnpubid = p.oid)
           OR EXISTS (SELECT FROM pg_catalog.pg_publication_rel AS r WHERE r.prpubid = p.oid AND (r.prqual IS NOT NULL OR r.prattrs IS NOT NULL))
           AS is_foreign
    FROM (VALUES ('integratedb'::name, 'insert, update, delete, truncate', true, true, true, true),
                 ('integratedb_append', 'insert, truncate', true, false, false, true),
                 ('integratedb_control', 'insert', true, false, false, false))
      AS w (name, publish, pubinsert, pubupdate, pubdelete, pubtruncate)
    JOIN pg_catalog.pg_extension AS x ON x.extname = 'integratedb'
    LEFT JOIN pg_catalog.pg_publication AS p ON p.pubname = w.name;

COMMENT ON VIEW integratedb.publication_fault IS
'How each of the three publications differs from its intended form. is_foreign: the publication has row filters, '
'column lists, whole schemas, all tables or generated columns, so rows could be missing, or be published without a '
'request. is_owned_by_others: its owner is not a superuser.';

CREATE OR REPLACE FUNCTION integratedb.refuse_foreign_publications()
RETURNS void
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  names text;
  refused boolean;
BEGIN
  -- Publications that a dropped extension left behind are reused. Their owner is a superuser.
  SELECT string_agg(quote_ident(f.name), ', ' ORDER BY f.name)
    INTO names
    FROM integratedb.publication_fault AS f
   WHERE f.is_foreign OR f.is_owned_by_others;

  IF names IS NOT NULL THEN
    refused := integratedb.refuse(
      code => '55000',
      message => format('there is a publication already of a name that IntegrateDB needs for its own: %s', names),
      detail => 'Somebody else owns it, or it has row filters, column lists, whole schemas or all tables: what stakeholders are notified of would be wrong, or its subscribers would get something else.',
      hint => format('Rename it and tell its subscribers, or DROP PUBLICATION %s; then try again.', names));
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.refuse_foreign_publications() IS
'Raises 55000 if publications with our names belong to another role. Called before the first stakeholder exists.';

CREATE OR REPLACE FUNCTION integratedb.ensure_publications()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  told CONSTANT text := current_setting('client_min_messages');
  -- An update of the extension has marked its transaction, and keeps the mark until its end.
  is_marked CONSTANT boolean := EXISTS (SELECT FROM integratedb.own_change AS o WHERE o.xid = pg_current_xact_id());
  wanted record;
BEGIN
  INSERT INTO integratedb.own_change DEFAULT VALUES ON CONFLICT DO NOTHING;

  FOR wanted IN
    SELECT f.*, (SELECT u.rolname FROM pg_extension AS x JOIN pg_authid AS u ON u.oid = x.extowner WHERE x.extname = 'integratedb') AS owner
      FROM integratedb.publication_fault AS f
     WHERE f.is_missing OR f.is_owned_otherwise OR f.publishes_otherwise OR f.is_foreign
  LOOP
    -- The publication was changed unnoticed by the event triggers, or a restore created it.
    IF wanted.is_foreign THEN
      EXECUTE format('DROP PUBLICATION %I', wanted.name);
      RAISE WARNING 'publication % was changed by somebody else, and is recreated', wanted.name
        USING DETAIL = 'It had row filters, column lists, whole schemas, all tables or generated columns. Rows of tables in it may not have been notified.';
    END IF;

    IF wanted.is_missing OR wanted.is_foreign THEN
      -- Postgres warns if wal_level is too low. integratedb_notify() reports this to the users whom it concerns.
      PERFORM set_config('client_min_messages', 'error', true);
      EXECUTE format('CREATE PUBLICATION %I WITH (publish = %L, publish_via_partition_root = true)', wanted.name, wanted.publish);
      PERFORM set_config('client_min_messages', told, true);
    ELSIF wanted.publishes_otherwise THEN
      EXECUTE format('ALTER PUBLICATION %I SET (publish = %L, publish_via_partition_root = true)', wanted.name, wanted.publish);
    END IF;
    IF wanted.is_missing OR wanted.is_foreign OR wanted.is_owned_otherwise THEN
      EXECUTE format('ALTER PUBLICATION %I OWNER TO %I', wanted.name, wanted.owner);
    END IF;
  END LOOP;

  IF NOT EXISTS (SELECT FROM integratedb.published AS p WHERE p.publication = 'integratedb_control' AND p.relid = 'integratedb.control'::regclass) THEN
    ALTER PUBLICATION integratedb_control ADD TABLE ONLY integratedb.control;
  END IF;

  IF NOT is_marked THEN
    DELETE FROM integratedb.own_change WHERE xid = pg_current_xact_id();
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.ensure_publications() IS
'Ensures that the three publications exist, belong to the owner of the extension, and publish what they should. '
'reconcile_publications() handles their tables.';

CREATE OR REPLACE FUNCTION integratedb.misplaced_relations(among oid[])
RETURNS TABLE (schema_name name, relation_name name, relid oid, old name, new name, wants_all boolean)
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Only a few relations are needed, so each is looked up.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
    SELECT r.schema_name, r.relation_name, r.oid, had.publication, want.publication, want.wants_all
      FROM (SELECT DISTINCT o.relid FROM unnest(among) AS o (relid)) AS o
      JOIN integratedb.readable_relation AS r ON r.oid = o.relid
      LEFT JOIN LATERAL (
        SELECT p.publication FROM integratedb.published AS p WHERE p.relid = o.relid AND p.publication <> 'integratedb_control' OFFSET 0) AS had ON true
      LEFT JOIN LATERAL (
        SELECT w.publication, w.wants_all FROM integratedb.wanted_publication AS w WHERE w.relid = o.relid OFFSET 0) AS want ON true
     WHERE had.publication IS DISTINCT FROM want.publication;
END
$$;

COMMENT ON FUNCTION integratedb.misplaced_relations(oid[]) IS
'These relations, if they are in another publication (old) than they should be in (new); null: in none.';

CREATE OR REPLACE FUNCTION integratedb.misplaced_relations()
RETURNS TABLE (schema_name name, relation_name name, relid oid, old name, new name, wants_all boolean)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT r.schema_name, r.relation_name, r.oid, had.publication, want.publication, want.wants_all
    FROM (SELECT p.relid, p.publication FROM integratedb.published AS p WHERE p.publication <> 'integratedb_control') AS had
    FULL JOIN integratedb.wanted_publication AS want USING (relid)
    JOIN integratedb.readable_relation AS r ON r.oid = relid
   WHERE had.publication IS DISTINCT FROM want.publication
$$;

COMMENT ON FUNCTION integratedb.misplaced_relations() IS
'All relations that are in another publication (old) than they should be in (new); null: in none.';

CREATE OR REPLACE FUNCTION integratedb.reconcile_publications(among oid[] DEFAULT NULL)
RETURNS oid[]
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  own CONSTANT name[] := ARRAY['integratedb', 'integratedb_append']::name[];
  publications CONSTANT oid[] := ARRAY(SELECT p.oid FROM pg_publication AS p WHERE p.pubname = ANY (own) ORDER BY p.oid);
  change record;
  added oid[] := ARRAY[]::oid[];
  before text;
BEGIN
  -- This transaction holds the lock between claims and migrations. A session that locks one of its tables must not
  -- block everybody, so the wait is bounded.
  before := integratedb.bound_waiting();
  PERFORM integratedb.ensure_publications();
  -- A recreated publication is empty.
  IF publications <> ARRAY(SELECT p.oid FROM pg_publication AS p WHERE p.pubname = ANY (own) ORDER BY p.oid) THEN
    among := NULL;
  END IF;
  INSERT INTO integratedb.own_change DEFAULT VALUES ON CONFLICT DO NOTHING;

  -- A loop, because each change is a statement of its own. The changes are in the order of names, so that two
  -- transactions cannot deadlock each other.
  FOR change IN
    SELECT * FROM integratedb.misplaced_relations() AS m WHERE among IS NULL
    UNION ALL
    SELECT * FROM integratedb.misplaced_relations(among) AS m WHERE among IS NOT NULL
    ORDER BY 1, 2
  LOOP
    IF change.old IS NOT NULL THEN
      EXECUTE format('ALTER PUBLICATION %I DROP TABLE ONLY %I.%I', change.old, change.schema_name, change.relation_name);
    END IF;
    IF change.new IS NOT NULL THEN
      EXECUTE format('ALTER PUBLICATION %I ADD TABLE ONLY %I.%I', change.new, change.schema_name, change.relation_name);
      IF change.old IS NULL THEN
        added := array_append(added, change.relid);
      END IF;
      IF change.new = 'integratedb_append' AND change.wants_all THEN
        RAISE NOTICE USING
          MESSAGE = format('%s is notified of INSERT and TRUNCATE only: it has no replica identity', integratedb.path_of(change.schema_name, change.relation_name)),
          HINT = format('For UPDATE and DELETE, which are asked for where they can be told: ALTER TABLE %I.%I ADD PRIMARY KEY, or REPLICA IDENTITY FULL.', change.schema_name, change.relation_name);
      END IF;
    END IF;
  END LOOP;

  DELETE FROM integratedb.own_change WHERE xid = pg_current_xact_id();
  PERFORM set_config('lock_timeout', before, true);
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

COMMENT ON FUNCTION integratedb.reconcile_publications(oid[]) IS
'Makes the tables of the publications match the specifications. among: of these relations; null: of all. Returns the '
'relations that were in no publication before. Errors: 40P01, 55P03, each with a HINT to retry.';
