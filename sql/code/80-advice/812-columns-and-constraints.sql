-- Advisers about keys, constraints, sequences, types and triggers.

CREATE OR REPLACE VIEW integratedb.adviser_no_primary_key AS
  SELECT k.target AS subject,
         pg_catalog.format('Table %s has no primary key.%s', k.target, CASE WHEN u.list IS NULL THEN '' ELSE pg_catalog.format(' Its columns %s are unique and not null.', u.list) END) AS detail,
         CASE WHEN u.list IS NOT NULL THEN pg_catalog.format('ALTER TABLE %s ADD PRIMARY KEY (%s);', k.target, u.list)
              WHEN k.relkind = 'p' THEN
                pg_catalog.format('ALTER TABLE %s ADD COLUMN %I uuid NOT NULL DEFAULT gen_random_uuid(), ADD PRIMARY KEY (%2$I, %3$s);', k.target, n.free,
                       (SELECT integratedb.column_list(k.oid, pt.partattrs::pg_catalog.int2[]) FROM pg_catalog.pg_partitioned_table AS pt WHERE pt.partrelid = k.oid))
              ELSE pg_catalog.format('ALTER TABLE %s ADD COLUMN %I bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;', k.target, n.free) END AS remediation,
         pg_catalog.jsonb_build_object('table', k.target) AS metadata
    FROM integratedb.advised_relation AS k
    LEFT JOIN LATERAL (
      SELECT integratedb.column_list(k.oid, (i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1]) AS list
        FROM pg_catalog.pg_index AS i
       WHERE i.indrelid = k.oid
         AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
         AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = k.oid AND a.attnum = ANY ((i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1]) AND NOT a.attnotnull)
       ORDER BY i.indnkeyatts, i.indexrelid
       LIMIT 1) AS u ON true
   CROSS JOIN LATERAL (
     SELECT c.name AS free
       FROM (VALUES (1, 'id'), (2, pg_catalog.left(k.relation_name, 60) || '_id'), (3, 'row_id'), (4, 'primary_key_of_row')) AS c (position, name)
      WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = k.oid AND a.attname = c.name)
      ORDER BY c.position
      LIMIT 1) AS n
   WHERE k.relkind IN ('r', 'p')
     AND NOT k.relispartition
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS con WHERE con.conrelid = k.oid AND con.contype = 'p');

COMMENT ON VIEW integratedb.adviser_no_primary_key IS
'Table without a primary key
INFO, OWNER, PERFORMANCE, CONTRACTS
Without a primary key no row can be named: notifications need another replica identity, and the data API addresses no
single row.';

CREATE OR REPLACE VIEW integratedb.adviser_not_valid_constraint AS
  SELECT k.target || '.' || pg_catalog.quote_ident(con.conname) AS subject,
         pg_catalog.format('Constraint %I of %s was added NOT VALID, so older rows may break it.', con.conname, k.target) AS detail,
         pg_catalog.format('ALTER TABLE %s VALIDATE CONSTRAINT %I;', k.target, con.conname) AS remediation,
         pg_catalog.jsonb_build_object('table', k.target, 'constraint', con.conname) AS metadata
    FROM pg_catalog.pg_constraint AS con
    JOIN integratedb.advised_relation AS k ON k.oid = con.conrelid
   WHERE NOT con.convalidated
     AND con.conparentid = 0
     AND con.coninhcount = 0 -- a child has it from its parent
     -- A constraint that is not enforced (PostgreSQL 18) is never validated.
     AND coalesce(pg_catalog.to_jsonb(con) ->> 'conenforced', 'true') = 'true';

COMMENT ON VIEW integratedb.adviser_not_valid_constraint IS
'Constraint that is not validated
INFO, OWNER, SCHEMA
NOT VALID adds a constraint without reading the table, the first half of a migration without a long lock. VALIDATE is the
second half.';

