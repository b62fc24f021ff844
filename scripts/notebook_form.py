"""The form of a notebook: which cell is what. Plain Markdown and tags say so, and nothing else.

    ## Any heading                    text; code; a figure, then a cell tagged "caption"
    ### Exercise 05.2: a title        the question, what is asked for, a hint in <details>
    answer_05_2 = ...                 a code cell tagged "answer"
    #### Solution of 05.2             folded in JupyterLab; ends at the next heading
    ...

A cell that computes for long may have the metadata {"smoke": {"10_000": "500"}}: pieces of its
source, and what stands there when a test runs the chapter at a small size.

The book, the editions for students and instructors, and the tests read notebooks through this
module.
"""

import ast
import re
from collections.abc import Iterator

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

EXERCISE = re.compile(r"### Exercise (\d\d\.\d): (.+)")
SOLUTION = re.compile(r"#### Solution of (\d\d\.\d)$")
HINT = re.compile(r"<details>\n<summary>(.+?)</summary>\n\n(.*?)\n\n</details>", re.DOTALL)
ASKED = re.compile(r"\*\*Asked for:\*\* (.+?)\.(?:\s|$)")
EXPECT = "**What do you expect"


def roles(cells: list) -> Iterator[tuple[NotebookNode, str, str]]:
    """Every cell with what it is, and the exercise that it belongs to.

    The roles: "setup", "exercise" (the question), "answer", "fold" (the heading of a solution),
    "solution" (what is folded), "caption", "check" (of quoted numbers), "text" and "code".
    """
    solving = ""
    for cell in cells:
        tags = cell["metadata"].get("tags", [])
        source = text(cell)
        if cell["cell_type"] == "markdown":
            if found := EXERCISE.match(source):
                solving = ""
                yield cell, "exercise", found[1]
            elif found := SOLUTION.match(source):
                solving = found[1]
                yield cell, "fold", found[1]
            else:
                solving = "" if source.startswith("#") else solving
                kind = "caption" if "caption" in tags else "text"
                yield cell, "solution" if solving else kind, solving
        elif "answer" in tags:
            number = re.match(r"answer_(\d\d)_(\d) = ", source)
            yield cell, "answer", f"{number[1]}.{number[2]}" if number else ""
        elif solving:
            yield cell, "solution", solving
        else:
            kind = "setup" if "setup" in tags else "check" if is_check(source) else "code"
            yield cell, kind, ""


def text(cell) -> str:
    """The source of a cell, which nbformat keeps as a text and a file as a list of lines."""
    return "".join(cell["source"])


def parse(source: str) -> ast.Module:
    """The syntax tree of a cell; lines such as ``%pip install`` become calls."""
    return ast.parse(TransformerManager().transform_cell(source))


def is_check(source: str) -> bool:
    """Whether a cell only asserts."""
    body = parse(source).body
    return bool(body) and all(only_asserts(statement) for statement in body)


def only_asserts(statement: ast.stmt) -> bool:
    """Whether a statement is an assertion, or a loop, branch or context with nothing else in it."""
    if isinstance(statement, (ast.For, ast.If, ast.With)):
        return all(map(only_asserts, statement.body)) and not getattr(statement, "orelse", [])
    return isinstance(statement, ast.Assert)


def answer_of(solution: str, exercise: str) -> str:
    """The expression that a solution hands to ``ib.check``."""
    for node in ast.walk(parse(solution)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "ib.check":
            name, answer = node.args
            if ast.literal_eval(name) == exercise:
                return ast.unparse(answer)
    raise ValueError(f'the solution of {exercise} does not call ib.check("{exercise}", ...)')


def answered(cells: list) -> list[NotebookNode]:
    """The cells with every answer cell filled in from its solution, and no solutions."""
    solutions: dict[str, list[str]] = {}
    for cell, role, exercise in roles(cells):
        if role == "solution" and cell["cell_type"] == "code":
            solutions.setdefault(exercise, []).append(text(cell))
    kept = []
    for cell, role, exercise in roles(cells):
        if role == "answer":
            code = "\n\n".join(solutions[exercise])
            name = f"answer_{exercise.replace('.', '_')}"
            filled = f'{code}\n{name} = {answer_of(code, exercise)}\nib.check("{exercise}", {name})'
            kept.append(NotebookNode(cell | {"source": filled}))
        elif role not in ("fold", "solution"):
            kept.append(cell)
    return kept


def smaller(cells: list) -> None:
    """Bring cells to the size that their metadata "smoke" name, in place."""
    for cell in cells:
        for size, small in cell["metadata"].get("smoke", {}).items():
            if size not in cell["source"]:
                raise ValueError(
                    f"smoke: {size!r} does not stand in the cell that the metadata belong to; "
                    f"name a piece of its source, or drop the entry:\n{cell['source']}"
                )
            cell["source"] = cell["source"].replace(size, small)
