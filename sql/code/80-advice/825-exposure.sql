-- Advisers about what more roles can reach than need it.

CREATE OR REPLACE VIEW integratedb.adviser_writable_by_everybody AS
  SELECT k.target AS subject,
         pg_catalog.format('Everybody may %s in %s, which has no row level security.', pg_catalog.string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type), k.target) AS detail,
         pg_catalog.format('REVOKE %s ON %s FROM PUBLIC;', pg_catalog.string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type), k.target) AS remediation,
         pg_catalog.jsonb_build_object('table', k.target, 'privileges', pg_catalog.jsonb_agg(a.privilege_type ORDER BY a.privilege_type)) AS metadata
    FROM integratedb.advised_relation AS k
   CROSS JOIN LATERAL pg_catalog.aclexplode(k.relacl) AS a
   WHERE a.grantee = 0
     AND a.privilege_type IN ('INSERT', 'UPDATE', 'DELETE', 'TRUNCATE')
     AND NOT k.relrowsecurity
   GROUP BY k.target;

COMMENT ON VIEW integratedb.adviser_writable_by_everybody IS
'Table that everybody can write
ERROR, OWNER, SECURITY
Each stakeholder, and each later role of the cluster that can connect, can change these rows.';

CREATE OR REPLACE VIEW integratedb.adviser_foreign_table_exposed AS
  SELECT k.target AS subject,
         pg_catalog.format('Everybody can read foreign table %s, which has no row level security.', k.target) AS detail,
         pg_catalog.format('REVOKE SELECT ON %s FROM PUBLIC;', k.target) AS remediation,
         pg_catalog.jsonb_build_object('table', k.target) AS metadata
    FROM integratedb.advised_relation AS k
   WHERE k.relkind = 'f'
     AND EXISTS (SELECT FROM pg_catalog.aclexplode(k.relacl) AS a WHERE a.grantee = 0 AND a.privilege_type = 'SELECT');

COMMENT ON VIEW integratedb.adviser_foreign_table_exposed IS
'Foreign table that everybody can read
WARN, OWNER, SECURITY
The other server sees the login of the user mapping, and not the role that asks.';

CREATE OR REPLACE VIEW integratedb.advised_function AS
  SELECT p.oid, p.prosecdef, p.proconfig, p.proacl, p.proowner, p.prorettype, n.nspname AS schema_name,
         pg_catalog.format('%I.%I(%s)', n.nspname, p.proname, pg_catalog.pg_get_function_identity_arguments(p.oid)) AS target
    FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
   WHERE p.prokind IN ('f', 'p')
     AND n.nspname !~ '^pg_'
     AND n.nspname NOT IN ('information_schema', 'integratedb')
     AND NOT EXISTS (
       SELECT FROM pg_catalog.pg_depend AS d WHERE d.classid = 'pg_proc'::pg_catalog.regclass AND d.objid = p.oid AND d.deptype = 'e');

COMMENT ON VIEW integratedb.advised_function IS 'The functions and procedures of users, without members of extensions.';

CREATE OR REPLACE VIEW integratedb.adviser_function_search_path_mutable AS
  SELECT f.target AS subject,
         pg_catalog.format('%s runs with the rights of %I and has no search_path of its own, so its caller decides which objects its names mean.', f.target,
                pg_catalog.pg_get_userbyid(f.proowner)) AS detail,
         pg_catalog.format('ALTER ROUTINE %s SET search_path = pg_catalog, %I, pg_temp;', f.target, f.schema_name) AS remediation,
         pg_catalog.jsonb_build_object('function', f.target) AS metadata
    FROM integratedb.advised_function AS f
   WHERE f.prosecdef
     AND NOT EXISTS (SELECT FROM pg_catalog.unnest(f.proconfig) AS c (setting) WHERE pg_catalog.starts_with(c.setting, 'search_path='));

COMMENT ON VIEW integratedb.adviser_function_search_path_mutable IS
'SECURITY DEFINER without a search_path
ERROR, OWNER, SECURITY
Any caller can put a schema of its own first, and then runs its code with the rights of the function''s owner. Functions
with the rights of the caller are not reported.';

