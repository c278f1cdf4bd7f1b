"""Contains the data API service: HTTP around the query core of integratedb.query."""
