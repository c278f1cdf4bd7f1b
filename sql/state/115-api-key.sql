-- The keys that sign the tokens of the data API.

CREATE TABLE integratedb.api_key (
  id uuid NOT NULL DEFAULT pg_catalog.gen_random_uuid(),
  secret bytea NOT NULL,
  signs_from timestamptz NOT NULL,
  verifies_until timestamptz NOT NULL DEFAULT 'infinity',
  CONSTRAINT api_key_pkey PRIMARY KEY (id),
  CONSTRAINT api_key_secret_is_long CHECK (pg_catalog.octet_length(secret) = 32),
  CONSTRAINT api_key_signs_before_it_ends CHECK (signs_from < verifies_until)
);

CREATE UNIQUE INDEX api_key_one_present_idx ON integratedb.api_key (verifies_until) WHERE verifies_until = 'infinity';

COMMENT ON TABLE integratedb.api_key IS
'The keys that sign the tokens that the data API gives. Not dumped: a database that is restored makes a key of its own, '
'so tokens of one server are never those of its copy.';
COMMENT ON COLUMN integratedb.api_key.id IS 'What the tokens call the key (kid).';
COMMENT ON COLUMN integratedb.api_key.secret IS 'The secret of HMAC-SHA-256.';
COMMENT ON COLUMN integratedb.api_key.signs_from IS
'When the key begins to sign. After a rotation that is a minute later, so that all services know the key before.';
COMMENT ON COLUMN integratedb.api_key.verifies_until IS
'Until when tokens of the key are accepted; infinity for the present key. A replaced key ends with its last token.';
