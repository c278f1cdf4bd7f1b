-- Submits notifications specifications, and updates publications and control rows at COMMIT.

CREATE OR REPLACE FUNCTION integratedb.parse_notifications(document jsonb, stored_channels jsonb, stakeholder text)
RETURNS jsonb
LANGUAGE plpython3u
IMMUTABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.entry
return entry.parse_notifications(plpy, document, stored_channels, stakeholder)
$python$;

COMMENT ON FUNCTION integratedb.parse_notifications(jsonb, jsonb, text) IS
'Reads a document with channels. Returns {"refusals": [[message, pointer], ...]}, or the result of '
'parse_specification() for the document without its channels, and {"channels": filled in}. Redacted secrets are '
'restored from stored_channels. channels is null when the document omits them.';

CREATE OR REPLACE FUNCTION integratedb.show_channels(channels jsonb)
RETURNS jsonb
LANGUAGE plpython3u
IMMUTABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $python$
#import integratedb.specification.notifications
return notifications.show_channels(channels)
$python$;

COMMENT ON FUNCTION integratedb.show_channels(jsonb) IS
'Channels as they may be shown: in their short form, with redacted secrets.';

CREATE OR REPLACE FUNCTION integratedb.channels_of(of_stakeholder bigint)
RETURNS jsonb
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT coalesce(jsonb_agg(ch.settings || jsonb_build_object('name', ch.name, 'type', ch.type) ORDER BY ch.id), '[]')
    FROM integratedb.channel AS ch
   WHERE ch.stakeholder_id = of_stakeholder
$$;

COMMENT ON FUNCTION integratedb.channels_of(bigint) IS
'A stakeholder''s channels as the specification writes them, filled in, secrets included.';

CREATE OR REPLACE FUNCTION integratedb.with_channels(document jsonb, of_stakeholder bigint)
RETURNS jsonb
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT CASE WHEN c.channels = '[]' THEN document ELSE document || jsonb_build_object('channels', integratedb.show_channels(c.channels)) END
    FROM (SELECT integratedb.channels_of(of_stakeholder) AS channels) AS c
$$;

COMMENT ON FUNCTION integratedb.with_channels(jsonb, bigint) IS
'A notifications document with the stakeholder''s channels as they may be shown.';

CREATE OR REPLACE FUNCTION integratedb.store_channels(of_stakeholder bigint, channels jsonb)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- Locks the channels that are deleted, in the order of their ids, as the daemon locks them. The daemon need not wait
  -- for the other channels, even if this transaction stays open for long.
  SELECT FROM integratedb.channel AS ch
   WHERE ch.stakeholder_id = of_stakeholder
     AND NOT EXISTS (
       SELECT FROM jsonb_to_recordset(channels) AS n (name text, type text) WHERE n.name = ch.name AND n.type = ch.type)
   ORDER BY ch.id
     FOR UPDATE OF ch;

  -- A channel of another type is another channel, which has no use for the waiting events of the old one.
  DELETE FROM integratedb.channel AS ch
   WHERE ch.stakeholder_id = of_stakeholder
     AND NOT EXISTS (
       SELECT FROM jsonb_to_recordset(channels) AS n (name text, type text) WHERE n.name = ch.name AND n.type = ch.type);

  INSERT INTO integratedb.channel AS ch (stakeholder_id, name, type, settings)
  SELECT of_stakeholder, n.value ->> 'name', n.value ->> 'type', n.value - 'name' - 'type'
    FROM jsonb_array_elements(channels) WITH ORDINALITY AS n (value, position)
   ORDER BY n.position
  ON CONFLICT ON CONSTRAINT channel_stakeholder_name_key DO UPDATE
     SET settings = EXCLUDED.settings
   WHERE ch.settings <> EXCLUDED.settings;
$$;

COMMENT ON FUNCTION integratedb.store_channels(bigint, jsonb) IS
'Replaces a stakeholder''s channels. A channel with the same name and type continues, with its waiting events.';

CREATE OR REPLACE FUNCTION integratedb.lock_to_publish(relations jsonb)
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  relation record;
BEGIN
  FOR relation IN
    SELECT DISTINCT k.schema_name, k.relation_name
      FROM integratedb.relations_at(relations) AS k
     WHERE k.relkind IN ('r', 'p')
     ORDER BY k.schema_name, k.relation_name
  LOOP
    BEGIN
      EXECUTE format('LOCK TABLE ONLY %I.%I IN SHARE UPDATE EXCLUSIVE MODE', relation.schema_name, relation.relation_name);
    EXCEPTION
      WHEN undefined_table OR invalid_schema_name THEN
        NULL; -- dropped or renamed since: the expansion uses the present catalog
      WHEN deadlock_detected OR lock_not_available THEN
        PERFORM integratedb.refuse(
          code => SQLSTATE,
          message => format('%s is locked by another transaction: %s', integratedb.path_of(relation.schema_name, relation.relation_name), SQLERRM),
          detail => NULL,
          hint => 'Nothing was changed. Run the transaction again; a migration or VACUUM of that table may be under way.');
    END;
  END LOOP;
