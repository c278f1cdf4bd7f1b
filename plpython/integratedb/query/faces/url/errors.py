"""Contains the errors that the URL face answers itself, with PostgREST's codes, messages and statuses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


class UrlError(Exception):
    """An answer that is an error: nothing was executed, or what was executed is undone."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Any = None,
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.details = details  #: a text, or a list of objects (PGRST201)
        self.hint = hint
        self.headers: Mapping[str, str] = headers or {}
        self.reason = reason  #: the text after the status, where SQL chose one

    @property
    def body(self) -> dict[str, Any]:
        return {"code": self.code, "message": self.message, "details": self.details, "hint": self.hint}


def parse_error(message: str, details: str) -> UrlError:
    return UrlError(400, "PGRST100", message, details)


def not_a_set() -> UrlError:
    message = "Function must return SETOF or TABLE when max-affected preference is used with handling=strict"
    return UrlError(400, "PGRST128", message)


def invalid_method_of_function(method: str) -> UrlError:
    allowed = {"Allow": "OPTIONS,GET,HEAD,POST"}
    return UrlError(405, "PGRST101", f"Cannot use the {method} method on RPC", headers=allowed)


def invalid_body(message: str, details: str | None = None) -> UrlError:
    return UrlError(400, "PGRST102", message, details)


def negative_limit() -> UrlError:
    return _invalid_range("Limit should be greater than or equal to zero.")


def reversed_range() -> UrlError:
    return _invalid_range("The lower boundary must be lower than or equal to the upper boundary in the Range header.")


def offset_out_of_bounds(offset: int, total: int) -> UrlError:
    error = _invalid_range(f"An offset of {offset} was requested, but there are only {total} rows.")
    error.headers = {"Content-Range": f"*/{total}"}
    return error


def _invalid_range(details: str) -> UrlError:
    return UrlError(416, "PGRST103", "Requested range not satisfiable", details)


def invalid_key_filters() -> UrlError:
    message = "Filters must include all and only primary key columns with 'eq' operators"
    return UrlError(405, "PGRST105", message)


def unknown_schema(name: str, schemas: Iterable[str]) -> UrlError:
    hint = f"Only the following schemas are exposed: {', '.join(schemas)}"
    return UrlError(406, "PGRST106", f"Invalid schema: {name}", None, hint)


def unavailable_media_types(names: Iterable[str]) -> UrlError:
    return UrlError(406, "PGRST107", f"None of these media types are available: {', '.join(names)}")


def invalid_response_headers() -> UrlError:
    message = "response.headers guc must be a JSON array composed of objects with a single key and a string value"
    return UrlError(500, "PGRST111", message)


def invalid_response_status() -> UrlError:
    return UrlError(500, "PGRST112", "response.status guc must be a valid status code")


def limit_of_upsert() -> UrlError:
    return UrlError(400, "PGRST114", "limit/offset querystring parameters are not allowed for PUT")


def key_mismatch() -> UrlError:
    return UrlError(400, "PGRST115", "Payload values do not match URL in primary key column(s)")


def not_a_single_row(count: int) -> UrlError:
    message = "Cannot coerce the result to a single JSON object"
    return UrlError(406, "PGRST116", message, f"The result contains {count} rows")


def unsupported_method(method: str) -> UrlError:
    allowed = {"Allow": "OPTIONS,GET,HEAD"}
    return UrlError(405, "PGRST117", f"Unsupported HTTP method: {method}", headers=allowed)


def invalid_preferences(names: Iterable[str]) -> UrlError:
    details = f"Invalid preferences: {', '.join(names)}"
    return UrlError(400, "PGRST122", "Invalid preferences given with handling=strict", details)


def too_many_affected(count: int) -> UrlError:
    message = "Query result exceeds max-affected preference constraint"
    return UrlError(400, "PGRST124", message, f"The query affects {count} rows")


def invalid_path() -> UrlError:
    return UrlError(404, "PGRST125", "Invalid path specified in request URL")


def root_disabled() -> UrlError:
    return UrlError(404, "PGRST126", "Root endpoint metadata is disabled")


def max_affected_of_single() -> UrlError:
    message = "Function must return SETOF or TABLE when max-affected preference is used with handling=strict"
    return UrlError(400, "PGRST128", message)


def version_differs() -> UrlError:
    message = "No row of the request has a version that If-Match names"
    return UrlError(412, "PGRST133", message, None, "Read the row again; its ETag is the version that it has now.")


def row_exists() -> UrlError:
    message = "The row exists, and If-None-Match: * lets PUT insert only"
    return UrlError(412, "PGRST133", message)


def condition_without_key(what: str) -> UrlError:
    message = f"If-Match is for one row: {what}"
    return UrlError(400, "PGRST134", message, None, "Filter by all columns of a unique key with eq, and use PATCH.")


def too_costly(cost: float, limit: int) -> UrlError:
    message = f"The estimated cost of the request, {cost:.0f}, is more than {limit}"
    return UrlError(400, "PGRST135", message, None, "Filter by columns with an index, or ask for fewer embedded rows.")
