"""Checks of chapter 04, exact tails."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from .. import tasks
from ..laws.generalized_chi2 import GeneralizedChi2
from ..spaces.gaussian import GaussianSpace
from .blocks import Check, callable_gives, number


@functools.cache
def _law() -> GeneralizedChi2:
    """The law of the test loss on MNIST with which the chapter works."""
    task = tasks.load("mnist", n_train=1000, n_test=500, seed=0, balanced=False)
    return GaussianSpace.fit(task).loss_law(task)


def _bound_in_bits(x: float = 0.005) -> float:
    """The largest -(t x + psi(t)) over t > 0: its slope in t falls, so bisection finds the top."""
    law = _law()
    w, k, delta = law.weights, law.df, law.nc
    low, high = 0.0, math.log(float(k.sum() + delta.sum()) / x)
    for _ in range(100):
        t = math.exp((low + high) / 2)
        u = 2 * w * t
        slope = x - float((w * (k / (1 + u) + delta / (1 + u) ** 2)).sum())
        low, high = ((low + high) / 2, high) if slope < 0 else (low, (low + high) / 2)
    return _bound_at(t, x)


def _bound_at(t: float, x: float) -> float:
    law = _law()
    w, k, delta = law.weights, law.df, law.nc
    u = 2 * w * t
    exponent = t * x - float((k * torch.log1p(u) + delta * u / (1 + u)).sum()) / 2
    return -exponent / math.log(2)


def one_more_bit(law: Callable[[], GeneralizedChi2], target: float) -> Check:
    """By how much one more bit lowers the error, to first order."""

    def of_one_nat() -> float:
        return math.exp(law().logcdf(target) - law().logpdf(target))

    return number(
        lambda: math.log(2) * of_one_nat(),
        digits=3,
        between=(0, target),
        slips={
            "That is what one nat buys; how much is a bit?": of_one_nat,
            "That is a bit divided by log 2 where it should be multiplied.": (
                lambda: of_one_nat() / math.log(2)
            ),
        },
    )


def phi_sum(t, x, w, k, delta):
    """Exponent, slope and curvature at an array of complex t, for a law of several terms.

    Chapter 04 integrates with it when exercise 04.3 has no answer.
    """
    v = 1 + 2 * w * t[:, None]
    phi = t * x - (k / 2 * np.log(v) + delta / 2 * (1 - 1 / v)).sum(axis=1) - np.log(t)
    slope = x - (w * k / v + w * delta / v**2).sum(axis=1) - 1 / t
    curvature = (2 * w**2 * k / v**2 + 4 * w**2 * delta / v**3).sum(axis=1) + 1 / t**2
    return phi, slope, curvature


def _has_three_right_parts(answer: Any) -> list[str]:
    """Compare a function's exponent, slope and curvature with ours, at real and at complex t."""
    if not callable(answer):
        return ["Give the function itself: its name, without arguments or parentheses."]
    terms = np.array([1.0, 0.5, 0.2]), np.array([2.0, 1.0, 3.0]), np.array([0.0, 5.0, 1.0])
    for t in (np.array([2.0, 30.0]), np.array([2.0 + 1j, 7.0 - 3j, 0.5 + 40j, 1.0])):
        kind = "complex" if np.iscomplexobj(t) else "real"
        given = f"For three terms and {len(t)} {kind} numbers t: "
        try:
            parts = answer(t.copy(), 0.1, *(term.copy() for term in terms))
            parts = [np.asarray(part) for part in parts]
        except Exception as error:
            return [
                f"{given}it raised {type(error).__name__}, or returned no three arrays: {error}"
            ]
        if len(parts) != 3:
            return [f"{given}it should return φ, its slope and its curvature; found {len(parts)}."]
        for name, part, right in zip(_PARTS, parts, phi_sum(t, 0.1, *terms), strict=True):
            if part.shape != right.shape:
                return [f"{given}{name} should have the shape {right.shape}; found {part.shape}."]
            if np.iscomplexobj(right) and not np.iscomplexobj(part):
                return [f"{given}{name} is not complex."]
            if not np.allclose(part, right, rtol=1e-10, atol=0):
                return [f"{given}{name} is not right. (What comes before it is.)"]
    return []


_PARTS = ("φ", "the slope", "the curvature")


def _log_ccdf(x, w, k, delta) -> float:
    return GeneralizedChi2([w], k, delta).logccdf(x)


CHECKS: dict[str, Check] = {
    "04.1": number(
        lambda: _law().logcdf(0.005) / math.log(10),
        decimals=1,
        between=(-1e7, 1e7),
        slips={
            "That is the natural logarithm; the logarithm to base ten is asked for.": lambda: (
                _law().logcdf(0.005)
            ),
            "That is the logarithm to base two; the one to base ten is asked for.": lambda: (
                _law().logcdf(0.005) / math.log(2)
            ),
        },
    ),
    "04.2": number(
        _bound_in_bits,
        decimals=1,
        between=(0, 1e7),
        unit="bits",
        slips={
            "That is the exact number of bits; the bound guarantees a little less.": lambda: (
                -_law().logcdf(0.005) / math.log(2)
            ),
            "That is the bound at a target of 0.01.": lambda: _bound_in_bits(0.01),
            "That is the best t up to 350,000, where the figure's grid ends; a smaller target "
            "wants a larger t.": lambda: _bound_at(350_000.0, 0.005),
        },
    ),
    "04.3": Check("a function, right to ten digits", _has_three_right_parts),
    "04.4": one_more_bit(_law, 0.01),
    "04.5": callable_gives(
        _log_ccdf,
        [(120.0, 1.0, 3, 4), (9.0, 1.0, 3, 4), (1500.0, 0.5, 10, 0), (40.0, 2.0, 1, 7)],
        decimals=8,
        slips={
            "That is the logarithm of P(Q ≤ x); the other side is asked for.": (
                lambda x, w, k, delta: GeneralizedChi2([w], k, delta).logcdf(x)
            ),
            "That is the probability; its logarithm is asked for.": (
                lambda *arguments: math.exp(_log_ccdf(*arguments))
            ),
            "That is the logarithm to base two; the natural one is asked for.": (
                lambda *arguments: _log_ccdf(*arguments) / math.log(2)
            ),
        },
    ),
}
