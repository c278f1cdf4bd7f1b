"""Turns errors into refusals: a status and a JSON object `errors` for each SQLSTATE, framework error and own error."""

from __future__ import annotations

import logging
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from integratedb_companion.common.refusals import structured
from integratedb_companion.http.refusals import RETRY_AFTER_S, RefusalError, answer, forbidden, invalid

from .scopes import EVERYTHING, Scopes

log = logging.getLogger(__name__)

#: SQLSTATEs that refuse a submitted specification, name or path, and the part of the request that each is about.
UNPROCESSABLE = {
    "IDB05": "#/name",
    "IDB06": "#/name",
    "22023": "#",
    "22003": "#",
    "22021": "#",
    "22P02": "#",
    "22P05": "#",
    "2BP01": "#",
    "23505": "#/username",
    "54000": "#",
    "54001": "#",
    "55000": "#",
}
NOT_FOUND = {"IDB04", "42704"}
#: Another transaction interfered, or the server is busy, restarting or unreachable: the same request may succeed later.
LATER = {"40001", "40P01", "55006", "55P03", "57014", "57P01", "57P02", "57P03", "53300", "25P03"}
MAX_MESSAGE = 2000
#: At most this many faults of a body are listed.
MAX_ERRORS = 100
#: The keys that describe an unmet claim, in this order; jsonb has another order.
PROBLEM = ("path", "field", "property", "expected", "actual", "message")


def refusal_of(problem: psycopg.Error, scopes: Scopes = EVERYTHING) -> RefusalError | None:
    """Return the refusal for an error of the database; None for an internal error, whose details no client may see.

    scopes: those of the user, who must not learn about other stakeholders.
    """
    code, diagnostic = problem.sqlstate, problem.diag
    message = shortened(diagnostic.message_primary or "")
    if code == "IDB01":
        lines = (diagnostic.message_detail or message).splitlines()
        return RefusalError(422, {"detail": [[line, "#"] for line in _in_scope(lines, scopes)]})
    if code == "IDB02":
        faults = [[fault["message"], fault.get("pointer", "#")] for fault in structured(diagnostic.message_detail)]
        return RefusalError(422, {"detail": faults or [[message, "#"]]})
    if code == "IDB03":
        problems = structured(diagnostic.message_detail)
        return RefusalError(422, {"claims": [{key: problem.get(key) for key in PROBLEM} for problem in problems]})
    if code in UNPROCESSABLE:
        said = "it is taken" if code == "23505" else message
        return RefusalError(422, {"detail": [[said, UNPROCESSABLE[code]]]})
    if code in NOT_FOUND:
        return RefusalError(404)
    if code == "42501":
        return forbidden(message if scopes.is_everything else "the database refuses it")
    # Without a SQLSTATE: no connection was free or it was lost, or psycopg refused a value (a NUL in a text).
    if code in LATER or (code is None and isinstance(problem, psycopg.OperationalError)):
        return RefusalError(503, Retry_After=str(RETRY_AFTER_S))
    if code is None and isinstance(problem, psycopg.DataError):
        return RefusalError(422, {"detail": [["it holds what Postgres cannot store", "#"]]})
    return None


def _in_scope(lines: list[str], scopes: Scopes) -> list[str]:
    """Keep the lines of the user's stakeholders in a list of claims, `stakeholder (kind): problem`."""
    if scopes.stakeholders is None:
        return lines
    shown = [line for line in lines if scopes.has_stakeholder(line.partition(" (")[0])]
    return shown if len(shown) == len(lines) else [*shown, "claims of other stakeholders stand in the way"]


def shortened(message: str) -> str:
    """Cut a message of the database, which may repeat a submitted value of any length."""
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + "..."


def pointer(location: tuple[int | str, ...]) -> str:
    """Return the JSON pointer, within the value of `data`, of pydantic's place; tags of unions begin with @."""
    parts = [str(part) for part in location[1:] if not str(part).startswith("@")]
    if location[:1] == ("body",):
        parts = parts[1:]
    return "#" + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


async def _on_refusal(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, RefusalError)
    return answer(problem)


def _allowed(request: Request) -> str | None:
    """List the methods of a path, since the framework lists those of one route only. None: the path is undocumented."""
    path = getattr(request.scope.get("route"), "path", "")
    described = request.app.openapi()["paths"].get(path) if isinstance(request.app, FastAPI) else None
    return ", ".join(sorted(method.upper() for method in described)) if described else None


async def _on_http(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    # The framework uses 400 for a body that cannot be parsed.
    errors = {"detail": [["it is not JSON", "#"]]} if problem.status_code == 400 else None
    refusal = RefusalError(problem.status_code, errors)
    refusal.headers |= problem.headers or {}
    if problem.status_code == 405 and (allowed := _allowed(request)):
        refusal.headers["Allow"] = allowed
    return answer(refusal)


async def _on_invalid(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    errors = problem.errors()
    if any(error["loc"][0] == "path" for error in errors):
        return answer(RefusalError(404))
    status = 400 if any(error["type"] == "json_invalid" for error in errors) else 422
    shown = errors[:MAX_ERRORS]
    return answer(RefusalError(status, {"detail": [_described(error) for error in shown]}))


def _described(error: dict[str, Any]) -> list[str]:
    """Return the message and the pointer of a fault; the message names a part of the envelope, which has no pointer."""
    message, where = str(error["msg"]), pointer(error["loc"])
    if where == "#" and len(error["loc"]) > 1 and error["type"] in ("missing", "extra_forbidden"):
        message = f"{message}: {error['loc'][-1]}"
    elif error["type"] == "missing" and len(error["loc"]) == 1:
        message = "a body is required"
    return [message, where]


async def _on_database(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, psycopg.Error)
    asking = getattr(request.state, "caller", None)
    refusal = refusal_of(problem, EVERYTHING if asking is None else asking.scopes)
    if refusal is None:
        # The text of the error is not logged, because it may show values.
        context = {"sqlstate": problem.sqlstate, "path": request.url.path}
        log.error("the database refused what the service asked", extra=context)
        refusal = RefusalError(500)
    return answer(refusal)


async def _on_unencodable(*_: object) -> Response:
    return answer(invalid("it holds half of a surrogate pair, which is no character", "#"))


async def _on_nested(*_: object) -> Response:
    return answer(invalid("it is nested too deeply", "#"))


async def _on_fault(*_: object) -> Response:
    return answer(RefusalError(500))


#: The handlers for every part of the application.
HANDLERS: dict[int | type[Exception], Any] = {
    RefusalError: _on_refusal,
    HTTPException: _on_http,
    RequestValidationError: _on_invalid,
    psycopg.Error: _on_database,
    UnicodeEncodeError: _on_unencodable,
    RecursionError: _on_nested,
    Exception: _on_fault,
}


def install(application: FastAPI) -> None:
    """Install these handlers in a part of the application."""
    for cause, handler in HANDLERS.items():
        application.add_exception_handler(cause, handler)
