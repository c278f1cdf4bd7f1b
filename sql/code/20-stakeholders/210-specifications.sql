-- Submits a specification: checks its form, the right of the caller, and the catalog, and then stores, expands and
-- grants.

CREATE OR REPLACE FUNCTION integratedb.excess_of(spec jsonb)
RETURNS text
LANGUAGE plpgsql
IMMUTABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  limit_in_bytes CONSTANT integer := 1000000;
  size_in_bytes integer;
BEGIN
  -- The number 1e131071 is small in jsonb, and has 131,072 digits as text. So the document must not be written as text
  -- before this check. The limit of the depth bounds the search for numbers.
  IF jsonb_path_exists(spec, 'strict $.**{100}') THEN
    RETURN 'it is nested deeper than any specification';
  END IF;

  IF EXISTS (
    -- Even 0 may have thousands of digits. jsonb_path_query() would take quadratic time.
    SELECT FROM jsonb_array_elements(jsonb_path_query_array(
             spec, 'strict $.** ? (@.type() == "number" && (@ >= 1e100 || @ <= -1e100 || (@ > -1e-50 && @ < 1e-50)))')) AS n (value)
     WHERE abs(n.value::numeric) >= 1e100 OR scale(n.value::numeric) > 100)
  THEN
    RETURN 'it holds a number with more than 100 digits';
  END IF;

  size_in_bytes := octet_length(spec::text);
  RETURN CASE WHEN size_in_bytes > limit_in_bytes THEN format('the specification has %s bytes, the limit is %s', size_in_bytes, limit_in_bytes) END;
END
$$;

COMMENT ON FUNCTION integratedb.excess_of(jsonb) IS
'Why a specification is too large to be read: more than 1,000,000 bytes as text, a number of more than 100 digits, or '
'100 levels. Null when it can be read.';

CREATE OR REPLACE FUNCTION integratedb.parsed(spec jsonb, kind text)
RETURNS jsonb
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  excess CONSTANT text := integratedb.excess_of(spec);
  refused boolean;
BEGIN
  IF kind IS NULL OR kind NOT IN ('claims', 'notifications') THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('unknown kind of specification: %s', coalesce(quote_literal(left(kind, 80)), 'null')),
      detail => NULL,
      hint => 'The kinds are claims and notifications.');
  END IF;

  IF excess IS NOT NULL THEN
    RETURN jsonb_build_object('refusals', jsonb_build_array(jsonb_build_array(excess, '#')));
  END IF;

  RETURN integratedb.parse_specification(coalesce(spec, 'null'), kind);
END
$$;

COMMENT ON FUNCTION integratedb.parsed(jsonb, text) IS
'parse_specification() of a document without excess_of(). Error: 22023 for an unknown kind.';

CREATE OR REPLACE FUNCTION integratedb.forbidden_path(caller name, schemas jsonb, relations jsonb)
RETURNS text
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT coalesce(
    (SELECT s.name || '.*' FROM jsonb_array_elements_text(schemas) AS s (name) LIMIT 1),
    (SELECT integratedb.path_of(k.schema_name, k.relation_name) || CASE WHEN k.oid IS NULL THEN ', which does not exist' ELSE '' END
       FROM integratedb.relations_at(relations) AS k
      WHERE k.oid IS NULL OR NOT integratedb.could_grant(caller, k.oid)
      LIMIT 1))
$$;

COMMENT ON FUNCTION integratedb.forbidden_path(name, jsonb, jsonb) IS
'The first of these relations that the caller could not GRANT SELECT on, with a remark if it does not exist. Only an '
'admin may name schema.* and relations that do not exist. Null when the caller may name all.';

CREATE OR REPLACE FUNCTION integratedb.forbidden_schema(caller name, of_stakeholder bigint, relations jsonb)
RETURNS name
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT n.nspname
    FROM (SELECT DISTINCT r.path ->> 0 AS name FROM jsonb_array_elements(relations) AS r (path)) AS named
    JOIN pg_namespace AS n ON n.nspname = named.name
    JOIN integratedb.stakeholder_role AS u ON u.stakeholder_id = of_stakeholder
   WHERE NOT has_schema_privilege(u.role_oid, n.oid, 'USAGE')
     AND NOT integratedb.could_grant_usage(caller, n.oid)
   ORDER BY n.nspname
   LIMIT 1
