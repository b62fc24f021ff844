"""Checks of chapter 07, four tasks."""

from __future__ import annotations

import functools
import math

import numpy as np

from .. import kernels, tasks
from ..bias.inductive_bias import inductive_bias
from ..laws.generalized_chi2 import GeneralizedChi2
from ..spaces.gaussian import GaussianSpace
from ..tasks import Task
from .blocks import Check, number

_MNIST_BITS = 2449.7  # at a tenth of the constant's loss, as the exercise says


@functools.cache
def _task(name: str) -> Task:
    options = {"balanced": False} if name == "mnist" else {}
    return tasks.load(name, n_train=1000, n_test=500, seed=0, **options)


def _constant_loss(task: Task) -> float:
    return float(((task.y_test - task.y_train.mean(axis=0)) ** 2).mean())


@functools.cache
def _space(name: str) -> GaussianSpace:
    """The space that the training data choose."""
    return GaussianSpace.fit(_task(name))


def _law(name: str) -> GeneralizedChi2:
    return _space(name).loss_law(_task(name))


@functools.cache
def _fraction(nats: float = _MNIST_BITS * math.log(2)) -> float:
    return float(_law("cifar10").ilogcdf(-nats)) / _constant_loss(_task("cifar10"))


@functools.cache
def _hundred() -> float:
    digits = _task("mnist")
    first = Task(digits.X_train, digits.y_train, digits.X_test[:100], digits.y_test[:100])
    return inductive_bias(_space("mnist").loss_law(first), _constant_loss(first) / 10).bits


def _half_median(name: str) -> kernels.RBF:
    return kernels.RBF(0.5 * kernels.RBF.from_median(_task(name).X_train).lengthscale)


@functools.cache
def _best_amplitude() -> float:
    """s* = tr(Yᵀ K⁻¹ Y) / (nk), at half the median distance."""
    digits = _task("mnist")
    K = np.asarray(_half_median("mnist")(digits.X_train, digits.X_train))
    Y = digits.y_train
    return float((Y * np.linalg.solve(K, Y)).sum()) / Y.size


@functools.cache
def _loss_of_neighbours(name: str) -> float:
    from sklearn.neighbors import KNeighborsRegressor  # here, because it takes a second to import

    task = _task(name)
    neighbours = KNeighborsRegressor(5).fit(task.X_train, task.y_train)
    return float(np.square(neighbours.predict(task.X_test) - task.y_test).mean())


def _as_good_as_neighbours(name: str) -> float:
    return inductive_bias(_law(name), _loss_of_neighbours(name)).bits


@functools.cache
def _neighbours_at_amplitude_1(name: str) -> float:
    law = GaussianSpace(_half_median(name)).loss_law(_task(name))
    return inductive_bias(law, _loss_of_neighbours(name)).bits


CHECKS: dict[str, Check] = {
    "07.1": number(
        19 / 400,
        decimals=4,
        slips={
            "That is the loss of answering 0 everywhere; the constant answers 1/20.": 1 / 20,
            "That is the sum over the twenty outputs; the loss is their mean.": 19 / 20,
        },
    ),
    "07.2": number(
        _fraction,
        decimals=3,
        between=(0, 100),
        slips={
            "That is the target error; which fraction of the constant's loss is it?": lambda: (
                _fraction() * _constant_loss(_task("cifar10"))
            ),
            "Bits are not nats: log P is minus the bits times log 2.": lambda: _fraction(
                _MNIST_BITS
            ),
        },
    ),
    "07.3": number(
        _hundred,
        decimals=0,
        between=(-1e7, 1e7),
        unit="bits",
        slips={"That is a fifth of all; compute it for the hundred.": _MNIST_BITS / 5},
    ),
    "07.4": number(
        _best_amplitude,
        decimals=3,
        between=(0, 100),
        slips={
            "That is the sum over the ten outputs; there are nk numbers, not n.": lambda: (
                10 * _best_amplitude()
            ),
        },
    ),
    "07.5": number(
        lambda: _as_good_as_neighbours("mnist") - _as_good_as_neighbours("cifar10"),
        decimals=0,
        between=(-1e7, 1e7),
        unit="bits",
        slips={
            "That is the difference at amplitude 1; take the spaces that were chosen.": (
                lambda: _neighbours_at_amplitude_1("mnist") - _neighbours_at_amplitude_1("cifar10")
            ),
        },
    ),
}
