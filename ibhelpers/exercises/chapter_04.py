"""Checks of chapter 04, exact tails."""

from __future__ import annotations

import functools
import math

import numpy as np
import torch

from .. import kernels, tasks
from ..laws.generalized_chi2 import GeneralizedChi2
from ..spaces.gaussian import GaussianSpace
from .blocks import Check, all_of, callable_gives, number, satisfies


@functools.cache
def _law() -> GeneralizedChi2:
    """The law of the test loss on MNIST with which the chapter works."""
    task = tasks.load("mnist", n_train=1000, n_test=500, seed=0, balanced=False)
    return GaussianSpace(kernels.RBF(5.0)).loss_law(task)


def _bound_in_bits(x: float = 0.02) -> float:
    """The largest -(t x + K(t)) over t > 0: its slope in t falls, so bisection finds the top."""
    law = _law()
    w, k, delta = law.weights, law.df, law.nc
    low, high = 0.0, math.log(float(k.sum() + delta.sum()) / x)
    for _ in range(100):
        t = math.exp((low + high) / 2)
        u = 2 * w * t
        slope = x - float((w * (k / (1 + u) + delta / (1 + u) ** 2)).sum())
        low, high = ((low + high) / 2, high) if slope < 0 else (low, (low + high) / 2)
    exponent = t * x - float((k * torch.log1p(u) + delta * u / (1 + u)).sum()) / 2
    return -exponent / math.log(2)


def _step_of_one_bit() -> float:
    law = _law()
    return math.log(2) * math.exp(law.logcdf(0.05) - law.logpdf(0.05))


def _log_cdf(x, w, k, delta) -> float:
    return GeneralizedChi2(w, k, delta).logcdf(x)


def _has_twelve_digits_of_the_law(log_cdf) -> bool:
    """Whether a function for several terms has them at every target that the chapter then tries."""
    law = _law()
    terms = law.weights.numpy(), law.df.numpy(), law.nc.numpy()
    targets = (0.09, 0.05, 0.01, 0.001)
    return all(abs(float(log_cdf(x, *terms)) / law.logcdf(x) - 1) < 1e-12 for x in targets)


def _log_ccdf(x, w, k, delta) -> float:
    return GeneralizedChi2([w], k, delta).logccdf(x)


CHECKS: dict[str, Check] = {
    "04.1": number(
        lambda: _law().logcdf(0.01) / math.log(10),
        within=0.06,
        slips={
            "That is the natural logarithm; the logarithm to base ten is asked for.": lambda: (
                _law().logcdf(0.01)
            ),
            "That is the logarithm to base two; the one to base ten is asked for.": lambda: (
                _law().logcdf(0.01) / math.log(2)
            ),
        },
    ),
    "04.2": number(
        _bound_in_bits,
        within=0.06,
        unit="bits",
        slips={
            "That is the exact number of bits; the bound guarantees a little less.": lambda: (
                -_law().logcdf(0.02) / math.log(2)
            ),
            "That is the bound at a target of 0.05.": lambda: _bound_in_bits(0.05),
        },
    ),
    "04.3": all_of(
        callable_gives(
            _log_cdf,
            [
                (1.0, np.array([1.0]), np.array([3.0]), np.array([4.0])),
                (
                    0.1,
                    np.array([1.0, 0.5, 0.2]),
                    np.array([2.0, 1.0, 3.0]),
                    np.array([0.0, 5.0, 1.0]),
                ),
                (1e-4, np.array([2.0, 0.3]), np.array([1.0, 1.0]), np.array([0.5, 9.0])),
                (2.0, np.linspace(0.1, 1.0, 10), np.full(10, 4.0), np.linspace(0.0, 3.0, 10)),
            ],
            within=1e-8,
        ),
        callable_gives(  # nearly right: the next piece asks for all the digits
            _log_cdf,
            [
                (
                    0.05,
                    lambda: _law().weights.numpy(),
                    lambda: _law().df.numpy(),
                    lambda: _law().nc.numpy(),
                )
            ],
            within=1.0,
        ),
        satisfies(
            _has_twelve_digits_of_the_law,
            "It is right for a few terms; of the 500 terms of the digits' law it has fewer than "
            "twelve digits. Many terms want more nodes: take a hundred on each side.",
        ),
    ),
    "04.4": callable_gives(
        _log_ccdf,
        [(120.0, 1.0, 3, 4), (9.0, 1.0, 3, 4), (1500.0, 0.5, 10, 0), (40.0, 2.0, 1, 7)],
        within=1e-8,
    ),
    "04.5": number(
        _step_of_one_bit,
        within=1.5e-7,
        slips={
            "That is what one nat buys; how much is a bit?": lambda: (
                _step_of_one_bit() / math.log(2)
            ),
            "That is a bit divided by log 2 where it should be multiplied.": lambda: (
                _step_of_one_bit() / math.log(2) ** 2
            ),
        },
    ),
}
