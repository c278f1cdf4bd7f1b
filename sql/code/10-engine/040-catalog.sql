-- Shows the types and columns of the catalog in the words of a specification.

CREATE OR REPLACE FUNCTION integratedb.quote_part(part text)
RETURNS text
LANGUAGE sql
IMMUTABLE STRICT PARALLEL SAFE
SECURITY INVOKER
RETURN CASE WHEN part ~ '^[a-z_][a-z0-9_$]*$' THEN part ELSE '"' || replace(part, '"', '""') || '"' END;

COMMENT ON FUNCTION integratedb.quote_part(text) IS
'A part of a type name, quoted unless it is plain lower case. Key words are not quoted: after a schema they are '
'names. The function has no SET search_path, so that the planner inlines it. Its body was resolved when the function '
'was created.';

CREATE OR REPLACE FUNCTION integratedb.path_of(schema_name name, relation_name name)
RETURNS text
LANGUAGE sql
IMMUTABLE STRICT PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT string_agg(
           CASE WHEN p.part ~ '^[a-zA-Z_][a-zA-Z0-9_]{0,62}$' THEN p.part ELSE '"' || replace(p.part, '"', '""') || '"' END,
           '.' ORDER BY p.position)
    FROM unnest(ARRAY[schema_name::text, relation_name::text]) WITH ORDINALITY AS p (part, position)
$$;

COMMENT ON FUNCTION integratedb.path_of(name, name) IS
'The path of a relation as a specification writes it: case as in the catalog, quoted where necessary.';

CREATE OR REPLACE FUNCTION integratedb.path_parts(given text)
RETURNS text[]
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  parts CONSTANT text[] := regexp_match(
    given, '^("(?:[^"]|"")+"|[a-zA-Z_][a-zA-Z0-9_]{0,62})[.]("(?:[^"]|"")+"|[a-zA-Z_][a-zA-Z0-9_]{0,62}|[*])$');
  refused boolean;
BEGIN
  IF parts IS NULL THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('not a table path: %s', coalesce(quote_literal(left(given, 80)), 'null')),
      detail => NULL,
      hint => 'A path is schema.table, each part as in the catalog, or double-quoted: shop."Order Items". schema.* is a whole schema.');
  END IF;

  RETURN ARRAY(
    SELECT CASE WHEN p.part LIKE '"%' THEN replace(substr(p.part, 2, length(p.part) - 2), '""', '"')
                WHEN p.part <> '*' THEN p.part END
      FROM unnest(parts) WITH ORDINALITY AS p (part, position)
     ORDER BY p.position);
END
$$;

COMMENT ON FUNCTION integratedb.path_parts(text) IS
'The schema and the relation that a path of a specification names; the relation is null for schema.*. Error: 22023 '
'the text is not a path.';

CREATE OR REPLACE FUNCTION integratedb.path_as_stored(given text)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  parts CONSTANT text[] := integratedb.path_parts(given);
BEGIN
  RETURN CASE WHEN parts[2] IS NULL THEN left(integratedb.path_of(parts[1]::name, 'x'), -1) || '*'
              ELSE integratedb.path_of(parts[1]::name, parts[2]::name) END;
END
$$;

COMMENT ON FUNCTION integratedb.path_as_stored(text) IS
'A path of a specification, with quotes only where they are necessary, as claims store it. Error: 22023 the text is '
'not a path.';

CREATE OR REPLACE VIEW integratedb.type_name AS
  SELECT t.oid,
         t.typtype,
         t.typbasetype,
         t.typtypmod,
         t.typnotnull,
         integratedb.quote_part(coalesce(en.nspname, n.nspname)) || '.' || integratedb.quote_part(coalesce(e.typname, t.typname))
           || CASE WHEN e.oid IS NULL THEN '' ELSE '[]' END AS exact,
         integratedb.quote_part(coalesce(e.typname, t.typname)) || CASE WHEN e.oid IS NULL THEN '' ELSE '[]' END AS bare,
         n.nspname = 'pg_catalog' AS built_in,
         CASE WHEN t.typelem <> 0 AND t.typlen = -1 THEN 'ARRAY' WHEN n.nspname <> 'pg_catalog' THEN 'USER-DEFINED' END AS family
    FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
    LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem AND e.typarray = t.oid
    LEFT JOIN pg_catalog.pg_namespace AS en ON en.oid = e.typnamespace;

COMMENT ON VIEW integratedb.type_name IS
'Types by the names that a specification may use: exact (schema.name), bare (name), and family (the data_type of '
'information_schema.columns, unless that is the name of a type).';

