"""Checks of chapter 13, what an example is worth."""

from __future__ import annotations

import functools
import math
from dataclasses import replace

import numpy as np

from .. import tasks
from ..bias.gradient import gradient
from ..bias.inductive_bias import inductive_bias
from ..kernels.stationary import RBF
from ..spaces.gaussian import GaussianSpace
from .blocks import Check, number


@functools.cache
def _bits(without: int | None = None, lengthscale: float = 2.0) -> float:
    task = tasks.load("digits", n_train=100, n_test=60)
    if without is not None:
        rows = np.delete(np.arange(100), without)
        task = replace(
            task, X_train=task.X_train[rows], y_train=task.y_train[rows], labels_train=None
        )
    space = GaussianSpace(0.1 * RBF(lengthscale), noise=1e-3)
    return float(inductive_bias(space.loss_law(task), 0.02).bits)


@functools.cache
def _slope() -> float:
    task = tasks.load("digits", n_train=100, n_test=60)
    space = GaussianSpace(0.1 * RBF(2.0), noise=1e-3)
    return float(gradient(space, task, 0.02).parameters["lengthscale"])


CHECKS: dict[str, Check] = {
    "13.1": number(
        lambda: _bits(without=7) - _bits(),
        decimals=2,
        unit="bits",
        slips={
            "Those are all bits without the digit; by how many more is that than with it?": (
                lambda: _bits(without=7)
            ),
            "The sign is the wrong way round: bits without it, minus bits with it.": (
                lambda: _bits() - _bits(without=7)
            ),
            "That is the digit in row 6; rows count from 0.": lambda: _bits(without=6) - _bits(),
        },
    ),
    "13.2": number(
        0.9 * math.log2(1.8) + 0.1 * math.log2(0.2),
        decimals=3,
        unit="bits",
        slips={
            "That is the mean over labels as they come, half and half; take it over the labels "
            "that hypotheses see which reach the target.": (
                0.5 * math.log2(1.8) + 0.5 * math.log2(0.2)
            ),
            "That is what the label is worth if it is yes.": math.log2(1.8),
        },
    ),
    "13.3": number(
        lambda: 0.02 * _slope(),
        decimals=2,
        unit="bits",
        slips={
            "That is the derivative; the lengthscale grows by 0.02.": _slope,
            "One per cent of 2 is 0.02.": lambda: 0.01 * _slope(),
            "That is what it really changes by; asked is what the derivative says.": (
                lambda: _bits(lengthscale=2.02) - _bits()
            ),
        },
    ),
    "13.4": number(
        256 / 41,
        decimals=1,
        slips={
            "That is the precision; how many digits are looked at for each one found?": 41 / 256,
            "Of the 50, only 41 were flagged.": 256 / 50,
        },
    ),
}