CREATE OR REPLACE VIEW integratedb.adviser_foreign_key_types_differ AS
  SELECT f.target || '.' || pg_catalog.quote_ident(f.conname) AS subject,
         pg_catalog.format('Foreign key %I of %s compares %s.', f.conname, f.target,
                pg_catalog.string_agg(pg_catalog.format('%I (%s) with %I (%s) of %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), b.attname,
                                  pg_catalog.format_type(b.atttypid, b.atttypmod), f.to_target), ', ' ORDER BY p.position)) AS detail,
         pg_catalog.format('ALTER TABLE %s %s;', f.target,
                pg_catalog.string_agg(pg_catalog.format('ALTER COLUMN %I TYPE %s', a.attname, pg_catalog.format_type(b.atttypid, b.atttypmod)), ', ' ORDER BY p.position)) AS remediation,
         pg_catalog.jsonb_build_object('table', f.target, 'constraint', f.conname) AS metadata
    FROM integratedb.advised_foreign_key AS f
   CROSS JOIN LATERAL ROWS FROM (pg_catalog.unnest(f.conkey), pg_catalog.unnest(f.confkey)) WITH ORDINALITY AS p (own, other, position)
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = f.conrelid AND a.attnum = p.own
    JOIN pg_catalog.pg_attribute AS b ON b.attrelid = f.confrelid AND b.attnum = p.other
   WHERE a.atttypid <> b.atttypid
   GROUP BY f.oid, f.target, f.conname;

COMMENT ON VIEW integratedb.adviser_foreign_key_types_differ IS
'Foreign key between different types
WARN, OWNER, SCHEMA
A narrower column on one side fails when values grow, and a comparison of different types may not use an index.';

CREATE OR REPLACE VIEW integratedb.adviser_duplicate_foreign_key AS
  SELECT f.target || '.' || pg_catalog.quote_ident(f.conname) AS subject,
         pg_catalog.format('Foreign key %I of %s is the same as %I.', f.conname, f.target, f.first_name) AS detail,
         pg_catalog.format('ALTER TABLE %s DROP CONSTRAINT %I;', f.target, f.conname) AS remediation,
         pg_catalog.jsonb_build_object('table', f.target, 'constraint', f.conname, 'same_as', f.first_name) AS metadata
    FROM (SELECT k.*, pg_catalog.first_value(k.conname) OVER w AS first_name, pg_catalog.row_number() OVER w AS number
            FROM integratedb.advised_foreign_key AS k
          WINDOW w AS (PARTITION BY k.conrelid, k.conkey::text, k.confrelid, k.confkey::text ORDER BY k.oid)) AS f
   WHERE f.number > 1;

COMMENT ON VIEW integratedb.adviser_duplicate_foreign_key IS
'Duplicate foreign key
INFO, OWNER, PERFORMANCE
Each foreign key is checked at each write. The second one of two checks what the first one has checked.';

CREATE OR REPLACE VIEW integratedb.adviser_sequence_near_end AS
  SELECT s.target AS subject,
         pg_catalog.format('Sequence %s has used %s %% of its numbers%s.', s.target, pg_catalog.floor(s.last * 100.0 / s.greatest),
                CASE WHEN s.column_name IS NULL THEN '' ELSE pg_catalog.format(', for column %I of %s', s.column_name, s.table_target) END) AS detail,
         CASE WHEN s.is_narrow THEN pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I TYPE bigint; ', s.table_target, s.column_name) ELSE '' END
           || pg_catalog.format('ALTER SEQUENCE %s AS bigint NO MAXVALUE;', s.target) AS remediation,
         pg_catalog.jsonb_build_object('sequence', s.target, 'last', s.last, 'greatest', s.greatest) AS metadata
    FROM (SELECT pg_catalog.format('%I.%I', n.nspname, k.relname) AS target,
                 pg_catalog.pg_sequence_last_value(q.seqrelid) AS last,
                 least(q.seqmax, CASE a.atttypid WHEN 21 THEN 32767 WHEN 23 THEN 2147483647 ELSE 9223372036854775807 END) AS greatest,
                 coalesce(a.atttypid IN (21, 23), false) AS is_narrow,
                 a.attname AS column_name,
                 t.target AS table_target
            FROM pg_catalog.pg_sequence AS q
            JOIN pg_catalog.pg_class AS k ON k.oid = q.seqrelid
            JOIN pg_catalog.pg_namespace AS n ON n.oid = k.relnamespace
            LEFT JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_class'::pg_catalog.regclass AND d.objid = k.oid AND d.refclassid = 'pg_class'::pg_catalog.regclass AND d.deptype IN ('a', 'i')
            LEFT JOIN integratedb.advised_relation AS t ON t.oid = d.refobjid
            LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid
           WHERE q.seqincrement > 0
             AND NOT q.seqcycle
             AND k.relpersistence <> 't'
             AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'integratedb')) AS s
   WHERE s.last::numeric > s.greatest * 0.8;

