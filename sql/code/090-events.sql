-- Every schema change leaves a row in the audit log; the first one of a transaction queues the check at COMMIT.

CREATE OR REPLACE FUNCTION integratedb.is_claimed(of_classid oid, of_objid oid, of_schema name, of_relation name)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM integratedb.claim_relation AS cr WHERE cr.relid = of_objid AND of_classid = 'pg_class'::regclass)
      OR EXISTS (SELECT FROM integratedb.claim_relation AS cr WHERE cr.relation_name = of_relation AND cr.schema_name = of_schema)
      OR EXISTS (SELECT FROM integratedb.claim AS c WHERE c.wildcard_schema = of_schema)
$$;

COMMENT ON FUNCTION integratedb.is_claimed(oid, oid, name, name) IS 'Whether any claim names the object, by identifier or by name: what the script of an extension does is looked at only then.';

CREATE OR REPLACE FUNCTION integratedb.log_own_event(command_tag text, reason text, checked boolean)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  state record;
BEGIN
  PERFORM integratedb.require_writable();
  SET CONSTRAINTS integratedb.ddl_event_check DEFERRED;
  state := integratedb.queue_state();

  INSERT INTO integratedb.ddl_event (command_tag, reason, checked, query, check_queued)
  VALUES (log_own_event.command_tag, log_own_event.reason, log_own_event.checked,
          CASE WHEN NOT state.logged THEN integratedb.masked_query() END,
          log_own_event.checked AND NOT state.queued);

  IF log_own_event.checked AND NOT state.queued THEN
    INSERT INTO integratedb.queued_check DEFAULT VALUES;
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.log_own_event(text, text, boolean) IS 'Leaves a row for something that this extension was asked to do; checked: whether claims are validated at COMMIT for it.';

CREATE OR REPLACE FUNCTION integratedb.queue_state(OUT logged boolean, OUT queued boolean)
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- Each is one look into an index, however many rows the transaction has.
  logged := EXISTS (SELECT FROM integratedb.ddl_event AS e WHERE e.xid = pg_current_xact_id());
  queued := EXISTS (SELECT FROM integratedb.queued_check AS q WHERE q.xid = pg_current_xact_id());
END
$$;

COMMENT ON FUNCTION integratedb.queue_state() IS 'Whether this transaction has rows in the audit log (the first one carries the statement) and whether its check is queued.';

CREATE OR REPLACE FUNCTION integratedb.is_harmless(tag text)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- What is not listed is looked at, also a command that a later version of Postgres brings. Some commands take an object of
  -- another kind: ALTER INDEX renames a table, CREATE RULE can make a view of one.
  RETURN tag IN (
      'COMMENT', 'SECURITY LABEL', 'ALTER DEFAULT PRIVILEGES', 'REFRESH MATERIALIZED VIEW', 'ALTER LARGE OBJECT',
      'CREATE ACCESS METHOD', 'ALTER ACCESS METHOD', 'CREATE AGGREGATE', 'ALTER AGGREGATE', 'CREATE CAST', 'ALTER CAST',
      'CREATE COLLATION', 'ALTER COLLATION', 'CREATE CONSTRAINT', 'ALTER CONSTRAINT', 'CREATE CONVERSION', 'ALTER CONVERSION',
      'CREATE FOREIGN DATA WRAPPER', 'ALTER FOREIGN DATA WRAPPER', 'CREATE FUNCTION', 'ALTER FUNCTION', 'CREATE LANGUAGE', 'ALTER LANGUAGE',
      'CREATE OPERATOR', 'ALTER OPERATOR', 'CREATE OPERATOR CLASS', 'ALTER OPERATOR CLASS', 'CREATE OPERATOR FAMILY', 'ALTER OPERATOR FAMILY',
      'CREATE PROCEDURE', 'ALTER PROCEDURE', 'CREATE ROUTINE', 'ALTER ROUTINE', 'CREATE SEQUENCE', 'ALTER SEQUENCE',
      'CREATE SERVER', 'ALTER SERVER', 'CREATE STATISTICS', 'ALTER STATISTICS', 'CREATE SUBSCRIPTION', 'ALTER SUBSCRIPTION',
      'CREATE TEXT SEARCH CONFIGURATION', 'ALTER TEXT SEARCH CONFIGURATION', 'CREATE TEXT SEARCH DICTIONARY', 'ALTER TEXT SEARCH DICTIONARY',
      'CREATE TEXT SEARCH PARSER', 'ALTER TEXT SEARCH PARSER', 'CREATE TEXT SEARCH TEMPLATE', 'ALTER TEXT SEARCH TEMPLATE',
      'CREATE TRANSFORM', 'ALTER TRANSFORM', 'CREATE TRIGGER', 'ALTER TRIGGER', 'CREATE USER MAPPING', 'ALTER USER MAPPING')
      -- on_sql_drop() sees what they drop; DROP OWNED revokes too.
      OR (tag LIKE 'DROP %' AND tag <> 'DROP OWNED');
