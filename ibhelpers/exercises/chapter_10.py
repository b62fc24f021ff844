"""Checks of chapter 10, networks as hypotheses."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsRegressor

from .. import kernels, tasks
from ..bias.inductive_bias import inductive_bias
from ..laws.generalized_chi2 import GeneralizedChi2
from ..spaces.gaussian import GaussianSpace
from .blocks import Check, callable_gives, number


def _stacked_losses(W, X, Y) -> np.ndarray:
    return ((X @ W - Y) ** 2).mean(axis=(1, 2))


def _stack_of(S: int, n: int, d: int, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(S)
    W, X, Y = (rng.standard_normal(shape) for shape in ((S, d, k), (n, d), (n, k)))
    return W, X, Y


def _fitted_median(train_loss, test_loss, limit) -> float:
    return float(np.median(test_loss[(train_loss <= limit) & np.isfinite(test_loss)]))


_TRAIN = np.array([0.03, 0.01, 0.02, np.nan, 0.02, 0.05])
_TEST = np.array([0.09, 0.06, 0.07, np.nan, np.nan, 0.01])


@functools.cache
def _digits() -> tuple[tasks.Task, GeneralizedChi2]:
    task = tasks.load("digits", n_train=100, n_test=500)
    return task, GaussianSpace(kernels.RBF(2.0)).loss_law(task)


def _bits_of_a_constant(share_of_mean: float = 1.0) -> float:
    task, law = _digits()
    constant = share_of_mean * task.y_train.mean(axis=0)
    return float(inductive_bias(law, ((task.y_test - constant) ** 2).mean()).bits)


def _provided(law, task, model) -> float:
    return _provided_on(law, model.fit(task.X_train, task.y_train), task.X_test, task.y_test)


def _provided_on(law, model, X, y) -> float:
    return float(inductive_bias(law, ((model.predict(X) - y) ** 2).mean()).bits)


def _provided_in_training(law, task, model) -> float:
    return _provided_on(law, model.fit(task.X_train, task.y_train), task.X_train, task.y_train)


def stacked(cases: Sequence[tuple]) -> Check:
    """The mean squared errors of a stack of linear networks."""
    return callable_gives(
        _stacked_losses,
        cases,
        slips={
            "Those are sums of squares; the mean is asked for, over examples and outputs.": (
                lambda W, X, Y: _stacked_losses(W, X, Y) * Y.size
            ),
            "Those are sums over the outputs; the mean is over the outputs, too.": (
                lambda W, X, Y: _stacked_losses(W, X, Y) * Y.shape[1]
            ),
        },
    )


def fitted(cases: Sequence[tuple]) -> Check:
    """The median test loss of the networks that fit."""
    return callable_gives(
        _fitted_median,
        cases,
        slips={
            "That is the mean; the median is asked for.": (
                lambda train, test, limit: np.nanmean(test[train <= limit])
            ),
            "That is the median of all; only those count that fit.": (
                lambda train, test, limit: np.nanmedian(test)
            ),
            "A training loss of exactly the limit is small enough.": (
                lambda train, test, limit: np.nanmedian(test[train < limit])
            ),
        },
    )


def networks_for(bits: float) -> Check:
    """The smallest number of networks of which none must reach the target, for so many bits.

    No hit in S draws certifies p < 1 - 0.025^(1/S); that should be 2^-bits.
    """

    def enough(doubt: float) -> float:
        return math.log(doubt) / math.log1p(-(2.0**-bits))

    return number(
        lambda: math.ceil(enough(0.025)),
        slips={
            f"2^{bits:g} networks support fewer than {bits:g} bits: a target is also missed by bad "
            "luck.": 2.0**bits,
            "One fewer than needed: round up.": lambda: math.floor(enough(0.025)),
            "That is for 95 % at one side; the limits of the course leave 2.5 % there.": (
                lambda: math.ceil(enough(0.05))
            ),
        },
    )


CHECKS: dict[str, Check] = {
    "10.1": stacked([_stack_of(3, 7, 4, 2), _stack_of(5, 2, 3, 1)]),
    "10.2": fitted([(_TRAIN, _TEST, limit) for limit in (1.0, 0.02, 0.03, 0.01)]),
    "10.3": networks_for(10),
    "10.4": number(
        _bits_of_a_constant,
        decimals=0,
        between=(0, 1e7),
        unit="bits",
        slips={"That is for answering 0 always.": lambda: _bits_of_a_constant(0.0)},
    ),
    "10.5": callable_gives(
        _provided,
        [
            (lambda: _digits()[1], lambda: _digits()[0], model)
            for model in (DummyRegressor(), Ridge(1.0), KNeighborsRegressor(3))
        ],
        decimals=2,
        slips={"That is for the loss on the training set.": _provided_in_training},
    ),
}
