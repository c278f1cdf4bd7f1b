"""Can-I-migrate: pending migrations are tried on a throw-away Postgres that has production's state and the contracts."""
