"""Expands a specification against the catalog into claim rows."""
