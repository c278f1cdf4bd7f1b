-- Advisers about contracts that are not kept.

CREATE OR REPLACE FUNCTION integratedb.unmet_cures()
RETURNS TABLE (claim_id bigint, cure text)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  WITH problem AS (
    SELECT p.*, format('%I.%I', cr.schema_name, cr.relation_name) AS target, cr.schema_name,
           CASE WHEN cc.type IS NOT NULL THEN integratedb.written_claim_type(cc.type, cc.min_length) ELSE 'text' END AS type,
           cc.type IS NOT NULL AS has_type,
           n.nspname AS moved_schema, k.relname AS moved_name
      FROM integratedb.problems_of(ARRAY(SELECT b.claim_id FROM integratedb.broken_claim AS b)) AS p
      LEFT JOIN integratedb.claim_relation AS cr ON cr.claim_id = p.claim_id AND cr.alternative = p.alternative AND cr.path = p.path
      LEFT JOIN LATERAL (
        SELECT c.type, c.min_length FROM integratedb.claim_column AS c
         WHERE c.relation_id = cr.id AND c.column_name = p.field::name ORDER BY c.field_alternative LIMIT 1) AS cc ON true
      LEFT JOIN pg_class AS k ON k.oid = p.relid AND p.renamed_relation IS NOT NULL
      LEFT JOIN pg_namespace AS n ON n.oid = k.relnamespace
  ), cured AS (
    SELECT p.claim_id, p.alternative,
           CASE WHEN p.cure ~ '^(GRANT|CREATE|ALTER) ' THEN regexp_replace(p.cure, ', or what.*$|[.]$', '')
                WHEN p.property = 'column' AND p.renamed_column IS NOT NULL THEN
                  format('ALTER TABLE %s RENAME COLUMN %I TO %I', p.target, p.renamed_column, p.field)
                WHEN p.property = 'column' THEN format('ALTER TABLE %s ADD COLUMN %I %s', p.target, p.field, p.type)
                WHEN p.property IN ('type', 'min_length') AND p.has_type THEN format('ALTER TABLE %s ALTER COLUMN %I TYPE %s', p.target, p.field, p.type)
                WHEN p.property = 'is_nullable' THEN format('ALTER TABLE %s ALTER COLUMN %I SET NOT NULL', p.target, p.field)
                WHEN p.property = 'privilege' THEN 'SELECT @extschema@.integratedb_sync()'
                WHEN p.property = 'table' AND p.moved_schema = p.schema_name THEN
                  format('ALTER TABLE %I.%I RENAME TO %I', p.moved_schema, p.moved_name, p.relation_name) END AS statement
      FROM problem AS p
  )
  -- The first alternative of which everything has a cure.
  SELECT DISTINCT ON (a.claim_id) a.claim_id, a.cure
    FROM (SELECT c.claim_id, c.alternative, string_agg(DISTINCT c.statement || ';', ' ') AS cure
            FROM cured AS c
           GROUP BY c.claim_id, c.alternative
          HAVING bool_and(c.statement IS NOT NULL)) AS a
   ORDER BY a.claim_id, a.alternative
$$;

COMMENT ON FUNCTION integratedb.unmet_cures() IS
'Statements by which unmet claims are met again, where statements can do it.';

