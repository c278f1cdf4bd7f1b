-- The data API: the role whose members may act for others, and what changed of the surfaces that it serves.

DO LANGUAGE plpgsql $$
DECLARE
  members text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles AS r WHERE r.rolname OPERATOR(pg_catalog.=) 'integratedb_authenticator') THEN
    -- NOINHERIT: no member has the rights of the roles that it may become.
    CREATE ROLE integratedb_authenticator NOLOGIN NOINHERIT;
    RETURN;
  END IF;

  SELECT pg_catalog.string_agg(m.member::pg_catalog.regrole::text, ', ' ORDER BY m.member::pg_catalog.regrole::text)
    INTO members
    FROM pg_catalog.pg_auth_members AS m
   WHERE m.roleid OPERATOR(pg_catalog.=) 'integratedb_authenticator'::pg_catalog.regrole;

  IF members IS NOT NULL THEN
    RAISE WARNING 'role % exists already and has members, who may become the roles that the data API serves: %',
        'integratedb_authenticator', members
      USING HINT = 'REVOKE integratedb_authenticator FROM whoever should not.';
  END IF;
END
$$;

CREATE TABLE integratedb.surface_change (
  subject oid NOT NULL,
  xid xid8 NOT NULL DEFAULT pg_catalog.pg_current_xact_id(),
  weight bigint NOT NULL DEFAULT 1,
  CONSTRAINT surface_change_pkey PRIMARY KEY (subject, xid),
  CONSTRAINT surface_change_weight_from_one CHECK (weight >= 1)
);

COMMENT ON TABLE integratedb.surface_change IS
'What changed of the surfaces of roles: a transaction adds one row for each schema or role that it changed. The sum of '
'the weights of a subject grows with each such transaction, in whatever order the transactions commit. Not dumped.';
COMMENT ON COLUMN integratedb.surface_change.subject IS
'The identifier of a schema, or of a role, whose claims or names changed; 0: all surfaces.';
COMMENT ON COLUMN integratedb.surface_change.xid IS 'The transaction, as pg_current_xact_id().';
COMMENT ON COLUMN integratedb.surface_change.weight IS
'1 for the transaction itself, and the weights of the rows that this row replaced.';

-- It tells of nothing but the time of changes, and each request of the data API reads it.
GRANT SELECT ON integratedb.surface_change TO PUBLIC;
