-- Writes control rows, from which the daemon reads the current state of each stakeholder and the changes to that state.

CREATE OR REPLACE FUNCTION integratedb.type_structures(type_oids oid[], owners oid[], OUT structures jsonb, OUT left_out boolean)
RETURNS record
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Each is looked up, however many there are.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  -- Everybody's migrations wait for this walk. In attributes, dropped ones too: these are read as well.
  most CONSTANT integer := 12000;
  -- No owner of tables takes the place of another's, by whoever's types.
  most_of_tables CONSTANT integer := 8000;
  -- Nor do the types of one owner take the place of another's in the same tables.
  most_of_types CONSTANT integer := 6000;
  -- Others than the owner of the tables may enlarge their types later. A superuser does not do it to harm.
  most_of_others_types CONSTANT integer := 2000;
  -- A type takes as long as three attributes.
  cost_of_type CONSTANT integer := 3;
  -- Scalars, and types that were reached before, are looked up too.
  most_looked_up CONSTANT integer := 12000;
  most_looked_up_for_tables CONSTANT integer := 8000;
  -- The owners of tables share this part of both limits, so that several of them together do not take the place of another one.
  reserved CONSTANT integer := 3000;
  share CONSTANT integer := (reserved / greatest(1, (SELECT count(DISTINCT o.owner) FROM unnest(owners) AS o (owner))))::integer;
  -- The daemon sends what is deeper as its text.
  most_levels CONSTANT integer := 33;
  -- What is reached, each type with the owner of the tables that lead to it.
  frontier oid[] := type_oids;
  frontier_owners oid[] := owners;
  seen text[] := ARRAY[]::text[];
  described oid[] := ARRAY[]::oid[];
  used integer := 0;
  used_by jsonb := jsonb_build_object();
  looked_up integer := 0;
  looked_up_for jsonb := jsonb_build_object();
  chosen oid[];
  chosen_owners oid[];
  was_cut boolean;
  refused boolean;
