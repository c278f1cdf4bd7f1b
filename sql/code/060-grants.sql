-- Grants follow the claims: what is claimed and exists is granted, what we granted and is claimed no longer is revoked.

CREATE OR REPLACE FUNCTION integratedb.could_grant(role_name name, relation oid)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT integratedb.is_admin(role_name)
      OR EXISTS (
        SELECT FROM pg_roles AS r
         WHERE r.rolname = role_name
           AND has_table_privilege(r.oid, relation, 'SELECT WITH GRANT OPTION'))
$$;

COMMENT ON FUNCTION integratedb.could_grant(name, oid) IS 'Whether the role could GRANT SELECT on the relation: admins, its owner, holders of the grant option.';

CREATE OR REPLACE VIEW integratedb.wanted_relation AS
  SELECT DISTINCT
         s.stakeholder_id,
         st.name AS stakeholder,
         u.oid AS role_oid,
         s.handed_in_by,
         cr.id AS relation_id,
         k.oid AS relid,
         k.relnamespace AS namespace_oid,
         cr.schema_name,
         cr.relation_name,
         k.relowner
    FROM integratedb.claim_relation AS cr
    JOIN integratedb.claim AS c ON c.id = cr.claim_id
    JOIN integratedb.specification AS s ON s.id = c.specification_id
    JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
    JOIN pg_catalog.pg_class AS k ON k.oid = cr.relid AND k.relname = cr.relation_name
    JOIN pg_catalog.pg_namespace AS n ON n.oid = k.relnamespace AND n.nspname = cr.schema_name
    LEFT JOIN pg_catalog.pg_authid AS u ON u.rolname = st.name;

COMMENT ON VIEW integratedb.wanted_relation IS 'Relations that any claim names, optional ones too, where the last expansion found them and they are still there.';

CREATE OR REPLACE VIEW integratedb.wanted_column AS
  SELECT DISTINCT
         w.stakeholder_id,
         w.stakeholder,
         w.role_oid,
         w.handed_in_by,
         w.relid,
         w.schema_name,
         w.relation_name,
         a.attnum,
         a.attname AS column_name,
         a.attacl
    FROM integratedb.wanted_relation AS w
    JOIN integratedb.claim_column AS cc ON cc.relation_id = w.relation_id
    JOIN pg_catalog.pg_attribute AS a
      ON a.attrelid = w.relid
     AND a.attnum = cc.attnum
     AND a.attname = cc.column_name
     AND NOT a.attisdropped
   WHERE w.role_oid IS DISTINCT FROM w.relowner;

COMMENT ON VIEW integratedb.wanted_column IS 'Columns that a stakeholder should be able to SELECT; not those of its own tables.';

