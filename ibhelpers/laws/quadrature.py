r"""The contour integral as a rule of nodes and weights, for laws that differ a little from one.

If the cumulant function of a law is K and that of another is K + D, then on the nodes t of the
contour for P(Q <= x), with weights whose real parts add up to 1,

    P'(Q <= x) / P(Q <= x) = Re sum_l weight_l exp(D(t_l)).

So thousands of laws that are near one law cost a sum each, and no contour of their own.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ._curve import Curve
from ._saddle import find_saddle
from ._terms import Terms, exponent_at

_ACCURACY = 1e-14  # of the sum with half as many nodes
_MOST_NODES = 6144


@dataclass(frozen=True)
class Quadrature:
    """Nodes and weights on the contour of a law at one loss.

    Attributes
    ----------
    nodes : complex tensor, shape (N,)
        t, in units of one over the loss; one half of the contour, the other one is its mirror.
    weights : complex tensor, shape (N,)
        Their real parts add up to 1.
    """

    nodes: Tensor
    weights: Tensor

    @classmethod
    def of(
        cls, terms: Terms, x_hi: Tensor, x_lo: Tensor, *, upper: bool, density: bool
    ) -> Quadrature:
        """Of P(Q <= x), of P(Q > x) (upper), or of the density; x is one number, shape (1,)."""
        saddle = find_saddle(terms, x_hi, upper=upper)
        _, slope, _ = exponent_at(terms, saddle.t, saddle.one_plus_u, x_hi, x_lo)
        curve = Curve.through(terms, saddle, slope, density=density)
        end, series, nodes = curve.plan(_ACCURACY)
        n = 2 * int(nodes.clamp(max=_MOST_NODES))
        omega, f = curve.summands(series, end, n)
        weights = f[0] / f[0].real.sum()
        t = saddle.t + saddle.width * omega[0]
        return cls(t * 2.0**-terms.exponent, weights)

    def average(self, g: Tensor) -> Tensor:
        """Re sum_l weight_l g(t_l), over the last index of g."""
        return (self.weights * g).sum(-1).real

    def ratio(self, change: Tensor) -> tuple[Tensor, Tensor]:
        """exp(D) on average, for D(t_l) along the last index, and how far it may be off.

        The error is told by the sum over every other node, and by what rounding leaves where the
        summands cancel because the other law has its saddle elsewhere.
        """
        summands = self.weights * torch.exp(change)
        fine = summands.sum(-1).real
        coarse = 2 * summands[..., ::2].sum(-1).real
        rounding = 1e-15 * summands.abs().sum(-1) * (1 + change.abs().amax(-1))
        ends = summands[..., -1].abs()
        return fine, (fine - coarse).abs() + rounding + ends
