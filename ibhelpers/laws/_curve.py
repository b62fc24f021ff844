"""The integral through the saddle, by a sum whose error is bounded; notation of `_contour`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ._saddle import Saddle
from ._terms import Terms

_SMALL_Z = 0.25  # terms with |z| below this all along the curve are summed as one power series
_PIECES, _WIDTH = 6, 5  # of the polynomial, which has 30 coefficients: 0.25^30 = 9e-19
_END = -42.0  # the curve ends where the integrand has fallen to exp(-42) = 6e-19 of its start
_BLOCK = 2**20  # numbers in the largest temporary arrays
_SHIFT_NODES = 6  # at least, on a shifted curve, where the modulus needs only its size
_SHIFT_SPACING = 0.25  # at most: singularities are pi/4 - _MOST_SHIFT = 0.29 away, and round peaks
_MOST_SHIFT = 0.5  # to the left
_MARGIN = 1.0  # nats by which it is taken for larger, beside its curvature
_SMALL_SUM = 2**14  # terms times nodes: fewer cost less than to give every x its number of nodes
_EPS = torch.finfo(torch.float64).eps
# Beside tensors 2 is written 2.0 in what runs for every x: PyTorch converts an integer at each use,
# which for one x costs as much as the calculation.
_LOG_ACCURACY = 34.0  # nats: what the bound is made for, 2e-15


@dataclass(frozen=True)
class Curve:
    """The hyperbola t = t* + width * omega, omega(v) = bend (i sinh v - cosh v + 1), for every x.

    With beta_i = width * 2 w_i/(1 + u_i) and z_i = beta_i omega, the exponent relative to t* is

        linear omega - sum_i [ k_i/2 (log(1 + z_i) - z_i) - delta_i/2/(1 + u_i) z_i^2/(1 + z_i) ].

    `bend` matches the curvature of steepest descent at t*, which the third derivative gives.
    """

    linear: Tensor  # (X,), width * (x + K'(t*))
    pole: Tensor  # (X,): t = 0 lies at omega = -pole; inf where the integrand has no pole
    bend: Tensor  # (X,)
    beta: Tensor  # (X, N), increasing in the second index
    half_k: Tensor  # (N,)
    half_delta: Tensor  # (X, N), delta_i/2/(1 + u_i)

    @classmethod
    def through(cls, terms: Terms, saddle: Saddle, slope: Tensor, *, density: bool) -> Curve:
        """Lay the curve through the saddle; slope is x + K'(t*)."""
        pole = saddle.t / saddle.width
        return cls(
            linear=slope * saddle.width,
            pole=torch.full_like(pole, torch.inf) if density else pole,
            bend=3.0 / saddle.skew.clamp(min=1e-3),
            beta=2.0 * terms.w / saddle.one_plus_u * saddle.width[:, None],
            half_k=terms.k / 2.0,
            half_delta=terms.delta / 2.0 / saddle.one_plus_u,
        )

    def rows(self, i: Tensor) -> Curve:
        """The curves of some x."""
        if len(i) == len(self.bend):
            return self
        linear, pole, bend, beta = (a[i] for a in (self.linear, self.pole, self.bend, self.beta))
        return Curve(linear, pole, bend, beta, self.half_k, self.half_delta[i])

    @property
    def size(self) -> Tensor:
        """Of the order of the integral: that of a Gaussian of unit width, over the pole; (X,)."""
        return torch.where(self.pole.isinf(), 1.0, 1.0 / self.pole.abs()) / math.sqrt(2 * math.pi)

    def end(self) -> Tensor:
        """Parameter v (X,) beyond which the integrand is negligible."""
        v = torch.asinh(9.2 / self.bend)  # where a Gaussian of unit width would be
        for _ in range(80):
            modulus = self._log_modulus(None, *self._omega(v[:, None]))[:, 0]
            if bool((modulus <= _END).all()):
                break
            v = torch.where(modulus > _END, 1.2 * v, v)
        return v

    def integral(self, accuracy: float, most_nodes: int) -> tuple[Tensor, Tensor]:
        """1/(2 pi i) int exp(exponent) domega, over pole + omega where there is a pole; (X,).

        And its relative error from rounding. NaN where it would take more nodes to bound the
        relative error of the sum by `accuracy`.
        """
        end, series, bound, nodes = self._plan(accuracy)
        out, rounding = torch.full_like(end, torch.nan), torch.zeros_like(end)
        most = int(nodes.max())
        if most <= most_nodes and self.beta.numel() * most < _SMALL_SUM:  # the usual case, short
            all_out, all_rounding = self.trapezoid(series, end, most)
            if bool(_is_enough(bound.log_error(end / most), all_out, accuracy).all()):
                return all_out, all_rounding / all_out.abs()
        todo = torch.nonzero(nodes <= most_nodes)[:, 0]
        if len(todo) > 0 and self.beta.numel() * int(nodes[todo].max()) < _SMALL_SUM:
            nodes[todo] = nodes[todo].max()
        while len(todo):
            counts = nodes[todo]
            for n in torch.unique(counts).tolist():
                i = todo[counts == n]
                out[i], rounding[i] = self.rows(i).trapezoid(series.rows(i), end[i], n)
            good = _is_enough(bound.log_error(end / nodes)[todo], out[todo], accuracy)
            out[todo[~good]] = torch.nan
            todo = todo[~good & (2 * nodes[todo] <= most_nodes)]
            nodes[todo] *= 2
        return out, rounding / out.abs()

    def _plan(self, accuracy: float) -> tuple[Tensor, PowerSeries, SumBound, Tensor]:
        """Where the curve ends, the terms that are a power series, the bound, how many nodes."""
        end = self.end()
        series, bound = self._bound(end)
        step = bound.step(math.log(accuracy / 4) + torch.log(self.size))
        return end, series, bound, _rounded_up((end / step).nan_to_num(nan=math.inf))

    def plan(self, accuracy: float) -> tuple[Tensor, PowerSeries, Tensor]:
        """What `summands` needs, and how many nodes reach a relative accuracy."""
        end, series, _, nodes = self._plan(accuracy)
        return end, series, nodes

    def trapezoid(self, series: PowerSeries, end: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
        """The integral by the trapezoid rule, and the error that rounding gives the sum; (X,).

        The two halves of the curve are conjugate, so one of them is enough. Far out, the linear
        part of the exponent and the rest of it may be large numbers that nearly cancel.
        """
        omega, f = self.summands(series, end, nodes)
        size = f.abs() * (1.0 + self.linear[:, None].abs() * omega.abs())
        size[:, 0] *= 2.0
        rounding = _EPS * torch.linalg.vector_norm(size, dim=-1)
        unit = end / nodes / torch.pi
        return unit * f.real.sum(-1), unit * rounding

    def summands(self, series: PowerSeries, end: Tensor, nodes: int) -> tuple[Tensor, Tensor]:
        """Omega, and the integrand by domega/dv/i, halved on the real axis; (X, nodes + 1)."""
        h = end / nodes
        v = h[:, None] * torch.arange(nodes + 1, device=h.device, dtype=h.dtype)
        p, q = self._omega(v)
        f = torch.exp(self._exponent(series, p, q))
        f = f * self.bend[:, None] * torch.complex(torch.cosh(v), torch.sinh(v))
        omega = torch.complex(p, q)
        if not bool(self.pole.isinf().all()):
            f = f / (self.pole[:, None] + omega)
        f[:, 0] /= 2.0
        return omega, f

    # --- the error of the sum ---------------------------------------------------------------

    def _bound(self, end: Tensor) -> tuple[PowerSeries, SumBound]:
        """A bound of the error of `trapezoid`, and the terms that are a power series.

        Where the integrand f is analytic for -b <= Im v <= a, the sum with step h differs from the
        integral by at most

            A / (exp(2 pi a/h) - 1) + B / (exp(2 pi b/h) - 1),

        A and B being the integrals of |f| along Im v = a and Im v = -b (L. N. Trefethen and J. A.
        C. Weideman, SIAM Review 56 (2014) 385, theorem 5.1). These lines are hyperbolas too, which
        cross the real axis nearer to the singularities, or farther away. Moduli cannot cancel, so
        that few nodes give A and B, where no cancellation makes them small. A peak between them is
        reckoned with by the curvature of log |f|, see `_log_integral`.
        """
        pole_left = torch.where(self.pole > 0, self.pole, torch.inf)
        pole_right = torch.where(self.pole < 0, -self.pole, torch.inf)
        nearest = torch.stack([torch.minimum(pole_left, 1.0 / self.beta[:, -1]), pole_right], 1)
        shift = _best_shift(nearest / self.bend[:, None], self.bend)
        nodes = max(_SHIFT_NODES, math.ceil(float(end.max()) / _SHIFT_SPACING))
        spacing = end / nodes
        u = spacing[:, None] * torch.arange(nodes + 1, device=end.device)
        p, q, modulus = self._shifted(u, shift)
        flat_p, flat_q = p.reshape(len(p), -1), q.reshape(len(q), -1)
        series = PowerSeries.of(self, torch.hypot(flat_p, flat_q).amax(-1))
        log_f = self._log_modulus(series, flat_p, flat_q).reshape(p.shape) + torch.log(modulus)
        size = _log_integral(log_f) + torch.log(spacing / torch.pi)[:, None] + _MARGIN
        return series, SumBound(shift.abs(), size)

    def _shifted(self, u: Tensor, shift: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Omega = p + iq at v = u + i shift, and |domega/dv / (pole + omega)|; (X, 2, nodes)."""
        bend, a = self.bend[:, None, None], shift[..., None]
        sinh, cosh = torch.sinh(u)[:, None], torch.cosh(u)[:, None]
        c, s = torch.cos(a) + torch.sin(a), torch.cos(a) - torch.sin(a)
        p, q = bend * (1.0 - c * cosh), bend * (s * sinh)
        modulus = bend * torch.hypot(c * sinh, s * cosh)
        if not bool(self.pole.isinf().all()):
            modulus = modulus / torch.hypot(self.pole[:, None, None] + p, q)
        return p, q, modulus

    # --- the integrand ----------------------------------------------------------------------

    def _omega(self, v: Tensor) -> tuple[Tensor, Tensor]:
        bend = self.bend[:, None]
        return -2.0 * bend * torch.sinh(v / 2.0).square(), bend * torch.sinh(v)

    def _exponent(self, series: PowerSeries, p: Tensor, q: Tensor) -> Tensor:
        """The exponent at omega = p + iq, (X, nodes)."""
        omega = torch.complex(p, q)
        out = self.linear[:, None] * omega
        if series.n > 0:
            out = out + series(omega)
        if series.n < len(self.half_k):
            out = out + torch.complex(*self._direct(series.n, p, q, self._summand))
        return out

    def _log_modulus(self, series: PowerSeries | None, p: Tensor, q: Tensor) -> Tensor:
        """The real part of the exponent at omega = p + iq, (X, nodes)."""
        out, n = self.linear[:, None] * p, 0
        if series is not None and series.n > 0:
            out, n = out + series(torch.complex(p, q)).real, series.n
        if n < len(self.half_k):
            out = out + self._direct(n, p, q, self._summand_re)[0]
        return out

    def _direct(self, start: int, p: Tensor, q: Tensor, summand: Callable) -> list[Tensor]:
        """Sums over the terms from `start`, in real arithmetic, a block of nodes at a time."""
        terms = self.half_k[start:], self.half_delta[:, None, start:], self.beta[:, None, start:]
        columns = max(1, _BLOCK // terms[-1].numel())
        if p.shape[1] <= columns:  # the usual case, short
            return [part.sum(-1) for part in summand(*terms, p[..., None], q[..., None])]
        blocks = [
            [part.sum(-1) for part in summand(*terms, p_[..., None], q_[..., None])]
            for p_, q_ in zip(p.split(columns, 1), q.split(columns, 1), strict=True)
        ]
        return [torch.cat(parts, 1) for parts in zip(*blocks, strict=True)]

    @staticmethod
    def _summand_re(
        half_k: Tensor, half_delta: Tensor, beta: Tensor, p: Tensor, q: Tensor
    ) -> tuple[Tensor]:
        """The real part of a term's share in the exponent, at z = beta (p + iq)."""
        a, square = beta * p, beta * beta * (p * p + q * q)  # Re z, |z|^2
        excess = torch.add(square, a, alpha=2)  # |1 + z|^2 - 1
        ratio = square.addcmul_(a, excess, value=-1).div_(1.0 + excess)  # of -z^2 / (1 + z)
        central = torch.sub(a, torch.log1p(excess), alpha=0.5)
        return (central.mul_(half_k).addcmul_(half_delta, ratio, value=-1),)

    @staticmethod
    def _summand(
        half_k: Tensor, half_delta: Tensor, beta: Tensor, p: Tensor, q: Tensor
    ) -> tuple[Tensor, Tensor]:
        """A term's share in the exponent at z = beta (p + iq), its real and its imaginary part."""
        a, b, square = beta * p, beta * q, beta * beta * (p * p + q * q)
        excess = torch.add(square, a, alpha=2)  # |1 + z|^2 - 1
        share = half_delta / (1.0 + excess)
        re = torch.sub(a, torch.log1p(excess), alpha=0.5).mul_(half_k)
        im = torch.sub(b, torch.atan2(b, 1.0 + a)).mul_(half_k)
        # z^2 / (1 + z) = (a excess - |z|^2 + i b excess) / (1 + excess)
        re.addcmul_(share, square.addcmul_(a, excess, value=-1), value=-1)
        return re, im.addcmul_(share, b.mul_(excess))


@dataclass(frozen=True)
class PowerSeries:
    """The first n terms, sum_j (-omega)^j sum_i (k_i/(2j) + delta_i/2) beta_i^j, for every x."""

    n: int
    coefficients: Tensor  # (X, _PIECES, _WIDTH), by increasing power; the first two are 0

    @classmethod
    def of(cls, curve: Curve, farthest: Tensor) -> PowerSeries:
        """The series of the terms whose |z| is small as far as |omega| = farthest, (X,).

        A power j is that of its piece, a multiple of `_WIDTH`, times a low one, so that all sums
        of powers are one product of matrices.
        """
        n = int((curve.beta * farthest[:, None] <= _SMALL_Z).all(0).sum())
        if n == 0:
            return cls(0, farthest.new_zeros(len(farthest), _PIECES, _WIDTH))
        minus_beta = -curve.beta[:, :n]
        low = [torch.ones_like(minus_beta)]
        for _ in range(_WIDTH):
            low.append(low[-1] * minus_beta)
        high = [curve.half_k[:n].expand_as(minus_beta), curve.half_delta[:, :n]]
        for _ in range(_PIECES - 1):
            high += [high[-2] * low[_WIDTH], high[-1] * low[_WIDTH]]
        sums = torch.stack(high, 1) @ torch.stack(low[:_WIDTH], 2)
        central, noncentral = sums.reshape(-1, _PIECES, 2, _WIDTH).unbind(2)
        j = torch.arange(_PIECES * _WIDTH, device=farthest.device).reshape(_PIECES, -1)
        return cls(n, torch.where(j < 2, 0.0, central / j.clamp(min=1) + noncentral))

    def rows(self, i: Tensor) -> PowerSeries:
        """The series of some x."""
        return PowerSeries(self.n, self.coefficients[i])

    def __call__(self, omega: Tensor) -> Tensor:
        """The sum at omega, (X, nodes); Horner's rule for the pieces of the polynomial at once."""
        pieces = self.coefficients[..., None]
        out = pieces[:, :, -1].to(omega.dtype)
        for i in range(_WIDTH - 2, -1, -1):
            out = out * omega[:, None] + pieces[:, :, i]
        square = omega * omega
        top = square * square * omega  # to the power _WIDTH; `pow` takes logarithms
        total = out[:, -1]
        for i in range(_PIECES - 2, -1, -1):
            total = total * top + out[:, i]
        return total


@dataclass(frozen=True)
class SumBound:
    """A bound of the error of a trapezoid sum from |f| on two lines, left and right of it."""

    shift: Tensor  # (X, 2), a and b
    log_size: Tensor  # (X, 2), log of A and B, over 2 pi

    def log_error(self, h: Tensor) -> Tensor:
        """Log of the most that the sum with step h is off, (X,)."""
        reach = 2 * torch.pi * self.shift / h[:, None]
        return torch.logsumexp(self.log_size - reach - torch.log(-torch.expm1(-reach)), -1)

    def step(self, log_error: Tensor) -> Tensor:
        """The step h with which each of the two errors is about exp(log_error), (X,)."""
        decay = (self.log_size - log_error[:, None]).clamp(min=1.0)
        return (2 * torch.pi * self.shift / decay).amin(-1)


def _is_enough(log_error: Tensor, out: Tensor, accuracy: float) -> Tensor:
    """Whether a bounded error is within a relative accuracy, for every x."""
    return log_error <= math.log(accuracy) + torch.log(out.abs())


def _log_integral(log_f: Tensor) -> Tensor:
    """A bound of log of the integral of f from node 0, where it is even, to the last; unit spacing.

    Between two nodes log f is taken for its larger value there and an eighth of both its second
    differences: with one for the curvature, it would be the rise of a parabola above its chord.
    """
    rise = torch.cat([log_f[..., 1:2], log_f], -1).diff(n=2).abs() / 8.0
    rise = torch.cat([rise, rise[..., -1:]], -1)
    largest = torch.maximum(log_f[..., :-1], log_f[..., 1:])
    return torch.logsumexp(largest + rise[..., :-1] + rise[..., 1:], -1)


def _rounded_up(nodes: Tensor) -> Tensor:
    """The next of 8, 10, 12, 14, 16, 20, 24, ...: few different numbers, for many x at once."""
    nodes = nodes.clamp(min=8.0, max=1e9)
    quarter = 2.0 ** (torch.floor(torch.log2(nodes) + 1e-12) - 2)
    return (torch.ceil(nodes / quarter) * quarter).long()


def _best_shift(nearest: Tensor, bend: Tensor) -> Tensor:
    """About the shifts of v at which the bound is least, to the left and, negative, to the right.

    `nearest`, (X, 2), is the distance of the nearest singularity on either side, in units of the
    bend. The integrand is taken for the (1 + omega/ell)^(-ell^2), up to its linear part, that has
    its second and third derivatives at 0; a poor guess costs nodes, not digits.
    """
    sign = nearest.new_tensor([1.0, -1.0])
    ell = bend[:, None, None] * (2 / 3)
    # The shifted curve crosses the real axis at bend (1 - sqrt 2 sin(pi/4 + shift)).
    sine = ((1 + sign * nearest.clamp(max=1.0)) / math.sqrt(2)).clamp(max=1.0)
    most = torch.minimum(0.93 * (torch.asin(sine) - math.pi / 4).abs(), 8 / ell[..., 0])
    # Singularities behind the nearest lie at a shift of pi/4; lines close to them have high peaks,
    # which few nodes may miss.
    most[:, 0] = most[:, 0].clamp(max=_MOST_SHIFT)
    shift = (sign * most)[..., None] * torch.linspace(0.1, 1, 10, device=bend.device)
    r = 1.5 * (1 - math.sqrt(2) * torch.sin(math.pi / 4 + shift))  # omega/ell at the crossing
    growth = torch.where(r > -0.999, ell**2 * (r - torch.log1p(r.clamp(min=-0.999))), 1e9)
    best = ((_LOG_ACCURACY + growth) / shift.abs()).argmin(-1, keepdim=True)
    return shift.gather(-1, best)[..., 0]
