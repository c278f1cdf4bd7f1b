-- The session: the role that it acts as, its kind, its settings, and the lock between claims and migrations.

COMMENT ON SCHEMA integratedb IS
'Internal objects of the extension integratedb. Functions for users are named integratedb_... and live in the schema '
'that the extension was created in.';
COMMENT ON ROLE integratedb_admin IS
'Members manage the stakeholders, claims and settings of IntegrateDB, in every database of the cluster that has the '
'extension.';
COMMENT ON ROLE integratedb_archive IS
'Owns the objects that dropped stakeholders of IntegrateDB left behind. The role has no rights and no members, and '
'cannot log in.';
COMMENT ON ROLE integratedb_daemon IS
'The IntegrateDB daemon logs in as a member of this role. Members read specifications and write deliveries, through '
'functions only.';

CREATE OR REPLACE FUNCTION integratedb.acting_role()
RETURNS name
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  acting CONSTANT text := current_setting('role');
  cursors text;
  refused boolean;
BEGIN
  -- Index functions and statistics (under ANALYZE, REINDEX or autovacuum) and materialised views (under REFRESH) run
  -- code of one role in the session of another. Postgres refuses UNLISTEN there. Nobody listens on this channel, so
  -- UNLISTEN has no other effect.
  BEGIN
    UNLISTEN "integratedb: nobody listens";
  EXCEPTION
    WHEN insufficient_privilege THEN
      refused := integratedb.refuse(
        code => '42501',
        message => 'permission denied: this code runs for maintenance, in the session of another role',
        detail => NULL,
        hint => 'Index expressions, statistics and materialised views cannot call functions of IntegrateDB that ask who the caller is.');
  END;

  -- A trigger runs code of the owner of its table, and a foreign key of another role may fire the trigger.
  IF pg_trigger_depth() > 0 THEN
    refused := integratedb.refuse(
      code => '42501',
      message => 'permission denied: a trigger cannot act for the session that fires it',
      detail => NULL,
      hint => 'Call functions of IntegrateDB that ask who the caller is outside of triggers.');
  END IF;

  -- A trigger may leave such a cursor behind. The query of the cursor runs at COMMIT, where it looks like a statement
  -- of the client.
  --
  -- The time of the cursor is when the client's statement began. A procedure that COMMITs has later transactions than
  -- that. COMMIT also makes the cursors of its loops holdable, but only DECLARE creates one that waits for COMMIT.
  SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.name)
    INTO cursors
    FROM pg_cursors AS c
   WHERE c.is_holdable
     AND (c.creation_time >= now()
          OR (c.creation_time >= statement_timestamp() AND c.statement ~* '[[:<:]]declare[[:>:]]'));
  IF cursors IS NOT NULL THEN
    refused := integratedb.refuse(
      code => '42501',
      message => 'permission denied: a cursor WITH HOLD of this transaction cannot act for the session at COMMIT',
      detail => format('Open are: %s.', cursors),
      hint => 'Call functions of IntegrateDB in another transaction than the one that declares a cursor WITH HOLD, or CLOSE the cursor first.');
  END IF;

  IF acting = 'none' THEN
    RETURN SESSION_USER;
  END IF;

  -- The setting keeps the name that SET ROLE was given. Since then that role may have been renamed, and another role
  -- may have its name.
  IF NOT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = acting AND pg_has_role(SESSION_USER, r.oid, 'MEMBER')) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: %I, the role of this session, was dropped or renamed, or is no longer open to %I', acting, SESSION_USER),
      detail => NULL,
      hint => 'RESET ROLE, or SET ROLE again.');
  END IF;

  RETURN acting::name;
END
$$;

COMMENT ON FUNCTION integratedb.acting_role() IS
'The role that the session acts as: the role of SET ROLE, else the login. current_user does not show this role inside '
'SECURITY DEFINER, nor, from PG 18 on, in a deferred trigger. Error 42501 in four cases: in a trigger; for a cursor '
'WITH HOLD, which runs at COMMIT; for code that runs for maintenance in the session of another role; for a role that '
'the session could not SET now.';

