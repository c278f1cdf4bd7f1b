"""Stakeholders: claims are edited with faults in place, credentials are shown once, and removal wants the name."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.system.console.harness import Console
from tests.system.serve.harness import ROOT_PASSWORD, Place, unique


@pytest.fixture
def stakeholder(place: Place) -> Iterator[str]:
    """A stakeholder of the test's own."""
    name = unique("console_app")
    place.superuser.run("SELECT integratedb_create_stakeholder(%s)", name)
    place.superuser.run(
        "SELECT integratedb_claim(%s, %s)", name, json.dumps({"match": [{"path": "shop.products", "fields": ["id"]}]})
    )
    yield name
    if place.superuser.value("SELECT count(*) FROM integratedb_stakeholders() WHERE name = %s", name):
        place.superuser.run("SELECT integratedb_drop_stakeholder(%s)", name)


def fields(place: Place, name: str) -> object:
    return place.superuser.value("SELECT jsonb_path_query_first(integratedb_specification(%s), '$.match.fields')", name)


def write(page: Page, name: str, text: str) -> None:
    """Replace the text of the editor."""
    page.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text(text)


def test_claims_are_edited_and_submitted(console: Console, page: Page, place: Place, stakeholder: str) -> None:
    console.open(f"/stakeholders?name={stakeholder}")
    write(page, stakeholder, "match:\n  - path: shop.products\n    fields: [id, sku]\n")
    page.get_by_role("button", name="Submit the claims").click()
    expect(page.get_by_role("status")).to_contain_text("In force")
    assert fields(place, stakeholder) == ["id", "sku"]
    page.get_by_role("button", name="As JSON").click()
    expect(page.get_by_role("textbox", name="claims of")).to_contain_text('"path": "shop.products"')
    assert console.violations() == []


def test_a_fault_is_shown_where_it_is(console: Console, page: Page, place: Place, stakeholder: str) -> None:
    console.expected = ["422"]
    console.open(f"/stakeholders?name={stakeholder}")
    write(page, stakeholder, "match:\n  - path: shop.products\n    fields: [id, colour]\n")
    mark = page.locator(".cm-lintRange-error")
    expect(mark).to_have_text("colour")
    mark.hover()
    expect(page.get_by_text("shop.products.colour: expected a column, found none")).to_be_visible()
    # Whoever submits it all the same gets the refusal, and keeps the text.
    page.get_by_role("button", name="Submit the claims").click()
    expect(page.get_by_role("alert")).to_contain_text("shop.products.colour: expected a column, found none")
    expect(page.get_by_role("textbox", name="claims of")).to_contain_text("colour")
    assert fields(place, stakeholder) == ["id"]


def test_tables_and_columns_are_completed(console: Console, page: Page, stakeholder: str) -> None:
    console.expected = ["422"]
    console.open(f"/stakeholders?name={stakeholder}")
    write(page, stakeholder, "match:\n  - path: ")
    page.keyboard.type("shop.cus")
    expect(page.get_by_role("option", name="shop.customers")).to_be_visible()
    # For 75 ms after a list appears, Enter still means what it meant before.
    page.wait_for_timeout(100)
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="claims of")).to_contain_text("path: shop.customers")


def test_a_stakeholder_is_created_rotated_and_dropped(console: Console, page: Page, place: Place) -> None:
    name = unique("console_new")
    console.open("/stakeholders")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create").click()
    once = page.get_by_role("status").filter(has_text="Copy the password now")
    expect(once).to_contain_text(name)
    first = once.get_by_role("code").nth(1).inner_text()
    expect(page.get_by_role("link", name=name)).to_be_visible()
    page.get_by_role("link", name=name).click()
    page.get_by_role("link", name="Credentials").click()
    rotate = page.get_by_role("button", name="Set a new password")
    expect(rotate).to_be_disabled()
    page.get_by_label(f"Type {name} to confirm").first.fill(name)
    rotate.click()
    expect(once).to_contain_text(name)
    second = once.get_by_role("code").nth(1).inner_text()
    assert second != first
    with place.stakeholder_session(name, second) as session:
        assert session.value("SELECT current_user::text") == name
    assert console.violations() == []
    page.get_by_label(f"Type {name} to confirm").last.fill(name)
    page.get_by_role("button", name="Drop it").click()
    expect(page.get_by_role("heading", name="Stakeholders")).to_be_visible()
    expect(page.get_by_role("link", name=name)).to_have_count(0)


def test_access_beside_the_claims_stands_out(console: Console, page: Page, place: Place, stakeholder: str) -> None:
    place.owner.run(f"GRANT SELECT (name) ON shop.products TO {stakeholder}")
    console.open(f"/stakeholders?name={stakeholder}&tab=access")
    expect(page.get_by_text("1 of them beside its claims")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="other grant")).to_contain_text("not claimed")
    assert console.violations() == []


def test_a_name_that_does_not_exist_says_so(console: Console, page: Page) -> None:
    console.open("/stakeholders?name=nobody")
    expect(page.get_by_text("There is no stakeholder nobody")).to_be_visible()


def test_a_session_that_ends_takes_no_text_that_was_not_submitted(
    console: Console, page: Page, stakeholder: str
) -> None:
    console.expected = ["401"]
    console.open(f"/stakeholders?name={stakeholder}")
    write(page, stakeholder, "match:\n  - path: shop.products\n    fields: [id, sku]\n")
    console.context.clear_cookies()
    page.get_by_role("button", name="Submit the claims").click()
    expect(page.get_by_role("heading", name="Your session has ended")).to_be_visible()
    page.get_by_label("Password").fill(ROOT_PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("textbox", name="claims of")).to_contain_text("[id, sku]")
    page.get_by_role("button", name="Submit the claims").click()
    expect(page.get_by_role("status")).to_contain_text("In force")
