-- Compares the keys that claims rely on with the indexes and foreign keys of the catalog. No row of a relation is read.

CREATE OR REPLACE VIEW integratedb.claimed_relation AS
  SELECT cr.id AS relation_id,
         cr.claim_id,
         cr.alternative,
         cr.schema_name,
         cr.relation_name,
         cr.path,
         cr.relid,
         k.oid AS present_relid,
         coalesce(k.relkind IN ('r', 'p'), false) AS is_table
    FROM integratedb.claim_relation AS cr
    LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = cr.schema_name
    -- OFFSET 0 makes the planner look up schema and name together, as in required_relation.
    LEFT JOIN LATERAL (
      SELECT k.oid, k.relkind
        FROM pg_catalog.pg_class AS k
       WHERE k.relnamespace = n.oid
         AND k.relname = cr.relation_name
         AND k.relkind IN ('r', 'v', 'm', 'f', 'p')
      OFFSET 0) AS k ON true;

COMMENT ON VIEW integratedb.claimed_relation IS
'The relations of all claims, with the relations that the catalog has under their names now. is_table: whether the '
'present relation can have keys.';

CREATE OR REPLACE VIEW integratedb.field_column AS
  SELECT r.claim_id,
         r.alternative,
         cc.relation_id,
         cc.field,
         cc.column_name AS name,
         cc.optional,
         r.present_relid AS relid,
         present.attnum,
         present.attname AS column_name
    FROM integratedb.claim_column AS cc
    JOIN integratedb.claimed_relation AS r ON r.relation_id = cc.relation_id
    LEFT JOIN LATERAL (
      SELECT a.attnum, a.attname
        FROM integratedb.claim_column AS choice
        JOIN pg_catalog.pg_attribute AS a
          ON a.attrelid = r.present_relid AND a.attname = choice.column_name AND a.attnum > 0 AND NOT a.attisdropped
       WHERE choice.relation_id = cc.relation_id
         AND choice.field = cc.field
         -- A field without alternatives has no other column. With alternatives, the conditions of failing_column decide.
         AND (choice.choices = 1
              OR (((a.atttypid = choice.type_oid AND a.atttypmod = choice.type_modifier AND choice.type_oid < 16384)
                   OR integratedb.type_fits(a.atttypid, a.atttypmod, choice.type, choice.min_length))
                  AND (coalesce(choice.is_nullable, true) OR a.attnotnull OR integratedb.is_domain_not_null(a.atttypid))))
       ORDER BY choice.field_alternative
       LIMIT 1) AS present ON true
   WHERE cc.field_alternative = 0;

COMMENT ON VIEW integratedb.field_column IS
'The fields of all claims by their names, which are the names of their first alternatives, with the columns that serve '
'them now: of each field, the first alternative that exists as it is claimed. attnum and column_name are null while no '
'column does. Privileges are not considered.';

CREATE OR REPLACE VIEW integratedb.key_target AS
  SELECT k.relation_id,
         k.key,
         t.relid,
         t.is_table,
         CASE WHEN k.to_fields IS NULL
              THEN (SELECT con.conkey FROM pg_catalog.pg_constraint AS con WHERE con.conrelid = t.relid AND con.contype = 'p')
              ELSE (SELECT pg_catalog.array_agg(coalesce(f.attnum, a.attnum) ORDER BY wanted.position)
                      FROM pg_catalog.unnest(k.to_fields) WITH ORDINALITY AS wanted (name, position)
                      LEFT JOIN integratedb.field_column AS f ON f.relation_id = t.relation_id AND f.name = wanted.name
                      LEFT JOIN pg_catalog.pg_attribute AS a
                             ON a.attrelid = t.relid AND a.attname = wanted.name AND a.attnum > 0 AND NOT a.attisdropped)
              END AS attnums
    FROM integratedb.claim_key AS k
   CROSS JOIN LATERAL (
     SELECT p.oid AS relid, p.relkind IN ('r', 'p') AS is_table, NULL::bigint AS relation_id
       FROM pg_catalog.pg_namespace AS n
       JOIN pg_catalog.pg_class AS p ON p.relnamespace = n.oid AND p.relkind IN ('r', 'v', 'm', 'f', 'p')
      WHERE n.nspname = k.to_schema_name
        AND p.relname = k.to_relation_name
     UNION ALL
     -- The name of a claimed table is that of its first alternative, whichever serves the match now.
     SELECT r.present_relid, r.is_table, r.relation_id
       FROM integratedb.claim AS c
       JOIN integratedb.claimed_relation AS r ON r.claim_id = c.id
      WHERE c.specification_id = k.specification_id
        AND c.path = k.to_path
        AND c.wildcard_schema IS NULL
        AND r.present_relid IS NOT NULL
     OFFSET 0) AS t
   WHERE k.kind = 'references';

