r"""How far rounding errors of a law's parameters reach into its probabilities.

The law of a Gaussian hypothesis space comes from a mean and a covariance that were computed in
floating point. With W the covariance and r the residuals, both in units of the loss, and
:math:`G = (I + 2tW)^{-1}`, the exponent K(t) of `_contour` is

.. math:: K(t) = -\tfrac k2 \log\det(I + 2tW) - t \sum_o r_o^T G r_o,

so that errors δW and δr, symmetric and of no particular direction, move it to first order by

.. math:: \operatorname{tr} A\, \delta W - 2t \sum_o r_o^T G\, \delta r_o, \qquad
          A = -kt\,G + 2t^2 \sum_o G r_o r_o^T G .

At the saddle of x this is what log P(L <= x) moves by. What is needed of W and r are the weights
and noncentralities of the law, and what went into its offset.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ._terms import Terms, times_power_of_two

_DEVIATIONS = 5.0  # standard deviations of what rounding errors add up to
_POINTS = 600  # of the search for the best bound


@dataclass(frozen=True, eq=False)
class Rounding:
    """Rounding errors to expect in what a generalized chi-squared law was made of.

    Attributes
    ----------
    weight : float
        Standard deviation of the error of an entry of the covariance, in units of the weights.
    root : float
        That of an entry of the residuals, in units of the square root of the loss.
    df : float
        Degrees of freedom of each direction.
    weights_left_out, squares_left_out : Tensor, shape (L,)
        Of each direction that went into the offset: a weight that cannot be told from 0 (its
        modulus), and its part of the offset.
    relative : float
        Share by which each weight may be off besides.
    floor : float
        At least 0: no loss is smaller than this, however the rounding went.
    jitter : float
        Variance that was added to the noise, without which there is no law in float64.
    """

    weight: float
    root: float
    df: float
    weights_left_out: Tensor
    squares_left_out: Tensor
    relative: float = 0.0
    floor: float = 0.0
    jitter: float = 0.0

    def in_units(self, exponent: int) -> Rounding:
        """The same in units of 2^exponent losses, as `Terms` are."""
        half, odd = divmod(exponent, 2)
        return replace(
            self,
            weight=math.ldexp(self.weight, -exponent),
            root=math.ldexp(self.root, -half) / math.sqrt(2) ** odd,
            weights_left_out=times_power_of_two(self.weights_left_out, -exponent),
            squares_left_out=times_power_of_two(self.squares_left_out, -exponent),
            floor=math.ldexp(self.floor, -exponent),
        )

    def of_exponent(self, terms: Terms, t: Tensor) -> Tensor:
        """The error to expect in K(t) at every t, (X,); t may be negative, or infinite.

        t stands beside g = 1/(1 + 2wt) wherever it can, since tg is finite however large t is.
        """
        tg = 1 / (1 / t[:, None] + 2 * terms.w)
        left_out, size = self.weights_left_out, t.abs()
        squares = (terms.delta * terms.w * tg**2).sum(-1)
        squares = squares + _times_square(self.squares_left_out.sum(), t)
        traces = (terms.k * tg**2).sum(-1)
        traces = traces + _times_square(left_out.new_tensor(self.df * len(left_out)), t)
        at_random = self.root * 2 * squares.sqrt()
        if self.weight > 0:
            at_random = at_random + self.weight * ((self.df * traces).sqrt() + 2 * squares)
        by_leaving_out = 2 * _times_square((left_out * self.squares_left_out).sum(), t)
        if bool((left_out > 0).any()):
            by_leaving_out = by_leaving_out + size * self.df * left_out.sum()
        changes = terms.w * tg.abs() * (terms.k + 2 * terms.delta * (tg / t[:, None]))
        return _DEVIATIONS * at_random + by_leaving_out + self.relative * changes.sum(-1)

    def log_upper(self, terms: Terms, x: Tensor) -> Tensor:
        r"""An upper limit of log P(L <= x), from Chernoff's bound, however large the errors are.

        For every t > 0, log P(L <= x) is at most t x + K(t). Of all covariances and residuals as
        near as they must be, none has a larger K(t) than

        .. math:: -\tfrac12 \sum_i k_i \log(1 + 2t (w_i - \omega)_+) - t (s - \rho)_+^2, \qquad
                  s^2 = \sum_i \frac{\delta_i w_i}{1 + 2t(w_i + \omega)},

        where the second sum is over the directions left out, too, with their squares for δw.
        """
        directions = float(terms.k.sum()) / self.df + len(self.weights_left_out)
        omega = _DEVIATIONS * self.weight * directions**0.5
        rho = _DEVIATIONS * self.root * (directions * self.df) ** 0.5
        w = torch.cat([self.weights_left_out, terms.w])
        squares = torch.cat([self.squares_left_out, terms.delta * terms.w])
        t = self._points(terms, omega).to(x.device)
        volume = terms.k / 2 * torch.log1p(2 * t[:, None] * (terms.w - omega).clamp(min=0))
        s = (squares / (1 + 2 * t[:, None] * (w + omega))).sum(-1).sqrt()
        most = -volume.sum(-1) - t * (s - rho).clamp(min=0) ** 2
        upper = (x[:, None] * t + most).amin(-1).clamp(max=0.0)
        return torch.where((x < self.floor) | (x <= 0), -torch.inf, upper)

    def _points(self, terms: Terms, omega: float) -> Tensor:
        """Values of t at which to look for the best bound."""
        smallest = torch.cat([terms.w, self.weights_left_out]).min()
        end = math.log(1e6) - math.log(max(float(smallest), omega, 1e-300))
        start = math.log(1e-3) - math.log(float(terms.w[-1]))
        return torch.linspace(start, max(start, end), _POINTS, dtype=torch.float64).exp()


def _times_square(a: Tensor, t: Tensor) -> Tensor:
    """a t^2, (X,), for a at least 0: nothing where a is 0, however large t is."""
    return (t * a.sqrt()) ** 2 if float(a) > 0 else torch.zeros_like(t)
