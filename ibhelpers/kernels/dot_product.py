"""Kernels of the dot product of two inputs: constant, linear and polynomial."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import non_negative, positive, whole
from .kernel import Kernel
from .pair import Pair


@dataclass(frozen=True)
class Constant(Kernel):
    """The kernel of constant hypotheses: κ(a, b) = 1.

    Added to another kernel, ``RBF(1.0) + 4.0 * Constant()``, it gives each output an unknown mean,
    normal with that variance.

    Examples
    --------
    >>> import numpy as np
    >>> (4.0 * Constant())(np.array([[1.0]]), np.array([[3.0], [4.0]]))
    tensor([[4., 4.]], dtype=torch.float64)
    """

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        return A.new_ones(len(A), len(B))

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        return A.new_ones(len(A))

    def pull_back_inputs(self, pair: Pair, W: Float64[Tensor, "n m"]) -> Float64[Tensor, "n d"]:
        """Return 0."""
        return torch.zeros_like(pair.A)


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

    bias_variance: float = 0.0

    def __post_init__(self) -> None:
        """Validate the variance."""
        object.__setattr__(self, "bias_variance", non_negative("bias_variance", self.bias_variance))

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        return (A @ B.T).add_(self.bias_variance)

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        return A.square().sum(dim=1).add_(self.bias_variance)

    def free(self) -> list[tuple[str, float]]:
        """The variance of the constant, unless there is none."""
        return [("bias_variance", self.bias_variance)] if self.bias_variance else []

    def with_free(self, values: Iterator[float]) -> Kernel:
        """Return the kernel with the next value as variance of the constant, if there is one."""
        return replace(self, bias_variance=next(values)) if self.bias_variance else self

    def value(self, pair: Pair) -> Float64[Tensor, "n m"]:
        """Return κ over the rows of a pair of short matrices, as a new array."""
        return pair.dot_products().add_(self.bias_variance)

    def pull_back(self, pair: Pair, W: Float64[Tensor, "n m"]) -> list[float]:
        """Return bias_variance Σ W, if the variance is free."""
        return [self.bias_variance * float(W.sum())] if self.bias_variance else []

    def pull_back_inputs(self, pair: Pair, W: Float64[Tensor, "n m"]) -> Float64[Tensor, "n d"]:
        """Return W B."""
        return W @ pair.B


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

    degree: int
    scale: float = 1.0
    offset: float = 1.0

    def __post_init__(self) -> None:
        """Validate the parameters."""
        object.__setattr__(self, "degree", whole("degree", self.degree, at_least=1))
        object.__setattr__(self, "scale", positive("scale", self.scale))
        object.__setattr__(self, "offset", non_negative("offset", self.offset))

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        root = math.sqrt(self.scale)  # which keeps products of small numbers from vanishing
        return ((A * root) @ (B * root).T).add_(self.offset).pow_(self.degree)

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        return (A * math.sqrt(self.scale)).square_().sum(dim=1).add_(self.offset).pow_(self.degree)

    # The scale is no free parameter: it is the offset's unit, times a power of the amplitude.

    def free(self) -> list[tuple[str, float]]:
        """The offset, unless it is 0."""
        return [("offset", self.offset)] if self.offset else []

    def with_free(self, values: Iterator[float]) -> Kernel:
        """Return the kernel with the next value as offset, if there is one."""
        return replace(self, offset=next(values)) if self.offset else self

    def value(self, pair: Pair) -> Float64[Tensor, "n m"]:
        """Return κ over the rows of a pair of short matrices, as a new array."""
        return self._base(pair).pow_(self.degree)

    def pull_back(self, pair: Pair, W: Float64[Tensor, "n m"]) -> list[float]:
        """Return offset · degree Σ W base^(degree − 1), if the offset is free."""
        if not self.offset:
            return []
        powers = self._base(pair).pow_(self.degree - 1)
        return [self.offset * self.degree * float(torch.sum(powers.mul_(W)))]

    def pull_back_inputs(self, pair: Pair, W: Float64[Tensor, "n m"]) -> Float64[Tensor, "n d"]:
        """Return degree · scale (W base^(degree − 1)) B."""
        powers = self._base(pair).pow_(self.degree - 1)
        return powers.mul_(W).mul_(self.degree * self.scale) @ pair.B

    def _base(self, pair: Pair) -> Float64[Tensor, "n m"]:
        return pair.dot_products().mul_(self.scale).add_(self.offset)
