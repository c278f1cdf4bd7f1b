-- What a migration, or its author, may call: validate, sync, preview and override.

CREATE OR REPLACE FUNCTION integratedb.has_stake()
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- acting_role() and not caller(), because migrations also call sync and validate in functions of their own, run by
  -- any role.
  caller CONSTANT name := integratedb.acting_role();
  caller_oid CONSTANT oid := (SELECT u.oid FROM pg_roles AS u WHERE u.rolname = caller);
BEGIN
  RETURN integratedb.is_admin(caller)
      -- After a restore, the recorded identifiers are not valid yet.
      OR NOT integratedb.is_armed()
      OR integratedb.changed_objects(pg_current_xact_id_if_assigned())
      OR EXISTS (SELECT FROM integratedb.stakeholder_role AS r WHERE r.role_oid = caller_oid)
      OR EXISTS (SELECT FROM integratedb.specification AS s WHERE s.handed_in_by_oid = caller_oid)
      OR EXISTS (
        SELECT FROM (SELECT DISTINCT k.relowner FROM integratedb.claim_relation AS cr JOIN pg_class AS k ON k.oid = cr.relid) AS owner (oid)
         WHERE pg_has_role(caller_oid, owner.oid, 'USAGE'));
END
$$;

COMMENT ON FUNCTION integratedb.has_stake() IS
'Whether the caller may take the lock. It may if it is an admin or a stakeholder, submitted a specification, or owns '
'a claimed relation. It may also if this transaction changed the schema, or if enforcement must be restored after a '
'restore.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_sync()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- whoever migrates has no rights on schema integratedb, nor the right to grant
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  unmet bigint[];
BEGIN
  IF NOT integratedb.has_stake() THEN
    RAISE NOTICE 'nothing to sync for role %', quote_ident(integratedb.acting_role())
      USING DETAIL = 'This transaction changed no schema. The role owns nothing that is claimed, submitted no claim, and is neither a stakeholder nor an admin.';
    RETURN;
  END IF;

  PERFORM integratedb.take_lock();
  PERFORM integratedb.arm();
  PERFORM integratedb.end_sessions_without_role();

  -- Claims that became unmet unnoticed by the event triggers are recorded now. The grants below write catalog rows,
  -- which the check at COMMIT would take as evidence against this transaction.
  unmet := ARRAY(SELECT u.claim_id FROM integratedb.broken_claim AS u JOIN integratedb.claim AS c ON c.id = u.claim_id WHERE c.unmet_since IS NULL);
  IF cardinality(unmet) > 0 THEN
    UPDATE integratedb.claim AS c
       SET unmet_since = now(), unmet_reason = 'since an earlier transaction'
     WHERE c.id = ANY (unmet)
       AND c.id <> ALL (integratedb.made_unmet_here(unmet));
  END IF;

  PERFORM integratedb.sync_all();

  -- A sync never excuses a named claim. Claims that stay unmet are judged at COMMIT, which finds the transaction that
  -- broke them.
  PERFORM integratedb.log_own_event('INTEGRATEDB SYNC', NULL, true);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_sync() IS
'Accepts the present catalog as the new baseline where the specifications allow it: wildcard claims shrink and grow,
omitted properties follow the catalog. A privilege that was revoked comes back if the caller could grant it.
A migration that must drop a column claimed by "*" calls it in its transaction.
A named claim that the transaction made unmet is still refused at COMMIT (IDB01); one that was unmet before stays so,
with a WARNING.
Errors: 40001, 40P01, 55P03: retry; 54000 an access list is full.
For everybody; it adds a row to the audit log. It does nothing, with a NOTICE, where the caller has no stake: no schema
change in this transaction, and no claim by the caller or on the caller''s relations.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_unmet_claims(max_results integer DEFAULT 100)
RETURNS TABLE (claim_id bigint, stakeholder text, kind text, path text, problems jsonb, hint text)
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- reads tables that nobody else can, and the privileges of other roles
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
DECLARE
  -- All claims are read and the array is cut later, because a statement without parameters is planned once in a
  -- session.
  unmet bigint[] := ARRAY(SELECT u.claim_id FROM integratedb.broken_claim AS u ORDER BY u.claim_id);
BEGIN
  -- GREATEST ignores nulls, so the null that stands for all is replaced first.
  unmet := unmet[:greatest(coalesce(max_results, cardinality(unmet)), 0)];

  IF cardinality(unmet) > 0 THEN
    RETURN QUERY
      SELECT d.claim_id, d.stakeholder, d.kind, d.path, d.problems,
             concat_ws(' ', d.excuse, format('Author of the migration: %s. Stakeholder %s: %s.', d.author_hint, d.stakeholder, d.stakeholder_hint))
        FROM integratedb.describe_unmet(unmet) AS d;
  END IF;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_unmet_claims(integer) IS
'The claims that the present catalog, with this transaction''s changes, does not satisfy.
max_results: the greatest number of rows; null: all.
Returns one row for each claim: claim_id, stakeholder, kind (claims, notifications or queries), path of its first alternative,
problems, hint.
problems: an array of {path, field, property, expected, actual, message}; property is table, column, type, min_length,
is_nullable, unique, references, privilege, row_security or replica_identity.
A problem has deprecation or waiver as well, where one exists, and allowed (deprecated or waived) where the claim refuses
no migration because of it.
For everybody; reads only.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_validate_migration(max_results integer DEFAULT 100)
RETURNS integer
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- whoever migrates has no rights on schema integratedb, nor the right to grant
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
DECLARE
  changes_something CONSTANT boolean := integratedb.has_stake();
  unmet bigint[];
  allowed record;
  refusal integratedb.refusal;
  refused boolean;
