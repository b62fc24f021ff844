"""Sums and products carried as unevaluated sums of two float64, about 32 digits (Dekker 1971)."""

from __future__ import annotations

import torch
from torch import Tensor


def two_sum(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """a + b exactly, as the rounded sum and its rounding error."""
    s = a + b
    v = s - a
    return s, (a - (s - v)) + (b - v)


def two_product(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """a * b exactly, as the rounded product and its rounding error, barring under- and overflow."""
    p = a * b
    a_hi, b_hi = _upper_half(a), _upper_half(b)
    a_lo, b_lo = a - a_hi, b - b_hi
    return p, ((a_hi * b_hi - p) + a_hi * b_lo + a_lo * b_hi) + a_lo * b_lo


def _upper_half(a: Tensor) -> Tensor:
    """The leading 26 bits of a, by Veltkamp's splitting."""
    c = 134217729.0 * a  # 2^27 + 1
    return c - (c - a)


def dd_add(a_hi: Tensor, a_lo: Tensor, b_hi: Tensor, b_lo: Tensor) -> tuple[Tensor, Tensor]:
    """Sum of two double-doubles."""
    s, e = two_sum(a_hi, b_hi)
    f, g = two_sum(a_lo, b_lo)
    s, e = two_sum(s, e + f)
    return two_sum(s, e + g)


def dd_running_sum(hi: Tensor, lo: Tensor) -> tuple[Tensor, Tensor]:
    """Running sums of a vector of double-doubles, doubling the stride in each pass."""
    step = 1
    while step < len(hi):
        head_hi, head_lo = hi[:step], lo[:step]
        tail = dd_add(hi[step:], lo[step:], hi[:-step], lo[:-step])
        hi, lo = torch.cat([head_hi, tail[0]]), torch.cat([head_lo, tail[1]])
        step *= 2
    return hi, lo
