"""Prints results: tables for people, JSON for programs, colours on a terminal only.

Names, messages and documents come from databases and files of others. They must not control the terminal, or print a
line that looks like the program's own. This module ensures that for all commands.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import sys
from collections.abc import Iterable, Sequence
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from .outside_text import json_escaped, one_line

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Item = TypeVar("Item")

#: Wide enough that no line is broken where there is no terminal, because such output is for tools like grep.
UNBROKEN = 100_000

#: The escapes that styled() adds, and line breaks; clean() removes both from the texts themselves.
_OWN_ESCAPES = re.compile(r"(\x1b\[[0-9;]*m|\n)")


def print_json(value: Any) -> None:
    """Print a document."""
    click.echo(to_json(value))


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """Return a document as JSON text: times in ISO 8601, and JSON escapes for what is not printable."""
    return json_escaped(json.dumps(value, indent=indent, ensure_ascii=False, default=_plain))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def clean(text: str) -> str:
    """Return a text on one line, with escapes in place of what is not printable."""
    return one_line(text)


def clean_lines(text: str) -> list[str]:
    """Return the lines of a foreign text, each cleaned, with spaces in place of tabs."""
    return [clean(line.rstrip("\r").expandtabs()) for line in text.split("\n")]


def console(stream: IO[str] | None = None) -> Console:
    """Return a console on a stream, by default on standard output; NO_COLOR is respected."""
    from rich.console import Console

    stream = stream or sys.stdout
    # A terminal of unknown width counts as 80 columns; a file is as wide as necessary.
    return Console(file=stream, width=None if stream.isatty() else UNBROKEN, highlight=False, markup=False)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, stream: IO[str] | None = None, indent: int = 0
) -> None:
    """Print rows under a heading; a cell is a string, a styled text, or any object that has a text."""
    from rich import box
    from rich.padding import Padding
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(clean(column), overflow="fold")
    for row in rows:
        table.add_row(*map(_cell, row))
    target = console(stream)
    with target.capture() as captured:
        target.print(Padding(table, (0, 0, 0, indent)) if indent else table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip(), file=stream)


def _cell(value: object) -> Text:
    from rich.text import Text

    if isinstance(value, Text):
        return value
    if isinstance(value, datetime.datetime):
        value = value.isoformat(sep=" ", timespec="seconds")
    if isinstance(value, dict | list):
        value = to_json(value, indent=None)
    return Text("" if value is None else clean(str(value)))


def styled(text: str, **style: Any) -> str:
    """Colour a text; click removes the colours where it does not print to a terminal."""
    return click.style(clean(text), **style)


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line; colours appear on a terminal only, and not if NO_COLOR is set."""
    shown = "".join(part if _OWN_ESCAPES.fullmatch(part) else clean(part) for part in _OWN_ESCAPES.split(text))
    click.echo(shown, err=err, color=False if os.environ.get("NO_COLOR") else None)


def say_labelled(label: str, text: str, *, err: bool = False) -> None:
    """Print a text of several lines after a label; the other lines are indented below the first."""
    for number, line in enumerate(text.split("\n")):
        say(styled(f"{label}: " if number == 0 else " " * (len(label) + 2), bold=True) + styled(line), err=err)


def progress(items: Sequence[Item], label: str) -> Iterable[Item]:
    """Return the items, with a progress bar on standard error if that is a terminal."""
    if not sys.stderr.isatty():
        return items
    from rich.progress import track

    return track(items, description=label, console=console(sys.stderr), transient=True)
