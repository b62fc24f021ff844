r"""Tail probabilities of a positive quadratic form, by a contour integral through the saddle point.

For :math:`Q = \sum_i w_i \chi^2_{k_i}(\delta_i)` write u_i = 2 w_i t and

    K(t) = log E exp(-t Q) = -sum_i [ k_i/2 log(1 + u_i) + delta_i/2 u_i / (1 + u_i) ].

On any curve from -i inf to +i inf that crosses the real axis at a suitable t*,

    P(Q <= x) =  1/(2 pi i) int exp(t x + K(t)) dt/t    with t* > 0,
    P(Q > x)  = -1/(2 pi i) int exp(t x + K(t)) dt/t    with -1/(2 max w) < t* < 0,
    density   =  1/(2 pi i) int exp(t x + K(t)) dt      with either.

Three steps, each in a file of its own: `find_saddle` finds t*, where the integrand is smallest on
the real axis; `exponent_at` evaluates t* x + K(t*), the part of log P that grows without bound;
`Curve` integrates what remains, of order one, by the trapezoid rule on a hyperbola through t*.

Three things keep the digits. (1) t x + K(t) is a small difference of large numbers when x is near
the mean. So the means of all terms with small u_i are subtracted from x beforehand, in
double-double arithmetic, and only the rest of K is added. At the saddle every summand that is left
has the same sign. (2) The hyperbola's asymptotes rise at 45 degrees. On such a curve no term's
modulus exceeds its value at t*: Re z^2 <= 0 there, and the higher orders of log(1 + z) and
z^2/(1 + z) do not undo it. A parabola would run into the essential singularities at
t = -1/(2 w_i) that large noncentralities make, and a vertical line would decay too slowly for few
degrees of freedom. (3) The step of the sum follows from a bound of its error (`Curve.bound`), not
from a comparison of two sums, which may agree by accident.
"""

from __future__ import annotations

import contextlib
import math

import torch
from torch import Tensor

from ._curve import _BLOCK, Curve
from ._saddle import find_saddle
from ._terms import Terms, exponent_at

_MOST_NODES = 6144
_MOST_ROWS = 4096  # x in one block, so that its temporary arrays stay in the cache
_DISCRETISATION = 1e-14  # relative error of the sum, bounded
_ROUNDING = 9e-14  # least relative error of the rounded sum that is reckoned with
_FEW = 0.1  # degrees of freedom in all, with which digits cancel
FAR = 1e60  # beyond, in units of weights and degrees of freedom, log P(Q > x) is -x/(2 max w)
_TOLERANCE = 1e-12  # of log P: relative, or of 0.2 where |log P| is less
_IMMATERIAL = 1e15  # nats of the exponent, beside which a promise is hundreds of the integral's
_EPS = torch.finfo(torch.float64).eps


class TailIntegralError(ArithmeticError):
    """The contour integral did not reach its accuracy, so that no number is returned."""


def log_integral(
    terms: Terms,
    x_hi: Tensor,
    x_lo: Tensor,
    exponent: Tensor | int,
    *,
    upper: bool,
    density: bool = False,
) -> Tensor:
    """log P(Q <= x), log P(Q > x) (upper), or the log of the density at x > 0.

    Parameters
    ----------
    terms : Terms
        The law.
    x_hi, x_lo : Tensor, shape (X,)
        x 2^-exponent as an unevaluated sum; x at most the mean, or (upper) at least, for accurate
        results.
    exponent : int or Tensor of integers, shape (X,)
        0 for x in units of the loss; others reach x beyond float64.
    upper : bool
        Cross the real axis left of the pole at t = 0, for the upper tail.
    density : bool
        Leave the pole out.

    Raises
    ------
    TailIntegralError
        If the result would not be accurate to 1e-12 (absolute 2e-13 where |log P| < 0.2).
    """
    out = torch.empty_like(x_hi)
    count = max(1, min(_BLOCK // (4 * len(terms.w)), _MOST_ROWS))
    for rows, scaled, hi, lo in terms.by_unit(x_hi, x_lo, exponent):
        for i in range(0, len(rows), count):
            part = slice(i, i + count)
            found = _checked_block(scaled, hi[part], lo[part], upper, density)
            unit = scaled.exponent * math.log(2) if density else 0.0
            out[rows[part]] = found + (scaled.log_factor - unit)
    return out


def _checked_block(terms: Terms, x_hi: Tensor, x_lo: Tensor, upper: bool, density: bool) -> Tensor:
    """The log of the integral, for as many x at once as fit in memory, or an error."""
    if upper:
        far = x_hi > FAR * (1 + terms.k.sum() + terms.delta.sum())
        if bool(far.any()):
            out = -x_hi / (2 * terms.w[-1])
            if not bool(far.all()):
                out[~far] = _checked_block(terms, x_hi[~far], x_lo[~far], upper, density)
            return out
    out, error = _integrate_block(terms, x_hi, x_lo, upper, density)
    allowed = promise(out, density=density)
    doubtful = ~(error <= allowed)
    if bool(doubtful.any()):
        i = int(torch.nonzero(doubtful)[0])
        x, e = f"{float(x_hi[i])!r} * 2**{terms.exponent}", float(error[i])
        with contextlib.suppress(OverflowError):  # of what float64 does not hold
            x = repr(math.ldexp(float(x_hi[i]), terms.exponent))
        most = float(allowed[i].nan_to_num(_TOLERANCE))
        raise TailIntegralError(
            f"x: at {x} above the offset, the integral for the law of {terms} is uncertain "
            f"by {e:.1e} in log P, more than the {most:.0e} that is "
            f"promised, so no digit is returned. {_advice(terms)}"
        )
    return out if density else out.clamp(max=0.0)


def _advice(terms: Terms) -> str:
    df = float(terms.k.sum())
    if df < _FEW:
        return (
            f"All degrees of freedom add up to {df:.2g} only: next to all probability lies at the "
            "offset, or at a few noncentral terms alone, and the rest is a difference that has no "
            "digits. Leave out terms of next to no degrees of freedom, or give at least 0.1 in all."
        )
    return "Check the scales of the parameters; if they are meant, please report the case."


def promise(log_p: Tensor, *, density: bool = False) -> Tensor:
    """The error that a log-probability, or a log-density, has at most."""
    return _TOLERANCE * log_p.abs().clamp(min=1.0 if density else 0.2)


def _integrate_block(
    terms: Terms, x_hi: Tensor, x_lo: Tensor, upper: bool, density: bool
) -> tuple[Tensor, Tensor]:
    """The log of the integral, and its error."""
    saddle = find_saddle(terms, x_hi, upper=upper)
    value, slope, moduli = exponent_at(terms, saddle.t, saddle.one_plus_u, x_hi, x_lo)
    curve = Curve.through(terms, saddle, slope, density=density)
    rest, rounding = curve.integral(_DISCRETISATION, _MOST_NODES)
    unit = saddle.width if density else torch.ones_like(rest)
    rest = (-rest if upper and not density else rest) * unit
    hidden = (value.abs() > _IMMATERIAL) & ~(rest > 0)
    if bool(hidden.any()):
        rest = torch.where(hidden, curve.size * unit, rest)
    rounding = (4.0 * rounding).nan_to_num(nan=0.0).clamp(min=_ROUNDING)
    error = _DISCRETISATION + rounding
    error = torch.where(rest > 0, error + 4 * _EPS * moduli, torch.inf)
    return value + torch.log(rest), error
