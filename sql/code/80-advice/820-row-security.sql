-- Advisers about row level security.

CREATE OR REPLACE VIEW integratedb.adviser_rls_initplan AS
  SELECT p.target || '.' || pg_catalog.quote_ident(p.polname) AS subject,
         pg_catalog.format('Policy %I of %s calls current_setting() for each row.', p.polname, p.target) AS detail,
         pg_catalog.format('ALTER POLICY %I ON %s', p.polname, p.target)
           || coalesce(' USING (' || pg_catalog.regexp_replace(p.condition, pattern.call, '(SELECT \1)', 'g') || ')', '')
           || coalesce(' WITH CHECK (' || pg_catalog.regexp_replace(p.check_condition, pattern.call, '(SELECT \1)', 'g') || ')', '')
           || ';' AS remediation,
         pg_catalog.jsonb_build_object('table', p.target, 'policy', p.polname) AS metadata
    FROM integratedb.advised_policy AS p
   CROSS JOIN (VALUES ('((?:pg_catalog[.])?current_setting[(][^()]*[)])')) AS pattern (call)
   WHERE integratedb.outside_selects(p.condition) ~ '(^|[^a-z_])current_setting[[]'
      OR integratedb.outside_selects(p.check_condition) ~ '(^|[^a-z_])current_setting[[]';

COMMENT ON VIEW integratedb.adviser_rls_initplan IS
'Policy that reads a setting for each row
WARN, OWNER, PERFORMANCE, SECURITY
In a sub-select, Postgres reads the setting once for each query, and can use an index for the comparison.';

CREATE OR REPLACE VIEW integratedb.adviser_multiple_permissive_policies AS
  SELECT p.target || '.' || pg_catalog.quote_ident(min(p.polname)) AS subject,
         pg_catalog.format('Table %s has %s permissive policies for the same command and roles, and each is evaluated for each row: %s.', p.target, count(*),
                pg_catalog.string_agg(pg_catalog.quote_ident(p.polname), ', ' ORDER BY p.polname)) AS detail,
         pg_catalog.format('ALTER POLICY %I ON %s', min(p.polname), p.target)
           || coalesce(' USING (' || pg_catalog.string_agg('(' || p.condition || ')', ' OR ' ORDER BY p.polname) || ')', '')
           -- A policy without WITH CHECK checks its condition.
           || CASE WHEN count(p.check_condition) = 0 THEN ''
                   ELSE pg_catalog.format(' WITH CHECK (%s)', pg_catalog.string_agg(pg_catalog.format('(%s)', coalesce(p.check_condition, p.condition)), ' OR ' ORDER BY p.polname)) END
           || ';'
           || pg_catalog.string_agg(CASE WHEN p.number = 1 THEN '' ELSE pg_catalog.format(' DROP POLICY %I ON %s;', p.polname, p.target) END, '' ORDER BY p.polname) AS remediation,
         pg_catalog.jsonb_build_object('table', p.target, 'policies', pg_catalog.jsonb_agg(p.polname ORDER BY p.polname)) AS metadata
    FROM (SELECT y.*, pg_catalog.row_number() OVER (PARTITION BY y.relid, y.polcmd, y.polroles::text ORDER BY y.polname) AS number
            FROM integratedb.advised_policy AS y
           WHERE y.polpermissive) AS p
   GROUP BY p.relid, p.target, p.polcmd, p.polroles::text
  HAVING count(*) > 1;

COMMENT ON VIEW integratedb.adviser_multiple_permissive_policies IS
'Several permissive policies for one command
WARN, OWNER, PERFORMANCE
Permissive policies are joined by OR. One policy with the same condition is evaluated once, and is read at one place.';

CREATE OR REPLACE VIEW integratedb.adviser_policy_exists_rls_disabled AS
  SELECT p.target AS subject,
         pg_catalog.format('Table %s has policies (%s), and row level security is off, so they have no effect.', p.target,
                pg_catalog.string_agg(pg_catalog.quote_ident(p.polname), ', ' ORDER BY p.polname)) AS detail,
         pg_catalog.format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY;', p.target) AS remediation,
         pg_catalog.jsonb_build_object('table', p.target) AS metadata
    FROM integratedb.advised_policy AS p
   WHERE NOT p.relrowsecurity
   GROUP BY p.target;

