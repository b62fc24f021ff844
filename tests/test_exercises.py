"""Exercises: every check passes its notebook's solution, and no wrong answer passes a check."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from scipy.optimize import brentq

import ibhelpers as ib
from ibhelpers.exercises import blocks, complaints, known

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
WRONG_FOR_ANY_EXERCISE = {
    "none": None,
    "text": "forty-two",
    "nan": float("nan"),
    "far off": -12345.678,
    "no numbers": [],
    "odd shape": np.full((3, 7, 2), 0.123),
    "function that returns nothing": lambda *a, **k: None,
    "function that returns a constant": lambda *a, **k: -12345.678,
    "function that fails": lambda *a, **k: 1 / 0,
}


def notebook_of(exercise):
    (path,) = NOTEBOOKS.glob(f"{exercise.split('.')[0]}_*.ipynb")
    return nbformat.read(path, as_version=4)


def solutions(notebook):
    """The code cells of every solution, by the label of its exercise."""
    found, label = {}, None
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            if "{solution-end}" in cell.source:
                label = None
            if start := re.search(r"\{solution-start\} (\S+)\n:class: dropdown", cell.source):
                label = start[1]
        elif label is not None:
            found.setdefault(label, []).append(cell)
    return found


# --- every exercise with a check, in its notebook -----------------------------------------------


@pytest.mark.parametrize("exercise", known())
def test_the_solution_passes_its_own_check(exercise):
    # The outputs are those that nbval finds again whenever it runs the notebook.
    chapter, number = exercise.split(".")
    notebook = notebook_of(exercise)
    cells = solutions(notebook)[f"ex-{chapter}-{number}"]
    said = "".join(
        output.get("text", "")
        for cell in cells
        if f'check("{exercise}"' in cell.source
        for output in cell.outputs
    )
    assert f"{exercise}: right." in said
    statement = next(
        cell.source for cell in notebook.cells if f":label: ex-{chapter}-{number}" in cell.source
    )
    assert "Hint" in statement
    assert f'check("{exercise}"' in statement


@pytest.mark.parametrize("exercise", known())
@pytest.mark.parametrize("answer", WRONG_FOR_ANY_EXERCISE.values(), ids=WRONG_FOR_ANY_EXERCISE)
def test_a_wrong_answer_fails_its_check(exercise, answer):
    found = complaints(exercise, answer)
    assert found
    assert all(isinstance(words, str) and words for words in found)


def space_losses(change=lambda losses: losses, *, seed=None):
    """An answer to exercise 02.4 that changes the right losses, or fixes the seed."""

    def answer(task, kernel, n, asked):
        drawn = ib.GaussianSpace(kernel).sample_losses(
            task, n, seed=asked if seed is None else seed
        )
        return change(torch.tensor(drawn))

    return answer


POINTS = ib.tasks.load("synthetic", n_train=20, n_test=10, intrinsic=10, ambient=10, seed=1)
SLIPS = [
    ("00.1", 6.0, "decimal"),
    ("00.2", 0.14307, "nats"),
    ("00.3", 4270.96, "lengthscale 5"),
    ("00.4", lambda task, lengthscale, target: 1000.0, "too"),
    ("01.1", 3.0, "no mistake at all"),
    ("01.2", 4.1926 * np.log(2), "nats"),
    ("01.2", 10 - np.log2(45), "exactly two"),
    ("01.3", 15.0, "all rules"),
    ("01.3", np.log2(20), "stays off"),
    ("01.3", np.log2(168), "before anything is seen"),
    ("01.4", 1.0, "certain of symmetry"),
    ("01.4", 10.0, "anything went"),
    ("01.4", -np.log2((1 / 2 + 1 / 1024) / 2), "one half again"),
    ("01.5", 0.05, "too large"),
    ("02.1", 0.6, "correlation"),
    ("02.1", 1.328125, "variance"),
    ("02.2", 1 - np.exp(-1), "variance"),
    ("02.2", np.sqrt(1 - np.exp(-0.5)), "squared"),
    ("02.3", np.zeros(3), r"(3, 1)"),
    ("02.3", np.zeros((1, 3)), "transposed"),
    ("02.3", np.sin([[-1.5], [0.9], [2.1]]), "truth"),
    ("02.4", space_losses(lambda losses: losses * 80), "summed"),
    ("02.4", space_losses(lambda losses: losses * 2), "over the outputs"),
    ("02.4", space_losses(torch.sqrt), "root"),
    ("02.4", space_losses(lambda losses: losses * 1.2), "too large"),
    ("02.4", space_losses(lambda losses: losses.float()), "float64"),
    ("02.4", space_losses(lambda losses: losses[:, None]), "shape"),
    ("02.4", space_losses(seed=0), "Two different seeds"),
    ("02.4", space_losses(lambda losses: torch.rand(len(losses)).double()), "same seed"),
    ("02.5", 8, "on average"),
    ("07.1", 0.05, "answering 0"),
    ("07.1", 0.95, "sum"),
    ("07.2", 0.1444 * 0.09, "which fraction"),
    ("07.3", 9861.8 / 5, "compute it"),
    ("08.1", 7, "degree 3 alone"),
    ("08.1", 10, "there are two"),
    ("08.3", 68, "begins at 0"),
    ("08.4", 13.9186 + np.log10(9), "each output"),
    ("08.4", 13.9186 - np.log10(20), "That is E"),
    ("09.1", 45.0, "squared"),
    ("09.2", 191.799, "mean"),
    ("09.3", 499.864, "together"),
    ("09.5", 0.08743 * 10, "all targets"),
    ("09.5", 1 / 0.087432, "divided"),
    ("09.6", 27.2, "evidence"),
    ("10.1", lambda W, X, Y: ((X @ W - Y) ** 2).mean(axis=2), "shape"),
    ("10.2", lambda train, test, limit: np.median(test[train <= limit]), "NaN"),
    ("10.3", 1024, "bad luck"),
    ("10.3", 3067, "one side"),
    ("10.3", 3775, "round up"),
    ("10.3", 3777, "Nearly"),
    ("10.4", 465.03, "0 always"),
    ("10.4", 584.85 * np.log(2), "nats"),
    ("10.5", lambda law, task, model: 0.0, "too small"),
    ("11.1", 3392, "biases"),
    ("11.1", 2410, "hidden layer"),
    ("11.2", lambda w, v, g, lr: np.array([w - lr * v, 0.9 * v + g]), "entries"),
    ("11.3", "momentum", "It is not"),
    ("11.4", 22.72, "depth=1"),
    ("11.4", 14.34, "tangent"),
    ("11.4", 20.25, "readout"),
    ("11.5", ib.kernels.NNGP(depth=1)(torch.tensor(POINTS.X_test)), "before training"),
    ("11.5", ib.GaussianSpace(ib.kernels.NTK(depth=1)).posterior(POINTS).covariance, "tangent"),
    ("11.6", 8.0, "how few"),
    ("11.6", 9.06, "upper end"),
]


@pytest.mark.parametrize(("exercise", "answer", "words"), SLIPS)
def test_a_slip_is_named(exercise, answer, words):
    (found,) = complaints(exercise, answer)
    assert words in found


@pytest.mark.parametrize("nodes", [30, 40, 60, 80])
def test_too_few_nodes_for_many_terms_are_named(nodes):
    (cell,) = solutions(notebook_of("04.3"))["ex-04-3"]
    names = {"np": np, "brentq": brentq, "ib": ib}
    exec(cell.source, names)
    (found,) = complaints("04.3", lambda *law: names["log_cdf_sum"](*law, nodes=nodes))
    assert "take a hundred" in found


def test_notebooks_check_only_exercises_that_exist():
    asked = {
        name
        for path in NOTEBOOKS.glob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        for name in re.findall(r'ib\.check\("([^"]+)"', cell.source)
    }
    assert asked <= set(known())


COURSE = sorted(NOTEBOOKS.glob("*.ipynb"))


@pytest.mark.parametrize("path", COURSE, ids=lambda path: path.stem)
def test_every_exercise_of_a_chapter_has_a_number_a_hint_a_check_and_a_solution(path):
    notebook = nbformat.read(path, as_version=4)
    chapter = path.name[:2]
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    start = r"\{exercise-start\} (.*)\n:label: (\S+)\n(:nonumber:)?"
    exercises = re.findall(start, text)
    names = [f"{chapter}.{number}" for number in range(1, len(exercises) + 1)]
    assert len(names) >= 4
    assert names == [name for name in known() if name.startswith(f"{chapter}.")]
    assert list(solutions(notebook)) == [f"ex-{name.replace('.', '-')}" for name in names]
    for name, (title, label, unnumbered) in zip(names, exercises, strict=True):
        assert title.startswith(f"{name}: ") and label == f"ex-{name.replace('.', '-')}"
        assert unnumbered, "the number is in the title"


# --- check itself -------------------------------------------------------------------------------


def test_an_unknown_exercise_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"exercise: found '99\.9'; the exercises are 00\.1"):
        ib.check("99.9", 1.0)


def test_check_speaks(capsys):
    ib.check("01.1", "x")
    assert capsys.readouterr().out == "01.1: not yet.\n  - Give one number; found 'x'.\n"


# --- the pieces ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [3.0, 3, np.float32(3.001), np.array([[3.0]]), torch.tensor(3.0)]
)
def test_number_takes_any_kind_of_number(answer):
    assert blocks.number(lambda: 3.0, within=0.01)(answer) == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (-3.0, "sign"),
        (-5.0, "negative"),
        (3.0 * np.log(2), "nats"),
        (3.02, "Nearly"),
        (2.0, "too small"),
        (9.0, "too large"),
        (4.0, "a whole bit more"),
        (np.inf, "not be infinite"),
        ([3.0, 3.0], "shape"),
        (lambda: 3.0, "not the function"),
        (True, "True"),
        (None, "no answer yet"),
    ],
)
def test_number_says_what_is_wrong(answer, words):
    slips = {"That is a whole bit more than needed.": lambda: 4.0}
    (found,) = blocks.number(3.0, within=0.01, unit="bits", slips=slips)(answer)
    assert words in found


def test_number_knows_infinity_probabilities_and_nats():
    assert blocks.number(np.inf, within=0.1)(np.inf) == []
    assert "infinite" in blocks.number(np.inf, within=0.1)(1e300)[0]
    assert "between 0 and 1" in blocks.number(0.5, within=0.1, unit="probability")(1.5)[0]
    assert "bits" in blocks.number(3.0, within=0.01, unit="nats")(3.0 / np.log(2))[0]


def test_array_says_what_is_wrong():
    right = np.array([[1.0, 2.0, 3.0]])
    check = blocks.array(lambda: right, within=1e-6, slips={"Squared!": lambda: right**2})
    assert check(torch.tensor(right)) == []
    assert "transposed" in check(right.T)[0]
    assert "(1, 3)" in check(right[0])[0]
    assert "sign" in check(-right)[0]
    assert check(right**2) == ["Squared!"]
    assert "1 of the 3" in check(right + np.array([0, 0, 1]))[0]
    assert "NaN" in check(right * np.nan)[0]
    assert "function" in check(lambda: right)[0]


def test_callable_gives_says_what_is_wrong():
    check = blocks.callable_gives(np.sqrt, [(4.0,), (lambda: np.array([1.0, 9.0]),)])
    assert check(lambda x: x**0.5) == []
    assert "Give the function itself" in check(2.0)[0]
    assert "too large" in check(lambda x: x)[0]
    assert "ZeroDivisionError" in check(lambda x: 1 / 0)[0]
    assert "return" in check(lambda x: None)[0]
    assert "shape" in check(lambda x: float(np.sum(x) ** 0.5))[0]


def test_choice_satisfies_and_all_of():
    check = blocks.choice("up", ["up", "down"])
    assert check("up") == []
    assert "It is not 'down'" in check("down")[0]
    assert "one of 'up', 'down'" in check(3)[0]
    assert "one of 'up', 'down'" in check(np.ones(3))[0]
    positive = blocks.satisfies(lambda x: x > 0, "It should be positive.")
    even = blocks.satisfies(lambda x: x % 2 == 0, "It should be even.")
    both = blocks.all_of(positive, even)
    assert both(2) == []
    assert both(3) == ["It should be even."]
    assert both(-1) == ["It should be positive."]
    assert both("x") == ["It should be positive."]


def test_a_function_may_write_into_its_arguments():
    def double(x):
        return 2 * x

    def in_place(x):
        x *= 2
        return x

    case = np.arange(3.0)
    check = blocks.callable_gives(double, [(case,)])
    assert check(in_place) == [] and check(double) == []
    np.testing.assert_array_equal(case, np.arange(3.0))
