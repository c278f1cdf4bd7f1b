"""The pages of the data API: constant, and strict about what may run in them."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from integratedb_companion.api.messages import Head, Request
from integratedb_companion.api.page import GRAPHQL, ROOT, Html, Page
from integratedb_companion.api.settings import DEFAULTS, build

BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def ask(accept: bytes, *, path: str = "/", method: str = "GET", query: str = "", **options: object) -> int | None:
    settings = build(DEFAULTS | {"dsn": "host=x", "jwt_secret": ("x" * 64,), **options})
    answer = Page(settings).answer(Request(method, path, path.encode(), query, Head([(b"accept", accept)])))
    return None if answer is None else answer.status


@pytest.mark.parametrize("page", [ROOT, GRAPHQL])
def test_the_policy_allows_what_stands_in_the_page_and_nothing_else(page: Html) -> None:
    for tag in ("script", "style"):
        [text] = re.findall(f"<{tag}>(.*?)</{tag}>".encode(), page.text, re.DOTALL)
        assert base64.b64encode(hashlib.sha256(text).digest()).decode() in page.policy
    assert "unsafe" not in page.policy
    assert "default-src 'none'" in page.policy


@pytest.mark.parametrize("page", [ROOT, GRAPHQL])
def test_the_page_needs_no_other_host_and_makes_no_markup_of_texts(page: Html) -> None:
    text = page.text.decode()
    assert not re.search(r"https?:|src=|href=|@import|url\(", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval|Function\(| on\w+=", text)
    assert not re.search(r"localStorage|sessionStorage|cookie", text)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"accept": BROWSER}, 200),
        ({"accept": BROWSER, "method": "HEAD"}, 200),
        ({"accept": b"*/*"}, None),
        ({"accept": b"application/json, text/html;q=0.5"}, None),
        ({"accept": b"image/png"}, None),
        ({"accept": BROWSER, "path": "/people"}, None),
        ({"accept": BROWSER, "method": "POST"}, None),
        ({"accept": BROWSER, "openapi": "disabled"}, None),
        ({"accept": BROWSER, "root": "start"}, None),
        ({"accept": BROWSER, "path": "/graphql"}, 200),
        ({"accept": BROWSER, "path": "/graphql", "openapi": "disabled", "root": "start"}, 200),
        ({"accept": BROWSER, "path": "/graphql", "method": "POST"}, None),
        ({"accept": BROWSER, "path": "/graphql", "query": "query={a}"}, None),
        ({"accept": BROWSER, "path": "/graphql", "introspection": False}, None),
        ({"accept": b"application/json, text/html;q=0.5", "path": "/graphql"}, None),
        ({"accept": b"*/*", "path": "/graphql"}, None),
    ],
)
def test_who_gets_the_page(given: dict[str, object], status: int | None) -> None:
    assert ask(**given) == status  # type: ignore[arg-type]  # each value has the type of its name