CREATE OR REPLACE FUNCTION integratedb.type_matches(type_oid oid, expected text)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- A domain matches by its own name, and, as in information_schema.columns, by the names of its base type.
  WITH RECURSIVE base AS (
    SELECT t.*, 0 AS depth FROM integratedb.type_name AS t WHERE t.oid = type_oid
    UNION ALL
    SELECT t.*, b.depth + 1 FROM base AS b JOIN integratedb.type_name AS t ON t.oid = b.typbasetype WHERE b.typtype = 'd'
  )
  SELECT EXISTS (
    SELECT FROM base AS b
     WHERE (b.depth = 0 AND expected IN (b.exact, b.bare))
        OR (b.typtype <> 'd' AND expected = b.family)
        OR (b.typtype <> 'd' AND expected = b.exact AND (b.built_in OR b.family = 'ARRAY')))
$$;

COMMENT ON FUNCTION integratedb.type_matches(oid, text) IS
'Whether a column of this type satisfies expected (as claim_column.type stores it).';

CREATE OR REPLACE FUNCTION integratedb.length_limit(type_oid oid, type_modifier integer)
RETURNS integer
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
RETURN CASE
  WHEN type_oid IN (1042, 1043, 1014, 1015) AND type_modifier > 4 THEN type_modifier - 4
  WHEN type_oid IN (1560, 1562, 1561, 1563) AND type_modifier > 0 THEN type_modifier
  WHEN type_oid IN (1700, 1231) AND type_modifier > 4 THEN ((type_modifier - 4) >> 16) & 65535
  WHEN type_oid = 21 THEN 16
  WHEN type_oid = 23 THEN 32
  WHEN type_oid = 20 THEN 64
  WHEN type_oid = 700 THEN 24
  WHEN type_oid = 701 THEN 53
  ELSE 2147483647
END;

COMMENT ON FUNCTION integratedb.length_limit(oid, integer) IS
'Character (or bit) length, or numeric precision, of a type with this modifier, as in information_schema.columns. For '
'an array: that of its elements. 2147483647: no limit. Follows information_schema._pg_char_max_length and '
'_pg_numeric_precision. Not for domains.';

CREATE OR REPLACE FUNCTION integratedb.domain_length_limit(domain_oid oid)
RETURNS integer
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  WITH RECURSIVE base AS (
    SELECT t.oid, t.typtype, t.typbasetype, t.typtypmod FROM pg_type AS t WHERE t.oid = domain_oid
    UNION ALL
    SELECT t.oid, t.typtype, t.typbasetype, CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE b.typtypmod END
      FROM base AS b
      JOIN pg_type AS t ON t.oid = b.typbasetype
     WHERE b.typtype = 'd'
  )
  SELECT integratedb.length_limit(b.oid, b.typtypmod) FROM base AS b WHERE b.typtype <> 'd'
$$;

COMMENT ON FUNCTION integratedb.domain_length_limit(oid) IS
'length_limit() of the type under a domain, through any number of domains.';

CREATE OR REPLACE FUNCTION integratedb.type_fits(type_oid oid, type_modifier integer, expected_type text, min_length integer)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT (expected_type IS NULL OR integratedb.type_matches(type_oid, expected_type))
     AND (min_length IS NULL
          OR min_length <= (SELECT CASE WHEN t.typtype = 'd' THEN integratedb.domain_length_limit(t.oid)
                                        ELSE integratedb.length_limit(t.oid, type_modifier) END
                              FROM pg_type AS t
                             WHERE t.oid = type_oid))
$$;

COMMENT ON FUNCTION integratedb.type_fits(oid, integer, text, integer) IS
'Whether a column of this type and modifier has the expected type and at least min_length; null accepts any.';

CREATE OR REPLACE FUNCTION integratedb.is_domain_not_null(type_oid oid)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM pg_type AS t WHERE t.oid = type_oid AND t.typtype = 'd' AND t.typnotnull)
$$;

COMMENT ON FUNCTION integratedb.is_domain_not_null(oid) IS 'Whether the type is a domain declared NOT NULL.';

CREATE OR REPLACE VIEW integratedb.readable_relation AS
  SELECT k.oid, n.nspname AS schema_name, k.relname AS relation_name, k.relkind, k.relispartition, k.relowner, k.relnamespace
    FROM pg_catalog.pg_class AS k
    JOIN pg_catalog.pg_namespace AS n ON n.oid = k.relnamespace
   WHERE k.relkind IN ('r', 'v', 'm', 'f', 'p');

COMMENT ON VIEW integratedb.readable_relation IS
'Relations that a path may name: tables, views, materialised views, foreign tables, partitioned tables and '
'partitions.';

