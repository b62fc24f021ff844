"""Checks of chapter 16, infinite networks and what convolutions know."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import tasks
from ..bias.inductive_bias import inductive_bias
from ..kernels import NNGP, NTK, ConvNNGP, ConvNTK, Kernel
from ..spaces import GaussianSpace, InfiniteNetworkSpace
from .blocks import Check, callable_gives, number, satisfies

_IMAGES = np.random.default_rng(16).uniform(0, 1, (7, 64))


def _by_kernel(**keywords: Any) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    kernel = ConvNNGP((8, 8), 1, **keywords)
    return lambda A, B: kernel(A, B).numpy()


def _is_dense(kernel: Any) -> bool:
    found = kernel(_IMAGES).numpy()
    return isinstance(kernel, ConvNNGP) and np.allclose(found, NNGP(1)(_IMAGES).numpy(), rtol=1e-10)


@functools.cache
def _evidence(kernel: Kernel) -> float:
    task = tasks.load("digits", n_train=100, n_test=60)
    choice = GaussianSpace.fit(task, kernel, progress=False).choice
    assert choice is not None
    return choice.value


def _more_evidence() -> float:
    return _evidence(ConvNNGP((8, 8), 1)) - _evidence(NNGP(1))


def _bits(space: GaussianSpace) -> float:
    task = tasks.load("digits", n_train=100, n_test=60)
    return float(inductive_bias(space.loss_law(task), 0.02).bits)


CHECKS: dict[str, Check] = {
    "16.1": callable_gives(
        _by_kernel(pooling=True),
        [(_IMAGES[:3], _IMAGES[3:]), (_IMAGES[:1], _IMAGES[:1])],
        decimals=8,
        slips={
            "Those are pairs of equal places, as in equation (1).": _by_kernel(),
            "The readout's factor 2 is missing.": (lambda A, B: _by_kernel(pooling=True)(A, B) / 2),
            "That is the sum over pairs of places; the mean is asked for.": (
                lambda A, B: _by_kernel(pooling=True)(A, B) * 64**2
            ),
        },
    ),
    "16.2": satisfies(
        _is_dense,
        "On images of 8 x 8 pixels it is not NNGP(1). Which filter sees what a dense unit sees?",
        asks="a kernel that equals NNGP(1)",
    ),
    "16.3": number(
        49**2,
        decimals=0,
        slips={
            "Those are the places; equation (2) pairs each with each.": 49,
            "Those are the pairs without strides.": 784**2,
            "That is after one of the two convolutions.": 196**2,
        },
    ),
    "16.4": number(
        _more_evidence,
        decimals=1,
        slips={"It is the other way round.": lambda: -_more_evidence()},
    ),
    "16.5": number(
        lambda: _bits(InfiniteNetworkSpace.of(ConvNTK((8, 8), 1))),
        decimals=1,
        unit="bits",
        slips={
            "That is the posterior of the tangent kernel, which is no ensemble.": (
                lambda: _bits(GaussianSpace(ConvNTK((8, 8), 1)))
            ),
            "With only the readout trained it would be so.": (
                lambda: _bits(GaussianSpace(ConvNNGP((8, 8), 1)))
            ),
            "Those networks are fully connected.": (lambda: _bits(InfiniteNetworkSpace.of(NTK(1)))),
        },
    ),
}
