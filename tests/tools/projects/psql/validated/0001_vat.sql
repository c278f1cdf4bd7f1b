CREATE TABLE shop.schema_version (version integer PRIMARY KEY);
ALTER TABLE shop.orders ADD COLUMN vat numeric(5, 2);
INSERT INTO shop.schema_version (version) VALUES (1);
SELECT integratedb_validate_migration();
