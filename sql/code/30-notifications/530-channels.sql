-- The operator's functions for channels and for the events that wait for them.

CREATE OR REPLACE FUNCTION integratedb.find_channel(stakeholder text, channel text)
RETURNS integratedb.channel
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  owner CONSTANT integratedb.stakeholder := integratedb.find_stakeholder(stakeholder);
  found_row integratedb.channel;
BEGIN
  SELECT ch.* INTO found_row FROM integratedb.channel AS ch WHERE ch.stakeholder_id = owner.id AND ch.name = channel;
  IF NOT FOUND THEN
    PERFORM integratedb.refuse(
      code => '42704',
      message => format('%s has no channel %s', owner.name, coalesce(quote_literal(left(channel, 80)), 'null')),
      detail => NULL,
      hint => coalesce('Its channels: ' || (SELECT string_agg(ch.name, ', ' ORDER BY ch.name) FROM integratedb.channel AS ch WHERE ch.stakeholder_id = owner.id) || '.',
                       'It has none: integratedb_notify() defines them.'));
  END IF;

  RETURN found_row;
END
$$;

COMMENT ON FUNCTION integratedb.find_channel(text, text) IS 'The channel with this name. Errors: IDB04, 42704.';

CREATE OR REPLACE FUNCTION integratedb.set_paused(channel_id bigint, reason text)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.take_lock();

  UPDATE integratedb.channel AS ch
     SET paused_at = CASE WHEN reason IS NOT NULL THEN now() END,
         paused_reason = reason
   WHERE ch.id = set_paused.channel_id
     AND (ch.paused_at IS NULL) = (reason IS NOT NULL);
  IF NOT FOUND THEN
    RETURN false;
  END IF;

  PERFORM integratedb.publish_control(submitted => '{}', added => '{}');
  RETURN true;
END
$$;

COMMENT ON FUNCTION integratedb.set_paused(bigint, text) IS
'Pauses a channel for a reason, or resumes it (null), and notifies the daemon. Returns whether the state changed.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_pause_channel(stakeholder text, channel text)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes tables that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN integratedb.set_paused((integratedb.find_channel(stakeholder, channel)).id, format('paused by %I', integratedb.caller()));
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_pause_channel(text, text) IS
'Stops delivery on a channel. Its events are kept, within its limits, until integratedb_resume_channel(). A broadcast
SOCKET keeps no events.
stakeholder, channel: their names.
Returns whether it was running before.
Errors: 42704 unknown channel; IDB04 unknown stakeholder; 40001, 40P01, 55P03: retry.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_resume_channel(stakeholder text, channel text)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes tables that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  RETURN integratedb.set_paused((integratedb.find_channel(stakeholder, channel)).id, NULL);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_resume_channel(text, text) IS
'Continues delivery on a paused channel from where it stopped, also if it paused because its receiver answered 410.
stakeholder, channel: their names.
Returns whether it was paused before.
Errors: 42704 unknown channel; IDB04 unknown stakeholder; 40001, 40P01, 55P03: retry.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_redeliver(stakeholder text, channel text)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes tables that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  target CONSTANT integratedb.channel := integratedb.find_channel(stakeholder, channel);
  again bigint;
BEGIN
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  PERFORM integratedb.require_writable();

  UPDATE integratedb.delivery AS d SET dead_at = NULL, error = NULL WHERE d.channel_id = target.id AND d.dead_at IS NOT NULL;
  GET DIAGNOSTICS again = ROW_COUNT;

  -- The event that is now the oldest has not failed yet. A daemon that starts here continues with this count.
  UPDATE integratedb.channel_health AS h SET attempts = 0 WHERE h.channel_id = target.id;

  -- The row is written even without such events: it makes the daemon try a channel that waits for its next attempt at
  -- once.
  INSERT INTO integratedb.control (stakeholder_id, kind, body)
  VALUES (target.stakeholder_id, 'redeliver', jsonb_build_object('channel', target.id));
  RETURN again;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_redeliver(text, text) IS
'Puts the dead-lettered events of a channel back in the queue, in their old order, and tries the channel at once.
stakeholder, channel: their names.
Returns the number of events.
Errors: 42704 unknown channel; IDB04 unknown stakeholder.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION integratedb.event_as_jsonb(event text)
RETURNS jsonb
LANGUAGE plpgsql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN event::jsonb;
EXCEPTION
  -- Some text is valid json but not valid jsonb: "\u0000", 1e1000000, nested too deep, too long.
  WHEN data_exception OR program_limit_exceeded OR out_of_memory THEN
    RETURN to_jsonb(left(event, 1000000));
END
$$;

COMMENT ON FUNCTION integratedb.event_as_jsonb(text) IS
'An event for display. If jsonb cannot hold it, the result is a JSON string of the first million characters that are '
'sent. Never fails.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_deliveries(stakeholder text, channel text, max_results integer DEFAULT 100)
RETURNS TABLE (id text, state text, committed_at timestamptz, spilled_at timestamptz, dead_at timestamptz, error text, event jsonb)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads tables that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  target CONSTANT integratedb.channel := integratedb.find_channel(stakeholder, channel);
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    SELECT integratedb.event_id(d.event),
           CASE WHEN d.dead_at IS NULL THEN 'queued' ELSE 'dead' END,
           d.committed_at, d.spilled_at, d.dead_at, d.error, integratedb.event_as_jsonb(d.event)
      FROM integratedb.delivery AS d
     WHERE d.channel_id = target.id
     ORDER BY d.commit_lsn, d.position
     LIMIT max_results;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_deliveries(text, text, integer) IS
