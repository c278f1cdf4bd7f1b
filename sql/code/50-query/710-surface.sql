-- What one role may see and do through the data API, read from the catalog for plpython/integratedb/query/reading.py.
--
-- The objects of the surface are looked up, and no catalog is read as a whole. So scans of whole tables are off: the
-- planner does not know how few objects there are.

CREATE OR REPLACE FUNCTION integratedb.names_in_claims(of_stakeholder bigint, for_role oid)
RETURNS TABLE (relid oid, schema_name text, relation_name text, numbers smallint[], names text[])
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN QUERY
    WITH claim AS MATERIALIZED (
      SELECT c.id, c.wildcard_schema, row_number() OVER (ORDER BY s.kind, c.match) AS place
        FROM integratedb.specification AS s
        JOIN integratedb.claim AS c ON c.specification_id = s.id
       WHERE s.stakeholder_id = of_stakeholder
    ), relation AS MATERIALIZED (
      -- OFFSET 0 makes the planner look up schema and name together, as in required_relation.
      SELECT claim.place, claim.id AS claim_id, claim.wildcard_schema, cr.id, cr.alternative, cr.schema_name, cr.relation_name, k.oid
        FROM claim
        JOIN integratedb.claim_relation AS cr ON cr.claim_id = claim.id
        JOIN pg_namespace AS n ON n.nspname = cr.schema_name
       CROSS JOIN LATERAL (
         SELECT k.oid
           FROM pg_class AS k
          WHERE k.relnamespace = n.oid
            AND k.relname = cr.relation_name
            AND k.relkind IN ('r', 'v', 'm', 'f', 'p')
         OFFSET 0) AS k
    ), field AS MATERIALIZED (
      SELECT r.id AS relation_id, cc.field, cc.field_alternative, cc.optional, a.attnum,
             coalesce(
               ((a.atttypid = cc.type_oid AND a.atttypmod = cc.type_modifier)
                OR integratedb.type_fits(a.atttypid, a.atttypmod, cc.type, cc.min_length))
               AND (cc.is_nullable IS DISTINCT FROM false OR a.attnotnull OR integratedb.is_domain_not_null(a.atttypid))
               AND has_column_privilege(for_role, r.oid, a.attnum, 'SELECT'), false) AS is_met,
             first_value(cc.column_name) OVER (PARTITION BY cc.relation_id, cc.field ORDER BY cc.field_alternative) AS api_name
        FROM relation AS r
        JOIN integratedb.claim_column AS cc ON cc.relation_id = r.id
        LEFT JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attname = cc.column_name AND a.attnum > 0 AND NOT a.attisdropped
    ), meeting AS (
      -- The first field alternative that is met now; where none is met, the first that exists.
      SELECT DISTINCT ON (f.relation_id, f.field) f.relation_id, f.field, f.attnum, f.api_name, f.is_met, f.optional
        FROM field AS f
       ORDER BY f.relation_id, f.field, f.is_met DESC, (f.attnum IS NULL), f.field_alternative
    ), chosen AS (
      -- The first alternative that is met now, likewise. All relations of schema.* are meant.
      SELECT DISTINCT ON (r.claim_id, CASE WHEN r.wildcard_schema IS NOT NULL THEN r.id END) r.*
        FROM relation AS r
       ORDER BY r.claim_id, CASE WHEN r.wildcard_schema IS NOT NULL THEN r.id END,
                EXISTS (SELECT FROM meeting AS m WHERE m.relation_id = r.id AND NOT m.optional AND NOT m.is_met),
                r.alternative
    ), named AS (
      SELECT c.place, c.oid, c.id,
             coalesce(first.schema_name, c.schema_name) AS schema_name,
             coalesce(first.relation_name, c.relation_name) AS relation_name
        FROM chosen AS c
        LEFT JOIN integratedb.claim_relation AS first ON first.claim_id = c.claim_id AND first.alternative = 0 AND c.wildcard_schema IS NULL
    ), columns AS (
      SELECT DISTINCT ON (n.oid, m.attnum) n.oid, m.attnum, m.api_name, n.place, m.field
        FROM named AS n
        JOIN meeting AS m ON m.relation_id = n.id
       WHERE m.attnum IS NOT NULL
       ORDER BY n.oid, m.attnum, n.place, m.field
    ), single AS (
      -- Two fields of one relation cannot have one name: the first keeps it.
      SELECT DISTINCT ON (c.oid, c.api_name) c.oid, c.attnum, c.api_name FROM columns AS c ORDER BY c.oid, c.api_name, c.place, c.field
    ), relations AS (
      -- One relation has one name, and one name is that of one relation: the first claim decides.
      SELECT DISTINCT ON (o.schema_name, o.relation_name) o.*
        FROM (SELECT DISTINCT ON (n.oid) n.* FROM named AS n ORDER BY n.oid, n.place) AS o
       ORDER BY o.schema_name, o.relation_name, o.place
    )
    SELECT r.oid, r.schema_name::text, r.relation_name::text, array_agg(s.attnum), array_agg(s.api_name::text)
      FROM relations AS r
      LEFT JOIN single AS s ON s.oid = r.oid
     GROUP BY r.oid, r.schema_name, r.relation_name;
END
$$;

COMMENT ON FUNCTION integratedb.names_in_claims(bigint, oid) IS
'What the claims of a stakeholder, whose role is for_role, call the relations and columns that meet them now: the first '
'alternative of the match, and of the field. numbers and names are the columns, by their numbers.';

CREATE OR REPLACE FUNCTION integratedb.claimed_names(for_role oid)
RETURNS TABLE (relid oid, schema_name text, relation_name text, numbers smallint[], names text[])
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- claims are private: they are shown to admins, and to roles that may become the stakeholder
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  acting CONSTANT name := coalesce(nullif(current_setting('role'), 'none')::name, SESSION_USER);
  of_stakeholder CONSTANT bigint := (SELECT r.stakeholder_id FROM integratedb.stakeholder_role AS r WHERE r.role_oid = for_role);
