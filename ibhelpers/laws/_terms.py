"""The terms of a positive quadratic form, in units that keep them in the range of float64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ._double_double import dd_add, dd_running_sum, two_product

_SMALL_U = 0.5  # terms with |u| below this are centred at their mean
_NEAR = -900  # x above 2^-900 of the largest weight need no units of their own
_STRIDE = 256  # below, x that are within 2^256 of each other share one
_MOST_WEIGHT = 2.0**700  # in units of x/2^256: beyond, 1 + u is u to 133 digits


@dataclass(frozen=True)
class Terms:
    """Terms w_i chi2_{k_i}(delta_i) by increasing weight, with running sums of their means.

    Weights and means are in units of 2^exponent losses, a power of two so that nothing is rounded.
    """

    w: Tensor  # (N,)
    k: Tensor  # (N,)
    delta: Tensor  # (N,)
    mean_hi: Tensor  # (N + 1,): the first i means w (k + delta) add up to mean_hi[i] + mean_lo[i]
    mean_lo: Tensor  # (N + 1,)
    exponent: int
    log_factor: float  # of P(Q <= x): what was taken out of it with the excess of large weights
    source: tuple[Tensor, Tensor, Tensor]  # w in losses, k, delta, before equal weights were merged

    @classmethod
    def merge(cls, w: Tensor, k: Tensor, delta: Tensor) -> Terms:
        """Sort by weight, add up the means in double-double arithmetic, and merge equal weights.

        The unit leaves the largest weight between 1/4 and 1/2.
        """
        w, order = torch.sort(w)
        source = w, k[order], delta[order]
        return cls._in_units(source, math.frexp(float(w[-1]))[1] + 1)

    @classmethod
    def _in_units(cls, source: tuple[Tensor, Tensor, Tensor], exponent: int) -> Terms:
        """Merge sorted terms; the means are added up before, which rounds sums of k and delta."""
        w, k, delta = source
        log_factor = 0.0
        scaled = times_power_of_two(w, -exponent)
        huge = scaled > _MOST_WEIGHT
        if bool(huge.any()):
            excess = torch.log(w[huge]) - exponent * math.log(2) - math.log(_MOST_WEIGHT)
            log_factor = -float((k[huge] / 2 * excess).sum())
            scaled = scaled.clamp(max=_MOST_WEIGHT)
        hi, lo = dd_running_sum(*dd_add(*two_product(scaled, k), *two_product(scaled, delta)))
        merged, group, count = torch.unique_consecutive(w, return_inverse=True, return_counts=True)
        last = torch.cumsum(count, 0) - 1
        zero = torch.zeros_like(merged)
        return cls(
            scaled[last],
            zero.index_add(0, group, k),
            zero.index_add(0, group, delta),
            torch.cat([zero[:1], hi[last]]),
            torch.cat([zero[:1], lo[last]]),
            exponent,
            log_factor,
            source,
        )

    @cached_property
    def spread(self) -> Tensor:
        """The variance over the mean, (); NaN where the mean underflows."""
        mean = self.mean_hi[-1]
        return (2 * self.w * (self.w * (self.k + 2 * self.delta) / mean)).sum()

    @cached_property
    def most_t_x(self) -> Tensor:
        """More than t x is at any saddle of the lower tail, ()."""
        return 1 + self.k.sum() / 2 + self.delta.sum() / 8

    @cached_property
    def weights(self) -> Tensor:
        """The weights in units of the loss, (N,)."""
        return torch.unique_consecutive(self.source[0])

    def by_unit(
        self, x_hi: Tensor, x_lo: Tensor, exponent: Tensor | int
    ) -> Iterator[tuple[Tensor, Terms, Tensor, Tensor]]:
        """Which x, the terms in units that suit them, and these x in such units.

        The x are (x_hi + x_lo) 2^exponent losses, (X,). Next to the largest weight the smallest of
        them are 0 in float64; they are given units of their own, in which the largest weights stop
        at 2^700. There P(Q <= x) is a power of those weights, which goes into `log_factor`.
        """
        size = torch.frexp(x_hi).exponent + exponent - self.exponent
        tiny = size < _NEAR
        unit = torch.where(tiny, size // _STRIDE * _STRIDE, 0).long()
        for e in torch.unique(unit).tolist() if bool(tiny.any()) else [0]:
            rows = torch.nonzero(unit == e)[:, 0]
            terms = self._in_units(self.source, e + self.exponent) if e else self
            shift = (exponent if isinstance(exponent, int) else exponent[rows]) - terms.exponent
            hi, lo = (times_power_of_two(a[rows], shift) for a in (x_hi, x_lo))
            yield rows, terms, hi, lo

    def __str__(self) -> str:
        """Summarise the parameters for error messages."""

        def span(a: Tensor) -> str:
            return f"{a.min():.3g} to {a.max():.3g}"

        return (
            f"{len(self.w)} terms, weights {span(self.source[0])}, degrees of freedom "
            f"{span(self.k)}, noncentralities {span(self.delta)}"
        )


def times_power_of_two(a: Tensor, exponent: Tensor | int) -> Tensor:
    """a 2^exponent, in steps, since the power alone may not be a float64."""
    if isinstance(exponent, int):
        while exponent:
            step = max(-1000, min(exponent, 1000))
            a, exponent = a * 2.0**step, exponent - step
        return a
    for _ in range(3):  # exponents of float64 differ by at most 2098
        steps = exponent.clamp(-1000, 1000)
        a = a * ((steps + 1023) << 52).view(torch.float64)  # its bits, since `pow` may round
        exponent = exponent - steps
    return a


def exponent_at(
    terms: Terms, t: Tensor, v: Tensor, x_hi: Tensor, x_lo: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """t x + K(t), its derivative x + K'(t), and the sum of the summands' moduli; each (X,).

    v is 1 + 2 w t, (X, N), as precisely as the caller knows it.
    """
    k, delta, w = terms.k, terms.delta, terms.w
    u = 2.0 * w * t[:, None]
    n_small = torch.searchsorted(w, _SMALL_U / (2.0 * t.abs()))
    least, most = int(n_small.min()), int(n_small.max())  # between them, it depends on x
    x_hi, x_lo = dd_add(x_hi, x_lo, -terms.mean_hi[n_small], -terms.mean_lo[n_small])

    def total(summands: Tensor, start: int, near: bool) -> Tensor:
        """Of the terms from `start`, those that are near for their x, or those that are not."""
        if least < most:
            place = torch.arange(start, start + summands.shape[1], device=w.device)
            summands = torch.where((place < n_small[:, None]) == near, summands, 0.0)
        return summands.sum(-1)

    value_near = slope_near = value_wide = slope_wide = torch.zeros_like(t)
    if most > 0:
        u_, v_, k_, delta_ = u[:, :most], v[:, :most], k[:most] / 2.0, delta[:most] / 2.0
        value = k_ * _u_minus_log1p(u_) + delta_ * u_ * u_ / v_
        slope = 2.0 * w[:most] * u_ * (k_ + delta_ * (2.0 + u_) / v_) / v_
        value_near, slope_near = total(value, 0, True), total(slope, 0, True)
    if least < len(w):
        u_, v_, k_, delta_ = u[:, least:], v[:, least:], k[least:] / 2.0, delta[least:] / 2.0
        value = -k_ * torch.log(v_) - delta_ * u_ / v_
        slope = -2.0 * w[least:] * (k_ + delta_ / v_) / v_
        value_wide, slope_wide = total(value, least, False), total(slope, least, False)

    linear = t * x_hi + t * x_lo
    return (
        linear + (value_near + value_wide),
        x_hi + (x_lo + (slope_near + slope_wide)),
        linear.abs() + value_near.abs() + value_wide.abs(),  # of either kind, all have one sign
    )


def _u_minus_log1p(u: Tensor) -> Tensor:
    """u - log(1 + u) to full relative precision for |u| <= 1/2: the series of 2 atanh(u/(2+u))."""
    y = u.clamp(-_SMALL_U, _SMALL_U)  # the caller discards every other value
    y = y / (2.0 + y)
    y2, series = y * y, torch.zeros_like(y)
    for n in range(39, 1, -2):
        series.mul_(y2).add_(1 / n)
    return u * y - 2.0 * y * y2 * series
