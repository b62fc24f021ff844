"""Every page of the book in a real browser: whole, readable on a telephone, and for everyone.

Needs Chromium or Chrome on this machine (Debian and Ubuntu: apt install chromium) and is skipped
without. The browser opens each page once; the tests then read what was found.
"""

import functools
import re
from pathlib import Path

import pytest
import yaml
from axe_playwright_python.base import AXE_FILE_PATH

from tests.browser import BROWSER

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome found")

TOC = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
PAGES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]
PAGES += ["search", "genindex"]

TYPESET = "window.MathJax ? MathJax.startup.promise.then(() => null) : null"
EQUATIONS = """() => [...document.querySelectorAll(".math")].map(e => ({
    text: e.textContent.slice(0, 80),
    typeset: !!e.querySelector("mjx-container"),
    error: !!e.querySelector('[data-mml-node="merror"]'),
}))"""
# Once equations and code are gone, what is left is prose, where TeX has no place.
PROSE = """() => {
    const copy = document.body.cloneNode(true);
    copy.querySelectorAll("script, style, pre, code, svg, mjx-container").forEach(e => e.remove());
    return copy.textContent;
}"""
# The drawings of equations are thousands of paths without text: left out, axe is ten times faster.
AXE = """rules => axe.run({exclude: [["mjx-container"]]}, {
    resultTypes: ["violations"], preload: false, ...(rules && {runOnly: rules}),
})"""
# Solutions, hints and long code are folded; a reader opens them.
UNFOLD = """() => document.querySelectorAll(
    ".toggle-hidden > .admonition-title, details:not([open]) > summary"
).forEach(title => title.click())"""
SETTLED = 500  # milliseconds: the theme waits 300 before it looks at a page that has changed
# Coloured words of code come in few kinds and by the thousand: axe need only see some of each.
HIDE_REPEATED_CODE = """() => {
    const seen = {};
    document.querySelectorAll(".highlight pre span").forEach(word => {
        seen[word.className] = (seen[word.className] || 0) + 1;
        if (seen[word.className] > 3) word.style.visibility = "hidden";
    });
}"""
# What sticks out of the page and cannot be reached by scrolling something around it.
STICKS_OUT = """() => {
    const scrolls = e => e && (/auto|scroll/.test(getComputedStyle(e).overflowX)
        || scrolls(e.parentElement));
    const wide = [...document.querySelectorAll(".bd-article *")].filter(e =>
        e.getBoundingClientRect().right > innerWidth + 1 && e.checkVisibility() && !scrolls(e));
    return wide.map(e => e.outerHTML.slice(0, 80));
}"""


@pytest.fixture(scope="module")
def look(browser, html):
    """A function that says what a page looks like in the browser, and remembers it."""
    return functools.cache(functools.partial(look_at, browser, html))


def look_at(browser, html: Path, name: str) -> dict:
    """Open a page, wide in both themes and then narrow; return what was found."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page.emulate_media(reduced_motion="reduce")
    found = {"console": []}
    complain = found["console"].append
    page.on("console", lambda said: complain(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complain(str(error)))
    page.on("requestfailed", lambda request: complain(f"not loaded: {request.url}"))
    page.goto((html / f"{name}.html").as_uri())
    page.evaluate(TYPESET)
    found["equations"] = page.evaluate(EQUATIONS)
    found["prose"] = page.evaluate(PROSE)
    found["images"] = page.evaluate(
        "[...document.images].map(i => ({alt: i.alt, loaded: i.complete && i.naturalWidth > 0}))"
    )
    page.evaluate(UNFOLD)
    page.wait_for_timeout(SETTLED)
    page.evaluate(HIDE_REPEATED_CODE)
    page.evaluate(Path(AXE_FILE_PATH).read_text(encoding="utf-8"))
    found["light"] = findings(page.evaluate(AXE))
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    found["dark"] = findings(page.evaluate(AXE, ["color-contrast"]))  # all that a theme changes
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(SETTLED)
    width = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    found["widths"] = page.evaluate(width)
    found["sticks_out"] = page.evaluate(STICKS_OUT)
    found["narrow"] = findings(page.evaluate(AXE, ["scrollable-region-focusable"]))
    page.close()
    return found


def findings(axe: dict) -> list[str]:
    """What axe-core finds, however small."""
    return [
        f"{violation['id']}: {node['html'][:100]} {node['failureSummary'][:200]}"
        for violation in axe["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("name", PAGES)
def test_the_console_is_silent(look, name):
    assert not look(name)["console"]


@pytest.mark.parametrize("name", PAGES)
def test_every_equation_is_typeset(look, html, name):
    equations = look(name)["equations"]
    written = (html / f"{name}.html").read_text(encoding="utf-8").count('notranslate nohighlight"')
    assert len(equations) == written
    assert not [e["text"] for e in equations if not e["typeset"] or e["error"]]
    assert not re.findall(r"\\[a-zA-Z(\[].{0,40}|\$\$", look(name)["prose"])


def test_there_are_equations_to_typeset(look):
    assert look(TOC["root"])["equations"]


@pytest.mark.parametrize("name", PAGES)
def test_every_image_is_shown_and_described(look, name):
    assert all(image["loaded"] and image["alt"] for image in look(name)["images"])


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(look, name, theme):
    assert not look(name)[theme]


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_wider_than_a_telephone(look, name):
    wanted, there = look(name)["widths"]
    assert wanted <= there
    assert not look(name)["sticks_out"]
    assert not look(name)["narrow"]  # what scrolls can be scrolled by keyboard


def test_faults_are_noticed(look, tmp_path):
    """The same look at a page in which everything is wrong."""
    (tmp_path / "bad.html").write_text(
        """<html><body><div class="bd-article">
        <p style="color: #bbb; background: #fff">pale</p> <img src="nowhere.png">
        <p style="width: 600px">wide</p> <p>raw \\varepsilon</p><span class="math">\\pi</span>
        <script>console.error("oh")</script></div></body></html>"""
    )
    browser = look.__wrapped__.args[0]
    found = look_at(browser, tmp_path, "bad")
    assert "oh" in found["console"]
    assert any(said.startswith("not loaded") for said in found["console"])
    assert not found["equations"][0]["typeset"] and "\\varepsilon" in found["prose"]
    assert found["images"] == [{"alt": "", "loaded": False}]
    for rule in ("color-contrast", "image-alt", "html-has-lang"):
        assert any(finding.startswith(rule) for finding in found["light"])
    assert found["widths"][0] > 390 and found["sticks_out"]
