"""Laws with two parameters, fitted through the mean and the variance of the losses."""

from __future__ import annotations

import math

import numpy as np
import scipy
import torch
from torch import Tensor

from .._arguments import ArrayLike, finite, generator_of, positive, whole
from ._one_term import OneTerm
from .law import Law, moment
from .sampled_losses import checked_losses, mean_and_deviation


class ScaledChi2(OneTerm):
    r"""A scaled central chi-squared law, loss = scale · χ²_df.

    Parameters
    ----------
    df : float
        Degrees of freedom, above 0, whole or not.
    scale : float
        In units of the loss, above 0.

    Notes
    -----
    Source: F. E. Satterthwaite, An Approximate Distribution of Estimates of Variance Components,
    Biometrics Bulletin 2 (1946) 110.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> law = ib.laws.ScaledChi2.from_moments(mean=1.0, variance=0.5)
    >>> law
    ScaledChi2(df=4, scale=0.25)
    """

    def __init__(self, df: float, scale: float) -> None:
        self.df, self.scale = positive("df", df), positive("scale", scale)
        super().__init__(self.scale, self.df, 0.0)

    def __repr__(self) -> str:
        """Say what the law is in one line."""
        return f"ScaledChi2(df={self.df:.6g}, scale={self.scale:.6g})"

    @classmethod
    def from_moments(cls, mean: float, variance: float) -> ScaledChi2:
        """The law of given mean and variance: df = 2 mean²/Var, scale = Var/(2 mean).

        Raises
        ------
        ValueError
            If the mean or the variance is not positive.
        """
        mean, variance = positive("mean", mean), positive("variance", variance)
        return cls(2 * mean * (mean / variance), variance / mean / 2)

    @classmethod
    def fit(cls, losses: ArrayLike) -> ScaledChi2:
        """The law with the mean and the variance of the losses.

        Raises
        ------
        ValueError
            If there are fewer than 10 losses, one is NaN, inf, zero or negative, or all are equal.
        """
        x = checked_losses(losses)
        mean, deviation = mean_and_deviation(x)
        r = deviation / mean
        return cls(2 / r**2, mean * r**2 / 2)


class Normal(Law):
    """A normal law, which also reaches below zero, where no squared error can be.

    Parameters
    ----------
    mean : float
        In units of the loss.
    standard_deviation : float
        In units of the loss, above 0.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> print(f"{ib.laws.Normal(mean=1.0, standard_deviation=0.1).logcdf(-9.0):.4f}")
    -5005.5242
    """

    exact = False
    lowest = -math.inf

    def __init__(self, mean: float, standard_deviation: float) -> None:
        self._mean = finite("mean", mean)
        self.standard_deviation = positive("standard_deviation", standard_deviation)

    def __repr__(self) -> str:
        """Say what the law is in one line."""
        return f"Normal(mean={self._mean:.6g}, standard_deviation={self.standard_deviation:.6g})"

    @classmethod
    def fit(cls, losses: ArrayLike) -> Normal:
        """The law with the mean and the standard deviation of the losses.

        Raises
        ------
        ValueError
            If there are fewer than 10 losses, one is NaN or inf, or all are equal.
        """
        return cls(*mean_and_deviation(checked_losses(losses, positive=False)))

    def mean(self) -> float:
        """E[L]."""
        return self._mean

    def variance(self) -> float:
        """Var[L]."""
        deviation, exponent = math.frexp(self.standard_deviation)
        return moment("variance", deviation**2, 2 * exponent)

    def _standard_deviation(self) -> float:
        return self.standard_deviation

    def sample(self, n: int, *, seed: int) -> np.ndarray:
        """Draw n independent losses, shape (n,)."""
        n = whole("n", n, at_least=1)
        return generator_of(seed).normal(self._mean, self.standard_deviation, n)

    def _logcdf(self, x: Tensor) -> Tensor:
        return torch.special.log_ndtr(self._standardise(x))

    def _logccdf(self, x: Tensor) -> Tensor:
        return torch.special.log_ndtr(-self._standardise(x))

    def _logpdf(self, x: Tensor) -> Tensor:
        z = self._standardise(x)
        return -z * z / 2 - math.log(self.standard_deviation) - math.log(2 * math.pi) / 2

    def _ilogcdf(self, logp: Tensor) -> Tensor:
        z = torch.from_numpy(scipy.special.ndtri_exp(logp.numpy()))
        return self._mean + self.standard_deviation * z

    def _standardise(self, x: Tensor) -> Tensor:
        return (x - self._mean) / self.standard_deviation
