-- Deploy shop:vat to pg

BEGIN;

ALTER TABLE shop.orders ADD COLUMN vat numeric(5, 2);

COMMIT;
