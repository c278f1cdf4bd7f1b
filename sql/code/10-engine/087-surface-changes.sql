-- Schema changes add rows to integratedb.surface_change, whose sums are the versions of the surfaces of the data API.
--
-- A row is added, and no shared row is changed, so a transaction never waits for another one here, prepared or not.

CREATE OR REPLACE FUNCTION integratedb.keeps_surfaces(tag text)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN tag IN (
    'CREATE SEQUENCE', 'ALTER SEQUENCE', 'REFRESH MATERIALIZED VIEW', 'REINDEX', 'SECURITY LABEL', 'ALTER DEFAULT PRIVILEGES',
    'ALTER LARGE OBJECT', 'CREATE ACCESS METHOD', 'ALTER ACCESS METHOD',
    'CREATE COLLATION', 'ALTER COLLATION', 'CREATE CONVERSION', 'ALTER CONVERSION', 'CREATE FOREIGN DATA WRAPPER',
    'ALTER FOREIGN DATA WRAPPER', 'CREATE LANGUAGE', 'ALTER LANGUAGE', 'CREATE OPERATOR', 'ALTER OPERATOR', 'CREATE OPERATOR CLASS',
    'ALTER OPERATOR CLASS', 'CREATE OPERATOR FAMILY', 'ALTER OPERATOR FAMILY', 'CREATE SERVER', 'ALTER SERVER',
    'ALTER STATISTICS', 'CREATE PUBLICATION', 'ALTER PUBLICATION', 'CREATE SUBSCRIPTION', 'ALTER SUBSCRIPTION',
    'CREATE TEXT SEARCH CONFIGURATION', 'ALTER TEXT SEARCH CONFIGURATION',
    'CREATE TEXT SEARCH DICTIONARY', 'ALTER TEXT SEARCH DICTIONARY', 'CREATE TEXT SEARCH PARSER', 'ALTER TEXT SEARCH PARSER',
    'CREATE TEXT SEARCH TEMPLATE', 'ALTER TEXT SEARCH TEMPLATE', 'CREATE TRANSFORM', 'ALTER TRANSFORM', 'CREATE USER MAPPING',
    'ALTER USER MAPPING', 'DROP SEQUENCE', 'DROP PUBLICATION', 'DROP SUBSCRIPTION', 'DROP STATISTICS', 'DROP OPERATOR', 'DROP SERVER',
    'DROP USER MAPPING', 'DROP LANGUAGE');
END
$$;

COMMENT ON FUNCTION integratedb.keeps_surfaces(text) IS
'Whether no command of this tag can change a surface.';

