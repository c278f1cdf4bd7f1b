"""The connection options that a command was given: psql's -h, -p and -U."""

from __future__ import annotations

import click

#: psql's options by libpq's names of what they say.
FLAGS = {
    "host": ("-h", "--host", "HOST", "Host of the server, or the directory of its socket."),
    "port": ("-p", "--port", "PORT", "Port of the server."),
    "user": ("-U", "--username", "ROLE", "Role to connect as."),
}


KEPT = f"{__name__}.flags"


def connection_flags() -> dict[str, str]:
    """Give what -h, -p and -U say of the connection, by libpq's names; empty outside of a command."""
    context = click.get_current_context(silent=True)
    flags: dict[str, str] = context.meta.get(KEPT, {}) if context else {}
    return flags


def keep_flag(context: click.Context, option: click.Parameter, value: str | None) -> None:
    """Keep what an option says for connection_flags(), so that no command has to pass it on."""
    if value is not None:
        name = next(name for name, (flag, *_) in FLAGS.items() if flag in option.opts)
        context.meta.setdefault(KEPT, {})[name] = value
