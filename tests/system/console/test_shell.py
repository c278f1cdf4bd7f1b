"""The frame of the console: login, navigation, palette, sessions that end, and pages for every size."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from tests.system.console.harness import SIZES, Console
from tests.system.serve.harness import ROOT_NAME, ROOT_PASSWORD, Service

VIEWS = ["", "/map", "/lab", "/stakeholders", "/agreements", "/workbench", "/advisers", "/monitoring", "/learn"]


def test_a_user_logs_in_and_out_by_keyboard(service: Service, new_context: Callable[..., BrowserContext]) -> None:
    console = Console(service.url, new_context())
    console.expected = ["401", "403"]  # no session yet; a wrong password
    page = console.page
    page.goto(f"{service.url}/console/map")
    expect(page.get_by_label("User")).to_be_focused()
    page.keyboard.type(ROOT_NAME)
    page.keyboard.press("Tab")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This user and password do not go together.")
    page.get_by_label("Password").fill(ROOT_PASSWORD)
    page.keyboard.press("Enter")
    # The address that was asked for, not the home view.
    expect(page.get_by_role("navigation").get_by_role("link", name="Map")).to_have_attribute("aria-current", "page")
    cookies = console.context.cookies()
    assert [(cookie["httpOnly"], cookie["sameSite"]) for cookie in cookies] == [(True, "Strict")]
    assert page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])").find("eyJ") == -1
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    assert console.context.cookies() == []
    # The cookie that was taken away is worth nothing any more.
    console.context.add_cookies(cookies)  # type: ignore[arg-type]  # what cookies() returns is accepted
    assert console.context.request.get(f"{service.url}/api/v1/session").status == 401
    assert console.unexpected() == []


def test_a_session_that_ends_is_renewed_without_leaving_the_view(console: Console, page: Page) -> None:
    console.expected = ["401"]
    console.open("/stakeholders")
    console.context.clear_cookies()
    page.get_by_role("link", name="Home").click()
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible()
    page.get_by_label("Password").fill(ROOT_PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page.get_by_text("Every claim is met")).to_be_visible()
    assert console.context.cookies()


def test_the_palette_finds_a_column_and_goes_there(console: Console, page: Page) -> None:
    console.open()
    console.search("orders status")
    expect(page.get_by_role("listbox").get_by_role("option").first).to_contain_text("shop.orders.status")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{console.url}/console/map?table=shop.orders&column=status")
    console.search("saved queries")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{console.url}/console/learn/saved-queries")
    page.go_back()
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Search")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_is_accessible_and_fits(service: Service, new_context: Callable[..., BrowserContext], view: str) -> None:
    """It is opened on the smallest screen, and then becomes larger, and light and dark."""
    console = Console(service.url, new_context(min(SIZES)))
    console.log_in(ROOT_NAME, ROOT_PASSWORD)
    page = console.open(view)
    for width, height in sorted(SIZES.items()):
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light",) if width == max(SIZES) else ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # a word
            assert console.violations() == [], (width, scheme)
            assert not console.overflows(), (width, scheme)
    assert console.unexpected() == []


def test_a_view_that_does_not_exist_says_so(console: Console) -> None:
    page = console.open("/nonsense")
    expect(page.get_by_role("heading")).to_have_text("There is no such view")


#: What each view asks first.
ASKED = {
    "": "unmet-claims",
    "/map": "map",
    "/stakeholders": "stakeholders?*",
    "/advisers": "advice?*",
    "/monitoring": "monitoring",
}


def test_a_service_that_does_not_answer_is_reported(console: Console, page: Page) -> None:
    console.expected = ["ERR_FAILED"]
    page.route("**/api/v1/session", lambda route: route.abort())
    page.goto(f"{console.url}/console/")
    expect(page.get_by_role("alert")).to_contain_text("The management service does not answer.")
    page.unroute("**/api/v1/session")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("navigation", name="Views")).to_be_visible()


@pytest.mark.parametrize("view", ASKED)
def test_a_view_whose_request_fails_says_so_and_tries_again(console: Console, page: Page, view: str) -> None:
    console.expected = ["ERR_FAILED"]
    asked = f"**/api/v1/{ASKED[view]}{'?*' if view == '' else ''}"
    page.route(asked, lambda route: route.abort())
    page.goto(f"{console.url}/console{view or '/'}")
    alert = page.get_by_role("alert").first
    expect(alert).to_contain_text("The management service does not answer.")
    page.unroute(asked)
    alert.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_two_tabs_share_a_session(console: Console, page: Page) -> None:
    console.open()
    other = console.new_page()
    other.goto(f"{console.url}/console/stakeholders")
    expect(other.get_by_role("navigation")).to_be_visible()
    other.get_by_role("button", name="Log out").click()
    expect(other.get_by_role("button", name="Log in")).to_be_visible()
    console.expected = ["401"]
    page.get_by_role("navigation").get_by_role("link", name="Stakeholders").click()
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible()


def test_the_first_steps_lead_to_a_refusal_that_is_understood(console: Console, page: Page) -> None:
    console.open()
    steps = page.get_by_role("region", name="First steps")
    expect(steps.get_by_role("link", name="See who depends on shop.orders.status")).to_be_visible()
    steps.get_by_role("link", name="Try to rename it").click()
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", name="it hurts parcels, reporter")).to_be_visible()
    page.get_by_role("navigation", name="Views").get_by_role("link", name="Home").click()
    steps.get_by_role("button", name="Show").click()
    expect(page.get_by_text("SELECT * FROM integratedb_status();")).to_be_visible()
    assert console.violations() == []
    steps.get_by_role("button", name="Hide").click()
    page.reload()
    expect(page.get_by_text("Every claim is met")).to_be_visible()
    expect(steps).to_have_count(0)


def test_a_slow_service_shows_what_it_waits_for(console: Console, page: Page) -> None:
    def late(route: Route) -> None:
        time.sleep(2)
        route.continue_()

    page.route("**/api/v1/status", late)
    page.goto(f"{console.url}/console/")
    # What has come is shown; what has not does not hold it up.
    expect(page.get_by_text("Every claim is met")).to_be_visible()
    expect(page.get_by_role("region", name="Status").get_by_text("Loading…")).to_be_visible()
    expect(page.get_by_role("link", name="Claims")).to_be_visible()
