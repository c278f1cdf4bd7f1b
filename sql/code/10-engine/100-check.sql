-- The check at COMMIT: what the transaction touched is validated against the baseline; when it holds, the baseline follows.

CREATE OR REPLACE FUNCTION integratedb.rewritten_relations()
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- All is read: by an index that would take longer. The callers look things up.
SET enable_seqscan = on
AS $$
DECLARE
  -- Every row that this transaction, or a subtransaction of it, wrote is at most that old.
  oldest CONSTANT integer := age(pg_current_xact_id()::xid);
BEGIN
  RETURN ARRAY(
    SELECT k.oid
      FROM pg_class AS k
     WHERE age(k.xmin) <= oldest
       AND k.relkind IN ('r', 'v', 'm', 'f', 'p', 'S')
       AND integratedb.is_own_xid(k.xmin));
END
$$;

COMMENT ON FUNCTION integratedb.rewritten_relations() IS 'The relations whose catalog rows this transaction wrote: what no event names is found by that. Reads all of pg_class.';

CREATE OR REPLACE FUNCTION integratedb.rewritten_and_locked_relations()
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN ARRAY(
    SELECT k.oid
      FROM (SELECT DISTINCT l.relation
              FROM pg_locks AS l
             WHERE l.locktype = 'relation'
               AND l.pid = pg_backend_pid()
               AND l.database = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database())) AS locked
      JOIN pg_class AS k ON k.oid = locked.relation
     WHERE k.relkind IN ('r', 'v', 'm', 'f', 'p')
       AND integratedb.is_own_xid(k.xmin));
END
$$;

COMMENT ON FUNCTION integratedb.rewritten_and_locked_relations() IS 'As rewritten_relations(), of the relations that this transaction has locked: what ALTER TABLE changed is among them. However large the catalog is.';

CREATE OR REPLACE FUNCTION integratedb.rewritten_privileges(OUT relations oid[], OUT schemas name[])
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = on
AS $$
DECLARE
  oldest CONSTANT integer := age(pg_current_xact_id()::xid);
BEGIN
  relations := integratedb.rewritten_relations() || ARRAY(
    SELECT a.attrelid FROM pg_attribute AS a WHERE age(a.xmin) <= oldest AND integratedb.is_own_xid(a.xmin)
    UNION
    -- DROP OWNED takes a role out of the policies that are for others too.
    SELECT y.polrelid FROM pg_policy AS y WHERE age(y.xmin) <= oldest AND integratedb.is_own_xid(y.xmin));
  schemas := ARRAY(SELECT n.nspname FROM pg_namespace AS n WHERE age(n.xmin) <= oldest AND integratedb.is_own_xid(n.xmin));
END
$$;

COMMENT ON FUNCTION integratedb.rewritten_privileges() IS 'The relations and schemas whose privileges or policies this transaction may have changed, likewise. Reads all of pg_class and pg_attribute.';

CREATE OR REPLACE FUNCTION integratedb.may_have_detached(of_xid xid8)
RETURNS boolean
LANGUAGE plpgsql -- which keeps its plan: planning takes ten times as long as running
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- Detaching is done to the partitioned table, which may be dropped by now.
  RETURN EXISTS (
    SELECT FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.command_tag = 'ALTER TABLE'
       AND e.classid = 'pg_class'::regclass
       AND NOT e.dropped
       AND coalesce((SELECT k.relkind = 'p' FROM pg_class AS k WHERE k.oid = e.objid), true));
END
$$;

COMMENT ON FUNCTION integratedb.may_have_detached(xid8) IS 'Whether a transaction may have detached partitions: it altered a partitioned table.';

CREATE OR REPLACE FUNCTION integratedb.touched_relations(of_xid xid8, since_event bigint DEFAULT NULL)
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- A few objects: the planner would rather read whole catalogs than look them up.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
  relations oid[];
  types oid[];
  schemas oid[];
  extensions oid[];
