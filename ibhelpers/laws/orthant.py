"""The probability that normal variables have given signs: that a Gaussian process computes f."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
from jaxtyping import Float

from .._arguments import ArrayLike, as_array, generator_of, whole
from .._typed import typed

_SINGULAR = 1e-11  # relative size of an eigenvalue that rounding may have made of 0
_NOISY = 0.3  # a standard error of log P beyond which there is no number
_BLOCK = 2**20  # numbers of one temporary array

Matrix = Float[np.ndarray, "m m"]
Vector = Float[np.ndarray, " m"]


@dataclass(frozen=True)
class OrthantEstimate:
    """An estimate of the log probability of signs, and how far to trust it.

    Attributes
    ----------
    log_p : float
        Natural logarithm of the estimated probability.
    standard_error : float
        Of ``log_p``.
    ceiling : float
        What log P is certain not to exceed, whatever the draws.
    n : int
        Draws.
    """

    log_p: float
    standard_error: float
    ceiling: float
    n: int

    @property
    def bits(self) -> float:
        """-log2 of the probability."""
        return -self.log_p / math.log(2)

    @property
    def interval(self) -> tuple[float, float]:
        """Limits of the bits at 95 % confidence."""
        half = 1.96 * self.standard_error / math.log(2)
        return self.bits - half, self.bits + half


@typed
def orthant(
    covariance: ArrayLike,
    signs: ArrayLike | None = None,
    n: int = 10_000,
    *,
    mean: ArrayLike | None = None,
    seed: int,
) -> OrthantEstimate:
    r"""The probability that normal variables have given signs.

    With the Cholesky factor L of the covariance of :math:`s_i f_i`, m their means, and
    :math:`A = L / \mathrm{diag} L - I`, the signs are right if independent standard normal
    variables exceed :math:`l_k = -m_k / L_{kk} - \sum_{j<k} A_{kj} x_j`, one after another. They
    are drawn so, with means μ, and

    .. math:: P = E\, e^{\psi(x, \mu)}, \qquad
              \psi = \sum_k \tfrac12 \mu_k^2 - x_k \mu_k + \log \Phi(\mu_k - l_k).

    The means are those of the saddle of ψ, convex in μ and concave in x: no weight then exceeds
    :math:`e^{\psi}` at the saddle, and few are much smaller, however small P is.

    Parameters
    ----------
    covariance : array_like, shape (m, m)
        Of the variables.
    signs : array_like, shape (m,), optional
        Positive and negative numbers, of which the signs count; all positive when not given.
    n : int
        Draws, at least 100.
    mean : array_like, shape (m,), optional
        Of the variables; 0 when not given.
    seed : int
        The same seed gives the same number.

    Returns
    -------
    OrthantEstimate

    Raises
    ------
    ValueError
        If the covariance is no finite symmetric matrix, a sign is 0, or the sizes do not fit; if
        the covariance is singular, so that some signs may be impossible.
    ArithmeticError
        If the draws leave a standard error of log P above 0.3.

    Notes
    -----
    The estimate of P is unbiased. Source: Z. I. Botev, "The normal law under linear restrictions:
    simulation and estimation via minimax tilting", Journal of the Royal Statistical Society B 79
    (2017) 125, arXiv:1603.04166.

    Examples
    --------
    >>> import numpy as np
    >>> found = orthant(0.5 + 0.5 * np.eye(15), seed=0)  # exactly 1/16
    >>> print(f"{found.bits:.1f} bits")
    4.0 bits
    """
    n, rng = whole("n", n, at_least=100), generator_of(seed)
    limit, A = _rarest_first(*_standardised(covariance, signs, mean))
    x, mu = _saddle(limit, A)
    ceiling = _ceiling(limit, A, x, mu)
    rows = max(1, _BLOCK // len(A))
    log_weights = np.concatenate(
        [_log_weights(limit, A, mu, min(rows, n - start), rng) for start in range(0, n, rows)]
    )
    largest = log_weights.max()
    weights = np.exp(log_weights - largest)
    log_p = float(largest + np.log(weights.mean()))
    error = float(weights.std(ddof=1) / weights.mean() / math.sqrt(n))
    if not error <= _NOISY:
        raise ArithmeticError(
            f"n: {n:,} draws leave a standard error of {error:.2g} in log P, "
            f"about {log_p:.4g}, which is no more than {ceiling:.4g}; give more."
        )
    return OrthantEstimate(log_p, error, ceiling, n)


def _standardised(
    covariance: ArrayLike, signs: ArrayLike | None, mean: ArrayLike | None
) -> tuple[Vector, Matrix]:
    """What variables of variance 1 are to exceed, and their covariance, the signs turned."""
    C = as_array("covariance", covariance)
    if C.ndim != 2 or C.shape[0] != C.shape[1] or not len(C):
        raise ValueError(f"covariance: found shape {C.shape}; give a square matrix.")
    s = np.ones(len(C)) if signs is None else as_array("signs", signs)
    if s.shape != (len(C),):
        raise ValueError(f"signs: found shape {s.shape} for {len(C)} variables; give one for each.")
    M = np.zeros(len(C)) if mean is None else as_array("mean", mean)
    if M.shape != (len(C),) or not np.isfinite(M).all():
        raise ValueError(
            f"mean: found shape {M.shape} for {len(C)} variables, or numbers that are not finite; "
            "give one for each."
        )
    if not (np.abs(s) > 0).all():  # NaN is no sign either
        raise ValueError("signs: found 0 or NaN, which have no sign; give positive and negative.")
    if not np.isfinite(C).all() or not (np.diag(C) > 0).all():
        raise ValueError(
            "covariance: found entries that are not finite, or variances that are not positive."
        )
    deviation = np.sqrt(np.diag(C))
    R = C / deviation / deviation[:, None]
    if np.abs(R - R.T).max() > 1e-10:
        raise ValueError("covariance: found a matrix that is not symmetric; C[i, j] is C[j, i].")
    smallest = float(scipy.linalg.eigvalsh(R)[0])
    if smallest < -1e-8:
        raise ValueError(
            f"covariance: found an eigenvalue of {smallest:.1g} of the correlations; those of a "
            "covariance are not negative."
        )
    if smallest < _SINGULAR * len(R):
        raise ValueError(
            f"covariance: found a smallest eigenvalue of {smallest:.1g} of the correlations, "
            "which is none to working precision: a variable is a sum of others, and some signs "
            "may be impossible. Leave that variable out, or count draws."
        )
    s = np.sign(s)
    return -s * M / deviation, s[:, None] * R * s


def _rarest_first(limit: Vector, R: Matrix) -> tuple[Vector, Matrix]:
    """The limits, over diag L, and A = L / diag L - I of the variables in an order of their own.

    Each is the one that is least probably right, given what is expected of those before it: G. J.
    Gibson, C. A. Glasbey and D. A. Elston, Advances in Numerical Methods and Applications (1994)
    120. Where signs follow nearly from others, a hundredth of the draws will do.
    """
    m = len(R)
    limit, R, left = limit.copy(), R.copy(), np.diag(R).copy()
    L, z = np.zeros((m, m)), np.zeros(m)
    for j in range(m):
        deviation = np.sqrt(np.maximum(left[j:], _SINGULAR))
        i = j + int(np.argmax((limit[j:] - L[j:, :j] @ z[:j]) / deviation))
        for array in (limit, R, R.T, L, left):
            array[[j, i]] = array[[i, j]]
        L[j, j] = math.sqrt(max(left[j], _SINGULAR))
        L[j + 1 :, j] = (R[j + 1 :, j] - L[j + 1 :, :j] @ L[j, :j]) / L[j, j]
        left[j + 1 :] -= L[j + 1 :, j] ** 2
        z[j] = _hazard((limit[j] - L[j, :j] @ z[:j]) / L[j, j])
    return limit / np.diag(L), np.tril(L / np.diag(L)[:, None], -1)


def _hazard(t: Any) -> Any:
    """φ(t) / Φ(-t), far in the tail too."""
    return np.exp(-0.5 * t**2 - 0.5 * math.log(2 * math.pi) - scipy.special.log_ndtr(-t))


def _saddle(limit: Vector, A: Matrix) -> tuple[Vector, Vector]:
    """The x and μ where ψ is stationary; the last of both is 0."""
    from scipy import optimize

    m = len(A)
    identity = np.eye(m)
    if m == 1:
        return np.zeros(1), np.zeros(1)

    def gradient(xm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        x, mu = np.append(xm[: m - 1], 0.0), np.append(xm[m - 1 :], 0.0)
        t = limit - A @ x - mu
        h = _hazard(t)
        slope = (h * (h - t))[:, None]  # of h, a row for each k
        rows = (mu - x + h)[:-1], (A.T @ h - mu)[:-1]
        jacobian = np.block(
            [
                [(-identity - slope * A)[:-1, :-1], (identity - slope * identity)[:-1, :-1]],
                [-(A.T @ (slope * A))[:-1, :-1], (-identity - (slope * A).T)[:-1, :-1]],
            ]
        )
        return np.concatenate(rows), jacobian

    found = optimize.root(gradient, np.zeros(2 * m - 2), jac=True, method="hybr").x
    if not np.isfinite(found).all():  # any means will do; those of the saddle are the best
        found = np.zeros(2 * m - 2)
    return np.append(found[: m - 1], 0.0), np.append(found[m - 1 :], 0.0)


def _ceiling(limit: Vector, A: Matrix, x: Vector, mu: Vector) -> float:
    """An upper limit of ψ(·, μ): its value where it is largest, by its concavity.

    ψ lies below its tangent at x, whose slope is none at the saddle. Where the search fell short,
    nothing is certain but that a probability is at most 1.
    """
    t = limit - A @ x - mu
    psi = float((0.5 * mu**2 - x * mu + scipy.special.log_ndtr(-t)).sum())
    slope = (A.T @ _hazard(t) - mu)[:-1]
    return psi if np.abs(slope).max(initial=0.0) < 1e-6 else 0.0


def _log_weights(
    limit: Vector, A: Matrix, mu: Vector, n: int, rng: np.random.Generator
) -> np.ndarray:
    """ψ of n draws, made one variable after another."""
    x, psi = np.zeros((len(A), n)), np.zeros(n)
    for k in range(len(A)):
        above = (
            limit[k] - A[k, :k] @ x[:k] - mu[k]
        )  # what the variable, less its mean, is to exceed
        log_share = scipy.special.log_ndtr(-above)
        psi += log_share
        if k + 1 < len(A):
            # log of a uniform number is minus an exponential one
            z = -scipy.special.ndtri_exp(log_share - rng.standard_exponential(n))
            x[k] = mu[k] + np.maximum(z, above)
            psi += 0.5 * mu[k] ** 2 - x[k] * mu[k]
    return psi
