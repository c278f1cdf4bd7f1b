-- The keys of the data API's tokens: who reads them, what the daemon gets of them, and how they are replaced.

CREATE OR REPLACE FUNCTION integratedb.add_api_key(signs_from timestamptz)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- The random bits of three version 4 identifiers, 366 of them, become a secret of 256.
  INSERT INTO integratedb.api_key (secret, signs_from)
  VALUES (sha256(convert_to(concat(gen_random_uuid(), gen_random_uuid(), gen_random_uuid()), 'UTF8')), add_api_key.signs_from)
  ON CONFLICT DO NOTHING
$$;

COMMENT ON FUNCTION integratedb.add_api_key(timestamptz) IS
'Makes the present key of the data API, unless there is one.';

CREATE OR REPLACE FUNCTION integratedb.api_keys()
RETURNS TABLE (id text, secret bytea, signs boolean)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads a table that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  refused boolean;
BEGIN
  -- Code in the path of a request may become the login of the service, and so a member of the group. The statement of
  -- the session is then that request, which no code in it can change.
  IF current_query() IS DISTINCT FROM 'SELECT k.id, k.secret, k.signs FROM integratedb.api_keys() AS k' THEN
    refused := integratedb.refuse(
      code => '42501',
      message => 'the keys of the data API are read by its service only',
      detail => NULL,
      hint => 'To replace the key: SELECT integratedb_rotate_api_key();');
  END IF;

  IF NOT pg_is_in_recovery() AND current_setting('transaction_read_only') = 'off' THEN
    PERFORM integratedb.add_api_key(clock_timestamp());
  END IF;

  RETURN QUERY
    SELECT k.id::text, k.secret,
           k.id = first_value(k.id) OVER (ORDER BY k.signs_from <= clock_timestamp() DESC, k.signs_from DESC)
      FROM integratedb.api_key AS k
     WHERE k.verifies_until > clock_timestamp();
END
$$;

COMMENT ON FUNCTION integratedb.api_keys() IS
'The keys that verify the tokens of the data API, and which one signs. The first call makes a key, unless the server is a '
'standby. Only its service may call it, with exactly one statement.';

CREATE OR REPLACE FUNCTION integratedb.daemon_feed_keys()
RETURNS TABLE (id text, secret bytea)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- The service computes the same. No key of tokens can be computed from what the daemon gets, so it can sign none.
  SELECT k.id::text, sha256('integratedb feed '::bytea || k.secret)
    FROM integratedb.api_key AS k
   WHERE k.verifies_until > clock_timestamp()
$$;

COMMENT ON FUNCTION integratedb.daemon_feed_keys() IS
'The keys by which the daemon recognises services of the data API: each is the hash of a key of the service.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_rotate_api_key(at_once boolean DEFAULT false)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes a table that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- Services read the keys more often than that. A token is valid for an hour.
  known_after CONSTANT interval := CASE WHEN coalesce(at_once, false) THEN interval '0' ELSE interval '1 minute' END;
  token_lifetime CONSTANT interval := interval '65 minutes';
BEGIN
  PERFORM integratedb.caller(); -- refuses code of another role that would act for an admin
  PERFORM integratedb.require_writable();
  -- Two rotations at once would both replace the same key.
  LOCK TABLE integratedb.api_key IN SHARE ROW EXCLUSIVE MODE;

  DELETE FROM integratedb.api_key AS k
   WHERE coalesce(at_once, false)
      OR k.verifies_until < clock_timestamp();

  UPDATE integratedb.api_key AS k
     SET verifies_until = greatest(clock_timestamp(), k.signs_from) + known_after + token_lifetime
   WHERE k.verifies_until = 'infinity';

  PERFORM integratedb.add_api_key(clock_timestamp() + known_after);
  PERFORM integratedb.log_own_event('INTEGRATEDB ROTATE API KEY', CASE WHEN at_once THEN 'at once' ELSE 'after a minute' END, false);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_rotate_api_key(boolean) IS
'Replaces the key that signs the tokens of the data API. The new key signs after a minute, when all services know it. Tokens
of the old key are valid until they expire.
at_once: true ends all tokens that were given before, within 30 seconds.
For members of integratedb_admin.';