CREATE OR REPLACE VIEW integratedb.adviser_definer_function_executable AS
  SELECT f.target AS subject,
         pg_catalog.format('Everybody can call %s, which runs with the rights of %I.', f.target, pg_catalog.pg_get_userbyid(f.proowner)) AS detail,
         pg_catalog.format('REVOKE EXECUTE ON ROUTINE %s FROM PUBLIC;', f.target) AS remediation,
         pg_catalog.jsonb_build_object('function', f.target) AS metadata
    FROM integratedb.advised_function AS f
   WHERE f.prosecdef
     AND f.prorettype NOT IN (2279, 3838) -- trigger, event_trigger: they cannot be called
     AND EXISTS (
       SELECT FROM pg_catalog.aclexplode(coalesce(f.proacl, pg_catalog.acldefault('f', f.proowner))) AS a WHERE a.grantee = 0 AND a.privilege_type = 'EXECUTE');

COMMENT ON VIEW integratedb.adviser_definer_function_executable IS
'SECURITY DEFINER function that everybody can call
WARN, OWNER, SECURITY
Postgres grants EXECUTE on each new function to PUBLIC. Stakeholders, and callers of the data API, can call it too.';

CREATE OR REPLACE VIEW integratedb.adviser_public_create_in_schema AS
  SELECT pg_catalog.quote_ident(n.nspname) AS subject,
         pg_catalog.format('Everybody can create objects in schema %I, and so capture names that others use.', n.nspname) AS detail,
         pg_catalog.format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC;', n.nspname) AS remediation,
         pg_catalog.jsonb_build_object('schema', n.nspname) AS metadata
    FROM pg_catalog.pg_namespace AS n
   WHERE EXISTS (SELECT FROM pg_catalog.aclexplode(n.nspacl) AS a WHERE a.grantee = 0 AND a.privilege_type = 'CREATE')
     AND n.nspname !~ '^pg_';

COMMENT ON VIEW integratedb.adviser_public_create_in_schema IS
'Schema in which everybody can create objects
WARN, ADMIN, SECURITY
A function or operator of the same name takes a call over from the one that was meant. Databases from before PostgreSQL 15
have schema public like this.';

CREATE OR REPLACE VIEW integratedb.advised_grant AS
  SELECT k.oid AS relid, k.target, k.schema_oid, k.schema_name, k.relowner, 0::smallint AS attnum, x.grantee
    FROM integratedb.advised_relation AS k
   CROSS JOIN LATERAL pg_catalog.aclexplode(k.relacl) AS x
   WHERE x.privilege_type = 'SELECT'
     AND x.grantee <> k.relowner
  UNION ALL
  SELECT k.oid, k.target, k.schema_oid, k.schema_name, k.relowner, a.attnum, x.grantee
    FROM integratedb.advised_relation AS k
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attacl IS NOT NULL
   CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) AS x
    LEFT JOIN integratedb.stakeholder_role AS r ON r.role_oid = x.grantee
    LEFT JOIN integratedb.own_grant AS g ON g.relid = k.oid AND g.attnum = a.attnum AND g.stakeholder_id = r.stakeholder_id
   WHERE x.privilege_type = 'SELECT'
     AND x.grantee <> k.relowner
     AND g.relid IS NULL;

COMMENT ON VIEW integratedb.advised_grant IS
'SELECT on relations (attnum 0) and columns, which others than this extension have granted.';

CREATE OR REPLACE VIEW integratedb.adviser_sensitive_columns_exposed AS
  SELECT g.target || '.' || pg_catalog.quote_ident(a.attname) AS subject,
         pg_catalog.format('Everybody can read column %I of %s, whose name says that its values are secret.', a.attname, g.target) AS detail,
         CASE WHEN g.attnum = 0 THEN pg_catalog.format('REVOKE SELECT ON %s FROM PUBLIC;', g.target)
              ELSE pg_catalog.format('REVOKE SELECT (%I) ON %s FROM PUBLIC;', a.attname, g.target) END AS remediation,
         pg_catalog.jsonb_build_object('table', g.target, 'column', a.attname) AS metadata
    FROM integratedb.advised_grant AS g
    JOIN pg_catalog.pg_class AS k ON k.oid = g.relid AND NOT k.relrowsecurity
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = g.relid AND a.attnum > 0 AND NOT a.attisdropped AND (g.attnum = 0 OR g.attnum = a.attnum)
   WHERE g.grantee = 0
     AND a.attname ~* integratedb.sensitive_name();

COMMENT ON VIEW integratedb.adviser_sensitive_columns_exposed IS
'Secret column that everybody can read
ERROR, OWNER, SECURITY
The name of the column is that of a password, a key or a personal number, and the grant is to PUBLIC.';