BEGIN
  SELECT array_agg(e.objid) FILTER (WHERE e.classid = 'pg_class'::regclass),
         array_agg(e.objid) FILTER (WHERE e.classid = 'pg_type'::regclass),
         array_agg(e.objid) FILTER (WHERE e.classid = 'pg_namespace'::regclass),
         array_agg(e.objid) FILTER (WHERE e.classid = 'pg_extension'::regclass)
    INTO relations, types, schemas, extensions
    FROM integratedb.ddl_event AS e
   WHERE e.xid = of_xid
     AND CASE WHEN since_event IS NULL THEN e.checked ELSE e.id >= since_event END
     AND e.objid IS NOT NULL;

  -- By what depends on the schema: neither catalog has an index by schema. Row types and arrays are found below.
  IF schemas IS NOT NULL THEN
    relations := relations || ARRAY(
      SELECT d.objid FROM pg_depend AS d
       WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = ANY (schemas) AND d.classid = 'pg_class'::regclass);
    types := types || ARRAY(
      SELECT d.objid FROM pg_depend AS d
       WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = ANY (schemas) AND d.classid = 'pg_type'::regclass);
  END IF;

  -- ALTER EXTENSION names nothing of what it moves or changes.
  IF extensions IS NOT NULL THEN
    relations := relations || ARRAY(
      SELECT d.objid FROM pg_depend AS d
       WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = ANY (extensions) AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass);
    types := types || ARRAY(
      SELECT d.objid FROM pg_depend AS d
       WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = ANY (extensions) AND d.deptype = 'e' AND d.classid = 'pg_type'::regclass);
  END IF;

  -- A partition that was detached after the whole was changed, and a member that left its extension after it was moved, are
  -- named by no event, and nothing leads to them any more. Their catalog rows are written by this transaction.
  IF extensions IS NULL AND integratedb.may_have_detached(of_xid) THEN
    relations := relations || integratedb.rewritten_and_locked_relations();
  END IF;
  IF extensions IS NOT NULL THEN
    relations := relations || integratedb.rewritten_relations();
    types := types || ARRAY(
      SELECT t.oid FROM pg_type AS t WHERE age(t.xmin) <= age(pg_current_xact_id()::xid) AND integratedb.is_own_xid(t.xmin));
  END IF;

  -- Composite types are relations too, and tables are types of columns too.
  types := types || ARRAY(SELECT k.reltype FROM pg_class AS k WHERE k.oid = ANY (relations) AND k.reltype <> 0);

  -- OFFSET 0: each is looked up, where the planner would compare all with all.
  RETURN ARRAY(
    WITH RECURSIVE type AS (
      -- A type reaches columns through its array, the domains over it, and theirs.
      SELECT t.oid FROM unnest(types) AS t (oid)
      UNION
      SELECT d.objid
        FROM type AS t
       CROSS JOIN LATERAL (
         SELECT d.objid FROM pg_depend AS d
          WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = t.oid AND d.classid = 'pg_type'::regclass
         OFFSET 0) AS d
    ), relation AS (
      SELECT r.oid FROM unnest(relations) AS r (oid)
      UNION
      SELECT d.objid
        FROM type AS t
       CROSS JOIN LATERAL (
         SELECT d.objid FROM pg_depend AS d
          WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = t.oid AND d.classid = 'pg_class'::regclass
         OFFSET 0) AS d
      UNION
      -- ALTER TABLE goes on to children and partitions, which no event names.
      SELECT i.inhrelid
        FROM relation AS r
       CROSS JOIN LATERAL (SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = r.oid OFFSET 0) AS i
    )
    SELECT r.oid FROM relation AS r);
END
$$;

COMMENT ON FUNCTION integratedb.touched_relations(xid8, bigint) IS 'The relations that a transaction''s schema changes can affect, by identifier: named, inherited, or through types and schemas. since_event: all changes from this one on; null: those that are checked.';

CREATE OR REPLACE FUNCTION integratedb.changed_objects(of_xid xid8)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.checked
       AND e.command_tag NOT IN ('GRANT', 'REVOKE')
       AND (e.command_tag <> 'DROP OWNED' OR e.dropped));
END
$$;

COMMENT ON FUNCTION integratedb.changed_objects(xid8) IS 'Whether a transaction created, altered or dropped something that is checked. False for GRANT, REVOKE and DROP OWNED alone: they name no object, and anybody may say them where they change nothing, or something temporary.';

CREATE OR REPLACE FUNCTION integratedb.revokes_are_found()
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- Looking at a column costs a hundredth of what validating a claimed one costs.
  RETURN pg_relation_size('pg_attribute') <= 100 * pg_relation_size('integratedb.claim_column');
END
$$;

COMMENT ON FUNCTION integratedb.revokes_are_found() IS 'Whether reading the catalog for what this transaction wrote is worth its while: false for a few claims beside a huge catalog, whose rows are looked up instead.';

CREATE OR REPLACE FUNCTION integratedb.revoked_claims_among_few()
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- A few claims: the planner would rather read whole catalogs than look them up.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN ARRAY(
    SELECT DISTINCT cr.claim_id
      FROM integratedb.claim_relation AS cr
     WHERE EXISTS (SELECT FROM pg_class AS k WHERE k.oid = cr.relid AND integratedb.is_own_xid(k.xmin) OFFSET 0)
        OR EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = cr.schema_name AND integratedb.is_own_xid(n.xmin) OFFSET 0)
        OR EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = cr.relid AND integratedb.is_own_xid(y.xmin) OFFSET 0)
        OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = cr.relid AND integratedb.is_own_xid(a.xmin) OFFSET 0)
        OR CASE WHEN EXISTS (SELECT FROM pg_class AS k WHERE k.oid = cr.relid AND (k.relkind = 'v' OR k.relrowsecurity) OFFSET 0)
                THEN EXISTS (
                  SELECT FROM integratedb.claim AS c
                    JOIN integratedb.specification AS s ON s.id = c.specification_id
                    JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
                   WHERE c.id = cr.claim_id
                     AND integratedb.wrote_below(st.role_oid, cr.relid)
                  OFFSET 0)
                ELSE false END);
END
$$;

COMMENT ON FUNCTION integratedb.revoked_claims_among_few() IS 'What revoked_claims() returns, found by the claims in place of the catalogs.';

CREATE OR REPLACE FUNCTION integratedb.claims_above(classids oid[], objids oid[])
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  first_recorded CONSTANT oid := 12000::oid;
BEGIN
  IF coalesce(cardinality(objids), 0) = 0 THEN
    RETURN ARRAY[]::bigint[];
  END IF;

  -- What Postgres itself is made of has no dependencies: views that use it are all looked at.
  IF EXISTS (SELECT FROM unnest(objids) AS o (oid) WHERE o.oid < first_recorded) THEN
    RETURN ARRAY(
      SELECT DISTINCT cr.claim_id
        FROM integratedb.claim_relation AS cr
        JOIN pg_class AS k ON k.oid = cr.relid AND (k.relkind = 'v' OR k.relrowsecurity));
  END IF;

  RETURN ARRAY(SELECT DISTINCT cr.claim_id FROM integratedb.claim_relation AS cr WHERE cr.relid = ANY (integratedb.relations_above(classids, objids)));
