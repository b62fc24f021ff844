"""Exercises: every check passes its notebook's solution, and no wrong answer passes a check."""

import re
from pathlib import Path

import mpmath
import nbformat
import numpy as np
import pytest
import torch
from scipy import stats

import ibhelpers as ib
from ibhelpers.exercises import blocks, complaints, known, yours_or_ours
from ibhelpers.exercises.chapter_02 import losses_from
from ibhelpers.exercises.chapter_04 import phi_sum

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


ABSURD = {
    "beyond floats": 10**400,
    "beyond printing": -(10**5000),
    "huge": 1e300,
    "long text": "x" * 10**6,
    "object": object(),
    "complex": 1 + 2j,
}


# --- every exercise -----------------------------------------------------------------------------


@pytest.mark.parametrize("exercise", known())
@pytest.mark.parametrize("answer", WRONG_FOR_ANY_EXERCISE.values(), ids=WRONG_FOR_ANY_EXERCISE)
def test_a_wrong_answer_fails_its_check(exercise, answer):
    found = complaints(exercise, answer)
    assert found
    assert all(isinstance(words, str) and words for words in found)


def changed_losses(change=lambda losses: losses, *, seed=None):
    """An answer to exercise 02.4 that changes the right losses, or fixes the seed."""

    def answer(mean, covariance, y_test, n, asked):
        return change(losses_from(mean, covariance, y_test, n, asked if seed is None else seed))

    return answer


def by_cholesky(mean, covariance, y_test, n, seed):
    """Another root, and another generator."""
    noise = 1e-12 * torch.eye(len(covariance), dtype=torch.float64)
    z = np.random.default_rng(seed).standard_normal((n, *mean.shape))
    root = torch.linalg.cholesky(covariance + noise)
    return ((mean + root @ torch.tensor(z) - y_test) ** 2).mean(dim=(1, 2))


def changed_parts(change):
    """An answer to exercise 04.3 that changes the right parts."""
    return lambda *arguments: change(*phi_sum(*arguments))


def at_amplitude_1(task, target_error):
    """An answer to exercise 00.4 that does not let the data choose."""
    law = ib.GaussianSpace(ib.kernels.RBF(5.0)).loss_law(task)
    return ib.inductive_bias(law, target_error).bits


def tilted_mean(*, reached_only=False, untilted=False, z=True):
    """An answer to exercise 12.2, with a term left out; in 50 digits, where nothing overflows."""

    def answer(losses, tau, log_z, target):
        with mpmath.workdps(50):
            weights = [1 if untilted else mpmath.exp(tau * x) for x in losses if x <= target]
            mean = sum(weights) / (len(weights) if reached_only else len(losses))
            return float(mpmath.log(mean) + (log_z if z else 0))

    return answer


def edges_by_hand(f):
    """Edges of the cube between corners of different signs, each counted once."""
    n = len(f).bit_length() - 1
    flips = [(i, i ^ (1 << bit)) for i in range(len(f)) for bit in range(n)]
    return sum((f[i] > 0) != (f[j] > 0) for i, j in flips if i < j)


def share_of(mean, variance, share, *, once=False):
    """An answer to exercise 05.3, in which nc may count once in the variance."""
    g = 2 * (1 if once else 1 + share) * mean**2 / variance
    return np.array([(1 - share) * g, share * g, mean / g])


def in_training(law, task, model):
    """An answer to exercise 10.5 that forgets what is new."""
    losses = (model.fit(task.X_train, task.y_train).predict(task.X_train) - task.y_train) ** 2
    return ib.inductive_bias(law, losses.mean()).bits


def momentum(weights, velocity, gradient, lr):
    new = 0.9 * velocity + gradient
    return np.array([weights - lr * new, new])