CREATE OR REPLACE VIEW integratedb.adviser_excess_access AS
  WITH readers AS MATERIALIZED (
    SELECT g.grantee, r.stakeholder_id, r.name, r.role_oid
      FROM (SELECT DISTINCT a.grantee FROM integratedb.advised_grant AS a) AS g
      JOIN integratedb.stakeholder_role AS r ON CASE g.grantee WHEN 0 THEN true ELSE pg_catalog.pg_has_role(r.role_oid, g.grantee, 'USAGE') END
  ), usable AS MATERIALIZED (
    SELECT n.oid AS schema_oid, r.stakeholder_id
      FROM (SELECT DISTINCT a.schema_oid AS oid FROM integratedb.advised_grant AS a) AS n
     CROSS JOIN integratedb.stakeholder_role AS r
     WHERE pg_catalog.has_schema_privilege(r.role_oid, n.oid, 'USAGE')
  ), granted AS MATERIALIZED (
    SELECT g.relid, g.target, g.schema_oid, g.schema_name, g.grantee, min(g.attnum) AS first,
           pg_catalog.array_agg(g.attnum ORDER BY g.attnum) AS attnums,
           CASE WHEN min(g.attnum) = 0
                THEN (SELECT count(*) FROM pg_catalog.pg_attribute AS a WHERE a.attrelid = g.relid AND a.attnum > 0 AND NOT a.attisdropped)
                ELSE count(DISTINCT g.attnum) END AS columns
      FROM integratedb.advised_grant AS g
     GROUP BY g.relid, g.target, g.schema_oid, g.schema_name, g.grantee
  ), claimed AS MATERIALIZED (
    SELECT s.stakeholder_id, cr.relid, pg_catalog.array_agg(DISTINCT cc.attnum) AS attnums
      FROM integratedb.claim_relation AS cr
      JOIN integratedb.claim AS c ON c.id = cr.claim_id
      JOIN integratedb.specification AS s ON s.id = c.specification_id
      JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id AND cc.attnum IS NOT NULL
     WHERE cr.relid IN (SELECT g.relid FROM granted AS g)
     GROUP BY s.stakeholder_id, cr.relid
  )
  SELECT g.target || ':' || w.grantee AS subject,
         pg_catalog.format('%s may read %s%s. %s can, and %s not claimed it: %s.', w.grantee,
                CASE WHEN g.first = 0 THEN '' ELSE pg_catalog.format('(%s) of ', integratedb.column_list(g.relid, g.attnums)) END, g.target,
                CASE count(*) WHEN 1 THEN 'One stakeholder' ELSE count(*) || ' stakeholders' END,
                CASE count(*) WHEN 1 THEN 'has' ELSE 'have' END,
                pg_catalog.array_to_string((pg_catalog.array_agg(r.name ORDER BY r.name))[:5], ', ') || CASE WHEN count(*) > 5 THEN ' and others' ELSE '' END) AS detail,
         pg_catalog.format('REVOKE SELECT%s ON %s FROM %s;', CASE WHEN g.first = 0 THEN '' ELSE pg_catalog.format(' (%s)', integratedb.column_list(g.relid, g.attnums)) END,
                g.target, w.grantee) AS remediation,
         pg_catalog.jsonb_build_object('table', g.target, 'grantee', w.grantee, 'stakeholders', pg_catalog.jsonb_agg(r.name ORDER BY r.name)) AS metadata
    FROM granted AS g
    JOIN readers AS r ON r.grantee = g.grantee
    JOIN usable AS u ON u.schema_oid = g.schema_oid AND u.stakeholder_id = r.stakeholder_id
    LEFT JOIN claimed AS c ON c.relid = g.relid AND c.stakeholder_id = r.stakeholder_id
   CROSS JOIN LATERAL (SELECT CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END AS grantee) AS w
   WHERE g.schema_name <> r.name
     AND CASE WHEN c.relid IS NULL THEN true
              WHEN g.first = 0 THEN pg_catalog.cardinality(c.attnums) < g.columns
              ELSE NOT g.attnums <@ c.attnums END
   GROUP BY g.target, g.relid, g.first, g.attnums, w.grantee;

COMMENT ON VIEW integratedb.adviser_excess_access IS
'Access that no contract asks for
WARN, OWNER, SECURITY, CONTRACTS
A grant outside of the contracts lets stakeholders read what they have not claimed. Nothing protects them when it changes,
and nobody knows that they read it. Who needs it claims it. integratedb_access() shows the columns.';