END
$$;

COMMENT ON FUNCTION integratedb.claims_above(oid[], oid[]) IS 'The claims on relations that read or call any of these objects (relations and functions) by views and policies, and on these relations.';

CREATE OR REPLACE FUNCTION integratedb.claims_above_changes(of_xid xid8)
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  relations CONSTANT oid[] := ARRAY(
    -- Neither a new table nor another column takes from a view above what it reads. Owners, options, rules and policies may.
    SELECT e.objid
      FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.checked
       AND NOT e.dropped
       AND e.classid = 'pg_class'::regclass
       AND e.command_tag NOT IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE MATERIALIZED VIEW', 'CREATE FOREIGN TABLE')
       AND (e.command_tag <> 'ALTER TABLE' OR e.may_secure_rows)
    UNION
    -- The sequences of its columns get the owner of the table.
    SELECT d.objid
      FROM integratedb.ddl_event AS e
     CROSS JOIN LATERAL (
       SELECT d.objid FROM pg_depend AS d
        WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = e.objid AND d.deptype IN ('a', 'i') AND d.classid = 'pg_class'::regclass
       OFFSET 0) AS d
     WHERE e.xid = of_xid AND e.checked AND NOT e.dropped AND e.classid = 'pg_class'::regclass AND e.command_tag = 'ALTER TABLE' AND e.may_secure_rows
    UNION
    SELECT e.objid
      FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.checked
       AND e.dropped
       AND e.object_type = 'policy'
       AND e.objid IS NOT NULL
    UNION
    SELECT d.objid
      FROM integratedb.ddl_event AS e
     CROSS JOIN LATERAL (
       SELECT d.objid FROM pg_depend AS d
        WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.objid AND d.deptype = 'e' AND d.classid = 'pg_class'::regclass
       OFFSET 0) AS d
     WHERE e.xid = of_xid AND e.checked AND NOT e.dropped AND e.classid = 'pg_extension'::regclass);
  -- Logged where they may have got another owner.
  functions CONSTANT oid[] := ARRAY(
    SELECT e.objid
      FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.checked
       AND NOT e.dropped
       AND e.classid = 'pg_proc'::regclass
       AND e.command_tag LIKE 'ALTER %');
BEGIN
  RETURN integratedb.claims_above(
    array_fill('pg_class'::regclass::oid, ARRAY[cardinality(relations)]) || array_fill('pg_proc'::regclass::oid, ARRAY[cardinality(functions)]),
    relations || functions);
END
$$;

COMMENT ON FUNCTION integratedb.claims_above_changes(xid8) IS 'The claims on views and tables with policies that a transaction''s schema changes, GRANT and REVOKE aside, may have left without a right to what they read.';

CREATE OR REPLACE FUNCTION integratedb.revoked_claims()
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  rewritten record;
  functions oid[] := ARRAY[]::oid[];
BEGIN
  IF NOT integratedb.revokes_are_found() THEN
    RETURN integratedb.revoked_claims_among_few();
  END IF;

  rewritten := integratedb.rewritten_privileges();
  IF EXISTS (
    SELECT FROM integratedb.ddl_event AS e
     WHERE e.xid = pg_current_xact_id()
       AND (e.command_tag = 'DROP OWNED' OR (e.command_tag = 'REVOKE' AND e.object_type IN ('FUNCTION', 'ROUTINE')))
  ) THEN
    functions := ARRAY(
      SELECT p.oid FROM pg_proc AS p WHERE age(p.xmin) <= age(pg_current_xact_id()::xid) AND integratedb.is_own_xid(p.xmin));
  END IF;

  RETURN ARRAY(
    SELECT unnest(integratedb.claims_above(
             array_fill('pg_class'::regclass::oid, ARRAY[cardinality(rewritten.relations)])
             || array_fill('pg_proc'::regclass::oid, ARRAY[cardinality(functions)]),
             rewritten.relations || functions))
    UNION
    SELECT cr.claim_id FROM integratedb.claim_relation AS cr WHERE cr.schema_name = ANY (rewritten.schemas));
END
$$;

COMMENT ON FUNCTION integratedb.revoked_claims() IS 'The claims that a GRANT, REVOKE or DROP OWNED of this transaction can affect. No event says what it was about, but its catalog rows are written by this transaction.';

