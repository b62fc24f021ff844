"""The editions: what a student lacks, and that it can be done all the same."""

import ast
import builtins
import os
import re
import subprocess
import sys
from pathlib import Path

import make_editions
import nbformat
import notebook_form
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from without_asserts import without

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def committed(path):
    return nbformat.read(path, as_version=4)


def student(path):
    return make_editions.student(committed(path), path.stem)


# --- what is in them ----------------------------------------------------------------------------


@each_notebook
def test_a_student_finds_neither_solutions_nor_outputs_nor_checks(path):
    notebook = student(path)
    found = [role for _, role, _ in notebook_form.roles(notebook.cells)]
    assert not {"fold", "solution", "check"} & set(found) and "answer" in found
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    for cell in code:
        tree = notebook_form.parse(cell.source)
        assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree)), cell.source
    answers = [
        cell.source for cell, role, _ in notebook_form.roles(notebook.cells) if role == "answer"
    ]
    assert all(" = ..." in answer for answer in answers)
    nbformat.validate(notebook)


@each_notebook
def test_there_is_room_for_a_guess_before_each_answer(path):
    cells = student(path).cells
    asked = [i for i, cell in enumerate(cells) if make_editions.EXPECT in cell.source]
    assert 1 <= len(asked) <= 3  # where it matters
    for i in asked:
        assert cells[i + 1].source == make_editions.GUESS


@each_notebook
def test_an_instructor_finds_everything_open_and_notes(path):
    notebook = make_editions.instructor(committed(path), path.stem)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert "knows these slips" in text and "Running all cells took" in text
    assert text.count("#### Solution of") == text.count("### Exercise")
    assert not any("jp-MarkdownHeadingCollapsed" in cell.metadata for cell in notebook.cells)
    nbformat.validate(notebook)
    each = re.findall(r"take a student (a|\d+) minutes? \(an estimate\)", text)
    (together,) = re.findall(r"take a student (\d+) minutes together. This is an estimate", text)
    assert len(each) == text.count("### Exercise")
    assert sum(1 if n == "a" else int(n) for n in each) == int(together)


def test_an_exercise_takes_longer_the_more_there_is_to_write():
    solution = new_markdown_cell("#### Solution of 00.1")
    one = [solution, new_code_cell('x = 1\nprint(x)\nib.check("00.1", x)')]
    two = [solution, new_code_cell('def f(x):\n    return x\n\n\nib.check("00.1", f)')]
    assert make_editions.expected_minutes(one) == {"00.1": 3}
    assert make_editions.expected_minutes(two) == {"00.1": 4}
    assert make_editions.expected_minutes([solution]) == {"00.1": 1}
    assert "take a student 3 minutes together" in make_editions.times({}, {"00.1": 3})


def test_the_address_is_filled_in_and_links_lead_there(tmp_path):
    address = "https://github.com/someone/course"
    for url, link in ((address, f"]({address}/blob/main/book/"), ("", "](../../book/")):
        subprocess.run(
            [sys.executable, ROOT / "scripts" / "make_editions.py", "--output", tmp_path, "01"],
            check=True,
            capture_output=True,
            env=os.environ | {"REPOSITORY_URL": url, "PYTHONPATH": str(ROOT)},
        )
        for edition in ("student", "instructor"):
            (path,) = (tmp_path / edition).glob("*.ipynb")
            notebook = nbformat.read(path, as_version=4)
            assert f'ADDRESS = "{url}"' in "".join(c.source for c in notebook.cells)
            assert link in "".join(cell.source for cell in notebook.cells)


def test_assertions_go_wherever_they_stand():
    source = "x = 1\nassert x\nfor i in range(3):\n    assert i < 3\n    assert i >= 0\n"
    source += "if x:\n    assert x\n    y = 2\nz = 3"
    assert without(source, []) == "x = 1\nif x:\n    y = 2\nz = 3"


def test_what_was_computed_for_an_assertion_alone_goes_with_it():
    cells = [
        "x = 1",
        "y = x + 1\nassert y > x",
        "z = y\nassert z",  # the last cell needs it, and it needs y
        "a = z\nassert a",
        "d['z'] = a = z\nassert a",
        "for i in range(3):\n    j = i\n    assert j < 3\nprint(x)",
        "for i in range(3):\n    k = i\n    assert k < 3\nprint(x)",
        "def f(x):\n    return x\n\n\nif x:\n    b = f(x)\n    assert b",
        "print(z, k)\nassert z",
    ]
    notebook = new_notebook(cells=list(map(new_code_cell, cells)))
    left = [cell.source for cell in make_editions.student(notebook, "00").cells]
    loop = "for i in range(3):\n    k = i\nprint(x)"
    assert left == [
        "x = 1",
        "y = x + 1",
        "z = y",
        "d['z'] = a = z",
        "print(x)",
        loop,
        "print(z, k)",
    ]


# --- that they work -----------------------------------------------------------------------------


