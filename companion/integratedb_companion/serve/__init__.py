"""What speaks HTTP beside the database: one application of parts, the first of which is the management API."""
