r"""Moves along ellipses, which mix hypotheses under weights exp(-s loss) and refuse none.

For a normal variable with mean μ, f = μ + e, and a fresh draw ν of the same covariance,
μ + e cos θ + ν sin θ is as likely as f whatever θ. An angle is drawn, and drawn again from the
bracket that still holds the present point, until the loss is no larger than a bound that was drawn
first, loss(f) + Exp(1)/s: I. Murray, R. P. Adams and D. J. C. MacKay, "Elliptical slice sampling",
AISTATS 2010. What is moved at a time is what matters: all 500 test points on one ellipse can turn
by a few degrees before one of them becomes wrong; a single point, given the others, turns freely.
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
_BLOCK = 32  # test points between two products with the whole precision matrix
_GROUP = 8  # directions that turn at a time, where points cannot
_SMOOTH = 10.0  # directions with so many times the variance of a point, given the others, turn too


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
    """Every test point in turn, given the outputs at all others.

    With Π = C⁻¹, and a loss with τ/2 |f - y|² in it, the outputs at point i are, given the others,
    normal with variance 1/(Π_ii + τ) around d_i - ((Πd)_i + τ (d_i - r_i)) / (Π_ii + τ), where
    d = f - M and r = y - M. Πd is brought up to date for a block of points at a time, by one
    product of matrices.
    """

    def __init__(self, spectrum: Spectrum, loss: BoundLoss, dtype: torch.dtype) -> None:
        super().__init__(spectrum, dtype)
        inverse = (spectrum.directions / spectrum.variance) @ spectrum.directions.T
        self.precision = inverse.to(dtype)
        self.own = inverse.diagonal().tolist()  # Π_ii
        self.loss, self.weight, self.group = loss, loss.weight.tolist(), loss.group.tolist()
        self.quadratic = loss.loss.curvature > 0
        if self.quadratic:
            self.residual = loss.answers.to(dtype)[:, :, None] - self.mean
        conditional = 1 / inverse.diagonal().median()
        smooth = spectrum.variance > _SMOOTH * conditional
        self.smooth = _direction_groups(spectrum, smooth & self.free, dtype)

    def evaluate(self, deviations: Tensor) -> Population:
        """Costs of every point, and their mean."""
        costs = self.loss.costs(self.mean + deviations)
        return Population(deviations, costs, self.loss.total(costs))

    def sweep(self, population: Population, s: float, generator: torch.Generator) -> None:
        """Turn the smooth directions, in which points hold each other fast; then every point."""
        for directions, root in self.smooth:
            turn_directions(self, population, directions, root, s, generator)
        self._sweep_points(population, s, generator)
        population.losses = self.loss.total(population.costs)

    def _sweep_points(self, population: Population, s: float, generator: torch.Generator) -> None:
        d = population.deviations
        m, k, n = d.shape
        means = self.loss.means(population.costs)
        pulled = _times(self.precision, d)  # Πd
        for start in range(0, m, _BLOCK):
            block = range(start, min(start + _BLOCK, m))
            steps = d.new_empty(len(block), k * n)
            for i in block:
                pull = pulled[i]
                if i > start:
                    pull = pull + (self.precision[i, start:i] @ steps[: i - start]).view(k, n)
                step = self._move_point(population, i, pull, means, s, generator)
                steps[i - start] = step.view(-1)
                d[i] += step
            rest = slice(block.stop, m)
            pulled[rest] += (self.precision[rest, start : block.stop] @ steps).view(-1, k, n)

    def _move_point(
        self,
        population: Population,
        i: int,
        pull: Tensor,
        means: Tensor,
        s: float,
        generator: torch.Generator,
    ) -> Tensor:
        """The step (k, N) of point i; costs, and means of groups, are brought up to date."""
        d, weight = population.deviations[i], self.weight[i]
        old, point = population.costs[i], slice(i, i + 1)
        tau = s * weight * self.loss.loss.curvature / len(d) if self.quadratic else 0.0
        if self.quadratic:
            pull = pull + tau * (d - self.residual[i])
        e = pull / (self.own[i] + tau)
        nu = _normal(e.shape, e, generator) / math.sqrt(self.own[i] + tau)
        centre = self.mean[i] + d - e

        def cost(e: Tensor, which: Tensor | slice) -> Tensor:
            return self.loss.costs((centre[:, which] + e)[None], point)[0]

        if self.quadratic or s == 0:
            bound = torch.full_like(old, math.inf)
        else:  # in units of this point's cost
            own_mean = means[self.group[i]]
            bound = old + (means.amax(0) - own_mean + _exponential(old, generator) / s) / weight
        new, new_cost = turn(e, nu, old, bound, cost, generator)
        means[self.group[i]] += (new_cost - old) * weight
        population.costs[i] = new_cost
        return new - e


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


def _normal(shape: tuple[int, ...], like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=like.dtype, device=like.device)


def _uniform(shape_of: Tensor, like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(shape_of.shape, generator=generator, dtype=like.dtype, device=like.device)


def _exponential(like: Tensor, generator: torch.Generator) -> Tensor:
    return torch.empty_like(like).exponential_(generator=generator)
