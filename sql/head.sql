\echo Use "CREATE EXTENSION integratedb" to load this file. \quit

-- What is said without a schema is pg_catalog's. By default the target schema would be searched too, and what somebody put
-- there, an operator for types that suit better, would get into views that run with the rights of the extension's owner.
SET LOCAL search_path = pg_catalog, pg_temp;
