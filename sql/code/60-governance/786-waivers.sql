-- Waivers: one dependency of a stakeholder refuses no migration for a time.

CREATE OR REPLACE FUNCTION @extschema@.integratedb_waive(stakeholder text, path text, field text, until timestamptz, reason text)
RETURNS bigint
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes a table that nobody else can; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
#variable_conflict use_column
DECLARE
  caller CONSTANT name := integratedb.caller();
  the_owner CONSTANT integratedb.stakeholder := integratedb.require_admin_or_self(integratedb_waive.stakeholder);
  asked CONSTANT text := integratedb.path_as_stored(integratedb_waive.path);
  words CONSTANT text := btrim(coalesce(integratedb_waive.reason, ''));
  place CONSTANT text := integratedb.place_of(asked, integratedb_waive.field);
  new_id bigint;
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();

  -- Clients read the time, and many of them know no year of five digits.
  IF integratedb_waive.until IS NULL OR integratedb_waive.until <= now() OR integratedb_waive.until > '9999-01-01 00:00:00+00' THEN
    refused := integratedb.refuse(
      code => '22023',
      message => format('a waiver needs an end in the future, not %s', coalesce(integratedb_waive.until::text, 'null')),
      detail => NULL,
      hint => 'Give the time when the dependency counts again, such as now() + interval ''14 days''.');
  END IF;

  IF words = '' OR length(words) > 1000 THEN
    refused := integratedb.refuse(
      code => '22023',
      message => 'a waiver needs a reason of at most 1000 characters',
      detail => NULL,
      hint => 'Say why the dependency may be broken meanwhile, such as ''reporter 2.4 no longer reads it'': everybody can read it.');
  END IF;

  PERFORM integratedb.take_lock();
  IF integratedb.arm() THEN
    PERFORM integratedb.sync_all();
  END IF;
  -- This is checked again under the lock: the stakeholder may have been dropped.
  PERFORM integratedb.find_stakeholder(integratedb_waive.stakeholder);

  DELETE FROM integratedb.waiver AS w WHERE w.until < now() - integratedb.setting_value('ddl_event_retention')::interval;
  INSERT INTO integratedb.waiver AS w (stakeholder_id, path, field, until, reason, waived_by)
  VALUES (the_owner.id, asked, integratedb_waive.field, integratedb_waive.until, words, caller)
  ON CONFLICT (stakeholder_id, path, (coalesce(field, ''))) DO UPDATE
     SET until = EXCLUDED.until, reason = EXCLUDED.reason, waived_by = EXCLUDED.waived_by, waived_at = EXCLUDED.waived_at,
         ended_at = NULL
  RETURNING w.id INTO new_id;

  IF NOT EXISTS (SELECT FROM integratedb.waived_claim AS e WHERE e.waiver_id = new_id) THEN
    PERFORM integratedb.require_known(integratedb_waive.path, integratedb_waive.field);
    refused := integratedb.refuse(
      code => '22023',
      message => format('%s does not depend on %s', the_owner.name, place),
      detail => NULL,
      hint => format('SELECT * FROM integratedb_dependents(%s) lists who does. A waiver names the path and the field as the claim does.',
                     concat_ws(', ', quote_literal(asked), quote_literal(integratedb_waive.field))));
  END IF;

  PERFORM integratedb.log_own_event(
    'INTEGRATEDB WAIVE',
    format('%s: %s until %s: %s', the_owner.name, place, to_char(integratedb_waive.until, 'YYYY-MM-DD HH24:MI TZ'), words), false);
  RETURN new_id;
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_waive(text, text, text, timestamptz, text) IS
'Lets migrations break one dependency of a stakeholder until a time, each with a WARNING and a row in the audit log.
The rest of its claims stays enforced. Waiving the same dependency again replaces its end and its reason.
stakeholder: its name. path: schema.table or schema.*, as in its claims. field: a column; null: all that it claims of the
table. until: when the waiver ends. reason: everybody can read it.
Returns the identifier of the waiver.
Errors: 22023 no end, an end that has passed, no reason, or the stakeholder does not depend on it; 42501 the caller is
neither an admin nor the stakeholder; 42703, 42P01, 3F000 a name that neither the database nor a claim has; IDB04 unknown
stakeholder; 40001, 55P03: retry.
For members of integratedb_admin, and for the stakeholder itself.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_end_waiver(id bigint)
RETURNS boolean
LANGUAGE plpgsql
VOLATILE PARALLEL UNSAFE
SECURITY DEFINER -- writes a table that nobody else can; checks the caller itself
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
DECLARE
  caller CONSTANT name := integratedb.caller();
  known record;
  refused boolean;
