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
_COPY = re.compile(r"^COPY .* FROM stdin;$")
_NOBODY = {"public", "current_user", "session_user", "current_role"}


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
            mentioned |= dict.fromkeys(_unquoted(role.strip()) for role in policy["roles"].split(","))
    return [role for role in mentioned if role not in created and role not in _NOBODY]


def _statements(lines: Iterable[str]) -> Iterator[str]:
    in_data = False
    for line in lines:
        text = line.rstrip("\r\n")
        if in_data:
            in_data = text != r"\."
        elif _COPY.match(text):
            in_data = True
        else:
            yield text


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