BEGIN
  left_out := false;
  FOR level IN 1..most_levels LOOP
    EXIT WHEN frontier = '{}';

    -- Domains over domains are one level. Only as many rows are made as LIMIT lets through. The owners take turns.
    WITH given AS MATERIALIZED (
      SELECT DISTINCT f.type_oid, f.owner FROM unnest(frontier, frontier_owners) AS f (type_oid, owner)
    ), owner AS MATERIALIZED (
      SELECT u.owner,
             u.rows AS rows_before,
             greatest(0, least(most_looked_up_for_tables - u.rows,
                               greatest(2 * (most_looked_up - looked_up) / count(*) OVER (), share - u.rows))) AS most_rows,
             sum(greatest(0, share - u.rows)) OVER () - greatest(0, share - u.rows) AS reserved_for_others
        FROM (SELECT g.owner, coalesce((looked_up_for ->> g.owner::text)::integer, 0) AS rows FROM given AS g GROUP BY g.owner) AS u
    ), reached AS (
      SELECT o.owner, o.rows_before, o.most_rows, o.reserved_for_others, b.type_oid, row_number() OVER (PARTITION BY o.owner) AS place
        FROM owner AS o
       CROSS JOIN LATERAL (
         WITH RECURSIVE below AS (
           (SELECT g.type_oid FROM given AS g WHERE g.owner = o.owner ORDER BY g.type_oid)
           UNION
           SELECT t.typbasetype
             FROM below AS x
            CROSS JOIN LATERAL (SELECT p.typbasetype FROM pg_type AS p WHERE p.oid = x.type_oid AND p.typtype = 'd' OFFSET 0) AS t
         )
         SELECT x.type_oid FROM below AS x LIMIT o.most_rows + 1) AS b
    ), turn AS MATERIALIZED (
      SELECT r.*,
             r.place <= r.most_rows
             AND (row_number() OVER (ORDER BY r.place, r.owner) + r.reserved_for_others <= most_looked_up - looked_up
                  OR r.rows_before + r.place <= share) AS is_looked_up
        FROM reached AS r
    )
    SELECT coalesce(array_agg(t.type_oid) FILTER (WHERE t.is_looked_up), '{}'),
           coalesce(array_agg(t.owner) FILTER (WHERE t.is_looked_up), '{}'),
           coalesce(bool_or(NOT t.is_looked_up), false),
           looked_up_for || coalesce((SELECT jsonb_object_agg(n.owner, n.rows + coalesce((looked_up_for ->> n.owner::text)::integer, 0))
                                        FROM (SELECT x.owner, count(*) AS rows FROM turn AS x WHERE x.is_looked_up GROUP BY x.owner) AS n), '{}')
      INTO frontier, frontier_owners, was_cut, looked_up_for
      FROM turn AS t;
    left_out := left_out OR was_cut;
    looked_up := looked_up + cardinality(frontier);

    -- The smallest first: what does not fit keeps nothing out that does. What was reached for one owner of tables and left out may fit
    -- for another one.
    WITH fresh AS MATERIALIZED (
      SELECT f.type_oid, f.owner
        FROM unnest(frontier, frontier_owners) AS f (type_oid, owner)
       WHERE concat(f.type_oid, ' ', f.owner) NOT IN (SELECT unnest(seen))
    ), typed AS MATERIALIZED (
      SELECT f.owner, t.oid, t.typowner, cost_of_type + coalesce(k.relnatts, 0) AS cost, t.oid IN (SELECT unnest(described)) AS is_described
        FROM fresh AS f
       CROSS JOIN LATERAL (
         SELECT p.oid, p.typowner, p.typtype, p.typlen, p.typelem, p.typrelid FROM pg_type AS p WHERE p.oid = f.type_oid OFFSET 0) AS t
        LEFT JOIN LATERAL (SELECT k.relnatts FROM pg_class AS k WHERE t.typtype = 'c' AND k.oid = t.typrelid OFFSET 0) AS k ON true
       WHERE t.typtype IN ('d', 'c') OR (t.typlen = -1 AND t.typelem <> 0)
    ), candidate AS (
      -- Of several owners of tables, each is charged for what fits for nobody before.
      SELECT c.*,
             concat(c.owner, ' ', c.typowner) AS bucket,
             CASE WHEN c.owner = c.typowner OR (SELECT u.rolsuper FROM pg_authid AS u WHERE u.oid = c.typowner) THEN most_of_types
                  ELSE most_of_others_types END AS most_of_bucket
        FROM typed AS c
       WHERE NOT c.is_described
    ), of_types AS (
      SELECT c.*,
             coalesce((used_by ->> c.bucket)::bigint, 0) + sum(c.cost) OVER (PARTITION BY c.bucket ORDER BY c.cost, c.oid) <= c.most_of_bucket AS is_types
        FROM candidate AS c
    ), of_tables AS (
      SELECT o.*,
             o.is_types
             AND coalesce((used_by ->> o.owner::text)::bigint, 0)
                 + sum(o.cost) FILTER (WHERE o.is_types) OVER (PARTITION BY o.owner ORDER BY o.cost, o.oid) <= most_of_tables AS is_tables
        FROM of_types AS o
    ), payer AS (
      SELECT DISTINCT ON (o.oid) o.* FROM of_tables AS o WHERE o.is_tables ORDER BY o.oid, o.owner <> o.typowner, o.owner
    ), fitting AS MATERIALIZED (
      SELECT p.oid, p.owner, p.bucket, p.cost,
             used + sum(p.cost) OVER (ORDER BY p.cost, p.oid) + r.unspent - greatest(0, share - b.spent) <= most
             OR b.spent + sum(p.cost) OVER (PARTITION BY p.owner ORDER BY p.cost, p.oid) <= share AS fits
        FROM payer AS p
       CROSS JOIN LATERAL (SELECT coalesce((used_by ->> p.owner::text)::bigint, 0) AS spent) AS b
       CROSS JOIN (
         SELECT sum(greatest(0, share - coalesce((used_by ->> f.owner::text)::bigint, 0))) AS unspent
           FROM (SELECT DISTINCT x.owner FROM fresh AS x) AS f) AS r
    ), spent AS (
      SELECT s.name, sum(f.cost) AS cost
        FROM fitting AS f
       CROSS JOIN LATERAL unnest(ARRAY[f.bucket, f.owner::text]) AS s (name)
       WHERE f.fits
       GROUP BY s.name
    ), known AS MATERIALIZED (
      SELECT t.oid, t.owner, t.is_described OR t.oid IN (SELECT f.oid FROM fitting AS f WHERE f.fits) AS is_described FROM typed AS t
    )
    SELECT seen || coalesce(array_agg(concat(k.oid, ' ', k.owner)), '{}'),
           described || coalesce((SELECT array_agg(f.oid) FROM fitting AS f WHERE f.fits), '{}'),
           coalesce(array_agg(k.oid) FILTER (WHERE k.is_described), '{}'),
           coalesce(array_agg(k.owner) FILTER (WHERE k.is_described), '{}'),
           coalesce(bool_or(NOT k.is_described), false),
           used + coalesce((SELECT sum(f.cost) FROM fitting AS f WHERE f.fits), 0)::integer,
           used_by || coalesce((SELECT jsonb_object_agg(s.name, s.cost + coalesce((used_by ->> s.name)::bigint, 0)) FROM spent AS s), '{}')
      INTO seen, described, chosen, chosen_owners, refused, used, used_by
      FROM known AS k;
    left_out := left_out OR refused;

    SELECT coalesce(array_agg(p.type_oid), '{}'), coalesce(array_agg(p.owner), '{}')
      INTO frontier, frontier_owners
      FROM (SELECT DISTINCT part.type_oid, c.owner
              FROM unnest(chosen, chosen_owners) AS c (type_oid, owner)
             CROSS JOIN LATERAL (
               SELECT p.typtype, p.typlen, p.typelem, p.typrelid FROM pg_type AS p WHERE p.oid = c.type_oid AND p.typtype <> 'd' OFFSET 0) AS t
             CROSS JOIN LATERAL (
               SELECT t.typelem AS type_oid WHERE t.typlen = -1 AND t.typelem <> 0
               UNION ALL
               SELECT a.atttypid FROM pg_attribute AS a WHERE a.attrelid = t.typrelid AND t.typtype = 'c' AND a.attnum > 0 AND NOT a.attisdropped
               OFFSET 0) AS part) AS p;
  END LOOP;

  structures := (
    SELECT coalesce(jsonb_object_agg(t.oid,
             CASE WHEN t.typtype = 'd' THEN jsonb_build_object('kind', 'domain', 'base', t.typbasetype::bigint)
                  WHEN t.typtype = 'c' THEN jsonb_build_object('kind', 'composite', 'attributes',
                    (SELECT coalesce(jsonb_agg(jsonb_build_array(a.attname, a.atttypid::bigint) ORDER BY a.attnum), '[]')
                       FROM pg_attribute AS a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped))
                  ELSE jsonb_build_object('kind', 'array', 'element', t.typelem::bigint, 'delimiter', e.typdelim) END), '{}')
      FROM unnest(described) AS d (type_oid)
     CROSS JOIN LATERAL (
       SELECT p.oid, p.typtype, p.typbasetype, p.typelem, p.typrelid FROM pg_type AS p WHERE p.oid = d.type_oid OFFSET 0) AS t
      LEFT JOIN LATERAL (SELECT p.typdelim FROM pg_type AS p WHERE t.typtype NOT IN ('d', 'c') AND p.oid = t.typelem OFFSET 0) AS e ON true);
