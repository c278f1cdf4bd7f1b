-- Logins of the management API: refresh tokens that are good once, and how often a password may be guessed.

CREATE OR REPLACE FUNCTION integratedb.api_refresh_token_issued(user_id bigint, lifetime interval)
RETURNS uuid
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  new_id uuid;
BEGIN
  DELETE FROM integratedb.api_refresh_token AS t
   WHERE t.id IN (SELECT x.id FROM integratedb.api_refresh_token AS x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT 100 FOR UPDATE SKIP LOCKED);

  INSERT INTO integratedb.api_refresh_token AS t (user_id, expires_at)
  VALUES (api_refresh_token_issued.user_id, now() + lifetime)
  RETURNING t.id INTO new_id;
  RETURN new_id;
END
$$;

COMMENT ON FUNCTION integratedb.api_refresh_token_issued(bigint, interval) IS 'Notes a refresh token of a user, and forgets expired ones. Returns its jti. Error: 23503 no such user.';

CREATE OR REPLACE FUNCTION integratedb.api_refresh_token_used(id uuid, user_id bigint)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  DELETE FROM integratedb.api_refresh_token AS t
   WHERE t.id = api_refresh_token_used.id
     AND t.user_id = api_refresh_token_used.user_id
     AND t.expires_at > now();
  RETURN FOUND;
END
$$;

COMMENT ON FUNCTION integratedb.api_refresh_token_used(uuid, bigint) IS 'Uses a refresh token up. Returns whether it was good: of two that come at once, one is.';

CREATE OR REPLACE FUNCTION integratedb.api_login_attempted(username text, address text, OUT attempt timestamptz, OUT retry_after_s integer)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  at_most CONSTANT integer := 10;
  present CONSTANT timestamptz := clock_timestamp();
  recent timestamptz[];
BEGIN
  DELETE FROM integratedb.api_login_attempt AS a
   WHERE (a.username, a.address) IN (
     SELECT x.username, x.address FROM integratedb.api_login_attempt AS x
      WHERE x.last_at < present - interval '1 minute' ORDER BY x.last_at LIMIT 100 FOR UPDATE SKIP LOCKED);

  -- The row is the lock: guesses that come at once are counted one after the other.
  INSERT INTO integratedb.api_login_attempt AS a (username, address, attempted_at, last_at)
  VALUES (api_login_attempted.username, api_login_attempted.address, '{}', present)
  ON CONFLICT ON CONSTRAINT api_login_attempt_pkey DO UPDATE SET last_at = EXCLUDED.last_at
  RETURNING ARRAY(SELECT t.at FROM unnest(a.attempted_at) AS t (at) WHERE t.at > present - interval '1 minute' ORDER BY t.at)
    INTO recent;

  IF cardinality(recent) >= at_most THEN
    retry_after_s := greatest(ceil(extract(epoch FROM recent[1] + interval '1 minute' - present))::integer, 1);
  ELSE
    attempt := present;
    recent := recent || present;
  END IF;

  UPDATE integratedb.api_login_attempt AS a
     SET attempted_at = recent
   WHERE a.username = api_login_attempted.username
     AND a.address = api_login_attempted.address;
END
$$;

COMMENT ON FUNCTION integratedb.api_login_attempted(text, text) IS 'Counts a guess before it is looked at: at most 10 in a minute for a name and an address. Returns attempt, to be handed to api_login_succeeded() when it was right; or retry_after_s, in how many seconds another one may be made.';

CREATE OR REPLACE FUNCTION integratedb.api_login_succeeded(username text, address text, attempt timestamptz)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  UPDATE integratedb.api_login_attempt AS a
     SET attempted_at = array_remove(a.attempted_at, attempt)
   WHERE a.username = api_login_succeeded.username
     AND a.address = api_login_succeeded.address
$$;

COMMENT ON FUNCTION integratedb.api_login_succeeded(text, text, timestamptz) IS 'Takes back a guess that was right: only wrong ones count.';
