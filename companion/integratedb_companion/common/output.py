"""How results are printed: tables for people, JSON for programs, colours on a terminal only.

Names, messages and documents come from databases and files of others. None of them steers the terminal, or writes a line
that looks like ours: this is the one place that sees to it, for all commands.
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

#: Wide enough that nothing is broken where there is no terminal: lines are for grep there.
UNBROKEN = 100_000

#: What `styled` puts around a text, and the ends of lines; of the texts themselves `clean` leaves neither.
_OURS = re.compile(r"(\x1b\[[0-9;]*m|\n)")


def print_json(value: Any) -> None:
    """Print a document."""
    click.echo(to_json(value))


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """Give a document as text; times in ISO 8601, and what is not printable as escapes of JSON."""
    return json_escaped(json.dumps(value, indent=indent, ensure_ascii=False, default=_plain))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime.datetime) else str(value)


def clean(text: str) -> str:
    """Give a text on one line, with escapes in place of what is not printable."""
    return one_line(text)


def clean_lines(text: str) -> list[str]:
    """Give the lines of a text that others wrote, each as clean() gives it, with spaces in place of tabs."""
    return [clean(line.rstrip("\r").expandtabs()) for line in text.split("\n")]


def console(stream: IO[str] | None = None) -> Console:
    """Give a console on a stream, standard output when none is given; NO_COLOR is respected."""
    from rich.console import Console

    stream = stream or sys.stdout
    # A terminal that does not say how wide it is counts as 80; a file is as wide as it needs to be.
    return Console(file=stream, width=None if stream.isatty() else UNBROKEN, highlight=False, markup=False)


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, stream: IO[str] | None = None, indent: int = 0
) -> None:
    """Print rows under a heading; a cell is text, a rich text with its own colours, or anything that has a text."""
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
    """Colour a text; click takes the colours out again where it does not print to a terminal."""
    return click.style(clean(text), **style)


def say(text: str = "", *, err: bool = False) -> None:
    """Print a line; colours stay on a terminal only, and not where NO_COLOR is set."""
    shown = "".join(part if _OURS.fullmatch(part) else clean(part) for part in _OURS.split(text))
    click.echo(shown, err=err, color=False if os.environ.get("NO_COLOR") else None)


def say_labelled(label: str, text: str, *, err: bool = False) -> None:
    """Print a text of several lines behind a label: the other lines begin below the first."""
    for number, line in enumerate(text.split("\n")):
        say(styled(f"{label}: " if number == 0 else " " * (len(label) + 2), bold=True) + styled(line), err=err)


def progress(items: Sequence[Item], label: str) -> Iterable[Item]:
    """Give the items, with a bar on standard error where that is a terminal."""
    if not sys.stderr.isatty():
        return items
    from rich.progress import track

    return track(items, description=label, console=console(sys.stderr), transient=True)
