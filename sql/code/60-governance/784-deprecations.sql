-- Deprecations: an owner announces that a table or column will be removed. After the date, claims on it no longer refuse
-- the removal, where the setting deprecation is binding.

CREATE OR REPLACE VIEW integratedb.present_deprecation AS
  SELECT d.id, d.message, d.remove_after, d.deprecated_by, d.deprecated_at, d.announced_at,
         integratedb.path_of(r.schema_name, r.relation_name) AS path, a.attname::text AS field
    FROM integratedb.deprecation AS d
    JOIN integratedb.readable_relation AS r ON r.oid = d.relid
    LEFT JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.relid AND a.attnum = d.attnum AND d.attnum <> 0 AND NOT a.attisdropped
   WHERE d.removed_at IS NULL
     AND (d.attnum = 0 OR a.attnum IS NOT NULL);

COMMENT ON VIEW integratedb.present_deprecation IS 'What is deprecated and exists, by its present name.';

CREATE OR REPLACE FUNCTION integratedb.deprecation_notes(relations oid[])
RETURNS TABLE (relid oid, attnum smallint, note text)
LANGUAGE sql
STABLE PARALLEL SAFE
SECURITY DEFINER -- reads a table that nobody else can; integratedb_deprecations() shows it to everybody
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  -- A line of its own: the owner's words cannot begin another one.
  SELECT d.relid, d.attnum,
         '@deprecated ' || concat_ws(': ', concat_ws(' ', 'to be removed', 'after ' || to_char(d.remove_after AT TIME ZONE 'UTC', 'YYYY-MM-DD')),
                                     regexp_replace(d.message, '[[:space:]]+', ' ', 'g'))
    FROM integratedb.deprecation AS d
   WHERE d.relid = ANY (relations)
     AND d.removed_at IS NULL
$$;

COMMENT ON FUNCTION integratedb.deprecation_notes(oid[]) IS
'What is deprecated of these relations, as a line of a comment, which GraphQL and OpenAPI read. attnum: the column; 0: '
'the whole relation.';

CREATE OR REPLACE FUNCTION integratedb.refresh_deprecations()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM integratedb.deprecation) THEN
    RETURN;
  END IF;

  -- A restore finds relations by their names, so the names are kept up to date. Those that a claim still records stay as
  -- they are: the check at COMMIT compares them.
  UPDATE integratedb.deprecation AS d
     SET schema_name = r.schema_name, relation_name = r.relation_name, column_name = a.attname
    FROM integratedb.readable_relation AS r
    LEFT JOIN pg_attribute AS a ON a.attrelid = r.oid AND NOT a.attisdropped
   WHERE r.oid = d.relid
     AND d.removed_at IS NULL
     AND a.attnum IS NOT DISTINCT FROM nullif(d.attnum, 0)
     AND (d.schema_name, d.relation_name, d.column_name) IS DISTINCT FROM (r.schema_name, r.relation_name, a.attname)
     AND NOT EXISTS (
       SELECT FROM integratedb.deprecated_claim AS e
        WHERE e.deprecation_id = d.id
          AND e.path = integratedb.path_of(d.schema_name, d.relation_name)
          AND e.field IS NOT DISTINCT FROM d.column_name);

  DELETE FROM integratedb.deprecation AS d
   WHERE NOT EXISTS (SELECT FROM integratedb.deprecated_claim AS e WHERE e.deprecation_id = d.id)
     AND NOT EXISTS (SELECT FROM integratedb.present_deprecation AS p WHERE p.id = d.id);
  PERFORM integratedb.tell_dependents();
END
$$;

COMMENT ON FUNCTION integratedb.refresh_deprecations() IS
'Brings the names of deprecated relations and columns up to date, and forgets those that are gone and that no claim '
'records. Tells stakeholders that depend on them and do not know it.';

CREATE OR REPLACE FUNCTION integratedb.note_promises(claims bigint[])
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  INSERT INTO integratedb.deprecation_promise AS p (deprecation_id, stakeholder_id, until)
  SELECT n.deprecation_id, n.stakeholder_id, max(n.until)
    FROM integratedb.dependent_notice AS n
   WHERE n.claim_id = ANY (claims)
     AND NOT n.is_told
     AND n.until IS NOT NULL
   GROUP BY n.deprecation_id, n.stakeholder_id
  ON CONFLICT ON CONSTRAINT deprecation_promise_pkey DO UPDATE SET until = greatest(p.until, EXCLUDED.until)