CREATE OR REPLACE FUNCTION integratedb.add_surface_changes(subjects oid[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- The plans are made once in a session, when the table may be small.
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
BEGIN
  INSERT INTO integratedb.surface_change (subject)
  SELECT DISTINCT s.oid
    FROM unnest(subjects) AS s (oid)
   WHERE s.oid IS NOT NULL
     AND NOT EXISTS (SELECT FROM integratedb.surface_change AS c WHERE c.subject = s.oid AND c.xid = pg_current_xact_id());
  IF NOT FOUND THEN
    RETURN;
  END IF;

  -- NOTIFY would make Postgres refuse PREPARE TRANSACTION.
  IF current_setting('max_prepared_transactions') = '0' THEN
    PERFORM pg_notify('integratedb_surface', '');
  END IF;

  -- Where rows are many, those of earlier transactions become part of this one's. Rows that another transaction replaces
  -- at the moment are left to it. REPEATABLE READ transactions would fail there.
  IF current_setting('transaction_isolation') <> 'read committed'
     OR NOT EXISTS (SELECT FROM integratedb.surface_change AS c WHERE c.subject = ANY (subjects) OFFSET 16) THEN
    RETURN;
  END IF;
  WITH old AS (
    DELETE FROM integratedb.surface_change AS c
     USING (SELECT o.subject, o.xid
              FROM integratedb.surface_change AS o
             WHERE o.subject = ANY (subjects)
               AND o.xid <> pg_current_xact_id()
               FOR UPDATE SKIP LOCKED) AS o
     WHERE (c.subject, c.xid) = (o.subject, o.xid)
    RETURNING c.subject, c.weight
  )
  UPDATE integratedb.surface_change AS c
     SET weight = c.weight + o.weight
    FROM (SELECT old.subject, sum(old.weight) AS weight FROM old GROUP BY old.subject) AS o
   WHERE c.subject = o.subject
     AND c.xid = pg_current_xact_id();
END
$$;

COMMENT ON FUNCTION integratedb.add_surface_changes(oid[]) IS
'Changes the versions of the surfaces that have one of these subjects: schemas and roles, by identifier; 0: all '
'surfaces. Subjects that the transaction has added already, and nulls, are left out.';

CREATE OR REPLACE FUNCTION integratedb.surfaces_below(may_detach boolean)
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_mergejoin = off
AS $$
DECLARE
  above oid[];
  is_partitioned boolean;
BEGIN
  SELECT array_agg(k.oid), bool_or(k.relkind = 'p') INTO above, is_partitioned
    FROM pg_event_trigger_ddl_commands() AS d
   CROSS JOIN LATERAL (SELECT * FROM pg_class AS k WHERE k.oid = d.objid OFFSET 0) AS k
   WHERE d.classid = 'pg_class'::regclass
     AND (k.relhassubclass OR k.relkind IN ('c', 'p'));
  IF above IS NULL THEN
    RETURN '{}'::oid[];
  END IF;

  -- OFFSET 0 makes the planner look up each relation.
  RETURN ARRAY(
    WITH RECURSIVE changed AS (
      SELECT u.oid FROM unnest(above) AS u (oid)
      UNION
      SELECT o.oid
        FROM changed AS c
       CROSS JOIN LATERAL (
         SELECT i.inhrelid FROM pg_inherits AS i WHERE i.inhparent = c.oid
         UNION ALL
         SELECT d.objid
           FROM (SELECT k.reltype FROM pg_class AS k WHERE k.oid = c.oid AND k.relkind = 'c' OFFSET 0) AS k
          CROSS JOIN LATERAL (
            SELECT d.objid
              FROM pg_depend AS d
             WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = k.reltype AND d.classid = 'pg_class'::regclass AND d.objsubid = 0
            OFFSET 0) AS d
         OFFSET 0) AS o (oid)
    )
    SELECT DISTINCT k.relnamespace
      FROM changed AS c
     CROSS JOIN LATERAL (SELECT k.relnamespace FROM pg_class AS k WHERE k.oid = c.oid OFFSET 0) AS k)
    -- After DETACH PARTITION, nothing shows which table that was.
    || CASE WHEN may_detach AND is_partitioned THEN ARRAY[0::oid] ELSE '{}'::oid[] END;
END
$$;

COMMENT ON FUNCTION integratedb.surfaces_below(boolean) IS
'In the event trigger: the schemas of the tables that inherit from a table of the command, or have its type; and 0, if the '
'command may have detached a partition.';

CREATE OR REPLACE FUNCTION integratedb.add_surface_commands(tg_tag text, context text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
  subjects oid[];
BEGIN
  IF tg_tag IN ('DROP OWNED', 'CREATE EXTENSION', 'ALTER EXTENSION') THEN
    -- What they change is known to nobody.
    PERFORM integratedb.add_surface_changes(ARRAY[0::oid]);
    RETURN;
  END IF;

  subjects := ARRAY(
    SELECT s.oid
      FROM (SELECT CASE WHEN d.classid IS NULL THEN
                          -- GRANT and REVOKE name no object.
                          CASE WHEN d.object_type IN ('TABLE', 'SCHEMA', 'FUNCTION', 'PROCEDURE', 'ROUTINE', 'TYPE', 'DOMAIN') THEN 0::oid END
                        WHEN d.classid = 'pg_namespace'::regclass THEN d.objid
                        WHEN d.schema_name IS NOT NULL THEN to_regnamespace(quote_ident(d.schema_name))::oid
                        WHEN d.classid IN ('pg_policy'::regclass, 'pg_rewrite'::regclass, 'pg_trigger'::regclass) THEN (
                          SELECT to_regnamespace(quote_ident(a.object_names[1]))::oid
                            FROM pg_identify_object_as_address(d.classid, d.objid, d.objsubid) AS a)
                        WHEN d.classid = 'pg_cast'::regclass THEN 0::oid END
              FROM pg_event_trigger_ddl_commands() AS d
             WHERE coalesce(d.schema_name, '') !~ '^pg_(temp|toast)') AS s (oid)
     WHERE s.oid IS NOT NULL
       AND NOT EXISTS (SELECT FROM integratedb.surface_change AS c WHERE c.subject = s.oid AND c.xid = pg_current_xact_id()));

  -- SET SCHEMA changes the schema that the object was in, too, which is known to nobody. It writes the dependency on
  -- the schema. The words of a client's own statement show whether that can be.
  IF starts_with(tg_tag, 'ALTER ')
     AND (octet_length(current_query()) > 32768 OR current_query() ~* 'schema' OR context ~ E'\n')
     AND EXISTS (
       SELECT FROM pg_event_trigger_ddl_commands() AS c
        CROSS JOIN LATERAL (
          SELECT FROM pg_depend AS d
           WHERE d.classid = c.classid AND d.objid = c.objid AND d.refclassid = 'pg_namespace'::regclass
             AND integratedb.is_own_xid(d.xmin)
          OFFSET 0) AS d
        WHERE c.classid IS NOT NULL)
  THEN
    subjects := subjects || 0::oid;
  END IF;

  -- Statistics may be in another schema than their table, and so may a table that inherits from another one: whoever
  -- reads that reads both. Each further relation here is one more lock of all statements, so the words decide again.
  IF tg_tag = 'CREATE STATISTICS' THEN
    subjects := subjects || ARRAY(
      SELECT k.relnamespace
        FROM pg_event_trigger_ddl_commands() AS d
        JOIN pg_statistic_ext AS x ON x.oid = d.objid
        JOIN pg_class AS k ON k.oid = x.stxrelid
       WHERE d.classid = 'pg_statistic_ext'::regclass);
  ELSIF tg_tag IN ('CREATE TABLE', 'ALTER TABLE', 'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'CREATE SCHEMA')
        AND (octet_length(current_query()) > 32768 OR current_query() ~* 'inherit' OR context ~ E'\n')
  THEN
    subjects := subjects || ARRAY(
      SELECT k.relnamespace
        FROM pg_event_trigger_ddl_commands() AS d
        JOIN pg_inherits AS i ON i.inhrelid = d.objid
        JOIN pg_class AS k ON k.oid = i.inhparent
       WHERE d.classid = 'pg_class'::regclass);
  END IF;

  -- A command changes the tables, too, that inherit from its table, or have its type. They may be in other schemas.
  IF tg_tag IN ('ALTER TABLE', 'ALTER FOREIGN TABLE', 'ALTER TYPE') THEN
    subjects := subjects || integratedb.surfaces_below(
      octet_length(current_query()) > 32768 OR current_query() ~* 'partition' OR context ~ E'\n');
  END IF;

  IF subjects <> '{}' THEN
    PERFORM integratedb.add_surface_changes(subjects);
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.add_surface_commands(text, text) IS
'In the event trigger: changes the versions of the surfaces that a command may have changed, once a transaction. tg_tag, '
'context: as for log_commands().';

CREATE OR REPLACE FUNCTION integratedb.add_surface_drops()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  subjects CONSTANT oid[] := ARRAY(
    SELECT DISTINCT
           CASE WHEN d.classid = 'pg_namespace'::regclass THEN d.objid
                WHEN d.classid = 'pg_cast'::regclass THEN 0::oid
                ELSE to_regnamespace(quote_ident(coalesce(d.schema_name, d.address_names[1])))::oid END
      FROM pg_event_trigger_dropped_objects() AS d
     WHERE NOT d.is_temporary
       AND d.classid IN ('pg_namespace'::regclass, 'pg_cast'::regclass, 'pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass,
                         'pg_constraint'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass, 'pg_rewrite'::regclass,
                         'pg_attrdef'::regclass)
       AND coalesce(d.schema_name, '') !~ '^pg_(temp|toast)'
       AND coalesce(d.address_names[1], '') !~ '^pg_temp');
BEGIN
  IF subjects <> '{}' THEN
    PERFORM integratedb.add_surface_changes(subjects);
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.add_surface_drops() IS
'In the event trigger: changes the versions of the surfaces that a dropped object may have been part of.';

CREATE OR REPLACE FUNCTION integratedb.add_surface_stakeholders(stakeholders bigint[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.add_surface_changes(ARRAY(SELECT st.role_oid FROM integratedb.stakeholder AS st WHERE st.id = ANY (stakeholders)));
END
$$;

COMMENT ON FUNCTION integratedb.add_surface_stakeholders(bigint[]) IS
'Changes the versions of the surfaces of these stakeholders: their claims, names or grants changed.';

CREATE OR REPLACE FUNCTION integratedb.add_surface_claims(claims bigint[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- OFFSET 0 makes the planner look up each claim.
  PERFORM integratedb.add_surface_stakeholders(ARRAY(
    SELECT DISTINCT s.stakeholder_id
      FROM unnest(claims) AS t (id)
     CROSS JOIN LATERAL (SELECT c.specification_id FROM integratedb.claim AS c WHERE c.id = t.id OFFSET 0) AS c
      JOIN integratedb.specification AS s ON s.id = c.specification_id));
END
$$;

COMMENT ON FUNCTION integratedb.add_surface_claims(bigint[]) IS
'Changes the versions of the surfaces of the stakeholders of these claims.';

CREATE OR REPLACE FUNCTION integratedb.on_create_index()
RETURNS event_trigger
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes a table that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  context text;
BEGIN
  GET DIAGNOSTICS context = PG_CONTEXT;
  -- The first transaction of CONCURRENTLY commits an invalid index. If the second one fails, ddl_command_end does not
  -- fire, and REINDEX, which may make the index valid, fires nothing before Postgres 17.
  IF integratedb.is_concurrent(context) THEN
    PERFORM integratedb.add_surface_changes(ARRAY[0::oid]);
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.on_create_index() IS
'Event trigger: changes the versions of all surfaces where an index is created CONCURRENTLY, because that can fail after '
'the index is in the catalog.';
