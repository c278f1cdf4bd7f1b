"""A dump, or a script, as the base: its format, and the roles that it names and a fresh cluster does not have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_NAME = r'("(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)'
_MENTIONS = [
    re.compile(rf"^ALTER .*OWNER TO {_NAME};$"),
    re.compile(rf"^CREATE SCHEMA .*AUTHORIZATION {_NAME};$"),
    re.compile(rf"^SET SESSION AUTHORIZATION {_NAME};$"),
    re.compile(rf"^GRANT .* TO {_NAME}(?: WITH GRANT OPTION)?;$"),
    re.compile(rf"^REVOKE .* FROM {_NAME};$"),
    re.compile(rf"^ALTER DEFAULT PRIVILEGES FOR ROLE {_NAME} "),
    re.compile(rf"^GRANT {_NAME} TO "),
]
_POLICY = re.compile(r"^CREATE POLICY .*? TO (?P<roles>[^(]+?)(?: USING| WITH CHECK|;$)")
_CREATED = re.compile(rf"^CREATE (?:ROLE|USER) {_NAME}")
#: The heading of pg_dump: "-- Dumped from database version 17.2 (Debian ...)".
_FROM = re.compile(r"^-- Dumped (from database|by pg_dump) version (\d+)", re.MULTILINE)
#: Since August 2025 pg_dump fences its output off from commands of psql; older ones do not know these two.
_FENCE = re.compile(r"^\\(un)?restrict \w+$")
#: The settings at the head of a dump that an older server does not know, and since which version there are.
_SETTINGS = {"idle_in_transaction_session_timeout": 9, "transaction_timeout": 17}
_SET = re.compile(r"^SET (\w+) = .*;$")
_COPY = re.compile(r"^COPY .* FROM stdin;$")
_NOBODY = {"public", "current_user", "session_user", "current_role", "none"}
#: What may go on over several lines, and what ends it: within it, nothing is a statement of the dump.
_OPENS = re.compile(r"""--|/\*|(?<![\w$])[eE]'|'|"|(?<![\w$])\$(?:[^\W\d]\w*)?\$""")
_ESCAPED = re.compile(r"(?:[^'\\]++|\\.|'')*+'")


def is_archive(path: Path) -> bool:
    """Whether pg_restore reads it: a dump in the custom, directory or tar format."""
    if path.is_dir():
        return (path / "toc.dat").exists()
    with path.open("rb") as file:
        head = file.read(512)
    return head.startswith((b"PGDMP", b"toc.dat"))


def missing_roles(lines: Iterable[str]) -> list[str]:
    """The roles that a plain dump names, and does not create itself; what is data in it is passed over."""
    mentioned: dict[str, None] = {}
    created: set[str] = set()
    for line in _statements(lines):
        found = _CREATED.match(line)
        if found:
            created.add(_unquoted(found[1]))
            continue
        for pattern in _MENTIONS:
            found = pattern.match(line)
            if found:
                mentioned[_unquoted(found[1])] = None
        policy = _POLICY.match(line)
        if policy:
            mentioned |= dict.fromkeys(_unquoted(role) for role in re.findall(_NAME, policy["roles"]))
    # Postgres reserves pg_ for its own, which are there.
    return [role for role in mentioned if role not in created | _NOBODY and not role.startswith("pg_")]


def versions(text: str) -> tuple[int | None, int | None]:
    """The major versions that the heading of a dump tells: of the server it is of, and of pg_dump."""
    found = {what: int(version) for what, version in _FROM.findall(text[:2000])}
    return found.get("from database"), found.get("by pg_dump")


def adapted(text: str, server: int, *, fences: bool) -> str:
    """A dump without what the server of this major version, or a psql that knows no fences, would stop at."""
    unknown = {name for name, since in _SETTINGS.items() if server < since}
    if fences and not unknown:
        return text
    kept = []
    for line, is_statement in _lines(text.splitlines(keepends=True)):
        plain = line.rstrip("\r\n")
        found = _SET.match(plain) if is_statement else None
        is_fence = is_statement and not fences and _FENCE.match(plain) is not None
        if not is_fence and (found is None or found[1] not in unknown):
            kept.append(line)
    return "".join(kept)


def knows_fences(psql: str) -> bool:
    """Whether the psql that calls itself so, `psql (PostgreSQL) 15.14`, knows the commands that fence off a dump."""
    found = re.search(r"(\d+)\.(\d+)", psql)
    since = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}
    return found is not None and int(found[2]) >= since.get(int(found[1]), 0 if int(found[1]) > 17 else 1000)


def advice(said: str, server: int, dumped: tuple[int | None, int | None]) -> str | None:
    """What to do about a base that does not apply; None where its own error says enough."""
    newer = [version for version in dumped if version is not None and version > server]
    if newer or re.search(
        r"unrecognized configuration parameter|invalid command \\(un)?restrict|unsupported version", said
    ):
        whose = f"The dump is of version {max(newer)}" if newer else "The dump may be of a newer version"
        return (
            f"{whose}, the throw-away Postgres is {server}: choose one as new by --bindir or --docker. A dump that is given "
            "as a file is stripped of the settings that an older server does not know."
        )
    if re.search(r'role ".*" does not exist', said):
        return (
            "Give the dump as a file, or the connection string of production: the roles that they name are made. Or make "
            "them by a --base before."
        )
    if "server version mismatch" in said:
        return "pg_dump must be as new as production: choose one by --bindir, or put it first in PATH."
    return None


def _statements(lines: Iterable[str]) -> Iterator[str]:
    return (line.rstrip("\r\n") for line, is_statement in _lines(lines) if is_statement)


def _lines(lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Give each line, and whether a statement may begin there: not in data, nor within a text, such as a comment on a table."""
    in_data, within = False, ""
    for line in lines:
        text = line.rstrip("\r\n")
        if in_data:
            in_data = text != r"\."
            yield line, False
        elif not within and _COPY.match(text):
            in_data = True
            yield line, False
        else:
            yield line, not within
            if within or not text.startswith("\\"):  # which is a command of psql
                within = _open_at_end(text, within)


def _open_at_end(line: str, within: str) -> str:
    """What a line leaves open, by its opening mark, where it begins within such."""
    place = 0
    while True:
        if within:
            end = _end_of(within, line, place)
            if end < 0:
                return within
            place, within = end, ""
        found = _OPENS.search(line, place)
        if found is None or found[0] == "--":
            return ""
        place, within = found.end(), found[0]


def _end_of(opened: str, line: str, place: int) -> int:
    if opened in ("e'", "E'"):
        found = _ESCAPED.match(line, place)
        return -1 if found is None else found.end()
    mark = "*/" if opened == "/*" else opened
    at = line.find(mark, place)
    return -1 if at < 0 else at + len(mark)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
