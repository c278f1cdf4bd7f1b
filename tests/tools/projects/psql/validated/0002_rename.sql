ALTER TABLE shop.orders ADD COLUMN channel text;
ALTER TABLE shop.customers RENAME COLUMN email TO email_address;
INSERT INTO shop.schema_version (version) VALUES (2);
SELECT integratedb_validate_migration();
