"""Print the built book: one PDF of all its pages, which stands beside them.

    python scripts/print_book.py [FOLDER]

FOLDER holds the built pages, book/_build/html unless another one is named. The pages are put on
one, in the order of the contents, and a browser prints it, Chromium or Chrome; the style is
book/_static/print.css. What is folded because a page is long (the code of figures, checks of
quoted numbers) is left out, and solutions come after the chapters.
"""

import argparse
import posixpath
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pikepdf
import yaml
from bs4 import BeautifulSoup, Tag
from build_book import PDF
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
# What is nothing on paper: it waits for a click, or repeats what is there.
DEBRIS = (
    ".headerlink, details.above-input, .only-dark, .figure-dark, .in-a-chapter, .sd-btn, button, "
    "script"
)
NUMBER = """numbers => document.querySelectorAll(".contents-of-print a").forEach(link => {
    link.nextElementSibling.textContent = numbers[link.getAttribute("href")];
})"""
HEADINGS = """() => [...document.querySelectorAll("h1, h2, h3, h4, h5, h6")].map(heading =>
    heading.textContent.replace(/\\s+/g, " ").trim())"""
TYPESET = "window.MathJax ? MathJax.startup.promise.then(() => null) : null"


@dataclass
class Page:
    """A page of the book: its path without ending, its part, its name in the contents, its text."""

    path: str
    part: str
    name: str
    text: Tag

    @property
    def key(self) -> str:
        """What the page's own anchors begin with on the one page."""
        return self.path.replace("/", "-")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "book" / "_build" / "html")
    html = parser.parse_args().folder.resolve()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("No Chromium or Chrome was found, which prints the book. Debian and Ubuntu have one:")
        print("apt install chromium")
        return 1
    page = html / "print.html"
    page.write_text(one_page(html), encoding="utf-8")
    try:
        print_page(page, html / PDF, browser)
    finally:
        page.unlink()
    print(f"The book on paper: {(html / PDF).as_uri()}")
    return 0


def print_page(page: Path, pdf: Path, browser: str) -> None:
    """Let a browser typeset the equations and print, twice: only then are page numbers known."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--disable-gpu"])
        tab = chromium.new_page(color_scheme="light")
        tab.set_default_timeout(600_000)
        tab.emulate_media(media="print")
        tab.goto(page.as_uri())
        tab.evaluate(TYPESET)
        with opened(tab) as draft:
            tab.evaluate(NUMBER, page_numbers(draft))
        with opened(tab) as whole:
            name_headings(whole, tab.evaluate(HEADINGS))
            whole.save(pdf, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        chromium.close()


def opened(tab) -> pikepdf.Pdf:
    """What the browser prints."""
    return pikepdf.open(BytesIO(tab.pdf(prefer_css_page_size=True, outline=True, tagged=True)))


def page_numbers(pdf: pikepdf.Pdf) -> dict[str, int]:
    """The page of paper that every anchor stands on, from 1."""
    numbers = {page.objgen: i for i, page in enumerate(pdf.pages, start=1)}
    return {f"#{name[1:]}": numbers[there[0].objgen] for name, there in pdf.Root.Dests.items()}


def name_headings(pdf: pikepdf.Pdf, headings: list[str]) -> None:
    """Give the outline the words of the headings: Chromium loses spaces at ends of lines."""

    def entries(items):
        for item in items:
            yield item
            yield from entries(item.children)

    with pdf.open_outline() as outline:
        for entry, heading in zip(entries(outline.root), headings, strict=True):
            entry.title = heading


def one_page(html: Path) -> str:
    """All pages of the book on one, as print.css has them."""
    front, *rest = read(html)
    there = {page.path: page.key for page in [front, *rest]}
    for page in [front, *rest]:
        tidy(page, there)
    rest = with_solutions(rest)
    front.text.h2.parent.insert_before(soup_of(contents(rest)))
    running = "\n".join(
        f'@page {page.key} {{ @top-left {{ content: "{page.part}: {page.name}" }} }}\n'
        f"#{page.key} {{ page: {page.key} }}"
        for page in rest
    )
    return f"""<!DOCTYPE html>
