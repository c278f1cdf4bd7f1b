ALTER TABLE "shop"."orders" ADD COLUMN "channel" text;--> statement-breakpoint
ALTER TABLE "shop"."customers" RENAME COLUMN "email" TO "email_address";--> statement-breakpoint
SELECT integratedb_validate_migration();
