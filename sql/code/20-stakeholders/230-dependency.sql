-- Shows which stakeholders depend on a table or column, and what a stakeholder can read.

CREATE OR REPLACE FUNCTION integratedb.refuse_unknown(path text, field text)
RETURNS void
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  asked CONSTANT text := integratedb.path_as_stored(path);
  parts CONSTANT text[] := integratedb.path_parts(path);
  schema_oid CONSTANT oid := (SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = parts[1]);
  relation CONSTANT oid := (
    SELECT k.oid FROM pg_class AS k
     WHERE k.relnamespace = schema_oid AND k.relname = parts[2] AND k.relkind IN ('r', 'v', 'm', 'f', 'p'));
  near text;
  refused boolean;
BEGIN
  IF schema_oid IS NULL THEN
    near := integratedb.nearest(parts[1], ARRAY(SELECT n.nspname FROM pg_namespace AS n WHERE n.nspname !~ '^pg_' LIMIT 5000));
    refused := integratedb.refuse(
      code => CASE WHEN parts[2] IS NULL THEN '3F000' ELSE '42P01' END,
      message => format('there is no schema %s, and nobody claims %s', quote_ident(parts[1]), asked),
      detail => NULL,
      hint => coalesce('Did you mean ' || quote_ident(near) || '?', 'A path is schema.table, each part as in the catalog.'));
  END IF;

  IF parts[2] IS NULL THEN
    RETURN;
  END IF;

  IF relation IS NULL AND NOT EXISTS (SELECT FROM integratedb.claim_relation AS cr WHERE cr.path = asked) THEN
    near := integratedb.nearest(parts[2], ARRAY(
      SELECT k.relname FROM pg_class AS k
       WHERE k.relnamespace = schema_oid AND k.relkind IN ('r', 'v', 'm', 'f', 'p') LIMIT 5000));
    refused := integratedb.refuse(
      code => '42P01',
      message => format('there is no table or view %s, and nobody claims one', asked),
      detail => NULL,
      hint => coalesce(
        'Did you mean ' || integratedb.path_of(parts[1]::name, near::name) || '?',
        'Names are as in the catalog: upper and lower case differ.'));
  END IF;

  IF field IS NOT NULL
     AND NOT EXISTS (SELECT FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attname = field AND a.attnum > 0 AND NOT a.attisdropped) THEN
    near := integratedb.nearest(field, ARRAY(
      SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
      UNION ALL
      SELECT cc.column_name FROM integratedb.claim_column AS cc JOIN integratedb.claim_relation AS cr ON cr.id = cc.relation_id WHERE cr.path = asked));
    refused := integratedb.refuse(
      code => '42703',
      message => format('there is no column %s of %s, and nobody claims one', quote_ident(left(field, 80)), asked),
      detail => NULL,
      hint => coalesce('Did you mean ' || quote_ident(near) || '?', 'Names are as in the catalog, without quotes: upper and lower case differ.'));
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.refuse_unknown(text, text) IS
'Refuses names that neither the database nor a claim has, so that a misspelled name does not return an empty answer. '
'Errors: 42P01, 42703, 3F000 for schema.*; the HINT has the nearest name.';

CREATE OR REPLACE FUNCTION integratedb.require_known(path text, field text)
RETURNS void
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM integratedb.claim_relation AS cr
     WHERE cr.path = integratedb.path_as_stored(require_known.path)
       AND (require_known.field IS NULL
            OR EXISTS (SELECT FROM integratedb.claim_column AS cc WHERE cc.relation_id = cr.id AND cc.column_name = require_known.field)))
  THEN
    PERFORM integratedb.refuse_unknown(path, field);
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.require_known(text, text) IS
'Refuses names that neither the database nor a claim has. Errors: those of refuse_unknown().';