$$;

COMMENT ON FUNCTION integratedb.note_promises(bigint[]) IS
'Records until when these claims were promised what is deprecated and what their stakeholders do not know yet.';

CREATE OR REPLACE FUNCTION integratedb.note_dependents(claims bigint[], moment timestamptz)
RETURNS void
LANGUAGE sql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  INSERT INTO integratedb.deprecation_notice (deprecation_id, stakeholder_id, path, field, told_at)
  SELECT DISTINCT n.deprecation_id, n.stakeholder_id, n.path, n.field, moment
    FROM integratedb.dependent_notice AS n
   WHERE n.claim_id = ANY (claims)
     AND NOT n.is_told
$$;

COMMENT ON FUNCTION integratedb.note_dependents(bigint[], timestamptz) IS
'Records that the stakeholders of these claims know what of them is deprecated, since this moment; null: since it was '
'announced.';

CREATE OR REPLACE FUNCTION integratedb.tell_dependents()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  untold CONSTANT bigint[] := ARRAY(SELECT DISTINCT n.claim_id FROM integratedb.dependent_notice AS n WHERE NOT n.is_told);
BEGIN
  IF cardinality(untold) = 0 THEN
    RETURN;
  END IF;

  -- Set-based: there may be thousands, and everybody's claims and migrations wait meanwhile.
  PERFORM integratedb.note_promises(untold);
  INSERT INTO integratedb.control (stakeholder_id, kind, body)
  SELECT st.id, 'event', integratedb.event_of(st, 'integratedb.schema.deprecated', integratedb.path_of(d.schema_name, d.relation_name), integratedb.deprecation_data(d))
    FROM (SELECT DISTINCT n.deprecation_id, n.stakeholder_id FROM integratedb.dependent_notice AS n WHERE NOT n.is_told) AS n
    JOIN integratedb.deprecation AS d ON d.id = n.deprecation_id
    JOIN integratedb.stakeholder AS st ON st.id = n.stakeholder_id
   WHERE integratedb.is_heard(st.id)
   ORDER BY d.id, st.id;
  PERFORM integratedb.note_dependents(untold, clock_timestamp());
END
$$;

COMMENT ON FUNCTION integratedb.tell_dependents() IS
'Tells stakeholders that have come to depend on something deprecated, by a rename, and do not know it. They have their '
'days from now on, and the promises of their claims count.';

CREATE OR REPLACE FUNCTION integratedb.daemon_tell_dependents()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- the daemon has no rights but these functions
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  IF integratedb.is_armed() AND EXISTS (SELECT FROM integratedb.dependent_notice AS n WHERE NOT n.is_told) THEN
    PERFORM integratedb.take_lock();
    PERFORM integratedb.refresh_deprecations();
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.daemon_tell_dependents() IS
'tell_dependents() for the daemon. Errors: 40001, 55P03: retry.';

CREATE OR REPLACE FUNCTION integratedb.find_deprecations()
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
BEGIN
  -- 0 is no relation. A missing column counts as the first column of that.
  UPDATE integratedb.deprecation AS d
     SET relid = coalesce(found.relid, 0),
         attnum = CASE WHEN d.column_name IS NULL THEN 0 ELSE coalesce(found.attnum, 1) END
    FROM integratedb.deprecation AS o
    LEFT JOIN LATERAL (
      SELECT r.oid AS relid, a.attnum
        FROM integratedb.readable_relation AS r
        LEFT JOIN pg_attribute AS a ON a.attrelid = r.oid AND a.attname = o.column_name AND a.attnum > 0 AND NOT a.attisdropped
       WHERE r.schema_name = o.schema_name
         AND r.relation_name = o.relation_name
         AND (o.column_name IS NULL OR a.attnum IS NOT NULL)
         AND o.removed_at IS NULL) AS found ON true
   WHERE o.id = d.id;
END
$$;

COMMENT ON FUNCTION integratedb.find_deprecations() IS
'After a restore, finds what is deprecated again by its name.';

CREATE OR REPLACE FUNCTION integratedb.warn_deprecated(of_stakeholder bigint, claims bigint[])
RETURNS void
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  places text;
  lines text;
