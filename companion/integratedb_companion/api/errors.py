"""Turns what Postgres refuses into a status and an error of PostgREST's form. Pure."""

from __future__ import annotations

import re
from typing import Final

from integratedb.query.faces.url import WITHOUT_BODY, word_database

from .connection import DatabaseError
from .messages import Response, failure

RETRY_AFTER: Final = {"Retry-After": "1"}
BEARER: Final = {"WWW-Authenticate": "Bearer"}

_MISSING_ROLE: Final = re.compile('^role "(.*)" does not exist$', re.DOTALL)


def of_database(error: DatabaseError, *, is_anonymous: bool, is_verbose: bool = True) -> Response:
    """Return the response to an error of Postgres; the URL face has the statuses of its SQLSTATEs."""
    worded = word_database(error.sqlstate, error.message, error.detail, error.hint, is_anonymous)
    # A status below 200 is no answer.
    status = max(worded.status, 200)
    details, hint, headers = worded.details, worded.hint, dict(worded.headers)
    is_chosen = error.sqlstate == "PGRST" or error.sqlstate.startswith("PT")
    if not is_chosen:
        if error.sqlstate == "22023" and _MISSING_ROLE.match(error.message):
            # The token is right; its role is not what the service may act for any more.
            status, headers = 403, {}
        if status == 503:
            headers |= RETRY_AFTER
        if not is_verbose:
            details = hint = None
    made = failure(status, worded.code, worded.message, details, hint, headers)
    if status in WITHOUT_BODY:
        made.body = b""
    return made


def unreachable() -> Response:
    """Postgres cannot be reached."""
    return failure(503, "PGRST000", "Database connection error. Retrying the connection.", None, None, RETRY_AFTER)


def lost() -> Response:
    """The connection was lost, so nobody knows whether the transaction took place."""
    message = "The connection to the database was lost during the request"
    return failure(503, "PGRST001", message, "Whether a write took place is not known.", None, RETRY_AFTER)


def busy() -> Response:
    """No connection came free in time."""
    return failure(504, "PGRST003", "Timed out acquiring connection from connection pool.", None, None, RETRY_AFTER)


def unchanging(attempts: int) -> Response:
    """The surface changed again and again while the request was made."""
    details = f"The schema changed {attempts} times while the request was prepared."
    return failure(503, "PGRST002", "The schema is being changed", details, None, RETRY_AFTER)


def invalid_token(code: str, message: str, details: str | None = None) -> Response:
    """The token is refused."""
    if code == "PGRST300":
        return failure(500, code, message, details)
    if code == "PGRST302":
        return failure(401, code, message, details, None, BEARER)
    described = message.replace("\\", "").replace('"', "'")
    challenge = f'Bearer error="invalid_token", error_description="{described}"'
    return failure(401, code, message, details, None, {"WWW-Authenticate": challenge})


def role_not_allowed(role: str) -> Response:
    """The service may not act for the role."""
    message = f"role {role[:63]!a} may not use this API"
    hint = "An administrator allows it: GRANT the role TO integratedb_authenticator, or integratedb_allow_api()."
    return failure(403, "42501", message, None, hint)
