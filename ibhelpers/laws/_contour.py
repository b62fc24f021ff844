r"""Tail probabilities of a positive quadratic form, by a contour integral through the saddle point.

For :math:`Q = \sum_i w_i \chi^2_{k_i}(\delta_i)` write u_i = 2 w_i t and

    K(t) = log E exp(-t Q) = -sum_i [ k_i/2 log(1 + u_i) + delta_i/2 u_i / (1 + u_i) ].

On any curve from -i inf to +i inf that crosses the real axis at a suitable t*,

    P(Q <= x) =  1/(2 pi i) int exp(t x + K(t)) dt/t    with t* > 0,
    P(Q > x)  = -1/(2 pi i) int exp(t x + K(t)) dt/t    with -1/(2 max w) < t* < 0,
    density   =  1/(2 pi i) int exp(t x + K(t)) dt      with either.

Three steps, in the order of this file: `find_saddle` finds t*, where the integrand is smallest on
the real axis; `exponent_at` evaluates t* x + K(t*), the part of log P that grows without bound;
`Curve` integrates what remains, of order one, by the trapezoid rule on a hyperbola through t*.

Two things keep the digits. (1) t x + K(t) is a small difference of large numbers when x is near the
mean. So the means of all terms with small u_i are subtracted from x beforehand, in double-double
arithmetic, and only the rest of K is added. At the saddle every summand that is left has the same
sign. (2) The hyperbola's asymptotes rise at 45 degrees. On such a curve no term's modulus exceeds
its value at t*: Re z^2 <= 0 there, and the higher orders of log(1 + z) and z^2/(1 + z) do not undo
it. A parabola would run into the essential singularities at t = -1/(2 w_i) that large
noncentralities make, and a vertical line would decay too slowly for few degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ._double_double import dd_add, dd_running_sum, two_product

_SMALL_U = 0.5  # terms with |u| below this are centred at their mean
_SMALL_Z = 0.25  # terms with |z| below this all along the curve are summed as one power series
_ORDER = 30  # 0.25^31 = 2e-19
_END = -42.0  # the curve ends where the integrand has fallen to exp(-42) = 6e-19 of its start
_FIRST_NODES, _MOST_NODES = 24, 6144
_INTEGRAL_TOLERANCE = 1e-13  # relative, once exp(t* x + K(t*)) has been taken out
_TOLERANCE = 1e-12  # of log P: relative, or of 0.2 where |log P| is less
_BLOCK = 2**20  # numbers in the largest temporary arrays
_EPS = torch.finfo(torch.float64).eps


class TailIntegralError(ArithmeticError):
    """The contour integral did not reach its accuracy, so that no number is returned."""


@dataclass(frozen=True)
class Terms:
    """Terms w_i chi2_{k_i}(delta_i) by increasing weight, with running sums of their means."""

    w: Tensor  # (N,)
    k: Tensor  # (N,)
    delta: Tensor  # (N,)
    mean_hi: Tensor  # (N + 1,): the first i means w (k + delta) add up to mean_hi[i] + mean_lo[i]
    mean_lo: Tensor  # (N + 1,)

    @classmethod
    def merge(cls, w: Tensor, k: Tensor, delta: Tensor) -> Terms:
        """Sort by weight, add up the means in double-double arithmetic, and merge equal weights.

        The means are added up before the merger, which rounds the sums of k and delta.
        """
        w, order = torch.sort(w)
        k, delta = k[order], delta[order]
        hi, lo = dd_running_sum(*dd_add(*two_product(w, k), *two_product(w, delta)))
        w, group, count = torch.unique_consecutive(w, return_inverse=True, return_counts=True)
        last = torch.cumsum(count, 0) - 1
        zero = torch.zeros_like(w)
        return cls(
            w,
            zero.index_add(0, group, k),
            zero.index_add(0, group, delta),
            torch.cat([zero[:1], hi[last]]),
            torch.cat([zero[:1], lo[last]]),
        )

    def __str__(self) -> str:
        """Summarise the parameters for error messages."""

        def span(a: Tensor) -> str:
            return f"{a.min():.3g} to {a.max():.3g}"

        return (
            f"{len(self.w)} terms, weights {span(self.w)}, degrees of freedom {span(self.k)}, "
            f"noncentralities {span(self.delta)}"
        )


def log_integral(
    terms: Terms, x_hi: Tensor, x_lo: Tensor, *, upper: bool, density: bool = False
) -> Tensor:
    """log P(Q <= x), log P(Q > x) (upper), or the log of the density at x > 0.

    Parameters
    ----------
    terms : Terms
        The law.
    x_hi, x_lo : Tensor, shape (X,)
        x as an unevaluated sum; at most the mean, or (upper) at least, for accurate results.
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
    rows = max(1, _BLOCK // (4 * len(terms.w)))
    for start in range(0, len(out), rows):
        block = slice(start, start + rows)
        out[block], error = _integrate_block(terms, x_hi[block], x_lo[block], upper, density)
        allowed = _TOLERANCE * out[block].abs().clamp(min=1.0 if density else 0.2)
        doubtful = ~(error <= allowed) | out[block].isnan()
        if bool(doubtful.any()):
            x, e = float(x_hi[block][doubtful][0]), float(error[doubtful][0])
            raise TailIntegralError(
                f"x: at {x!r} above the offset, the integral for the law of {terms} is uncertain "
                f"by {e:.1e} in log P, more than the {float(allowed[doubtful][0]):.0e} that is "
                "promised, so no digit is returned. Check the scales of the parameters; if they "
                "are meant, please report the case."
            )
    return out


def _integrate_block(terms, x_hi, x_lo, upper, density) -> tuple[Tensor, Tensor]:
    """The log of the integral and its error, for as many x at once as fit in memory."""
    saddle = find_saddle(terms, x_hi, upper=upper)
    value, slope, moduli = exponent_at(terms, saddle.t, saddle.one_plus_u, x_hi, x_lo)
    curve = Curve.through(terms, saddle, slope)
    end = curve.end()
    rest = torch.full_like(x_hi, torch.nan)
    todo, nodes = torch.arange(len(x_hi), device=x_hi.device), _FIRST_NODES
    while len(todo) and nodes <= _MOST_NODES:
        sums = curve.rows(todo).trapezoid(end[todo], nodes, pole=not density)
        agree = _trapezoid_error(*sums) <= _INTEGRAL_TOLERANCE
        rest[todo[agree]] = sums[0][agree]
        todo, nodes = todo[~agree], 2 * nodes
    if density:
        rest = rest * saddle.width
    elif upper:
        rest = -rest
    error = torch.where(rest.isnan(), torch.inf, _INTEGRAL_TOLERANCE + 4 * _EPS * moduli)
    return value + torch.log(rest), error


def _trapezoid_error(fine: Tensor, coarse: Tensor, coarser: Tensor) -> Tensor:
    """Relative error of the finest of three sums, whose step doubles from each to the next.

    The error falls at least by the same factor again when the step is halved again; in fact it is
    about squared, since the rule converges exponentially.
    """
    last, before = (fine - coarse).abs(), (coarse - coarser).abs()
    return last * (last / before.clamp(min=1e-300)).clamp(max=1.0) / fine.abs()


# ----------------------------------------------------------------------------------------------
# 1. The saddle
# ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Saddle:
    """The point t* of every x, and the shape of phi(t) = t x + K(t) - log|t| there."""

    t: Tensor  # (X,)
    one_plus_u: Tensor  # (X, N), 1 + 2 w t*
    width: Tensor  # (X,), 1 / sqrt(phi''(t*)): the distance over which the integrand falls
    skew: Tensor  # (X,), -phi'''(t*) width^3; for the upper tail without the part of log|t|


def find_saddle(terms: Terms, x: Tensor, *, upper: bool) -> Saddle:
    """Minimise phi on t > 0, or between -1/(2 max w) and 0 (upper), where it is convex.

    Newton's method for phi as a function of s, with t = exp(s) or t = -sigmoid(s)/(2 max w), and
    bisection where a step leaves the bracket or fails to halve. A thousandth of the width is near
    enough: where the curve crosses the real axis does not change the integral, only how fast the
    sum converges to it.
    """
    low, high = _bracket(terms, x, upper)
    s, last = (low + high) / 2, high - low
    for _ in range(300):
        t, log_t_s, log_t_ss, one_plus_u = _parametrise(terms, s, upper)
        b = t[:, None] * 2 * terms.w / one_plus_u  # u / (1 + u)
        delta = terms.delta / one_plus_u
        d1 = t * x - 1 - 0.5 * (b * (terms.k + delta)).sum(-1)  # t phi'(t)
        d2 = 1 + (b**2 * (terms.k / 2 + delta)).sum(-1)  # t^2 phi''(t)
        if bool((d1.abs() < 1e-3 * d2.sqrt()).all()):
            break
        rising = d1 * log_t_s > 0
        low, high = torch.where(rising, low, s), torch.where(rising, s, high)
        step = -d1 * log_t_s / (d2 * log_t_s**2 + d1 * (log_t_ss + log_t_s**2))
        good = (s + step > low) & (s + step < high) & (2 * step.abs() < last)
        step = torch.where(good, step, (low + high) / 2 - s)
        s, last = s + step, step.abs()
    skew = (b**3 * (terms.k + 3 * delta)).sum(-1).abs() + (0 if upper else 2)
    return Saddle(t, one_plus_u, t.abs() / d2.sqrt(), skew / d2**1.5)


def _bracket(terms: Terms, x: Tensor, upper: bool) -> tuple[Tensor, Tensor]:
    if upper:  # exp(-225) = 2e-98: beyond, phi'' would overflow
        return torch.full_like(x, -225.0), torch.full_like(x, 225.0)
    # phi' = 0 reads t x = 1 + sum k/2 u/(1+u) + sum delta/2 u/(1+u)^2; the fractions reach 1, 1/4.
    most = 1 + terms.k.sum() / 2 + terms.delta.sum() / 8
    return -torch.log(x) - 1e-6, torch.log(most) - torch.log(x) + 1e-6


def _parametrise(terms: Terms, s: Tensor, upper: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """t(s), the first two derivatives of log|t|, and 1 + 2 w t without cancellation."""
    if not upper:
        t = torch.exp(s)
        return t, torch.ones_like(t), torch.zeros_like(t), 1 + 2 * terms.w * t[:, None]
    w_max = terms.w[-1]
    q, p = torch.sigmoid(s), torch.sigmoid(-s)
    one_plus_u = (w_max - terms.w) / w_max + terms.w / w_max * p[:, None]
    return -q / (2 * w_max), p, -p * q, one_plus_u


def approximate_quantile(terms: Terms, log_p: Tensor, *, upper: bool) -> Tensor:
    """The x where the saddlepoint approximation of log P(Q <= x), or log P(Q > x), is log_p.

    Runs along the saddle instead of along x: every t* is the saddle of one x, and the approximation
    t x + K(t) - log(2 pi t^2 phi''(t))/2 falls as |t*| grows, so that bisection finds it.
    """
    low, high = torch.full_like(log_p, -690.0), torch.full_like(log_p, 690.0)
    if not upper:
        low, high = low - torch.log(terms.w[-1]), high - torch.log(terms.w[-1])
    for _ in range(60):
        s = (low + high) / 2
        t, _, _, one_plus_u = _parametrise(terms, s, upper)
        u, delta = 2 * terms.w * t[:, None], terms.delta / one_plus_u
        b = u / one_plus_u
        tx = 1 + 0.5 * (b * (terms.k + delta)).sum(-1)
        cumulant = -0.5 * (terms.k * torch.log(one_plus_u) + terms.delta * b).sum(-1)
        t2_phi2 = 1 + (b**2 * (terms.k / 2 + delta)).sum(-1)
        approximation = tx + cumulant - 0.5 * torch.log(2 * torch.pi * t2_phi2)
        beyond = approximation < log_p
        low, high = torch.where(beyond, low, s), torch.where(beyond, s, high)
    return tx / t


# ----------------------------------------------------------------------------------------------
# 2. The exponent at the saddle
# ----------------------------------------------------------------------------------------------


def exponent_at(
    terms: Terms, t: Tensor, v: Tensor, x_hi: Tensor, x_lo: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """t x + K(t), its derivative x + K'(t), and the sum of the summands' moduli; each (X,).

    v is 1 + 2 w t, (X, N), as precisely as the caller knows it.
    """
    k, delta, w = terms.k, terms.delta, terms.w
    u = 2 * w * t[:, None]
    n_small = torch.searchsorted(w, _SMALL_U / (2 * t.abs()))
    small = torch.arange(len(w), device=w.device) < n_small[:, None]
    x_hi, x_lo = dd_add(x_hi, x_lo, -terms.mean_hi[n_small], -terms.mean_lo[n_small])
    value = torch.where(
        small,
        k / 2 * _u_minus_log1p(u) + delta / 2 * u * u / v,
        -k / 2 * torch.log(v) - delta / 2 * u / v,
    )
    slope = torch.where(
        small, w * u * (k / v + delta * (2 + u) / v**2), -w * (k / v + delta / v**2)
    )
    linear = t * x_hi + t * x_lo
    return (
        linear + value.sum(-1),
        x_hi + (x_lo + slope.sum(-1)),
        linear.abs() + value.abs().sum(-1),
    )


def _u_minus_log1p(u: Tensor) -> Tensor:
    """u - log(1 + u) to full relative precision for |u| <= 1/2: the series of 2 atanh(u/(2+u))."""
    y = u.clamp(-_SMALL_U, _SMALL_U)  # the caller discards every other value
    y = y / (2 + y)
    y2, series = y * y, torch.zeros_like(y)
    for n in range(39, 1, -2):
        series = series * y2 + 1 / n
    return u * y - 2 * y * y2 * series


# ----------------------------------------------------------------------------------------------
# 3. The integral along the curve
# ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Curve:
    """The hyperbola t = t* + width * omega, omega(v) = bend (i sinh v - cosh v + 1), for every x.

    With beta_i = width * 2 w_i/(1 + u_i) and z_i = beta_i omega, the exponent relative to t* is

        linear omega - sum_i [ k_i/2 (log(1 + z_i) - z_i) - delta_i/2/(1 + u_i) z_i^2/(1 + z_i) ].

    `bend` matches the curvature of steepest descent at t*, which the third derivative gives.
    """

    linear: Tensor  # (X,), width * (x + K'(t*))
    pole: Tensor  # (X,): t = 0 lies at omega = -pole
    bend: Tensor  # (X,)
    beta: Tensor  # (X, N), increasing in the second index
    half_k: Tensor  # (N,)
    half_delta: Tensor  # (X, N), delta_i/2/(1 + u_i)

    @classmethod
    def through(cls, terms: Terms, saddle: Saddle, slope: Tensor) -> Curve:
        """Lay the curve through the saddle; slope is x + K'(t*)."""
        return cls(
            linear=slope * saddle.width,
            pole=saddle.t / saddle.width,
            bend=3 / saddle.skew.clamp(min=1e-3),
            beta=2 * terms.w / saddle.one_plus_u * saddle.width[:, None],
            half_k=terms.k / 2,
            half_delta=terms.delta / 2 / saddle.one_plus_u,
        )

    def rows(self, i: Tensor) -> Curve:
        """The curves of some x."""
        if len(i) == len(self.bend):
            return self
        per_x = (a[i] for a in (self.linear, self.pole, self.bend, self.beta))
        return Curve(*per_x, self.half_k, self.half_delta[i])

    def end(self) -> Tensor:
        """Parameter v (X,) beyond which the integrand is negligible."""
        v = torch.asinh(9.2 / self.bend)  # where a Gaussian of unit width would be
        for _ in range(80):
            p, q = self._omega(v[:, None])
            modulus = self._log_modulus(p[:, 0], q[:, 0])
            if bool((modulus <= _END).all()):
                break
            v = torch.where(modulus > _END, 1.2 * v, v)
        return v

    def trapezoid(self, end: Tensor, nodes: int, *, pole: bool) -> tuple[Tensor, Tensor, Tensor]:
        """1/(2 pi i) int exp(exponent) domega/(pole + omega), with all nodes, every 2nd and 4th.

        The two halves of the curve are conjugate, so one of them is enough.
        """
        h = end / nodes
        v = h[:, None] * torch.arange(nodes + 1, device=h.device, dtype=h.dtype)
        p, q = self._omega(v)
        f = torch.exp(self._exponent(p, q))
        f = f * self.bend[:, None] * torch.complex(torch.cosh(v), torch.sinh(v))  # domega/dv / i
        if pole:
            f = f / torch.complex(self.pole[:, None] + p, q)
        f = f.real
        f[:, 0] /= 2
        return tuple(every * h / torch.pi * f[:, ::every].sum(-1) for every in (1, 2, 4))

    def _log_modulus(self, p: Tensor, q: Tensor) -> Tensor:
        """The real part of the exponent at one omega = p + iq for every x, (X,)."""
        a, b = self.beta * p[:, None], self.beta * q[:, None]  # z = a + ib
        excess = 2 * a + (a * a + b * b)  # |1 + z|^2 - 1
        ratio = ((a - b) * (a + b) * (1 + a) + 2 * a * b * b) / (1 + excess)  # Re z^2 / (1 + z)
        terms = self.half_k * (a - 0.5 * torch.log1p(excess)) + self.half_delta * ratio
        return self.linear * p + terms.sum(-1)

    def _omega(self, v: Tensor) -> tuple[Tensor, Tensor]:
        bend = self.bend[:, None]
        return -2 * bend * torch.sinh(v / 2) ** 2, bend * torch.sinh(v)

    def _exponent(self, p: Tensor, q: Tensor) -> Tensor:
        """The exponent at omega = p + iq, (X, nodes)."""
        farthest = torch.hypot(p, q).amax(-1, keepdim=True)
        n_small = int((self.beta * farthest <= _SMALL_Z).all(0).sum())
        omega = torch.complex(p, q)
        return (
            self.linear[:, None] * omega
            + self._power_series(n_small, omega)
            + torch.complex(*self._direct(n_small, p, q))
        )

    def _power_series(self, n: int, omega: Tensor) -> Tensor:
        """Sum of the first n terms, sum_j (-omega)^j sum_i (k_i/(2j) + delta_i/2) beta_i^j."""
        beta, power, coefficients = self.beta[:, :n], self.beta[:, :n], []
        for j in range(2, _ORDER + 1):
            power = power * -beta
            coefficients.append(-((self.half_k[:n] / j + self.half_delta[:, :n]) * power).sum(-1))
        series = torch.zeros_like(omega)
        for c in reversed(coefficients):
            series = (series + c[:, None]) * omega
        return series * omega

    def _direct(self, start: int, p: Tensor, q: Tensor) -> tuple[Tensor, Tensor]:
        """Sum of the terms from `start`, in real arithmetic, a block of nodes at a time."""
        beta, half_delta = self.beta[:, None, start:], self.half_delta[:, None, start:]
        half_k = self.half_k[start:]
        columns = max(1, _BLOCK // max(1, beta.numel()))
        re, im = [], []
        for p_, q_ in zip(p.split(columns, 1), q.split(columns, 1), strict=True):
            a, b = beta * p_[..., None], beta * q_[..., None]  # z = a + ib
            excess = 2 * a + (a * a + b * b)  # |1 + z|^2 - 1
            square_re, square_im = (a - b) * (a + b), 2 * a * b
            d_re = (square_re * (1 + a) + square_im * b) / (1 + excess)  # z^2 / (1 + z)
            d_im = (square_im * (1 + a) - square_re * b) / (1 + excess)
            re.append((half_k * (a - 0.5 * torch.log1p(excess)) + half_delta * d_re).sum(-1))
            im.append((half_k * (b - torch.atan2(b, 1 + a)) + half_delta * d_im).sum(-1))
        return torch.cat(re, 1), torch.cat(im, 1)
