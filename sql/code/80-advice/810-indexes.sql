-- Advisers about indexes.

CREATE OR REPLACE VIEW integratedb.adviser_unindexed_foreign_keys AS
  SELECT f.target || '.' || pg_catalog.quote_ident(f.conname) AS subject,
         pg_catalog.format('Foreign key %I of %s (%s) has no index. %s.', f.conname, f.target, c.list,
                pg_catalog.format('Each DELETE or UPDATE of a key in %s reads all of %s', f.to_target, f.target)) AS detail,
         pg_catalog.format('CREATE INDEX %sON %s (%s);', CASE f.relkind WHEN 'r' THEN 'CONCURRENTLY ' ELSE '' END, f.target, c.list) AS remediation,
         pg_catalog.jsonb_build_object('table', f.target, 'constraint', f.conname, 'rows', greatest(k.reltuples, 0)) AS metadata
    FROM integratedb.advised_foreign_key AS f
    JOIN pg_catalog.pg_class AS k ON k.oid = f.conrelid
   CROSS JOIN LATERAL (SELECT integratedb.column_list(f.conrelid, f.conkey) AS list) AS c
   WHERE NOT integratedb.is_indexed(f.conrelid, f.conkey)
     -- claimed_reference_without_index reports these.
     AND NOT EXISTS (
       SELECT FROM integratedb.claim_key AS ck JOIN integratedb.claim_relation AS cr ON cr.id = ck.relation_id
        WHERE ck.kind = 'references' AND cr.relid = f.conrelid AND ck.to_relid = f.confrelid);

COMMENT ON VIEW integratedb.adviser_unindexed_foreign_keys IS
'Foreign key without an index
INFO, OWNER, PERFORMANCE
A foreign key without an index on its columns makes deletes of referenced rows, and joins, read the whole table.';

