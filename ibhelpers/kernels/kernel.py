"""A kernel: a covariance function, evaluated tile by tile, that adds and multiplies."""

from __future__ import annotations

import functools
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import ArrayLike, number, positive, whole
from .._fork import refuse_orphans
from .._typed import refuse_others
from ._inputs import as_inputs
from .pair import Pair

# Rows and columns of one tile. What a kernel needs besides its result is a few tiles (8 MB each
# on a CPU, 128 MB on a GPU, which needs more work at a time to be busy) and the tile's inputs.
_TILE = {"cpu": 1024, "cuda": 4096}

_LONG = re.compile(r"\d+\.\d{5,}(?:e[-+]?\d+)?")  # numbers that may have more than six digits


class Kernel(ABC):
    """A covariance function κ(a, b) of two inputs.

    ``kernel(A, B)`` is the (n, m) matrix of κ over the rows of A (n, d) and B (m, d);
    ``kernel(A)`` is ``kernel(A, A)``, symmetric to the last bit; ``kernel.diagonal(A)`` is its
    diagonal. Kernels add and multiply: ``2.0 * RBF(1.0) + Linear() ** 2`` is a kernel. They are
    immutable, compare by value and can be dictionary keys.

    A new kernel defines ``_tile(A, B)``, which may allocate a few arrays as large as its result,
    and ``_diagonal(A)``. Nothing else in a kernel has to think about memory or symmetry.

    A kernel whose parameters training data may choose also names them in ``free()``, makes a kernel
    of others in ``with_free``, and gives derivatives in ``pull_back``; ``GaussianSpace.fit``
    searches over them. One that is smooth in its inputs gives ``pull_back_inputs`` too.
    """

    @abstractmethod
    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        """Return κ over the rows of two short matrices, as a new array."""

    @abstractmethod
    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        """Return κ(a, a) over the rows of A, as a new array."""

    def free(self) -> list[tuple[str, float]]:
        """Name and value of every positive parameter that training data may choose, in order."""
        return []

    def with_free(self, values: Iterator[float]) -> Kernel:
        """Return the kernel with the next values in place of its free parameters."""
        return self

    def value(self, pair: Pair) -> Float64[Tensor, "n m"]:
        """Return κ over the rows of a pair of short matrices, as a new array."""
        return self._checked_tile(pair.A, pair.B)

    def pull_back(self, pair: Pair, W: Float64[Tensor, "n m"]) -> list[float]:
        """Return Σ_ij W_ij ∂κ(a_i, b_j)/∂ log θ for every free parameter θ.

        W is the derivative of some number with respect to the entries of the kernel's matrix; the
        result is that number's derivative with respect to the logarithms of the parameters.
        """
        return []

    def pull_back_inputs(self, pair: Pair, W: Float64[Tensor, "n m"]) -> Float64[Tensor, "n d"]:
        """Return Σ_j W_ij ∂κ(a_i, b_j)/∂a_i for every row of A.

        Where both inputs are the same object, and κ depends on it through both, that is half of
        what their sum changes by.
        """
        raise ValueError(
            f"kernel: {self} has no derivative in its inputs, or none that is known; take RBF, "
            "Matern, RationalQuadratic, Linear or Polynomial, their sums and products."
        )

    def __str__(self) -> str:
        """Return the expression that makes the kernel, its numbers to six digits.

        What is chosen by the evidence has no more; the last of sixteen are those of a machine.
        """
        return _LONG.sub(lambda number: f"{float(number[0]):.6g}", repr(self))

    def __call__(
        self,
        A: ArrayLike,
        B: ArrayLike | None = None,
        *,
        out: Tensor | None = None,
    ) -> Float64[Tensor, "n m"]:
        """Return the (n, m) matrix of κ over the rows of A and B.

        Parameters
        ----------
        A, B : tensors or array_like, shapes (n, d) and (m, d)
            Inputs; a tensor stays on its device. Without B, or with B equal to A, the matrix is
            symmetric to the last bit and its diagonal is ``kernel.diagonal(A)``; this costs half.
        out : float64 tensor, shape (n, m), optional
            Where to write, on A's device. It may be a view, such as a block of a larger matrix.
            The result is then held once, and little more than one tile is allocated.

        Raises
        ------
        ValueError
            If inputs are not finite (n, d) matrices of one width on one device, if ``out`` does
            not fit, or if κ is not finite somewhere. After the last of these, ``out`` is
            partly written.
        RuntimeError
            If the process was forked from one that had computed with several threads.
        """
        refuse_orphans()
        A = as_inputs("A", A)
        symmetric = B is None or B is A
        B = A if symmetric else as_inputs("B", B, like=A)
        symmetric = symmetric or (A.shape == B.shape and torch.equal(A, B))
        out = _destination(out, A, B)
        if symmetric:
            self._fill_symmetric(A, out)
        else:
            self._fill(A, B, out)
        return out

    def diagonal(self, A: ArrayLike) -> Float64[Tensor, " n"]:
        """Return κ(a, a) over the n rows of A without forming the matrix.

        Raises
        ------
        ValueError
            As ``kernel(A)``.
        """
        diagonal = self._diagonal(as_inputs("A", A))
        self._check_finite(diagonal)
        return diagonal

    def _fill(
        self,
        A: Float64[Tensor, "n d"],
        B: Float64[Tensor, "m d"],
        out: Float64[Tensor, "n m"],
    ) -> None:
        """Write κ over the rows of A and B into ``out``."""
        for rows in _tiles(A):
            for columns in _tiles(B):
                out[rows, columns] = self._checked_tile(A[rows], B[columns])

    def _fill_symmetric(self, A: Float64[Tensor, "n d"], out: Float64[Tensor, "n n"]) -> None:
        """Write κ over the rows of A into ``out``: the lower triangle, and its mirror image."""
        for rows in _tiles(A):
            for columns in _tiles(A[: rows.stop]):
                tile = self._checked_tile(A[rows], A[columns])
                if rows == columns:
                    # A matrix product need not be symmetric to the last bit, and its diagonal
                    # is rounded differently from a sum of squares: one value for each pair.
                    tile = tile.tril(-1)
                    tile = tile + tile.T
                    tile.diagonal().copy_(self._diagonal(A[rows]))
                else:
                    out[columns, rows] = tile.T
                out[rows, columns] = tile

    def _checked_tile(
        self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]
    ) -> Float64[Tensor, "n m"]:
        tile = self._tile(A, B)
        self._check_finite(tile)
        return tile

    def _check_finite(self, values: Tensor) -> None:
        if torch.isfinite(values.sum()):  # one pass, which NaN and infinity do not survive
            return
        finite = torch.isfinite(values)
        if not finite.all():
            raise ValueError(
                f"kernel: {self} gave {values[~finite][0]} for finite inputs; the inputs are "
                "probably too large for its powers: divide them by their typical size."
            )

    # NumPy's numbers leave products to the kernel, and its arrays do not take it for an element.
    __array_ufunc__ = None

    def __add__(self, other: Any) -> Kernel:
        """Return the sum of two kernels."""
        if isinstance(other, Kernel):
            return Sum(self, other)
        if type(other) is int and other == 0:  # where ``sum`` begins
            return self
        raise TypeError(
            f"kernel: {_brief(other)} cannot be added to {self}; add a kernel, such as "
            "c * Constant() for a constant of variance c."
        )

    def __radd__(self, other: Any) -> Kernel:
        """Return the kernel itself, when 0 is added, as ``sum`` does."""
        return self + other

    def __mul__(self, other: Any) -> Kernel:
        """Return the product of two kernels, or the kernel times a positive number."""
        if isinstance(other, Kernel):
            return Product(self, other)
        if isinstance(other, (Real, np.ndarray, Tensor)):
            return Scaled(number("factor", other), self)
        raise TypeError(
            f"kernel: {self} cannot be multiplied by {_brief(other)}; give a positive number or "
            "another kernel."
        )

    def __rmul__(self, factor: Any) -> Kernel:
        """Return the kernel times a positive number."""
        return self * factor

    def __truediv__(self, divisor: Any) -> Kernel:
        """Return the kernel divided by a positive number."""
        if isinstance(divisor, Kernel):
            raise TypeError(
                f"kernel: {self} cannot be divided by {divisor}; a quotient of covariance "
                "functions need not be one."
            )
        return Scaled(1.0 / positive("divisor", divisor), self)

    def __pow__(self, exponent: Any) -> Kernel:
        """Return the product of the kernel with itself, ``exponent`` times."""
        exponent = whole("exponent", exponent, at_least=1, at_most=64)
        return functools.reduce(Product, [self] * exponent)

    def __sub__(self, other: object) -> Kernel:
        """Refuse, in words."""
        raise TypeError(
            f"kernel: {_brief(other)} cannot be subtracted from {self}; a difference of covariance "
            "functions need not be one."
        )

    def __rsub__(self, other: object) -> Kernel:
        """Refuse, in words."""
        return self - other

    def __neg__(self) -> Kernel:
        """Refuse, in words."""
        raise TypeError(f"kernel: -({self}) has negative variances, so it is no covariance.")


