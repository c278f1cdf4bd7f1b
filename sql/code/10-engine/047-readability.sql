-- Decides whether a role can read the relations behind a relation. Postgres checks privileges below views and policies,
-- each for a certain role.

CREATE OR REPLACE FUNCTION integratedb.is_secured_from(role_oid oid, relation oid)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM pg_class AS k
      JOIN pg_roles AS u ON u.oid = role_oid
     WHERE k.oid = relation
       AND k.relrowsecurity
       AND NOT (u.rolsuper OR u.rolbypassrls)
       AND NOT (pg_has_role(u.oid, k.relowner, 'USAGE') AND NOT k.relforcerowsecurity))
$$;

COMMENT ON FUNCTION integratedb.is_secured_from(oid, oid) IS
'Whether row level security decides which rows of a relation the role sees.';

CREATE OR REPLACE FUNCTION integratedb.policies_for(role_oid oid, relation oid)
RETURNS TABLE (permissive boolean, condition text)
LANGUAGE sql
ROWS 1
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT y.polpermissive, y.polqual::text
    FROM pg_policy AS y
   WHERE y.polrelid = relation
     AND y.polcmd IN ('r', '*')
     AND EXISTS (
       SELECT FROM unnest(y.polroles) AS polrole (oid)
        WHERE CASE polrole.oid WHEN 0 THEN true ELSE pg_has_role(role_oid, polrole.oid, 'USAGE') END)
$$;

COMMENT ON FUNCTION integratedb.policies_for(oid, oid) IS
'The policies that apply to a SELECT of the role from a relation, with their conditions as Postgres stores them.';

CREATE OR REPLACE FUNCTION integratedb.code_of(relation oid, role_oid oid, reader oid)
RETURNS TABLE (source text, tree text, asked_of oid)
LANGUAGE plpgsql
ROWS 1
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  kind "char";
  is_secured boolean;
BEGIN
  SELECT k.relkind, k.relrowsecurity INTO kind, is_secured FROM pg_class AS k WHERE k.oid = relation;

  -- A view with security_invoker checks the role that runs the query, even if another view reads the view.
  IF kind = 'v' THEN
    RETURN QUERY
      SELECT 'view', w.ev_action::text,
             CASE WHEN EXISTS (
                         SELECT FROM pg_options_to_table(k.reloptions) AS o
                          WHERE o.option_name = 'security_invoker' AND o.option_value::boolean)
                  THEN reader ELSE k.relowner END
        FROM pg_class AS k
        JOIN pg_rewrite AS w ON w.ev_class = k.oid AND w.ev_type = '1'
       WHERE k.oid = relation;
  ELSIF is_secured AND integratedb.is_secured_from(role_oid, relation) THEN
    RETURN QUERY
      SELECT 'policy', p.condition, role_oid FROM integratedb.policies_for(role_oid, relation) AS p WHERE p.condition IS NOT NULL;
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.code_of(oid, oid, oid) IS
'The code that Postgres adds to a query of a relation: the query of a view, or the conditions of policies, as parse '
'trees. role_oid: the role with whose rights the relation is read. reader: the role that runs the query. asked_of: '
'the role whose rights the added code needs. Empty when Postgres adds nothing.';

