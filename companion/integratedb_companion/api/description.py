"""Answers the root: what the role of the request may do, as OpenAPI, and the page that shows it in a browser."""

from __future__ import annotations

import hashlib
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson

from integratedb.query.faces.url import Form, UrlError, UrlRequest, conditions, errors
from integratedb.query.openapi.document import describe
from integratedb.query.openapi.swagger import convert
from integratedb.query.problems import ProblemError
from integratedb_companion import __version__

from .execution import Slow
from .messages import Request, Response
from .settings import Settings
from .surfaces import Entry

VARY: Final = (b"vary", b"Accept, Accept-Profile, Authorization")
#: A copy may be kept by this client alone, and is used only after asking.
PRIVATE: Final = (b"cache-control", b"private, no-cache")


class Description:
    """The documents of the surfaces; each is kept with its surface."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def answer(self, entry: Entry, parsed: UrlRequest, request: Request) -> Response | Slow[Response]:
        """Answer a request to the root. Errors: UrlError, ProblemError."""
        form = parsed.form()
        is_swagger = _is_swagger(form, parsed)
        schema = parsed.schema or self._settings.schemas[0]
        path = dict(parse_qsl(request.query)).get("path")
        key = ("document", is_swagger, schema, path)
        known = entry.statements.get(key)
        if known is not None:
            return _answer(request, *known)
        if path is not None and path != "/" and self._settings.saved_only and not _is_saved(entry, path):
            raise UrlError(404, "42704", f"{path[:200]} is no saved query")
        if path is not None and not _has(entry, schema, path):
            raise ProblemError("unknown relation", name=path.removeprefix("/"), schema=schema)

        def make() -> Response:
            document = self._document(entry, schema, path, is_swagger=is_swagger)
            body = orjson.dumps(document)
            made = (body, hashlib.sha256(body).hexdigest()[:32])
            entry.remember(key, made)
            return _answer(request, *made)

        return Slow(make)

    def _document(self, entry: Entry, schema: str, path: str | None, *, is_swagger: bool) -> dict[str, Any]:
        document = describe(
            entry.surface,
            schema,
            version=__version__,
            server=self._settings.openapi_server or self._settings.prefix or "/",
            secured=self._settings.openapi_security,
            path=path,
            saved_only=self._settings.saved_only,
        )
        return convert(document) if is_swagger else document


def _is_swagger(form: Form, parsed: UrlRequest) -> bool:
    wanted = dict(form.parameters).get("version")
    if wanted is None or wanted.split(".")[:2] == ["3", "1"]:
        return False
    if wanted in ("2", "2.0"):
        return True
    raise errors.unavailable_media_types(each.name for each in parsed.accepts)


def _is_saved(entry: Entry, path: str) -> bool:
    return path.startswith("/queries/") and path.removeprefix("/queries/") in entry.surface.saved


def _has(entry: Entry, schema: str, path: str) -> bool:
    if path == "/" or _is_saved(entry, path):
        return True
    name = path.removeprefix("/")
    if name.startswith("rpc/"):
        return (schema, name.removeprefix("rpc/")) in entry.surface.functions
    return path.startswith("/") and (schema, name) in entry.surface.relations


def _answer(request: Request, body: bytes, tag: str) -> Response:
    headers = [(b"etag", f'"{tag}"'.encode()), VARY, PRIVATE]
    if conditions.is_known(request.header(b"if-none-match"), tag):
        return Response(304, headers)
    return Response(200, [(b"content-type", b"application/openapi+json; charset=utf-8"), *headers], body)