COMMENT ON VIEW integratedb.key_target IS
'The relations that references of claims may mean now, with the referenced columns in the order of the fields: the '
'relation of that name, and those that serve the match of the same specification whose first alternative has that '
'name. attnums contains null where a column does not exist, and is null where a primary key is meant and missing.';

CREATE OR REPLACE VIEW integratedb.key_index AS
  SELECT i.indrelid AS relid,
         i.indexrelid,
         -- An int2vector counts from 0. Included columns stand behind the key.
         (i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1] AS attnums,
         i.indisvalid,
         i.indpred IS NOT NULL AS is_partial
    FROM pg_catalog.pg_index AS i
   WHERE i.indisunique
     AND i.indislive
     AND NOT i.indisexclusion
     AND i.indexprs IS NULL;

COMMENT ON VIEW integratedb.key_index IS
'Unique indexes of columns, also those of unique constraints and primary keys. One that is valid and not partial makes '
'its columns a unique key.';

CREATE OR REPLACE VIEW integratedb.key_reference AS
  SELECT con.conrelid AS relid, con.oid, con.conname, con.confrelid, con.conkey, con.confkey, con.convalidated
    FROM pg_catalog.pg_constraint AS con
   WHERE con.contype = 'f'
     -- A foreign key to a partitioned table has one more row for each partition of that table.
     AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_constraint AS up WHERE up.oid = con.conparentid AND up.conrelid = con.conrelid);

COMMENT ON VIEW integratedb.key_reference IS 'Foreign keys of relations, each once.';

CREATE OR REPLACE VIEW integratedb.present_key AS
  SELECT r.claim_id,
         r.alternative,
         r.relation_id,
         r.path,
         r.schema_name,
         r.relation_name,
         r.relid,
         r.present_relid,
         r.is_table,
         k.key,
         k.kind,
         k.optional,
         k.fields,
         own.attnums,
         k.to_path,
         k.to_fields,
         k.to_relid,
         CASE k.kind
           WHEN 'unique' THEN
             NOT r.is_table
             OR EXISTS (
               SELECT FROM integratedb.key_index AS i
                WHERE i.relid = r.present_relid
                  AND i.indisvalid
                  AND NOT i.is_partial
                  AND pg_catalog.cardinality(i.attnums) = pg_catalog.cardinality(own.attnums)
                  AND i.attnums OPERATOR(pg_catalog.<@) own.attnums
                  AND own.attnums OPERATOR(pg_catalog.<@) i.attnums)
           ELSE EXISTS (
             SELECT FROM integratedb.key_target AS t
              WHERE t.relation_id = k.relation_id
                AND t.key = k.key
                AND pg_catalog.cardinality(t.attnums) = pg_catalog.cardinality(own.attnums)
                AND pg_catalog.array_position(t.attnums, NULL) IS NULL
                AND (NOT r.is_table
                     OR NOT t.is_table
                     OR EXISTS (
                       SELECT FROM integratedb.key_reference AS f
                        WHERE f.relid = r.present_relid
                          AND f.confrelid = t.relid
                          AND f.convalidated
                          AND pg_catalog.cardinality(f.conkey) = pg_catalog.cardinality(own.attnums)
                          AND NOT EXISTS (
                            SELECT FROM ROWS FROM (pg_catalog.unnest(own.attnums), pg_catalog.unnest(t.attnums)) AS wanted (own, other)
                             WHERE NOT EXISTS (
                               SELECT FROM ROWS FROM (pg_catalog.unnest(f.conkey), pg_catalog.unnest(f.confkey)) AS had (own, other)
                                WHERE had.own = wanted.own AND had.other = wanted.other)))))
           END
         AND pg_catalog.array_position(own.attnums, NULL) IS NULL AS is_met
    FROM integratedb.claim_key AS k
    JOIN integratedb.claimed_relation AS r ON r.relation_id = k.relation_id
   CROSS JOIN LATERAL (
     SELECT pg_catalog.array_agg(f.attnum ORDER BY wanted.position) AS attnums
       FROM pg_catalog.unnest(k.fields) WITH ORDINALITY AS wanted (name, position)
       LEFT JOIN integratedb.field_column AS f ON f.relation_id = k.relation_id AND f.name = wanted.name
     OFFSET 0) AS own
   WHERE r.present_relid IS NOT NULL;

