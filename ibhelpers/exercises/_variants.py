"""Variants of exercises: how their numbers are drawn, and the check at any numbers.

A variant of a question for a function has no numbers that a student sees; ``cases`` are the
arguments with which the function is called.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator

from ..laws.generalized_chi2 import GeneralizedChi2
from .blocks import Check
from .chapter_00 import one_in
from .chapter_01 import bought, few_mistakes, two_opinions
from .chapter_02 import covariance_of_cubics, left_by_one_example, rougher_mean
from .chapter_03 import cost_of_error, weighted_loss, weights_of_two
from .chapter_04 import one_more_bit
from .chapter_05 import along_the_ridge, losses_for_share, simplest_fit
from .chapter_06 import certified, fewest_bits
from .chapter_10 import fitted, networks_for, stacked
from .chapter_12 import independent_digits, perfect_row, runs_together, weights_off


@dataclass(frozen=True)
class Variant:
    """An exercise at other numbers.

    Attributes
    ----------
    draw : function
        Of a random generator: the numbers, by name.
    check : function
        Of the numbers: the check of an answer.
    """

    draw: Callable[[Generator], dict[str, Any]]
    check: Callable[..., Check]


def rounded(rng: Generator, low: float, high: float, decimals: int) -> float:
    """A number between two others, of so many decimals."""
    unit = 10**decimals
    return int(rng.integers(round(low * unit), round(high * unit), endpoint=True)) / unit


def whole(rng: Generator, low: int, high: int) -> int:
    """A whole number from one to another, both included."""
    return int(rng.integers(low, high, endpoint=True))


def _one_in(rng: Generator) -> dict[str, Any]:
    return {"hypotheses": whole(rng, 2_000, 900_000)}


def _few_mistakes(rng: Generator) -> dict[str, Any]:
    # With more settings or fewer mistakes, to count exactly so many mistakes would pass.
    return {"settings": whole(rng, 18, 36), "mistakes": whole(rng, 3, 6)}


def _two_opinions(rng: Generator) -> dict[str, Any]:
    seen = sorted(int(i) for i in rng.choice(16, 6, replace=False))
    share = whole(rng, 10, 90)
    return {"seen": seen, "weight": (share if share != 50 else 51) / 100}


def _bought(rng: Generator) -> dict[str, Any]:
    return {"bits": whole(rng, 2, 4), "frequency": rounded(rng, 2.5, 3.5, 2)}


def _two_inputs(rng: Generator) -> dict[str, Any]:
    return {"x": rounded(rng, 0.4, 0.95, 2), "y": -rounded(rng, 0.4, 0.95, 2)}


def _distance(rng: Generator) -> dict[str, Any]:
    return {"lengthscales": rounded(rng, 0.4, 1.6, 2)}


def _three_inputs(rng: Generator) -> dict[str, Any]:
    inputs = [-rounded(rng, 0.35, 0.7, 2), rounded(rng, 0.25, 0.4, 2), rounded(rng, 0.6, 0.8, 2)]
    return {"lengthscale": rounded(rng, 0.3, 0.9, 2), "inputs": inputs}


def _correlation(rng: Generator) -> dict[str, Any]:
    return {"correlation": rounded(rng, 0.3, 0.9, 2)}


def _error(rng: Generator) -> dict[str, Any]:
    return {
        "variance": rounded(rng, 0.04, 0.09, 3),
        "error": rounded(rng, 0.9, 1.5, 2),
        "target": rounded(rng, 0.008, 0.03, 3),
    }


def _share(rng: Generator) -> dict[str, Any]:
    return {"share": rounded(rng, 0.6, 0.9, 2), "target": rounded(rng, 0.02, 0.08, 3)}


def _law(rng: Generator) -> dict[str, Any]:
    return {
        "weights": [rounded(rng, 0.001, 0.003, 4), rounded(rng, 0.004, 0.008, 4)],
        "df": [whole(rng, 20, 40), whole(rng, 5, 15)],
        "nc": [whole(rng, 0, 10), whole(rng, 0, 10)],
        "target": rounded(rng, 0.015, 0.03, 3),
    }


def _one_more_bit(weights: list, df: list, nc: list, target: float) -> Check:
    return one_more_bit(lambda: GeneralizedChi2(weights, df, nc), target)


def _moments(rng: Generator) -> dict[str, Any]:
    return {"mean": rounded(rng, 0.2, 0.9, 2), "variance": rounded(rng, 0.0002, 0.002, 4)}


def _rho_squared(rng: Generator) -> dict[str, Any]:
    return {"rho_squared": rounded(rng, 0.0002, 0.002, 5)}


def _ridge(rng: Generator) -> dict[str, Any]:
    moments = [(rounded(rng, 0.1, 0.9, 3), rounded(rng, 0.0001, 0.001, 5)) for _ in range(4)]
    shares = [0.0, *(rounded(rng, 0.1, 0.95, 3) for _ in range(3))]
    return {"cases": [(*both, share) for both, share in zip(moments, shares, strict=True)]}


def _draws(rng: Generator) -> dict[str, Any]:
    return {"draws": 1000 * whole(rng, 20, 5000)}


def _hits(rng: Generator) -> dict[str, Any]:
    draws = [whole(rng, 200, 3000) for _ in range(4)]
    hits = [0, whole(rng, 1, 20), whole(rng, 20, 150), draws[3]]
    return {"cases": list(zip(hits, draws, strict=True))}


def _stacks(rng: Generator) -> dict[str, Any]:
    cases = []
    for _ in range(2):
        S, n, d, k = (whole(rng, 2, 5) for _ in range(4))
        shapes = (S, d, k), (n, d), (n, k)
        cases.append(tuple(rng.standard_normal(shape).round(3) for shape in shapes))
    return {"cases": cases}


def _losses(rng: Generator) -> dict[str, Any]:
    train, test = (rng.uniform(0.01, 0.2, 12).round(3) for _ in range(2))
    diverged = rng.choice(12, 3, replace=False)
    test[diverged] = np.nan
    train[diverged[:2]] = np.nan
    seen = np.sort(train[np.isfinite(train)])
    limits = [float(limit) for limit in (1.0, *seen[2:8:2])]
    medians = [np.nanmedian(test[train <= limit]) for limit in limits]
    if np.ptp(medians) < 0.001:  # the median of all would pass
        return _losses(rng)
    return {"cases": [(train, test, limit) for limit in limits]}


def _bits(rng: Generator) -> dict[str, Any]:
    return {"bits": rounded(rng, 6.0, 16.0, 1)}


def _digits(rng: Generator) -> dict[str, Any]:
    digits, rate = whole(rng, 300, 900), rounded(rng, 0.08, 0.3, 2)
    return {"digits": digits, "rate": rate, "errors": round(digits * rate * rng.uniform(0.4, 0.7))}


def _weighted(rng: Generator) -> dict[str, Any]:
    cases = []
    for tau in (whole(rng, 5, 40), whole(rng, 200, 800), whole(rng, 20_000, 60_000)):
        losses = rng.uniform(0.02, 0.2, 9).round(3)
        target = float(np.sort(losses)[whole(rng, 2, 6)])
        cases.append((losses, float(tau), -rounded(rng, 1, 900, 1), target))
    return {"cases": cases}


def _runs(rng: Generator) -> dict[str, Any]:
    least = whole(rng, 15, 60)
    # With a third run next to these, the mean of the bits would pass.
    return {"bits": [least, least + whole(rng, 1, 2), least + whole(rng, 4, 6)]}


def _row(rng: Generator) -> dict[str, Any]:
    return {"rivals": whole(rng, 4, 39), "bits": rounded(rng, 0.05, 0.4, 2)}


def _perfect_row(rivals: int, bits: float) -> Check:
    return perfect_row(rivals + 1, bits)


VARIANTS = {
    "00.1": Variant(_one_in, one_in),
    "01.2": Variant(_few_mistakes, few_mistakes),
    "01.4": Variant(_two_opinions, two_opinions),
    "01.5": Variant(_bought, bought),
    "02.1": Variant(_two_inputs, covariance_of_cubics),
    "02.2": Variant(_distance, left_by_one_example),
    "02.3": Variant(_three_inputs, rougher_mean),
    "03.1": Variant(_correlation, weights_of_two),
    "03.2": Variant(_error, cost_of_error),
    "03.5": Variant(_share, weighted_loss),
    "04.4": Variant(_law, _one_more_bit),
    "05.1": Variant(_moments, simplest_fit),
    "05.2": Variant(_rho_squared, losses_for_share),
    "05.3": Variant(_ridge, along_the_ridge),
    "06.2": Variant(_draws, certified),
    "06.4": Variant(_hits, fewest_bits),
    "10.1": Variant(_stacks, stacked),
    "10.2": Variant(_losses, fitted),
    "10.3": Variant(_bits, networks_for),
    "12.1": Variant(_digits, independent_digits),
    "12.2": Variant(_weighted, weights_off),
    "12.3": Variant(_runs, runs_together),
    "12.4": Variant(_row, _perfect_row),
}