CREATE OR REPLACE FUNCTION integratedb.tree_parts(tree text)
RETURNS TABLE (kind text, id oid, columns smallint[], locks boolean)
LANGUAGE plpgsql
ROWS 10
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- pg_depend does not record whole rows, built-in functions, or a constant of type regclass in a table that is read.
  -- The tree shows what the executor checks. Each field of the tree begins with " :". A space within a name has a
  -- backslash before it.
  RETURN QUERY
    -- The tree is searched in one pass, because a view has hundreds of fields and only a few of these. The pattern has
    -- no capturing groups, because Postgres finds their places slowly.
    WITH field AS MATERIALIZED (
      SELECT f.place, n.name, substr(f.found[1], length(n.name) + 4) AS value
        FROM regexp_matches(
               tree, ' :(?:relid|requiredPerms|selectedCols|funcid|opfuncid|aggfnoid|winfnoid) (?:[0-9]+|[(]b[0-9 ]*[)])', 'g')
             WITH ORDINALITY AS f (found, place)
       CROSS JOIN LATERAL (SELECT substr(split_part(f.found[1], ' ', 2), 2) AS name) AS n
    ), relation AS (
      -- The checked privileges of a relation follow its oid: in the entry of the range table, from PostgreSQL 16 on
      -- beside it.
      SELECT f.name,
             lag(f.name, 2) OVER w AS first,
             lag(f.value, 2) OVER w AS relation,
             lag(f.value) OVER w AS privileges,
             f.value AS columns
        FROM field AS f
       WHERE f.name IN ('relid', 'requiredPerms', 'selectedCols')
      WINDOW w AS (ORDER BY f.place)
    )
    SELECT DISTINCT 'function', f.value::oid, NULL::smallint[], false
      FROM field AS f
     WHERE f.name NOT IN ('relid', 'requiredPerms', 'selectedCols')
       AND f.value <> '0'
    UNION ALL
    SELECT 'relation', r.relation::oid,
           -- Columns are counted from the lowest system column; 0 is the whole row.
           ARRAY(SELECT (c.place::integer - 7)::smallint FROM regexp_split_to_table(btrim(r.columns, '(b )'), ' +') AS c (place) WHERE c.place <> ''),
           r.privileges::bigint & 4 <> 0
      FROM relation AS r
     WHERE r.name = 'selectedCols'
       AND r.first = 'relid'
       AND r.privileges::bigint & 6 <> 0;
END
$$;

COMMENT ON FUNCTION integratedb.tree_parts(text) IS
'The privileges that Postgres checks when it runs a parse tree (pg_node_tree as text). On relations: SELECT, with the '
'columns ({}: any one; 0: all), and UPDATE where rows are locked. On functions: EXECUTE.';

CREATE OR REPLACE FUNCTION integratedb.reads_below(reader oid, relation oid)
RETURNS TABLE (parent oid, source text, kind text, id oid, asked_of oid, columns smallint[], locks boolean)
LANGUAGE plpgsql
ROWS 10
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- The planner greatly overestimates the relations behind views, so JIT would start for nothing.
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  -- The relations to examine next and the examined ones, each with the role whose rights apply.
  ids oid[] := ARRAY[relation];
  roles oid[] := ARRAY[reader];
  known_ids oid[] := ARRAY[]::oid[];
  known_roles oid[] := ARRAY[]::oid[];
  part record;
BEGIN
  parent := NULL;
  source := NULL;
  kind := 'relation';
  id := relation;
  asked_of := reader;
  columns := NULL;
  locks := false;
  RETURN NEXT;

  -- Each view is read once, even if many ways lead to it; otherwise an owner of views could make others wait. The same
  -- rule ends the search at a policy that reads its own table.
  WHILE cardinality(ids) > 0 LOOP
    known_ids := known_ids || ids;
    known_roles := known_roles || roles;
    FOR part IN
      SELECT DISTINCT n.oid AS parent, c.source, p.kind, p.id, CASE p.kind WHEN 'function' THEN reader ELSE c.asked_of END AS asked_of,
             p.columns, p.locks
        FROM unnest(ids, roles) AS n (oid, role_oid)
       CROSS JOIN LATERAL integratedb.code_of(n.oid, n.role_oid, reader) AS c
       CROSS JOIN LATERAL integratedb.tree_parts(c.tree) AS p
    LOOP
      parent := part.parent;
      source := part.source;
      kind := part.kind;
      id := part.id;
      asked_of := part.asked_of;
      columns := part.columns;
      locks := part.locks;
      RETURN NEXT;

      IF part.kind = 'relation' THEN
        ids := ids || part.id;
        roles := roles || part.asked_of;
      END IF;
    END LOOP;

    SELECT coalesce(array_agg(n.oid), '{}'), coalesce(array_agg(n.role_oid), '{}')
      INTO ids, roles
      FROM (SELECT f.oid, f.role_oid FROM unnest(ids, roles) AS f (oid, role_oid)
            EXCEPT
            SELECT k.oid, k.role_oid FROM unnest(known_ids, known_roles) AS k (oid, role_oid)) AS n;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.reads_below(oid, oid) IS
