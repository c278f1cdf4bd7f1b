"""Delivers events: the queues, what is kept in the database meanwhile, webhooks and Redis."""