BEGIN
  IF of_stakeholder IS NULL OR NOT (pg_has_role(acting, for_role, 'MEMBER') OR integratedb.is_admin(acting)) THEN
    RETURN;
  END IF;

  RETURN QUERY SELECT * FROM integratedb.names_in_claims(of_stakeholder, for_role);
END
$$;

COMMENT ON FUNCTION integratedb.claimed_names(oid) IS
'The names_in_claims() of a stakeholder''s role. No row for another role, or if the session may not become the role and '
'is no admin.';

CREATE OR REPLACE FUNCTION integratedb.names_for_saver(for_role oid, saver oid)
RETURNS TABLE (relid oid, schema_name text, relation_name text, numbers smallint[], names text[])
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN QUERY
    SELECT n.*
      FROM integratedb.stakeholder_role AS r
     CROSS JOIN LATERAL integratedb.names_in_claims(r.stakeholder_id, for_role) AS n
     WHERE r.role_oid = for_role
       AND (pg_has_role(saver, for_role, 'MEMBER') OR has_table_privilege(saver, n.relid, 'SELECT WITH GRANT OPTION'));
END
$$;

COMMENT ON FUNCTION integratedb.names_for_saver(oid, oid) IS
'The names_in_claims() of a stakeholder''s role, for a role that saves a query for it: of all relations if it may become '
'the role, otherwise of those that it could grant.';

CREATE OR REPLACE FUNCTION integratedb.claimed_keys(for_role oid)
RETURNS TABLE (kind text, relid oid, attnums smallint[], to_relid oid, to_attnums smallint[])
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- as claimed_names()
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  acting CONSTANT name := CASE WHEN current_setting('role') = 'none' THEN SESSION_USER ELSE current_setting('role')::name END;
  of_stakeholder CONSTANT bigint := (SELECT r.stakeholder_id FROM integratedb.stakeholder_role AS r WHERE r.role_oid = for_role);
  relations CONSTANT bigint[] := ARRAY(
    SELECT k.relation_id
      FROM integratedb.claim_key AS k
      JOIN integratedb.specification AS s ON s.id = k.specification_id
     WHERE s.stakeholder_id = of_stakeholder);
BEGIN
  -- Databases without keys in claims do not plan the query below.
  IF relations = '{}' OR NOT (pg_has_role(acting, for_role, 'MEMBER') OR integratedb.is_admin(acting)) THEN
    RETURN;
  END IF;

  RETURN QUERY
    SELECT DISTINCT k.kind, k.present_relid, k.attnums, t.relid, t.attnums
      FROM integratedb.present_key AS k
      LEFT JOIN integratedb.key_target AS t
             ON k.kind = 'references'
            AND t.relation_id = k.relation_id
            AND t.key = k.key
            AND cardinality(t.attnums) = cardinality(k.attnums)
            AND array_position(t.attnums, NULL) IS NULL
     WHERE k.relation_id = ANY (relations)
       AND k.is_met
       AND (k.kind = 'unique' OR t.relid IS NOT NULL);
END
$$;

COMMENT ON FUNCTION integratedb.claimed_keys(oid) IS
'The unique keys and the references of the claims of a stakeholder''s role, as far as they are met: the relations and the '
'numbers of the columns. A view has such a key by the claim alone. No row in the cases of claimed_names().';

CREATE OR REPLACE FUNCTION integratedb.notified_relations(for_role oid)
RETURNS TABLE (relid oid, events text[])
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- as claimed_names()
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  acting CONSTANT name := CASE WHEN current_setting('role') = 'none' THEN SESSION_USER ELSE current_setting('role')::name END;
  of_stakeholder CONSTANT bigint := (SELECT r.stakeholder_id FROM integratedb.stakeholder_role AS r WHERE r.role_oid = for_role);
BEGIN
  IF NOT EXISTS (SELECT FROM integratedb.specification AS s WHERE s.stakeholder_id = of_stakeholder AND s.kind = 'notifications')
     OR NOT (pg_has_role(acting, for_role, 'MEMBER') OR integratedb.is_admin(acting)) THEN
    RETURN;
  END IF;

  RETURN QUERY
    SELECT n.relid, array_agg(DISTINCT e.event ORDER BY e.event)
      FROM integratedb.notification AS n
      -- What is published decides: a table without a replica identity is published with INSERT and TRUNCATE only.
      JOIN integratedb.published AS p ON p.relid = n.relid
     CROSS JOIN LATERAL unnest(n.events) AS e (event)
     WHERE n.stakeholder_id = of_stakeholder
       AND n.is_publishable
       AND (p.publication = 'integratedb' OR (p.publication = 'integratedb_append' AND e.event IN ('INSERT', 'TRUNCATE')))
     GROUP BY n.relid;
END
$$;

COMMENT ON FUNCTION integratedb.notified_relations(oid) IS
'The tables that the stakeholder of a role is notified of, and of which events. No row in the cases of claimed_names().';

CREATE OR REPLACE FUNCTION integratedb.exposed_schemas(for_role oid, schemas text[])
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN ARRAY(
    SELECT n.oid
      FROM pg_namespace AS n
     WHERE n.nspname = ANY (schemas::name[])
       AND n.nspname !~ '^pg_'
       AND n.nspname NOT IN ('information_schema', 'integratedb')
       AND has_schema_privilege(for_role, n.oid, 'USAGE'));
END
$$;

COMMENT ON FUNCTION integratedb.exposed_schemas(oid, text[]) IS
'Of these schemas, those that the role may use. Schemas of Postgres and the schema integratedb are never among them.';

CREATE OR REPLACE FUNCTION integratedb.surface(for_role oid, schemas text[], saver oid DEFAULT NULL)
RETURNS SETOF json
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_mergejoin = off
AS $$
DECLARE
  spaces CONSTANT oid[] := integratedb.exposed_schemas(for_role, schemas);
  read_spaces CONSTANT oid[] := spaces || CASE WHEN saver IS NOT NULL THEN integratedb.exposed_schemas(saver, schemas) END;
  relations oid[];
  relation_schemas text[];
  relation_names text[];
  claimed oid[];
  numbers smallint[];
  names text[];
  functions oid[];
  aggregates oid[];
  geojson oid;
  views oid[];
  view_numbers smallint[];
  bases oid[];
  base_numbers smallint[];
  further oid[];
