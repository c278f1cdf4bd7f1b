-- The check at COMMIT: validates the touched claims, then syncs the baseline and the grants.

CREATE OR REPLACE FUNCTION integratedb.follow(claims bigint[], touched oid[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.sync_claims(claims, touched);
EXCEPTION
  -- Python, its library, or the package is missing. Met claims must not fail because of that.
  WHEN external_routine_exception OR undefined_file OR io_error OR system_error THEN
    UPDATE integratedb.claim AS c SET sync_pending_since = now() WHERE c.id = ANY (claims) AND c.sync_pending_since IS NULL;
    RAISE WARNING 'no claim is broken, but the claims could not be expanded anew: %', SQLERRM
      USING DETAIL = format('The Python package of the extension (%s) or its interpreter (postgresql-plpython3) could not be loaded.',
                            (SELECT 'integratedb_' || replace(x.extversion, '.', '_') FROM pg_extension AS x WHERE x.extname = 'integratedb')),
            HINT = 'New columns are not granted yet. Repair the installation, then SELECT integratedb_sync().';
END
$$;

COMMENT ON FUNCTION integratedb.follow(bigint[], oid[]) IS
'Syncs these met claims, of which only the touched relations changed (null: any may have changed). Without Python, '
'warns and records the claims as pending.';

CREATE OR REPLACE FUNCTION integratedb.noted_claims(OUT unmet bigint[], OUT pending bigint[])
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Such claims are rare, and partial indexes contain only these.
SET enable_seqscan = off
AS $$
BEGIN
  unmet := ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.unmet_since IS NOT NULL);
  pending := ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.sync_pending_since IS NOT NULL);
END
$$;

COMMENT ON FUNCTION integratedb.noted_claims() IS
'The claims that an earlier transaction left unmet, and those whose expansion it postponed.';

