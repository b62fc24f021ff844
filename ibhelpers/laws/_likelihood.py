r"""Where the likelihood of a scaled noncentral chi-squared law is highest, and how flat there.

At the maximum the mean of the law is the mean of the losses. Two parameters remain: the squared
coefficient of variation r = Var/mean², and the noncentral share f = nc/(df + nc);
df + nc = 2(1 + f)/r. The profile likelihood of f is the maximum over r, for every f; the mean is
kept at that of the losses, which elsewhere than at the maximum costs some thousandths of a nat.

The losses determine r well. They show f in their skewness alone, which moves from 2√r at f = 0 to
1.5√r at f = 1, while the skewness of S losses has a standard error of √(6/S): with fewer than about
100/r losses even the two ends cannot be told apart. That is the rule where r is small.
"""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy.polynomial import chebyshev

from .._arguments import Values
from ._noncentral_density import log_density

MOST_SHARE = 0.9999  # at 1 no degree of freedom would be left
SHARES = np.concatenate([np.linspace(0, 0.95, 16), [0.98, 0.99, 0.999, MOST_SHARE]])
_NODES = 64
STEP = 1e-3  # of log r, for numerical derivatives: the likelihood is as smooth as a parabola


class Likelihood:
    """Log-likelihood of losses under scaled noncentral chi-squared laws of the same mean.

    The log-density is a smooth function of log x. It is interpolated by a Chebyshev series over
    the range of the losses, and the sum over the losses needs only the sums of the basis
    polynomials, found once: a few dozen densities do the work of thousands.

    Parameters
    ----------
    x : ndarray, shape (S,)
        Positive losses.
    weights : ndarray, shape (S,), optional
        How often each occurs, or its probability; once when not given.
    """

    def __init__(
        self, x: Float[np.ndarray, " S"], weights: Float[np.ndarray, " S"] | None = None
    ) -> None:
        weights = np.ones(len(x)) if weights is None else weights
        self.size = float(weights.sum())
        largest = float(x.max())  # whose sums float64 may not hold
        self.mean = float(weights @ (x / largest)) / self.size * largest
        log_x = np.log(x / self.mean)
        low, high = log_x.min(), log_x.max()
        basis = chebyshev.chebvander(2 * (log_x - low) / (high - low) - 1, _NODES - 1)
        nodes = chebyshev.chebpts1(_NODES)
        # What the sum of the interpolated values is as a weighted sum of the values at the nodes.
        to_coefficients = np.linalg.inv(chebyshev.chebvander(nodes, _NODES - 1))
        self._weights = (weights @ basis) @ to_coefficients
        self._nodes = np.exp(low + (high - low) * (nodes + 1) / 2)
        variance = float(weights @ (x / self.mean - 1) ** 2) / self.size
        self.log_r = math.log(variance)  # of the losses; where the searches start

    def __call__(self, log_r: Values, share: Values, log_mean: Values = 0.0) -> Values:
        """Sum of the log-densities of the losses, broadcast; log_mean is relative to theirs."""
        df, nc = parameters(log_r, share)
        log_scale = np.log(df + nc) - log_mean  # of the losses in units of the law's chi-squared
        chi2 = self._nodes * np.asarray(np.exp(log_scale))[..., None]
        per_node = log_density(chi2, np.asarray(df)[..., None], np.asarray(nc)[..., None])
        return per_node @ self._weights + self.size * (log_scale - math.log(self.mean))

    def best_log_r(self, share: np.ndarray, start: Values | None = None) -> np.ndarray:
        """The log r of highest likelihood for every share: Newton's method, for all at once."""
        log_r = np.full_like(share, self.log_r) if start is None else start + 0 * share
        for _ in range(40):
            below, here, above = self(log_r + np.array([[-STEP], [0.0], [STEP]]), share)
            slope = (above - below) / (2 * STEP)
            curvature = (above - 2 * here + below) / STEP**2
            step = np.where(curvature < 0, -slope / np.minimum(curvature, -1e-300), np.sign(slope))
            log_r = log_r + step.clip(-0.5, 0.5)
            if np.abs(step).max() < 1e-6:  # what is left in the likelihood is its square
                break
        return log_r

    def profile(self, share: np.ndarray, start: Values | None = None) -> np.ndarray:
        """Log-likelihood of the best law of every share."""
        return self(self.best_log_r(share, start), share)

    def maximise(self) -> tuple[float, float, np.ndarray]:
        """Log r and share of highest likelihood, and the profile at `SHARES`.

        The profile is nearly flat, and its maximum may lie inside or at either end: a grid of
        shares finds the neighbourhood, a bounded search the maximum in it.
        """
        from scipy.optimize import minimize_scalar

        grid_log_r = self.best_log_r(SHARES)
        profile = self(grid_log_r, SHARES)
        i = int(profile.argmax())
        low, high = SHARES[max(i - 1, 0)], SHARES[min(i + 1, len(SHARES) - 1)]
        found = minimize_scalar(
            lambda f: -float(self.profile(np.array([f]), grid_log_r[i])[0]),
            bounds=(low, high),
            method="bounded",
            options={"xatol": 1e-5},
        )
        share = found.x if -found.fun > profile[i] else SHARES[i]  # a bounded search omits ends
        log_r = float(self.best_log_r(np.array([share]), grid_log_r[i])[0])
        return log_r, float(share), profile


def parameters(log_r: Values, share: Values) -> tuple[Values, Values]:
    """Degrees of freedom and noncentrality of given squared coefficient of variation and share."""
    total = 2 * (1 + share) * np.exp(-log_r)
    return (1 - share) * total, share * total
