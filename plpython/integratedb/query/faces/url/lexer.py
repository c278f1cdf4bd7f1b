"""Reads one parameter's text from left to right: names, JSON paths, and errors that say where and what was expected.

Every pattern takes linear time: what may follow a repetition begins with another character than the repetition has.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NoReturn, TypeAlias

from ...problems import ProblemError
from ...request import Column, Expression, Path
from .errors import UrlError, parse_error

#: Steps of a JSON path: whether it is ->>, and the key or index.
Steps: TypeAlias = Sequence[tuple[bool, str | int]]

_IDENTIFIER = re.compile(r"[\w $]+(?:-(?!>)[\w $]+)*")
_QUOTED = re.compile(r'"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_BLANKS = re.compile(r"[ \t]*")
_ARROW = re.compile(r"->>?")
_INDEX = re.compile(r"(-?[0-9]+)(?=->|::|[.,)}]|\Z)")
_NEGATIVE = re.compile(r"-([0-9]*)")
_KEY = re.compile(r"[^(\-:.,>)]+(?:-(?!>)[^(\-:.,>)]+)*")
_KEY_IN_BRACES = re.compile(r"[^(\-:.,>)}]+(?:-(?!>)[^(\-:.,>)}]+)*")
_LARGEST_INDEX = 2**31 - 1

FIELD_NAME = "field name (* or [a..z0..9_$])"


def unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text) if "\\" in text else text


class Scanner:
    """A text and the position that is read next; ``shown`` is the text as errors show it."""

    __slots__ = ("closing", "pos", "shown", "text", "what")

    def __init__(self, what: str, text: str, shown: str | None = None) -> None:
        self.what = what
        self.text = text
        self.shown = text if shown is None else shown
        self.pos = 0
        #: The brackets that are open: what closes each.
        self.closing: list[str] = []

    def error(
        self, expecting: str = "", at: int | None = None, quote: str = '"', found_at: int | None = None
    ) -> UrlError:
        """An error at a position; ``expecting`` is what could have stood there, ``found_at`` where it differs."""
        position = self.pos if at is None else at
        line = self.text.count("\n", 0, position) + 1
        column = position - self.text.rfind("\n", 0, position)
        character = self.text[position : position + 1] if found_at is None else self.text[found_at : found_at + 1]
        found = f"{quote}{character}{quote}" if character else "end of input"
        return parse_error(
            f'"failed to parse {self.what} ({self.shown})" (line {line}, column {column})',
            f"unexpected {found}" + (f" expecting {expecting}" if expecting else ""),
        )

    def fail(
        self, expecting: str = "", at: int | None = None, quote: str = '"', found_at: int | None = None
    ) -> NoReturn:
        raise self.error(expecting, at, quote, found_at)

    @property
    def at_end(self) -> bool:
        return self.pos >= len(self.text)

    def peek(self) -> str:
        return self.text[self.pos : self.pos + 1]

    def looks_at(self, text: str) -> bool:
        return self.text.startswith(text, self.pos)

    def take(self, text: str) -> bool:
        """Goes past this text, if it is next."""
        if self.text.startswith(text, self.pos):
            self.pos += len(text)
            return True
        return False

    def expect(self, text: str, expecting: str | None = None) -> None:
        if not self.take(text):
            self.fail(expecting or f'"{text}"')

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.pos)
        if found:
            self.pos = found.end()
        return found

    def blanks(self) -> None:
        self.match(_BLANKS)

    def quoted(self) -> str | None:
        found = self.match(_QUOTED)
        return unescape(found[1]) if found else None

    def optional_name(self) -> str | None:
        """A name: quoted, or letters, digits, ``_ $``, spaces inside, and ``-`` that begins no arrow."""
        if self.peek() == '"':
            return self.quoted()
        start = self.pos
        found = self.match(_IDENTIFIER)
        if not found:
            return None
        name = found[0].strip(" ")
        if not name:
            self.pos = start
            return None
        return name

    def name(self, expecting: str = FIELD_NAME) -> str:
        name = self.optional_name()
        if name is None:
            self.blanks()
            self.fail(expecting)
        return name

    def json_path(self) -> Steps:
        steps: list[tuple[bool, str | int]] = []
        while arrow := self.match(_ARROW):
            index = self.match(_INDEX)
            if index:
                if len(index[1]) > 11 or abs(int(index[1])) > _LARGEST_INDEX:
                    self.fail("an index of at most 2147483647", at=index.start())
                steps.append((arrow[0] == "->>", int(index[1])))
            else:
                steps.append((arrow[0] == "->>", self._key()))
        return steps

    def _key(self) -> str:
        if self.peek() == '"':
            key = self.quoted()
        else:
            found = self.match(_KEY_IN_BRACES if "}" in self.closing else _KEY)
            key = found[0].strip() if found else None
        if key is None:
            negative = self.match(_NEGATIVE)
            if negative and negative[1]:
                self.fail('digit, "->", "::", ".", "," or end of input', quote="'")
            if negative:
                self.fail("digit")
            self.fail('"-", digit or any non reserved character different from: .,>()')
        return key

    def finish(self, expecting: str) -> None:
        if not self.at_end:
            self.fail(expecting, quote="'")


def expression(base: Expression, steps: Steps, limit: int) -> Expression:
    """The value at a JSON path. A ``->>`` that is not the last step makes a path inside a path."""
    keys: list[str | int] = []
    nested = 0
    for number, (as_text, key) in enumerate(steps, 1):
        keys.append(key)
        if as_text or number == len(steps):
            nested += 1
            if nested > limit:
                raise ProblemError("too deep", limit=limit)
            base = Path(base, tuple(keys), as_text)
            keys = []
    return base


def field(name: str, steps: Steps, limit: int) -> Expression:
    return expression(Column(name), steps, limit)
