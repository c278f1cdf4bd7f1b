"""The grammar of a specification: from a document to the model or to refusals, and back to the short document."""
