"""A real browser on a real service in front of the shop of the demo; a test fails when the page reports an error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.support import clone
from tests.system.conftest import TEMPLATE, new_cluster
from tests.system.console.harness import CHROMIUM, CLAIMS, SIZES, Console
from tests.system.harness import ROOT
from tests.system.serve.harness import API_PASSWORD, API_ROLE, ROOT_NAME, ROOT_PASSWORD, Place, Service

DATABASE = "console"
#: For what a page shows; other tests compute on the same processors.
TIMEOUT_MS = 30_000
expect.set_options(timeout=TIMEOUT_MS)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give all to one worker: one browser, one service."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("console"))


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The shop of the demo, with two stakeholders."""
    with new_cluster(tmp_path_factory.mktemp("cluster") / "link") as cluster:
        with cluster.session("postgres") as superuser:
            superuser.run(f"CREATE ROLE {API_ROLE} LOGIN PASSWORD '{API_PASSWORD}'")
            superuser.run(f"GRANT integratedb_admin, integratedb_management TO {API_ROLE}")
            clone(superuser, DATABASE, TEMPLATE)
        with cluster.session(DATABASE) as superuser, cluster.session(DATABASE, "shop_owner") as owner:
            superuser.run("CREATE SCHEMA shop AUTHORIZATION shop_owner")
            owner.run((ROOT / "demo/shop.sql").read_text())
            superuser.run("ANALYZE")
            for stakeholder, specification in CLAIMS.items():
                superuser.run("SELECT integratedb_create_stakeholder(%s)", stakeholder)
                superuser.run("SELECT integratedb_claim(%s, %s)", stakeholder, specification)
            yield Place(cluster, DATABASE, superuser, owner)


@pytest.fixture(scope="session")
def service(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service, with its root user."""
    log = tmp_path_factory.mktemp("serve") / "log"
    started = Service(place.dsn, log, "--preview-dsn", place.owner_dsn)
    started.bootstrap()
    yield started
    assert started.stop() == 0


# Not for longer than a module: meanwhile Playwright's event loop runs in this thread, where other tests start theirs.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        # A root may not use Chromium's own sandbox; the pages are ours.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def new_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """``new_context(width=..., scheme=...)``: a browser without cookies."""
    opened: list[BrowserContext] = []

    def create(width: int = 1280, scheme: str = "light") -> BrowserContext:
        size: Any = {"width": width, "height": SIZES[width]}
        opened.append(browser.new_context(viewport=size, color_scheme=scheme, reduced_motion="reduce"))  # type: ignore[arg-type]  # a word
        opened[-1].set_default_timeout(TIMEOUT_MS)
        return opened[-1]

    yield create
    for context in opened:
        context.close()


@pytest.fixture
def console(service: Service, new_context: Callable[..., BrowserContext]) -> Iterator[Console]:
    """The console as root; `console.expected` takes the errors that a test provokes."""
    made = Console(service.url, new_context())
    made.log_in(ROOT_NAME, ROOT_PASSWORD)
    yield made
    assert made.unexpected() == []


@pytest.fixture
def page(console: Console) -> Page:
    """Its page."""
    return console.page
