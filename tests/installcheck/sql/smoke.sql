-- Whether an installed extension works here: documents are read, what is claimed is granted, and a migration that would
-- break a claim is refused. The role that it makes is dropped in the end.
\set VERBOSITY terse
SET client_min_messages = error;
CREATE EXTENSION integratedb CASCADE;
CREATE TABLE orders (id integer PRIMARY KEY, total numeric(12, 2), note text);
SELECT name FROM integratedb_create_stakeholder('installcheck_reader');
SELECT code, message FROM integratedb_check_spec('{"match": {"path": "public.orders", "fields": ["id", ""]}}');
SELECT integratedb_claim('installcheck_reader', '{"match": {"path": "public.orders", "fields": ["id", "total"]}}') IS NOT NULL AS stored;
SET ROLE installcheck_reader;
SELECT id, total FROM orders;
SELECT note FROM orders;
RESET ROLE;
ALTER TABLE orders DROP COLUMN total;
ALTER TABLE orders DROP COLUMN note;
SELECT integratedb_validate_migration();
SELECT value FROM integratedb_status() WHERE fact = 'unmet';
SELECT integratedb_drop_stakeholder('installcheck_reader');
DROP TABLE orders;
DROP EXTENSION integratedb;
