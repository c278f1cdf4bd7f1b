"""Advisers and monitoring: findings are muted with a reason, and a lock is traced to who holds it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
from playwright.sync_api import Page, expect

from tests.system.console.harness import Console
from tests.system.serve.harness import Place


def test_a_finding_is_muted_with_a_reason_and_shown_again(console: Console, page: Page, place: Place) -> None:
    place.owner.run("CREATE TABLE shop.keyless (id int)")
    try:
        console.open("/advisers")
        finding = page.get_by_role("listitem").filter(has_text="shop.keyless").filter(has_text="primary key")
        expect(finding.first).to_be_visible()
        assert console.violations() == []
        finding.first.get_by_role("button", name="Mute").click()
        page.get_by_label("Why it stays as it is").fill("a log")
        page.keyboard.press("Enter")
        expect(finding).to_have_count(0)
        page.get_by_label("Show muted").check()
        expect(finding.first).to_contain_text("muted: a log")
        finding.first.get_by_role("button", name="Show again").click()
        expect(finding.first.get_by_role("button", name="Mute")).to_be_visible()
    finally:
        place.owner.run("DROP TABLE shop.keyless")


def test_the_level_is_in_the_address(console: Console, page: Page) -> None:
    console.open("/advisers")
    page.get_by_label("Level").select_option("INFO")
    expect(page).to_have_url(f"{console.url}/console/advisers?level=INFO")
    page.reload()
    expect(page.get_by_label("Level")).to_have_value("INFO")


def test_who_waits_is_shown_and_ended_after_a_second_click(console: Console, page: Page, place: Place) -> None:
    with place.cluster.session(place.name, "shop_owner") as holder, holder.transaction():
        holder.run("LOCK TABLE shop.orders")
        with ThreadPoolExecutor(1) as threads, place.cluster.session(place.name, "shop_owner") as waiter:
            pid = waiter.value("SELECT pg_backend_pid()")
            waiting = threads.submit(waiter.run, "TRUNCATE shop.orders CASCADE")
            console.open("/monitoring")
            expect(page.get_by_role("row").filter(has_text=f"↳ {pid}")).to_contain_text("TRUNCATE shop.orders")
            page.get_by_role("button", name=f"End {pid}").click()
            assert console.violations() == []
            page.get_by_role("button", name=f"End session {pid}").click()
            assert isinstance(waiting.exception(), psycopg.errors.AdminShutdown)
            expect(page.get_by_text("Nobody waits for a lock.")).to_be_visible()


def test_every_panel_is_shown(console: Console, page: Page) -> None:
    console.open("/monitoring")
    for link in page.get_by_role("navigation", name="Panels").get_by_role("link").all():
        link.click()
        expect(page.get_by_role("heading", level=2)).to_have_text(link.inner_text())
        expect(page.get_by_role("table").or_(page.get_by_text("✓"))).to_be_visible()
