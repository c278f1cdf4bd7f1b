-- The functions of the daemon. It has no other rights in this database.

CREATE OR REPLACE FUNCTION integratedb.system_identifier()
RETURNS bigint
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT c.system_identifier FROM pg_control_system() AS c
$$;

COMMENT ON FUNCTION integratedb.system_identifier() IS 'The identifier of this cluster.';

CREATE OR REPLACE FUNCTION integratedb.timeline()
RETURNS integer
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- pg_control_checkpoint() has the old timeline until the first checkpoint after a promotion.
  SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
$$;

COMMENT ON FUNCTION integratedb.timeline() IS 'The timeline on which this server, a primary, writes.';

CREATE OR REPLACE FUNCTION integratedb.daemon_check()
RETURNS void
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- A slot on a standby is a different slot, and this server cannot record anything.
  IF pg_is_in_recovery() THEN
    PERFORM integratedb.refuse(
      code => '25006',
      message => 'this server is a standby: notifications are sent from the primary',
      detail => NULL,
      hint => 'Name all servers in --dsn, with target_session_attrs=read-write: that finds the primary.');
  END IF;

  IF current_setting('wal_level') <> 'logical' THEN
    PERFORM integratedb.refuse(
      code => '55000',
      message => format('wal_level is %s, notifications need logical', current_setting('wal_level')),
      detail => NULL,
      hint => 'ALTER SYSTEM SET wal_level = logical, and restart Postgres.');
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.daemon_check() IS 'Whether the server can stream at all. Errors: 25006 a standby; 55000.';

CREATE OR REPLACE FUNCTION integratedb.noted_of_slot(slot text, confirmed_lsn pg_lsn)
RETURNS SETOF integratedb.slot
LANGUAGE sql
VOLATILE PARALLEL UNSAFE -- sees what was committed before the call
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT s.* FROM integratedb.slot AS s WHERE s.name = slot
$$;

COMMENT ON FUNCTION integratedb.noted_of_slot(text, pg_lsn) IS
'The record of a slot, read after the slot was seen at confirmed_lsn. A daemon records a position before it moves the '
'slot there.';

CREATE OR REPLACE FUNCTION integratedb.daemon_slot(slot text)
RETURNS TABLE (
  "exists" boolean,
  usable boolean,
  active_pid integer,
  confirmed_lsn pg_lsn,
  known text,
  ceiling_lsn pg_lsn,
  same_system boolean,
  timeline integer,
  is_carried boolean
)
LANGUAGE sql
VOLATILE PARALLEL UNSAFE -- as noted_of_slot()
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT p.slot_name IS NOT NULL,
         p.wal_status IS DISTINCT FROM 'lost' AND p.plugin = 'pgoutput' AND p.database = current_database(),
         p.active_pid,
         p.confirmed_flush_lsn,
         CASE WHEN s.created THEN 'created' WHEN s.name IS NOT NULL THEN 'announced' END,
         s.ceiling_lsn,
         coalesce(s.system_identifier = integratedb.system_identifier(), true),
         s.timeline,
         -- The column is new in PostgreSQL 17.
         coalesce((to_jsonb(p) ->> 'failover')::boolean, false)
    FROM (SELECT slot AS name) AS wanted
    LEFT JOIN pg_replication_slots AS p ON p.slot_name = wanted.name
    LEFT JOIN LATERAL integratedb.noted_of_slot(wanted.name, p.confirmed_flush_lsn) AS s ON true
$$;

COMMENT ON FUNCTION integratedb.daemon_slot(text) IS
'The state of a slot on the server, and our record of it. known is announced, created, or null. timeline: that of the '
'record. is_carried: Postgres copies the slot to standbys.';

