-- A transaction that changes a type and writes rows of it: the daemon must know the new form before these rows.

CREATE OR REPLACE FUNCTION integratedb.tell_changed_types(relids oid[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- What a transaction may tell of types. Of more, the rows are told as text until COMMIT.
  most_bytes CONSTANT integer := 4000000;
  types oid[];
BEGIN
  -- Arrays and domains stay what they are: only a composite, also the row of a table, can be altered.
  types := ARRAY(SELECT n.type_oid FROM integratedb.notified_type AS n WHERE n.structure ->> 'kind' = 'composite');
  IF cardinality(relids) > 0 THEN
    types := types || ARRAY(
      SELECT DISTINCT a.atttypid
        FROM unnest(relids) AS t (relid)
       CROSS JOIN LATERAL (SELECT FROM integratedb.published AS p WHERE p.relid = t.relid LIMIT 1) AS p
        JOIN pg_attribute AS a ON a.attrelid = t.relid AND a.attnum > 0 AND NOT a.attisdropped);
  END IF;
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
     -- Without a daemon there is nobody to be told, and the next one begins with the state in force.
     AND EXISTS (SELECT FROM integratedb.slot)
  HAVING count(*) > 0;
END
$$;

COMMENT ON FUNCTION integratedb.tell_changed_types(oid[]) IS 'In the event triggers: tells the daemon which types that it knows look otherwise now, and the types of the columns of these relations where they are published.';

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

COMMENT ON FUNCTION integratedb.note_notified_types() IS 'Notes which types the states in force describe. The caller holds the lock.';
