"""The map: the shop by pointer and by keyboard, a thousand tables, and names that are markup."""

from __future__ import annotations

import re
import statistics
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import BrowserContext, Dialog, Page, Route, expect

from tests.support import clone
from tests.system.conftest import TEMPLATE
from tests.system.console.harness import Console
from tests.system.serve.harness import ROOT_NAME, ROOT_PASSWORD, Place, Service

MARKUP = '"><img src=x onerror=alert(1)>'
#: A thousand tables of ten columns in eight schemas, and 600 foreign keys.
THOUSAND = """
DO $$
BEGIN
  FOR s IN 0..7 LOOP EXECUTE format('CREATE SCHEMA s%s', s); END LOOP;
  FOR i IN 0..999 LOOP
    EXECUTE format(
      'CREATE TABLE s%s.t%s (id bigint PRIMARY KEY, up bigint %s, c3 text, c4 text, c5 int, c6 int, c7 date, c8 date, '
      'c9 text, c10 text)',
      i % 8, i,
      CASE WHEN i >= 16 AND i % 5 < 3 THEN format('REFERENCES s%s.t%s', i % 8, i / 16 * 8 + i % 8) END);
  END LOOP;
END
$$
"""


@pytest.fixture(scope="module")
def large(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service in front of a thousand tables, and one whose names are markup."""
    with place.cluster.session("postgres") as superuser:
        clone(superuser, "large", TEMPLATE)
    with place.cluster.session("large") as superuser:
        # The statements of one command, so that the contracts are looked at once.
        superuser.run(THOUSAND)
        name = MARKUP.replace('"', '""')
        superuser.run(f'CREATE TABLE public."{name}" ("{name}" text)')
        superuser.run(f"""COMMENT ON TABLE public."{name}" IS '{MARKUP}'""")
        superuser.run(f"""COMMENT ON COLUMN public."{name}"."{name}" IS '{MARKUP}'""")
    copy = Place(place.cluster, "large", place.superuser, place.owner)
    started = Service(copy.dsn, tmp_path_factory.mktemp("large") / "log")
    started.bootstrap()
    yield started
    assert started.stop() == 0


def picture(page: Page, tables: int) -> None:
    """Wait until the canvas shows so many tables."""
    canvas = page.locator("canvas")
    expect(canvas).to_have_attribute("aria-label", re.compile(rf"^A picture of {tables} tables"))
    expect(canvas).to_have_attribute("data-scale", re.compile(r"\d"))


def show(console: Console, state: str = "") -> Page:
    """Open the map, without the wait for a silent network, which the picture makes needless."""
    console.page.goto(f"{console.url}/console/map{state}")
    expect(console.page.locator("canvas")).to_have_attribute("data-scale", re.compile(r"\d"))
    return console.page


def scale(page: Page) -> float:
    """Tell how near the picture is."""
    return float(page.locator("canvas").get_attribute("data-scale") or 0)


def query(page: Page) -> dict[str, str]:
    """Give the state of the map, which is in the address."""
    return {name: value[0] for name, value in parse_qs(urlsplit(page.url).query).items()}


def tab_to(page: Page, name: str) -> None:
    """Press Tab until this control has the focus."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.evaluate("(e => e.getAttribute('aria-label') ?? e.innerText)(document.activeElement)")
        if focused.strip().startswith(name):
            return
    raise AssertionError(f"Tab does not reach {name}")


def test_everything_is_reached_by_keyboard(console: Console) -> None:
    page = show(console)
    tab_to(page, "Find tables")
    page.keyboard.type("shop")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert query(page) == {"find": "shop", "table": "shop.orders"}
    panel = page.get_by_role("region", name="Table shop.orders")
    expect(panel.get_by_role("row")).to_have_count(7)
    tab_to(page, "status")
    page.keyboard.press("Enter")
    assert query(page)["column"] == "status"
    expect(panel.get_by_role("region", name="Impact of shop.orders.status")).to_contain_text("COMMIT refuses it")
    tab_to(page, "shop.customers")
    page.keyboard.press("Enter")
    assert query(page) == {"find": "shop", "table": "shop.customers"}


def test_a_table_is_shown_with_its_statistics_claims_and_impact(console: Console) -> None:
    page = show(console, "?table=shop.orders&column=status")
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="status", exact=True)).first
    expect(row).to_contain_text("4 values")
    expect(row).to_contain_text("no nulls")
    expect(row).to_contain_text("parcels")
    expect(page.get_by_role("row").filter(has_text="note").first).to_contain_text("reporter optional")
    impact = page.get_by_role("region", name="Impact of shop.orders.status")
    expect(impact).to_contain_text("COMMIT refuses it: parcels and reporter require it.")
    trial = impact.get_by_role("link", name="Drop the column: try it").get_attribute("href") or ""
    assert parse_qs(urlsplit(trial).query) == {"sql": ["ALTER TABLE shop.orders DROP COLUMN status;"]}
    whole = page.get_by_role("region", name="Impact of shop.orders", exact=True)
    expect(whole).to_contain_text("foreign keys of shop.order_lines refer to it")
    page.get_by_label("Teach").check()
    expect(impact).to_contain_text("SELECT * FROM integratedb_dependents('shop.orders', 'status');")
    expect(impact).to_contain_text("GET /api/v1/dependents?path=shop.orders&field=status")
    expect(impact).to_contain_text("integratedb dependents shop.orders status")


