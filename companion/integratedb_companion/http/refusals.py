"""Defines a service's own refusals: a status, and JSON with an object `errors`."""

from __future__ import annotations

import http
import json
from typing import Any

from starlette.responses import JSONResponse

RETRY_AFTER_S = 1


class RefusalError(Exception):
    """A refusal of the service itself."""

    def __init__(self, status: int, errors: dict[str, Any] | None = None, **headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.errors = errors or {"detail": phrase(status)}
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


def phrase(status: int) -> str:
    """Return the reason phrase of a status, as in RFC 9110."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status) or http.HTTPStatus(status).phrase


def forbidden(reason: str) -> RefusalError:
    """Refuse what this user may not do, with the reason."""
    return RefusalError(403, {"detail": phrase(403), "reason": reason})


def invalid(message: str, pointer: str) -> RefusalError:
    """Refuse a part of a submitted body."""
    return RefusalError(422, {"detail": [[message, pointer]]})


def unauthorized() -> RefusalError:
    """Refuse a client without valid credentials."""
    return RefusalError(401, WWW_Authenticate="Bearer")


class AsciiJSONResponse(JSONResponse):
    """JSON in ASCII, which can contain any text of a request, unpaired surrogates included."""

    def render(self, content: Any) -> bytes:
        """Render the content."""
        return json.dumps(content, separators=(",", ":")).encode()


def answer(refusal: RefusalError) -> JSONResponse:
    """Build the response of a refusal."""
    return AsciiJSONResponse({"errors": refusal.errors}, refusal.status, refusal.headers)