$$;

COMMENT ON FUNCTION integratedb.forbidden_schema(name, bigint, jsonb) IS
'The first schema of these relations that the stakeholder may not use and on which the caller could not GRANT USAGE; '
'null when no such schema exists.';

CREATE OR REPLACE FUNCTION integratedb.require_right_to_submit(caller name, owner integratedb.stakeholder, kind text, old_document jsonb, new_parsed jsonb)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  submitted_by name;
  old_parsed jsonb;
  forbidden text;
  forbidden_schema name;
  refused boolean;
BEGIN
  IF integratedb.is_admin(caller) THEN
    RETURN true;
  END IF;

  IF old_document IS NOT NULL AND integratedb.is_caller(owner)
     AND integratedb.is_weaker(
           old_document, new_parsed -> 'document', kind,
           (SELECT coalesce(jsonb_agg(jsonb_build_array(cr.schema_name, cr.relation_name)), '[]')
              FROM integratedb.stakeholder AS st
              JOIN integratedb.specification AS s ON s.stakeholder_id = st.id AND s.kind = require_right_to_submit.kind
              JOIN integratedb.claim AS c ON c.specification_id = s.id AND c.wildcard_schema IS NOT NULL
              JOIN integratedb.claim_relation AS cr ON cr.claim_id = c.id
             WHERE st.id = owner.id)) THEN
    RETURN false;
  END IF;

  -- Without this check, an owner could give up another role's claims that stand in the way of a migration.
  SELECT integratedb.submitter(s.handed_in_by_oid, s.handed_in_by)
    INTO submitted_by
    FROM integratedb.specification AS s
   WHERE s.stakeholder_id = owner.id
     AND s.kind = require_right_to_submit.kind
     AND s.document -> 'match' <> '[]';
  IF FOUND AND NOT integratedb.is_caller(owner)
     AND (submitted_by IS NULL OR submitted_by = owner.name OR integratedb.is_admin(submitted_by)) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: role %I may not replace the %s of %s, which %s submitted', caller, kind, owner.name,
                        CASE WHEN submitted_by IS NULL THEN 'a role that no longer exists' WHEN submitted_by = owner.name THEN 'the stakeholder itself'
                             ELSE format('admin %I', submitted_by) END),
      detail => NULL,
      hint => 'Ask the stakeholder or a member of integratedb_admin. Whoever owns the tables may replace or give up what owners submitted.');
  END IF;

  old_parsed := coalesce(integratedb.named(old_document, kind), '{}');
  forbidden := integratedb.forbidden_path(
    caller,
    coalesce(old_parsed -> 'schemas', '[]') || (new_parsed -> 'schemas'),
    coalesce(old_parsed -> 'relations', '[]') || (new_parsed -> 'relations'));

  -- If neither document names a relation, only an admin or the stakeholder may submit.
  IF forbidden IS NULL THEN
    forbidden_schema := integratedb.forbidden_schema(caller, owner.id, new_parsed -> 'relations');
  END IF;

  IF forbidden IS NOT NULL OR forbidden_schema IS NOT NULL OR (coalesce(old_parsed -> 'relations', '[]') = '[]' AND new_parsed -> 'relations' = '[]') THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: role %I may not submit %s of %s%s', caller, kind, owner.name,
                        coalesce(': it could not GRANT SELECT on ' || forbidden,
                                 ': it could not GRANT USAGE on schema ' || quote_ident(forbidden_schema), '')),
      detail => NULL,
      hint => 'Ask a member of integratedb_admin, or whoever owns every relation that the old and the new specification name, and their schemas. '
              'schema.* and relations that do not exist yet need an admin. A stakeholder may weaken or give up its own.');
  END IF;

  RETURN true;
END
$$;

COMMENT ON FUNCTION integratedb.require_right_to_submit(name, integratedb.stakeholder, text, jsonb, jsonb) IS
'Refuses a caller who may not replace the old document (null: none) with the new one. Returns false when the '
'stakeholder weakens its own specification; the earlier submitter then stays responsible. Error: 42501.';

CREATE OR REPLACE FUNCTION integratedb.lock_relations(relations jsonb)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  relation record;
  refused boolean;
