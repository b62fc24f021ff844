"""The mean of unbiased estimates of a probability, known by their logarithms, and its error."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy

MOST_VARIANCE = 1.0  # of log P between runs; beyond, eight runs do not show how wide they scatter
_TOO_FAR = 3.5  # standard errors between what moves and twice as many gave


@dataclass(frozen=True)
class Mean:
    """The logarithm of a mean of estimates.

    Attributes
    ----------
    log_p : float
        log of the mean; -inf if all are 0.
    error : float
        Standard error of that, from the scatter of the runs.
    variance : float
        Of log P between runs, were it normal; inf if all are 0.
    runs : int
        How many.
    """

    log_p: float
    error: float
    variance: float
    runs: int

    @classmethod
    def of(cls, log_p: np.ndarray) -> Mean:
        r"""The mean of P over runs, extinct ones counting as 0.

        Runs scatter about normally in log P, with variance v. Then log E P = E log P + v/2, and the
        standard error of an estimate is √(v/R + v²/(2(R - 1))) for R runs: the second term says
        that a mean over skew estimates is known less well than their scatter suggests. v is the
        larger of the variance of log P and log(1 + the squared coefficient of variation of P).
        Source: A. C. Olsson, Journal of Statistics Education 13 (2005), "Confidence intervals for
        the mean of a log-normal distribution", the method of D. R. Cox.
        """
        n, largest = len(log_p), float(log_p.max())
        if largest == -math.inf:
            return cls(-math.inf, math.inf, math.inf, n)
        p = np.exp(log_p - largest)
        variance = math.log1p(float(p.var(ddof=1)) / float(p.mean()) ** 2)
        if np.isfinite(log_p).all():
            variance = max(variance, float(log_p.var(ddof=1)))
        error = math.sqrt(variance / n + variance**2 / (2 * (n - 1)))
        return cls(largest + math.log(p.mean()), error, variance, n)

    @property
    def margin(self) -> float:
        """Half the width of a 95 % interval of log P, by Student's t."""
        return float(scipy.special.stdtrit(self.runs - 1, 0.975)) * self.error

    def agrees_with(self, other: Mean) -> bool:
        """Whether the difference is within what chance does, but in one case of some hundred."""
        if not math.isfinite(self.error + other.error):
            return self.log_p == other.log_p
        return abs(self.log_p - other.log_p) <= _TOO_FAR * math.hypot(self.error, other.error)
