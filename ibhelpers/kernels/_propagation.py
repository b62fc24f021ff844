r"""Covariances of infinitely wide convolutional ReLU networks, layer by layer and lag by lag.

Of the outputs of a layer at position p of one image and p' of another, q and q' are the variances
and θ the angle, so that the covariance is √(q q') cos θ. What a layer does to a pair of positions
is said in numbers of order 1, which no size of the inputs can overflow. At a position, the
deviations of what it reads are the components of a vector of length √q,

    (√b, √(w/2k²) √q_1, ..., √(w/2k²) √q_k²),      w, b: variances of weights and biases,

(of an image's pixels x: √(w/c k²) x_i), whose direction is u. ReLU multiplies the covariance
of what is read at offset δ by (1 − r_δ)/2 instead of cos θ_δ, r = 1 − (sin θ + (π − θ) cos θ)/π.
Then the layer's own versine v = 1 − cos θ is

    v = ½ |u − u'|² + Σ_δ u_δ u'_δ r_δ,

a sum of terms that are not negative: small angles keep their digits, which the tangent kernel
feels. A tangent T = √(q q') τ, a sum of products of derivatives, obeys

    τ = source + Σ_δ u_δ u'_δ x_δ,      x = (1 − θ/π) τ + (sin θ / 2π) (g + g'),

with the source cos θ and g = 0 for the neural tangent kernel. For ∂/∂ log w the source is
cos θ − u_b u'_b, for ∂/∂ log b it is u_b u'_b, and g is the same derivative of log q.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from ._grid import Axis
from .arc_cosine import polar

Field = Float64[Tensor, "h w n m"]  # one number for each position and pair of images
Before = Float64[Tensor, "y x n m"]  # the same of the layer before
Layer = tuple[Axis, Axis]  # height and width
Lag = tuple[int, int]

TANGENT = ("tangent",)
OF_VARIANCES = ("weight_variance", "bias_variance")


@dataclass(frozen=True)
class Seen:
    """What one layer sees of n images.

    Attributes
    ----------
    directions : (components, h, w, n)
        u, with the bias last.
    deviations : (h, w, n)
        √q.
    growth : for each variance, (h, w, n)
        g = ∂ log q / ∂ log of it.
    """

    directions: Float64[Tensor, "components h w *images"]
    deviations: Float64[Tensor, "h w *images"]
    growth: list[Float64[Tensor, "h w *images"]]

    def placed(self, index: tuple[Any, ...]) -> Seen:
        """Some of the images, along one of the two axes of a field."""
        return Seen(self.directions[index], self.deviations[index], [g[index] for g in self.growth])


def see(
    images: Float64[Tensor, "c h w n"],
    layers: list[Layer],
    weight: float,
    bias: float,
    *,
    growth: bool = False,
) -> list[Seen]:
    """What each layer sees of images; ``weight`` and ``bias`` are variances."""
    seen: list[Seen] = []
    source = images
    grown: list[Tensor] = []
    for layer in layers:
        share = weight / (layer[0].kernel * layer[1].kernel * len(source))
        scale = math.sqrt(share if not seen else share / 2)
        read = torch.cat(
            [_patches(source, layer) * scale, source.new_empty(1, *_after(layer, source))]
        )
        read[-1] = math.sqrt(bias)
        u, deviations = polar(read.flatten(1).T.contiguous())
        u, deviations = u.T.contiguous().view(read.shape), deviations.view(read.shape[1:])
        if growth:
            grown = _grown(u, grown, layer)
        seen.append(Seen(u, deviations, grown))
        source = deviations[None]
    return seen


def _grown(u: Tensor, grown: list[Tensor], layer: Layer) -> list[Tensor]:
    """g of both variances after a layer, from those before."""
    squares, of_bias = u[:-1].square(), u[-1].square()
    own = [squares.sum(0), of_bias]
    if not grown:
        return own
    return [
        o + (squares * _patches(g[None], layer)).sum(0) for o, g in zip(own, grown, strict=True)
    ]


def _after(layer: Layer, source: Float64[Tensor, "c h w n"]) -> tuple[int, int, int]:
    return layer[0].length, layer[1].length, source.shape[-1]


def _patches(source: Float64[Tensor, "c h w n"], layer: Layer) -> Float64[Tensor, "reads y x n"]:
    """What each position reads, by channel and offset; 0 beyond the ends."""
    rows, columns = layer
    read = source.new_zeros(len(source), rows.kernel, columns.kernel, *_after(layer, source))
    for i, j in product(range(rows.kernel), range(columns.kernel)):
        for (y, from_y), (x, from_x) in product(rows.reads(i), columns.reads(j)):
            read[:, i, j, y, x] = source[:, from_y, from_x]
    return read.flatten(0, 2)


def lags_of(layer: Layer) -> Iterator[Lag]:
    """Every lag of two positions after a layer."""
    return product(layer[0].lags(), layer[1].lags())


def at_lag(
    A: list[Seen], B: list[Seen], layers: list[Layer], lag: Lag, sources: tuple[str, ...] = ()
) -> tuple[Float64[Tensor, "n m"], list[Float64[Tensor, "n m"]]]:
    """Sums over the positions p of the last layer, for p in one image and p + lag in the other.

    A's images have shapes (..., n, 1), B's (..., 1, m) or, one for each of A, (..., n, 1). The sums
    are of √(q q') (1 − r), twice ReLU's covariance, and of √(q q') x for each source's tangent.
    """
    r: Tensor | None = None
    x: list[Tensor] = []
    for a, b, layer, steps in zip(A, B, layers, _lags_before(layers, lag), strict=True):
        u, w = _cut(a.directions, layer, steps, 0), _cut(b.directions, layer, steps, 1)
        if r is None:
            v, rest = _half_square(u, w, -1.0), _half_square(u, w, 1.0)
            tangents = [torch.zeros_like(v) for _ in sources]
        else:
            v, tangents = _convolved(u, w, layer, steps, r, x)
            rest = 2.0 - v
        for tangent, source in zip(tangents, sources, strict=True):
            _add_source(tangent, source, v, u[-1], w[-1])
        growth = [
            _cut(g, layer, steps, 0) + _cut(h, layer, steps, 1)
            for g, h in zip(a.growth, b.growth, strict=True)
        ]
        r, x = _relu(v, rest, tangents, growth if sources == OF_VARIANCES else [])
    weights = _cut(a.deviations, layer, steps, 0) * _cut(b.deviations, layer, steps, 1)
    assert r is not None  # there is a layer
    return _total(r.neg_().add_(1.0), weights), [_total(t, weights) for t in x]


def _lags_before(layers: list[Layer], lag: Lag) -> list[Lag]:
    """The lag at every layer, for one at the last."""
    found = [lag]
    for rows, columns in reversed(layers[1:]):
        found.insert(0, (found[0][0] * rows.stride, found[0][1] * columns.stride))
    return found


def _cut(x: Tensor, layer: Layer, lag: Lag, which: int) -> Tensor:
    """Of (..., h, w, n, m), the positions p (which = 0) or p + lag (which = 1) of the pairs."""
    for dim, axis, step in zip((-4, -3), layer, lag, strict=True):
        pairs = axis.pairs(step)
        if not axis.wraps:
            x = x.narrow(dim, pairs.start + step * which if len(pairs) else 0, len(pairs))
        elif which and step % axis.length:
            x = x.roll(-step, dim)
    return x


def _half_square(u: Tensor, w: Tensor, sign: float) -> Field:
    """½ |u + sign w|², over the components in front."""
    total = torch.add(u[0], w[0], alpha=sign).square_()
    apart = torch.empty_like(total)
    for a, b in zip(u[1:], w[1:], strict=True):
        torch.add(a, b, alpha=sign, out=apart)
        total.addcmul_(apart, apart)
    return total.mul_(0.5)


def _convolved(
    u: Tensor, w: Tensor, layer: Layer, lag: Lag, r: Before, x: list[Before]
) -> tuple[Field, list[Field]]:
    """The versine after a layer, and Σ_δ u_δ u'_δ x_δ for each tangent."""
    rows, columns = layer
    v = _half_square(u, w, -1.0)
    sums = [torch.zeros_like(v) for _ in x]
    both = torch.empty_like(v)
    offsets = product(range(rows.kernel), range(columns.kernel))
    for a, b, (i, j) in zip(u[:-1], w[:-1], offsets, strict=True):
        torch.mul(a, b, out=both)
        there = product(rows.reads_at(i, lag[0]), columns.reads_at(j, lag[1]))
        for (y, from_y), (z, from_z) in there:
            weight = both[y, z]
            v[y, z].addcmul_(weight, r[from_y, from_z])
            for total, field in zip(sums, x, strict=True):
                total[y, z].addcmul_(weight, field[from_y, from_z])
    return v.clamp_(max=2.0), sums


def _add_source(tangent: Field, source: str, v: Field, u_b: Tensor, w_b: Tensor) -> None:
    """Add what the layer's own weights and biases give to a tangent."""
    if source != "bias_variance":
        tangent.add_(1.0).sub_(v)
    if source != "tangent":
        tangent.addcmul_(u_b, w_b, value=-1.0 if source == "weight_variance" else 1.0)


def _relu(
    v: Field, rest: Field, tangents: list[Field], growth: list[Field]
) -> tuple[Field, list[Field]]:
    """r and each tangent's x, from v = 1 − cos θ and rest = 1 + cos θ, which are lost."""
    cosine = 1.0 - v
    half_sine, half_cosine = v.sqrt(), rest.sqrt_()
    theta_by_pi = torch.atan2(half_sine, half_cosine).mul_(2.0 / math.pi)
    sine_by_pi = half_sine.mul_(half_cosine).div_(math.pi)
    # sin θ − θ cos θ is nearly 0 at small θ, but so is its error beside θ itself: ε θ moves v by as
    # much and θ = √2v by ε.
    r = v.addcmul_(theta_by_pi, cosine).sub_(sine_by_pi).clamp_(0.0, 1.0)
    both_positive = theta_by_pi.neg_().add_(1.0)
    found = [t.mul_(both_positive) for t in tangents]
    for t, g in zip(found, growth, strict=False):
        t.addcmul_(sine_by_pi, g, value=0.5)
    return r, found


def _total(field: Field, weights: Field) -> Float64[Tensor, "n m"]:
    return field.mul_(weights).sum((0, 1))
