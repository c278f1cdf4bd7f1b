"""A service's own refusals: a status, and JSON with an object `errors`."""

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
    """Give the words of a status, as RFC 9110 has them."""
    return {413: "Content Too Large", 422: "Unprocessable Content"}.get(status) or http.HTTPStatus(status).phrase


def forbidden(reason: str) -> RefusalError:
    """Refuse what this user may not, and say why."""
    return RefusalError(403, {"detail": phrase(403), "reason": reason})


def invalid(message: str, pointer: str) -> RefusalError:
    """Refuse a part of what was submitted."""
    return RefusalError(422, {"detail": [[message, pointer]]})


def unauthorized() -> RefusalError:
    """Refuse who did not say, or not prove, who it is."""
    return RefusalError(401, WWW_Authenticate="Bearer")


class AsciiJSONResponse(JSONResponse):
    """JSON that can be written whatever it repeats of a request, halves of surrogate pairs included."""

    def render(self, content: Any) -> bytes:
        """Write it."""
        return json.dumps(content, separators=(",", ":")).encode()


def answer(refusal: RefusalError) -> JSONResponse:
    """Write a refusal."""
    return AsciiJSONResponse({"errors": refusal.errors}, refusal.status, refusal.headers)
