"""Make the editions for students and for instructors from the committed notebooks.

    python scripts/make_editions.py [--output FOLDER] [05 06 ...]

The committed notebooks hold everything: questions, empty answer cells, folded solutions, outputs.
*student*     no solutions, no outputs, no checks of quoted numbers; answer cells are empty, and
              after "What do you expect?" there is room for a guess.
*instructor*  solutions open, times of the last recorded run, and notes: how long each exercise may
              take (an estimate from its solution), and the slips that its check knows.

If the environment variable REPOSITORY_URL holds the repository's address, the first cell of each
notebook installs the course from there, and links to other pages lead there.
"""

import argparse
import ast
import copy
import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
from nbformat.v4 import new_markdown_cell
from notebook_form import EXPECT, parse, roles
from set_address import fill_in
from without_asserts import left_without_asserts

from ibhelpers.exercises import slips

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = ROOT / "notebooks"
RUNS = ROOT / "book" / "runs.json"
OF_EXERCISE, OF_STATEMENT = 1.0, 1.5  # minutes
GUESS = "**Your guess** (double-click here and write it down before you run the next cell):"


def main() -> None:
    """Write both editions of the chapters asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", metavar="NN", help="their numbers; all if none")
    parser.add_argument("--output", type=Path, default=ROOT / "editions")
    args = parser.parse_args()
    address = os.environ.get("REPOSITORY_URL", "")
    for name, make in EDITIONS.items():
        folder = args.output / name
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
            if not args.chapters or path.name[:2] in args.chapters:
                notebook = make(nbformat.read(path, as_version=4), path.stem)
                at_home(notebook, address)
                nbformat.write(notebook, folder / path.name)
        print(f"{name}: {folder}")


def student(notebook: nbformat.NotebookNode, stem: str) -> nbformat.NotebookNode:
    """The notebook without what a reader is to find."""
    cells, left = [], left_without_asserts(notebook.cells)
    for cell, role, _ in roles(notebook.cells):
        code = cell.cell_type == "code"
        if role in ("fold", "solution", "check") or (code and cell.id not in left):
            continue
        cell = copy.deepcopy(cell)
        if code:
            cell.source = left[cell.id]
            cell.outputs, cell.execution_count = [], None
        cells.append(cell)
        if cell.cell_type == "markdown" and EXPECT in cell.source:
            cells.append(new_markdown_cell(GUESS, id=f"guess-{cell.id}"))
    return with_cells(notebook, cells)


def instructor(notebook: nbformat.NotebookNode, stem: str) -> nbformat.NotebookNode:
    """The notebook with everything open, and what helps in class."""
    record = json.loads(RUNS.read_text(encoding="utf-8")).get(stem, {})
    seconds, expected = record.get("slow_cells", {}), expected_minutes(notebook.cells)
    cells = []
    for cell, role, exercise in roles(notebook.cells):
        cell = copy.deepcopy(cell)
        cell.metadata.pop("jp-MarkdownHeadingCollapsed", None)
        cell.metadata.pop("jupyter", None)
        if role == "fold":
            notes = notes_on(exercise, expected[exercise])
            cells.append(new_markdown_cell(notes, id=f"notes-{cell.id}"))
        if cell.id in seconds:
            words = f"> *For the instructor:* the next cell takes about {seconds[cell.id]:.0f} s."
            cells.append(new_markdown_cell(words, id=f"time-{cell.id}"))
        cells.append(cell)
        if len(cells) == 1:
            cells.append(new_markdown_cell(times(record, expected), id="time-of-all"))
    return with_cells(notebook, cells)


def times(record: dict, expected: dict[str, int]) -> str:
    """What the run of a chapter took, if one is recorded, and what its exercises may take."""
    ran = ""
    if record:
        busy = record.get("processor_seconds")
        cost = f"{record['seconds']:.0f} s" + (f" ({busy:.0f} s of processor time)" if busy else "")
        memory, cores = record["peak_memory_mib"], record["machine"]["cores"]
        ran = f"Running all cells took {cost} and {memory:,} MiB on {cores} cores. "
    return (
        f"> *For the instructor:* {ran}The {len(expected)} exercises may take a student "
        f"{sum(expected.values())} minutes together. This is an estimate from their solutions: "
        f"{OF_EXERCISE:g} minute each and {OF_STATEMENT:g} for each statement; no class was timed."
    )


def expected_minutes(cells: list) -> dict[str, int]:
    """How long each exercise may take: an estimate from the statements of its solution.

    The two numbers of the rule were chosen so that it agrees, on the whole, with the times that the
    openings of chapters 00 to 04 give for their exercises. Printing and checking do not count.
    """
    statements: dict[str, int] = {}
    for cell, role, exercise in roles(cells):
        if role == "fold":
            statements[exercise] = 0
        elif role == "solution" and cell.cell_type == "code":
            found = [node for node in ast.walk(parse(cell.source)) if isinstance(node, ast.stmt)]
            shown = [
                node for node in found if ast.unparse(node).startswith(("print(", "ib.check("))
            ]
            statements[exercise] += len(found) - len(shown)
    return {name: math.ceil(OF_EXERCISE + OF_STATEMENT * n) for name, n in statements.items()}


def notes_on(exercise: str, minutes: int) -> str:
    """How long an exercise may take, and what its check says to slips that it knows."""
    words = "a minute" if minutes == 1 else f"{minutes} minutes"
    lines = [f"> *For the instructor:* this may take a student {words} (an estimate)."]
    if known := slips(exercise):
        lines[0] += " The check knows these slips."
        lines += [">", *(f"> - {said}" for said in known)]
    return "\n".join(lines)


def at_home(notebook: nbformat.NotebookNode, address: str) -> None:
    """Let the first cell and the links lead to the repository, or at least out of the folder."""
    elsewhere = f"{address}/blob/main/" if address else "../../"
    if address:
        fill_in(notebook, address)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\(\.\./(?!\.\.)", f"]({elsewhere}", cell.source)


def with_cells(notebook: nbformat.NotebookNode, cells: list) -> nbformat.NotebookNode:
    """A notebook with other cells."""
    changed = copy.copy(notebook)
    changed.cells = cells
    return changed


EDITIONS: dict[str, Callable] = {"student": student, "instructor": instructor}

if __name__ == "__main__":
    main()