CREATE OR REPLACE FUNCTION integratedb.daemon_slot_announced(slot text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.take_lock();
  PERFORM integratedb.arm();

  -- The publications must be older than the slot.
  PERFORM integratedb.reconcile_publications();
  PERFORM integratedb.publish_control(submitted => '{}', added => '{}');

  INSERT INTO integratedb.slot AS s (name, system_identifier)
  VALUES (slot, integratedb.system_identifier())
  ON CONFLICT ON CONSTRAINT slot_pkey DO UPDATE
     SET created = false, ceiling_lsn = NULL, timeline = NULL, system_identifier = EXCLUDED.system_identifier, noted_at = now();
END
$$;

COMMENT ON FUNCTION integratedb.daemon_slot_announced(text) IS
'Records that a slot is about to be created, and prepares the publications and control rows for it.';

CREATE OR REPLACE FUNCTION integratedb.daemon_control_ids()
RETURNS SETOF bigint
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT c.id FROM integratedb.control AS c
$$;

COMMENT ON FUNCTION integratedb.daemon_control_ids() IS
'The existing control rows. In the snapshot of a new slot, these are the rows that its stream does not contain.';

CREATE OR REPLACE FUNCTION integratedb.daemon_slot_created(slot text, lsn pg_lsn, control_ids bigint[])
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  UPDATE integratedb.control AS c
     SET effective_lsn = CASE WHEN c.id = ANY (control_ids) THEN lsn END
   WHERE c.effective_lsn IS NOT NULL OR c.id = ANY (control_ids);

  UPDATE integratedb.slot AS s
     SET created = true, ceiling_lsn = lsn, timeline = integratedb.timeline(), noted_at = now()
   WHERE s.name = slot;
$$;

COMMENT ON FUNCTION integratedb.daemon_slot_created(text, pg_lsn, bigint[]) IS
'Records that a slot begins at lsn, where these control rows are in force.';

CREATE OR REPLACE FUNCTION integratedb.daemon_control(lsn pg_lsn)
RETURNS SETOF jsonb
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT DISTINCT ON (c.stakeholder_id) c.body
    FROM integratedb.control AS c
   WHERE c.kind = 'state'
     AND c.effective_lsn <= lsn
   ORDER BY c.stakeholder_id, c.id DESC
$$;

COMMENT ON FUNCTION integratedb.daemon_control(pg_lsn) IS
'The states in force at a position of the stream, one for each stakeholder.';

CREATE OR REPLACE FUNCTION integratedb.daemon_transaction_is_over(xid bigint)
RETURNS boolean
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- The stream has the 32 bits that a row has. The transaction is the one of that number nearest to the next one.
  SELECT pg_xact_status((n.next + (((xid - n.next) % 4294967296 + 6442450944) % 4294967296 - 2147483648))::text::xid8)
           IS DISTINCT FROM 'in progress'
    FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next) AS n
$$;

COMMENT ON FUNCTION integratedb.daemon_transaction_is_over(bigint) IS
'Whether the rows of a transaction that the stream has sent are visible. The stream sends a commit as soon as its record '
'is written. The transaction ends after that, with synchronous replication much later.';

CREATE OR REPLACE FUNCTION integratedb.daemon_control_passed(control_ids bigint[], lsn pg_lsn)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  UPDATE integratedb.control AS c SET effective_lsn = lsn WHERE c.id = ANY (control_ids);

  -- No slot can go back further. After a crash, a slot stands at restart_lsn or later.
  WITH passed AS (
    SELECT min(p.restart_lsn) AS lsn FROM integratedb.slot AS s JOIN pg_replication_slots AS p ON p.slot_name = s.name
  )
  DELETE FROM integratedb.control AS c
   USING passed
   WHERE c.effective_lsn <= passed.lsn
     AND (c.kind <> 'state'
          OR EXISTS (
            SELECT FROM integratedb.control AS n
             WHERE n.kind = 'state' AND n.stakeholder_id = c.stakeholder_id AND n.id > c.id AND n.effective_lsn <= passed.lsn));
$$;

COMMENT ON FUNCTION integratedb.daemon_control_passed(bigint[], pg_lsn) IS
'Records that control rows are in force from lsn on, and deletes rows that no slot needs any more.';

