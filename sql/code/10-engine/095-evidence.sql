-- Finds the transaction that made a claim unmet: evidence that it was the present one. In doubt, the present
-- transaction counts as the cause.

CREATE OR REPLACE FUNCTION integratedb.wrote_type(type_oid oid, on_behalf_of name DEFAULT NULL)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- Domains and arrays are followed to any depth, because a claim on a column may name a type under them.
  WITH RECURSIVE part AS (
    SELECT t.oid, t.xmin AS written_by, t.typowner, t.typnamespace, t.typbasetype, t.typelem FROM pg_type AS t WHERE t.oid = type_oid
    UNION
    SELECT t.oid, t.xmin, t.typowner, t.typnamespace, t.typbasetype, t.typelem
      FROM part AS p
      JOIN pg_type AS t ON t.oid = ANY (ARRAY[p.typbasetype, p.typelem])
  )
  SELECT EXISTS (
    SELECT FROM part AS p
      JOIN pg_namespace AS n ON n.oid = p.typnamespace
      LEFT JOIN pg_roles AS r ON r.rolname = on_behalf_of
     WHERE (integratedb.is_own_xid(p.written_by) AND (on_behalf_of IS NULL OR pg_has_role(r.oid, p.typowner, 'USAGE')))
        OR (integratedb.is_own_xid(n.xmin) AND (on_behalf_of IS NULL OR pg_has_role(r.oid, n.nspowner, 'USAGE'))))
$$;

COMMENT ON FUNCTION integratedb.wrote_type(oid, name) IS
'Whether this transaction wrote the catalog row of a type, of a type under it (as a domain or an array), or of their '
'schemas. on_behalf_of: counts only objects whose owner''s rights this role has; null: counts all.';

CREATE OR REPLACE FUNCTION integratedb.binds_own_types_only(role_oid oid, role_name name)
RETURNS name
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- A dropped role may have been an admin, so its claims stay binding for all types.
  SELECT s.name FROM integratedb.submitter(role_oid, role_name) AS s (name) WHERE NOT integratedb.is_admin(s.name)
$$;

COMMENT ON FUNCTION integratedb.binds_own_types_only(oid, name) IS
'The submitter of a claim, if the submitter is only the owner of a table. Such a claim does not keep other roles from '
'changing their types. Null for an admin, who may claim anything.';

CREATE OR REPLACE FUNCTION integratedb.made_unmet_by_types(claims bigint[])
RETURNS bigint[]
LANGUAGE sql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT coalesce(array_agg(DISTINCT p.claim_id), '{}')
    FROM integratedb.problems_of(claims) AS p
    JOIN pg_attribute AS a ON a.attrelid = p.relid AND a.attnum = p.attnum
   WHERE p.property IN ('type', 'min_length', 'is_nullable')
     AND integratedb.wrote_type(a.atttypid)
$$;

COMMENT ON FUNCTION integratedb.made_unmet_by_types(bigint[]) IS
'The unmet claims among these that the change of a type in this transaction made unmet. Adds to made_unmet_here() the '
'types that do not belong to the submitter.';