def test_an_optional_and_an_alternative_claim_refuse_nothing(console: Console) -> None:
    page = show(console, "?table=shop.orders&column=note")
    expect(page.get_by_role("region", name="Impact of shop.orders.note")).to_contain_text("✓ passes")
    page = show(console, "?table=shop.order_lines&column=quantity")
    expect(page.get_by_role("region", name="Impact of shop.order_lines.quantity")).to_contain_text("! it depends")


def test_a_neighbourhood_grows_by_steps_and_is_laid_out_in_a_worker(console: Console) -> None:
    workers: list[str] = []
    console.page.on("worker", lambda worker: workers.append(worker.url))
    page = show(console)
    picture(page, 7)
    assert workers == []
    show(console, "?table=shop.customers&depth=1")
    picture(page, 2)
    for steps, tables in ((2, 3), (3, 4)):
        page.get_by_role("link", name=f"{steps} steps").click()
        picture(page, tables)
    assert len(workers) == 1
    page.go_back()
    picture(page, 3)
    page.get_by_role("link", name="all tables").click()
    picture(page, 7)


def test_a_join_path_is_found_and_its_query_runs(console: Console, place: Place) -> None:
    page = show(console, "?table=shop.customers")
    page.get_by_label("Path to another table").fill("shop.nothing")
    page.get_by_role("button", name="Find the path").click()
    expect(page.get_by_text("Name another table")).to_be_visible()
    page.get_by_label("Path to another table").fill("shop.products")
    page.keyboard.press("Enter")
    assert query(page) == {"table": "shop.customers", "from": "shop.customers", "to": "shop.products"}
    path = page.get_by_role("region", name="Join path")
    expect(path.get_by_role("listitem")).to_have_count(3)
    picture(page, 4)
    assert len(place.owner.rows(path.locator("pre").inner_text())) == 100
    show(console, "?from=shop.visits&to=shop.products")
    expect(path).to_contain_text("No chain of foreign keys connects them.")