CREATE OR REPLACE FUNCTION integratedb.daemon_reserve(slot text, lsn pg_lsn)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- The position never goes back, because a daemon that took over may have recorded and confirmed a later one.
  UPDATE integratedb.slot AS s
     SET ceiling_lsn = greatest(s.ceiling_lsn, lsn), timeline = integratedb.timeline(), noted_at = now()
   WHERE s.name = slot
$$;

COMMENT ON FUNCTION integratedb.daemon_reserve(text, pg_lsn) IS
'Records the last position that the daemon may confirm on a slot.';

CREATE OR REPLACE FUNCTION integratedb.daemon_follow_timeline(slot text, confirmed_lsn pg_lsn, fork_lsn pg_lsn)
RETURNS bigint
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  UPDATE integratedb.slot AS s
     SET ceiling_lsn = greatest(s.ceiling_lsn, confirmed_lsn), timeline = integratedb.timeline(), noted_at = now()
   WHERE s.name = slot;

  -- The stream does not send them again. Whoever confirmed them may have recorded that on the lost timeline only.
  UPDATE integratedb.control AS c
     SET effective_lsn = c.written_lsn
   WHERE c.effective_lsn IS NULL
     AND c.written_lsn <= confirmed_lsn;

  -- Such commits exist nowhere any more. Their positions belong to other commits now.
  WITH gone AS (
    DELETE FROM integratedb.delivery AS d WHERE d.commit_lsn >= fork_lsn RETURNING d.channel_id
  )
  SELECT count(*) FROM gone AS g
$$;

COMMENT ON FUNCTION integratedb.daemon_follow_timeline(text, pg_lsn, pg_lsn) IS
'Records that a slot, which stands at confirmed_lsn, is read on this timeline from now on. The server left the timeline of '
'the record at fork_lsn. Returns how many kept events of commits were deleted that this server never had.';

CREATE OR REPLACE FUNCTION integratedb.daemon_replicated(OUT flushed_lsn pg_lsn, OUT replicated_lsn pg_lsn)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon may not see the standbys
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  names CONSTANT text := current_setting('synchronous_standby_names');
  flushed pg_lsn[];
BEGIN
  flushed_lsn := pg_current_wal_flush_lsn();
  -- From PostgreSQL 17 on, the server itself can wait for standbys before it sends.
  IF names = '' OR coalesce(current_setting('synchronized_standby_slots', true), '') <> '' THEN
    RETURN;
  END IF;

  -- A COMMIT waits for the first so many of these. The names may match the daemon's own connection.
  flushed := ARRAY(
    SELECT r.flush_lsn
      FROM pg_stat_replication AS r
     WHERE r.sync_state IN ('sync', 'quorum')
       AND r.flush_lsn IS NOT NULL
       AND NOT EXISTS (SELECT FROM pg_replication_slots AS s WHERE s.active_pid = r.pid AND s.slot_type = 'logical')
     ORDER BY r.flush_lsn DESC);
  replicated_lsn := coalesce(
    flushed[coalesce(substring(names from '^\s*(?:[[:alpha:]]+\s+)?(\d{1,4})\s*\(')::integer, 1)], '0/0'::pg_lsn);
END
$$;

COMMENT ON FUNCTION integratedb.daemon_replicated() IS
'Up to where the server has written its WAL durably, and up to where the synchronous standbys have too. replicated_lsn is '
'null where COMMIT waits for no standby, or where the server itself sends only what standbys have.';

