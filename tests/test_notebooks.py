"""Every notebook was executed, once, from top to bottom, and is laid out for its readers."""

import functools
import itertools
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import notebook_form
import pytest
import run_notebooks
import set_address
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

from ibhelpers.exercises import asked, known

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path):
    return nbformat.read(path, as_version=4).cells


def code_cells(path):
    return [cell for cell in cells_of(path) if cell.cell_type == "code" and cell.source.strip()]


def markdown(path):
    return "\n\n".join(cell.source for cell in cells_of(path) if cell.cell_type == "markdown")


def test_there_are_notebooks():
    assert NOTEBOOKS


@each_notebook
def test_every_code_cell_was_executed_in_order(path):
    # nbval compares nothing in a notebook without outputs, so a stripped one would pass it.
    counts = [cell.execution_count for cell in code_cells(path)]
    assert counts == list(range(1, len(counts) + 1))


@each_notebook
def test_no_cell_ends_in_an_error_or_a_warning(path):
    for cell in code_cells(path):
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            assert output.get("name") != "stderr", output.get("text")


@each_notebook
def test_every_figure_has_a_caption_and_alt_text(path):
    for cell, following in itertools.pairwise(cells_of(path)):
        if any("image/png" in output.get("data", {}) for output in cell.get("outputs", [])):
            described = cell.metadata.get("mystnb", {})
            assert described.get("figure", {}).get("name"), cell.source
            assert described.get("image", {}).get("alt"), cell.source
            assert following.source.startswith("**Figure.** "), cell.source
            assert following.metadata.tags == ["caption"], cell.source
        else:
            assert "caption" not in following.metadata.get("tags", []), following.source


@each_notebook
def test_what_is_folded_says_what_it_is(path):
    for cell in code_cells(path):
        if "hide-input" in cell.metadata.get("tags", []):
            assert cell.metadata.mystnb.code_prompt_show.startswith("Show the "), cell.source


@each_notebook
def test_every_table_has_a_caption_headers_and_its_plain_text(path):
    for cell in code_cells(path):
        assert "to_string" not in cell.source, "show_table shows a table"
        for output in cell.outputs:
            data = output.get("data", {})
            if "text/html" in data and "<table" in data["text/html"]:
                shown = BeautifulSoup(data["text/html"], "html.parser")
                table, caption = shown.table, shown.figure.figcaption.text
                assert data["text/plain"].startswith(caption + "\n")
                assert table["aria-label"] == caption
                assert table.find_all("th") and all(th.get("scope") for th in table.find_all("th"))


# --- plain Markdown, which reads well anywhere --------------------------------------------------


@each_notebook
def test_nothing_but_plain_markdown(path):
    text = re.sub(r"`[^`\n]*`", "", markdown(path))
    assert ":::" not in text
    assert not re.search(r"^^```\{|^\(.*\)=$", text, re.MULTILINE)  # directives and targets
    assert not re.search(r"\{[a-z:]+\}`", markdown(path))  # roles
    assert not re.search(r"^\$\$[^\S\n]*\S", markdown(path), re.MULTILINE)  # labels


@each_notebook
def test_equations_that_are_referred_to_have_these_numbers(path):
    tags = re.findall(r"\\tag\{(\d+)\}", markdown(path))
    assert tags == [str(n + 1) for n in range(len(tags))]
    assert set(re.findall(r"\bequation \((\d+)\)", markdown(path))) <= set(tags)


@each_notebook
def test_the_first_code_cell_installs_the_course_where_it_is_missing(path):
    found = [cell for cell, role, _ in notebook_form.roles(cells_of(path)) if role == "setup"]
    assert [cell.source for cell in found] == [cell.source for cell in code_cells(NOTEBOOKS[0])[:1]]
    assert code_cells(path)[0] is not None and code_cells(path)[0].source == found[0].source
    assert 'ADDRESS = ""' in found[0].source, "the address is filled in when editions are made"


@each_notebook
def test_only_checks_and_the_first_cell_have_their_source_folded(path):
    for cell, role, _ in notebook_form.roles(cells_of(path)):
        folded = {"source_hidden": True} if role in ("setup", "check") else {}
        if "checks of these numbers" not in str(cell.metadata.get("mystnb", "")):
            assert cell.metadata.get("jupyter", {}) == folded, cell.source


# --- exercises ----------------------------------------------------------------------------------