END
$$;

COMMENT ON FUNCTION integratedb.type_structures(oid[], oid[]) IS
'The arrays, composites and domains among these types, and among their parts, by identifier: the stream names types '
'only. owners: the owner of the tables that have each type. The column''s own types come before their parts, smaller '
'ones before larger ones, up to a bound for each owner of tables. left_out: whether it left any out.';

CREATE OR REPLACE FUNCTION integratedb.claimed_schema(relation_ids bigint[])
RETURNS jsonb
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Each relation is looked up, regardless of their number.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN (
    SELECT coalesce(jsonb_object_agg(x.path, jsonb_build_object('relid', x.relid::bigint, 'columns', x.columns)), '{}')
      FROM (SELECT cr.path,
                   max(cr.relid) AS relid,
                   coalesce(jsonb_object_agg(rc.column_name, jsonb_build_object('type', rc.type, 'nullable', rc.is_nullable))
                              FILTER (WHERE rc.column_name IS NOT NULL), '{}') AS columns
              FROM unnest(relation_ids) AS t (relation_id)
             -- OFFSET 0 makes the planner look up each row by its identifier.
             CROSS JOIN LATERAL (SELECT cr.* FROM integratedb.claim_relation AS cr WHERE cr.id = t.relation_id OFFSET 0) AS cr
             CROSS JOIN LATERAL (
               SELECT r.oid, r.schema_name, r.relation_name FROM integratedb.readable_relation AS r WHERE r.oid = cr.relid OFFSET 0) AS r
              LEFT JOIN LATERAL (
               SELECT rc.*
                 FROM integratedb.claim_column AS cc
                 JOIN integratedb.readable_column AS rc ON rc.relid = r.oid AND rc.attnum = cc.attnum
                WHERE cc.relation_id = cr.id
               OFFSET 0) AS rc ON true
             WHERE r.schema_name = cr.schema_name
               AND r.relation_name = cr.relation_name
             GROUP BY cr.path) AS x);
