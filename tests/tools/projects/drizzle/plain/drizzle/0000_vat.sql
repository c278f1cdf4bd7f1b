ALTER TABLE "shop"."orders" ADD COLUMN "vat" numeric(5, 2);
