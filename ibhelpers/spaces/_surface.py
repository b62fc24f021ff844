r"""How well a Gaussian space explains its training data, with the derivative in every parameter.

The covariance of the targets of one output is C = s A with A = K + τ I: s is the amplitude, K the
kernel's matrix, τ the noise as a share of the amplitude. With α = A⁻¹ Y, n examples and k outputs,

    −log p(Y)  = tr(Yᵀ α) / 2s + (k/2) log|A| + (nk/2) log 2πs,
    its derivative in the entries of A: W = ½ (k A⁻¹ − α αᵀ / s).

Where the amplitude is chosen with the noise as its share, the best one is closed,
s* = tr(Yᵀ α) / nk, and what is left is a function of A alone with the same W at s = s*. One matrix
W serves all parameters: each kernel pulls it back (`Kernel.pull_back`), a tile at a time.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from ..kernels import Kernel
from ..kernels.pair import Pair
from ._conditioning import workspace
from .posterior import EPS

_TILE = 1024  # rows and columns
_KEPT = 4096  # examples, up to which distances are kept from one evaluation to the next


@dataclass(frozen=True)
class Model:
    """Which numbers are searched, and what they mean; all are searched as logarithms.

    Parameters
    ----------
    kernel : Kernel
        With every parameter at some value.
    searched : tuple of int
        Places, in ``kernel.free()``, of the kernel's parameters that are searched.
    profiled : bool
        Whether the amplitude is the best one at every point; else it is 1, beyond what the kernel
        has.
    noise : float or None
        τ; None if it is searched, as the last number.
    """

    kernel: Kernel
    searched: tuple[int, ...]
    profiled: bool
    noise: float | None

    @property
    def names(self) -> list[str]:
        """What the searched numbers are called."""
        known = [name for name, _ in self.kernel.free()]
        return [known[i] for i in self.searched] + ["noise"] * (self.noise is None)

    def at(self, x: np.ndarray) -> tuple[Kernel, float]:
        """The kernel and τ at a point of the search."""
        values = [value for _, value in self.kernel.free()]
        for i, log in zip(self.searched, x, strict=False):
            values[i] = math.exp(log)
        noise = math.exp(x[-1]) if self.noise is None else self.noise
        return self.kernel.with_free(iter(values)), noise


@dataclass(frozen=True)
class Height:
    """A value of the surface, and what comes with it.

    Attributes
    ----------
    value : float
        Minus the log evidence, or minus the leave-one-out log predictive density, in nats; to be
        made small.
    gradient : ndarray
        Its derivatives in the searched numbers.
    amplitude : float
        s.
    condition : float
        κ₁(A), the condition number in the 1-norm, if it was asked for.
    """

    value: float
    gradient: np.ndarray
    amplitude: float
    condition: float


class Surface:
    """The criterion over a model's parameters, for some training data.

    Parameters
    ----------
    model : Model
    X, Y : float64 tensors, shapes (n, d) and (n, k)
        Training inputs and targets.
    criterion : {"evidence", "leave_one_out"}
    """

    def __init__(
        self, model: Model, X: Float64[Tensor, "n d"], Y: Float64[Tensor, "n k"], criterion: str
    ) -> None:
        self.model, self.X, self.Y, self.criterion = model, X, Y, criterion
        self.evaluations = 0
        self.evaluated: Callable[[], object] | None = None  # told after each evaluation
        self._tiles = [
            (rows, columns, Pair(X[rows], X[columns]))
            for rows in _slices(len(X))
            for columns in _slices(rows.stop)
        ]

    def __call__(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Value and gradient; infinity where A is not positive definite to working precision."""
        height = self.at(x)
        if height is None:
            return math.inf, np.zeros(len(x))
        return height.value, height.gradient

    def at(self, x: np.ndarray, *, condition: bool = False) -> Height | None:
        """Everything about one point; None where A is singular to working precision."""
        self.evaluations += 1
        if self.evaluated is not None:
            self.evaluated()
        kernel, noise = self.model.at(x)
        A = self._matrix(kernel, noise)
        norm = _one_norm(A) if condition else math.nan
        factor, failed = torch.linalg.cholesky_ex(A)
        pivots = factor.diagonal().square()
        if failed or not float(pivots.min()) > len(A) * EPS * float(pivots.max()):
            return None
        del A
        half_log_det = float(factor.diagonal().log().sum())
        white = torch.linalg.solve_triangular(factor, self.Y, upper=False)
        alpha = torch.linalg.solve_triangular(factor.T, white, upper=True)
        P = torch.cholesky_inverse(factor)
        del factor
        if condition:
            norm *= _one_norm(P)
        of = self._evidence if self.criterion == "evidence" else self._leave_one_out
        value, amplitude, W = of(half_log_det, float(white.square().sum()), alpha, P)
        return Height(value, self._gradient(kernel, noise, W), amplitude, norm)

    def _evidence(
        self,
        half_log_det: float,
        quadratic: float,
        alpha: Float64[Tensor, "n k"],
        P: Float64[Tensor, "n n"],
    ) -> tuple[float, float, Float64[Tensor, "n n"]]:
        """Value, amplitude and W, which takes the memory of P."""
        n, k = self.Y.shape
        s = quadratic / (n * k) if self.model.profiled else 1.0
        value = quadratic / (2 * s) + k * half_log_det + n * k / 2 * math.log(2 * math.pi * s)
        return value, s, P.mul_(k / 2).addmm_(alpha, alpha.T, alpha=-0.5 / s)

    def _leave_one_out(
        self,
        half_log_det: float,
        quadratic: float,
        alpha: Float64[Tensor, "n k"],
        P: Float64[Tensor, "n n"],
    ) -> tuple[float, float, Float64[Tensor, "n n"]]:
        """The same, for the density of each target given all others.

        With q the diagonal of A⁻¹, the errors are α_ij / q_i and their variances s / q_i.
        """
        n, k = self.Y.shape
        q = P.diagonal().clone()
        squares = alpha.square().sum(1)
        total = float((squares / q).sum())
        s = total / (n * k) if self.model.profiled else 1.0
        value = total / (2 * s) - k / 2 * float(q.log().sum())
        value += n * k / 2 * math.log(2 * math.pi * s)
        of_q = squares / (2 * s * q.square()) + k / (2 * q)  # minus the derivative in q
        pulled = P @ (alpha / (s * q[:, None]))
        W = (P * of_q) @ P
        W.addmm_(pulled, alpha.T, alpha=-0.5).addmm_(alpha, pulled.T, alpha=-0.5)
        return value, s, W

    def _matrix(self, kernel: Kernel, noise: float) -> Float64[Tensor, "n n"]:
        """A = K + τ I."""
        A = self.X.new_empty(len(self.X), len(self.X))
        for rows, columns, pair in self._tiles:
            tile = kernel.value(pair)
            A[rows, columns] = tile
            if rows != columns:
                A[columns, rows] = tile.T
            self._forget(pair)
        A.diagonal().add_(noise)
        return A

    def _gradient(self, kernel: Kernel, noise: float, W: Float64[Tensor, "n n"]) -> np.ndarray:
        of_kernel = np.zeros(len(kernel.free()))
        if self.model.searched:
            for rows, columns, pair in self._tiles:
                times = 1.0 if rows == columns else 2.0
                of_kernel += times * np.array(kernel.pull_back(pair, W[rows, columns].contiguous()))
                self._forget(pair)
        searched = of_kernel[list(self.model.searched)]
        if self.model.noise is None:
            searched = np.append(searched, noise * float(W.diagonal().sum()))
        return searched

    def _forget(self, pair: Pair) -> None:
        if len(self.X) > _KEPT:
            pair.forget()


def memory_needed(n: int, d: int, k: int, criterion: str, device: torch.device) -> int:
    """Bytes that one evaluation takes on n examples with d inputs and k outputs.

    The evidence holds the matrix and its factor, then the factor and the inverse; leaving one out,
    the inverse and two products of its size. Few examples keep their distances, of up to two kinds.
    """
    arrays = 2 if criterion == "evidence" else 3
    kept = 2 * min(n, _KEPT) ** 2
    tiles = 8 * min(n, _TILE) ** 2  # what a kernel computes on the way
    return 8 * (arrays * n * n + kept + tiles + n * (d + 4 * k)) + workspace(device)


def _one_norm(A: Float64[Tensor, "n n"]) -> float:
    return max(float(A[rows].abs().sum(1).max()) for rows in _slices(len(A)))


def _slices(n: int) -> Iterator[slice]:
    for start in range(0, n, _TILE):
        yield slice(start, min(start + _TILE, n))
