"""Checks of chapter 08, against the upper bound."""

from __future__ import annotations

import functools
import math
from typing import Any

from scipy import optimize

from .. import bounds
from .blocks import Check, number

_MNIST: dict[str, Any] = dict(
    n=60000,
    max_norm=17.179045827183984,
    intrinsic_dim=14,
    n_classes=10,
    resolution=2.3987084824335305,
)


@functools.cache
def _numbers_and_bits_for_each() -> tuple[float, float]:
    bits = bounds.model_agnostic(**_MNIST, target_error=0.001).bits
    numbers = bounds.model_agnostic(**_MNIST, target_error=0.0005).bits - bits
    return numbers, bits / numbers


@functools.cache
def _turn() -> int:
    """The dimension at which the bound is largest, from 1 to 150."""
    return max(
        range(1, 151),
        key=lambda m: (
            bounds.model_agnostic(**_MNIST | {"intrinsic_dim": m}, target_error=0.001).log2_bits
        ),
    )


def _log10_enough() -> float:
    return math.log10(_numbers_and_bits_for_each()[0] / 9 + 60000)


@functools.cache
def _coarse() -> float:
    near: dict[str, Any] = dict(
        n=1000, max_norm=13.9, intrinsic_dim=11.6, n_classes=10, target_error=0.009
    )
    return optimize.brentq(
        lambda delta: bounds.model_agnostic(**near, resolution=delta).bits - 2449.7, 4, 25
    )


CHECKS: dict[str, Check] = {
    "08.1": number(
        16,
        slips={
            "That is the number of degree 3 alone; all up to degree 3 are asked for.": 7,
            "That is the first binomial; there are two.": 10,
        },
    ),
    "08.2": number(
        lambda: _numbers_and_bits_for_each()[1],
        decimals=2,
        unit="bits",
        slips={
            "That is how many numbers there are; how many bits does each of them cost?": lambda: (
                _numbers_and_bits_for_each()[0]
            ),
        },
    ),
    "08.3": number(
        lambda: float(_turn()),
        between=(-1, 200),
        slips={
            "That is an index that begins at 0; which dimension is it?": lambda: _turn() - 1.0,
        },
    ),
    "08.4": number(
        _log10_enough,
        decimals=2,
        between=(0, 1000),
        slips={
            "That counts each output; an example fixes one number for every output.": lambda: (
                math.log10(9 * 10 ** _log10_enough())
            ),
            "That is E; how many examples n make 2 times 10 times E minus n zero?": lambda: (
                math.log10(10 ** _log10_enough() / 20)
            ),
        },
    ),
    "08.5": number(_coarse, decimals=1, between=(0, 1000)),
}
