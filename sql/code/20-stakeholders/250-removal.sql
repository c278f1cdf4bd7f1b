-- Lists what DROP EXTENSION leaves behind, and the statements that remove it. Roles belong to the cluster, schemas may
-- hold tables, and publications and slots cannot belong to an extension.

CREATE OR REPLACE FUNCTION integratedb.leftovers()
RETURNS TABLE (object text, statement text)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  WITH stakeholder AS (
    SELECT st.name,
           -- Only tables and views are counted. DROP SCHEMA removes other objects (a sequence, a function) with them.
           (SELECT count(*) FROM pg_class AS k WHERE k.relnamespace = n.oid AND k.relkind IN ('r', 'p', 'v', 'm', 'f')) AS relations,
           EXISTS (SELECT FROM pg_depend AS d WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid) AS is_filled,
           n.oid IS NOT NULL AS has_schema
      FROM integratedb.stakeholder AS st
      JOIN pg_roles AS u ON u.rolname = st.name AND u.oid = st.role_oid
      LEFT JOIN pg_namespace AS n ON n.nspname = st.name AND n.nspowner = u.oid
  )
  SELECT l.object, l.statement
    FROM (
      SELECT 1, s.name::text, 'replication slot ' || s.name, format('SELECT pg_drop_replication_slot(%L);', s.name)
        FROM integratedb.slot AS s
        JOIN pg_replication_slots AS p ON p.slot_name = s.name AND p.database = current_database()
      UNION ALL
      SELECT 2, p.pubname, 'publication ' || p.pubname, format('DROP PUBLICATION %I;', p.pubname)
        FROM pg_publication AS p
       WHERE p.pubname IN ('integratedb', 'integratedb_append', 'integratedb_control')
      UNION ALL
      SELECT 3, s.name,
             format('schema %s, %s', quote_ident(s.name),
                    CASE WHEN s.relations = 1 THEN 'with 1 table or view'
                         WHEN s.relations > 1 THEN format('with %s tables and views', s.relations)
                         WHEN s.is_filled THEN 'which is not empty'
                         ELSE 'which is empty' END),
             format(CASE WHEN s.is_filled THEN 'DROP SCHEMA %I CASCADE;' ELSE 'DROP SCHEMA %I;' END, s.name)
        FROM stakeholder AS s
       WHERE s.has_schema
      UNION ALL
      -- Other objects of the role are kept; its grants are revoked.
      SELECT 4, s.name,
             format('role %s, and what it was granted', quote_ident(s.name)),
             -- The owner of the database must not get the objects, because its sessions would run their code.
             format('REASSIGN OWNED BY %1$I TO integratedb_archive; DROP OWNED BY %1$I; DROP ROLE %1$I;', s.name)
        FROM stakeholder AS s
      UNION ALL
      SELECT 5, u.rolname, 'role ' || u.rolname || ', unless another database has the extension', format('DROP ROLE %I;', u.rolname)
        FROM pg_roles AS u
       WHERE u.rolname IN ('integratedb_admin', 'integratedb_management', 'integratedb_daemon', 'integratedb_authenticator')
      UNION ALL
      SELECT 6, u.rolname, 'role integratedb_archive, once it owns nothing that stakeholders left behind', 'DROP ROLE integratedb_archive;'
        FROM pg_roles AS u
       WHERE u.rolname = 'integratedb_archive'
    ) AS l (kind, name, object, statement)
   ORDER BY l.kind, l.name
$$;

COMMENT ON FUNCTION integratedb.leftovers() IS
'What DROP EXTENSION leaves behind: each object, and the statement that removes it afterwards. For superusers, who '
'may drop the extension; DROP EXTENSION itself lists the objects in a NOTICE.';

CREATE OR REPLACE FUNCTION integratedb.on_drop_extension()
RETURNS event_trigger
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads tables that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  acting CONSTANT name := CASE current_setting('role') WHEN 'none' THEN SESSION_USER ELSE current_setting('role')::name END;
BEGIN
  -- The list must come before the drop, because the event triggers are dropped with the extension. Only the words of
  -- the statement show which extension is dropped.
  IF current_query() !~* '\mextension\M.*(\mintegratedb\M|\mplpython3u\M.*\mcascade\M)'
     OR NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = acting AND r.rolsuper) THEN
    RETURN;
  END IF;

  RAISE NOTICE 'extension integratedb leaves behind what a database cannot drop with it; users'' tables, rows and grants stay as they are'
    USING DETAIL = (SELECT string_agg(format('%s: %s', l.object, l.statement), E'\n') FROM integratedb.leftovers() AS l),
          HINT = 'Once it is dropped, and no application needs them, these statements take it all away. Stop the daemon first.';
END
$$;

COMMENT ON FUNCTION integratedb.on_drop_extension() IS
'Event trigger: before the extension is dropped, reports what stays and how to remove it.';

CREATE OR REPLACE FUNCTION integratedb.on_drop_schema()
RETURNS event_trigger
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads the session's role, and schemas of any owner
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  acting CONSTANT name := CASE current_setting('role') WHEN 'none' THEN SESSION_USER ELSE current_setting('role')::name END;
  lives_in name;
  context text;
  refused boolean;
BEGIN
  SELECT n.nspname
    INTO lives_in
    FROM pg_extension AS x
    JOIN pg_namespace AS n ON n.oid = x.extnamespace
    JOIN pg_roles AS u ON u.rolname = acting AND NOT u.rolsuper AND pg_has_role(u.oid, n.nspowner, 'USAGE')
   WHERE x.extname = 'integratedb';

  -- No event trigger receives the name of the schema before the schema is dropped, and our triggers are dropped with
  -- it. The words of a client's own statement show the name. The context has a second line if the statement runs inside
  -- a function.
  GET DIAGNOSTICS context = PG_CONTEXT;
  IF lives_in IS NULL
     OR (context !~ E'\n'
         AND (current_query() !~* 'cascade' OR (tg_tag = 'DROP SCHEMA' AND strpos(lower(current_query()), lower(lives_in)) = 0))) THEN
    RETURN;
  END IF;

  refused := integratedb.refuse(
    code => '2BP01',
    message => format('%s ... CASCADE by %I could drop extension integratedb, which lives in schema %I', tg_tag, acting, lives_in),
    detail => 'All claims would be gone, and no migration would be checked any more.',
    hint => format('Drop what you mean by its name: DROP TABLE, DROP VIEW, or DROP SCHEMA for another schema than %I, outside of functions. To remove the extension too, a superuser runs DROP EXTENSION integratedb.', lives_in));
END
$$;

COMMENT ON FUNCTION integratedb.on_drop_schema() IS
'Event trigger: keeps the owner of the extension''s schema, who is not a superuser, from dropping the extension with '
'the schema. Error: 2BP01.';
