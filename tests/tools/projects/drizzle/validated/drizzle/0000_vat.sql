ALTER TABLE "shop"."orders" ADD COLUMN "vat" numeric(5, 2);--> statement-breakpoint
SELECT integratedb_validate_migration();
