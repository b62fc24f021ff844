"""Write an assignment as otter-grader reads it, with the course's checks as its tests.

    python scripts/make_otter.py 1 --secret FILE --output FOLDER [--student NAME]
    otter assign FOLDER/assignment_1.ipynb FOLDER/dist

The checks and points are those of `python -m ibhelpers grade`. Whoever gets the notebook has the
same numbers; they are drawn from the secret and, if there is one, a name. The tests are hidden:
what is handed out only says whether there is an answer.
"""

import argparse
import json
from pathlib import Path

from ibhelpers.exercises.assignments import Assignment, Question, read_assignment

CONFIG = """# ASSIGNMENT CONFIG
name: assignment_{name}
generate:
    pdf: false
export_cell: false
run_tests: false
"""
IS_THERE = '''""" # BEGIN TEST CONFIG
points: 0
""" # END TEST CONFIG
assert {answer} is not ..., "There is no answer yet."'''
IS_RIGHT = '''""" # BEGIN TEST CONFIG
points: {points:g}
hidden: true
""" # END TEST CONFIG
from numpy import array, nan
from ibhelpers.exercises.assignments import read_assignment
question = next(q for q in read_assignment({which!r}).questions if q.name == {name!r})
words = question.variant.check(**{numbers})({answer})
assert not words, words'''


def source(assignment: Assignment, which: str, secret: bytes, student: str) -> str:
    """The notebook that `otter assign` takes, as JSON."""
    cells = [cell("raw", CONFIG.format(name=assignment.name))]
    cells.append(cell("markdown", f"# {assignment.title}\n\n{assignment.opening}"))
    cells.append(cell("code", "import ibhelpers as ib\nimport numpy as np"))
    for question in assignment.questions:
        cells += asked(question, which, question.numbers(secret, student))
    for written in assignment.written:
        cells += [
            cell("raw", f"# BEGIN QUESTION\nname: {ident(written.name)}\nmanual: true\n"
                 f"points: {written.points:g}"),
            cell("markdown", f"**{written.name}.** {written.text}"),
            cell("raw", "# BEGIN SOLUTION"),
            cell("markdown", "*See the rubric.*"),
            cell("raw", "# END SOLUTION"),
            cell("raw", "# END QUESTION"),
        ]  # fmt: skip
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    for number, each in enumerate(cells):
        each["id"] = f"cell-{number}"
    whole = {"cells": cells, "metadata": {"kernelspec": python}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def asked(question: Question, which: str, numbers: dict) -> list[dict]:
    """A question with its two tests: that there is an answer, and that it is right."""
    check = dict(answer=question.answer, which=which, name=question.name, numbers=numbers)
    asks = question.variant.check(**numbers).asks
    return [
        cell("raw", f"# BEGIN QUESTION\nname: {ident(question.name)}\npoints: {question.points:g}"),
        cell(
            "markdown", f"**{question.name}.** {question.asks(numbers)}\n\n**Asked for:** {asks}."
        ),
        cell("raw", "# BEGIN SOLUTION"),
        cell("code", f"{question.answer} = ..."),
        cell("raw", "# END SOLUTION"),
        cell("raw", "# BEGIN TESTS"),
        cell("code", IS_THERE.format(**check)),
        cell("code", IS_RIGHT.format(points=question.points, **check)),
        cell("raw", "# END TESTS"),
        cell("raw", "# END QUESTION"),
    ]


def ident(name: str) -> str:
    """A question's name as a file may have it."""
    return "q" + name.replace(".", "_")


def cell(kind: str, text: str) -> dict:
    """A cell of a notebook."""
    made: dict = {"cell_type": kind, "metadata": {}, "source": text}
    return made | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def main() -> None:
    """Write the notebook."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("assignment", help="1 to 4, or a file of your own")
    parser.add_argument("--secret", type=Path, required=True, help="what draws the numbers")
    parser.add_argument("--student", default="everybody", help="whose numbers (everybody)")
    parser.add_argument("--output", type=Path, required=True)
    args = parser.parse_args()
    try:
        assignment = read_assignment(args.assignment)
        secret = args.secret.read_bytes().strip()
    except (ValueError, OSError) as error:
        parser.error(str(error))
    if len(secret) < 16:
        parser.error(f"--secret: {args.secret} holds fewer than 16 characters; anybody guesses it.")
    args.output.mkdir(parents=True, exist_ok=True)
    path = args.output / f"assignment_{assignment.name}.ipynb"
    text = source(assignment, args.assignment, secret, args.student)
    path.write_text(text, encoding="utf-8")
    print(path)


if __name__ == "__main__":
    main()
