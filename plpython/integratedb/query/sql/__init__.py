"""Writes the SQL of a resolved request. Its text has names of the surface, fixed words, and numbers of parameters."""
