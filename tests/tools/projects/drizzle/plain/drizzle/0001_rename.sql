ALTER TABLE "shop"."orders" ADD COLUMN "channel" text;--> statement-breakpoint
ALTER TABLE "shop"."customers" RENAME COLUMN "email" TO "email_address";
