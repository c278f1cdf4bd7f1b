-- Requests: a specification that its stakeholder may not submit waits, until everybody whose data it names has approved
-- its part.

CREATE OR REPLACE FUNCTION integratedb.approver_could_grant(for_specification bigint, relation oid)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Those of one stakeholder are looked up, however many others there are.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM integratedb.specification_approver AS a
     WHERE a.specification_id = for_specification
       AND integratedb.could_grant(integratedb.submitter(a.role_oid, a.role_name), relation));
END
$$;

COMMENT ON FUNCTION integratedb.approver_could_grant(bigint, oid) IS
'Whether a role that approved the specification, beside its submitter, could GRANT SELECT on the relation now.';

CREATE OR REPLACE FUNCTION integratedb.approver_could_grant_usage(for_stakeholder bigint, namespace oid)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Those of one stakeholder are looked up, however many others there are.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
  RETURN EXISTS (
    SELECT FROM integratedb.specification_approver AS a
      JOIN integratedb.specification AS s ON s.id = a.specification_id
     WHERE s.stakeholder_id = for_stakeholder
       AND integratedb.could_grant_usage(integratedb.submitter(a.role_oid, a.role_name), namespace));
END
$$;

COMMENT ON FUNCTION integratedb.approver_could_grant_usage(bigint, oid) IS
'Whether a role that approved a specification of the stakeholder could GRANT USAGE on the schema now.';

CREATE OR REPLACE FUNCTION integratedb.find_approvers()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  UPDATE integratedb.specification_approver AS a
     SET role_oid = coalesce((SELECT u.oid FROM pg_roles AS u WHERE u.rolname = a.role_name), 0);
  UPDATE integratedb.request_approval AS a
     SET role_oid = coalesce((SELECT u.oid FROM pg_roles AS u WHERE u.rolname = a.role_name), 0);
  UPDATE integratedb.request AS r
     SET requested_by_oid = coalesce((SELECT u.oid FROM pg_roles AS u WHERE u.rolname = r.requested_by), 0);
END
$$;

COMMENT ON FUNCTION integratedb.find_approvers() IS 'After a restore, finds the roles of requests and approvals again by their names.';

CREATE OR REPLACE FUNCTION integratedb.unapproved(of_request bigint, approvers name[])
RETURNS TABLE (path text, may_approve name)
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  request CONSTANT integratedb.request := (SELECT r FROM integratedb.request AS r WHERE r.id = of_request);
  new_names CONSTANT jsonb := integratedb.named(request.document, request.kind);
  old_names CONSTANT jsonb := coalesce(integratedb.named(request.replaces, request.kind), '{}');
BEGIN
  IF EXISTS (SELECT FROM unnest(approvers) AS a (name) WHERE integratedb.is_admin(a.name)) THEN
    RETURN;
  END IF;

  RETURN QUERY
    -- Only an admin may name schema.* and relations that do not exist.
    SELECT left(integratedb.path_of(n.name::name, 'x'), -1) || '*', 'integratedb_admin'::name
      FROM jsonb_array_elements_text(coalesce(old_names -> 'schemas', '[]') || (new_names -> 'schemas')) AS n (name)
    UNION
    SELECT integratedb.path_of(k.schema_name, k.relation_name),
           CASE WHEN k.oid IS NULL THEN 'integratedb_admin' ELSE (SELECT pg_get_userbyid(o.relowner) FROM pg_class AS o WHERE o.oid = k.oid) END
      FROM integratedb.relations_at(coalesce(old_names -> 'relations', '[]') || (new_names -> 'relations')) AS k
     WHERE k.oid IS NULL
        OR NOT EXISTS (SELECT FROM unnest(approvers) AS a (name) WHERE integratedb.could_grant(a.name, k.oid))
    UNION
    SELECT 'schema ' || quote_ident(n.nspname), pg_get_userbyid(n.nspowner)
      FROM (SELECT DISTINCT e.path ->> 0 AS name FROM jsonb_array_elements(new_names -> 'relations') AS e (path)) AS named
      JOIN pg_namespace AS n ON n.nspname = named.name
      JOIN integratedb.stakeholder_role AS u ON u.stakeholder_id = request.stakeholder_id
     WHERE NOT has_schema_privilege(u.role_oid, n.oid, 'USAGE')
       AND NOT EXISTS (SELECT FROM unnest(approvers) AS a (name) WHERE integratedb.could_grant_usage(a.name, n.oid))
    UNION
    -- What an admin or the stakeholder submitted is theirs to replace, unless one of them asks for it.
    SELECT 'the ' || s.kind || ' in force', 'integratedb_admin'::name
      FROM integratedb.specification AS s
      JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
     WHERE s.stakeholder_id = request.stakeholder_id
       AND s.kind = request.kind
       AND s.document -> 'match' <> '[]'
       AND request.requested_by_oid <> st.role_oid
       AND NOT integratedb.is_admin(coalesce(integratedb.submitter(request.requested_by_oid, request.requested_by), ''))
       AND (integratedb.submitter(s.handed_in_by_oid, s.handed_in_by) IS NULL
            OR s.handed_in_by_oid = st.role_oid
            OR integratedb.is_admin(integratedb.submitter(s.handed_in_by_oid, s.handed_in_by)))
     ORDER BY 1;
