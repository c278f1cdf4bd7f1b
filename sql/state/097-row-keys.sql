-- The key of an event may be two rows now.

COMMENT ON COLUMN integratedb.delivery.key IS
'The rows that the event is about, as the daemon writes them: events that share a row stay in order where a channel '
'delivers concurrently. Empty, or of another form: in order with all others.';
