"""Checks of chapter 01, what is inductive bias: everything is counted when it is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from itertools import product

import numpy as np

from .blocks import WORDS, Check, number

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


def _two_opinions(
    seen: Sequence[int], weight: float, *, weight_after: float | None = None
) -> float:
    """Bits of the mixture; with the weight of "symmetric" set anew after the data, if given."""
    number_on = _SETTINGS.sum(axis=1)
    symmetric = 2 ** (5 - len(np.unique(number_on[list(seen)])))  # rules that fit, of 32
    anything = 2 ** (16 - len(seen))  # of 65,536
    weights = np.array([weight * symmetric / 32, (1 - weight) * anything / 65536])
    weights /= weights.sum()
    if weight_after is not None:
        weights = np.array([weight_after, 1 - weight_after])
    return -math.log2(float(weights @ [1 / symmetric, 1 / anything]))


@cache
def _losses_of_fitting_cubics(frequency: float) -> np.ndarray:
    """Losses of the polynomials on the grid that fit three examples of a sine, in order."""
    grid = np.arange(-3, 3.01, 0.25)
    coefficients = np.stack(np.meshgrid(grid, grid, grid, grid), axis=-1).reshape(-1, 4)
    x_train, x_test = np.array([-0.8, 0.5, -0.2]), np.linspace(-1, 1, 40)
    for x in x_train:
        missed = np.polynomial.polynomial.polyval(x, coefficients.T) - np.sin(frequency * x)
        coefficients = coefficients[np.abs(missed) <= 0.2]
    outputs = np.polynomial.polynomial.polyval(x_test, coefficients.T)
    return np.sort(((outputs - np.sin(frequency * x_test)) ** 2).mean(axis=1))


def _bought(bits: int, frequency: float) -> float:
    losses = _losses_of_fitting_cubics(frequency)
    return float(losses[math.ceil(len(losses) / 2**bits) - 1])


def _one_too_few(bits: int, frequency: float) -> float:
    losses = _losses_of_fitting_cubics(frequency)
    return float(losses[len(losses) // 2**bits - 1])


def few_mistakes(settings: int, mistakes: int) -> Check:
    """How many bits at most so many mistakes at so many unseen settings take."""
    return number(
        _binomial_bits(settings, mistakes),
        decimals=1,
        between=(0, 100),
        unit="bits",
        slips={
            f"You seem to count exactly {WORDS[mistakes]} mistakes; fewer are good enough, too.": (
                lambda: settings - math.log2(math.comb(settings, mistakes))
            ),
            f"That is what no mistake at all takes; {WORDS[mistakes]} are allowed.": float(
                settings
            ),
        },
    )


def two_opinions(seen: Sequence[int], weight: float) -> Check:
    """How many bits a designer of two opinions needs, the first of this weight before the data."""
    return number(
        lambda: _two_opinions(seen, weight),
        decimals=2,
        between=(0, 100),
        unit="bits",
        slips={
            _OPINIONS_ANEW: lambda: _two_opinions(seen, weight, weight_after=weight),
            "That would be right if she were certain of symmetry.": (
                lambda: _two_opinions(seen, weight, weight_after=1.0)
            ),
            "That would be right if anything went.": (
                lambda: _two_opinions(seen, weight, weight_after=0.0)
            ),
        },
    )


def bought(bits: int, frequency: float) -> Check:
    """The smallest target error that so many bits buy, of the cubics that fit three examples."""
    return number(
        lambda: _bought(bits, frequency),
        decimals=4,
        between=(0, 100),
        slips={
            f"One too few: so small a target lets in fewer than one in {2**bits}.": (
                lambda: _one_too_few(bits, frequency)
            ),
        },
    )


_OPINIONS_ANEW = (
    "Did you give each opinion its weight again, after the data? The data have moved these weights."
)

CHECKS: dict[str, Check] = {
    "01.1": number(
        _binomial_bits(3, 1),
        decimals=1,
        unit="bits",
        slips={"That is what no mistake at all takes; one is allowed.": _binomial_bits(3, 0)},
    ),
    "01.2": few_mistakes(10, 2),
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
    "01.4": two_opinions(_SEEN.tolist(), 0.5),
    "01.5": bought(3, 3.0),
}
