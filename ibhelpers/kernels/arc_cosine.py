"""Kernels of the angle between two inputs, without an arccos: Cho and Saul's arc-cosine kernels.

An angle θ computed as arccos(c) loses half its digits where c is near ±1, and is NaN where
rounding takes c beyond. Here θ comes from the lengths of û − v̂ and û + v̂, and θ and its
supplement φ = π − θ are both carried, so that nearly identical and nearly opposite inputs keep
all their digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import whole
from .distances import squared_distances
from .kernel import Kernel


@dataclass(frozen=True)
class ArcCosine(Kernel):
    """The arc-cosine kernel: a layer of infinitely many threshold, ReLU or squared-ReLU units.

    κ(a, b) = (‖a‖ ‖b‖)^degree J(θ) / π with θ the angle between a and b, and

    - J = π − θ for degree 0 (threshold units),
    - J = sin θ + (π − θ) cos θ for degree 1 (ReLU),
    - J = 3 sin θ cos θ + (π − θ)(1 + 2 cos² θ) for degree 2 (squared ReLU).

    It is twice the covariance of f(w·a) and f(w·b) for standard normal w and the unit's
    nonlinearity f(u) = max(u, 0)^degree. A zero input counts as perpendicular to all others but
    itself, so that for degree 0 κ(0, 0) = 1 and κ(0, b) = 1/2, as for inputs of any other size.

    Parameters
    ----------
    degree : 0, 1 or 2

    Raises
    ------
    ValueError
        If ``degree`` is none of the three.

    Notes
    -----
    Y. Cho and L. Saul, "Kernel methods for deep learning", NeurIPS 2009, eqs. 1-6.

    Examples
    --------
    >>> import numpy as np
    >>> ArcCosine(degree=1)(np.array([[1.0, 0.0]]), np.array([[2.0, 0.0], [0.0, 1.0]]))
    tensor([[2.0000, 0.3183]], dtype=torch.float64)
    """

    degree: int = 1

    def __post_init__(self) -> None:
        """Validate the degree."""
        object.__setattr__(self, "degree", whole("degree", self.degree, at_least=0))
        if self.degree > 2:
            raise ValueError(f"degree: found {self.degree}; give 0, 1 or 2.")

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        (U, a), (V, b) = polar(A), polar(B)
        _, phi = angles(U, V)
        if self.degree == 0:  # which no length enters, however large or small
            return phi.div_(math.pi)
        J = (relu_angle, squared_relu_angle)[self.degree - 1]
        return J(phi).div_(math.pi).mul_((a[:, None] * b).pow_(self.degree))

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        if self.degree == 0:
            return A.new_ones(len(A))
        _, a = polar(A)
        return a.square_().pow_(self.degree).mul_((1.0, 3.0)[self.degree - 1])


def polar(A: Float64[Tensor, "n d"]) -> tuple[Float64[Tensor, "n d"], Float64[Tensor, " n"]]:
    """Return the rows of A divided by their lengths, zero rows as they are, and the lengths.

    Squares of numbers beyond 1e154 overflow, of those below 1e-154 vanish. So a row is first
    divided by a power of two near its largest entry, which is exact.
    """
    exponents = torch.frexp(A.abs().amax(dim=1)).exponent.clamp_(-1022, 1022)
    A = torch.ldexp(A, -exponents[:, None])
    length = A.norm(dim=1)
    return A / torch.where(length > 0, length, 1.0)[:, None], torch.ldexp(length, exponents)


def angles(
    U: Float64[Tensor, "n d"], V: Float64[Tensor, "m d"]
) -> tuple[Float64[Tensor, "n m"], Float64[Tensor, "n m"]]:
    """Return the angle θ between the unit vectors in the rows of U and V, and φ = π − θ.

    θ = 2 atan2(|u − v|, |u + v|), each length accurate to a few units in the last place, so that
    both angles are accurate to the rounding of u and v, near 0 and near π alike. Of a zero
    vector and a unit vector the angle is π/2; of two zero vectors, which are equal, it is 0.

    Notes
    -----
    W. Kahan, "How futile are mindless assessments of roundoff in floating-point computation?"
    (2006), section 12.
    """
    one = U.new_ones(1)
    apart, together = squared_distances(U, V, one).sqrt_(), squared_distances(U, -V, one).sqrt_()
    both_zero = (apart == 0) & (together == 0)
    phi = torch.atan2(together, apart).mul_(2.0).masked_fill_(both_zero, math.pi)
    return torch.atan2(apart, together).mul_(2.0), phi


def relu_angle(phi: Float64[Tensor, "n m"]) -> Float64[Tensor, "n m"]:
    """Return sin φ − φ cos φ, which is sin θ + (π − θ) cos θ at φ = π − θ.

    It is φ³/3 − ... for small φ, where the difference would lose all digits.
    """
    series = [(-1) ** (k + 1) * 2 * k / math.factorial(2 * k + 1) for k in range(1, 10)]
    near_zero = _polynomial(phi.square(), series).mul_(phi**3)
    return torch.where(phi < 1.0, near_zero, torch.sin(phi) - phi * torch.cos(phi))


def squared_relu_angle(phi: Float64[Tensor, "n m"]) -> Float64[Tensor, "n m"]:
    """Return φ(2 + cos 2φ) − (3/2) sin 2φ, which is 3 sin θ cos θ + (π − θ)(1 + 2 cos² θ).

    It is 4φ⁵/15 − ... for small φ, where the difference would lose all digits.
    """
    x = 2.0 * phi
    series = [(-1) ** k * (k - 1) / math.factorial(2 * k + 1) for k in range(2, 14)]
    near_zero = _polynomial(x.square(), series).mul_(x**5)
    return torch.where(phi < 1.0, near_zero, phi * (2.0 + torch.cos(x)) - 1.5 * torch.sin(x))


def _polynomial(x: Float64[Tensor, "n m"], coefficients: list[float]) -> Float64[Tensor, "n m"]:
    """Return Σ_k coefficients[k] x^k, by Horner's rule."""
    total = torch.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total.mul_(x).add_(coefficient)
    return total