def test_the_picture_follows_pointer_and_keys(console: Console) -> None:
    page = show(console, "?table=shop.visits&depth=1")
    picture(page, 1)
    canvas = page.locator("canvas")
    canvas.click()
    assert query(page)["column"] == "visitor"
    before = scale(page)
    page.keyboard.press("+")
    expect(canvas).not_to_have_attribute("data-scale", f"{before:.3f}")
    assert scale(page) > before
    page.keyboard.press("0")
    expect(canvas).to_have_attribute("data-scale", f"{before:.3f}")
    canvas.hover()
    page.mouse.wheel(0, 300)
    expect(canvas).not_to_have_attribute("data-scale", f"{before:.3f}")
    assert scale(page) < before
    page.get_by_role("button", name="Zoom in").click()
    page.get_by_role("button", name="Fit").click()
    expect(canvas).to_have_attribute("data-scale", f"{before:.3f}")
    # The pointer takes hold of the table, and leaves it below: what is in the middle now was above it.
    area = canvas.bounding_box()
    assert area
    x, y = area["x"] + area["width"] / 2, area["y"] + area["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 45 * before, steps=4)
    page.mouse.up()
    assert query(page)["column"] == "visitor"  # to move is not to choose
    page.wait_for_timeout(100)  # the click that ends a movement is dropped, and this is another
    page.mouse.click(x, y)
    expect(page).to_have_url(re.compile("table=shop.visits&depth=1$"))


def test_colours_have_a_legend_that_finds_tables(console: Console) -> None:
    page = show(console)
    page.get_by_label("Colour").select_option("claims")
    page.get_by_text("Legend: claims").click()
    expect(page.locator(".map-legend li")).to_have_count(5)
    page.get_by_label("Colour").select_option("stakeholder")
    page.locator(".map-legend").get_by_role("button", name="reporter").click()
    assert query(page) == {"colour": "stakeholder", "find": "reporter"}
    expect(page.get_by_role("region", name="Tables").get_by_role("listitem")).to_have_count(2)


def test_a_change_of_the_theme_draws_again(console: Console) -> None:
    console.expected = ["willReadFrequently"]  # which is what the test does
    page = show(console)
    picture(page, 7)
    corner = "[...document.querySelector('canvas').getContext('2d').getImageData(2, 2, 1, 1).data].slice(0, 3)"
    assert min(page.evaluate(corner)) > 200
    page.get_by_label("Theme").select_option("dark")
    page.wait_for_timeout(100)
    assert max(page.evaluate(corner)) < 60


def test_what_is_shown_is_saved(console: Console, tmp_path: Path) -> None:
    page = show(console, "?table=shop.customers&depth=1")
    picture(page, 2)
    for ending, title in {"svg": "SVG", "png": "PNG", "dbml": "DBML", "md": "Markdown"}.items():
        with page.expect_download() as downloaded:
            page.get_by_role("button", name=title, exact=True).click()
        assert downloaded.value.suggested_filename == f"map.{ending}"
        downloaded.value.save_as(tmp_path / ending)
    assert (tmp_path / "png").read_bytes().startswith(b"\x89PNG")
    texts = {text.text for text in ET.parse(tmp_path / "svg").iter("{http://www.w3.org/2000/svg}text")}
    assert {"orders", "customers", "customer_id", "varchar(80)"} <= texts
    dbml, markdown = ((tmp_path / ending).read_text() for ending in ("dbml", "md"))
    assert '"shop"."orders"."customer_id" > "shop"."customers"."id"' in dbml
    assert "## shop.orders" in markdown
    assert "products" not in dbml + markdown


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "light"), (1280, "dark")])
def test_a_table_that_is_open_is_accessible_and_fits(
    service: Service, new_context: Callable[..., BrowserContext], width: int, scheme: str
) -> None:
    console = Console(service.url, new_context(width, scheme))
    console.log_in(ROOT_NAME, ROOT_PASSWORD)
    page = console.open("/map?table=shop.orders&column=status")
    page.get_by_role("button", name="Views").or_(page.get_by_label("Theme")).first.wait_for()
    page.get_by_label("Teach").check()
    expect(page.get_by_role("region", name="Impact of shop.orders.status")).to_contain_text("COMMIT refuses it")
    assert console.violations() == []
    assert not console.overflows()
    if width == 390:
        for part, shown in (("Picture", "canvas"), ("Tables", "#map-find"), ("Details", ".map-panel")):
            page.get_by_role("button", name=part, exact=True).click()
            expect(page.locator(shown)).to_be_visible()
            assert not console.overflows()
    assert console.unexpected() == []


