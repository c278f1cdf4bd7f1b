-- Every schema change leaves a row in the audit log; the first one of a transaction queues the check at COMMIT.

CREATE OR REPLACE FUNCTION integratedb.masked_query()
RETURNS text
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- Between the word and the literal there may be comments; a literal may go on in the next line; one that the cut left
  -- open is masked to the end. The first quantifier decides for a whole expression whether it takes the most or the least.
  SELECT left(
    regexp_replace(
      regexp_replace(
        left(current_query(), 8192),
        '(\mpassword(?:\s|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*+[^*/])*\*+/)*)(?:e|u&)?''(?:[^''\\]|\\.|'''')*(?:''|$)(?:\s*\n\s*''(?:[^''\\]|\\.|'''')*(?:''|$))*',
        '\1''***''', 'gi'),
      '(\mpassword(?:\s|--[^\n]*(?:\n|$)|/\*(?:[^*]|\*+[^*/])*\*+/)*?)\$(\w*)\$.*?(?:\$\2\$|$)',
      '\1''***''', 'gi'),
    8192)
$$;

COMMENT ON FUNCTION integratedb.masked_query() IS 'The client''s statement, cut at 8 kB, PASSWORD literals masked.';

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

COMMENT ON FUNCTION integratedb.is_claimed(oid, oid, name, name) IS 'Whether any claim names the object, by identifier or by name: members of extensions are looked at only then.';

CREATE OR REPLACE FUNCTION integratedb.log_own_event(command_tag text, reason text, checked boolean)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.require_writable();
  SET CONSTRAINTS integratedb.ddl_event_check DEFERRED;

  INSERT INTO integratedb.ddl_event (command_tag, reason, checked, query, check_queued)
  SELECT log_own_event.command_tag, log_own_event.reason, log_own_event.checked,
         CASE WHEN NOT q.logged THEN integratedb.masked_query() END,
         log_own_event.checked AND NOT q.queued
    FROM integratedb.queue_state() AS q;
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
  SELECT count(*) > 0, coalesce(bool_or(e.check_queued), false)
    INTO logged, queued
    FROM integratedb.ddl_event AS e
   WHERE e.xid = pg_current_xact_id();
END
$$;

COMMENT ON FUNCTION integratedb.queue_state() IS 'Whether this transaction has rows in the audit log (the first one carries the statement) and whether its check is queued.';

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
AS $$
DECLARE
  context text;
  may_secure_rows boolean := false;
