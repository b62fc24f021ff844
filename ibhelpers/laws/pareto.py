"""Extreme-value theory's tail: a generalized Pareto law below a threshold."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from .._arguments import ArrayLike, Values, generator_of, positive, probability, whole
from .empirical import Empirical
from .law import Law
from .losses import FEWEST, checked_losses


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
        self.threshold, self.shape = float(threshold), float(shape)
        self.scale = positive("scale", scale)
        if not -1 <= self.shape < 0:
            raise ValueError(f"shape: found {shape!r}; give one in [-1, 0).")
        self._all = Empirical(losses)
        self._alpha, self._width = -1 / self.shape, -self.scale / self.shape
        self.lowest = self.threshold - self._width
        if abs(self.lowest) < 1e-14 * self._width:  # 0, but for rounding
            self.lowest = 0.0
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
            If there are fewer than 20 losses, one is NaN, inf or below the floor, or those in the
            tail are all equal.

        Notes
        -----
        ``scipy.stats.genpareto.fit`` knows no floor. For a given endpoint the best exponent is
        Hill's, α = n / sum log((u - e)/(x - e)), so that one dimension is left to search. The
        lowest tenth is the rule of W. H. DuMouchel, Annals of Statistics 11 (1983) 1019; α >= 1
        leaves out the infinite likelihoods of an endpoint that touches the smallest loss.
        """
        x = np.sort(checked_losses(losses, positive=False))
        if len(x) < 2 * FEWEST:
            raise ValueError(
                f"losses: found {len(x)}; a tail of {FEWEST} needs at least {2 * FEWEST}."
            )
        if x[0] < floor:
            raise ValueError(f"losses: the smallest is {x[0]}, below floor={floor}.")
        n = min(max(FEWEST, math.ceil(probability("fraction", fraction) * len(x))), len(x) - 1)
        threshold = (x[n - 1] + x[n]) / 2
        excess = threshold - x[:n]
        if not excess[0] > excess[-1]:
            raise ValueError(
                f"losses: the {n} smallest are all {x[0]}; a discrete loss has no Pareto tail."
            )
        width, alpha = _fit_excesses(excess, threshold - floor)
        return cls(x, threshold, -1 / alpha, width / alpha)

    def mean(self) -> float:
        """E[L]."""
        above = self._above()
        tail = self.lowest + self._width * self._alpha / (self._alpha + 1)
        return float(self._fraction() * tail + (1 - self._fraction()) * above.mean())

    def variance(self) -> float:
        """Var[L]."""
        mean, alpha = self.mean(), self._alpha
        above = np.mean((self._above() - mean) ** 2)
        shift = self.lowest - mean
        tail = self._width**2 * alpha / (alpha + 2) + shift**2
        tail += 2 * shift * self._width * alpha / (alpha + 1)
        return float(self._fraction() * tail + (1 - self._fraction()) * above)

    def sample(self, n: int, *, seed: int) -> np.ndarray:
        """Draw n losses, shape (n,): from the tail, or above the threshold from the losses."""
        n = whole("n", n, at_least=1)
        return self.icdf(generator_of(seed).random(n))

    def _fraction(self) -> float:
        return math.exp(self._log_fraction)

    def _above(self) -> np.ndarray:
        losses = self._all._losses.numpy()
        return losses[losses > self.threshold]

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
        constant = self._log_fraction + math.log(self._alpha / self._width)
        return torch.where(x < self.lowest, -math.inf, constant + (self._alpha - 1) * y)

    def _ilogcdf(self, logp: Tensor) -> Tensor:
        in_tail = torch.exp((logp - self._log_fraction) / self._alpha)
        return torch.where(
            logp <= self._log_fraction,
            self.lowest + self._width * in_tail,
            self._all._ilogcdf(logp),
        )


def _fit_excesses(excess: np.ndarray, most_width: float) -> tuple[float, float]:
    """The width u - e and the exponent α of highest likelihood for losses below a threshold.

    Searched over s = 1/width, between 1/most_width and 1/(the largest excess): a grid finds the
    neighbourhood of the maximum, a bounded search the maximum in it.
    """
    from scipy.optimize import minimize_scalar

    n = len(excess)

    def log_likelihood(s: Values) -> tuple[Values, Values]:
        total = -np.log1p(-np.multiply.outer(s, excess)).sum(-1)  # of log((u - e)/(x - e))
        alpha = np.maximum(n / total, 1.0)
        return n * np.log(alpha * s) - (alpha - 1) * total, alpha

    low, high = 1 / most_width, (1 - 1e-9) / excess.max()
    grid = np.geomspace(low, max(high, low * (1 + 1e-12)), 64)
    i = int(log_likelihood(grid)[0].argmax())
    found = minimize_scalar(
        lambda s: -log_likelihood(s)[0],
        bounds=(grid[max(i - 1, 0)], grid[min(i + 1, 63)]),
        method="bounded",
        options={"xatol": 1e-9 * low},
    )
    s = found.x if -found.fun > log_likelihood(grid[i])[0] else grid[i]
    return 1 / float(s), float(log_likelihood(s)[1])
