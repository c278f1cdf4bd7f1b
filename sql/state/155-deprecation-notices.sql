-- Who was told of a deprecation, and under which names.

CREATE TABLE integratedb.deprecation_notice (
  deprecation_id bigint NOT NULL,
  stakeholder_id bigint NOT NULL,
  path text NOT NULL,
  field text,
  told_at timestamptz,
  CONSTRAINT deprecation_notice_deprecation_fkey FOREIGN KEY (deprecation_id) REFERENCES integratedb.deprecation (id) ON DELETE CASCADE,
  CONSTRAINT deprecation_notice_stakeholder_fkey FOREIGN KEY (stakeholder_id) REFERENCES integratedb.stakeholder (id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX deprecation_notice_idx ON integratedb.deprecation_notice (deprecation_id, stakeholder_id, path, (coalesce(field, '')));
CREATE INDEX deprecation_notice_stakeholder_idx ON integratedb.deprecation_notice (stakeholder_id);

COMMENT ON TABLE integratedb.deprecation_notice IS
'The stakeholders that know of a deprecation, each by the names that its claims have for it. After a rename, a claim may '
'depend on something deprecated of which its stakeholder was never told.';
COMMENT ON COLUMN integratedb.deprecation_notice.deprecation_id IS 'The deprecation.';
COMMENT ON COLUMN integratedb.deprecation_notice.stakeholder_id IS 'Who was told.';
COMMENT ON COLUMN integratedb.deprecation_notice.path IS 'The table, as the claim names it.';
COMMENT ON COLUMN integratedb.deprecation_notice.field IS 'The column, likewise; null: the whole table.';
COMMENT ON COLUMN integratedb.deprecation_notice.told_at IS
'When it was told later than others; null: with the announcement, or by the WARNING when it claimed it after that.';

SELECT pg_catalog.pg_extension_config_dump('integratedb.deprecation_notice', '');
