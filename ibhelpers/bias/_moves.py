r"""Moves along ellipses, which mix hypotheses under weights exp(-s loss) and refuse none.

For a normal variable with mean μ, f = μ + e, and a fresh draw ν of the same covariance,
μ + e cos θ + ν sin θ is as likely as f whatever θ. An angle is drawn, and drawn again from the
bracket that still holds the present point, until the loss is no larger than a bound that was drawn
first, loss(f) + Exp(1)/s: I. Murray, R. P. Adams and D. J. C. MacKay, "Elliptical slice sampling",
AISTATS 2010. What is moved at a time is what matters: all 500 test points on one ellipse can turn
by a few degrees before one of them becomes wrong; a single point, given the others, turns freely,
and points that know nothing of each other turn at the same time.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..spaces import Spectrum
from ..spaces.losses import BoundLoss

_TRIES = 10  # angles a move; if none will do, the point stays, which keeps the law as well
_BLOCK = 64  # test points that turn together
_NUMBERS = {"cpu": 2**20, "cuda": 2**26}  # outputs that turn together: a cache holds few
_GROUP = 8  # directions that turn at a time, where points cannot
_FAR = 30.0  # standard deviations, beyond which a normal variable is not cut
_SMOOTH = 100.0  # directions of more times the variance of a point, given the others, turn too
_HALF_TURNS = 3  # after each turn: they take a quarter of its time, and forget twice as much


@dataclass
class Population:
    """Hypotheses, a column each: deviations from the mean of the outputs, and what they cost."""

    deviations: Tensor  # (m, k, N)
    costs: Tensor  # (m, N), or (0, N) where the loss has none of single test points
    losses: Tensor  # (N,), float64

    def take(self, chosen: Tensor) -> Population:
        """The hypotheses of these indices."""
        return Population(self.deviations[..., chosen], self.costs[:, chosen], self.losses[chosen])


class Moves(ABC):
    """How hypotheses are drawn, and moved under weights exp(-s loss)."""

    stride = 0.0  # of s, at which moves find what is rarer than any hypothesis; 0: they do not

    def __init__(self, spectrum: Spectrum, dtype: torch.dtype) -> None:
        self.free = spectrum.variance > spectrum.resolution
        self.mean = spectrum.mean.to(dtype)[:, :, None]  # (m, k, 1)
        deviation = spectrum.variance[self.free].sqrt()
        self.root = (spectrum.directions[:, self.free] * deviation).to(dtype)  # (m, r)

    @abstractmethod
    def evaluate(self, deviations: Tensor) -> Population:
        """The population of these deviations."""

    @abstractmethod
    def sweep(self, population: Population, s: float, generator: torch.Generator) -> None:
        """Move everything once, in place."""

    def draw(self, n: int, generator: torch.Generator) -> Population:
        """Hypotheses of the space, independent."""
        k = self.mean.shape[1]
        return self.evaluate(
            _times(self.root, _normal((self.root.shape[1], k, n), self.root, generator))
        )


class PointMoves(Moves):
    r"""Test points, a block at a time, given the outputs at all others.

    With Π = C⁻¹, the outputs of a block B are, given the others, normal with covariance
    Π_BB⁻¹ = D + G, where D is diagonal, and as large as leaves G a covariance. So they are a sum
    g + e, and e at one point knows nothing of e at another. With d = f - M,

    .. math:: g_B \mid d \sim N\bigl(d_B - D (Πd)_B,\; D - D Π_{BB} D\bigr),

    and given g every point of the block turns its own e, all at the same time. Where the groups of
    a loss make the points of a block know of each other, a block is one point, and g its centre.

    What points have in common moves by what they do not, and slowly: a direction of precision λ
    keeps 1 - Dλ of itself. Half turns, from e to -e, leave 1 - 2 Dλ of it, and need one look at the
    loss: S. L. Adler, "Over-relaxation method for the Monte Carlo evaluation of the partition
    function for multiquadratic actions", Physical Review D 23 (1981).
    """

    def __init__(self, spectrum: Spectrum, loss: BoundLoss, dtype: torch.dtype) -> None:
        super().__init__(spectrum, dtype)
        precision = (spectrum.directions / spectrum.variance) @ spectrum.directions.T
        given_others = 1 / precision.diagonal()
        self.loss, self.quadratic = loss, loss.loss.curvature > 0
        alone = len(loss.sizes) > 1
        self.trades = 0 < loss.loss.rivals < spectrum.mean.shape[1]
        self.stride = float(loss.sizes.max()) * self.trades  # e times the weight of a right point
        points = torch.arange(len(precision), device=precision.device)
        self.blocks = [
            _Block.of(block, precision, given_others, loss, dtype)
            for block in points.split(1 if alone else _BLOCK)
        ]
        smooth = spectrum.variance > _SMOOTH * given_others.median()
        self.smooth = _direction_groups(spectrum, smooth & self.free, dtype)

    def evaluate(self, deviations: Tensor) -> Population:
        """Costs of every point, and their mean."""
        costs = self.loss.costs(self.mean + deviations)
        return Population(deviations, costs, self.loss.total(costs))

    def sweep(self, population: Population, s: float, generator: torch.Generator) -> None:
        """Turn the smooth directions, in which points hold each other fast; then every point."""
        for directions, root in self.smooth:
            turn_directions(self, population, directions, root, s, generator)
        m, k, n = population.deviations.shape
        most = _NUMBERS["cpu" if self.mean.device.type == "cpu" else "cuda"]
        for some in torch.arange(n).split(max(1, most // (m * k))):
            which = slice(int(some[0]), int(some[-1]) + 1)
            for half in [False] + _HALF_TURNS * [True]:
                self._sweep(population, which, s, generator, half=half)
        population.losses = self.loss.total(population.costs)

    def _sweep(
        self,
        population: Population,
        which: slice,
        s: float,
        generator: torch.Generator,
        *,
        half: bool,
    ) -> None:
        d = population.deviations[..., which].contiguous()
        costs = population.costs[:, which].contiguous()
        means = self.loss.means(costs)
        for block in self.blocks:
            rows = block.rows
            noise = _normal(d[rows].shape, d, generator)
            g = d[rows] - _times(block.pull, d) + _times(block.root, noise)
            e, old = d[rows] - g, costs[rows]
            if self.quadratic:
                centre, variance = self._of_squares(block, g, s)
                fresh = variance.sqrt() * _normal(g.shape, g, generator)
                e = 2 * centre - e if half else centre + fresh
                new = self.loss.costs(self.mean[rows] + g + e, rows)
            else:
                bound = self._bound(block, old, means, s, generator)
                turned = self._half_turned if half else self._turned
                e, new = turned(block, e, g, old, bound, generator)
                if self.trades and not half:
                    worth = self._worth(block, old, means)
                    new = self._traded(block, e, g, s * worth, generator)
            d[rows] = g + e
            means.index_add_(0, block.group, (new - costs[rows]) * block.weight[:, None])
            costs[rows] = new
        population.deviations[..., which], population.costs[:, which] = d, costs

    def _of_squares(self, block: _Block, g: Tensor, s: float) -> tuple[Tensor, Tensor]:
        """Centre and variance of e under a loss with τ/2 |f - y|² in it, which leaves it normal."""
        tau = s * block.weight[:, None, None] * self.loss.loss.curvature / g.shape[1]
        variance = (1 / (1 / block.variance + tau)).to(g.dtype)
        y = self.loss.answers[block.rows].to(g.dtype)[:, :, None]
        return (tau * variance * (y - self.mean[block.rows] - g)).to(g.dtype), variance

    def _bound(
        self, block: _Block, old: Tensor, means: Tensor, s: float, generator: torch.Generator
    ) -> Tensor:
        """What the points of a block may cost after the move, (p, N)."""
        if s == 0:
            return torch.full_like(old, math.inf)
        rest = means.amax(0) - means[block.group]
        return old + (rest + _exponential(old, generator) / s) / block.weight[:, None]

    def _half_turned(
        self, block: _Block, e: Tensor, g: Tensor, old: Tensor, bound: Tensor, _: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """-e where the bound allows it, and what its points cost then."""
        new = self.loss.costs(self.mean[block.rows] + g - e, block.rows)
        within = new <= bound
        return torch.where(within[:, None], -e, e), torch.where(within, new, old)

    def _turned(
        self,
        block: _Block,
        e: Tensor,
        g: Tensor,
        old: Tensor,
        bound: Tensor,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        """e (p, k, N) of the block turned, and what its points cost then, (p, N)."""
        p, k, n = e.shape
        nu = block.variance.sqrt().to(e.dtype) * _normal(e.shape, e, generator)
        centre = _side_by_side(self.mean[block.rows] + g)
        answers = self.loss.answers[block.rows].repeat_interleave(n, 0)

        def cost(e: Tensor, which: Tensor | slice) -> Tensor:
            outputs = (centre[:, which] + e).T[:, :, None]
            return self.loss.loss.costs(outputs, answers[which])[:, 0].to(torch.float64)

        turned, new = turn(
            _side_by_side(e), _side_by_side(nu), old.view(-1), bound.view(-1), cost, generator
        )
        return turned.view(k, p, n).transpose(0, 1), new.view(p, n)

    def _worth(self, block: _Block, costs: Tensor, means: Tensor) -> Tensor:
        """By how much the loss is larger where a point is wrong, (p, N) or (p, 1)."""
        weight = block.weight[:, None]
        if len(means) == 1:
            return weight
        right = means.index_add(0, block.group, -costs * weight)  # the block is one point
        wrong = right.index_add(0, block.group, weight.expand_as(costs))
        return (wrong.amax(0) - right.amax(0))[None]

    def _traded(
        self, block: _Block, e: Tensor, g: Tensor, weights: Tensor, generator: torch.Generator
    ) -> Tensor:
        """The label's output takes from the rival's that it has to pass; the errors after that.

        A point that is hardly ever right, and then weighs exp(s / m) as much, seldom finds the way
        by turning, nor back. What the two trade is one number t, normal and cut in two: right
        where t is beyond an end, wrong below it. It is drawn anew, exactly: g says who the rival
        is, and the trade leaves g, the sum of the two and the end's place on their line alone.
        """
        rivals = self.loss.loss.rivals
        own = self.loss.answers[block.rows, None, None].expand(-1, 1, e.shape[2])
        centre = self.mean[block.rows] + g
        rival = _ranked(centre.scatter(1, own, -math.inf), rivals)
        outputs = centre + e
        mine, its = (outputs.gather(1, i)[:, 0].double() for i in (own, rival))
        others = outputs.scatter(1, torch.cat([own, rival], 1), -math.inf)
        passed = (its - mine) / 2
        if rivals > 1:  # so many may stay ahead, less one
            first = others.topk(rivals, 1).values.double()
            passed, others = torch.minimum(passed, first[:, -2] - mine), first[:, -1:]
        here = [e.gather(1, i)[:, 0].double() for i in (own, rival)]
        mean, deviation = (here[1] - here[0]) / 2, (block.variance[:, 0] / 2).sqrt()
        end = (torch.maximum(others.amax(1).double() - mine, passed) - mean) / deviation
        log_odds = torch.special.log_ndtr(-end) - torch.special.log_ndtr(end) + weights
        u, v = (_uniform(end, end, generator) for _ in range(2))
        sign = torch.where(u < log_odds.sigmoid(), -1.0, 1.0)
        below = torch.special.log_ndtr(sign * end).exp()  # torch's ndtr is 0 beyond 8.3
        t = mean + deviation * sign * torch.special.ndtri(v.clamp(min=1e-16) * below)
        t = torch.where(end < _FAR, t, 0.0)[:, None].to(e.dtype)
        e.scatter_add_(1, own, t).scatter_add_(1, rival, -t)
        return self.loss.costs(centre + e, block.rows)


@dataclass(frozen=True)
class _Block:
    """Test points that turn together, see `PointMoves`."""

    rows: slice
    pull: Tensor  # (p, m): D Π_B
    root: Tensor  # (p, p), of D - D Π_BB D
    variance: Tensor  # (p, 1, 1): D
    weight: Tensor  # (p,)
    group: Tensor  # (p,)

    @classmethod
    def of(
        cls,
        block: Tensor,
        precision: Tensor,
        given_others: Tensor,
        loss: BoundLoss,
        dtype: torch.dtype,
    ) -> _Block:
        """D = c / Π_ii, with the largest c."""
        rows = slice(int(block[0]), int(block[-1]) + 1)
        scale = given_others[rows].sqrt()
        correlation = scale[:, None] * precision[rows, rows] * scale
        values, vectors = torch.linalg.eigh(correlation)
        c = 1 / values[-1]
        root = (vectors * (1 - c * values).clamp(min=0).sqrt()) @ vectors.T
        variance = c * given_others[rows]
        return cls(
            rows,
            (variance[:, None] * precision[rows]).to(dtype),
            (variance.sqrt()[:, None] * root).to(dtype),
            variance[:, None, None],
            loss.weight[rows],
            loss.group[rows],
        )


class DirectionMoves(Moves):
    """A few directions at a time, for any loss, and where points are functions of each other."""

    def __init__(
        self,
        spectrum: Spectrum,
        loss: BoundLoss | Callable[[Tensor], Tensor],
        dtype: torch.dtype,
    ) -> None:
        super().__init__(spectrum, dtype)
        self.loss = loss
        self.groups = _direction_groups(spectrum, self.free, dtype)

    def evaluate(self, deviations: Tensor) -> Population:
        """Losses of all hypotheses, all outputs at once."""
        outputs = self.mean + deviations
        if isinstance(self.loss, BoundLoss):
            costs = self.loss.costs(outputs)
            return Population(deviations, costs, self.loss.total(costs))
        losses = self.loss(outputs.permute(2, 0, 1)).to(torch.float64)
        return Population(deviations, losses.new_empty(0, len(losses)), losses)

    def sweep(self, population: Population, s: float, generator: torch.Generator) -> None:
        """Turn every group of directions."""
        for directions, root in self.groups:
            turn_directions(self, population, directions, root, s, generator)


def turn_directions(
    moves: Moves,
    population: Population,
    directions: Tensor,
    root: Tensor,
    s: float,
    generator: torch.Generator,
) -> None:
    """Turn the part of every hypothesis that lies in some directions, all points at once."""
    d = population.deviations
    k, n = d.shape[1:]
    e = _times(directions, _times(directions.T, d))
    nu = _times(root, _normal((root.shape[1], k, n), root, generator))
    rest, old = d - e, population.losses
    bound = old + (_exponential(old, generator) / s if s > 0 else math.inf)

    def loss(e: Tensor, which: Tensor | slice) -> Tensor:
        return moves.evaluate(rest[..., which] + e).losses

    new, _ = turn(e, nu, old, bound, loss, generator)
    moved = moves.evaluate(rest + new)
    population.deviations, population.costs = moved.deviations, moved.costs
    population.losses = moved.losses


def turn(
    e: Tensor,
    nu: Tensor,
    old: Tensor,
    bound: Tensor,
    loss: Callable[[Tensor, Tensor | slice], Tensor],
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """Turn e (..., N) towards ν until the loss is within the bound; return it, and its loss.

    ``loss`` takes new values of e and which of the N they are.
    """
    angle = 2 * math.pi * _uniform(old, e, generator)
    new = e * angle.cos() + nu * angle.sin()
    found = loss(new, slice(None))
    beyond = torch.nonzero(~(found <= bound))[:, 0]
    angle = angle[beyond]
    low, high = angle - 2 * math.pi, angle
    for _ in range(_TRIES - 1):
        if len(beyond) == 0:
            return new, found
        low, high = torch.where(angle < 0, angle, low), torch.where(angle < 0, high, angle)
        angle = low + (high - low) * _uniform(low, e, generator)
        tried = e[..., beyond] * angle.cos() + nu[..., beyond] * angle.sin()
        losses = loss(tried, beyond)
        new[..., beyond], found[beyond] = tried, losses
        still = ~(losses <= bound[beyond])
        beyond, angle, low, high = beyond[still], angle[still], low[still], high[still]
    new[..., beyond], found[beyond] = e[..., beyond], old[beyond]
    return new, found


def _direction_groups(
    spectrum: Spectrum, which: Tensor, dtype: torch.dtype
) -> list[tuple[Tensor, Tensor]]:
    """Directions (m, r) and the same times the square root of their variance, widest first."""
    indices = torch.nonzero(which)[:, 0].flip(0)
    return [
        (
            spectrum.directions[:, group].to(dtype),
            (spectrum.directions[:, group] * spectrum.variance[group].sqrt()).to(dtype),
        )
        for group in indices.split(_GROUP)
        if len(group)
    ]


def _times(matrix: Tensor, x: Tensor) -> Tensor:
    """A matrix (a, m) times x (m, k, N)."""
    return (matrix @ x.reshape(len(x), -1)).view(len(matrix), *x.shape[1:])


def _ranked(x: Tensor, place: int) -> Tensor:
    """Where the largest is along axis 1, or the second, ...; argmax takes five times as long."""
    if place > 1:
        return x.topk(place, 1).indices[:, -1:]
    k = x.shape[1]
    numbers = torch.arange(k, dtype=torch.int16, device=x.device)[:, None]
    return torch.where(x == x.amax(1, keepdim=True), numbers, k).amin(1, keepdim=True).long()


def _side_by_side(x: Tensor) -> Tensor:
    """(p, k, N) as (k, p N)."""
    return x.transpose(0, 1).reshape(x.shape[1], -1)


def _normal(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)


def _uniform(shape_of: Tensor, like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(shape_of.shape, generator=generator, dtype=like.dtype, device=like.device)


def _exponential(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.empty_like(like).exponential_(generator=generator)
