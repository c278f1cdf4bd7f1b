-- Decides about a transaction that leaves claims unmet: refused, or accepted with a WARNING.

CREATE OR REPLACE FUNCTION integratedb.unmet_refusal(claims bigint[], max_results integer)
RETURNS integratedb.refusal
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  WITH unmet AS MATERIALIZED (
    SELECT d.*, row_number() OVER () AS position FROM integratedb.describe_unmet(claims) AS d
  ), statement AS (
    SELECT string_agg(DISTINCT e.command_tag, ', ') AS tags
      FROM integratedb.ddl_event AS e
     WHERE e.xid = pg_current_xact_id_if_assigned()
       AND e.checked
       AND e.command_tag NOT LIKE 'INTEGRATEDB %'
  ), hurt AS (
    SELECT string_agg(DISTINCT u.stakeholder, ', ') AS stakeholders, count(*) AS number FROM unmet AS u
  )
  SELECT 'IDB01',
         format('invalid migration%s: it breaks %s of %s', coalesce(' (' || statement.tags || ')', ''),
                CASE hurt.number WHEN 1 THEN 'a claim' ELSE hurt.number || ' claims' END, hurt.stakeholders),
         (SELECT string_agg(CASE WHEN u.position <= max_results
                                 THEN format('%s (%s): %s', u.stakeholder, u.source, u.summary)
                                 ELSE format('... and %s more', hurt.number - max_results) END,
                            E'\n' ORDER BY u.position)
            FROM unmet AS u
           WHERE u.position <= max_results + 1),
         -- The first few claims are enough for the hint; DETAIL has all of them.
         concat_ws(E'\n',
           (SELECT string_agg(DISTINCT format('Author of the migration: %s.', u.author_hint), E'\n') FROM unmet AS u WHERE u.position <= 3),
           (SELECT string_agg(DISTINCT format('Stakeholder %s: %s.', u.stakeholder, u.stakeholder_hint), E'\n') FROM unmet AS u WHERE u.position <= 3),
           'Admin: SELECT integratedb_override(''reason'') in the same transaction lets it pass, on record.')
    FROM hurt, statement
$$;

COMMENT ON FUNCTION integratedb.unmet_refusal(bigint[], integer) IS
'The refusal IDB01 for these unmet claims. max_results: how many claims are listed. A WARNING uses the same texts.';