CREATE OR REPLACE FUNCTION integratedb.referring_key(asked text, field text)
RETURNS TABLE (claim_id bigint, optional boolean)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT cr.claim_id, k.optional
    FROM integratedb.claim_key AS k
    JOIN integratedb.claim_relation AS cr ON cr.id = k.relation_id
   WHERE k.kind = 'references'
     AND k.to_relation_name = (integratedb.path_parts(asked))[2]::name
     AND k.to_schema_name = (integratedb.path_parts(asked))[1]::name
     AND (field IS NULL
          OR field = ANY (k.to_fields)
          OR EXISTS (
            SELECT FROM integratedb.key_target AS t
              JOIN pg_attribute AS a ON a.attrelid = t.relid AND a.attnum = ANY (t.attnums)
             WHERE (t.relation_id, t.key) = (k.relation_id, k.key)
               AND t.relid = k.to_relid
               AND a.attname = field))
$$;

COMMENT ON FUNCTION integratedb.referring_key(text, text) IS
'The claims that rely on a foreign key to this table (a path), or to this column of it. optional: whether the key is.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_dependents(path text, field text DEFAULT NULL)
RETURNS TABLE (stakeholder text, kind text, dependency text)
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- reads tables that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  asked CONSTANT text := integratedb.path_as_stored(path);
BEGIN
  RETURN QUERY
    SELECT DISTINCT ON (st.name, s.kind, d.query)
           st.name,
           coalesce('query ' || d.query, s.kind),
           d.dependency
      FROM integratedb.claim AS c
      JOIN integratedb.specification AS s ON s.id = c.specification_id
      JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
      LEFT JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id AND cr.path = asked
      LEFT JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id AND cc.column_name = integratedb_dependents.field
      LEFT JOIN integratedb.referring_key(asked, integratedb_dependents.field) AS k ON k.claim_id = c.id
     CROSS JOIN LATERAL (
       SELECT CASE
                WHEN c.optional OR coalesce(cc.optional, false) OR (k.optional AND cr.id IS NULL) THEN 'optional'
                WHEN c.alternatives > 1 OR cc.choices > 1 THEN 'alternative'
                ELSE 'required'
              END AS dependency,
              CASE WHEN s.kind = 'queries' THEN coalesce(c.document, s.document -> 'match' -> c.match) ->> 'query' END AS query
     ) AS d
     WHERE k.claim_id IS NOT NULL
        OR (cr.id IS NOT NULL AND (integratedb_dependents.field IS NULL OR cc.column_name IS NOT NULL))
        OR (integratedb_dependents.field IS NULL AND c.wildcard_schema IS NOT NULL AND c.path = asked)
     ORDER BY st.name, s.kind, d.query, array_position(ARRAY['required', 'alternative', 'optional'], d.dependency);

  IF NOT FOUND THEN
    PERFORM integratedb.refuse_unknown(path, field);
    RETURN;
  END IF;

  RETURN QUERY
    SELECT DISTINCT st.name, e.kind,
           CASE e.kind WHEN 'waiver' THEN 'until ' || to_char((e.facts ->> 'until')::timestamptz, 'YYYY-MM-DD HH24:MI TZ')
                       ELSE coalesce('removal after ' || to_char((e.facts ->> 'remove_after')::timestamptz, 'YYYY-MM-DD HH24:MI TZ'), 'no date') END
      FROM integratedb.claim_excuse AS e
      JOIN integratedb.claim AS c ON c.id = e.claim_id
      JOIN integratedb.specification AS s ON s.id = c.specification_id
      JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
     WHERE coalesce(e.path, c.path) = asked
       AND (e.field IS NULL OR integratedb_dependents.field IS NULL OR e.field = integratedb_dependents.field)
    UNION
    SELECT st.name, 'promise', 'until ' || max(c.until)
      FROM integratedb.claim AS c
      JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id AND cr.path = asked
      LEFT JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id AND cc.column_name = integratedb_dependents.field
      JOIN integratedb.specification AS s ON s.id = c.specification_id
      JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
     WHERE c.until >= (now() AT TIME ZONE 'UTC')::date
       AND (integratedb_dependents.field IS NULL OR cc.column_name IS NOT NULL)
     GROUP BY st.name
     ORDER BY 1, 2, 3;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_dependents(text, text) IS
