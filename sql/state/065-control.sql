-- What is in force, as a stream: the daemon learns of changes from rows that stand in the WAL where they take effect.

CREATE TABLE integratedb.control (
  id bigint GENERATED ALWAYS AS IDENTITY,
  stakeholder_id bigint NOT NULL,
  kind text NOT NULL,
  body jsonb NOT NULL,
  written_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  effective_lsn pg_lsn,
  CONSTRAINT control_pkey PRIMARY KEY (id),
  CONSTRAINT control_kind CHECK (kind IN ('state', 'schema_changed', 'redeliver'))
);

CREATE INDEX control_stakeholder_idx ON integratedb.control (stakeholder_id, id) WHERE kind = 'state';

COMMENT ON TABLE integratedb.control IS 'Published to the daemon by integratedb_control: a row takes effect at its commit. Kept until the daemon has passed it.';
COMMENT ON COLUMN integratedb.control.id IS 'Identifier, in order for one stakeholder.';
COMMENT ON COLUMN integratedb.control.stakeholder_id IS 'Whose; the stakeholder may be gone.';
COMMENT ON COLUMN integratedb.control.kind IS 'state: all that is in force for the stakeholder from here on; schema_changed: an event to send; redeliver: look at the given-up events of a channel again.';
COMMENT ON COLUMN integratedb.control.body IS 'For a state: channels with their settings, routes, structure of types, and the schema that later changes are told against.';
COMMENT ON COLUMN integratedb.control.written_at IS 'When it was written.';
COMMENT ON COLUMN integratedb.control.effective_lsn IS 'From which position of the stream it is in force: the daemon notes it before it confirms that position.';

CREATE TABLE integratedb.slot (
  name name NOT NULL,
  created boolean NOT NULL DEFAULT false,
  ceiling_lsn pg_lsn,
  system_identifier bigint NOT NULL,
  noted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT slot_pkey PRIMARY KEY (name),
  CONSTRAINT slot_created_has_ceiling CHECK (NOT created OR ceiling_lsn IS NOT NULL)
);

COMMENT ON TABLE integratedb.slot IS 'The replication slots that daemons made, so that one that was dropped or made anew is noticed.';
COMMENT ON COLUMN integratedb.slot.name IS 'Name of the slot.';
COMMENT ON COLUMN integratedb.slot.created IS 'False between the announcement of the slot and its completion.';
COMMENT ON COLUMN integratedb.slot.ceiling_lsn IS 'The daemon never confirmed more than this: a slot that stands beyond it is another one.';
COMMENT ON COLUMN integratedb.slot.system_identifier IS 'The server that the slot was made on.';
COMMENT ON COLUMN integratedb.slot.noted_at IS 'When this was noted.';
