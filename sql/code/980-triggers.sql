-- The triggers themselves, after everything that they call; in an update the event triggers are replaced as a whole.

DROP TRIGGER IF EXISTS ddl_event_check ON integratedb.ddl_event;
CREATE CONSTRAINT TRIGGER ddl_event_check
  AFTER INSERT OR UPDATE OF requeued_at, check_queued ON integratedb.ddl_event
  DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.check_queued)
  EXECUTE FUNCTION integratedb.on_commit();

COMMENT ON TRIGGER ddl_event_check ON integratedb.ddl_event IS 'The check at COMMIT.';

DO LANGUAGE plpgsql $$
BEGIN
  EXECUTE pg_catalog.format(
    'CREATE EVENT TRIGGER integratedb_ddl_command_end ON ddl_command_end WHEN TAG IN (%s) EXECUTE FUNCTION integratedb.on_ddl_command_end()',
    (SELECT pg_catalog.string_agg(pg_catalog.quote_literal(t.tag), ', ')
       FROM pg_catalog.unnest(ARRAY[
              'CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO', 'ALTER TABLE',
              'CREATE VIEW', 'ALTER VIEW', 'CREATE MATERIALIZED VIEW', 'ALTER MATERIALIZED VIEW',
              'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'IMPORT FOREIGN SCHEMA',
              'CREATE SCHEMA', 'ALTER SCHEMA',
              'CREATE TYPE', 'ALTER TYPE', 'CREATE DOMAIN', 'ALTER DOMAIN',
              'CREATE POLICY', 'ALTER POLICY',
              'CREATE PUBLICATION', 'ALTER PUBLICATION',
              'CREATE EXTENSION', 'ALTER EXTENSION',
              'CREATE INDEX', 'REINDEX',
              'GRANT', 'REVOKE', 'DROP OWNED']) AS t (tag)
      -- Postgres before 17 has no event triggers for REINDEX.
      WHERE t.tag <> 'REINDEX' OR pg_catalog.current_setting('server_version_num')::integer >= 170000));
END
$$;

COMMENT ON EVENT TRIGGER integratedb_ddl_command_end IS 'Logs what commands create and alter, and queues the check of the claims at COMMIT.';

CREATE EVENT TRIGGER integratedb_sql_drop ON sql_drop EXECUTE FUNCTION integratedb.on_sql_drop();

COMMENT ON EVENT TRIGGER integratedb_sql_drop IS 'Logs what commands drop, and queues the check of the claims at COMMIT.';
