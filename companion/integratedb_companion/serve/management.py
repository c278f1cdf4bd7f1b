"""Builds the management API: everything an operator does with stakeholders, as JSON over HTTP."""

from __future__ import annotations

from importlib import resources

from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from integratedb_companion import __version__

from . import errors
from .routers import (
    advice,
    auth,
    deprecations,
    leases,
    monitoring,
    relations,
    requests,
    schema,
    sessions,
    specifications,
    stakeholders,
    translation,
    users,
    waivers,
)
from .services import Services

PATH = "/api/v1"
#: The files of Swagger UI, so that its page loads nothing from a content delivery network.
SWAGGER_UI = resources.files("fastapi_offline") / "static"

DESCRIPTION = """\
Each request calls one public SQL function of the extension. Log in, and send the `token` as `Authorization: Bearer`.
Every refusal is an object `errors`. Its pointers are JSON pointers within the value of `data` (or `user`,
`stakeholder`).
"""
DOCUMENTATION = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>IntegrateDB management API</title>
<link rel="stylesheet" href="docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs.js"></script></body>
</html>
"""
DOCUMENTATION_SCRIPT = 'SwaggerUIBundle({url: "openapi.json", dom_id: "#swagger-ui", deepLinking: true});\n'
#: The page loads nothing from other hosts; it sets style attributes, and its icons are data: URLs.
DOCUMENTATION_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def create(services: Services) -> FastAPI:
    """Create the part that is mounted at /api/v1."""
    application = FastAPI(
        title="IntegrateDB management API",
        version=__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    application.state.services = services
    agreements = (requests, deprecations, waivers, leases)
    about = (schema, relations, advice, monitoring)
    for module in (auth, sessions, users, stakeholders, specifications, translation, *agreements, *about):
        application.include_router(module.router)
    application.add_route("/docs", _documentation, include_in_schema=False)
    application.add_route("/docs.js", _documentation_script, include_in_schema=False)
    application.mount("/docs", StaticFiles(directory=str(SWAGGER_UI)), name="swagger-ui")
    errors.install(application)
    return application


async def _documentation(_: Request) -> Response:
    return HTMLResponse(DOCUMENTATION, headers={"Content-Security-Policy": DOCUMENTATION_POLICY})


async def _documentation_script(_: Request) -> Response:
    return Response(DOCUMENTATION_SCRIPT, media_type="text/javascript")
