"""The tables as the newest migration leaves them; the shop had tables before it had Django."""
