"""The migration lab: who would be hurt, the way out, and nothing that stays."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support import Session
from tests.system.console.harness import Console
from tests.system.serve.harness import Place

RENAME = "ALTER TABLE shop.orders RENAME COLUMN total TO total_amount"


def columns(owner: Session) -> list[str]:
    return [name for (name,) in owner.rows("SELECT attname FROM pg_attribute WHERE attrelid = 'shop.orders'::regclass")]


def test_a_breaking_migration_shows_who_is_hurt_and_the_way_out(console: Console, page: Page, place: Place) -> None:
    console.open("/lab")
    page.locator(".cm-content").click()
    page.keyboard.insert_text(RENAME)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("heading", name="it hurts reporter")).to_be_visible()
    row = page.get_by_role("row").filter(has_text="reporter")
    expect(row).to_contain_text("it was renamed to total_amount")
    expect(row).to_contain_text('claim {"alternatives": ["total", "total_amount"]}')
    assert "total" in columns(place.owner)
    assert console.violations() == []
    # The link to the result has the statements.
    page.reload()
    expect(page.get_by_role("textbox", name="Statements of the migration")).to_contain_text("total_amount")


def test_a_harmless_migration_says_so(console: Console, page: Page) -> None:
    console.open("/lab?sql=ALTER TABLE shop.orders ADD COLUMN colour text")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("heading", name="breaks no claim")).to_be_visible()


def test_the_result_is_copied_as_a_comment(console: Console, page: Page) -> None:
    console.context.grant_permissions(["clipboard-read", "clipboard-write"])
    console.open(f"/lab?sql={RENAME}")
    page.get_by_role("button", name="Try it").click()
    page.get_by_role("button", name="Copy as a comment").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    comment = page.evaluate("navigator.clipboard.readText()")
    assert "it breaks 1 claim." in comment
    assert f"```sql\n{RENAME}\n```" in comment


def test_what_does_not_run_is_explained(console: Console, page: Page) -> None:
    console.expected = ["422"]
    console.open("/lab?sql=ALTER TABLE shop.nowhere ADD COLUMN id int")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_role("alert")).to_contain_text('relation "shop.nowhere" does not exist')


def test_markup_in_statements_and_names_is_shown_as_text(console: Console, page: Page, place: Place) -> None:
    markup = '"<img src=x onerror=alert(1)>"'
    page.on("dialog", lambda dialog: console.errors.append(dialog.message))
    try:
        place.owner.run(f"CREATE TABLE shop.{markup} (id int)")
        place.superuser.run(f"COMMENT ON TABLE shop.{markup} IS '<script>alert(2)</script>'")
        console.open("/lab")
        page.locator(".cm-content").click()
        page.keyboard.insert_text(f"DROP TABLE shop.{markup}; SELECT '<svg onload=alert(3)>'")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("heading", name="breaks no claim")).to_be_visible()
        console.open()
        expect(page.get_by_text("CREATE TABLE shop.").first).to_contain_text("<img src=x onerror=alert(1)>")
        page.keyboard.press("Control+k")
        page.keyboard.type("onerror")
        expect(page.get_by_role("listbox").get_by_role("option").first).to_contain_text("<img src=x")
        assert page.locator("img, svg[onload]").count() == 0
    finally:
        place.owner.run(f"DROP TABLE shop.{markup}")


def test_education_mode_shows_the_other_ways(console: Console, page: Page) -> None:
    console.open(f"/lab?sql={RENAME}")
    page.get_by_label("Teach").check()
    same = page.get_by_role("complementary", name="The same in other ways")
    expect(same).to_contain_text(f"SELECT * FROM integratedb_preview_migration('{RENAME}');")
    expect(same).to_contain_text("POST /api/v1/preview")
    expect(same).to_contain_text("integratedb preview migration.sql")
    assert console.violations() == []
    page.reload()
    expect(same).to_be_visible()


def test_what_would_be_missed_is_red_on_the_map(console: Console, page: Page) -> None:
    console.open(f"/lab?sql={RENAME}")
    page.get_by_role("button", name="Try it").click()
    page.get_by_role("link", name="Show on the map").click()
    expect(page).to_have_url(f"{console.url}/console/map?table=shop.orders")
    expect(page.get_by_text("reporter: shop.orders.total: expected a column").first).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("reporter: shop.orders.total")).to_have_count(0)