BEGIN
  IF integratedb.is_restore_session() OR EXISTS (SELECT FROM integratedb.own_change AS o WHERE o.xid = pg_current_xact_id()) THEN
    RETURN;
  END IF;

  -- Some tools say SET CONSTRAINTS ALL IMMEDIATE in the middle of a migration.
  SET CONSTRAINTS integratedb.ddl_event_check DEFERRED;

  -- No catalog tells which kind of ALTER TABLE it was. The words of a client's own statement do; context has a second
  -- line when the statement ran inside a function.
  IF tg_tag = 'ALTER TABLE' THEN
    GET DIAGNOSTICS context = PG_CONTEXT;
    may_secure_rows := current_query() ~* 'security|owner' OR context ~ E'\n';
  END IF;

  WITH command AS (
    SELECT d.command_tag,
           d.object_type,
           d.object_identity,
           coalesce(r.schema_name, ns.nspname, d.schema_name) AS schema_name,
           r.relation_name,
           a.attname AS column_name,
           CASE WHEN p.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass END AS classid,
           coalesce(p.polrelid, d.objid) AS objid,
           CASE WHEN d.command_tag IN ('GRANT', 'REVOKE') THEN d.object_type IN ('TABLE', 'SCHEMA')
                ELSE d.command_tag NOT IN ('CREATE INDEX', 'REINDEX') END AS checked,
           d.in_extension
           OR EXISTS (SELECT FROM pg_depend AS e WHERE e.classid = d.classid AND e.objid = d.objid AND e.deptype = 'e') AS is_member
      FROM pg_event_trigger_ddl_commands() AS d
      -- OFFSET 0: looked up, where the planner would read all policies, and all of pg_class, for each statement.
      LEFT JOIN LATERAL (
        SELECT p.oid, p.polrelid FROM pg_policy AS p WHERE d.classid = 'pg_policy'::regclass AND p.oid = d.objid OFFSET 0) AS p ON true
      LEFT JOIN LATERAL (
        SELECT r.oid, r.schema_name, r.relation_name
          FROM integratedb.readable_relation AS r
         WHERE r.oid = CASE WHEN d.classid = 'pg_class'::regclass THEN d.objid ELSE p.polrelid END
        OFFSET 0) AS r ON true
      LEFT JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum = d.objsubid AND d.objsubid > 0
      LEFT JOIN pg_namespace AS ns ON d.classid = 'pg_namespace'::regclass AND ns.oid = d.objid
     WHERE d.object_type IS DISTINCT FROM 'sequence'
       AND coalesce(d.schema_name, '') !~ '^pg_temp'
       -- The index of a new primary key is part of the table.
       AND (d.command_tag <> 'CREATE INDEX' OR tg_tag = 'CREATE INDEX')
    UNION ALL
    SELECT tg_tag, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, false
     WHERE tg_tag = 'DROP OWNED'
  ), kept AS (
    SELECT c.*, row_number() OVER () AS position, row_number() OVER (PARTITION BY c.checked) AS position_of_kind
      FROM command AS c
     WHERE NOT c.is_member OR integratedb.is_claimed(c.classid, c.objid, c.schema_name, c.relation_name)
  )
  INSERT INTO integratedb.ddl_event
         (command_tag, object_type, object_identity, schema_name, relation_name, column_name, classid, objid, checked, audited, may_secure_rows,
          query, check_queued)
  SELECT k.command_tag, k.object_type, k.object_identity, k.schema_name, k.relation_name, k.column_name, k.classid, k.objid, k.checked,
         NOT k.is_member,
         may_secure_rows,
         CASE WHEN k.position = 1 AND NOT q.logged THEN integratedb.masked_query() END,
         k.checked AND k.position_of_kind = 1 AND NOT q.queued
    FROM kept AS k
   CROSS JOIN integratedb.queue_state() AS q
   ORDER BY k.position;
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
BEGIN
  IF integratedb.is_restore_session() OR EXISTS (SELECT FROM integratedb.own_change AS o WHERE o.xid = pg_current_xact_id()) THEN
    RETURN;
  END IF;

  SET CONSTRAINTS integratedb.ddl_event_check DEFERRED;

  WITH gone AS MATERIALIZED (
    SELECT d.*,
           d.object_type IN ('table', 'view', 'materialized view', 'foreign table') AS is_relation
      FROM pg_event_trigger_dropped_objects() AS d
     WHERE NOT d.is_temporary
       AND coalesce(d.schema_name, '') !~ '^pg_(temp|toast)'
  ), command AS (
    SELECT d.object_type,
           d.object_identity,
           CASE d.object_type WHEN 'schema' THEN d.object_name ELSE d.schema_name END AS schema_name,
           CASE WHEN d.is_relation THEN d.object_name
                WHEN d.object_type IN ('policy', 'table constraint') OR d.object_type LIKE '% column' THEN d.address_names[2] END AS relation_name,
           CASE WHEN d.object_type LIKE '% column' THEN d.address_names[3] END AS column_name,
           d.classid,
           d.objid,
           -- An index may be somebody's replica identity.
           d.object_type NOT IN ('index', 'table constraint')
           OR EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications') AS checked
      FROM gone AS d
     WHERE (d.is_relation
            OR d.object_type IN ('table column', 'view column', 'foreign table column', 'materialized view column', 'schema', 'type',
                                 'policy', 'index', 'table constraint', 'publication', 'extension')
            OR (d.object_type LIKE 'publication %' AND d.original))
       -- What goes with its table says nothing of its own; a dropped index is told from its table's by nothing but "original".
       AND (d.is_relation OR d.original OR d.object_type IN ('schema', 'extension')
            OR (d.object_type NOT IN ('index', 'table constraint')
                -- Row types, and arrays.
                AND (d.object_type <> 'type' OR d.normal)
                AND NOT EXISTS (
                  SELECT FROM gone AS r
                   WHERE r.is_relation
                     AND (r.schema_name, r.object_name) = (d.address_names[1], d.address_names[2]))))
       -- An extension's members go with it; what else goes by CASCADE is somebody's.
       AND (tg_tag <> 'DROP EXTENSION'
            OR d.object_type = 'extension'
            OR d.object_type LIKE '% column'
            OR integratedb.is_claimed(d.classid, d.objid, d.schema_name, d.object_name))
  ), kept AS (
    SELECT c.*, row_number() OVER () AS position, row_number() OVER (PARTITION BY c.checked) AS position_of_kind FROM command AS c
  )
  INSERT INTO integratedb.ddl_event
         (command_tag, object_type, object_identity, schema_name, relation_name, column_name, classid, objid, dropped, checked, query, check_queued)
  SELECT tg_tag, k.object_type, k.object_identity, k.schema_name, k.relation_name, k.column_name, k.classid, k.objid, true, k.checked,
         CASE WHEN k.position = 1 AND NOT q.logged THEN integratedb.masked_query() END,
         k.checked AND k.position_of_kind = 1 AND NOT q.queued
    FROM kept AS k
   CROSS JOIN integratedb.queue_state() AS q
   ORDER BY k.position;
END
$$;

COMMENT ON FUNCTION integratedb.on_sql_drop() IS 'Event trigger: leaves rows for what a command dropped, whatever the command was, and queues the check at COMMIT.';