'The events that wait in the database because a channel has not accepted them, oldest first.
stakeholder, channel: their names. max_results: the greatest number of rows; null: all.
Returns id, state (queued, or dead: given up after max_attempts), committed_at, spilled_at, dead_at, error, event.
event is jsonb; where jsonb cannot hold it, a JSON string of its text.
Errors: 42704 unknown channel; IDB04 unknown stakeholder.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION integratedb.event_id(event text)
RETURNS text
LANGUAGE sql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT substring(left(event, 100) from '"id": ?"([0-9A-F-]+)"')
$$;

COMMENT ON FUNCTION integratedb.event_id(text) IS
'The id of a kept event, which stands at the beginning of its text. The text as a whole may be no jsonb.';

CREATE OR REPLACE FUNCTION integratedb.notification_facts(of_stakeholders bigint[], with_slots boolean)
RETURNS TABLE (fact text, value text)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  WITH mine AS (
    SELECT st.id, st.name
      FROM integratedb.stakeholder AS st
     WHERE st.id = ANY (of_stakeholders)
  ), slot AS (
    SELECT s.name, s.created, p.slot_name IS NOT NULL AS is_there, p.active_pid, p.wal_status,
           pg_current_wal_lsn() - p.confirmed_flush_lsn AS lag_bytes,
           pg_current_wal_lsn() - p.restart_lsn AS wal_kept,
           (SELECT a.reply_time FROM pg_stat_replication AS a WHERE a.pid = p.active_pid) AS heard_at,
           (SELECT coalesce(extract(epoch FROM a.flush_lag), 0) FROM pg_stat_replication AS a WHERE a.pid = p.active_pid) AS lag_s
      FROM integratedb.slot AS s
      LEFT JOIN pg_replication_slots AS p ON p.slot_name = s.name
     WHERE with_slots
       AND NOT pg_is_in_recovery()
  ), channel AS (
    SELECT mine.name || '.' || ch.name AS name, ch.paused_at, ch.paused_reason, h.*, q.queued, q.dead, q.oldest, q.bytes
      FROM mine
      JOIN integratedb.channel AS ch ON ch.stakeholder_id = mine.id
      LEFT JOIN integratedb.channel_health AS h ON h.channel_id = ch.id
     CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE d.dead_at IS NULL) AS queued,
              count(*) FILTER (WHERE d.dead_at IS NOT NULL) AS dead,
              coalesce(sum(octet_length(d.event)), 0) AS bytes,
              min(d.committed_at) AS oldest
         FROM integratedb.delivery AS d
        WHERE d.channel_id = ch.id) AS q
  )
  SELECT f.fact, f.value
    FROM (SELECT 1 AS part, format('slot %s', s.name) AS name, v.fact, v.value, v.position
            FROM slot AS s
           CROSS JOIN LATERAL (VALUES
             (1, format('slot %s', s.name), CASE WHEN NOT s.is_there THEN 'LOST' WHEN s.wal_status = 'lost' THEN 'LOST: its WAL was removed'
                                                 WHEN s.active_pid IS NULL THEN 'no daemon is connected' ELSE 'streaming' END),
             (2, format('slot %s lag, bytes', s.name), s.lag_bytes::text),
             (3, format('slot %s lag, seconds', s.name), round(s.lag_s, 1)::text),
             (4, format('slot %s heard of, seconds ago', s.name), round(extract(epoch FROM clock_timestamp() - s.heard_at), 1)::text),
             (5, format('slot %s WAL kept, bytes', s.name), s.wal_kept::text)) AS v (position, fact, value)
          UNION ALL
          SELECT 2, c.name, v.fact, v.value, v.position
            FROM channel AS c
           CROSS JOIN LATERAL (VALUES
             (1, format('channel %s', c.name), CASE WHEN c.paused_at IS NOT NULL THEN 'paused: ' || c.paused_reason ELSE coalesce(nullif(c.state, 'paused'), 'ok') END),
             (2, format('channel %s queued', c.name), c.queued::text),
             (3, format('channel %s queued, bytes', c.name), c.bytes::text),
             (4, format('channel %s oldest queued, seconds', c.name), round(extract(epoch FROM clock_timestamp() - c.oldest))::text),
             (5, format('channel %s dead', c.name), c.dead::text),
             (6, format('channel %s lost', c.name), nullif(c.lost, 0)::text),
             (7, format('channel %s failed attempts', c.name), nullif(c.attempts, 0)::text),
             (8, format('channel %s last error', c.name), c.last_error)) AS v (position, fact, value)) AS f
   WHERE f.value IS NOT NULL
   ORDER BY f.part, f.name, f.position
$$;

COMMENT ON FUNCTION integratedb.notification_facts(bigint[], boolean) IS
'The rows of integratedb_status() for the channels of these stakeholders, and for slots.';