END
$$;

COMMENT ON FUNCTION integratedb.is_harmless(text) IS 'Whether no command of this tag, as ddl_command_end sees it, can affect a relation, column, type, schema, policy, publication or privilege.';

CREATE OR REPLACE FUNCTION integratedb.made_to_rest_on_temporary()
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  classids oid[];
  objids oid[];
BEGIN
  SELECT array_agg(d.classid), array_agg(d.objid)
    INTO classids, objids
    FROM pg_event_trigger_ddl_commands() AS d
   -- What a view or a column can use.
   WHERE d.classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_ts_config'::regclass)
     AND d.schema_name !~ '^pg_temp';
  IF classids IS NULL THEN
    RETURN false;
  END IF;
  RETURN integratedb.rests_on_temporary(classids, objids);
END
$$;

COMMENT ON FUNCTION integratedb.made_to_rest_on_temporary() IS 'In the event trigger: whether the command made a function, an operator or a text search configuration that something temporary takes along. For sessions that have a temporary schema.';

CREATE OR REPLACE FUNCTION integratedb.is_concurrent(context text)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- Postgres lets nothing run CONCURRENTLY in a function or together with other statements, so its words are the client's. The
  -- context has a second line where a function runs the statement.
  RETURN context !~ E'\n' AND current_query() ~* 'concurrently';
END
$$;

COMMENT ON FUNCTION integratedb.is_concurrent(text) IS 'Whether the statement that an event trigger fires for may say CONCURRENTLY. context: PG_CONTEXT of the trigger function.';

CREATE OR REPLACE FUNCTION integratedb.on_ddl_command_end()
RETURNS event_trigger
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- whoever migrates has no rights on schema integratedb
SET search_path = pg_catalog, integratedb, pg_temp
-- A few objects: the planner would rather read whole catalogs than look them up.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET enable_material = off
AS $$
DECLARE
  context text;
  may_secure_rows boolean := false;
  may_change_identity boolean := false;
  state record;
  newly_queued boolean;