END
$$;

COMMENT ON FUNCTION integratedb.claimed_schema(bigint[]) IS
'The claimed or notified relations and columns of these rows of claim_relation, in their present form: {path: {relid, '
'columns: {name: {type, nullable}}}}.';

CREATE OR REPLACE FUNCTION integratedb.leaf_identities(root oid)
RETURNS jsonb
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- Rows of foreign tables and of unlogged tables are not in the stream.
  WITH leaf AS MATERIALIZED (
    SELECT k.oid, k.relreplident
      FROM pg_partition_tree(root) AS t
      JOIN pg_class AS k ON k.oid = t.relid AND k.relkind = 'r' AND k.relpersistence = 'p'
     WHERE t.isleaf
  ), identity_column AS (
    SELECT a.attname::text AS name, count(*) AS leaves
      FROM leaf AS l
      JOIN pg_index AS i
        ON i.indrelid = l.oid
       AND i.indisvalid
       AND CASE l.relreplident WHEN 'd' THEN i.indisprimary AND i.indimmediate WHEN 'i' THEN i.indisreplident ELSE false END
      JOIN pg_attribute AS a ON a.attrelid = l.oid AND a.attnum = ANY (i.indkey)
     GROUP BY a.attname
  ), incomplete AS (
    SELECT count(*) AS leaves FROM leaf AS l WHERE l.relreplident <> 'f'
  )
  SELECT jsonb_build_object(
    'full', EXISTS (SELECT FROM leaf AS l WHERE l.relreplident = 'f'),
    'common', CASE WHEN n.leaves > 0
                   THEN coalesce((SELECT jsonb_agg(c.name ORDER BY c.name) FROM identity_column AS c WHERE c.leaves = n.leaves), '[]') END,
    'any', coalesce((SELECT jsonb_agg(c.name ORDER BY c.name) FROM identity_column AS c), '[]'))
    FROM incomplete AS n
   WHERE EXISTS (SELECT FROM pg_class AS k WHERE k.oid = root AND k.relkind = 'p')
$$;

COMMENT ON FUNCTION integratedb.leaf_identities(oid) IS
'The replica identities of the partitions that hold the rows of a partitioned table: {full: whether one is FULL, '
'common: the columns that all others share, null without others, any: the columns of any of them}. Null for other '
'tables.';

CREATE OR REPLACE FUNCTION integratedb.control_channels(of_stakeholder bigint)
RETURNS jsonb
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT coalesce(
           jsonb_agg(jsonb_build_object(
                       'id', ch.id, 'name', ch.name, 'type', ch.type, 'paused', ch.paused_at IS NOT NULL, 'settings', ch.settings,
                       'max_queue_bytes', ch.settings -> 'max_queue_bytes', 'max_queue_age_s', ch.settings -> 'max_queue_age') ORDER BY ch.id),
           '[]')
    FROM integratedb.channel AS ch
   WHERE ch.stakeholder_id = of_stakeholder
$$;

COMMENT ON FUNCTION integratedb.control_channels(bigint) IS
'The channels of a stakeholder, in the form of control_state().';