BEGIN
  -- Identifiers of objects come first, by the dependency on their schema: the catalogs have no index on the schema.
  WITH claim AS MATERIALIZED (
    SELECT * FROM integratedb.claimed_names(for_role) WHERE saver IS NULL
    UNION ALL
    SELECT * FROM integratedb.names_for_saver(for_role, saver) WHERE saver IS NOT NULL
  ), present AS (
    SELECT k.oid, n.nspname::text AS schema_name, k.relname::text AS relation_name, false AS is_claimed
      FROM pg_namespace AS n
      JOIN pg_depend AS d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid AND d.classid = 'pg_class'::regclass
      JOIN pg_class AS k ON k.oid = d.objid
     WHERE n.oid = ANY (read_spaces)
       AND k.relkind IN ('r', 'v', 'm', 'f', 'p')
       AND NOT k.relispartition
       -- Relations of extensions surface where somebody claims them.
       AND NOT EXISTS (
         SELECT FROM pg_depend AS e WHERE e.classid = 'pg_class'::regclass AND e.objid = k.oid AND e.objsubid = 0 AND e.deptype = 'e')
       AND k.oid NOT IN (SELECT c.relid FROM claim AS c)
    UNION ALL
    SELECT c.relid, c.schema_name, c.relation_name, true FROM claim AS c WHERE c.schema_name = ANY (schemas)
  ), visible AS (
    SELECT DISTINCT ON (p.schema_name, p.relation_name) p.oid, p.schema_name, p.relation_name
      FROM present AS p
      JOIN pg_class AS k ON k.oid = p.oid
     WHERE (has_schema_privilege(for_role, k.relnamespace, 'USAGE')
            AND (has_any_column_privilege(for_role, p.oid, 'SELECT, INSERT, UPDATE') OR has_table_privilege(for_role, p.oid, 'DELETE')))
        OR (saver IS NOT NULL AND has_schema_privilege(saver, k.relnamespace, 'USAGE') AND has_any_column_privilege(saver, p.oid, 'SELECT'))
     ORDER BY p.schema_name, p.relation_name, p.is_claimed DESC
  )
  SELECT array_agg(v.oid), array_agg(v.schema_name), array_agg(v.relation_name) INTO relations, relation_schemas, relation_names FROM visible AS v;

  SELECT array_agg(c.relid), array_agg(u.number), array_agg(u.name)
    INTO claimed, numbers, names
    FROM (SELECT * FROM integratedb.claimed_names(for_role) WHERE saver IS NULL
          UNION ALL
          SELECT * FROM integratedb.names_for_saver(for_role, saver) WHERE saver IS NOT NULL) AS c
   CROSS JOIN LATERAL unnest(c.numbers, c.names) AS u (number, name)
   WHERE c.relid = ANY (relations)
     AND u.number IS NOT NULL;

  functions := ARRAY(
    SELECT p.oid
      FROM pg_depend AS d
      JOIN pg_proc AS p ON p.oid = d.objid
     WHERE d.refclassid = 'pg_namespace'::regclass
       AND d.refobjid = ANY (spaces)
       AND d.classid = 'pg_proc'::regclass
       AND p.prokind = 'f'
       AND p.prorettype NOT IN ('trigger'::regtype, 'event_trigger'::regtype)
       AND has_function_privilege(for_role, p.oid, 'EXECUTE')
       AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e'));

  aggregates := integratedb.media_type_aggregates(for_role, spaces, relations);

  -- PostGIS may be in a schema that is not exposed. Its function is known by the extension, not by its name alone.
  SELECT p.oid INTO geojson
    FROM pg_extension AS x
    JOIN pg_depend AS d ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = x.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
    JOIN pg_proc AS p ON p.oid = d.objid
   WHERE x.extname = 'postgis'
     AND p.proname = 'st_asgeojson'
     AND p.proargtypes[0] = 'record'::regtype
     AND has_schema_privilege(for_role, p.pronamespace, 'USAGE')
     AND has_function_privilege(for_role, p.oid, 'EXECUTE');

  SELECT array_agg(v.relid), array_agg(v.number), array_agg(v.base), array_agg(v.base_number)
    INTO views, view_numbers, bases, base_numbers
    FROM integratedb.view_columns(ARRAY(SELECT k.oid FROM pg_class AS k WHERE k.oid = ANY (relations) AND k.relkind IN ('v', 'm'))) AS v;

  further := ARRAY(
    SELECT k.relnamespace FROM pg_class AS k WHERE k.oid = ANY (relations || bases)
    UNION
    SELECT p.pronamespace FROM pg_proc AS p WHERE p.oid = geojson
    UNION
    SELECT t.typnamespace
      FROM pg_attribute AS a
      JOIN pg_type AS t ON t.oid = a.atttypid
     WHERE a.attrelid = ANY (relations)
       AND a.attnum > 0
    EXCEPT
    SELECT unnest(spaces)
    EXCEPT
    SELECT 'pg_catalog'::regnamespace::oid);

  RETURN QUERY SELECT json_build_object('surface', json_build_object(
    'role', (SELECT r.rolname FROM pg_roles AS r WHERE r.oid = for_role),
    'schemas', schemas,
    'further', further::bigint[],
    'version', integratedb.surface_version(for_role, schemas, further),
    'geojson', (SELECT format('%I.%I', n.nspname, p.proname) FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE p.oid = geojson),
    'comments', (SELECT coalesce(json_object_agg(n.nspname, obj_description(n.oid, 'pg_namespace')), '{}')
                   FROM pg_namespace AS n
                  WHERE n.oid = ANY (spaces) AND obj_description(n.oid, 'pg_namespace') IS NOT NULL)));

  RETURN QUERY SELECT * FROM integratedb.surface_types(for_role, spaces, relations, functions || aggregates);
  RETURN QUERY SELECT * FROM integratedb.surface_relations(
    for_role, relations, relation_schemas, relation_names, claimed, numbers, names, views, view_numbers, bases, base_numbers, saver);
  RETURN QUERY SELECT * FROM integratedb.surface_foreign_keys(relations, views, view_numbers, bases, base_numbers);
  -- A claim declares the keys of views, and of what has none in the catalog. Those that the catalog has are above.
  RETURN QUERY
    SELECT json_build_object('claimed_key', json_build_object(
             'source', k.relid::bigint, 'columns', k.attnums, 'target', k.to_relid::bigint, 'target_columns', k.to_attnums))
      FROM integratedb.claimed_keys(for_role) AS k
     WHERE k.relid = ANY (relations)
       AND (k.to_relid IS NULL OR k.to_relid = ANY (relations))
     ORDER BY k.relid, k.to_relid, k.attnums;
  RETURN QUERY
    SELECT json_build_object('notified', json_build_object('relation', n.relid::bigint, 'events', n.events))
      FROM integratedb.notified_relations(for_role) AS n
     WHERE saver IS NULL
       AND n.relid = ANY (relations)
     ORDER BY n.relid;
  RETURN QUERY SELECT * FROM integratedb.surface_functions(functions);
  RETURN QUERY
    SELECT json_build_object('aggregate', json_build_object(
             'sql', format('%I.%I', n.nspname, p.proname),
             'argument', p.proargtypes[0]::bigint,
             'returns', p.prorettype::bigint,
             'media_type', lower(t.typname)))
      FROM pg_proc AS p
      JOIN pg_namespace AS n ON n.oid = p.pronamespace
      JOIN pg_type AS t ON t.oid = p.prorettype
     WHERE p.oid = ANY (aggregates)
     -- Of two for one media type, the first schema has it, as for names.
     ORDER BY array_position(schemas, n.nspname::text), p.proname, p.oid;
  RETURN QUERY
    SELECT json_build_object('saved_query', json_build_object(
             'name', q.name, 'face', q.face, 'query', q.query, 'schemas', q.schemas, 'reading', q.reading))
      FROM integratedb.saved_queries(for_role) AS q
     WHERE saver IS NULL;
END
$$;

COMMENT ON FUNCTION integratedb.surface(oid, text[], oid) IS
'What a role may see and do in these schemas, one JSON object a row, each with one key: surface, type, relation, '
'foreign_key, claimed_key, function, aggregate or saved_query. The privileges are those of for_role, not of the session. '
'saver: a role; what it may read is there as well, as if for_role might read it, and saved queries are not.';

CREATE OR REPLACE FUNCTION integratedb.media_type_aggregates(for_role oid, spaces oid[], relations oid[])
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN ARRAY(
    SELECT p.oid
      FROM pg_depend AS d
      JOIN pg_proc AS p ON p.oid = d.objid
      JOIN pg_type AS t ON t.oid = p.prorettype
      JOIN pg_type AS a ON a.oid = p.proargtypes[0]
     WHERE d.refclassid = 'pg_namespace'::regclass
       AND d.refobjid = ANY (spaces)
       AND d.classid = 'pg_proc'::regclass
       AND p.prokind = 'a'
       AND p.pronargs = 1
       AND t.typtype = 'd'
       AND (t.typname = '*/*' OR t.typname ~ '^[A-Za-z0-9.-]+/[A-Za-z0-9.+-]+$')
       AND has_function_privilege(for_role, p.oid, 'EXECUTE')
       AND NOT EXISTS (SELECT FROM pg_depend AS e WHERE e.classid = 'pg_proc'::regclass AND e.objid = p.oid AND e.deptype = 'e')
       AND NOT EXISTS (SELECT FROM pg_aggregate AS g WHERE g.aggfnoid = p.oid AND g.aggkind <> 'n')
       AND (a.oid = 'anyelement'::regtype
            -- It gets whole rows, which Postgres lets a role read that may read each column.
            OR (a.typrelid = ANY (relations)
                AND (has_table_privilege(for_role, a.typrelid, 'SELECT')
                     OR NOT EXISTS (
                       SELECT FROM pg_attribute AS c
                        WHERE c.attrelid = a.typrelid AND c.attnum > 0 AND NOT c.attisdropped
                          AND NOT has_column_privilege(for_role, a.typrelid, c.attnum, 'SELECT'))))));
END
$$;

COMMENT ON FUNCTION integratedb.media_type_aggregates(oid, oid[], oid[]) IS
'The aggregates that answer media types: in one of these schemas, over whole rows of one of these relations or over any '
'rows (anyelement), and returning a domain that is named as a media type. Only those that the role may execute, over rows '
'that it may read. Not those of extensions.';

CREATE OR REPLACE FUNCTION integratedb.possible_writes(relation oid)
RETURNS integer
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN pg_relation_is_updatable(relation, true);
EXCEPTION
  -- The wrapper of a foreign table has no handler. One such table must not stop the rest.
  WHEN object_not_in_prerequisite_state THEN
    RETURN 0;
END
$$;

COMMENT ON FUNCTION integratedb.possible_writes(oid) IS
'What may be done to a view or foreign table, as pg_relation_is_updatable() says it; 0 where nothing can be asked.';

CREATE OR REPLACE FUNCTION integratedb.surface_relations(
  for_role oid, relations oid[], schema_names text[], relation_names text[], claimed oid[], numbers smallint[], names text[],
  views oid[], view_numbers smallint[], bases oid[], base_numbers smallint[], saver oid)
RETURNS SETOF json
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN QUERY
    WITH relation AS MATERIALIZED (
      SELECT k.oid, k.relkind, k.relnatts, g.schema_name, g.relation_name,
             format('%I.%I', n.nspname, k.relname) AS sql_name,
             has_table_privilege(for_role, k.oid, 'SELECT') OR coalesce(has_table_privilege(saver, k.oid, 'SELECT'), false) AS can_select,
             has_table_privilege(for_role, k.oid, 'INSERT') AS can_insert,
             has_table_privilege(for_role, k.oid, 'UPDATE') AS can_update,
             has_table_privilege(for_role, k.oid, 'DELETE') AS can_delete,
             -- The bits of updates, inserts and deletes.
             CASE WHEN k.relkind IN ('r', 'p') THEN 28 WHEN k.relkind = 'm' THEN 0 ELSE integratedb.possible_writes(k.oid) END AS writes,
             k.relrowsecurity AND NOT (pg_has_role(for_role, k.relowner, 'USAGE') AND NOT k.relforcerowsecurity) AND NOT u.rolbypassrls AND NOT u.rolsuper AS row_security,
             k.relkind = 'r' AND NOT (k.relrowsecurity OR k.relhasrules OR k.relhassubclass OR k.relispartition) AS is_plain,
             obj_description(k.oid, 'pg_class') AS comment
        FROM unnest(relations, schema_names, relation_names) AS g (oid, schema_name, relation_name)
        JOIN pg_class AS k ON k.oid = g.oid
        JOIN pg_namespace AS n ON n.oid = k.relnamespace
        JOIN pg_roles AS u ON u.oid = for_role
    ), note AS MATERIALIZED (
      SELECT n.relid, n.attnum, n.note FROM integratedb.deprecation_notes(relations) AS n
    ), claimed_column AS MATERIALIZED (
      SELECT * FROM unnest(claimed, numbers, names) AS c (relid, number, name)
    ), attribute AS (
      SELECT r.oid, r.relkind, r.writes, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated, a.attidentity, a.atthasdef,
             coalesce(c.name, a.attname::text) AS name,
             r.can_select OR has_column_privilege(for_role, r.oid, a.attnum, 'SELECT')
                          OR coalesce(has_column_privilege(saver, r.oid, a.attnum, 'SELECT'), false) AS can_select,
             r.can_insert OR has_column_privilege(for_role, r.oid, a.attnum, 'INSERT') AS can_insert,
             r.can_update OR has_column_privilege(for_role, r.oid, a.attnum, 'UPDATE') AS can_update
        FROM relation AS r
        JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
        LEFT JOIN claimed_column AS c ON c.relid = r.oid AND c.number = a.attnum
       -- The claim's name wins over that of another column.
       WHERE c.relid IS NOT NULL
          OR NOT EXISTS (SELECT FROM claimed_column AS other WHERE other.relid = r.oid AND other.name = a.attname)
    ), listed AS (
      SELECT a.oid,
             json_agg(
               json_strip_nulls(json_build_object(
                 'number', a.attnum,
                 'name', a.name,
                 'sql', quote_ident(a.attname),
                 'type', a.atttypid::bigint,
                 'modified', CASE WHEN a.atttypmod >= 0 AND t.typnamespace = 'pg_catalog'::regnamespace THEN format_type(a.atttypid, a.atttypmod) END,
                 'not_null', nullif(a.attnotnull OR (t.typtype = 'd' AND t.typnotnull), false),
                 'default', CASE WHEN a.atthasdef THEN (SELECT pg_get_expr(f.adbin, f.adrelid) FROM pg_attrdef AS f WHERE f.adrelid = a.oid AND f.adnum = a.attnum) END,
                 'generated', nullif(a.attgenerated <> '' OR a.attidentity = 'a', false),
                 'identity', nullif(a.attidentity <> '', false),
                 'max_length', CASE WHEN a.atttypid IN ('varchar'::regtype, 'bpchar'::regtype) AND a.atttypmod > 4 THEN a.atttypmod - 4
                                    WHEN a.atttypid IN ('bit'::regtype, 'varbit'::regtype) AND a.atttypmod > 0 THEN a.atttypmod END,
                 'comment', nullif(concat_ws(E'\n', col_description(a.oid, a.attnum),
                                             (SELECT min(n.note) FROM note AS n WHERE n.relid = a.oid AND n.attnum IN (0, a.attnum))), ''),
                 'can_select', nullif(a.can_select, false),
                 'can_insert', nullif(a.can_insert AND a.writes & 8 <> 0 AND a.attgenerated = '' AND a.attidentity <> 'a'
                                      AND (a.relkind IN ('r', 'p') OR pg_column_is_updatable(a.oid, a.attnum, true)), false),
                 'can_update', nullif(a.can_update AND a.writes & 4 <> 0 AND a.attgenerated = '' AND a.attidentity <> 'a'
                                      AND (a.relkind IN ('r', 'p') OR pg_column_is_updatable(a.oid, a.attnum, true)), false)))
               ORDER BY a.attnum) AS columns,
             bool_or(a.can_select) AS can_select,
             bool_or(a.can_insert) AS can_insert,
             bool_or(a.can_update) AS can_update
        FROM attribute AS a
        JOIN pg_type AS t ON t.oid = a.atttypid
       WHERE a.can_select OR a.can_insert OR a.can_update
       GROUP BY a.oid
    ), view_column AS MATERIALIZED (
      SELECT v.relid, v.base, v.base_number, min(v.number) AS number
        FROM unnest(views, view_numbers, bases, base_numbers) AS v (relid, number, base, base_number)
       GROUP BY v.relid, v.base, v.base_number
    ), key AS (
      SELECT i.indrelid AS relid, i.indexrelid, i.indisprimary, (i.indkey::smallint[])[0:i.indnkeyatts - 1] AS numbers
        FROM pg_index AS i
       WHERE i.indrelid = ANY (relations || bases)
         AND i.indisunique
         AND i.indisvalid
         AND i.indimmediate
         AND i.indpred IS NULL
         AND i.indexprs IS NULL
    ), keys AS (
      SELECT u.relid, json_agg(json_build_object('primary', u.indisprimary, 'columns', u.numbers) ORDER BY NOT u.indisprimary, u.indexrelid) AS keys
        FROM (SELECT y.* FROM key AS y
              UNION ALL
              -- The keys of tables, where a view has all of their columns.
              SELECT v.relid, y.indexrelid, y.indisprimary, array_agg(v.number ORDER BY c.place)
                FROM key AS y
               CROSS JOIN LATERAL unnest(y.numbers) WITH ORDINALITY AS c (number, place)
                JOIN view_column AS v ON v.base = y.relid AND v.base_number = c.number
               GROUP BY v.relid, y.indexrelid, y.indisprimary, y.numbers
              HAVING count(*) = cardinality(y.numbers)) AS u
       GROUP BY u.relid
    ), part AS (
      -- The planner looks at indexes, constraints and statistics, and evaluates the functions in them.
      SELECT r.oid AS relid, 'pg_class'::regclass AS classid, r.oid AS objid FROM relation AS r WHERE r.relkind = 'r'
      UNION ALL
      SELECT i.indrelid, 'pg_class'::regclass, i.indexrelid FROM pg_index AS i WHERE i.indrelid = ANY (relations)
      UNION ALL
      SELECT c.conrelid, 'pg_constraint'::regclass, c.oid FROM pg_constraint AS c WHERE c.conrelid = ANY (relations)
      UNION ALL
      SELECT x.stxrelid, 'pg_statistic_ext'::regclass, x.oid FROM pg_statistic_ext AS x WHERE x.stxrelid = ANY (relations)
    ), with_code AS (
      -- What Postgres has itself is in no dependency. The functions of an enum are Postgres's own, but its owner can
      -- write casts, which JSON and texts of its values go through.
      SELECT DISTINCT p.relid
        FROM part AS p
        JOIN pg_depend AS d ON d.classid = p.classid AND d.objid = p.objid
        LEFT JOIN pg_type AS t ON d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid AND t.typtype = 'e'
             AND NOT EXISTS (SELECT FROM pg_cast AS c WHERE t.oid IN (c.castsource, c.casttarget) AND c.castfunc <> 0)
       WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_type'::regclass, 'pg_am'::regclass)
         AND t.oid IS NULL
    )
    SELECT json_build_object('relation', json_build_object(
             'oid', r.oid::bigint,
             'schema', r.schema_name,
             'name', r.relation_name,
             'sql', r.sql_name,
             'kind', CASE r.relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
                                    WHEN 'f' THEN 'foreign table' WHEN 'p' THEN 'partitioned table' END,
             'columns', coalesce(l.columns, '[]'),
             'keys', coalesce(y.keys, '[]'),
             'can_select', r.can_select OR coalesce(l.can_select, false),
             'can_insert', (r.can_insert OR coalesce(l.can_insert, false)) AND r.writes & 8 <> 0,
             'can_update', (r.can_update OR coalesce(l.can_update, false)) AND r.writes & 4 <> 0,
             'can_delete', r.can_delete AND r.writes & 16 <> 0,
             'row_security', r.row_security,
             'is_plain', r.is_plain AND NOT EXISTS (SELECT FROM with_code AS w WHERE w.relid = r.oid),
             'comment', nullif(concat_ws(E'\n', r.comment, (SELECT n.note FROM note AS n WHERE n.relid = r.oid AND n.attnum = 0)), ''),
             -- A right on columns, such as that of a claim, includes no system columns: xmin and xmax.
             'has_row_version', r.relkind IN ('r', 'p', 'm')
                                AND has_column_privilege(for_role, r.oid, -2::smallint, 'SELECT')
                                AND has_column_privilege(for_role, r.oid, -4::smallint, 'SELECT')))
      FROM relation AS r
      LEFT JOIN listed AS l ON l.oid = r.oid
      LEFT JOIN keys AS y ON y.relid = r.oid
     ORDER BY r.schema_name, r.relation_name;
END
$$;

COMMENT ON FUNCTION integratedb.surface_relations(oid, oid[], text[], text[], oid[], smallint[], text[], oid[], smallint[], oid[], smallint[], oid) IS
'The relations of a surface, as rows of surface(). schema_names, relation_names: what the API calls them. claimed, numbers, '
'names: the columns that claims name, by relation and number. views, view_numbers, bases, base_numbers: the rows of '
'view_columns(). saver: as for surface(). is_plain: reading the table runs no code but that of Postgres: it has no '
'policy, rule or child, and no type, index, constraint or statistics with functions of others.';

CREATE OR REPLACE FUNCTION integratedb.surface_foreign_keys(
  relations oid[], views oid[], view_numbers smallint[], bases oid[], base_numbers smallint[])
RETURNS SETOF json
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN QUERY
    WITH view_column AS MATERIALIZED (
      SELECT v.relid, v.base, v.base_number, min(v.number) AS number
        FROM unnest(views, view_numbers, bases, base_numbers) AS v (relid, number, base, base_number)
       GROUP BY v.relid, v.base, v.base_number
    ), shown AS MATERIALIZED (
      -- Each table is shown by itself, and by views.
      SELECT r.oid AS relid, r.oid AS base, false AS is_view FROM unnest(relations) AS r (oid)
      UNION
      SELECT v.relid, v.base, true FROM view_column AS v
    ), foreign_key AS MATERIALIZED (
      SELECT c.oid, c.conname, c.conrelid, c.conkey, c.confrelid, c.confkey
        FROM pg_constraint AS c
       WHERE c.conrelid = ANY (relations || bases)
         AND c.confrelid = ANY (relations || bases)
         AND c.contype = 'f'
         -- The foreign keys of partitions belong to the partitioned table.
         AND c.conparentid = 0
    ), related AS (
      SELECT f.conname, source.relid AS source, target.relid AS target, cardinality(f.conkey) AS columns,
             CASE WHEN source.is_view THEN ARRAY(
                    SELECT v.number FROM unnest(f.conkey) WITH ORDINALITY AS c (number, place)
                      JOIN view_column AS v ON v.relid = source.relid AND v.base = f.conrelid AND v.base_number = c.number
                     ORDER BY c.place)
                  ELSE f.conkey END AS source_numbers,
             CASE WHEN target.is_view THEN ARRAY(
                    SELECT v.number FROM unnest(f.confkey) WITH ORDINALITY AS c (number, place)
                      JOIN view_column AS v ON v.relid = target.relid AND v.base = f.confrelid AND v.base_number = c.number
                     ORDER BY c.place)
                  ELSE f.confkey END AS target_numbers
        FROM foreign_key AS f
        JOIN shown AS source ON source.base = f.conrelid
        JOIN shown AS target ON target.base = f.confrelid
    )
    SELECT json_build_object('foreign_key', json_build_object(
             'name', r.conname, 'source', r.source::bigint, 'columns', r.source_numbers, 'target', r.target::bigint, 'target_columns', r.target_numbers))
      FROM related AS r
     WHERE cardinality(r.source_numbers) = r.columns
       AND cardinality(r.target_numbers) = r.columns
     ORDER BY r.source, r.conname, r.target;
END
$$;

COMMENT ON FUNCTION integratedb.surface_foreign_keys(oid[], oid[], smallint[], oid[], smallint[]) IS
'The foreign keys between relations of a surface, also those of tables that its views show, as rows of surface(). '
'Columns are given by their numbers. The other arguments: the rows of view_columns().';

CREATE OR REPLACE FUNCTION integratedb.surface_functions(functions oid[])
RETURNS SETOF json
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN QUERY
    SELECT json_build_object('function', json_build_object(
             'oid', p.oid::bigint,
             'schema', n.nspname,
             'name', p.proname,
             'sql', format('%I.%I', n.nspname, p.proname),
             'arguments', (
               SELECT coalesce(json_agg(json_build_object(
                        'name', a.name,
                        'sql', CASE WHEN a.name <> '' THEN quote_ident(a.name) ELSE '' END,
                        'type', a.type::bigint,
                        'has_default', a.place > p.pronargs - p.pronargdefaults,
                        'variadic', a.mode = 'v') ORDER BY a.place), '[]')
                 FROM (SELECT coalesce(u.name, '') AS name, u.type, coalesce(u.mode, 'i') AS mode, row_number() OVER (ORDER BY u.place) AS place
                         FROM unnest(p.proargnames, coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargmodes)
                              WITH ORDINALITY AS u (name, type, mode, place)
                        WHERE coalesce(u.mode, 'i') IN ('i', 'b', 'v')
                          AND u.type IS NOT NULL) AS a),
             'returns', p.prorettype::bigint,
             'returns_set', p.proretset,
             'one_row', p.prorows = 1,
             'columns', CASE WHEN y.typrelid <> 0 THEN (
               SELECT coalesce(json_agg(json_build_object('name', a.attname, 'sql', quote_ident(a.attname), 'type', a.atttypid::bigint) ORDER BY a.attnum), '[]')
                 FROM pg_attribute AS a
                WHERE a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped)
             ELSE (
               -- A column without a name gets one from Postgres.
               SELECT coalesce(json_agg(json_build_object('name', u.name, 'sql', quote_ident(u.name), 'type', u.type::bigint) ORDER BY u.place), '[]')
                 FROM (SELECT o.type, o.place, coalesce(nullif(o.name, ''), 'column' || row_number() OVER (ORDER BY o.place)) AS name
                         FROM unnest(p.proargnames, p.proallargtypes, p.proargmodes) WITH ORDINALITY AS o (name, type, mode, place)
                        WHERE o.mode IN ('o', 'b', 't')) AS u) END,
             'volatility', CASE p.provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' ELSE 'volatile' END,
             'comment', obj_description(p.oid, 'pg_proc'),
             'settings', p.proconfig))
      FROM pg_proc AS p
      JOIN pg_namespace AS n ON n.oid = p.pronamespace
      JOIN pg_type AS y ON y.oid = p.prorettype
     WHERE p.oid = ANY (functions)
     ORDER BY n.nspname, p.proname, p.oid;
END
$$;

COMMENT ON FUNCTION integratedb.surface_functions(oid[]) IS
'Functions, as rows of surface(). columns: those of TABLE, OUT or a composite type.';

CREATE OR REPLACE FUNCTION integratedb.surface_types(for_role oid, spaces oid[], relations oid[], functions oid[])
RETURNS SETOF json
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_mergejoin = off
AS $$
DECLARE
  types oid[];
BEGIN
  -- Of a recursive query the planner expects millions of rows, and prepares files for hashing them. An array it counts.
  types := ARRAY(
    WITH RECURSIVE used AS (
      SELECT a.atttypid AS oid FROM pg_attribute AS a WHERE a.attrelid = ANY (relations) AND a.attnum > 0 AND NOT a.attisdropped
      UNION
      SELECT u.oid
        FROM pg_proc AS p
       CROSS JOIN LATERAL unnest(coalesce(p.proallargtypes, p.proargtypes::oid[]) || p.prorettype) AS u (oid)
       WHERE p.oid = ANY (functions)
      UNION
      SELECT a.atttypid
        FROM pg_proc AS p
        JOIN pg_type AS t ON t.oid = p.prorettype AND t.typrelid <> 0
        JOIN pg_attribute AS a ON a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
       WHERE p.oid = ANY (functions)
      UNION
      -- The types of exposed schemas.
      SELECT t.oid
        FROM pg_depend AS d
        JOIN pg_type AS t ON t.oid = d.objid
       WHERE d.refclassid = 'pg_namespace'::regclass
         AND d.refobjid = ANY (spaces)
         AND d.classid = 'pg_type'::regclass
         AND t.typtype IN ('e', 'd', 'r', 'm', 'b')
      UNION
      -- The types of Postgres that people cast to. Types of the catalog are left out.
      SELECT t.oid
        FROM pg_type AS t
       WHERE t.typname = ANY ('{bool,int2,int4,int8,numeric,float4,float8,money,text,varchar,bpchar,name,bytea,date,time,timetz,timestamp,timestamptz,interval,uuid,json,jsonb,jsonpath,xml,inet,cidr,macaddr,macaddr8,bit,varbit,point,line,lseg,box,path,polygon,circle,tsvector,tsquery,int4range,int8range,numrange,tsrange,tstzrange,daterange,int4multirange,int8multirange,nummultirange,tsmultirange,tstzmultirange,datemultirange,_bool,_int2,_int4,_int8,_numeric,_float4,_float8,_text,_varchar,_bpchar,_bytea,_date,_time,_timetz,_timestamp,_timestamptz,_interval,_uuid,_json,_jsonb,_inet,_cidr}'::name[])
         AND t.typnamespace = 'pg_catalog'::regnamespace
      UNION
      SELECT c.oid
        FROM used AS u
       CROSS JOIN LATERAL (SELECT * FROM pg_type AS t WHERE t.oid = u.oid OFFSET 0) AS t
       CROSS JOIN LATERAL (
         VALUES (CASE WHEN t.typtype = 'd' THEN t.typbasetype END), (nullif(t.typelem, 0)), (nullif(t.typarray, 0))) AS c (oid)
       WHERE c.oid IS NOT NULL
    )
    SELECT u.oid FROM used AS u);

  RETURN QUERY
    WITH RECURSIVE based AS (
      SELECT u.oid, u.oid AS base, -1 AS modifier FROM unnest(types) AS u (oid)
      UNION ALL
      SELECT b.oid, t.typbasetype, t.typtypmod
        FROM based AS b
       CROSS JOIN LATERAL (SELECT * FROM pg_type AS t WHERE t.oid = b.base OFFSET 0) AS t
       WHERE t.typtype = 'd'
    ), looked_up AS (
      -- OFFSET 0 makes the planner look up each type.
      SELECT b.oid, b.base, b.modifier, t.typelem
        FROM based AS b
       CROSS JOIN LATERAL (SELECT t.typtype, t.typelem FROM pg_type AS t WHERE t.oid = b.base OFFSET 0) AS t
       WHERE t.typtype <> 'd'
    ), named AS MATERIALIZED (
      SELECT t.oid,
             CASE WHEN e.oid IS NULL THEN format('%I.%I', n.nspname, t.typname) ELSE format('%I.%I[]', en.nspname, e.typname) END AS sql_name,
             CASE WHEN e.oid IS NULL THEN t.typname::text ELSE e.typname || '[]' END AS short_name
        FROM (SELECT b.base AS oid FROM based AS b UNION SELECT l.typelem FROM looked_up AS l) AS o
       CROSS JOIN LATERAL (SELECT * FROM pg_type AS t WHERE t.oid = o.oid OFFSET 0) AS t
        JOIN pg_namespace AS n ON n.oid = t.typnamespace
        LEFT JOIN LATERAL (SELECT * FROM pg_type AS e WHERE e.oid = t.typelem AND e.typarray = t.oid OFFSET 0) AS e ON true
        LEFT JOIN pg_namespace AS en ON en.oid = e.typnamespace
    )
    SELECT json_build_object('type', json_strip_nulls(json_build_object(
             'oid', t.oid::bigint,
             'name', CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace THEN format_type(t.oid, NULL) ELSE own.sql_name END,
             'short', CASE WHEN t.typnamespace = 'pg_catalog'::regnamespace OR t.typnamespace = ANY (spaces) THEN own.short_name END,
             'sql', own.sql_name,
             'base', base_name.sql_name,
             'category', base.typcategory,
             'kind', CASE base.typtype WHEN 'c' THEN 'composite' WHEN 'e' THEN 'enum' WHEN 'p' THEN 'pseudo'
                                       WHEN 'r' THEN 'range' WHEN 'm' THEN 'range' ELSE 'base' END,
             'is_json', nullif(base.oid IN ('json'::regtype, 'jsonb'::regtype), false),
             'is_array', nullif(base.typlen = -1 AND base.typelem <> 0 AND base.typcategory = 'A', false),
             'is_domain', nullif(t.typtype = 'd', false),
             'element', CASE WHEN base.typlen = -1 AND base.typcategory = 'A' THEN element_name.sql_name END,
             'operators', CASE WHEN base.typtype = 'b' AND base.typcategory <> 'A' AND base.typnamespace <> 'pg_catalog'::regnamespace THEN (
                            SELECT quote_ident(n.nspname) FROM pg_namespace AS n WHERE n.oid = base.typnamespace) END,
             'labels', CASE WHEN base.typtype = 'e' THEN (
                         SELECT json_agg(l.enumlabel ORDER BY l.enumsortorder) FROM pg_enum AS l WHERE l.enumtypid = base.oid) END,
             'relation', nullif(t.typrelid::bigint, 0),
             'max_length', CASE WHEN t.typtype = 'd' AND base.oid IN ('varchar'::regtype, 'bpchar'::regtype) AND b.modifier > 4 THEN b.modifier - 4 END,
             'castable', nullif(base.typtype <> 'p' AND base.typtype <> 'c' AND has_type_privilege(for_role, t.oid, 'USAGE'), false),
             'comment', obj_description(t.oid, 'pg_type'),
             'to_json', CASE WHEN t.typtype = 'd' THEN (
                SELECT c.castfunc::regproc FROM pg_cast AS c
                 WHERE c.castsource = t.oid AND c.casttarget IN ('json'::regtype, 'jsonb'::regtype) AND c.castfunc <> 0
                   AND c.castcontext = 'i' AND has_function_privilege(for_role, c.castfunc, 'EXECUTE')
                 ORDER BY c.casttarget LIMIT 1) END,
             'from_json', CASE WHEN t.typtype = 'd' THEN (
                SELECT c.castfunc::regproc FROM pg_cast AS c
                 WHERE c.casttarget = t.oid AND c.castsource IN ('json'::regtype, 'jsonb'::regtype) AND c.castfunc <> 0
                   AND c.castcontext = 'i' AND has_function_privilege(for_role, c.castfunc, 'EXECUTE')
                 ORDER BY c.castsource LIMIT 1) END,
             'from_text', CASE WHEN t.typtype = 'd' THEN (
                SELECT c.castfunc::regproc FROM pg_cast AS c
                 WHERE c.casttarget = t.oid AND c.castsource = 'text'::regtype AND c.castfunc <> 0
                   AND c.castcontext = 'i' AND has_function_privilege(for_role, c.castfunc, 'EXECUTE')) END)))
      FROM looked_up AS b
     CROSS JOIN LATERAL (SELECT * FROM pg_type AS t WHERE t.oid = b.oid OFFSET 0) AS t
     CROSS JOIN LATERAL (SELECT * FROM pg_type AS base WHERE base.oid = b.base OFFSET 0) AS base
      JOIN named AS own ON own.oid = t.oid
      JOIN named AS base_name ON base_name.oid = base.oid
      LEFT JOIN named AS element_name ON element_name.oid = base.typelem
     ORDER BY t.oid;
END
$$;

COMMENT ON FUNCTION integratedb.surface_types(oid, oid[], oid[], oid[]) IS
'The types that relations and functions of a surface use, those of its schemas, and those that people cast to, as rows '
'of surface(). castable: whether a request may cast to the type.';
