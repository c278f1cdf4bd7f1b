"""The console in a browser, and what its tests look for everywhere."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import dataclass, field
from typing import Any

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from tests.system.harness import ROOT

CHROMIUM = shutil.which("chromium") or "chromium"
AXE = ROOT / "console/node_modules/axe-core/axe.min.js"
#: The widths that the design names, with a height that goes with them.
SIZES = {390: 844, 1280: 800, 3840: 2160}
CLAIMS = {
    "reporter": json.dumps(
        {
            "match": [
                {"path": "shop.orders", "fields": ["id", "status", "total", {"name": "note", "optional": True}]},
                {"path": "shop.customers", "fields": ["id", "email"]},
            ]
        }
    ),
    "parcels": json.dumps(
        {
            "match": [
                {"path": "shop.orders", "fields": ["id", "customer_id", "status"]},
                {
                    "alternatives": [
                        {"path": "shop.order_lines", "fields": ["order_id", "quantity"]},
                        {"path": "shop.open_orders", "fields": ["id"]},
                    ]
                },
            ]
        }
    ),
}


@dataclass
class Console:
    """A browser's page of the console, with the errors that it has reported."""

    url: str
    context: BrowserContext
    errors: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.page = self.new_page()

    def new_page(self) -> Page:
        """Open another tab."""
        page = self.context.new_page()
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        return page

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(f"{message.text} ({message.location.get('url')}:{message.location.get('lineNumber')})")

    def log_in(self, username: str, password: str) -> None:
        """Begin a session, as the login form does."""
        body = {"data": {"username": username, "password": password}}
        answer = self.context.request.post(f"{self.url}/api/v1/session", data=body)
        assert answer.status == 201, answer.text()

    def search(self, words: str) -> None:
        """Open the palette and type; what is typed before it has the focus is lost."""
        self.page.keyboard.press("Control+k")
        expect(self.page.get_by_role("combobox", name="Search")).to_be_focused()
        self.page.keyboard.type(words)

    def open(self, path: str = "") -> Page:
        """Open a view, and wait until it has loaded."""
        self.page.goto(f"{self.url}/console{path}")
        self.page.locator("main h1").first.wait_for()
        self.page.wait_for_load_state("networkidle")
        return self.page

    def unexpected(self) -> list[str]:
        """Return what the page has reported and no test expects."""
        return [error for error in self.errors if not any(re.search(known, error) for known in self.expected)]

    def violations(self) -> list[dict[str, Any]]:
        """Return what axe finds on the page."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        return [
            {"rule": rule["id"], "where": [node["target"] for node in rule["nodes"]], "why": rule["help"]}
            for rule in found["violations"]
        ]

    def overflows(self) -> bool:
        """Whether the page is wider than its window."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))
