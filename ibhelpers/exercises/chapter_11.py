"""Checks of chapter 11, architectures and optimizers."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy import stats

from .. import kernels, tasks
from ..bias.inductive_bias import inductive_bias
from ..spaces.gaussian import GaussianSpace
from ..spaces.infinite_network import InfiniteNetworkSpace
from .blocks import Check, array, callable_gives, choice, number


def _momentum(weights, velocity, gradient, lr) -> np.ndarray:
    velocity = 0.9 * velocity + gradient
    return np.array([weights - lr * velocity, velocity])


_STEPS = [
    (np.array([1.0, -2.0]), np.array([0.0, 0.0]), np.array([0.5, 4.0]), 0.1),
    (np.array([0.3, 0.1]), np.array([2.0, -1.0]), np.array([0.5, 4.0]), 0.01),
]


def _few_points() -> tasks.Task:
    return tasks.load("synthetic", n_train=20, n_test=10, intrinsic=10, ambient=10, seed=1)


def _wide_bits(space=None) -> float:
    space = InfiniteNetworkSpace(depth=2) if space is None else space()
    return float(inductive_bias(space.loss_law(_few_points()), 0.1).bits)


def _wide_covariance() -> np.ndarray:
    return InfiniteNetworkSpace(depth=1).posterior(_few_points()).covariance.numpy()


def _without_training_kernel() -> np.ndarray:
    return GaussianSpace(kernels.NTK(depth=1)).posterior(_few_points()).covariance.numpy()


def _of_start() -> np.ndarray:
    X = torch.tensor(_few_points().X_test)
    return kernels.NNGP(depth=1)(X).numpy()


CHECKS: dict[str, Check] = {
    # 64 inputs, hidden layers of 32 and 32, ten outputs, each layer with its biases.
    "11.1": number(
        65 * 32 + 33 * 32 + 33 * 10,
        slips={
            "The biases are missing: one for each unit and each output.": (
                64 * 32 + 32 * 32 + 32 * 10
            ),
            "One hidden layer is missing: depth counts the hidden layers.": 65 * 32 + 33 * 10,
        },
    ),
    "11.2": callable_gives(
        _momentum,
        _STEPS[::-1],
        slips={
            "The weights move against the new velocity; those moved against the old one.": (
                lambda w, v, gradient, lr: np.array([w - lr * v, 0.9 * v + gradient])
            ),
            "torch adds the whole gradient, not a tenth of it.": (
                lambda w, v, gradient, lr: _momentum(w, v, 0.1 * gradient, lr)
            ),
            "The weights move against the velocity, not along it.": (
                lambda w, v, gradient, lr: _momentum(w, v, gradient, -lr)
            ),
        },
    ),
    "11.3": choice("clipping", ["weight decay", "momentum", "clipping", "schedule"]),
    "11.4": number(
        _wide_bits,
        decimals=1,
        between=(0, 1e7),
        unit="bits",
        slips={
            "That is for depth=1.": lambda: _wide_bits(lambda: InfiniteNetworkSpace(depth=1)),
            "That is the posterior of the tangent kernel, which training does not reach.": lambda: (
                _wide_bits(lambda: GaussianSpace(kernels.NTK(depth=2)))
            ),
            "That is the law of networks of which only the readout is trained.": lambda: _wide_bits(
                lambda: GaussianSpace(kernels.NNGP(depth=2))
            ),
        },
    ),
    "11.5": array(
        _wide_covariance,
        decimals=6,
        slips={
            "That is the posterior of the tangent kernel; start from K, not from Θ.": (
                _without_training_kernel
            ),
            "That is the covariance before training.": _of_start,
        },
    ),
    # 10 of 2,560 guesses: 8 bits; Clopper and Pearson's upper limit of p gives the fewest.
    "11.6": number(
        lambda: -math.log2(stats.beta.ppf(0.975, 11, 2550)),
        decimals=1,
        unit="bits",
        slips={
            "That is the estimate; how few bits may it be at 97.5 % confidence?": 8.0,
            "That is the upper end.": lambda: -math.log2(stats.beta.ppf(0.025, 10, 2551)),
        },
    ),
}
