r"""Conditioning a Gaussian process on its training set: one elimination by blocks, in place.

With the Cholesky factor L of the training covariance, everything that conditioning needs is one
tall array, of which each block of columns is made from those before it:

    rows 0 to n            K_nn + σ² I    becomes   L         the factor
    the next m             K_*n           becomes   K_*n L⁻ᵀ  `half`
    the last k             Yᵀ             becomes   Yᵀ L⁻ᵀ    `whitened`

Then the mean is half whitenedᵀ and the covariance K_** − half halfᵀ: what the mean needs, the
covariance reuses. The first s columns are those of the first s training examples alone, so that
nested training sets cost nothing more. No n × n array is held besides this one, and above the
blocks on L's diagonal it is never written or read.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor
from tqdm import tqdm

from .._progress import progress_bar
from ..kernels import Kernel
from .posterior import EPS, Errors, norms, rounding_errors

JITTERS = (1e-12, 1e-10, 1e-8)  # of the mean prior variance, tried in turn, never silently

# Columns eliminated at a time: enough to spend the time in matrix products, few enough to keep the
# copy of them that the triangular solve makes small beside the whole.
_COLUMNS = {"cpu": 512, "cuda": 2048}
# Bytes for tiles of the kernel, numbers drawn, and libraries.
_WORKSPACE = {"cpu": 2**27, "cuda": 2**30}
_PROBES = 8  # random vectors
# Rounding moves the smallest eigenvalue by about ε √n of the largest pivot; where that is so large
# a part of it, what was computed says nothing, not even how wrong it is.
_SINGULAR = 0.1


class NotPositiveDefiniteError(ValueError):
    """No jitter that is allowed makes the training covariance positive definite."""


class Conditioned(abc.ABC):
    """The tall array after elimination, wherever it is kept, and what is asked of it."""

    jitter: float
    n_test: int
    _conditions: dict[int, float]

    @property
    def n_train(self) -> int:
        """Number of training examples, n."""
        return len(self.pivots)

    @property
    @abc.abstractmethod
    def pivots(self) -> Float64[Tensor, " n"]:
        """The diagonal of L."""

    @property
    @abc.abstractmethod
    def whitened(self) -> Float64[Tensor, "k n"]:
        """Yᵀ L⁻ᵀ."""

    @abc.abstractmethod
    def mean(self, size: int) -> Float64[Tensor, "m k"]:
        """Mean at the test inputs, given the first ``size`` examples."""

    @abc.abstractmethod
    def subtract_gram_(
        self, C: Float64[Tensor, "m m"], columns: slice, *, progress: bool = True
    ) -> None:
        """C − half halfᵀ in place, over some columns; symmetric to the last bit."""

    @abc.abstractmethod
    def largest_weight(self) -> float:
        """The largest entry of half."""

    def gram_times(self, V: Float64[Tensor, "m r"]) -> Float64[Tensor, "m r"]:
        """Half halfᵀ V, without half halfᵀ."""
        return self._half_times(self._half_transposed(V, self.n_train))

    @abc.abstractmethod
    def _half_times(self, sides: Float64[Tensor, "n r"]) -> Float64[Tensor, "m r"]:
        """Half times sides, of as many columns as these have rows."""

    @abc.abstractmethod
    def _half_transposed(
        self, sides: Float64[Tensor, "m r"], size: int
    ) -> Float64[Tensor, "size r"]:
        """Halfᵀ times sides, of the first ``size`` columns of half."""

    @abc.abstractmethod
    def _solve(self, sides: Float64[Tensor, "size r"]) -> Float64[Tensor, "size r"]:
        """X with L X = sides, for L of as many examples; sides may be lost."""

    @abc.abstractmethod
    def _solve_transposed(self, sides: Float64[Tensor, "size r"]) -> Float64[Tensor, "size r"]:
        """X with Lᵀ X = sides; sides may be lost."""

    def miss(self) -> float:
        """By how much the mean misses the training targets at most, because of the jitter.

        What is left of the targets is jitter (K + σ²I)⁻¹ Y, with the jitter in σ².
        """
        return self.jitter * float(self._alpha().abs().max())

    def evidence_error(self) -> float:
        """Rounding error to expect in the log evidence: that of tr(Yᵀ K⁻¹ Y)/2, αᵀ δK α/2."""
        return EPS * self._largest(self.n_train) * float(self._alpha().square().sum()) / 2

    def _alpha(self) -> Float64[Tensor, "n k"]:
        """K⁻¹ Y."""
        return self._solve_transposed(self.whitened.T.clone())

    def rounding(self, size: int, X_test: np.ndarray, prior_variance: float) -> Errors:
        """Rounding errors to expect for the first ``size`` examples; see `rounding_errors`."""
        whitened = self.whitened[:, :size]
        alpha = self._solve_transposed(whitened.T.clone()).square().sum(0)

        def transposed(V: Float64[Tensor, "m r"]) -> Float64[Tensor, "size r"]:
            return self._solve_transposed(self._half_transposed(V, size).contiguous())

        weights = norms(
            lambda U: self._half_times(self._solve(U)), transposed, probes(self.n_test, whitened)
        )
        return rounding_errors(
            self._largest(size), prior_variance, weights, float(alpha.mean()), X_test
        )

    def condition(self, size: int) -> float:
        """The condition number for the first ``size`` examples: a lower bound, most often near it.

        That of the pivots, or the largest pivot times the norm of the inverse.
        """
        if size not in self._conditions:
            pivots = self.pivots[:size]
            by_pivots = float(pivots.max() / pivots.min()) ** 2
            norm = _inverse_norm(pivots, self._solve, self._solve_transposed)
            self._conditions[size] = max(by_pivots, self._largest(size) * norm)
        return self._conditions[size]

    def _largest(self, size: int) -> float:
        """The largest pivot, which is no larger than the largest entry of the diagonal."""
        return float(self.pivots[:size].square().max())


@dataclass(frozen=True)
class Conditioning(Conditioned):
    """The tall array in memory; see the top of this file.

    Attributes
    ----------
    rows : float64 tensor, shape (n + m + k, n)
        Its lower part; what stands above L's diagonal has no meaning.
    n_test : int
        m.
    jitter : float
        What was added to the diagonal beyond the noise variance.
    """

    rows: Float64[Tensor, "rows n"]
    n_test: int
    jitter: float
    _conditions: dict[int, float] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(
        cls,
        kernel: Kernel,
        points: Float64[Tensor, "points d"],
        y: Float64[Tensor, "n k"],
        *,
        noise: float,
        what: str,
        progress: bool = True,
        jitters: tuple[float, ...] = (0.0, *JITTERS),
    ) -> Conditioning:
        """Condition on the first n points, with targets y; the others are test inputs.

        A long elimination shows its progress, under the name of ``what``.

        Raises
        ------
        NotPositiveDefiniteError
            If the training covariance is singular to working precision, and still is with the
            largest jitter.
        """
        (n, k), m = y.shape, len(points) - len(y)
        mean_variance = float(kernel.diagonal(points[:n]).mean())
        rows = y.new_empty(n + m + k, n)
        for share in jitters:
            jitter = share * mean_variance
            with progress_bar(what, _work(n, m + k, points), shown=progress) as bar:
                if _eliminate(rows, kernel, points, y, noise + jitter, bar):
                    done = cls(rows, m, jitter)
                    if is_certain(done.condition(n), n):
                        return done
        raise NotPositiveDefiniteError

    @property
    def n_train(self) -> int:
        """Number of training examples, n."""
        return self.rows.shape[1]

    @property
    def factor(self) -> Float64[Tensor, "n n"]:
        """L, to be read on and below its diagonal."""
        return self.rows[: self.n_train]

    @property
    def half(self) -> Float64[Tensor, "m n"]:
        """K_*n L⁻ᵀ."""
        return self.rows[self.n_train : self.n_train + self.n_test]

    @property
    def whitened(self) -> Float64[Tensor, "k n"]:
        """Yᵀ L⁻ᵀ."""
        return self.rows[self.n_train + self.n_test :]

    @property
    def pivots(self) -> Float64[Tensor, " n"]:
        """The diagonal of L."""
        return self.factor.diagonal()

    def mean(self, size: int) -> Float64[Tensor, "m k"]:
        """Mean at the test inputs, given the first ``size`` examples."""
        return self.half[:, :size] @ self.whitened[:, :size].T

    def subtract_gram_(
        self, C: Float64[Tensor, "m m"], columns: slice, *, progress: bool = True
    ) -> None:
        """C − half halfᵀ in place, over some columns; symmetric to the last bit."""
        subtract_gram_(C, self.half[:, columns], progress=progress)

    def largest_weight(self) -> float:
        """The largest entry of half."""
        return float(torch.linalg.vector_norm(self.half, ord=torch.inf))

    def inverted(self) -> tuple[Float64[Tensor, "n n"], Float64[Tensor, "m n"]]:
        """A = (K + σ²I)⁻¹, and K_*n A, the weights of the training targets in the mean."""
        precision = torch.cholesky_inverse(self.factor.tril())
        return precision, self._solve_transposed(self.half.T.clone()).T

    def _half_times(self, sides: Float64[Tensor, "n r"]) -> Float64[Tensor, "m r"]:
        return self.half[:, : len(sides)] @ sides

    def _half_transposed(
        self, sides: Float64[Tensor, "m r"], size: int
    ) -> Float64[Tensor, "size r"]:
        return self.half[:, :size].T @ sides

    def _solve(self, sides: Float64[Tensor, "size r"]) -> Float64[Tensor, "size r"]:
        return _solve(self.factor[: len(sides), : len(sides)], sides)

    def _solve_transposed(self, sides: Float64[Tensor, "size r"]) -> Float64[Tensor, "size r"]:
        return _solve_transposed(self.factor[: len(sides), : len(sides)], sides)


def _eliminate(
    rows: Float64[Tensor, "rows n"],
    kernel: Kernel,
    points: Float64[Tensor, "points d"],
    y: Float64[Tensor, "n k"],
    added: float,
    bar: tqdm,
) -> bool:
    """Fill the array from left to right; stop and say False at a pivot that is all rounding."""
    n, largest = len(y), 0.0
    for columns in _blocks(n, rows.device):
        panel, before = rows[columns.start :, columns], rows[columns.start :, : columns.start]
        _fill(panel, kernel, points[columns.start :], y[columns])
        corner = panel[: panel.shape[1]]
        corner.diagonal().add_(added)
        panel.addmm_(before, before[: len(corner)].T, alpha=-1)
        factor, failed = torch.linalg.cholesky_ex(corner)
        variances = factor.diagonal().square()
        largest = max(largest, float(variances.max()))
        if failed or not float(variances.min()) > n * EPS * largest:
            return False
        corner.copy_(factor)
        below = panel[len(corner) :]
        below.copy_(torch.linalg.solve_triangular(factor.T, below, upper=True, left=False))
        bar.update(_panel_work(len(panel), columns, points.shape[1]))
    return True


def are_pivots(pivots: Float64[Tensor, " s"], n: int) -> bool:
    """Whether no pivot of the first of n examples is all rounding."""
    variances = pivots.square()
    return float(variances.min()) > n * EPS * float(variances.max())


def is_certain(condition: float, n: int) -> bool:
    """Whether rounding leaves of n examples what tells how wrong the rest is."""
    return condition * n**0.5 * EPS < _SINGULAR


def inverse_norm(factor: Float64[Tensor, "n n"]) -> float:
    """The norm of (L Lᵀ)⁻¹, from below: two steps of power iteration from random vectors."""
    solve, solve_transposed = partial(_solve, factor), partial(_solve_transposed, factor)
    return _inverse_norm(factor.diagonal(), solve, solve_transposed)


def _inverse_norm(
    pivots: Float64[Tensor, " n"],
    solve: Callable[[Tensor], Tensor],
    solve_transposed: Callable[[Tensor], Tensor],
) -> float:
    few = probes(len(pivots), pivots)[:, :2].contiguous()
    once = solve_transposed(solve(few))
    once /= once.norm()  # or variances of 1e-80 would overflow, and those of 1e+90 vanish
    return float(solve_transposed(solve(once)).norm())


def probes(n: int, like: Tensor) -> Float64[Tensor, "n probes"]:
    """A few vectors that have a part along every direction, the same each time."""
    random = torch.Generator().manual_seed(0)
    return torch.randn(n, _PROBES, generator=random, dtype=torch.float64).to(like.device)


def _solve(factor: Float64[Tensor, "n n"], sides: Float64[Tensor, "n r"]) -> Float64[Tensor, "n r"]:
    """X with L X = sides, in place, from above; a block at a time, which needs no copy of L."""
    for rows in _blocks(len(factor), factor.device):
        sides[rows].addmm_(factor[rows, : rows.start], sides[: rows.start], alpha=-1)
        sides[rows] = torch.linalg.solve_triangular(factor[rows, rows], sides[rows], upper=False)
    return sides


def _solve_transposed(
    factor: Float64[Tensor, "n n"], sides: Float64[Tensor, "n r"]
) -> Float64[Tensor, "n r"]:
    """X with Lᵀ X = sides, in place, from below; a block at a time, which needs no copy of L."""
    for rows in reversed(list(_blocks(len(factor), factor.device))):
        after = slice(rows.stop, None)
        sides[rows].addmm_(factor[after, rows].T, sides[after], alpha=-1)
        corner = factor[rows, rows].T
        sides[rows] = torch.linalg.solve_triangular(corner, sides[rows], upper=True)
    return sides


def _fill(
    panel: Float64[Tensor, "rows b"],
    kernel: Kernel,
    points: Float64[Tensor, "points d"],
    y: Float64[Tensor, "b k"],
) -> None:
    """Write the covariances of all points with the first b, and below them the targets."""
    b, k = y.shape
    kernel(points[:b], out=panel[:b])
    if len(points) > b:
        kernel(points[b:], points[:b], out=panel[b : len(points)])
    panel[-k:] = y.T


def subtract_gram_(
    C: Float64[Tensor, "m m"], A: Float64[Tensor, "m n"], *, progress: bool = True
) -> Float64[Tensor, "m m"]:
    """C − A Aᵀ in place, symmetric to the last bit, for a symmetric C.

    Only the blocks on and below the diagonal are computed, and then mirrored.
    """
    m, n = A.shape
    work = m**2 * n / 2
    with progress_bar(f"covariance of {m:,} test examples", work, shown=progress) as bar:
        for rows in _blocks(m, C.device):
            C[rows, : rows.stop].addmm_(A[rows], A[: rows.stop].T, alpha=-1)
            C[: rows.start, rows] = C[rows, : rows.start].T
            corner = C[rows, rows]
            corner.copy_((corner + corner.T) / 2)
            bar.update((rows.stop**2 - rows.start**2) * n / 2)
    return C


def memory_needed(n: int, m: int, k: int, d: int, device: torch.device, keep: bool = False) -> int:
    """Bytes for conditioning n examples and diagonalising the covariance of m, one or the other.

    Both at once where the tall array is kept. The eigendecomposition by divide and conquer holds
    two arrays of the covariance's size beside it.
    """
    rows = n + m + k
    given = (n + m) * (d + k)
    panels = 3 * rows * min(n, _COLUMNS[_kind(device)])
    conditioning = rows * n + max(panels, m * m)
    diagonalising = (rows * n + 4 * m * m) if keep else 3 * m * m
    return 8 * (given + max(conditioning, diagonalising)) + workspace(device)


def memory_of_products(n: int, m: int, k: int, d: int, columns: int, device: torch.device) -> int:
    """Bytes for conditioning, and for products of the test covariance with so many vectors."""
    rows = n + m + k
    panels = 3 * rows * min(n, _COLUMNS[_kind(device)])
    given = (n + m) * (d + k)
    return 8 * (given + rows * n + max(panels, 8 * m * columns)) + 2 * workspace(device)


def covariance_times(
    kernel: Kernel, points: Float64[Tensor, "m d"], V: Float64[Tensor, "m r"]
) -> Float64[Tensor, "m r"]:
    """κ(X, X) V, a few rows of κ at a time."""
    step = max(1, workspace(points.device) // (16 * len(points)))
    rows = (points[start : start + step] for start in range(0, len(points), step))
    return torch.cat([kernel(few, points) @ V for few in rows])


def workspace(device: torch.device) -> int:
    """Bytes that are taken beside the large arrays."""
    return _WORKSPACE[_kind(device)]


def _work(n: int, more: int, points: Tensor) -> float:
    """Multiplications of an elimination, for the progress bar."""
    panels = _blocks(n, points.device)
    return sum(_panel_work(n + more - c.start, c, points.shape[1]) for c in panels)


def _panel_work(rows: int, columns: slice, n_inputs: int) -> float:
    return rows * (columns.stop - columns.start) * (columns.stop + n_inputs)


def _blocks(n: int, device: torch.device) -> Iterator[slice]:
    """Slices that cut n rows or columns into blocks."""
    step = _COLUMNS[_kind(device)]
    for start in range(0, n, step):
        yield slice(start, min(start + step, n))


def _kind(device: torch.device) -> str:
    return "cpu" if device.type == "cpu" else "cuda"
