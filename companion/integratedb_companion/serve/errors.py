"""Refusals: which status and which JSON a SQLSTATE, a framework's error or our own becomes. Always an object `errors`."""

from __future__ import annotations

import json
import logging
from typing import Any

import psycopg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from integratedb_companion.http.refusals import RETRY_AFTER_S, RefusalError, answer, forbidden, invalid

from .scopes import EVERYTHING, Scopes

log = logging.getLogger(__name__)

#: What a specification, a name or a path that was submitted can be refused with, and what of the request it is about.
UNPROCESSABLE = {
    "IDB05": "#/name",
    "IDB06": "#/name",
    "22023": "#",
    "22003": "#",
    "22021": "#",
    "22P02": "#",
    "22P05": "#",
    "23505": "#/username",
    "54000": "#",
    "54001": "#",
}
NOT_FOUND = {"IDB04", "42704"}
#: Another transaction came in between, or the server is busy, restarting or gone: the same request may do later.
LATER = {"40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53300", "25P03"}
MAX_MESSAGE = 2000
#: At most so many places where a body is wrong are listed.
MAX_ERRORS = 100
#: What is said of a claim that is not met, in this order; jsonb has one of its own.
PROBLEM = ("path", "field", "property", "expected", "actual", "message")


def refusal_of(problem: psycopg.Error, scopes: Scopes = EVERYTHING) -> RefusalError | None:
    """Give the refusal that an error of the database is; None when it is a fault, of which a client is told nothing.

    scopes: of the user who is told: nothing about the stakeholders of others.
    """
    code, diagnostic = problem.sqlstate, problem.diag
    message = shortened(diagnostic.message_primary or "")
    if code == "IDB01":
        lines = (diagnostic.message_detail or message).splitlines()
        return RefusalError(422, {"detail": [[line, "#"] for line in _within(lines, scopes)]})
    if code == "IDB02":
        return RefusalError(422, {"detail": json.loads(diagnostic.message_detail or "[]")})
    if code == "IDB03":
        problems = json.loads(diagnostic.message_detail or "[]")
        return RefusalError(422, {"claims": [{key: problem.get(key) for key in PROBLEM} for problem in problems]})
    if code in UNPROCESSABLE:
        said = "it is taken" if code == "23505" else message
        return RefusalError(422, {"detail": [[said, UNPROCESSABLE[code]]]})
    if code in NOT_FOUND:
        return RefusalError(404)
    if code == "42501":
        return forbidden(message if scopes.is_everything else "the database refuses it")
    # Without a SQLSTATE: no connection was free, or it was lost, or psycopg would not send a value (a NUL in a text).
    if code in LATER or (code is None and isinstance(problem, psycopg.OperationalError)):
        return RefusalError(503, Retry_After=str(RETRY_AFTER_S))
    if code is None and isinstance(problem, psycopg.DataError):
        return RefusalError(422, {"detail": [["it holds what Postgres cannot store", "#"]]})
    return None


def _within(lines: list[str], scopes: Scopes) -> list[str]:
    """Leave out of the list of claims, `stakeholder (kind): problem`, those of others than the user's stakeholders."""
    if scopes.stakeholders is None:
        return lines
    shown = [line for line in lines if scopes.has_stakeholder(line.partition(" (")[0])]
    return shown if len(shown) == len(lines) else [*shown, "claims of other stakeholders stand in the way"]


def shortened(message: str) -> str:
    """Cut a message of the database, which may repeat a value that was sent, however long."""
    return message if len(message) <= MAX_MESSAGE else message[:MAX_MESSAGE] + "..."


def pointer(location: tuple[int | str, ...]) -> str:
    """Give the JSON pointer, within the value of `data`, of a place that pydantic names; tags of unions begin with @."""
    parts = [str(part) for part in location[1:] if not str(part).startswith("@")]
    if location[:1] == ("body",):
        parts = parts[1:]
    return "#" + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


async def _on_refusal(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, RefusalError)
    return answer(problem)


def _allowed(request: Request) -> str | None:
    """List the methods of a path: the framework names those of one of its routes only. None: it is not documented."""
    path = getattr(request.scope.get("route"), "path", "")
    described = request.app.openapi()["paths"].get(path) if isinstance(request.app, FastAPI) else None
    return ", ".join(sorted(method.upper() for method in described)) if described else None


async def _on_http(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    # The framework's word for a body that cannot be read.
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
    """Give what is wrong and where; what the pointer does not name, the envelope, is named in words."""
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
        # Not its words: they may show values.
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


#: For every part of the application.
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
    """Give a part of the application these answers."""
    for cause, handler in HANDLERS.items():
        application.add_exception_handler(cause, handler)