CREATE OR REPLACE VIEW integratedb.advised_index AS
  SELECT i.indexrelid, i.indrelid, i.indnatts, i.indnkeyatts, i.indisunique, i.indisprimary, i.indisvalid, i.indisreplident,
         i.indkey, i.indcollation, i.indclass, i.indoption, i.indexprs, i.indpred,
         pg_catalog.format('%I.%I', xn.nspname, x.relname) AS index_target,
         x.relpages, x.relispartition, x.relam, x.relkind, k.target, m.amname,
         EXISTS (SELECT FROM pg_catalog.pg_constraint AS con WHERE con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x')) AS is_constraint
    FROM pg_catalog.pg_index AS i
    JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
    JOIN pg_catalog.pg_namespace AS xn ON xn.oid = x.relnamespace
    JOIN pg_catalog.pg_am AS m ON m.oid = x.relam
    JOIN integratedb.advised_relation AS k ON k.oid = i.indrelid;

COMMENT ON VIEW integratedb.advised_index IS 'The indexes of users'' relations. is_constraint: a key or an exclusion constraint needs the index.';

CREATE OR REPLACE VIEW integratedb.adviser_duplicate_index AS
  SELECT d.index_target AS subject,
         pg_catalog.format('Index %s of %s is the same as %s.', d.index_target, d.target, d.first_target) AS detail,
         pg_catalog.format('DROP INDEX %s%s;', CASE d.relkind WHEN 'i' THEN 'CONCURRENTLY ' ELSE '' END, d.index_target) AS remediation,
         pg_catalog.jsonb_build_object('table', d.target, 'index', d.index_target, 'same_as', d.first_target, 'bytes', d.relpages * 8192::bigint) AS metadata
    FROM (SELECT i.*,
                 pg_catalog.first_value(i.index_target) OVER w AS first_target,
                 pg_catalog.first_value(i.indisunique) OVER w AS first_unique,
                 pg_catalog.row_number() OVER w AS number
            FROM integratedb.advised_index AS i
           WHERE i.indisvalid
          WINDOW w AS (PARTITION BY i.indrelid, i.relam, i.indkey::text, i.indnkeyatts, i.indclass::text, i.indcollation::text, i.indoption::text,
                                    i.indexprs::text, i.indpred::text
                       ORDER BY i.indisprimary DESC, i.is_constraint DESC, i.indisreplident DESC, i.indisunique DESC, i.indexrelid
                       ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) AS d
   WHERE d.number > 1
     AND NOT d.is_constraint
     AND NOT d.indisreplident
     AND NOT d.relispartition
     AND (d.first_unique OR NOT d.indisunique);

COMMENT ON VIEW integratedb.adviser_duplicate_index IS
'Duplicate index
WARN, OWNER, PERFORMANCE
Two indexes with the same definition cost twice at each write, and serve no query that one of them would not serve.';

CREATE OR REPLACE VIEW integratedb.adviser_overlapping_index AS
  SELECT DISTINCT ON (a.indexrelid)
         a.index_target AS subject,
         pg_catalog.format('Index %s of %s has the first columns of %s, which serves the same conditions.', a.index_target, a.target, b.index_target) AS detail,
         pg_catalog.format('DROP INDEX %s%s;', CASE a.relkind WHEN 'i' THEN 'CONCURRENTLY ' ELSE '' END, a.index_target) AS remediation,
         pg_catalog.jsonb_build_object('table', a.target, 'index', a.index_target, 'covered_by', b.index_target, 'bytes', a.relpages * 8192::bigint) AS metadata
    FROM integratedb.advised_index AS a
    JOIN integratedb.advised_index AS b
      ON b.indrelid = a.indrelid
     AND b.indexrelid <> a.indexrelid
     AND b.indnkeyatts > a.indnkeyatts
     AND pg_catalog.starts_with(b.indkey::text, a.indkey::text || ' ')
     AND pg_catalog.starts_with(b.indclass::text, a.indclass::text || ' ')
     AND pg_catalog.starts_with(b.indoption::text, a.indoption::text || ' ')
     AND pg_catalog.starts_with(b.indcollation::text, a.indcollation::text || ' ')
   WHERE a.amname = 'btree'
     AND b.amname = 'btree'
     AND a.indisvalid
     AND b.indisvalid
     AND NOT a.indisunique
     AND NOT a.is_constraint
     AND NOT a.relispartition
     AND a.indnatts = a.indnkeyatts
     AND a.indexprs IS NULL AND a.indpred IS NULL
     AND b.indexprs IS NULL AND b.indpred IS NULL
   ORDER BY a.indexrelid, b.indexrelid;

COMMENT ON VIEW integratedb.adviser_overlapping_index IS
'Index whose columns begin another index
INFO, OWNER, PERFORMANCE
A longer index with the same first columns serves the queries of the shorter index. The shorter index is smaller, which
can matter for an index that is read all the time.';

CREATE OR REPLACE VIEW integratedb.adviser_unused_index AS
  SELECT i.index_target AS subject,
         pg_catalog.format('Index %s of %s (%s) was never used since %s.', i.index_target, i.target, pg_catalog.pg_size_pretty(i.relpages * 8192::bigint),
                pg_catalog.to_char(coalesce((SELECT d.stats_reset FROM pg_catalog.pg_stat_database AS d WHERE d.datname = pg_catalog.current_database()),
                                 pg_catalog.pg_postmaster_start_time()), 'YYYY-MM-DD HH24:MI TZ')) AS detail,
         pg_catalog.format('DROP INDEX CONCURRENTLY %s;', i.index_target) AS remediation,
         pg_catalog.jsonb_build_object('table', i.target, 'index', i.index_target, 'bytes', i.relpages * 8192::bigint) AS metadata
    FROM integratedb.advised_index AS i
   WHERE i.relkind = 'i'
     AND i.indisvalid
     AND NOT i.indisunique
     AND NOT i.is_constraint
     AND NOT i.indisreplident
     AND NOT i.relispartition
     AND i.relpages >= 16
     AND pg_catalog.pg_stat_get_numscans(i.indexrelid) = 0;

COMMENT ON VIEW integratedb.adviser_unused_index IS
'Index that was never used
INFO, OWNER, PERFORMANCE
No scan of the index is counted on this server. Scans on standbys are counted there only, so look there too. An index for
a yearly report may be unused for months. Indexes below 128 kB and unique indexes are not reported.';

CREATE OR REPLACE VIEW integratedb.adviser_invalid_index AS
  SELECT i.index_target AS subject,
         pg_catalog.format('Index %s of %s is not valid: CREATE or REINDEX INDEX CONCURRENTLY did not finish. No query uses it, and each write maintains it.',
                i.index_target, i.target) AS detail,
         pg_catalog.format('REINDEX INDEX CONCURRENTLY %s;', i.index_target) AS remediation,
         pg_catalog.jsonb_build_object('table', i.target, 'index', i.index_target) AS metadata
    FROM integratedb.advised_index AS i
   WHERE i.relkind = 'i'
     AND NOT i.indisvalid
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_create_index AS p WHERE p.index_relid = i.indexrelid);

COMMENT ON VIEW integratedb.adviser_invalid_index IS
'Invalid index
WARN, OWNER, PERFORMANCE
A CREATE INDEX CONCURRENTLY that failed leaves an index behind that costs at each write and serves no query.';

CREATE OR REPLACE VIEW integratedb.adviser_btree_on_array AS
  SELECT i.index_target AS subject,
         pg_catalog.format('Index %s of %s is a btree on an array, which serves no search for an element.', i.index_target, i.target) AS detail,
         pg_catalog.format('CREATE INDEX %sON %s USING gin (%s);', CASE i.relkind WHEN 'i' THEN 'CONCURRENTLY ' ELSE '' END, i.target, pg_catalog.quote_ident(a.attname))
           || pg_catalog.format(' DROP INDEX %s%s;', CASE i.relkind WHEN 'i' THEN 'CONCURRENTLY ' ELSE '' END, i.index_target) AS remediation,
         pg_catalog.jsonb_build_object('table', i.target, 'index', i.index_target) AS metadata
    FROM integratedb.advised_index AS i
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
    JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid AND t.typcategory = 'A'
   WHERE i.amname = 'btree'
     AND i.indnkeyatts = 1
     AND i.indisvalid
     AND i.indpred IS NULL
     AND NOT i.relispartition
     AND NOT i.indisunique
     AND NOT i.is_constraint;

COMMENT ON VIEW integratedb.adviser_btree_on_array IS
'Btree index on an array
INFO, OWNER, PERFORMANCE
A btree compares whole arrays. Searches for an element (@>, &&) need a gin index.';
