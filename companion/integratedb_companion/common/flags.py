"""Keeps the connection options of a command: psql's -h, -p and -U."""

from __future__ import annotations

import click

#: psql's options, by the names of libpq's parameters.
FLAGS = {
    "host": ("-h", "--host", "HOST", "Host of the server, or the directory of its socket."),
    "port": ("-p", "--port", "PORT", "Port of the server."),
    "user": ("-U", "--username", "ROLE", "Role to connect as."),
}


META_KEY = f"{__name__}.flags"


def connection_flags() -> dict[str, str]:
    """Return the values of -h, -p and -U by libpq's names; empty outside of a command."""
    context = click.get_current_context(silent=True)
    flags: dict[str, str] = context.meta.get(META_KEY, {}) if context else {}
    return flags


def keep_flag(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """Keep the value of an option for connection_flags(), so that no command has to pass it on."""
    if value is not None:
        name = next(name for name, (flag, *_) in FLAGS.items() if flag in option.opts)
        context.meta.setdefault(META_KEY, {})[name] = value