COMMENT ON VIEW integratedb.adviser_policy_exists_rls_disabled IS
'Policies without row level security
ERROR, OWNER, SECURITY
CREATE POLICY alone hides nothing. Everybody with SELECT on the table reads all rows.';

CREATE OR REPLACE VIEW integratedb.adviser_rls_enabled_no_policy AS
  SELECT k.target AS subject,
         pg_catalog.format('Row level security of %s is on, and no policy exists: only its owner, and roles that bypass it, see rows.', k.target) AS detail,
         pg_catalog.format('CREATE POLICY %I ON %s TO %I USING (true);', pg_catalog.left(k.relation_name, 50) || '_owner', k.target, pg_catalog.pg_get_userbyid(k.relowner)) AS remediation,
         pg_catalog.jsonb_build_object('table', k.target) AS metadata
    FROM integratedb.advised_relation AS k
   WHERE k.relrowsecurity
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy AS y WHERE y.polrelid = k.oid);

COMMENT ON VIEW integratedb.adviser_rls_enabled_no_policy IS
'Row level security without a policy
INFO, OWNER, SECURITY
Nobody else sees a row. The statement adds a policy for the owner, which says that this is intended. Add policies for the
roles that read.';

CREATE OR REPLACE VIEW integratedb.adviser_rls_policy_always_true AS
  SELECT p.target || '.' || pg_catalog.quote_ident(p.polname) AS subject,
         pg_catalog.format('Policy %I of %s lets %s write any row.', p.polname, p.target,
                (SELECT pg_catalog.string_agg(CASE r.oid WHEN 0 THEN 'everybody' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(r.oid)) END, ', ') FROM pg_catalog.unnest(p.polroles) AS r (oid))) AS detail,
         pg_catalog.format('DROP POLICY %I ON %s;', p.polname, p.target) AS remediation,
         pg_catalog.jsonb_build_object('table', p.target, 'policy', p.polname) AS metadata
    FROM integratedb.advised_policy AS p
   WHERE p.polpermissive
     AND p.polcmd IN ('a', 'w', 'd', '*')
     AND p.polroles <> ARRAY[p.relowner]
     AND CASE WHEN p.polcmd = 'a' THEN p.check_condition = 'true'
              ELSE p.condition = 'true' AND coalesce(p.check_condition, 'true') = 'true' END;

COMMENT ON VIEW integratedb.adviser_rls_policy_always_true IS
'Policy for writes that is always true
WARN, OWNER, SECURITY
Such a policy switches row level security off for these commands. Policies for SELECT, and for the owner alone, are not
reported.';

CREATE OR REPLACE VIEW integratedb.adviser_security_definer_view AS
  SELECT v.target AS subject,
         pg_catalog.format('View %s reads %s with the rights of its owner, whom no policy restricts. Its readers (%s) see all rows.', v.target,
                pg_catalog.string_agg(DISTINCT t.target, ', '), r.readers) AS detail,
         pg_catalog.format('ALTER VIEW %s SET (security_invoker = true);', v.target) AS remediation,
         pg_catalog.jsonb_build_object('view', v.target, 'tables', pg_catalog.jsonb_agg(DISTINCT t.target)) AS metadata
    FROM integratedb.advised_relation AS v
   CROSS JOIN LATERAL (
     SELECT pg_catalog.string_agg(x.reader, ', ' ORDER BY x.reader) AS readers
       FROM (SELECT DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.pg_get_userbyid(a.grantee)::text END AS reader
               FROM pg_catalog.aclexplode(v.relacl) AS a
              WHERE a.privilege_type = 'SELECT' AND a.grantee <> v.relowner
             UNION
             SELECT st.name FROM integratedb.own_grant AS g JOIN integratedb.stakeholder AS st ON st.id = g.stakeholder_id WHERE g.relid = v.oid) AS x) AS r
    JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = v.oid
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::pg_catalog.regclass AND d.refobjid <> v.oid
    JOIN integratedb.advised_relation AS t ON t.oid = d.refobjid AND t.relrowsecurity
   WHERE v.relkind = 'v'
     AND r.readers IS NOT NULL
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_options_to_table(v.reloptions) AS o WHERE o.option_name = 'security_invoker' AND o.option_value::boolean)
     AND NOT integratedb.is_secured_from(v.relowner, t.oid)
   GROUP BY v.target, r.readers;

