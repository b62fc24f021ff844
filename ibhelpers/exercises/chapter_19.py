"""Checks of chapter 19, scaling out."""

from __future__ import annotations

import functools
import math

from .. import tasks
from ..bias.inductive_bias import inductive_bias
from ..kernels.stationary import RBF
from ..spaces.gaussian import GaussianSpace
from .blocks import Check, number


def _work(n: float, m: float, d: float = 784) -> float:
    """Multiplications and additions of conditioning."""
    return n**3 / 3 + n**2 * m + n * m**2 + d * (n + m) ** 2


@functools.cache
def _small_bits(n: int) -> float:
    """Bits of 100 small digits after n others."""
    task = tasks.with_fewer_examples(tasks.load("digits", n_train=800, n_test=100), n)
    law = GaussianSpace(0.1 * RBF(2.0), noise=1e-3, progress=False).loss_law(task)
    return float(inductive_bias(law, 0.01).bits)


CHECKS: dict[str, Check] = {
    "19.1": number(
        _work(40_000, 500) / _work(20_000, 500),
        decimals=1,
        slips={
            "That is by the cube alone; the other terms of equation (1) grow more slowly.": 8.0,
            "That is the memory, which grows as the square; asked is the work.": (
                40_000 * 40_500 / (20_000 * 20_500)
            ),
        },
    ),
    "19.2": number(
        8 * (60_000**2 / 2 + 60_000 * 10_000) / 1e9,
        decimals=1,
        slips={
            "Only what stands on and below the diagonal is kept: n²/2 numbers, not n².": (
                8 * (60_000**2 + 60_000 * 10_000) / 1e9
            ),
            "The test digits have rows too: m n numbers.": 8 * 60_000**2 / 2 / 1e9,
            "A number takes 8 bytes.": (60_000**2 / 2 + 60_000 * 10_000) / 1e9,
            "That is in GiB, of 2**30 bytes; asked are GB, of 10**9.": (
                8 * (60_000**2 / 2 + 60_000 * 10_000) / 2**30
            ),
        },
    ),
    "19.3": number(
        lambda: _small_bits(200) - _small_bits(800),
        decimals=1,
        unit="bits",
        slips={
            "The sign is the wrong way round: more digits need fewer bits.": (
                lambda: _small_bits(800) - _small_bits(200)
            ),
            "That is what 800 digits leave; asked is what the further ones save.": (
                lambda: _small_bits(800)
            ),
        },
    ),
    "19.4": number(
        math.ceil(_work(1e6, 10_000) / (40e9 * 86_400)),
        slips={
            "Round up: with fewer it takes longer than a day.": math.floor(
                _work(1e6, 10_000) / (40e9 * 86_400)
            ),
            "Workers are whole: round up.": _work(1e6, 10_000) / (40e9 * 86_400),
            "A day has 24 hours; that is for one of them.": math.ceil(
                _work(1e6, 10_000) / (40e9 * 3_600)
            ),
        },
    ),
    "19.5": number(
        0.06 * 1e6 / 1e12,
        digits=2,
        slips={
            "That leaves no digit: 16 digits less four leave a condition number of 1e12.": (
                0.06 * 1e6 / 1e16
            ),
            "The largest eigenvalue can be n times the amplitude.": 0.06 / 1e12,
        },
    ),
}
