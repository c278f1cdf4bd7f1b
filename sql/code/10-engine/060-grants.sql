-- Grants follow the claims. Claimed columns that exist are granted. Grants of ours that no claim needs any more are
-- revoked.

CREATE OR REPLACE FUNCTION integratedb.could_grant(role_name name, relation oid)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT integratedb.is_admin(role_name)
        OR EXISTS (
          SELECT FROM pg_roles AS r
           WHERE r.rolname = role_name
             AND has_table_privilege(r.oid, relation, 'SELECT WITH GRANT OPTION')));
END
$$;

COMMENT ON FUNCTION integratedb.could_grant(name, oid) IS
'Whether the role could GRANT SELECT on the relation: admins, its owner, holders of the grant option.';

CREATE OR REPLACE FUNCTION integratedb.could_grant_usage(role_name name, namespace oid)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT integratedb.is_admin(role_name)
        OR EXISTS (
          SELECT FROM pg_roles AS r
           WHERE r.rolname = role_name
             AND has_schema_privilege(r.oid, namespace, 'USAGE WITH GRANT OPTION')));
END
$$;

COMMENT ON FUNCTION integratedb.could_grant_usage(name, oid) IS
'Whether the role could GRANT USAGE on the schema: admins, its owner, holders of the grant option.';

CREATE OR REPLACE FUNCTION integratedb.could_give_back(relation oid)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  acting CONSTANT name := integratedb.acting_role();
BEGIN
  RETURN integratedb.could_grant(acting, relation) AND (NOT integratedb.is_admin(acting) OR integratedb.unnamed_function() IS NULL);
END
$$;

COMMENT ON FUNCTION integratedb.could_give_back(oid) IS
'Whether the role that the session acts as could GRANT SELECT on the relation. For an admin: only if the statement '
'names the called function, and not in code of another role.';

CREATE OR REPLACE FUNCTION integratedb.could_give_back_usage(namespace oid)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  acting CONSTANT name := integratedb.acting_role();
BEGIN
  RETURN integratedb.could_grant_usage(acting, namespace) AND (NOT integratedb.is_admin(acting) OR integratedb.unnamed_function() IS NULL);
END
$$;

COMMENT ON FUNCTION integratedb.could_give_back_usage(oid) IS
'Whether the role that the session acts as could GRANT USAGE on a schema, with the rules of could_give_back().';

CREATE OR REPLACE FUNCTION integratedb.wanted_columns(stakeholders bigint[], relations oid[])
RETURNS TABLE (stakeholder_id bigint, relid oid, attnum smallint)
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN QUERY
    SELECT DISTINCT s.stakeholder_id, cr.relid, cc.attnum
      FROM integratedb.claim_relation AS cr
      -- OFFSET 0 makes the planner go from the relation to its claims. Otherwise the planner would read all claims of a
      -- stakeholder.
     CROSS JOIN LATERAL (
       SELECT s.stakeholder_id
         FROM integratedb.claim AS c
         JOIN integratedb.specification AS s ON s.id = c.specification_id
        WHERE c.id = cr.claim_id
       OFFSET 0) AS s
      JOIN integratedb.claim_column AS cc ON cc.relation_id = cr.id
      JOIN pg_class AS k ON k.oid = cr.relid AND k.relname = cr.relation_name
      JOIN pg_attribute AS a ON a.attrelid = cr.relid AND a.attnum = cc.attnum AND a.attname = cc.column_name AND NOT a.attisdropped
     WHERE cr.relid = ANY (relations)
       AND (SELECT n.nspname FROM pg_namespace AS n WHERE n.oid = k.relnamespace) = cr.schema_name
       AND s.stakeholder_id = ANY (stakeholders);
END
$$;

COMMENT ON FUNCTION integratedb.wanted_columns(bigint[], oid[]) IS
'The columns of these relations that a claim of these stakeholders names, also an optional claim. The last expansion '
'must have found the columns, and they must still exist.';

CREATE OR REPLACE FUNCTION integratedb.submitter(role_oid oid, role_name name)
RETURNS name
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- The function runs for each relation that is granted. PL/pgSQL keeps the plan; an SQL function would plan each time.
  -- After a restore the identifier is that of another cluster, until the first check has found the role by its name.
  RETURN (SELECT u.rolname FROM pg_roles AS u WHERE u.oid = role_oid AND (u.rolname = role_name OR integratedb.is_armed()));
END
$$;

