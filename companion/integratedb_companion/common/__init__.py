"""What every part of the companion uses: configuration, logs, sessions, terminal output, errors."""
