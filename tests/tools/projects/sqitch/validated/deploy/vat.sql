-- Deploy shop:vat to pg

BEGIN;

ALTER TABLE shop.orders ADD COLUMN vat numeric(5, 2);

SELECT integratedb_validate_migration();

COMMIT;
