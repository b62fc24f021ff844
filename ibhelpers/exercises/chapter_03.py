"""Checks of chapter 03, the law of the loss."""

from __future__ import annotations

import functools
import math

import numpy as np

from .. import kernels, tasks
from ..bias.inductive_bias import inductive_bias
from ..laws.generalized_chi2 import GeneralizedChi2
from ..spaces.gaussian import GaussianSpace
from .blocks import Check, array, number


def _bits_along(variance: float, error: float, target: float) -> float:
    """Of one direction of this variance and mean error."""
    law = GeneralizedChi2([variance], 1, error**2 / variance)
    return inductive_bias(law, target).bits


@functools.cache
def _spread_and_mean(share: float = 0.5) -> tuple[float, float]:
    """The mean loss on MNIST at a share of the chosen amplitude: from the spread, and all of it."""
    task = tasks.load("mnist", n_train=1000, n_test=500, seed=0, balanced=False)
    choice = GaussianSpace.fit(task).choice
    assert choice is not None
    kernel = share * choice.amplitude * choice.kernel
    law = GaussianSpace(kernel, noise=share * choice.noise).loss_law(task)
    return float((law.weights * law.df).sum()), law.mean()


def _fraction(share: float = 0.5) -> float:
    spread, mean = _spread_and_mean(share)
    return spread / mean


@functools.cache
def _first_impossible() -> int:
    """The smallest number of digits, from 20 on, with which no linear hypothesis reaches 0.05."""
    space = GaussianSpace(kernels.Linear())
    n = 20
    while space.loss_law(tasks.load("digits", n_train=n, n_test=100, seed=0)).offset <= 0.05:
        n += 1
    return n


def _weighted_bits(share: float, target: float, *, scale: float = 1.0) -> float:
    """On the sine of the chapter, with the first test point's share in the loss."""
    X, X_test = np.array([[0.0], [1.0], [2.5], [6.0]]), np.array([[4.0], [4.6]])
    task = tasks.Task(X, np.sin(X), X_test, np.sin(X_test))
    posterior = GaussianSpace(kernels.RBF(1.0)).posterior(task)
    root = np.sqrt([share, 1 - share])
    variance, directions = np.linalg.eigh(root[:, None] * posterior.covariance.numpy() * root)
    residual = directions.T @ (root * (posterior.mean.numpy() - task.y_test)[:, 0])
    law = GeneralizedChi2(scale * variance, 1, residual**2 / variance)
    return inductive_bias(law, target).bits


def weights_of_two(correlation: float) -> Check:
    """The weights of a loss at two points of variance 1 that move together."""
    less, more = (1 - abs(correlation)) / 2, (1 + abs(correlation)) / 2
    return array(
        [less, more],
        decimals=2,
        slips={
            "These are the variances along the two axes; the loss is a mean over two points.": [
                2 * less,
                2 * more,
            ],
            "Those are the weights of two independent points; these move together.": [0.5, 0.5],
            "In increasing order, please.": [more, less],
        },
    )


def cost_of_error(variance: float, error: float, target: float) -> Check:
    """How many bits more a mean error costs along one direction."""
    return number(
        lambda: _bits_along(variance, error, target) - _bits_along(variance, 0.0, target),
        decimals=1,
        between=(0, 1e7),
        unit="bits",
        slips={
            "That is the cost for a window that is tiny; take it as wide as it is.": (
                error**2 / variance / 2 / math.log(2)
            ),
            f"That is the whole cost at R = {error:g}; how much more is it than at R = 0?": (
                lambda: _bits_along(variance, error, target)
            ),
        },
    )


def weighted_loss(share: float, target: float) -> Check:
    """Bits on the sine of the chapter, with the first point's share in the loss."""
    return number(
        lambda: _weighted_bits(share, target),
        decimals=3,
        between=(0, 100),
        unit="bits",
        slips={
            "That is the loss in which both points count the same.": (
                lambda: _weighted_bits(0.5, target)
            ),
            "The two shares add up to 1 already; do not divide by 2 again.": (
                lambda: _weighted_bits(share, target, scale=0.5)
            ),
            "The first point has the share that you gave the second.": (
                lambda: _weighted_bits(1 - share, target)
            ),
        },
    )


CHECKS: dict[str, Check] = {
    "03.1": weights_of_two(0.8),
    "03.2": cost_of_error(0.05, 1.2, 0.01),
    "03.3": number(
        _fraction,
        decimals=2,
        between=(0, 100),
        slips={
            "That is the part that comes from the error; the other one is asked for.": lambda: (
                1 - _fraction()
            ),
            "That is the spread itself; divide it by the mean loss.": lambda: _spread_and_mean()[0],
            "That is at the chosen amplitude; take half of it.": lambda: _fraction(1.0),
            "The spread is halved, but the mean loss is not what it was, either.": lambda: (
                0.5 * _fraction(1.0)
            ),
        },
    ),
    "03.4": number(
        _first_impossible,
        between=(20, 200),
        slips={
            "One digit less or more: is 0.05 impossible for that many?": lambda: (
                _first_impossible() - 1
            ),
        },
    ),
    "03.5": weighted_loss(0.75, 0.05),
}
