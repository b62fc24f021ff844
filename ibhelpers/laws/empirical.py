"""The law that gives every sampled loss the same probability, and nothing to any other."""

from __future__ import annotations

import math

import numpy as np
import scipy
import torch
from torch import Tensor

from .._arguments import ArrayLike, as_float64, generator_of, probability, whole
from .law import Law, moment, unit_exponent
from .sampled_losses import checked_losses


class Empirical(Law):
    r"""The empirical law of sampled losses, P(L <= x) = #{losses <= x} / S.

    It does not extrapolate: below the smallest loss its ``logcdf`` is -inf, and `inductive_bias`
    says "at least b bits", where b is what the S losses certify.

    Parameters
    ----------
    losses : array_like, shape (S,)
        At least 10, of any sign, discrete or not.

    Notes
    -----
    The limits of P(L <= x) are those of C. J. Clopper and E. S. Pearson, Biometrika 26 (1934) 404:
    for k losses of S at or below x, the quantiles of Beta(k, S - k + 1) and Beta(k + 1, S - k).

    Examples
    --------
    >>> import ibhelpers as ib, numpy as np
    >>> law = ib.laws.Empirical.fit(np.linspace(0.1, 1, 1000))
    >>> print(ib.inductive_bias(law, [0.5, 0.01]))
    1.2 bits at target error 0.5 (between 1.1 and 1.3)
    at least 8.1 bits at target error 0.01
    """

    exact = False
    has_density = False

    def __init__(self, losses: ArrayLike) -> None:
        x = checked_losses(losses, positive=False, spread=False)
        self._losses = torch.from_numpy(np.sort(x))
        self.lowest = float(self._losses[0])

    def __repr__(self) -> str:
        """Say what the law is in one line."""
        low, high = float(self._losses[0]), float(self._losses[-1])
        return f"Empirical({len(self._losses):,} losses from {low:.6g} to {high:.6g})"

    @classmethod
    def fit(cls, losses: ArrayLike) -> Empirical:
        """The law of these losses."""
        return cls(losses)

    def log_limits(self, x: Tensor, confidence: float = 0.95) -> tuple[Tensor, Tensor]:
        """Clopper-Pearson limits of log P(L <= x), of the shape of x."""
        k = self._count(as_float64("x", x)).numpy()
        low, high = _clopper_pearson(k, len(self._losses), confidence)
        with np.errstate(divide="ignore"):  # of 0, whose logarithm is meant
            return torch.as_tensor(np.log(low)), torch.as_tensor(np.log(high))

    def mean(self) -> float:
        """E[L], the mean of the losses."""
        exponent = unit_exponent(self._losses.numpy())
        return moment("mean", float(np.ldexp(self._losses.numpy(), -exponent).mean()), exponent)

    def variance(self) -> float:
        """Var[L], the mean squared deviation of the losses."""
        exponent = unit_exponent(self._losses.numpy())
        scaled = np.ldexp(self._losses.numpy(), -exponent)
        return moment("variance", float(scaled.var()), 2 * exponent)

    def sample(self, n: int, *, seed: int) -> np.ndarray:
        """Draw n of the losses with replacement, shape (n,)."""
        n = whole("n", n, at_least=1)
        return generator_of(seed).choice(self._losses.numpy(), n)

    def _count(self, x: Tensor) -> Tensor:
        """How many losses are at most x."""
        return torch.searchsorted(self._losses, x.contiguous(), right=True)

    def _logcdf(self, x: Tensor) -> Tensor:
        return torch.log(self._count(x).double() / len(self._losses))

    def _logccdf(self, x: Tensor) -> Tensor:
        above = len(self._losses) - self._count(x)
        return torch.log(above.double() / len(self._losses))

    def _logpdf(self, x: Tensor) -> Tensor:
        raise ValueError(
            "logpdf: an empirical law has no density; fit another law, or draw a histogram."
        )

    def _ilogcdf(self, logp: Tensor) -> Tensor:
        """The smallest loss x with P(L <= x) >= p."""
        n = len(self._losses)
        rank = torch.ceil(torch.exp(logp) * n * (1 - 1e-14)).long()  # exp(log p) is rounded
        return self._losses[rank.clamp(1, n) - 1]


def fraction_limits(k: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson limits of a probability, of which k of n draws are known."""
    low, high = _clopper_pearson(np.array(k), n, confidence)
    return float(low), float(high)


def _clopper_pearson(k: np.ndarray, n: int, confidence: float) -> tuple[np.ndarray, np.ndarray]:
    alpha = 1 - probability("confidence", confidence)
    low = scipy.special.betaincinv(np.maximum(k, 1), n - k + 1, alpha / 2)
    high = scipy.special.betaincinv(k + 1, np.maximum(n - k, 1), 1 - alpha / 2)
    return np.where(k == 0, 0.0, low), np.where(k == n, 1.0, high)


def certified_bits(n: int, confidence: float = 0.95) -> float:
    r"""Bits that n losses certify if none of them reaches the target, -log2(1 - (α/2)^{1/n}).

    About log2(n) - 1.9 for a confidence 1 - α of 0.95. No sample of n losses supports more.
    """
    alpha = 1 - probability("confidence", confidence)
    return -math.log2(-math.expm1(math.log(alpha / 2) / whole("n", n, at_least=1)))
