"""Normal law of the outputs at the test points; and in directions where they are independent."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64
from torch import Tensor

from .._arguments import as_float64, finite
from .._progress import progress_bar
from .._warnings import warn
from ..laws import GeneralizedChi2, Quadrature, Rounding
from .hypothesis_space import Hypotheses

EPS, TINY = torch.finfo(torch.float64).eps, torch.finfo(torch.float64).tiny
_BLOCK = 2**22  # numbers drawn at a time
_DOUBT = 1e-4  # a relative rounding error that is told


def most_alike(X: np.ndarray) -> int:
    """How many rows are equal to seven digits of each column's size: a kernel rounds them alike."""
    size = np.abs(X).max(0)
    rows = np.round(X / np.where(size > 0, size, 1.0), 7) + 0.0  # -0.0 is 0.0
    return max(Counter(row.tobytes() for row in rows).values())


@dataclass(frozen=True)
class Posterior:
    """Normal law of the k outputs at the m test points, given the training set.

    Attributes
    ----------
    mean : Tensor, shape (m, k)
        Of every output at every test point.
    covariance : Tensor, shape (m, m)
        Between test points; the same for every output.
    jitter : float
        What was added to the diagonal of the training covariance beyond the noise variance; 0
        unless the matrix was singular to working precision.
    condition : float
        Lower bound of that matrix's condition number, and an estimate of it.
    resolution : float
        Variances below this cannot be told from rounding errors.
    mean_error, covariance_error : float
        Rounding errors to be expected in an entry of the mean, and of the covariance.
    mean_error_together, covariance_error_together : float
        The same as a law of the loss feels them: larger where test points share their errors.
    """

    mean: Float64[Tensor, "m k"]
    covariance: Float64[Tensor, "m m"]
    jitter: float
    condition: float
    resolution: float
    mean_error: float
    covariance_error: float
    mean_error_together: float
    covariance_error_together: float

    def shares_of_rounding(self) -> tuple[float, float]:
        """Rounding errors to expect, as shares: of the hypotheses' outputs; of their variance."""
        variances = self.covariance.diagonal()
        # Where the mean is nearly 0, few of its digits matter.
        scale = float(self.mean.square().mean() + variances.mean().clamp(min=0)) ** 0.5
        variance = self.resolution / max(float(variances.max()), TINY)
        return self.mean_error / max(scale, TINY), min(variance, 1.0)

    @property
    def is_doubtful(self) -> bool:
        """Whether fewer than four digits of the mean, or of the largest variance, are certain."""
        return max(self.shares_of_rounding()) > _DOUBT


