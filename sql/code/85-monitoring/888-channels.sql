-- The panel about the channels of stakeholders.

CREATE OR REPLACE FUNCTION @extschema@.integratedb_monitor_channels()
RETURNS TABLE (
  stakeholder text,
  channel text,
  type text,
  state text,
  queued bigint,
  queued_bytes bigint,
  oldest timestamptz,
  dead bigint,
  lost bigint,
  attempts integer,
  next_attempt_at timestamptz,
  last_error text,
  last_error_at timestamptz
)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads tables that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses to show an admin's answer to code of another role
  RETURN QUERY
    SELECT st.name, ch.name, ch.type, CASE WHEN ch.paused_at IS NOT NULL THEN 'paused' ELSE coalesce(nullif(h.state, 'paused'), 'ok') END,
           q.queued, q.bytes, q.oldest, q.dead, coalesce(h.lost, 0), coalesce(h.attempts, 0), h.next_attempt_at, h.last_error, h.last_error_at
      FROM integratedb.channel AS ch
      JOIN integratedb.stakeholder AS st ON st.id = ch.stakeholder_id
      LEFT JOIN integratedb.channel_health AS h ON h.channel_id = ch.id
     CROSS JOIN LATERAL (
       SELECT count(*) FILTER (WHERE d.dead_at IS NULL) AS queued,
              count(*) FILTER (WHERE d.dead_at IS NOT NULL) AS dead,
              coalesce(sum(octet_length(d.event)), 0)::bigint AS bytes,
              min(d.committed_at) FILTER (WHERE d.dead_at IS NULL) AS oldest
         FROM integratedb.delivery AS d
        WHERE d.channel_id = ch.id) AS q
     ORDER BY st.name, ch.name;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_monitor_channels() IS
'The channels of all stakeholders, and the events that wait in the database.
Returns stakeholder, channel, type, state (ok, failing, paused, waiting), queued, queued_bytes, oldest (commit time of the
oldest queued event), dead, lost, attempts, next_attempt_at, last_error, last_error_at.
For members of integratedb_admin.';