END
$$;

COMMENT ON FUNCTION integratedb.unapproved(bigint, name[]) IS
'What a request names and none of these roles could grant now, with a role that could: the owner, or integratedb_admin.';

CREATE OR REPLACE FUNCTION integratedb.find_request(of_id bigint)
RETURNS integratedb.request
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  request integratedb.request;
  refused boolean;
BEGIN
  SELECT r.* INTO request FROM integratedb.request AS r WHERE r.id = of_id;
  IF NOT FOUND THEN
    refused := integratedb.refuse(
      code => '42704',
      message => format('there is no request %s', coalesce(of_id::text, 'null')),
      detail => NULL,
      hint => 'SELECT id, stakeholder, kind FROM integratedb_requests() lists those that are open.');
  ELSIF request.state <> 'open' THEN
    refused := integratedb.refuse(
      code => '55000',
      message => format('request %s is %s', of_id, request.state),
      detail => NULL,
      hint => 'It cannot be decided again. The stakeholder may ask anew: SELECT integratedb_request_claim(stakeholder, spec).');
  END IF;

  RETURN request;
END
$$;

COMMENT ON FUNCTION integratedb.find_request(bigint) IS 'The open request with this identifier. Errors: 42704 no such request; 55000 it was decided.';

CREATE OR REPLACE FUNCTION integratedb.deciding_caller()
RETURNS name
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  caller CONSTANT name := integratedb.caller();
  unnamed CONSTANT text := integratedb.unnamed_function();
  refused boolean;
BEGIN
  -- An approval grants what the caller owns to the role that asked, whose code the caller's statement may run unnoticed.
  IF unnamed IS NOT NULL THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: the statement of role %I does not name %s(), which it reaches', caller, unnamed),
      detail => NULL,
      hint => format('Call %s() in the statement itself. For code of your own that calls it, name it in the statement, a comment will do: CALL deploy() /* %1$s */.', unnamed));
  END IF;

  RETURN caller;
END
$$;

COMMENT ON FUNCTION integratedb.deciding_caller() IS
'The caller() of a decision about a request. Error: 42501 as caller(), and where the statement does not itself name the '
'function.';

CREATE OR REPLACE FUNCTION integratedb.may_withdraw(request integratedb.request, caller name)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  RETURN integratedb.is_admin(caller)
      OR EXISTS (SELECT FROM pg_roles AS u WHERE u.rolname = caller AND u.oid = request.requested_by_oid)
      OR EXISTS (SELECT FROM integratedb.stakeholder_role AS u WHERE u.stakeholder_id = request.stakeholder_id AND u.name = caller);
END
$$;

