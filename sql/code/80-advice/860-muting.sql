-- Muting: a finding that somebody has read, with the reason why it may stay.

CREATE OR REPLACE FUNCTION @extschema@.integratedb_mute_advice(cache_key text, reason text, until timestamptz DEFAULT NULL)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes a table that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  caller CONSTANT name := integratedb.caller();
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();

  IF btrim(coalesce(cache_key, '')) = '' OR length(cache_key) > 1000 THEN
    refused := integratedb.refuse(
      code => '22023',
      message => 'the cache_key of a finding is missing, or too long',
      detail => NULL,
      hint => 'SELECT cache_key, detail FROM integratedb_advice() lists the keys.');
  END IF;

  IF btrim(coalesce(reason, '')) = '' THEN
    refused := integratedb.refuse(
      code => '22023',
      message => 'a muted finding needs a reason',
      detail => NULL,
      hint => format('SELECT integratedb_mute_advice(%L, ''append only, never updated''): who reads it later sees why.', left(cache_key, 200)));
  END IF;

  IF until <= now() THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('the time until which the finding is muted has passed: %s', until),
      detail => NULL,
      hint => format('SELECT integratedb_mute_advice(%L, ''...'', now() + interval ''30 days''), or null for no end.', left(cache_key, 200)));
  END IF;

  INSERT INTO integratedb.muted_advice AS m (cache_key, reason, muted_by, muted_until)
  VALUES (integratedb_mute_advice.cache_key, btrim(integratedb_mute_advice.reason), caller, until)
  ON CONFLICT ON CONSTRAINT muted_advice_pkey
  DO UPDATE SET reason = EXCLUDED.reason, muted_by = EXCLUDED.muted_by, muted_at = EXCLUDED.muted_at, muted_until = EXCLUDED.muted_until;

  PERFORM integratedb.log_own_event('INTEGRATEDB MUTE ADVICE', format('%s: %s', cache_key, btrim(reason)), false);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_mute_advice(text, text, timestamptz) IS
'Mutes one finding of integratedb_advice(). The finding stays visible with with_muted => true.
cache_key: that of the finding. reason: why it may stay, for whoever reads it later. until: when it is shown again; null:
it stays muted. A finding that is muted already gets the new reason and time.
Error: 22023 no cache_key, no reason, or a time that has passed.
For members of integratedb_admin; it adds a row to the audit log.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_unmute_advice(cache_key text)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes a table that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  PERFORM integratedb.require_writable();

  DELETE FROM integratedb.muted_advice AS m WHERE m.cache_key = integratedb_unmute_advice.cache_key;
  IF NOT FOUND THEN
    RETURN false;
  END IF;

  PERFORM integratedb.log_own_event('INTEGRATEDB UNMUTE ADVICE', cache_key, false);
  RETURN true;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_unmute_advice(text) IS
'Shows a muted finding of integratedb_advice() again.
cache_key: that of the finding.
Returns whether it was muted.
For members of integratedb_admin; it adds a row to the audit log.';