'Everything that Postgres checks when the reader selects from a relation, beginning with the relation itself. Each '
'relation and function comes with its place (parent, and source: view or policy) and the role whose rights are '
'checked (asked_of). Functions are always checked for the reader, in all views and policies. Bodies of functions are '
'not followed.';

CREATE OR REPLACE FUNCTION integratedb.columns_calling(view oid)
RETURNS TABLE (function oid, columns smallint[])
LANGUAGE sql
ROWS 10
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- A hash join is allowed, because a view may have thousands of calls.
SET enable_hashjoin = on
AS $$
  -- An unused column is not computed, with two exceptions: rows are sorted, grouped or generated by it, or it calls a
  -- volatile function.
  WITH piece AS MATERIALIZED (
    SELECT p.place,
           split_part(p.piece, ' ', 1) AS name,
           substring(p.piece FROM '^[a-zA-Z]+ ([0-9]+|true|false)') AS value,
           -- The test excludes names that end like this, because another field follows a name at once.
           starts_with(p.piece, 'targetList (') AS begins_list,
           sum(length(b.plain) - length(replace(b.plain, '{', '')) - length(b.plain) + length(replace(b.plain, '}', '')))
             OVER (ORDER BY p.place ROWS UNBOUNDED PRECEDING) AS depth
      FROM pg_rewrite AS w
     CROSS JOIN LATERAL string_to_table(w.ev_action::text, ' :') WITH ORDINALITY AS p (piece, place)
     CROSS JOIN LATERAL (SELECT regexp_replace(p.piece, '\\.', '', 'g') AS plain) AS b
     WHERE w.ev_class = view
       AND w.ev_type = '1'
  ), entry AS (
    SELECT e.ends_at, e.number::integer AS number, e.sorts = '0' AND e.is_junk = 'false' AS is_asked_for
      FROM (SELECT p.place AS ends_at, p.name, p.value AS number, lead(p.value) OVER w AS sorts, lead(p.value, 2) OVER w AS is_junk
              FROM piece AS p
             WHERE p.value IS NOT NULL
               AND ((p.name IN ('resno', 'ressortgroupref') AND p.depth = 2)
                    -- The last resjunk field ends the list.
                    OR (p.name = 'resjunk' AND p.depth IN (1, 2)))
            WINDOW w AS (ORDER BY p.place)) AS e
     WHERE e.name = 'resno'
  ), call AS MATERIALIZED (
    SELECT n.value::oid AS function,
           -- The entry that contains the call ends at the next number.
           CASE WHEN n.place > (SELECT min(t.place) FROM piece AS t WHERE t.begins_list AND t.depth IN (1, 2)) THEN n.ends_at END AS ends_at
      FROM (SELECT p.*,
                   min(CASE WHEN p.name = 'resno' AND p.depth = 2 AND p.value IS NOT NULL THEN p.place END)
                     OVER (ORDER BY p.place DESC ROWS UNBOUNDED PRECEDING) AS ends_at
              FROM piece AS p) AS n
     WHERE n.name IN ('funcid', 'opfuncid', 'aggfnoid', 'winfnoid')
       AND n.value <> '0'
  ), always AS (
    SELECT DISTINCT c.ends_at
      FROM call AS c
      JOIN pg_proc AS f ON f.oid = c.function
     WHERE f.provolatile = 'v' OR f.proretset
  )
  SELECT c.function,
         CASE WHEN bool_and(coalesce(e.is_asked_for, false) AND a.ends_at IS NULL) THEN array_agg(DISTINCT e.number::smallint) END
    FROM call AS c
    LEFT JOIN entry AS e ON e.ends_at = c.ends_at
    LEFT JOIN always AS a ON a.ends_at = c.ends_at
   GROUP BY c.function
$$;

COMMENT ON FUNCTION integratedb.columns_calling(oid) IS
'The functions that a view calls, each with the columns whose use makes the view call it; null where every query of '
'the view calls it.';