CREATE OR REPLACE FUNCTION integratedb.made_untellable_here(claims bigint[])
RETURNS bigint[]
LANGUAGE sql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  WITH event AS MATERIALIZED (
    SELECT e.* FROM integratedb.ddl_event AS e WHERE e.xid = pg_current_xact_id() AND e.checked
  ), place AS (
    -- The table or partition that cannot be notified, and its partitioned tables. Constraints may be dropped, and
    -- partitions attached, at any of these.
    SELECT DISTINCT p.claim_id, p.property, p.field, p.leaf, tree.relid
      FROM integratedb.notification_problem AS p
     CROSS JOIN LATERAL (
       SELECT p.leaf AS relid
       UNION
       SELECT a.relid::oid FROM pg_partition_ancestors(p.leaf) AS a) AS tree
     WHERE p.claim_id = ANY (claims)
  )
  SELECT coalesce(array_agg(DISTINCT p.claim_id), '{}')
    FROM place AS p
    JOIN pg_class AS k ON k.oid = p.relid
    JOIN pg_namespace AS n ON n.oid = k.relnamespace
    LEFT JOIN pg_type AS row_type ON row_type.oid = k.reltype
   CROSS JOIN LATERAL (
     -- The relation was created, renamed or moved in this transaction. Parts that were dropped before have its old name
     -- in the log.
     SELECT coalesce(integratedb.is_own_xid(row_type.xmin), false) OR integratedb.is_own_xid(n.xmin) AS is_new) AS here
   WHERE EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhrelid = p.relid AND integratedb.is_own_xid(i.xmin))
      OR (p.relid = p.leaf AND coalesce(integratedb.is_own_xid(row_type.xmin), false))
      OR (p.property = 'table' AND NOT k.relispartition AND integratedb.is_own_xid(k.xmin))
      OR (p.property IN ('column', 'replica_identity')
          AND EXISTS (
            SELECT FROM pg_attribute AS a
             WHERE a.attrelid = p.leaf
               AND a.attgenerated <> ''
               AND a.attname = coalesce(p.field, a.attname)
               AND integratedb.is_own_xid(a.xmin)))
      OR (p.property = 'replica_identity'
          AND p.relid = p.leaf
          AND integratedb.is_own_xid(k.xmin)
          AND EXISTS (SELECT FROM integratedb.identity_change AS i WHERE i.xid = pg_current_xact_id() AND i.relid = p.leaf))
      OR (p.property = 'replica_identity'
          AND EXISTS (
            SELECT FROM event AS e
             WHERE (e.dropped AND e.column_name IS NOT NULL AND e.objid = p.relid)
                -- The event of an index does not name the table, but the table was in the same schema.
                OR (e.dropped
                    AND e.checked
                    AND e.object_type IN ('index', 'table constraint')
                    AND (here.is_new OR (e.schema_name = n.nspname AND coalesce(e.relation_name = k.relname, true))))))
$$;

COMMENT ON FUNCTION integratedb.made_untellable_here(bigint[]) IS
'The notification claims among these that this transaction made impossible to notify. The others were impossible '
'before, by a change that the event triggers did not see.';