def test_a_slow_service_shows_progress_and_a_failing_one_a_retry(console: Console) -> None:
    console.expected = ["Failed to load resource"]
    page = console.page
    held: list[Route] = []
    page.route("**/api/v1/map", lambda route: held.append(route))
    page.goto(f"{console.url}/console/map")
    expect(page.get_by_role("progressbar", name="Reading the catalog")).to_be_visible()
    for _ in range(100):
        if held:
            break
        page.wait_for_timeout(50)  # in which Playwright takes hold of the request
    held[0].abort()
    expect(page.get_by_role("alert")).to_contain_text("The management service does not answer.")
    page.unroute("**/api/v1/map")
    page.get_by_role("button", name="Try again").click()
    picture(page, 7)


def test_an_empty_database_says_what_to_do(console: Console) -> None:
    nothing: dict[str, dict[str, list[str]]] = {"data": {"relations": [], "foreign_keys": []}}
    console.page.route("**/api/v1/map", lambda route: route.fulfill(json=nothing))
    page = console.open("/map")
    expect(page.locator("main")).to_contain_text("CREATE TABLE")
    page.unroute("**/api/v1/map")
    page.get_by_role("button", name="Look again").click()
    picture(page, 7)


def test_a_table_that_does_not_exist_is_said_so(console: Console) -> None:
    page = show(console, "?table=shop.nothing&depth=2")
    expect(page.locator(".map-panel")).to_contain_text("The database has no such table")
    picture(page, 7)


def test_markup_in_names_and_comments_is_text(large: Service, new_context: Callable[..., BrowserContext]) -> None:
    console = Console(large.url, new_context())
    console.log_in(ROOT_NAME, ROOT_PASSWORD)
    dialogs: list[str] = []

    def note(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    console.page.on("dialog", note)
    page = show(console, "?find=img")
    page.get_by_role("region", name="Tables").get_by_role("link").click()
    panel = page.locator(".map-panel")
    expect(panel.get_by_role("heading", level=2)).to_contain_text("img src=x")
    expect(panel.locator(".comment")).to_have_text(MARKUP)
    panel.locator("table.columns").get_by_role("link").click()
    expect(panel.get_by_role("link", name="Drop the column")).to_be_visible()
    assert page.locator("img").count() == 0
    assert dialogs == []
    assert console.unexpected() == []


#: Ends when the canvas was drawn first.
FIRST_PAINT = """
const look = () => {
  if (document.querySelector('canvas')?.dataset.scale) window.firstPaint = performance.now();
  else requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""
#: Moves the picture, and gives the time of each frame.
PAN = """
async () => {
  const canvas = document.querySelector('canvas');
  const { x, y, width, height } = canvas.getBoundingClientRect();
  const at = [x + width / 2, y + height / 2];
  const send = (target, type, clientX, clientY) =>
    target.dispatchEvent(new MouseEvent(type, { bubbles: true, cancelable: true, view: window, clientX, clientY }));
  const frames = [];
  send(canvas, 'mousedown', ...at);
  let last = await new Promise(requestAnimationFrame);
  for (let step = 0; step < 40; step += 1) {
    send(window, 'mousemove', at[0] + 200 * Math.sin(step / 8), at[1] + 120 * Math.sin(step / 5));
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  send(window, 'mouseup', ...at);
  return frames;
}
"""


def test_a_thousand_tables_are_smooth(large: Service, new_context: Callable[..., BrowserContext]) -> None:
    console = Console(large.url, new_context())
    console.log_in(ROOT_NAME, ROOT_PASSWORD)
    page = console.page
    page.add_init_script(FIRST_PAINT)
    show(console)
    picture(page, 1001)
    # Half of this on a machine that does nothing else: 1 s, and 17 ms a frame.
    assert page.evaluate("window.firstPaint") < 4000
    for _ in range(2):
        frames = page.evaluate(PAN)
        assert statistics.median(frames) < 50, frames
        page.get_by_role("button", name="Zoom in").click(click_count=2)
    # A neighbourhood is a part of it; the nearest are laid out.
    show(console, "?table=s0.t16&depth=4")
    expect(page.locator("canvas")).to_have_attribute("aria-label", re.compile(r"^A picture of \d{1,3} tables"))
    page.get_by_label("Find tables").fill("t999")
    expect(page.get_by_role("region", name="Tables").get_by_role("listitem")).to_have_count(1)
    assert console.unexpected() == []