CREATE OR REPLACE VIEW integratedb.adviser_unmet_claim AS
  SELECT d.stakeholder || ':' || d.kind || ':' || d.path || ':' || c.match AS subject,
         pg_catalog.format('The %s of %s is not met%s: %s.', d.source, d.stakeholder,
                CASE WHEN d.unmet_since IS NULL THEN '' ELSE ' since ' || pg_catalog.to_char(d.unmet_since, 'YYYY-MM-DD HH24:MI TZ') END, d.summary) AS detail,
         coalesce(u.cure, pg_catalog.format('SELECT hint FROM @extschema@.integratedb_unmet_claims(NULL) WHERE claim_id = %s;', d.claim_id)) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', d.stakeholder, 'kind', d.kind, 'path', d.path, 'since', d.unmet_since, 'problems', d.problems,
                            'author_hint', d.author_hint, 'stakeholder_hint', d.stakeholder_hint) AS metadata
    FROM integratedb.describe_unmet(ARRAY(SELECT b.claim_id FROM integratedb.broken_claim AS b)) AS d
    JOIN integratedb.claim AS c ON c.id = d.claim_id
    LEFT JOIN integratedb.unmet_cures() AS u ON u.claim_id = d.claim_id
   -- What is waived is reported when the waiver ends.
   WHERE NOT coalesce(d.problems @> '[{"allowed": "waived"}]', false);

COMMENT ON VIEW integratedb.adviser_unmet_claim IS
'Unmet claim
ERROR, OWNER, CONTRACTS
A stakeholder depends on something that the schema does not have, or that it may not read. The statement gives it back. The
metadata says what else the author of the migration and the stakeholder can do.';

CREATE OR REPLACE VIEW integratedb.adviser_override_not_followed_up AS
  SELECT o.xid::text || ':' || c.stakeholder AS subject,
         pg_catalog.format('%s overrode the contracts at %s (%s). %s of %s are still unmet: %s.', o.session_user_name, pg_catalog.to_char(o.occurred_at, 'YYYY-MM-DD HH24:MI TZ'),
                o.reason, count(*), c.stakeholder, pg_catalog.string_agg(DISTINCT c.path, ', ')) AS detail,
         coalesce(pg_catalog.string_agg(DISTINCT u.cure, ' '), pg_catalog.format('SELECT hint FROM @extschema@.integratedb_unmet_claims(NULL) WHERE stakeholder = %L;', c.stakeholder)) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', c.stakeholder, 'by', o.session_user_name, 'at', o.occurred_at, 'reason', o.reason, 'claims', pg_catalog.jsonb_agg(c.claim_id)) AS metadata
    FROM integratedb.advised_claim AS c
    JOIN integratedb.broken_claim AS b ON b.claim_id = c.claim_id
    -- unmet_since is the beginning of the transaction, so its events are the first ones after that time.
   CROSS JOIN LATERAL (
     SELECT e.xid FROM integratedb.ddl_event AS e WHERE e.occurred_at >= c.unmet_since ORDER BY e.occurred_at, e.id LIMIT 1) AS first
    JOIN integratedb.ddl_event AS o ON o.xid = first.xid AND o.command_tag = 'INTEGRATEDB OVERRIDE'
    LEFT JOIN integratedb.unmet_cures() AS u ON u.claim_id = c.claim_id
   WHERE c.unmet_since IS NOT NULL
   GROUP BY o.xid, o.session_user_name, o.occurred_at, o.reason, c.stakeholder;

COMMENT ON VIEW integratedb.adviser_override_not_followed_up IS
'Override that nobody has followed up
WARN, OWNER, CONTRACTS
An override is for an emergency. The claims that it left unmet do not stop migrations any more, until they are met again.';

CREATE OR REPLACE VIEW integratedb.adviser_claim_not_granted AS
  SELECT c.stakeholder || ':' || c.kind AS subject,
         pg_catalog.format('%s claims %s, and no role that submitted the claim could grant it.', c.stakeholder, pg_catalog.string_agg(DISTINCT cr.path, ', ')) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_adopt_claim(%L, %L);', c.stakeholder, c.kind) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', c.stakeholder, 'kind', c.kind, 'since', min(cr.ungranted_since)) AS metadata
    FROM integratedb.claim_relation AS cr
    JOIN integratedb.advised_claim AS c ON c.claim_id = cr.claim_id
   WHERE cr.ungranted_since IS NOT NULL
   GROUP BY c.stakeholder, c.kind;

COMMENT ON VIEW integratedb.adviser_claim_not_granted IS
'Claim that nobody could grant
WARN, ADMIN, CONTRACTS
The relation appeared, or was recreated, after the claim was submitted, by an owner whose rights the submitter does not
have. An admin takes the claim over, which grants it.';

