"""Answers browsers at the root with a page to read the description of the API and to try requests.

The page is one constant text without anything of a database or a request, so everybody gets it without a token. Its
script fetches the description with the token that the reader enters.
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

TEXT: Final = files(__package__).joinpath("page.html").read_bytes()
_TAG: Final = hashlib.sha256(TEXT).hexdigest()[:32]


def _hashes(tag: bytes) -> str:
    """Return the hashes of what stands in elements of a tag, as a policy lists them."""
    found = re.findall(b"<%b>(.*?)</%b>" % (tag, tag), TEXT, re.DOTALL)
    return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" for text in found)


POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        f"script-src {_hashes(b'script')}",
        f"style-src {_hashes(b'style')}",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS: Final[Headers] = [
    (b"cache-control", b"no-cache"),
    (b"content-security-policy", POLICY.encode()),
    (b"etag", f'"{_TAG}"'.encode()),
    (b"vary", b"Accept"),
]


class Page:
    """The page; without a description, or where a function answers the root, there is none."""

    def __init__(self, settings: Settings) -> None:
        self._is_shown = settings.openapi != "disabled" and settings.root is None

    def answer(self, request: Request) -> Response | None:
        """Answer a request for the page; None: it is another one."""
        if not (self._is_shown and request.path == "/" and request.method in ("GET", "HEAD")):
            return None
        try:
            if not wants_page(request.header(b"accept")):
                return None
        except UrlError:
            return None
        if conditions.is_known(request.header(b"if-none-match"), _TAG):
            return Response(304, [*_HEADERS], route="/")
        return Response(200, [(b"content-type", b"text/html; charset=utf-8"), *_HEADERS], TEXT, route="/")
