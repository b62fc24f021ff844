"""The book on paper: one page of all pages, and the PDF that a browser makes of it."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup

from tests.browser import BROWSER

ROOT = Path(__file__).resolve().parents[1]
pikepdf = pytest.importorskip("pikepdf", reason="the book's tools are not installed (extra: book)")
import print_book  # noqa: E402

TOC = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text(encoding="utf-8"))
FILES = [TOC["root"], *(c["file"] for part in TOC["parts"] for c in part["chapters"])]


@pytest.fixture(scope="module")
def page(html):
    return BeautifulSoup(print_book.one_page(html), "html.parser")


def test_every_page_of_the_book_is_there_in_order_and_once(page):
    ids = [tag["id"] for tag in page.select("section.front, section.page")]
    pages = [name for name in ids if not name.startswith("solutions-")]
    assert pages == [file.replace("/", "-") for file in FILES]
    every = [tag["id"] for tag in page.body(id=True) if not tag.find_parent("svg")]
    assert len(set(every)) > 1000
    chapters = [page.find(id=name) for name in pages if name.startswith("notebooks-")]
    assert all(chapter.h2.text[:2] == chapter["id"][10:12] for chapter in chapters)


def test_links_lead_to_places_on_paper_or_to_the_web(page):
    there = {f"#{tag['id']}" for tag in page.body(id=True)}
    links = [link["href"] for link in page.body("a", href=True)]
    inside = [link for link in links if link.startswith("#")]
    assert len(inside) > 500 and not set(inside) - there
    assert all(link.startswith(("#", "http")) for link in links)


def test_nothing_waits_for_a_click(page):
    assert not page.select(".headerlink, .sd-btn, .only-dark, .figure-dark, button, body script")
    assert not page.select("details:not([open])")
    assert page.select("img.figure-light")


def test_solutions_stand_after_the_chapters_and_exercises_lead_to_them(page):
    exercises = page.select("section.page div.exercise")
    solutions = page.select("div.solution")
    assert len(exercises) == len(solutions) > 50
    assert all(
        s.find_parent("section", class_="page")["id"][:10] == "solutions-" for s in solutions
    )
    assert [f"#{s['id']}" for s in solutions] == [
        e.select(".solved a")[0]["href"] for e in exercises
    ]


def test_an_address_on_the_one_page():
    there = {"book/intro": "book-intro", "notebooks/05_x": "notebooks-05_x"}
    at = print_book.Page("book/intro", "", "", None)
    where = {
        "../notebooks/05_x.html#ex-1": "#notebooks-05_x--ex-1",
        "../notebooks/05_x.html": "#notebooks-05_x",
        "#here": "#book-intro--here",
        "../_images/a.png": "_images/a.png",
        "../genindex.html": "",
        "https://example.org/a": "https://example.org/a",
    }
    assert {url: print_book.address(url, at, there) for url in where} == where


@pytest.mark.long
@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome found")
def test_the_pdf_has_numbers_an_outline_and_no_place_of_this_machine(html, page):
    subprocess.run([sys.executable, ROOT / "scripts" / "print_book.py", html], check=True)
    assert not (html / "print.html").exists()
    file = html / "inductive_bias_in_bits.pdf"
    try:
        with pikepdf.open(file) as pdf:
            assert 200 < len(pdf.pages) < 800 and file.stat().st_size < 25e6
            numbers = print_book.page_numbers(pdf)
            starts = [numbers[f"#{name.replace('/', '-')}"] for name in FILES[1:20]]
            assert starts == sorted(set(starts))  # every chapter begins on a page of its own
            with pdf.open_outline() as outline:
                parts = [entry.title for entry in outline.root]
                first = [entry.title for entry in outline.root[1].children]
            assert parts[1:] == [tag.text for tag in page.select("h1.part")]
            assert first[0].startswith("00 ") and len(first) == 7
            links = [
                str(note.A.URI)
                for sheet in pdf.pages
                for note in sheet.get("/Annots", [])
                if "/A" in note and "/URI" in note.A
            ]
        assert links and all(re.match("https?://|mailto:", link) for link in links)
    finally:
        file.unlink()
