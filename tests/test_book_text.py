"""How the book sets text (book/_ext/course_text.py): numbers, ends of lines, columns of tables."""

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from docutils import nodes
from pybtex.database import parse_file

ROOT = Path(__file__).resolve().parents[1]
spec = importlib.util.spec_from_file_location("course_text", ROOT / "book/_ext/course_text.py")
course_text = importlib.util.module_from_spec(spec)
spec.loader.exec_module(course_text)
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def chapters(html):
    """The notebook of every chapter, and its page."""
    return {
        path.stem: (
            nbformat.read(path, as_version=4),
            BeautifulSoup((html / "notebooks" / f"{path.stem}.html").read_text(), "html.parser"),
        )
        for path in NOTEBOOKS
    }


def test_equations_have_the_numbers_of_the_notebook(chapters):
    tags = {}
    for name, (notebook, page) in chapters.items():
        text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        tags[name] = re.findall(r"\\tag\{(\d+)\}", text)
        shown = [number.text for number in page.select("article .eqno")]
        assert [re.match(r"\((\d+)\)", number)[1] for number in shown] == tags[name], name
        for link in page.select('article a[href^="#equation-eq-"]:not(.headerlink)'):
            assert f"-{link.text.strip('()')}" == link["href"][-2:], name
    assert tags["02_hypothesis_spaces"] == [
        str(n) for n in range(1, len(tags["02_hypothesis_spaces"]) + 1)
    ]


def test_whoever_is_in_the_bibliography_is_cited_by_number(chapters):
    entries = parse_file(ROOT / "book" / "references.bib").entries.values()
    known = {f"https://doi.org/{entry.fields['doi']}" for entry in entries if "doi" in entry.fields}
    assert known
    for name, (_, page) in chapters.items():
        links = {
            a["href"] for a in page.select("article a[href]") if re.search(r"\d{4}\)?$", a.text)
        }
        assert not known & links, name


def test_exercises_are_called_as_in_the_notebook(chapters):
    for name, (notebook, page) in chapters.items():
        text = "\n".join(c.source for c in notebook.cells if c.cell_type == "markdown")
        titles = [title.text for title in page.select(".exercise > .admonition-title")]
        asked = re.findall(r"^### (Exercise \d\d\.\d): ", text, re.MULTILINE)
        assert [title.partition(":")[0] for title in titles] == asked, name
        solved = [title.text for title in page.select(".solution > .admonition-title")]
        assert [title.partition(":")[0] for title in solved] == [f"Solution to {x}" for x in asked]


@pytest.mark.parametrize(
    ("title", "called"),
    [
        ("<p>Exercise (05.2: a title (of two))</p>", "<p>Exercise 05.2: a title (of two)</p>"),
        ("Solution to<a> Exercise (05.2: b)</a>", "Solution to <a>Exercise 05.2: b</a>"),
        ("<p>Exercise (the first) is easy</p>", "<p>Exercise (the first) is easy</p>"),
    ],
)
def test_titles_lose_their_brackets_only(title, called):
    title, called = (text.replace("<a>", '<a href="#x">') for text in (title, called))
    assert course_text.name_exercises(title) == called


def test_no_fold_follows_a_fold_of_the_same_kind(chapters):
    for name, (_, page) in chapters.items():
        for fold in page.select("details.above-input"):
            cell = fold.find_parent(class_="cell")
            after = cell.find_next_sibling()
            other = after and "cell" in after.get("class", []) and after.find("summary")
            if other and not cell.select(".cell_output"):
                assert other.text != fold.summary.text, (name, fold.summary.text)


def paragraph(*parts):
    whole = nodes.paragraph("", "", *parts)
    course_text.keep_together(None, whole, "page")
    return whole


def together(whole):
    return [found.astext() for found in whole.findall(nodes.inline)]


def test_an_equation_keeps_its_brackets_and_full_stop():
    found = paragraph(nodes.Text("near ("), nodes.math("", "x"), nodes.Text("), and "))
    assert together(found) == ["(x),"] and found.astext() == "near (x), and "
    found = paragraph(
        nodes.math("", "x"), nodes.Text(" is. "), nodes.math("", "y"), nodes.Text(".")
    )
    assert together(found) == ["y."] and found.astext() == "x is. y."
    assert not together(paragraph(nodes.Text("a "), nodes.math("", "x")))
    assert not together(paragraph(nodes.Text("a "), nodes.literal("", "x"), nodes.Text(".")))


def test_a_number_keeps_its_unit():
    found = paragraph(
        nodes.Text("at 95 % of 28 × 28 pixels, 5 percent"), nodes.literal("", "5 % 2")
    )
    assert found.astext() == "at 95\xa0% of 28\xa0×\xa028 pixels, 5 percent" + "5 % 2"


FRAME = """<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th>
<th>tail</th><th>bits</th><th>spread</th></tr></thead><tbody>
<tr><th rowspan="2">a</th><td>normal</td><td>at least 7.8</td><td>-1.5 [-2, -1]</td></tr>
<tr><td>exact</td><td>inf</td><td></td></tr></tbody></table>"""


def test_columns_of_numbers_end_at_the_right_and_words_begin_at_the_left():
    table = BeautifulSoup(course_text.set_columns(f"<p>1</p>{FRAME}"), "html.parser")
    numbers = [cell.text for cell in table.select(".number")]
    assert numbers == ["bits", "spread", "at least 7.8", "-1.5 [-2, -1]", "inf", ""]
    assert [kept.text for kept in table.select(".together")] == ["-1.5", "[-2,", "-1]"]
    assert table.text == BeautifulSoup(f"<p>1</p>{FRAME}", "html.parser").text


def test_every_table_of_the_book_has_columns_of_numbers(chapters):
    tables = [table for _, page in chapters.values() for table in page.select("table.dataframe")]
    assert len(tables) > 50
    assert all(table.select(".number") for table in tables)