COMMENT ON FUNCTION integratedb.may_withdraw(integratedb.request, name) IS
'Whether this role may take a request back: whoever asked for it, the stakeholder, and admins.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_request_claim(stakeholder text, spec jsonb, kind text DEFAULT 'claims', reason text DEFAULT NULL)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes tables that nobody else can; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  caller CONSTANT name := integratedb.caller();
  words CONSTANT text := nullif(btrim(integratedb_request_claim.reason), '');
  the_owner integratedb.stakeholder;
  parsed jsonb;
  old_document jsonb;
  problems jsonb;
  open_request integratedb.request;
  new_id bigint;
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();
  the_owner := integratedb.find_stakeholder(integratedb_request_claim.stakeholder);

  IF jsonb_typeof(spec) = 'object' AND spec ? 'channels' THEN
    refused := integratedb.refuse(
      code => '22023',
      message => 'a request cannot have channels',
      detail => NULL,
      hint => 'Leave "channels" out: those that an admin defined stay. An admin defines others by integratedb_notify().');
  END IF;
  IF length(words) > 1000 THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('the reason has %s characters; at most 1000 are allowed', length(words)),
      detail => NULL,
      hint => 'Say in a sentence what needs it; a link has the rest.');
  END IF;

  parsed := integratedb.parsed(spec, integratedb_request_claim.kind);
  IF parsed ? 'refusals' THEN
    PERFORM integratedb.refuse_specification(parsed -> 'refusals');
  END IF;
  PERFORM integratedb.require_bounded(parsed);
  -- Whoever may not ask does not wait for the lock either.
  IF NOT integratedb.is_caller(the_owner) THEN
    PERFORM integratedb.require_right_to_submit(
      caller, the_owner, integratedb_request_claim.kind,
      (SELECT s.document FROM integratedb.specification AS s WHERE s.stakeholder_id = the_owner.id AND s.kind = integratedb_request_claim.kind),
      parsed);
  END IF;

  -- This takes long for a long specification, and nobody else waits: an approval judges it anew.
  problems := (
    SELECT jsonb_agg(p.problem) FROM jsonb_array_elements(integratedb.dry_run(parsed -> 'document', integratedb_request_claim.kind)) AS p (problem)
     WHERE NOT p.problem ? 'code');
  IF problems IS NOT NULL THEN
    refused := integratedb.refuse(
      code => 'IDB03',
      message => format('claim not met: %s', problems #>> '{0,message}'),
      detail => problems::text,
      hint => 'Nothing was stored. Ask for what exists; add what does not exist yet as an alternative, or make it optional.');
  END IF;

  PERFORM integratedb.take_lock();
  IF integratedb.arm() THEN
    PERFORM integratedb.sync_all();
  END IF;
  the_owner := integratedb.find_stakeholder(integratedb_request_claim.stakeholder);
  old_document := (
    SELECT s.document FROM integratedb.specification AS s
     WHERE s.stakeholder_id = the_owner.id AND s.kind = integratedb_request_claim.kind);
  IF NOT integratedb.is_caller(the_owner) THEN
    PERFORM integratedb.require_right_to_submit(caller, the_owner, integratedb_request_claim.kind, old_document, parsed);
  END IF;

  -- Otherwise an owner of any table could withdraw whatever a stakeholder asks for.
  SELECT r.* INTO open_request FROM integratedb.request AS r
   WHERE r.stakeholder_id = the_owner.id AND r.kind = integratedb_request_claim.kind AND r.state = 'open';
  IF FOUND AND NOT integratedb.may_withdraw(open_request, caller) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: request %s of %s is open, and not of role %I', open_request.id, the_owner.name, caller),
      detail => NULL,
      hint => 'Another request would take its place. What you may submit, submit yourself: SELECT integratedb_claim(stakeholder, spec), or integratedb_notify(stakeholder, spec).');
  END IF;

  UPDATE integratedb.request AS r
     SET state = 'withdrawn', decided_by = caller, decided_at = now(), note = 'another request took its place'
   WHERE r.stakeholder_id = the_owner.id
     AND r.kind = integratedb_request_claim.kind
     AND r.state = 'open';

  -- Otherwise a stakeholder could fill the table by asking over and over.
  DELETE FROM integratedb.request AS r
   WHERE r.id IN (
     SELECT old.id FROM integratedb.request AS old
      WHERE old.stakeholder_id = the_owner.id AND old.kind = integratedb_request_claim.kind AND old.state <> 'open'
      ORDER BY old.id DESC
     OFFSET 100);

  INSERT INTO integratedb.request AS r (stakeholder_id, kind, document, replaces, reason, requested_by, requested_by_oid)
  SELECT the_owner.id, integratedb_request_claim.kind, parsed -> 'document', old_document, words, u.rolname, u.oid
    FROM pg_roles AS u
   WHERE u.rolname = caller
  RETURNING r.id INTO new_id;
  PERFORM integratedb.tell_request(new_id, 'integratedb.request.opened');

  PERFORM integratedb.log_own_event(
    'INTEGRATEDB REQUEST', format('request %s: %s of %s%s', new_id, integratedb_request_claim.kind, the_owner.name, coalesce(': ' || words, '')), false);
  RETURN new_id;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_request_claim(text, jsonb, text, text) IS