COMMENT ON FUNCTION integratedb.submitter(oid, name) IS
'The present name of the role that submitted a specification; null if the role was dropped. Another role with the old '
'name does not count.';

CREATE OR REPLACE FUNCTION integratedb.has_submitter(for_stakeholder bigint, relation oid)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM integratedb.claim_relation AS cr
      JOIN integratedb.claim AS c ON c.id = cr.claim_id
      JOIN integratedb.specification AS s ON s.id = c.specification_id
     WHERE cr.relid = relation
       AND s.stakeholder_id = for_stakeholder
       AND integratedb.submitter(s.handed_in_by_oid, s.handed_in_by) IS NOT NULL)
$$;

COMMENT ON FUNCTION integratedb.has_submitter(bigint, oid) IS
'Whether any role that submitted a claim of the stakeholder on the relation still exists.';

CREATE OR REPLACE FUNCTION integratedb.mark_ungranted(for_stakeholder bigint, for_relations oid[], lacking text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  marked text[];
  kinds text[];
BEGIN
  WITH newly AS (
    UPDATE integratedb.claim_relation AS cr
       SET ungranted_since = now()
      FROM integratedb.claim AS c
      JOIN integratedb.specification AS s ON s.id = c.specification_id
     WHERE cr.relid = ANY (for_relations)
       AND cr.ungranted_since IS NULL
       AND c.id = cr.claim_id
       AND s.stakeholder_id + 0 = for_stakeholder
    RETURNING cr.path, s.kind
  )
  SELECT array_agg(DISTINCT n.path), array_agg(DISTINCT n.kind) INTO marked, kinds FROM newly AS n;

  IF marked IS NOT NULL THEN
    RAISE WARNING '% of % is not granted to stakeholder %: nobody who submitted a claim on it could grant it', lacking,
        array_to_string(marked[:10], ', ') || CASE WHEN cardinality(marked) > 10 THEN format(' and %s more', cardinality(marked) - 10) ELSE '' END,
        (SELECT st.name FROM integratedb.stakeholder AS st WHERE st.id = for_stakeholder)
      USING DETAIL = (
              SELECT string_agg(format('The %s were submitted by %s.', s.kind,
                                       coalesce(quote_ident(integratedb.submitter(s.handed_in_by_oid, s.handed_in_by)),
                                                format('%I, a role that no longer exists', s.handed_in_by))), ' ' ORDER BY s.kind)
                FROM integratedb.specification AS s
               WHERE s.stakeholder_id = for_stakeholder
                 AND s.kind = ANY (kinds)),
            HINT = (
              SELECT string_agg(format('SELECT integratedb_adopt_claim(%L, %L);', st.name, k.kind), ' ' ORDER BY k.kind)
                FROM integratedb.stakeholder AS st
               CROSS JOIN unnest(kinds) AS k (kind)
               WHERE st.id = for_stakeholder) || ' by a member of integratedb_admin takes the claim over, and grants it.';
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.mark_ungranted(bigint, oid[], text) IS
'Records that a stakeholder was not granted the columns that it claims of these relations, because no submitter could '
'grant them. Warns the first time. lacking: the privilege, for the message.';

CREATE OR REPLACE FUNCTION integratedb.is_responsible(for_stakeholder bigint, relation oid)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- The function runs for each relation. Planning takes longer than running, and the planner would read whole tables that
-- were just filled.
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
AS $$
BEGIN
  -- A relation with a grant of ours may be granted further. A relation that appeared or was recreated, or whose owner
  -- revoked all our grants, needs a submitter who could grant. A new relation has no grants, so they are not searched.
  IF EXISTS (SELECT FROM integratedb.own_grant AS g WHERE g.relid = relation) THEN
    IF EXISTS (
      SELECT FROM integratedb.own_grant AS g
        JOIN integratedb.stakeholder_role AS u ON u.stakeholder_id = g.stakeholder_id
        JOIN pg_attribute AS a ON a.attrelid = g.relid AND a.attnum = g.attnum AND NOT a.attisdropped
       CROSS JOIN LATERAL aclexplode(a.attacl) AS x
       -- The expression keeps the planner from an index on the stakeholder, who may have thousands of grants.
       WHERE g.stakeholder_id + 0 = for_stakeholder
         AND g.relid = relation
         AND x.grantee = u.role_oid
         AND x.privilege_type = 'SELECT') THEN
      RETURN true;
    END IF;
  END IF;

  RETURN EXISTS (
    SELECT FROM integratedb.claim_relation AS cr
     WHERE cr.relid = relation
       -- A subquery in place of a join: otherwise the planner would read all claims of the stakeholder for each
       -- relation.
       AND (SELECT s.stakeholder_id = for_stakeholder
                   AND (integratedb.could_grant(integratedb.submitter(s.handed_in_by_oid, s.handed_in_by), relation)
                        OR integratedb.approver_could_grant(s.id, relation))
              FROM integratedb.claim AS c
              JOIN integratedb.specification AS s ON s.id = c.specification_id
             WHERE c.id = cr.claim_id));
END
$$;

COMMENT ON FUNCTION integratedb.is_responsible(bigint, oid) IS
'Whether more columns of the relation may be granted to the stakeholder. True if grants of ours exist, or if the '
'submitter of a claim on the relation could still grant it.';

CREATE OR REPLACE FUNCTION integratedb.was_revoked(from_stakeholder bigint, relation oid, column_number smallint)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM integratedb.stakeholder_role AS u
      JOIN pg_attribute AS a ON a.attrelid = relation AND a.attnum = column_number AND NOT a.attisdropped
     WHERE u.stakeholder_id = from_stakeholder
       AND NOT EXISTS (SELECT FROM aclexplode(a.attacl) AS x WHERE x.grantee = u.role_oid AND x.privilege_type = 'SELECT'))
