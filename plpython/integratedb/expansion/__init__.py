"""What a specification means in this catalog, as claim rows."""
