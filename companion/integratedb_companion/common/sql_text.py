"""Splits the text of a migration into its statements; pure.

Migration tools enclose their statements in BEGIN and COMMIT. A preview runs the statements in its own transaction.
So it removes these two, and refuses all other statements that begin or end a transaction.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(
    r"""(?P<blank>\s+|--[^\n]*)
      | (?P<comment>/\*)
      | (?P<escaped>[eE]'(?:[^'\\]++|\\.|'')*+')
      | (?P<quoted>'(?:[^']++|'')*+'|"(?:[^"]++|"")*+")
      | (?P<word>[A-Za-z_\x80-\U0010ffff][\w$\x80-\U0010ffff]*)
      | (?P<dollar>\$(?:[A-Za-z_\x80-\U0010ffff][\w\x80-\U0010ffff]*)?\$)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_COMMENT_END: Final = re.compile(r"/\*|\*/")
_BEGINS: Final = re.compile(r"(BEGIN|START TRANSACTION)\b[A-Z ,]*")
_COMMITS: Final = re.compile(r"(COMMIT|END)( (WORK|TRANSACTION))?( AND NO CHAIN)?")
#: Statements that plpgsql would refuse with another message. It refuses SAVEPOINT and similar statements itself.
_FORBIDDEN: Final = re.compile(
    r"(BEGIN|START TRANSACTION|COMMIT|END|ROLLBACK|ABORT|PREPARE TRANSACTION)\b.*", re.DOTALL
)


class TransactionError(ValueError):
    """A statement begins or ends a transaction within the text."""


@dataclass(frozen=True, slots=True)
class Statement:
    """The place of a statement, its semicolon included, and its words without comments, in upper case."""

    begin: int
    end: int
    words: str
    line: int


def without_transaction(text: str) -> str:
    """Blank out BEGIN and COMMIT around all the statements; positions stay the same. Error: TransactionError."""
    found = list(statements(text))
    inner = found
    if len(found) > 1 and _BEGINS.fullmatch(found[0].words) and _COMMITS.fullmatch(found[-1].words):
        inner = found[1:-1]
    for statement in inner:
        if _FORBIDDEN.fullmatch(statement.words):
            raise TransactionError(
                f"line {statement.line}: {statement.words[:40]} does not wrap the whole: "
                "a preview is one transaction, which BEGIN; may begin and COMMIT; may end"
            )
    if inner is not found:
        for statement in (found[0], found[-1]):
            blank = re.sub(r"[^\n]", " ", text[statement.begin : statement.end])
            text = text[: statement.begin] + blank + text[statement.end :]
    return text


def statements(text: str) -> Iterator[Statement]:
    """Find the statements as psql does: a semicolon in parentheses or in a function's body does not end one."""
    words: list[str] = []
    begin = -1
    line, counted = 1, 0
    depth = bodies = 0
    for kind, start, end in _tokens(text):
        if kind in ("blank", "comment"):
            continue
        part = text[start:end]
        if begin < 0:
            begin = start
            line += text.count("\n", counted, begin)
            counted = begin
        if part == ";" and kind == "other" and depth == 0 and bodies == 0:
            if words:
                yield Statement(begin, end, " ".join(words), line)
            words, begin = [], -1
            continue
        word = part.upper() if kind == "word" else part
        words.append(word)
        depth = max(0, depth + {"(": 1, ")": -1}.get(part, 0)) if kind == "other" else depth
        if kind == "word" and _makes_routine(words):
            if word == "BEGIN" or (word == "CASE" and bodies):
                bodies += 1
            elif word == "END" and bodies:
                bodies -= 1
    if words:
        yield Statement(begin, len(text), " ".join(words), line)


def _makes_routine(words: list[str]) -> bool:
    kind = words[3:4] if words[1:3] == ["OR", "REPLACE"] else words[1:2]
    return words[0] == "CREATE" and kind in (["FUNCTION"], ["PROCEDURE"])


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    place = 0
    while found := _TOKEN.match(text, place):
        kind, end = str(found.lastgroup), found.end()
        if kind == "comment":
            depth = 1
            while depth and (mark := _COMMENT_END.search(text, end)):
                depth += 1 if mark[0] == "/*" else -1
                end = mark.end()
            end = end if not depth else len(text)
        elif kind == "dollar":
            closing = text.find(found[0], end)
            end = len(text) if closing < 0 else closing + len(found[0])
        yield kind, place, end
        place = end
