-- Revert shop:vat from pg

BEGIN;

ALTER TABLE shop.orders DROP COLUMN vat;

COMMIT;
