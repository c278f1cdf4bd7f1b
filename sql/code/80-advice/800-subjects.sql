-- What the advisers look at: relations, foreign keys, policies and claims of users, and texts for the statements that cure.

CREATE OR REPLACE VIEW integratedb.advised_relation AS
  SELECT k.oid,
         n.oid AS schema_oid,
         n.nspname AS schema_name,
         k.relname AS relation_name,
         pg_catalog.format('%I.%I', n.nspname, k.relname) AS target,
         k.relkind,
         k.relispartition,
         k.relrowsecurity,
         k.relforcerowsecurity,
         k.relpersistence,
         k.relowner,
         k.relacl,
         k.reloptions,
         k.reltuples,
         k.relpages
    FROM pg_catalog.pg_class AS k
    JOIN pg_catalog.pg_namespace AS n ON n.oid = k.relnamespace
   WHERE k.relkind IN ('r', 'p', 'v', 'm', 'f')
     AND n.nspname !~ '^pg_'
     AND n.nspname NOT IN ('information_schema', 'integratedb')
     AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_depend AS d WHERE d.classid = 'pg_class'::pg_catalog.regclass AND d.objid = k.oid AND d.deptype = 'e');

COMMENT ON VIEW integratedb.advised_relation IS
'The relations of users: without system schemas, temporary relations, and members of extensions. target: the name in a '
'statement.';

CREATE OR REPLACE FUNCTION integratedb.usable_connections()
RETURNS integer
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT current_setting('max_connections')::integer
       - current_setting('superuser_reserved_connections')::integer
       - coalesce(current_setting('reserved_connections', true)::integer, 0) -- from PostgreSQL 16 on
$$;

COMMENT ON FUNCTION integratedb.usable_connections() IS
'How many connections roles can have that are neither superusers nor members of pg_use_reserved_connections.';

CREATE OR REPLACE FUNCTION integratedb.column_list(relid oid, attnums smallint[])
RETURNS text
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY c.position)
    FROM unnest(attnums) WITH ORDINALITY AS c (attnum, position)
    JOIN pg_attribute AS a ON a.attrelid = relid AND a.attnum = c.attnum
$$;

COMMENT ON FUNCTION integratedb.column_list(oid, smallint[]) IS
'The columns of a relation as a list in a statement.';

CREATE OR REPLACE FUNCTION integratedb.is_indexed(relid oid, attnums smallint[])
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- An int2vector counts from 0.
  SELECT EXISTS (
    SELECT FROM pg_index AS i
      JOIN pg_class AS x ON x.oid = i.indexrelid
      JOIN pg_am AS m ON m.oid = x.relam
     WHERE i.indrelid = relid
       AND i.indisvalid
       AND i.indpred IS NULL
       -- Included columns stand behind the key, and find nothing.
       AND i.indnkeyatts >= cardinality(attnums)
       AND (m.amname = 'btree' OR (m.amname = 'hash' AND cardinality(attnums) = 1))
       AND (i.indkey::int2[])[0:cardinality(attnums) - 1] @> attnums)
$$;

COMMENT ON FUNCTION integratedb.is_indexed(oid, smallint[]) IS
'Whether a valid index of the relation, of a kind that finds equal values, begins with these columns in any order.';

CREATE OR REPLACE VIEW integratedb.advised_foreign_key AS
  SELECT con.oid, con.conname, con.conrelid, con.confrelid, con.conkey, con.confkey, k.target, k.relkind, t.target AS to_target
    FROM pg_catalog.pg_constraint AS con
    JOIN integratedb.advised_relation AS k ON k.oid = con.conrelid
    JOIN integratedb.advised_relation AS t ON t.oid = con.confrelid
   WHERE con.contype = 'f'
     AND con.conparentid = 0;

COMMENT ON VIEW integratedb.advised_foreign_key IS
'The foreign keys of users, without those that partitions have from their table.';

CREATE OR REPLACE VIEW integratedb.advised_policy AS
  SELECT k.oid AS relid, k.target, k.relrowsecurity, k.relowner, y.polname, y.polcmd, y.polpermissive, y.polroles,
         pg_catalog.pg_get_expr(y.polqual, y.polrelid) AS condition,
         pg_catalog.pg_get_expr(y.polwithcheck, y.polrelid) AS check_condition
    FROM pg_catalog.pg_policy AS y
    JOIN integratedb.advised_relation AS k ON k.oid = y.polrelid;

COMMENT ON VIEW integratedb.advised_policy IS
'The policies of users, with their conditions as text. Postgres writes them from the catalogs; no condition is run.';

CREATE OR REPLACE VIEW integratedb.advised_claim AS
  SELECT c.id AS claim_id,
         c.match,
         c.alternatives,
         c.wildcard_schema,
         c.path,
         c.unmet_since,
         coalesce(c.document, s.document -> 'match' -> c.match) AS document,
         s.id AS specification_id,
         s.kind,
         s.document AS specification,
         s.handed_in_at,
         st.id AS stakeholder_id,
         st.name AS stakeholder
    FROM integratedb.claim AS c
    JOIN integratedb.specification AS s ON s.id = c.specification_id
    JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id;

COMMENT ON VIEW integratedb.advised_claim IS 'The claims with their stakeholders. specification: the whole document.';

CREATE OR REPLACE FUNCTION integratedb.outside_selects(condition text)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE STRICT PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  rest text := regexp_replace(regexp_replace(condition, '''([^'']|'''')*''', '', 'g'), '"([^"]|"")*"', 'x', 'g');
  before text;
BEGIN
  -- The innermost parentheses go first.
  LOOP
    before := rest;
    rest := regexp_replace(rest, '[(] *SELECT [^()]*[)]', '', 'g');
    rest := regexp_replace(rest, '[(]((?! *SELECT )[^()]*)[)]', '[\1]', 'g');
    EXIT WHEN rest = before;
  END LOOP;
  RETURN rest;
END
$$;

COMMENT ON FUNCTION integratedb.outside_selects(text) IS
'A condition as Postgres writes it, without literals and sub-selects. Parentheses become brackets.';

CREATE OR REPLACE FUNCTION integratedb.without_field(document jsonb, place text[], field text)
RETURNS jsonb
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT jsonb_set(document, place || 'fields'::text, coalesce((
           SELECT jsonb_agg(f.field ORDER BY f.position)
             FROM jsonb_array_elements(document #> (place || 'fields'::text)) WITH ORDINALITY AS f (field, position)
            WHERE coalesce(f.field ->> 'name', f.field #>> '{}') <> without_field.field), '[]'))
$$;

COMMENT ON FUNCTION integratedb.without_field(jsonb, text[], text) IS
'A specification in which the alternative at this place does not claim a field any more.';

CREATE OR REPLACE FUNCTION integratedb.sensitive_name()
RETURNS text
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT '(^|_)(password|passwd|passphrase|secret|api_?key|private_?key|access_?key|token|credentials?|ssn|social_security(_number)?|'
         'tax_id|iban|card_number|credit_card|cvv|cvc|pin_code|salt|otp)($|_)'
$$;

COMMENT ON FUNCTION integratedb.sensitive_name() IS
'A pattern for names of columns whose values are probably secret.';