CREATE OR REPLACE FUNCTION integratedb.relations_at(paths jsonb)
RETURNS TABLE (schema_name name, relation_name name, oid oid, relkind "char")
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- OFFSET 0 makes the planner look up schema and name together. Otherwise the planner would look for the name and
  -- filter the schemas. That reads thousands of rows where each tenant has a schema with the same tables.
  RETURN QUERY
    SELECT (p.path ->> 0)::name, (p.path ->> 1)::name, k.oid, k.relkind
      FROM jsonb_array_elements(paths) AS p (path)
      LEFT JOIN pg_namespace AS n ON n.nspname = p.path ->> 0
      LEFT JOIN LATERAL (
        SELECT r.oid, r.relkind
          FROM pg_class AS r
         WHERE r.relnamespace = n.oid
           AND r.relname = p.path ->> 1
           AND r.relkind IN ('r', 'v', 'm', 'f', 'p')
        OFFSET 0) AS k ON true;
END
$$;

COMMENT ON FUNCTION integratedb.relations_at(jsonb) IS
'The relations at these paths ([schema, relation]), one row each. oid and relkind are null where no relation exists '
'that a path may name.';

CREATE OR REPLACE VIEW integratedb.readable_column AS
  SELECT a.attrelid AS relid,
         a.attnum,
         a.attname AS column_name,
         a.atttypid AS type_oid,
         a.atttypmod AS type_modifier,
         t.exact AS type,
         CASE WHEN t.typtype = 'd' THEN integratedb.domain_length_limit(t.oid)
              ELSE integratedb.length_limit(t.oid, a.atttypmod) END AS length_limit,
         NOT (a.attnotnull OR (t.typtype = 'd' AND t.typnotnull)) AS is_nullable
    FROM pg_catalog.pg_attribute AS a
    JOIN integratedb.type_name AS t ON t.oid = a.atttypid
   WHERE a.attnum > 0
     AND NOT a.attisdropped;

COMMENT ON VIEW integratedb.readable_column IS
'Columns with the properties that a specification can ask for: type, length limit, nullability.';

CREATE OR REPLACE FUNCTION integratedb.exact_type(type_text text)
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN (SELECT t.exact FROM integratedb.type_name AS t WHERE t.oid = to_regtype(type_text) AND t.built_in);
EXCEPTION
  -- A text that is not in the grammar of types ("foo bar") is not a type.
  WHEN syntax_error OR undefined_object THEN
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION integratedb.exact_type(text) IS
'The exact name (schema.name) of a built-in type, from any alias that Postgres accepts (int, timestamptz, double '
'precision[]); null when the type does not exist.';

CREATE OR REPLACE FUNCTION integratedb.written_type(type_oid oid, type_modifier integer)
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
-- Names that format_type() leaves without a schema must not depend on the caller. With this path, no schema comes
-- before pg_catalog.
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  -- The modifier is shown only for a built-in type. For another type, a function of that type's author would write the
  -- modifier.
  IF EXISTS (SELECT FROM pg_type AS t WHERE t.oid = type_oid AND t.typnamespace = 'pg_catalog'::regnamespace) THEN
    RETURN format_type(type_oid, nullif(type_modifier, -1));
  END IF;

  RETURN (SELECT t.exact FROM integratedb.type_name AS t WHERE t.oid = type_oid);
END
$$;

COMMENT ON FUNCTION integratedb.written_type(oid, integer) IS
'A type as people write it, for messages: bigint, integer[], character varying(40), shop.email. Only built-in types '
'have no schema, for every caller. The modifier may be null.';

CREATE OR REPLACE FUNCTION integratedb.written_claim_type(expected_type text, min_length integer)
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  -- to_regtype() fails for a text that cannot be a type name, such as USER-DEFINED. After pg_catalog every text can be
  -- one.
  built_in CONSTANT oid := CASE WHEN expected_type LIKE 'pg_catalog.%' THEN to_regtype(expected_type)::oid END;
BEGIN
  RETURN CASE WHEN built_in IS NULL THEN expected_type
              WHEN built_in IN (1042, 1043, 1014, 1015) AND min_length <= 10485760 THEN format_type(built_in, min_length + 4)
              WHEN built_in IN (1560, 1562, 1561, 1563) AND min_length <= 83886080 THEN format_type(built_in, min_length)
              ELSE format_type(built_in, NULL) END;
END
$$;

COMMENT ON FUNCTION integratedb.written_claim_type(text, integer) IS
'The type that a claim asks of a column (claim_column.type and min_length), as people write it. The length is shown '
'only for text and bits, where the modifier is the length. Null: any type.';