BEGIN
  IF NOT EXISTS (SELECT FROM integratedb.deprecation) THEN
    RETURN;
  END IF;

  -- What it gave up it may claim again, and then under other names than it was told.
  DELETE FROM integratedb.deprecation_notice AS n
   WHERE n.stakeholder_id = of_stakeholder
     AND NOT EXISTS (
       SELECT FROM integratedb.dependent_notice AS e
        WHERE (e.deprecation_id, e.stakeholder_id, e.path, coalesce(e.field, '')) = (n.deprecation_id, n.stakeholder_id, n.path, coalesce(n.field, '')));
  PERFORM integratedb.note_dependents(claims, NULL);
  PERFORM integratedb.refresh_deprecations();

  SELECT string_agg(n.place, ', ' ORDER BY n.place), string_agg(n.place || ': ' || n.words, E'\n' ORDER BY n.place)
    INTO places, lines
    FROM (SELECT DISTINCT integratedb.place_of(e.path, e.field) AS place, e.words
            FROM integratedb.excuses_of(claims) AS e
           WHERE e.kind = 'deprecation'
             AND e.removed_at IS NULL) AS n;
  IF places IS NOT NULL THEN
    RAISE WARNING 'deprecated: %', left(places, 1000)
      USING DETAIL = left(lines, 8000),
            HINT = 'Claim something else in time. SELECT * FROM integratedb_deprecations() tells when it may be removed.';
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.warn_deprecated(bigint, bigint[]) IS
'Warns that these claims of the stakeholder, which were just submitted, name what is deprecated.';

CREATE OR REPLACE FUNCTION integratedb.require_deprecable(caller name, path text, field text, OUT relid oid, OUT attnum smallint, OUT schema_name name, OUT relation_name name)
LANGUAGE plpgsql
STABLE PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  parts CONSTANT text[] := integratedb.path_parts(path);
  relation_owner oid;
  refused boolean;
BEGIN
  IF parts[2] IS NULL OR parts[1] ~ '^pg_' OR parts[1] IN ('information_schema', 'integratedb') THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('cannot be deprecated: %s', left(path, 150)),
      detail => NULL,
      hint => 'Deprecate tables, views and columns, one by one; not a whole schema, and nothing of Postgres or IntegrateDB.');
  END IF;

  SELECT r.oid, r.relowner, r.schema_name, r.relation_name
    INTO relid, relation_owner, schema_name, relation_name
    FROM integratedb.readable_relation AS r
   WHERE r.schema_name = parts[1] AND r.relation_name = parts[2];
  attnum := CASE WHEN field IS NULL THEN 0::smallint
                 ELSE (SELECT a.attnum FROM pg_attribute AS a
                        WHERE a.attrelid = relid AND a.attname = field AND a.attnum > 0 AND NOT a.attisdropped) END;
  IF relid IS NULL OR attnum IS NULL THEN
    PERFORM integratedb.require_known(path, field);
    refused := integratedb.refuse(
      code => CASE WHEN relid IS NULL THEN '42P01' ELSE '42703' END,
      message => format('%s does not exist', integratedb.place_of(integratedb.path_as_stored(path), field)),
      detail => NULL,
      hint => 'Claims name it, but only what exists can be deprecated.');
  END IF;

  IF NOT integratedb.is_admin(caller)
     AND NOT EXISTS (SELECT FROM pg_roles AS u WHERE u.rolname = caller AND pg_has_role(u.oid, relation_owner, 'USAGE')) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: role %I does not own %s', caller, integratedb.path_as_stored(path)),
      detail => NULL,
      hint => format('Its owner %I and members of integratedb_admin may deprecate it.', pg_get_userbyid(relation_owner)));
  END IF;
END
$$;