BEGIN
  IF changes_something THEN
    PERFORM integratedb.take_lock();
    PERFORM integratedb.arm();
  END IF;

  unmet := ARRAY(SELECT u.claim_id FROM integratedb.broken_claim AS u);
  IF cardinality(unmet) > 0 THEN
    IF changes_something THEN
      unmet := ARRAY(SELECT unnest(unmet) EXCEPT SELECT unnest(integratedb.accept_allowed(unmet)));
    ELSE
      allowed := integratedb.allowed_claims(unmet);
      unmet := ARRAY(SELECT unnest(unmet) EXCEPT SELECT unnest(allowed.removed || allowed.waived));
    END IF;
  END IF;

  IF cardinality(unmet) > 0 THEN
    IF changes_something AND integratedb.override_reason() IS NOT NULL THEN
      PERFORM integratedb.warn_unmet(unmet, format('overridden (%s)', integratedb.override_reason()), allowed => false);
    ELSE
      refusal := integratedb.unmet_refusal(unmet, coalesce(max_results, cardinality(unmet)));
      refused := integratedb.refuse(refusal.code, refusal.message, refusal.detail, refusal.hint);
    END IF;
  END IF;

  IF changes_something THEN
    PERFORM integratedb.sync_all();
    PERFORM integratedb.log_own_event('INTEGRATEDB VALIDATE', NULL, true);
  END IF;
  RETURN cardinality(unmet);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_validate_migration(integer) IS
'Does at once, inside the migration, what COMMIT does, for every claim of the database: validates, then syncs. The
result is the baseline from here on.
max_results: how many unmet claims the error lists.
Where the caller has no stake (see integratedb_sync()), it only validates, and syncs nothing.
Returns 0; under integratedb_override() the number of unmet claims, with a WARNING. Claims that a waiver or a deprecation
allows to be unmet do not count; each gets a WARNING.
Errors: IDB01 a claim is unmet, regardless of who made it so and of the setting enforcement; 40001, 40P01, 55P03:
retry.
For everybody.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_preview_migration(ddl text)
RETURNS TABLE (claim_id bigint, stakeholder text, kind text, path text, problems jsonb, hint text)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER -- runs the caller's statements as the caller, under the caller's search_path
-- The exception that rolls the statements back must not end the session.
SET exit_on_error = off
AS $$
DECLARE
  unmet pg_catalog.jsonb;
  looked pg_catalog.bool := false;
BEGIN
  IF ddl IS NULL THEN
    RETURN;
  END IF;

  BEGIN
    EXECUTE ddl;

    SELECT pg_catalog.jsonb_agg(pg_catalog.to_jsonb(u)) INTO unmet FROM @extschema@.integratedb_unmet_claims(max_results => NULL::pg_catalog.int4) AS u;
    looked := true;

    -- The error rolls the block back; the variable keeps its value.
    RAISE EXCEPTION USING ERRCODE = 'IDB00', MESSAGE = 'preview';
  EXCEPTION
    WHEN SQLSTATE 'IDB00' THEN
      -- A trigger of any role can raise the same SQLSTATE.
      IF NOT looked THEN
        RAISE;
      END IF;

      RETURN QUERY
        SELECT p.claim_id, p.stakeholder, p.kind, p.path, p.problems, p.hint
          FROM pg_catalog.jsonb_to_recordset(unmet)
            AS p (claim_id bigint, stakeholder pg_catalog.text, kind pg_catalog.text, path pg_catalog.text,
                  problems pg_catalog.jsonb, hint pg_catalog.text);
    WHEN active_sql_transaction OR no_active_sql_transaction OR invalid_transaction_termination OR feature_not_supported THEN
      -- Postgres also uses 0A000 for statements that it never supports (ALTER TYPE of a column that a view reads).
      IF SQLSTATE OPERATOR(pg_catalog.=) '0A000' AND NOT pg_catalog.starts_with(SQLERRM, 'EXECUTE of ') THEN
        RAISE;
      END IF;

      RAISE EXCEPTION USING
        ERRCODE = 'feature_not_supported',
        MESSAGE = pg_catalog.format('cannot be previewed: %s', SQLERRM),
        HINT = 'A preview runs the statements and rolls them back, which these cannot be. CREATE INDEX CONCURRENTLY, VACUUM and the like hurt no claim; leave them and BEGIN, COMMIT out.';
  END;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_preview_migration(text) IS
'The claims that a migration would break: runs the statements, reads the unmet claims, and rolls the statements back.
Locks are taken and held until the end of the calling transaction.
ddl: one or more SQL statements, run as the caller.
Returns the rows of integratedb_unmet_claims() as they would be after the statements.
Errors: 0A000 a statement cannot run in a transaction; those of the statements themselves.
For everybody, with the caller''s own rights.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_override(reason text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes the audit log
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  refused boolean;
BEGIN
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  IF btrim(coalesce(reason, '')) = '' THEN
    refused := integratedb.refuse(
      code => '22023',
      message => 'an override needs a reason',
      detail => NULL,
      hint => 'SELECT integratedb_override(''incident 4711: ...''): the reason goes into the audit log.');
  END IF;

  PERFORM integratedb.log_own_event('INTEGRATEDB OVERRIDE', btrim(reason), true);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_override(text) IS
'Lets this transaction commit although it breaks claims. A WARNING names the affected stakeholders, and
integratedb_unmet_claims() lists the claims until they are met.
reason: for the audit log.
Error: 22023 no reason.
For members of integratedb_admin.';