'The stakeholders that depend on a table or column, because they claim it or rely on a foreign key to it.
path: schema.table as in a specification, or schema.*. field: a column; null: the table as such.
Returns one row for each stakeholder and kind of specification, and for each saved query: stakeholder, kind (claims,
notifications, or "query" and its name), dependency.
dependency: required, alternative (another alternative would do) or optional; the strictest of several. No rows: no
stakeholder depends on it.
More rows follow for kind deprecation (dependency: removal after a time, or no date), waiver (until a time) and promise
(until the day that its claims have as "until").
Errors: 22023 path is not a path; 42P01, 42703, 3F000 the table, column or schema (for schema.*) does not exist, and no
stakeholder claims it.
For everybody.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_access(stakeholder text)
RETURNS TABLE (path text, field text, reason text, excess boolean)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads tables that nobody else can; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  owner CONSTANT integratedb.stakeholder := integratedb.require_admin_or_self(stakeholder);
  role_oid CONSTANT oid := (SELECT r.role_oid FROM integratedb.stakeholder_role AS r WHERE r.stakeholder_id = owner.id);
  claimed oid[];
BEGIN
  IF role_oid IS NULL THEN
    RETURN;
  END IF;

  claimed := ARRAY(SELECT DISTINCT cr.relid FROM integratedb.claim_relation AS cr
                     JOIN integratedb.claim AS c ON c.id = cr.claim_id
                     JOIN integratedb.specification AS s ON s.id = c.specification_id
                    WHERE s.stakeholder_id = owner.id);

  RETURN QUERY
    SELECT integratedb.path_of(r.schema_name, r.relation_name), a.attname::text, why.reason, why.reason IN ('public', 'other grant')
      FROM integratedb.readable_relation AS r
      JOIN pg_class AS k ON k.oid = r.oid
     CROSS JOIN LATERAL (
       -- This runs once for each relation, and only if the role could read some of it.
       SELECT CASE WHEN (k.relkind = 'v' OR k.relrowsecurity) AND has_any_column_privilege(role_oid, k.oid, 'SELECT')
                   THEN integratedb.blocked_columns(role_oid, k.oid)
                     || CASE WHEN integratedb.is_secured_from(role_oid, k.oid)
                                  AND NOT EXISTS (SELECT FROM integratedb.policies_for(role_oid, k.oid) AS p WHERE p.permissive)
                             THEN '{0}'::smallint[] ELSE '{}' END
                   ELSE '{}' END AS blocked_columns
       OFFSET 0) AS behind
      JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
     CROSS JOIN LATERAL (
       SELECT CASE
                WHEN (r.oid, a.attnum) IN (SELECT w.relid, w.attnum FROM integratedb.wanted_columns(ARRAY[owner.id], claimed) AS w) THEN 'claim'
                WHEN r.schema_name = owner.name OR pg_has_role(role_oid, r.relowner, 'USAGE') THEN 'own schema'
                WHEN EXISTS (
                  SELECT FROM aclexplode(k.relacl) AS x WHERE x.grantee = 0 AND x.privilege_type = 'SELECT'
                  UNION ALL
                  SELECT FROM aclexplode(a.attacl) AS x WHERE x.grantee = 0 AND x.privilege_type = 'SELECT') THEN 'public'
                ELSE 'other grant'
              END AS reason
     ) AS why
     WHERE r.schema_name <> 'information_schema'
       AND r.oid <> 'integratedb.surface_change'::regclass -- the extension's own, which every role may read
       AND r.schema_name !~ '^pg_'
       AND has_schema_privilege(role_oid, r.relnamespace, 'USAGE')
       AND has_column_privilege(role_oid, r.oid, a.attnum, 'SELECT')
       AND NOT (0 = ANY (behind.blocked_columns) OR a.attnum = ANY (behind.blocked_columns))
     ORDER BY r.schema_name, r.relation_name, a.attnum;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_access(text) IS
'What a stakeholder''s role can read, including grants to PUBLIC and inherited grants, without system schemas. Views are
followed to the relations that they read.
stakeholder: its name.
Returns one row for each column: path, field, reason (claim, own schema, public, other grant; the first that applies),
excess: readable, but neither claimed nor the stakeholder''s own.
Errors: 42501 the caller may not read it; IDB04 unknown stakeholder.
For members of integratedb_admin, and for the stakeholder itself.';
