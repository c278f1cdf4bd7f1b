"""The tour, and the words of each view: what somebody learns who has never seen the product."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.system.console.harness import Console

STEPS = [
    "Who depends on what",
    "A claim says so",
    "Try to break it",
    "Ask for rows",
    "What should be changed",
    "Is it well",
    "Where to go on",
]


def test_the_tour_goes_through_the_views_by_keyboard(console: Console, page: Page) -> None:
    console.open()
    page.get_by_role("button", name="Take the tour").press("Enter")
    tour = page.get_by_role("complementary", name="Tour")
    for number, title in enumerate(STEPS, 1):
        expect(tour.get_by_role("heading", name=title)).to_be_focused()
        expect(tour).to_contain_text(f"Step {number} of {len(STEPS)}")
        if title == "Try to break it":
            expect(page.get_by_role("textbox", name="Statements of the migration")).to_contain_text("RENAME COLUMN")
            assert console.violations() == []
        if number < len(STEPS):
            tour.get_by_role("button", name="Next").press("Enter")
    tour.get_by_role("button", name="Back").press("Enter")
    expect(page.get_by_role("heading", name="Monitoring", level=1)).to_be_visible()
    page.keyboard.press("Escape")
    expect(tour).to_have_count(0)


def test_the_palette_begins_the_tour(console: Console, page: Page) -> None:
    console.open("/monitoring")
    console.search("tour")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Who depends on what")).to_be_visible()


def test_education_mode_explains_the_words_of_a_view(console: Console, page: Page) -> None:
    console.open("/lab")
    words = page.get_by_role("complementary", name="Words of this view")
    expect(words).to_have_count(0)
    page.get_by_label("Teach").check()
    words.get_by_role("button", name="alternative").click()
    expect(words).to_contain_text("Another table or column that a claim accepts too.")
    assert console.violations() == []
    words.get_by_role("link", name="More").click()
    expect(page).to_have_url(console.url + "/console/learn/specification")
