"""Assignments and grading: everybody gets the mark of their own answers, whatever others do."""

import csv
import json
import math
import os
import re
import statistics
import sys
from pathlib import Path

import numpy as np
import pytest

from ibhelpers.__main__ import main
from ibhelpers.command_line import _fence, _handout, _inside, _sandbox, _submissions, grade
from ibhelpers.exercises import known
from ibhelpers.exercises._variants import VARIANTS
from ibhelpers.exercises.assignments import read_assignment
from tests import assignment_solutions, hostile_submissions

SECRET = b"0123456789abcdef-not-this-one"
OURS = [read_assignment(n) for n in "1234"]
QUESTIONS = [question for assignment in OURS for question in assignment.questions]
SMALL = """
title = "Small"
[[question]]
name = "9.1"
like = "00.1"
points = 1
text = "One in {hypotheses}?"
[[question]]
name = "9.2"
like = "01.2"
points = 2
text = "{settings}, {mistakes}?"
[[question]]
name = "9.3"
like = "05.3"
points = 4
text = "A function"
[[written]]
name = "9.4"
text = "Why?"
[written.levels]
2 = "Because."
0 = "Nothing."
"""


def has_fence():
    with _sandbox.Sandbox([], _sandbox.Limits(60)) as sandbox:
        return not sandbox.open_to([])


fenced = pytest.mark.skipif(
    not sys.platform.startswith("linux") or not has_fence(),
    reason="this system has no fence: Landlock of version 3 and seccomp",
)


# --- assignments ----------------------------------------------------------------------------------


@pytest.mark.parametrize("assignment", OURS, ids=lambda assignment: assignment.name)
def test_right_answers_are_right_for_every_student(assignment):
    for student in ("Ada", "Zoë"):
        space = assignment_solutions.answers(assignment, SECRET, student)
        for question in assignment.questions:
            numbers = question.numbers(SECRET, student)
            assert question.variant.check(**numbers)(space[question.answer]) == []


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_numbers_are_the_students_own_and_stand_in_the_text(question):
    assert question.like in known()
    drawn = {repr(question.numbers(SECRET, f"student {i}")) for i in range(40)}
    assert len(drawn) >= 30
    numbers = question.numbers(SECRET, "Ada")
    assert repr(numbers) == repr(question.numbers(SECRET, "Ada"))
    assert repr(numbers) != repr(question.numbers(b"another secret, as long", "Ada"))
    asked = question.asks(numbers)
    assert not re.search(r"(?<![_^])\{[a-z_]{2,}\}", re.sub(r"\\\w+\{\w+\}", "", asked))
    for value in numbers.values() if "cases" not in numbers else ():
        for piece in value if isinstance(value, list) else [value]:
            assert re.search(rf"(?<![\d.]){re.escape(f'{piece:g}')}|{piece:,}", asked), piece


def test_no_common_mistake_passes_for_some_students_numbers():
    """Rounded as asked, too."""
    for seed in range(100):
        rng = np.random.default_rng(seed)
        numbers = VARIANTS["01.2"].draw(rng)
        n, most = numbers["settings"], numbers["mistakes"]
        exactly = n - math.log2(math.comb(n, most))
        assert VARIANTS["01.2"].check(**numbers)(round(exactly, 1)) != []
        numbers = VARIANTS["12.3"].draw(rng)
        mean = statistics.mean(numbers["bits"])
        assert VARIANTS["12.3"].check(**numbers)(round(mean, 1)) != []
        numbers = VARIANTS["10.2"].draw(rng)
        everybody = VARIANTS["10.2"].check(**numbers)(lambda train, test, limit: np.nanmedian(test))
        assert everybody != []


def test_a_name_written_in_another_form_is_the_same_name():
    question = OURS[0].questions[0]
    assert question.numbers(SECRET, "Zoe\u0308") == question.numbers(SECRET, "Zo\u00eb")