COMMENT ON VIEW integratedb.adviser_security_definer_view IS
'View that bypasses row level security
ERROR, OWNER, SECURITY
A view reads with the rights of its owner, unless it has security_invoker. With security_invoker its readers need SELECT
on the tables: claim them, too.';

CREATE OR REPLACE VIEW integratedb.adviser_materialized_view_exposed AS
  SELECT v.target AS subject,
         pg_catalog.format('Everybody can read materialised view %s, which holds rows of %s, whose policies do not apply to it.', v.target,
                pg_catalog.string_agg(DISTINCT t.target, ', ')) AS detail,
         pg_catalog.format('REVOKE SELECT ON %s FROM PUBLIC;', v.target) AS remediation,
         pg_catalog.jsonb_build_object('view', v.target, 'tables', pg_catalog.jsonb_agg(DISTINCT t.target)) AS metadata
    FROM integratedb.advised_relation AS v
    JOIN pg_catalog.pg_rewrite AS w ON w.ev_class = v.oid
    JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_rewrite'::pg_catalog.regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::pg_catalog.regclass AND d.refobjid <> v.oid
    JOIN integratedb.advised_relation AS t ON t.oid = d.refobjid AND t.relrowsecurity
   WHERE v.relkind = 'm'
     AND EXISTS (SELECT FROM pg_catalog.aclexplode(v.relacl) AS a WHERE a.grantee = 0 AND a.privilege_type = 'SELECT')
   GROUP BY v.target;

COMMENT ON VIEW integratedb.adviser_materialized_view_exposed IS
'Materialised view of secured rows that everybody can read
WARN, OWNER, SECURITY
A materialised view has no row level security. Grant it to the stakeholders that claim it.';

CREATE OR REPLACE VIEW integratedb.adviser_policy_hides_everything AS
  SELECT c.stakeholder || ':' || k.target AS subject,
         pg_catalog.format('Stakeholder %s claims %s, and the policies that apply to it let no row through: a condition is false.', c.stakeholder, k.target) AS detail,
         pg_catalog.format('CREATE POLICY %I ON %s FOR SELECT TO %I USING (true);', pg_catalog.left(c.stakeholder, 50) || '_reads', k.target, c.stakeholder) AS remediation,
         pg_catalog.jsonb_build_object('table', k.target, 'stakeholder', c.stakeholder) AS metadata
    FROM integratedb.advised_claim AS c
    JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.claim_id
    JOIN integratedb.advised_relation AS k ON k.oid = cr.relid AND k.relrowsecurity
    JOIN integratedb.stakeholder_role AS r ON r.stakeholder_id = c.stakeholder_id
   CROSS JOIN LATERAL (
     -- A constant as Postgres stores it: of type boolean, with the value false.
     SELECT count(*) FILTER (WHERE p.permissive AND NOT f.is_false) AS open,
            count(*) FILTER (WHERE p.permissive) AS permissive,
            count(*) FILTER (WHERE NOT p.permissive AND f.is_false) AS closed
       FROM integratedb.policies_for(r.role_oid, k.oid) AS p
      CROSS JOIN LATERAL (
        SELECT coalesce(p.condition ~ '^[{]CONST :consttype 16 [^{]*:constvalue 1 [[] 0( 0)* []][}]$', false) AS is_false) AS f) AS n
   WHERE integratedb.is_secured_from(r.role_oid, k.oid)
     AND n.permissive > 0
     AND (n.open = 0 OR n.closed > 0)
   GROUP BY c.stakeholder, k.target;

COMMENT ON VIEW integratedb.adviser_policy_hides_everything IS
'Policy that hides everything from a stakeholder
WARN, OWNER, SECURITY, CONTRACTS
The claim is met, because a policy for the stakeholder exists. But its queries return nothing. A restrictive policy that
is false must be changed too.';