<html lang="en" data-theme="light">
<head>{head(html)}<style>{running}</style></head>
<body><main class="bd-content">
<section id="{front.key}" class="front">{front.text}</section>
{bound(rest)}
</main></body></html>"""


def head(html: Path) -> str:
    """What the head of a page says of title and style, and MathJax with its settings."""
    kept = []
    for tag in soup(html / "book" / "intro.html").head(["meta", "title", "link", "script"]):
        style = "stylesheet" in tag.get("rel", [])
        mathjax = "MathJax" in tag.text or "tex-" in tag.get("src", "")
        if style or mathjax or tag.name in ("meta", "title"):
            for attribute in {"href", "src"} & set(tag.attrs):
                tag[attribute] = tag[attribute].removeprefix("../")
            kept.append(str(tag))
    return "".join(kept)


def read(html: Path) -> Iterator[Page]:
    """The pages of the book in the order of its contents."""
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
    listed = [(toc["root"], "", "")]
    listed += [
        (chapter["file"], part["caption"], chapter.get("title", ""))
        for part in toc["parts"]
        for chapter in part["chapters"]
    ]
    for path, part, name in listed:
        text = soup(html / f"{path}.html").find("article", class_="bd-article")
        title = text.h1.get_text().rstrip("#").strip()
        yield Page(path, part, name or title, text)


def soup(path: Path) -> BeautifulSoup:
    return soup_of(path.read_text(encoding="utf-8"))


def soup_of(text: str) -> BeautifulSoup:
    return BeautifulSoup(text, "html.parser")


def tidy(page: Page, there: dict[str, str]) -> None:
    """Drop what is nothing on paper, and let links lead to places on the one page."""
    for tag in page.text.select(DEBRIS):
        tag.decompose()
    for tag in page.text(["details"]):
        tag["open"] = ""
    for tag in page.text(id=True):
        if not tag.find_parent("svg"):  # whose own parts refer to each other
            tag["id"] = f"{page.key}--{tag['id']}"
    for tag in page.text(["a", "img"]):
        for attribute in ("href", "src"):
            if attribute in tag.attrs:
                tag[attribute] = address(tag[attribute], page, there)
        if tag.name == "a" and not tag.get("href", "").startswith(("#", "http")):
            del tag["href"]  # it leads to something that is not on paper


def address(url: str, page: Page, there: dict[str, str]) -> str:
    """Where an address of a page leads to on the one page; nowhere if it is not on paper."""
    parts = urlsplit(url)
    if parts.scheme or parts.netloc:
        return url
    path = posixpath.normpath(posixpath.join(posixpath.dirname(page.path), unquote(parts.path)))
    if path.startswith("_images/"):
        return path
    key = there.get(path.removesuffix(".html") if parts.path else page.path)
    if key is None:
        return ""
    return f"#{key}--{parts.fragment}" if parts.fragment else f"#{key}"


def contents(pages: list[Page]) -> str:
    """The list of chapters, part by part; the numbers of their pages come when they are known."""
    lines, part = ['<nav class="contents-of-print"><h2>Contents</h2>'], ""
    for page in pages:
        if page.part != part:
            part = page.part
            lines.append(
                f'<p class="part"><a href="#{page.key}">{escape(part)}</a><span></span></p>'
            )
        if not page.path.startswith("solutions/"):
            lines.append(f'<p><a href="#{page.key}">{escape(page.name)}</a><span></span></p>')
    return "\n".join([*lines, LEFT_OUT, "</nav>"])


def entry(page: Page, name: str) -> str:
    """A line of the contents, with room for the number of the page."""
    return f'<a href="#{page.key}">{escape(name)}</a><span></span>'


LEFT_OUT = (
    '<p class="note">On paper, the code of longer figures and the checks of quoted numbers are '
    "left out; both are in the notebooks. Figures that have sliders are shown as they begin. "
    "Solutions come after the chapters.</p>"
)


def with_solutions(pages: list[Page]) -> list[Page]:
    """The pages, and behind the chapters their solutions, as pages of their own."""
    chapters = [page for page in pages if page.path.startswith("notebooks/")]
    solved = [solutions(page) for page in chapters]
    return [*chapters, *filter(None, solved), *pages[len(chapters) :]]


def solutions(page: Page) -> Page | None:
    """The solutions of a chapter, taken out of it; every exercise says where they are."""
    found = page.text.select("div.solution")
    if not found:
        return None
    text = soup_of(f"<div><h1>{escape(page.name)}</h1></div>").div
    solved = Page(f"solutions/{page.path}", "Solutions", page.name, text)
    for solution in found:
        exercise = page.text.find(id=solution.a["href"].removeprefix("#"))
        link = f'<p class="solved"><a href="#{solution["id"]}">Solution</a></p>'
        exercise.append(soup_of(link))
        text.append(solution.extract())
    return solved


def bound(pages: list[Page]) -> str:
    """The pages as sections, the first of a part under the title of the part."""
    sections, part = [], ""
    for page in pages:
        title = f'<h1 class="part">{escape(page.part)}</h1>' if page.part != part else ""
        part = page.part
        page.text.h1.string = page.name
        for heading in page.text(["h1", "h2", "h3", "h4", "h5"]):
            heading.name = f"h{int(heading.name[1]) + 1}"
        sections.append(f'<section id="{page.key}" class="page">{title}{page.text}</section>')
    return "\n".join(sections)


if __name__ == "__main__":
    sys.exit(main())
