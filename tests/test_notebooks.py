"""Every notebook was executed, once, from top to bottom, and is laid out for its readers."""

import itertools
import re
from pathlib import Path

import nbformat
import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))


def code_cells(path):
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_code_cell_was_executed_in_order(path):
    # nbval compares nothing in a notebook without outputs, so a stripped one would pass it.
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_cell_ends_in_an_error_or_a_warning(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", output.get("text")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_figure_has_a_caption_and_alt_text(path):
    cells = nbformat.read(path, as_version=4).cells
    for cell, following in itertools.pairwise(cells):
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            described = cell.metadata.get("mystnb", {})
            assert described.get("figure", {}).get("name"), cell.source
            assert described.get("image", {}).get("alt"), cell.source
            assert following.source.startswith("**Figure.** "), cell.source
            assert following.metadata.tags == ["caption"], cell.source
        else:
            assert "caption" not in following.metadata.get("tags", []), following.source


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_solutions_and_nothing_else_are_folded_in_jupyterlab(path):
    solving = False
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            # A reader without MyST sees ":::" and what follows; after "```" the title is gone.
            assert not re.search(r"^```\{", cell.source, re.MULTILINE), cell.source
            solving = "{solution-start}" in cell.source or (
                solving and "{solution-end}" not in cell.source
            )
        else:
            folded = {"outputs_hidden": True, "source_hidden": True} if solving else {}
            assert cell.metadata.get("jupyter", {}) == folded, cell.source