CREATE OR REPLACE FUNCTION integratedb.warn_unmet(claims bigint[], occasion text, allowed boolean DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  stakeholders text;
  words integratedb.refusal;
BEGIN
  IF cardinality(claims) = 0 THEN
    RETURN;
  END IF;

  UPDATE integratedb.claim AS c
     SET unmet_since = coalesce(c.unmet_since, now()),
         unmet_reason = CASE WHEN c.unmet_since IS NULL OR allowed THEN occasion || coalesce(': ' || integratedb.excuse_of(c.id, occasion), '')
                             ELSE c.unmet_reason END,
         unmet_allowed = coalesce(allowed, c.unmet_allowed)
   WHERE c.id = ANY (claims)
     AND (c.unmet_since IS NULL OR c.unmet_allowed <> allowed);

  SELECT string_agg(DISTINCT d.stakeholder, ', ') INTO stakeholders FROM integratedb.describe_unmet(claims) AS d;
  words := integratedb.unmet_refusal(claims, 100);

  RAISE WARNING '%: % of % unmet', occasion, CASE cardinality(claims) WHEN 1 THEN 'a claim' ELSE cardinality(claims) || ' claims' END,
    stakeholders || CASE cardinality(claims) WHEN 1 THEN ' is' ELSE ' are' END
    USING DETAIL = words.detail, HINT = 'SELECT * FROM integratedb_unmet_claims() lists them until they are met again.';
END
$$;

COMMENT ON FUNCTION integratedb.warn_unmet(bigint[], text, boolean) IS
'Accepts these unmet claims with a WARNING that names the affected stakeholders, and records since when and why they '
'are unmet. occasion: the reason, for the message. allowed: whether the rest of each claim stays enforced; null: as '
'before.';

CREATE OR REPLACE FUNCTION integratedb.warn_restored(first_event bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Code that made the session look like a restore may also have silenced it.
SET client_min_messages = 'warning'
AS $$
DECLARE
  touched bigint[];
  unmet bigint[];
BEGIN
  -- In a new database, and after pg_upgrade, the first sync or check examines every claim.
  IF NOT integratedb.is_armed() THEN
    RETURN;
  END IF;

  touched := integratedb.touched_claims(
    pg_current_xact_id(), integratedb.touched_relations(pg_current_xact_id(), first_event), first_event);
  IF cardinality(touched) = 0 THEN
    RETURN;
  END IF;
  unmet := integratedb.unmet_among(touched);

  -- This runs without the lock between claims and migrations, because a dump in one transaction would hold the lock
  -- from here on. Rows that another transaction is writing are left to that transaction. The warning cannot wait for
  -- COMMIT, because the dump may drop the extension before.
  PERFORM integratedb.warn_unmet(
    ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.id = ANY (unmet) AND c.unmet_since IS NULL FOR UPDATE SKIP LOCKED),
    'a dump is being restored');

  UPDATE integratedb.claim AS c
     SET sync_pending_since = coalesce(c.sync_pending_since, now()),
         unmet_since = CASE WHEN c.id IN (SELECT unnest(integratedb.untellable_among(touched))) THEN c.unmet_since END,
         unmet_allowed = false
    FROM (SELECT d.id
            FROM integratedb.claim AS d
           WHERE d.id = ANY (touched)
             AND d.id <> ALL (unmet)
             AND (d.sync_pending_since IS NULL OR d.unmet_since IS NOT NULL)
             FOR UPDATE SKIP LOCKED) AS free
   WHERE c.id = free.id;
END
$$;

COMMENT ON FUNCTION integratedb.warn_restored(bigint) IS
'Runs after a command of a dump that is being restored, in a database whose claims are enforced. Warns about the '
'claims that the command broke; the next check syncs the other claims that it touched. first_event: the first row of '
'the command in the audit log.';

CREATE OR REPLACE FUNCTION integratedb.override_reason()
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
  RETURN (
    SELECT e.reason
      FROM integratedb.ddl_event AS e
     WHERE e.xid = pg_current_xact_id()
       AND e.command_tag = 'INTEGRATEDB OVERRIDE'
     ORDER BY e.id DESC
     LIMIT 1);
END
$$;

COMMENT ON FUNCTION integratedb.override_reason() IS
'The reason that an admin gave for overriding the check in this transaction; null without an override.';

CREATE OR REPLACE FUNCTION integratedb.warn_of_idle_override()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF integratedb.override_reason() IS NOT NULL
     AND NOT EXISTS (SELECT FROM integratedb.ddl_event AS e
                      WHERE e.xid = pg_current_xact_id() AND e.command_tag <> 'INTEGRATEDB OVERRIDE') THEN
    RAISE WARNING 'integratedb_override() overrides nothing: it is alone in its transaction, and holds for that only'
      USING HINT = 'In one transaction: BEGIN; SELECT integratedb_override(''reason''); the migration; COMMIT.';
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.warn_of_idle_override() IS
'Warns that integratedb_override() has nothing to override, because its transaction changed nothing.';

CREATE OR REPLACE FUNCTION integratedb.judge(unmet bigint[], untellable boolean)
RETURNS integratedb.refusal
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  fresh bigint[];
  mine bigint[];
  by_types bigint[];
BEGIN
  IF cardinality(unmet) = 0 THEN
    RETURN NULL;
  END IF;

  -- The rest of a claim is still enforced after a waiver or a deprecation let one part of it be removed.
  fresh := ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.id = ANY (unmet) AND (c.unmet_since IS NULL OR c.unmet_allowed));
  mine := CASE WHEN cardinality(fresh) = 0 THEN '{}' ELSE integratedb.made_unmet_here(fresh) END;

  by_types := CASE WHEN cardinality(fresh) = 0 THEN '{}'
                   ELSE integratedb.made_unmet_by_types(ARRAY(SELECT unnest(fresh) EXCEPT SELECT unnest(mine))) END;

  PERFORM integratedb.warn_unmet(
    ARRAY(SELECT unnest(unmet) EXCEPT SELECT unnest(mine) EXCEPT SELECT unnest(by_types)), 'since an earlier transaction');
  PERFORM integratedb.warn_unmet(by_types, 'whoever submitted it has no right to keep the type as it was');

  IF cardinality(mine) > 0 THEN
    mine := ARRAY(SELECT unnest(mine) EXCEPT SELECT unnest(integratedb.accept_allowed(mine)));
  END IF;

  IF cardinality(mine) = 0 THEN
    RETURN NULL;
  ELSIF integratedb.override_reason() IS NOT NULL THEN
    PERFORM integratedb.warn_unmet(mine, format('overridden (%s)', integratedb.override_reason()), allowed => false);
  ELSIF integratedb.setting_value('enforcement') = 'explicit' THEN
    PERFORM integratedb.warn_unmet(mine, 'enforcement is explicit', allowed => false);
  ELSE
    RETURN CASE WHEN untellable THEN integratedb.unnotifiable_refusal(mine) ELSE integratedb.unmet_refusal(mine, 100) END;
  END IF;

  RETURN NULL;
END
$$;

COMMENT ON FUNCTION integratedb.judge(bigint[], boolean) IS
'The verdict on a transaction that commits with these claims unmet, or (untellable) with these notification claims '
'that cannot be notified. Returns the refusal (IDB01) if the transaction itself broke claims, unless they are waived, '
'deprecated and due, or overridden, or enforcement is explicit. Otherwise raises a WARNING, and returns null.';
