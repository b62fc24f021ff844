"""Checks of chapter 01, what is inductive bias: everything is counted when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from itertools import product

import numpy as np

from .blocks import Check, number

# Settings of four switches, those seen first, and the truth "on when at least two are".
_SETTINGS = np.array(list(product([0, 1], repeat=4)))
_SEEN = np.random.default_rng(0).permutation(16)[:6]
_TRUTH = (_SETTINGS.sum(axis=1) >= 2).astype(int)


def _binomial_bits(n: int, mistakes: int) -> Callable[[], float]:
    return lambda: n - math.log2(sum(math.comb(n, k) for k in range(mistakes + 1)))


@cache
def _monotone_rules(*, lamp_at_first_switch: int) -> int:
    """Count the monotone rules by their lamp at the setting with only the first switch on."""
    rules = np.array(list(product([0, 1], repeat=16)), dtype=np.int8)
    fits = rules[:, 0b1000] == lamp_at_first_switch
    for i, j in product(range(16), repeat=2):
        if i & j == i:  # read as binary numbers: all that is on in i is on in j
            fits &= rules[:, i] <= rules[:, j]
    return int(fits.sum())


@cache
def _two_opinions(*, weight_after: float | None = None) -> float:
    """Bits of the mixture; with the weight of "symmetric" set anew after the data, if given."""
    number_on = _SETTINGS.sum(axis=1)
    symmetric = 2 ** (5 - len(np.unique(number_on[_SEEN])))  # rules that fit, of 32
    anything = 2 ** (16 - len(_SEEN))  # of 65,536
    weights = np.array([symmetric / 32, anything / 65536])
    weights /= weights.sum()
    if weight_after is not None:
        weights = np.array([weight_after, 1 - weight_after])
    return -math.log2(float(weights @ [1 / symmetric, 1 / anything]))


@cache
def _losses_of_fitting_cubics() -> np.ndarray:
    """Losses of the polynomials on the grid that fit three examples of sin 3x, in order."""
    grid = np.arange(-3, 3.01, 0.25)
    coefficients = np.stack(np.meshgrid(grid, grid, grid, grid), axis=-1).reshape(-1, 4)
    x_train, x_test = np.array([-0.8, 0.5, -0.2]), np.linspace(-1, 1, 40)
    for x in x_train:
        missed = np.polynomial.polynomial.polyval(x, coefficients.T) - np.sin(3 * x)
        coefficients = coefficients[np.abs(missed) <= 0.2]
    outputs = np.polynomial.polynomial.polyval(x_test, coefficients.T)
    return np.sort(((outputs - np.sin(3 * x_test)) ** 2).mean(axis=1))


def _bought(bits: float) -> float:
    losses = _losses_of_fitting_cubics()
    return float(losses[math.ceil(len(losses) * 2**-bits) - 1])


CHECKS: dict[str, Check] = {
    "01.1": number(
        _binomial_bits(3, 1),
        decimals=1,
        unit="bits",
        slips={"That is what no mistake at all takes; one is allowed.": _binomial_bits(3, 0)},
    ),
    "01.2": number(
        _binomial_bits(10, 2),
        decimals=1,
        between=(0, 100),
        unit="bits",
        slips={
            "You seem to count exactly two mistakes; fewer are good enough, too.": (
                lambda: 10 - math.log2(math.comb(10, 2))
            ),
            "That is what no mistake at all takes; two are allowed.": 10.0,
        },
    ),
    "01.3": number(
        lambda: math.log2(_monotone_rules(lamp_at_first_switch=0)),
        decimals=1,
        between=(0, 100),
        unit="bits",
        slips={
            "That is what it takes before anything is seen.": lambda: math.log2(
                _monotone_rules(lamp_at_first_switch=0) + _monotone_rules(lamp_at_first_switch=1)
            ),
            "Those are the rules whose lamp is on there; it stays off.": lambda: math.log2(
                _monotone_rules(lamp_at_first_switch=1)
            ),
            "Those are the bits among all rules; the space here is that of monotone ones.": 15.0,
        },
    ),
    "01.4": number(
        _two_opinions,
        decimals=2,
        between=(0, 100),
        unit="bits",
        slips={
            "Did you give each opinion one half again, after the data? The data have moved "
            "these weights.": lambda: _two_opinions(weight_after=0.5),
            "That would be right if she were certain of symmetry.": (
                lambda: _two_opinions(weight_after=1.0)
            ),
            "That would be right if anything went.": lambda: _two_opinions(weight_after=0.0),
        },
    ),
    "01.5": number(
        lambda: _bought(3),
        decimals=4,
        between=(0, 100),
        slips={
            "One too few: so small a target lets in fewer than one in eight.": (
                lambda: float(
                    _losses_of_fitting_cubics()[len(_losses_of_fitting_cubics()) // 8 - 1]
                )
            ),
        },
    ),
}