'Asks for a specification that the caller may not submit. Nothing is granted before it is approved. An open request of
the same stakeholder and kind is withdrawn, if the caller may withdraw it.
stakeholder: its name. spec: the whole specification, as for integratedb_claim(); without channels. kind: claims or
notifications. reason: for those who decide.
Returns the identifier of the request.
Errors: 22023 unknown kind, channels, or a reason of more than 1000 characters; 42501 the caller is neither the
stakeholder nor may submit it, or may not withdraw the open request; 54000 it stands for too many columns; IDB02 not well formed; IDB03 not met; IDB04 unknown
stakeholder; 40001, 55P03: retry.
For the stakeholder itself, and for those who may integratedb_claim().';

CREATE OR REPLACE FUNCTION integratedb.matches_beside(document jsonb, other jsonb)
RETURNS jsonb
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- NOT IN hashes the other matches, so the time is linear: a specification may have tens of thousands.
  SELECT coalesce(jsonb_agg(m.match ORDER BY m.place), '[]')
    FROM jsonb_array_elements(document -> 'match') WITH ORDINALITY AS m (match, place)
   WHERE m.match NOT IN (SELECT o.match FROM jsonb_array_elements(other -> 'match') AS o (match))
$$;

COMMENT ON FUNCTION integratedb.matches_beside(jsonb, jsonb) IS
'The matches of a specification that the other one, which may be null, does not have.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_requests(state text DEFAULT 'open')
RETURNS TABLE (
  id bigint,
  stakeholder text,
  kind text,
  status text,
  requested_by name,
  requested_at timestamptz,
  reason text,
  specification jsonb,
  added jsonb,
  removed jsonb,
  approved_by name[],
  missing jsonb,
  decided_by name,
  decided_at timestamptz,
  note text
)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads tables that nobody else can; shows the caller what concerns it
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  asked CONSTANT text := integratedb_requests.state;
  caller CONSTANT name := integratedb.caller();
  refused boolean;
BEGIN
  IF asked NOT IN ('open', 'approved', 'rejected', 'withdrawn') THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('unknown state of a request: %L', left(asked, 80)),
      detail => NULL,
      hint => 'The states are open, approved, rejected and withdrawn; null lists all.');
  END IF;

  RETURN QUERY
    SELECT r.id, st.name, r.kind, r.state, r.requested_by, r.requested_at, r.reason, r.document,
           integratedb.matches_beside(r.document, s.document),
           integratedb.matches_beside(s.document, r.document),
           approval.names,
           CASE WHEN r.state = 'open'
                THEN (SELECT coalesce(jsonb_object_agg(u.path, u.may_approve), '{}') FROM integratedb.unapproved(r.id, approval.present) AS u) END,
           r.decided_by, r.decided_at, r.note
      FROM integratedb.request AS r
      JOIN integratedb.stakeholder AS st ON st.id = r.stakeholder_id
      LEFT JOIN integratedb.specification AS s ON s.stakeholder_id = r.stakeholder_id AND s.kind = r.kind
     CROSS JOIN LATERAL (
       SELECT coalesce(array_agg(a.role_name ORDER BY a.approved_at, a.role_name), '{}') AS names,
              coalesce(array_agg(integratedb.submitter(a.role_oid, a.role_name)) FILTER (WHERE integratedb.submitter(a.role_oid, a.role_name) IS NOT NULL), '{}') AS present
         FROM integratedb.request_approval AS a
        WHERE a.request_id = r.id) AS approval
     WHERE (asked IS NULL OR r.state = asked)
       AND (integratedb.is_admin(caller)
            OR EXISTS (SELECT FROM integratedb.stakeholder_role AS u WHERE u.stakeholder_id = st.id AND u.name = caller)
            OR EXISTS (SELECT FROM pg_roles AS u WHERE u.rolname = caller AND u.oid = r.requested_by_oid)
            OR integratedb.may_approve(r.id, caller))
     ORDER BY r.id;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_requests(text) IS
'The requests that the caller made, may approve, or that are of its stakeholder; all for admins.
state: open, approved, rejected or withdrawn; null: all.
Returns id, stakeholder, kind, status (the state), requested_by, requested_at, reason, specification, added and removed (the matches that
differ from what is in force now), approved_by, missing, decided_by, decided_at, note.
missing: what nobody has approved yet, each with a role that may.
Error: 22023 unknown state.
For everybody.';

