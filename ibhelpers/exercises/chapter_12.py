"""Checks of chapter 12, error rates."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from .. import tasks
from ..bias.rare_event import error_within_bits
from ..kernels.stationary import RBF
from ..spaces.gaussian import GaussianSpace
from .blocks import Check, callable_gives, number


def _log_p(losses: np.ndarray, tau: float, log_z: float, target: float) -> float:
    reached = np.where(losses <= target, tau * (losses - target), -math.inf)
    return log_z + tau * target + math.log(np.exp(reached).mean())


def _of_those_that_reach(losses: np.ndarray, tau: float, log_z: float, target: float) -> float:
    reached = losses[losses <= target]
    return log_z + tau * target + math.log(np.exp(tau * (reached - target)).mean())


def _untilted(losses: np.ndarray, tau: float, log_z: float, target: float) -> float:
    return log_z + math.log((losses <= target).mean())


_LOSSES = np.array([0.02, 0.05, 0.08, 0.11, 0.05, 0.14])


@functools.cache
def _bought(amplitude: float | None = None) -> float:
    task = tasks.load("digits", n_train=50, n_test=20)
    space = GaussianSpace.fit(task)
    if amplitude is not None:
        space = GaussianSpace(amplitude * RBF(lengthscale=2.0))
    found = error_within_bits(space, task, loss="zero_one", bits=9, seed=0, particles=40)
    return float(found.target_error)


def independent_digits(digits: int, rate: float, errors: int) -> Check:
    """How many bits at most so many errors cost if digits are missed independently."""
    law = stats.binom(digits, rate)
    return number(
        lambda: -law.logcdf(errors) / math.log(2),
        decimals=1,
        unit="bits",
        slips={
            f"That is for exactly {errors} errors; fewer are good enough too.": (
                lambda: -law.logpmf(errors) / math.log(2)
            ),
            "That is the number of nats.": lambda: -law.logcdf(errors),
            "That is for no error at all.": lambda: -digits * math.log2(1 - rate),
        },
    )


def weights_off(cases: Sequence[tuple]) -> Check:
    """The logarithm of P from losses drawn with weights."""
    return callable_gives(
        _log_p,
        cases,
        decimals=6,
        slips={
            "That is the mean over the hypotheses that reach the target; it is over all of them, "
            "the others counting as 0.": _of_those_that_reach,
            "Where is the factor exp(tau loss), which takes the weights off again?": _untilted,
            "Where is Z(tau)?": lambda losses, tau, log_z, target: _log_p(losses, tau, 0.0, target),
        },
    )


def runs_together(bits: Sequence[float]) -> Check:
    """The bits of runs of a bridge, and of one that died out, together."""
    found = sum(2.0**-b for b in bits)
    return number(
        lambda: -math.log2(found / (len(bits) + 1)),
        decimals=1,
        unit="bits",
        slips={
            "That is the mean of the bits; it is P that the runs estimate without bias.": (
                sum(bits) / len(bits)
            ),
            "The run that died out has found something too: P = 0.": (
                lambda: -math.log2(found / len(bits))
            ),
        },
    )


def perfect_row(classes: int, bits: float) -> Check:
    """The temperature at which a perfect row has this cross-entropy."""
    rivals = classes - 1
    return number(
        lambda: 1 / math.log(rivals / (2**bits - 1)),
        decimals=2,
        slips={
            f"A row of {classes} classes has {rivals} rivals.": lambda: 1 / -math.log(2**bits - 1),
            f"That is for {bits:g} nats; the loss counts bits.": (
                lambda: 1 / math.log(rivals / math.expm1(bits))
            ),
            "Divide the outputs by the temperature; that multiplies them by it.": (
                lambda: math.log(rivals / (2**bits - 1))
            ),
        },
    )


CHECKS: dict[str, Check] = {
    "12.1": independent_digits(500, 0.1, 25),
    "12.2": weights_off(
        [(_LOSSES, 300.0, -41.5, 0.08), (_LOSSES, 12.0, -0.9, 0.05), (_LOSSES, 3e4, -5e3, 0.11)]
    ),
    "12.3": runs_together((20, 21, 24)),
    "12.4": perfect_row(10, 0.1),
    "12.5": number(
        _bought,
        decimals=2,
        between=(0.0, 20.0),
        slips={
            "That is the number of errors; divide it by that of the test digits.": (
                lambda: 20 * _bought()
            ),
            "That costs more than 9 bits.": lambda: _bought() - 0.05,
            "That is with amplitude 1; let the 50 digits choose.": lambda: _bought(1.0),
        },
    ),
}
