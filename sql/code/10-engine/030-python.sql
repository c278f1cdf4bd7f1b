-- The Python that runs inside Postgres: each body is the import and one call. Only the owner may execute these
-- functions.

CREATE OR REPLACE FUNCTION integratedb.parse_specification(document jsonb, kind text)
RETURNS jsonb
LANGUAGE plpython3u
IMMUTABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.parse_specification(plpy, document, kind)
$python$;

COMMENT ON FUNCTION integratedb.parse_specification(jsonb, text) IS
'Reads a document. Returns {"refusals": [[message, pointer], ...]}, or {"document": short form} with the names in the '
'document: {"relations": [[schema, relation], ...], "schemas": [schema, ...], "named_columns": how many, "wholes": '
'[[schema, relation], ...]}. wholes lists where "*" stands for all columns; relation null: of a whole schema.';

CREATE OR REPLACE FUNCTION integratedb.named(document jsonb, kind text)
RETURNS jsonb
LANGUAGE plpython3u
IMMUTABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.named(plpy, document, kind)
$python$;

COMMENT ON FUNCTION integratedb.named(jsonb, text) IS
'The names in a stored short document, as parse_specification() returns them. Does not check the document again. Null '
'for null.';

CREATE OR REPLACE FUNCTION integratedb.expand(document jsonb, kind text, matches integer[], schema_relations oid[], with_document boolean)
RETURNS SETOF jsonb
LANGUAGE plpython3u
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.expand(plpy, document, kind, matches, schema_relations, with_document)
$python$;

COMMENT ON FUNCTION integratedb.expand(jsonb, text, integer[], oid[], boolean) IS
'Expands matches of a stored short document against the present catalog. Returns batches of {"claims", "relations", '
'"columns", "keys"}: rows of the tables claim, claim_relation, claim_column and claim_key. A column and a key have the '
'place of their relation in the batch, from 0. document: with these matches only. matches: their positions in the specification, from 0. '
'schema_relations: schema.* expands only to these relations; null: to all. with_document: a last row is {"document"}, '
'with every property filled in.';

CREATE OR REPLACE FUNCTION integratedb.is_weaker(old_document jsonb, new_document jsonb, kind text, relations jsonb)
RETURNS boolean
LANGUAGE plpython3u
IMMUTABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.is_weaker(plpy, old_document, new_document, kind, relations)
$python$;

COMMENT ON FUNCTION integratedb.is_weaker(jsonb, jsonb, text, jsonb) IS
'Whether new_document asks for no more than old_document does, both in short form. A stakeholder may make such a '
'change alone. relations: the relations that schema.* stands for in the baseline of the old document, as [schema, '
'relation].';

CREATE OR REPLACE FUNCTION integratedb.new_password(OUT password text, OUT verifier text)
LANGUAGE plpython3u
VOLATILE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.new_password()
$python$;

COMMENT ON FUNCTION integratedb.new_password() IS
'A random password and its SCRAM-SHA-256 verifier (RFC 7677), so that no SQL text ever holds the password.';

CREATE OR REPLACE FUNCTION integratedb.nearest(name text, names text[])
RETURNS text
LANGUAGE plpython3u
IMMUTABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.specification.identifiers
return identifiers.nearest(name, names)
$python$;

COMMENT ON FUNCTION integratedb.nearest(text, text[]) IS
'The name in this list that is most similar to a misspelled name; null when no name is similar.';