def test_an_instructor_writes_an_assignment_of_her_own(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from ibhelpers.exercises.assignments import Variant\n"
        "from ibhelpers.exercises.blocks import number\n"
        "VARIANTS = {'double': Variant(lambda rng: {'n': int(rng.integers(100))},\n"
        "                              lambda n: number(2.0 * n))}\n"
    )
    path = tmp_path / "quiz.toml"
    path.write_text(
        'code = "mine.py"\ntitle = "Mine"\n[[question]]\nname = "q"\nlike = "double"\n'
        'points = 1\ntext = "Twice {n}?"\n'
    )
    (question,) = read_assignment(path).questions
    numbers = question.numbers(SECRET, "Ada")
    assert question.variant.check(**numbers)(2 * numbers["n"]) == []
    assert question.variant.check(**numbers)(2 * numbers["n"] + 1) != []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("title = ", "cannot be read"),
        ('title = "x"', "lacks 'question'"),
        (SMALL.replace('like = "00.1"', 'like = "00.99"'), "00.99"),
        (SMALL.replace('"9.2"', '"9.1"'), "two questions"),
        (SMALL.replace("points = 1", "points = nan"), "nan points"),
        (SMALL.replace('"9.1"', '"9/1"'), "call it as in"),
    ],
)
def test_an_assignment_that_is_none_is_refused(tmp_path, text, words):
    (tmp_path / "bad.toml").write_text(text)
    with pytest.raises(ValueError, match=words):
        read_assignment(tmp_path / "bad.toml")


# --- a class --------------------------------------------------------------------------------------


class Class:
    """A class in a folder: hand in, grade, and look at the marks."""

    def __init__(self, folder, names):
        self.folder = folder
        for name, content in {
            "secret": SECRET.decode(),
            "class.txt": "\n".join(names),
            "small.toml": SMALL,
        }.items():
            (folder / name).write_text(content, encoding="utf-8")
        self.assignment = read_assignment(folder / "small.toml")
        self.handed_in = folder / "in"
        self.handed_in.mkdir()

    def right(self, student):
        """Code of right answers, which needs no package."""
        pieces = ["import numpy as np"]
        for question in self.assignment.questions:
            numbers = question.numbers(SECRET, student)
            pieces.append(assignment_solutions.solution(question, numbers))
        return "\n".join(pieces)

    def hand_in(self, student, code=None):
        (self.handed_in / f"{student}.py").write_text(
            self.right(student) if code is None else code, encoding="utf-8"
        )

    def grade(self, *more):
        where = {"--assignment": "small.toml", "--students": "class.txt", "--secret": "secret"}
        places = [part for key, name in where.items() for part in (key, str(self.folder / name))]
        places += ["--output", str(self.folder / "out")]
        return main(["grade", str(self.handed_in), *places, *more])

    def marks(self):
        with open(self.folder / "out" / "grades.csv", encoding="utf-8-sig", newline="") as file:
            return {row["student"]: row for row in csv.DictReader(file)}


ALL = {**hostile_submissions.LOOPS, **hostile_submissions.KEEPS_ITS_MARK}
ALL |= hostile_submissions.GETS_NOTHING


@fenced
def test_hostile_submissions_get_their_own_mark_and_nobody_elses(tmp_path):
    """All of them between two honest students, graded in one run."""
    names = ["first", *ALL, "honest", "linked", "linked folder", "pipe", "large", "no notebook"]
    names += ["two", "halves"]
    school = Class(tmp_path, names)
    for name, code in ALL.items():
        code = code.replace("RIGHT", school.right(name)).replace("SECRET", str(tmp_path / "secret"))
        school.hand_in(
            name,
            code.replace("CLASS", str(tmp_path / "in")).replace("GRADES", str(tmp_path / "out")),
        )
    for name in ("first", "honest"):
        school.hand_in(name)
    at = school.handed_in
    (at / "linked.py").symlink_to(at / "honest.py")
    (at / "linked folder").mkdir()
    (at / "linked folder" / "a.py").symlink_to(tmp_path / "secret")
    os.mkfifo(at / "pipe.py")
    (at / "large.py").write_bytes(b"#" * (21 * 2**20))
    (at / "two").mkdir()
    (at / "two.ipynb").write_text("{}")
    os.mkdir(os.fsencode(at) + b"/halves.\xff")
    (at / "halves.py").write_text(school.right("halves"))
    (at / "no notebook.ipynb").write_text('{"cells": {"a": NaN}}')
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert school.grade("--seconds", "8", "--memory", "0.5") == 0

    marks = school.marks()
    assert list(marks) == names
    points = {name: float(row["points"]) for name, row in marks.items()}
    assert points["first"] == points["honest"] == 7
    for name in hostile_submissions.LOOPS:  # functions are called last
        assert points[name] == 3, name
    for name in hostile_submissions.KEEPS_ITS_MARK:
        to_the_end = name not in ("leaves at once", "crashes", "breaks what it runs in")
        assert points[name] == (7 if to_the_end else 3), name
    rest = [*hostile_submissions.GETS_NOTHING, *names[-7:-1]]
    assert points["halves"] == 7
    assert {name: points[name] for name in rest} == dict.fromkeys(rest, 0)
    for name in ALL:
        record = json.loads((tmp_path / "out" / "records" / f"{name}.json").read_text("utf-8"))
        assert "FOUND" not in record["printed"], (name, record["printed"])
        assert SECRET.decode() not in record["printed"], name
        assert record["fence"] == "closed"
    for path, content in before.items():
        assert path.read_bytes() == content, path
    page = (tmp_path / "out" / "pages" / "marks up.html").read_text("utf-8")
    assert "<script>" not in page and "&lt;script&gt;" in page
    assert not [p for p in (tmp_path / "out").iterdir() if p.name == "bomb"]