CREATE OR REPLACE FUNCTION integratedb.revoke_surplus(stakeholders bigint[], relations oid[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  surplus record;
BEGIN
  -- One statement a relation and role: GRANT and REVOKE cannot be set-based.
  FOR surplus IN
    WITH gone AS (
      DELETE FROM integratedb.own_grant AS g
       WHERE g.stakeholder_id = ANY (stakeholders)
         AND (relations IS NULL OR g.relid = ANY (relations))
         AND NOT EXISTS (
           SELECT FROM integratedb.wanted_column AS w
            WHERE w.stakeholder_id = g.stakeholder_id AND w.relid = g.relid AND w.attnum = g.attnum)
      RETURNING g.stakeholder_id, g.relid, g.attnum
    )
    SELECT st.name AS stakeholder, r.schema_name, r.relation_name, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS columns
      FROM gone
      JOIN integratedb.stakeholder AS st ON st.id = gone.stakeholder_id
      JOIN pg_roles AS u ON u.rolname = st.name
      JOIN integratedb.readable_relation AS r ON r.oid = gone.relid
      JOIN pg_attribute AS a ON a.attrelid = gone.relid AND a.attnum = gone.attnum AND NOT a.attisdropped
     GROUP BY st.name, r.schema_name, r.relation_name
  LOOP
    EXECUTE format('REVOKE SELECT (%s) ON TABLE %I.%I FROM %I',
                   surplus.columns, surplus.schema_name, surplus.relation_name, surplus.stakeholder);
  END LOOP;

  FOR surplus IN
    WITH gone AS (
      DELETE FROM integratedb.own_usage AS g
       WHERE g.stakeholder_id = ANY (stakeholders)
         AND NOT EXISTS (
           SELECT FROM integratedb.wanted_relation AS w
            WHERE w.stakeholder_id = g.stakeholder_id AND w.namespace_oid = g.namespace_oid)
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
      JOIN pg_roles AS u ON u.rolname = st.name
      JOIN pg_namespace AS n ON n.oid = gone.namespace_oid
  LOOP
    EXECUTE format('REVOKE USAGE ON SCHEMA %I FROM %I', surplus.schema_name, surplus.stakeholder);
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.revoke_surplus(bigint[], oid[]) IS 'Revokes what we granted to these stakeholders on these relations (null: all) and no claim wants any more.';

CREATE OR REPLACE FUNCTION integratedb.grant_wanted(stakeholders bigint[], relations oid[])
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
    SELECT DISTINCT st.name AS stakeholder
      FROM integratedb.stakeholder AS st
     WHERE st.id = ANY (stakeholders)
       AND NOT EXISTS (SELECT FROM pg_roles AS u WHERE u.rolname = st.name)
  LOOP
    RAISE WARNING 'role % of stakeholder % does not exist: it is granted nothing', wanted.stakeholder, wanted.stakeholder
      USING HINT = format('Restore the roles (pg_dumpall --roles-only), or CREATE ROLE %I LOGIN; then SELECT integratedb_sync().', wanted.stakeholder);
  END LOOP;

  FOR wanted IN
    SELECT DISTINCT w.stakeholder_id, w.stakeholder, w.namespace_oid, w.schema_name
      FROM (SELECT r.stakeholder_id, r.stakeholder, r.role_oid, r.namespace_oid, r.schema_name
              FROM integratedb.wanted_relation AS r
             WHERE r.stakeholder_id = ANY (stakeholders)
               AND (relations IS NULL OR r.relid = ANY (relations))
               AND (EXISTS (SELECT FROM integratedb.own_usage AS g WHERE g.stakeholder_id = r.stakeholder_id AND g.namespace_oid = r.namespace_oid)
                    OR integratedb.could_grant(r.handed_in_by, r.relid))
            UNION
            SELECT st.id, st.name, u.oid, n.oid, n.nspname
              FROM integratedb.claim AS c
              JOIN integratedb.specification AS s ON s.id = c.specification_id AND s.stakeholder_id = ANY (stakeholders)
              JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
              JOIN pg_authid AS u ON u.rolname = st.name
              JOIN pg_namespace AS n ON n.nspname = c.wildcard_schema
             WHERE integratedb.is_admin(s.handed_in_by)) AS w
      JOIN pg_namespace AS n ON n.oid = w.namespace_oid
     WHERE w.role_oid IS NOT NULL
       AND w.role_oid <> n.nspowner
       -- A grant that somebody made is left alone and not recorded as ours.
       AND NOT EXISTS (SELECT FROM aclexplode(n.nspacl) AS x WHERE x.grantee = w.role_oid AND x.privilege_type = 'USAGE')
  LOOP
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', wanted.schema_name, wanted.stakeholder);
    INSERT INTO integratedb.own_usage (stakeholder_id, namespace_oid, schema_name)
    VALUES (wanted.stakeholder_id, wanted.namespace_oid, wanted.schema_name)
    ON CONFLICT ON CONSTRAINT own_usage_pkey DO UPDATE SET schema_name = EXCLUDED.schema_name;
  END LOOP;

  FOR wanted IN
    SELECT w.stakeholder_id,
           w.stakeholder,
           w.relid,
           w.schema_name,
           w.relation_name,
           string_agg(DISTINCT quote_ident(w.column_name), ', ') AS columns,
           array_agg(DISTINCT w.attnum) AS attnums
      FROM integratedb.wanted_column AS w
     WHERE w.stakeholder_id = ANY (stakeholders)
       AND (relations IS NULL OR w.relid = ANY (relations))
       AND w.role_oid IS NOT NULL
       AND NOT EXISTS (SELECT FROM aclexplode(w.attacl) AS x WHERE x.grantee = w.role_oid AND x.privilege_type = 'SELECT')
       AND (EXISTS (SELECT FROM integratedb.own_grant AS g WHERE g.stakeholder_id = w.stakeholder_id AND g.relid = w.relid)
            OR integratedb.could_grant(w.handed_in_by, w.relid))
     GROUP BY w.stakeholder_id, w.stakeholder, w.relid, w.schema_name, w.relation_name
  LOOP
    BEGIN
      EXECUTE format('GRANT SELECT (%s) ON TABLE %I.%I TO %I',
                     wanted.columns, wanted.schema_name, wanted.relation_name, wanted.stakeholder);
    EXCEPTION
      WHEN program_limit_exceeded THEN
        PERFORM integratedb.refuse(
          code => '54000',
          message => format('%s has too many grantees: stakeholder %s cannot be added',
                            integratedb.path_of(wanted.schema_name, wanted.relation_name), wanted.stakeholder),
          detail => 'Postgres keeps the access list of a table or column in one catalog row, which holds about 2,440 grantees.',
          hint => 'Give up claims on it that nobody needs (integratedb_dependents), or let some stakeholders claim a view on it.');
    END;

    INSERT INTO integratedb.own_grant (stakeholder_id, relid, attnum, schema_name, relation_name, column_name)
    SELECT wanted.stakeholder_id, wanted.relid, a.attnum, wanted.schema_name, wanted.relation_name, a.attname
      FROM pg_attribute AS a
     WHERE a.attrelid = wanted.relid
       AND a.attnum = ANY (wanted.attnums)
    ON CONFLICT ON CONSTRAINT own_grant_pkey DO UPDATE
       SET schema_name = EXCLUDED.schema_name, relation_name = EXCLUDED.relation_name, column_name = EXCLUDED.column_name;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.grant_wanted(bigint[], oid[]) IS 'Grants these stakeholders what their claims want on these relations (null: all) and they were not granted yet. Error: 54000 when an access list is full.';

CREATE OR REPLACE FUNCTION integratedb.reconcile_grants(stakeholders bigint[], relations oid[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- While this row is there the event triggers know a GRANT or REVOKE for ours.
  INSERT INTO integratedb.own_change DEFAULT VALUES;
  PERFORM integratedb.revoke_surplus(stakeholders, relations);
  PERFORM integratedb.grant_wanted(stakeholders, relations);
  DELETE FROM integratedb.own_change WHERE xid = pg_current_xact_id();
EXCEPTION
  WHEN internal_error THEN
    -- GRANT takes no lock that conflicts with another GRANT or with a weak ALTER TABLE.
    IF SQLERRM NOT LIKE 'tuple concurrently %' THEN
      RAISE;
    END IF;
    PERFORM integratedb.refuse(
      code => '40001',
      message => format('another transaction changed the same privileges: %s', SQLERRM),
      detail => NULL,
      hint => 'Nothing was changed. Run the transaction again.');
END
$$;

COMMENT ON FUNCTION integratedb.reconcile_grants(bigint[], oid[]) IS 'Makes our grants to these stakeholders on these relations (null: all) what their claims want. Errors: 40001 when somebody else was changing the same privileges, 54000.';
