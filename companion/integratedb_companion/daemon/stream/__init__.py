"""Reads the replication stream: the connection, the slot, the messages, and how far is confirmed."""
