r"""How log P(loss <= ε) changes with everything that the posterior is made of: derivatives, closed.

With s = 2t/(mk), B = (I + sC)⁻¹ and R = M − Y the cumulant function of the loss is

    K(t) = −k/2 log det(I + sC) − s/2 tr(Rᵀ B R).

On the nodes of the contour for P(loss <= ε), whose complex weights ω have real parts that add up to
1, the derivative of log P is the average of that of K. So in the entries of M and C it is

    of_mean = −⟨s B⟩ R,    of_covariance = −k/2 ⟨s B⟩ + ½ ⟨s² B R Rᵀ B⟩,

and with A = (K + σ²I)⁻¹, H = K_*n A and α = A Y_n, in the entries of the three kernel matrices,

    W_** = of_covariance,   W_*n = of_mean αᵀ − 2 of_covariance H,
    W_nn = −Hᵀ of_mean αᵀ + Hᵀ of_covariance H.

Each kernel pulls these back to its parameters and inputs (`Kernel.pull_back`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from ..kernels import Kernel
from ..kernels.pair import Pair
from ..laws import Quadrature
from .removals import Removals


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """log P(loss <= ε) and its derivatives, in nats.

    Attributes
    ----------
    log_probability : float
    parameters : list of (str, float)
        By the logarithm of each free parameter of the kernel, in the order of ``kernel.free()``.
    noise : float
        By the variance of the noise, σ².
    y_train, y_test : Tensor, shapes (n, k) and (m, k)
        By the targets.
    X_train, X_test : Tensor or None, shapes (n, d) and (m, d)
        By the inputs, if these were asked for.
    condition : float
        Lower bound of the condition number of the training covariance, and an estimate of it.
    """

    log_probability: float
    parameters: list[tuple[str, float]]
    noise: float
    y_train: Float64[Tensor, "n k"]
    y_test: Float64[Tensor, "m k"]
    X_train: Float64[Tensor, "n d"] | None
    X_test: Float64[Tensor, "m d"] | None
    condition: float

    @classmethod
    def of(
        cls,
        kernel: Kernel,
        X: Float64[Tensor, "n d"],
        X_test: Float64[Tensor, "m d"],
        removals: Removals,
        target_error: float,
        *,
        inputs: bool,
    ) -> Sensitivity:
        """Of a posterior, and of how the training examples enter it."""
        of_mean, of_covariance = _of_moments(removals, removals.law.quadrature(target_error))
        H, alpha = removals.influence, removals.alpha
        of_targets = H.T @ of_mean
        W = H.T @ (of_covariance @ H) - of_targets @ alpha.T
        W = (W + W.T) / 2
        across = of_mean @ alpha.T - 2 * of_covariance @ H
        pairs = [(Pair(X_test, X_test), of_covariance), (Pair(X_test, X), across), (Pair(X, X), W)]
        slopes = [kernel.pull_back(pair, weights) for pair, weights in pairs]
        names = [name for name, _ in kernel.free()]
        of_inputs: tuple[Tensor | None, Tensor | None] = None, None
        if inputs:
            tested, mixed, trained = (kernel.pull_back_inputs(*both) for both in pairs)
            flipped = kernel.pull_back_inputs(Pair(X, X_test), across.T.contiguous())
            of_inputs = 2 * trained + flipped, 2 * tested + mixed
        return cls(
            float(removals.law.logcdf(target_error)),
            list(zip(names, map(sum, zip(*slopes, strict=True)), strict=True)),
            float(W.diagonal().sum()),
            of_targets,
            -of_mean,
            *of_inputs,
            removals.condition,
        )


def _of_moments(removals: Removals, rule: Quadrature) -> tuple[Tensor, Tensor]:
    """The derivatives in the entries of the mean and of the covariance."""
    U, R = removals.spectrum.directions, removals.residual
    s, b = removals.spectrum.damping(rule)
    damped, k = s * b, R.shape[1]  # s B in the directions of the spectrum, (m, N)
    once = rule.average(damped)
    weighted = torch.view_as_real(damped * rule.weights)
    plain = torch.view_as_real(damped)
    twice = weighted[..., 0] @ plain[..., 0].T - weighted[..., 1] @ plain[..., 1].T
    of_covariance = (R @ R.T) * twice / 2
    of_covariance.diagonal().sub_(k / 2 * once)
    return -U @ (once[:, None] * R), U @ of_covariance @ U.T
