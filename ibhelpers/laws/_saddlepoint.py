"""The tilt that makes x the mean, and Lugannani and Rice's approximation of a tail from it.

In the notation of `_contour`: K(t) = log E exp(-t Q), and the tilted law has the density
of Q times exp(-t q - K(t)) and the mean -K'(t).
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float64
from torch import Tensor

from ._contour import TailIntegralError
from ._curve import _BLOCK
from ._terms import Terms, exponent_at

_NEAR_MEAN = 1e-6  # in standard deviations: closer, 1/u - 1/w is replaced by its limit


def find_tilt(
    terms: Terms, x_hi: Float64[Tensor, " X"], x_lo: Float64[Tensor, " X"], *, upper: bool
) -> Float64[Tensor, " X"]:
    """The t with x = -K'(t): above 0 for x below the mean, between -1/(2 max w) and 0 above it.

    The slope x + K'(t) rises with t and is concave, so that Newton's method, from a t where it is
    negative, climbs to the root without ever passing it. It is negative where one term alone, left
    central, has the mean x: the one of the largest weight, or, below the mean, any; and at 0 there.
    """
    if upper:
        t = (terms.k[-1] / x_hi - 1 / terms.w[-1]) / 2
    else:
        t = ((terms.k / x_hi[:, None] - 1 / terms.w) / 2).amax(1).clamp(min=0)
    for _ in range(500):
        v = 1 + 2 * terms.w * t[:, None]
        slope = exponent_at(terms, t, v, x_hi, x_lo)[1]
        step = -slope / _variance(terms, v)
        t = t + step
        if bool((step.abs() <= 1e-13 * t.abs()).all()):
            return t
    raise TailIntegralError(
        f"x: at {float(x_hi[0])!r} above the offset, no saddle was found for the law of {terms}; "
        "please report the case."
    )


def lugannani_rice(
    terms: Terms, x_hi: Tensor, x_lo: Tensor, exponent: Tensor | int, *, upper: bool
) -> Tensor:
    """log P(Q <= x), or log P(Q > x) (upper), approximately; the arguments are `log_integral`'s.

    With a = sqrt(-2 (t x + K(t))), b = |t| sqrt(K''(t)) and Mills' ratio M, both are
    -a²/2 - log(2 pi)/2 + log(M(a) + 1/b - 1/a). At the mean a = b = 0, and 1/b - 1/a tends to a
    sixth of the skewness.

    Raises
    ------
    TailIntegralError
        If M(a) + 1/b - 1/a is not positive, so that the approximation makes no sense.
    """
    out = torch.empty_like(x_hi)
    count = max(1, _BLOCK // (4 * len(terms.w)))
    for rows, scaled, hi, lo in terms.by_unit(x_hi, x_lo, exponent):
        for part in torch.arange(len(rows), device=rows.device).split(count):
            found = _lugannani_rice_block(scaled, hi[part], lo[part], upper)
            out[rows[part]] = found + scaled.log_factor
    return out


def _lugannani_rice_block(terms: Terms, x_hi: Tensor, x_lo: Tensor, upper: bool) -> Tensor:
    t = find_tilt(terms, x_hi, x_lo, upper=upper)
    v = 1 + 2 * terms.w * t[:, None]
    exponent = exponent_at(terms, t, v, x_hi, x_lo)[0].clamp(max=0.0)
    a, b = torch.sqrt(-2 * exponent), t.abs() * torch.sqrt(_variance(terms, v))
    skewness = (8 * terms.w**3 * (terms.k + 3 * terms.delta)).sum()
    skewness = skewness / _variance(terms, torch.ones_like(terms.w)) ** 1.5
    at_mean = -skewness / 6 if upper else skewness / 6
    mills = math.sqrt(math.pi / 2) * torch.special.erfcx(a / math.sqrt(2))
    bracket = mills + torch.where(b < _NEAR_MEAN, at_mean, 1 / b - 1 / a)
    if not bool((bracket > 0).all()):
        x = float(x_hi[~(bracket > 0)][0])
        raise TailIntegralError(
            f"x: at {x!r} above the offset, the saddlepoint approximation for the law of {terms} "
            "is not a probability; use logcdf, which is exact."
        )
    return exponent - 0.5 * math.log(2 * math.pi) + torch.log(bracket)


def _variance(terms: Terms, v: Tensor) -> Tensor:
    """K''(t), the variance of the tilted law."""
    return (2 * (terms.w / v) ** 2 * (terms.k + 2 * terms.delta / v)).sum(-1)