BEGIN
  IF integratedb.is_harmless(tg_tag) THEN
    -- A function may come to depend on something temporary, and what uses it goes with that.
    IF pg_my_temp_schema() = 0 THEN
      RETURN;
    END IF;
    IF NOT integratedb.made_to_rest_on_temporary() THEN
      RETURN;
    END IF;
  END IF;

  IF integratedb.is_restore_session() THEN
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM integratedb.own_change AS o WHERE o.xid = pg_current_xact_id()) THEN
    RETURN;
  END IF;

  -- Some tools say SET CONSTRAINTS ALL IMMEDIATE in the middle of a migration.
  SET CONSTRAINTS integratedb.ddl_event_check DEFERRED;

  -- No catalog tells which kind of ALTER TABLE it was. The words of a client's own statement do; context has a second
  -- line when the statement ran inside a function. A long text would be searched again at each of its statements: in
  -- doubt it was this one.
  IF tg_tag = 'ALTER TABLE' THEN
    GET DIAGNOSTICS context = PG_CONTEXT;
    may_secure_rows := octet_length(current_query()) > 32768 OR current_query() ~* 'security|owner' OR context ~ E'\n';
    may_change_identity := octet_length(current_query()) > 32768 OR current_query() ~* 'replica' OR context ~ E'\n';
  END IF;

  state := integratedb.queue_state();

  -- Each catalog is asked for one row, and only where the object can have one. LIMIT and OFFSET keep it so: the plan is made
  -- once a session, by the size that the catalogs have then, and would read whole catalogs for each object.
  WITH command AS (
    SELECT d.command_tag,
           d.object_type,
           d.object_identity,
           coalesce(r.schema_name,
                    CASE WHEN d.classid = 'pg_namespace'::regclass THEN (SELECT n.nspname FROM pg_namespace AS n WHERE n.oid = d.objid) END,
                    d.schema_name) AS schema_name,
           r.relation_name,
           CASE WHEN d.objsubid > 0
                THEN (SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = r.oid AND a.attnum = d.objsubid) END AS column_name,
           CASE WHEN p.relid IS NULL THEN d.classid ELSE 'pg_class'::regclass END AS classid,
           coalesce(p.relid, d.objid) AS objid,
           CASE WHEN d.command_tag IN ('GRANT', 'REVOKE') THEN d.object_type IN ('TABLE', 'SCHEMA')
                ELSE d.command_tag NOT IN ('CREATE INDEX', 'REINDEX') AND d.object_type <> 'index' END AS checked,
           -- By the script, not by membership: an owner can make its tables, types and schemas members of an extension.
           d.in_extension
      FROM pg_event_trigger_ddl_commands() AS d
     CROSS JOIN LATERAL (
       SELECT CASE d.classid WHEN 'pg_policy'::regclass THEN (SELECT y.polrelid FROM pg_policy AS y WHERE y.oid = d.objid)
                             WHEN 'pg_rewrite'::regclass THEN (SELECT w.ev_class FROM pg_rewrite AS w WHERE w.oid = d.objid) END AS relid
        LIMIT 1
     ) AS p
      LEFT JOIN LATERAL (
        SELECT v.oid, v.schema_name, v.relation_name
          FROM integratedb.readable_relation AS v
         WHERE v.oid = CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid ELSE p.relid END
         LIMIT 1
      ) AS r ON true
     WHERE d.object_type IS DISTINCT FROM 'sequence'
       AND coalesce(d.schema_name, '') !~ '^pg_temp'
       -- Policies and rules have no schema of their own.
       AND coalesce((SELECT k.relpersistence FROM pg_class AS k WHERE k.oid = p.relid), 'p') <> 't'
       -- The index of a new primary key is part of the table.
       AND (d.command_tag <> 'CREATE INDEX' OR tg_tag = 'CREATE INDEX')
    UNION ALL
    SELECT tg_tag, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, false
     WHERE tg_tag = 'DROP OWNED'
  ), kept AS (
    SELECT c.*, row_number() OVER before AS position, count(*) FILTER (WHERE c.checked) OVER before AS position_to_check
      FROM (SELECT * FROM command OFFSET 0) AS c
     WHERE NOT c.in_extension OR integratedb.is_claimed(c.classid, c.objid, c.schema_name, c.relation_name)
    WINDOW before AS (ROWS UNBOUNDED PRECEDING)
  ), logged AS (
    INSERT INTO integratedb.ddl_event
           (command_tag, object_type, object_identity, schema_name, relation_name, column_name, classid, objid, checked, audited,
            may_secure_rows, query, check_queued)
    SELECT k.command_tag, k.object_type, k.object_identity, k.schema_name, k.relation_name, k.column_name, k.classid, k.objid, k.checked,
           NOT k.in_extension,
           may_secure_rows,
           CASE WHEN k.position = 1 AND NOT state.logged THEN integratedb.masked_query() END,
           k.checked AND k.position_to_check = 1 AND NOT state.queued
      FROM kept AS k
     ORDER BY k.position
    RETURNING check_queued
  )
  SELECT bool_or(l.check_queued) INTO newly_queued FROM logged AS l;

  IF newly_queued THEN
    INSERT INTO integratedb.queued_check DEFAULT VALUES;
  END IF;

  IF may_change_identity AND EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications') THEN
    INSERT INTO integratedb.identity_change (relid)
    SELECT DISTINCT d.objid FROM pg_event_trigger_ddl_commands() AS d WHERE d.classid = 'pg_class'::regclass
    ON CONFLICT DO NOTHING;
  END IF;

  -- What makes something new, and who may use it, alters no type that is there.
  IF tg_tag NOT IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE INDEX', 'CREATE SCHEMA', 'GRANT', 'REVOKE')
     AND EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications') THEN
    PERFORM integratedb.tell_changed_types(
      CASE tg_tag WHEN 'ALTER TABLE'
                  THEN ARRAY(SELECT DISTINCT d.objid FROM pg_event_trigger_ddl_commands() AS d WHERE d.classid = 'pg_class'::regclass) END);
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.on_ddl_command_end() IS 'Event trigger: leaves rows for what a command created or altered, and queues the check at COMMIT.';

CREATE OR REPLACE FUNCTION integratedb.on_sql_drop()
RETURNS event_trigger
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- whoever migrates has no rights on schema integratedb
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  context text;
  is_concurrent boolean;
  may_take_indexes CONSTANT boolean :=
    tg_tag NOT IN ('DROP TABLE', 'ALTER TABLE', 'DROP INDEX', 'DROP VIEW', 'DROP MATERIALIZED VIEW', 'DROP FOREIGN TABLE', 'DROP SEQUENCE', 'DROP TRIGGER')
    AND EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications');
  state record;
  newly_queued boolean;