COMMENT ON FUNCTION integratedb.require_deprecable(name, text, text) IS
'The table (attnum 0) or column at this path and field. Refuses what does not exist or cannot be deprecated, and a '
'caller who does not own it and is no admin. Errors: 22023, 42501, 42703, 42P01.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_deprecate(path text, field text DEFAULT NULL, remove_after timestamptz DEFAULT NULL, message text DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes tables that nobody else can; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  caller CONSTANT name := integratedb.caller();
  words CONSTANT text := nullif(btrim(integratedb_deprecate.message), '');
  -- The transaction may have begun days ago, and nobody was told then.
  moment CONSTANT timestamptz := clock_timestamp();
  removal CONSTANT timestamptz := integratedb_deprecate.remove_after;
  target record;
  is_told boolean := true;
  new_id bigint;
  dependents bigint[];
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();
  PERFORM integratedb.require_deprecable(caller, integratedb_deprecate.path, integratedb_deprecate.field);

  -- Clients read the time, and many of them know no year of five digits.
  IF removal <= moment OR removal > '9999-01-01 00:00:00+00' THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('the time of removal has passed, or is not one: %s', removal),
      detail => NULL,
      hint => 'Give a time in the future, such as now() + interval ''30 days'', or null while you do not know it.');
  END IF;

  IF length(words) > 1000 THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('the message has %s characters; at most 1000 are allowed', length(words)),
      detail => NULL,
      hint => 'Say in a sentence what to read instead; a link has the rest.');
  END IF;

  PERFORM integratedb.lock_relations(jsonb_build_array(to_jsonb(integratedb.path_parts(integratedb_deprecate.path))));
  PERFORM integratedb.take_lock();
  IF integratedb.arm() THEN
    PERFORM integratedb.sync_all();
  END IF;
  -- This is checked again under the lock: the table may have another owner.
  target := integratedb.require_deprecable(caller, integratedb_deprecate.path, integratedb_deprecate.field);
  PERFORM integratedb.refresh_deprecations();

  -- Whoever says the same again tells nobody.
  SELECT (d.message, d.remove_after) IS DISTINCT FROM (words, removal)
    INTO is_told
    FROM integratedb.deprecation AS d
   WHERE d.relid = target.relid AND d.attnum = target.attnum AND d.removed_at IS NULL;

  UPDATE integratedb.deprecation AS d
     SET message = words,
         remove_after = removal,
         reminded_days = integratedb.reminder_days(removal),
         schema_name = target.schema_name,
         relation_name = target.relation_name,
         column_name = integratedb_deprecate.field,
         deprecated_by = caller,
         announced_at = CASE WHEN removal < coalesce(d.remove_after, 'infinity') THEN moment ELSE d.announced_at END
   WHERE d.relid = target.relid
     AND d.attnum = target.attnum
     AND d.removed_at IS NULL
  RETURNING d.id INTO new_id;

  IF new_id IS NULL THEN
    INSERT INTO integratedb.deprecation AS d
      (relid, attnum, schema_name, relation_name, column_name, message, remove_after, deprecated_by, deprecated_at, announced_at, reminded_days)
    VALUES (target.relid, target.attnum, target.schema_name, target.relation_name, integratedb_deprecate.field, words, removal, caller,
            moment, moment, integratedb.reminder_days(removal))
    RETURNING d.id INTO new_id;

    dependents := ARRAY(SELECT DISTINCT e.claim_id FROM integratedb.deprecated_claim AS e WHERE e.deprecation_id = new_id);
    PERFORM integratedb.note_promises(dependents);
    PERFORM integratedb.note_dependents(dependents, NULL);
  END IF;

  PERFORM integratedb.add_surface_changes(ARRAY[(SELECT k.relnamespace FROM pg_class AS k WHERE k.oid = target.relid)]);
  IF is_told IS NOT false THEN
    PERFORM integratedb.tell_deprecation(new_id, 'integratedb.schema.deprecated');
  END IF;
  PERFORM integratedb.log_own_event(
    'INTEGRATEDB DEPRECATE',
    integratedb.place_of(integratedb.path_as_stored(integratedb_deprecate.path), integratedb_deprecate.field)
      || coalesce(', to be removed after ' || to_char(removal, 'YYYY-MM-DD HH24:MI TZ'), '') || coalesce(': ' || words, ''), false);

  RETURN (
    SELECT count(DISTINCT s.stakeholder_id)::integer
      FROM integratedb.deprecated_claim AS e
      JOIN integratedb.claim AS c ON c.id = e.claim_id
      JOIN integratedb.specification AS s ON s.id = c.specification_id
     WHERE e.deprecation_id = new_id);
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_deprecate(text, text, timestamptz, text) IS
'Announces that a table, view or column will be removed. New claims on it get a WARNING, and everything that shows
dependents shows it. Deprecating it again changes the time and the message.
path: schema.table as in a specification. field: a column; null: the whole table. remove_after: when it will be removed;
null: not known yet. message: what to use instead, for those who depend on it.
After remove_after, a migration that removes or renames it is no longer refused, where the setting deprecation is
binding. Not before 7 days after the time was announced, and not before the end of the day that an earlier claim has as
"until".
Returns the number of stakeholders that depend on it.
Errors: 22023 not a path, a time that has passed or is after the year 9998, or a message of more than 1000 characters; 42501 the caller does not
own it; 42703, 42P01 it does not exist; 40001, 40P01, 55P03: retry.
For the owner of the table, and for members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_undeprecate(path text, field text DEFAULT NULL)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes a table that nobody else can; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  caller CONSTANT name := integratedb.caller();
  target record;
