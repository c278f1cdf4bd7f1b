\echo Use "ALTER EXTENSION integratedb UPDATE" to load this file. \quit

-- What is said without a schema is pg_catalog's. By default the target schema would be searched too, and what somebody put
-- there, an operator for types that suit better, would get into views that run with the rights of the extension's owner.
SET LOCAL search_path = pg_catalog, pg_temp;

-- The event triggers are live during an update: what it does to the extension is nobody's migration.
INSERT INTO integratedb.own_change DEFAULT VALUES;