CREATE OR REPLACE FUNCTION integratedb.follow_mended(stakeholders bigint[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Such claims are rare, and a partial index contains only these.
SET enable_seqscan = off
AS $$
DECLARE
  noted CONSTANT bigint[] := ARRAY(
    SELECT c.id
      FROM integratedb.claim AS c
     WHERE c.unmet_since IS NOT NULL
       AND (SELECT s.stakeholder_id FROM integratedb.specification AS s WHERE s.id = c.specification_id) = ANY (stakeholders));
  mended bigint[];
BEGIN
  IF cardinality(noted) = 0 THEN
    RETURN;
  END IF;

  mended := ARRAY(SELECT unnest(noted) EXCEPT SELECT unnest(integratedb.unmet_among(noted)));
  IF cardinality(mended) > 0 THEN
    -- The baseline did not follow while the claims were unmet, so any of their relations may have changed.
    PERFORM integratedb.follow(mended, NULL);
    UPDATE integratedb.claim AS c
       SET unmet_since = NULL, unmet_reason = NULL, unmet_allowed = false
     WHERE c.id = ANY (mended)
       AND c.id NOT IN (SELECT unnest(integratedb.broken_among(mended)));
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.follow_mended(bigint[]) IS
'Syncs the claims of these stakeholders that are recorded as unmet and are met again, by this transaction or by a '
'grant that it caused.';

CREATE OR REPLACE FUNCTION integratedb.owns_something(role_name name)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname !~ '^pg_' AND pg_has_role(role_name, n.nspowner, 'MEMBER'))
      OR EXISTS (
        SELECT FROM pg_roles AS r
          JOIN pg_shdepend AS d ON d.refclassid = 'pg_authid'::regclass AND d.refobjid = r.oid
          JOIN pg_class AS k ON k.oid = d.objid AND k.relpersistence <> 't'
         WHERE pg_has_role(role_name, r.oid, 'MEMBER')
           AND d.deptype = 'o'
           AND d.classid = 'pg_class'::regclass
           AND d.dbid = (SELECT b.oid FROM pg_database AS b WHERE b.datname = current_database()))
$$;

COMMENT ON FUNCTION integratedb.owns_something(name) IS
'Whether the role, or a role that it is a member of, owns a schema or a relation of this database that is not '
'temporary.';

CREATE OR REPLACE FUNCTION integratedb.privileges_matter()
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  touched CONSTANT bigint[] := integratedb.revoked_claims();
  unmet bigint[];
BEGIN
  IF cardinality(touched) = 0 THEN
    RETURN false;
  END IF;

  unmet := integratedb.unmet_among(touched);
  RETURN EXISTS (SELECT FROM integratedb.claim AS c WHERE c.id = ANY (touched) AND (c.id = ANY (unmet)) = (c.unmet_since IS NULL));
END
$$;

COMMENT ON FUNCTION integratedb.privileges_matter() IS
'Whether a GRANT, REVOKE or DROP OWNED of this transaction made a claim unmet, or repaired a claim that is recorded '
'as unmet.';

CREATE OR REPLACE FUNCTION integratedb.take_lock_to_check()
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- An owner can cause the lock by any ALTER, so the lock gives an owner no new power. A privilege that an owner
  -- revoked must not be missed: a claim that another session submits before COMMIT still sees the privilege.
  IF integratedb.changed_objects(pg_current_xact_id())
     OR NOT integratedb.is_armed()
     OR integratedb.is_admin(SESSION_USER)
     OR integratedb.owns_something(SESSION_USER) THEN
    PERFORM integratedb.wait_for_lock();
    RETURN true;
  END IF;

  -- Other roles usually changed nothing. This is checked under the lock, which is then released.
  BEGIN
    PERFORM integratedb.wait_for_lock();
    IF integratedb.privileges_matter() THEN
      RETURN true;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'IDB00', MESSAGE = 'nothing is at stake';
  EXCEPTION
    WHEN SQLSTATE 'IDB00' THEN
      RETURN false;
  END;
END
$$;

COMMENT ON FUNCTION integratedb.take_lock_to_check() IS
'Takes the lock for the check at COMMIT. Returns false, without the lock, if there is nothing to check: a GRANT, '
'REVOKE or DROP OWNED of a role that owns nothing here, and that neither broke nor repaired a claim. Errors: those of '
'take_lock().';

CREATE OR REPLACE FUNCTION integratedb.check_transaction(touched bigint[], relations oid[])
RETURNS integratedb.refusal
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
-- The function may have to read all claims.
SET enable_seqscan = on
AS $$
DECLARE
  everything CONSTANT boolean := relations IS NULL OR 'INTEGRATEDB SYNC' = ANY (integratedb.checked_tags(pg_current_xact_id()));
  -- The claimed relations of these claims did not change, so the claims are not expanded again.
  above CONSTANT bigint[] := CASE WHEN everything THEN '{}' ELSE integratedb.claims_above_changes(pg_current_xact_id()) END;
  unmet bigint[];
  met bigint[];
  steady bigint[];
  pending bigint[];
  refusal integratedb.refusal;
BEGIN
  IF everything THEN
    unmet := ARRAY(SELECT u.claim_id FROM integratedb.unmet_claim AS u);
  ELSIF cardinality(touched) > 0 OR cardinality(above) > 0 THEN
    unmet := integratedb.unmet_among(ARRAY(SELECT unnest(touched) UNION SELECT unnest(above)));
  ELSE
    RETURN NULL;
  END IF;

  refusal := integratedb.judge(unmet, untellable => false);
  IF refusal.code IS NOT NULL THEN
    RETURN refusal;
  END IF;

  met := ARRAY(SELECT unnest(touched) EXCEPT SELECT unnest(unmet));
  IF cardinality(met) > 0 THEN
    -- Claims that were recorded as unmet did not follow the catalog since. So relations that this transaction did not
    -- touch may have changed too.
    steady := ARRAY(SELECT unnest(met) EXCEPT SELECT unnest(n.unmet) FROM integratedb.noted_claims() AS n);
    IF cardinality(steady) > 0 THEN
      PERFORM integratedb.follow(steady, relations);
    END IF;
    PERFORM integratedb.follow_mended(ARRAY(
      SELECT DISTINCT s.stakeholder_id
        FROM unnest(met) AS m (id)
       -- OFFSET 0 makes the planner look up each claim, not search all.
       CROSS JOIN LATERAL (SELECT c.specification_id FROM integratedb.claim AS c WHERE c.id = m.id OFFSET 0) AS c
        JOIN integratedb.specification AS s ON s.id = c.specification_id));

    SELECT n.pending INTO pending FROM integratedb.noted_claims() AS n;
    IF cardinality(pending) > 0 THEN
      pending := ARRAY(
        SELECT unnest(pending) EXCEPT SELECT unnest(touched) EXCEPT SELECT unnest(integratedb.unmet_among(pending)));
      IF cardinality(pending) > 0 THEN
        PERFORM integratedb.follow(pending, NULL);
      END IF;
    END IF;

    -- A recreated relation may belong to an owner whose tables the submitter cannot grant. Claims whose grants are
    -- missing are unmet.
    refusal := integratedb.judge(integratedb.unmet_among(met), untellable => false);
    IF refusal.code IS NOT NULL THEN
      RETURN refusal;
    END IF;
  END IF;

  SELECT n.unmet INTO unmet FROM integratedb.noted_claims() AS n;
  IF cardinality(unmet) = 0 THEN
    RETURN NULL;
  END IF;

  UPDATE integratedb.claim AS c
     SET unmet_since = NULL, unmet_reason = NULL, unmet_allowed = false
   WHERE c.id = ANY (unmet)
     AND (everything OR c.id = ANY (touched) OR c.id = ANY (above))
     AND c.id NOT IN (SELECT unnest(integratedb.broken_among(unmet)));

  RETURN NULL;
END
$$;

COMMENT ON FUNCTION integratedb.check_transaction(bigint[], oid[]) IS
'Validates the claims that this transaction touched against the baseline. If they are met, syncs the baseline and the '
'grants. relations: its touched_relations(); null: any may have changed. Returns the refusal (IDB01), or null. The '
'caller holds the lock.';

CREATE OR REPLACE FUNCTION integratedb.prune_ddl_events()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- The setting is read once; in the condition it would be read for every row.
  oldest CONSTANT timestamptz := now() - integratedb.setting_value('ddl_event_retention')::interval;
BEGIN
  DELETE FROM integratedb.ddl_event AS e
   WHERE e.id IN (SELECT old.id FROM integratedb.ddl_event AS old WHERE old.occurred_at < oldest ORDER BY old.occurred_at LIMIT 1000);

  DELETE FROM integratedb.ddl_event AS e WHERE e.xid = pg_current_xact_id() AND NOT e.audited;
  DELETE FROM integratedb.identity_change AS i WHERE i.xid = pg_current_xact_id();
  DELETE FROM integratedb.type_change AS y WHERE y.xid = pg_current_xact_id();
END
$$;

COMMENT ON FUNCTION integratedb.prune_ddl_events() IS
'Deletes rows that are older than ddl_event_retention, a thousand at a time, and the rows of this transaction that '
'served only the check. The caller holds the lock, so two calls never run at once.';

CREATE OR REPLACE FUNCTION integratedb.prepared_refusal()
RETURNS integratedb.refusal
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- Only the statement separates PREPARE TRANSACTION from COMMIT. Between its words only white space and comments may
  -- stand. If the client sends its statements in parts (extended protocol), no statement is known at COMMIT.
  IF current_query() IS NULL
     OR current_query() !~* '\mprepare([[:space:]]|--[^\n\r]*[\n\r]|/[*].*[*]/)+transaction\M'
     OR integratedb.is_admin(SESSION_USER) THEN
    RETURN NULL;
  END IF;

  RETURN ROW(
    '55000',
    'a transaction that changed the schema or a claim cannot be prepared for a later COMMIT',
    'It would hold the lock between claims and migrations until somebody ends it, and every other migration would wait.',
    'COMMIT it. Members of integratedb_admin may prepare such a transaction.')::integratedb.refusal;
END
$$;

COMMENT ON FUNCTION integratedb.prepared_refusal() IS
'The refusal (55000) of PREPARE TRANSACTION, in the check of a transaction; null for COMMIT, and for admins.';

CREATE OR REPLACE FUNCTION integratedb.forbid_prepare()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- Postgres refuses PREPARE TRANSACTION after LISTEN. UNLISTEN follows at once, so LISTEN has no other effect.
  LISTEN "integratedb: never prepared";
  UNLISTEN "integratedb: never prepared";
EXCEPTION
  WHEN feature_not_supported THEN
    NULL; -- a background process, where no client can run PREPARE TRANSACTION
END
$$;

COMMENT ON FUNCTION integratedb.forbid_prepare() IS
'Makes Postgres refuse PREPARE TRANSACTION (0A000) in the rest of this transaction.';

CREATE OR REPLACE FUNCTION integratedb.on_commit()
RETURNS trigger
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- whoever migrates has no rights on schema integratedb, nor the right to grant
SET search_path = pg_catalog, integratedb, pg_temp
-- Planning again for each set of claims would take longer than running.
SET plan_cache_mode = force_generic_plan
-- The plans are made once in a session. With few rows in the audit log, the plan would read the whole log, even after
-- the log has grown.
SET enable_seqscan = off
AS $$
DECLARE
  newly_armed boolean;
  expands_others boolean;
  relations oid[];
  touched bigint[];
  refusal integratedb.refusal;
  context text;
  refused boolean;
BEGIN
  -- SET CONSTRAINTS ALL IMMEDIATE fires this trigger in the middle of a transaction, which looks like COMMIT. So the
  -- event is put back in the queue.
  --
  -- In the middle of a transaction, the event then fires again at COMMIT; at COMMIT, it fires again at once. Once for
  -- each statement of the client is enough, and ends the repetition.
  --
  -- The constraint is deferred first, because otherwise the event would fire again at once in both cases.
  SET CONSTRAINTS integratedb.ddl_event_check DEFERRED;
  UPDATE integratedb.ddl_event AS e
     SET requeued_at = statement_timestamp()
   WHERE e.id = NEW.id
     AND e.requeued_at IS DISTINCT FROM statement_timestamp();
  IF FOUND THEN
    RETURN NULL;
  END IF;

  IF integratedb.take_lock_to_check() THEN
    newly_armed := integratedb.arm();
    expands_others := (integratedb.noted_claims()).pending <> '{}';
    relations := integratedb.touched_relations(pg_current_xact_id());
    touched := CASE WHEN newly_armed THEN ARRAY(SELECT c.id FROM integratedb.claim AS c)
                    ELSE integratedb.touched_claims(pg_current_xact_id(), relations) END;

    refusal := integratedb.check_transaction(touched, CASE WHEN NOT newly_armed THEN relations END);
    IF cardinality(touched) > 0 THEN
      -- Unmet claims are not synced, but other columns may meet their fields now.
      PERFORM integratedb.add_surface_claims(touched);
    END IF;
    IF refusal.code IS NULL THEN
      refusal := integratedb.follow_notifications(touched, relations, everything => newly_armed OR expands_others);
    END IF;
    IF refusal.code IS NULL THEN
      refusal := integratedb.temporary_refusal();
    END IF;
    IF refusal.code IS NULL THEN
      refusal := integratedb.prepared_refusal();
    END IF;
    IF refusal.code IS NOT NULL THEN
      refused := integratedb.refuse(refusal.code, refusal.message, refusal.detail, refusal.hint);
    END IF;

    PERFORM integratedb.warn_of_idle_override();
    PERFORM integratedb.prune_ddl_events();

    -- Two SET CONSTRAINTS in one text, or in a function, reach this place before COMMIT. After that, no check is left
    -- that could refuse PREPARE TRANSACTION in another text.
    GET DIAGNOSTICS context = PG_CONTEXT;
    IF (context ~ E'\n' OR current_query() ~* 'constraints') AND NOT integratedb.is_admin(SESSION_USER) THEN
      PERFORM integratedb.forbid_prepare();
    END IF;
  END IF;

  -- From here on, a further change queues the check again.
  UPDATE integratedb.ddl_event AS e SET check_queued = false WHERE e.id = NEW.id;
  DELETE FROM integratedb.queued_check AS q WHERE q.xid = pg_current_xact_id();
  RETURN NULL;
END
$$;

COMMENT ON FUNCTION integratedb.on_commit() IS
'Deferred constraint trigger on integratedb.ddl_event: runs the check at COMMIT, once in a transaction.';
