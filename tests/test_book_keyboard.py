"""The exercises of the book by keyboard alone: hints and solutions are reached, seen and opened."""

from pathlib import Path

import pytest

from tests.browser import BROWSER

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome found"),
]

# What has the focus: whether it opens something, whether that is seen, whether it can be told.
FOCUS = """() => {
    const here = document.activeElement, style = getComputedStyle(here);
    const folded = here.closest("details:not([open]), .toggle-hidden");
    const opens = here.matches("summary, .toggle-button") && folded !== null;
    return {
        end: here === document.body,
        opens,
        marked: style.outlineStyle !== "none" || style.boxShadow !== "none",
        on_screen: here.checkVisibility(),
        html: here.outerHTML.slice(0, 120),
    };
}"""
CLOSED = """() => [...document.querySelectorAll(
    ".bd-article .toggle-hidden, .bd-article details:not([open])"
)].map(e => e.outerHTML.slice(0, 120))"""


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_everything_folded_opens_by_keyboard(browser, html, chapter):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.goto((html / "notebooks" / f"{chapter}.html").as_uri())
    page.wait_for_load_state("load")
    assert page.evaluate(CLOSED)  # there is something to open
    opened, unmarked = 0, []
    for _ in range(3000):
        page.keyboard.press("Tab")
        here = page.evaluate(FOCUS)
        if here["end"]:
            break
        assert here["on_screen"], here["html"]
        if not here["marked"]:
            unmarked.append(here["html"])
        if here["opens"]:
            page.keyboard.press("Enter")
            opened += 1
            assert not page.evaluate(FOCUS)["opens"], f"Enter does not open {here['html']}"
    else:
        pytest.fail("the keyboard never comes to the end of the page")
    assert opened and not page.evaluate(CLOSED)
    assert not unmarked, sorted(set(unmarked))
    page.close()


def test_paper_is_light_whatever_the_screen(browser, html):
    page = browser.new_page(color_scheme="dark")
    page.goto((html / "notebooks" / "02_hypothesis_spaces.html").as_uri())
    theme, ground = "document.documentElement.dataset.theme", "getComputedStyle(document.body)"
    assert page.evaluate(theme) == "dark"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(theme) == "light"
    page.emulate_media(media="print")
    assert page.evaluate(f"{ground}.backgroundColor") in ("rgb(255, 255, 255)", "rgba(0, 0, 0, 0)")
    assert page.locator("link[href*='print.css']").count() == 1
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(theme) == "dark"
    page.close()