CREATE OR REPLACE FUNCTION integratedb.checked_tags(of_xid xid8, since_event bigint DEFAULT NULL)
RETURNS text[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
  RETURN ARRAY(
    SELECT DISTINCT e.command_tag
      FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND CASE WHEN since_event IS NULL THEN e.checked ELSE e.id >= since_event END);
END
$$;

COMMENT ON FUNCTION integratedb.checked_tags(xid8, bigint) IS 'The kinds of statements by which a transaction changed something that is checked. since_event: as for touched_relations().';

CREATE OR REPLACE FUNCTION integratedb.touched_claims(of_xid xid8, relations oid[], since_event bigint DEFAULT NULL)
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- A few objects: the planner would rather read all claims than look them up.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
  tags CONSTANT text[] := integratedb.checked_tags(of_xid, since_event);
  touched bigint[];
BEGIN
  WITH event AS (
    SELECT DISTINCT e.schema_name, e.relation_name, e.object_type
      FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND CASE WHEN since_event IS NULL THEN e.checked ELSE e.id >= since_event END
  )
  SELECT coalesce(array_agg(t.claim_id), '{}')
    INTO touched
    FROM (SELECT cr.claim_id FROM integratedb.claim_relation AS cr WHERE cr.relid = ANY (relations)
          UNION
          SELECT cr.claim_id
            FROM event AS e
           CROSS JOIN LATERAL (
             SELECT cr.claim_id FROM integratedb.claim_relation AS cr
              WHERE cr.relation_name = e.relation_name AND cr.schema_name = e.schema_name
             OFFSET 0) AS cr
          UNION
          SELECT cr.claim_id
            FROM event AS e
            JOIN integratedb.claim_relation AS cr ON cr.schema_name = e.schema_name
           WHERE e.object_type = 'schema'
          UNION
          SELECT c.id
            FROM event AS e
            JOIN integratedb.claim AS c ON c.wildcard_schema = e.schema_name
           WHERE e.relation_name IS NOT NULL OR e.object_type = 'schema') AS t;

  -- The event of a renamed schema knows the new name only.
  IF EXISTS (
    SELECT FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.object_type = 'schema'
       AND CASE WHEN since_event IS NULL THEN e.checked ELSE e.id >= since_event END
  ) THEN
    touched := touched || ARRAY(
      SELECT c.id
        FROM integratedb.claim AS c
       WHERE c.wildcard_schema IS NOT NULL
         AND NOT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = c.wildcard_schema));
  END IF;

  IF tags && ARRAY['REVOKE', 'DROP OWNED'] THEN
    touched := touched || integratedb.revoked_claims();
  END IF;

  -- A GRANT breaks no claim, and may mend one.
  IF 'GRANT' = ANY (tags) THEN
    touched := touched || (SELECT n.unmet FROM integratedb.noted_claims() AS n);
  END IF;

  RETURN ARRAY(SELECT DISTINCT t.claim_id FROM unnest(touched) AS t (claim_id));
END
$$;

COMMENT ON FUNCTION integratedb.touched_claims(xid8, oid[], bigint) IS 'The claims that a transaction''s schema changes can affect. relations: its touched_relations(). since_event: as for touched_relations().';

CREATE OR REPLACE FUNCTION integratedb.unmet_refusal(claims bigint[], max_results integer)
RETURNS integratedb.refusal
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  WITH unmet AS MATERIALIZED (
    SELECT d.*, row_number() OVER () AS position FROM integratedb.describe_unmet(claims) AS d
  ), statement AS (
    SELECT string_agg(DISTINCT e.command_tag, ', ') AS tags
      FROM integratedb.ddl_event AS e
     WHERE e.xid = pg_current_xact_id_if_assigned()
       AND e.checked
       AND e.command_tag NOT LIKE 'INTEGRATEDB %'
  ), hurt AS (
    SELECT string_agg(DISTINCT u.stakeholder, ', ') AS stakeholders, count(*) AS number FROM unmet AS u
  )
  SELECT 'IDB01',
         format('invalid migration%s: it breaks %s of %s', coalesce(' (' || statement.tags || ')', ''),
                CASE hurt.number WHEN 1 THEN 'a claim' ELSE hurt.number || ' claims' END, hurt.stakeholders),
         (SELECT string_agg(CASE WHEN u.position <= max_results
                                 THEN format('%s (%s): %s', u.stakeholder, u.kind, u.summary)
                                 ELSE format('... and %s more', hurt.number - max_results) END,
                            E'\n' ORDER BY u.position)
            FROM unmet AS u
           WHERE u.position <= max_results + 1),
         -- The first few claims are enough to see the way; DETAIL has them all.
         concat_ws(E'\n',
           (SELECT string_agg(DISTINCT format('Author of the migration: %s.', u.author_hint), E'\n') FROM unmet AS u WHERE u.position <= 3),
           (SELECT string_agg(DISTINCT format('Stakeholder %s: %s.', u.stakeholder, u.stakeholder_hint), E'\n') FROM unmet AS u WHERE u.position <= 3),
           'Admin: SELECT integratedb_override(''reason'') in the same transaction lets it pass, on record.')
    FROM hurt, statement
$$;

COMMENT ON FUNCTION integratedb.unmet_refusal(bigint[], integer) IS 'IDB01 for these unmet claims; at most max_results of them are listed. A WARNING in its place takes its words.';

