"""Checks of chapter 09, dimension, data, error."""

from __future__ import annotations

import functools
import math

import numpy as np

from .. import kernels, tasks
from ..bias import compare
from ..bias.inductive_bias import inductive_bias
from ..laws.generalized_chi2 import GeneralizedChi2
from ..spaces.gaussian import GaussianSpace
from ..tasks import Task
from .blocks import Check, callable_gives, number


@functools.cache
def _digits() -> Task:
    """The small task with which the exercises work."""
    return tasks.load("digits", n_train=300, n_test=200)


def _knowing_nothing(weight: float) -> float:
    law = GeneralizedChi2(weights=[weight], df=[50], nc=[0])
    return inductive_bias(law, 0.1).bits


@functools.cache
def _chosen() -> GaussianSpace:
    """The space that the 300 digits choose."""
    return GaussianSpace.fit(_digits())


@functools.cache
def _bits_by_examples() -> dict[int, float]:
    laws = _chosen().learning_curve(_digits(), [100, 300])
    return {n: inductive_bias(law, 0.015).bits for n, law in laws.items()}


def _saved() -> float:
    return _bits_by_examples()[100] - _bits_by_examples()[300]


def _examples_needed(task: Task, space: GaussianSpace, target: float, budget: float) -> float:
    # One size after the other, from scratch: not the way of the notebook's solution.
    for n in range(50, task.n_train + 1, 50):
        first = Task(task.X_train[:n], task.y_train[:n], task.X_test, task.y_test)
        if inductive_bias(space.loss_law(first), target).bits <= budget:
            return n
    return math.inf


def _likeliest_factor(lengthscale: float = 2.0, *, outputs: int = 10) -> float:
    """The evidence is highest where the whitened targets have a mean square of 1."""
    covariance = kernels.RBF(lengthscale)(_digits().X_train).numpy()
    whitened = np.linalg.solve(np.linalg.cholesky(covariance), _digits().y_train)
    return float((whitened**2).sum() / (len(whitened) * outputs))


@functools.cache
def _price_of_prediction(amplitude: float | None = None) -> float:
    """Bits of the lengthscale that predicts best, less the fewest bits."""
    choices = [
        (amplitude or _likeliest_factor(lengthscale)) * kernels.RBF(lengthscale)
        for lengthscale in (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
    ]
    table = compare.kernels(_digits(), choices, 0.01)
    return float(table.bits.iloc[table.leave_one_out_loss.argmin()] - table.bits.min())


CHECKS: dict[str, Check] = {
    # Squared distances grow by 9, distances by 3.
    "09.1": number(
        15.0,
        decimals=1,
        slips={
            "That is the factor of the squared distances; a lengthscale is a distance.": 45.0,
            "That is for blocks of 2 × 2.": 10.0,
            "The distances grow; do they make the lengthscale smaller?": 5 / 3,
        },
    ),
    "09.2": number(
        lambda: _knowing_nothing(1 / 50),
        decimals=1,
        between=(0, 1e7),
        unit="bits",
        slips={
            "That is for the sum of the squares; the loss is their mean.": (
                lambda: _knowing_nothing(1.0)
            ),
        },
    ),
    "09.3": number(
        lambda: _saved() / 200,
        decimals=2,
        between=(-1e7, 1e7),
        unit="bits",
        slips={
            "That is what all the examples save together.": _saved,
            "From 100 to 300 there are 200 more, not 300.": lambda: _saved() / 300,
            "Less what is still needed, not more: before minus after.": lambda: -_saved() / 200,
        },
    ),
    "09.4": callable_gives(
        _examples_needed,
        [
            (_digits, _chosen, 0.015, 200.0),
            (_digits, _chosen, 0.01, 400.0),
            (_digits, _chosen, 0.005, 100.0),
        ],
    ),
    "09.5": number(
        _likeliest_factor,
        decimals=3,
        between=(0, 1e6),
        slips={
            "Divide by the number of all targets, n k, not by the number of examples.": (
                lambda: _likeliest_factor(outputs=1)
            ),
            "That is the root of it: s multiplies variances.": (
                lambda: math.sqrt(_likeliest_factor())
            ),
            "That is one divided by it.": lambda: 1 / _likeliest_factor(),
        },
    ),
    "09.6": number(
        _price_of_prediction,
        decimals=1,
        between=(0, 1e7),
        unit="bits",
        slips={
            "That is with amplitude 1; give every lengthscale its best amplitude first.": (
                lambda: _price_of_prediction(1.0)
            ),
        },
    ),
}