CREATE OR REPLACE FUNCTION integratedb.control_routes(of_stakeholder bigint, relation_ids bigint[])
RETURNS TABLE (relid oid, fields text[], claim_id bigint, path text, route jsonb)
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Each relation is looked up, regardless of their number.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN QUERY
    SELECT r.relid, r.fields, r.claim_id, r.path,
           jsonb_build_object(
             'relid', r.relid::bigint, 'path', r.path, 'events', r.events, 'fields', r.fields, 'channels', r.channels,
             -- The stream shows a row of a partition as a row of its root, and does not show the replica identity that
             -- was used.
             'leaves', CASE WHEN k.relkind = 'p' THEN integratedb.leaf_identities(r.relid) END)
      FROM (SELECT n.claim_id, n.relid, n.path, n.events,
                   ARRAY(SELECT DISTINCT a.attname::text
                           FROM integratedb.claim_column AS cc
                           JOIN pg_attribute AS a ON a.attrelid = n.relid AND a.attnum = cc.attnum AND NOT a.attisdropped
                          WHERE cc.relation_id = n.relation_id
                          ORDER BY 1) AS fields,
                   ARRAY(SELECT ch.id
                           FROM integratedb.channel AS ch
                          WHERE ch.stakeholder_id = of_stakeholder
                            AND (n.channels IS NULL OR n.channels ?| ARRAY['*', ch.name, ch.type])
                          ORDER BY ch.id) AS channels
              FROM unnest(relation_ids) AS t (relation_id)
             -- OFFSET 0 makes the planner look up each relation, not search all relations of the stakeholder.
             CROSS JOIN LATERAL (
               SELECT n.*
                 FROM integratedb.notification AS n
                WHERE n.relation_id = t.relation_id
                  AND n.stakeholder_id = of_stakeholder
                  AND n.is_publishable
               OFFSET 0) AS n) AS r
      JOIN pg_class AS k ON k.oid = r.relid;
END
$$;

COMMENT ON FUNCTION integratedb.control_routes(bigint, bigint[]) IS
'The notifications of these rows of claim_relation, in the form of control_state(): one route for each relation that '
'is notified and can be published.';

CREATE OR REPLACE FUNCTION integratedb.control_state(of_stakeholder bigint)
RETURNS jsonb
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Nor are the columns of all tables read, where nothing was analysed since they came.
SET enable_seqscan = off
AS $$
  WITH claimed AS MATERIALIZED (
    SELECT ARRAY(
      SELECT cr.id
        FROM integratedb.specification AS s
        JOIN integratedb.claim AS c ON c.specification_id = s.id
        JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id
       WHERE s.stakeholder_id = of_stakeholder) AS relation_ids
  ), route AS MATERIALIZED (
    SELECT r.* FROM claimed AS c CROSS JOIN LATERAL integratedb.control_routes(of_stakeholder, c.relation_ids) AS r
  )
  SELECT jsonb_build_object(
    'id', st.id,
    'stakeholder', st.name,
    -- A login by this name must be this role: the daemon reads this row later than Postgres accepts a new password.
    'role', st.role_oid::bigint,
    'channels', ch.channels,
    'routes', coalesce((SELECT jsonb_agg(r.route ORDER BY r.claim_id, r.path) FROM route AS r), '[]'),
    'types', ty.structures,
    'schema', CASE WHEN ch.channels <> '[]' THEN integratedb.claimed_schema((SELECT c.relation_ids FROM claimed AS c)) ELSE '{}' END)
    -- Whether a type that is not described was left out, or not reached yet.
    || CASE WHEN ty.left_out THEN '{"types_left_out": true}' ELSE '{}' END::jsonb
    FROM integratedb.stakeholder AS st
   CROSS JOIN LATERAL (SELECT integratedb.control_channels(st.id) AS channels OFFSET 0) AS ch
   CROSS JOIN LATERAL (
     SELECT coalesce(array_agg(u.type_oid), '{}') AS types, coalesce(array_agg(u.owner), '{}') AS owners
       FROM (SELECT DISTINCT a.atttypid AS type_oid, k.relowner AS owner
               FROM route AS r
              CROSS JOIN LATERAL (SELECT k.relowner FROM pg_class AS k WHERE k.oid = r.relid OFFSET 0) AS k
              -- OFFSET 0: by their table, not out of all columns that there are.
              CROSS JOIN LATERAL (SELECT a.atttypid, a.attname FROM pg_attribute AS a WHERE a.attrelid = r.relid AND a.attnum > 0 OFFSET 0) AS a
              WHERE a.attname = ANY (r.fields)) AS u
     OFFSET 0) AS o
   CROSS JOIN LATERAL integratedb.type_structures(o.types, o.owners) AS ty
   WHERE st.id = of_stakeholder
