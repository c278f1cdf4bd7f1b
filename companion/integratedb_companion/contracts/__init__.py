"""Contracts as code: brings the database into the state that a directory of YAML files describes, one a stakeholder."""
