"""Two other ways to judge a kernel by the training set alone: its evidence, and leaving one out.

Both take the Cholesky factor of the training covariance κ(X, X) + noise · I, which conditioning
has made already, and read it without changing it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float64
from torch import Tensor

from ._conditioning import Conditioned, Conditioning

# Columns of the inverse factor held at a time.
_COLUMNS = 512


@dataclass(frozen=True)
class LeaveOneOut:
    """What the rest of the training set predicts for each example, were that one left out.

    Parameters
    ----------
    mean : float64 tensor, shape (n, k)
        Predictive means of the targets.
    variance : float64 tensor, shape (n,)
        Predictive variance of the targets (noise included), the same for all outputs.
    mse : float
        Mean squared error of the means, in squared units of the targets.
    log_predictive_density : float
        Σ_i log p(y_i | all but i), in nats.
    """

    mean: Float64[Tensor, "n k"]
    variance: Float64[Tensor, " n"]
    mse: float
    log_predictive_density: float

    def __repr__(self) -> str:
        """Return the two summaries."""
        return (
            f"leave-one-out: MSE {self.mse:.4g}, "
            f"log predictive density {self.log_predictive_density:.6g} nats"
        )


@dataclass(frozen=True)
class Evidence:
    """What the training data alone say of a space.

    Attributes
    ----------
    log_marginal_likelihood : float
        In nats.
    quadratic : float
        tr(Yᵀ C⁻¹ Y), C being the covariance of the training targets.
    leave_one_out : LeaveOneOut or None
        None if it was not asked for.
    jitter : float
        What C has on its diagonal beyond the noise.
    """

    log_marginal_likelihood: float
    quadratic: float
    leave_one_out: LeaveOneOut | None
    jitter: float

    @classmethod
    def of(cls, conditioning: Conditioned, y: Tensor, *, left_out: bool) -> Evidence:
        """From a conditioning, in float64; in memory, if what is left out is asked for."""
        if isinstance(conditioning, Conditioning):
            log_density = log_marginal_likelihood(conditioning.factor, y)
            rest = leave_one_out(conditioning.factor, y) if left_out else None
        else:
            assert not left_out
            log_density, rest = _log_density(conditioning.pivots, conditioning.whitened), None
        return cls(
            log_density,
            float(conditioning.whitened.square().sum()),
            rest,
            conditioning.jitter,
        )


def log_marginal_likelihood(factor: Float64[Tensor, "n m"], y: Float64[Tensor, "l k"]) -> float:
    """Log of the density of the training targets under the prior: the evidence for the kernel.

    With C = L Lᵀ the covariance of the targets of one output over the n examples, and k
    independent outputs,

        log p(y) = −½ tr(yᵀ C⁻¹ y) − k Σ_i log L_ii − (n k / 2) log 2π.

    Parameters
    ----------
    factor : float64 tensor, shape (n, n)
        The lower Cholesky factor L; what is above its diagonal is not read.
    y : float64 tensor, shape (n, k)
        Targets.

    Returns
    -------
    float
        Nats; the logarithm of a density, so it may be positive.

    Raises
    ------
    ValueError
        If the factor is not square with a positive diagonal, or y does not fit it.

    Notes
    -----
    Rasmussen and Williams, *Gaussian Processes for Machine Learning* (MIT Press, 2006), eq. 2.30.

    Examples
    --------
    >>> factor = torch.tensor([[2.0]], dtype=torch.float64)
    >>> round(log_marginal_likelihood(factor, torch.tensor([[0.0]], dtype=torch.float64)), 4)
    -1.6121
    """
    _check(factor, y)
    return _log_density(factor.diagonal(), torch.linalg.solve_triangular(factor, y, upper=False).T)


def _log_density(pivots: Float64[Tensor, " n"], whitened: Float64[Tensor, "k n"]) -> float:
    """The same, from L's diagonal and (L⁻¹ y)ᵀ."""
    k, n = whitened.shape
    quadratic, half_log_det = whitened.square().sum(), pivots.log().sum()
    return float(-0.5 * quadratic - k * half_log_det) - 0.5 * n * k * math.log(2.0 * math.pi)


