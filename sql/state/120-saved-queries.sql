-- Saved queries: what a stakeholder may ask by name. What they read is a specification of its own kind.

ALTER TABLE integratedb.specification DROP CONSTRAINT specification_kind;
ALTER TABLE integratedb.specification
  ADD CONSTRAINT specification_kind CHECK (kind IN ('claims', 'notifications', 'queries'));
COMMENT ON COLUMN integratedb.specification.kind IS
'claims, notifications or queries. The document of the last kind is derived from the saved queries of the stakeholder.';

CREATE TABLE integratedb.saved_query (
  stakeholder_id bigint NOT NULL,
  name text NOT NULL,
  face text NOT NULL,
  query jsonb NOT NULL,
  schemas text[] NOT NULL,
  reading jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
  CONSTRAINT saved_query_pkey PRIMARY KEY (stakeholder_id, name),
  CONSTRAINT saved_query_stakeholder_fkey FOREIGN KEY (stakeholder_id) REFERENCES integratedb.stakeholder (id) ON DELETE CASCADE,
  CONSTRAINT saved_query_name_form CHECK (name ~ '^[a-z_][a-z0-9_-]{0,62}$'),
  CONSTRAINT saved_query_face CHECK (face IN ('data', 'rest', 'graphql'))
);

COMMENT ON TABLE integratedb.saved_query IS
'A query that a stakeholder may run by its name. What the query reads is claimed by the specification of kind queries.';
COMMENT ON COLUMN integratedb.saved_query.stakeholder_id IS 'Whose it is.';
COMMENT ON COLUMN integratedb.saved_query.name IS 'The name, which URLs and messages have.';
COMMENT ON COLUMN integratedb.saved_query.face IS 'The form of the query: data, rest or graphql.';
COMMENT ON COLUMN integratedb.saved_query.query IS 'The query as it was submitted.';
COMMENT ON COLUMN integratedb.saved_query.schemas IS 'Where names without a schema are looked up, in this order.';
COMMENT ON COLUMN integratedb.saved_query.reading IS
'The relations, columns and relationships that the query may use, by the names of the claims.';
COMMENT ON COLUMN integratedb.saved_query.created_at IS 'When it was saved or last replaced.';

SELECT pg_catalog.pg_extension_config_dump('integratedb.saved_query', '');