def test_copied_answers_answer_another_question(tmp_path):
    school = Class(tmp_path, ["Ada", "Bob"])
    school.hand_in("Ada")
    school.hand_in("Bob", school.right("Ada"))
    assert school.grade("--unfenced") == 0
    marks = school.marks()
    assert float(marks["Ada"]["points"]) == 7
    assert marks["Bob"]["9.1"] == marks["Bob"]["9.2"] == "0"


def test_interrupted_grading_goes_on(tmp_path, monkeypatch, capsys):
    names = ["a", "b", "c", "d"]
    school = Class(tmp_path, names)
    for name in names:
        school.hand_in(name)
    ran, run = [], _sandbox.Sandbox.run

    def counted(self, cells, answers, *rest, **more):
        if "9" in str(list(answers)):
            ran.append(cells)
            if len(ran) == 3:
                raise KeyboardInterrupt
        return run(self, cells, answers, *rest, **more)

    monkeypatch.setattr(_sandbox.Sandbox, "run", counted)
    assert school.grade("--unfenced") == 1
    assert "goes on" in capsys.readouterr().err
    assert len(list((tmp_path / "out" / "records").glob("*.json"))) == 2
    assert school.grade("--unfenced") == 0
    assert len(ran) == 3 + 2
    assert [row["points"] for row in school.marks().values()] == ["7"] * 4
    school.hand_in("b", "answer_9_1 = 0")  # handed in anew: only this one runs
    assert school.grade("--unfenced") == 0
    assert len(ran) == 6 and school.marks()["b"]["points"] == "0"


def test_who_ends_the_grader_twice_is_not_run_again(tmp_path):
    school = Class(tmp_path, ["a", "b"])
    school.hand_in("a")
    school.hand_in("b")
    (tmp_path / "out" / "records").mkdir(parents=True)
    (tmp_path / "out" / "records" / "a.running").write_text("2")
    assert school.grade("--unfenced") == 0
    marks = school.marks()
    assert marks["a"]["points"] == "0" and "not run again" in marks["a"]["remark"]
    assert marks["b"]["points"] == "7"


def test_points_and_what_was_read_by_hand(tmp_path):
    school = Class(tmp_path, ["Ada", "Bob", "Cleo"])
    school.hand_in("Ada")
    school.hand_in("Bob", "1/0")
    (tmp_path / "points.toml").write_text('[points]\n"9.3" = 10\n')
    (tmp_path / "read.csv").write_text(
        "student,question,points,words\nAda,9.4,1.5,well said\nBob,9.1,1,a slip of the pen\n"
    )
    more = ("--points", str(tmp_path / "points.toml"), "--by-hand", str(tmp_path / "read.csv"))
    assert school.grade("--unfenced", *more) == 0
    marks = school.marks()
    assert marks["Ada"]["points"] == "14.5" and marks["Ada"]["of"] == "15"
    assert marks["Bob"]["points"] == "1" and marks["Bob"]["still to be read"] == "1"
    assert marks["Cleo"]["points"] == "0" and marks["Cleo"]["remark"] == "Nothing was handed in."
    page = (tmp_path / "out" / "pages" / "Ada.html").read_text("utf-8")
    assert "14.5 of 15" in page and "well said" in page
    assert "ZeroDivisionError" in (tmp_path / "out" / "pages" / "Bob.html").read_text("utf-8")
    assert "1 of 3" in (tmp_path / "out" / "class.html").read_text("utf-8")


