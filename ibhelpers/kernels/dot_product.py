"""Kernels of the dot product of two inputs: linear and polynomial."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral, Real

from jaxtyping import Float64
from torch import Tensor

from .._arguments import non_negative, positive, whole
from .kernel import Kernel


@dataclass(frozen=True)
class Linear(Kernel):
    """The kernel of linear hypotheses.

    κ(a, b) = bias_variance + a·b. Its hypotheses are w·x + c with w standard normal and c normal
    of variance ``bias_variance``.

    Parameters
    ----------
    bias_variance : float
        Variance of the constant c, at least 0.

    Raises
    ------
    ValueError
        If ``bias_variance`` is negative or not finite.

    Examples
    --------
    >>> import numpy as np
    >>> Linear(bias_variance=1.0)(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]))
    tensor([[12.]], dtype=torch.float64)
    """

    bias_variance: Real = 0.0

    def __post_init__(self) -> None:
        """Validate the variance."""
        object.__setattr__(self, "bias_variance", non_negative("bias_variance", self.bias_variance))

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        return (A @ B.T).add_(self.bias_variance)

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        return A.square().sum(dim=1).add_(self.bias_variance)


@dataclass(frozen=True)
class Polynomial(Kernel):
    """The kernel of polynomial hypotheses.

    κ(a, b) = (offset + scale · a·b)^degree. Its hypotheses are polynomials of the inputs, of all
    orders up to ``degree`` when the offset is positive, of exactly that order when it is 0. As
    ``sklearn.metrics.pairwise.polynomial_kernel`` with coef0 = offset and gamma = scale.

    Parameters
    ----------
    degree : int
        At least 1.
    scale : float
        Positive; 1/d keeps the kernel near 1 for d inputs of size 1.
    offset : float
        At least 0.

    Raises
    ------
    ValueError
        If an argument is out of its range; on evaluation, if the power overflows.

    Examples
    --------
    >>> import numpy as np
    >>> Polynomial(degree=2)(np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]]))
    tensor([[144.]], dtype=torch.float64)
    """

    degree: Integral
    scale: Real = 1.0
    offset: Real = 1.0

    def __post_init__(self) -> None:
        """Validate the parameters."""
        object.__setattr__(self, "degree", whole("degree", self.degree, at_least=1))
        object.__setattr__(self, "scale", positive("scale", self.scale))
        object.__setattr__(self, "offset", non_negative("offset", self.offset))

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        return (A @ B.T).mul_(self.scale).add_(self.offset).pow_(self.degree)

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        return A.square().sum(dim=1).mul_(self.scale).add_(self.offset).pow_(self.degree)