@dataclass(frozen=True)
class Spectrum:
    r"""A posterior whose covariance has been diagonalised, C = U diag(Λ) Uᵀ.

    Attributes
    ----------
    mean : Tensor, shape (m, k)
        M, of every output at every test point.
    variance : Tensor, shape (m,)
        Λ, increasing.
    directions : Tensor, shape (m, m)
        U, one direction a column.
    resolution, mean_error, covariance_error : float
    mean_error_together, covariance_error_together, jitter : float
        As of the `Posterior`.
    """

    mean: Float64[Tensor, "m k"]
    variance: Float64[Tensor, " m"]
    directions: Float64[Tensor, "m m"]
    resolution: float
    mean_error: float
    covariance_error: float
    mean_error_together: float
    covariance_error_together: float
    jitter: float

    @classmethod
    def of(cls, posterior: Posterior, *, progress: bool = True) -> Spectrum:
        """Diagonalise a posterior in place: the directions take the memory of its covariance."""
        m = len(posterior.covariance)
        variance = posterior.mean.new_empty(m)
        # The transpose of a symmetric matrix is the matrix, and has the order of numbers in which
        # LAPACK overwrites it with its eigenvectors.
        directions = posterior.covariance.T
        with progress_bar(f"diagonalising {m:,} x {m:,}", 10 * m**3, shown=progress):
            torch.linalg.eigh(directions, out=(variance, directions))
        # Diagonalising is exact for a covariance as near to this one as rounding allows.
        diagonalising = EPS * float(variance[-1])
        return cls(
            posterior.mean,
            variance,
            directions,
            posterior.resolution,
            posterior.mean_error,
            math.hypot(posterior.covariance_error, diagonalising),
            posterior.mean_error_together,
            math.hypot(posterior.covariance_error_together, diagonalising),
            posterior.jitter,
        )

    def mark(self) -> list[float]:
        """Numbers that change with the arrays, so that who keeps this knows it is what it was."""
        return [x for a in (self.mean, self.variance, self.directions) for x in _mark(a)]

    def draw(
        self, n: int, generator: torch.Generator, *, progress: bool = True
    ) -> Iterator[Float64[Tensor, "b m k"]]:
        """Outputs of n hypotheses, in blocks of bounded memory.

        The size of a block depends on m and k alone, so that the first hypotheses of a larger draw
        are those of a smaller one.
        """
        m, k = self.mean.shape
        deviation = self.variance.clamp(min=0).sqrt()[:, None]
        rows = max(1, _BLOCK // (m * k))
        with progress_bar(f"drawing {n:,} hypotheses", n * k * m**2, shown=progress) as bar:
            for start in range(0, n, rows):
                z = torch.randn(
                    m, rows * k, generator=generator, dtype=self.mean.dtype, device=self.mean.device
                )
                outputs = self.directions @ z.mul_(deviation)
                outputs = outputs.view(m, rows, k).transpose(0, 1) + self.mean
                yield outputs[: n - start]
                bar.update(rows * k * m**2)

    def hypotheses(self) -> Hypotheses:
        """The map from normal variables to outputs, of the directions whose variance is certain."""
        free = self.variance > self.resolution
        root = self.directions[:, free] * self.variance[free].sqrt()
        r, k = root.shape[1], self.mean.shape[1]

        def draw(z: Tensor) -> tuple[Tensor, Tensor]:
            b = len(z)
            noise = root @ z.view(b, r, k).transpose(0, 1).reshape(r, b * k)
            outputs = noise.view(-1, b, k).transpose(0, 1) + self.mean
            return outputs, torch.ones(b, dtype=torch.bool, device=z.device)

        return Hypotheses(r * k, draw, self.mean.device)

    def damping(self, rule: Quadrature) -> tuple[Tensor, Tensor]:
        """s = 2t/(mk) on the nodes t of a contour, (N,), and 1/(1 + s Λ), (m, N); both complex.

        These are the eigenvalues of B = (I + sC)⁻¹, with which covariances shrink under weights
        exp(−t loss).
        """
        s = 2 * rule.nodes / self.mean.numel()
        return s, 1 / (1 + s * self.variance.clamp(min=0)[:, None])

    def loss_law(
        self,
        y_test: Float64[Tensor, "m k"],
        *,
        floor: float = 0.0,
        sharper: Callable[[], GeneralizedChi2 | None] | None = None,
    ) -> GeneralizedChi2:
        """The law of the mean squared error; the formula is at `GaussianSpace.loss_law`.

        No loss is below ``floor``, and ``sharper`` gives the law with more digits, as the caller
        knows from elsewhere.
        """
        y_test = as_float64("y_test", y_test).to(self.mean.device)
        if y_test.shape != self.mean.shape:
            raise ValueError(
                f"y_test: found shape {tuple(y_test.shape)} for predictions of shape "
                f"{tuple(self.mean.shape)}; give one number for each."
            )
        m, k = y_test.shape
        squares = (self.directions.T @ (self.mean - y_test)).square().sum(1)
        free = self.variance > self.resolution
        if not bool(free.any()):
            raise ValueError(
                f"task: the posterior has no variance at the {m} test points, so all "
                "hypotheses are equal and the loss has no law. Are the test inputs training inputs?"
            )
        nc = squares[free] / self.variance[free]
        if not bool(nc.isfinite().all()):
            least, most = float(self.variance[free].min()) ** 0.5, float(squares.max()) ** 0.5
            raise ValueError(
                f"task: the hypotheses vary by {least:.0e} at the test points, and miss the "
                f"targets by {most:.0e}; no float64 holds the square of the ratio, nor the bits. "
                "Multiply the kernel by a number, or the inputs where its variance depends on "
                "their size."
            )
        return GeneralizedChi2(
            weights=self.variance[free] / (m * k),
            df=float(k),
            nc=nc,
            offset=float(squares[~free].sum()) / (m * k),
            rounding=Rounding(
                weight=self.covariance_error_together / (m * k),
                root=self.mean_error_together / (m * k) ** 0.5,
                df=float(k),
                weights_left_out=self.variance[~free].abs() / (m * k),
                squares_left_out=squares[~free] / (m * k),
                floor=finite("floor", floor),
                jitter=self.jitter,
            ),
            sharper=sharper,
        )


def _mark(array: Tensor) -> tuple[float, float]:
    return float(array._version), float(array.sum())


@dataclass(frozen=True)
class Errors:
    """Rounding errors to expect of a posterior; see `rounding_errors`.

    Attributes
    ----------
    mean, variance : float
        Of an entry of the mean, and of the variance of a direction.
    mean_together, covariance_together : float
        Of so large independent errors of all entries of the mean, and of the covariance, a law
        would feel no less than it does of what test points share.
    """

    mean: float
    variance: float
    mean_together: float
    covariance_together: float


def norms(
    times: Callable[[Tensor], Tensor], transposed: Callable[[Tensor], Tensor], z: Tensor
) -> tuple[float, float]:
    """Squares of the Frobenius norm and of the largest singular value of A, both estimates.

    From its products with a few random vectors z, (m, r), and one step of a power iteration.
    """
    seen = transposed(z)
    squares = float(seen.square().sum(0).mean())
    towards = torch.linalg.qr(times(seen)).Q  # what is seen may be lost
    largest = float(torch.linalg.matrix_norm(transposed(towards), ord=2)) ** 2
    return max(squares, largest), largest


def rounding_errors(
    variance: float,
    prior_variance: float,
    weights: tuple[float, float],
    alpha_squared: float,
    X_test: np.ndarray,
) -> Errors:
    r"""Rounding errors to expect: of an entry of the mean, and of the variance of a direction.

    What is computed is exact for a training covariance K + δK with entries of δK of the order of
    ε times the largest variance, ε being float64's. With A = K_*n K⁻¹, the weights of the training
    targets, and α = K⁻¹ Y, that moves the mean by A δK α and the covariance by A δK Aᵀ. Errors of
    the same size in the entries of K_*n move the mean by δK_*n α.

    Test inputs that are equal, or nearly, share these errors, which add up along some direction of
    the outputs where independent ones would cancel: a unit vector u feels uᵀA δK α, of at most the
    size ε ‖A‖ ‖α‖, and as many errors of K_*n and K_** as there are rows alike.

    Parameters
    ----------
    variance, prior_variance : float
        Largest entry of K's diagonal, and of that of K_**.
    weights : pair of floats
        Sum of the squares of A, and of its largest singular value.
    alpha_squared : float
        Sum of the squares of α, on average over the outputs.
    X_test : array, shape (m, d)
        The test inputs.
    """
    m, unit, (squares, largest) = len(X_test), EPS * variance, weights
    alike = most_alike(X_test)
    return Errors(
        mean=unit * ((1 + squares / m) * alpha_squared) ** 0.5,
        variance=unit * squares,
        mean_together=unit * ((alike + largest) * alpha_squared) ** 0.5,
        covariance_together=alike * EPS * prior_variance + unit * largest,
    )


def warn_of_rounding(posterior: Posterior, kernel: str) -> None:
    """Say so if fewer than four digits of the mean, or of the largest variance, are certain."""
    mean, variance = posterior.shares_of_rounding()
    # Where no variance is certain, no hypothesis differs from the mean, and there is no law.
    if mean > _DOUBT or _DOUBT < variance < 1:
        warn(
            f"the covariance of the training inputs under {kernel} is nearly singular (condition "
            f"number at least {posterior.condition:.0e}): expect rounding errors of {mean:.0e} of "
            f"the mean of the hypotheses, and {variance:.0e} of their largest variance, "
            "and no more digits in a law of the loss. Give noise > 0, or a kernel that tells the "
            "inputs apart."
        )


def warn_of_small_residuals(spectrum: Spectrum, mean_loss: float) -> None:
    """Say so if rounding leaves fewer than four digits of the mean loss, and was not told before.

    The targets may lie much nearer to the mean of the hypotheses than this is large.
    """
    root, variance = mean_loss**0.5, float(spectrum.variance.clamp(min=0).mean())
    scale = (float(spectrum.mean.square().mean()) + variance) ** 0.5
    error = spectrum.mean_error
    told = error > _DOUBT * scale or spectrum.resolution > _DOUBT * float(spectrum.variance[-1])
    share = (2 * root * error + error**2 + spectrum.covariance_error) / max(mean_loss, TINY)
    if share > _DOUBT and not told:
        warn(
            f"the test targets lie so near the mean of the hypotheses, {scale:.1g} in size, that "
            f"rounding errors of {error:.0e} in it may be {min(share, 1.0):.0e} of the mean loss, "
            f"{mean_loss:.1e}, and of losses drawn: inductive_bias counts them in its digits, "
            "the law's mean and sample do not. Give noise > 0, or outputs with less of a scale "
            "beyond that of the kernel."
        )
