-- Advisers about the storage of tables.

CREATE OR REPLACE VIEW integratedb.adviser_table_bloat AS
  SELECT b.target AS subject,
         pg_catalog.format('Table %s takes %s, and its %s rows need about %s.', b.target, pg_catalog.pg_size_pretty(b.relpages * 8192::bigint), b.reltuples::bigint,
                pg_catalog.pg_size_pretty((b.needed * 8192)::bigint)) AS detail,
         pg_catalog.format('VACUUM (FULL, ANALYZE) %s;', b.target) AS remediation,
         pg_catalog.jsonb_build_object('table', b.target, 'pages', b.relpages, 'needed', pg_catalog.ceil(b.needed)) AS metadata
    FROM (SELECT k.target, k.relpages, k.reltuples,
                 greatest(k.reltuples * (28 + w.width) / 8168.0, 1)
                   * 100 / coalesce((SELECT o.option_value::numeric FROM pg_catalog.pg_options_to_table(k.reloptions) AS o WHERE o.option_name = 'fillfactor'), 100) AS needed
            FROM integratedb.advised_relation AS k
           CROSS JOIN LATERAL (
             SELECT sum((1 - s.stanullfrac) * s.stawidth) AS width, count(*) AS known
               FROM pg_catalog.pg_statistic AS s
              WHERE s.starelid = k.oid AND NOT s.stainherit) AS w
           WHERE k.relkind IN ('r', 'm')
             AND k.relpages >= 128
             AND k.reltuples >= 0
             AND w.known = (SELECT count(*) FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped)) AS b
   WHERE b.relpages > 2 * b.needed;

COMMENT ON VIEW integratedb.adviser_table_bloat IS
'Table with much free space
INFO, OWNER, PERFORMANCE
An estimate from the statistics of ANALYZE: the table has more than twice the pages that its rows need, and at least 1 MB.
VACUUM FULL locks the table. pg_repack does the same without a long lock.';

CREATE OR REPLACE VIEW integratedb.adviser_never_analyzed AS
  SELECT k.target AS subject,
         pg_catalog.format('Table %s has about %s rows and was never analyzed, so the planner guesses.', k.target, pg_catalog.pg_stat_get_live_tuples(k.oid)) AS detail,
         pg_catalog.format('ANALYZE %s;', k.target) AS remediation,
         pg_catalog.jsonb_build_object('table', k.target, 'rows', pg_catalog.pg_stat_get_live_tuples(k.oid)) AS metadata
    FROM integratedb.advised_relation AS k
   WHERE k.relkind IN ('r', 'm')
     AND pg_catalog.pg_stat_get_live_tuples(k.oid) >= 1000
     AND pg_catalog.pg_stat_get_last_analyze_time(k.oid) IS NULL
     AND pg_catalog.pg_stat_get_last_autoanalyze_time(k.oid) IS NULL
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_statistic AS s WHERE s.starelid = k.oid);

COMMENT ON VIEW integratedb.adviser_never_analyzed IS
'Table without statistics
WARN, OWNER, PERFORMANCE
ANALYZE counts the values of columns. Without that, the planner, and the advisers about claims, know nothing of them.';

CREATE OR REPLACE VIEW integratedb.adviser_autovacuum_disabled AS
  SELECT k.target AS subject,
         pg_catalog.format('Autovacuum is disabled for table %s, which has %s dead rows.', k.target, pg_catalog.pg_stat_get_dead_tuples(k.oid)) AS detail,
         pg_catalog.format('ALTER TABLE %s RESET (autovacuum_enabled);', k.target) AS remediation,
         pg_catalog.jsonb_build_object('table', k.target, 'dead_rows', pg_catalog.pg_stat_get_dead_tuples(k.oid)) AS metadata
    FROM integratedb.advised_relation AS k
   WHERE k.relkind IN ('r', 'm')
     AND EXISTS (
       SELECT FROM pg_catalog.pg_options_to_table(k.reloptions) AS o WHERE o.option_name = 'autovacuum_enabled' AND NOT o.option_value::boolean);

COMMENT ON VIEW integratedb.adviser_autovacuum_disabled IS
'Table without autovacuum
WARN, OWNER, PERFORMANCE
The table grows with each UPDATE and DELETE, and its statistics age, until somebody runs VACUUM ANALYZE.';

CREATE OR REPLACE VIEW integratedb.adviser_claimed_unlogged_table AS
  SELECT k.target AS subject,
         pg_catalog.format('Table %s is unlogged, and %s depends on it: a crash empties it, and standbys never have its rows.', k.target,
                pg_catalog.string_agg(DISTINCT c.stakeholder, ', ')) AS detail,
         pg_catalog.format('ALTER TABLE %s SET LOGGED;', k.target) AS remediation,
         pg_catalog.jsonb_build_object('table', k.target, 'stakeholders', pg_catalog.jsonb_agg(DISTINCT c.stakeholder)) AS metadata
    FROM integratedb.advised_relation AS k
    JOIN integratedb.claim_relation AS cr ON cr.relid = k.oid
    JOIN integratedb.advised_claim AS c ON c.claim_id = cr.claim_id
   WHERE k.relpersistence = 'u'
   GROUP BY k.target;

COMMENT ON VIEW integratedb.adviser_claimed_unlogged_table IS
'Claimed table that is unlogged
WARN, OWNER, CONTRACTS
An unlogged table loses its rows in a crash, and a failover loses them always. Its stakeholders probably do not know.';
