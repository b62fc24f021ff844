"""Where the integrand of a tail is smallest on the real axis; notation of `_contour`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from ._terms import Terms


@dataclass(frozen=True)
class Saddle:
    """The point t* of every x, and the shape of phi(t) = t x + K(t) - log|t| there."""

    t: Tensor  # (X,)
    one_plus_u: Tensor  # (X, N), 1 + 2 w t*
    width: Tensor  # (X,), 1 / sqrt(phi''(t*)): the distance over which the integrand falls
    skew: Tensor  # (X,), -phi'''(t*) width^3; for the upper tail without the part of log|t|


def find_saddle(terms: Terms, x: Tensor, *, upper: bool) -> Saddle:
    """Minimise phi on t > 0, or between -1/(2 max w) and 0 (upper), where it is convex.

    With t = exp(s) or t = -sigmoid(s)/(2 max w), t phi'(t) = 0 reads t x = 1 + A(t), A being the
    sum that the terms make. Newton's method for the logarithm of the ratio of its sides, nearly
    linear in s, and bisection where a step leaves the bracket or fails to halve. A thousandth of
    the width is near enough: where the curve crosses the real axis does not change the integral,
    only how fast the sum converges to it.
    """
    low, high = _bracket(terms, x, upper)
    s, last = _first_guess(terms, x, upper).clamp(low, high), high - low
    s = torch.where(s.isnan(), (low + high) / 2.0, s)
    twice_w, half_k = 2.0 * terms.w, terms.k / 2.0
    for _ in range(300):
        t, log_t_s, one_plus_u = _parametrise(terms, s, upper)
        b = twice_w * t[:, None] / one_plus_u  # u / (1 + u)
        delta, b2 = terms.delta / one_plus_u, b * b
        from_terms = 0.5 * (b * (terms.k + delta)).sum(-1)
        d1 = t * x - 1.0 - from_terms  # t phi'(t)
        d2_of_terms = (b2 * (half_k + delta)).sum(-1)
        d2 = 1.0 + d2_of_terms  # t^2 phi''(t)
        if bool((d1.abs() < 1e-3 * d2.sqrt()).all()):
            break
        rising = d1 * log_t_s > 0
        low, high = torch.where(rising, low, s), torch.where(rising, s, high)
        if upper:
            left, right = -from_terms, 1.0 - t * x
            slope = log_t_s * (d2_of_terms / left + 1.0 / right)
        else:
            left, right = t * x, 1.0 + from_terms
            slope = d2 / right
        step = -torch.log(left / right) / slope
        good = (s + step >= low) & (s + step <= high) & (2.0 * step.abs() < last)
        step = torch.where(good, step, (low + high) / 2.0 - s)
        s, last = s + step, step.abs()
    skew = (b * b2 * (terms.k + 3.0 * delta)).sum(-1).abs() + (0.0 if upper else 2.0)
    return Saddle(t, one_plus_u, t.abs() / d2.sqrt(), skew / d2**1.5)


def _first_guess(terms: Terms, x: Tensor, upper: bool) -> Tensor:
    """The s of the saddle of one central term that has the law's mean and variance.

    With mean m and variance cm, phi' = 0 is c x t^2 - (m + c - x) t - 1 = 0.
    """
    c = terms.spread
    half = (terms.mean_hi[-1] + c - x) / 2.0
    root = torch.hypot(half, torch.sqrt(c * x))
    # Of the two forms of a root, the one without a difference of like numbers.
    if not upper:
        return torch.log(torch.where(half > 0, (half + root) / (c * x), 1.0 / (root - half)))
    minus_t = torch.where(half > 0, 1.0 / (half + root), (root - half) / (c * x))
    return torch.logit((2 * terms.w[-1] * minus_t).clamp(max=0.99))


def _bracket(terms: Terms, x: Tensor, upper: bool) -> tuple[Tensor, Tensor]:
    if upper:  # exp(-225) = 2e-98: beyond, phi'' would overflow
        return torch.full_like(x, -225.0), torch.full_like(x, 225.0)
    # phi' = 0 reads t x = 1 + sum k/2 u/(1+u) + sum delta/2 u/(1+u)^2; the fractions reach 1, 1/4.
    log_x = torch.log(x)
    return -log_x - 1e-6, torch.log(terms.most_t_x) - log_x + 1e-6


def _parametrise(terms: Terms, s: Tensor, upper: bool) -> tuple[Tensor, Tensor, Tensor]:
    """t(s), the derivative of log|t|, and 1 + 2 w t without cancellation."""
    if not upper:
        t = torch.exp(s)
        return t, torch.ones_like(t), 1.0 + 2.0 * terms.w * t[:, None]
    w_max = terms.w[-1]
    q, p = torch.sigmoid(s), torch.sigmoid(-s)
    one_plus_u = (w_max - terms.w) / w_max + terms.w / w_max * p[:, None]
    return -q / (2 * w_max), p, one_plus_u


def approximate_quantile(terms: Terms, log_p: Tensor, *, upper: bool) -> Tensor:
    """The log of the x where the saddlepoint approximation of log P(Q <= x), or P(Q > x), is log_p.

    In units of the terms, and never below the log of the smallest loss of float64. It runs along
    the saddle instead of along x: every t* is the saddle of one x, and the approximation
    t x + K(t) - log(2 pi t^2 phi''(t))/2 falls as |t*| grows, so that bisection finds it.
    """
    low, high = torch.full_like(log_p, -690.0), torch.full_like(log_p, 225.0)
    log_2w = torch.log(2 * terms.w)
    if not upper:  # s is log t, which may lie beyond float64: t x is at most `most_t_x`
        least = (-1076 - terms.exponent) * math.log(2)  # log of half of the smallest loss
        low = low - log_2w[-1]
        high = (torch.log(terms.most_t_x) - least).clamp(min=1.0).expand_as(low)
    for _ in range(60):
        s = (low + high) / 2
        if upper:
            t, _, one_plus_u = _parametrise(terms, s, upper)
            b = 2 * terms.w * t[:, None] / one_plus_u  # u / (1 + u)
            log1p_u, delta, log_t = torch.log(one_plus_u), terms.delta / one_plus_u, torch.log(-t)
        else:
            log_u = s[:, None] + log_2w
            b, delta, log_t = torch.sigmoid(log_u), terms.delta * torch.sigmoid(-log_u), s
            log1p_u = torch.logaddexp(log_u, torch.zeros_like(log_u))
        t_x = 1 + 0.5 * (b * (terms.k + delta)).sum(-1)
        cumulant = -0.5 * (terms.k * log1p_u + terms.delta * b).sum(-1)
        t2_phi2 = 1 + (b**2 * (terms.k / 2 + delta)).sum(-1)
        approximation = t_x + cumulant - 0.5 * torch.log(2 * torch.pi * t2_phi2)
        beyond = approximation < log_p
        low, high = torch.where(beyond, low, s), torch.where(beyond, s, high)
    possible = (t_x < 0) == upper  # the others lie on the wrong side of the mean
    return torch.where(possible, torch.log(t_x.abs()) - log_t, -torch.inf)