@dataclass(frozen=True, repr=False)
class Sum(Kernel):
    """The sum of two kernels: κ(a, b) = κ₁(a, b) + κ₂(a, b).

    Its hypotheses are sums of independent hypotheses of the two.

    Examples
    --------
    >>> from ibhelpers.kernels import RBF
    >>> RBF(1.0) + RBF(2.0)
    RBF(lengthscale=1.0) + RBF(lengthscale=2.0)
    """

    left: Kernel
    right: Kernel

    def __post_init__(self) -> None:
        """Refuse what is no kernel."""
        refuse_others("left", self.left, Kernel)
        refuse_others("right", self.right, Kernel)

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        return self.left._tile(A, B).add_(self.right._tile(A, B))

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        return self.left._diagonal(A).add_(self.right._diagonal(A))

    def free(self) -> list[tuple[str, float]]:
        """The free parameters of the left kernel, then of the right one."""
        return self.left.free() + self.right.free()

    def with_free(self, values: Iterator[float]) -> Kernel:
        """Return the sum of both kernels with the next values."""
        return Sum(self.left.with_free(values), self.right.with_free(values))

    def value(self, pair: Pair) -> Float64[Tensor, "n m"]:
        """Return the sum of both kernels' values."""
        return self.left.value(pair).add_(self.right.value(pair))

    def pull_back(self, pair: Pair, W: Float64[Tensor, "n m"]) -> list[float]:
        """Return what both kernels return for the same W."""
        return self.left.pull_back(pair, W) + self.right.pull_back(pair, W)

    def pull_back_inputs(self, pair: Pair, W: Float64[Tensor, "n m"]) -> Float64[Tensor, "n d"]:
        """Return the sum of what both kernels return."""
        return self.left.pull_back_inputs(pair, W).add_(self.right.pull_back_inputs(pair, W))

    def __repr__(self) -> str:
        """Return the expression that makes the kernel."""
        return f"{self.left!r} + {self.right!r}"