def test_written_answers_are_read_in_a_table_that_keeps_what_is_filled_in(tmp_path):
    school = Class(tmp_path, ["Ada", "Bob", "Cleo", "-Dora"])
    for name, wrote in {"Ada": "It depends,\non the space; surely.", "-Dora": "=1+1"}.items():
        handed_out = json.loads(_handout.notebook(school.assignment, SECRET, name))
        handed_out["cells"].append({"cell_type": "markdown", "source": wrote})
        (school.handed_in / f"{name}.ipynb").write_text(json.dumps(handed_out))
    school.hand_in("Bob")
    table = tmp_path / "out" / "to_read.csv"

    def rows(parted=","):
        with table.open(encoding="utf-8-sig", newline="") as file:
            return {row["student"]: row for row in csv.DictReader(file, delimiter=parted)}

    assert school.grade("--unfenced") == 0
    found = rows()
    assert list(found) == ["Ada", "Bob", "'-Dora"]  # of Cleo there is nothing to read
    assert found["Ada"]["answer"] == "It depends,\non the space; surely."
    assert found["Bob"]["answer"] == "" and found["'-Dora"]["answer"] == "'=1+1"

    found["Ada"] |= {"points": "1,5", "words": "well; said"}  # as a German spreadsheet saves it
    found["'-Dora"]["points"] = "2"
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        written = csv.DictWriter(file, list(found["Ada"]), delimiter=";")
        written.writeheader()
        written.writerows(found.values())
    for _ in range(2):
        assert school.grade("--unfenced") == 0
        marks = school.marks()
        assert marks["Ada"]["9.4"] == "1.5" and marks["'-Dora"]["9.4"] == "2"
        assert marks["Bob"]["still to be read"] == "1"
        assert rows()["Ada"]["points"] == "1.5" and rows()["Ada"]["words"] == "well; said"
    (tmp_path / "read.csv").write_text("student,question,points,words\nBob,9.4,1,by letter\n")
    assert school.grade("--unfenced", "--by-hand", str(tmp_path / "read.csv")) == 0
    assert school.marks()["Bob"]["9.4"] == "1" and list(rows()) == ["Ada", "'-Dora"]


def test_grades_of_one_assignment_are_not_written_over_those_of_another(tmp_path, capsys):
    school = Class(tmp_path, ["Ada"])
    school.hand_in("Ada")
    assert school.grade("--unfenced") == 0
    before = (tmp_path / "out" / "grades.csv").read_bytes()
    assert school.grade("--unfenced", "--assignment", "1") == 1
    assert "another assignment" in capsys.readouterr().err
    assert (tmp_path / "out" / "grades.csv").read_bytes() == before


def test_handing_out_again_spares_notebooks_in_which_somebody_has_worked(tmp_path, capsys):
    (tmp_path / "class.txt").write_text("Ada\nBob\n")
    (tmp_path / "secret").write_bytes(SECRET)
    common = ["--students", str(tmp_path / "class.txt"), "--secret", str(tmp_path / "secret")]
    common += ["--output", str(tmp_path / "handout")]
    assert main(["assign", "1", *common]) == 0
    of_ada = tmp_path / "handout" / "Ada" / "assignment_1.ipynb"
    of_ada.write_text(of_ada.read_text("utf-8").replace("answer_1_1 = ...", "answer_1_1 = 18.3"))
    worked = of_ada.read_bytes()
    (tmp_path / "class.txt").write_text("Ada\nBob\nCleo\n")
    capsys.readouterr()
    assert main(["assign", "1", *common]) == 0
    said = capsys.readouterr()
    assert "2 notebooks" in said.out and said.err.rstrip().endswith(": Ada.")
    assert of_ada.read_bytes() == worked
    assert (tmp_path / "handout" / "Cleo" / "assignment_1.ipynb").exists()


