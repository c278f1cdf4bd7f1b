"""Resolves the names of a request: against the sources of a query, the relationships and the functions of a surface."""
