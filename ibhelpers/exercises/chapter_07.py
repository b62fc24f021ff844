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

_MNIST_BITS = 9861.8  # at a tenth of the constant's loss, as the exercise says


@functools.cache
def _task(name: str) -> Task:
    options = {"balanced": False} if name == "mnist" else {}
    return tasks.load(name, n_train=1000, n_test=500, seed=0, **options)


def _constant_loss(task: Task) -> float:
    return float(((task.y_test - task.y_train.mean(axis=0)) ** 2).mean())


def _law(task: Task) -> GeneralizedChi2:
    """The law under half the median distance."""
    median = kernels.RBF.from_median(task.X_train).lengthscale
    return GaussianSpace(kernels.RBF(median / 2)).loss_law(task)


@functools.cache
def _fraction(nats: float = _MNIST_BITS * math.log(2)) -> float:
    photos = _task("cifar10")
    return float(_law(photos).ilogcdf(-nats)) / _constant_loss(photos)


@functools.cache
def _hundred(*, own_target: bool = True) -> float:
    digits = _task("mnist")
    first = Task(digits.X_train, digits.y_train, digits.X_test[:100], digits.y_test[:100])
    target = _constant_loss(first if own_target else digits) / 10
    return inductive_bias(_law(first), target).bits


@functools.cache
def _unit_lengthscale(name: str) -> float:
    law = GaussianSpace(kernels.RBF(1.0)).loss_law(_task(name))
    return inductive_bias(law, 0.01).bits


@functools.cache
def _as_good_as_neighbours(name: str) -> float:
    from sklearn.neighbors import KNeighborsRegressor  # here, because it takes a second to import

    task = _task(name)
    neighbours = KNeighborsRegressor(5).fit(task.X_train, task.y_train)
    target = float(np.square(neighbours.predict(task.X_test) - task.y_test).mean())
    return inductive_bias(_law(task), target).bits


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
        slips={
            "That is a fifth of all; compute it for the hundred.": _MNIST_BITS / 5,
            "The target is a tenth of the constant's loss on the hundred, not on all 500.": (
                lambda: _hundred(own_target=False)
            ),
        },
    ),
    "07.4": number(
        lambda: _unit_lengthscale("cifar10") - _unit_lengthscale("mnist"),
        decimals=0,
        between=(-1e7, 1e7),
        unit="bits",
        slips={
            "That is what MNIST needs; how many more does CIFAR-10?": lambda: _unit_lengthscale(
                "mnist"
            ),
            "That is what CIFAR-10 needs; how many more than MNIST is it?": lambda: (
                _unit_lengthscale("cifar10")
            ),
        },
    ),
    "07.5": number(
        lambda: _as_good_as_neighbours("mnist") - _as_good_as_neighbours("cifar10"),
        decimals=0,
        between=(-1e7, 1e7),
        unit="bits",
        slips={
            "That is what MNIST needs; how many more than CIFAR-10 is it?": lambda: (
                _as_good_as_neighbours("mnist")
            ),
        },
    ),
}
