r"""The walk from the space, where nothing is rare, to hypotheses among which the target is not.

Weights exp(-s loss) make good hypotheses common. With Z(s) = E exp(-s loss),

.. math:: P(\mathrm{loss} \le \varepsilon)
          = Z(s)\; E_s\bigl[e^{s\,\mathrm{loss}}\, 1\{\mathrm{loss} \le \varepsilon\}\bigr],

and Z(s) is a product of means over small steps of s, estimated by a population that is weighted,
resampled and moved at every step (sequential Monte Carlo).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from .._arguments import torch_generator_of
from .._progress import steps
from ._moves import Moves

PILOTS = 200  # hypotheses of the pilot
_ESS = 0.5  # a step of s leaves this effective fraction of the population
_HIT = 1 / 3  # of the hypotheses below a threshold, where it is counted
FORGOTTEN = 0.25  # correlation with the population before its moves, at which they suffice
MOST_SWEEPS = 64  # a step
_MOST_STEPS = 1500
_MOST_STRIDES = 40  # in vain
_MOST_COUNTED = 10_000  # losses, of those that come in steps
_NUMBERS = {"cpu": 2**24, "cuda": 2**26}  # outputs held at a time; a card waits for few


@dataclass(frozen=True)
class Plan:
    """What a pilot chose; nothing changes while runs follow it.

    Attributes
    ----------
    s : tuple of float
        Increasing from 0, in units of one over the loss.
    sweeps : tuple of int
        Of moves after each step; 0 before the first.
    correlation : tuple of float
        That these sweeps left with the population before them, in the pilot.
    thresholds : ndarray
        Losses ε at which P(loss <= ε) is counted, decreasing.
    step : ndarray of int
        At which step each one is.
    why_it_stopped : str
        In words; empty if the deepest target was reached.
    """

    s: tuple[float, ...]
    sweeps: tuple[int, ...]
    correlation: tuple[float, ...]
    thresholds: np.ndarray
    step: np.ndarray
    why_it_stopped: str

    @property
    def particles(self) -> int:
        """Hypotheses a run, if the caller does not say: log P adds up errors of all steps."""
        return 100 + 5 * len(self.s)


class Pilot:
    """A population that finds its own way, to plan that of others."""

    def __init__(self, moves: Moves, seed: int) -> None:
        self.moves = moves
        self.generator = torch_generator_of(seed, moves.mean.device)
        self.population = moves.draw(PILOTS, self.generator)
        self.s, self.sweeps, self.correlation = [0.0], [0], [0.0]
        self.log_z = 0.0
        self.seen = [self._losses()]
        self.strides = 0  # since the best loss was found

    def plan(self, targets: np.ndarray, grid: float | None, max_bits: float, bar: tqdm) -> Plan:
        """Go on until a third of the population is at the deepest target, and say how it went."""
        deepest, why = float(targets.min()), ""
        while np.mean(self.seen[-1] <= reach(deepest)) < _HIT and not why:
            why = self._why_stop(deepest, max_bits) or self._step()
            bar.set_postfix_str(f"about {self.bits():.0f} bits", refresh=False)
            bar.update()
        thresholds, step = self._thresholds(targets, grid)
        return Plan(
            tuple(self.s), tuple(self.sweeps), tuple(self.correlation), thresholds, step, why
        )

    def bits(self) -> float:
        """-log2 P(loss <= the median of the population), about."""
        return -(self.log_z + self.s[-1] * float(np.median(self.seen[-1]))) / math.log(2)

    def _losses(self) -> np.ndarray:
        return np.sort(self.population.losses.cpu().numpy())

    def _why_stop(self, target: float, max_bits: float) -> str:
        best = self.seen[-1][0]
        if self.bits() > max_bits:
            return f"max_bits reached at a loss of {np.median(self.seen[-1]):.6g}"
        if np.ptp(self.seen[-1]) <= 1e-12 * abs(best) and not self._may_stride(best):
            return f"all hypotheses have a loss of {best:.6g}"
        if len(self.s) > 50 and math.isfinite(target):
            pace = (np.median(self.seen[-51]) - np.median(self.seen[-1])) / 50
            if len(self.s) + (np.median(self.seen[-1]) - target) / max(pace, 1e-300) > _MOST_STEPS:
                return f"no headway below a loss of {best:.6g}"
        return ""

    def _step(self) -> str:
        """One step of s, as long as the weights stay even, and sweeps until it is forgotten."""
        losses = self.population.losses
        excess = losses - losses.min()
        low, high = 0.0, 1 / max(float(excess.max()), 1e-280)
        while _effective(torch.exp(-high * excess)) > _ESS and high < 1e300:
            low, high = high, 4 * high
        for _ in range(30):
            middle = (low + high) / 2
            even = _effective(torch.exp(-middle * excess)) > _ESS
            low, high = (middle, high) if even else (low, middle)
        best = float(losses.min())
        if low > 1e290 and self._may_stride(best):  # most are equally good
            low, self.strides = self.moves.stride, self.strides + 1
        if not self.s[-1] + low > self.s[-1] or low > 1e290:
            return f"nothing better than a loss of {best:.6g} was found"
        weights = torch.exp(-low * excess)
        self.log_z += math.log(float(weights.mean())) - low * best
        self.s.append(self.s[-1] + low)
        self.population = self.population.take(_resample(weights[None], self.generator)[0])
        self._sweep_until_forgotten()
        self.seen.append(self._losses())
        if self.seen[-1][0] < best:
            self.strides = 0
        return ""

    def _may_stride(self, best: float) -> bool:
        return self.moves.stride > 0 and best > 0 and self.strides < _MOST_STRIDES

    def _sweep_until_forgotten(self) -> None:
        population, sweeps, correlation = self.population, 0, 1.0
        before, losses_before = population.deviations.clone(), population.losses.clone()[None]
        while correlation > FORGOTTEN and sweeps < MOST_SWEEPS:
            more = max(1, sweeps // 4)
            for _ in range(more):
                self.moves.sweep(population, self.s[-1], self.generator)
            sweeps += more
            correlation = max(
                _correlation(before, population.deviations),
                _correlation(losses_before, population.losses[None]),
            )
        self.sweeps.append(sweeps)
        self.correlation.append(correlation)

    def _thresholds(self, targets: np.ndarray, grid: float | None) -> tuple[np.ndarray, np.ndarray]:
        """Where to count, and at which steps: the targets, and what lies on the way."""
        deepest = max(float(targets.min()), float(self.seen[-1][int(_HIT * PILOTS)]))
        last = float(self.seen[0][-1])
        if grid is not None and last - deepest < _MOST_COUNTED * grid:  # every loss there is
            first = np.floor(deepest / grid)
            on_the_way = grid * np.arange(first, np.floor(last / grid + 1e-9) + 1)
        else:
            quantiles = np.linspace(_HIT, 0.9, 5)
            on_the_way = np.concatenate([np.quantile(seen, quantiles) for seen in self.seen])
        thresholds = np.unique(np.concatenate([targets[np.isfinite(targets)].ravel(), on_the_way]))[
            ::-1
        ]
        thresholds = thresholds[thresholds >= deepest - 1e-12 * abs(deepest)]
        hits = np.array([np.searchsorted(seen, reach(thresholds), "right") for seen in self.seen])
        return thresholds, np.argmax(hits >= _HIT * PILOTS, axis=0)


def reach(target: float | np.ndarray) -> np.ndarray:
    """What still counts as at the target: 15 errors in 50 are 0.3, however they are divided."""
    return np.asarray(target + 1e-12 * np.abs(np.where(np.isfinite(target), target, 0.0)))


@dataclass(frozen=True)
class Runs:
    """What independent runs of one plan found.

    Attributes
    ----------
    log_p : ndarray, shape (runs, thresholds)
        Estimates of log P(loss <= threshold), each unbiased for P; -inf where none was below.
    families : ndarray of int, shape (runs, steps)
        How many of the hypotheses of the start had descendants after each step.
    """

    log_p: np.ndarray
    families: np.ndarray


def follow(
    moves: Moves,
    plan: Plan,
    *,
    runs: int,
    particles: int,
    times: int,
    generator: torch.Generator,
    progress: bool,
) -> Runs:
    """Runs of the plan with so many times its sweeps; as many at once as memory should hold."""
    m, k = moves.mean.shape[:2]
    most = _NUMBERS["cpu" if moves.mean.device.type == "cpu" else "cuda"]
    at_once = max(1, min(runs, most // (m * k * particles)))
    sweeps = math.ceil(runs / at_once) * times * sum(plan.sweeps)
    what = "bridge" if times == 1 else f"bridge, {times} times the moves"
    found: list[Runs] = []
    with steps(what, sweeps, "sweeps", shown=progress) as bar:
        while (left := runs - sum(len(part.log_p) for part in found)) > 0:
            found.append(_follow(moves, plan, min(at_once, left), particles, times, generator, bar))
    return Runs(
        np.concatenate([part.log_p for part in found]),
        np.concatenate([part.families for part in found]),
    )


def _follow(
    moves: Moves,
    plan: Plan,
    runs: int,
    particles: int,
    times: int,
    generator: torch.Generator,
    bar: tqdm,
) -> Runs:
    population = moves.draw(runs * particles, generator)
    family = torch.arange(particles, device=moves.mean.device).repeat(runs, 1)
    log_z = torch.zeros(runs, dtype=torch.float64, device=moves.mean.device)
    first = torch.arange(runs, device=family.device)[:, None] * particles
    log_p, families = np.full((runs, len(plan.thresholds)), -math.inf), []
    for step, s in enumerate(plan.s):
        if step > 0:
            losses = population.losses.view(runs, particles)
            exponent = -(s - plan.s[step - 1]) * losses
            log_z += torch.logsumexp(exponent, 1) - math.log(particles)
            chosen = _resample(torch.softmax(exponent, 1), generator)
            family = family.gather(1, chosen)
            population = population.take((chosen + first).view(-1))
            for _ in range(times * plan.sweeps[step]):
                moves.sweep(population, s, generator)
                bar.update()
        families.append([len(torch.unique(row)) for row in family])
        here = np.flatnonzero(plan.step == step)
        losses = population.losses.view(runs, particles)
        for i in here:
            log_p[:, i] = _count(losses, log_z, s, float(plan.thresholds[i]))
    return Runs(log_p, np.array(families).T)


def _count(losses: Tensor, log_z: Tensor, s: float, threshold: float) -> np.ndarray:
    """log of Z(s) times the mean of exp(s loss) 1{loss <= threshold}, of every run."""
    below = losses <= float(reach(threshold))
    terms = torch.where(below, s * (losses - threshold), -math.inf)
    log_mean = torch.logsumexp(terms, 1) - math.log(losses.shape[1])
    return (log_z + s * threshold + log_mean).cpu().numpy()


def _resample(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Indices (runs, N): each is chosen its expected number of times, rounded up or down."""
    runs, n = weights.shape
    ends = weights.cumsum(1)
    u = torch.rand(runs, 1, generator=generator, dtype=weights.dtype, device=weights.device)
    comb = (torch.arange(n, device=weights.device) + u) / n * ends[:, -1:]
    return torch.searchsorted(ends, comb).clamp(max=n - 1)


def _effective(weights: Tensor) -> float:
    """The effective fraction of a weighted population."""
    return float(weights.sum() ** 2 / weights.square().sum()) / len(weights)


def _correlation(before: Tensor, after: Tensor) -> float:
    """Between hypotheses (the last axis), on average over everything else."""
    before, after = (a - a.mean(-1, keepdim=True) for a in (before, after))
    spread = math.sqrt(float(before.square().sum() * after.square().sum()))
    return float((before * after).sum()) / spread if spread > 0 else 0.0