BEGIN
  PERFORM integratedb.require_writable();

  SELECT w.id, w.path, w.field, w.until, st AS owner
    INTO known
    FROM integratedb.waiver AS w
    JOIN integratedb.stakeholder AS st ON st.id = w.stakeholder_id
   WHERE w.id = integratedb_end_waiver.id;
  IF NOT FOUND THEN
    refused := integratedb.refuse(
      code => '42704',
      message => format('there is no waiver %s', coalesce(integratedb_end_waiver.id::text, 'null')),
      detail => NULL,
      hint => 'SELECT id, stakeholder, path, field FROM integratedb_waivers() lists them.');
  END IF;

  IF NOT integratedb.is_admin(caller) AND NOT integratedb.is_caller(known.owner) THEN
    refused := integratedb.refuse(
      code => '42501',
      message => format('permission denied: role %I is neither stakeholder %L nor an admin', caller, (known.owner).name),
      detail => NULL,
      hint => 'Ask a member of integratedb_admin.');
  END IF;

  PERFORM integratedb.take_lock();
  PERFORM integratedb.tell_waiver_ended(w.id) FROM integratedb.waiver AS w WHERE w.id = known.id AND w.ended_at IS NULL;
  DELETE FROM integratedb.waiver AS w WHERE w.id = known.id;
  IF NOT FOUND THEN
    RETURN false;
  END IF;

  PERFORM integratedb.log_own_event(
    'INTEGRATEDB END WAIVER', format('%s: %s', (known.owner).name, integratedb.place_of(known.path, known.field)), false);
  RETURN known.until > now();
END
$$;

COMMENT ON FUNCTION @extschema@.integratedb_end_waiver(bigint) IS
'Ends a waiver now. What it let migrations break stays unmet, and is reported.
id: that of the waiver.
Returns whether it was in force.
Errors: 42501 the caller is neither an admin nor the stakeholder; 42704 no such waiver; 40001, 55P03: retry.
For members of integratedb_admin, and for the stakeholder itself.';

CREATE OR REPLACE FUNCTION @extschema@.integratedb_waivers()
RETURNS TABLE (
  id bigint,
  stakeholder text,
  path text,
  field text,
  until timestamptz,
  days_left integer,
  reason text,
  waived_by name,
  waived_at timestamptz,
  unmet boolean
)
LANGUAGE sql
STABLE PARALLEL RESTRICTED
SECURITY DEFINER -- reads tables that nobody else can
SET search_path = pg_catalog, integratedb, pg_temp
AS $$
  SELECT w.id, st.name, w.path, w.field, w.until, integratedb.days_until(w.until), w.reason, w.waived_by, w.waived_at,
         EXISTS (
           SELECT FROM integratedb.waived_claim AS e
             JOIN integratedb.claim AS c ON c.id = e.claim_id AND c.unmet_since IS NOT NULL
            WHERE e.waiver_id = w.id)
    FROM integratedb.waiver AS w
    JOIN integratedb.stakeholder AS st ON st.id = w.stakeholder_id
   WHERE w.until > now()
   ORDER BY w.until, st.name, w.path, w.field
$$;

COMMENT ON FUNCTION @extschema@.integratedb_waivers() IS
'The waivers in force, those that end first first.
Returns id, stakeholder, path, field (null: all that it claims of the table), until, days_left, reason, waived_by,
waived_at, unmet: whether a claim that it concerns is unmet, and will be reported when it ends.
For everybody; reads only.';
