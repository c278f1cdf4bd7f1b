"""Agreements: what owners and stakeholders agree on, by the forms of the console."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.system.console.harness import Console
from tests.system.serve.harness import Place


@pytest.fixture
def tidy(place: Place) -> Iterator[None]:
    """Nothing of the test stays, because the other tests share the shop."""
    yield
    place.superuser.run("SELECT integratedb_undeprecate('shop.orders', 'note')")
    place.superuser.run("SELECT integratedb_end_waiver(id) FROM integratedb_waivers()")
    place.superuser.run("SELECT integratedb_revoke_lease(id) FROM integratedb_leases()")


def test_a_request_is_made_and_rejected_with_the_reason(console: Console, page: Page) -> None:
    console.open("/agreements")
    expect(page.get_by_text("Nobody waits for an approval.")).to_be_visible()
    form = page.get_by_role("form", name="Ask for claims")
    form.get_by_label("For").select_option("parcels")
    form.get_by_label("Table").fill("shop.visits")
    form.get_by_label("Columns").fill("*")
    form.get_by_label("Why").fill("<b>the report</b>")
    form.get_by_role("button", name="Ask").click()
    request = page.get_by_role("article", name="of parcels")
    expect(request).to_contain_text("<b>the report</b>")
    expect(request).to_contain_text("shop.visits waits for shop_owner")
    assert console.violations() == []
    reject = request.get_by_role("form")
    reject.get_by_label("What to do instead").fill("read shop.sales")
    reject.get_by_role("button", name="Reject").click()
    expect(request).to_have_count(0)
    page.get_by_label("Show").select_option("rejected")
    expect(page.get_by_role("article").first).to_contain_text("Note: read shop.sales")


def test_a_request_that_is_approved_is_in_force(console: Console, page: Page, place: Place) -> None:
    console.open("/agreements")
    form = page.get_by_role("form", name="Ask for claims")
    form.get_by_label("For").select_option("parcels")
    form.get_by_label("Table").fill("shop.products")
    form.get_by_label("Columns").fill("id, sku")
    form.get_by_role("button", name="Ask").click()
    before = place.superuser.value("SELECT integratedb_specification('parcels')")
    page.get_by_role("button", name="Approve").click()
    expect(page.get_by_text("Nobody waits for an approval.")).to_be_visible()
    now = place.superuser.value("SELECT integratedb_specification('parcels')")
    assert [match["path"] for match in now["match"][len(before["match"]) :]] == ["shop.products"]
    place.superuser.run("SELECT integratedb_claim('parcels', %s)", json.dumps(before))


@pytest.mark.usefixtures("tidy")
def test_a_removal_is_announced_and_waived_and_the_lab_says_that_it_passes(console: Console, page: Page) -> None:
    console.open("/agreements/deprecations")
    form = page.get_by_role("form", name="Announce a removal")
    form.get_by_label("Table").fill("shop.orders")
    form.get_by_label("Column").fill("note")
    form.get_by_label("Instead").fill("read shop.order_notes")
    form.get_by_role("button", name="Announce").click()
    row = page.get_by_role("row").filter(has_text="shop.orders.note")
    expect(row).to_contain_text("read shop.order_notes")
    assert console.violations() == []
    page.get_by_role("link", name="Waivers").click()
    form = page.get_by_role("form", name="Waive a dependency")
    form.get_by_label("Of").select_option("reporter")
    form.get_by_label("Table").fill("shop.orders")
    form.get_by_label("Column").fill("total")
    form.get_by_label("Until").fill("2099-01-01T00:00")
    form.get_by_label("Why").fill("moved on")
    form.get_by_role("button", name="Waive").click()
    expect(page.get_by_role("row").filter(has_text="shop.orders.total")).to_contain_text("still met")
    assert console.violations() == []
    console.open("/lab?sql=ALTER TABLE shop.orders DROP COLUMN total CASCADE")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", name="what it breaks is waived")).to_be_visible()


@pytest.mark.usefixtures("tidy")
def test_a_login_is_lent_shown_once_and_revoked(console: Console, page: Page) -> None:
    console.open("/agreements/leases")
    form = page.get_by_role("form", name="Lend a login")
    form.get_by_label("Of").select_option("reporter")
    form.get_by_label("Minutes").fill("5")
    form.get_by_label("What for").fill("job 17")
    form.get_by_role("button", name="Lend").click()
    expect(page.get_by_text("Copy the password now.")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="job 17")
    expect(row).to_contain_text("reporter")
    assert console.violations() == []
    row.get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("Nobody has a temporary login.")).to_be_visible()


def test_what_is_refused_is_said_beside_the_form(console: Console, page: Page) -> None:
    console.expected = ["422"]
    console.open("/agreements/deprecations")
    form = page.get_by_role("form", name="Announce a removal")
    form.get_by_label("Table").fill("shop.nowhere")
    form.get_by_role("button", name="Announce").click()
    expect(page.get_by_role("alert")).to_contain_text("shop.nowhere")
    expect(form.get_by_label("Table")).to_have_value("shop.nowhere")
