"""Contains what every part of the companion uses: configuration, logs, sessions, terminal output, errors."""
