"""Quantiles of a law as a smooth function of the normal score, for drawing many losses at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from .law import Law

if TYPE_CHECKING:
    from scipy.interpolate import BarycentricInterpolator

_TOLERANCE = 1e-10  # relative error of a loss above the floor
_REACH = 6.0  # the outermost nodes, about; one draw in 5e8 lies beyond
_BLOCK = 2**20  # numbers in the largest temporary array


@dataclass(frozen=True)
class ScoreQuantile:
    r"""A polynomial p that turns normal scores z into the losses x of equal rank.

    .. math:: x(z) = F^{-1}(\Phi(z)) = c + e^{p(z)}

    with F the law and c its floor: if z is standard normal, x(z) has the law F. For a sum of many
    terms p is nearly a straight line, so that a few exact values of F give all its digits.

    Attributes
    ----------
    z : ndarray, shape (N,)
        Nodes, increasing.
    y : ndarray, shape (N,)
        log(x(z) - c) at the nodes.
    floor : float
        c, in units of the loss.
    """

    z: np.ndarray
    y: np.ndarray
    floor: float

    @classmethod
    def fit(cls, law: Law) -> ScoreQuantile | None:
        """The polynomial for a law, or None where 65 nodes do not give ten digits.

        Every other node must be predicted by the rest; until it is, new nodes are put between the
        old. The polynomial that is returned runs through all and is better still.
        """
        z, y = _exact_pairs(law, np.arange(17) / 16)
        while np.isfinite(z).all() and (np.diff(z) > 0).all():
            error = np.abs(_polynomial(z[::2], y[::2])(z[1::2]) - y[1::2]).max()
            if error < _TOLERANCE:
                return cls(z, y, law.lowest)
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
        out = np.full(len(z), np.nan)
        inside = np.flatnonzero((z >= self.z[0]) & (z <= self.z[-1]))
        polynomial, rows = _polynomial(self.z, self.y), _BLOCK // len(self.z)
        for start in range(0, len(inside), rows):
            block = inside[start : start + rows]
            out[block] = self.floor + np.exp(polynomial(z[block]))
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
        special.gammaincinv(half_df, special.ndtr(near)),
        special.gammainccinv(half_df, special.ndtr(-near)),
    )
    x = law.lowest + mean * (quantile / half_df)
    left, right = x[near < 0], x[near >= 0]
    score = np.append(special.ndtri(law.cdf(left)), -special.ndtri(law.ccdf(right)))
    return score, np.log(x - law.lowest)


def _polynomial(z: np.ndarray, y: np.ndarray) -> BarycentricInterpolator:
    """The polynomial through (z, y), with the same rounding errors each time."""
    from scipy.interpolate import BarycentricInterpolator

    return BarycentricInterpolator(z, y, rng=0)
