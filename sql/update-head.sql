\echo Use "ALTER EXTENSION integratedb UPDATE" to load this file. \quit

-- The event triggers are live during an update: what it does to the extension is nobody's migration.
INSERT INTO integratedb.own_change DEFAULT VALUES;