$$;

COMMENT ON FUNCTION integratedb.control_state(bigint) IS
'Everything that the daemon must know of a stakeholder: the body of a control row of kind state.';

CREATE OR REPLACE FUNCTION integratedb.told_state(of_stakeholder bigint)
RETURNS jsonb
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
  RETURN (SELECT c.body FROM integratedb.control AS c WHERE c.kind = 'state' AND c.stakeholder_id = of_stakeholder ORDER BY c.id DESC LIMIT 1);
END
$$;

COMMENT ON FUNCTION integratedb.told_state(bigint) IS
'The last control_state() of a stakeholder that was sent to the daemon; null when none was sent.';

CREATE OR REPLACE FUNCTION integratedb.is_told(of_stakeholder bigint, relations oid[])
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Only a few relations are needed, so each is looked up.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  -- Without what may be long, and is not looked at.
  told CONSTANT jsonb := integratedb.told_state(of_stakeholder) - 'types';
  within CONSTANT jsonb := jsonb_build_object('relids', ARRAY(SELECT o.relid::bigint FROM unnest(relations) AS o (relid)));
  relation_ids CONSTANT bigint[] := ARRAY(
    SELECT cr.id
      FROM unnest(relations) AS o (relid)
     -- OFFSET 0 makes the planner go from the relations to their stakeholders. Otherwise it would read all relations of
     -- the stakeholder.
     CROSS JOIN LATERAL (SELECT cr.id, cr.claim_id FROM integratedb.claim_relation AS cr WHERE cr.relid = o.relid OFFSET 0) AS cr
     CROSS JOIN LATERAL (
       SELECT s.stakeholder_id
         FROM integratedb.claim AS c
         JOIN integratedb.specification AS s ON s.id = c.specification_id
        WHERE c.id = cr.claim_id
       OFFSET 0) AS s
     WHERE s.stakeholder_id = of_stakeholder);
  tables jsonb;
BEGIN
  IF told IS NULL
     OR (SELECT (told ->> 'stakeholder', (told ->> 'role')::bigint) IS DISTINCT FROM (st.name, st.role_oid::bigint)
           FROM integratedb.stakeholder AS st WHERE st.id = of_stakeholder)
     OR told -> 'channels' <> integratedb.control_channels(of_stakeholder)
     OR jsonb_path_query_array(told, '$.routes[*] ? (@.relid == $relids[*])', within)
        <> (SELECT coalesce(jsonb_agg(r.route ORDER BY r.claim_id, r.path), '[]')
              FROM integratedb.control_routes(of_stakeholder, relation_ids) AS r)
  THEN
    RETURN false;
  END IF;

  -- The state has the types of all columns together. They are unchanged if no type changed and the columns have the
  -- types of their last expansion, which an earlier transaction made.
  IF EXISTS (
    SELECT
      FROM unnest(relation_ids) AS t (relation_id)
     CROSS JOIN LATERAL (
       SELECT a.atttypid, cc.type_oid, cc.xmin AS written_by
         FROM integratedb.claim_relation AS cr
         JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id
         JOIN pg_attribute AS a ON a.attrelid = cr.relid AND a.attnum = cc.attnum AND NOT a.attisdropped
        WHERE cr.id = t.relation_id
       OFFSET 0) AS cc
     WHERE cc.type_oid IS DISTINCT FROM cc.atttypid
        OR integratedb.is_own_xid(cc.written_by)
  ) THEN
    RETURN false;
  END IF;

  IF told -> 'channels' = '[]' THEN
    RETURN true;
  END IF;
  tables := integratedb.claimed_schema(relation_ids);
  RETURN jsonb_array_length(jsonb_path_query_array(told, '$.schema.* ? (@.relid == $relids[*])', within)) = (SELECT count(*) FROM jsonb_object_keys(tables))
     AND NOT EXISTS (SELECT FROM jsonb_each(tables) AS t (path, value) WHERE told -> 'schema' -> t.path IS DISTINCT FROM t.value);
