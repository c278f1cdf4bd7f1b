-- Advisers about channels.

CREATE OR REPLACE VIEW integratedb.advised_channel AS
  SELECT st.name || '.' || pg_catalog.quote_ident(ch.name) AS subject, st.name AS stakeholder, ch.id, ch.name, ch.type, ch.paused_at, ch.paused_reason,
         h.state, h.attempts, h.last_error, h.last_error_at, coalesce(h.lost, 0) AS lost
    FROM integratedb.channel AS ch
    JOIN integratedb.stakeholder AS st ON st.id = ch.stakeholder_id
    LEFT JOIN integratedb.channel_health AS h ON h.channel_id = ch.id;

COMMENT ON VIEW integratedb.advised_channel IS 'The channels with their health, without settings and secrets.';

CREATE OR REPLACE VIEW integratedb.adviser_channel_failing AS
  SELECT c.subject,
         pg_catalog.format('Channel %s of %s fails: %s attempts, the last at %s: %s', c.name, c.stakeholder, c.attempts,
                pg_catalog.to_char(c.last_error_at, 'YYYY-MM-DD HH24:MI:SS TZ'), coalesce(c.last_error, 'no error is known')) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_redeliver(%L, %L);', c.stakeholder, c.name) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', c.stakeholder, 'channel', c.name, 'attempts', c.attempts) AS metadata
    FROM integratedb.advised_channel AS c
   WHERE c.state = 'failing'
     AND c.paused_at IS NULL;

COMMENT ON VIEW integratedb.adviser_channel_failing IS
'Channel that fails
WARN, STAKEHOLDER, NOTIFICATIONS
Its receiver does not accept events, which are kept within the limits of the channel. Repair the receiver first. The
statement then tries the channel at once.';

CREATE OR REPLACE VIEW integratedb.adviser_channel_paused AS
  SELECT c.subject,
         pg_catalog.format('Channel %s of %s is paused since %s: %s.', c.name, c.stakeholder, pg_catalog.to_char(c.paused_at, 'YYYY-MM-DD HH24:MI TZ'), c.paused_reason) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_resume_channel(%L, %L);', c.stakeholder, c.name) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', c.stakeholder, 'channel', c.name, 'since', c.paused_at) AS metadata
    FROM integratedb.advised_channel AS c
   WHERE c.paused_at < pg_catalog.now() - interval '1 day';

COMMENT ON VIEW integratedb.adviser_channel_paused IS
'Channel that is paused for more than a day
WARN, ADMIN, NOTIFICATIONS
Its events are kept until its limits are reached, and then lost.';

CREATE OR REPLACE VIEW integratedb.adviser_dead_events AS
  SELECT c.subject,
         pg_catalog.format('%s events of channel %s of %s were given up, the last at %s: %s', count(*), c.name, c.stakeholder,
                pg_catalog.to_char(max(d.dead_at), 'YYYY-MM-DD HH24:MI:SS TZ'), (pg_catalog.array_agg(d.error ORDER BY d.dead_at DESC))[1]) AS detail,
         pg_catalog.format('SELECT @extschema@.integratedb_redeliver(%L, %L);', c.stakeholder, c.name) AS remediation,
         pg_catalog.jsonb_build_object('stakeholder', c.stakeholder, 'channel', c.name, 'events', count(*)) AS metadata
    FROM integratedb.advised_channel AS c
    JOIN integratedb.delivery AS d ON d.channel_id = c.id AND d.dead_at IS NOT NULL
   GROUP BY c.subject, c.name, c.stakeholder;

COMMENT ON VIEW integratedb.adviser_dead_events IS
'Events that were given up
WARN, STAKEHOLDER, NOTIFICATIONS
The receiver refused them max_attempts times. The statement puts them back in the queue.';
