"""Checks of chapter 15, networks beyond counting."""

from __future__ import annotations

import functools
import math

import numpy as np
from scipy import special

from .. import tasks
from ..bias.inductive_bias import inductive_bias
from ..networks import NetworkSpace, linear, linear_law
from .blocks import Check, callable_gives, number


def _moved(z: np.ndarray, xi: np.ndarray, beta: float) -> np.ndarray:
    return math.sqrt(1 - beta**2) * z + beta * xi


def _pushed(z: np.ndarray, xi: np.ndarray, beta: float) -> np.ndarray:
    return z + beta * xi


def _mixed(z: np.ndarray, xi: np.ndarray, beta: float) -> np.ndarray:
    return (1 - beta) * z + beta * xi


def _uniform(z: np.ndarray, a: float) -> np.ndarray:
    return a * (2 * special.ndtr(z) - 1)


_Z, _XI = np.random.default_rng(15).standard_normal((2, 6))


@functools.cache
def _bits_of_linear(epochs: int = 50) -> float:
    task = tasks.load("digits", n_train=50, n_test=20)
    space = NetworkSpace(linear(std=0.1), optimizer="sgd", lr=0.5, epochs=epochs, batch_size=None)
    return float(inductive_bias(linear_law(space, task), 0.03).bits)


CHECKS: dict[str, Check] = {
    "15.1": callable_gives(
        _moved,
        [(_Z, _XI, 0.3), (_Z, _XI, 1.0), (_Z, _XI, 0.05)],
        decimals=8,
        slips={
            "Every such move makes the variables larger: their variance grows by beta squared.": (
                _pushed
            ),
            "The variance is then (1 - beta)² + beta², less than 1; it must stay 1.": _mixed,
        },
    ),
    "15.2": number(
        40 * 200 * 8,
        decimals=0,
        slips={
            "That is for one move a level.": 40 * 200,
            "That is counting.": 2.0**40,
        },
    ),
    "15.3": callable_gives(
        _uniform,
        [(_Z, 0.125), (_Z, 2.0)],
        decimals=8,
        slips={
            "Those are uniform between 0 and a.": lambda z, a: a * special.ndtr(z),
            "Those are uniform between 0 and 2a.": lambda z, a: 2 * a * special.ndtr(z),
        },
    ),
    "15.4": number(
        lambda: 12 - math.log2(0.77),
        decimals=2,
        unit="bits",
        slips={
            "Fewer networks do both than do the second; the bits must grow.": (
                lambda: 12 + math.log2(0.77)
            ),
            "Probabilities are multiplied, and their bits added.": lambda: 12 / 0.77,
        },
    ),
    "15.5": number(
        _bits_of_linear,
        decimals=1,
        unit="bits",
        slips={
            "That is after one step of training.": lambda: _bits_of_linear(1),
        },
    ),
}