CREATE OR REPLACE VIEW integratedb.adviser_submitter_lost AS
  SELECT st.name || ':' || s.kind AS subject,
         pg_catalog.format('Role %I, which submitted the %s of %s, no longer exists.', s.handed_in_by, s.kind, st.name) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_adopt_claim(%L, %L);', st.name, s.kind) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', st.name, 'kind', s.kind, 'submitter', s.handed_in_by) AS metadata
    FROM integratedb.specification AS s
    JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
   WHERE s.document -> 'match' <> '[]'
     AND integratedb.is_armed()
     AND integratedb.submitter(s.handed_in_by_oid, s.handed_in_by) IS NULL;

COMMENT ON VIEW integratedb.adviser_submitter_lost IS
'Claim whose submitter is gone
WARN, ADMIN, CONTRACTS
What was granted stays. New relations of the claim are not granted, until an admin takes the claim over.';

CREATE OR REPLACE VIEW integratedb.adviser_stakeholder_without_role AS
  SELECT st.name AS subject,
         pg_catalog.format('Stakeholder %s has no role%s.', st.name,
                CASE WHEN u.oid IS NULL THEN '' ELSE pg_catalog.format(': role %I was recreated, and is another one', st.name) END) AS detail,
         CASE WHEN u.oid IS NULL THEN pg_catalog.format('CREATE ROLE %I LOGIN; ', st.name) ELSE '' END
           || pg_catalog.format('SELECT @extschema@.integratedb_adopt_role(%L); SELECT username, password FROM @extschema@.integratedb_rotate_password(%1$L);', st.name) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', st.name) AS metadata
    FROM integratedb.stakeholder AS st
    LEFT JOIN pg_catalog.pg_roles AS u ON u.rolname = st.name
   WHERE NOT EXISTS (SELECT FROM integratedb.stakeholder_role AS r WHERE r.stakeholder_id = st.id)
     AND integratedb.is_armed();

COMMENT ON VIEW integratedb.adviser_stakeholder_without_role IS
'Stakeholder without its role
ERROR, ADMIN, CONTRACTS
The role was dropped, or restored after the database. The application cannot log in, or reads nothing. The statement gives
the role to the stakeholder, with a new password.';

CREATE OR REPLACE VIEW integratedb.adviser_stakeholder_powers AS
  SELECT r.name AS subject,
         pg_catalog.format('The role of stakeholder %s has powers that contracts do not limit: %s.', r.name, integratedb.powers_of(r.role_oid)) AS detail,
         pg_catalog.format('ALTER ROLE %I NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS;', r.name)
           || coalesce((SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format(' REVOKE %I FROM %I;', u.rolname, r.name), '')
                          FROM pg_catalog.pg_auth_members AS m
                          JOIN pg_catalog.pg_roles AS u ON u.oid = m.roleid
                         WHERE m.member = r.role_oid
                           AND (u.oid < 16384 OR u.rolname ~ '^integratedb_' OR integratedb.powers_of(u.oid) IS NOT NULL
                                OR EXISTS (SELECT FROM pg_catalog.pg_shdepend AS d
                                            WHERE d.refclassid = 'pg_authid'::pg_catalog.regclass AND d.refobjid = u.oid AND d.deptype = 'o'))), '') AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', r.name) AS metadata
    FROM integratedb.stakeholder_role AS r
   WHERE integratedb.powers_of(r.role_oid) IS NOT NULL;

COMMENT ON VIEW integratedb.adviser_stakeholder_powers IS
'Stakeholder with too many powers
ERROR, ADMIN, SECURITY, CONTRACTS
A role that bypasses row security, owns tables or reads everything depends on more than its claims. Functions refuse to act
on such a role.';