END
$$;

COMMENT ON FUNCTION integratedb.lock_to_publish(jsonb) IS
'Locks these tables ([schema, relation]) as adding them to a publication does, in the order of names. Errors: 40P01, '
'55P03, each with a HINT to retry.';

CREATE OR REPLACE FUNCTION integratedb.unnotifiable(of_specification bigint)
RETURNS jsonb
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT coalesce(
    jsonb_agg(jsonb_build_object('path', p.path, 'field', p.field, 'property', p.property, 'expected', NULL, 'actual', NULL, 'message', p.message)
              ORDER BY p.path, p.message), '[]')
    FROM integratedb.notification_problem AS p
    JOIN integratedb.claim AS c ON c.id = p.claim_id
   WHERE c.specification_id = of_specification
$$;

COMMENT ON FUNCTION integratedb.unnotifiable(bigint) IS
'The requests of a specification that cannot be notified, as an array of problems; empty for claims.';

CREATE OR REPLACE FUNCTION integratedb.refuse_unnotifiable(of_stakeholder bigint)
RETURNS void
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  problems CONSTANT jsonb := (
    SELECT integratedb.unnotifiable(s.id) FROM integratedb.specification AS s WHERE s.stakeholder_id = of_stakeholder AND s.kind = 'notifications');
BEGIN
  IF problems <> '[]' THEN
    PERFORM integratedb.refuse(
      code => 'IDB03',
      message => format('claim not met: %s%s', problems #>> '{0,message}',
                        CASE jsonb_array_length(problems) WHEN 1 THEN '' ELSE format(' (%s more in DETAIL)', jsonb_array_length(problems) - 1) END),
      detail => problems::text,
      hint => (SELECT string_agg(DISTINCT p.cure, E'\n') FROM integratedb.notification_problem AS p WHERE p.stakeholder_id = of_stakeholder));
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.refuse_unnotifiable(bigint) IS
'Raises IDB03 when a request of a stakeholder cannot be notified, with the cure in the hint.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_notify(stakeholder text, spec jsonb)
RETURNS jsonb
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- grants on and publishes tables of any owner; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
AS $$
DECLARE
  caller CONSTANT name := integratedb.caller();
  owner CONSTANT integratedb.stakeholder := integratedb.find_stakeholder(stakeholder);
  old_document CONSTANT jsonb := (SELECT s.document FROM integratedb.specification AS s WHERE s.stakeholder_id = owner.id AND s.kind = 'notifications');
  excess CONSTANT text := integratedb.excess_of(spec);
  parsed jsonb;
  expanded jsonb;
BEGIN
  PERFORM integratedb.require_writable();

  -- This comes before the comparison with stored channels, because the refusal of a redacted secret shows whether the
  -- URL was right.
  IF jsonb_typeof(spec) = 'object' AND spec ? 'channels' AND NOT integratedb.is_admin(caller) THEN
    PERFORM integratedb.refuse(
      code => '42501',
      message => format('permission denied: role %I may not define channels', caller),
      detail => NULL,
      hint => 'Leave "channels" out: those that an admin defined stay. Or ask a member of integratedb_admin.');
  END IF;

  -- The check of the channels' names shows which names there are, so the rights come first.
  IF NOT integratedb.is_admin(caller) THEN
    parsed := integratedb.parsed(spec, 'notifications');
    IF parsed ? 'refusals' THEN
      PERFORM integratedb.refuse_specification(parsed -> 'refusals');
    END IF;
    PERFORM integratedb.require_right_to_submit(caller, owner, 'notifications', old_document, parsed);
  END IF;

  parsed := CASE WHEN excess IS NULL
                 THEN integratedb.parse_notifications(coalesce(spec, 'null'), integratedb.channels_of(owner.id), owner.name)
                 ELSE jsonb_build_object('refusals', jsonb_build_array(jsonb_build_array(excess, '#'))) END;
  IF parsed ? 'refusals' THEN
    PERFORM integratedb.refuse_specification(parsed -> 'refusals');
  END IF;

  PERFORM integratedb.require_right_to_submit(caller, owner, 'notifications', old_document, parsed);
  PERFORM integratedb.lock_to_publish(parsed -> 'relations');

  expanded := integratedb.submit(stakeholder, 'notifications', parsed);
  IF parsed -> 'channels' <> 'null' THEN
    PERFORM integratedb.store_channels(owner.id, parsed -> 'channels');
  END IF;

  PERFORM integratedb.refuse_unnotifiable(owner.id);
  PERFORM integratedb.reconcile_publications();
  IF jsonb_array_length(expanded -> 'match') > 0 AND current_setting('wal_level') <> 'logical' THEN
    RAISE WARNING 'nothing is notified yet: wal_level is %, notifications need logical', current_setting('wal_level')
      USING HINT = 'ALTER SYSTEM SET wal_level = logical, and restart Postgres.';
  END IF;
  RETURN integratedb.with_channels(expanded, owner.id);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_notify(text, jsonb) IS
