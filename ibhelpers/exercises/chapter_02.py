"""Checks of chapter 02, hypothesis spaces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import torch
from scipy.stats import kstest

import ibhelpers as ib

from .blocks import Check, array, number


def _sine_task(outputs: int = 1) -> ib.Task:
    """The task of the chapter, sin 3x seen at five points; further outputs are shifted sines."""
    x_train = np.array([[-0.8], [0.5], [-0.2], [0.9], [0.15]])
    x_test = np.linspace(-1, 1, 40)[:, None]
    shift = np.arange(outputs)
    return ib.Task(x_train, np.sin(3 * x_train + shift), x_test, np.sin(3 * x_test + shift))


def _posterior_mean(kernel: Any, inputs: Sequence[float]) -> np.ndarray:
    task, where = _sine_task(), np.array(inputs)[:, None]
    there = ib.Task(task.X_train, task.y_train, where, np.sin(3 * where))
    return ib.GaussianSpace(kernel).posterior(there).mean.numpy()


def losses_from(mean, covariance, y_test, n, seed):
    """Losses of n hypotheses drawn from a posterior: steps 3 to 5 of Algorithm 1.

    Chapter 02 draws with it when exercise 02.4 has no answer.
    """
    variance, directions = torch.linalg.eigh(covariance)
    root = directions * variance.clamp(min=0).sqrt()
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n, *mean.shape, dtype=torch.float64, generator=generator)
    return ((mean + root @ z - y_test) ** 2).mean(dim=(1, 2))


def _draws_the_right_losses(answer: Any) -> list[str]:
    """Compare the losses that a function draws with their exact law, on a task of two outputs."""
    if not callable(answer):
        return ["Give the function itself: its name, without arguments or parentheses."]
    task, space, n = _sine_task(outputs=2), ib.GaussianSpace(ib.kernels.RBF(0.4)), 4000
    posterior = space.posterior(task)
    given = posterior.mean, posterior.covariance, torch.tensor(task.y_test)
    try:
        losses, again, other = (answer(*(x.clone() for x in given), n, seed) for seed in (5, 5, 6))
    except Exception as error:
        return [f"With 40 test points and two outputs it raised {type(error).__name__}: {error}"]
    if losses is None:
        return ["It returned nothing. Is there a `return`?"]
    if tuple(np.shape(losses)) != (n,):
        return [
            f"For S = {n} and two outputs it should return the shape ({n},), one loss "
            f"a hypothesis; found {tuple(np.shape(losses))}."
        ]
    if getattr(losses, "dtype", None) not in (torch.float64, np.dtype("float64")):
        return ["The losses are not float64: give the tensors dtype=torch.float64."]
    losses, again, other = (np.asarray(drawn) for drawn in (losses, again, other))
    if np.isnan(losses).any():
        return ["Some losses are NaN: rounding leaves tiny negative variances; take them as 0."]
    if not (losses == again).all():
        return ["The same seed gave different losses: draw from a generator of your own."]
    if (losses == other).all():
        return ["Two different seeds gave the same losses."]
    return _against_the_law(losses, task, space)


def _against_the_law(losses: np.ndarray, task: ib.Task, space: ib.GaussianSpace) -> list[str]:
    law, size = space.loss_law(task), task.n_test * task.n_outputs
    if kstest(losses, law.cdf).pvalue > 1e-6:
        return []
    if kstest(losses / size, law.cdf).pvalue > 1e-6:
        return ["The squared errors are summed; the loss is their mean."]
    if kstest(losses / task.n_outputs, law.cdf).pvalue > 1e-6:
        return ["The squared errors are summed over the outputs; the loss is their mean."]
    if kstest(losses**2, law.cdf).pvalue > 1e-6:
        return ["These are roots of mean squared errors; leave out the square root."]
    off = (losses.mean() - law.mean()) / math.sqrt(law.variance() / len(losses))
    where = "too large" if off > 5 else "too small" if off < -5 else "right on average, but spread"
    words = f"The losses do not follow the exact law: they are {where}"
    return [f"{words}{' wrongly' if abs(off) <= 5 else f' by {abs(off):.0f} standard errors'}."]


@cache
def _costs(by: str) -> dict[float, float]:
    """Bits for 0.01 on the digits at every lengthscale; the data choose the rest, or nothing."""
    digits = ib.tasks.load("digits", n_train=200, n_test=100, seed=0)
    found = {}
    for ell in (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0):
        kernel = ib.kernels.RBF(ell)
        if by == "bits at amplitude 1":
            space = ib.GaussianSpace(kernel)
        else:
            space = ib.GaussianSpace.fit(digits, kernel, hold="lengthscale")
        found[ell] = ib.inductive_bias(space.loss_law(digits), 0.01).bits
    return found


def _best_lengthscale(*, by: str) -> float:
    costs = _costs(by)
    return min(costs, key=costs.__getitem__)


def _of_cubics(x: float, y: float) -> float:
    return sum((x * y) ** power for power in range(4))


def covariance_of_cubics(x: float, y: float) -> Check:
    """The covariance of a random cubic's values at two inputs."""
    return number(
        lambda: _of_cubics(x, y),
        decimals=3,
        slips={
            "That is the variance at the first input; the second is another one.": (
                lambda: _of_cubics(x, x)
            ),
            "That is the correlation; the covariance is asked for.": (
                lambda: _of_cubics(x, y) / math.sqrt(_of_cubics(x, x) * _of_cubics(y, y))
            ),
            "The constant term is missing.": lambda: _of_cubics(x, y) - 1,
        },
    )


def left_by_one_example(lengthscales: float) -> Check:
    """The standard deviation so many lengthscales away from a value that is known."""
    covariance = math.exp(-(lengthscales**2) / 2)
    return number(
        lambda: math.sqrt(1 - covariance**2),
        decimals=3,
        slips={
            "That is the variance; the standard deviation is asked for.": 1 - covariance**2,
            "The covariance enters squared: once in A, and once beside it.": (
                math.sqrt(1 - covariance)
            ),
            "That is the covariance with the known value.": covariance,
        },
    )


def rougher_mean(lengthscale: float, inputs: Sequence[float]) -> Check:
    """The posterior mean of the sine under a Matérn kernel."""
    return array(
        lambda: _posterior_mean(ib.kernels.Matern(lengthscale=lengthscale, nu=1.5), inputs),
        decimals=4,
        slips={
            "That is the mean under the RBF kernel; the Matérn kernel is asked for.": (
                lambda: _posterior_mean(ib.kernels.RBF(lengthscale), inputs)
            ),
            "That is the truth, not the posterior mean.": (
                lambda: np.sin(3 * np.array(inputs)[:, None])
            ),
        },
    )


CHECKS: dict[str, Check] = {
    "02.1": covariance_of_cubics(0.5, -0.5),
    "02.2": left_by_one_example(1.0),
    "02.3": rougher_mean(0.5, (-0.5, 0.3, 0.7)),
    "02.4": Check("a function, right in law", _draws_the_right_losses),
    "02.5": number(
        lambda: _best_lengthscale(by="bits"),
        between=(0, 1e7),
        slips={
            "That one needs the fewest at amplitude 1; let the data choose the amplitude.": (
                lambda: _best_lengthscale(by="bits at amplitude 1")
            ),
            "That is the number of bits; which lengthscale needs them?": (
                lambda: min(_costs("bits").values())
            ),
        },
    ),
}
