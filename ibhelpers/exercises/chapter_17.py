"""Checks of chapter 17, random networks are not random functions."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

from ..kernels import NNGP
from ..laws import orthant
from .blocks import Check, callable_gives, number


def _both(rho: float) -> float:
    return -math.log2(1 / 4 + math.asin(rho) / (2 * math.pi))


def _sensitivity(f: np.ndarray) -> float:
    n = round(math.log2(len(f)))
    cube = np.reshape(f, n * [2])
    return float(np.mean([cube != np.flip(cube, axis) for axis in range(n)]) * n)


def _expected(n: int, rho: float) -> float:
    return n * math.acos(rho) / math.pi


_X = np.array(list(itertools.product([-1, 1], repeat=5)))
_COIN = np.random.default_rng(17).choice([-1, 1], 16)


@functools.cache
def _bits_of_majority(depth: int = 8) -> float:
    return orthant(NNGP(depth)(_X), _X.sum(1), 40_000, seed=0).bits


CHECKS: dict[str, Check] = {
    "17.1": callable_gives(
        _both,
        [(-0.9,), (0.0,), (0.3,), (0.99,)],
        decimals=8,
        slips={
            "Those are the bits of two equal signs, both positive or both negative.": (
                lambda rho: _both(rho) - 1
            ),
            "That is the probability; bits are minus its logarithm.": lambda rho: 2 ** -_both(rho),
        },
    ),
    "17.2": callable_gives(
        _sensitivity,
        [(_X.prod(1),), (_X.sum(1).clip(-1, 1),), (_X[:, 1],), (_COIN,), (np.ones(8),)],
        decimals=8,
        slips={
            "That is the fraction of flips that change the sign; how many inputs is asked for.": (
                lambda f: _sensitivity(f) / math.log2(len(f))
            ),
            "Every edge joins two corners, and counts for both.": lambda f: _sensitivity(f) / 2,
            "That is the sum over all corners, not the average.": (
                lambda f: _sensitivity(f) * len(f)
            ),
        },
    ),
    "17.3": callable_gives(
        _expected,
        [(4, 0.7), (3, 0.0), (7, 0.95)],
        decimals=8,
        slips={
            "That is the probability of one flip; every corner has n neighbours.": (
                lambda n, rho: math.acos(rho) / math.pi
            ),
            "Signs differ in two ways, + and - as well as - and +.": (
                lambda n, rho: n * math.acos(rho) / (2 * math.pi)
            ),
        },
    ),
    "17.4": number(
        2.0**-15,
        digits=3,
        unit="probability",
        slips={
            "That counts the training data too, which these networks have right.": 2.0**-40,
            "That is how many have the training data right.": 2.0**-25,
        },
    ),
    "17.5": number(
        _bits_of_majority,
        decimals=1,
        unit="bits",
        slips={"That is at depth 2.": lambda: _bits_of_majority(2)},
    ),
}
