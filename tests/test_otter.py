"""An assignment for otter-grader: otter builds and runs it, and gives the points of our grader."""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import make_otter
import pytest

from ibhelpers.exercises.assignments import read_assignment
from tests import assignment_solutions

SECRET = b"0123456789abcdef-not-this-one"
ROOT = Path(__file__).resolve().parents[1]


def test_hidden_tests_are_the_checks():
    """Without otter: the test cells of all four pass for right answers, and fail for others."""
    for which in "1234":
        assignment = read_assignment(which)
        notebook = json.loads(make_otter.source(assignment, which, SECRET, "everybody"))
        tests = [c["source"] for c in notebook["cells"] if "hidden: true" in c["source"]]
        assert len(tests) == len(assignment.questions)
        space = assignment_solutions.answers(assignment, SECRET, "everybody")
        for test, question in zip(tests, assignment.questions, strict=True):
            exec(test, space)
            with pytest.raises(AssertionError):
                exec(test, space | {question.answer: -7.5})


@pytest.mark.long
@pytest.mark.skipif(
    importlib.util.find_spec("otter") is None,
    reason="otter-grader is not installed: pip install --constraint constraints.txt '.[otter]'",
)
def test_otter_builds_the_assignment_and_gives_its_points(tmp_path):
    assignment = read_assignment("3")
    text = make_otter.source(assignment, "3", SECRET, "everybody")
    (tmp_path / "assignment_3.ipynb").write_text(text, encoding="utf-8")
    dist = tmp_path / "dist"
    dist.mkdir()
    run_otter(tmp_path, "assign", "assignment_3.ipynb", "dist")
    student = (dist / "student" / "assignment_3.ipynb").read_text("utf-8")
    assert "variant.check" not in student
    (autograder,) = (dist / "autograder").glob("*autograder*.zip")
    with zipfile.ZipFile(autograder) as archive:
        assert any("q3_1" in name for name in archive.namelist())
    for without, expected in ((), 15), (("3.1", "3.6"), 9):
        found = scores(tmp_path, autograder, student, assignment, without)
        assert sum(found.values()) == pytest.approx(expected), found


def scores(tmp_path, autograder, student, assignment, without):
    """Points by question for a submission that leaves some out."""
    notebook = json.loads(student)
    for cell in notebook["cells"]:
        for question in assignment.questions:
            source = "".join(cell["source"])
            if source.strip() == f"{question.answer} = ..." and question.name not in without:
                numbers = question.numbers(SECRET, "everybody")
                cell["source"] = assignment_solutions.solution(question, numbers)
    (tmp_path / "submission.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    out = tmp_path / "results"
    out.mkdir(exist_ok=True)
    run_otter(tmp_path, "run", "submission.ipynb", "-a", str(autograder), "-o", str(out))
    results = json.loads((out / "results.json").read_text("utf-8"))
    return {t["name"]: t["score"] for t in results["tests"] if t["name"].startswith("q3_")}


def run_otter(folder, *arguments):
    """Run otter as a user does."""
    command = "from otter.cli import cli; cli()"
    done = subprocess.run(
        [sys.executable, "-c", command, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
