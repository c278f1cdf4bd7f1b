"""The documentation in the console: pages, search, and examples that run and leave nothing."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.system.console.harness import Console
from tests.system.harness import ROOT
from tests.system.serve.harness import Place

PAGES = sorted(path.stem for path in (ROOT / "docs").glob("*.md") if path.stem not in ("README", "releasing"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_shown_whole(console: Console, name: str) -> None:
    page = console.open(f"/learn/{name}")
    title = (ROOT / f"docs/{name}.md").read_text().splitlines()[0].removeprefix("# ").replace("`", "")
    expect(page.get_by_role("article").get_by_role("heading", level=1)).to_have_text(title)
    article = page.get_by_role("article").inner_text()
    assert "undefined" not in article.replace("undefined_", "").replace("undefined ", "")
    assert not console.overflows()


def test_links_between_pages_stay_in_the_console(console: Console, page: Page) -> None:
    console.open("/learn/specification")
    page.get_by_role("article").get_by_role("link", name="Short form").first.click()
    expect(page.get_by_role("heading", name="Short form", exact=True)).to_be_in_viewport()
    assert page.url.startswith(f"{console.url}/console/learn/specification")


def test_the_search_leads_to_a_section(console: Console, page: Page) -> None:
    console.open("/learn")
    page.get_by_role("searchbox").fill("IDB01 invalid migration")
    page.get_by_role("link", name="Errors: IDB01").first.click()
    expect(page.get_by_role("heading", name="IDB01").first).to_be_in_viewport()


def test_an_example_runs_and_is_rolled_back(console: Console, page: Page, place: Place) -> None:
    console.open("/learn/sql-reference")
    page.get_by_role("button", name="Run").first.click()
    editor = page.locator(".cm-content")
    editor.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(
        "CREATE TABLE shop.tried (id int, what text);\n"
        "INSERT INTO shop.tried VALUES (1, '<img src=x onerror=alert(1)>'), (2, NULL);\n"
        "SELECT * FROM shop.tried"
    )
    page.get_by_role("button", name="Run and roll back").click()
    expect(page.get_by_role("cell", name="<img src=x")).to_be_visible()
    expect(page.get_by_role("cell", name="null", exact=True)).to_be_visible()
    assert place.owner.value("SELECT to_regclass('shop.tried')") is None
    assert console.violations() == []


def test_the_error_of_an_example_has_its_hint(console: Console, page: Page) -> None:
    console.open("/learn/sql-reference")
    page.get_by_role("button", name="Run").first.click()
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text("SELECT 1 AS one; SELECT * FROM integratedb_dependents('shop.ordres')")
    page.get_by_role("button", name="Run and roll back").click()
    expect(page.get_by_role("columnheader", name="one")).to_be_visible()
    expect(page.get_by_role("alert")).to_contain_text("Did you mean shop.orders?")