POINTS = ib.tasks.load("synthetic", n_train=20, n_test=10, intrinsic=10, ambient=10, seed=1)
SLIPS = [
    ("00.1", 6.0, "decimal"),
    ("00.2", 0.013399, "nats"),
    ("00.3", 2170.0, "all 1,000"),
    ("00.3", 2777.9, "let the 500"),
    ("00.4", lambda task, target: 1000.0, "too"),
    ("00.4", at_amplitude_1, "training data choose"),
    ("01.1", 3.0, "no mistake at all"),
    ("01.2", 4.1926 * np.log(2), "nats"),
    ("01.2", 10 - np.log2(45), "exactly two"),
    ("01.3", 15.0, "all rules"),
    ("01.3", np.log2(20), "stays off"),
    ("01.3", np.log2(168), "before anything is seen"),
    ("01.4", 1.0, "certain of symmetry"),
    ("01.4", 10.0, "anything went"),
    ("01.4", -np.log2((1 / 2 + 1 / 1024) / 2), "its weight again"),
    ("01.5", 0.05, "too large"),
    ("02.1", 0.6, "correlation"),
    ("02.1", 1.328125, "variance"),
    ("02.2", 1 - np.exp(-1), "variance"),
    ("02.2", np.sqrt(1 - np.exp(-0.5)), "squared"),
    ("02.3", np.zeros(3), r"(3, 1)"),
    ("02.3", np.zeros((1, 3)), "transposed"),
    ("02.3", np.sin([[-1.5], [0.9], [2.1]]), "truth"),
    ("02.4", changed_losses(lambda losses: losses * 80), "summed"),
    ("02.4", changed_losses(lambda losses: losses * 2), "over the outputs"),
    ("02.4", changed_losses(torch.sqrt), "root"),
    ("02.4", changed_losses(lambda losses: losses * 1.2), "too large"),
    ("02.4", changed_losses(lambda losses: losses.float()), "float64"),
    ("02.4", changed_losses(lambda losses: losses[:, None]), "shape"),
    ("02.4", changed_losses(seed=0), "Two different seeds"),
    ("02.4", changed_losses(lambda losses: torch.rand(len(losses)).double()), "same seed"),
    ("02.5", 4, "amplitude 1"),
    ("02.5", 285.6, "number of bits"),
    ("03.3", 0.5535, "half of it"),
    ("03.3", 0.5535 / 2, "mean loss is not"),
    ("04.2", 4119.1, "350,000"),
    ("04.3", changed_parts(lambda phi, slope, curvature: (phi, slope)), "found 2"),
    ("04.3", changed_parts(lambda phi, slope, curvature: (phi, -slope, curvature)), "slope is not"),
    ("04.3", changed_parts(lambda phi, slope, curvature: (phi.real, slope, curvature)), "complex"),
    ("04.3", ib.laws.GeneralizedChi2, "raised"),
    ("04.3", lambda t, x, w, k, delta: ib.laws.GeneralizedChi2(w, k, delta).logcdf(x), "three"),
    ("04.5", lambda *q: stats.ncx2(q[2], q[3], scale=q[1]).logcdf(q[0]), "other side"),
    ("04.5", lambda x, w, k, delta: ib.laws.GeneralizedChi2([w], k, delta).ccdf(x), "logarithm"),
    ("05.2", 96_000, "four times"),
    ("05.2", 48_000, "one standard error"),
    ("05.3", lambda m, v, share: share_of(m, v, share, once=True), "counts twice"),
    ("05.3", lambda m, v, share: share_of(m, v, 1 - share), "that of nc"),
    ("05.5", 2346, "closest curve"),
    ("06.4", lambda hits, draws: -np.log2(stats.beta.ppf(0.025, hits + 1, draws - hits)), "2.5 %"),
    ("06.4", lambda hits, draws: -np.log2(stats.beta.ppf(0.95, hits + 1, draws - hits)), "95 %"),
    ("06.4", lambda hits, draws: -np.log2(stats.beta.ppf(0.975, hits + 1, draws - hits)), "NaN"),
    ("07.1", 0.05, "answering 0"),
    ("07.1", 0.95, "sum"),
    ("07.2", 0.4813 * 0.09, "which fraction"),
    ("07.3", 2449.7 / 5, "compute it"),
    ("07.4", 0.523, "sum"),
    ("07.5", 4595.6, "amplitude 1"),
    ("08.1", 7, "degree 3 alone"),
    ("08.1", 10, "there are two"),
    ("08.3", 68, "begins at 0"),
    ("08.4", 13.9186 + np.log10(9), "each output"),
    ("08.4", 13.9186 - np.log10(20), "That is E"),
    ("09.1", 45.0, "squared"),
    ("09.2", 191.799, "mean"),
    ("09.3", 291.357, "together"),
    ("09.5", 0.08743 * 10, "all targets"),
    ("09.5", 1 / 0.087432, "divided"),
    ("09.6", 2790.51, "amplitude 1"),
    ("10.1", lambda W, X, Y: ((X @ W - Y) ** 2).mean(axis=2), "shape"),
    ("10.1", lambda W, X, Y: ((X @ W - Y) ** 2).sum(axis=(1, 2)), "sums of squares"),
    ("10.1", lambda W, X, Y: ((X @ W - Y) ** 2).sum(axis=2).mean(axis=1), "over the outputs"),
    ("10.2", lambda train, test, limit: np.nanmedian(test[train < limit]), "exactly the limit"),
    ("10.2", lambda train, test, limit: np.nanmean(test[train <= limit]), "the mean"),
    ("10.2", lambda train, test, limit: np.nanmedian(test), "median of all"),
    ("10.2", lambda train, test, limit: np.median(test[train <= limit]), "NaN"),
    ("10.3", 1024, "bad luck"),
    ("10.3", 3067, "one side"),
    ("10.3", 3775, "round up"),
    ("10.3", 3777, "Nearly"),
    ("10.4", 465.03, "0 always"),
    ("10.4", 584.85 * np.log(2), "nats"),
    ("10.5", lambda law, task, model: 0.0, "too small"),
    ("10.5", in_training, "training set"),
    ("11.1", 3392, "biases"),
    ("11.1", 2410, "hidden layer"),
    ("11.2", lambda w, v, g, lr: np.array([w - lr * v, 0.9 * v + g]), "the old one"),
    ("11.2", lambda w, v, g, lr: momentum(w, v, 0.1 * g, lr), "whole gradient"),
    ("11.2", lambda w, v, g, lr: momentum(w, v, g, -lr), "along it"),
    ("11.2", lambda w, v, g, lr: momentum(w, -v, g, lr), "entries"),
    ("11.3", "momentum", "It is not"),
    ("11.4", 22.72, "depth=1"),
    ("11.4", 14.34, "tangent"),
    ("11.4", 20.25, "readout"),
    ("11.5", ib.kernels.NNGP(depth=1)(torch.tensor(POINTS.X_test)), "before training"),
    ("11.5", ib.GaussianSpace(ib.kernels.NTK(depth=1)).posterior(POINTS).covariance, "tangent"),
    ("11.6", 8.0, "how few"),
    ("11.6", 9.06, "upper end"),
    ("12.1", 14.7858 * np.log(2), "nats"),
    ("12.1", -np.log2(stats.binom(500, 0.1).pmf(25)), "exactly 25"),
    ("12.1", 76.0015, "no error"),
    ("12.2", tilted_mean(reached_only=True), "counting as 0"),
    ("12.2", tilted_mean(untilted=True), "takes the weights off"),
    ("12.2", tilted_mean(z=False), "Where is Z"),
    ("12.3", 21.67, "mean of the bits"),
    ("12.3", 20.94, "died out"),
    ("12.4", 0.38, "9 rivals"),
    ("12.4", 0.23, "nats"),
    ("12.4", 4.83, "multiplies"),
    ("12.5", 1, "divide"),
    ("12.5", 0.0, "more than 9 bits"),
    ("12.5", 0.25, "amplitude 1"),
    ("13.1", 120.36, "by how many more"),
    ("13.1", -1.29, "wrong way round"),
    ("13.1", 4.51, "rows count from 0"),
    ("13.2", -0.737, "half and half"),
    ("13.2", 0.848, "if it is yes"),
    ("13.3", -97.4, "the lengthscale grows by"),
    ("13.3", -0.97, "One per cent"),
    ("13.3", -1.90, "what the derivative says"),
    ("13.4", 0.2, "looked at for each one"),
    ("13.4", 5.1, "only 41"),
    ("15.1", lambda z, xi, beta: z + beta * xi, "larger"),
    ("15.1", lambda z, xi, beta: z - beta * z + beta * xi, "less than 1"),
    ("15.2", 8000, "one move"),
    ("15.3", lambda z, a: a * stats.norm.cdf(z), "between 0 and a"),
    ("15.4", 11.62, "must grow"),
    ("15.5", 161.8, "one step"),
    ("16.1", lambda A, B: ib.kernels.ConvNNGP((8, 8), 1)(A, B), "equal places"),
    ("16.2", ib.kernels.ConvNNGP((8, 8), 1), "is not NNGP"),
    ("16.3", 49, "pairs each"),
    ("16.4", 62.4, "other way round"),
    ("16.5", 186.5, "only the readout"),
    ("17.1", lambda rho: -np.log2(0.5 + np.arcsin(rho) / np.pi), "two equal signs"),
    ("17.2", lambda f: edges_by_hand(f) / len(f), "joins two corners"),
    ("17.3", lambda n, rho: np.arccos(rho) / np.pi, "one flip"),
    ("17.4", 2.0**-40, "the training data too"),
    ("17.5", 23.63, "depth 2"),
    ("19.4", 99.6, "whole"),
    ("14.1", lambda loss, y, t: 1 - loss / np.var(t), "which nobody knows"),
    ("14.1", lambda loss, y, t: 1 - loss / np.var(y), "on the training targets"),
    ("14.1", lambda loss, y, t: loss / np.mean((t - np.mean(y)) ** 2), "left to explain"),
    ("14.2", 11, "never varies"),
    ("14.2", 9, "a column that says so"),
]