CREATE OR REPLACE FUNCTION integratedb.warn_unmet(claims bigint[], occasion text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  stakeholders text;
  words integratedb.refusal;
BEGIN
  IF cardinality(claims) = 0 THEN
    RETURN;
  END IF;

  UPDATE integratedb.claim AS c SET unmet_since = now() WHERE c.id = ANY (claims) AND c.unmet_since IS NULL;

  SELECT string_agg(DISTINCT d.stakeholder, ', ') INTO stakeholders FROM integratedb.describe_unmet(claims) AS d;
  words := integratedb.unmet_refusal(claims, 100);

  RAISE WARNING '%: % of % unmet', occasion, CASE cardinality(claims) WHEN 1 THEN 'a claim' ELSE cardinality(claims) || ' claims' END,
    stakeholders || CASE cardinality(claims) WHEN 1 THEN ' is' ELSE ' are' END
    USING DETAIL = words.detail, HINT = 'SELECT * FROM integratedb_unmet_claims() lists them until they are met again.';
END
$$;

COMMENT ON FUNCTION integratedb.warn_unmet(bigint[], text) IS 'Lets these unmet claims pass with a WARNING that names who is hurt, and notes since when they are unmet. occasion: why they pass.';

CREATE OR REPLACE FUNCTION integratedb.warn_restored(first_event bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Code that made the session look like a restore may have silenced it too.
SET client_min_messages = 'warning'
AS $$
DECLARE
  touched bigint[];
  unmet bigint[];
BEGIN
  -- In a new database, and after pg_upgrade, the first sync or check looks at everything.
  IF NOT integratedb.is_armed() THEN
    RETURN;
  END IF;

  touched := integratedb.touched_claims(
    pg_current_xact_id(), integratedb.touched_relations(pg_current_xact_id(), first_event), first_event);
  IF cardinality(touched) = 0 THEN
    RETURN;
  END IF;
  unmet := integratedb.unmet_among(touched);

  -- Without the lock between claims and migrations, which a dump in one transaction would hold from here on. What somebody else
  -- is writing is left to that transaction. And not at COMMIT: the dump may drop the extension before.
  PERFORM integratedb.warn_unmet(
    ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.id = ANY (unmet) AND c.unmet_since IS NULL FOR UPDATE SKIP LOCKED),
    'a dump is being restored');

  UPDATE integratedb.claim AS c
     SET sync_pending_since = coalesce(c.sync_pending_since, now()),
         unmet_since = CASE WHEN EXISTS (SELECT FROM integratedb.untellable_claim AS u WHERE u.claim_id = c.id) THEN c.unmet_since END
    FROM (SELECT d.id
            FROM integratedb.claim AS d
           WHERE d.id = ANY (touched)
             AND d.id <> ALL (unmet)
             AND (d.sync_pending_since IS NULL OR d.unmet_since IS NOT NULL)
             FOR UPDATE SKIP LOCKED) AS free
   WHERE c.id = free.id;
END
$$;

COMMENT ON FUNCTION integratedb.warn_restored(bigint) IS 'After a command of a dump that is being restored, in a database whose claims are enforced: a WARNING for the claims that it left unmet, and the others that it touched are synced by the next check. first_event: its first row in the audit log.';

CREATE OR REPLACE FUNCTION integratedb.override_reason()
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
  RETURN (
    SELECT e.reason
      FROM integratedb.ddl_event AS e
     WHERE e.xid = pg_current_xact_id()
       AND e.command_tag = 'INTEGRATEDB OVERRIDE'
     ORDER BY e.id DESC
     LIMIT 1);
END
$$;

COMMENT ON FUNCTION integratedb.override_reason() IS 'The reason by which an admin overrides the check in this transaction; null when nobody does.';

CREATE OR REPLACE FUNCTION integratedb.warn_of_idle_override()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF integratedb.override_reason() IS NOT NULL
     AND NOT EXISTS (SELECT FROM integratedb.ddl_event AS e
                      WHERE e.xid = pg_current_xact_id() AND e.command_tag <> 'INTEGRATEDB OVERRIDE') THEN
    RAISE WARNING 'integratedb_override() overrides nothing: it is alone in its transaction, and holds for that only'
      USING HINT = 'In one transaction: BEGIN; SELECT integratedb_override(''reason''); the migration; COMMIT.';
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.warn_of_idle_override() IS 'Says that integratedb_override() has nothing to override: its transaction changed nothing.';

CREATE OR REPLACE FUNCTION integratedb.judge(unmet bigint[], untellable boolean)
RETURNS integratedb.refusal
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  fresh bigint[];
  mine bigint[];
  by_types bigint[];
BEGIN
  IF cardinality(unmet) = 0 THEN
    RETURN NULL;
  END IF;

  fresh := ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.id = ANY (unmet) AND c.unmet_since IS NULL);
  mine := CASE WHEN cardinality(fresh) = 0 THEN '{}' ELSE integratedb.made_unmet_here(fresh) END;

  by_types := CASE WHEN cardinality(fresh) = 0 THEN '{}'
                   ELSE integratedb.made_unmet_by_types(ARRAY(SELECT unnest(fresh) EXCEPT SELECT unnest(mine))) END;

  PERFORM integratedb.warn_unmet(
    ARRAY(SELECT unnest(unmet) EXCEPT SELECT unnest(mine) EXCEPT SELECT unnest(by_types)), 'since an earlier transaction');
  PERFORM integratedb.warn_unmet(by_types, 'whoever submitted it has no right to keep the type as it was');

  IF cardinality(mine) = 0 THEN
    RETURN NULL;
  ELSIF integratedb.override_reason() IS NOT NULL THEN
    PERFORM integratedb.warn_unmet(mine, format('overridden (%s)', integratedb.override_reason()));
  ELSIF integratedb.setting_value('enforcement') = 'explicit' THEN
    PERFORM integratedb.warn_unmet(mine, 'enforcement is explicit');
  ELSE
    RETURN CASE WHEN untellable THEN integratedb.unnotifiable_refusal(mine) ELSE integratedb.unmet_refusal(mine, 100) END;
  END IF;

  RETURN NULL;
