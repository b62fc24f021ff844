"""Laws with one scaled chi-squared term, whose tails the exact law evaluates."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from .generalized_chi2 import GeneralizedChi2
from .law import Law


class OneTerm(Law):
    """A law scale · χ²_df(nc) that is told by its own parameters, and computed as a general one.

    Attributes
    ----------
    general : GeneralizedChi2
        The same law, with one weight.
    """

    exact = False

    def __init__(self, scale: float, df: float, nc: float) -> None:
        self.general = GeneralizedChi2([scale], [df], [nc])
        self.lowest = self.general.lowest

    def mean(self) -> float:
        """E[L] = scale (df + nc)."""
        return self.general.mean()

    def variance(self) -> float:
        """Var[L] = 2 scale² (df + 2 nc)."""
        return self.general.variance()

    def _standard_deviation(self) -> float:
        return self.general._standard_deviation()

    def sample(self, n: int, *, seed: int) -> np.ndarray:
        """Draw n independent losses, shape (n,); the same seed gives the same numbers."""
        return self.general.sample(n, seed=seed)

    def _logcdf(self, x: Tensor) -> Tensor:
        return self.general._logcdf(x)

    def _logccdf(self, x: Tensor) -> Tensor:
        return self.general._logccdf(x)

    def _logpdf(self, x: Tensor) -> Tensor:
        return self.general._logpdf(x)

    def _ilogcdf(self, logp: Tensor) -> Tensor:
        return self.general._ilogcdf(logp)
