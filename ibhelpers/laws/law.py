"""The third noun: a probability law of the test loss, with the methods that every law has."""

from __future__ import annotations

import abc
import math
import sys
from collections.abc import Callable
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from .._arguments import ArrayLike, Values, as_float64
from .._fork import refuse_orphans


@runtime_checkable
class FittedLaw(Protocol):
    """A kind of law that can be fitted to sampled losses."""

    @classmethod
    def fit(cls, losses: ArrayLike) -> Law:
        """The law of the kind that suits the losses."""


class Law(abc.ABC):
    """A probability law of a loss L on the real line.

    The methods are named as in SciPy's distribution classes. Each takes a number, an array or a
    tensor and returns the same kind with the same shape, in float64. Logarithms are natural.

    A kind of law supplies `_logcdf`, `_logccdf`, `_logpdf` and `_ilogcdf` of a vector, its mean and
    variance, and `sample`. Each tail is computed on the side that is small.
    """

    exact: bool
    """Whether the law is exact (computed from the hypothesis space) or fitted to samples."""

    has_density: bool = True
    """Whether `logpdf` is there for every x."""

    lowest: float
    """The largest x with P(L < x) = 0; no loss lies below it."""

    @property
    def sharpened(self) -> Law | None:
        """The same law from parameters with more digits, where they can be had."""
        return None

    @property
    def doubt(self) -> str:
        """Why the law is not that of what was asked for, in words; empty where it is."""
        return ""

    device: torch.device = torch.device("cpu")

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse to change what the answers were made of: they would stay as they are."""
        if name in vars(self) and not name.startswith("_"):
            raise AttributeError(
                f"{name}: a law does not change; make another {type(self).__name__}."
            )
        super().__setattr__(name, value)

    @abc.abstractmethod
    def _logcdf(self, x: Tensor) -> Tensor: ...

    @abc.abstractmethod
    def _logccdf(self, x: Tensor) -> Tensor: ...

    @abc.abstractmethod
    def _logpdf(self, x: Tensor) -> Tensor: ...

    @abc.abstractmethod
    def _ilogcdf(self, logp: Tensor) -> Tensor: ...

    @abc.abstractmethod
    def mean(self) -> float:
        """E[L]."""

    @abc.abstractmethod
    def variance(self) -> float:
        """E[(L - E L)^2]."""

    @abc.abstractmethod
    def sample(self, n: int, *, seed: int) -> np.ndarray:
        """Draw n independent values, shape (n,); the same seed gives the same numbers."""

    def _standard_deviation(self) -> float:
        """The root of the variance, also where the variance itself is beyond float64."""
        return math.sqrt(self.variance())

    def log_limits(self, x: Tensor, confidence: float = 0.95) -> tuple[Tensor, Tensor] | None:
        """Confidence limits of log P(L <= x), of the shape of x, where the law knows them."""
        return None

    def log_errors(self, x: Tensor) -> Tensor | None:
        """Rounding error to expect in log P(L <= x), of the shape of x, where the law knows it."""
        return None

    def log_upper(self, x: Tensor) -> Tensor:
        """An upper limit of log P(L <= x), whatever was rounded; where `log_errors` is known."""
        return self._logcdf(x.reshape(-1)).reshape(x.shape)

    def logcdf(self, x: ArrayLike) -> Values:
        """Log of the probability that the loss is at most x, log P(L <= x)."""
        return self._map(self._logcdf, "x", x)

    def logccdf(self, x: ArrayLike) -> Values:
        """Log of the probability that the loss exceeds x, log P(L > x)."""
        return self._map(self._logccdf, "x", x)

    def logpdf(self, x: ArrayLike) -> Values:
        """Log of the probability density at x."""
        return self._map(self._logpdf, "x", x)

    def cdf(self, x: ArrayLike) -> Values:
        """Probability that the loss is at most x; 0 where it is too small for float64."""
        return self._map(lambda x: torch.exp(self._logcdf(x)), "x", x)

    def ccdf(self, x: ArrayLike) -> Values:
        """Probability that the loss exceeds x; 0 where it is too small for float64."""
        return self._map(lambda x: torch.exp(self._logccdf(x)), "x", x)

    def pdf(self, x: ArrayLike) -> Values:
        """Probability density at x; 0 where it is too small for float64."""
        return self._map(lambda x: torch.exp(self._logpdf(x)), "x", x)

    def ilogcdf(self, logp: ArrayLike) -> Values:
        """The x with log P(L <= x) = logp; ``ilogcdf(-bits * log(2))`` is what so many bits buy.

        Raises
        ------
        ValueError
            If logp is above 0 or NaN.
        """
        return self._map(self._ilogcdf, "logp", logp, at_most=0.0)

    def icdf(self, p: ArrayLike) -> Values:
        """The x with P(L <= x) = p.

        Raises
        ------
        ValueError
            If p is outside [0, 1] or NaN.
        """
        return self._map(lambda p: self._ilogcdf(torch.log(p)), "p", p, at_least=0.0, at_most=1.0)

    def _map(
        self,
        function: Callable[[Tensor], Tensor],
        name: str,
        x: ArrayLike,
        at_least: float = -math.inf,
        at_most: float = math.inf,
    ) -> Values:
        """Apply a function of vectors to x of any kind and shape, after checking it."""
        refuse_orphans()
        values = as_float64(name, x).to(self.device)
        bad = ~((values >= at_least) & (values <= at_most))
        if bool(bad.any()):
            found = float(values[bad].reshape(-1)[0])
            wanted = (
                "NaN is not a number to answer for; remove it"
                if math.isnan(found)
                else f"give values in [{at_least:g}, {at_most:g}]"
            )
            raise ValueError(f"{name}: found {found!r}; {wanted}.")
        out = function(values.reshape(-1)).reshape(values.shape)
        if isinstance(x, Tensor):
            return out
        return float(out) if out.ndim == 0 else out.cpu().numpy()


def moment(name: str, value: float, exponent: int) -> float:
    """The moment value 2^exponent of a law.

    Raises
    ------
    ArithmeticError
        If float64 does not hold it, as it does not hold squares below 1e-308 or above 1e308.
    """
    try:
        found = math.ldexp(value, exponent)
    except OverflowError:
        found = math.inf
    if not (value == 0 or sys.float_info.min <= abs(found) < math.inf):
        log10 = math.log10(abs(value)) + exponent * math.log10(2)
        raise ArithmeticError(
            f"{name}: about 1e{log10:.0f}, which float64 does not hold; give the losses in another "
            "unit."
        )
    return found


def unit_exponent(x: np.ndarray) -> int:
    """The exponent of a power of two in whose units the largest |x| is between 1/2 and 1."""
    return math.frexp(float(np.abs(x).max()))[1]
