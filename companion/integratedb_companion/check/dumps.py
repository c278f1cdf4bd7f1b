"""Prepares a dump or script as the base: its format, and the roles that it needs and a new cluster does not have."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from .model import UnableError

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
#: Since August 2025 pg_dump encloses its output in these two psql commands, which older versions do not know.
_FENCE = re.compile(r"^\\(un)?restrict \w+$")
#: Settings in the head of a dump that older servers do not know, with the first version that knows each.
_SETTINGS = {"idle_in_transaction_session_timeout": 9, "transaction_timeout": 17}
_ENCODING = re.compile(r"^SET client_encoding = '(\w+)';$", re.MULTILINE)
_SET = re.compile(r"^SET (\w+) = .*;$")
_COPY = re.compile(r"^COPY .* FROM stdin;$")
_PSEUDO_ROLES = {"public", "current_user", "session_user", "current_role", "none"}
#: The beginning and end of what may extend over several lines: inside it, no statement of the dump begins.
_OPENS = re.compile(r"""--|/\*|(?<![\w$])[eE]'|'|"|(?<![\w$])\$(?:[^\W\d]\w*)?\$""")
_ESCAPED = re.compile(r"(?:[^'\\]++|\\.|'')*+'")


def is_archive(path: Path) -> bool:
    """Whether a dump is in the custom, directory or tar format, which pg_restore reads."""
    if path.is_dir():
        return (path / "toc.dat").exists()
    with path.open("rb") as file:
        head = file.read(512)
    return head.startswith((b"PGDMP", b"toc.dat"))


def missing_roles(lines: Iterable[str]) -> list[str]:
    """Return the roles that a plain dump names and does not create; its data is skipped."""
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
    # Roles with the prefix pg_ are Postgres's own, and exist.
    return [role for role in mentioned if role not in created | _PSEUDO_ROLES and not role.startswith("pg_")]


def readable(name: str, text: str) -> str:
    """Decode a name by the encoding that the heading of the dump sets. Its bytes are surrogates if they are not UTF-8.

    Error: UnableError.
    """
    found = _ENCODING.search(text[:5000])
    encoding = found[1] if found else "UTF8"
    try:
        return name.encode(errors="surrogateescape").decode(re.sub("^WIN(?=[0-9])", "cp", encoding))
    except (UnicodeError, LookupError):
        shown = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
        raise UnableError(
            f"the dump names role {shown}, which is not {encoding}", "Dump it with --encoding=UTF8."
        ) from None


def versions(text: str) -> tuple[int | None, int | None]:
    """Return the major versions in the heading of a dump: of its server, and of pg_dump."""
    found = {what: int(version) for what, version in _FROM.findall(text[:2000])}
    return found.get("from database"), found.get("by pg_dump")


def adapted(text: str, server: int, *, fences: bool) -> str:
    """Remove from a dump what this version of the server, or a psql without \\restrict, would refuse."""
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
    """Whether psql, with this output of --version (`psql (PostgreSQL) 15.14`), knows \\restrict and \\unrestrict."""
    found = re.search(r"(\d+)\.(\d+)", psql)
    since = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}
    return found is not None and int(found[2]) >= since.get(int(found[1]), 0 if int(found[1]) > 17 else 1000)


def advice(said: str, server: int, dumped: tuple[int | None, int | None]) -> str | None:
    """Return what to do about a base that cannot be applied; None where its own error is sufficient."""
    newer = [version for version in dumped if version is not None and version > server]
    if newer or re.search(
        r"unrecognized configuration parameter|invalid command \\(un)?restrict|unsupported version", said
    ):
        whose = f"The dump is of version {max(newer)}" if newer else "The dump may be of a newer version"
        return (
            f"{whose}, the throw-away Postgres is {server}: choose one as new by --bindir or --docker. A dump that is "
            "given as a file is stripped of the settings that an older server does not know."
        )
    if re.search(r'role ".*" does not exist', said):
        return (
            "Give the dump as a file, or the connection string of production: the roles that they name are made. Or "
            "make them by a --base before."
        )
    if "server version mismatch" in said:
        return "pg_dump must be as new as production: choose one by --bindir, or put it first in PATH."
    return None


def _statements(lines: Iterable[str]) -> Iterator[str]:
    return (line.rstrip("\r\n") for line, is_statement in _lines(lines) if is_statement)


def _lines(lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Return each line, and whether a statement may begin there: not in data, nor in a text or comment."""
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
            if within or not text.startswith("\\"):  # otherwise it is a psql command
                within = _open_at_end(text, within)


def _open_at_end(line: str, within: str) -> str:
    """Return the opening mark of what is still open at the end of a line; `within` is open at its beginning."""
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
