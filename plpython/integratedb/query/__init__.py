"""Turns requests of all faces of the data API into SQL statements: surface and request, then plan, then statement."""