CREATE OR REPLACE FUNCTION integratedb.views_in_rings(parents oid[], ids oid[])
RETURNS oid[]
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  number integer;
BEGIN
  -- A pair that leads to no examined view, or that no view leads to, is on no ring. Such pairs are removed until every
  -- remaining pair is on a ring or between two rings.
  LOOP
    number := cardinality(ids);
    SELECT coalesce(array_agg(e.parent), '{}'), coalesce(array_agg(e.id), '{}')
      INTO parents, ids
      FROM (SELECT DISTINCT e.parent, e.id FROM unnest(parents, ids) AS e (parent, id)) AS e
     WHERE e.id = ANY (parents)
       AND e.parent = ANY (ids);
    EXIT WHEN cardinality(ids) IN (0, number);
  END LOOP;

  RETURN ARRAY(SELECT DISTINCT e.id FROM unnest(ids) AS e (id) ORDER BY e.id);
END
$$;

COMMENT ON FUNCTION integratedb.views_in_rings(oid[], oid[]) IS
'Among views that read each other (parents read ids, pair by pair): the views that read themselves, directly or '
'indirectly, and the views between two such views.';

CREATE OR REPLACE FUNCTION integratedb.obstacles(reader oid, relation oid)
RETURNS TABLE (column_number smallint, property text, expected text, found text, cure text, reader_cure text)
LANGUAGE plpgsql
ROWS 1
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- The planner greatly overestimates the relations behind views, so JIT would start for nothing.
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
    WITH below AS MATERIALIZED (
      SELECT b.*,
             CASE b.source WHEN 'policy' THEN 'a policy of ' ELSE '' END || integratedb.path_of(pn.nspname, pk.relname) AS place,
             integratedb.path_of(n.nspname, k.relname) AS path,
             -- A path is not SQL: it has upper case and key words without quotes.
             quote_ident(n.nspname) || '.' || quote_ident(k.relname) AS target,
             quote_ident(u.rolname) AS role
        FROM integratedb.reads_below(reader, relation) AS b
        JOIN pg_class AS pk ON pk.oid = b.parent
        JOIN pg_namespace AS pn ON pn.oid = pk.relnamespace
        JOIN pg_roles AS u ON u.oid = b.asked_of
        LEFT JOIN pg_class AS k ON k.oid = b.id AND b.kind = 'relation'
        LEFT JOIN pg_namespace AS n ON n.oid = k.relnamespace
    ), unselectable AS (
      SELECT b.*,
             ARRAY(
               SELECT a.attname
                 FROM pg_attribute AS a
                WHERE a.attrelid = b.id
                  AND NOT a.attisdropped
                  AND (a.attnum = ANY (b.columns) OR (a.attnum > 0 AND 0 = ANY (b.columns)))
                  AND NOT has_column_privilege(b.asked_of, b.id, a.attnum, 'SELECT')
                ORDER BY a.attnum) AS lacking
        FROM below AS b
       WHERE b.kind = 'relation'
         AND NOT has_table_privilege(b.asked_of, b.id, 'SELECT')
    ), uncallable AS MATERIALIZED (
      SELECT b.* FROM below AS b WHERE b.kind = 'function' AND NOT has_function_privilege(b.asked_of, b.id, 'EXECUTE')
    ), called AS MATERIALIZED (
      -- columns_calling() runs once for each view, not once for each function.
      SELECT v.parent, c.function, c.columns
        FROM (SELECT DISTINCT u.parent FROM uncallable AS u WHERE u.source = 'view') AS v
       CROSS JOIN LATERAL integratedb.columns_calling(v.parent) AS c
    )
    SELECT NULL::smallint, 'privilege', 'SELECT',
           format('%s reads %s with the rights of %s, which may not SELECT %s', b.place, b.path, b.role,
                  CASE b.columns WHEN '{}' THEN 'any column of it' ELSE (SELECT string_agg(quote_ident(c.name), ', ') FROM unnest(b.lacking) AS c (name)) END),
           format('GRANT SELECT%s ON %s TO %s',
                  CASE b.columns WHEN '{}' THEN '' ELSE (SELECT format(' (%s)', string_agg(quote_ident(c.name), ', ')) FROM unnest(b.lacking) AS c (name)) END,
                  b.target, b.role),
           CASE WHEN b.asked_of = reader THEN format('claim %s too, which is read with its rights, and the migration passes unless it revokes that', b.path) END
      FROM unselectable AS b
     WHERE CASE b.columns WHEN '{}' THEN NOT has_any_column_privilege(b.asked_of, b.id, 'SELECT') ELSE b.lacking <> '{}' END
    UNION ALL
    -- Postgres refuses the query (42P17), but accepts the definition.
    SELECT NULL, 'table', 'a view that does not read itself',
           format('%s reads itself, by way of the views that it reads', integratedb.path_of(n.nspname, k.relname)),
           format('CREATE OR REPLACE VIEW %I.%I with another query', n.nspname, k.relname),
           NULL
      FROM unnest((SELECT integratedb.views_in_rings(array_agg(b.parent), array_agg(b.id)) FROM below AS b WHERE b.source = 'view' AND b.kind = 'relation')) AS r (oid)
      JOIN pg_class AS k ON k.oid = r.oid
      JOIN pg_namespace AS n ON n.oid = k.relnamespace
    UNION ALL
    SELECT NULL, 'privilege', 'UPDATE',
           format('%s locks rows of %s with the rights of %s, which may not UPDATE it', b.place, b.path, b.role),
           format('GRANT UPDATE ON %s TO %s', b.target, b.role),
           NULL
      FROM below AS b
     WHERE b.locks
       AND NOT has_any_column_privilege(b.asked_of, b.id, 'UPDATE')
    UNION ALL
    SELECT DISTINCT NULL::smallint, 'row_security', 'a permissive policy for SELECT',
           format('%s reads %s with the rights of %s, whom row level security and no policy let read it', b.place, b.path, b.role),
           format('CREATE POLICY %I ON %s FOR SELECT TO %s USING (true), or whatever rows it may see', u.rolname || '_reads', b.target, b.role),
           NULL
      FROM below AS b
      JOIN pg_roles AS u ON u.oid = b.asked_of
     WHERE b.kind = 'relation'
       AND integratedb.is_secured_from(b.asked_of, b.id)
       AND NOT EXISTS (SELECT FROM integratedb.policies_for(b.asked_of, b.id) AS p WHERE p.permissive)
    UNION ALL
    SELECT c.number, 'privilege', 'EXECUTE',
           format('%s calls the function %s, which role %s may not EXECUTE', b.place, f.signature, b.role),
           format('GRANT EXECUTE ON FUNCTION %s TO %s', f.signature, b.role),
           NULL
      FROM uncallable AS b
     CROSS JOIN LATERAL (
       SELECT format('%I.%I(%s)', fn.nspname, p.proname, pg_get_function_identity_arguments(p.oid)) AS signature
         FROM pg_proc AS p JOIN pg_namespace AS fn ON fn.oid = p.pronamespace WHERE p.oid = b.id) AS f
      LEFT JOIN called ON called.parent = b.parent AND called.function = b.id AND b.source = 'view'
     CROSS JOIN LATERAL unnest(CASE WHEN b.parent = relation THEN coalesce(called.columns, ARRAY[NULL::smallint]) ELSE ARRAY[NULL::smallint] END) AS c (number)
     -- The query may not use the column of a view below.
     WHERE b.parent = relation
        OR called.columns IS NULL
        OR EXISTS (SELECT FROM below AS r WHERE r.kind = 'relation' AND r.id = b.parent AND (r.columns && called.columns OR 0 = ANY (r.columns)));
