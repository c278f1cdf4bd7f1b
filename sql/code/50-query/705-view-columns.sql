-- Which columns of tables the columns of views are, so that foreign keys and keys of tables count for views too.

CREATE OR REPLACE FUNCTION integratedb.view_origins(of_view oid)
RETURNS TABLE (number smallint, origin oid, origin_number smallint)
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- The stored query names the origin of each column that is a column of a relation, also through sub-queries and CTEs.
  -- Of its entries, only those of the outermost query count: these are at depth 2. A backslash escapes a brace.
  RETURN QUERY
    WITH token AS (
      SELECT m.words[1] AS word, m.place,
             sum(CASE m.words[1] WHEN '{' THEN 1 WHEN '}' THEN -1 ELSE 0 END) OVER (ORDER BY m.place) AS depth
        FROM pg_rewrite AS w
       CROSS JOIN LATERAL regexp_matches(w.ev_action::text, E'\\\\.|[{}]|:res(?:no|origtbl|origcol) [0-9]+', 'g') WITH ORDINALITY AS m (words, place)
       WHERE w.ev_class = of_view
         AND w.rulename = '_RETURN'
    ), property AS (
      SELECT split_part(t.word, ' ', 1) AS name, split_part(t.word, ' ', 2)::bigint AS value,
             count(*) FILTER (WHERE starts_with(t.word, ':resno')) OVER (ORDER BY t.place) AS entry
        FROM token AS t
       WHERE t.depth = 2
         AND starts_with(t.word, ':')
    )
    SELECT e.number, e.origin, e.origin_number
      FROM (SELECT max(p.value) FILTER (WHERE p.name = ':resno')::smallint AS number,
                   max(p.value) FILTER (WHERE p.name = ':resorigtbl')::oid AS origin,
                   max(p.value) FILTER (WHERE p.name = ':resorigcol')::smallint AS origin_number
              FROM property AS p
             GROUP BY p.entry) AS e
     WHERE e.origin <> 0
       AND e.origin_number > 0;
END
$$;

COMMENT ON FUNCTION integratedb.view_origins(oid) IS
'The columns of a view or materialised view that are columns of the relations which it reads, by number. These may be '
'views themselves.';

CREATE OR REPLACE FUNCTION integratedb.view_columns(views oid[])
RETURNS TABLE (relid oid, number smallint, base oid, base_number smallint)
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
SET enable_seqscan = off
SET enable_mergejoin = off
AS $$
BEGIN
  RETURN QUERY
    WITH RECURSIVE link AS (
      SELECT v.oid AS view, o.number, o.origin, o.origin_number
        FROM unnest(views) AS v (oid)
       CROSS JOIN LATERAL integratedb.view_origins(v.oid) AS o
      UNION
      SELECT v.origin, o.number, o.origin, o.origin_number
        FROM (SELECT DISTINCT l.origin FROM link AS l) AS v
        JOIN pg_class AS k ON k.oid = v.origin AND k.relkind IN ('v', 'm')
       CROSS JOIN LATERAL integratedb.view_origins(k.oid) AS o
    ), step AS (
      SELECT l.view, l.number, l.origin, l.origin_number FROM link AS l WHERE l.view = ANY (views)
      UNION
      SELECT s.view, s.number, l.origin, l.origin_number
        FROM step AS s
        JOIN link AS l ON l.view = s.origin AND l.number = s.origin_number
    )
    SELECT s.view, s.number, s.origin, s.origin_number
      FROM step AS s
      JOIN pg_class AS k ON k.oid = s.origin AND k.relkind IN ('r', 'p', 'f');
END
$$;

COMMENT ON FUNCTION integratedb.view_columns(oid[]) IS
'The columns of views that are columns of tables, through any number of views.';