CREATE OR REPLACE FUNCTION integratedb.made_unmet_here(claims bigint[])
RETURNS bigint[]
LANGUAGE sql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- This transaction is the cause if it dropped an object of the baseline, or wrote the catalog row that shows the
  -- problem. The row type of a table is renamed and moved with it, and no other change of the table writes the row
  -- type.
  WITH event AS MATERIALIZED (
    SELECT e.* FROM integratedb.ddl_event AS e WHERE e.xid = pg_current_xact_id() AND e.checked
  ), problem AS (
    -- Problems of notifications have no expected value. made_untellable_here() has the evidence for them.
    SELECT p.* FROM integratedb.problems_of(claims) AS p WHERE p.expected IS NOT NULL
  )
  SELECT coalesce(array_agg(DISTINCT p.claim_id), '{}') || integratedb.made_untellable_here(claims)
    FROM problem AS p
    JOIN integratedb.claim AS c ON c.id = p.claim_id
    JOIN integratedb.specification AS s ON s.id = c.specification_id
    LEFT JOIN pg_class AS k ON k.oid = p.relid
    LEFT JOIN pg_type AS row_type ON row_type.oid = k.reltype
    LEFT JOIN pg_namespace AS n ON n.oid = k.relnamespace
   CROSS JOIN LATERAL (
     -- The relation was recreated while Python was missing, so the baseline records another table.
     SELECT k.oid IS NULL AND c.sync_pending_since IS NOT NULL AS stale
   ) AS record
    LEFT JOIN pg_attribute AS a
           ON a.attrelid = CASE WHEN record.stale THEN p.present_relid ELSE p.relid END
          AND a.attnum = CASE WHEN record.stale THEN p.present_attnum ELSE p.attnum END
   WHERE (p.relation_name IS NULL
          AND EXISTS (SELECT FROM event AS e WHERE e.object_type = 'schema' AND (e.dropped OR e.command_tag = 'ALTER SCHEMA')))
      OR (p.present_relid IS DISTINCT FROM p.relid
          AND (integratedb.is_own_xid(row_type.xmin)
               OR integratedb.is_own_xid(n.xmin)
               OR EXISTS (
                 SELECT FROM event AS e
                  WHERE e.dropped AND e.classid = 'pg_class'::regclass AND e.objid = p.relid AND e.column_name IS NULL AND e.object_type <> 'policy')))
      -- After a restore, and for an alternative that never existed, only names can be compared.
      OR ((p.relid IS NULL OR record.stale)
          AND EXISTS (
            SELECT FROM event AS e
              LEFT JOIN pg_class AS m ON m.oid = e.objid AND e.classid = 'pg_class'::regclass
              LEFT JOIN pg_type AS mt ON mt.oid = m.reltype
             WHERE (e.dropped AND e.relation_name = p.relation_name AND e.column_name IS NULL)
                OR (e.command_tag LIKE 'ALTER %' AND integratedb.is_own_xid(mt.xmin))))
      OR ((p.attnum IS NULL OR record.stale)
          AND p.property = 'column'
          AND EXISTS (
            SELECT FROM event AS e
             WHERE e.relation_name = p.relation_name
               AND CASE WHEN e.dropped THEN coalesce(e.column_name = p.field, true)
                        ELSE e.column_name IS NOT NULL END)) -- RENAME COLUMN: the event has the new name
      OR (p.property IN ('column', 'type', 'min_length', 'is_nullable')
          AND (integratedb.is_own_xid(a.xmin)
               -- The owner of a table has no claim on types of other roles, even if the table uses them.
               OR integratedb.wrote_type(a.atttypid, integratedb.binds_own_types_only(s.handed_in_by_oid, s.handed_in_by))))
      -- A grant of ours is lost by REVOKE, or by a change of the owner and back. In the second case Postgres merges the
      -- grants of the temporary owner into the owner's privileges, which only columns show. A privilege from another
      -- source may be lost by any change of the owner.
      OR (p.property = 'privilege'
          AND NOT p.lies_behind
          AND (integratedb.is_own_xid(k.xmin) OR integratedb.is_own_xid(a.xmin) OR integratedb.is_own_xid(n.xmin))
          AND (EXISTS (SELECT FROM event AS e WHERE e.command_tag IN ('REVOKE', 'DROP OWNED'))
               OR (integratedb.is_own_xid(a.xmin) AND EXISTS (SELECT FROM aclexplode(a.attacl) AS x WHERE x.grantee = k.relowner))
               OR (p.field IS NULL AND EXISTS (SELECT FROM event AS e WHERE e.command_tag = 'ALTER SCHEMA' AND e.objid = n.oid))
               OR NOT EXISTS (
                 SELECT FROM integratedb.own_grant AS g WHERE g.stakeholder_id = s.stakeholder_id AND g.relid = p.relid AND g.attnum = p.attnum
                 UNION ALL
                 SELECT FROM integratedb.own_usage AS g WHERE g.stakeholder_id = s.stakeholder_id AND g.namespace_oid = n.oid AND p.field IS NULL)))
      OR (p.key IS NOT NULL AND integratedb.lost_key_here(p.relation_id, p.key))
      OR (p.lies_behind
          AND EXISTS (
            SELECT FROM integratedb.stakeholder AS st
             WHERE st.id = s.stakeholder_id
               AND integratedb.wrote_below(st.role_oid, p.present_relid)))
      OR (p.property = 'row_security'
          AND NOT p.lies_behind
          AND EXISTS (
            SELECT FROM event AS e
             WHERE (e.object_type = 'policy' AND (e.relation_name = p.relation_name OR e.objid = p.relid))
                OR e.command_tag = 'DROP OWNED'
                OR (e.may_secure_rows AND e.objid = p.relid AND integratedb.is_own_xid(k.xmin))))
$$;

COMMENT ON FUNCTION integratedb.made_unmet_here(bigint[]) IS
'The unmet claims among these that this transaction made unmet. The others were unmet before, by a change that the '
'event triggers did not see.';
