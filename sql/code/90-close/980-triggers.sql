-- Creates the triggers, after every function that they call. An update keeps existing triggers: a trigger cannot be
-- dropped while a check of the same transaction waits, and an operator may have disabled an event trigger.
-- sql/upgrades/ drops a trigger whose definition changes, and this file creates it again.

DO LANGUAGE plpgsql $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = 'integratedb.ddl_event'::pg_catalog.regclass AND t.tgname = 'ddl_event_check'
  ) THEN
    CREATE CONSTRAINT TRIGGER ddl_event_check
      AFTER INSERT OR UPDATE OF requeued_at, check_queued ON integratedb.ddl_event
      DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.check_queued)
      EXECUTE FUNCTION integratedb.on_commit();
  END IF;
END
$$;

COMMENT ON TRIGGER ddl_event_check ON integratedb.ddl_event IS 'The check at COMMIT.';

DO LANGUAGE plpgsql $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = 'integratedb.stakeholder'::pg_catalog.regclass AND t.tgname = 'stakeholder_dropped'
  ) THEN
    CREATE CONSTRAINT TRIGGER stakeholder_dropped
      AFTER DELETE ON integratedb.stakeholder
      DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW
      EXECUTE FUNCTION integratedb.end_dropped_sessions();
  END IF;
END
$$;

COMMENT ON TRIGGER stakeholder_dropped ON integratedb.stakeholder IS
'Ends the sessions that a dropped stakeholder still has at COMMIT.';

DO LANGUAGE plpgsql $$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = 'integratedb.lease'::pg_catalog.regclass AND t.tgname = 'lease_ended'
  ) THEN
    CREATE CONSTRAINT TRIGGER lease_ended
      AFTER DELETE ON integratedb.lease
      DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW
      EXECUTE FUNCTION integratedb.end_dropped_sessions();
  END IF;
END
$$;

COMMENT ON TRIGGER lease_ended ON integratedb.lease IS
'Ends the sessions that a lease still has at COMMIT.';

DO LANGUAGE plpgsql $$
BEGIN
  -- The trigger fires for every command; is_harmless() decides which commands are harmless.
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS e WHERE e.evtname = 'integratedb_ddl_command_end') THEN
    CREATE EVENT TRIGGER integratedb_ddl_command_end ON ddl_command_end EXECUTE FUNCTION integratedb.on_ddl_command_end();
  END IF;
END
$$;

COMMENT ON EVENT TRIGGER integratedb_ddl_command_end IS
'Logs the objects that commands create and alter, and queues the check of the claims at COMMIT.';

DO LANGUAGE plpgsql $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS e WHERE e.evtname = 'integratedb_sql_drop') THEN
    CREATE EVENT TRIGGER integratedb_sql_drop ON sql_drop EXECUTE FUNCTION integratedb.on_sql_drop();
  END IF;
END
$$;

COMMENT ON EVENT TRIGGER integratedb_sql_drop IS
'Logs the objects that commands drop, and queues the check of the claims at COMMIT.';

DO LANGUAGE plpgsql $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS e WHERE e.evtname = 'integratedb_drop_extension') THEN
    CREATE EVENT TRIGGER integratedb_drop_extension ON ddl_command_start WHEN TAG IN ('DROP EXTENSION')
      EXECUTE FUNCTION integratedb.on_drop_extension();
  END IF;
END
$$;

COMMENT ON EVENT TRIGGER integratedb_drop_extension IS 'Reports what DROP EXTENSION leaves behind.';

DO LANGUAGE plpgsql $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS e WHERE e.evtname = 'integratedb_drop_schema') THEN
    CREATE EVENT TRIGGER integratedb_drop_schema ON ddl_command_start WHEN TAG IN ('DROP SCHEMA', 'DROP OWNED')
      EXECUTE FUNCTION integratedb.on_drop_schema();
  END IF;
END
$$;

COMMENT ON EVENT TRIGGER integratedb_drop_schema IS
'Keeps the extension from being dropped with the schema that it lives in.';

DO LANGUAGE plpgsql $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS e WHERE e.evtname = 'integratedb_drop_index') THEN
    CREATE EVENT TRIGGER integratedb_drop_index ON ddl_command_start WHEN TAG IN ('DROP INDEX')
      EXECUTE FUNCTION integratedb.on_drop_index();
  END IF;
END
$$;

COMMENT ON EVENT TRIGGER integratedb_drop_index IS
'Keeps a replica identity from being dropped CONCURRENTLY, which cannot be refused at COMMIT.';

DO LANGUAGE plpgsql $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_event_trigger AS e WHERE e.evtname = 'integratedb_create_index') THEN
    CREATE EVENT TRIGGER integratedb_create_index ON ddl_command_start WHEN TAG IN ('CREATE INDEX')
      EXECUTE FUNCTION integratedb.on_create_index();
  END IF;
END
$$;

COMMENT ON EVENT TRIGGER integratedb_create_index IS
'Lets the data API notice an index that is created CONCURRENTLY, also if that fails.';
