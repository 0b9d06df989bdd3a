"""The report in a real browser: nothing is fetched, nothing fails, and it works by keyboard."""

import os
import shutil
from pathlib import Path

import pytest

from robusthash.results import Flag, ResultStore
from robusthash.results.report import build_report, gather, site_pages, to_html, write_site
from robusthash.testing.records import make_model, make_record
from robusthash.testing.stored import store_made_up

pytestmark = pytest.mark.slow  # a browser starts in seconds

AXE = "ROBUSTHASH_AXE"  #: variable with the path of axe.min.js
_PLACES = ("node_modules/axe-core/axe.min.js",)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with playwright.sync_playwright() as running:
        if program is None and not Path(running.chromium.executable_path).exists():
            pytest.skip("there is no Chromium: apt install chromium, or playwright install chromium")
        opened = running.chromium.launch(executable_path=program)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    folder, surrogate = tmp_path_factory.mktemp("pages"), make_model("hashnet", weights="b2")
    flag = Flag(id="RH003", message="rnm is weaker than noise of the same radius")
    records = [
        make_record(attack="noise", after=0.88),
        make_record(attack="rnm", after=0.3, options={"steps": 100}, flags=(flag,), qualities=(75,)),
        make_record(attack="hag", after=0.4, target=0.8, options={"steps": 100}),
        make_record(attack="rnm", after=0.6, surrogate=surrogate, options={"steps": 100}),
    ]
    store_made_up(ResultStore(folder / "results"), records, pictures=1)
    report = build_report(gather([folder / "results"]))
    (folder / "report.html").write_text(to_html(report), encoding="utf-8")
    site = write_site(folder / "site", site_pages(report))
    return {"report": folder / "report.html", "index": site[0], "record": site[1]}


@pytest.fixture
def open_page(browser, paths):
    """Opens a page, and fails afterwards if it said or asked for anything."""
    contexts, complaints = [], []

    def opened(name, *, width=1200, scheme="light", path=None):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda one: complaints.append(one.url) if one.url.split(":")[0] not in ("file", "data") else 0
        )
        page.goto((path or paths[name]).as_uri())
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints


def _axe() -> str:
    named = os.environ.get(AXE)
    found = [Path(place) for place in (named, *_PLACES) if place and Path(place).is_file()]
    if not found:
        pytest.skip(f"there is no axe-core: npm install --no-save axe-core, or name axe.min.js in {AXE}")
    return found[0].read_text(encoding="utf-8")


@pytest.mark.parametrize("width", [1200, 360])
@pytest.mark.parametrize("name", ["report", "index", "record"])
def test_it_fits_and_says_nothing(open_page, name, width):
    page = open_page(name, width=width)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    broken = "[...document.images].filter((one) => one.complete && !one.naturalWidth).length"
    page.evaluate("document.querySelectorAll('img').forEach((one) => { one.loading = 'eager'; })")
    assert page.evaluate(broken) == 0


@pytest.mark.parametrize(
    ("name", "scheme"), [("report", "light"), ("report", "dark"), ("index", "light"), ("record", "dark")]
)
def test_accessibility(browser, paths, name, scheme):
    # The page's own policy would not let axe in: it is tested without it, and as it is everywhere else.
    context = browser.new_context(bypass_csp=True, color_scheme=scheme)
    page = context.new_page()
    page.goto(paths[name].as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate(_axe())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    serious = [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    context.close()
    assert not serious


def _scores(page):
    """The scores of the section with most rows, as they are shown."""
    return page.evaluate(
        """() => {
          const tables = [...document.querySelectorAll('table.board')];
          const table = tables.sort((a, b) => b.rows.length - a.rows.length)[0];
          const heads = [...table.querySelectorAll('thead th')].map((one) => one.textContent);
          const place = heads.findIndex((one) => one.startsWith('MAP'));
          table.dataset.chosen = place;
          return [...table.tBodies[0].rows].map((one) => parseFloat(one.cells[place].textContent) || null);
        }"""
    )


def test_sorting_by_keyboard(open_page):
    page = open_page("report")
    given = _scores(page)
    numbers, empty = [one for one in given if one is not None], [None] * given.count(None)
    head = page.locator("table[data-chosen] thead th", has_text="MAP [").first
    head.get_by_role("button").focus()
    for expected, state in (
        (sorted(numbers) + empty, "ascending"),
        (sorted(numbers, reverse=True) + empty, "descending"),
        (given, "none"),
    ):
        page.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == state
        assert _scores(page) == expected


def test_search_and_filters(open_page):
    page = open_page("index")
    rows = page.locator("tr.row")
    everything = rows.count()
    page.get_by_label("Search").fill("hag")
    visible = page.locator("tr.row:visible")
    assert 0 < visible.count() < everything
    assert all("hag" in text for text in visible.all_inner_texts())
    assert page.get_by_role("status").inner_text() == f"{visible.count()} of {everything} rows"
    page.get_by_role("button", name="Reset").click()
    page.get_by_role("status").filter(has_text=f"{everything} of {everything}").wait_for()  # the policy allows no eval
    page.get_by_label("Flags").select_option("yes")
    assert visible.count() >= 1
    assert all("RH0" in text for text in visible.all_inner_texts())
    page.get_by_label("Goal").select_option("targeted")
    assert visible.count() == 0


def test_keyboard(open_page):
    page = open_page("report")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.locator("table.board a").first.focus()
    page.keyboard.press("Enter")
    page.locator("details.record[open]").wait_for()
    assert page.evaluate("document.activeElement.closest('details').id") == page.evaluate("location.hash.slice(1)")
    page.keyboard.press("Enter")
    assert page.locator("details.record[open]").count() == 0
    stops = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        style = "getComputedStyle(document.activeElement)"
        assert page.evaluate(f"{style}.outlineStyle !== 'none' || document.activeElement === document.body")
        stops.add(page.evaluate("document.activeElement.tagName"))
    assert {"SUMMARY"} <= stops


def test_theme(open_page):
    page = open_page("index", scheme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_role("button", name="Show in light colours").click()
    assert page.evaluate(background) != dark
    page.reload()
    assert page.evaluate(background) != dark


def test_without_scripts_everything_is_there(browser, paths):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(paths["report"].as_uri())
    assert page.locator("svg.chart").count() >= 10
    assert page.locator("table.board").count() == 1
    assert not page.locator("#filters").is_visible()
    assert not page.locator("#theme").is_visible()
    context.close()


def test_a_strangers_record_runs_nothing(open_page, tmp_path):
    name = '"><script>document.title = "owned"</script><img src=x onerror="document.title = \'owned\'">'
    record = make_record(model=name, attack=name, defense=name, options={name: name}, versions={name: name})
    store_made_up(ResultStore(tmp_path / "r"), [record], pictures=1)
    path = tmp_path / "hostile.html"
    path.write_text(to_html(build_report(gather([tmp_path / "r"]))), encoding="utf-8")
    page = open_page("", path=path)
    page.get_by_label("Search").fill("owned")
    assert page.title() == "Robustness report"


def test_ten_pictures_are_below_a_megabyte(tmp_path):
    """Of pictures that no format makes smaller: noise. ``benchmarks/commands/report_speed.py`` measures a hundred."""
    store_made_up(ResultStore(tmp_path), [make_record()], queries=12, items=40, pictures=10, side=200)
    page = to_html(build_report(gather([tmp_path])))
    assert page.count('alt="query') == 20
    assert len(page.encode()) < 1_000_000
