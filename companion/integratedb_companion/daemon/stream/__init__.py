"""Reads the replication stream: the connection, the slot, the messages, and the confirmed position."""