'Replaces a stakeholder''s notifications and its channels.
stakeholder: its name. spec: a specification of kind notifications (docs/specification.md), at most 1,000,000 bytes;
{"match": []} gives everything up.
If "channels" is omitted, the channels stay. A redacted secret in spec keeps the stored secret.
Returns the notifications as expanded against the catalog, with the channels, secrets redacted.
Errors: 42501 the caller may not submit this; 54000 an access list is full, or "*" stands for too many columns; IDB02
not well formed, DETAIL a JSON array of [message, pointer]; IDB03 not met, or cannot be notified (no replica identity,
not a table), DETAIL the problems, HINT the cure; IDB04 unknown stakeholder; 40001, 40P01, 55P03 a concurrent migration
interfered: retry.
For those who may integratedb_claim(); channels for members of integratedb_admin only.';

CREATE OR REPLACE FUNCTION integratedb.publication_event()
RETURNS text
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
  RETURN (
    SELECT e.command_tag
      FROM integratedb.ddl_event AS e
     WHERE e.xid = pg_current_xact_id()
       AND e.checked
       AND (e.object_type LIKE 'publication%' OR e.command_tag = 'ALTER PUBLICATION')
       AND (e.object_identity IN ('integratedb', 'integratedb_append', 'integratedb_control')
            OR e.object_identity ~ ' in publication (integratedb|integratedb_append|integratedb_control)$'
            -- The event of a rename has only the new name.
            OR (e.object_type = 'publication'
                AND (SELECT count(*) FROM pg_publication AS p WHERE p.pubname IN ('integratedb', 'integratedb_append', 'integratedb_control')) < 3))
     LIMIT 1);
END
$$;

COMMENT ON FUNCTION integratedb.publication_event() IS
'The command by which another role changed our publications in this transaction; null when none did.';

CREATE OR REPLACE FUNCTION integratedb.concerns_notifications(touched bigint[], relations oid[])
RETURNS boolean
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
AS $$
  SELECT EXISTS (SELECT FROM integratedb.ddl_event AS e
                  WHERE e.xid = pg_current_xact_id()
                    AND (e.command_tag LIKE 'INTEGRATEDB %' OR e.object_type LIKE 'publication%'
                         -- The schema of a stakeholder is renamed or dropped with the stakeholder.
                         OR e.object_type = 'schema'
                         OR (e.dropped AND e.object_type IN ('index', 'table constraint'))))
      -- A changed type may be in notified rows without being named in a claim.
      OR EXISTS (SELECT FROM integratedb.type_change AS y WHERE y.xid = pg_current_xact_id())
      -- Claims concern only stakeholders that have a notifications specification, a channel or a control row.
      OR EXISTS (
        SELECT FROM integratedb.claim AS c
          JOIN integratedb.specification AS s ON s.id = c.specification_id
         WHERE c.id = ANY (touched)
           AND (s.kind = 'notifications'
                OR EXISTS (SELECT FROM integratedb.channel AS ch WHERE ch.stakeholder_id = s.stakeholder_id)
                OR EXISTS (SELECT FROM integratedb.control AS o WHERE o.stakeholder_id = s.stakeholder_id)))
      -- A partition that was created or attached concerns the notifications of its partitioned table.
      OR EXISTS (SELECT FROM unnest(relations) AS t (relid)
                  CROSS JOIN LATERAL pg_partition_ancestors(t.relid) AS a
                  JOIN integratedb.published AS p ON p.relid = a.relid)
$$;

COMMENT ON FUNCTION integratedb.concerns_notifications(bigint[], oid[]) IS
'Whether this transaction, which touched these claims and relations, may have changed notifications: the requests, '
'the relations, or the publications.';