@pytest.mark.parametrize(("exercise", "answer", "words"), SLIPS)
def test_a_slip_is_named(exercise, answer, words):
    (found,) = complaints(exercise, answer)
    assert words in found


def test_fifty_digits_take_the_weights_off_as_well():
    assert complaints("12.2", tilted_mean()) == []


def test_another_way_to_draw_is_right_too():
    assert complaints("02.4", by_cholesky) == []


@pytest.mark.parametrize(
    ("exercise", "answer"),
    [
        *[("00.1", 19.9), ("00.2", 0.0164), ("03.2", 19.6), ("05.2", 1.92e5), ("06.2", 18)],
        *[("06.3", 0.37), ("04.4", 3.79e-6), ("01.5", 0.0411), ("09.5", 0.087), ("11.4", 32.9)],
    ],
)
def test_an_answer_rounded_as_asked_is_right(exercise, answer):
    assert complaints(exercise, answer) == []


@pytest.mark.parametrize("exercise", known())
@pytest.mark.parametrize("answer", ABSURD.values(), ids=ABSURD)
def test_an_absurd_answer_is_refused_in_few_words(exercise, answer):
    (words,) = complaints(exercise, answer)
    assert len(words) < 250


@pytest.mark.parametrize("exercise", ["00.2", "00.3", "02.5", "03.3", "04.2", "05.4", "07.2"])
@pytest.mark.parametrize("answer", [-12345.678, 1e12])
def test_nothing_is_computed_for_an_absurd_answer(exercise, answer, monkeypatch):
    def refuse(*args, **kwargs):
        raise AssertionError("computed")

    monkeypatch.setattr(ib.GaussianSpace, "loss_law", refuse)
    monkeypatch.setattr(ib.tasks, "load", refuse)
    for module in ("chapter_00", "chapter_03", "chapter_04", "chapter_05", "chapter_07"):
        monkeypatch.setattr(f"ibhelpers.exercises.{module}.tasks.load", refuse)
    assert complaints(exercise, answer)