BEGIN
  -- The locks are taken in the order of names, so that two claims cannot deadlock each other.
  FOR relation IN
    SELECT DISTINCT k.schema_name, k.relation_name, k.relkind, k.oid
      FROM integratedb.relations_at(relations) AS k
     WHERE k.oid IS NOT NULL
     ORDER BY k.schema_name, k.relation_name
  LOOP
    BEGIN
      IF relation.relkind IN ('r', 'p') THEN
        EXECUTE format('LOCK TABLE ONLY %I.%I IN ACCESS SHARE MODE', relation.schema_name, relation.relation_name);
      ELSE
        -- LOCK TABLE accepts neither materialised views nor foreign tables. For a view, it also locks the tables behind
        -- the view, on which the caller may have no right. A query would do the same, and would run functions of the
        -- owner.
        --
        -- table_to_xmlschema() only reads the columns, and keeps its lock until the end of the transaction.
        PERFORM table_to_xmlschema(relation.oid, true, true, '');
      END IF;
    EXCEPTION
      WHEN undefined_table OR invalid_schema_name THEN
        NULL; -- dropped or renamed since: the expansion uses the present catalog
      WHEN feature_not_supported THEN
        NULL; -- Postgres was built without libxml: a concurrent migration of the view causes 40P01 later
      WHEN internal_error THEN
        IF EXISTS (SELECT FROM pg_class AS k WHERE k.oid = relation.oid) THEN
          RAISE;
        END IF; -- the relation was dropped since
      WHEN deadlock_detected OR lock_not_available THEN
        refused := integratedb.refuse(
          code => SQLSTATE,
          message => format('%s is locked by another transaction: %s', integratedb.path_of(relation.schema_name, relation.relation_name), SQLERRM),
          detail => NULL,
          hint => 'Nothing was changed. Run the transaction again; a migration of that table may be under way.');
    END;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.lock_relations(jsonb) IS
'Locks the existing ones of these relations ([schema, relation]), in the order of names, against migrations until the '
'end of the transaction. Errors: 40P01, 55P03, each with a HINT to retry.';

CREATE OR REPLACE FUNCTION integratedb.refuse_specification(refusals jsonb)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  -- MAX_REFUSALS of shape.py: the reader stops there, so the number of further refusals is unknown.
  most CONSTANT integer := 100;
  number CONSTANT integer := jsonb_array_length(refusals);
  refused boolean;
