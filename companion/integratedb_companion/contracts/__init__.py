"""Contracts as code: a directory of YAML files, one a stakeholder, that the database is made to agree with."""
