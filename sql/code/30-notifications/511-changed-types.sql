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
  -- The daemon must not read new rows by the old form: it may have as many attributes.
  as_text CONSTANT jsonb := jsonb_build_object('kind', 'text');
  altered oid[];
  known oid[];
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

  -- Arrays and domains stay what they are: only a composite, also the row of a table, can be altered. By what was altered: whoever
  -- has large types notified would make every other schema change wait.
  known := ARRAY(
    SELECT k.reltype
      FROM pg_class AS k
     WHERE k.oid = ANY (altered)
       AND (EXISTS (SELECT FROM integratedb.notified_type AS n WHERE n.type_oid = k.reltype)
            OR EXISTS (SELECT FROM integratedb.type_change AS y WHERE y.xid = pg_current_xact_id() AND y.type_oid = k.reltype)));
  types := ARRAY(
    SELECT unnest(known)
    UNION
    SELECT a.attribute_type
      FROM unnest(relids) AS t (relid)
     CROSS JOIN LATERAL (SELECT FROM integratedb.published AS p WHERE p.relid = t.relid LIMIT 1) AS p
     CROSS JOIN LATERAL (
       SELECT a.atttypid AS attribute_type FROM pg_attribute AS a WHERE a.attrelid = t.relid AND a.attnum > 0 AND NOT a.attisdropped) AS a);
  IF cardinality(types) = 0 THEN
    RETURN;
  END IF;

  WITH described AS MATERIALIZED (
    SELECT d.structures
      FROM (SELECT array_agg(t.oid) AS oids, array_agg(t.typowner) AS owners FROM pg_type AS t WHERE t.oid = ANY (types)) AS o
     CROSS JOIN LATERAL integratedb.type_structures(o.oids, o.owners) AS d
  ), form AS (
    SELECT f.key::oid AS type_oid, f.value AS structure FROM described AS d CROSS JOIN LATERAL jsonb_each(d.structures) AS f
    UNION ALL
    SELECT k.type_oid, as_text FROM unnest(known) AS k (type_oid) CROSS JOIN described AS d WHERE NOT d.structures ? k.type_oid::text
  ), changed AS (
    SELECT f.type_oid, f.structure, octet_length(f.structure::text)::bigint AS bytes, coalesce(y.structure, n.structure) AS told
      FROM form AS f
      LEFT JOIN integratedb.notified_type AS n ON n.type_oid = f.type_oid
      LEFT JOIN integratedb.type_change AS y ON y.xid = pg_current_xact_id() AND y.type_oid = f.type_oid
     WHERE f.structure IS DISTINCT FROM coalesce(y.structure, n.structure)
  ), affordable AS (
    SELECT c.type_oid,
           c.structure,
           c.bytes,
           c.told,
           (SELECT coalesce(sum(y.told_bytes), 0) FROM integratedb.type_change AS y WHERE y.xid = pg_current_xact_id())
             + sum(c.bytes) OVER (ORDER BY c.type_oid) <= most_bytes AS fits
      FROM changed AS c
  ), news AS (
    SELECT a.type_oid, t.structure, CASE WHEN a.fits THEN a.bytes ELSE 0 END AS bytes
      FROM affordable AS a
     CROSS JOIN LATERAL (SELECT CASE WHEN a.fits THEN a.structure ELSE as_text END AS structure) AS t
     WHERE t.structure IS DISTINCT FROM a.told
  ), noted AS (
    INSERT INTO integratedb.type_change AS y (type_oid, structure, told_bytes)
    SELECT a.type_oid, a.structure, a.bytes FROM news AS a
    ON CONFLICT ON CONSTRAINT type_change_pkey DO UPDATE
       SET structure = EXCLUDED.structure,
           told_bytes = y.told_bytes + EXCLUDED.told_bytes
  )
  INSERT INTO integratedb.control (stakeholder_id, kind, body)
  SELECT 0, 'types', jsonb_build_object('types', jsonb_object_agg(a.type_oid, a.structure))
    FROM news AS a
   -- Without a daemon there is nobody to be told, and the next one begins with the state in force.
   WHERE EXISTS (SELECT FROM integratedb.slot)
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