BEGIN
  -- Only DETAIL has the texts, because most clients print both.
  refused := integratedb.refuse(
    code => 'IDB02',
    message => format('invalid specification: %s at %s',
                      CASE WHEN number = 1 THEN '1 fault,'
                           WHEN number < most THEN format('%s faults, the first', number)
                           ELSE format('%s faults or more, the first', number) END,
                      refusals #>> '{0,1}'),
    detail => refusals::text,
    hint => 'DETAIL says what is wrong, and where: [words, JSON pointer] of each fault. Nothing was stored. '
            'Correct these places; SELECT * FROM integratedb_check_spec(spec) checks without storing.');
END
$$;

COMMENT ON FUNCTION integratedb.refuse_specification(jsonb) IS
'Raises IDB02 for these refusals, an array of [message, pointer]. The message gives their number and the place of the '
'first; DETAIL has the texts.';

CREATE OR REPLACE FUNCTION integratedb.too_many_columns(parsed jsonb)
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
  most CONSTANT integer := 200000;
  number bigint;
BEGIN
  SELECT ((parsed ->> 'named_columns')::bigint + coalesce(sum(w.width), 0))::bigint
    INTO number
    FROM (SELECT w.path ->> 0 AS schema_name, w.path ->> 1 AS relation_name, count(*) AS times
            FROM jsonb_array_elements(parsed -> 'wholes') AS w (path)
           GROUP BY w.path ->> 0, w.path ->> 1) AS whole
   CROSS JOIN LATERAL (
     SELECT whole.times * sum(m.width) AS width
       FROM integratedb.schema_members(ARRAY[whole.schema_name]::name[], NULL) AS m
      WHERE whole.relation_name IS NULL
     UNION ALL
     SELECT whole.times * k.relnatts
       FROM integratedb.readable_relation AS r
       JOIN pg_class AS k ON k.oid = r.oid
      WHERE r.schema_name = whole.schema_name
        AND r.relation_name = whole.relation_name) AS w;

  IF number > most THEN
    RETURN format('the specification stands for %s columns; at most %s are allowed', number, most);
  END IF;

  RETURN NULL;
END
$$;

COMMENT ON FUNCTION integratedb.too_many_columns(jsonb) IS
'Why a specification, as parse_specification() returns it, cannot be expanded at once: "*" and schema.* stand for too '
'many columns. Null when it can be expanded. Dropped columns count, because the catalog still has them.';

CREATE OR REPLACE FUNCTION integratedb.require_bounded(parsed jsonb)
RETURNS void
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  excess CONSTANT text := integratedb.too_many_columns(parsed);
  refused boolean;
BEGIN
  IF excess IS NOT NULL THEN
    refused := integratedb.refuse(
      code => '54000',
      message => excess,
      detail => NULL,
      hint => 'Nothing was stored. Claim what is read by name, in place of "*" and schema.*; match a schema once; or share the claims out over several stakeholders.');
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.require_bounded(jsonb) IS
'Refuses a specification, as parse_specification() returns it, that stands for too many columns. Error: 54000.';

CREATE OR REPLACE FUNCTION integratedb.refuse_unmet(claims bigint[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  problems jsonb;
  cure text;
  refused boolean;
BEGIN
  SELECT jsonb_agg(p.problem) INTO problems FROM integratedb.describe_unmet(claims) AS d CROSS JOIN jsonb_array_elements(d.problems) AS p (problem);
  cure := (SELECT min(p.cure) FROM integratedb.problems_of(claims) AS p);

  refused := integratedb.refuse(
    code => 'IDB03',
    message => format('claim not met: %s%s', problems #>> '{0,message}',
                      CASE jsonb_array_length(problems) WHEN 1 THEN '' ELSE format(' (%s more in DETAIL)', jsonb_array_length(problems) - 1) END),
    detail => problems::text,
    hint => coalesce('Nothing was stored. ' || cure || '; then it can be claimed.',
                     'Nothing was stored. Claim what exists; add what does not exist yet as an alternative, or make it optional.'));
END
$$;

COMMENT ON FUNCTION integratedb.refuse_unmet(bigint[]) IS 'Raises IDB03 with the problems of these claims.';

CREATE OR REPLACE FUNCTION integratedb.replace_claims(for_specification bigint, old_document jsonb, new_document jsonb, of_query text)
RETURNS integer[]
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  offset_of_kept CONSTANT integer := 1000000;
  number_of_kept integer;
BEGIN
  DELETE FROM integratedb.claim AS c
   WHERE c.specification_id = for_specification
     AND coalesce(c.document, old_document -> 'match' -> c.match) ->> 'query' = of_query;

  -- The other claims keep their baselines, and come first. The offset keeps their numbers distinct meanwhile.
  UPDATE integratedb.claim AS c SET match = c.match + offset_of_kept WHERE c.specification_id = for_specification;
  UPDATE integratedb.claim AS c
     SET match = n.place
    FROM (SELECT k.id, row_number() OVER (ORDER BY k.match) - 1 AS place FROM integratedb.claim AS k WHERE k.specification_id = for_specification) AS n
   WHERE c.id = n.id;
  GET DIAGNOSTICS number_of_kept = ROW_COUNT;

  INSERT INTO integratedb.claim (specification_id, match, optional, alternatives, path, document)
  SELECT for_specification, m.place - 1, false, coalesce(jsonb_array_length(m.match -> 'alternatives'), 1),
         coalesce(m.match ->> 'path', m.match #>> '{alternatives,0,path}'), m.match
    FROM jsonb_array_elements(new_document -> 'match') WITH ORDINALITY AS m (match, place)
   WHERE m.place > number_of_kept;
  RETURN ARRAY(SELECT c.match FROM integratedb.claim AS c WHERE c.specification_id = for_specification AND c.match >= number_of_kept ORDER BY c.match);
END
$$;

COMMENT ON FUNCTION integratedb.replace_claims(bigint, jsonb, jsonb, text) IS
'Replaces the claims of one saved query, without their expansion, and returns the positions of the new ones. Those of '
'other queries stay as they are, met or not. new_document: with the matches of the other queries first.';

CREATE OR REPLACE FUNCTION integratedb.submit(stakeholder text, kind text, parsed jsonb, of_query text DEFAULT NULL, approvers name[] DEFAULT NULL)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  caller CONSTANT name := integratedb.caller();
  owner CONSTANT integratedb.stakeholder := integratedb.find_stakeholder(stakeholder);
  old_document jsonb := (SELECT s.document FROM integratedb.specification AS s WHERE s.stakeholder_id = owner.id AND s.kind = submit.kind);
  old_relations oid[];
  is_responsible boolean;
  newest bigint;
  stored_id bigint;
  positions integer[];
  expanded jsonb;
  submitted bigint[];
  unmet bigint[];
BEGIN
  PERFORM integratedb.require_writable();

  IF parsed ? 'refusals' THEN
    PERFORM integratedb.refuse_specification(parsed -> 'refusals');
  END IF;

  IF approvers IS NULL THEN
    PERFORM integratedb.require_right_to_submit(caller, owner, kind, old_document, parsed);
  END IF;

  PERFORM integratedb.require_bounded(parsed);
  PERFORM integratedb.lock_relations(
    (parsed -> 'relations') || coalesce(integratedb.named(old_document, kind) -> 'relations', '[]'));
  PERFORM integratedb.take_lock();
  IF integratedb.arm() THEN
    PERFORM integratedb.sync_all();
  END IF;

  -- This is checked again under the lock: the stakeholder may be dropped, the tables may have other owners, the
  -- document may be replaced.
  PERFORM integratedb.find_stakeholder(stakeholder);
  SELECT s.document INTO old_document FROM integratedb.specification AS s WHERE s.stakeholder_id = owner.id AND s.kind = submit.kind;
  is_responsible := approvers IS NOT NULL OR integratedb.require_right_to_submit(caller, owner, kind, old_document, parsed);

  -- What the present claims depend on is no news of this submission.
  PERFORM integratedb.refresh_deprecations();

  SELECT integratedb.relations_of(array_agg(c.id))
    INTO old_relations
    FROM integratedb.claim AS c
    JOIN integratedb.specification AS s ON s.id = c.specification_id
   WHERE s.stakeholder_id = owner.id
     AND s.kind = submit.kind
     AND (of_query IS NULL OR coalesce(c.document, s.document -> 'match' -> c.match) ->> 'query' = of_query);

  INSERT INTO integratedb.specification AS s (stakeholder_id, kind, document, handed_in_by, handed_in_by_oid)
  SELECT owner.id, submit.kind, parsed -> 'document', u.rolname, u.oid FROM pg_roles AS u WHERE u.rolname = caller
  ON CONFLICT ON CONSTRAINT specification_stakeholder_kind_key DO UPDATE
     SET document = EXCLUDED.document,
         handed_in_by = CASE WHEN is_responsible THEN EXCLUDED.handed_in_by ELSE s.handed_in_by END,
         handed_in_by_oid = CASE WHEN is_responsible THEN EXCLUDED.handed_in_by_oid ELSE s.handed_in_by_oid END,
         handed_in_at = EXCLUDED.handed_in_at
  RETURNING s.id INTO stored_id;
  IF is_responsible THEN
    DELETE FROM integratedb.specification_approver AS a WHERE a.specification_id = stored_id;
    INSERT INTO integratedb.specification_approver (specification_id, role_oid, role_name)
    SELECT stored_id, u.oid, u.rolname FROM pg_roles AS u WHERE u.rolname = ANY (approvers) AND u.rolname <> caller;
  END IF;

  IF of_query IS NULL THEN
    DELETE FROM integratedb.claim AS c WHERE c.specification_id = stored_id;
  ELSE
    positions := integratedb.replace_claims(stored_id, old_document, parsed -> 'document', of_query);
  END IF;
  newest := integratedb.newest_relation();
  expanded := integratedb.store_expansion(stored_id, matches => positions, with_document => true);
  submitted := ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.specification_id = stored_id AND (positions IS NULL OR c.match = ANY (positions)));

  PERFORM integratedb.reconcile_grants(
    stakeholders => ARRAY[owner.id],
    relations => old_relations || ARRAY(
      SELECT cr.relid FROM integratedb.claim_relation AS cr WHERE cr.claim_id = ANY (submitted) AND cr.relid IS NOT NULL),
    giving_back => is_responsible);
  PERFORM integratedb.leave_out_unreadable(submitted, newest, '{}', '{}', '{}', NULL);

  unmet := integratedb.unmet_among(submitted);
  IF cardinality(unmet) > 0 THEN
    PERFORM integratedb.refuse_unmet(unmet);
  END IF;
  PERFORM integratedb.refuse_temporary(stored_id);
  PERFORM integratedb.warn_deprecated(owner.id, submitted);

  -- The new grants may have repaired claims of the other kind.
  PERFORM integratedb.follow_mended(ARRAY[owner.id]);

  PERFORM integratedb.log_own_event(format('INTEGRATEDB %s', upper(kind)), format('specification of %s', owner.name), true);
  RETURN integratedb.without_left_out(expanded, stored_id);
END
$$;

COMMENT ON FUNCTION integratedb.submit(text, text, jsonb, text, name[]) IS
'Replaces a stakeholder''s specification of this kind with the new one, in the form that parsed() returns. Returns '
'the specification as expanded. of_query: only the matches of this saved query are new. approvers: roles that may '
'submit all of it together, the caller first; null: the caller''s own right is checked. Errors: those of '
'integratedb_claim().';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_claim(stakeholder text, spec jsonb)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- grants on tables of any owner; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
BEGIN
  PERFORM integratedb.find_stakeholder(stakeholder);
  RETURN integratedb.submit(stakeholder, 'claims', integratedb.parsed(spec, 'claims'));
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_claim(text, jsonb) IS
'Replaces a stakeholder''s claims: the tables and columns that it depends on, and may SELECT.
stakeholder: its name. spec: a specification of kind claims (docs/specification.md), at most 1,000,000 bytes; {"match":
[]} gives everything up.
Returns the claims as expanded against the catalog, every property filled in; min_length is "unlimited" where the
column has no limit.
Errors: 42501 the caller may not submit this; 54000 an access list is full, or "*" stands for too many columns; IDB02
not well formed, DETAIL a JSON array of [message, pointer]; IDB03 not met, DETAIL the problems; IDB04 unknown
stakeholder; 40001, 40P01, 55P03 a concurrent migration interfered: retry.
For members of integratedb_admin; for a role that could GRANT SELECT on every relation that the old and the new one
name; for the stakeholder when it weakens or gives up its own.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_specification(stakeholder text, kind text DEFAULT 'claims')
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- reads tables that nobody else can; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  owner CONSTANT integratedb.stakeholder := integratedb.require_admin_or_self(stakeholder);
  document jsonb;
  refused boolean;
BEGIN

  IF kind IS NULL OR kind NOT IN ('claims', 'notifications', 'queries') THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('unknown kind of specification: %s', coalesce(quote_literal(left(kind, 80)), 'null')),
      detail => NULL,
      hint => 'The kinds are claims, notifications and queries.');
  END IF;

  document := coalesce(
    (SELECT s.document FROM integratedb.specification AS s
      WHERE s.stakeholder_id = owner.id AND s.kind = integratedb_specification.kind),
    '{"match": []}');
  RETURN CASE kind WHEN 'notifications' THEN integratedb.with_channels(document, owner.id) ELSE document END;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_specification(text, text) IS
'A stakeholder''s specification in its short form; {"match": []} when the stakeholder has none.
stakeholder: its name. kind: claims, notifications or queries.
Errors: 22023 unknown kind; 42501 the caller may not read it; IDB04 unknown stakeholder.
For members of integratedb_admin, and for the stakeholder itself.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_adopt_claim(stakeholder text, kind text)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- grants on tables of any owner
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
DECLARE
  adopter CONSTANT name := integratedb.caller(); -- refuses code of another role that would act for an admin
  owner CONSTANT integratedb.stakeholder := integratedb.find_stakeholder(stakeholder);
  claims bigint[];
  unmet bigint[];
  refused boolean;
BEGIN
  IF kind IS NULL OR kind NOT IN ('claims', 'notifications', 'queries') THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('unknown kind of specification: %s', coalesce(quote_literal(left(kind, 80)), 'null')),
      detail => NULL,
      hint => 'The kinds are claims, notifications and queries.');
  END IF;

  -- A SECURITY DEFINER function of an admin may call this for other roles. The responsibility of an admin must not be
  -- passed to them.
  IF NOT integratedb.is_admin(adopter) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: role %I, which the session acts as, is no member of integratedb_admin', adopter),
      detail => NULL,
      hint => 'Whoever takes a claim over answers for it. Ask a member of integratedb_admin.');
  END IF;

  PERFORM integratedb.take_lock();
  PERFORM integratedb.ensure_armed();

  UPDATE integratedb.specification AS s
     SET handed_in_by = u.rolname, handed_in_by_oid = u.oid
    FROM pg_roles AS u
   WHERE s.stakeholder_id = owner.id
     AND s.kind = integratedb_adopt_claim.kind
     AND u.rolname = adopter;
  IF NOT FOUND THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('stakeholder %s has no %s that could be taken over', owner.name, kind),
      detail => NULL,
      hint => format('SELECT integratedb_specification(%L, %L) shows what it has.', owner.name, kind));
  END IF;

  DELETE FROM integratedb.specification_approver AS a
   USING integratedb.specification AS s
   WHERE s.id = a.specification_id
     AND s.stakeholder_id = owner.id
     AND s.kind = integratedb_adopt_claim.kind;

  -- Revoked grants come back for this specification only.
  claims := ARRAY(
    SELECT c.id FROM integratedb.claim AS c JOIN integratedb.specification AS s ON s.id = c.specification_id
     WHERE s.stakeholder_id = owner.id AND s.kind = integratedb_adopt_claim.kind);
  PERFORM integratedb.reconcile_grants(
    stakeholders => ARRAY[owner.id],
    relations => integratedb.relations_of(claims),
    giving_back => true,
    namespaces => ARRAY(SELECT n.oid FROM pg_namespace AS n WHERE n.nspname = ANY (integratedb.schemas_of(claims))));

  unmet := integratedb.unmet_among(claims);
  PERFORM integratedb.sync_claims(ARRAY(SELECT unnest(claims) EXCEPT SELECT unnest(unmet)));
  PERFORM integratedb.try_sync_unmet(u.claim_id) FROM unnest(unmet) AS u (claim_id);

  UPDATE integratedb.claim AS c
     SET unmet_since = NULL, unmet_reason = NULL, unmet_allowed = false
   WHERE c.id = ANY (claims)
     AND c.unmet_since IS NOT NULL
     AND c.id NOT IN (SELECT unnest(integratedb.broken_among(claims)));

  PERFORM integratedb.log_own_event('INTEGRATEDB ADOPT', format('%s of %s', kind, owner.name), true);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_adopt_claim(text, text) IS