END
$$;

COMMENT ON FUNCTION integratedb.judge(bigint[], boolean) IS 'What happens to a transaction that commits with these claims unmet, or (untellable) with these notifications that cannot be told: the refusal (IDB01) of what it broke itself, unless overridden or explicit; else a WARNING, and null.';

CREATE OR REPLACE FUNCTION integratedb.follow(claims bigint[], touched oid[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.sync_claims(claims, touched);
EXCEPTION
  -- Python, its library, or the package is missing: met claims must not wait for that.
  WHEN external_routine_exception OR undefined_file OR io_error OR system_error THEN
    UPDATE integratedb.claim AS c SET sync_pending_since = now() WHERE c.id = ANY (claims) AND c.sync_pending_since IS NULL;
    RAISE WARNING 'no claim is broken, but the claims could not be expanded anew: %', SQLERRM
      USING DETAIL = format('The Python package of the extension (%s) or its interpreter (postgresql-plpython3) could not be loaded.',
                            (SELECT 'integratedb_' || replace(x.extversion, '.', '_') FROM pg_extension AS x WHERE x.extname = 'integratedb')),
            HINT = 'New columns are not granted yet. Repair the installation, then SELECT integratedb_sync().';
END
$$;

COMMENT ON FUNCTION integratedb.follow(bigint[], oid[]) IS 'Syncs these met claims, of which only the touched relations changed (null: any may have); without Python it warns and notes them as pending.';

CREATE OR REPLACE FUNCTION integratedb.noted_claims(OUT unmet bigint[], OUT pending bigint[])
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- There are hardly ever any, and indexes of these alone.
SET enable_seqscan = off
AS $$
BEGIN
  unmet := ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.unmet_since IS NOT NULL);
  pending := ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.sync_pending_since IS NOT NULL);
END
$$;

COMMENT ON FUNCTION integratedb.noted_claims() IS 'Claims that an earlier transaction left unmet, or whose expansion it put off.';

CREATE OR REPLACE FUNCTION integratedb.follow_mended(stakeholders bigint[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- There are hardly ever any, and an index of these alone.
SET enable_seqscan = off
AS $$
DECLARE
  noted CONSTANT bigint[] := ARRAY(
    SELECT c.id
      FROM integratedb.claim AS c
     WHERE c.unmet_since IS NOT NULL
       AND (SELECT s.stakeholder_id FROM integratedb.specification AS s WHERE s.id = c.specification_id) = ANY (stakeholders));
  mended bigint[];
BEGIN
  IF cardinality(noted) = 0 THEN
    RETURN;
  END IF;

  mended := ARRAY(SELECT unnest(noted) EXCEPT SELECT unnest(integratedb.unmet_among(noted)));
  IF cardinality(mended) > 0 THEN
    -- While they were unmet they did not follow: any of their relations may have changed.
    PERFORM integratedb.follow(mended, NULL);
    UPDATE integratedb.claim AS c
       SET unmet_since = NULL
     WHERE c.id = ANY (mended)
       AND NOT EXISTS (SELECT FROM integratedb.broken_claim AS u WHERE u.claim_id = c.id);
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.follow_mended(bigint[]) IS 'Syncs the claims of these stakeholders that are noted as unmet and are met again, by this transaction or by what it granted.';

CREATE OR REPLACE FUNCTION integratedb.owns_something(role_name name)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname !~ '^pg_' AND pg_has_role(role_name, n.nspowner, 'MEMBER'))
      OR EXISTS (
        SELECT FROM pg_roles AS r
          JOIN pg_shdepend AS d ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
          JOIN pg_class AS k ON k.oid = d.objid AND k.relpersistence <> 't'
         WHERE pg_has_role(role_name, r.oid, 'MEMBER')
           AND d.deptype = 'o'
           AND d.classid = 'pg_class'::regclass
           AND d.dbid = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database()))
$$;

COMMENT ON FUNCTION integratedb.owns_something(name) IS 'Whether the role, or one that it is a member of, owns a schema or a relation of this database that is not temporary.';

CREATE OR REPLACE FUNCTION integratedb.privileges_matter()
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  touched CONSTANT bigint[] := integratedb.revoked_claims();
  unmet bigint[];
BEGIN
  IF cardinality(touched) = 0 THEN
    RETURN false;
  END IF;

  unmet := integratedb.unmet_among(touched);
  RETURN EXISTS (SELECT FROM integratedb.claim AS c WHERE c.id = ANY (touched) AND (c.id = ANY (unmet)) = (c.unmet_since IS NULL));
END
$$;

COMMENT ON FUNCTION integratedb.privileges_matter() IS 'Whether a GRANT, REVOKE or DROP OWNED of this transaction made a claim unmet, or mended one that is noted as unmet.';

