-- Revert shop:rename from pg

BEGIN;

ALTER TABLE shop.customers RENAME COLUMN email_address TO email;
ALTER TABLE shop.orders DROP COLUMN channel;

COMMIT;
