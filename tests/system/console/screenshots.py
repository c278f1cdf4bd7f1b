"""Takes pictures of the console: `make console-screenshots` writes those of the README and of docs/console.md.

This is no test: it is run by its name. The demo shop is what the pictures show.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.system.console.harness import Console
from tests.system.harness import ROOT
from tests.system.serve.harness import ROOT_NAME, ROOT_PASSWORD, Service

IMAGES = ROOT / "docs/images"
RENAME = {"sql": "ALTER TABLE shop.orders RENAME COLUMN total TO total_amount;"}


def run_preview(page: Page) -> None:
    page.get_by_role("button", name="Try it").click()
    page.get_by_role("heading", name="would be refused").wait_for()


def wait_for_picture(page: Page) -> None:
    page.locator("canvas").first.wait_for()
    page.wait_for_timeout(1000)  # the picture moves to its place


#: The pictures: the address of a view, and what is done in it before.
PICTURES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "console-map": (f"/map?{urlencode({'table': 'shop.orders'})}", wait_for_picture),
    "console-lab": (f"/lab?{urlencode(RENAME)}", run_preview),
    "console-advisers": ("/advisers", lambda page: page.get_by_role("listitem").first.wait_for()),
}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PICTURES)
def test_picture(service: Service, new_context: Callable[..., BrowserContext], name: str, scheme: str) -> None:
    path, prepare = PICTURES[name]
    console = Console(service.url, new_context(1280, scheme))
    console.log_in(ROOT_NAME, ROOT_PASSWORD)
    prepare(console.open(path))
    console.page.screenshot(path=IMAGES / f"{name}-{scheme}.png")
