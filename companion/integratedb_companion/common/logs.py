"""Writes structured logs: one JSON object a line on standard error."""

from __future__ import annotations

import json
import logging
import sys
import traceback
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from orjson import OPT_NON_STR_KEYS, dumps

from .outside_text import json_escaped

# uvicorn's color_message repeats the message for terminals.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


class JsonFormatter(logging.Formatter):
    """Formats a record with all its `extra` fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one line."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
        }
        entry.update({name: value for name, value in vars(record).items() if name not in _STANDARD})
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        try:
            return json_escaped(dumps(entry, default=str, option=OPT_NON_STR_KEYS).decode())
        except TypeError:  # an unpaired surrogate, or a number beyond 64 bits
            return json.dumps({str(name): value for name, value in entry.items()}, default=str)


class WithoutTexts(logging.Filter):
    """Removes the texts of a library's record, which may hold addresses, headers and credentials."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the texts with the name of the logger, and with the type and place of the exception."""
        problem = record.exc_info[1] if record.exc_info else None
        record.msg, record.args = f"{record.name} says {record.levelname.lower()}", None
        record.exc_info = record.exc_text = record.stack_info = None
        if problem is not None:
            vars(record).update(fault(problem))
        return True


def fault(problem: BaseException) -> dict[str, Any]:
    """Return what may be logged of an exception: its type, and its places in the code; never its text."""
    while isinstance(problem, BaseExceptionGroup):
        problem = problem.exceptions[0]
    sqlstate = getattr(problem, "sqlstate", None)
    frames = traceback.extract_tb(problem.__traceback__)[-20:]
    return {
        "fault": type(problem).__qualname__,
        **({"sqlstate": sqlstate} if sqlstate else {}),
        "places": [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames],
    }


def silence_texts(libraries: Iterable[str]) -> None:
    """Remove the texts from the records of these libraries' loggers, and of all loggers below them."""
    for library in libraries:
        for name in [library, *(n for n in logging.root.manager.loggerDict if n.startswith(f"{library}."))]:
            logger = logging.getLogger(name)
            if not any(isinstance(one, WithoutTexts) for one in logger.filters):
                logger.addFilter(WithoutTexts())


def configure(level: str) -> None:
    """Set up logging for the process; only the command does this."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # One line for each connection would hide the other lines.
    logging.getLogger("websockets").setLevel(logging.ERROR)
