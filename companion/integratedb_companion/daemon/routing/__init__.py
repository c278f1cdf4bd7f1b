"""Turns row changes into events, and decides which channels get them, and in which order."""