CREATE OR REPLACE FUNCTION integratedb.unnotifiable_refusal(claims bigint[])
RETURNS integratedb.refusal
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT 'IDB01',
         format('invalid migration: it breaks notifications of %s', string_agg(DISTINCT p.stakeholder, ', ')),
         string_agg(DISTINCT format('%s (notifications): %s', p.stakeholder, p.message), E'\n'),
         concat_ws(E'\n',
           string_agg(DISTINCT format('Author of the migration: %s', p.cure), E'\n'),
           'Admin: SELECT integratedb_override(''reason'') in the same transaction lets it pass, on record.')
    FROM integratedb.notification_problem AS p
   WHERE p.claim_id = ANY (claims)
$$;

COMMENT ON FUNCTION integratedb.unnotifiable_refusal(bigint[]) IS
'The refusal IDB01 for these notification claims, which this transaction made impossible to notify.';

CREATE OR REPLACE FUNCTION integratedb.affected_relations(touched bigint[], relations oid[])
RETURNS oid[]
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
-- Only a few objects are needed, so each is looked up.
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  -- Beyond this number, recomputing everything is faster than single lookups.
  at_most CONSTANT integer := 100;
  affected oid[];
BEGIN
  IF EXISTS (
       SELECT FROM integratedb.ddl_event AS e
        WHERE e.xid = pg_current_xact_id()
          AND (e.command_tag LIKE 'INTEGRATEDB %' OR e.object_type LIKE 'publication%' OR e.object_type IN ('schema', 'extension')))
     -- A changed type may be in columns of untouched tables, inside other types.
     OR EXISTS (SELECT FROM integratedb.type_change AS y WHERE y.xid = pg_current_xact_id())
  THEN
    RETURN NULL;
  END IF;

  affected := ARRAY(
    WITH event AS MATERIALIZED (
      SELECT DISTINCT e.classid, e.objid, e.schema_name, e.relation_name, e.object_type, e.dropped
        FROM integratedb.ddl_event AS e
       WHERE e.xid = pg_current_xact_id()
         AND e.checked
    ), affected AS MATERIALIZED (
      SELECT unnest(relations) AS relid
      UNION
      SELECT e.objid FROM event AS e WHERE e.classid = 'pg_class'::regclass AND e.objid IS NOT NULL
      UNION
      -- Relations that lost a column or a constraint by CASCADE.
      SELECT k.oid
        FROM event AS e
        JOIN pg_namespace AS n ON n.nspname = e.schema_name
       CROSS JOIN LATERAL (SELECT k.oid FROM pg_class AS k WHERE k.relnamespace = n.oid AND k.relname = e.relation_name OFFSET 0) AS k
      UNION
      -- The event of an index does not name the table, but the table was in the same schema.
      SELECT d.objid
        FROM (SELECT DISTINCT e.schema_name FROM event AS e WHERE e.dropped AND e.object_type = 'index') AS e
        JOIN pg_namespace AS n ON n.nspname = e.schema_name
       CROSS JOIN LATERAL (
         SELECT d.objid FROM pg_depend AS d
          WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid AND d.classid = 'pg_class'::regclass
         OFFSET 0) AS d
      UNION
      -- No event names the partitioned table of a dropped partition.
      SELECT k.oid
        FROM integratedb.published AS p
        JOIN pg_class AS k ON k.oid = p.relid AND k.relkind = 'p'
       WHERE EXISTS (SELECT FROM event AS e WHERE e.dropped AND e.object_type IN ('table', 'foreign table'))
      UNION
      -- A claim is expanded as a whole. A claim on schema.* is expanded for touched and new relations only.
      SELECT cr.relid
        FROM unnest(touched) AS t (claim_id)
       CROSS JOIN LATERAL (SELECT c.wildcard_schema FROM integratedb.claim AS c WHERE c.id = t.claim_id OFFSET 0) AS c
       CROSS JOIN LATERAL (SELECT cr.relid, cr.xmin FROM integratedb.claim_relation AS cr WHERE cr.claim_id = t.claim_id OFFSET 0) AS cr
       WHERE cr.relid IS NOT NULL
         AND (c.wildcard_schema IS NULL OR integratedb.is_own_xid(cr.xmin))
    )
    SELECT a.relid FROM affected AS a
    UNION
    SELECT w.relid::oid FROM affected AS a CROSS JOIN LATERAL pg_partition_ancestors(a.relid) AS w
    LIMIT at_most + 1);

  RETURN CASE WHEN cardinality(affected) <= at_most THEN affected END;
END
$$;

COMMENT ON FUNCTION integratedb.affected_relations(bigint[], oid[]) IS
'The relations of which this transaction may have changed what is notified, published or sent to the daemon. Dropped '
'relations, and the partitioned tables of these, are included. Null: any relation. touched, relations: the claims and '
'relations that it touched.';

