"""Slides: what they show is the notebooks', and the back row can read it."""

import re

import make_slides
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests.browser import BROWSER
from tests.quoted import computed, derived, is_among, quoted

DECKS = sorted(make_slides.decks())


def slides(number):
    return list(make_slides.slides(make_slides.decks()[number].read_text(encoding="utf-8")))


def unprinted(text: str, cells: list) -> list[str]:
    """Numbers of a slide or of its notes that the chapter does not print."""
    known = computed(cells) | derived(text)
    return [n for n in quoted(make_slides.NAMED.sub("", text), 1) if not is_among(n, known)]


def test_the_chapters_of_the_core_have_slides():
    assert DECKS == ["00", "01", "02", "03", "04", "05", "06", "12"]


@pytest.mark.parametrize("number", DECKS)
def test_ten_to_fifteen_slides_with_something_to_say_and_to_ask(number):
    found = slides(number)
    assert 10 <= len(found) <= 15
    assert found[0][0].startswith("# ") and all(s.startswith("## ") for s, _ in found[1:])
    assert len({shown.splitlines()[0] for shown, _ in found}) == len(found)
    for shown, notes in found:
        said = re.findall(r"^\*\*(.+?)\.\*\* \S", notes, re.MULTILINE)
        last = shown == found[-1][0]
        assert said == (["Say"] if last else ["Say", "Ask", "Usual wrong answer"]), shown


@pytest.mark.parametrize("number", DECKS)
def test_no_number_that_the_chapter_does_not_print(number):
    cells = make_slides.chapter(number)
    texts = [text for slide in slides(number) for text in slide]
    assert not [(text, n) for text in texts for n in unprinted(text, cells)]


def test_a_number_of_its_own_is_noticed():
    cells = [new_code_cell("ask()", outputs=[new_output("stream", text="2170.0 bits")])]
    assert not unprinted("About 2,170 bits.", cells)
    assert unprinted("About 2,171 bits, or 3.", cells) == ["2171", "3"]


@pytest.mark.parametrize("number", DECKS)
def test_everything_that_is_named_is_there(number):
    page = BeautifulSoup(make_slides.page(number, "assets"), "html.parser")
    sections = page.select(".slides > section > section")
    assert len(sections) == len(slides(number))
    named = [make_slides.NAMED.findall(shown) for shown, _ in slides(number)]
    for section, names in zip(sections, named, strict=True):
        assert section.select_one("aside.notes").text.strip()
        for kind, where in PLACES.items():
            shown = section.select(where)
            assert len(shown) == sum(kind == name[1] for name in names)
            assert all(one.text.strip() or one.get("alt") for one in shown)
    assert any(names for names in named)
    text = "".join(section.get_text() for section in sections)
    assert "![" not in text and "(figure" not in text
    assert page.title.text.startswith(number)


PLACES = {
    "figure": ".picture img",
    "table": ".table table",
    "printed": "pre.printed",
    "code": ".highlight",
}


@pytest.mark.parametrize("number", DECKS)
def test_slides_need_no_network(number):
    html = make_slides.page(number, "assets")
    addresses = re.findall(r"(?:src|href)=\"([^\"]+)\"", html)
    assert {a.split("/")[0] for a in addresses if not a.startswith(("data:", "#"))} == {"assets"}
    assert "require(" not in html


def test_what_is_not_there_is_said():
    cells = [
        new_code_cell("1", outputs=[new_output("stream", text="a number")]),
        new_code_cell("2", outputs=[new_output("stream", text="a number too")]),
        new_markdown_cell("**Figure.** A hill.", metadata={"tags": ["caption"]}),
    ]
    assert "a number too" in make_slides.filled("![number too](printed)", cells)
    for name in ("![A valley](figure)", "![Bits](table)", "![inf](printed)", "![def](code)"):
        with pytest.raises(ValueError, match="found 0 times"):
            make_slides.filled(name, cells)
    with pytest.raises(ValueError, match="found 2 times a cell that prints 'a number'"):
        make_slides.filled("![a number](printed)", cells)


