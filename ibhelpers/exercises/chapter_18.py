"""Checks of chapter 18, harder tasks by design."""

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

_SMALL = {"n_train": 100, "n_test": 60}


def _few() -> GaussianSpace:
    return GaussianSpace(0.1 * RBF(2.0), noise=1e-3, progress=False)


@functools.cache
def _with_wrong_labels(target: float) -> float:
    """Bits in a space chosen for digits of which a fifth of all labels are wrong."""
    task = tasks.load("mnist", n_train=250, n_test=500, balanced=False)
    seen = replace(
        task, X_test=task.X_test[:250], y_test=task.y_test[:250], labels_test=task.labels_test[:250]
    )
    noisy = tasks.with_label_noise(seen, 0.2, on="both")
    law = GaussianSpace.fit(noisy, progress=False).loss_law(noisy)
    if not target:  # a tenth of the mean's loss
        target = 0.1 * float(((noisy.y_test - noisy.y_train.mean(axis=0)) ** 2).mean())
    return float(inductive_bias(law, target).bits)


@functools.cache
def _halves_and_whole(target_of_whole: float = 0.02) -> tuple[float, float]:
    """Bits of the two halves of the classes together, and of their union."""
    task = tasks.load("digits", **_SMALL)
    halves = [tasks.with_classes(task, range(low, low + 5)) for low in (0, 5)]
    found = [
        float(inductive_bias(_few().loss_law(each), target).bits)
        for each, target in zip(
            [*halves, tasks.union(*halves)], [0.04, 0.04, target_of_whole], strict=True
        )
    ]
    return found[0] + found[1], found[2]


@functools.cache
def _lengths_of_slopes() -> np.ndarray:
    task = tasks.load("digits", **_SMALL)
    slopes = gradient(_few(), task, 0.02, inputs=True).X_train
    assert slopes is not None
    return np.linalg.norm(slopes, axis=1)


CHECKS: dict[str, Check] = {
    "18.1": number(
        2 * math.log(2) / math.log(1 + 2 * 0.07 / 25),
        decimals=0,
        slips={
            "The exponent of equation (1) is -k/2; you have taken -k.": (
                math.log(2) / math.log(1 + 2 * 0.07 / 25)
            ),
            "The squared distance of two inputs has twice the variance.": (
                2 * math.log(2) / math.log(1 + 0.07 / 25)
            ),
            "The lengthscale is squared in equation (1).": (
                2 * math.log(2) / math.log(1 + 2 * 0.07 / 5)
            ),
        },
    ),
    "18.2": number(
        0.05,
        decimals=2,
        slips={
            "Two outputs are off where a label is wrong, not one.": 0.1,
            "That is the loss for one class; there are ten.": 0.005,
        },
    ),
    "18.3": number(
        lambda: _with_wrong_labels(0.04),
        decimals=0,
        unit="bits",
        slips={
            "That is the price of a tenth of the mean's loss; asked is a target of 0.04.": (
                lambda: _with_wrong_labels(0.0)
            ),
        },
    ),
    "18.4": number(
        lambda: _halves_and_whole()[1] - _halves_and_whole()[0],
        decimals=1,
        unit="bits",
        slips={
            "The sign is the wrong way round: bits of the union, less those of the halves.": (
                lambda: _halves_and_whole()[0] - _halves_and_whole()[1]
            ),
            "The union has ten outputs; its target is 0.02.": (
                lambda: _halves_and_whole(0.04)[1] - _halves_and_whole(0.04)[0]
            ),
        },
    ),
    "18.5": number(
        lambda: 0.01 * float(_lengths_of_slopes().sum()),
        decimals=2,
        unit="bits",
        slips={
            "That is the length of all derivatives as one vector; every digit moves by 0.01.": (
                lambda: 0.01 * float(np.sqrt((_lengths_of_slopes() ** 2).sum()))
            ),
            "That is the average over the digits; all of them move.": (
                lambda: 0.01 * float(_lengths_of_slopes().mean())
            ),
            "That is for moves of length 1.": lambda: float(_lengths_of_slopes().sum()),
        },
    ),
}
