"""Subscriptions of GraphQL over WebSockets, fed by the daemon."""
