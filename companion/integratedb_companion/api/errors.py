"""Turns what Postgres refuses into a status and an error of PostgREST's form. Pure."""

from __future__ import annotations

import re
from typing import Final

from integratedb.query.faces.url import word_database

from .connection import DatabaseError
from .messages import Response, failure

RETRY_AFTER: Final = {"Retry-After": "1"}
BEARER: Final = {"WWW-Authenticate": "Bearer"}

#: Statuses by SQLSTATE, else by its first three or two characters.
_BY_SQLSTATE: Final[dict[str, int]] = {
    "23503": 409,
    "23505": 409,
    "25006": 405,
    "40001": 409,
    "40P01": 409,
    "42883": 404,
    "42P01": 404,
    "42P17": 500,
    "57P01": 503,
    "57P02": 503,
    "57P03": 503,
    "53400": 500,
    "P0001": 400,
}
_BY_CLASS: Final[dict[str, int]] = {
    "08": 503, "09": 500, "0L": 403, "0P": 403, "25": 500, "28": 403, "2D": 500, "38": 500, "39": 500, "3B": 500,
    "40": 500, "53": 503, "54": 413, "55": 500, "57": 500, "58": 500, "F0": 500, "HV": 500, "P0": 500, "XX": 500,
}  # fmt: skip
_UNFILTERED: Final = re.compile("requires a WHERE clause")
_MISSING_ROLE: Final = re.compile('^role "(.*)" does not exist$', re.DOTALL)


def status_of(error: DatabaseError, *, is_anonymous: bool) -> int:
    """Return the status of an error of Postgres."""
    sqlstate = error.sqlstate
    if sqlstate == "42501":
        return 401 if is_anonymous else 403
    if sqlstate == "21000":
        return 400 if _UNFILTERED.search(error.message) else 500
    if sqlstate == "22023" and _MISSING_ROLE.match(error.message):
        return 403
    if sqlstate == "42883" and error.message.startswith("function xmlagg("):
        return 406
    return _BY_SQLSTATE.get(sqlstate) or _BY_CLASS.get(sqlstate[:2], 400)


def of_database(error: DatabaseError, *, is_anonymous: bool, is_verbose: bool = True) -> Response:
    """Return the response to an error of Postgres."""
    if error.sqlstate == "PGRST":
        return _raised(error)
    if error.sqlstate.startswith("PT"):
        return _with_chosen_status(error)
    status = status_of(error, is_anonymous=is_anonymous)
    headers: dict[str, str] = {}
    if status == 401:
        headers |= BEARER
    if error.sqlstate[:2] == "40" or status == 503:
        headers |= RETRY_AFTER
    details, hint = (error.detail, error.hint) if is_verbose else (None, None)
    return failure(status, error.sqlstate, error.message, details, hint, headers)


def _with_chosen_status(error: DatabaseError) -> Response:
    digits = error.sqlstate[2:]
    status = int(digits) if digits.isdigit() and 100 <= int(digits) <= 599 else 500
    headers = BEARER if status == 401 else {}
    return failure(max(status, 200), error.sqlstate, error.message, error.detail, error.hint, headers)


def _raised(error: DatabaseError) -> Response:
    """Return an error that SQL has raised with SQLSTATE PGRST: its message and detail are JSON."""
    worded = word_database("PGRST", error.message, error.detail)
    return failure(worded.status, worded.code, worded.message, worded.details, worded.hint, worded.headers)


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