def names(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell binds at its top level, and those it needs from the cells above."""
    tree = notebook_form.parse(source)
    bound, needed = set(), set()

    def visit(node, local):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Store):
                local.add(node.id)
            elif node.id not in local:
                needed.add(node.id)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            local |= {(a.asname or a.name).partition(".")[0] for a in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.Lambda)):
            for default in (*node.args.defaults, *getattr(node, "decorator_list", ())):
                visit(default, local)
            if isinstance(node, ast.FunctionDef):
                local.add(node.name)
            inner = local | {a.arg for a in ast.walk(node.args) if isinstance(a, ast.arg)}
            body = node.body if isinstance(node.body, list) else [node.body]
            inner |= {
                n.id
                for statement in body
                for n in ast.walk(statement)
                if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
            }
            for statement in body:
                visit(statement, inner)
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
            inner = set(local)
            for generator in node.generators:
                visit(generator.iter, inner)
                visit(generator.target, inner)
                for condition in generator.ifs:
                    visit(condition, inner)
            for part in ("elt", "key", "value"):
                if hasattr(node, part):
                    visit(getattr(node, part), inner)
        elif isinstance(node, ast.ExceptHandler):
            local |= {node.name} - {None}
            for child in ast.iter_child_nodes(node):
                visit(child, local)
        elif isinstance(node, ast.Assign):
            visit(node.value, local)
            for target in node.targets:
                visit(target, local)
        elif isinstance(node, (ast.For, ast.AugAssign)):
            visit(node.iter if isinstance(node, ast.For) else node.value, local)
            for child in ast.iter_child_nodes(node):
                visit(child, local)
        else:
            for child in ast.iter_child_nodes(node):
                visit(child, local)

    for statement in tree.body:
        visit(statement, bound)
    return bound, needed - set(dir(builtins)) - {"get_ipython"}


@each_notebook
def test_without_any_answer_nothing_is_missing(path):
    there: set[str] = set()
    for cell in student(path).cells:
        if cell.cell_type == "code":
            bound, needed = names(cell.source)
            assert not needed - there, f"{needed - there} is only in a solution:\n{cell.source}"
            there |= bound


@each_notebook
def test_a_late_answer_finds_the_names_as_its_question_left_them(path):
    """What a solution takes from the chapter is not bound anew below it, by it or by others."""
    cells = [
        (exercise if role == "solution" else "", *names(cell.source))
        for cell, role, exercise in notebook_form.roles(committed(path).cells)
        if cell.cell_type == "code" and role not in ("answer", "setup", "check")
    ]
    chapter = set().union(*(bound for exercise, bound, _ in cells if not exercise))
    same, faults = harmless(path), []
    for i, (exercise, bound, needed) in enumerate(cells):
        if exercise:
            below = set().union(*(b for e, b, _ in cells[i + 1 :] if not e))
            faults += [(exercise, "needs, bound anew", name) for name in needed & below - same]
            faults += [(exercise, "binds", name) for name in bound & chapter - same]
            faults += [(exercise, "needs of a solution", name) for name in needed - chapter]
    assert not faults


def harmless(path) -> set[str]:
    """Names that stand for the same thing wherever they are bound: imports, functions asked for."""
    found = set()
    for cell in committed(path).cells:
        if cell.cell_type == "code":
            for node in ast.walk(notebook_form.parse(cell.source)):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    found |= {alias.asname or alias.name for alias in node.names}
                elif isinstance(node, ast.Assign) and "yours_or_ours(" in ast.unparse(node.value):
                    found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


def test_names_are_found():
    bound, needed = names(
        "import numpy as np\nx = [y * a for y in b]\ndef f(u, v=x):\n    return u + w"
    )
    assert bound == {"np", "x", "f"} and needed == {"a", "b", "w"}


@each_notebook
def test_smaller_sizes_fit_the_cells_that_have_them(path):
    """Or a chapter that was rewritten would quietly run at its full size, or not at all."""
    cells = committed(path).cells
    full = [cell.source for cell in cells]
    notebook_form.smaller(cells)
    changed = [old != cell.source for old, cell in zip(full, cells, strict=True)]
    assert changed == ["smoke" in cell.metadata for cell in cells]
    for cell in cells:
        if cell.cell_type == "code":
            assert notebook_form.parse(cell.source) is not None


def test_a_smaller_size_is_taken_in_every_place_and_one_that_fits_nothing_is_noticed():
    cell = new_code_cell("n = 1000\nm = 1000", metadata={"smoke": {"1000": "9"}})
    notebook_form.smaller([cell])
    assert cell.source == "n = 9\nm = 9"
    with pytest.raises(ValueError, match="does not stand in the cell"):
        notebook_form.smaller([cell])


def run(path, cells):
    """Run these cells of a notebook in its folder."""
    notebook = committed(path)
    notebook.cells = cells
    client = NotebookClient(
        notebook, timeout=900, startup_timeout=600, resources={"metadata": {"path": path.parent}}
    )
    client.widget_registry.clear()
    client.execute(env=os.environ | {"PYTHONPATH": str(ROOT)})


@pytest.mark.parametrize(
    "path",
    [*NOTEBOOKS[:3], *(pytest.param(path, marks=pytest.mark.long) for path in NOTEBOOKS[3:])],
    ids=lambda path: path.stem,
)
def test_a_student_who_answers_everything_is_right_everywhere(path):
    """In place, and once more at the end: a late answer is right too."""
    notebook = committed(path)
    notebook_form.smaller(notebook.cells)
    notebook.cells = notebook_form.answered(notebook.cells)
    cells = make_editions.student(notebook, path.stem).cells
    in_place = [cell for cell, role, _ in notebook_form.roles(cells) if role == "answer"]
    late = [new_code_cell(cell.source) for cell in in_place]
    run(path, cells + late)
    assert len(in_place) >= 4
    for cell in in_place + late:
        said = "".join(output.get("text", "") for output in cell.outputs)
        assert said.rstrip().endswith(": right.") and "not yet" not in said, said
