-- Synchronises the baseline and the grants with the catalog.

CREATE OR REPLACE FUNCTION integratedb.relations_of(claims bigint[])
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT coalesce(array_agg(DISTINCT cr.relid), '{}')
      FROM unnest(claims) AS c (id)
     -- OFFSET 0 makes the planner go claim by claim. Otherwise it would read all rows that have an identifier.
     CROSS JOIN LATERAL (SELECT cr.relid FROM integratedb.claim_relation AS cr WHERE cr.claim_id = c.id OFFSET 0) AS cr
     WHERE cr.relid IS NOT NULL);
END
$$;

COMMENT ON FUNCTION integratedb.relations_of(bigint[]) IS 'The relations that these claims had at their last expansion.';

CREATE OR REPLACE FUNCTION integratedb.schemas_of(claims bigint[])
RETURNS name[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN ARRAY(
    SELECT cr.schema_name FROM integratedb.claim_relation AS cr WHERE cr.claim_id = ANY (claims)
    UNION
    SELECT c.wildcard_schema FROM integratedb.claim AS c WHERE c.id = ANY (claims) AND c.wildcard_schema IS NOT NULL);
END
$$;

COMMENT ON FUNCTION integratedb.schemas_of(bigint[]) IS
'The schemas that these claims name, by their names at the last expansion.';

CREATE OR REPLACE FUNCTION integratedb.sync_claims(claims bigint[], touched oid[] DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Only a few claims are synced, but the planner would read whole catalogs in place of looking up their relations.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
  known CONSTANT record := integratedb.known_relations(claims);
  before CONSTANT oid[] := ARRAY(SELECT DISTINCT unnest(known.relids));
  schemas CONSTANT name[] := integratedb.schemas_of(claims);
  newest CONSTANT bigint := integratedb.newest_relation();
  known_fields CONSTANT bigint[] := integratedb.known_fields(claims, touched);
  now oid[];
  changed oid[];
BEGIN
  PERFORM integratedb.store_expansion(concerned.specification_id, concerned.matches, touched)
     FROM (SELECT c.specification_id, array_agg(c.match) AS matches
             FROM integratedb.claim AS c
            WHERE c.id = ANY (claims)
            GROUP BY c.specification_id) AS concerned;

  now := integratedb.relations_of(claims);
  changed := CASE
    WHEN touched IS NULL THEN before || now
    ELSE touched
         || ARRAY(SELECT unnest(before) EXCEPT SELECT unnest(now))
         || ARRAY(SELECT unnest(now) EXCEPT SELECT unnest(before))
    END;

  PERFORM integratedb.reconcile_grants(
    stakeholders => ARRAY(
      SELECT DISTINCT s.stakeholder_id
        FROM integratedb.claim AS c
        JOIN integratedb.specification AS s ON s.id = c.specification_id
       WHERE c.id = ANY (claims)),
    relations => changed,
    giving_back => false,
    -- A schema may have been renamed. So schemas are found by name, by the name they had when USAGE was granted, and by
    -- the relations in them.
    namespaces => ARRAY(
      SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = ANY (schemas)
      UNION
      SELECT g.namespace_oid FROM integratedb.own_usage AS g WHERE g.schema_name = ANY (schemas)
      UNION
      SELECT k.relnamespace FROM pg_class AS k WHERE k.oid = ANY (changed)));

  PERFORM integratedb.leave_out_unreadable(claims, newest, known.of_claims, known.relids, known_fields, touched);
END
$$;

COMMENT ON FUNCTION integratedb.sync_claims(bigint[], oid[]) IS
'Expands these claims again, and reconciles the grants on the relations they had and the relations they have now. '
'touched: only these relations changed, besides new and vanished ones; null: any may have changed.';

CREATE OR REPLACE FUNCTION integratedb.try_sync_unmet(claim bigint)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.sync_claims(ARRAY[claim]);

  IF EXISTS (SELECT FROM integratedb.unmet_claim AS u WHERE u.claim_id = claim) THEN
    -- The error rolls this block back, so that a claim that stays unmet keeps its baseline.
    RAISE EXCEPTION USING ERRCODE = 'IDB00', MESSAGE = 'claim stays unmet';
  END IF;

  RETURN true;
EXCEPTION
  WHEN SQLSTATE 'IDB00' THEN
    RETURN false;
END
$$;

COMMENT ON FUNCTION integratedb.try_sync_unmet(bigint) IS
'Expands an unmet claim again if that makes the claim met (wildcards shrink, omitted properties follow the catalog); '
'else changes nothing. Returns whether the claim is met now.';

CREATE OR REPLACE FUNCTION integratedb.find_identifiers()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  UPDATE integratedb.claim AS c
     SET document = m.document
    FROM integratedb.specification AS s
   CROSS JOIN LATERAL jsonb_array_elements(s.document -> 'match') WITH ORDINALITY AS m (document, place)
   WHERE c.document IS NULL
     AND c.specification_id = s.id
     AND c.match = m.place - 1;

  UPDATE integratedb.claim_relation AS cr
     SET relid = (SELECT r.oid FROM integratedb.readable_relation AS r
                   WHERE r.schema_name = cr.schema_name AND r.relation_name = cr.relation_name);

  UPDATE integratedb.claim_column AS cc
     SET attnum = (SELECT a.attnum FROM pg_attribute AS a
                    WHERE a.attrelid = cr.relid AND a.attname = cc.column_name AND a.attnum > 0 AND NOT a.attisdropped),
         type_oid = NULL,
         type_modifier = NULL
    FROM integratedb.claim_relation AS cr
   WHERE cr.id = cc.relation_id;

  UPDATE integratedb.claim_key AS k
     SET to_relid = (SELECT r.oid FROM integratedb.readable_relation AS r
                      WHERE r.schema_name = k.to_schema_name AND r.relation_name = k.to_relation_name)
   WHERE k.kind = 'references';

  PERFORM integratedb.find_deprecations();
  PERFORM integratedb.find_approvers();
  PERFORM integratedb.find_leases();

  -- Old and new identifiers may overlap, so the rows are deleted and inserted again with the new ones.
  WITH old AS (
    DELETE FROM integratedb.own_grant RETURNING stakeholder_id, schema_name, relation_name, column_name
  )
  INSERT INTO integratedb.own_grant (stakeholder_id, relid, attnum, schema_name, relation_name, column_name)
  SELECT old.stakeholder_id, r.oid, a.attnum, old.schema_name, old.relation_name, old.column_name
    FROM old
    JOIN integratedb.readable_relation AS r ON r.schema_name = old.schema_name AND r.relation_name = old.relation_name
    JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attname = old.column_name AND a.attnum > 0 AND NOT a.attisdropped;

  WITH old AS (
    DELETE FROM integratedb.own_usage RETURNING stakeholder_id, schema_name
  )
  INSERT INTO integratedb.own_usage (stakeholder_id, namespace_oid, schema_name)
  SELECT old.stakeholder_id, n.oid, old.schema_name
    FROM old
    JOIN pg_namespace AS n ON n.nspname = old.schema_name;

  -- Roles belong to a cluster, and this is another cluster. A role with the stakeholder's name and more powers than a
  -- stakeholder may have is a different role.
  UPDATE integratedb.stakeholder AS st
     SET role_oid = u.oid, role_database = current_database()
    FROM pg_roles AS u
   WHERE u.rolname = st.name
     AND u.oid <> st.role_oid
     AND integratedb.powers_of(u.oid) IS NULL;

  UPDATE integratedb.specification AS s
     SET handed_in_by_oid = coalesce((SELECT u.oid FROM pg_roles AS u WHERE u.rolname = s.handed_in_by), 0);
END
$$;

COMMENT ON FUNCTION integratedb.find_identifiers() IS
'After a restore, recorded object identifiers are those of another server. Finds relations, columns, grants and roles '
'again by name. Adds the documents of matches, which a dump of an older version does not have.';
