"""Serves HTTP beside the database: one application of several parts, the first of which is the management API."""
