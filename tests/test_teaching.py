"""Pages for teachers: a path that can be walked, lines that print what they say, one page."""

import doctest
import re
import sys
from pathlib import Path

import make_editions
import pytest

from tests.browser import BROWSER

ROOT = Path(__file__).parents[1]
TEACHING = ROOT / "book" / "teaching"
sys.path.append(str(ROOT / "book" / "_ext"))

import course_teaching  # noqa: E402


def chapters():
    return {path.name[:2]: notebook for path, notebook, _ in course_teaching.notebooks()}


def test_the_core_path_takes_about_fifteen_hours_and_needs_nothing_from_outside():
    notebooks, done, minutes = chapters(), set(), 0
    for number in course_teaching.PATH:
        assert course_teaching.needs(notebooks[number]) <= done, number
        done.add(number)
        exercises = make_editions.expected_minutes(notebooks[number].cells)
        minutes += course_teaching.in_minutes(course_teaching.reading(notebooks[number]))
        minutes += sum(exercises.values())
    assert 14 <= minutes / 60 <= 16
    assert course_teaching.path().rstrip(" |").endswith(f"{minutes / 60:.1f}")
    assert list(course_teaching.PATH) == sorted(done)


def test_every_chapter_is_on_the_path_or_among_what_may_be_skipped():
    text = (TEACHING / "teach.md").read_text(encoding="utf-8")
    table = text.partition("What may be skipped")[2].partition("\n## ")[0]
    skipped = set(re.findall(r"^\| (\d\d) \|", table, re.MULTILINE))
    assert set(course_teaching.PATH) | skipped == set(chapters())
    assert not set(course_teaching.PATH) & skipped


def test_exercises_and_questions_that_a_plan_names_exist():
    text = (TEACHING / "teach.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\b(\d\d\.\d)\b", text))
    exercises = {
        number
        for notebook in chapters().values()
        for number in make_editions.expected_minutes(notebook.cells)
    }
    assert named and named <= exercises


@pytest.mark.parametrize(
    ("name", "minutes"), [("A single lecture", 90), ("The first session", 120)]
)
def test_minutes_add_up(name, minutes):
    text = (TEACHING / "teach.md").read_text(encoding="utf-8")
    plan = re.split(r"^#", text.partition(f"### {name}")[2], flags=re.MULTILINE)[0]
    assert sum(map(int, re.findall(r"^\| (\d+) \|", plan, re.MULTILINE))) == minutes


def test_the_graph_shows_every_chapter_inside_its_frame():
    graph = course_teaching.prerequisites()
    assert graph.count("<rect") == len(chapters())
    assert graph.count("<path") == sum(len(course_teaching.needs(n)) for n in chapters().values())
    lines = re.findall(r"<tspan[^>]*>([^<]+)</tspan>", graph)
    assert max(map(len, lines)) <= 22 and len(lines) <= 2 * len(chapters())


def test_the_refresher_prints_what_it_says():
    parser, page = doctest.DocTestParser(), TEACHING / "refresher.md"
    text = re.sub(r"^```.*$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    test = parser.get_doctest(text, {}, page.name, str(page), 0)
    assert len(test.examples) > 10
    said: list[str] = []
    doctest.DocTestRunner(verbose=False).run(test, out=said.append)
    assert not said, "".join(said)


@pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome found")
def test_the_formulas_are_printed_on_one_page(browser, html):
    page = browser.new_page()
    page.goto((html / "book" / "teaching" / "formulas.html").as_uri())
    page.evaluate("MathJax.startup.promise.then(() => null)")
    printed = [page.pdf(format=paper) for paper in ("A4", "Letter")]
    assert [len(re.findall(rb"/Type\s*/Page\b", pdf)) for pdf in printed] == [1, 1]
