"""Checks of chapter 05, tails from samples."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from .. import tasks
from ..bias.inductive_bias import inductive_bias
from ..bias.paper import released_bits
from ..laws import ScaledNoncentralChi2
from ..laws.generalized_chi2 import GeneralizedChi2
from ..spaces.gaussian import GaussianSpace
from .blocks import Check, callable_gives, number


@functools.cache
def _law() -> GeneralizedChi2:
    """The law of the test loss on the chapter's task."""
    task = tasks.load("mnist", n_train=1000, n_test=500, balanced=False)
    return GaussianSpace.fit(task).loss_law(task)


def _law_of_share(mean: float, variance: float, share: float) -> np.ndarray:
    total = 2 * (1 + share) * mean**2 / variance
    return np.array([(1 - share) * total, share * total, mean / total])


def _halving_the_closest() -> float:
    """Bits that the closest curve asks for when the target of 1e-6 is halved."""
    closest = ScaledNoncentralChi2.closest_to(_law())
    return float(np.diff(inductive_bias(closest, [1e-6, 5e-7]).bits)[0])


def _most_bits() -> float:
    law = ScaledNoncentralChi2(df=2000, nc=1700, scale=1.2e-4)
    return float(released_bits(law, 0.0))


def simplest_fit(mean: float, variance: float) -> Check:
    """The degrees of freedom of the scaled χ² with this mean and variance.

    The mean of scale χ²_df is scale df, its variance 2 scale² df.
    """
    return number(
        2 * mean**2 / variance,
        decimals=0,
        slips={"The variance of χ²_df is 2 df, not df.": mean**2 / variance},
    )


def losses_for_share(rho_squared: float) -> Check:
    """How many losses show the share: two standard errors √(6/S) span the gap ρ/2 of the ends."""
    return number(
        96 / rho_squared,
        digits=3,
        slips={
            "That makes one standard error as wide as the gap; two are asked for.": (
                24 / rho_squared
            ),
            "Twice the width takes four times the losses: the error falls with the root of S.": (
                48 / rho_squared
            ),
        },
    )


def along_the_ridge(cases: Sequence[tuple]) -> Check:
    """The curve of a mean, a variance and a noncentral share."""
    return callable_gives(
        _law_of_share,
        cases,
        decimals=4,
        slips={
            "The mean is right, and the variance is not: nc counts twice in it.": (
                lambda mean, variance, share: _law_of_share(mean, variance * (1 + share), share)
            ),
            "Is the share that of df? It is that of nc.": (
                lambda mean, variance, share: _law_of_share(mean, variance, 1 - share)
            ),
        },
    )


CHECKS: dict[str, Check] = {
    "05.1": simplest_fit(0.5, 0.001),
    "05.2": losses_for_share(0.0005),
    "05.3": along_the_ridge([(0.45, 0.0001, 0.5), (0.45, 0.0001, 0.0), (0.2, 0.0003, 0.9)]),
    "05.4": number(_most_bits, decimals=0, unit="bits", between=(0, 1e7)),
    # 500 test images with 10 outputs: P(loss ≤ ε) falls as ε^(5000/2).
    "05.5": number(
        2500.0,
        decimals=0,
        unit="bits",
        slips={
            "P falls as the target to the power of half the degrees of freedom.": 5000.0,
            "That is what the closest curve asks for; take the exact law.": _halving_the_closest,
        },
    ),
}