def leave_one_out(factor: Float64[Tensor, "n m"], y: Float64[Tensor, "l k"]) -> LeaveOneOut:
    """Predictions for each training example from all others, without conditioning n times.

    With C the covariance of the targets of one output,

        mean_i = y_i − [C⁻¹ y]_i / [C⁻¹]_ii,    variance_i = 1 / [C⁻¹]_ii.

    Parameters
    ----------
    factor : float64 tensor, shape (n, n)
        The lower Cholesky factor of C; what is above its diagonal is not read.
    y : float64 tensor, shape (n, k)
        Targets.

    Returns
    -------
    LeaveOneOut

    Raises
    ------
    ValueError
        If the factor is not square with a positive diagonal, or y does not fit it.

    Notes
    -----
    Rasmussen and Williams, *Gaussian Processes for Machine Learning* (MIT Press, 2006),
    eqs. 5.10-5.12. The inverse is never formed; the time is that of one Cholesky factorisation.

    Examples
    --------
    >>> C = torch.tensor([[2.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    >>> y = torch.tensor([[4.0], [2.0]], dtype=torch.float64)
    >>> leave_one_out(torch.linalg.cholesky(C), y)
    leave-one-out: MSE 4.5, log predictive density -5.24334 nats
    """
    _check(factor, y)
    precision = _diagonal_of_inverse(factor)
    # torch.cholesky_solve would copy the factor.
    whitened = torch.linalg.solve_triangular(factor, y, upper=False)
    error = torch.linalg.solve_triangular(factor.T, whitened, upper=True) / precision[:, None]
    variance = 1.0 / precision
    log_density = -0.5 * (
        error.square() / variance[:, None] + torch.log(2.0 * math.pi * variance)[:, None]
    )
    return LeaveOneOut(
        mean=y - error,
        variance=variance,
        mse=float(error.square().mean()),
        log_predictive_density=float(log_density.sum()),
    )


def _diagonal_of_inverse(factor: Float64[Tensor, "n n"]) -> Float64[Tensor, " n"]:
    """Return the diagonal of (L Lᵀ)⁻¹: the squared lengths of the columns of L⁻¹."""
    n = len(factor)
    diagonal = factor.new_empty(n)
    blocks = [slice(start, min(start + _COLUMNS, n)) for start in range(0, n, _COLUMNS)]
    for i, columns in enumerate(blocks):
        # L⁻¹ is lower triangular too: above its diagonal block, these columns are zero.
        inverse = factor.new_zeros(n - columns.start, columns.stop - columns.start)
        inverse.diagonal().fill_(1.0)
        for rows in blocks[i:]:  # one by one, because a solve would copy all of L below here
            here, below = rows.start - columns.start, rows.stop - columns.start
            solved = torch.linalg.solve_triangular(
                factor[rows, rows], inverse[here:below], upper=False
            )
            inverse[here:below] = solved
            inverse[below:].addmm_(factor[rows.stop :, rows], solved, alpha=-1)
        diagonal[columns] = inverse.square_().sum(dim=0)
    return diagonal


def _check(factor: Float64[Tensor, "n m"], y: Float64[Tensor, "l k"]) -> None:
    """Raise a ValueError unless the factor and the targets fit."""
    if factor.shape[0] != factor.shape[1] or not (factor.diagonal() > 0.0).all():
        raise ValueError(
            f"factor: found shape {tuple(factor.shape)}, diagonal from "
            f"{factor.diagonal().min():.3g}; give the lower Cholesky factor of a covariance, "
            "square with a positive diagonal."
        )
    if len(y) != len(factor) or not torch.isfinite(y).all():
        raise ValueError(
            f"y: found shape {tuple(y.shape)} for {len(factor)} examples"
            f"{'' if torch.isfinite(y).all() else ', with NaN or infinity'}; "
            "give finite targets, one row for each example."
        )
