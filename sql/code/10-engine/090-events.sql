-- Every schema change adds a row to the audit log. The first row of a transaction queues the check at COMMIT.

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
      OR EXISTS (SELECT FROM integratedb.claim_key AS k WHERE k.to_relid = of_objid AND of_classid = 'pg_class'::regclass)
      OR EXISTS (SELECT FROM integratedb.claim_key AS k WHERE k.to_relation_name = of_relation AND k.to_schema_name = of_schema)
$$;

COMMENT ON FUNCTION integratedb.is_claimed(oid, oid, name, name) IS
'Whether any claim names or references the object, by identifier or by name. Changes by the script of an extension are checked only '
'for such objects.';

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
  state := integratedb.queue_state();
  IF NOT state.queued THEN
    SET CONSTRAINTS integratedb.ddl_event_check DEFERRED;
  END IF;

  INSERT INTO integratedb.ddl_event (command_tag, reason, checked, query, check_queued)
  VALUES (log_own_event.command_tag, log_own_event.reason, log_own_event.checked,
          CASE WHEN NOT state.logged THEN integratedb.masked_query() END,
          log_own_event.checked AND NOT state.queued);

  IF log_own_event.checked AND NOT state.queued THEN
    INSERT INTO integratedb.queued_check DEFAULT VALUES;
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.log_own_event(text, text, boolean) IS
'Adds a row to the audit log for a request to this extension. checked: whether claims are validated at COMMIT because '
'of it.';

CREATE OR REPLACE FUNCTION integratedb.queue_state(OUT logged boolean, OUT queued boolean)
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- The plan is made once in a session, for the size of the tables at that time. So plans that fit small tables only are
-- excluded.
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
BEGIN
  -- Each query is one look into an index, even if the transaction has many rows.
  queued := EXISTS (SELECT FROM integratedb.queued_check AS q WHERE q.xid = pg_current_xact_id());
  logged := true;
  IF NOT queued THEN
    logged := EXISTS (SELECT FROM integratedb.ddl_event AS e WHERE e.xid = pg_current_xact_id());
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.queue_state() IS
'Whether this transaction has rows in the audit log (the first one carries the statement) and whether its check is '
'queued.';

