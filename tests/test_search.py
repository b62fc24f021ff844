"""What a reader finds in the book: results and excerpts, in a real browser, as a server shows them.

The search page fetches the pages it quotes from, which browsers allow from a server only.
"""

import functools
import http.server
import re
import threading

import pytest

from tests.browser import BROWSER

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome found")

QUERIES = ["bits", "evidence", "saddle point", "MNIST", "GaussianSpace"]
RESULTS = """() => [...document.querySelectorAll("ul.search > li")].map(item => ({
    title: item.querySelector("a").textContent, href: item.querySelector("a").getAttribute("href"),
    object: !!item.querySelector(":scope > span"),
    excerpt: item.querySelector("p.context")?.textContent,
}))"""
WHOLE = """() => document.querySelector(".search-summary")?.innerText
    && [...document.querySelectorAll("ul.search > li")].every(
        item => item.querySelector(":scope > span, p.context"))"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *said):
        pass


@pytest.fixture(scope="module")
def page(browser, html):
    """A page of a browser at the book's address on a server."""
    serve = functools.partial(Quiet, directory=html)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield browser.new_page(base_url=f"http://127.0.0.1:{server.server_port}")
        server.shutdown()


@pytest.fixture(scope="module")
def results(page):
    """The results of a query, once all excerpts are there."""

    @functools.cache
    def found(query: str) -> list[dict]:
        page.goto(f"/search.html?q={query}")
        page.wait_for_function(WHOLE, timeout=60_000)
        return page.evaluate(RESULTS)

    return found


@pytest.mark.parametrize("query", QUERIES)
def test_results_read_like_the_book(results, query):
    found = results(query)
    assert len(found) > 5
    for result in found:
        chapter = re.match(r"notebooks/(\d\d)_", result["href"])
        if chapter and not result["object"]:
            assert result["title"].startswith(f"{chapter[1]} ")
        if not result["object"]:
            assert not re.search(r"\\[a-zA-Z(\[]|\$\$|\.(md|ipynb)\.pdf", result["excerpt"])
            assert len(result["excerpt"]) < 260
    shown = [(result["title"], result["href"].partition("#")[0]) for result in found]
    assert len(set(shown)) == len(shown)
    assert sum(title == "Glossary" for title, _ in shown) <= 1


def test_an_excerpt_shows_what_was_looked_for(results):
    for query in QUERIES:
        quoted = [result for result in results(query) if not result["object"]]
        word = query.split()[0][:5].lower()
        assert sum(word in result["excerpt"].lower() for result in quoted) >= 0.9 * len(quoted)


def test_a_term_comes_with_its_definition(results):
    first = results("evidence")[0]
    assert first["title"] == "Glossary" and first["href"].endswith("#term-evidence")
    assert first["excerpt"].startswith("evidence: The probability density")


def test_a_class_is_found_by_its_name(results):
    assert results("GaussianSpace")[0]["title"] == "ibhelpers.GaussianSpace"


PAGE = """<div role="main">.md.pdf <article><section><h1>Title</h1><p>One.</p><p>Two <b>b</b>.</p>
    <dl><dt>space<span class="classifier">GaussianSpace</span></dt><dd>It.</dd></dl>
    <span class="math">\\\\(\\\\varepsilon \\\\le \\\\frac{1}{2}\\\\)</span>
    <div class="math">\\\\[\\\\int x\\\\]</div><pre>code()</pre></section></article></div>"""


def test_words_are_not_glued_and_tex_is_no_text(page):
    page.goto("/search.html")
    page_as_text = page.evaluate(f"SearchText.textOf(`{PAGE}`)")
    assert page_as_text == "One. Two b. space GaussianSpace It. ε ≤ 1/2 … code()"
    said = page.evaluate(r"SearchText.plain(String.raw`\(-\log_2 \mathbb{P}[L \le x]\)`)")
    assert said == "-log_2 P[L ≤ x]"


def test_an_excerpt_is_cut_between_words_where_most_of_them_stand(page):
    page.goto("/search.html")
    filler = "point of no interest. " * 30
    text = f"<article>{filler}Here is the saddle point itself. {filler}</article>"
    cut = page.evaluate(f'SearchText.summary("{text}", ["saddl", "point"], "")')
    assert "the saddle point itself" in cut and cut.startswith("… ") and cut.endswith(" …")
    assert set(cut.replace("…", "").split()) <= set(
        text.replace("<", " ").replace(">", " ").split()
    )


def test_from_a_disk_there_are_results_without_excerpts_or_errors(page, html):
    faults = []
    own = page.context.browser.new_page()
    own.on("pageerror", lambda error: faults.append(str(error)))
    own.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    own.goto((html / "search.html").as_uri() + "?q=evidence")
    own.wait_for_function('document.querySelector(".search-summary")?.innerText')
    found = own.evaluate(RESULTS)
    assert found[0]["title"] == "Glossary" and len(found) > 5
    assert not [result for result in found if result.get("excerpt")]
    own.close()
    assert not faults
