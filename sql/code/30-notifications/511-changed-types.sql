-- Reports changed types to the daemon. A transaction may change a type and then write rows of it, so the daemon must
-- know the new form before these rows.

CREATE OR REPLACE FUNCTION integratedb.tell_changed_types(relids oid[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Only a few objects are needed, so each is looked up.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
  -- The limit for the type structures of one transaction. Beyond it, the daemon sends rows as text until COMMIT.
  most_bytes CONSTANT integer := 4000000;
  altered oid[];
  types oid[];
BEGIN
  IF coalesce(cardinality(relids), 0) = 0 THEN
    RETURN;
  END IF;

  -- Children and typed tables change too, and no event names them.
  altered := ARRAY(
    WITH RECURSIVE relation AS (
      SELECT r.oid FROM unnest(relids) AS r (oid)
      UNION
      SELECT f.oid
        FROM relation AS r
       CROSS JOIN LATERAL (
         SELECT i.inhrelid AS oid FROM pg_inherits AS i WHERE i.inhparent = r.oid
         UNION ALL
         SELECT d.objid
           FROM pg_class AS k
           JOIN pg_depend AS d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = k.reltype AND d.classid = 'pg_class'::regclass AND d.objsubid = 0
          WHERE k.oid = r.oid
            AND k.relkind = 'c'
         OFFSET 0) AS f
    )
    SELECT r.oid FROM relation AS r);

  -- Only composites, and row types of tables, can be altered; arrays and domains do not change. The search starts from
  -- the altered types, because large notified types would otherwise slow down every schema change.
  types := ARRAY(
    SELECT n.type_oid
      FROM pg_class AS k
      JOIN integratedb.notified_type AS n ON n.type_oid = k.reltype
     WHERE k.oid = ANY (altered)
    UNION
    SELECT a.attribute_type
      FROM unnest(relids) AS t (relid)
     CROSS JOIN LATERAL (SELECT FROM integratedb.published AS p WHERE p.relid = t.relid LIMIT 1) AS p
     CROSS JOIN LATERAL (
       SELECT a.atttypid AS attribute_type FROM pg_attribute AS a WHERE a.attrelid = t.relid AND a.attnum > 0 AND NOT a.attisdropped) AS a);
  IF cardinality(types) = 0 THEN
    RETURN;
  END IF;

  WITH changed AS (
    SELECT c.key::oid AS type_oid, c.value AS structure, octet_length(c.value::text)::bigint AS bytes
      FROM jsonb_each(integratedb.type_structures(types)) AS c
      LEFT JOIN integratedb.notified_type AS n ON n.type_oid = c.key::oid
      LEFT JOIN integratedb.type_change AS y ON y.xid = pg_current_xact_id() AND y.type_oid = c.key::oid
     WHERE c.value IS DISTINCT FROM coalesce(y.structure, n.structure)
  ), affordable AS (
    SELECT c.type_oid,
           c.structure,
           c.bytes,
           (SELECT coalesce(sum(y.told_bytes), 0) FROM integratedb.type_change AS y WHERE y.xid = pg_current_xact_id())
             + sum(c.bytes) OVER (ORDER BY c.type_oid) <= most_bytes AS is_told
      FROM changed AS c
  ), noted AS (
    INSERT INTO integratedb.type_change AS y (type_oid, structure, told_bytes)
    SELECT a.type_oid, a.structure, CASE WHEN a.is_told THEN a.bytes ELSE 0 END FROM affordable AS a
    ON CONFLICT ON CONSTRAINT type_change_pkey DO UPDATE
       SET structure = EXCLUDED.structure,
           told_bytes = y.told_bytes + EXCLUDED.told_bytes
  )
  INSERT INTO integratedb.control (stakeholder_id, kind, body)
  SELECT 0, 'types', jsonb_build_object('types', jsonb_object_agg(a.type_oid, a.structure))
    FROM affordable AS a
   WHERE a.is_told
     -- Without a slot no daemon reads this row, and the next daemon starts with the current state.
     AND EXISTS (SELECT FROM integratedb.slot)
  HAVING count(*) > 0;
END
$$;

COMMENT ON FUNCTION integratedb.tell_changed_types(oid[]) IS
'In the event triggers: reports to the daemon the changed types that it knows. These are the row types of these '
'relations, and the types of their columns if they are published.';

CREATE OR REPLACE FUNCTION integratedb.note_notified_types()
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  WITH wanted AS MATERIALIZED (
    SELECT DISTINCT t.key::oid AS type_oid, t.value AS structure
      FROM (SELECT DISTINCT ON (c.stakeholder_id) c.body
              FROM integratedb.control AS c
             WHERE c.kind = 'state'
             ORDER BY c.stakeholder_id, c.id DESC) AS latest
     CROSS JOIN LATERAL jsonb_each(latest.body -> 'types') AS t
  ), gone AS (
    DELETE FROM integratedb.notified_type AS n WHERE NOT EXISTS (SELECT FROM wanted AS w WHERE w.type_oid = n.type_oid)
  )
  INSERT INTO integratedb.notified_type AS n (type_oid, structure)
  SELECT DISTINCT ON (w.type_oid) w.type_oid, w.structure FROM wanted AS w ORDER BY w.type_oid
  ON CONFLICT ON CONSTRAINT notified_type_pkey DO UPDATE
     SET structure = EXCLUDED.structure
   WHERE n.structure <> EXCLUDED.structure
$$;

COMMENT ON FUNCTION integratedb.note_notified_types() IS
'Records the types that the current states describe. The caller holds the lock.';
