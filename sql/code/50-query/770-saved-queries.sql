-- Saved queries: an API whose queries are known, and which migrations cannot break. Saving compiles and claims what is
-- read; it runs and plans nothing.

CREATE OR REPLACE FUNCTION integratedb.checked_query(for_role oid, schemas text[], saver oid, name text, query jsonb, claimed jsonb)
RETURNS jsonb
LANGUAGE plpython3u
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.save_query(plpy, for_role, schemas, saver, name, query, claimed)
$python$;

COMMENT ON FUNCTION integratedb.checked_query(oid, text[], oid, text, jsonb, jsonb) IS
'Checks and compiles a query that saver saves for a role, and runs nothing. claimed: the matches of the stakeholder, an '
'array for each specification. Returns {"problem": {code, message, hint, pointer}}, or {"face", "statement", "schemas", '
'"reading", "match"}: what the columns of saved_query hold, and the matches that claim what the query reads.';

CREATE OR REPLACE FUNCTION integratedb.derived_document(matches jsonb)
RETURNS jsonb
LANGUAGE plpython3u
IMMUTABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.derived_document(plpy, matches)
$python$;

COMMENT ON FUNCTION integratedb.derived_document(jsonb) IS
'Derived matches as parse_specification() returns a document: with the names in it.';

CREATE OR REPLACE FUNCTION integratedb.saved_statements(for_role oid, schemas text[])
RETURNS jsonb
LANGUAGE plpython3u
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.saved_statements(plpy, for_role, schemas)
$python$;

COMMENT ON FUNCTION integratedb.saved_statements(oid, text[]) IS
'The statements that the saved queries of a role are now, by name; null for a query that is none now.';

CREATE OR REPLACE FUNCTION integratedb.saved_queries(for_role oid)
RETURNS SETOF integratedb.saved_query
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- as claimed_names()
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  acting CONSTANT name := coalesce(nullif(current_setting('role'), 'none')::name, SESSION_USER);
BEGIN
  IF NOT (pg_has_role(acting, for_role, 'MEMBER') OR integratedb.is_admin(acting)) THEN
    RETURN;
  END IF;

  RETURN QUERY
    SELECT q.*
      FROM integratedb.stakeholder_role AS r
      JOIN integratedb.saved_query AS q ON q.stakeholder_id = r.stakeholder_id
     WHERE r.role_oid = for_role
     ORDER BY q.name;
END
$$;

COMMENT ON FUNCTION integratedb.saved_queries(oid) IS
'The saved queries of a stakeholder''s role. No row for another role, or if the session may not become the role and is '
'no admin.';

CREATE OR REPLACE FUNCTION integratedb.reads_of(document jsonb, query_name text)
RETURNS jsonb
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT coalesce(jsonb_agg(m.match - 'query' ORDER BY m.place), '[]')
    FROM jsonb_array_elements(document -> 'match') WITH ORDINALITY AS m (match, place)
   WHERE m.match ->> 'query' = query_name
$$;

COMMENT ON FUNCTION integratedb.reads_of(jsonb, text) IS
'The matches of a specification of kind queries that are derived from this query.';

CREATE OR REPLACE FUNCTION integratedb.check_query(owner integratedb.stakeholder, caller name, query_name text, query jsonb)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- An admin may claim everything. The role that initdb made can read everything.
  saver CONSTANT oid := CASE WHEN integratedb.is_admin(caller) THEN 10 ELSE (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = caller) END;
  for_role CONSTANT oid := (SELECT r.role_oid FROM integratedb.stakeholder_role AS r WHERE r.stakeholder_id = owner.id);
  schemas CONSTANT text[] := ARRAY(
    SELECT s.name
      FROM (SELECT n.schema_name AS name, 1 AS place FROM integratedb.names_for_saver(for_role, saver) AS n
            UNION ALL
            VALUES (owner.name, 2), ('public', 3)) AS s
     GROUP BY s.name
     ORDER BY min(s.place), s.name);
  claimed CONSTANT jsonb := (
    SELECT coalesce(jsonb_agg(s.document -> 'match' ORDER BY s.kind), '[]')
      FROM integratedb.specification AS s
     WHERE s.stakeholder_id = owner.id);
  may_see_claims CONSTANT boolean := integratedb.is_admin(caller) OR integratedb.is_caller(owner);
  checked jsonb;
  refused boolean;