@dataclass(frozen=True, repr=False)
class Product(Kernel):
    """The product of two kernels: κ(a, b) = κ₁(a, b) κ₂(a, b).

    Examples
    --------
    >>> from ibhelpers.kernels import RBF
    >>> RBF(1.0) * (RBF(2.0) + RBF(3.0))
    RBF(lengthscale=1.0) * (RBF(lengthscale=2.0) + RBF(lengthscale=3.0))
    """

    left: Kernel
    right: Kernel

    def __post_init__(self) -> None:
        """Refuse what is no kernel."""
        refuse_others("left", self.left, Kernel)
        refuse_others("right", self.right, Kernel)

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        return self.left._tile(A, B).mul_(self.right._tile(A, B))

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        return self.left._diagonal(A).mul_(self.right._diagonal(A))

    def free(self) -> list[tuple[str, float]]:
        """The free parameters of the left kernel, then of the right one."""
        return self.left.free() + self.right.free()

    def with_free(self, values: Iterator[float]) -> Kernel:
        """Return the product of both kernels with the next values."""
        return Product(self.left.with_free(values), self.right.with_free(values))

    def value(self, pair: Pair) -> Float64[Tensor, "n m"]:
        """Return the product of both kernels' values."""
        return self.left.value(pair).mul_(self.right.value(pair))

    def pull_back(self, pair: Pair, W: Float64[Tensor, "n m"]) -> list[float]:
        """Return what each kernel returns for W times the other's values."""
        found = self.left.pull_back(pair, W * self.right.value(pair)) if self.left.free() else []
        if self.right.free():
            found += self.right.pull_back(pair, W * self.left.value(pair))
        return found

    def pull_back_inputs(self, pair: Pair, W: Float64[Tensor, "n m"]) -> Float64[Tensor, "n d"]:
        """Return the sum of what each kernel returns for W times the other's values."""
        left = self.left.pull_back_inputs(pair, W * self.right.value(pair))
        return left.add_(self.right.pull_back_inputs(pair, W * self.left.value(pair)))

    def __repr__(self) -> str:
        """Return the expression that makes the kernel."""
        return f"{_bracketed(self.left)} * {_bracketed(self.right)}"


