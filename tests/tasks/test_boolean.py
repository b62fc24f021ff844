"""Boolean functions as tasks."""

import numpy as np
import pytest

from ibhelpers import tasks


@pytest.mark.parametrize("n", [1, 3, 4])
def test_landmarks(n):
    for name, rule in {
        "constant": lambda x: True,
        "first": lambda x: x[0] > 0,
        "and": lambda x: all(x > 0),
        "majority": lambda x: 2 * (x > 0).sum() >= n,
        "parity": lambda x: (x < 0).sum() % 2 == 0,
    }.items():
        task = tasks.load("boolean", function=name, inputs=n)
        assert len({tuple(x) for x in task.X_test}) == 2**n == task.n_train
        assert [bool(label) for label in task.labels_test] == [rule(x) for x in task.X_test]
        np.testing.assert_array_equal(task.y_test, np.eye(2)[task.labels_test])
        np.testing.assert_array_equal(task.X_train, task.X_test)


def test_a_function_of_ones_own_and_a_split():
    f = np.random.default_rng(0).choice([-1, 1], 16)
    whole = tasks.load("boolean", function=f)
    split = tasks.load("boolean", function=f, n_train=10, seed=3)
    assert (split.n_train, split.n_test) == (10, 6)
    at = {tuple(x): label for x, label in zip(whole.X_test, whole.labels_test, strict=True)}
    assert list(2 * whole.labels_test - 1) == list(f)
    for X, labels in (
        (split.X_train, split.labels_train),
        (split.X_test, split.labels_test),
    ):
        assert [at[tuple(x)] for x in X] == list(labels)
    assert not {tuple(x) for x in split.X_train} & {tuple(x) for x in split.X_test}
    other = tasks.load("boolean", function=f, n_train=10, seed=4)
    assert (other.X_train != split.X_train).any()
    assert tasks.load("boolean", n_train=10, n_test=2).n_test == 2
    halves = tasks.load("boolean", function="first", inputs=10, n_train=512, n_test=128)
    assert abs(halves.labels_test.sum() - 64) < 4 * 5.3  # deviations, drawn without replacement
    first, second = (tasks.load("boolean", function="random", seed=s) for s in (0, 1))
    assert (first.labels_test != second.labels_test).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"function": "xor"}, "function: found 'xor'"),
        ({"function": [1, -1]}, "function: found shape"),
        ({"function": [0] * 16}, "function: found shape"),
        ({"inputs": 0}, "inputs: found 0"),
        ({"inputs": 15}, "inputs: found 15"),
        ({"n_train": 16}, "n_train: found 16"),
        ({"n_train": 0}, "n_train: found 0"),
        ({"n_train": 10, "n_test": 7}, "n_test: found 7"),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        tasks.load("boolean", **options)
