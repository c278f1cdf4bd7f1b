-- Logins of the management API: refresh tokens, each valid once, and limits for guesses at passwords.

CREATE OR REPLACE FUNCTION integratedb.management_refresh_token_issued(user_id bigint, lifetime interval)
RETURNS uuid
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  at_most CONSTANT integer := 1000;
  new_id uuid;
BEGIN
  DELETE FROM integratedb.management_refresh_token AS t
   WHERE t.id IN (SELECT x.id FROM integratedb.management_refresh_token AS x WHERE x.expires_at < now() ORDER BY x.expires_at LIMIT 100 FOR UPDATE SKIP LOCKED);

  -- Right passwords are not counted, so a user may log in as often as the service can check them.
  DELETE FROM integratedb.management_refresh_token AS t
   WHERE t.id IN (
     SELECT y.id FROM integratedb.management_refresh_token AS y
      -- Chosen first, since FOR UPDATE would also lock the rows that OFFSET leaves out.
      WHERE y.id IN (
        SELECT x.id FROM integratedb.management_refresh_token AS x
         WHERE x.user_id = management_refresh_token_issued.user_id
         ORDER BY x.expires_at DESC OFFSET at_most - 1)
        FOR UPDATE SKIP LOCKED);

  INSERT INTO integratedb.management_refresh_token AS t (user_id, expires_at)
  VALUES (management_refresh_token_issued.user_id, now() + lifetime)
  RETURNING t.id INTO new_id;
  RETURN new_id;
END
$$;

COMMENT ON FUNCTION integratedb.management_refresh_token_issued(bigint, interval) IS
'Records a refresh token of a user, and deletes expired ones and all but the newest 1000 of the user. Returns its jti. '
'Error: 23503 unknown user.';

CREATE OR REPLACE FUNCTION integratedb.management_refresh_token_used(id uuid, user_id bigint)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  DELETE FROM integratedb.management_refresh_token AS t
   WHERE t.id = management_refresh_token_used.id
     AND t.user_id = management_refresh_token_used.user_id
     AND t.expires_at > now();
  RETURN FOUND;
END
$$;

COMMENT ON FUNCTION integratedb.management_refresh_token_used(uuid, bigint) IS
'Uses up a refresh token. Returns whether it was valid. If two calls use it at once, only one gets true.';

CREATE OR REPLACE FUNCTION integratedb.management_session_exists(id uuid, user_id bigint)
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT EXISTS (
    SELECT FROM integratedb.management_refresh_token AS t
     WHERE t.id = management_session_exists.id
       AND t.user_id = management_session_exists.user_id
       AND t.expires_at > now())
$$;

COMMENT ON FUNCTION integratedb.management_session_exists(uuid, bigint) IS
'Whether a session of the console is open. The console keeps one token for each session, and deletes the token at logout.';

CREATE OR REPLACE FUNCTION integratedb.count_login_attempt(username text, address text, at_most integer, present timestamptz)
RETURNS integer
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  recent timestamptz[];
BEGIN
  -- The row serves as a lock, so that concurrent guesses are counted one after the other.
  INSERT INTO integratedb.management_login_attempt AS a (username, address, attempted_at, last_at)
  VALUES (count_login_attempt.username, count_login_attempt.address, '{}', present)
  ON CONFLICT ON CONSTRAINT management_login_attempt_pkey DO UPDATE SET last_at = EXCLUDED.last_at
  RETURNING ARRAY(SELECT t.at FROM unnest(a.attempted_at) AS t (at) WHERE t.at > present - interval '1 minute' ORDER BY t.at)
    INTO recent;

  UPDATE integratedb.management_login_attempt AS a
     SET attempted_at = CASE WHEN cardinality(recent) < at_most THEN recent || present ELSE recent END
   WHERE a.username = count_login_attempt.username
     AND a.address = count_login_attempt.address;

  RETURN CASE WHEN cardinality(recent) >= at_most
              THEN greatest(ceil(extract(epoch FROM recent[1] + interval '1 minute' - present))::integer, 1) END;
END
$$;

COMMENT ON FUNCTION integratedb.count_login_attempt(text, text, integer, timestamptz) IS
'Counts a guess for a name and an address; name empty: for the address. Returns null. If at_most guesses were made '
'within a minute, counts nothing and returns the seconds until the next guess is allowed.';

CREATE OR REPLACE FUNCTION integratedb.management_login_attempted(username text, address text, OUT attempt timestamptz, OUT retry_after_s integer)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  at_most CONSTANT integer := 10;
  at_most_for_address CONSTANT integer := 30;
  present CONSTANT timestamptz := clock_timestamp();
BEGIN
  DELETE FROM integratedb.management_login_attempt AS a
   WHERE (a.username, a.address) IN (
     SELECT x.username, x.address FROM integratedb.management_login_attempt AS x
      WHERE x.last_at < present - interval '1 minute' ORDER BY x.last_at LIMIT 100 FOR UPDATE SKIP LOCKED);

  -- The address is counted first, so that invented names leave no more rows than at_most_for_address.
  retry_after_s := integratedb.count_login_attempt('', address, at_most_for_address, present);
  IF retry_after_s IS NULL THEN
    retry_after_s := integratedb.count_login_attempt(username, address, at_most, present);
    IF retry_after_s IS NULL THEN
      attempt := present;
    ELSE
      -- The guess is refused, so it must not count against other users of this address.
      UPDATE integratedb.management_login_attempt AS a
         SET attempted_at = array_remove(a.attempted_at, present)
       WHERE a.username = ''
         AND a.address = management_login_attempted.address;
    END IF;
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.management_login_attempted(text, text) IS
'Counts a guess before it is checked: at most 10 in a minute for a name and an address, and 30 for an address. '
'Returns attempt, an argument for management_login_succeeded() if the password was right; or retry_after_s, the '
'seconds until the next guess is allowed.';

CREATE OR REPLACE FUNCTION integratedb.management_login_succeeded(username text, address text, attempt timestamptz)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  UPDATE integratedb.management_login_attempt AS a
     SET attempted_at = array_remove(a.attempted_at, attempt)
   WHERE a.username IN (management_login_succeeded.username, '')
     AND a.address = management_login_succeeded.address
$$;

COMMENT ON FUNCTION integratedb.management_login_succeeded(text, text, timestamptz) IS
'Removes a right guess from the count: only wrong guesses count.';