def test_an_open_answer_is_no_answer_yet(capsys):
    ib.check("02.5", ...)
    ib.check("03.1", [..., 0.9])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "02.5: no answer yet. Asked for: a number, exactly."
    assert said[1] == "03.1: no answer yet. Asked for: an array, to two decimals."


def test_a_chapter_goes_on_with_the_readers_function_if_it_is_right(capsys):
    assert yours_or_ours("02.4", by_cholesky) is by_cholesky
    for answer in (..., len, 3.0):
        assert yours_or_ours("02.4", answer) is losses_from
        assert yours_or_ours("04.3", answer) is phi_sum
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "With your function." and all("the course's" in line for line in said[1:])
    with pytest.raises(ValueError, match=r"give one of 02\.4, 04\.3"):
        yours_or_ours("01.1", ...)


def test_notebooks_check_only_exercises_that_exist():
    asked = {
        name
        for path in NOTEBOOKS.glob("*.ipynb")
        for cell in nbformat.read(path, as_version=4).cells
        for name in re.findall(r'ib\.check\("([^"]+)"', cell.source)
    }
    assert asked <= set(known())


# --- check itself -------------------------------------------------------------------------------


def test_an_unknown_exercise_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match=r"found '99\.9'; the exercises are 00\.1"):
        ib.check("99.9", 1.0)
    with pytest.raises(ValueError, match=r"Did you mean '05\.1'"):
        ib.check("5.1", 1.0)


