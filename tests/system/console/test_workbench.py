"""The workbench: typed in one face, said in the others, and run."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.system.console.harness import Console

DATA = """{
  "select": ["id", "status"],
  "from": "orders",
  "where": ["<", {"field": "id"}, 4],
  "order-by": [["id", "desc"]]
}"""
GRAPHQL = """{
  ordersNodes(descending: true, filter: {rowId: {lt: "4"}}) {
    nodes {
      rowId
      status
    }
  }
}"""
LIMITED = '{"select": ["id"], "from": "orders", "limit": 2}'


def test_what_is_typed_in_one_face_is_said_in_the_others(console: Console, page: Page) -> None:
    console.open("/workbench?stakeholder=reporter")
    # It begins with a few rows of the first claimed table.
    expect(page.get_by_role("textbox", name="URL")).to_have_value("/orders?limit=5")
    url = page.get_by_role("textbox", name="URL")
    url.fill("/orders?select=id,status&id=lt.4&order=id.desc")
    data = page.get_by_role("textbox", name="Query as data")
    expect(data).to_have_value(DATA)
    expect(page.get_by_role("textbox", name="GraphQL")).to_have_value(GRAPHQL)
    expect(page.get_by_role("region", name="SQL")).to_contain_text("WHERE t_1.id")
    data.fill(LIMITED)
    expect(url).to_have_value("/orders?select=id&limit=2")
    assert console.violations() == []
    # The address has the query.
    page.reload()
    expect(page.get_by_role("textbox", name="Query as data")).to_have_value(LIMITED)


def test_a_query_is_run_and_seen_as_table_json_chart_and_plan(console: Console, page: Page) -> None:
    console.open(
        "/workbench?stakeholder=reporter&face=url&query=/orders%3Fselect%3Did,total,status%26order%3Did%26limit%3D3"
    )
    expect(page.get_by_role("region", name="SQL")).to_contain_text("LIMIT")
    page.get_by_role("textbox", name="URL").press("Control+Enter")
    expect(page.get_by_role("row")).to_have_count(4)
    expect(page.get_by_text("3 rows")).to_be_visible()
    page.get_by_role("button", name="Chart").click()
    expect(page.locator(".bars li")).to_have_count(3)
    assert console.violations() == []
    page.get_by_role("button", name="JSON").click()
    expect(page.get_by_role("group", name="Rows as JSON")).to_be_visible()
    page.get_by_role("button", name="Plan").click()
    expect(page.locator(".plan")).to_contain_text("Limit")
    assert console.violations() == []


def test_what_is_no_query_and_what_has_no_words_are_explained(console: Console, page: Page) -> None:
    console.expected = ["422"]
    console.open("/workbench?stakeholder=reporter&face=url&query=/orders%3Fselect%3Dnothing")
    expect(page.get_by_text("orders has no column nothing")).to_be_visible()
    page.get_by_role("textbox", name="Query as data").fill('{"from": "orders", "modifiers": ["distinct"]}')
    expect(page.get_by_text("It has no words for DISTINCT.")).to_be_visible()
    expect(page.get_by_text("orders has no column nothing")).to_have_count(0)


def test_markup_in_a_query_and_its_answer_is_shown_as_text(console: Console, page: Page) -> None:
    page.on("dialog", lambda dialog: console.errors.append(dialog.message))
    console.open("/workbench?stakeholder=reporter")
    markup = "<img src=x onerror=alert(1)>"
    page.get_by_role("textbox", name="Query as data").fill(
        f'{{"select": [[{{"value": "{markup}"}}, "{markup}"]], "from": "orders", "limit": 1}}'
    )
    expect(page.get_by_role("region", name="SQL")).to_contain_text(markup)
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("cell", name=markup)).to_be_visible()
    assert page.locator("main img").count() == 0