CREATE OR REPLACE FUNCTION integratedb.take_lock_to_check()
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- Whoever owns something could take the lock by altering that. And a privilege that its owner revoked, and a claim made
  -- until COMMIT still sees, must not be lost unseen.
  IF integratedb.changed_objects(pg_current_xact_id())
     OR NOT integratedb.is_armed()
     OR integratedb.is_admin(SESSION_USER)
     OR integratedb.owns_something(SESSION_USER) THEN
    PERFORM integratedb.take_lock();
    RETURN true;
  END IF;

  -- The others mostly changed nothing: it is looked at under the lock, which is given back.
  BEGIN
    PERFORM integratedb.take_lock();
    IF integratedb.privileges_matter() THEN
      RETURN true;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'IDB00', MESSAGE = 'nothing is at stake';
  EXCEPTION
    WHEN SQLSTATE 'IDB00' THEN
      RETURN false;
  END;
END
$$;

COMMENT ON FUNCTION integratedb.take_lock_to_check() IS 'Takes the lock for the check at COMMIT. Returns false, without the lock, where there is nothing to check: GRANT, REVOKE or DROP OWNED of a role that owns nothing here, by which no claim was made unmet or mended. Errors: those of take_lock().';

CREATE OR REPLACE FUNCTION integratedb.check_transaction(touched bigint[], relations oid[])
RETURNS integratedb.refusal
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
-- It may have to read all claims.
SET enable_seqscan = on
AS $$
DECLARE
  everything CONSTANT boolean := relations IS NULL OR 'INTEGRATEDB SYNC' = ANY (integratedb.checked_tags(pg_current_xact_id()));
  -- What they claim is as it was, and is not expanded anew.
  above CONSTANT bigint[] := CASE WHEN everything THEN '{}' ELSE integratedb.claims_above_changes(pg_current_xact_id()) END;
  unmet bigint[];
  met bigint[];
  steady bigint[];
  pending bigint[];
  refusal integratedb.refusal;
BEGIN
  IF everything THEN
    unmet := ARRAY(SELECT u.claim_id FROM integratedb.unmet_claim AS u);
  ELSIF cardinality(touched) > 0 OR cardinality(above) > 0 THEN
    unmet := integratedb.unmet_among(ARRAY(SELECT unnest(touched) UNION SELECT unnest(above)));
  ELSE
    RETURN NULL;
  END IF;

  refusal := integratedb.judge(unmet, untellable => false);
  IF refusal.code IS NOT NULL THEN
    RETURN refusal;
  END IF;

  met := ARRAY(SELECT unnest(touched) EXCEPT SELECT unnest(unmet));
  IF cardinality(met) > 0 THEN
    -- What was noted as unmet did not follow since: not only what this transaction touched may have changed.
    steady := ARRAY(SELECT unnest(met) EXCEPT SELECT unnest(n.unmet) FROM integratedb.noted_claims() AS n);
    IF cardinality(steady) > 0 THEN
      PERFORM integratedb.follow(steady, relations);
    END IF;
    PERFORM integratedb.follow_mended(ARRAY(
      SELECT DISTINCT s.stakeholder_id
        FROM unnest(met) AS m (id)
       -- OFFSET 0: looked up, not found out of all.
       CROSS JOIN LATERAL (SELECT c.specification_id FROM integratedb.claim AS c WHERE c.id = m.id OFFSET 0) AS c
        JOIN integratedb.specification AS s ON s.id = c.specification_id));

    SELECT n.pending INTO pending FROM integratedb.noted_claims() AS n;
    IF cardinality(pending) > 0 THEN
      pending := ARRAY(
        SELECT unnest(pending) EXCEPT SELECT unnest(touched) EXCEPT SELECT unnest(integratedb.unmet_among(pending)));
      IF cardinality(pending) > 0 THEN
        PERFORM integratedb.follow(pending, NULL);
      END IF;
    END IF;

    -- A relation recreated may be somebody's now who was not to be read: what could not be granted is unmet.
    refusal := integratedb.judge(integratedb.unmet_among(met), untellable => false);
    IF refusal.code IS NOT NULL THEN
      RETURN refusal;
    END IF;
  END IF;

  SELECT n.unmet INTO unmet FROM integratedb.noted_claims() AS n;
  IF cardinality(unmet) = 0 THEN
    RETURN NULL;
  END IF;

  UPDATE integratedb.claim AS c
     SET unmet_since = NULL
   WHERE c.id = ANY (unmet)
     AND (everything OR c.id = ANY (touched) OR c.id = ANY (above))
     AND NOT EXISTS (SELECT FROM integratedb.broken_claim AS u WHERE u.claim_id = c.id);

  RETURN NULL;
END
$$;

COMMENT ON FUNCTION integratedb.check_transaction(bigint[], oid[]) IS 'Validates the claims that this transaction touched against the baseline; when they hold, the baseline and the grants follow. relations: its touched_relations(); null: any may have changed. Returns the refusal (IDB01), or null. The caller holds the lock.';

CREATE OR REPLACE FUNCTION integratedb.prune_ddl_events()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- Asked for once: in the condition it would be asked for at every row.
  oldest CONSTANT timestamptz := now() - integratedb.setting_value('ddl_event_retention')::interval;
BEGIN
  DELETE FROM integratedb.ddl_event AS e
   WHERE e.id IN (SELECT old.id FROM integratedb.ddl_event AS old WHERE old.occurred_at < oldest ORDER BY old.occurred_at LIMIT 1000);

  DELETE FROM integratedb.ddl_event AS e WHERE e.xid = pg_current_xact_id() AND NOT e.audited;
  DELETE FROM integratedb.identity_change AS i WHERE i.xid = pg_current_xact_id();
  DELETE FROM integratedb.type_change AS y WHERE y.xid = pg_current_xact_id();
