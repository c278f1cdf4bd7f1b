"""Reads, checks and narrows the saved queries of stakeholders."""
