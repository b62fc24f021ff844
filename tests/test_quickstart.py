"""``python -m ibhelpers quickstart`` prints the table of chapter 00, and so does the README."""

from pathlib import Path

import nbformat
import pytest

from ibhelpers.__main__ import main

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def of_the_notebook():
    """The table of chapter 00."""
    notebook = nbformat.read(ROOT / "notebooks" / "00_start_here.ipynb", as_version=4)
    (cell,) = [cell for cell in notebook.cells if "table" in cell.metadata.get("tags", [])]
    return cell.outputs[0].data["text/plain"].partition("\n")[2]  # below the caption


def test_prints_the_table_of_the_first_chapter_and_what_to_do_next(of_the_notebook, capsys):
    assert main(["quickstart"]) == 0
    printed = capsys.readouterr().out
    assert "make lab" in printed and "python -m jupyterlab notebooks" in printed
    head, *rows = of_the_notebook.splitlines()
    assert head in printed
    start = printed.splitlines().index(head) + 1
    for expected, found in zip(rows, printed.splitlines()[start:], strict=False):
        # The exact figures to the digit; the others as far as a search's last bits may change them.
        assert found.split()[:3] == expected.split()[:3]
        fitted = [float(word) for word in found.split()[3:]]
        assert fitted == pytest.approx([float(word) for word in expected.split()[3:]], rel=0.02)


def test_the_readme_has_it_too(of_the_notebook):
    assert of_the_notebook in (ROOT / "README.md").read_text(encoding="utf-8")