END
$$;

COMMENT ON FUNCTION integratedb.is_told(bigint, oid[]) IS
'Whether the last state that was sent to the daemon still holds for these relations and for the channels, if nothing '
'else can have changed. In doubt, false.';

CREATE OR REPLACE FUNCTION integratedb.untold_stakeholders(claims bigint[], relations oid[])
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
BEGIN
  RETURN ARRAY(
    SELECT st.id
      FROM (SELECT DISTINCT s.stakeholder_id AS id
              FROM unnest(claims) AS t (claim_id)
              JOIN integratedb.claim AS c ON c.id = t.claim_id
              JOIN integratedb.specification AS s ON s.id = c.specification_id
            OFFSET 0) AS st
     WHERE NOT integratedb.is_told(st.id, relations));
END
$$;

COMMENT ON FUNCTION integratedb.untold_stakeholders(bigint[], oid[]) IS
'The stakeholders whose state the daemon may need again after a transaction that affected only these claims and the '
'claims on these relations.';

CREATE OR REPLACE FUNCTION integratedb.schema_changes(old_schema jsonb, new_schema jsonb)
RETURNS TABLE (path text, changes jsonb)
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  WITH relation AS (
    SELECT path, o.value AS old, n.value AS new
      FROM jsonb_each(old_schema) AS o (path, value)
      FULL JOIN jsonb_each(new_schema) AS n (path, value) USING (path)
  ), change AS (
    SELECT r.path, 1 AS position, '' AS column_name,
           jsonb_build_object('change', CASE WHEN r.new IS NULL THEN 'table_gone' WHEN r.old IS NULL THEN 'table_added' ELSE 'table_recreated' END) AS change
      FROM relation AS r
     WHERE r.old -> 'relid' IS DISTINCT FROM r.new -> 'relid'
    UNION ALL
    SELECT r.path, 2, column_name,
           jsonb_strip_nulls(jsonb_build_object(
             'change', CASE WHEN new_column IS NULL THEN 'column_gone' WHEN old_column IS NULL THEN 'column_added' ELSE 'column_changed' END,
             'column', column_name, 'old', old_column, 'new', new_column))
      FROM relation AS r
     CROSS JOIN LATERAL (
       SELECT name AS column_name, r.old -> 'columns' -> name AS old_column, r.new -> 'columns' -> name AS new_column
         FROM (SELECT jsonb_object_keys(r.old -> 'columns') UNION SELECT jsonb_object_keys(r.new -> 'columns')) AS k (name)) AS both_columns
     WHERE r.old IS NOT NULL
       AND r.new IS NOT NULL
       AND old_column IS DISTINCT FROM new_column
  )
  SELECT c.path, jsonb_agg(c.change ORDER BY c.position, c.column_name) FROM change AS c GROUP BY c.path
$$;

COMMENT ON FUNCTION integratedb.schema_changes(jsonb, jsonb) IS
'The differences between two results of claimed_schema(), one row for each path.';

