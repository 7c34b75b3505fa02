"""report.html in a real Chromium: nothing said on the console, nothing asked for, nothing that keeps a reader out."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
from page_nights import hostile_page, quiet_page

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed")

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
NIGHTS = {"hostile": hostile_page, "quiet": quiet_page}
DESKTOP, PHONE = 1280, 360


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module", params=NIGHTS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return _written(tmp_path_factory.mktemp(request.param), NIGHTS[request.param]())


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _written(tmp_path_factory.mktemp("hostile"), hostile_page())


def _written(folder: Path, text: str) -> str:
    file = folder / "report.html"
    file.write_text(text, encoding="utf-8")
    return file.as_uri()


@pytest.fixture
def opened(browser: Any) -> Iterator[Any]:
    """Open pages, each in a window of its own; all are closed afterwards."""
    contexts = []

    def opens(place: str, width: int = DESKTOP, **more: Any) -> Any:
        context = browser.new_context(viewport={"width": width, "height": 900}, **more)
        contexts.append(context)
        page = context.new_page()
        page.heard = []
        page.on("console", lambda message: page.heard.append(message.text))
        page.on("pageerror", lambda error: page.heard.append(str(error)))
        page.on("request", lambda request: page.heard.append(request.url) if request.url != place else None)
        page.goto(place)
        return page

    yield opens
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [DESKTOP, PHONE])
def test_it_says_and_asks_nothing_fits_its_width_and_keeps_no_reader_out(
    opened: Any, place: str, width: int, scheme: str
) -> None:
    page = opened(place, width, color_scheme=scheme)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert page.heard == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = axe.Axe().run(page).response["violations"]
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []


def test_a_table_is_sorted_by_keyboard_and_says_so(opened: Any, hostile: str) -> None:
    page = opened(hostile)
    head = page.locator("#users + .scroll th, #users ~ .scroll th").filter(has_text="Sign-ins").first
    head.locator("button").focus()
    page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    page.keyboard.press("Space")
    assert head.get_attribute("aria-sort") == "ascending"
    column = head.evaluate("(one) => one.cellIndex")
    cells = page.locator("section[aria-labelledby=users] tbody tr").evaluate_all(
        "(rows, column) => rows.map((row) => row.cells[column].textContent)", column
    )
    numbers = [int(cell.replace(",", "")) for cell in cells]
    assert len(numbers) > 1
    assert numbers == sorted(numbers)


def test_the_first_key_leads_past_the_navigation(opened: Any, hostile: str) -> None:
    page = opened(hostile)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"


def test_without_script_everything_can_be_read_and_nothing_pretends_to_sort(opened: Any, hostile: str) -> None:
    page = opened(hostile, java_script_enabled=False)
    assert page.locator("article pre").count() == 5
    assert page.locator("th button").count() == 0
    assert page.locator("article summary").first.is_visible()


def test_on_paper_the_sql_is_there_too(opened: Any, hostile: str) -> None:
    page = opened(hostile)
    page.emulate_media(media="print")
    page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert page.locator("article pre").first.is_visible()
    assert page.pdf()[:5] == b"%PDF-"


def test_a_name_cannot_turn_the_words_around_it(opened: Any, hostile: str) -> None:
    page = opened(hostile)
    assert page.evaluate("getComputedStyle(document.querySelector('bdi')).unicodeBidi") == "isolate"
    assert page.evaluate("document.title") == "Refused device signatures, 2026-10-05 00:00 to 2026-10-12 00:00 UTC"
