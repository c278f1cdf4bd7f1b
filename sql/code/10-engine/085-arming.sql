-- After a restore or pg_upgrade, the first sync or check looks up every recorded object by name again.

CREATE OR REPLACE FUNCTION integratedb.sync_all()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
DECLARE
  unmet bigint[] := ARRAY(SELECT u.claim_id FROM integratedb.unmet_claim AS u);
  expandable CONSTANT bigint[] := ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.id NOT IN (SELECT unnest(unmet)));
  newest CONSTANT bigint := integratedb.newest_relation();
  known CONSTANT record := integratedb.known_relations(expandable);
  known_fields CONSTANT bigint[] := integratedb.known_fields(expandable, NULL);
  still_unmet bigint[];
BEGIN
  -- A restore finds the role by its name, so the name is kept up to date.
  UPDATE integratedb.specification AS s
     SET handed_in_by = u.rolname
    FROM pg_roles AS u
   WHERE u.oid = s.handed_in_by_oid
     AND u.rolname <> s.handed_in_by;
  UPDATE integratedb.specification_approver AS a
     SET role_name = u.rolname
    FROM pg_roles AS u
   WHERE u.oid = a.role_oid
     AND u.rolname <> a.role_name;

  PERFORM integratedb.store_expansion(met.specification_id, met.matches)
     FROM (SELECT c.specification_id, array_agg(c.match) AS matches
             FROM integratedb.claim AS c
            WHERE c.id NOT IN (SELECT unnest(unmet))
            GROUP BY c.specification_id) AS met;

  PERFORM integratedb.reconcile_grants(
    stakeholders => ARRAY(SELECT st.id FROM integratedb.stakeholder AS st),
    relations => ARRAY(
      SELECT g.relid FROM integratedb.own_grant AS g
      UNION
      SELECT cr.relid FROM integratedb.claim_relation AS cr WHERE cr.relid IS NOT NULL),
    giving_back => true);
  PERFORM integratedb.leave_out_unreadable(expandable, newest, known.of_claims, known.relids, known_fields, NULL);

  -- The grants may have made some claims met. Those are synced together; each of the others is tried alone.
  still_unmet := ARRAY(SELECT u.claim_id FROM integratedb.unmet_claim AS u WHERE u.claim_id = ANY (unmet));
  IF cardinality(still_unmet) < cardinality(unmet) THEN
    PERFORM integratedb.sync_claims(ARRAY(SELECT unnest(unmet) EXCEPT SELECT unnest(still_unmet)));
  END IF;
  PERFORM integratedb.try_sync_unmet(u.claim_id) FROM unnest(still_unmet) AS u (claim_id);

  UPDATE integratedb.claim AS c
     SET unmet_since = NULL, unmet_reason = NULL, unmet_allowed = false
   WHERE c.unmet_since IS NOT NULL
     AND c.id NOT IN (SELECT unnest(integratedb.broken_among((integratedb.noted_claims()).unmet)));

  PERFORM integratedb.refresh_deprecations();
END
$$;

COMMENT ON FUNCTION integratedb.sync_all() IS
'Expands every specification again and reconciles all grants. Claims that stay unmet keep their baseline.';

CREATE OR REPLACE FUNCTION integratedb.is_armed()
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT l.armed_for IS NOT DISTINCT FROM current_setting('server_version_num')::integer / 10000
      FROM integratedb.serialisation AS l);
END
$$;

COMMENT ON FUNCTION integratedb.is_armed() IS
'Whether recorded object identifiers are those of this server. False after a restore or pg_upgrade, until the first '
'sync or check.';

CREATE OR REPLACE FUNCTION integratedb.arm()
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- This function reads all claims. Its callers look rows up, with other planner settings.
SET enable_seqscan = on
AS $$
DECLARE
  unmet bigint[];
BEGIN
  IF integratedb.is_armed() THEN
    RETURN false;
  END IF;

  PERFORM integratedb.find_identifiers();
  UPDATE integratedb.serialisation SET armed_for = current_setting('server_version_num')::integer / 10000;

  -- Claims that a restore brought back unmet were broken by no migration.
  unmet := ARRAY(SELECT u.claim_id FROM integratedb.broken_claim AS u JOIN integratedb.claim AS c ON c.id = u.claim_id WHERE c.unmet_since IS NULL);
  IF cardinality(unmet) > 0 THEN
    UPDATE integratedb.claim AS c
       SET unmet_since = now(), unmet_reason = 'a dump was restored'
     WHERE c.id = ANY (unmet)
       AND c.id <> ALL (integratedb.made_unmet_here(unmet));
  END IF;

  RETURN true;
END
$$;

COMMENT ON FUNCTION integratedb.arm() IS
'Restores enforcement after a restore or pg_upgrade. Returns whether that was necessary; if so, the caller must sync '
'everything. The caller holds the lock.';

CREATE OR REPLACE FUNCTION integratedb.ensure_armed()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF integratedb.is_armed() THEN
    RETURN;
  END IF;

  PERFORM integratedb.take_lock();
  IF integratedb.arm() THEN
    PERFORM integratedb.sync_all();
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.ensure_armed() IS
'After a restore or pg_upgrade, takes the lock and restores enforcement. Functions that act on roles by their '
'recorded identifiers call this first.';
