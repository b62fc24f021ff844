"""Harder tasks, by one knob each, against closed forms, plain loops and hand-made arrays."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import ibhelpers as ib
from ibhelpers import tasks

DIGITS = tasks.load("digits", n_train=120, n_test=60)
NUMBERS = tasks.load("synthetic", n_train=30, n_test=20, outputs=2)
SPACE = ib.GaussianSpace(0.1 * ib.kernels.RBF(2.0), noise=1e-3)
KNOBS = {
    "noise inputs": lambda task, seed=0: tasks.with_noise_inputs(task, 5, seed=seed),
    "label noise": lambda task, seed=0: tasks.with_label_noise(task, 0.3, on="both", seed=seed),
    "fewer": lambda task, seed=0: tasks.with_fewer_examples(task, 20, seed=seed),
    "occlusion": lambda task, seed=0: tasks.with_occlusion(task, 3, seed=seed),
    "observed": lambda task, seed=0: tasks.partly_observed(task, 0.4, seed=seed),
    "classes": lambda task, seed=0: tasks.with_classes(task, [7, 1, 4]),
    "union": lambda task, seed=0: tasks.union(task, task),
}


def bits(task, target=0.05, space=SPACE):
    return ib.inductive_bias(space.loss_law(task), target).bits


def arrays(task):
    return [task.X_train, task.y_train, task.labels_train, task.X_test, task.y_test]


def shorter(task, dtype):
    return replace(task, X_train=task.X_train.astype(dtype), X_test=task.X_test.astype(dtype))


@pytest.mark.parametrize("knob", KNOBS.values(), ids=KNOBS)
def test_a_knob_is_the_same_twice_and_leaves_the_task_alone(knob):
    before = [array.tobytes() for array in arrays(DIGITS)]
    one, two = knob(DIGITS), knob(DIGITS)
    assert all((a == b).all() for a, b in zip(arrays(one), arrays(two), strict=True))
    assert [array.tobytes() for array in arrays(DIGITS)] == before
    assert one.name.startswith("digits") and one.source != DIGITS.source
    assert knob(shorter(DIGITS, np.float32)).X_test.dtype == np.float32


@pytest.mark.parametrize("name", [*KNOBS][:5])
def test_another_seed_makes_another_task(name):
    one, two = (KNOBS[name](DIGITS, seed) for seed in (0, 1))
    assert any((a != b).any() for a, b in zip(arrays(one), arrays(two), strict=True))


# --- noise inputs ---------------------------------------------------------------------------------


def test_noise_inputs_shrink_a_kernel_as_the_formula_says():
    task = tasks.load("synthetic", n_train=300, n_test=300, ambient=20)
    k, ell = 12, 0.9
    noisy = tasks.with_noise_inputs(task, k, seed=3)
    variance = task.X_train.var(axis=0).mean()
    kernel = ib.kernels.RBF(ell)
    pairs = [np.diag(kernel(t.X_train, t.X_test)) for t in (task, noisy)]  # independent pairs
    factor = pairs[1] / pairs[0]
    expected = (1 + 2 * variance / ell**2) ** (-k / 2)
    # Within four standard errors.
    assert abs(factor.mean() - expected) < 4 * factor.std() / math.sqrt(300)
    distances = [((t.X_train - t.X_test) ** 2).sum(axis=1) for t in (task, noisy)]
    grown = distances[1] - distances[0]
    assert abs(grown.mean() - 2 * k * variance) < 4 * grown.std() / math.sqrt(300)


def test_the_inputs_stay_and_more_noise_begins_with_less():
    few, many = (tasks.with_noise_inputs(DIGITS, k) for k in (7, 30))
    assert few.input_shape == (71,) and few.kind == "vector"
    for part in ("X_train", "X_test"):
        assert (getattr(few, part)[:, :64] == getattr(DIGITS, part)).all()
        assert (getattr(many, part)[:, :71] == getattr(few, part)).all()
    noise = np.concatenate([many.X_train[:, 64:].ravel(), many.X_test[:, 64:].ravel()])
    scale = math.sqrt(DIGITS.X_train.var(axis=0).mean())
    assert stats.kstest(noise, stats.norm(0, scale).cdf).pvalue > 1e-4
    wine = tasks.with_noise_inputs(tasks.load("wine"), 2)
    assert wine.input_names[-3:] == ("proline", "noise 1", "noise 2")


@pytest.mark.filterwarnings("ignore:the training data say nothing")
def test_much_noise_takes_all_that_was_learnt():
    """The bits become those of a space that has seen nothing: a noncentral chi-squared law."""
    space = ib.GaussianSpace(ib.kernels.RBF(1.0), noise=0.1)
    blind = tasks.with_noise_inputs(NUMBERS, 2000)
    target, numbers = 1.0, NUMBERS.y_test.size
    law = stats.ncx2(numbers, (NUMBERS.y_test**2).sum())
    assert bits(blind, target, space) == pytest.approx(-law.logcdf(numbers * target) / math.log(2))
    assert abs(bits(NUMBERS, target, space) - bits(blind, target, space)) > 1


# --- label noise ----------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.0, 0.05, 0.31, 1.0])
@pytest.mark.parametrize("on", ["train", "test", "both"])
def test_so_many_labels_are_wrong_and_the_truth_misses_by_two_of_k(on, share):
    noisy = tasks.with_label_noise(DIGITS, share, on=on)
    for part in ("train", "test"):
        labels, true = (getattr(t, f"labels_{part}") for t in (noisy, DIGITS))
        y, truth = (getattr(t, f"y_{part}") for t in (noisy, DIGITS))
        wrong = round(share * len(true)) if on in (part, "both") else 0
        assert (labels != true).sum() == wrong
        assert (y == np.eye(10)[labels]).all()
        assert ((y - truth) ** 2).mean() == pytest.approx(2 * wrong / len(true) / 10)


def test_wrong_labels_are_each_other_class_alike_and_more_hold_fewer():
    task = tasks.load("digits", n_train=1200, n_test=100)
    few, many = (tasks.with_label_noise(task, share, seed=5) for share in (0.2, 0.9))
    wrong = few.labels_train != task.labels_train
    assert (many.labels_train[wrong] == few.labels_train[wrong]).all()
    shift = (many.labels_train - task.labels_train) % 10
    assert stats.chisquare(np.bincount(shift, minlength=10)[1:]).pvalue > 1e-4


def test_targets_keep_their_two_values():
    task = replace(DIGITS, y_train=2 * DIGITS.y_train - 1)
    noisy = tasks.with_label_noise(task, 0.5)
    assert (noisy.y_train == 2 * np.eye(10)[noisy.labels_train] - 1).all()


@pytest.mark.filterwarnings("ignore:the training data say nothing")
def test_wrong_test_labels_cost_a_blind_space_nothing():
    """One-hot rows have one length: without training data near, the bits are as they were."""
    space = ib.GaussianSpace(ib.kernels.RBF(1e-3))
    noisy = tasks.with_label_noise(DIGITS, 0.4, on="test")
    assert bits(noisy, 0.5, space) == pytest.approx(bits(DIGITS, 0.5, space), rel=1e-10)
    assert bits(noisy) > bits(DIGITS) + 1


# --- fewer examples, classes, unions --------------------------------------------------------------


def test_fewer_examples_are_among_more():
    found = [tasks.with_fewer_examples(DIGITS, n, seed=2) for n in (10, 60, 120)]
    rows = [[x.tobytes() for x in t.X_train] for t in found]
    assert set(rows[0]) < set(rows[1]) < set(rows[2])
    assert (found[2].X_train == DIGITS.X_train).all()
    label = {x.tobytes(): c for x, c in zip(DIGITS.X_train, DIGITS.labels_train, strict=True)}
    assert [label[row] for row in rows[1]] == list(found[1].labels_train)
    assert (found[1].y_train == np.eye(10)[found[1].labels_train]).all()


def test_some_classes_by_hand():
    few = tasks.with_classes(DIGITS, [7, 1])
    wanted = [(x, [7, 1].index(c)) for x, c in zip(DIGITS.X_test, DIGITS.labels_test, strict=True)
              if c in (7, 1)]  # fmt: skip
    assert few.labels_test.tolist() == [c for _, c in wanted]
    assert (few.X_test == [x for x, _ in wanted]).all()
    assert few.y_test.tolist() == [[1.0, 0.0] if c == 0 else [0.0, 1.0] for _, c in wanted]
    named = replace(DIGITS, output_names=list("abcdefghij"))
    assert tasks.with_classes(named, [7, 1]).output_names == ("h", "b")


def test_a_union_of_classes_is_the_task_again():
    parts = [tasks.with_classes(DIGITS, c) for c in ([3, 0, 8, 1, 2], [4, 5, 6, 7, 9])]
    both = tasks.union(*parts)
    assert bits(both) == pytest.approx(bits(DIGITS), rel=1e-9)
    assert (both.y_train == np.eye(10)[both.labels_train]).all()
    assert both.input_shape == (8, 8) and both.kind == "image"


def test_a_union_of_tasks_that_are_far_apart():
    """Neither says anything of the other: the moments are those of the parts, put together."""
    one = tasks.load("synthetic", n_train=15, n_test=12, ambient=4, outputs=1)
    two = tasks.load("synthetic", n_train=20, n_test=7, ambient=4, outputs=3, seed=1)
    two = replace(two, X_train=two.X_train + 1e3, X_test=two.X_test + 1e3)
    space = ib.GaussianSpace(ib.kernels.RBF(1.0), noise=0.01)
    law = space.loss_law(tasks.union(one, two))
    total, square = 0.0, 0.0
    for task, others in ((one, 3), (two, 1)):
        K, across = (space.kernel(task.X_train, X).numpy() for X in (task.X_train, task.X_test))
        A = np.linalg.inv(K + 0.01 * np.eye(len(K)))
        C = space.kernel(task.X_test, task.X_test).numpy() - across.T @ A @ across
        R = across.T @ A @ task.y_train - task.y_test
        k = task.n_outputs + others
        total += k * np.trace(C) + (R**2).sum()
        square += 2 * k * (C**2).sum() + 4 * np.trace(R.T @ C @ R)
    numbers = 19 * 4
    assert law.mean() == pytest.approx(total / numbers, rel=1e-9)
    assert law.variance() == pytest.approx(square / numbers**2, rel=1e-9)


# --- what is not seen -----------------------------------------------------------------------------


def test_one_square_an_image_is_hidden_inside_a_larger_one():
    task = replace(DIGITS, X_train=1 + DIGITS.X_train, X_test=1 + DIGITS.X_test)
    found = {side: tasks.with_occlusion(task, side, seed=1) for side in (0, 3, 5, 8)}
    assert (found[0].X_train == task.X_train).all() and not found[8].X_test.any()
    corners = []
    for image, more, old in zip(
        found[3].X_train.reshape(-1, 8, 8),
        found[5].X_train.reshape(-1, 8, 8),
        task.X_train.reshape(-1, 8, 8),
        strict=True,
    ):
        rows, columns = np.nonzero(image == 0)
        corners.append((rows.min(), columns.min()))
        square = np.ix_(range(rows.min(), rows.min() + 3), range(columns.min(), columns.min() + 3))
        expected = old.copy()
        expected[square] = 0
        assert (image == expected).all() and not more[square].any()
    counts = np.bincount(6 * np.array(corners)[:, 0] + np.array(corners)[:, 1], minlength=36)
    assert stats.chisquare(counts).pvalue > 1e-4


def test_all_channels_are_hidden():
    colours = np.ones((4, 3 * 5 * 6))
    y = np.eye(2)[[0, 1, 0, 1]]
    task = ib.Task(colours, y, colours, y, input_shape=(3, 5, 6))
    hidden = tasks.with_occlusion(task, 2, value=7).X_train.reshape(4, 3, 5, 6) == 7
    assert (hidden.sum(axis=(2, 3)) == 4).all() and (hidden == hidden[:, :1]).all()


@pytest.mark.parametrize("kernel", [ib.kernels.RBF(2.0), ib.kernels.Matern(2.0, nu=1.5)])
def test_inputs_that_are_not_seen_are_as_if_they_were_not_there(kernel):
    some = tasks.partly_observed(DIGITS, 0.5, seed=4)
    seen = np.flatnonzero(np.any(some.X_train, axis=0) | np.any(some.X_test, axis=0))
    assert len(seen) <= 32
    cut = ib.Task(DIGITS.X_train[:, seen], DIGITS.y_train, DIGITS.X_test[:, seen], DIGITS.y_test)
    space = ib.GaussianSpace(kernel, noise=1e-3)
    assert bits(some, space=space) == pytest.approx(bits(cut, space=space), rel=1e-9)
    fewer = tasks.partly_observed(DIGITS, 0.25, seed=4)
    assert (fewer.X_train[:, (some.X_train == 0).all(axis=0)] == 0).all()
    ones = replace(NUMBERS, X_train=np.ones((30, 20)))
    for share in (0.01, 0.33, 1):
        counts = tasks.partly_observed(ones, share).X_train.sum(axis=1)
        assert (counts == max(1, round(20 * share))).all()


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("knob", "message"),
    [
        (lambda: tasks.with_noise_inputs(DIGITS, -1), "k: found -1"),
        (lambda: tasks.with_noise_inputs(replace(NUMBERS, X_train=np.ones((30, 20))), 2), "all co"),
        (
            lambda: tasks.with_noise_inputs(replace(NUMBERS, X_train=np.full((30, 20), 0.1)), 2),
            "all constant",
        ),
        (lambda: tasks.with_label_noise(DIGITS, 1.2), "share: found 1.2"),
        (lambda: tasks.with_label_noise(DIGITS, 0.1, on="tests"), "on: .*Did you mean 'test'"),
        (lambda: tasks.with_label_noise(NUMBERS, 0.1), "no labels_train; give a task of classes"),
        (
            lambda: tasks.with_label_noise(
                replace(DIGITS, y_train=2.0 * DIGITS.y_train + 1e-3 * np.eye(120, 10)), 0.1
            ),
            "not one-hot",
        ),
        (lambda: tasks.with_fewer_examples(DIGITS, 121), "n: found 121"),
        (lambda: tasks.with_fewer_examples(DIGITS, 0), "n: found 0"),
        (lambda: tasks.with_classes(DIGITS, [1]), r"classes: found \[1\]; give at least two"),
        (lambda: tasks.with_classes(DIGITS, [1, 1]), "each once"),
        (lambda: tasks.with_classes(DIGITS, [1, 10]), "classes: found 10"),
        (lambda: tasks.with_classes(NUMBERS, [0, 1]), "no labels_train"),
        (lambda: tasks.with_occlusion(DIGITS, 9), "side: found 9"),
        (lambda: tasks.with_occlusion(DIGITS, 2, value=np.nan), "value: found nan"),
        (lambda: tasks.with_occlusion(NUMBERS, 2), "read as 'vector'.*partly_observed"),
        (lambda: tasks.partly_observed(DIGITS, 0), "share: found 0, of which nothing"),
        (lambda: tasks.union(DIGITS, NUMBERS), "second: found 20 inputs where first has 64"),
        (lambda: tasks.union(DIGITS, DIGITS.X_train), "second: "),
    ],
)
def test_what_is_refused_is_named(knob, message):
    with pytest.raises(ValueError, match=message):
        knob()


def test_unions_keep_what_both_say():
    wine = tasks.load("wine")
    both = tasks.union(wine, wine)
    assert both.input_names == wine.input_names and both.n_outputs == 6
    other = replace(wine, input_names=wine.input_names[::-1])
    with pytest.raises(ValueError, match="other names of inputs"):
        tasks.union(wine, other)
    flat = replace(DIGITS, input_shape=(64,), kind="vector", labels_test=None)
    mixed = tasks.union(DIGITS, flat)
    assert mixed.input_shape == (64,) and mixed.labels_test is None
    assert mixed.labels_train.max() == 19
