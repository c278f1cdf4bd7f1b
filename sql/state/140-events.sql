-- Events about what owners and stakeholders agree: requests, deprecations and waivers.

ALTER TABLE integratedb.control
  DROP CONSTRAINT control_kind,
  ADD CONSTRAINT control_kind CHECK (kind IN ('state', 'schema_changed', 'redeliver', 'types', 'event'));

COMMENT ON COLUMN integratedb.control.kind IS
'state: the complete state of the stakeholder from here on; schema_changed: an event to send; redeliver: read the '
'dead-lettered events of a channel again; types: the structure of types that a transaction has changed, for the rows '
'that it writes after that, for every stakeholder; event: an event to send, with its type.';

ALTER TABLE integratedb.deprecation ADD COLUMN reminded_days smallint;
COMMENT ON COLUMN integratedb.deprecation.reminded_days IS
'The last reminder to the dependents: 30, 7 or 1 days before remove_after; null: none yet.';

ALTER TABLE integratedb.waiver ADD COLUMN ended_at timestamptz;
COMMENT ON COLUMN integratedb.waiver.ended_at IS 'When the stakeholder was told that the waiver had ended; null: not yet.';