CREATE OR REPLACE FUNCTION integratedb.daemon_backlog()
RETURNS TABLE (channel_id bigint, waiting boolean, bytes bigint, last_lsn pg_lsn, last_position bigint)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT kept.channel_id, kept.waiting, kept.bytes, latest.commit_lsn, latest.position
    FROM (SELECT d.channel_id, bool_or(d.dead_at IS NULL) AS waiting, sum(octet_length(d.event))::bigint AS bytes
            FROM integratedb.delivery AS d
           GROUP BY d.channel_id) AS kept
   CROSS JOIN LATERAL (
     SELECT d.commit_lsn, d.position
       FROM integratedb.delivery AS d
      WHERE d.channel_id = kept.channel_id
      ORDER BY d.commit_lsn DESC, d.position DESC
      LIMIT 1) AS latest
$$;

COMMENT ON FUNCTION integratedb.daemon_backlog() IS
'The channels whose events are kept in the database: whether any event waits, the size of the events in bytes, and '
'the position of the last one in the stream.';

CREATE OR REPLACE FUNCTION integratedb.daemon_failures()
RETURNS TABLE (channel_id bigint, attempts integer)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT h.channel_id, h.attempts FROM integratedb.channel_health AS h WHERE h.state = 'failing'
$$;

COMMENT ON FUNCTION integratedb.daemon_failures() IS
'The failing channels, as last reported, with the number of attempts at the oldest event of each. A daemon that '
'starts continues with these numbers.';