COMMENT ON VIEW integratedb.present_key IS
'The keys of claimed relations that exist, with the columns that serve their fields (attnums, in the order of the '
'fields, null where none does), and whether the catalog has such a key (is_met). A relation that is no table needs no '
'key, and neither does a reference to one: then the claim states the relationship.';

CREATE OR REPLACE FUNCTION integratedb.is_key_met(of_relation bigint, of_key integer)
RETURNS boolean
LANGUAGE plpgsql -- PL/pgSQL keeps the plan: planning takes a hundred times as long as running
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN coalesce((SELECT k.is_met FROM integratedb.present_key AS k WHERE k.relation_id = of_relation AND k.key = of_key), true);
END
$$;

COMMENT ON FUNCTION integratedb.is_key_met(bigint, integer) IS
'Whether the catalog has a key that a claim relies on (claim_key.relation_id and key). True where the claimed relation '
'does not exist, which is a problem of its own.';

CREATE OR REPLACE VIEW integratedb.failing_key AS
  SELECT c.id AS claim_id, cr.alternative, c.alternatives, k.relation_id, k.key
    FROM integratedb.claim AS c
    JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id
    JOIN integratedb.claim_key AS k ON k.relation_id = cr.id
   WHERE NOT c.optional
     AND NOT k.optional
     -- A function, because most databases have no such claims, and should not spend the time to plan its query.
     AND NOT integratedb.is_key_met(k.relation_id, k.key);

COMMENT ON VIEW integratedb.failing_key IS
'Keys of non-optional claims that the present catalog does not satisfy, where the relation exists.';

CREATE OR REPLACE FUNCTION integratedb.name_list(relid oid, attnums smallint[])
RETURNS text
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY n.position)
    FROM unnest(attnums) WITH ORDINALITY AS n (attnum, position)
    JOIN pg_attribute AS a ON a.attrelid = relid AND a.attnum = n.attnum
$$;

COMMENT ON FUNCTION integratedb.name_list(oid, smallint[]) IS 'These columns of a relation, as SQL lists them.';

