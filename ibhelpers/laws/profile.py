"""The profile likelihood of the noncentral share: what the losses leave undetermined."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float

from .._arguments import ArrayLike, as_array, probability
from ._likelihood import MOST_SHARE, SHARES, STEP, Likelihood


class ProfileLikelihood:
    r"""Profile likelihood of the noncentral share f = nc/(df + nc), and the bits along it.

    Laws of different f, each with the mean of the losses and its best variance, may describe them
    equally well and yet differ by thousands of bits in the tail. The likelihood-ratio region holds
    the f for which

    .. math:: 2 (\max_f l(f) - l(f)) \le \chi^2_1(\mathrm{confidence}),

    where l(f) is the log-likelihood of the best law of that f.

    Attributes
    ----------
    shares : ndarray, shape (G,)
        Values of f from 0 to 0.9999, the best one among them.
    log_likelihood : ndarray, shape (G,)
        l at these, in nats.

    Notes
    -----
    Losses show f in their skewness alone, which lies between 1.5√r and 2√r, r = Var/mean². With
    S losses its standard error is √(6/S): fewer than about 100/r of them cannot tell the ends
    apart. For the MNIST law of the course r = 0.0005, and 100/r is 190,000.

    Source: O. E. Barndorff-Nielsen and D. R. Cox, Inference and Asymptotics, Chapman & Hall 1994,
    section 3.4, for profile likelihood.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> losses = ib.laws.ScaledNoncentralChi2(df=2000, nc=2000, scale=1e-4).sample(10_000, seed=0)
    >>> profile = ib.laws.ScaledNoncentralChi2.fit(losses).profile
    >>> profile.is_flat
    True
    >>> low, high = profile.bits_interval(0.01)
    >>> print(f"between {low:.0f} and {high:.0f} bits")
    between 2740 and 5240 bits
    """

    MOST_SHARE = MOST_SHARE

    def __init__(
        self,
        likelihood: Likelihood,
        log_r: float,
        share: float,
        profile: np.ndarray,
        law_of: Callable[[float, float, float], Any],
    ) -> None:
        best = float(likelihood(np.float64(log_r), np.float64(share)))
        i = int(np.searchsorted(SHARES, share))
        self.shares = np.insert(SHARES, i, share)
        self.log_likelihood = np.insert(profile, i, best)
        self.likelihood, self.best = likelihood, (log_r, share)
        self._law_of = law_of

    def __repr__(self) -> str:
        """Say what the losses leave open."""
        low, high = self.share_interval()
        return (
            f"ProfileLikelihood(noncentral share between {low:.4g} and {high:.4g} at 95 %, "
            f"{'flat' if self.is_flat else 'not flat'})"
        )

    @property
    def is_flat(self) -> bool:
        """Whether the 95 % region of f is wider than half of what there is."""
        low, high = self.share_interval()
        return bool(high - low > 0.5)

    @property
    def is_regular(self) -> bool:
        """Whether the likelihood is a parabola near its maximum, as asymptotic theory supposes.

        It is not where the maximum lies at an end of the profile.
        """
        inside = 2 * STEP < self.best[1] < MOST_SHARE - 2 * STEP
        return inside and bool((np.linalg.eigvalsh(self.information()) > 0).all())

    def information(self) -> Float[np.ndarray, "3 3"]:
        """Observed information, minus the second derivatives of the log-likelihood.

        Of the log of the mean, the log of the squared coefficient of variation, and the share.
        """
        i, j = np.meshgrid(range(3), range(3), indexing="ij")
        h = np.eye(3) * STEP
        at = np.array([0.0, *self.best])

        def value(shift: np.ndarray) -> np.ndarray:
            log_mean, log_r, share = np.moveaxis(at + shift, -1, 0)
            return self.likelihood(log_r, share, log_mean)

        mixed = value(h[i] + h[j]) - value(h[i] - h[j]) - value(h[j] - h[i]) + value(-h[i] - h[j])
        return -mixed / (4 * STEP**2)

    def share_interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Ends of the likelihood-ratio region of f; 0 and 0.9999 are as far as they can be.

        Raises
        ------
        ValueError
            If the confidence is not between 0 and 1.
        """
        from scipy import stats

        drop = stats.chi2.ppf(probability("confidence", confidence), df=1) / 2
        level = self.log_likelihood.max() - drop
        inside = np.flatnonzero(self.log_likelihood >= level)
        low, high = (
            self.shares[i] if outside < 0 or outside == len(self.shares)
            else self._crossing(level, self.shares[i], self.shares[outside])
            for i, outside in ((inside[0], inside[0] - 1), (inside[-1], inside[-1] + 1))
        )  # fmt: skip
        return float(low), float(high)

    def laws(self, confidence: float = 0.95) -> list[Any]:
        """Laws along the profile, from one end of the likelihood-ratio region to the other."""
        low, high = self.share_interval(confidence)
        between = self.shares[(self.shares > low) & (self.shares < high)]
        shares = np.array([low, *between, high])
        log_r = self.likelihood.best_log_r(shares, self.best[0])
        return [
            self._law_of(self.likelihood.mean, float(r), float(f))
            for r, f in zip(log_r, shares, strict=True)
        ]

    def bits_interval(
        self, target_error: ArrayLike, confidence: float = 0.95
    ) -> tuple[float, float] | tuple[np.ndarray, np.ndarray]:
        """Least and most bits of the laws along the profile: what the losses cannot tell apart.

        It is a range over f only: the mean and the variance have one value for each f.
        """
        target_error = as_array("target_error", target_error)
        bits = [-law.logcdf(target_error) / math.log(2) for law in self.laws(confidence)]
        return np.min(bits, axis=0)[()], np.max(bits, axis=0)[()]

    def _crossing(self, level: float, inside: float, outside: float) -> float:
        from scipy import optimize

        def excess(share: float) -> float:
            return float(self.likelihood.profile(np.array([share]), self.best[0])[0]) - level

        return float(optimize.brentq(excess, inside, outside, xtol=1e-6))
