-- The users of the management API and their sessions. The service may use these functions beside those of an admin.

COMMENT ON ROLE integratedb_management IS
'The management API of IntegrateDB logs in as a member of this role and of integratedb_admin. Members read and write '
'the users of the API, through functions only.';

CREATE OR REPLACE FUNCTION integratedb.new_token_secret()
RETURNS bytea
LANGUAGE sql
VOLATILE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- Each UUID has 122 random bits.
  SELECT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
$$;

COMMENT ON FUNCTION integratedb.new_token_secret() IS '32 random bytes that cannot be guessed.';

CREATE OR REPLACE FUNCTION integratedb.require_management_user(id bigint)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF EXISTS (SELECT FROM integratedb.management_user AS u WHERE u.id = require_management_user.id) THEN
    RETURN true;
  END IF;

  RETURN integratedb.refuse(
    code => '42704',
    message => format('there is no API user %s', coalesce(id::text, 'null')),
    detail => NULL,
    hint => 'SELECT * FROM integratedb.management_users(NULL, NULL) lists them.');
END
$$;

COMMENT ON FUNCTION integratedb.require_management_user(bigint) IS
'Refuses the id of a user that does not exist. Error: 42704.';

CREATE OR REPLACE FUNCTION integratedb.management_has_users()
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT EXISTS (SELECT FROM integratedb.management_user)
$$;

COMMENT ON FUNCTION integratedb.management_has_users() IS 'Whether a user exists. Only root may create further users.';

CREATE OR REPLACE FUNCTION integratedb.management_create_first_user(username text, password_hash text)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  new_id bigint;
  refused boolean;
BEGIN
  -- If two sessions call this at once, the second waits here, and then finds the first user.
  LOCK TABLE integratedb.management_user IN SHARE ROW EXCLUSIVE MODE;
  IF EXISTS (SELECT FROM integratedb.management_user) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => 'the API has users: only its root user creates another one',
      detail => NULL,
      hint => 'Log in as root. The first user to be created is root.');
  END IF;

  INSERT INTO integratedb.management_user AS u (username, password_hash, token_secret, root)
  VALUES (management_create_first_user.username, management_create_first_user.password_hash, integratedb.new_token_secret(), true)
  RETURNING u.id INTO new_id;
  RETURN new_id;
END
$$;

COMMENT ON FUNCTION integratedb.management_create_first_user(text, text) IS
'Creates root, the user who manages the others. Returns its id. Error: 42501 a user exists already.';

CREATE OR REPLACE FUNCTION integratedb.management_create_user(username text, password_hash text, scopes jsonb)
RETURNS bigint
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  INSERT INTO integratedb.management_user AS u (username, password_hash, token_secret, scopes)
  VALUES (management_create_user.username, management_create_user.password_hash, integratedb.new_token_secret(), management_create_user.scopes)
  RETURNING u.id
$$;

COMMENT ON FUNCTION integratedb.management_create_user(text, text, jsonb) IS
'Creates a user other than root. scopes: null: no restriction. Returns its id. Error: 23505 the name is taken.';

CREATE OR REPLACE FUNCTION integratedb.management_users(after_id bigint, max_results integer)
RETURNS TABLE (id bigint, username text, root boolean, scopes jsonb, created_at timestamptz)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT u.id, u.username, u.root, u.scopes, u.created_at
    FROM integratedb.management_user AS u
   WHERE u.id > coalesce(after_id, 0)
   ORDER BY u.id
   LIMIT max_results
$$;

COMMENT ON FUNCTION integratedb.management_users(bigint, integer) IS
'The users, by id. after_id: users with a greater id; null: from the first. max_results: the greatest number of rows; '
'null: all.';

CREATE OR REPLACE FUNCTION integratedb.management_user_by_id(id bigint)
RETURNS TABLE (username text, token_secret bytea, root boolean, scopes jsonb, created_at timestamptz)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT u.username, u.token_secret, u.root, u.scopes, u.created_at
    FROM integratedb.management_user AS u
   WHERE u.id = management_user_by_id.id
$$;

COMMENT ON FUNCTION integratedb.management_user_by_id(bigint) IS
'A user, with the secret that signs its tokens; no row: the user does not exist.';

CREATE OR REPLACE FUNCTION integratedb.management_user_by_name(username text)
RETURNS TABLE (id bigint, password_hash text, token_secret bytea)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT u.id, u.password_hash, u.token_secret FROM integratedb.management_user AS u WHERE u.username = management_user_by_name.username
$$;

COMMENT ON FUNCTION integratedb.management_user_by_name(text) IS
'The hash that a password is checked against, and the secret that signs the user''s tokens; no row: the user does not '
'exist.';

CREATE OR REPLACE FUNCTION integratedb.management_change_user(id bigint, username text, password_hash text, new_scopes boolean, scopes jsonb)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  exists CONSTANT boolean := integratedb.require_management_user(id);
  refused boolean;
BEGIN
  IF exists AND new_scopes AND management_change_user.scopes IS NOT NULL
     AND (SELECT u.root FROM integratedb.management_user AS u WHERE u.id = management_change_user.id) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => 'the root user of the API cannot be restricted',
      detail => NULL,
      hint => 'Create another user with these scopes, and use that one.');
  END IF;

  UPDATE integratedb.management_user AS u
     SET username = coalesce(management_change_user.username, u.username),
         password_hash = coalesce(management_change_user.password_hash, u.password_hash),
         token_secret = CASE WHEN management_change_user.password_hash IS NULL THEN u.token_secret ELSE integratedb.new_token_secret() END,
         scopes = CASE WHEN new_scopes THEN management_change_user.scopes ELSE u.scopes END
   WHERE u.id = management_change_user.id;

  IF management_change_user.password_hash IS NOT NULL THEN
    DELETE FROM integratedb.management_refresh_token AS t WHERE t.user_id = management_change_user.id;
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.management_change_user(bigint, text, text, boolean, jsonb) IS
'Changes a user. username, password_hash: null: unchanged; a new password ends all sessions of the user. new_scopes: '
'whether scopes replaces the present scopes. Errors: 23505 the name is taken; 42501 scopes for root; 42704 unknown '
'user.';

CREATE OR REPLACE FUNCTION integratedb.management_delete_user(id bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the API has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  exists CONSTANT boolean := integratedb.require_management_user(id);
  refused boolean;
BEGIN
  IF exists AND (SELECT u.root FROM integratedb.management_user AS u WHERE u.id = management_delete_user.id) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => 'the root user of the API cannot be deleted',
      detail => NULL,
      hint => 'Change its name and password instead.');
  END IF;

  DELETE FROM integratedb.management_user AS u WHERE u.id = management_delete_user.id;
END
$$;

COMMENT ON FUNCTION integratedb.management_delete_user(bigint) IS
'Deletes a user and ends all its sessions. Errors: 42501 the user is root; 42704 unknown user.';