END
$$;

COMMENT ON FUNCTION integratedb.obstacles(oid, oid) IS
'Why a SELECT of the reader fails or returns nothing, because of objects that a view or a policy reads or calls. '
'column_number: the column that needs the object; null: every query of the relation does. expected: the privilege. '
'cure: a statement that helps. reader_cure: what the reader can do. Privileges on the relation itself are not checked '
'here.';

CREATE OR REPLACE FUNCTION integratedb.blocked_columns(reader oid, relation oid)
RETURNS smallint[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  -- Usually no obstacle exists. A few privileges show that quickly.
  IF NOT EXISTS (
    WITH below AS MATERIALIZED (SELECT b.* FROM integratedb.reads_below(reader, relation) AS b)
    SELECT FROM below AS b
     WHERE b.parent IS NOT NULL
       AND CASE b.kind
             WHEN 'function' THEN NOT has_function_privilege(b.asked_of, b.id, 'EXECUTE')
             ELSE b.locks
                  OR NOT has_table_privilege(b.asked_of, b.id, 'SELECT')
                  OR (SELECT k.relrowsecurity FROM pg_class AS k WHERE k.oid = b.id)
           END
    UNION ALL
    -- A view with several ways to it may read itself.
    SELECT FROM below AS b
     WHERE b.kind = 'relation'
       AND b.id IN (SELECT v.parent FROM below AS v WHERE v.source = 'view')
     GROUP BY b.id
    HAVING count(*) > 1
  ) THEN
    RETURN ARRAY[]::smallint[];
  END IF;

  RETURN ARRAY(SELECT DISTINCT coalesce(o.column_number, 0::smallint) FROM integratedb.obstacles(reader, relation) AS o);
END
$$;

COMMENT ON FUNCTION integratedb.blocked_columns(oid, oid) IS
'The columns of a relation that the reader cannot read because of the objects behind it; 0: no column can be read.';

CREATE OR REPLACE FUNCTION integratedb.wrote_below(reader oid, relation oid)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM (SELECT DISTINCT b.kind, b.id FROM integratedb.reads_below(reader, relation) AS b) AS b
     WHERE CASE b.kind
             WHEN 'function' THEN EXISTS (SELECT FROM pg_proc AS p WHERE p.oid = b.id AND integratedb.is_own_xid(p.xmin))
             ELSE EXISTS (SELECT FROM pg_class AS k WHERE k.oid = b.id AND integratedb.is_own_xid(k.xmin))
               OR EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = b.id AND integratedb.is_own_xid(a.xmin))
               OR EXISTS (SELECT FROM pg_rewrite AS w WHERE w.ev_class = b.id AND integratedb.is_own_xid(w.xmin))
               OR EXISTS (SELECT FROM pg_policy AS y WHERE y.polrelid = b.id AND integratedb.is_own_xid(y.xmin))
               OR EXISTS (
                 SELECT FROM integratedb.ddl_event AS e
                  WHERE e.xid = pg_current_xact_id_if_assigned()
                    AND e.dropped
                    AND e.object_type = 'policy'
                    AND e.objid = b.id)
           END);
