"""Delivers events: queues in memory and in the database, webhooks and Redis."""
