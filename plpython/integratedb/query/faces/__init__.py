"""Contains the faces of the data API: each parses one syntax into the same request, and words errors its own way."""
