"""Exponentially tilted importance sampling of a generalized chi-squared tail."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from .._arguments import number, whole
from .._typed import typed
from ._double_double import two_sum
from ._saddlepoint import find_tilt
from ._terms import exponent_at, times_power_of_two
from .generalized_chi2 import GeneralizedChi2


@dataclass(frozen=True)
class TiltedEstimate:
    """An estimate of log P(L <= x), and how far to trust it.

    Attributes
    ----------
    logcdf : float
        Natural logarithm of the estimated probability.
    standard_error : float
        Of ``logcdf``.
    n : int
        Draws.
    tilt : float
        t, in units of 1/loss.
    """

    logcdf: float
    standard_error: float
    n: int
    tilt: float


@typed
def tilted_importance_sampling(
    law: GeneralizedChi2, x: float, n: int = 10_000, *, seed: int
) -> TiltedEstimate:
    r"""Estimate log P(L <= x) from draws of a law under which x is no longer rare.

    For Q = L - c, K(t) = log E exp(-tQ), and the t that gives the tilted law the mean x,

    .. math:: P(L \le x) = e^{t (x - c) + K(t)} \;
              E_t\bigl[ e^{-t (x - L)} 1\{L \le x\} \bigr],

    where under :math:`E_t` the weights are w/(1 + 2wt) and the noncentralities δ/(1 + 2wt).

    Parameters
    ----------
    law : GeneralizedChi2
        The `general` law of a fitted one will do.
    x : float
        Between the offset and the mean.
    n : int
        Number of draws, at least 2.
    seed : int
        The same seed gives the same numbers.

    Raises
    ------
    ValueError
        If the law is of another kind, x is not between its offset and its mean, or n is below 2.
    ArithmeticError
        If no draw fell below x.

    Notes
    -----
    It shares the exponent with the exact `logcdf`, and checks the integral. Source: D. Siegmund,
    Annals of Statistics 4 (1976) 673.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> law = ib.laws.GeneralizedChi2(weights=[0.1, 0.2], df=[10, 20], nc=[3, 0])
    >>> found = ib.laws.tilted_importance_sampling(law, 0.1, n=100_000, seed=0)
    >>> print(f"{found.logcdf:.3f} ± {found.standard_error:.3f}, exactly {law.logcdf(0.1):.3f}")
    -46.994 ± 0.006, exactly -46.994
    """
    n, x = whole("n", n, at_least=2), number("x", x)
    if not law.offset < x < law.mean():
        raise ValueError(
            f"x: found {x!r}; only the lower tail is rare, so give a value between the offset "
            f"{law.offset:.6g} and the mean {law.mean():.6g}, or use logcdf."
        )
    terms = law._terms
    distance = two_sum(*(torch.tensor([a], dtype=torch.float64) for a in (x, -law.offset)))
    above = [times_power_of_two(a.to(law.device), -terms.exponent) for a in distance]
    t = find_tilt(terms, *above, upper=False)
    v = 1 + 2 * terms.w * t[:, None]
    exponent = float(exponent_at(terms, t, v, *above)[0])
    tilted = GeneralizedChi2(terms.w / v[0], terms.k, terms.delta / v[0])
    below = float(above[0]) - tilted.sample(n, seed=seed)  # x - L, in units of the terms
    weights = np.where(below >= 0, np.exp(-float(t) * below.clip(min=0)), 0.0)
    mean = float(weights.mean())
    if mean == 0:
        raise ArithmeticError(f"n: none of {n} tilted draws fell below x; give more.")
    relative_error = float(weights.std(ddof=1)) / mean / math.sqrt(n)
    tilt = math.ldexp(float(t), -terms.exponent)
    return TiltedEstimate(exponent + math.log(mean), relative_error, n, tilt)
