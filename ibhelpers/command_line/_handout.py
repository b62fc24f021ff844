"""The notebook in which a student answers an assignment."""

from __future__ import annotations

import json

from ..exercises.assignments import Assignment, Written

_OPENING = """# Assignment {name}: {title}

{opening} For **{student}**: the numbers are yours alone, and so is what is right.

Put what you find in the place of the three dots; the names `answer_...` are what counts. Any cells
may be added between them. After you hand it in, it is run from top to bottom in one process,
without a network, for at most two minutes and with two GiB: try *Restart and run all* before. Right
answers are not shown here; the checks run later."""
_HERE = "*Your answer:*"


def notebook(assignment: Assignment, secret: bytes, student: str) -> str:
    """A student's notebook, as JSON."""
    opening = _OPENING.format(
        name=assignment.name, title=assignment.title, opening=assignment.opening, student=student
    )
    cells = [
        _cell("markdown", opening),
        _cell("code", "import ibhelpers as ib\nimport numpy as np"),
    ]
    for question in assignment.questions:
        numbers = question.numbers(secret, student)
        asks = question.variant.check(**numbers).asks
        text = f"### {question.name} ({_points(question.points)})\n\n{question.asks(numbers)}"
        cells.append(_cell("markdown", f"{text}\n\n**Asked for:** {asks}."))
        cells.append(_cell("code", f"{question.answer} = ..."))
    for written in assignment.written:
        cells.append(_cell("markdown", asked(written)))
        cells.append(_cell("markdown", _HERE))
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    python = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {"cells": cells, "metadata": {"kernelspec": python}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"


def answered(written: Written, found: str) -> str:
    """What a student wrote, of all that stands below the question."""
    return found.replace(asked(written), "").replace(_HERE, "").strip()


def asked(written: Written) -> str:
    """A question that somebody reads, with its levels."""
    levels = "\n".join(
        f"| {points} | {words} |" for points, words in sorted(written.levels.items(), reverse=True)
    )
    return (
        f"### {written.name} ({_points(written.points)}, read by your instructor)\n\n"
        f"{written.text}\n\n| points | for |\n|---:|---|\n{levels}"
    )


def _points(points: float) -> str:
    return f"{points:g} point{'' if points == 1 else 's'}"


def _cell(kind: str, source: str) -> dict:
    cell: dict = {"cell_type": kind, "metadata": {}, "source": source}
    if kind == "code":
        cell |= {"execution_count": None, "outputs": []}
    return cell