def test_the_command_writes_all_that_a_lecture_needs(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(make_slides, "decks", lambda: {"00": make_slides.SOURCES / "00.md"})
    monkeypatch.setattr("sys.argv", ["make_slides.py", "--output", str(tmp_path)])
    make_slides.main()
    html = (tmp_path / "00.html").read_text(encoding="utf-8")
    needed = re.findall(r"(?:src|href)=\"(assets/[^\"]+)\"", html)
    assert len(needed) >= 5 and all((tmp_path / name).is_file() for name in needed)
    assert str(tmp_path) in capsys.readouterr().out


# --- in a browser ---------------------------------------------------------------------------------

# What reaches over the edge of a slide, or of its own box; and by how much pictures were enlarged.
LOOK = """() => {
    const slide = Reveal.getCurrentSlide(), edge = {x: 1280 - 20, y: 720 - 8};
    const over = [...slide.querySelectorAll("*")].filter(e => {
        const box = e.getBoundingClientRect();
        return !e.closest("aside, mjx-assistive-mml") && box.width && (box.left < 0 || box.top < 0
            || box.right > edge.x || box.bottom > edge.y || e.scrollWidth > e.clientWidth + 2
            && getComputedStyle(e).display != "inline" && !e.closest("mjx-container"));
    });
    const size = e => Math.min(e.width / e.naturalWidth, e.height / e.naturalHeight);
    return {
        over: over.map(e => e.outerHTML.slice(0, 80)),
        enlarged: [...slide.querySelectorAll("img")].map(size),
        raw: /\\$/.test([...slide.children].filter(e => e.tagName != "ASIDE").map(
            e => e.textContent).join("")),
        typeset: [...slide.querySelectorAll("mjx-container")].length,
        errors: slide.querySelectorAll("[data-mml-node=merror]").length,
    };
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """All slides, with what they need."""
    folder = tmp_path_factory.mktemp("slides")
    make_slides.write_alone(folder)
    return folder


def look(browser, path):
    """What each slide looks like at 1280 x 720, and what went wrong."""
    page, wrong = browser.new_page(viewport={"width": 1280, "height": 720}), []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("requestfailed", lambda request: wrong.append(f"not loaded: {request.url}"))
    page.goto(path.as_uri())
    page.evaluate("MathJax.startup.promise.then(() => null)")
    seen = []
    for i in range(page.evaluate("Reveal.getTotalSlides()")):
        page.evaluate(f"Reveal.slide({i}, 0)")
        seen.append(page.evaluate(LOOK))
    page.close()
    return seen, wrong


needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome found")


@pytest.mark.long
@needs_browser
@pytest.mark.parametrize("number", DECKS)
def test_nothing_reaches_over_the_edge(browser, folder, number):
    seen, wrong = look(browser, folder / f"{number}.html")
    assert not wrong
    assert len(seen) == len(slides(number))
    for i, slide in enumerate(seen, 1):
        assert not slide["over"], f"slide {i}"
        assert not slide["errors"] and not slide["raw"], f"slide {i}"
        assert all(by > 1.05 for by in slide["enlarged"]), f"slide {i}: too small to be read"
    assert any(slide["typeset"] for slide in seen)


FAULTS = [
    "\n\n".join(["a line"] * 30),
    "wide" * 80,
    f"<pre>{'wide ' * 60}</pre>",
    '<img alt="" src="nowhere.png">',
    "$\\frac{1}$",
]


@pytest.mark.long
@needs_browser
def test_faults_are_noticed(browser, folder, monkeypatch):
    made = [f"## Slide\n\n{fault}\n\nNote:\n**Say.** Oh." for fault in FAULTS]
    (folder / "bad.md").write_text("\n---\n".join(made))
    monkeypatch.setattr(make_slides, "decks", lambda: {"00": folder / "bad.md"})
    (folder / "bad.html").write_text(make_slides.page("00", "assets"))
    seen, wrong = look(browser, folder / "bad.html")
    assert all(slide["over"] for slide in seen[:3])
    assert any("nowhere.png" in said for said in wrong)
    assert seen[4]["errors"]


@pytest.mark.long
@needs_browser
def test_the_speaker_reads_notes_with_formulas_and_sees_the_next_slide(browser, folder):
    page = browser.new_page()
    page.goto((folder / "04.html").as_uri() + "#/3")
    page.evaluate("MathJax.startup.promise.then(() => null)")
    with page.expect_popup() as opened:
        page.keyboard.press("s")
    notes = opened.value.locator(".speaker-controls-notes .value")
    notes.locator("mjx-container").first.wait_for(state="attached")
    said = [line for line in notes.inner_text().splitlines() if line.strip()]
    assert [line.split(".")[0] for line in said] == ["Say", "Ask", "Usual wrong answer"]
    assert "What does a large  favour?" in notes.inner_text().replace("\n", "")  # t is drawn
    assert opened.value.locator("iframe").count() == 2


@pytest.mark.long
@needs_browser
@pytest.mark.parametrize("number", DECKS)
def test_a_page_is_printed_for_each_slide(browser, folder, number):
    page = browser.new_page(viewport={"width": 1280, "height": 720})
    page.goto((folder / f"{number}.html").as_uri() + "?print-pdf")
    page.evaluate("MathJax.startup.promise.then(() => null)")
    page.wait_for_selector(".pdf-page")
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    page.close()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == len(slides(number))