CREATE OR REPLACE FUNCTION integratedb.key_problems(claims bigint[])
RETURNS TABLE (
  claim_id bigint,
  alternative integer,
  path text,
  property text,
  expected jsonb,
  said text,
  relation_name name,
  relid oid,
  present_relid oid,
  renamed_relation text,
  cure text,
  relation_id bigint,
  key integer
)
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
BEGIN
  IF NOT EXISTS (SELECT FROM integratedb.claim_key) THEN
    RETURN;
  END IF;

  RETURN QUERY
  SELECT k.claim_id,
         k.alternative,
         k.path,
         k.kind,
         CASE k.kind WHEN 'unique' THEN to_jsonb(k.fields)
                     ELSE jsonb_strip_nulls(jsonb_build_object('fields', k.fields, 'to', k.to_path, 'to_fields', k.to_fields)) END,
         CASE k.kind
           WHEN 'unique' THEN format('expected a unique key of (%s), found ', own.list)
             || CASE WHEN own.missing IS NOT NULL THEN 'no column ' || own.missing
                     ELSE coalesce(near_index.found, 'none') END
           ELSE format('expected a foreign key (%s) to %s%s, found ', own.list, k.to_path, coalesce(' (' || wanted.list || ')', ''))
             || CASE WHEN own.missing IS NOT NULL THEN 'no column ' || own.missing
                     WHEN target.relid IS NULL THEN 'no such table' || coalesce('; it was renamed to ' || moved.path, '')
                     WHEN target.attnums IS NULL THEN 'no primary key there'
                     WHEN array_position(target.attnums, NULL) IS NOT NULL THEN 'not all of these columns there'
                     WHEN cardinality(target.attnums) <> cardinality(k.attnums) THEN format('a primary key of %s columns there', cardinality(target.attnums))
                     WHEN near_reference.conname IS NOT NULL THEN format('%I, which is NOT VALID', near_reference.conname)
                     ELSE 'none' END
           END,
         k.relation_name,
         k.relid,
         k.present_relid,
         moved.path,
         CASE WHEN own.missing IS NOT NULL THEN NULL
              WHEN k.kind = 'unique' THEN
                format('ALTER TABLE %I.%I ADD UNIQUE (%s)', k.schema_name, k.relation_name, integratedb.name_list(k.present_relid, k.attnums))
              WHEN near_reference.conname IS NOT NULL THEN
                format('ALTER TABLE %I.%I VALIDATE CONSTRAINT %I', k.schema_name, k.relation_name, near_reference.conname)
              WHEN cardinality(target.attnums) = cardinality(k.attnums) AND array_position(target.attnums, NULL) IS NULL THEN
                format('ALTER TABLE %I.%I ADD FOREIGN KEY (%s) REFERENCES %s (%s)', k.schema_name, k.relation_name,
                       integratedb.name_list(k.present_relid, k.attnums),
                       (SELECT format('%I.%I', r.schema_name, r.relation_name) FROM integratedb.readable_relation AS r WHERE r.oid = target.relid),
                       integratedb.name_list(target.relid, target.attnums))
         END AS cure,
         k.relation_id,
         k.key
    FROM integratedb.failing_key AS failing
    JOIN integratedb.present_key AS k ON k.relation_id = failing.relation_id AND k.key = failing.key
   CROSS JOIN LATERAL (
     SELECT string_agg(quote_ident(f.name), ', ' ORDER BY f.position) AS list,
            min(quote_ident(f.name)) FILTER (WHERE k.attnums[f.position] IS NULL) AS missing
       FROM unnest(k.fields) WITH ORDINALITY AS f (name, position)) AS own
   CROSS JOIN LATERAL (
     SELECT string_agg(quote_ident(f.name), ', ' ORDER BY f.position) AS list
       FROM unnest(k.to_fields) WITH ORDINALITY AS f (name, position)) AS wanted
    LEFT JOIN LATERAL (
     SELECT format('only index %I, which is %s', x.relname, CASE WHEN i.is_partial THEN 'partial' ELSE 'not valid' END) AS found
       FROM integratedb.key_index AS i
       JOIN pg_class AS x ON x.oid = i.indexrelid
      WHERE k.kind = 'unique'
        AND i.relid = k.present_relid
        AND i.attnums <@ k.attnums
        AND k.attnums <@ i.attnums
      ORDER BY x.relname
      LIMIT 1) AS near_index ON true
    LEFT JOIN LATERAL (
     SELECT t.relid, t.attnums
       FROM integratedb.key_target AS t
      WHERE t.relation_id = k.relation_id AND t.key = k.key
      ORDER BY t.attnums IS NULL, array_position(t.attnums, NULL) IS NOT NULL
      LIMIT 1) AS target ON true
    LEFT JOIN LATERAL (
     SELECT f.conname
       FROM integratedb.key_reference AS f
      WHERE f.relid = k.present_relid
        AND f.confrelid = target.relid
        AND NOT f.convalidated
        AND f.conkey <@ k.attnums
        AND k.attnums <@ f.conkey
        AND f.confkey <@ target.attnums
        AND target.attnums <@ f.confkey
      ORDER BY f.conname
      LIMIT 1) AS near_reference ON true
    LEFT JOIN LATERAL (
     SELECT integratedb.path_of(r.schema_name, r.relation_name) AS path
       FROM integratedb.readable_relation AS r
      WHERE r.oid = k.to_relid
        AND target.relid IS NULL
        AND EXISTS (SELECT FROM integratedb.serialisation AS lock WHERE lock.armed_for IS NOT NULL)) AS moved ON true
   WHERE failing.claim_id = ANY (claims)
     -- A field that no column serves is a problem of its own. Under "*", a column that is missing is not a field.
     AND NOT EXISTS (
       SELECT FROM unnest(k.fields) WITH ORDINALITY AS f (name, position)
         JOIN integratedb.claim_column AS cc ON cc.relation_id = k.relation_id AND cc.field_alternative = 0 AND cc.column_name = f.name
        WHERE k.attnums[f.position] IS NULL);
END
$$;

COMMENT ON FUNCTION integratedb.key_problems(bigint[]) IS
'The keys that these claims rely on and that the catalog does not have, for problems_of(). cure: the statement that '
'makes the key.';

CREATE OR REPLACE FUNCTION integratedb.keys_resting_on(classid oid, objid oid)
RETURNS TABLE (claim_id bigint, alternative integer, path text)
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
DECLARE
  of_relation oid;
  of_attnums smallint[];
  of_kind text;
