"""Serves WebSockets: the listener, logins, and the sockets that events are sent to."""
