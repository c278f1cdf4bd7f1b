"""Prints one log of all parts: the time, a coloured name, and what a part says, in words."""

from __future__ import annotations

import collections
import contextlib
import json
import os
import re
import sys
import threading
import time
from typing import IO, Any

import click

from integratedb_companion.common.output import clean

COLORS = {"start": "white", "postgres": "blue", "daemon": "magenta", "api": "green", "serve": "cyan"}
LEVELS = {
    "warning": "yellow",
    "error": "red",
    "critical": "red",
    "WARNING": "yellow",
    "ERROR": "red",
    "FATAL": "red",
    "PANIC": "red",
}
#: The fields of a structured record that the line shows elsewhere, or not at all.
SHOWN = ("time", "level", "message", "version", "pid")
#: What Postgres adds to a message.
MORE = ("DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY")
_POSTGRES = re.compile(
    r"(DEBUG\d|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT|QUERY):  (.*)", re.DOTALL
)
_WIDTH = max(map(len, COLORS))
#: So many of the last lines of a part are kept, to say why it ended.
KEPT = 20


class Lines:
    """The log, on standard output. Several threads write to it."""

    def __init__(self, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stdout
        self._colored = self._stream.isatty() and not os.environ.get("NO_COLOR")
        self._lock = threading.Lock()
        #: The level of the last message of Postgres.
        self._of_postgres = "LOG"
        self._last: dict[str, collections.deque[str]] = {name: collections.deque(maxlen=KEPT) for name in COLORS}

    def say(self, name: str, text: str, level: str = "info") -> None:
        """Print a line of a part."""
        name_shown = click.style(name.ljust(_WIDTH), fg=COLORS[name], bold=True)
        words = click.style(clean(text), fg=LEVELS[level]) if level in LEVELS else clean(text)
        self.show(f"{click.style(time.strftime('%H:%M:%S'), dim=True)} {name_shown} {words}")

    def show(self, line: str = "") -> None:
        """Print a line as it is. A reader who has gone does not end the parts."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            self._stream.write((line if self._colored else click.unstyle(line)) + "\n")
            self._stream.flush()

    def follow(self, name: str, output: IO[bytes]) -> threading.Thread:
        """Print what a part says, until its output ends."""

        def read() -> None:
            with output:
                for line in output:
                    self._read(name, line.decode(errors="replace").rstrip("\r\n"))

        thread = threading.Thread(target=read, daemon=True, name=f"log of {name}")
        thread.start()
        return thread

    def _read(self, name: str, line: str) -> None:
        if not line.strip():
            return
        text, level = readable(line)
        # A message of Postgres about its normal work needs no more than one line.
        if name == "postgres" and level in MORE and self._of_postgres not in LEVELS:
            return
        if name == "postgres" and level not in MORE:
            self._of_postgres = level
        self._last[name].append(text)
        self.say(name, text, level)

    def last(self, name: str) -> str | None:
        """Return the last line that a part has printed."""
        return self._last[name][-1] if self._last[name] else None


def readable(line: str) -> tuple[str, str]:
    """Return a line of a part as words, and its level."""
    if line.startswith("{"):
        with contextlib.suppress(ValueError, AttributeError):
            record = json.loads(line)
            fields = [f"{key}={_value(value)}" for key, value in record.items() if key not in SHOWN]
            return clean("  ".join([str(record.get("message", "")), *fields])), str(record.get("level", "info"))
    if found := _POSTGRES.match(line):
        level, words = found.groups()
        return clean(words if level in ("LOG", *LEVELS) else f"{level}: {words}"), level
    return clean(line.expandtabs(2).removeprefix("integratedb: ")), "info"


def _value(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 2 and isinstance(value[1], int):
        return f"{value[0]}:{value[1]}"
    return json.dumps(value, ensure_ascii=False)
