"""The one log: a line of a part in words, with a coloured name on terminals only."""

from __future__ import annotations

import io
import os
import re

import pytest

from integratedb_companion.supervisor.lines import Lines, readable


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said(stream: io.StringIO, name: str = "daemon", text: str = "streaming", level: str = "info") -> str:
    Lines(stream).say(name, text, level)
    return stream.getvalue()


def test_a_line_has_the_time_the_name_and_the_words() -> None:
    assert re.fullmatch(r"\d\d:\d\d:\d\d daemon   streaming\n", said(io.StringIO()))


def test_the_name_is_coloured_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[35m" in said(Terminal())
    assert "\x1b[32m" in said(Terminal(), "api")
    assert "\x1b" not in said(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in said(Terminal())


@pytest.mark.parametrize(
    ("line", "words", "level"),
    [
        ('{"time": "x", "level": "info", "message": "streaming", "lsn": "0/1"}', "streaming  lsn=0/1", "info"),
        ('{"level": "error", "message": "no", "listen": ["::1", 4]}', "no  listen=::1:4", "error"),
        ('{"level": "info", "message": "m", "flag": true, "count": 3}', "m  flag=true  count=3", "info"),
        ("LOG:  database system is ready", "database system is ready", "LOG"),
        ("FATAL:  no pg_hba.conf entry", "no pg_hba.conf entry", "FATAL"),
        ("DETAIL:  Connection matched", "DETAIL: Connection matched", "DETAIL"),
        ("integratedb: dsn: wrong", "dsn: wrong", "info"),
        ("{not json", "{not json", "info"),
        ("a\x1b[2Jb", r"a\x1b[2Jb", "info"),
    ],
)
def test_what_a_part_says_becomes_words(line: str, words: str, level: str) -> None:
    assert readable(line) == (words, level)


def test_what_postgres_adds_to_its_normal_work_is_left_out_and_of_errors_shown() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    read, write = os.pipe()
    thread = lines.follow("postgres", os.fdopen(read, "rb"))
    os.write(write, b"LOG:  found point\nDETAIL:  none\nSTATEMENT:  CREATE\nERROR:  no table\nSTATEMENT:  SELECT\n")
    os.close(write)
    thread.join(5)
    assert [line[18:] for line in stream.getvalue().splitlines()] == ["found point", "no table", "STATEMENT: SELECT"]
    assert lines.last("postgres") == "STATEMENT: SELECT"


def test_a_reader_who_has_gone_ends_nothing() -> None:
    stream = io.StringIO()
    lines = Lines(stream)
    stream.close()
    lines.say("api", "goes on")
