"""The grammar of a specification: turns a document into the model or refusals, and the model into a short document."""