'Makes the caller the submitter of a stakeholder''s specification, and grants what it claims. Use it when the earlier
submitter was dropped, or may not grant any more.
stakeholder: its name. kind: claims, notifications or queries.
Errors: 22023 unknown kind, or the stakeholder has no specification of this kind; 42501 the session does not act as an
admin; IDB04 unknown stakeholder; 40001, 40P01, 55P03: retry; 54000 an access list is full.
For members of integratedb_admin.';

CREATE OR REPLACE FUNCTION integratedb.require_admin_or_self(stakeholder text)
RETURNS integratedb.stakeholder
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  caller CONSTANT name := integratedb.caller();
  own integratedb.stakeholder;
  refused boolean;
BEGIN
  IF integratedb.is_admin(caller) THEN
    RETURN integratedb.find_stakeholder(stakeholder);
  END IF;

  SELECT st.* INTO own FROM integratedb.stakeholder AS st WHERE st.name = lower(btrim(stakeholder, E' \t\r\n') COLLATE "C");
  IF FOUND AND integratedb.is_caller(own) THEN
    RETURN own;
  END IF;

  refused := integratedb.refuse(
    code => '42501',
    message => format('permission denied: role %I is neither stakeholder %s nor an admin', caller, coalesce(quote_literal(left(stakeholder, 80)), 'null')),
    detail => NULL,
    hint => 'Ask a member of integratedb_admin.');
  RETURN NULL;