BEGIN
  IF for_role IS NULL THEN
    refused := integratedb.refuse(
      code => '55000',
      message => format('stakeholder %s has no role, so nothing can be asked for it', owner.name),
      detail => NULL,
      hint => format('SELECT integratedb_adopt_role(%L) gives it one.', owner.name));
  END IF;

  -- A refusal names relations. It must not name alternatives of claims to somebody who may not even claim what the query
  -- reads now.
  checked := integratedb.checked_query(for_role, schemas, saver, query_name, query, CASE WHEN may_see_claims THEN claimed ELSE '[]' END);
  IF NOT may_see_claims AND NOT checked ? 'problem' THEN
    PERFORM integratedb.require_right_to_submit(caller, owner, 'queries', NULL, integratedb.derived_document(checked -> 'match'));
    checked := integratedb.checked_query(for_role, schemas, saver, query_name, query, claimed);
  END IF;
  IF checked ? 'problem' THEN
    refused := integratedb.refuse(
      code => checked #>> '{problem,code}',
      message => checked #>> '{problem,message}',
      detail => 'In the query: ' || (checked #>> '{problem,pointer}') || '.',
      hint => coalesce(checked #>> '{problem,hint}', 'docs/saved-queries.md describes what can be saved. Nothing was stored.'));
  END IF;

  RETURN checked;
END
$$;

COMMENT ON FUNCTION integratedb.check_query(integratedb.stakeholder, name, text, jsonb) IS
'checked_query() for a stakeholder. Errors: 55000 for a stakeholder without a role, the code of the problem (22023, '
'42P01, 42703, ...), and 42501 for a caller who may neither see the claims nor claim what the query reads.';

CREATE OR REPLACE FUNCTION integratedb.replaced_query(owner integratedb.stakeholder, query_name text, matches jsonb)
RETURNS jsonb
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  kept CONSTANT jsonb := (
    SELECT coalesce(jsonb_agg(m.match ORDER BY m.place), '[]')
      FROM integratedb.specification AS s
     CROSS JOIN LATERAL jsonb_array_elements(s.document -> 'match') WITH ORDINALITY AS m (match, place)
     WHERE s.stakeholder_id = owner.id
       AND s.kind = 'queries'
       AND m.match ->> 'query' <> query_name);
BEGIN
  RETURN integratedb.derived_document(kept || matches);
END
$$;

COMMENT ON FUNCTION integratedb.replaced_query(integratedb.stakeholder, text, jsonb) IS
'The specification of kind queries of a stakeholder, with these matches in the place of those of this query.';

CREATE OR REPLACE FUNCTION integratedb.require_bounded_queries(owner integratedb.stakeholder, parsed jsonb)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  most CONSTANT integer := 10000;
  number CONSTANT bigint := (parsed ->> 'named_columns')::bigint;
  refused boolean;
BEGIN
  -- A migration of a table checks the columns of all queries that read it. Each takes about 0.07 ms.
  IF number > most THEN
    refused := integratedb.refuse(
      code => '54000',
      message => format('the saved queries of stakeholder %s would read %s columns; at most %s are allowed', owner.name, number, most),
      detail => 'A column counts once for each query that reads it. Each migration of its table checks it as often.',
      hint => format('Name the columns that the query returns, in place of "*"; or drop queries: SELECT integratedb_drop_query(%L, ''name''). Nothing was stored.', owner.name));
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.require_bounded_queries(integratedb.stakeholder, jsonb) IS
'Refuses a specification of kind queries of a stakeholder, as derived_document() returns it, that has too many columns. '
'Error: 54000.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_save_query(stakeholder text, name text, query jsonb)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- grants on tables of any owner; checks the caller itself, and runs nothing of the query
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
DECLARE
  most_queries CONSTANT integer := 500;
  most_bytes CONSTANT integer := 65536;
  most_bytes_together CONSTANT integer := 1000000;
  caller CONSTANT pg_catalog.name := integratedb.caller();
  owner CONSTANT integratedb.stakeholder := integratedb.find_stakeholder(stakeholder);
  excess CONSTANT text := coalesce(
    integratedb.excess_of(query),
    CASE WHEN octet_length(query::text) > most_bytes THEN format('it has %s bytes, the limit is %s', octet_length(query::text), most_bytes) END);
  checked jsonb;
  parsed jsonb;
  others record;
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();
  IF query IS NULL OR name IS NULL OR excess IS NOT NULL THEN
    refused := integratedb.refuse(
      code => CASE WHEN excess IS NULL THEN '22023' ELSE '54000' END,
      message => CASE WHEN excess IS NULL THEN 'the name or the query is null' ELSE 'the query cannot be saved: ' || excess END,
      detail => NULL,
      hint => 'docs/saved-queries.md describes what can be saved. Nothing was stored.');
  END IF;

  checked := integratedb.check_query(owner, caller, name, query);
  parsed := integratedb.replaced_query(owner, name, checked -> 'match');
  PERFORM integratedb.require_right_to_submit(
    caller, owner, 'queries',
    (SELECT s.document FROM integratedb.specification AS s WHERE s.stakeholder_id = owner.id AND s.kind = 'queries'),
    parsed);
  PERFORM integratedb.require_bounded(parsed);
  PERFORM integratedb.require_bounded_queries(owner, parsed);
  PERFORM integratedb.lock_relations(parsed -> 'relations');
  PERFORM integratedb.take_lock();

  -- Under the lock nothing changes any more: neither the tables nor the other queries of the stakeholder.
  checked := integratedb.check_query(owner, caller, name, query);
  parsed := integratedb.replaced_query(owner, name, checked -> 'match');
  PERFORM integratedb.require_bounded_queries(owner, parsed);
  PERFORM integratedb.submit(stakeholder, 'queries', parsed, of_query => name);

  SELECT count(*) AS number, coalesce(sum(octet_length(q.query::text)), 0) AS bytes
    INTO others
    FROM integratedb.saved_query AS q
   WHERE q.stakeholder_id = owner.id
     AND q.name <> integratedb_save_query.name;
  IF others.number >= most_queries OR others.bytes + octet_length(query::text) > most_bytes_together THEN
    refused := integratedb.refuse(
      code => '54000',
      message => format('stakeholder %s has %s other saved queries of %s bytes; at most %s of together %s bytes are allowed',
                        owner.name, others.number, others.bytes, most_queries, most_bytes_together),
      detail => NULL,
      hint => format('Drop those that nobody asks: SELECT integratedb_drop_query(%L, ''name''). Nothing was stored.', owner.name));
  END IF;

  INSERT INTO integratedb.saved_query AS q (stakeholder_id, name, face, query, schemas, reading)
  VALUES (owner.id, integratedb_save_query.name, checked ->> 'face', integratedb_save_query.query,
          ARRAY(SELECT jsonb_array_elements_text(checked -> 'schemas')), checked -> 'reading')
  ON CONFLICT ON CONSTRAINT saved_query_pkey DO UPDATE
     SET face = EXCLUDED.face,
         query = EXCLUDED.query,
         schemas = EXCLUDED.schemas,
         reading = EXCLUDED.reading,
         created_at = EXCLUDED.created_at;
  PERFORM integratedb.add_surface_stakeholders(ARRAY[owner.id]);
  RETURN integratedb.reads_of(parsed -> 'document', name);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_save_query(text, text, jsonb) IS
'Saves a query of a stakeholder under a name, or replaces the one of that name. What the query reads becomes a claim of
kind queries: granted, and protected from migrations.
stakeholder: its name. name: a to z, 0 to 9, _ and -, at most 63 characters. query: a query as data, {"rest": "GET
/people?..."} or {"graphql": "..."} (docs/saved-queries.md), at most 65,536 bytes.
Returns what the query reads, as matches of a specification.
Errors: 42501 the caller may not claim what the query reads; 22023, 42P01, 42703 and others the query cannot be compiled,
DETAIL the place; 0A000 it writes; 54000 it is too large, or there are too many; IDB03 not met; IDB04 unknown
stakeholder; 40001, 40P01, 55P03 a concurrent migration interfered: retry.
For those who may integratedb_claim().';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_drop_query(stakeholder text, name text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- revokes grants on tables of any owner; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
DECLARE
  caller CONSTANT pg_catalog.name := integratedb.caller();
  owner CONSTANT integratedb.stakeholder := integratedb.find_stakeholder(stakeholder);
  parsed jsonb;
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();
  parsed := integratedb.replaced_query(owner, name, '[]');
  PERFORM integratedb.require_right_to_submit(
    caller, owner, 'queries',
    (SELECT s.document FROM integratedb.specification AS s WHERE s.stakeholder_id = owner.id AND s.kind = 'queries'),
    parsed);
  PERFORM integratedb.take_lock();

  DELETE FROM integratedb.saved_query AS q WHERE q.stakeholder_id = owner.id AND q.name = integratedb_drop_query.name;
  IF NOT FOUND THEN
    refused := integratedb.refuse(
      code => '42704',
      message => format('stakeholder %s has no saved query %s', owner.name, coalesce(quote_literal(left(name, 80)), 'null')),
      detail => NULL,
      hint => format('SELECT name FROM integratedb_queries(%L) lists them.', owner.name));
  END IF;

  PERFORM integratedb.submit(stakeholder, 'queries', integratedb.replaced_query(owner, name, '[]'), of_query => name);
  PERFORM integratedb.add_surface_stakeholders(ARRAY[owner.id]);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_drop_query(text, text) IS
'Drops a saved query of a stakeholder, and gives up what was claimed for it alone.
stakeholder: its name. name: of the query.
Errors: 42501 the caller may not; 42704 there is no such query; IDB04 unknown stakeholder; 40001, 40P01, 55P03 a
concurrent migration interfered: retry.
For those who may integratedb_claim(), and for the stakeholder itself.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_queries(stakeholder text)
RETURNS TABLE (name text, face text, query jsonb, statement text, reads jsonb, created_at timestamptz)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads tables that nobody else can; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  owner CONSTANT integratedb.stakeholder := integratedb.require_admin_or_self(stakeholder);
  statements jsonb;
BEGIN
  IF NOT EXISTS (SELECT FROM integratedb.saved_query AS q WHERE q.stakeholder_id = owner.id) THEN
    RETURN;
  END IF;

  statements := integratedb.saved_statements(
    (SELECT r.role_oid FROM integratedb.stakeholder_role AS r WHERE r.stakeholder_id = owner.id),
    ARRAY(
      SELECT DISTINCT s.name
        FROM integratedb.saved_query AS q
       CROSS JOIN LATERAL (
         SELECT unnest(q.schemas)
         UNION ALL
         SELECT r.schema #>> '{}' FROM jsonb_path_query(q.reading, '$.relations[*].schema') AS r (schema)) AS s (name)
       WHERE q.stakeholder_id = owner.id));
  RETURN QUERY
    SELECT q.name, q.face, q.query, statements ->> q.name,
           integratedb.reads_of((SELECT s.document FROM integratedb.specification AS s WHERE s.stakeholder_id = owner.id AND s.kind = 'queries'), q.name),
           q.created_at
      FROM integratedb.saved_query AS q
     WHERE q.stakeholder_id = owner.id
     ORDER BY q.name;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_queries(text) IS
'The saved queries of a stakeholder.
stakeholder: its name.
Returns one row for each: name, face (data, rest or graphql), query as it was saved, statement (the SQL that it is now;
null if it cannot be compiled now), reads (matches of a specification), created_at (when it was saved or replaced).
Errors: 42501 the caller may not read it; IDB04 unknown stakeholder.
For members of integratedb_admin, and for the stakeholder itself.';