@each_notebook
def test_an_exercise_is_a_question_an_answer_cell_and_a_folded_solution(path):
    chapter = path.name[:2]
    exercises: dict[str, list] = {}
    for cell, role, exercise in notebook_form.roles(cells_of(path)):
        if exercise:
            exercises.setdefault(exercise, []).append((role, cell))
    assert list(exercises) == [name for name in known() if name.startswith(f"{chapter}.")]
    assert list(exercises) == [f"{chapter}.{n + 1}" for n in range(len(exercises))]
    assert len(exercises) >= 4
    for name, parts in exercises.items():
        (_, question), (_, answer), (_, fold), *solution = parts
        assert [role for role, _ in parts[:3]] == ["exercise", "answer", "fold"]
        assert fold.metadata.get("jp-MarkdownHeadingCollapsed") is True, f"{name}: lies open"
        assert notebook_form.HINT.search(question.source), f"{name}: no hint"
        assert notebook_form.ASKED.search(question.source)[1] == asked(name)
        variable = f"answer_{name.replace('.', '_')}"
        assert answer.source.startswith(f"{variable} = ...")
        assert answer.source.endswith(f'ib.check("{name}", {variable})')
        assert f"{name}: no answer yet." in answer.outputs[0].text
        said = "".join(
            out.get("text", "") for _, cell in solution for out in cell.get("outputs", [])
        )
        assert f"{name}: right." in said


@each_notebook
def test_a_solution_ends_at_the_next_heading(path):
    previous = ""
    for cell, role, _ in notebook_form.roles(cells_of(path)):
        if previous in ("fold", "solution") and role != "solution":
            assert cell.source.startswith("#"), cell.source
        previous = role


def test_a_lost_fold_and_an_open_end_are_noticed(tmp_path):
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    for cell, role, _ in notebook_form.roles(notebook.cells):
        if role == "fold":
            cell.metadata.pop("jp-MarkdownHeadingCollapsed")  # as JupyterLab does when it is opened
    path = tmp_path / NOTEBOOKS[0].name
    nbformat.write(notebook, path)
    with pytest.raises(AssertionError, match="lies open"):
        test_an_exercise_is_a_question_an_answer_cell_and_a_folded_solution(path)


# --- elsewhere ----------------------------------------------------------------------------------


@each_notebook
def test_plain_html_shows_no_directive(path):
    """What nbconvert shows without any extension stands for code hosts, VS Code and Colab."""
    notebook = nbformat.read(path, as_version=4)
    html, _ = HTMLExporter(exclude_output=True).from_notebook_node(notebook)
    page = BeautifulSoup(html, "html.parser")
    for code in page.find_all(["pre", "code", "script", "style"]):
        code.decompose()
    assert not re.search(r":::|```|\{(?:exercise|solution|admonition|cite|eq|numref)", page.text)
    hints = [details for details in page.find_all("details") if details.summary]
    assert len(hints) >= 4 and not any(details.has_attr("open") for details in hints)


def test_the_first_cell_says_what_to_install_where_the_course_is_missing(tmp_path):
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    (cell,) = [cell for cell, role, _ in notebook_form.roles(notebook.cells) if role == "setup"]
    code = notebook_form.TransformerManager().transform_cell(cell.source)
    missing = "import importlib.util\nimportlib.util.find_spec = lambda name: None\n"
    run = functools.partial(
        subprocess.run, cwd=tmp_path, capture_output=True, text=True, encoding="utf-8"
    )
    said = run([sys.executable, "-c", missing + code]).stderr
    assert "The course is not installed here" in said and "pip install ." in said
    magic = "class I:\n    def run_line_magic(self, *words): print(*words)\nget_ipython = I\n"
    code = code.replace('ADDRESS = ""', 'ADDRESS = "https://example.org/a/b"')
    assert run([sys.executable, "-c", magic + missing + code]).stdout.split() == [
        *["pip", "install", "--quiet", '"git+{ADDRESS}"']
    ]  # IPython fills in what stands in braces
    there = run([sys.executable, "-c", magic + code], env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert (there.stdout, there.stderr) == ("", "")


def test_whoever_hosts_a_copy_gives_its_address_once(tmp_path):
    (tmp_path / "notebooks").mkdir()
    shutil.copy(ROOT / "README.md", tmp_path)
    shutil.copy(NOTEBOOKS[0], tmp_path / "notebooks")
    before = (tmp_path / "README.md").read_text(encoding="utf-8")
    address = "https://github.com/someone/course"
    set_address.write(address, tmp_path)
    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "colab.research.google.com/github/someone/course/blob/main/notebooks/00" in readme
    assert "mybinder.org/v2/gh/someone/course/main" in readme
    path = tmp_path / "notebooks" / NOTEBOOKS[0].name
    filled = nbformat.read(path, as_version=4)
    assert f'ADDRESS = "{address}"' in "".join(cell.source for cell in filled.cells)
    same = nbformat.read(NOTEBOOKS[0], as_version=4)
    assert run_notebooks.fingerprint(filled) == run_notebooks.fingerprint(same)
    set_address.write("", tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == before
    assert path.read_bytes() == NOTEBOOKS[0].read_bytes()
    with pytest.raises(SystemExit, match="give an address such as"):
        set_address.write("github.com/someone", tmp_path)