END
$$;

COMMENT ON FUNCTION integratedb.require_admin_or_self(text) IS
'The stakeholder with this name. Refuses a caller who is neither an admin nor this stakeholder. Errors: 42501; IDB04, '
'for an admin.';

CREATE OR REPLACE FUNCTION integratedb.dry_run(document jsonb, kind text)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  stored_id bigint;
  problems jsonb;
BEGIN
  -- The dry run writes, and rolls everything back.
  PERFORM integratedb.require_writable();

  -- This stakeholder cannot have a role, so nothing is granted to it, and no privilege is checked.
  WITH nobody AS (
    INSERT INTO integratedb.stakeholder AS st (name, role_oid)
    VALUES (left('integratedb_' || md5(pg_current_xact_id()::text), 32), 0)
    RETURNING st.id
  )
  INSERT INTO integratedb.specification AS s (stakeholder_id, kind, document, handed_in_by)
  SELECT nobody.id, dry_run.kind, dry_run.document, CURRENT_USER FROM nobody
  RETURNING s.id INTO stored_id;

  PERFORM integratedb.store_expansion(stored_id);

  SELECT coalesce(jsonb_agg(p.problem), '[]')
    INTO problems
    FROM integratedb.describe_unmet(
           integratedb.unmet_among(ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.specification_id = stored_id))) AS d
   CROSS JOIN jsonb_array_elements(d.problems) AS p (problem);
  problems := problems || integratedb.unnotifiable(stored_id) || coalesce((
    SELECT jsonb_agg(DISTINCT jsonb_build_object(
             'code', '01000', 'path', e.path, 'field', e.field, 'property', 'deprecation', 'actual', e.facts,
             'message', format('%s: %s', integratedb.place_of(e.path, e.field), e.words)))
      FROM integratedb.excuses_of(ARRAY(SELECT c.id FROM integratedb.claim AS c WHERE c.specification_id = stored_id)) AS e
     WHERE e.kind = 'deprecation'
       AND e.removed_at IS NULL), '[]');

  -- The error rolls back everything above; the variable keeps its value.
  RAISE EXCEPTION USING ERRCODE = 'IDB00', MESSAGE = 'dry run';
