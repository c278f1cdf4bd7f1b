-- The key of an event may name two rows now.

COMMENT ON COLUMN integratedb.delivery.key IS
'The rows that the event is about, as the daemon writes them. Events that share a row stay in order where a channel '
'delivers concurrently. Empty, or of another form: in order with all others.';