BEGIN
  IF classid = 'pg_class'::regclass THEN
    SELECT 'unique', i.relid, i.attnums INTO of_kind, of_relation, of_attnums FROM integratedb.key_index AS i WHERE i.indexrelid = objid;
  ELSIF classid = 'pg_constraint'::regclass THEN
    SELECT 'references', f.relid, f.conkey INTO of_kind, of_relation, of_attnums FROM integratedb.key_reference AS f WHERE f.oid = objid;
  END IF;
  IF NOT EXISTS (
    SELECT FROM integratedb.claim_relation AS cr JOIN integratedb.claim_key AS k ON k.relation_id = cr.id WHERE cr.relid = of_relation
  ) THEN
    RETURN;
  END IF;

  RETURN QUERY
    SELECT k.claim_id, k.alternative, k.path
      FROM integratedb.claim_relation AS cr
      JOIN integratedb.present_key AS k ON k.relation_id = cr.id
     WHERE cr.relid = of_relation
       AND k.kind = of_kind
       AND NOT k.optional
       AND k.attnums <@ of_attnums
       AND of_attnums <@ k.attnums;
END
$$;

COMMENT ON FUNCTION integratedb.keys_resting_on(oid, oid) IS
'The alternatives of claims that rely on a key of the columns of this index or foreign key. None for other objects.';

CREATE OR REPLACE FUNCTION integratedb.claims_by_keys(of_xid xid8, relations oid[], since_event bigint, touched bigint[])
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
  locked oid[];
BEGIN
  IF NOT EXISTS (SELECT FROM integratedb.claim_key) THEN
    RETURN ARRAY[]::bigint[];
  END IF;

  -- The event of a dropped index does not name its table, and that of a constraint may not be logged. Whoever drops one
  -- locks the table.
  IF EXISTS (
    SELECT FROM integratedb.ddl_event AS e
     WHERE e.xid = of_xid
       AND e.dropped
       AND e.object_type IN ('index', 'table constraint')
       AND CASE WHEN since_event IS NULL THEN e.checked ELSE e.id >= since_event END
  ) THEN
    locked := ARRAY(
      SELECT DISTINCT l.relation
        FROM pg_locks AS l
       WHERE l.locktype = 'relation'
         AND l.pid = pg_backend_pid()
         AND l.mode = 'AccessExclusiveLock'
         AND l.database = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database()));
  END IF;

  -- OFFSET 0 makes the planner look up each row. Otherwise it would compare all with all.
  RETURN ARRAY(
    SELECT cr.claim_id
      FROM unnest(locked) AS l (relid)
     CROSS JOIN LATERAL (SELECT cr.id, cr.claim_id FROM integratedb.claim_relation AS cr WHERE cr.relid = l.relid OFFSET 0) AS cr
     WHERE EXISTS (SELECT FROM integratedb.claim_key AS k WHERE k.relation_id = cr.id)
    UNION
    SELECT cr.claim_id
      FROM (SELECT k.relation_id FROM integratedb.claim_key AS k WHERE k.to_relid = ANY (relations)
            UNION
            SELECT k.relation_id
              FROM integratedb.ddl_event AS e
             CROSS JOIN LATERAL (
               SELECT k.relation_id FROM integratedb.claim_key AS k
                WHERE k.to_relation_name = e.relation_name AND k.to_schema_name = e.schema_name
               OFFSET 0) AS k
             WHERE e.xid = of_xid
               AND e.relation_name IS NOT NULL
               AND CASE WHEN since_event IS NULL THEN e.checked ELSE e.id >= since_event END
            UNION
            -- A reference means the table that serves a match of the same specification.
            SELECT k.relation_id
              FROM unnest(touched) AS t (claim_id)
             CROSS JOIN LATERAL (
               SELECT cr.schema_name, cr.relation_name, c.specification_id
                 FROM integratedb.claim AS c
                 JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id AND cr.alternative = 0
                WHERE c.id = t.claim_id
                  AND c.wildcard_schema IS NULL
               OFFSET 0) AS named
             CROSS JOIN LATERAL (
               SELECT k.relation_id FROM integratedb.claim_key AS k
                WHERE (k.to_relation_name, k.to_schema_name, k.specification_id) = (named.relation_name, named.schema_name, named.specification_id)
               OFFSET 0) AS k) AS reference
     CROSS JOIN LATERAL (SELECT cr.claim_id FROM integratedb.claim_relation AS cr WHERE cr.id = reference.relation_id OFFSET 0) AS cr);
