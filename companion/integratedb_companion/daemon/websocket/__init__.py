"""Serves WebSockets: the listener, logins, and the sockets that deliver events."""