END
$$;

COMMENT ON FUNCTION integratedb.prune_ddl_events() IS 'Deletes what is older than ddl_event_retention, a thousand rows at a time, and this transaction''s rows that served the check only. The caller holds the lock, so no two meet.';

CREATE OR REPLACE FUNCTION integratedb.prepared_refusal()
RETURNS integratedb.refusal
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- Nothing but the statement tells PREPARE TRANSACTION from COMMIT. Between its words only white space and comments may stand.
  -- Where the client sends its statements in parts (extended protocol), there is none at COMMIT.
  IF current_query() IS NULL
     OR current_query() !~* '\mprepare([[:space:]]|--[^\n\r]*[\n\r]|/[*].*[*]/)+transaction\M'
     OR integratedb.is_admin(SESSION_USER) THEN
    RETURN NULL;
  END IF;

  RETURN ROW(
    '55000',
    'a transaction that changed the schema or a claim cannot be prepared for a later COMMIT',
    'It would hold the lock between claims and migrations until somebody ends it, and every other migration would wait.',
    'COMMIT it. Members of integratedb_admin may prepare such a transaction.')::integratedb.refusal;
END
$$;

COMMENT ON FUNCTION integratedb.prepared_refusal() IS 'The refusal (55000) of PREPARE TRANSACTION, at the check of a transaction; null for COMMIT, and for admins.';

CREATE OR REPLACE FUNCTION integratedb.forbid_prepare()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- Postgres itself refuses PREPARE TRANSACTION after LISTEN. Taken back at once, it has no other effect.
  LISTEN "integratedb: never prepared";
  UNLISTEN "integratedb: never prepared";
EXCEPTION
  WHEN feature_not_supported THEN
    NULL; -- a background process, to which no client says PREPARE TRANSACTION
END
$$;

COMMENT ON FUNCTION integratedb.forbid_prepare() IS 'From here on Postgres refuses PREPARE TRANSACTION (0A000) in this transaction.';

CREATE OR REPLACE FUNCTION integratedb.on_commit()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- whoever migrates has no rights on schema integratedb, nor the right to grant
SET search_path = pg_catalog, integratedb, pg_temp
-- Planning anew for each set of claims would take longer than running.
SET plan_cache_mode = force_generic_plan
-- The plans are made once a session. With few rows in the audit log they would read all of it, however long it gets.
SET enable_seqscan = off
AS $$
DECLARE
  newly_armed boolean;
  expands_others boolean;
  relations oid[];
  touched bigint[];
  refusal integratedb.refusal;
  context text;
  refused boolean;
BEGIN
  -- Too early? SET CONSTRAINTS ALL IMMEDIATE fires this in the middle of a transaction. Nothing tells that from COMMIT,
  -- but what is put back in the queue then fires at COMMIT, and what is put back at COMMIT fires at once. Once a client
  -- statement is enough, and bounds it. Deferred first: what is put back while it is immediate fires at once.
  SET CONSTRAINTS integratedb.ddl_event_check DEFERRED;
  UPDATE integratedb.ddl_event AS e
     SET requeued_at = statement_timestamp()
   WHERE e.id = NEW.id
     AND e.requeued_at IS DISTINCT FROM statement_timestamp();
  IF FOUND THEN
    RETURN NULL;
  END IF;

  IF integratedb.take_lock_to_check() THEN
    newly_armed := integratedb.arm();
    expands_others := (integratedb.noted_claims()).pending <> '{}';
    relations := integratedb.touched_relations(pg_current_xact_id());
    touched := CASE WHEN newly_armed THEN ARRAY(SELECT c.id FROM integratedb.claim AS c)
                    ELSE integratedb.touched_claims(pg_current_xact_id(), relations) END;

    refusal := integratedb.check_transaction(touched, CASE WHEN NOT newly_armed THEN relations END);
    IF refusal.code IS NULL THEN
      refusal := integratedb.follow_notifications(touched, relations, everything => newly_armed OR expands_others);
    END IF;
    IF refusal.code IS NULL THEN
      refusal := integratedb.temporary_refusal();
    END IF;
    IF refusal.code IS NULL THEN
      refusal := integratedb.prepared_refusal();
    END IF;
    IF refusal.code IS NOT NULL THEN
      refused := integratedb.refuse(refusal.code, refusal.message, refusal.detail, refusal.hint);
    END IF;

    PERFORM integratedb.warn_of_idle_override();
    PERFORM integratedb.prune_ddl_events();

    -- Two SET CONSTRAINTS in one text, or in a function, come here before COMMIT. Nothing is left then that could refuse
    -- PREPARE TRANSACTION in another text.
    GET DIAGNOSTICS context = PG_CONTEXT;
    IF (context ~ E'\n' OR current_query() ~* 'constraints') AND NOT integratedb.is_admin(SESSION_USER) THEN
      PERFORM integratedb.forbid_prepare();
    END IF;
  END IF;

  -- From here on a further change queues the check anew.
  UPDATE integratedb.ddl_event AS e SET check_queued = false WHERE e.id = NEW.id;
  DELETE FROM integratedb.queued_check AS q WHERE q.xid = pg_current_xact_id();
  RETURN NULL;
END
$$;

COMMENT ON FUNCTION integratedb.on_commit() IS 'Deferred constraint trigger on integratedb.ddl_event: the check at COMMIT, once a transaction.';
