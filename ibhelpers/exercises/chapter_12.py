"""Checks of chapter 12, error rates."""

from __future__ import annotations

import functools
import math

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


CHECKS: dict[str, Check] = {
    "12.1": number(
        lambda: -stats.binom(500, 0.1).logcdf(25) / math.log(2),
        decimals=1,
        unit="bits",
        slips={
            "That is for exactly 25 errors; fewer are good enough too.": (
                lambda: -stats.binom(500, 0.1).logpmf(25) / math.log(2)
            ),
            "That is the number of nats.": lambda: -stats.binom(500, 0.1).logcdf(25),
            "That is for no error at all.": lambda: -500 * math.log2(0.9),
        },
    ),
    "12.2": callable_gives(
        _log_p,
        [(_LOSSES, 300.0, -41.5, 0.08), (_LOSSES, 12.0, -0.9, 0.05), (_LOSSES, 3e4, -5e3, 0.11)],
        decimals=6,
        slips={
            "That is the mean over the hypotheses that reach the target; it is over all of them, "
            "the others counting as 0.": _of_those_that_reach,
            "Where is the factor exp(tau loss), which takes the weights off again?": _untilted,
            "Where is Z(tau)?": lambda losses, tau, log_z, target: _log_p(losses, tau, 0.0, target),
        },
    ),
    "12.3": number(
        lambda: -math.log2((2**-20 + 2**-21 + 2**-24) / 4),
        decimals=1,
        unit="bits",
        slips={
            "That is the mean of the bits; it is P that the runs estimate without bias.": 65 / 3,
            "The run that died out has found something too: P = 0.": (
                lambda: -math.log2((2**-20 + 2**-21 + 2**-24) / 3)
            ),
        },
    ),
    "12.4": number(
        lambda: 1 / math.log(9 / (2**0.1 - 1)),
        decimals=2,
        slips={
            "A row of ten classes has nine rivals.": lambda: 1 / math.log(1 / (2**0.1 - 1)),
            "That is for 0.1 nats; the loss counts bits.": (
                lambda: 1 / math.log(9 / (math.exp(0.1) - 1))
            ),
            "Divide the outputs by the temperature; that multiplies them by it.": (
                lambda: math.log(9 / (2**0.1 - 1))
            ),
        },
    ),
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
