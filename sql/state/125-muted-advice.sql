-- Findings of the advisers that somebody has read and muted.

CREATE TABLE integratedb.muted_advice (
  cache_key text NOT NULL,
  reason text NOT NULL,
  muted_by name NOT NULL,
  muted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  muted_until timestamptz,
  CONSTRAINT muted_advice_pkey PRIMARY KEY (cache_key),
  CONSTRAINT muted_advice_has_reason CHECK (pg_catalog.btrim(reason) OPERATOR(pg_catalog.<>) '')
);

COMMENT ON TABLE integratedb.muted_advice IS 'Findings that integratedb_advice() does not show unless asked for.';
COMMENT ON COLUMN integratedb.muted_advice.cache_key IS 'The key of the finding, which has the names of its objects.';
COMMENT ON COLUMN integratedb.muted_advice.reason IS 'Why the finding may stay.';
COMMENT ON COLUMN integratedb.muted_advice.muted_by IS 'The role that muted it.';
COMMENT ON COLUMN integratedb.muted_advice.muted_at IS 'When it was muted.';
COMMENT ON COLUMN integratedb.muted_advice.muted_until IS 'When it is shown again; null: it stays muted.';

SELECT pg_catalog.pg_extension_config_dump('integratedb.muted_advice', '');
