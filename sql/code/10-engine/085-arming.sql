-- After a restore or pg_upgrade the first sync or check looks everything up by name again.

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
  -- By the name it is found after a restore.
  UPDATE integratedb.specification AS s
     SET handed_in_by = u.rolname
    FROM pg_roles AS u
   WHERE u.oid = s.handed_in_by_oid
     AND u.rolname <> s.handed_in_by;

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

  -- Grants given back may have met some, which follow; each of the others is tried alone.
  still_unmet := ARRAY(SELECT u.claim_id FROM integratedb.unmet_claim AS u WHERE u.claim_id = ANY (unmet));
  IF cardinality(still_unmet) < cardinality(unmet) THEN
    PERFORM integratedb.sync_claims(ARRAY(SELECT unnest(unmet) EXCEPT SELECT unnest(still_unmet)));
  END IF;
  PERFORM integratedb.try_sync_unmet(u.claim_id) FROM unnest(still_unmet) AS u (claim_id);

  UPDATE integratedb.claim AS c
     SET unmet_since = NULL
   WHERE c.unmet_since IS NOT NULL
     AND NOT EXISTS (SELECT FROM integratedb.broken_claim AS u WHERE u.claim_id = c.id);
END
$$;

COMMENT ON FUNCTION integratedb.sync_all() IS
'Expands every specification anew and reconciles all grants; claims that stay unmet keep their baseline.';

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
'Whether recorded object identifiers are this server''s: false after a restore or pg_upgrade, until the first sync or '
'check.';

CREATE OR REPLACE FUNCTION integratedb.arm()
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- All claims are read. Whoever calls looks things up.
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

  -- What a restore brought back unmet is nobody's migration.
  unmet := ARRAY(SELECT u.claim_id FROM integratedb.broken_claim AS u JOIN integratedb.claim AS c ON c.id = u.claim_id WHERE c.unmet_since IS NULL);
  IF cardinality(unmet) > 0 THEN
    UPDATE integratedb.claim AS c
       SET unmet_since = now()
     WHERE c.id = ANY (unmet)
       AND c.id <> ALL (integratedb.made_unmet_here(unmet));
  END IF;

  RETURN true;
END
$$;

COMMENT ON FUNCTION integratedb.arm() IS
'Makes enforcement whole again after a restore or pg_upgrade; returns whether that was due: then everything is to be '
'synced. The caller holds the lock.';

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
'After a restore or pg_upgrade, takes the lock and makes enforcement whole again, for what acts on roles by their '
'recorded identifiers.';
