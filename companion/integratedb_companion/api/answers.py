"""Makes responses of what the URL face answers."""

from __future__ import annotations

from integratedb.query.faces.url import Form, UrlError, answering
from integratedb.query.faces.url.answering import VARY, Answer

from .messages import Response


def of(answer: Answer) -> Response:
    """Return the response that is an answer of the URL face."""
    return Response(answer.status, answer.headers, answer.body)


def of_error(error: UrlError) -> Response:
    """Return the response to an error of the URL face."""
    return of(answering.of_error(error))


def of_plan(form: Form, text: bytes) -> Response:
    """Return a plan of Postgres."""
    return Response(200, [(b"content-type", form.content_type.encode()), VARY], text)


def options(methods: list[str]) -> Response:
    """Return the answer to OPTIONS."""
    return Response(200, [(b"allow", ",".join(methods).encode())])
