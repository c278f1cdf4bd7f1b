-- The keys that claims rely on: unique keys and foreign keys.

CREATE TABLE integratedb.claim_key (
  relation_id bigint NOT NULL,
  key integer NOT NULL,
  specification_id bigint NOT NULL,
  kind text NOT NULL,
  optional boolean NOT NULL,
  fields name[] NOT NULL,
  to_schema_name name,
  to_relation_name name,
  to_path text,
  to_fields name[],
  to_relid oid,
  CONSTRAINT claim_key_pkey PRIMARY KEY (relation_id, key),
  CONSTRAINT claim_key_relation_fkey FOREIGN KEY (relation_id) REFERENCES integratedb.claim_relation (id) ON DELETE CASCADE,
  CONSTRAINT claim_key_kind CHECK (kind IN ('unique', 'references')),
  CONSTRAINT claim_key_has_fields CHECK (pg_catalog.cardinality(fields) >= 1),
  CONSTRAINT claim_key_target CHECK (
    CASE kind WHEN 'references' THEN to_schema_name IS NOT NULL AND to_relation_name IS NOT NULL AND to_path IS NOT NULL
                                     AND (to_fields IS NULL OR pg_catalog.cardinality(to_fields) = pg_catalog.cardinality(fields))
              ELSE to_schema_name IS NULL AND to_relation_name IS NULL AND to_path IS NULL AND to_fields IS NULL AND to_relid IS NULL END)
);

CREATE INDEX claim_key_to_name_idx ON integratedb.claim_key (to_relation_name, to_schema_name, specification_id);
CREATE INDEX claim_key_to_relid_idx ON integratedb.claim_key (to_relid);
-- A reference to the first alternative of a match means the table that serves the match.
CREATE INDEX claim_path_idx ON integratedb.claim (specification_id, path);

COMMENT ON TABLE integratedb.claim_key IS
'A unique key or a reference of a claimed relation: the index or foreign key that must exist for the claim to stay met.';
COMMENT ON COLUMN integratedb.claim_key.relation_id IS 'The claimed relation.';
COMMENT ON COLUMN integratedb.claim_key.key IS
'Position from 0: the unique keys of the alternative in their order, then the references.';
COMMENT ON COLUMN integratedb.claim_key.specification_id IS 'The specification of the claim, beside it.';
COMMENT ON COLUMN integratedb.claim_key.kind IS 'unique, or references.';
COMMENT ON COLUMN integratedb.claim_key.optional IS
'Whether one of the fields is optional: then the key is optional too, and never unmet.';
COMMENT ON COLUMN integratedb.claim_key.fields IS
'The fields of the key, each by the name of its first alternative. integratedb.field_column has the columns.';
COMMENT ON COLUMN integratedb.claim_key.to_schema_name IS 'Schema of the referenced relation, as in the specification.';
COMMENT ON COLUMN integratedb.claim_key.to_relation_name IS 'Referenced relation, as in the specification.';
COMMENT ON COLUMN integratedb.claim_key.to_path IS 'Both, as a path of a specification, quoted where it must be.';
COMMENT ON COLUMN integratedb.claim_key.to_fields IS
'The referenced columns, in the order of the fields; null: the primary key of the referenced table.';
COMMENT ON COLUMN integratedb.claim_key.to_relid IS
'The relation of that name at the last expansion; null when there was none.';

SELECT pg_catalog.pg_extension_config_dump('integratedb.claim_key', '');