COMMENT ON VIEW integratedb.adviser_sequence_near_end IS
'Sequence near its end
ERROR, OWNER, SCHEMA
After the last number each INSERT fails. A column that is claimed as integer can only become bigint when its stakeholders
accept both.';

CREATE OR REPLACE VIEW integratedb.adviser_discouraged_type AS
  SELECT k.target || '.' || pg_catalog.quote_ident(a.attname) AS subject,
         pg_catalog.format('Column %I of %s is %s: %s.', a.attname, k.target, pg_catalog.format_type(a.atttypid, a.atttypmod), w.why) AS detail,
         pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I TYPE %s;', k.target, a.attname, w.better) AS remediation,
         pg_catalog.jsonb_build_object('table', k.target, 'column', a.attname, 'type', pg_catalog.format_type(a.atttypid, a.atttypmod)) AS metadata
    FROM integratedb.advised_relation AS k
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN (VALUES (790::oid, 'its value depends on the setting lc_monetary', 'numeric'),
                 (1266::oid, 'a time zone without a date has no offset in summer', 'time'),
                 (1042::oid, 'values are padded with spaces', 'text')) AS w (type_oid, why, better) ON w.type_oid = a.atttypid
   WHERE k.relkind IN ('r', 'p')
     AND NOT k.relispartition
     AND NOT (a.atttypid = 1042 AND a.atttypmod <= 5);

COMMENT ON VIEW integratedb.adviser_discouraged_type IS
'Discouraged type
INFO, OWNER, SCHEMA
money, time with time zone and char(n) surprise applications. char(1) is not reported.';

CREATE OR REPLACE VIEW integratedb.adviser_unsupported_reg_types AS
  SELECT k.target || '.' || pg_catalog.quote_ident(a.attname) AS subject,
         pg_catalog.format('Column %I of %s is %s, which pg_upgrade refuses.', a.attname, k.target, pg_catalog.format_type(a.atttypid, NULL)) AS detail,
         pg_catalog.format('ALTER TABLE %s ALTER COLUMN %I TYPE text;', k.target, a.attname) AS remediation,
         pg_catalog.jsonb_build_object('table', k.target, 'column', a.attname, 'type', pg_catalog.format_type(a.atttypid, NULL)) AS metadata
    FROM integratedb.advised_relation AS k
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped
   WHERE k.relkind IN ('r', 'p', 'm')
     AND NOT k.relispartition
     AND a.atttypid IN (24, 2202, 2203, 2204, 3734, 3769, 4089, 4191);

COMMENT ON VIEW integratedb.adviser_unsupported_reg_types IS
'Column of a type that pg_upgrade refuses
WARN, OWNER, SCHEMA
regproc, regprocedure, regoper, regoperator, regconfig, regdictionary, regnamespace and regcollation store object
identifiers, which another major version of Postgres does not keep.';

CREATE OR REPLACE VIEW integratedb.adviser_disabled_trigger AS
  SELECT k.target || '.' || pg_catalog.quote_ident(coalesce(con.conname, g.tgname)) AS subject,
         pg_catalog.format('%s %I of %s is disabled.', CASE WHEN con.oid IS NULL THEN 'Trigger' ELSE 'The check of foreign key' END,
                coalesce(con.conname, g.tgname), k.target) AS detail,
         pg_catalog.string_agg(pg_catalog.format('ALTER TABLE %s ENABLE TRIGGER %I;', k.target, g.tgname), ' ' ORDER BY g.tgname) AS remediation,
         pg_catalog.jsonb_build_object('table', k.target) AS metadata
    FROM pg_catalog.pg_trigger AS g
    JOIN integratedb.advised_relation AS k ON k.oid = g.tgrelid
    LEFT JOIN pg_catalog.pg_constraint AS con ON con.oid = g.tgconstraint AND g.tgisinternal
   WHERE g.tgenabled = 'D'
     AND g.tgparentid = 0
   GROUP BY k.target, con.oid, con.conname, CASE WHEN con.oid IS NULL THEN g.tgname END, coalesce(con.conname, g.tgname);

COMMENT ON VIEW integratedb.adviser_disabled_trigger IS
'Disabled trigger
WARN, OWNER, SCHEMA
A bulk load often disables triggers, and an aborted one leaves them disabled. The triggers of foreign keys count too.';
