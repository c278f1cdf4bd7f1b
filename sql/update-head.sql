\echo Use "ALTER EXTENSION integratedb UPDATE" to load this file. \quit

-- Names without a schema must be those of pg_catalog. By default Postgres would also search the target schema. An
-- operator of another role there, for types that fit better, would get into views that run with the rights of the
-- extension's owner.
SET LOCAL search_path = pg_catalog, pg_temp;

-- The event triggers fire during an update. This row makes them ignore its changes to the extension, which are not a
-- migration.
INSERT INTO integratedb.own_change DEFAULT VALUES;