CREATE OR REPLACE FUNCTION integratedb.claims_on(touched bigint[], relations oid[])
RETURNS bigint[]
LANGUAGE plpgsql
STABLE PARALLEL SAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET enable_seqscan = off
AS $$
BEGIN
  RETURN ARRAY(
    SELECT unnest(touched)
    UNION
    SELECT cr.claim_id FROM integratedb.claim_relation AS cr WHERE cr.relid = ANY (relations));
END
$$;

COMMENT ON FUNCTION integratedb.claims_on(bigint[], oid[]) IS 'These claims, and the claims on these relations.';

CREATE OR REPLACE FUNCTION integratedb.follow_notifications(touched bigint[], relations oid[], everything boolean)
RETURNS integratedb.refusal
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
SET jit = off
-- The function may have to read all notifications.
SET enable_seqscan = on
AS $$
DECLARE
  meddled CONSTANT text := integratedb.publication_event();
  affected oid[];
  claims bigint[];
  broken bigint[];
  added oid[];
  untold bigint[];
  refusal integratedb.refusal;
BEGIN
  IF meddled IS NOT NULL THEN
    RETURN ROW(
      'IDB01',
      format('invalid migration (%s): the publications integratedb, integratedb_append and integratedb_control belong to the extension', meddled),
      NULL,
      'What they publish follows the specifications: integratedb_notify(). Make a publication of your own for anything else.')::integratedb.refusal;
  END IF;

  IF NOT EXISTS (SELECT FROM integratedb.specification AS s WHERE s.kind = 'notifications')
     AND NOT EXISTS (SELECT FROM integratedb.control) THEN
    RETURN NULL;
  END IF;
  IF NOT integratedb.concerns_notifications(touched, relations) THEN
    RETURN NULL;
  END IF;

  affected := CASE WHEN NOT everything THEN integratedb.affected_relations(touched, relations) END;
  IF affected IS NOT NULL THEN
    -- A relation without its replica identity is included even if another transaction removed it: its UPDATE and DELETE
    -- fail until its publication is changed.
    affected := affected || integratedb.published_unidentified();
  END IF;
  -- Two statements, because one plan for both would fit only the slower case.
  IF affected IS NULL THEN
    broken := ARRAY(SELECT integratedb.untellable_claims());
  ELSE
    claims := integratedb.claims_on(touched, affected);
    broken := integratedb.untellable_among(claims);
  END IF;
  IF cardinality(broken) > 0 THEN
    -- A problem that is already recorded is reported only to a migration of the same tables.
    broken := ARRAY(
      SELECT c.id FROM integratedb.claim AS c WHERE c.id = ANY (broken) AND c.unmet_since IS NULL
      UNION
      SELECT unnest(broken) INTERSECT SELECT unnest(touched));
    refusal := integratedb.judge(broken, untellable => true);
    IF refusal.code IS NOT NULL THEN
      RETURN refusal;
    END IF;
  END IF;

  added := integratedb.reconcile_publications(affected);
  untold := CASE WHEN affected IS NOT NULL THEN integratedb.untold_stakeholders(claims, affected) END;
  IF untold IS NULL OR untold <> '{}' THEN
    PERFORM integratedb.publish_control(
      submitted => ARRAY(
        SELECT st.id
          FROM integratedb.ddl_event AS e
          JOIN integratedb.stakeholder AS st ON e.reason = 'specification of ' || st.name
         WHERE e.xid = pg_current_xact_id()
           AND e.command_tag IN ('INTEGRATEDB CLAIMS', 'INTEGRATEDB NOTIFICATIONS')),
      added => added,
      among => untold);
  END IF;
  RETURN NULL;
END
$$;

COMMENT ON FUNCTION integratedb.follow_notifications(bigint[], oid[], boolean) IS
'Runs at COMMIT of a transaction that touched these claims and relations (everything: it may have touched any), after '
'the claims were found met. Updates the publications, and writes control rows for the daemon. Returns the refusal '
'(IDB01) of a transaction that made a notification impossible or changed our publications; else null.';

DO LANGUAGE plpgsql $$
BEGIN
  -- A dump contains its own publications. pg_dump cannot dump the membership of our control table, which the first
  -- check adds.
  --
  -- Only the settings decide here: from PostgreSQL 18 on, the context has a line of the script.
  IF NOT integratedb.is_restore_session() THEN
    IF NOT EXISTS (SELECT FROM integratedb.stakeholder) THEN
      PERFORM integratedb.refuse_foreign_publications();
    END IF;
    PERFORM integratedb.ensure_publications();
  END IF;
END
$$;