def test_a_class_gets_notebooks_that_run_and_hides_what_it_draws_from(tmp_path, capsys):
    (tmp_path / "class.txt").write_text("Ada\nBob, bob_1234_assignsubmission\n", encoding="utf-8")
    common = ["--students", str(tmp_path / "class.txt"), "--secret", str(tmp_path / "secret")]
    assert main(["assign", "3", *common, "--output", str(tmp_path / "handout")]) == 0
    assert "A new secret" in capsys.readouterr().out
    secret = (tmp_path / "secret").read_bytes().strip()
    assert len(secret) == 64
    handed_in = tmp_path / "in"
    for student, entry in (("Ada", "Ada"), ("Bob", "bob_1234_assignsubmission")):
        path = tmp_path / "handout" / student / "assignment_3.ipynb"
        notebook = json.loads(path.read_text("utf-8"))
        for cell in notebook["cells"]:
            for question in OURS[2].questions:
                numbers = question.numbers(secret, student)
                if student == "Ada" and cell["source"] == f"{question.answer} = ...":
                    cell["source"] = "import numpy as np\n" + assignment_solutions.solution(
                        question, numbers
                    )
                elif cell["source"].startswith(f"### {question.name}"):
                    assert question.asks(numbers) in cell["source"]
        (handed_in / entry).mkdir(parents=True)
        (handed_in / entry / path.name).write_text(json.dumps(notebook))
    where = ["--assignment", "3", *common, "--output", str(tmp_path / "out"), "--unfenced"]
    assert main(["grade", str(handed_in), *where]) == 0
    with open(tmp_path / "out" / "grades.csv", encoding="utf-8-sig", newline="") as file:
        ada, bob = csv.DictReader(file)
    assert ada["points"] == "15" and bob["points"] == "0"
    assert "There is no answer yet." in (tmp_path / "out/pages/Bob.html").read_text("utf-8")


# --- what stands in the way -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda place: (place / "class.txt").write_text("../Ada"), "no folder's name"),
        (lambda place: (place / "class.txt").write_text("Ada\nADA"), "stands for two"),
        (lambda place: (place / "class.txt").write_text("Ada\nAda"), "twice"),
        (lambda place: (place / "class.txt").write_text("CON"), "no folder's name"),
        (lambda place: (place / "class.txt").write_text("Ada\nBob, Ada"), "stands for two"),
        (lambda place: (place / "class.txt").write_text("\n"), "names nobody"),
        (lambda place: (place / "class.txt").unlink(), "cannot be read"),
        (lambda place: (place / "secret").write_text("short"), "anybody guesses"),
        (lambda place: (place / "secret").unlink(), "no file"),
        (lambda place: (place / ".git").mkdir(), "lies in a repository"),
    ],
)
def test_what_stands_in_the_way_is_said(tmp_path, capsys, change, words):
    school = Class(tmp_path, ["Ada"])
    school.hand_in("Ada")
    change(tmp_path)
    assert school.grade("--unfenced") == 1
    assert words in capsys.readouterr().err


def test_the_output_is_not_among_the_submissions(tmp_path, capsys):
    school = Class(tmp_path, ["Ada"])
    where = ["--assignment", "1", "--students", str(tmp_path / "class.txt")]
    where += ["--secret", str(tmp_path / "secret"), "--output", str(school.handed_in / "out")]
    assert main(["grade", str(school.handed_in), *where]) == 1
    assert "among the submissions" in capsys.readouterr().err


def test_without_a_fence_nothing_runs_unless_asked_for(tmp_path, monkeypatch, capsys):
    """A system that has none is a fence that says so."""
    here = tmp_path / "here"
    here.mkdir()
    (here / "_inside.py").write_text((_sandbox._HERE / "_inside.py").read_text("utf-8"), "utf-8")
    (here / "_fence.py").write_text(
        "class Open(RuntimeError): pass\ndef close(*_): raise Open('there is none')\n"
    )
    monkeypatch.setattr(_sandbox, "_HERE", here)
    school = Class(tmp_path, ["Ada", "Bob"])
    school.hand_in("Ada")
    school.hand_in("Bob", "while True: pass")
    assert school.grade("--seconds", "3") == 1
    assert "does not hold here" in capsys.readouterr().err
    assert school.grade("--unfenced", "--seconds", "3") == 0
    assert "there is none" in capsys.readouterr().err
    assert [row["points"] for row in school.marks().values()] == ["7", "0"]
    record = json.loads((tmp_path / "out" / "records" / "Ada.json").read_text("utf-8"))
    assert record["fence"] == "there is none"


