-- The setting for the longest wait for the lock.

ALTER TABLE integratedb.setting DROP CONSTRAINT setting_is_known;
ALTER TABLE integratedb.setting ADD CONSTRAINT setting_is_known CHECK (name IN ('enforcement', 'ddl_event_retention', 'lock_timeout'));
COMMENT ON COLUMN integratedb.setting.name IS 'enforcement, ddl_event_retention or lock_timeout.';
