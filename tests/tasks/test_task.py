"""A Task refuses what does not fit together, and says which argument and why."""

import math

import numpy as np
import pytest
import torch

from ibhelpers import Task, tasks

X, y = np.arange(12.0).reshape(6, 2), np.eye(3)[[0, 1, 2, 0, 1, 2]]


def make(X_train=X[:4], y_train=y[:4], X_test=X[4:], y_test=y[4:], **more):
    return Task(X_train, y_train, X_test, y_test, **more)


def test_what_it_holds():
    task = make(labels_train=[0, 1, 2, 0], name="mine", source="here")
    assert (task.n_train, task.n_test, task.n_inputs, task.n_outputs) == (4, 2, 2, 3)
    assert (task.kind, task.input_shape) == ("vector", (2,))
    assert task.labels_train.dtype == np.int64
    assert repr(task) == ("Task('mine': 4 training and 2 test examples, 2 inputs, 3 outputs)")


def test_arrays_are_copies_and_read_only():
    mine = X[:4].copy()
    task = make(mine)
    mine[0, 0] = 100.0
    assert task.X_train[0, 0] == 0.0
    with pytest.raises(ValueError, match="read-only"):
        task.X_train[0, 0] = 1.0


def test_an_array_that_owns_its_data_and_is_read_only_is_not_copied():
    mine = X[:4].copy()
    mine.flags.writeable = False
    assert np.shares_memory(make(mine).X_train, mine)
    base = X[:5].copy()
    view = base[:4]
    view.flags.writeable = False  # but its base can still change
    assert not np.shares_memory(make(view).X_train, base)


@pytest.mark.parametrize("given", [np.int32, np.uint8, np.float16, bool, np.float64])
def test_numbers_become_float64(given):
    assert make(X_train=np.ones((4, 2), given)).X_train.dtype == np.float64


def test_float32_stays_and_tensors_and_lists_are_welcome():
    assert make(X_train=X[:4].astype(np.float32)).X_train.dtype == np.float32
    tensor = torch.tensor(X[:4], requires_grad=True)
    np.testing.assert_array_equal(make(X_train=tensor).X_train, X[:4])
    np.testing.assert_array_equal(make(X_train=X[:4].tolist()).X_train, X[:4])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X_train": np.zeros((0, 2))}, r"X_train: found shape \(0, 2\), which is empty"),
        ({"X_train": [0.0, 1.0, 0.0, 1.0]}, r"X_train: .*ambiguous.*X_train\[:, None\]"),
        ({"y_train": [0.0, 1.0, 0.0, 1.0]}, "y_test: found 3 outputs .* where y_train has 1"),
        ({"X_train": np.zeros((4, 2, 1))}, r"X_train: .*reshape\(len\(X_train\), -1\)"),
        ({"X_train": [[1.0, 2.0], [3.0]]}, "X_train: .*rows must have equal lengths"),
        ({"X_train": np.array([["a", "b"]] * 4)}, "X_train: found data of type <U1"),
        ({"X_train": X[:4] * 1j}, "X_train: found data of type complex128"),
        ({"X_test": [[0.0, 1.0], [np.nan, 1.0]]}, r"X_test: found 1 .*\(nan\) in row 1, column 0"),
        ({"y_test": [[0, 1, np.inf], [0, 1, 0]]}, r"y_test: .*\(inf\) in row 0, column 2"),
        ({"y_train": y[:3]}, r"y_train: found 3 examples \(rows\) where X_train has 4"),
        ({"X_test": np.zeros((2, 5))}, r"X_test: found 5 inputs \(columns\) where X_train has 2"),
        ({"y_test": np.zeros((2, 1))}, r"y_test: found 1 outputs \(columns\) where y_train has 3"),
        ({"labels_train": [0, 1]}, "labels_train: found 2 labels for 4 examples"),
        ({"labels_test": [0, 3]}, "labels_test: found labels from 0 to 3, but y_test has 3"),
        ({"labels_test": [0.0, 1.0]}, "labels_test: .*whole number an example"),
        ({"input_shape": (3,)}, r"input_shape: \(3,\) has 3 entries, but each example has 2"),
        ({"kind": "imgae"}, "kind: found 'imgae'; .*Did you mean 'image'"),
        ({"kind": "episode"}, r"kind: 'episode' does not go with the input shape \(2,\)"),
        ({"output_names": ["a", "b"]}, "output_names: found 2 names for 3"),
        ({"input_names": ["a"]}, "input_names: found 1 names for 2"),
    ],
)
def test_bad_input(change, message):
    with pytest.raises(ValueError, match=message):
        make(**change)


def test_an_unknown_task_or_option_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"known are .*, cifar10, .*Did you mean 'omniglot'\?"):
        tasks.load("omniglott")
    with pytest.raises(ValueError, match=r"option of 'mnist': .*Did you mean 'n_train'\?"):
        tasks.load("mnist", ntrain=10)


@pytest.mark.parametrize(
    "name",
    [
        "breast_cancer",
        "cifar10",
        "diabetes",
        "digits",
        "few_shot",
        "mnist",
        "pendulum",
        "synthetic",
        "wine",
    ],
)
def test_every_task_says_what_it_is(name):
    task = tasks.load(name, n_train=20, n_test=10, seed=1)
    assert task.name == name
    assert task.source and task.scaling
    assert math.prod(task.input_shape) == task.n_inputs
    assert (task.n_train, task.n_test) == (20, 10)
    assert task.X_train.dtype == task.y_train.dtype == np.float64
    assert not task.X_train.flags.writeable


def test_available_names_what_load_knows():
    known = tasks.available()
    assert {"mnist", "fashion_mnist", "cifar10", "omniglot", "few_shot", "pendulum"} <= set(known)
    assert all(line.endswith(".") for line in known.values())
