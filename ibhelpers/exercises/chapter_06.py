"""Checks of chapter 06, how many hypotheses."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import stats

from ..bias.paper import error_decomposition
from ..laws.generalized_chi2 import GeneralizedChi2
from .blocks import Check, callable_gives, number


def _lower_limit(hits: int, draws: int, quantile: float = 0.975) -> float:
    if hits == draws:  # p may be 1
        return 0.0
    return -math.log2(stats.beta.ppf(quantile, hits + 1, draws - hits))


def _model_error() -> float:
    law = GeneralizedChi2(weights=[1e-4, 3e-4], df=[1000, 500], nc=[200, 0])
    return error_decomposition(law, law.sample(1000, seed=0), 0.05).model * math.log(2)


def _bits_without_a_hit(draws: float, doubt: float) -> float:
    return -math.log2(-math.expm1(math.log(doubt) / draws))


def certified(draws: float) -> Check:
    """How many bits so many losses certify when none reaches the target."""
    return number(
        lambda: _bits_without_a_hit(draws, 0.025),
        decimals=1,
        unit="bits",
        slips={
            "That is log2 S; what is left after asking for 97.5 % confidence?": math.log2(draws),
            "That is for 95 % at one side; the limits of the course leave 2.5 % there.": (
                lambda: _bits_without_a_hit(draws, 0.05)
            ),
        },
    )


def fewest_bits(cases: Sequence[tuple]) -> Check:
    """The bits that are certified when some of the losses reach the target."""
    return callable_gives(
        _lower_limit,
        cases,
        decimals=4,
        slips={
            "That is the 2.5 % quantile, where p is small; the most that p can be is asked for.": (
                lambda hits, draws: _lower_limit(hits, draws, 0.025)
            ),
            "That is for 95 % at one side; the limits of the course leave 2.5 % there.": (
                lambda hits, draws: _lower_limit(hits, draws, 0.95)
            ),
            "That is the lower limit of p; the upper one gives the fewest bits.": (
                lambda hits, draws: -math.log2(stats.beta.ppf(0.025, hits, draws - hits + 1))
            ),
            "That is the estimate, draws over hits, and no limit.": (
                lambda hits, draws: math.log2(draws / hits)
            ),
        },
    )


CHECKS: dict[str, Check] = {
    "06.1": number(
        10_000.0,
        decimals=0,
        slips={"A tenth of the error needs more than ten times the losses.": 1000.0},
    ),
    "06.2": certified(1_000_000),
    # The worst case is p just above 1/S.
    "06.3": number(
        lambda: (1 - 1 / 1000) ** 1000,
        decimals=2,
        unit="probability",
        slips={"That is the chance of at least one such loss.": lambda: 1 - 0.999**1000},
    ),
    "06.4": fewest_bits([(0, 1000), (5, 1000), (37, 500), (1000, 1000)]),
    "06.5": number(_model_error, decimals=0, unit="nats", between=(-1e5, 1e5)),
}