CREATE OR REPLACE FUNCTION integratedb.queue_check(logged boolean, first bigint, first_checked bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- The plan is made once in a session, for the size of the table at that time. So plans that fit a small table only are
-- excluded.
SET enable_seqscan = off
AS $$
BEGIN
  UPDATE integratedb.ddl_event AS e
     SET query = CASE WHEN e.id = first AND NOT logged THEN integratedb.masked_query() END,
         check_queued = e.id IS NOT DISTINCT FROM first_checked
   WHERE e.id IN (first, first_checked);

  IF first_checked IS NOT NULL THEN
    INSERT INTO integratedb.queued_check DEFAULT VALUES;
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.queue_check(boolean, bigint, bigint) IS
'Writes the statement to the first row of a transaction in the audit log, and queues the check by the first row that '
'is checked. logged: whether the transaction has earlier rows. The caller has made sure that no check is queued yet.';

CREATE OR REPLACE FUNCTION integratedb.is_harmless(tag text)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- All other tags are checked, including commands of later versions of Postgres. Some commands accept an object of
  -- another kind: ALTER INDEX can rename a table, CREATE RULE can make a view of a table.
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
      -- on_sql_drop() sees the dropped objects. DROP OWNED also revokes privileges, so it is checked here.
      OR (tag LIKE 'DROP %' AND tag <> 'DROP OWNED');
END
$$;

COMMENT ON FUNCTION integratedb.is_harmless(text) IS
'Whether no command of this tag, as ddl_command_end sees it, can affect a relation, column, type, schema, policy, '
'publication or privilege.';

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
   -- Views and columns can use these objects.
   WHERE d.classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_ts_config'::regclass)
     AND d.schema_name !~ '^pg_temp';
  IF classids IS NULL THEN
    RETURN false;
  END IF;
  RETURN integratedb.rests_on_temporary(classids, objids);
END
$$;

COMMENT ON FUNCTION integratedb.made_to_rest_on_temporary() IS
'In the event trigger: whether the command created a function, an operator or a text search configuration that is '
'dropped together with a temporary object. Called only if temporary objects exist.';

CREATE OR REPLACE FUNCTION integratedb.is_owner_of_read_changed(tg_tag text, context text)
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
  -- No catalog shows the kind of an ALTER. For a client's own statement, its words do, as for tables.
  IF tg_tag NOT IN ('ALTER FUNCTION', 'ALTER PROCEDURE', 'ALTER ROUTINE', 'ALTER AGGREGATE', 'ALTER SEQUENCE', 'ALTER TABLE')
     OR NOT (octet_length(current_query()) > 32768 OR current_query() ~* 'owner' OR context ~ E'\n')
  THEN
    RETURN false;
  END IF;

  SELECT array_agg(d.classid), array_agg(d.objid)
    INTO classids, objids
    FROM pg_event_trigger_ddl_commands() AS d
   WHERE d.classid = 'pg_proc'::regclass
      OR d.object_type = 'sequence';
  IF objids IS NULL THEN
    RETURN false;
  END IF;

  -- Any view or policy counts, not only claimed ones, because a claim may follow before COMMIT. Postgres records no
  -- dependency on built-in objects.
  RETURN EXISTS (SELECT FROM unnest(objids) AS o (oid) WHERE o.oid < 12000::oid)
      OR EXISTS (SELECT FROM unnest(integratedb.relations_above(classids, objids)) AS r (oid) WHERE r.oid <> ALL (objids));
END
$$;

COMMENT ON FUNCTION integratedb.is_owner_of_read_changed(text, text) IS
'In the event trigger: whether the command may have changed the owner of a function, an aggregate or a sequence that '
'views or policies call or read. A role that had its privilege as the owner loses it. tg_tag, context: as for '
'log_commands().';

CREATE OR REPLACE FUNCTION integratedb.is_concurrent(context text)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- Postgres refuses CONCURRENTLY inside a function or together with other statements, so the words are those of the
  -- client. The context has a second line if a function runs the statement.
  RETURN context !~ E'\n' AND current_query() ~* 'concurrently';
END
$$;

COMMENT ON FUNCTION integratedb.is_concurrent(text) IS
'Whether the statement that fires an event trigger may contain CONCURRENTLY. context: PG_CONTEXT of the trigger '
'function.';

CREATE OR REPLACE FUNCTION integratedb.is_restored_in_pieces()
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN NOT EXISTS (SELECT FROM integratedb.serialisation);
END
$$;

COMMENT ON FUNCTION integratedb.is_restored_in_pieces() IS
'Whether pg_upgrade is creating the extension. pg_upgrade copies the files of our tables later, so nothing must be '
'written to them before.';

CREATE OR REPLACE FUNCTION integratedb.may_mend_key(context text)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- The check would wait for the lock. If it failed, CONCURRENTLY would leave an invalid index.
  RETURN NOT integratedb.is_concurrent(context)
     AND EXISTS (SELECT FROM integratedb.claim_key)
     AND (SELECT cardinality(n.unmet) > 0 FROM integratedb.noted_claims() AS n);
END
$$;

COMMENT ON FUNCTION integratedb.may_mend_key(text) IS
'In the event trigger of CREATE INDEX and ALTER INDEX: whether the command may have made a unique key that an unmet claim '
'lacks. Otherwise, a new index is not checked. context: as for log_commands().';

CREATE OR REPLACE FUNCTION integratedb.log_commands(tg_tag text, context text, session_path text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  may_secure_rows boolean := false;
  may_change_identity boolean := false;
  is_owner_changed CONSTANT boolean := integratedb.is_owner_of_read_changed(tg_tag, context);
  restores CONSTANT boolean := integratedb.is_restored(context, session_path);
  may_mend_key CONSTANT boolean := tg_tag IN ('CREATE INDEX', 'ALTER INDEX') AND integratedb.may_mend_key(context);
  state record;
  first bigint;
  first_checked bigint;
BEGIN
  IF restores AND integratedb.is_restored_in_pieces() THEN
    RETURN;
  END IF;
  IF EXISTS (SELECT FROM integratedb.own_change AS o WHERE o.xid = pg_current_xact_id()) THEN
    RETURN;
  END IF;
  IF NOT integratedb.keeps_surfaces(tg_tag) THEN
    PERFORM integratedb.add_surface_commands(tg_tag, context);
  END IF;

  IF integratedb.is_harmless(tg_tag) AND NOT is_owner_changed THEN
    -- A function may now depend on a temporary object of any session. Objects that use the function are then dropped
    -- with that temporary object.
    IF NOT integratedb.has_temporary_objects() THEN
      RETURN;
    END IF;
    IF NOT integratedb.made_to_rest_on_temporary() THEN
      RETURN;
    END IF;
  END IF;

  -- No catalog shows the kind of an ALTER TABLE. For a client's own statement, its words do; context has a second line
  -- if the statement ran inside a function.
  --
  -- A long text would be searched at each of its statements, so a long text counts as a match. An option of a view may
  -- contain Unicode escapes: U&"s\0065curity_invoker".
  IF tg_tag = 'ALTER TABLE' THEN
    may_secure_rows := octet_length(current_query()) > 32768 OR current_query() ~* 'security|owner|u&"' OR context ~ E'\n';
    may_change_identity := octet_length(current_query()) > 32768 OR current_query() ~* 'replica' OR context ~ E'\n';
  END IF;

  state := integratedb.queue_state();
  IF NOT state.queued THEN
    -- Some tools run SET CONSTRAINTS ALL IMMEDIATE in the middle of a migration. The queued check must be deferred.
    SET CONSTRAINTS integratedb.ddl_event_check DEFERRED;
  END IF;

  -- The query reads no catalog. The transaction would keep a lock on each catalog for every statement. With more than
  -- 15 locks, Postgres searches all locks of the transaction after each statement.
  WITH command AS (
    SELECT d.command_tag,
           d.object_type,
           d.object_identity,
           coalesce(a.object_names[1], d.schema_name) AS schema_name,
           CASE WHEN a.is_relation THEN a.object_names[2] END AS relation_name,
           CASE WHEN a.is_relation AND d.objsubid > 0 THEN a.object_names[3] END AS column_name,
           CASE WHEN d.classid IN ('pg_policy'::regclass, 'pg_rewrite'::regclass) THEN 'pg_class'::regclass ELSE d.classid END AS classid,
           CASE WHEN d.classid IN ('pg_policy'::regclass, 'pg_rewrite'::regclass)
                THEN to_regclass(format('%I.%I', a.object_names[1], a.object_names[2])) ELSE d.objid END AS objid,
           CASE WHEN d.command_tag IN ('GRANT', 'REVOKE') THEN d.object_type IN ('TABLE', 'SCHEMA', 'SEQUENCE', 'FUNCTION', 'ROUTINE')
                ELSE may_mend_key OR (d.command_tag NOT IN ('CREATE INDEX', 'REINDEX') AND d.object_type <> 'index') END AS checked,
           -- The script counts, not the membership, because an owner can make tables, types and schemas members of an
           -- extension.
           d.in_extension
      FROM pg_event_trigger_ddl_commands() AS d
     CROSS JOIN LATERAL (
       SELECT i.object_names, i.type ~ '^((table|view|materialized view|foreign table)( column)?|policy|rule)$' AS is_relation
         FROM pg_identify_object_as_address(
                CASE WHEN d.classid IN ('pg_class'::regclass, 'pg_namespace'::regclass, 'pg_policy'::regclass, 'pg_rewrite'::regclass)
                     THEN d.classid END,
                d.objid,
                d.objsubid) AS i) AS a
     WHERE (d.object_type IS DISTINCT FROM 'sequence' OR is_owner_changed)
       -- Policies and rules have no schema of their own.
       AND coalesce(d.schema_name, a.object_names[1], '') !~ '^pg_temp'
       -- The index of a new primary key is part of the table.
       AND (d.command_tag <> 'CREATE INDEX' OR tg_tag = 'CREATE INDEX')
    UNION ALL
    SELECT tg_tag, NULL, NULL, NULL, NULL, NULL, NULL, NULL, true, false
     WHERE tg_tag = 'DROP OWNED'
  ), logged AS (
    INSERT INTO integratedb.ddl_event
           (command_tag, object_type, object_identity, schema_name, relation_name, column_name, classid, objid, checked, audited,
            may_secure_rows, reason)
    SELECT c.command_tag, c.object_type, c.object_identity, c.schema_name, c.relation_name, c.column_name, c.classid, c.objid,
           c.checked AND NOT restores,
           NOT c.in_extension,
           may_secure_rows,
           CASE WHEN restores THEN 'a dump is being restored' END
      FROM command AS c
     WHERE NOT c.in_extension OR (NOT restores AND integratedb.is_claimed(c.classid, c.objid, c.schema_name, c.relation_name))
    RETURNING id, checked
  )
  SELECT min(l.id), min(l.id) FILTER (WHERE l.checked) INTO first, first_checked FROM logged AS l;

  IF NOT state.queued AND (NOT state.logged OR first_checked IS NOT NULL) THEN
    PERFORM integratedb.queue_check(state.logged, first, first_checked);
  END IF;
  IF restores AND first IS NOT NULL THEN
    PERFORM integratedb.warn_restored(first);
  END IF;

  IF may_change_identity AND EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications') THEN
    INSERT INTO integratedb.identity_change (relid)
    SELECT DISTINCT d.objid FROM pg_event_trigger_ddl_commands() AS d WHERE d.classid = 'pg_class'::regclass
    ON CONFLICT DO NOTHING;
  END IF;

  -- These commands only create new objects or change privileges, so they alter no existing type.
  IF tg_tag NOT IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'CREATE INDEX', 'CREATE SCHEMA', 'GRANT', 'REVOKE')
     AND EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications') THEN
    PERFORM integratedb.tell_changed_types(
      ARRAY(SELECT DISTINCT d.objid FROM pg_event_trigger_ddl_commands() AS d WHERE d.classid = 'pg_class'::regclass));
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.log_commands(text, text, text) IS
'In the event trigger: adds rows to the audit log for the objects that a command created or altered, and queues the '
'check at COMMIT. tg_tag: the command. context, session_path: as for is_restored().';

CREATE OR REPLACE FUNCTION integratedb.on_ddl_command_end()
RETURNS event_trigger
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- whoever migrates has no rights on schema integratedb
-- The function has no search_path of its own: it reads that of the session and passes it on. So all names are
-- qualified.
AS $$
DECLARE
  context pg_catalog.text;
  done record;
BEGIN
  GET DIAGNOSTICS context = PG_CONTEXT;
  -- A loop runs its query in a portal of its own, which keeps its locks apart from those of the statement. Where one of
  -- them has more than 15, Postgres goes through all locks of the transaction when it ends.
  FOR done IN SELECT integratedb.log_commands(tg_tag, context, pg_catalog.current_setting('search_path')) LOOP
    NULL;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.on_ddl_command_end() IS
'Event trigger: calls log_commands() with the context and the search_path of the session.';

CREATE OR REPLACE FUNCTION integratedb.indexes_matter()
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications')
      OR EXISTS (SELECT FROM integratedb.claim_key);
END
$$;

COMMENT ON FUNCTION integratedb.indexes_matter() IS
'Whether a dropped index or constraint may break a claim: notifications need replica identities, and claims name keys.';

CREATE OR REPLACE FUNCTION integratedb.log_drops(tg_tag text, context text, session_path text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  is_concurrent CONSTANT boolean := tg_tag = 'DROP INDEX' AND integratedb.is_concurrent(context);
  may_matter CONSTANT boolean := integratedb.indexes_matter();
  may_take_indexes CONSTANT boolean :=
    tg_tag NOT IN ('DROP TABLE', 'ALTER TABLE', 'DROP INDEX', 'DROP VIEW', 'DROP MATERIALIZED VIEW', 'DROP FOREIGN TABLE', 'DROP SEQUENCE', 'DROP TRIGGER')
    AND may_matter;
  restores boolean;
  state record;
  first bigint;
  first_checked bigint;
BEGIN
  IF EXISTS (SELECT FROM integratedb.own_change AS o WHERE o.xid = pg_current_xact_id()) THEN
    RETURN;
  END IF;
  restores := integratedb.is_restored(context, session_path);
  IF restores AND integratedb.is_restored_in_pieces() THEN
    RETURN;
  END IF;
  IF NOT integratedb.keeps_surfaces(tg_tag) THEN
    PERFORM integratedb.add_surface_drops();
  END IF;

  state := integratedb.queue_state();
  IF NOT state.queued THEN
    SET CONSTRAINTS integratedb.ddl_event_check DEFERRED;
  END IF;

  WITH gone AS MATERIALIZED (
    SELECT d.*,
           d.object_type IN ('table', 'view', 'materialized view', 'foreign table') AS is_relation
      FROM pg_event_trigger_dropped_objects() AS d
     WHERE NOT d.is_temporary
       AND coalesce(d.schema_name, '') !~ '^pg_(temp|toast)'
       -- Some versions of Postgres do not mark the policy of a temporary table as temporary.
       AND NOT (d.object_type = 'policy' AND d.address_names[1] ~ '^pg_temp')
  ), command AS (
    SELECT d.object_type,
           -- Postgres wrote the identity before this function began, under the session's quote_all_identifiers. So the
           -- identity is written again here.
           CASE WHEN d.object_name IS NOT NULL THEN concat_ws('.', quote_ident(d.schema_name), quote_ident(d.object_name))
                WHEN d.object_type LIKE '% column' THEN format('%I.%I.%I', d.address_names[1], d.address_names[2], d.address_names[3])
                WHEN d.object_type IN ('policy', 'table constraint')
                THEN format('%I on %I.%I', d.address_names[3], d.address_names[1], d.address_names[2])
                ELSE d.object_identity END AS object_identity,
           CASE d.object_type WHEN 'schema' THEN d.object_name ELSE d.schema_name END AS schema_name,
           CASE WHEN d.is_relation THEN d.object_name
                WHEN d.object_type IN ('policy', 'table constraint') OR d.object_type LIKE '% column' THEN d.address_names[2] END AS relation_name,
           CASE WHEN d.object_type LIKE '% column' THEN d.address_names[3] END AS column_name,
           -- A dropped part of a table that stays is looked up by the table, which may be renamed before COMMIT.
           CASE d.object_type WHEN 'policy' THEN 'pg_class'::regclass ELSE d.classid END AS classid,
           CASE d.object_type WHEN 'policy' THEN to_regclass(format('%I.%I', d.address_names[1], d.address_names[2])) ELSE d.objid END AS objid,
           -- An index may be a replica identity or a claimed key. An index that is dropped CONCURRENTLY was checked before the drop,
           -- because a refusal now would leave an invalid index.
           d.object_type NOT IN ('index', 'table constraint')
           OR (NOT is_concurrent AND may_matter) AS checked,
           d.object_type NOT IN ('index', 'table constraint') OR d.original AS audited
      FROM gone AS d
     WHERE (d.is_relation
            OR d.object_type IN ('table column', 'view column', 'foreign table column', 'materialized view column', 'schema', 'type',
                                 'policy', 'index', 'table constraint', 'publication', 'extension')
            OR (d.object_type LIKE 'publication %' AND d.original))
       -- Parts that are dropped with their table need no row. Only "original" separates a dropped index from the index
       -- of a dropped table, or the fact that no table is dropped: an index is also dropped with its collation or with
       -- an extension.
       AND (d.is_relation OR d.original OR d.object_type IN ('schema', 'extension')
            OR ((d.object_type NOT IN ('index', 'table constraint') OR may_take_indexes)
                -- Row types, and array types.
                AND (d.object_type <> 'type' OR d.normal)
                AND NOT EXISTS (
                  SELECT FROM gone AS r
                   WHERE r.is_relation
                     AND (r.schema_name, r.object_name) = (d.address_names[1], d.address_names[2]))))
       -- An extension is dropped with its members. Owners may have added members, and CASCADE drops objects of other
       -- roles.
       AND (tg_tag <> 'DROP EXTENSION'
            OR d.is_relation
            OR d.object_type IN ('extension', 'schema', 'policy')
            OR (d.object_type IN ('index', 'table constraint') AND may_take_indexes)
            OR d.object_type LIKE '% column')
  ), logged AS (
    INSERT INTO integratedb.ddl_event
           (command_tag, object_type, object_identity, schema_name, relation_name, column_name, classid, objid, dropped, checked, audited,
            reason)
    SELECT tg_tag, c.object_type, c.object_identity, c.schema_name, c.relation_name, c.column_name, c.classid, c.objid, true,
           c.checked AND NOT restores,
           c.audited,
           CASE WHEN restores THEN 'a dump is being restored' END
      FROM command AS c
     WHERE c.audited OR NOT restores
    RETURNING id, checked
  )
  SELECT min(l.id), min(l.id) FILTER (WHERE l.checked) INTO first, first_checked FROM logged AS l;

  IF NOT state.queued AND (NOT state.logged OR first_checked IS NOT NULL) THEN
    PERFORM integratedb.queue_check(state.logged, first, first_checked);
  END IF;
  IF restores AND first IS NOT NULL THEN
    PERFORM integratedb.warn_restored(first);
  END IF;

  -- DROP TYPE ... CASCADE may drop an attribute.
  IF tg_tag NOT IN ('DROP TABLE', 'DROP INDEX', 'DROP TRIGGER', 'ALTER TABLE')
     AND EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications') THEN
    PERFORM integratedb.tell_changed_types(
      ARRAY(SELECT DISTINCT d.objid FROM pg_event_trigger_dropped_objects() AS d WHERE d.classid = 'pg_class'::regclass AND d.objsubid > 0));
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.log_drops(text, text, text) IS
'In the event trigger: adds rows to the audit log for the objects that any command dropped, and queues the check at '
'COMMIT. Arguments as for log_commands().';

CREATE OR REPLACE FUNCTION integratedb.on_sql_drop()
RETURNS event_trigger
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- whoever migrates has no rights on schema integratedb
-- The function has no search_path of its own: it reads that of the session and passes it on. So all names are
-- qualified.
AS $$
DECLARE
  context pg_catalog.text;
  done record;
BEGIN
  GET DIAGNOSTICS context = PG_CONTEXT;
  -- In a portal of its own, as in on_ddl_command_end().
  FOR done IN SELECT integratedb.log_drops(tg_tag, context, pg_catalog.current_setting('search_path')) LOOP
    NULL;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.on_sql_drop() IS
'Event trigger: calls log_drops() with the context and the search_path of the session.';