BEGIN
  IF integratedb.is_restore_session() THEN
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM integratedb.own_change AS o WHERE o.xid = pg_current_xact_id()) THEN
    RETURN;
  END IF;

  GET DIAGNOSTICS context = PG_CONTEXT;
  is_concurrent := tg_tag = 'DROP INDEX' AND integratedb.is_concurrent(context);

  SET CONSTRAINTS integratedb.ddl_event_check DEFERRED;
  state := integratedb.queue_state();

  WITH gone AS MATERIALIZED (
    SELECT d.*,
           d.object_type IN ('table', 'view', 'materialized view', 'foreign table') AS is_relation
      FROM pg_event_trigger_dropped_objects() AS d
     WHERE NOT d.is_temporary
       AND coalesce(d.schema_name, '') !~ '^pg_(temp|toast)'
       -- Some versions of Postgres do not call the policy of a temporary table temporary.
       AND NOT (d.object_type = 'policy' AND d.address_names[1] ~ '^pg_temp')
  ), command AS (
    SELECT d.object_type,
           -- Postgres wrote the identity before this function began, under the session's quote_all_identifiers.
           CASE WHEN d.object_name IS NOT NULL THEN concat_ws('.', quote_ident(d.schema_name), quote_ident(d.object_name))
                WHEN d.object_type LIKE '% column' THEN format('%I.%I.%I', d.address_names[1], d.address_names[2], d.address_names[3])
                WHEN d.object_type IN ('policy', 'table constraint')
                THEN format('%I on %I.%I', d.address_names[3], d.address_names[1], d.address_names[2])
                ELSE d.object_identity END AS object_identity,
           CASE d.object_type WHEN 'schema' THEN d.object_name ELSE d.schema_name END AS schema_name,
           CASE WHEN d.is_relation THEN d.object_name
                WHEN d.object_type IN ('policy', 'table constraint') OR d.object_type LIKE '% column' THEN d.address_names[2] END AS relation_name,
           CASE WHEN d.object_type LIKE '% column' THEN d.address_names[3] END AS column_name,
           d.classid,
           d.objid,
           -- An index may be somebody's replica identity. One that is dropped CONCURRENTLY was looked at before it was dropped:
           -- a refusal now would leave it behind, invalid.
           d.object_type NOT IN ('index', 'table constraint')
           OR (NOT is_concurrent AND EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications')) AS checked,
           d.object_type NOT IN ('index', 'table constraint') OR d.original AS audited
      FROM gone AS d
     WHERE (d.is_relation
            OR d.object_type IN ('table column', 'view column', 'foreign table column', 'materialized view column', 'schema', 'type',
                                 'policy', 'index', 'table constraint', 'publication', 'extension')
            OR (d.object_type LIKE 'publication %' AND d.original))
       -- What goes with its table says nothing of its own. A dropped index is told from its table's by nothing but "original",
       -- or where no table is dropped: it goes with its collation, too, or with an extension.
       AND (d.is_relation OR d.original OR d.object_type IN ('schema', 'extension')
            OR ((d.object_type NOT IN ('index', 'table constraint') OR may_take_indexes)
                -- Row types, and arrays.
                AND (d.object_type <> 'type' OR d.normal)
                AND NOT EXISTS (
                  SELECT FROM gone AS r
                   WHERE r.is_relation
                     AND (r.schema_name, r.object_name) = (d.address_names[1], d.address_names[2]))))
       -- With an extension go its members, among them what owners made its members, and by CASCADE what is somebody's.
       AND (tg_tag <> 'DROP EXTENSION'
            OR d.is_relation
            OR d.object_type IN ('extension', 'schema', 'policy')
            OR (d.object_type IN ('index', 'table constraint') AND may_take_indexes)
            OR d.object_type LIKE '% column')
  ), kept AS (
    SELECT c.*, row_number() OVER before AS position, count(*) FILTER (WHERE c.checked) OVER before AS position_to_check
      FROM command AS c
    WINDOW before AS (ROWS UNBOUNDED PRECEDING)
  ), logged AS (
    INSERT INTO integratedb.ddl_event
           (command_tag, object_type, object_identity, schema_name, relation_name, column_name, classid, objid, dropped, checked, audited,
            query, check_queued)
    SELECT tg_tag, k.object_type, k.object_identity, k.schema_name, k.relation_name, k.column_name, k.classid, k.objid, true, k.checked, k.audited,
           CASE WHEN k.position = 1 AND NOT state.logged THEN integratedb.masked_query() END,
           k.checked AND k.position_to_check = 1 AND NOT state.queued
      FROM kept AS k
     ORDER BY k.position
    RETURNING check_queued
  )
  SELECT bool_or(l.check_queued) INTO newly_queued FROM logged AS l;

  IF newly_queued THEN
    INSERT INTO integratedb.queued_check DEFAULT VALUES;
  END IF;

  -- DROP TYPE ... CASCADE takes an attribute away.
  IF tg_tag NOT IN ('DROP TABLE', 'DROP INDEX', 'DROP TRIGGER', 'ALTER TABLE')
     AND EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications') THEN
    PERFORM integratedb.tell_changed_types(NULL);
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.on_sql_drop() IS 'Event trigger: leaves rows for what a command dropped, whatever the command was, and queues the check at COMMIT.';
