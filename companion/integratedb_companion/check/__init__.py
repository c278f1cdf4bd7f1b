"""Tries pending migrations on a throw-away Postgres that has production's state and the contracts."""