CREATE OR REPLACE FUNCTION integratedb.warn_of_left_out_types(after_id bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  names CONSTANT text[] := ARRAY(
    SELECT n.body ->> 'stakeholder'
      FROM integratedb.control AS n
     WHERE n.kind = 'state'
       AND n.id > after_id
       AND n.body ? 'types_left_out'
       AND NOT coalesce(
             (SELECT o.body ? 'types_left_out'
                FROM integratedb.control AS o
               WHERE o.kind = 'state'
                 AND o.stakeholder_id = n.stakeholder_id
                 AND o.id <= after_id
               ORDER BY o.id DESC
               LIMIT 1), false)
     ORDER BY 1);
BEGIN
  IF names <> '{}' THEN
    RAISE WARNING 'the types of the columns that % is notified of are too large: values of some are sent as text',
        array_to_string(names[:10], ', ') || CASE WHEN cardinality(names) > 10 THEN format(' and %s more', cardinality(names) - 10) ELSE '' END
      USING DETAIL = 'The daemon is told of up to 12000 attributes for a stakeholder: 8000 for the tables of one owner, 6000 of these in types of its own, 2000 in those of any other owner. The owners of tables have 3000 of them in equal shares. A type counts as 3 more.',
            HINT = 'Notify of fewer columns of composite types, or of smaller types.';
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.warn_of_left_out_types(bigint) IS 'Says which states left out types for the first time, of those behind this identifier.';

CREATE OR REPLACE FUNCTION integratedb.publish_control(submitted bigint[], added oid[], among bigint[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  last_id CONSTANT bigint := (SELECT max(c.id) FROM integratedb.control AS c);
BEGIN
  WITH latest AS MATERIALIZED (
    SELECT DISTINCT ON (c.stakeholder_id) c.stakeholder_id, c.body
      FROM integratedb.control AS c
     WHERE c.kind = 'state'
       AND (among IS NULL OR c.stakeholder_id = ANY (among))
     ORDER BY c.stakeholder_id, c.id DESC
  ), compared AS MATERIALIZED (
    SELECT st.id AS stakeholder_id, l.body AS old, integratedb.control_state(st.id) AS new
      FROM integratedb.stakeholder AS st
      LEFT JOIN latest AS l ON l.stakeholder_id = st.id
     WHERE (among IS NULL OR st.id = ANY (among))
       AND (l.body IS NOT NULL
            OR EXISTS (SELECT FROM integratedb.channel AS ch WHERE ch.stakeholder_id = st.id)
            OR EXISTS (SELECT FROM integratedb.notification AS n WHERE n.stakeholder_id = st.id))
    UNION ALL
    SELECT l.stakeholder_id, l.body,
           jsonb_build_object('id', l.stakeholder_id, 'stakeholder', l.body ->> 'stakeholder', 'channels', '[]'::jsonb, 'routes', '[]'::jsonb,
                              'types', '{}'::jsonb, 'schema', '{}'::jsonb)
      FROM latest AS l
     WHERE NOT EXISTS (SELECT FROM integratedb.stakeholder AS st WHERE st.id = l.stakeholder_id)
  ), schema_change AS (
    INSERT INTO integratedb.control (stakeholder_id, kind, body)
    SELECT d.stakeholder_id, 'schema_changed',
           jsonb_build_object(
             'id', d.stakeholder_id, 'stakeholder', d.new ->> 'stakeholder', 'subject', s.path,
             'data', jsonb_build_object(
               'path', s.path, 'changes', s.changes,
               'gap', coalesce((d.new #>> ARRAY['schema', s.path, 'relid'])::oid = ANY (added), false)))
      FROM compared AS d
     CROSS JOIN LATERAL integratedb.schema_changes(d.old -> 'schema', d.new -> 'schema') AS s
     WHERE d.new -> 'channels' <> '[]'
       AND d.old -> 'channels' <> '[]'
       -- A stakeholder does not need an event about what it has just asked for. It does need events about what it had
       -- before.
       AND (d.stakeholder_id <> ALL (submitted) OR (d.old -> 'schema' ? s.path AND d.new -> 'schema' ? s.path AND s.changes @> '[{"change": "column_changed"}]'))
     ORDER BY d.stakeholder_id, s.path
  )
  INSERT INTO integratedb.control (stakeholder_id, kind, body)
  SELECT d.stakeholder_id, 'state', d.new
    FROM compared AS d
   WHERE d.old IS DISTINCT FROM d.new
   ORDER BY d.stakeholder_id;

  PERFORM integratedb.note_notified_types();
  PERFORM integratedb.warn_of_left_out_types(coalesce(last_id, 0));

  -- Without a daemon, no reader needs the older rows.
  DELETE FROM integratedb.control AS c
   WHERE NOT EXISTS (SELECT FROM integratedb.slot)
     AND (c.kind <> 'state'
          OR EXISTS (SELECT FROM integratedb.control AS n WHERE n.kind = 'state' AND n.stakeholder_id = c.stakeholder_id AND n.id > c.id));
END
$$;

COMMENT ON FUNCTION integratedb.publish_control(bigint[], oid[], bigint[]) IS
'Writes control rows for all changes since the last ones. submitted: stakeholders whose own specification this '
'transaction replaced. added: tables that it added to the publications. among: of these stakeholders; null: of all.';