EXCEPTION
  WHEN SQLSTATE 'IDB00' THEN
    RETURN problems;
END
$$;

COMMENT ON FUNCTION integratedb.dry_run(jsonb, text) IS
'The problems of a short document with the present catalog, found by the same code that stores a document. Stores '
'nothing.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_check_spec(spec jsonb, kind text DEFAULT 'claims')
RETURNS TABLE (code text, pointer text, path text, field text, property text, expected jsonb, actual jsonb, message text)
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- expands against tables of the extension
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
DECLARE
  parsed CONSTANT jsonb := integratedb.parsed(spec, kind);
  excess CONSTANT text := CASE WHEN NOT parsed ? 'refusals' THEN integratedb.too_many_columns(parsed) END;
BEGIN
  IF parsed ? 'refusals' THEN
    RETURN QUERY
      SELECT 'IDB02', r.refusal ->> 1, NULL::text, NULL::text, NULL::text, NULL::jsonb, NULL::jsonb, r.refusal ->> 0
        FROM jsonb_array_elements(parsed -> 'refusals') AS r (refusal);
    RETURN;
  END IF;

  IF excess IS NOT NULL THEN
    RETURN QUERY SELECT '54000', '#/match', NULL::text, NULL::text, NULL::text, NULL::jsonb, NULL::jsonb, excess;
    RETURN;
  END IF;

  RETURN QUERY
    SELECT coalesce(p.problem ->> 'code', 'IDB03'), NULL::text, p.problem ->> 'path', p.problem ->> 'field', p.problem ->> 'property',
           nullif(p.problem -> 'expected', 'null'), nullif(p.problem -> 'actual', 'null'), p.problem ->> 'message'
      FROM jsonb_array_elements(integratedb.dry_run(parsed -> 'document', kind)) AS p (problem);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_check_spec(jsonb, text) IS
'Why submitting a specification would be refused, apart from privileges. Stores nothing.
spec: a specification. kind: claims or notifications.
Returns one row for each problem, and no row for a valid specification.
code IDB02 (not well formed) or 54000 (it stands for too many columns) comes with pointer and message.
code IDB03 (not met) comes with path, field, property, expected, actual and message.
code 01000 is a warning, not a problem: it names something deprecated (property deprecation), with path, field, actual
and message.
Error: 22023 unknown kind.
For everybody.';
