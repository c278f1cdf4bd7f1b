"""Contains what the HTTP services share: connections, framing, headers, bodies, metrics."""
