"""Checks of chapter 14, your own data."""

from __future__ import annotations

import functools

import numpy as np

from ..bias.inductive_bias import inductive_bias
from ..spaces.gaussian import GaussianSpace
from ..tasks import Task
from .blocks import Check, callable_gives, choice, number


def _explained(loss: float, y_train: np.ndarray, y_test: np.ndarray) -> float:
    return float(1 - loss / np.mean((y_test - np.mean(y_train)) ** 2))


def _by_the_test_mean(loss: float, y_train: np.ndarray, y_test: np.ndarray) -> float:
    return float(1 - loss / np.var(y_test))


def _by_training_rows(loss: float, y_train: np.ndarray, y_test: np.ndarray) -> float:
    return float(1 - loss / np.var(y_train))


def _left(loss: float, y_train: np.ndarray, y_test: np.ndarray) -> float:
    return 1 - _explained(loss, y_train, y_test)


_CASES: list[tuple] = [
    (0.3, np.array([0.0, 1.0, 5.0]), np.array([2.0, 2.5, 7.0])),
    (4.0, np.array([-1.0, 1.0]), np.array([1.0, 2.0, 3.0])),
]


@functools.cache
def _half(seed: int) -> float:
    from sklearn.datasets import load_diabetes

    table = load_diabetes(as_frame=True, scaled=False).frame
    task = Task.from_frame(table, target="target", seed=seed)
    law = GaussianSpace.fit(task).loss_law(task)
    constant = float(np.mean((task.y_test - task.y_train.mean()) ** 2))
    return float(inductive_bias(law, 0.5 * constant).bits)


CHECKS: dict[str, Check] = {
    "14.1": callable_gives(
        _explained,
        _CASES,
        decimals=6,
        slips={
            "That answers with the mean of the test targets, which nobody knows.": (
                _by_the_test_mean
            ),
            "That is the loss of the mean on the training targets.": _by_training_rows,
            "That is what is left to explain.": _left,
        },
    ),
    "14.2": number(
        10.0,
        slips={
            "Does a column that never varies say anything?": 11.0,
            "A gap that was filled leaves a column that says so.": 9.0,
        },
    ),
    "14.3": choice("time", ["random", "groups", "time"]),
    "14.4": number(
        lambda: _half(1),
        decimals=1,
        unit="bits",
        between=(0.0, 1000.0),
        slips={"That is for seed 0.": lambda: _half(0)},
    ),
}