CREATE OR REPLACE FUNCTION integratedb.daemon_pause(channel_id bigint, reason text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.set_paused(channel_id, reason);
END
$$;

COMMENT ON FUNCTION integratedb.daemon_pause(bigint, text) IS 'Pauses a channel whose receiver accepts no more events.';

CREATE OR REPLACE FUNCTION integratedb.daemon_report(channel_id bigint, state text, error text, attempts integer, retry_in_s double precision)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  INSERT INTO integratedb.channel_health AS h (channel_id, state, attempts, next_attempt_at, last_error, last_error_at)
  SELECT ch.id, daemon_report.state, daemon_report.attempts, now() + make_interval(secs => retry_in_s), error, CASE WHEN error IS NOT NULL THEN now() END
    FROM integratedb.channel AS ch
   WHERE ch.id = daemon_report.channel_id
     -- This waits for a transaction that deletes the channel; then the channel does not exist.
     FOR KEY SHARE
  ON CONFLICT ON CONSTRAINT channel_health_pkey DO UPDATE
     SET state = EXCLUDED.state,
         attempts = EXCLUDED.attempts,
         next_attempt_at = EXCLUDED.next_attempt_at,
         last_error = coalesce(EXCLUDED.last_error, h.last_error),
         last_error_at = coalesce(EXCLUDED.last_error_at, h.last_error_at),
         changed_at = now()
$$;

COMMENT ON FUNCTION integratedb.daemon_report(bigint, text, text, integer, double precision) IS
'Records the state of a channel.';

CREATE OR REPLACE FUNCTION integratedb.delivery_save(channel_ids bigint[], lsns pg_lsn[], positions bigint[], keys bytea[], events text[], times double precision[])
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
-- The statement itself checks that the channels exist, and locks them. The foreign key would check each row again,
-- which takes a third of the time.
SET session_replication_role = replica
AS $$
  -- This waits for a transaction that deletes a channel; then the channel does not exist. The channels are locked in
  -- the order of their ids, as store_channels() locks them.
  WITH kept AS MATERIALIZED (
    SELECT ch.id
      FROM integratedb.channel AS ch
     WHERE ch.id = ANY (channel_ids)
     ORDER BY ch.id
       FOR KEY SHARE
  )
  INSERT INTO integratedb.delivery (channel_id, commit_lsn, position, key, event, committed_at)
  SELECT e.channel_id, e.lsn, e.position, e.key, e.event, to_timestamp(e.committed_at)
    FROM unnest(channel_ids, lsns, positions, keys, events, times) AS e (channel_id, lsn, position, key, event, committed_at)
   WHERE e.channel_id IN (SELECT k.id FROM kept AS k)
     -- This is sufficient for the events of one daemon, and costs half as much as ON CONFLICT.
     AND NOT EXISTS (
       SELECT FROM integratedb.delivery AS d
        WHERE d.channel_id = e.channel_id AND d.commit_lsn = e.lsn AND d.position = e.position)
$$;

COMMENT ON FUNCTION integratedb.delivery_save(bigint[], pg_lsn[], bigint[], bytea[], text[], double precision[]) IS
'Keeps events that channels cannot accept now. Each array has one element for each event. Events that are kept '
'already stay unchanged; events of a deleted channel are dropped.';

CREATE OR REPLACE FUNCTION integratedb.delivery_load(channel_id bigint, after_lsn pg_lsn, after_position bigint, max_results integer)
RETURNS TABLE (commit_lsn pg_lsn, "position" bigint, key bytea, event text, committed_at double precision)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT n.commit_lsn, n.position, n.key, n.event, extract(epoch FROM n.committed_at)::double precision
    FROM (SELECT d.*, sum(octet_length(d.event)) OVER (ORDER BY d.commit_lsn, d.position) - octet_length(d.event) AS bytes_before
            FROM (SELECT w.*
                    FROM integratedb.delivery AS w
                   WHERE w.channel_id = delivery_load.channel_id
                     AND (w.commit_lsn, w.position) > (after_lsn, after_position)
                     AND w.dead_at IS NULL
                   ORDER BY w.commit_lsn, w.position
                   LIMIT max_results) AS d) AS n
   WHERE n.bytes_before < 1000000
   ORDER BY n.commit_lsn, n.position
$$;

COMMENT ON FUNCTION integratedb.delivery_load(bigint, pg_lsn, bigint, integer) IS
'The next events of a channel after a position in the stream: at most max_results, and about a megabyte.';

CREATE OR REPLACE FUNCTION integratedb.delivery_settle(channel_id bigint, lsns pg_lsn[], positions bigint[])
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  DELETE FROM integratedb.delivery AS d
   USING unnest(lsns, positions) AS e (lsn, position)
   WHERE d.channel_id = delivery_settle.channel_id
     AND d.commit_lsn = e.lsn
     AND d.position = e.position
$$;

COMMENT ON FUNCTION integratedb.delivery_settle(bigint, pg_lsn[], bigint[]) IS 'Deletes delivered events.';

CREATE OR REPLACE FUNCTION integratedb.delivery_dead(channel_id bigint, lsns pg_lsn[], positions bigint[], error text)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  UPDATE integratedb.delivery AS d
     SET dead_at = now(), error = delivery_dead.error
    FROM unnest(lsns, positions) AS e (lsn, position)
   WHERE d.channel_id = delivery_dead.channel_id
     AND d.commit_lsn = e.lsn
     AND d.position = e.position
$$;

COMMENT ON FUNCTION integratedb.delivery_dead(bigint, pg_lsn[], bigint[], text) IS
'Gives up events for the given reason (dead-lettered). They stay visible and can be redelivered.';

CREATE OR REPLACE FUNCTION integratedb.daemon_enforce_limits(channel_id bigint, after_lsn pg_lsn, after_position bigint, kept_bytes bigint)
RETURNS TABLE (lost bigint, freed_bytes bigint, told_behind boolean)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  limits record;
  dropped record;
  loss text;
BEGIN
  SELECT st.name AS stakeholder, ch.name,
         -- A little more is dropped, so that the event that reports the loss has room.
         CASE WHEN kept_bytes > (ch.settings ->> 'max_queue_bytes')::bigint THEN kept_bytes - (ch.settings ->> 'max_queue_bytes')::bigint + 1000 ELSE 0 END
           AS excess_bytes,
         now() - make_interval(secs => (ch.settings ->> 'max_queue_age')::double precision) AS oldest
    INTO limits
    FROM integratedb.channel AS ch
    JOIN integratedb.stakeholder AS st ON st.id = ch.stakeholder_id
   WHERE ch.id = daemon_enforce_limits.channel_id
     FOR KEY SHARE OF ch;

  -- Events that are being delivered now are excluded. A queue may be long, so only its end is read.
  WITH candidate AS (
    SELECT d.commit_lsn, d.position, d.committed_at, octet_length(d.event) AS bytes
      FROM integratedb.delivery AS d
     WHERE d.channel_id = daemon_enforce_limits.channel_id
       AND (d.dead_at IS NOT NULL OR (d.commit_lsn, d.position) > (after_lsn, after_position))
     ORDER BY d.commit_lsn, d.position
     LIMIT 5000
  ), ranked AS (
    SELECT c.*, sum(c.bytes) OVER (ORDER BY c.commit_lsn, c.position) - c.bytes AS bytes_before
      FROM candidate AS c
  ), gone AS (
    DELETE FROM integratedb.delivery AS d
     USING ranked AS r
     WHERE d.channel_id = daemon_enforce_limits.channel_id
       AND (d.commit_lsn, d.position) = (r.commit_lsn, r.position)
       AND (r.bytes_before < limits.excess_bytes OR r.committed_at < limits.oldest)
    -- The text of the event is not read, because users' values may be JSON that jsonb does not accept.
    RETURNING d.commit_lsn, d.position, integratedb.event_id(d.event) AS id, octet_length(d.event) AS bytes, d.lost
  )
  SELECT coalesce(sum(coalesce(g.lost, 1)), 0)::bigint AS number,
         count(*) FILTER (WHERE g.lost IS NULL) AS fresh,
         coalesce(sum(g.bytes), 0)::bigint AS bytes,
         (array_agg(g.id ORDER BY g.commit_lsn, g.position))[1] AS first_id,
         (array_agg(g.id ORDER BY g.commit_lsn DESC, g.position DESC))[1] AS last_id,
         (array_agg(g.commit_lsn ORDER BY g.commit_lsn DESC, g.position DESC))[1] AS last_lsn,
         (array_agg(g.position ORDER BY g.commit_lsn DESC, g.position DESC))[1] AS last_position
    INTO dropped
    FROM gone AS g;

  IF dropped.last_id IS NOT NULL THEN
    -- One event, at the position of the last dropped one, reports the loss. A later report includes the numbers of this
    -- one.
    loss := jsonb_build_object(
      'specversion', '1.0', 'id', dropped.last_id, 'source', '/integratedb/' || current_database(), 'type', 'integratedb.events.lost', 'subject', limits.name,
      'time', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'datacontenttype', 'application/json',
      'data', jsonb_build_object('reason', 'queue_limit', 'channel', limits.name, 'count', dropped.number,
                                 'first_id', dropped.first_id, 'last_id', dropped.last_id));

    INSERT INTO integratedb.delivery (channel_id, commit_lsn, position, key, event, committed_at, lost)
    VALUES (daemon_enforce_limits.channel_id, dropped.last_lsn, dropped.last_position, '', loss, now(), dropped.number);

    INSERT INTO integratedb.channel_health AS h (channel_id, state, lost)
    VALUES (daemon_enforce_limits.channel_id, 'failing', dropped.fresh)
    ON CONFLICT ON CONSTRAINT channel_health_pkey DO UPDATE SET lost = h.lost + EXCLUDED.lost;
  END IF;

  RETURN QUERY
    SELECT dropped.fresh, dropped.bytes - coalesce(octet_length(loss), 0),
           coalesce((dropped.last_lsn, dropped.last_position) <= (after_lsn, after_position), false);
END
$$;

COMMENT ON FUNCTION integratedb.daemon_enforce_limits(bigint, pg_lsn, bigint, bigint) IS
'Drops a channel''s oldest events, at most 5000 at once: beyond max_queue_age, and beyond max_queue_bytes. '
'kept_bytes: the size of all kept events. Events before a position in the stream (after_lsn, after_position) are '
'being delivered, and stay. An event reports the loss. Returns the number of dropped events, the number of freed '
'bytes, and whether the event that reports the loss stands before that position too.';
