"""Quantiles of a law as a smooth function of the normal score, for drawing many losses at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import scipy

from .law import Law

if TYPE_CHECKING:
    from numpy.polynomial import Chebyshev
    from scipy.interpolate import BarycentricInterpolator

_TOLERANCE = 1e-10  # relative error of a loss above the floor
_REACH = 6.0  # the outermost nodes, about; one draw in 5e8 lies beyond
_BLOCK = 2**14  # losses at a time, whose temporary arrays stay in the cache


@dataclass(frozen=True)
class ScoreQuantile:
    r"""A polynomial p that turns normal scores z into the losses x of equal rank.

    .. math:: x(z) = F^{-1}(\Phi(z)) = c + e^{p(z)}

    with F the law and c its floor: if z is standard normal, x(z) has the law F. For a sum of many
    terms p is nearly a straight line, so that a few exact values of F give all its digits.

    Attributes
    ----------
    polynomial : Chebyshev
        p between the outermost nodes, as a Chebyshev series, which is quick at many z.
    floor : float
        c, in units of the loss.
    """

    polynomial: Chebyshev
    floor: float

    @classmethod
    def fit(cls, law: Law) -> ScoreQuantile | None:
        """The polynomial for a law, or None where 65 nodes do not give ten digits.

        Every other node must be predicted by the rest; until it is, new nodes are put between the
        old. The polynomial through all is better still, unless so many nodes, which are not just
        Chebyshev's points, magnify rounding errors: the one that meets them best is returned.
        """
        z, y = _exact_pairs(law, np.arange(17) / 16)
        while np.isfinite(z).all() and (np.diff(z) > 0).all():
            error = np.abs(_polynomial(z[::2], y[::2])(z[1::2]) - y[1::2]).max()
            if error < _TOLERANCE:
                both = _series(z, y), _series(z[::2], y[::2])
                return cls(min(both, key=lambda p: np.abs(p(z) - y).max()), law.lowest)
            n = len(z) - 1
            if n == 64:
                break
            new = _exact_pairs(law, (np.arange(n) + 0.5) / n)
            z, y = (
                np.insert(old, np.arange(1, n + 1), a) for old, a in zip((z, y), new, strict=True)
            )
        return None

    def __call__(self, z: np.ndarray) -> np.ndarray:
        """Losses (n,) of equal rank; NaN beyond the nodes."""
        low, high = self.polynomial.domain
        out = np.full(len(z), np.nan)
        inside = np.flatnonzero((z >= low) & (z <= high))
        for block in np.split(inside, range(_BLOCK, len(inside), _BLOCK)):
            out[block] = self.floor + np.exp(self.polynomial(z[block]))
        return out


def _exact_pairs(law: Law, position: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Score and log(x - floor) at positions in [0, 1], which crowd towards both ends.

    Polynomials converge when their nodes are near Chebyshev's points, not only at them, so x is
    taken where a scaled chi-squared law of equal mean and variance has its Chebyshev points.
    """
    near = -_REACH * np.cos(np.pi * position)
    mean = law.mean() - law.lowest
    half_df = (mean / law._standard_deviation()) ** 2
    quantile = np.where(
        near < 0,
        scipy.special.gammaincinv(half_df, scipy.special.ndtr(near)),
        scipy.special.gammainccinv(half_df, scipy.special.ndtr(-near)),
    )
    x = law.lowest + mean * (quantile / half_df)
    left, right = x[near < 0], x[near >= 0]
    score = np.append(scipy.special.ndtri(law.cdf(left)), -scipy.special.ndtri(law.ccdf(right)))
    return score, np.log(x - law.lowest)


def _series(z: np.ndarray, y: np.ndarray) -> Chebyshev:
    """The polynomial through (z, y) as a series."""
    from numpy.polynomial import Chebyshev

    return Chebyshev.interpolate(_polynomial(z, y), len(z) - 1, domain=[z[0], z[-1]])


def _polynomial(z: np.ndarray, y: np.ndarray) -> BarycentricInterpolator:
    """The polynomial through (z, y), with the same rounding errors each time."""
    from scipy.interpolate import BarycentricInterpolator

    return BarycentricInterpolator(z, y, rng=0)
