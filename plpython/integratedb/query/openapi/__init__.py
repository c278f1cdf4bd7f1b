"""Describes a surface for clients of its REST interface: OpenAPI 3.1, and Swagger 2.0 for those that know only that."""