@dataclass(frozen=True, repr=False)
class Scaled(Kernel):
    """A kernel times a positive number: κ(a, b) = factor · κ₁(a, b).

    Its hypotheses are the kernel's, times the square root of the factor.

    Raises
    ------
    ValueError
        If ``factor`` is not a positive number.

    Examples
    --------
    >>> from ibhelpers.kernels import RBF
    >>> 2.0 * RBF(1.0)
    2.0 * RBF(lengthscale=1.0)
    """

    factor: float
    kernel: Kernel

    def __post_init__(self) -> None:
        """Validate the factor."""
        refuse_others("kernel", self.kernel, Kernel)
        object.__setattr__(self, "factor", positive("factor", self.factor))

    def _tile(self, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]) -> Float64[Tensor, "n m"]:
        return self.kernel._tile(A, B).mul_(self.factor)

    def _diagonal(self, A: Float64[Tensor, "n d"]) -> Float64[Tensor, " n"]:
        return self.kernel._diagonal(A).mul_(self.factor)

    def free(self) -> list[tuple[str, float]]:
        """The factor, called amplitude, then the free parameters of the kernel."""
        return [("amplitude", self.factor), *self.kernel.free()]

    def with_free(self, values: Iterator[float]) -> Kernel:
        """Return the kernel with the next values, times the first of them."""
        factor = next(values)
        return Scaled(factor, self.kernel.with_free(values))

    def value(self, pair: Pair) -> Float64[Tensor, "n m"]:
        """Return the factor times the kernel's values."""
        return self.kernel.value(pair).mul_(self.factor)

    def pull_back(self, pair: Pair, W: Float64[Tensor, "n m"]) -> list[float]:
        """Return Σ W κ, which is the factor's, and the kernel's for the factor times W."""
        of_factor = float(torch.sum(W * self.kernel.value(pair))) * self.factor
        inner = self.kernel.pull_back(pair, W)
        return [of_factor, *(self.factor * found for found in inner)]

    def pull_back_inputs(self, pair: Pair, W: Float64[Tensor, "n m"]) -> Float64[Tensor, "n d"]:
        """Return the factor times what the kernel returns."""
        return self.kernel.pull_back_inputs(pair, W).mul_(self.factor)

    def __repr__(self) -> str:
        """Return the expression that makes the kernel."""
        return f"{self.factor!r} * {_bracketed(self.kernel)}"


def _brief(operand: object) -> str:
    return repr(operand) if isinstance(operand, (Real, Kernel)) else f"a {type(operand).__name__}"


def _bracketed(kernel: Kernel) -> str:
    return f"({kernel!r})" if isinstance(kernel, Sum) else repr(kernel)


def _tiles(A: Float64[Tensor, "n d"]) -> Iterator[slice]:
    """Yield slices that cut the rows of A into tiles."""
    step = _TILE["cpu" if A.device.type == "cpu" else "cuda"]
    for start in range(0, len(A), step):
        yield slice(start, min(start + step, len(A)))


def _destination(
    out: Tensor | None, A: Float64[Tensor, "n d"], B: Float64[Tensor, "m d"]
) -> Float64[Tensor, "n m"]:
    """Return ``out`` when it can hold κ(A, B), or a new tensor."""
    shape = (len(A), len(B))
    if out is None:
        return torch.empty(shape, dtype=torch.float64, device=A.device)
    if tuple(out.shape) != shape or out.dtype != torch.float64 or out.device != A.device:
        raise ValueError(
            f"out: found {tuple(out.shape)}, {out.dtype} on {out.device}; "
            f"give a tensor of shape {shape}, torch.float64 on {A.device}."
        )
    return out