END
$$;

COMMENT ON FUNCTION integratedb.wrote_below(oid, oid) IS
'Whether this transaction wrote a catalog row of the relation, or of an object behind it for this reader, or dropped '
'a policy there. In doubt, this transaction took the privilege away.';

CREATE OR REPLACE FUNCTION integratedb.relations_above(classids oid[], objids oid[])
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN ARRAY(
    WITH RECURSIVE node AS (
      SELECT o.classid, o.objid FROM unnest(classids, objids) AS o (classid, objid)
      UNION
      SELECT u.classid, u.objid
        FROM node AS n
       CROSS JOIN LATERAL (
         -- From a rule to its view, from a policy to its table, and from operators to the functions that they call.
         SELECT CASE d.classid WHEN 'pg_operator'::regclass THEN d.classid ELSE 'pg_class'::regclass::oid END AS classid,
                CASE d.classid WHEN 'pg_operator'::regclass THEN d.objid
                               WHEN 'pg_rewrite'::regclass THEN (SELECT w.ev_class FROM pg_rewrite AS w WHERE w.oid = d.objid)
                               ELSE (SELECT y.polrelid FROM pg_policy AS y WHERE y.oid = d.objid) END AS objid
           FROM pg_depend AS d
          WHERE d.refclassid = n.classid
            AND d.refobjid = n.objid
            AND d.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_operator'::regclass)
         OFFSET 0) AS u
       WHERE u.objid IS NOT NULL
    )
    SELECT DISTINCT n.objid FROM node AS n WHERE n.classid = 'pg_class'::regclass);
END
$$;

COMMENT ON FUNCTION integratedb.relations_above(oid[], oid[]) IS
'The relations that read or call any of these objects (relations and functions) through views and policies, and views '
'on these relations. The relations among the objects are included. Postgres records no dependency on built-in '
'objects.';
