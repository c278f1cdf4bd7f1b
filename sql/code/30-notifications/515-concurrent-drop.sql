-- Refuses to drop an index CONCURRENTLY that is a replica identity or a claimed key. Postgres does this in several
-- transactions. A refusal at COMMIT would leave an invalid index, and UPDATE and DELETE of its table might fail.

CREATE OR REPLACE FUNCTION integratedb.may_drop(statement text, of_schema name, index_name name)
RETURNS boolean
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- The pattern has the white space of Postgres. Other spaces are parts of names.
  parts CONSTANT text[] := regexp_match(
    statement,
    '^[ \t\r\n\f]*drop[ \t\r\n\f]+index[ \t\r\n\f]+concurrently[ \t\r\n\f]+(?:if[ \t\r\n\f]+exists[ \t\r\n\f]+)?'
    '(?:("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)[ \t\r\n\f]*[.][ \t\r\n\f]*)?("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
    '(?:[ \t\r\n\f]+(?:restrict|cascade))?[ \t\r\n\f]*;?[ \t\r\n\f]*$', 'i');
  names text[];
BEGIN
  IF parts IS NULL THEN
    RETURN strpos(lower(statement), lower(replace(index_name, '"', '""'))) > 0 OR statement ~* 'u&"';
  END IF;

  names := ARRAY(
    SELECT CASE WHEN p.part LIKE '"%' THEN replace(substr(p.part, 2, length(p.part) - 2), '""', '"') ELSE lower(p.part) END
      FROM unnest(parts) WITH ORDINALITY AS p (part, position)
     ORDER BY p.position);

  -- The casts cut names that are too long, as Postgres does.
  RETURN names[2]::name = index_name AND coalesce(names[1]::name = of_schema, true);
END
$$;

COMMENT ON FUNCTION integratedb.may_drop(text, name, name) IS
'Whether a DROP INDEX CONCURRENTLY may mean this index; in doubt, true. Without a schema, the statement means an '
'index of that name in any schema.';

CREATE OR REPLACE FUNCTION integratedb.on_drop_index()
RETURNS event_trigger
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads tables that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  context text;
  identity record;
  key record;
  refused boolean;
BEGIN
  GET DIAGNOSTICS context = PG_CONTEXT;
  IF NOT integratedb.is_concurrent(context) THEN
    RETURN;
  END IF;

  SELECT n.nspname AS schema_name, x.relname AS index_name, k.relname AS table_name
    INTO identity
    FROM integratedb.published AS p
   CROSS JOIN LATERAL (
     SELECT p.relid AS leaf
     UNION
     SELECT t.relid::oid FROM pg_partition_tree(p.relid) AS t) AS tree
    JOIN pg_class AS k ON k.oid = tree.leaf AND k.relreplident = 'i'
    JOIN pg_index AS i ON i.indrelid = k.oid AND i.indisreplident AND i.indisvalid
    JOIN pg_class AS x ON x.oid = i.indexrelid
    JOIN pg_namespace AS n ON n.oid = x.relnamespace
   WHERE p.publication = 'integratedb'
     AND integratedb.may_drop(current_query(), n.nspname, x.relname)
   ORDER BY n.nspname, x.relname
   LIMIT 1;

  IF identity IS NOT NULL THEN
    refused := integratedb.refuse(
      code => 'IDB01',
      message => format('invalid migration (DROP INDEX): %I.%I is the replica identity of %I.%I, which is notified, and cannot be dropped CONCURRENTLY',
                        identity.schema_name, identity.index_name, identity.schema_name, identity.table_name),
      detail => 'Half of it could not be taken back: UPDATE and DELETE of the table would fail.',
      hint => format(E'Give the table another identity first: ALTER TABLE %1$I.%2$I REPLICA IDENTITY FULL; or DROP INDEX %1$I.%3$I, which is judged at COMMIT.\nIf another index was meant: DROP INDEX CONCURRENTLY with its schema and name, and nothing else in the statement.',
                     identity.schema_name, identity.table_name, identity.index_name));
  END IF;

  IF NOT EXISTS (SELECT FROM integratedb.claim_key AS k WHERE k.kind = 'unique')
     OR integratedb.setting_value('enforcement') = 'explicit' THEN
    RETURN;
  END IF;

  SELECT n.nspname AS schema_name, x.relname AS index_name, k.relation_name AS table_name, st.name AS stakeholder
    INTO key
    FROM integratedb.present_key AS k
    JOIN integratedb.key_index AS i ON i.relid = k.present_relid AND i.indisvalid AND NOT i.is_partial
    JOIN pg_class AS x ON x.oid = i.indexrelid
    JOIN pg_namespace AS n ON n.oid = x.relnamespace
    JOIN integratedb.claim AS c ON c.id = k.claim_id AND NOT c.optional
    JOIN integratedb.specification AS s ON s.id = c.specification_id
    JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
   WHERE k.kind = 'unique'
     AND NOT k.optional
     AND k.is_table
     AND i.attnums <@ k.attnums
     AND k.attnums <@ i.attnums
     AND integratedb.may_drop(current_query(), n.nspname, x.relname)
     AND NOT EXISTS (
       SELECT FROM integratedb.key_index AS other
        WHERE other.relid = i.relid
          AND other.indexrelid <> i.indexrelid
          AND other.indisvalid
          AND NOT other.is_partial
          AND other.attnums <@ k.attnums
          AND k.attnums <@ other.attnums)
     -- No other alternative of the claim is met.
     AND (SELECT count(*) FROM integratedb.failing_alternative AS f WHERE f.claim_id = c.id AND f.alternative <> k.alternative) = c.alternatives - 1
   ORDER BY n.nspname, x.relname, st.name
   LIMIT 1;

  IF key IS NOT NULL THEN
    refused := integratedb.refuse(
      code => 'IDB01',
      message => format('invalid migration (DROP INDEX): %I.%I is the unique key of %I.%I that %s claims, and cannot be dropped CONCURRENTLY',
                        key.schema_name, key.index_name, key.schema_name, key.table_name, key.stakeholder),
      detail => 'Half of it could not be taken back: the index would stay, and be invalid.',
      hint => format(E'Make another unique index of the same columns first; or DROP INDEX %1$I.%2$I, which is judged at COMMIT.\nIf another index was meant: DROP INDEX CONCURRENTLY with its schema and name, and nothing else in the statement.',
                     key.schema_name, key.index_name));
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.on_drop_index() IS
'Event trigger: refuses to drop an index CONCURRENTLY that is the replica identity of a table whose UPDATE and DELETE '
'are published, or the only index of a unique key that is claimed. Error: IDB01.';