CREATE OR REPLACE FUNCTION integratedb.names_call(query text, called text)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- The tokens, in order: escape literals, literals, quoted names, comments, and dollar quotes (only the ends of those
  -- with a tag). Then runs without any of these signs, and single signs.
  tokens CONSTANT text := $re$([[:<:]]e'([^'\\]|\\.|'')*'|'([^']|'')*'|"([^"]|"")*"|--[^\n\r]*|/[*]([^*]|[*]+[^*/])*[*]+/|[$][$]([^$]|[$][^$])*[$][$]|[$]([[:alpha:]_][[:alnum:]_]*)[$]|([^'"$/;e-]|e(?!'))+|.)$re$;

  -- After these words, a name with a parenthesis is a relation with a list of columns, or a prepared statement.
  no_call CONSTANT text[] := ARRAY[
    'into', 'copy', 'analyze', 'analyse', 'vacuum', 'on', 'references', 'table', 'exists', 'execute', 'prepare', 'view', 'truncate'];
  plain CONSTANT text := '^[a-z_][a-z0-9_]*$';
  our_schema CONSTANT text := (
    SELECT CASE WHEN n.nspname ~ plain THEN n.nspname::text ELSE '"' || regexp_replace(n.nspname, '[^[:alnum:]_]', '?', 'g') || '"' END
      FROM pg_extension AS x
      JOIN pg_namespace AS n ON n.oid = x.extnamespace
     WHERE x.extname = 'integratedb');
  first CONSTANT integer := strpos(lower(query), called);
  token text;
  is_first boolean := true;
  runs boolean := false; -- whether this is a DO statement, whose body is code of the client too
  delimiter text;        -- of the dollar quote that the token is in
  body text[];           -- the tokens of that dollar quote, if it runs
  pieces text[] := ARRAY[]::text[];
BEGIN
  IF first = 0 THEN
    RETURN false;
  END IF;

  -- The call may be followed by a document of a megabyte, so the beginning is searched first.
  IF length(query) > first + 1000 AND integratedb.names_call(left(query, first + 100), called) THEN
    RETURN true;
  END IF;

  FOR token IN SELECT t[1] FROM regexp_matches(query, tokens, 'gi') AS t LOOP
    IF delimiter IS NOT NULL THEN
      IF token = delimiter THEN
        IF runs AND integratedb.names_call(array_to_string(body, ''), called) THEN
          RETURN true;
        END IF;
        delimiter := NULL;
      ELSIF strpos(token, delimiter) > 0 THEN
        -- The dollar quote ends inside this token, so the quote holds a lone quotation mark and no SQL. The rest cannot
        -- be read.
        EXIT;
      ELSIF runs THEN
        body := body || token;
      END IF;

    ELSIF starts_with(token, '--') OR starts_with(token, '/*') THEN
      -- A comment with the name declares that the client's own code makes the call.
      IF token ~* ('[[:<:]]' || called || '[[:>:]]') THEN
        RETURN true;
      END IF;
      pieces := pieces || ' '::text;

    ELSIF token IN ('''', '"') THEN
      -- The quotation mark has no end, so Postgres read this text by other rules.
      EXIT;

    ELSIF starts_with(token, '"') THEN
      token := replace(substr(token, 2, length(token) - 2), '""', '"');
      pieces := pieces || CASE WHEN token ~ plain THEN token ELSE '"' || regexp_replace(token, '[^[:alnum:]_]', '?', 'g') || '"' END;

    ELSIF right(token, 1) = '''' THEN
      IF runs AND integratedb.names_call(replace(substr(token, strpos(token, '''') + 1), '''''', ''''), called) THEN
        RETURN true;
      END IF;
      pieces := pieces || ' ? '::text;

    ELSIF length(token) > 3 AND starts_with(token, repeat('$', 2)) THEN
      IF runs AND integratedb.names_call(substr(token, 3, length(token) - 4), called) THEN
        RETURN true;
      END IF;
      pieces := pieces || ' ? '::text;

    ELSIF length(token) > 1 AND starts_with(token, '$') THEN
      delimiter := token;
      body := ARRAY[]::text[];
      pieces := pieces || ' ? '::text;

    ELSE
      IF token = ';' THEN
        is_first := true;
        runs := false;
      ELSIF is_first AND token ~ '[^[:space:]]' THEN
        runs := token ~* '^[[:space:]]*do[[:>:]]';
        is_first := false;
      END IF;
      pieces := pieces || lower(token);
    END IF;
  END LOOP;

  RETURN EXISTS (
    SELECT FROM regexp_matches(
                  array_to_string(pieces, ''),
                  '(?:([[:alnum:]_$"?]+)[[:space:]]*([.]?)[[:space:]]*)?[[:<:]]' || called || '[[:space:]]*[(]', 'g') AS m
     WHERE CASE WHEN m[2] = '.' THEN m[1] = our_schema ELSE coalesce(m[1], '') <> ALL (no_call) END);
END
$$;

COMMENT ON FUNCTION integratedb.names_call(text, text) IS
'Whether the text of a statement calls the function of IntegrateDB with this name. A call is the name, alone or after '
'our schema, and a parenthesis. Names in literals and names of relations or columns do not count. A comment that has '
'the name counts, and so does the body of DO.';

CREATE OR REPLACE FUNCTION integratedb.unnamed_function()
RETURNS text
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- The function compares words of the error context, so these must not be translated.
SET lc_messages = 'C'
AS $$
DECLARE
  context text;
  called text;
  previewed text;
BEGIN
  -- The innermost frames are our functions. The first public name among them is the function that was called.
  GET DIAGNOSTICS context = PG_CONTEXT;
  called := substring(context FROM '[[:<:]]integratedb_[a-z_]+');

  IF integratedb.names_call(current_query(), called) THEN
    RETURN NULL;
  END IF;

  -- The statements of a preview are the client's own. They may come as a parameter, which current_query() does not
  -- show.
  --
  -- Where the client's statement calls the preview, the preview is the outermost frame, and its statement stands before
  -- that frame. Other frames may hold any text. So the statement is taken from the last place where it may begin: all
  -- of that text is the client's.
  --
  -- A function of another role may have the name of the preview. So the called function must also stand in the client's
  -- statement, unless that statement has parameters.
  previewed := substring(context FROM E'^(.*)"\nPL/pgSQL function [^\n]*integratedb_preview_migration[(]text[)] line [0-9]+ at EXECUTE$');
  IF previewed IS NOT NULL
     AND (strpos(lower(current_query()), called) > 0 OR current_query() ~ '[$][0-9]')
     AND integratedb.names_call(current_query(), 'integratedb_preview_migration') THEN
    previewed := substring(previewed FROM E'^.*\nSQL statement "(.*)$');
    IF integratedb.names_call(previewed, called) THEN
      RETURN NULL;
    END IF;
  END IF;

  RETURN called;
END
$$;

COMMENT ON FUNCTION integratedb.unnamed_function() IS
'The public function of IntegrateDB that is running, where the client''s statement does not call it by name. In this '
'case a view, a default, a policy, a cursor or a function calls it, which may belong to another role. Null where the '
'client''s statement, or a statement of the client''s own preview, names the function.';

CREATE OR REPLACE FUNCTION integratedb.caller()
RETURNS name
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  acting CONSTANT name := integratedb.acting_role();
  unnamed text;
  refused boolean;
BEGIN
  -- These functions act with the power of an admin. Code of other roles, which the admin's statement may run unnoticed,
  -- must not use that power.
  IF integratedb.is_admin(acting) THEN
    unnamed := integratedb.unnamed_function();
    IF unnamed IS NOT NULL THEN
      refused := integratedb.refuse(
        code => '42501',
        message => format('permission denied: the statement of admin %I does not name %s(), which it reaches', acting, unnamed),
        detail => 'A view, a default, a policy, a cursor, a prepared statement or another function calls it, and may be somebody else''s.',
        hint => format('Call %s() in the statement itself. For code of your own that calls it, name it in the statement, a comment will do: CALL deploy() /* %1$s */.', unnamed));
    END IF;
  END IF;

  RETURN acting;
END
$$;

COMMENT ON FUNCTION integratedb.caller() IS
'The acting_role() of the session. Errors: 42501, those of acting_role(), and for an admin whose statement does not '
'itself name the called function of IntegrateDB.';

CREATE OR REPLACE FUNCTION integratedb.is_admin(role_name name)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT EXISTS (
      SELECT FROM pg_roles AS r
       WHERE r.rolname = role_name
         AND (r.rolsuper OR pg_has_role(r.oid, 'integratedb_admin', 'USAGE'))));
END
$$;

COMMENT ON FUNCTION integratedb.is_admin(name) IS
'Whether the role is a superuser or has the rights of integratedb_admin; false for a role that does not exist.';

CREATE OR REPLACE FUNCTION integratedb.is_restore_session()
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF current_setting('check_function_bodies')::boolean
     OR current_setting('row_security')::boolean
     OR NOT integratedb.is_admin(SESSION_USER) THEN
    RETURN false;
  END IF;

  -- Settings of the database, of a role or of the connection's options apply to every session. So they do not show that
  -- a dump is being restored.
  RETURN (
    SELECT count(*) = 2
      FROM pg_settings AS s
     WHERE s.name IN ('check_function_bodies', 'row_security')
       AND s.source = 'session');
END
$$;

COMMENT ON FUNCTION integratedb.is_restore_session() IS
'Whether two settings of pg_dump (check_function_bodies and row_security off) are on for a login that may skip the '
'checks. Only a SET of the session itself counts, as pg_restore and psql do it. Values from ALTER DATABASE, ALTER '
'ROLE, a configuration file or options of the connection do not count.';

CREATE OR REPLACE FUNCTION integratedb.is_restored(context text, session_path text)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- pg_dump empties the search_path and writes every name with its schema. A session with another search_path restores
  -- no dump.
  IF session_path NOT IN ('', '""') OR NOT integratedb.is_restore_session() THEN
    RETURN false;
  END IF;

  -- A function can SET all three as a session can, so the context is checked too. The client's statements restore a
  -- dump, so the context has one line: that of the event trigger. Any other code (functions, triggers, maintenance)
  -- adds a line.
  RETURN context !~ E'\n';
END
$$;

COMMENT ON FUNCTION integratedb.is_restored(text, text) IS
'In an event trigger: whether the command comes from a dump that is being restored. Three conditions: '
'is_restore_session(), an empty search_path, and a statement of the client itself. False in any function, DO block, '
'trigger or extension script. context: PG_CONTEXT of the event trigger''s function. session_path: the search_path '
'outside of our functions. Code that ran earlier in the session may have SET all of it. So restored objects are still '
'logged, and claims that they break cause a WARNING.';

CREATE OR REPLACE FUNCTION integratedb.setting_value(setting text)
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN (
    SELECT coalesce(
      (SELECT s.value FROM integratedb.setting AS s WHERE s.name = setting),
      CASE setting WHEN 'enforcement' THEN 'commit' WHEN 'ddl_event_retention' THEN '90 days' WHEN 'lock_timeout' THEN '30 s' WHEN 'deprecation' THEN 'advisory'
                   WHEN 'max_lease_ttl' THEN '24 hours' END));
END
$$;

COMMENT ON FUNCTION integratedb.setting_value(text) IS
'The value of a setting, or its default. Null for an unknown setting.';

CREATE OR REPLACE FUNCTION integratedb.is_own_xid(tuple_xmin xid)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  epoch CONSTANT bigint := 4294967296;
  present CONSTANT bigint := pg_current_xact_id()::text::bigint;
  full_xid bigint := tuple_xmin::text::bigint;
BEGIN
  -- 0 to 2 are permanent identifiers: a bootstrapped or frozen row.
  IF full_xid < 3 THEN
    RETURN false;
  END IF;

  full_xid := present - present % epoch + full_xid;

  -- A visible row was written at most half an epoch ago. The identifier of a subtransaction may be greater than that of
  -- its transaction.
  IF full_xid - present > epoch / 2 THEN
    full_xid := full_xid - epoch;
  ELSIF present - full_xid > epoch / 2 THEN
    full_xid := full_xid + epoch;
  END IF;

  RETURN full_xid >= 3 AND coalesce(pg_xact_status(full_xid::text::xid8) = 'in progress', false);
END
$$;

COMMENT ON FUNCTION integratedb.is_own_xid(xid) IS
'Whether this transaction, or one of its subtransactions, wrote the row with this xmin: it is still in progress. The '
'transaction must be able to see the row.';

CREATE OR REPLACE FUNCTION integratedb.require_writable()
RETURNS void
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  refused boolean;
BEGIN
  -- transaction_read_only is always on while a server is in recovery.
  IF NOT current_setting('transaction_read_only')::boolean THEN
    RETURN;
  END IF;

  IF pg_is_in_recovery() THEN
    refused := integratedb.refuse(
      code => '25006',
      message => 'this server is a standby, where nothing can be changed',
      detail => NULL,
      hint => 'Do it on the primary. What only reads works here too, such as integratedb_unmet_claims() and integratedb_status().');
  END IF;

  refused := integratedb.refuse(
    code => '25006',
    message => 'this transaction is read-only',
    detail => NULL,
    hint => 'BEGIN READ WRITE, or SET default_transaction_read_only = off.');
END
$$;

COMMENT ON FUNCTION integratedb.require_writable() IS
'Refuses to continue where nothing can be written: on a standby, and in a read-only transaction. Error: 25006.';

CREATE OR REPLACE FUNCTION integratedb.bound_waiting()
RETURNS text
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  before CONSTANT text := current_setting('lock_timeout');
  longest CONSTANT interval := integratedb.setting_value('lock_timeout')::interval;
BEGIN
  -- A shorter limit of the session stays.
  IF before::interval NOT BETWEEN interval '1 ms' AND longest THEN
    PERFORM set_config('lock_timeout', ceil(extract(epoch FROM longest) * 1000)::integer::text, true);
  END IF;
  RETURN before;
END
$$;

COMMENT ON FUNCTION integratedb.bound_waiting() IS
'From now on, this transaction waits for a lock no longer than the setting lock_timeout. Returns the session''s '
'lock_timeout, which the caller must restore.';

CREATE OR REPLACE FUNCTION integratedb.wait_for_lock()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  before text;
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();

  -- The wait needs a limit, because the holder of the lock may keep it for ever.
  before := integratedb.bound_waiting();
  UPDATE integratedb.serialisation SET taken = taken + 1;
  PERFORM set_config('lock_timeout', before, true);
EXCEPTION
  WHEN lock_not_available THEN
    refused := integratedb.refuse(
      code => SQLSTATE,
      message => format('another transaction holds the lock between claims and migrations: %s', coalesce(integratedb.lock_holder(), 'it has ended since')),
      detail => NULL,
      hint => 'Nothing was changed. Run the transaction again. An admin ends the holder by SELECT integratedb_end_lock_holder().');
  WHEN serialization_failure OR deadlock_detected THEN
    refused := integratedb.refuse(
      code => SQLSTATE,
      message => format('a claim or a migration in another transaction came in between: %s', SQLERRM),
      detail => NULL,
      hint => 'Nothing was changed. Run the transaction again. An admin sees by SELECT * FROM integratedb_status() who holds the lock.');
END
$$;

COMMENT ON FUNCTION integratedb.wait_for_lock() IS
'take_lock() for the check at COMMIT, which refuses PREPARE TRANSACTION itself.';

CREATE OR REPLACE FUNCTION integratedb.take_lock()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  PERFORM integratedb.wait_for_lock();
  -- No check at COMMIT follows a function that changes no claim, so none could refuse to prepare the transaction.
  IF NOT integratedb.is_admin(SESSION_USER) THEN
    PERFORM integratedb.forbid_prepare();
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.take_lock() IS
'Locks claims against migrations until the end of the transaction. Waits at most as long as the setting lock_timeout, '
'or the session''s own lock_timeout if that is shorter. Nobody but an admin can prepare the transaction, because it '
'would hold the lock. Errors: 25006 nothing can be written here; 40001, 40P01, 55P03, each with a HINT to retry; 55P03 '
'names the holder.';
