"""Answers browsers with pages: at the root to read the description of the API, at /graphql to write documents.

Each page is one constant text without anything of a database or a request, so everybody gets it without a token. Its
script asks the service with the token that the reader enters.
"""

from __future__ import annotations

import base64
import hashlib
import re
from importlib.resources import files
from typing import Final

from integratedb.query.faces.url import UrlError, conditions, wants_page

from .messages import Headers, Request, Response
from .settings import Settings


class Html:
    """A page that may run what stands in it, and nothing else."""

    def __init__(self, name: str) -> None:
        self.text: Final = files(__package__).joinpath(name).read_bytes()
        self.tag: Final = hashlib.sha256(self.text).hexdigest()[:32]
        self.policy: Final = "; ".join(
            (
                "default-src 'none'",
                f"script-src {self._hashes(b'script')}",
                f"style-src {self._hashes(b'style')}",
                "connect-src 'self'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
                "require-trusted-types-for 'script'",
                "trusted-types 'none'",
            )
        )

    def _hashes(self, tag: bytes) -> str:
        """Return the hashes of what stands in elements of a tag, as a policy lists them."""
        found = re.findall(b"<%b>(.*?)</%b>" % (tag, tag), self.text, re.DOTALL)
        return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" for text in found)

    def response(self, request: Request, route: str) -> Response:
        """Return the page; 304 where the client has it."""
        headers: Headers = [
            (b"cache-control", b"no-cache"),
            (b"content-security-policy", self.policy.encode()),
            (b"etag", f'"{self.tag}"'.encode()),
            (b"vary", b"Accept"),
        ]
        if conditions.is_known(request.header(b"if-none-match"), self.tag):
            return Response(304, headers, route=route)
        return Response(200, [(b"content-type", b"text/html; charset=utf-8"), *headers], self.text, route=route)


ROOT: Final = Html("page.html")
GRAPHQL: Final = Html("graphql.html")


class Page:
    """The pages; some settings leave one out."""

    def __init__(self, settings: Settings) -> None:
        self._pages: dict[str, Html] = {}
        # Without a description, or where a function answers the root, there is no page there.
        if settings.openapi != "disabled" and settings.root is None:
            self._pages["/"] = ROOT
        if settings.introspection and not settings.saved_only:
            self._pages["/graphql"] = GRAPHQL

    def answer(self, request: Request) -> Response | None:
        """Answer a request for a page; None: it is another one."""
        page = self._pages.get(request.path) if request.method in ("GET", "HEAD") else None
        # A document in the URL is answered, whoever asks.
        if page is None or (page is GRAPHQL and request.query):
            return None
        try:
            if not wants_page(request.header(b"accept")):
                return None
        except UrlError:
            return None
        return page.response(request, request.path)
