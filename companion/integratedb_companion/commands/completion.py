"""Implements `integratedb completion`: the script that makes a shell complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .framework import command


@command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the completion script for a shell.

    \b
    Examples:
      integratedb completion bash > /etc/bash_completion.d/integratedb
      integratedb completion zsh > "${fpath[1]}/_integratedb"
      integratedb completion fish > ~/.config/fish/completions/integratedb.fish
    """
    main = click.get_current_context().find_root().command
    kind = get_completion_class(shell)
    assert kind is not None
    click.echo(kind(main, {}, "integratedb", "_INTEGRATEDB_COMPLETE").source())
