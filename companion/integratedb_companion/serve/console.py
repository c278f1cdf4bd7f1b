"""Serves the console: the built files of console/, and its page for every other path below /console."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from .errors import HANDLERS
from .services import Services

PATH = "/console"
#: `make console` writes the files here, and the wheel contains them.
ASSETS = Path(str(resources.files("integratedb_companion.serve") / "assets"))
#: The page loads nothing from other hosts, and runs nothing that is not a file of the console.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
#: The name of a built file contains a hash of its content.
FOREVER = "public, max-age=31536000, immutable"
NOT_BUILT = """\
<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>IntegrateDB console</title></head>
<body>
<h1>The console is not built</h1>
<p>This is an installation from source, without Node. Everything else is served. In the source tree, build it:</p>
<pre>make console</pre>
<p>Then reload this page. The wheels and images of releases contain the console.</p>
</body>
</html>
"""


def create(services: Services) -> ASGIApp:
    """Create the part that is mounted at /console."""
    application = Starlette(
        routes=[
            Mount("/assets", _Built(directory=str(ASSETS / "assets"), check_dir=False)),
            Route("/{path:path}", _page),
            Route("/", _page),
        ],
        middleware=[Middleware(GZipMiddleware, minimum_size=1024)],
        exception_handlers=HANDLERS,
    )
    application.router.redirect_slashes = False
    application.state.services = services
    return application


class _Built(StaticFiles):
    """Files that never change."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = FOREVER
        return response


async def _page(_: Request) -> Response:
    page = ASSETS / "index.html"
    if not page.is_file():
        return HTMLResponse(NOT_BUILT, 503)
    return FileResponse(page, media_type="text/html", headers={"Content-Security-Policy": POLICY})