def test_check_speaks(capsys):
    ib.check("01.1", "x")
    assert capsys.readouterr().out == "01.1: not yet.\n  - Give one number; found 'x'.\n"


# --- the pieces ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer", [3.0, 3, np.float32(3.001), np.array([[3.0]]), torch.tensor(3.0)]
)
def test_number_takes_any_kind_of_number(answer):
    assert blocks.number(lambda: 3.0, decimals=2)(answer) == []


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
    (found,) = blocks.number(3.0, decimals=2, unit="bits", slips=slips)(answer)
    assert words in found


def test_number_knows_infinity_probabilities_and_nats():
    assert blocks.number(np.inf, decimals=1)(np.inf) == []
    assert "infinite" in blocks.number(np.inf, decimals=1)(1e300)[0]
    assert "between 0 and 1" in blocks.number(0.5, decimals=1, unit="probability")(1.5)[0]
    assert "bits" in blocks.number(3.0, decimals=2, unit="nats")(3.0 / np.log(2))[0]


def test_array_says_what_is_wrong():
    right = np.array([[1.0, 2.0, 3.0]])
    check = blocks.array(lambda: right, decimals=6, slips={"Squared!": lambda: right**2})
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
    positive = blocks.satisfies(lambda x: x > 0, "It should be positive.", asks="a number")
    even = blocks.satisfies(lambda x: x % 2 == 0, "It should be even.", asks="a number")
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


@pytest.mark.parametrize(
    "answer",
    [
        range(10**12),
        range(10**30),
        np.ma.array([-3.0], mask=[True]),
        np.array([-3.0 + 1j]),
        ["-3.0"],
        np.array([-3], "timedelta64[D]"),
    ],
    ids=repr,
)
def test_what_is_no_number_is_not_read_as_one(answer):
    """A mask, an imaginary part, a unit: what is left without them might be right."""
    check = blocks.number(-3.0)
    assert check(-3.0) == []
    assert re.search("Give one number", check(answer)[0])
    assert blocks.array(np.array([-3.0]), decimals=1)(answer)
