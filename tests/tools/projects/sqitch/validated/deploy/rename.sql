-- Deploy shop:rename to pg

BEGIN;

ALTER TABLE shop.orders ADD COLUMN channel text;
ALTER TABLE shop.customers RENAME COLUMN email TO email_address;

SELECT integratedb_validate_migration();

COMMIT;