def test_without_a_fence_processes_that_were_left_behind_are_ended(tmp_path):
    """Also those of a session of their own, whose parent is gone."""
    import psutil

    code = """
import os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)  # left behind"],
                 start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv(sys.executable, [sys.executable, "-c", "import time; time.sleep(1000)  # left"])
    os._exit(0)
answer = 1
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("orphans come back to the grader on Linux alone")
    limits = _sandbox.Limits(60)
    with _sandbox.Sandbox([], limits, fenced=False) as sandbox, pytest.MonkeyPatch.context() as m:
        here = tmp_path / "here"
        here.mkdir()
        (here / "_inside.py").write_text((_sandbox._HERE / "_inside.py").read_text("utf-8"))
        (here / "_fence.py").write_text(
            "class Open(RuntimeError): pass\ndef close(*_): raise Open('there is none')\n"
        )
        m.setattr(_sandbox, "_HERE", here)
        run = sandbox.run([code], {"answer": []})
    assert run.answers == {"answer": 1}
    left = [p for p in psutil.process_iter(["cmdline"]) if "# left" in str(p.info["cmdline"])]
    assert left == []


# --- pieces ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "column"),
    [
        ("/usr/include/x86_64-linux-gnu/asm/unistd_64.h", 0),
        ("/usr/include/asm-generic/unistd.h", 1),
    ],
)
def test_calls_have_the_numbers_of_the_kernels_headers(path, column):
    """Those the header knows; headers are older than the newest calls."""
    if not Path(path).exists():
        pytest.skip(f"no {path} here")
    text = Path(path).read_text()
    listed = {
        name: int(number)
        for name, number in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)$", text, re.MULTILINE)
    }
    calls = dict(_fence._REFUSED)
    calls |= {"clone": _fence._CLONE, "clone3": _fence._CLONE3, "prlimit64": _fence._PRLIMIT}
    compared = 0
    for name, numbers in calls.items():
        if name in listed and numbers[column] is not None:
            assert listed[name] == numbers[column], name
            compared += 1
    assert compared > 60


def test_cells_lose_what_is_for_a_notebook_alone():
    plain = _inside._plain_cell
    assert plain("%matplotlib inline\nx = 1") == "pass\nx = 1"
    assert plain("if True:\n    !ls\n    x = 5 % 3") == "if True:\n    pass\n    x = 5 % 3"
    assert plain("%%time\nx = 1").strip() == "x = 1"
    assert plain("%%bash\nrm x") == ""
    assert plain("np.linspace?\ny = 2") == "pass\ny = 2"
    assert plain("x = '''\n%d\n''' % 3") == "x = '''\n%d\n''' % 3"


def test_cells_that_fail_do_not_take_the_others_with_them():
    with _sandbox.Sandbox([], _sandbox.Limits(60), fenced=False) as sandbox:
        run = sandbox.run(["a = 1", "1/0", "def (", "b = a + 1"], {"b": [], "a": []})
        assert run.answers == {"a": 1, "b": 2} and not run.ended
        assert [cell for cell, _ in run.errors] == [2, 3]
        run = sandbox.run(["a = 1\n1/0\nb = 2"], {"b": [], "a": []}, script=True)
        assert run.answers == {"a": 1}
        files = {"helper.py": b"c = 3", "json.py": b"1/0", "data/x.csv": b"7"}
        run = sandbox.run(
            ["import json, helper\na = helper.c\nb = int(open('data/x.csv').read())"],
            {"a": [], "b": []},
            files,
        )
        assert run.answers == {"a": 3, "b": 7}


def test_which_of_several_files_is_meant(tmp_path):
    (tmp_path / "a.py").write_text("x = 1")
    assert _submissions.read_submission([tmp_path], "1").cells == ["x = 1"]
    (tmp_path / "b.py").write_text("x = 2")
    assert "Which is meant" in _submissions.read_submission([tmp_path], "1").problem
    (tmp_path / "assignment_1.py").write_text("x = 3")
    found = _submissions.read_submission([tmp_path], "1")
    assert found.cells == ["x = 3"] and set(found.files) == {"a.py", "b.py"}


def test_a_spreadsheet_computes_nothing_of_a_name(tmp_path):
    school = Class(tmp_path, ["=1+1"])
    assert school.grade("--unfenced") == 0
    assert list(school.marks()) == ["'=1+1"]


def test_grade_says_what_limits_it_takes(tmp_path, capsys):
    school = Class(tmp_path, ["Ada"])
    assert school.grade("--seconds", "0") == 1
    assert "at least one second" in capsys.readouterr().err
    assert grade._limits(10, 1.5).memory == 1.5 * 2**30
