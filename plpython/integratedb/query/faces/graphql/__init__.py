"""The GraphQL face: a schema of what a role may see, and documents that become one query a root field."""