CREATE OR REPLACE FUNCTION integratedb.may_approve(of_request bigint, caller name)
RETURNS boolean
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  request CONSTANT integratedb.request := (SELECT r FROM integratedb.request AS r WHERE r.id = of_request);
BEGIN
  RETURN integratedb.is_admin(caller)
      OR EXISTS (
        SELECT FROM integratedb.relations_at(
                      (integratedb.named(request.document, request.kind) -> 'relations')
                      || coalesce(integratedb.named(request.replaces, request.kind) -> 'relations', '[]')) AS k
         WHERE k.oid IS NOT NULL
           AND (integratedb.could_grant(caller, k.oid)
                OR EXISTS (SELECT FROM pg_namespace AS n WHERE n.nspname = k.schema_name AND integratedb.could_grant_usage(caller, n.oid))));
END
$$;

COMMENT ON FUNCTION integratedb.may_approve(bigint, name) IS
'Whether a request names anything that this role could grant.';

CREATE OR REPLACE FUNCTION integratedb.apply_request(request integratedb.request, stakeholder text, approvers name[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- The rules may have changed since the request, in an update.
  parsed CONSTANT jsonb := integratedb.parsed(request.document, request.kind);
BEGIN
  IF request.kind = 'notifications' AND NOT parsed ? 'refusals' THEN
    PERFORM integratedb.lock_to_publish(parsed -> 'relations');
  END IF;
  PERFORM integratedb.submit(stakeholder, request.kind, parsed, approvers => approvers);
  IF request.kind = 'notifications' THEN
    PERFORM integratedb.refuse_unnotifiable(request.stakeholder_id);
    PERFORM integratedb.reconcile_publications();
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.apply_request(integratedb.request, text, name[]) IS
'Submits the specification of an approved request. approvers: the roles that approved it. Errors: those of '
'integratedb_claim() and integratedb_notify().';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_approve_request(id bigint, note text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- grants on tables of any owner; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
#variable_conflict use_column
DECLARE
  caller CONSTANT name := integratedb.deciding_caller();
  request integratedb.request := integratedb.find_request(integratedb_approve_request.id);
  the_owner integratedb.stakeholder;
  present jsonb;
  approvers name[];
  lacking text;
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();
  IF NOT integratedb.may_approve(request.id, caller) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: role %I could grant nothing that request %s names', caller, request.id),
      detail => NULL,
      hint => 'Those who own what it names, and members of integratedb_admin, approve or reject it. SELECT missing FROM integratedb_requests() names them.');
  END IF;

  PERFORM integratedb.lock_relations(integratedb.named(request.document, request.kind) -> 'relations');
  PERFORM integratedb.take_lock();
  IF integratedb.arm() THEN
    PERFORM integratedb.sync_all();
  END IF;
  -- This is checked again under the lock: it may have been decided, and the tables may have other owners.
  request := integratedb.find_request(request.id);
  SELECT st.* INTO the_owner FROM integratedb.stakeholder AS st WHERE st.id = request.stakeholder_id;
  present := (SELECT s.document FROM integratedb.specification AS s WHERE s.stakeholder_id = request.stakeholder_id AND s.kind = request.kind);
  IF present IS DISTINCT FROM request.replaces THEN
    refused := integratedb.refuse(
      code => '55000',
      message => format('the %s of %s changed since request %s', request.kind, the_owner.name, request.id),
      detail => 'An approval would undo that change.',
      hint => format('Ask anew: SELECT integratedb_request_claim(%L, spec, %L); SELECT specification FROM integratedb_requests() shows the present request.', the_owner.name, request.kind));
  END IF;

  INSERT INTO integratedb.request_approval AS a (request_id, role_oid, role_name, note)
  SELECT request.id, u.oid, u.rolname, nullif(btrim(left(integratedb_approve_request.note, 1000)), '') FROM pg_roles AS u WHERE u.rolname = caller
  ON CONFLICT ON CONSTRAINT request_approval_pkey DO UPDATE SET role_oid = EXCLUDED.role_oid, approved_at = EXCLUDED.approved_at, note = EXCLUDED.note;

  -- The rights count that the approvers have now. A role that was dropped has none.
  approvers := ARRAY(
    SELECT n.name
      FROM integratedb.request_approval AS a
     CROSS JOIN LATERAL integratedb.submitter(a.role_oid, a.role_name) AS n (name)
     WHERE a.request_id = request.id
       AND n.name IS NOT NULL
     ORDER BY n.name <> caller, a.approved_at);
  lacking := (SELECT string_agg(format('%s (%I)', u.path, u.may_approve), ', ' ORDER BY u.path) FROM integratedb.unapproved(request.id, approvers) AS u);

  IF lacking IS NOT NULL THEN
    PERFORM integratedb.log_own_event('INTEGRATEDB APPROVE', format('request %s: %s of %s, in part', request.id, request.kind, the_owner.name), false);
    RAISE NOTICE 'request % is approved in part', request.id
      USING DETAIL = 'Others must approve: ' || left(lacking, 8000) || '.';
    RETURN false;
  END IF;

  PERFORM integratedb.apply_request(request, the_owner.name, approvers);
  UPDATE integratedb.request AS r
     SET state = 'approved', decided_by = caller, decided_at = now(), note = nullif(btrim(left(integratedb_approve_request.note, 1000)), '')
   WHERE r.id = request.id;
  PERFORM integratedb.tell_request(request.id, 'integratedb.request.approved');
  PERFORM integratedb.log_own_event('INTEGRATEDB APPROVE', format('request %s: %s of %s, in force', request.id, request.kind, the_owner.name), false);
  RETURN true;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_approve_request(bigint, text) IS
'Approves what the caller could grant of a request. With the last approval the specification comes into force, by the
rights that the approvers have then, as if they had submitted it. The schema of that moment counts.
id: that of the request. note: for the stakeholder, cut at 1000 characters.
Returns whether it is in force now; otherwise a NOTICE names who must approve too.
Errors: 42501 the caller could grant nothing of it, or its statement does not name this function; 42704 no such request;
55000 it was decided, or the specification in force changed since; IDB03 not met any more; 40001, 40P01, 55P03: retry;
54000 an access list is full.
For those who could GRANT SELECT on something that it names, and for members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_reject_request(id bigint, note text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes tables that nobody else can; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  caller CONSTANT name := integratedb.deciding_caller();
  words CONSTANT text := btrim(coalesce(integratedb_reject_request.note, ''));
  request integratedb.request := integratedb.find_request(integratedb_reject_request.id);
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();
  IF NOT integratedb.may_approve(request.id, caller) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: role %I could grant nothing that request %s names', caller, request.id),
      detail => NULL,
      hint => 'Those who own what it names, and members of integratedb_admin, approve or reject it. SELECT missing FROM integratedb_requests() names them.');
  END IF;
  IF words = '' OR length(words) > 1000 THEN
    refused := integratedb.refuse(
      code => '22023',
      message => 'a rejection needs a note of at most 1000 characters',
      detail => NULL,
      hint => 'Say what the stakeholder can do instead, such as ''read shop.order_totals''.');
  END IF;

  PERFORM integratedb.take_lock();
  request := integratedb.find_request(request.id);
  UPDATE integratedb.request AS r SET state = 'rejected', decided_by = caller, decided_at = now(), note = words WHERE r.id = request.id;
  PERFORM integratedb.tell_request(request.id, 'integratedb.request.rejected');
  PERFORM integratedb.log_own_event('INTEGRATEDB REJECT', format('request %s: %s', request.id, words), false);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_reject_request(bigint, text) IS
'Rejects a request; one of those who could approve a part of it is enough.
id: that of the request. note: why, for the stakeholder.
Errors: 22023 no note; 42501 the caller could grant nothing of it, or its statement does not name this function; 42704 no
such request; 55000 it was decided; 40001, 55P03: retry.
For those who could GRANT SELECT on something that it names, and for members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_withdraw_request(id bigint)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes tables that nobody else can; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  caller CONSTANT name := integratedb.caller();
  request integratedb.request := integratedb.find_request(integratedb_withdraw_request.id);
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();
  IF NOT integratedb.may_withdraw(request, caller) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: request %s is not of role %I', request.id, caller),
      detail => NULL,
      hint => 'Those who asked for it, the stakeholder and members of integratedb_admin may withdraw it. Owners reject it: SELECT integratedb_reject_request(id, note).');
  END IF;

  PERFORM integratedb.take_lock();
  request := integratedb.find_request(request.id);
  UPDATE integratedb.request AS r SET state = 'withdrawn', decided_by = caller, decided_at = now() WHERE r.id = request.id;
  PERFORM integratedb.log_own_event('INTEGRATEDB WITHDRAW', format('request %s', request.id), false);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_withdraw_request(bigint) IS
'Takes a request back.
id: that of the request.
Errors: 42501 the caller neither asked for it, nor is the stakeholder or an admin; 42704 no such request; 55000 it was
decided; 40001, 55P03: retry.
For those who asked for it, for the stakeholder, and for members of integratedb_admin.';
