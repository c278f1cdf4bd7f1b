"""Makes answers of the row that a statement returns: status, headers and body, as PostgREST has them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import quote

from ...statement import COLUMNS
from . import conditions, errors
from .errors import UrlError
from .media import Form
from .preferences import Preferences
from .sqlstates import WITHOUT_BODY, is_header, proxy_status

#: The values of the only row, as the text that Postgres sends.
Row: TypeAlias = Sequence[bytes | None]
Headers: TypeAlias = list[tuple[bytes, bytes]]

JSON: Final = b"application/json; charset=utf-8"
VARY: Final = (b"vary", b"Accept, Prefer, Range")
#: Headers that an answer without a body does not have.
OF_BODY: Final = (b"content-type", b"content-range")
_AT: Final = {name: position for position, name in enumerate(COLUMNS)}
_HEADERS: Final = _AT["headers"]
_STATUS: Final = _AT["status"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as HTTP has it."""

    status: int
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the answer to requests of one shape depends on."""

    kind: str
    form: Form
    content_type: bytes
    preferences: Preferences
    has_body: bool
    is_void: bool = False
    applied: str | None = None
    row_security: bool = False
    #: The header of CSV, where it is a stream.
    keys: tuple[str, ...] = ()
    profile: str | None = None
    #: The condition of the request, which the statement has applied, or that this row is asked about.
    if_match: str | None = None
    #: Whether the request may only insert, and whether it may only replace.
    only_inserts: bool = False
    only_replaces: bool = False
    #: Whether the answer depends on nothing but its row.
    has_row_only: bool = False


def of_error(error: UrlError) -> Answer:
    """Return the answer to an error of the URL face."""
    return Answer(
        error.status,
        [
            (b"content-type", JSON),
            (b"proxy-status", proxy_status(error.code)),
            *((name.encode().lower(), value.encode("latin-1", "replace")) for name, value in error.headers.items()),
        ],
        json.dumps(error.body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"),
    )


def respond(
    shown: Shown, row: Row, offset: int, location: str, none_match: str | None = None, *, is_head: bool
) -> Answer:
    """Return the answer to a row; a stream has none. Error: UrlError, and what was done must be undone."""
    headers: Headers = []
    if shown.applied is not None:
        headers.append((b"preference-applied", shown.applied.encode("latin-1", "replace")))
    if shown.row_security:
        headers.append((b"integratedb-row-security", b"applied"))
    if shown.profile is not None:
        headers.append((b"content-profile", shown.profile.encode("latin-1", "replace")))
    if not row:
        return _stream(shown, headers, offset)
    count = int(row[_AT["row_count"]] or 0)
    etag = _text(row, "etag") if count == 1 else None
    if shown.if_match is not None:
        is_met = conditions.matches(shown.if_match, etag) if shown.kind == "read" else count > 0
        if not is_met:
            raise errors.version_differs()
    if shown.only_inserts and not count:
        raise errors.row_exists()
    limit = shown.preferences.affected_limit
    if limit is not None and shown.kind in ("update", "delete", "call") and count > limit:
        raise errors.too_many_affected(count)
    if shown.form.kind == "object" and shown.has_body and not shown.is_void and count != 1:
        raise errors.not_a_single_row(count)
    if shown.kind in ("read", "call"):
        status = _read(shown, row, count, offset, location, headers)
    else:
        status = _written(shown, row, count, location, headers)
    body = b""
    if shown.has_body and not shown.is_void:
        headers.append((b"content-type", shown.content_type))
        body = row[_AT["body"]] or (b"null" if shown.form.kind in ("json", "object") else b"")
        if shown.form.kind == "binary":
            body = bytes.fromhex(body[2:].decode())
        elif shown.form.kind == "csv":
            body = _csv_header(row, shown) + body
    status = _chosen(row, status, headers)
    if status == 200 and etag is not None and shown.has_row_only and conditions.is_known(none_match, etag):
        return Answer(304, [header for header in headers if header[0] not in OF_BODY])
    if status in WITHOUT_BODY:
        body = b""
    return Answer(status, headers, b"" if is_head else body)


def with_estimate(row: Row, rows: int, offset: int) -> Row:
    """Return a row whose total is an estimate; rows that were seen exist."""
    given = list(row)
    given[_AT["total"]] = str(max(rows, offset + int(_text(row, "row_count") or 0))).encode()
    return given


def added(row: Row, other: Row) -> Row:
    """Return the row of two statements that wrote parts of one body."""
    made = list(other)
    for name in ("row_count", "new_count"):
        counts = [_text(one, name) for one in (row, other)]
        made[_AT[name]] = None if None in counts else str(sum(int(count or 0) for count in counts)).encode()
    made[_AT["location"]] = None  # it is the place of a single row
    return made


def _text(row: Row, name: str) -> str | None:
    value = row[_AT[name]]
    return None if value is None else value.decode()


def _csv_header(row: Row, shown: Shown) -> bytes:
    return _csv_line(shown.keys) if shown.keys else b""


def _csv_line(keys: tuple[str, ...]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerow(keys)
    return out.getvalue().encode()


def _stream(shown: Shown, headers: Headers, offset: int) -> Answer:
    headers.append((b"content-type", shown.form.content_type.encode()))
    headers.append(VARY)
    return Answer(200, headers, _csv_line(shown.keys) if shown.keys else b"")


def _read(shown: Shown, row: Row, count: int, offset: int, location: str, headers: Headers) -> int:
    """Add the headers of what was read, and return the status."""
    if shown.is_void:
        return 204
    counted = row[_AT["total"]]
    total = None if counted is None else int(counted)
    is_truncated = row[_AT["more"]] == b"t"
    if total is not None and offset > total:
        raise errors.offset_out_of_bounds(offset, total)
    shown_total = "*" if total is None else str(total)
    range_shown = f"{offset}-{offset + count - 1}" if count and total != 0 else "*"
    headers.append((b"content-range", f"{range_shown}/{shown_total}".encode()))
    if is_truncated:
        headers.append((b"integratedb-truncated", b"true"))
    headers.append((b"content-location", location.encode("latin-1", "replace")))
    headers.append(VARY)
    etag = row[_AT["etag"]]
    if etag is not None and count == 1:
        headers.append((b"etag", b'"%b"' % etag))
    return 206 if is_truncated or (total is not None and count < total) else 200


def _written(shown: Shown, row: Row, count: int, location: str, headers: Headers) -> int:
    """Add the headers of what was written, and return the status."""
    new = _text(row, "new_count")
    has_new = not shown.only_replaces and (new is None or int(new) > 0)
    counted = str(count) if shown.preferences.count is not None else "*"
    if shown.kind == "upsert one":
        if count != 1:
            raise errors.key_mismatch()
        if has_new:
            return 201
        return 200 if shown.has_body else 204
    if shown.kind == "update":
        headers.append((b"content-range", f"{f'0-{count - 1}' if count else '*'}/{counted}".encode()))
    else:
        headers.append((b"content-range", f"*/{counted}".encode()))
    if shown.kind == "insert":
        place = _text(row, "location")
        if place is not None:
            pairs = json.loads(place)
            # A trigger of a view may return a row whose key is null.
            if None not in pairs.values():
                query = "&".join(f"{quote(name, safe='')}=eq.{quote(value, safe='')}" for name, value in pairs.items())
                headers.append((b"location", f"{location.partition('?')[0]}?{query}".encode()))
        return 201 if has_new else 200
    return 200 if shown.has_body else 204


def _chosen(row: Row, status: int, headers: Headers) -> int:
    """Take over headers and the status that SQL has chosen."""
    given, chosen = row[_HEADERS], row[_STATUS]
    if given is not None:
        headers_chosen = _headers(given.decode())
        names = {name for name, _ in headers_chosen if name != b"set-cookie"}
        headers[:] = [header for header in headers if header[0] not in names] + headers_chosen
    if chosen is None:
        return status
    if not (len(chosen) == 3 and chosen.isascii() and chosen.isdigit() and 200 <= int(chosen) <= 599):
        raise errors.invalid_response_status()
    return int(chosen)


def _headers(text: str) -> Headers:
    try:
        given: Any = json.loads(text)
    except (ValueError, RecursionError):
        raise errors.invalid_response_headers() from None
    found: Headers = []
    for one in given if isinstance(given, list) else [None]:
        if not isinstance(one, dict) or len(one) != 1:
            raise errors.invalid_response_headers()
        ((name, value),) = one.items()
        if not is_header(name, value):
            raise errors.invalid_response_headers()
        found.append((name.lower().encode(), value.encode("utf-8")))
    return found