END
$$;

COMMENT ON FUNCTION integratedb.claims_by_keys(xid8, oid[], bigint, bigint[]) IS
'The claims whose keys a transaction''s schema changes can affect: it dropped an index or a constraint of their '
'relations, or changed a referenced relation. Arguments as for touched_claims(); touched: the claims whose relations '
'it changed.';

CREATE OR REPLACE FUNCTION integratedb.lost_key_here(of_relation bigint, of_key integer)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  k CONSTANT integratedb.claim_key := (
    SELECT k FROM integratedb.claim_key AS k WHERE (k.relation_id, k.key) = (of_relation, of_key));
  own CONSTANT oid := (SELECT r.present_relid FROM integratedb.claimed_relation AS r WHERE r.relation_id = of_relation);
  -- The referenced relation: as recorded, as it is now, and as the alternatives of its match are recorded.
  others CONSTANT oid[] := ARRAY(
    SELECT k.to_relid WHERE k.to_relid IS NOT NULL
    UNION
    SELECT t.relid FROM integratedb.key_target AS t WHERE (t.relation_id, t.key) = (of_relation, of_key)
    UNION
    SELECT cr.relid
      FROM integratedb.claim AS c
      JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id
     WHERE c.specification_id = k.specification_id
       AND c.path = k.to_path
       AND cr.relid IS NOT NULL);
BEGIN
  RETURN
    -- An index or a constraint of one of the two was dropped. Its event may have the old name of a renamed table.
    EXISTS (
      SELECT FROM integratedb.ddl_event AS e
       CROSS JOIN unnest(own || others) AS place (relid)
        JOIN pg_class AS r ON r.oid = place.relid
        JOIN pg_namespace AS n ON n.oid = r.relnamespace
        LEFT JOIN pg_type AS row_type ON row_type.oid = r.reltype
       WHERE e.xid = pg_current_xact_id()
         AND e.checked
         AND e.dropped
         AND e.object_type IN ('index', 'table constraint')
         AND ((e.schema_name = n.nspname AND coalesce(e.relation_name = r.relname, true))
              OR integratedb.is_own_xid(row_type.xmin)
              OR integratedb.is_own_xid(n.xmin)))
    -- The referenced relation was dropped, or a column of one of the two.
    OR EXISTS (
      SELECT FROM integratedb.ddl_event AS e
       WHERE e.xid = pg_current_xact_id()
         AND e.checked
         AND e.dropped
         AND (e.objid = ANY (others)
              OR (e.objid = own AND e.column_name IS NOT NULL)
              OR (k.to_relid IS NULL AND e.relation_name = k.to_relation_name)))
    -- The referenced relation was renamed or moved.
    OR EXISTS (
      SELECT FROM pg_class AS r
        JOIN pg_namespace AS n ON n.oid = r.relnamespace
        LEFT JOIN pg_type AS row_type ON row_type.oid = r.reltype
       WHERE r.oid = ANY (others)
         AND (integratedb.is_own_xid(row_type.xmin) OR integratedb.is_own_xid(n.xmin)))
    -- Another column serves a field now, or a referenced column was renamed.
    OR EXISTS (
      SELECT FROM integratedb.claim_column AS first
        JOIN integratedb.claim_column AS choice ON choice.relation_id = first.relation_id AND choice.field = first.field
        JOIN pg_attribute AS a ON a.attrelid = own AND (a.attnum = choice.attnum OR a.attname = choice.column_name)
       WHERE first.relation_id = of_relation
         AND first.field_alternative = 0
         AND first.column_name = ANY (k.fields)
         AND integratedb.is_own_xid(a.xmin))
    OR EXISTS (
      SELECT FROM pg_attribute AS a WHERE a.attrelid = ANY (others) AND a.attnum > 0 AND integratedb.is_own_xid(a.xmin))
    -- A foreign key is not enforced any more.
    OR EXISTS (
      SELECT FROM integratedb.key_reference AS f
        JOIN pg_constraint AS con ON con.oid = f.oid
       WHERE f.relid = own
         AND NOT f.convalidated
         AND integratedb.is_own_xid(con.xmin));
END
$$;

COMMENT ON FUNCTION integratedb.lost_key_here(bigint, integer) IS
'Whether this transaction may have taken a key away that a claim relies on (claim_key.relation_id and key): the '
'evidence for made_unmet_here().';