BEGIN
  PERFORM integratedb.require_writable();
  PERFORM integratedb.require_deprecable(caller, path, field);
  PERFORM integratedb.take_lock();
  IF integratedb.arm() THEN
    PERFORM integratedb.sync_all();
  END IF;
  target := integratedb.require_deprecable(caller, path, field);

  PERFORM integratedb.tell_deprecation(d.id, 'integratedb.schema.undeprecated')
     FROM integratedb.deprecation AS d
    WHERE d.relid = target.relid AND d.attnum = target.attnum AND d.removed_at IS NULL;
  DELETE FROM integratedb.deprecation AS d WHERE d.relid = target.relid AND d.attnum = target.attnum AND d.removed_at IS NULL;
  IF NOT FOUND THEN
    RETURN false;
  END IF;

  PERFORM integratedb.add_surface_changes(ARRAY[(SELECT k.relnamespace FROM pg_class AS k WHERE k.oid = target.relid)]);
  PERFORM integratedb.log_own_event('INTEGRATEDB UNDEPRECATE', integratedb.place_of(integratedb.path_as_stored(path), field), false);
  RETURN true;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_undeprecate(text, text) IS
'Takes a deprecation back.
path, field: as for integratedb_deprecate().
Returns whether it was deprecated.
Errors: 22023 not a path; 42501 the caller does not own it; 42703, 42P01 it does not exist; 40001, 40P01, 55P03: retry.
For the owner of the table, and for members of integratedb_admin.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_deprecations()
RETURNS TABLE (
  path text,
  field text,
  message text,
  deprecated_by name,
  deprecated_at timestamptz,
  remove_after timestamptz,
  days_left integer,
  removable_after timestamptz,
  claimed_by text[]
)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- reads tables that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT d.path, d.field, d.message, d.deprecated_by, d.deprecated_at, d.remove_after, integratedb.days_until(d.remove_after),
         CASE WHEN integratedb.setting_value('deprecation') = 'binding' AND d.remove_after IS NOT NULL
              THEN greatest(d.remove_after, d.announced_at + interval '7 days', promised.until_moment, told.last + interval '7 days') END,
         ARRAY(
           SELECT DISTINCT st.name
             FROM integratedb.deprecated_claim AS e
             JOIN integratedb.claim AS c ON c.id = e.claim_id
             JOIN integratedb.specification AS s ON s.id = c.specification_id
             JOIN integratedb.stakeholder AS st ON st.id = s.stakeholder_id
            WHERE e.deprecation_id = d.id
            ORDER BY st.name)
    FROM integratedb.present_deprecation AS d
   CROSS JOIN LATERAL (
     SELECT max(least((least(p.until, c.until) + 1)::timestamp AT TIME ZONE 'UTC', '9999-12-31 00:00:00+00')) AS until_moment
       FROM integratedb.deprecation_promise AS p
       JOIN integratedb.specification AS s ON s.stakeholder_id = p.stakeholder_id
       JOIN integratedb.claim AS c ON c.specification_id = s.id AND c.until IS NOT NULL AND NOT c.optional
       JOIN integratedb.deprecated_claim AS e ON e.claim_id = c.id AND e.deprecation_id = d.id
      WHERE p.deprecation_id = d.id) AS promised
   CROSS JOIN LATERAL (
     SELECT max(CASE WHEN n.is_told THEN n.told_at ELSE now() END) AS last FROM integratedb.dependent_notice AS n WHERE n.deprecation_id = d.id) AS told
   ORDER BY d.remove_after, d.path, d.field
$$;

COMMENT ON FUNCTION @extschema@.integratedb_deprecations() IS
'The tables, views and columns that are deprecated, those that go first first.
Returns path, field (null: the whole table), message, deprecated_by, deprecated_at, remove_after, days_left until then,
removable_after, claimed_by.
removable_after: from when on claims do not refuse the removal; null: they always do, because the setting deprecation is
advisory or there is no remove_after.
claimed_by: the stakeholders that depend on it.
For everybody; reads only.';
