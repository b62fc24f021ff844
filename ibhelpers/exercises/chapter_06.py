"""Checks of chapter 06, how many hypotheses."""

from __future__ import annotations

import math

from scipy import stats

from ..bias.paper import error_decomposition
from ..laws.generalized_chi2 import GeneralizedChi2
from .blocks import Check, callable_gives, number


def _lower_limit(hits: int, draws: int) -> float:
    return -math.log2(stats.beta.ppf(0.975, hits + 1, draws - hits))


def _model_error() -> float:
    law = GeneralizedChi2(weights=[1e-4, 3e-4], df=[1000, 500], nc=[200, 0])
    return error_decomposition(law, law.sample(1000, seed=0), 0.05).model * math.log(2)


CHECKS: dict[str, Check] = {
    "06.1": number(
        10_000.0,
        within=0.5,
        slips={"A tenth of the error needs more than ten times the losses.": 1000.0},
    ),
    "06.2": number(
        lambda: -math.log2(-math.expm1(math.log(0.025) / 1e6)),
        within=0.02,
        unit="bits",
        slips={
            "That is log2 S; what is left after asking for 97.5 % confidence?": math.log2(1e6),
            "That is for 95 % at one side; the limits of the course leave 2.5 % there.": (
                -math.log2(-math.expm1(math.log(0.05) / 1e6))
            ),
        },
    ),
    # The worst case is p just above 1/S.
    "06.3": number(
        lambda: (1 - 1 / 1000) ** 1000,
        within=0.002,
        unit="probability",
        slips={"That is the chance of at least one such loss.": lambda: 1 - 0.999**1000},
    ),
    "06.4": callable_gives(_lower_limit, [(0, 1000), (5, 1000), (37, 500)], within=1e-6),
    "06.5": number(_model_error, within=0.5, unit="nats"),
}
