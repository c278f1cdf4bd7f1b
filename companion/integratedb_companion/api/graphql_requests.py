"""Reads requests of GraphQL over HTTP, and makes the responses to them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qs

import orjson
from graphql import GraphQLError

from .bodies import read_json
from .messages import Headers, Request, Response

GRAPHQL: Final = "application/graphql-response+json"
_JSON: Final = "application/json"
#: What a client may send in a URL.
_MOST_PARAMETERS: Final = 20


class HttpError(Exception):
    """A request that is no well-formed request of GraphQL, or cannot be answered now; ``code``: that of the error."""

    def __init__(self, status: int, message: str, headers: Headers | None = None, *, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers or []


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request asks for: a document, or the identifier of a saved one."""

    query: str = ""
    operation: str | None = None
    variables: dict[str, Any] = field(default_factory=dict)
    document_id: str | None = None
    #: Values of variables as a URL has them; those that are given several times are lists.
    texts: Mapping[str, Any] | None = None


def read_request(request: Request) -> Wanted:
    """Read a request by GET or POST. Error: HttpError."""
    return wanted_of(_of_url(request.query) if request.method == "GET" else _of_body(request))


def _of_body(request: Request) -> Any:
    kind = (request.header(b"content-type") or "").partition(";")[0].strip().lower()
    if kind != _JSON:
        raise HttpError(415, "The body of a request is application/json.")
    return _json(request.body, "The body")


def _of_url(query: str) -> dict[str, Any]:
    try:
        found = parse_qs(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise HttpError(400, f"A URL has at most {_MOST_PARAMETERS} parameters.") from None
    given: dict[str, Any] = {name: values[-1] for name, values in found.items()}
    for name in ("variables", "extensions"):
        if name in given:
            given[name] = _json(given[name].encode("utf-8", "replace"), f"'{name}'") if given[name] else None
    return given


def _json(text: bytes, what: str) -> Any:
    try:
        return read_json(text)
    except ValueError as error:
        raise HttpError(400, f"{what} is no JSON: {str(error)[:200]}") from None


def wanted_of(given: Any) -> Wanted:
    """Read what a request asks for. Error: HttpError."""
    if not isinstance(given, dict):
        raise HttpError(422, "A request is an object with 'query' or 'documentId'. Lists of requests are not built.")
    query, name, variables = given.get("query"), given.get("operationName"), given.get("variables")
    document_id = given.get("documentId")
    if not isinstance(document_id, str | None):
        raise HttpError(422, "'documentId' is no text.")
    if document_id is not None and query is not None:
        raise HttpError(422, "'query' and 'documentId' exclude each other.")
    if document_id is None and not isinstance(query, str):
        raise HttpError(422, "'query' is missing, or is no text.")
    if not isinstance(name, str | None):
        raise HttpError(422, "'operationName' is no text.")
    if not isinstance(variables, dict | None):
        raise HttpError(422, "'variables' is no object.")
    if not isinstance(given.get("extensions"), dict | None):
        raise HttpError(422, "'extensions' is no object.")
    return Wanted(query or "", name or None, variables or {}, document_id)


@lru_cache(100)
def media_type(accept: str | None) -> str:
    """Return the media type of the response. Error: HttpError: the client takes none of ours."""
    if accept is None or not accept.strip():
        return GRAPHQL
    accepted = {}
    for part in accept.lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((parameter[2:] for parameter in parameters if parameter.startswith("q=")), "1")
        accepted[name] = weight.strip("0.") != ""
    if accepted.get(GRAPHQL):
        return GRAPHQL
    if accepted.get(_JSON):
        return _JSON
    if accepted.get("*/*") or accepted.get("application/*"):
        return GRAPHQL
    raise HttpError(406, f"The response is {GRAPHQL} or {_JSON}.")


def respond(
    kind: str,
    data: bytes | None,
    errors: Sequence[dict[str, Any]] = (),
    status: int = 200,
    headers: Headers | None = None,
) -> Response:
    """Return a response: with data 200, or 294 beside errors; without data the status of its refusal."""
    parts = []
    if errors:
        parts.append(b'"errors":' + orjson.dumps(list(errors), default=str))
    if data is not None:
        parts.append(b'"data":' + data)
        status = 294 if errors else 200
    # A proxy's own errors are application/json, too, so those of GraphQL say what they are.
    named = kind if status < 300 else GRAPHQL
    content_type = (b"content-type", f"{named}; charset=utf-8".encode())
    return Response(status, [content_type, (b"vary", b"Accept"), *(headers or [])], b"{" + b",".join(parts) + b"}")


def refuse(kind: str, status: int, errors: Sequence[GraphQLError], headers: Headers | None = None) -> Response:
    """Return the response to a request of which nothing was executed."""
    return respond(kind, None, [dict(error.formatted) for error in errors], status, headers)
