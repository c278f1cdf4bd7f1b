"""Runs all of IntegrateDB by one command: a Postgres of its own, the daemon, the data API, the management API."""
