"""``python -m ibhelpers quickstart`` prints the numbers of chapter 00, and so does the README."""

from pathlib import Path

import nbformat
import pytest

from ibhelpers.__main__ import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def chapter():
    return nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4).cells


@pytest.fixture(scope="module")
def headline(chapter):
    """What the five lines print."""
    (cell,) = [cell for cell in chapter if "target_error=0.01))" in cell.source][:1]
    return cell.outputs[0].text.strip()


@pytest.fixture(scope="module")
def of_the_notebook(chapter):
    """The table of chapter 00."""
    (cell,) = [cell for cell in chapter if "table" in cell.metadata.get("tags", [])]
    return cell.outputs[0].data["text/plain"].partition("\n")[2]  # below the caption


def test_prints_what_the_first_chapter_prints_and_what_to_do_next(
    headline, of_the_notebook, capsys
):
    assert main(["quickstart"]) == 0
    printed = capsys.readouterr().out
    assert "make lab" in printed and "python -m jupyterlab notebooks" in printed
    lines = printed.splitlines()
    assert headline in lines
    head, *rows = of_the_notebook.splitlines()
    start = lines.index(head) + 1
    assert len(rows) == 2
    for expected, found in zip(rows, lines[start : start + 2], strict=True):
        # The exact figures to the digit; the others as far as a search's last bits may change them.
        *name, exact, fitted, released = expected.split()
        assert found.split()[:-2] == [*name, exact]
        guesses = [float(word) for word in found.split()[-2:]]
        assert guesses == pytest.approx([float(fitted), float(released)], rel=0.02, abs=1.0)


def test_the_readme_has_them_too(headline, of_the_notebook):
    assert headline in README
    assert of_the_notebook in README
