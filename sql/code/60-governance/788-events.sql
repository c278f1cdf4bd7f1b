-- Events about what owners and stakeholders agree, for the channels of stakeholders.

CREATE OR REPLACE FUNCTION integratedb.is_heard(of_stakeholder bigint)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM integratedb.channel AS ch WHERE ch.stakeholder_id = of_stakeholder) AND EXISTS (SELECT FROM integratedb.slot)
$$;

COMMENT ON FUNCTION integratedb.is_heard(bigint) IS
'Whether an event for the stakeholder has a channel, and a daemon that sends it. Without a daemon nobody would read the '
'rows, and nothing would delete them.';

CREATE OR REPLACE FUNCTION integratedb.event_of(st integratedb.stakeholder, type text, subject text, data jsonb)
RETURNS jsonb
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT jsonb_build_object('id', st.id, 'stakeholder', st.name, 'type', type, 'subject', subject, 'data', data)
$$;

COMMENT ON FUNCTION integratedb.event_of(integratedb.stakeholder, text, text, jsonb) IS
'The body of a control row of kind event.';

CREATE OR REPLACE FUNCTION integratedb.tell(stakeholders bigint[], type text, subject text, data jsonb)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  INSERT INTO integratedb.control (stakeholder_id, kind, body)
  SELECT st.id, 'event', integratedb.event_of(st, tell.type, tell.subject, tell.data)
    FROM integratedb.stakeholder AS st
   WHERE st.id = ANY (stakeholders)
     AND integratedb.is_heard(st.id)
   ORDER BY st.id
$$;

COMMENT ON FUNCTION integratedb.tell(bigint[], text, text, jsonb) IS
'Sends an event to all channels of these stakeholders, at COMMIT. Without channels, or without a daemon, it does '
'nothing.';

CREATE OR REPLACE FUNCTION integratedb.tell_request(request bigint, type text)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT integratedb.tell(
           ARRAY[r.stakeholder_id], tell_request.type, st.name || '/' || r.kind,
           jsonb_build_object('id', r.id, 'stakeholder', st.name, 'kind', r.kind, 'reason', r.reason, 'requested_by', r.requested_by,
                              'decided_by', r.decided_by, 'note', r.note))
    FROM integratedb.request AS r
    JOIN integratedb.stakeholder AS st ON st.id = r.stakeholder_id
   WHERE r.id = request
$$;

COMMENT ON FUNCTION integratedb.tell_request(bigint, text) IS 'Sends an event about a request to its stakeholder.';

CREATE OR REPLACE FUNCTION integratedb.deprecation_data(d integratedb.deprecation)
RETURNS jsonb
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT jsonb_build_object('path', integratedb.path_of(d.schema_name, d.relation_name), 'field', d.column_name, 'message', d.message,
                            'deprecated_by', d.deprecated_by, 'remove_after', d.remove_after,
                            'days_left', integratedb.days_until(d.remove_after))
$$;

COMMENT ON FUNCTION integratedb.deprecation_data(integratedb.deprecation) IS 'The data of an event about a deprecation.';

CREATE OR REPLACE FUNCTION integratedb.tell_deprecation(deprecation bigint, type text)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT integratedb.tell(
           ARRAY(
             SELECT DISTINCT s.stakeholder_id
               FROM integratedb.deprecated_claim AS e
               JOIN integratedb.claim AS c ON c.id = e.claim_id
               JOIN integratedb.specification AS s ON s.id = c.specification_id
              WHERE e.deprecation_id = d.id),
           tell_deprecation.type, integratedb.path_of(d.schema_name, d.relation_name), integratedb.deprecation_data(d))
    FROM integratedb.deprecation AS d
   WHERE d.id = deprecation
$$;

COMMENT ON FUNCTION integratedb.tell_deprecation(bigint, text) IS
'Sends an event about a deprecation to the stakeholders that depend on it.';

