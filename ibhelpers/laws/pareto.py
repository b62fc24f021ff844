"""Extreme-value theory's tail: a generalized Pareto law below a threshold."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from .._arguments import (
    ArrayLike,
    Values,
    finite,
    generator_of,
    number,
    positive,
    probability,
    whole,
)
from .empirical import Empirical
from .law import Law, moment, unit_exponent
from .sampled_losses import FEWEST, checked_losses


class GeneralizedPareto(Law):
    r"""The lower tail of sampled losses as a generalized Pareto law, the rest as it was sampled.

    Below the threshold u, with the shape ξ < 0, α = -1/ξ, and the endpoint e = u + scale/ξ,

    .. math:: P(L \le x) = P(L \le u) \left(\frac{x - e}{u - e}\right)^{\alpha},
              \qquad e \le x \le u.

    Parameters
    ----------
    losses : array_like, shape (S,)
        Above the threshold the law is their empirical law.
    threshold : float
        u, in units of the loss.
    shape : float
        ξ in [-1, 0), SciPy's ``c``.
    scale : float
        In units of the loss, above 0.

    Attributes
    ----------
    lowest : float
        e. Below it P = 0 under the law, and the bias is infinite.

    Notes
    -----
    Source: J. Pickands, Statistical Inference Using Extreme Order Statistics, Annals of Statistics
    3 (1975) 119.

    Examples
    --------
    Near 0 a sum of four squares has the exponent 2 and the endpoint 0, which the lowest tenth of a
    sample shows roughly:

    >>> import ibhelpers as ib
    >>> losses = ib.laws.ScaledChi2(df=4, scale=1.0).sample(100_000, seed=0)
    >>> law = ib.laws.GeneralizedPareto.fit(losses)
    >>> print(f"{-1 / law.shape:.1f}, {law.lowest:.2f}")
    1.7, 0.01
    """

    exact = False
    has_density = False

    def __init__(self, losses: ArrayLike, threshold: float, shape: float, scale: float) -> None:
        self.threshold, self.shape = finite("threshold", threshold), number("shape", shape)
        self.scale = positive("scale", scale)
        if not -1 <= self.shape < 0:
            raise ValueError(f"shape: found {shape!r}; give one in [-1, 0).")
        self._all = Empirical(losses)
        self._alpha, self._width = -1 / self.shape, -self.scale / self.shape
        lowest = self.threshold - self._width
        self.lowest = 0.0 if abs(lowest) < 1e-14 * self._width else lowest  # but for rounding
        self._log_fraction = self._all.logcdf(self.threshold)
        if self._log_fraction == -math.inf:
            raise ValueError(f"threshold: found {threshold!r}, and no loss lies below it.")

    def __repr__(self) -> str:
        """Say what the law is in one line."""
        return (
            f"GeneralizedPareto(shape={self.shape:.4g}, scale={self.scale:.4g}, "
            f"endpoint={self.lowest:.4g} for the {math.exp(self._log_fraction):.1%} of losses "
            f"below {self.threshold:.4g})"
        )

    @classmethod
    def fit(
        cls, losses: ArrayLike, *, fraction: float = 0.1, floor: float = 0.0
    ) -> GeneralizedPareto:
        """The tail of highest likelihood whose endpoint is not below the floor.

        Parameters
        ----------
        losses : array_like, shape (S,)
            At least 20.
        fraction : float
            Of the losses, that are taken for the tail: the lowest tenth when not given, and never
            fewer than 10.
        floor : float
            A value that no loss can be below, 0 for errors. A tail of which a part would lie there
            is no candidate.

        Raises
        ------
        ValueError
            If there are fewer than 20 losses, one is NaN, inf or below the floor, those in the tail
            are all equal, or so many are the smallest, or it is so near the floor, that no Pareto
            tail has such losses.

        Notes
        -----
        ``scipy.stats.genpareto.fit`` knows no floor. For a given endpoint the best exponent is
        Hill's, α = n / sum log((u - e)/(x - e)), so that one dimension is left to search. The
        lowest tenth is the rule of W. H. DuMouchel, Annals of Statistics 11 (1983) 1019; α >= 1
        leaves out the infinite likelihoods of an endpoint that touches the smallest loss. Where
        several losses are the smallest, nor are endpoints candidates that are so near to it that
        the probability of it falls below the sample's own 95 % limit (Clopper and Pearson's).
        """
        x = np.sort(checked_losses(losses, positive=False))
        if len(x) < 2 * FEWEST:
            raise ValueError(
                f"losses: found {len(x)}; a tail of {FEWEST} needs at least {2 * FEWEST}."
            )
        floor = finite("floor", floor)
        if x[0] < floor:
            raise ValueError(f"losses: the smallest is {x[0]}, below floor={floor}.")
        n = min(max(FEWEST, math.ceil(probability("fraction", fraction) * len(x))), len(x) - 1)
        threshold = float(x[n - 1] / 2 + x[n] / 2)
        excess = threshold - x[:n]
        if not excess[0] > excess[-1]:
            raise ValueError(
                f"losses: the {n} smallest are all {x[0]}; a discrete loss has no Pareto tail."
            )
        found = _fit_excesses(excess, threshold - floor)
        if found is None:
            raise ValueError(
                f"losses: {int((x == x[0]).sum())} of the {n} smallest are {x[0]}, too often and "
                f"too near floor={floor:g} for a Pareto tail, which would say that such losses "
                "are next to impossible; fit Empirical, or leave out losses that are exactly the "
                "floor and count them apart."
            )
        width, alpha = found
        law = cls(x, threshold, -1 / alpha, width / alpha)
        if not law.lowest < x[0]:
            raise ValueError(
                f"losses: the {n} smallest agree to rounding, from {x[0]} to {x[n - 1]}; "
                "subtract what they have in common before fitting a Pareto tail."
            )
        return law

    def mean(self) -> float:
        """E[L]."""
        exponent, above, lowest, width = self._in_units()
        tail = lowest + width * self._alpha / (self._alpha + 1)
        mean = self._fraction() * tail + (1 - self._fraction()) * above.mean()
        return moment("mean", float(mean), exponent)

    def variance(self) -> float:
        """Var[L]."""
        exponent, above, lowest, width = self._in_units()
        mean, alpha = math.ldexp(self.mean(), -exponent), self._alpha
        shift = lowest - mean
        tail = width**2 * alpha / (alpha + 2) + shift**2
        tail += 2 * shift * width * alpha / (alpha + 1)
        variance = self._fraction() * tail + (1 - self._fraction()) * np.mean((above - mean) ** 2)
        return moment("variance", float(variance), 2 * exponent)

    def _in_units(self) -> tuple[int, np.ndarray, float, float]:
        """A unit 2^exponent that squares do not leave; losses above u, endpoint and width in it."""
        losses = self._all._losses.numpy()
        exponent = unit_exponent(np.append(losses, self._width))
        above = np.ldexp(losses[losses > self.threshold], -exponent)
        return exponent, above, *(math.ldexp(a, -exponent) for a in (self.lowest, self._width))

    def sample(self, n: int, *, seed: int) -> np.ndarray:
        """Draw n losses, shape (n,): from the tail, or above the threshold from the losses."""
        n = whole("n", n, at_least=1)
        return self.icdf(generator_of(seed).random(n))

    def _fraction(self) -> float:
        return math.exp(self._log_fraction)

    def _logcdf(self, x: Tensor) -> Tensor:
        in_tail = torch.log(((x - self.lowest) / self._width).clamp(min=0))
        return torch.where(
            x <= self.threshold,
            self._log_fraction + self._alpha * in_tail,
            self._all._logcdf(x),
        )

    def _logccdf(self, x: Tensor) -> Tensor:
        return torch.where(
            x <= self.threshold,
            torch.log1p(-torch.exp(self._logcdf(x))),
            self._all._logccdf(x),
        )

    def _logpdf(self, x: Tensor) -> Tensor:
        if bool((x > self.threshold).any()):
            raise ValueError(
                f"x: found values above the threshold {self.threshold:.6g}, where the law is that "
                "of the samples and has no density; give smaller ones."
            )
        y = torch.log(((x - self.lowest) / self._width).clamp(min=0))
        constant = self._log_fraction + math.log(self._alpha) - math.log(self._width)
        return torch.where(x < self.lowest, -math.inf, constant + (self._alpha - 1) * y)

    def _ilogcdf(self, logp: Tensor) -> Tensor:
        in_tail = torch.exp((logp - self._log_fraction) / self._alpha)
        return torch.where(
            logp <= self._log_fraction,
            self.lowest + self._width * in_tail,
            self._all._ilogcdf(logp),
        )


def _fit_excesses(excess: np.ndarray, most_width: float) -> tuple[float, float] | None:
    """The width u - e and the exponent α of highest likelihood for losses below a threshold.

    Searched over s = 1/width, from 1/most_width to where the endpoint is too near to the smallest
    loss: a grid finds the neighbourhood of the maximum, a bounded search the maximum in it. None if
    the smallest loss is too near even to the farthest endpoint.
    """
    from scipy.optimize import brentq, minimize_scalar
    from scipy.special import betaincinv

    n, largest = len(excess), excess.max()
    excess = excess / largest  # 1/width of tiny losses is beyond float64

    def log_likelihood(s: Values) -> tuple[Values, Values]:
        total = -np.log1p(-np.multiply.outer(s, excess)).sum(-1)  # of log((u - e)/(x - e))
        alpha = np.maximum(n / total, 1.0)
        return n * np.log(alpha * s) - (alpha - 1) * total, alpha

    tied = int((excess == 1).sum())
    least = math.log(betaincinv(tied, n - tied + 1, 0.025)) if tied > 1 else -math.inf

    def surplus(s: float) -> float:
        """Of the law's log share of the smallest loss; it falls as the endpoint comes nearer."""
        return float(log_likelihood(s)[1]) * math.log1p(-s) - least

    low, high = largest / most_width, 1 - 1e-9
    if low >= 1 or surplus(low) < 0:
        return None
    if low < high and surplus(high) < 0:
        high = brentq(surplus, low, high, xtol=1e-13)
    grid = np.geomspace(low, max(high, low * (1 + 1e-12)), 64)
    i = int(log_likelihood(grid)[0].argmax())
    found = minimize_scalar(
        lambda s: -log_likelihood(s)[0],
        bounds=(grid[max(i - 1, 0)], grid[min(i + 1, 63)]),
        method="bounded",
        options={"xatol": 1e-9 * low},
    )
    s = found.x if -found.fun > log_likelihood(grid[i])[0] else grid[i]
    return largest / float(s), float(log_likelihood(s)[1])