CREATE OR REPLACE VIEW integratedb.adviser_password_expires AS
  SELECT r.name AS subject,
         pg_catalog.format('The password of stakeholder %s %s at %s.', r.name, CASE WHEN u.rolvaliduntil < pg_catalog.now() THEN 'expired' ELSE 'expires' END,
                pg_catalog.to_char(u.rolvaliduntil, 'YYYY-MM-DD HH24:MI TZ')) AS detail,
         pg_catalog.format('SELECT username, password FROM @extschema@.integratedb_rotate_password(%L, now() + interval ''1 year'');', r.name) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', r.name, 'valid_until', u.rolvaliduntil) AS metadata
    FROM integratedb.stakeholder_role AS r
    JOIN pg_catalog.pg_roles AS u ON u.oid = r.role_oid
   WHERE u.rolvaliduntil < pg_catalog.now() + interval '14 days'
     AND pg_catalog.isfinite(u.rolvaliduntil);

COMMENT ON VIEW integratedb.adviser_password_expires IS
'Password that expires soon
WARN, ADMIN, CONTRACTS
The application cannot log in after that time. The statement gives a new password, which is shown once.';

CREATE OR REPLACE VIEW integratedb.adviser_stakeholder_without_claims AS
  SELECT st.name AS subject,
         pg_catalog.format('Stakeholder %s was created at %s, and has no claims, no notifications and no saved queries.', st.name,
                pg_catalog.to_char(st.created_at, 'YYYY-MM-DD HH24:MI TZ')) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_drop_stakeholder(%L);', st.name) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', st.name, 'created_at', st.created_at) AS metadata
    FROM integratedb.stakeholder AS st
   WHERE st.created_at < pg_catalog.now() - interval '30 days'
     AND NOT EXISTS (SELECT FROM integratedb.specification AS s WHERE s.stakeholder_id = st.id AND s.document -> 'match' <> '[]')
     AND NOT EXISTS (SELECT FROM pg_catalog.pg_class AS k JOIN pg_catalog.pg_namespace AS n ON n.oid = k.relnamespace WHERE n.nspname = st.name);

COMMENT ON VIEW integratedb.adviser_stakeholder_without_claims IS
'Stakeholder without claims
INFO, ADMIN, CONTRACTS
It has a login and depends on nothing, for more than 30 days. It may be forgotten.';

CREATE OR REPLACE VIEW integratedb.adviser_claimed_reference_without_index AS
  SELECT k.target || ':' || integratedb.column_list(k.oid, p.attnums) AS subject,
         pg_catalog.format('%s reads %s by its reference (%s), which has no index.', pg_catalog.string_agg(DISTINCT c.stakeholder, ', '), k.target,
                integratedb.column_list(k.oid, p.attnums)) AS detail,
         pg_catalog.format('CREATE INDEX %sON %s (%s);', CASE k.relkind WHEN 'r' THEN 'CONCURRENTLY ' ELSE '' END, k.target,
                integratedb.column_list(k.oid, p.attnums)) AS remediation,
         pg_catalog.jsonb_build_object('table', k.target, 'stakeholders', pg_catalog.jsonb_agg(DISTINCT c.stakeholder)) AS metadata
    FROM integratedb.present_key AS p
    JOIN integratedb.advised_claim AS c ON c.claim_id = p.claim_id
    JOIN integratedb.advised_relation AS k ON k.oid = p.present_relid
   WHERE p.kind = 'references'
     AND k.relkind IN ('r', 'p')
     AND p.attnums IS NOT NULL
     AND pg_catalog.array_position(p.attnums, NULL) IS NULL
     AND NOT integratedb.is_indexed(k.oid, p.attnums)
   GROUP BY k.oid, k.target, k.relkind, p.attnums;

COMMENT ON VIEW integratedb.adviser_claimed_reference_without_index IS
'Claimed reference without an index
WARN, OWNER, PERFORMANCE, CONTRACTS
A contract says that a stakeholder joins, or embeds, by this foreign key. Each such query reads the whole table.';
