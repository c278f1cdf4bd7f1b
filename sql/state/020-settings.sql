-- Settings that differ from their defaults, and the one row whose row lock serialises claims with migrations.

CREATE TABLE integratedb.setting (
  name text NOT NULL,
  value text NOT NULL,
  CONSTRAINT setting_pkey PRIMARY KEY (name),
  CONSTRAINT setting_is_known CHECK (name IN ('enforcement', 'ddl_event_retention')),
  CONSTRAINT setting_enforcement CHECK (name <> 'enforcement' OR value IN ('commit', 'explicit'))
);

COMMENT ON TABLE integratedb.setting IS 'Settings that integratedb_configure() changed; a setting without a row has its default.';
COMMENT ON COLUMN integratedb.setting.name IS 'enforcement or ddl_event_retention.';
COMMENT ON COLUMN integratedb.setting.value IS 'The value as text: commit or explicit; an interval.';

CREATE TABLE integratedb.serialisation (
  only_row boolean NOT NULL DEFAULT true,
  taken bigint NOT NULL DEFAULT 0,
  armed_for integer,
  CONSTRAINT serialisation_pkey PRIMARY KEY (only_row),
  CONSTRAINT serialisation_has_one_row CHECK (only_row)
) WITH (fillfactor = 10);

COMMENT ON TABLE integratedb.serialisation IS 'One row, updated by every claim and by every check at COMMIT: its row lock is the lock between them, and a REPEATABLE READ transaction that cannot see the other side fails with 40001.';
COMMENT ON COLUMN integratedb.serialisation.only_row IS 'Always true: there is one row.';
COMMENT ON COLUMN integratedb.serialisation.taken IS 'How often the lock was taken.';
COMMENT ON COLUMN integratedb.serialisation.armed_for IS 'The major version of the server whose object identifiers the claims record; null or another one after a restore or pg_upgrade: the next sync or check looks everything up by name again.';

INSERT INTO integratedb.serialisation DEFAULT VALUES;