$$;

COMMENT ON FUNCTION integratedb.was_revoked(bigint, oid, smallint) IS
'Whether a column that we granted to a stakeholder (own_grant) exists and is no longer granted. A role that had the '
'right to revoke the grant did so.';

CREATE OR REPLACE FUNCTION integratedb.usage_was_revoked(from_stakeholder bigint, namespace oid)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM integratedb.stakeholder_role AS u
      JOIN pg_namespace AS n ON n.oid = namespace
     WHERE u.stakeholder_id = from_stakeholder
       AND NOT EXISTS (SELECT FROM aclexplode(n.nspacl) AS x WHERE x.grantee = u.role_oid AND x.privilege_type = 'USAGE'))
$$;

COMMENT ON FUNCTION integratedb.usage_was_revoked(bigint, oid) IS
'Whether a schema on which we granted USAGE to a stakeholder (own_usage) exists and the USAGE is no longer granted. A '
'role that had the right to revoke it did so.';

CREATE OR REPLACE FUNCTION integratedb.revoke_surplus(stakeholders bigint[], relations oid[], namespaces oid[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  surplus record;
BEGIN
  -- A column whose grant the owner revoked stays in the list while the column exists, even if no claim has its present
  -- name. The column may be renamed back. The list keeps its present names, by which a restore finds it.
  UPDATE integratedb.own_grant AS g
     SET schema_name = r.schema_name, relation_name = r.relation_name, column_name = a.attname
    FROM integratedb.readable_relation AS r
    JOIN pg_attribute AS a ON a.attrelid = r.oid
   WHERE g.relid = ANY (relations)
     AND g.stakeholder_id + 0 = ANY (stakeholders)
     AND r.oid = g.relid
     AND a.attnum = g.attnum
     -- CASE limits the check of the privilege to rows whose names differ.
     AND CASE WHEN (g.schema_name, g.relation_name, g.column_name) <> (r.schema_name, r.relation_name, a.attname)
              THEN integratedb.was_revoked(g.stakeholder_id, g.relid, g.attnum) ELSE false END;

  -- GRANT and REVOKE cannot be set-based, so each relation and role needs a statement.
  FOR surplus IN
    WITH gone AS (
      DELETE FROM integratedb.own_grant AS g
       WHERE g.relid = ANY (relations)
         -- The expression keeps the planner from an index on the stakeholder, who may have thousands of grants.
         AND g.stakeholder_id + 0 = ANY (stakeholders)
         AND CASE WHEN (g.stakeholder_id, g.relid, g.attnum) NOT IN (
                         SELECT w.stakeholder_id, w.relid, w.attnum FROM integratedb.wanted_columns(stakeholders, relations) AS w)
                       -- An owner needs no grant. Postgres merges our grants into the privileges of the owner, and
                       -- keeps none of them when the owner changes.
                       OR EXISTS (
                         SELECT FROM pg_class AS k
                           JOIN integratedb.stakeholder_role AS u ON u.role_oid = k.relowner
                          WHERE k.oid = g.relid AND u.stakeholder_id = g.stakeholder_id)
                  THEN NOT integratedb.was_revoked(g.stakeholder_id, g.relid, g.attnum)
                  ELSE false END
      RETURNING g.stakeholder_id, g.relid, g.attnum
    )
    SELECT st.name AS stakeholder, r.schema_name, r.relation_name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
      FROM gone
      JOIN integratedb.stakeholder AS st ON st.id = gone.stakeholder_id
      JOIN integratedb.stakeholder_role AS u ON u.stakeholder_id = st.id
      JOIN integratedb.readable_relation AS r ON r.oid = gone.relid AND r.relowner <> u.role_oid
      JOIN pg_attribute AS a ON a.attrelid = gone.relid AND a.attnum = gone.attnum AND NOT a.attisdropped
     -- A grant with the grant option is a grant of the owner: we never give that option.
     WHERE NOT EXISTS (SELECT FROM aclexplode(a.attacl) AS x WHERE x.grantee = u.role_oid AND x.grantor = r.relowner AND x.is_grantable)
     GROUP BY st.name, r.schema_name, r.relation_name
  LOOP
    EXECUTE format('REVOKE SELECT (%s) ON TABLE %I.%I FROM %I',
                   surplus.columns, surplus.schema_name, surplus.relation_name, surplus.stakeholder);
  END LOOP;

  UPDATE integratedb.own_usage AS g
     SET schema_name = n.nspname
    -- OFFSET 0 starts from these schemas. Otherwise the planner would read all grants of the stakeholders.
    FROM (SELECT s.oid, s.nspname FROM pg_namespace AS s WHERE s.oid = ANY (namespaces) OFFSET 0) AS n
   WHERE g.stakeholder_id = ANY (stakeholders)
     AND g.namespace_oid = n.oid
     AND CASE WHEN n.nspname <> g.schema_name THEN integratedb.usage_was_revoked(g.stakeholder_id, g.namespace_oid) ELSE false END;

  FOR surplus IN
    WITH gone AS (
      DELETE FROM integratedb.own_usage AS g
       WHERE g.stakeholder_id = ANY (stakeholders)
         AND g.namespace_oid = ANY (namespaces)
         AND NOT integratedb.usage_was_revoked(g.stakeholder_id, g.namespace_oid)
         AND NOT EXISTS (
           SELECT FROM pg_namespace AS n
             JOIN integratedb.claim_relation AS cr ON cr.schema_name = n.nspname AND cr.relid IS NOT NULL
             JOIN integratedb.claim AS c ON c.id = cr.claim_id
             JOIN integratedb.specification AS s ON s.id = c.specification_id
            WHERE n.oid = g.namespace_oid
              AND s.stakeholder_id = g.stakeholder_id
            LIMIT 1)
         AND NOT EXISTS (
           SELECT FROM integratedb.claim AS c
             JOIN integratedb.specification AS s ON s.id = c.specification_id AND s.stakeholder_id = g.stakeholder_id
             JOIN pg_namespace AS n ON n.nspname = c.wildcard_schema
            WHERE n.oid = g.namespace_oid)
      RETURNING g.stakeholder_id, g.namespace_oid
    )
    SELECT st.name AS stakeholder, n.nspname AS schema_name
      FROM gone
      JOIN integratedb.stakeholder AS st ON st.id = gone.stakeholder_id
      JOIN integratedb.stakeholder_role AS u ON u.stakeholder_id = st.id
      JOIN pg_namespace AS n ON n.oid = gone.namespace_oid
     WHERE NOT EXISTS (SELECT FROM aclexplode(n.nspacl) AS x WHERE x.grantee = u.role_oid AND x.grantor = n.nspowner AND x.is_grantable)
  LOOP
    EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM %I', surplus.schema_name, surplus.stakeholder);
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.revoke_surplus(bigint[], oid[], oid[]) IS
'Revokes our grants to these stakeholders on these relations, and on these schemas (namespaces), that no claim needs '
'any more. Grants that another role revoked stay listed, so that they are not granted again automatically.';

CREATE OR REPLACE FUNCTION integratedb.grant_usage(stakeholders bigint[], relations oid[], namespaces oid[], giving_back boolean)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT judged.stakeholder_id, judged.stakeholder, judged.is_granted,
           array_agg(judged.namespace_oid) AS namespace_oids, array_agg(judged.schema_name) AS schema_names,
           string_agg(quote_ident(judged.schema_name), ', ' ORDER BY judged.schema_name) AS schemas
      FROM (
        SELECT w.*,
               row_number() OVER (PARTITION BY w.stakeholder_id ORDER BY w.namespace_oid) AS position,
               w.was_granted OR EXISTS (SELECT FROM unnest(w.submitters) AS s (name) WHERE integratedb.could_grant_usage(s.name, w.namespace_oid))
                 OR integratedb.approver_could_grant_usage(w.stakeholder_id, w.namespace_oid) AS is_granted
          FROM (
            SELECT lacking.stakeholder_id, st.name AS stakeholder, u.role_oid, n.oid AS namespace_oid, n.nspname AS schema_name,
                   array_agg(DISTINCT integratedb.submitter(lacking.handed_in_by_oid, lacking.handed_in_by)) AS submitters,
                   EXISTS (SELECT FROM integratedb.own_usage AS g WHERE g.stakeholder_id = lacking.stakeholder_id AND g.namespace_oid = n.oid) AS was_granted
              FROM (SELECT s.stakeholder_id, k.relnamespace AS namespace_oid, s.handed_in_by_oid, s.handed_in_by
                      FROM integratedb.claim_relation AS cr
                     CROSS JOIN LATERAL (
                       SELECT s.stakeholder_id, s.handed_in_by_oid, s.handed_in_by
                         FROM integratedb.claim AS c
                         JOIN integratedb.specification AS s ON s.id = c.specification_id
                        WHERE c.id = cr.claim_id
                       OFFSET 0) AS s
                      JOIN pg_class AS k ON k.oid = cr.relid AND k.relname = cr.relation_name
                     WHERE cr.relid = ANY (relations)
                       AND s.stakeholder_id = ANY (stakeholders)
                    UNION
                    SELECT s.stakeholder_id, n.oid, s.handed_in_by_oid, s.handed_in_by
                      FROM (SELECT * FROM pg_namespace WHERE pg_namespace.oid = ANY (namespaces) OFFSET 0) AS n
                      JOIN integratedb.claim AS c ON c.wildcard_schema = n.nspname
                      JOIN integratedb.specification AS s ON s.id = c.specification_id
                     WHERE s.stakeholder_id = ANY (stakeholders)) AS lacking
              JOIN integratedb.stakeholder AS st ON st.id = lacking.stakeholder_id
              JOIN integratedb.stakeholder_role AS u ON u.stakeholder_id = st.id
              JOIN pg_namespace AS n ON n.oid = lacking.namespace_oid AND n.nspowner <> u.role_oid
             -- A grant that another role made stays, and is not recorded as ours.
             WHERE NOT EXISTS (SELECT FROM aclexplode(n.nspacl) AS x WHERE x.grantee = u.role_oid AND x.privilege_type = 'USAGE')
             GROUP BY lacking.stakeholder_id, st.name, u.role_oid, n.oid, n.nspname) AS w
         WHERE NOT w.was_granted OR (giving_back AND integratedb.could_give_back_usage(w.namespace_oid))) AS judged
     WHERE judged.is_granted OR NOT has_schema_privilege(judged.role_oid, judged.namespace_oid, 'USAGE')
     GROUP BY judged.stakeholder_id, judged.stakeholder, judged.is_granted, judged.position / 100
  LOOP
    IF NOT wanted.is_granted THEN
      PERFORM integratedb.mark_ungranted(
        wanted.stakeholder_id,
        ARRAY(SELECT k.oid FROM pg_class AS k WHERE k.oid = ANY (relations) AND k.relnamespace = ANY (wanted.namespace_oids)),
        'USAGE on the schema');
      CONTINUE;
    END IF;

    EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', wanted.schemas, wanted.stakeholder);

    INSERT INTO integratedb.own_usage (stakeholder_id, namespace_oid, schema_name)
    SELECT wanted.stakeholder_id, n.oid, n.nspname
      FROM unnest(wanted.namespace_oids, wanted.schema_names) AS n (oid, nspname)
    ON CONFLICT ON CONSTRAINT own_usage_pkey DO UPDATE SET schema_name = EXCLUDED.schema_name;
  END LOOP;
EXCEPTION
  WHEN program_limit_exceeded THEN
    -- The object with the longest access list is the full one.
    PERFORM integratedb.refuse_full_access_list(
      'schema ' || quote_ident((SELECT n.nspname FROM pg_namespace AS n WHERE n.oid = ANY (wanted.namespace_oids) ORDER BY cardinality(n.nspacl) DESC NULLS LAST LIMIT 1)),
      wanted.stakeholder);
END
$$;

COMMENT ON FUNCTION integratedb.grant_usage(bigint[], oid[], oid[], boolean) IS
'Grants USAGE on schemas to these stakeholders, where a submitter could grant it: on the schemas of these relations '
'that they claim, and on namespaces that they claim whole. giving_back: also where USAGE was revoked and the caller '
'could grant it. Error: 54000.';

CREATE OR REPLACE FUNCTION integratedb.refuse_full_access_list(object text, stakeholder text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  refused boolean;
BEGIN
  refused := integratedb.refuse(
    code => '54000',
    message => format('%s has too many grantees: stakeholder %s cannot be added', object, stakeholder),
    detail => 'Postgres keeps the access list of a schema, table or column in one catalog row, which holds about 2,440 grantees.',
    hint => 'Give up claims on it that nobody needs (integratedb_dependents), or let some stakeholders claim a view on it.');
END
$$;

COMMENT ON FUNCTION integratedb.refuse_full_access_list(text, text) IS 'Raises 54000: the access list of this object is full.';

CREATE OR REPLACE FUNCTION integratedb.grant_columns(stakeholders bigint[], relations oid[], giving_back boolean, replaced oid[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  wanted record;
BEGIN
  FOR wanted IN
    SELECT judged.stakeholder_id, judged.stakeholder, judged.is_granted, judged.columns, judged.attnums, array_agg(judged.relid) AS relids,
           string_agg(format('%I.%I', judged.schema_name, judged.relation_name), ', ' ORDER BY judged.schema_name, judged.relation_name) AS relations
      FROM (
        SELECT l.*,
               row_number() OVER (PARTITION BY l.stakeholder_id, l.columns, l.attnums ORDER BY l.relid) AS position,
               l.was_granted OR integratedb.is_responsible(l.stakeholder_id, l.relid) AS is_granted
          FROM (
            SELECT w.stakeholder_id,
                   st.name AS stakeholder,
                   u.role_oid,
                   w.relid,
                   r.schema_name,
                   r.relation_name,
                   own.was_granted,
                   string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns,
                   array_agg(a.attnum ORDER BY a.attnum) AS attnums
              FROM integratedb.wanted_columns(stakeholders, relations) AS w
              JOIN integratedb.stakeholder AS st ON st.id = w.stakeholder_id
              JOIN integratedb.stakeholder_role AS u ON u.stakeholder_id = st.id
              JOIN integratedb.readable_relation AS r ON r.oid = w.relid AND r.relowner <> u.role_oid
              JOIN pg_attribute AS a ON a.attrelid = w.relid AND a.attnum = w.attnum
             CROSS JOIN LATERAL (
               -- The lookup starts from the relation, because a stakeholder may have thousands of grants.
               SELECT EXISTS (
                 SELECT FROM integratedb.own_grant AS g
                  WHERE g.relid = w.relid AND g.attnum = w.attnum AND g.stakeholder_id + 0 = w.stakeholder_id) AS was_granted
               OFFSET 0) AS own
             WHERE a.attacl IS NULL
                OR NOT EXISTS (SELECT FROM aclexplode(a.attacl) AS x WHERE x.grantee = u.role_oid AND x.privilege_type = 'SELECT')
             GROUP BY w.stakeholder_id, st.name, u.role_oid, w.relid, r.schema_name, r.relation_name, own.was_granted) AS l
         -- If a grant of ours no longer exists, a role that had the right to revoke it did so.
         WHERE NOT l.was_granted OR (giving_back AND integratedb.could_give_back(l.relid))) AS judged
     WHERE judged.is_granted
        -- No record is needed if the stakeholder can read the columns by another grant. The check of a migration
        -- reports a table that it replaced, as long as a submitter of the claim exists.
        OR (NOT (judged.relid = ANY (replaced) AND integratedb.has_submitter(judged.stakeholder_id, judged.relid))
            AND EXISTS (
              SELECT FROM unnest(judged.attnums) AS a (attnum) WHERE NOT has_column_privilege(judged.role_oid, judged.relid, a.attnum, 'SELECT')))
     GROUP BY judged.stakeholder_id, judged.stakeholder, judged.is_granted, judged.columns, judged.attnums, judged.position / 100
  LOOP
    IF NOT wanted.is_granted THEN
      PERFORM integratedb.mark_ungranted(wanted.stakeholder_id, wanted.relids, 'SELECT');
      CONTINUE;
    END IF;

    EXECUTE format('GRANT SELECT (%s) ON TABLE %s TO %I', wanted.columns, wanted.relations, wanted.stakeholder);

    INSERT INTO integratedb.own_grant (stakeholder_id, relid, attnum, schema_name, relation_name, column_name)
    SELECT wanted.stakeholder_id, r.oid, a.attnum, r.schema_name, r.relation_name, a.attname
      FROM unnest(wanted.relids) AS w (relid)
      JOIN integratedb.readable_relation AS r ON r.oid = w.relid
      JOIN pg_attribute AS a ON a.attrelid = r.oid
     WHERE a.attnum = ANY (wanted.attnums)
    ON CONFLICT ON CONSTRAINT own_grant_pkey DO UPDATE
       SET schema_name = EXCLUDED.schema_name, relation_name = EXCLUDED.relation_name, column_name = EXCLUDED.column_name;
  END LOOP;
EXCEPTION
  WHEN program_limit_exceeded THEN
    -- The object with the longest access list is the full one.
    PERFORM integratedb.refuse_full_access_list(
      (SELECT integratedb.path_of(r.schema_name, r.relation_name)
         FROM integratedb.readable_relation AS r
         JOIN pg_attribute AS a ON a.attrelid = r.oid
        WHERE r.oid = ANY (wanted.relids) AND a.attnum = ANY (wanted.attnums)
        ORDER BY cardinality(a.attacl) DESC NULLS LAST
        LIMIT 1),
      wanted.stakeholder);
END
$$;

COMMENT ON FUNCTION integratedb.grant_columns(bigint[], oid[], boolean, oid[]) IS
'Grants these stakeholders SELECT on the columns of these relations that their claims need and that were not granted '
'yet. giving_back: also columns whose grant was revoked and that the caller could grant. replaced: relations that '
'have the names of other relations that were granted. Error: 54000 when an access list is full.';

CREATE OR REPLACE FUNCTION integratedb.warn_missing_roles(stakeholders bigint[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  missing text;
BEGIN
  FOR missing IN
    SELECT st.name
      FROM integratedb.stakeholder AS st
     WHERE st.id = ANY (stakeholders)
       AND NOT EXISTS (SELECT FROM integratedb.stakeholder_role AS u WHERE u.stakeholder_id = st.id)
       -- The dry run of a specification uses a stakeholder without a role.
       AND st.name !~ '^integratedb'
  LOOP
    RAISE WARNING 'role % of stakeholder % does not exist%: it is granted nothing', missing, missing,
        CASE WHEN EXISTS (SELECT FROM pg_roles AS u WHERE u.rolname = missing) THEN ' any more (another one has its name)' ELSE '' END
      USING HINT = format('Restore the roles (pg_dumpall --roles-only), or CREATE ROLE %1$I LOGIN; then an admin makes it the stakeholder''s: SELECT integratedb_adopt_role(%1$L).', missing);
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.warn_missing_roles(bigint[]) IS
'A WARNING for each of these stakeholders whose role does not exist (as after a restore without roles) or was '
'replaced.';

CREATE OR REPLACE FUNCTION integratedb.forget_granted(stakeholders bigint[], relations oid[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  UPDATE integratedb.claim_relation AS cr
     SET ungranted_since = NULL
   WHERE cr.ungranted_since IS NOT NULL
     AND cr.relid = ANY (relations)
     -- A subquery in place of a join: otherwise the planner would read all claims of the stakeholders.
     AND (SELECT s.stakeholder_id = ANY (stakeholders)
                 AND (integratedb.is_responsible(s.stakeholder_id, cr.relid)
                      -- Another role may have granted the columns.
                      OR NOT EXISTS (
                        SELECT FROM integratedb.claim_column AS cc
                          JOIN integratedb.stakeholder_role AS u ON u.stakeholder_id = s.stakeholder_id
                         WHERE cc.relation_id = cr.id
                           AND cc.attnum IS NOT NULL
                           AND NOT coalesce(has_column_privilege(u.role_oid, cr.relid, cc.attnum, 'SELECT'), false)))
                 AND EXISTS (
                   SELECT FROM pg_class AS k
                    WHERE k.oid = cr.relid
                      AND (integratedb.could_grant_usage(integratedb.submitter(s.handed_in_by_oid, s.handed_in_by), k.relnamespace)
                           OR integratedb.approver_could_grant_usage(s.stakeholder_id, k.relnamespace)
                           OR EXISTS (
                             SELECT FROM integratedb.stakeholder_role AS u
                              WHERE u.stakeholder_id = s.stakeholder_id AND has_schema_privilege(u.role_oid, k.relnamespace, 'USAGE'))))
            FROM integratedb.claim AS c
            JOIN integratedb.specification AS s ON s.id = c.specification_id
           WHERE c.id = cr.claim_id);
END
$$;

COMMENT ON FUNCTION integratedb.forget_granted(bigint[], oid[]) IS
'Deletes the records of mark_ungranted() on these relations, if a submitter could grant them now, or another role '
'did.';

CREATE OR REPLACE FUNCTION integratedb.reconcile_grants(stakeholders bigint[], relations oid[], giving_back boolean, namespaces oid[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- An owner may leave a transaction open that grants on its schema or table. Everybody's claims and migrations would
  -- wait for it, and not only this one.
  before CONSTANT text := integratedb.bound_waiting();
  replaced oid[];
  refused boolean;
BEGIN
  -- OFFSET 0 makes the planner look up each relation.
  replaced := ARRAY(
    SELECT r.oid
      FROM (SELECT DISTINCT g.relid, g.schema_name, g.relation_name
              FROM integratedb.own_grant AS g
             WHERE g.relid = ANY (relations)
               AND g.stakeholder_id + 0 = ANY (stakeholders)) AS g
      JOIN (SELECT v.oid, v.schema_name, v.relation_name
              FROM integratedb.readable_relation AS v
             WHERE v.oid = ANY (relations)
            OFFSET 0) AS r USING (schema_name, relation_name)
     WHERE r.oid <> g.relid);

  namespaces := coalesce(namespaces, ARRAY(
    SELECT g.namespace_oid FROM integratedb.own_usage AS g WHERE g.stakeholder_id = ANY (stakeholders)
    UNION
    SELECT n.oid
      FROM integratedb.specification AS s
      JOIN integratedb.claim AS c ON c.specification_id = s.id
      JOIN pg_namespace AS n ON n.nspname = c.wildcard_schema
     WHERE s.stakeholder_id = ANY (stakeholders)));

  -- While this row exists, the event triggers recognise every GRANT and REVOKE as ours.
  INSERT INTO integratedb.own_change DEFAULT VALUES;
  PERFORM integratedb.revoke_surplus(stakeholders, relations, namespaces);
  PERFORM integratedb.warn_missing_roles(stakeholders);
  -- The submitters of the claims, and their privileges, may have changed.
  PERFORM integratedb.forget_granted(stakeholders, relations);
  PERFORM integratedb.grant_usage(stakeholders, relations, namespaces, giving_back);
  PERFORM integratedb.grant_columns(stakeholders, relations, giving_back, replaced);
  DELETE FROM integratedb.own_change WHERE xid = pg_current_xact_id();
  PERFORM integratedb.add_surface_stakeholders(stakeholders);
  PERFORM set_config('lock_timeout', before, true);
EXCEPTION
  -- GRANT takes no lock against another GRANT, or against the DROP of a table in a schema that is claimed whole. So
  -- these errors can occur.
  WHEN internal_error OR deadlock_detected OR lock_not_available OR undefined_table OR invalid_schema_name THEN
    IF SQLSTATE = 'XX000' AND SQLERRM !~ '^(tuple concurrently|cache lookup failed)' THEN
      RAISE;
    END IF;
    refused := integratedb.refuse(
      code => CASE WHEN SQLSTATE IN ('40P01', '55P03') THEN SQLSTATE ELSE '40001' END,
      message => format('another transaction changed the same relations or privileges: %s', SQLERRM),
      detail => NULL,
      hint => 'Nothing was changed. Run the transaction again.');
END
$$;

COMMENT ON FUNCTION integratedb.reconcile_grants(bigint[], oid[], boolean, oid[]) IS
'Makes our grants to these stakeholders match their claims, on these relations and schemas (namespaces; null: all '
'that they claim or were granted). giving_back: also grants that were revoked, if the caller could grant them. This '
'is only for explicit requests of a caller. Errors: 40001, 40P01 and 55P03 when another session was changing the same '
'relations or privileges; 54000.';
