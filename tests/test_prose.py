"""What the notebooks say in prose was computed in them, and their links lead somewhere."""

import functools
import re
from pathlib import Path
from urllib.parse import unquote

import nbformat
import notebook_form
import pytest
from pybtex.database import parse_file

from tests.quoted import computed, derived, is_among, quoted

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


def notebook(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


@functools.cache
def computed_in(name: str) -> frozenset[float]:
    """Numbers of another chapter."""
    return frozenset(computed(notebook(ROOT / "notebooks" / name).cells))


def uncomputed(cells: list) -> list[tuple[str, str]]:
    """Cell and number, for every number in the prose that nothing gives.

    It may stand in code or outputs, follow by arithmetic that is written out beside it, or come
    from another chapter to which the same cell links.
    """
    there = computed(cells)
    found = []
    for cell in cells:
        if cell.cell_type == "markdown" and "quiz" not in cell.metadata.get("tags", []):
            known = there | derived(cell.source)
            for chapter in set(re.findall(r"\]\((\d\d_\w+\.ipynb)", cell.source)):
                known |= computed_in(chapter)
            numbers = quoted(cell.source)
            found += [(cell.id, number) for number in numbers if not is_among(number, known)]
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_number_in_the_prose_was_computed(path):
    assert not uncomputed(notebook(path).cells), "print it, or derive it in a cell"


def test_a_number_that_was_not_computed_is_noticed():
    code = nbformat.v4.new_code_cell("x = 0.25  # of 1_234")
    code.outputs = [
        nbformat.v4.new_output("stream", text="9,605.6 bits and 83.4 %, 2467, 7.43e+14")
    ]
    right = "In 2024, chapter 05: 9,605.6 or 9,606 bits, 25 %, 1,234, $83\\,\\%$, about 2,500"
    right += " or $7.4 \\cdot 10^{14}$; `777`."
    wrong = "It takes 9,605.7 bits, or 26 %, or $1.25$."
    cells = [code, nbformat.v4.new_markdown_cell(right), nbformat.v4.new_markdown_cell(wrong)]
    assert [number for _, number in uncomputed(cells)] == ["9605.7", "26", "1.25"]


def test_arithmetic_in_the_prose_is_done_and_linked_chapters_are_read():
    texts = [
        r"$64 - 40 = 24$, $\sqrt{0.058} = 0.24$, $1/\log 2 \approx 1.44$ and $\log_2 1000 = 10.0$.",
        r"$64 - 40 = 26$, $\sqrt{0.058} = 0.25$.",
        "[Chapter 01](01_what_is_inductive_bias.ipynb) has 390,625, and not 390,626.",
    ]
    code = nbformat.v4.new_code_cell("40, 64, 0.058, 10_000")
    cells = [code, *map(nbformat.v4.new_markdown_cell, texts)]
    assert [number for _, number in uncomputed(cells)] == ["26", "0.25", "390626"]


# --- links and cells ----------------------------------------------------------------------------

PAGES = [*NOTEBOOKS, *ROOT.glob("*.md"), *ROOT.glob("book/*.md"), *ROOT.glob("book/[!_]*/**/*.md")]
PAGES = [*sorted(path for path in PAGES if path.parent.name != "slides"), ROOT / "data/README.md"]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(path):
    if path.suffix == ".md":
        text = path.read_text(encoding="utf-8")
    else:
        cells = notebook(path).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\((?!\w+:)([^)#\s]+)[^)]*\)", re.sub(r"`[^`\n]*`|\$[^$\n]*\$", "", text))
    assert not [link for link in links if not (path.parent / unquote(link)).exists()]


LONGEST = 30  # lines of at most 68 columns, blank ones aside; the aim is 4 to 10


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_code_cells_can_be_read_at_a_glance(path):
    def length(cell):
        return sum(bool(line.strip()) for line in cell.source.splitlines())

    cells = notebook(path).cells
    assert not [c.source for c in cells if c.cell_type == "code" and length(c) > LONGEST]
    code = [cell for cell, role, _ in notebook_form.roles(cells) if role == "code"]
    lengths = [length(cell) for cell in code if "plt." not in cell.source]
    assert sum(lines <= 22 for lines in lengths) >= 0.6 * len(lengths)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_citations_are_in_the_bibliography_with_these_authors_and_years(path):
    entries = parse_file(ROOT / "book" / "references.bib").entries
    links = {}
    for key, entry in entries.items():
        doi = entry.fields.get("doi")
        place = entry.fields.get("url") or (f"https://doi.org/{doi}" if doi else None)
        links[place or f"../book/references.md#{key}"] = entry
    text = "\n".join(c.source for c in notebook(path).cells if c.cell_type == "markdown")
    assert "{cite" not in text  # which only the book could read
    cited = re.findall(r"\[\(?([^][]*),? \(?(\d{4})\)\]\(([^)]+)\)", text)
    assert cited
    for names, year, link in cited:
        entry = links[link]
        first = str(entry.persons["author"][0].rich_last_names[0])  # LaTeX decoded
        assert names.startswith(first) and year == entry.fields["year"]
