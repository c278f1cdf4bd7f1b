"""Builds the application: its parts, and the pages without login."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psycopg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp

from integratedb_companion.http.middleware import Framing, Observed, OwnNames, SafeHeaders

from . import console, management
from .errors import HANDLERS
from .services import Services

#: The part for each path. A part gets the shared services, answers by errors.HANDLERS, and does not know other parts.
PARTS: dict[str, Callable[[Services], ASGIApp]] = {management.PATH: management.create, console.PATH: console.create}

READY_TIMEOUT_S = 3
HOME = f"""\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>IntegrateDB</title></head>
<body>
<h1>IntegrateDB</h1>
<p>Several applications share one Postgres database without breaking each other. This is its management service.</p>
<ul>
<li><a href="{console.PATH}">The console</a></li>
<li><a href="{management.PATH}/docs">Documentation of the requests</a>, and their
<a href="{management.PATH}/openapi.json">OpenAPI document</a></li>
<li><a href="/live">/live</a>, <a href="/ready">/ready</a>, <a href="/metrics">/metrics</a></li>
</ul>
</body>
</html>
"""


def create(services: Services, *, is_local: bool = False) -> ASGIApp:
    """Create the application, of services that are open; is_local: whether only this machine reaches it."""
    pool = services.database.pool
    services.metrics.show_connections(
        lambda: pool.get_stats().get("pool_size", 0), lambda: pool.get_stats().get("pool_available", 0)
    )
    application = Starlette(
        routes=[
            Route("/", _home),
            Route("/live", _live),
            Route("/ready", _ready),
            Route("/metrics", _metrics),
            Route(console.PATH, _console),
            *(Mount(path, create_part(services)) for path, create_part in PARTS.items()),
        ],
        exception_handlers=HANDLERS,
    )
    application.router.redirect_slashes = False
    application.state.services = services
    framed = Framing(OwnNames(application) if is_local else application)
    return SafeHeaders(Observed(framed, services.metrics))


async def _home(_: Request) -> Response:
    return HTMLResponse(HOME)


async def _console(_: Request) -> Response:
    return RedirectResponse(f"{console.PATH}/", 308)


async def _live(_: Request) -> Response:
    return PlainTextResponse("live\n")


async def _ready(request: Request) -> Response:
    services: Services = request.app.state.services
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            await services.database.row("SELECT 1")
    except (psycopg.Error, TimeoutError):
        return PlainTextResponse("the database does not answer\n", 503)
    return PlainTextResponse("ready\n")


async def _metrics(request: Request) -> Response:
    services: Services = request.app.state.services
    return Response(services.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")