CREATE OR REPLACE FUNCTION integratedb.reminder_days(remove_after timestamptz)
RETURNS smallint
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT min(t.days)::smallint FROM unnest(ARRAY[1, 7, 30]) AS t (days) WHERE integratedb.days_until(remove_after) <= t.days
$$;

COMMENT ON FUNCTION integratedb.reminder_days(timestamptz) IS
'The reminder that is due before a removal: 30, 7 or 1 days before; null: none yet.';

CREATE OR REPLACE FUNCTION integratedb.daemon_remind()
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  due record;
BEGIN
  -- Whoever holds a row changes it, and the next call sees the change. An owner may deprecate thousands of columns for
  -- the same day, so those that concern nobody are done at once, and of the others some in each call: the daemon does
  -- nothing else meanwhile.
  UPDATE integratedb.deprecation AS d
     SET reminded_days = integratedb.reminder_days(d.remove_after)
   WHERE d.id IN (
     SELECT o.id
       FROM integratedb.deprecation AS o
      WHERE o.removed_at IS NULL
        AND o.remove_after > now()
        AND integratedb.reminder_days(o.remove_after) < coalesce(o.reminded_days, 32767)
        FOR UPDATE SKIP LOCKED)
     AND NOT EXISTS (SELECT FROM integratedb.deprecated_claim AS e WHERE e.deprecation_id = d.id);

  FOR due IN
    SELECT d.id, integratedb.reminder_days(d.remove_after) AS days
      FROM integratedb.deprecation AS d
     WHERE d.removed_at IS NULL
       AND d.remove_after > now()
       AND integratedb.reminder_days(d.remove_after) < coalesce(d.reminded_days, 32767)
     ORDER BY d.remove_after, d.id
     LIMIT 100
       FOR UPDATE SKIP LOCKED
  LOOP
    UPDATE integratedb.deprecation AS d SET reminded_days = due.days WHERE d.id = due.id;
    PERFORM integratedb.tell_deprecation(due.id, 'integratedb.schema.deprecated');
  END LOOP;

  FOR due IN
    SELECT w.id
      FROM integratedb.waiver AS w
     WHERE w.until <= now()
       AND w.ended_at IS NULL
     ORDER BY w.until, w.id
     LIMIT 100
       FOR UPDATE SKIP LOCKED
  LOOP
    UPDATE integratedb.waiver AS w SET ended_at = now() WHERE w.id = due.id;
    PERFORM integratedb.tell_waiver_ended(due.id);
  END LOOP;

  RETURN integratedb.is_armed()
     AND (integratedb.due_leases() <> '{}' OR EXISTS (SELECT FROM integratedb.dependent_notice AS n WHERE NOT n.is_told));
END
$$;

COMMENT ON FUNCTION integratedb.daemon_remind() IS
'Reminds dependents 30, 7 and 1 days before a removal, and tells stakeholders of waivers that have ended. Each once, a '
'hundred of each kind in a call. '
'Returns whether daemon_end_leases() or daemon_tell_dependents() has something to do, which may wait for locks.';

CREATE OR REPLACE FUNCTION integratedb.tell_waiver_ended(waiver bigint)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT integratedb.tell(
           ARRAY[w.stakeholder_id], 'integratedb.waiver.ended', w.path,
           jsonb_build_object('id', w.id, 'path', w.path, 'field', w.field, 'reason', w.reason, 'waived_by', w.waived_by, 'until', w.until,
                              'unmet', EXISTS (
                                SELECT FROM integratedb.claim AS c
                                  JOIN integratedb.specification AS s ON s.id = c.specification_id
                                  JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id
                                 WHERE s.stakeholder_id = w.stakeholder_id
                                   AND c.unmet_since IS NOT NULL
                                   AND w.path IN (cr.path, c.path))))
    FROM integratedb.waiver AS w
   WHERE w.id = waiver
$$;

COMMENT ON FUNCTION integratedb.tell_waiver_ended(bigint) IS
'Sends an event to the stakeholder of a waiver that has ended. unmet: whether a claim on its path is unmet.';
