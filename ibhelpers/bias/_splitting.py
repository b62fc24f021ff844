r"""Multilevel splitting: the bias under any loss, from particles that work their way to the target.

A rare event is reached through a sequence of less rare ones. At every level the worse half of the
particles is killed and replaced by copies of the others, and all are moved by steps that leave the
prior unchanged and are refused above the level. log P is the sum of the logs of the surviving
fractions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from .._arguments import torch_generator_of, whole
from .._progress import counter
from ..laws.empirical import certified_bits
from ..spaces import GaussianSpace, HypothesisSpace, Loss, loss_function
from ..tasks import Task
from ._walk import reach
from .inductive_bias import InductiveBias
from .trace import ACCEPTANCE, Trace

_SMALLEST_STEP = 1e-6  # a population that cannot even move so far is stuck
_FEWEST_FAMILIES = 4.0  # below this effective number, relatives are counted anew
_FEWEST_ANCESTORS = 20  # whose families show how runs scatter
_PACE = 50  # levels over which the pace is measured
_MOST_LEVELS = 100_000  # forecast at that pace: with more to go, the run stops
_MOST_TRIES = 1000  # draws of a hypothesis that counts as fitted
_BLOCK = 2**22  # numbers in a batch of outputs


def split(
    space: HypothesisSpace,
    task: Task,
    *,
    loss: Loss,
    target: float,
    particles: int,
    moves: int,
    seed: int,
    batch: int | None,
    max_bits: float,
    dtype: torch.dtype,
    why: str,
    progress: bool,
) -> InductiveBias:
    r"""The bits by one run of splitting; the arguments are those of `rare_event_bias`.

    ``at_least`` is true, and ``bits`` the lower limit of the bits to the last level reached, if the
    run stopped early: at ``max_bits``; when no particle can move, or is left below a level; or when
    the target would, at the pace of the last 50 levels, be more than 100,000 levels away.

    *Ties.* With Z the best loss of the worse half, all particles with a loss of at least Z are
    killed, ties among them, so that more than half may be; the level's factor is the fraction that
    really survives, and moves must stay strictly below Z. The run ends when Z is at or below the
    target, with the fraction of losses that are. With perfect moves the product of the factors is
    an unbiased estimate of P, for discrete losses too: C.-E. Bréhier, M. Gazeau, L. Goudenège, T.
    Lelièvre and M. Rousset, Annals of Applied Probability 26 (2016) 3559.

    *Moves.* z, the normal variables that make a hypothesis, becomes √(1 - β²) z + βξ, ξ being new
    ones, if the loss stays below Z (S. L. Cotter, G. O. Roberts, A. M. Stuart and D. White,
    Statistical Science 28 (2013) 424). β is adapted so that 30 % of the proposals are accepted.

    *Interval.* At 95 %, from the variance V of log P, which one run shows through its family tree:
    V = Σ (share of a family)² - 1/N, with families of the first particles, is large if few have
    descendants, or if copies did not part. After A. Lee and N. Whiteley, Biometrika 105 (2018) 609;
    families are counted anew once fewer than an effective 4 are left. Since the logarithm is
    concave, -log of an unbiased estimate is too large by V/2 on average; ``bits`` is less that.
    """
    particles, moves = whole("particles", particles, at_least=2), whole("moves", moves, at_least=1)
    hypotheses = NormalMap.of(space, task, loss, dtype, batch)
    run = Run(hypotheses, [target], particles, moves, seed, max_bits=max_bits, why=why)
    with counter("splitting", "levels", shown=progress) as bar:
        while not run.is_over:
            run.step()
            bar.set_postfix_str(f"{run.bits:.1f} bits", refresh=False)
            bar.update()
    return run.record.result(target, run.population)


class Run:
    """One run of splitting, level by level; it can be written down and taken up again.

    Parameters
    ----------
    hypotheses : NormalMap
        What is moved.
    targets : list of float
        Errors whose probability is asked for. The run ends at the smallest, and finds at each of
        the others what a run to it with the same seed would.
    particles, moves, seed, max_bits, why
        As for `split`.
    """

    def __init__(
        self,
        hypotheses: NormalMap,
        targets: list[float],
        particles: int,
        moves: int,
        seed: int,
        *,
        max_bits: float,
        why: str,
    ) -> None:
        self.hypotheses, self.moves, self.max_bits = hypotheses, moves, max_bits
        self.generator = torch_generator_of(seed, hypotheses.device)
        self.log_p = dict.fromkeys(sorted(targets, reverse=True), -math.inf)  # of each target
        self.passed: set[float] = set()
        self.population = _Population.of_none(hypotheses, particles)
        self.record = _Record(particles, why)

    @property
    def target(self) -> float:
        """The smallest."""
        return min(self.log_p)

    @property
    def is_over(self) -> bool:
        """Whether the target was reached, or nothing leads there."""
        return self.record.why_it_stopped is not None

    @property
    def bits(self) -> float:
        """So far."""
        return self.record.nats[-1] / math.log(2) if self.record.nats else 0.0

    def variance(self) -> float:
        """Estimated variance of log P, by the family tree."""
        return self.population.variance(selected=self.record.reached)

    def families_at(self, target: float) -> int:
        """How many of the first particles had descendants left where the target was reached."""
        for level, ancestors in zip(self.record.threshold, self.record.ancestors, strict=False):
            if level <= float(reach(target)):
                return ancestors
        return len(torch.unique(self.population.ancestor[self.population.survives]))

    def step(self) -> None:
        """One level: kill the worse half, and move copies of the others below it."""
        population, record = self.population, self.record
        if not population.drawn:
            population.draw(self.hypotheses, self.generator)
        level, surviving, last = population.select(self.target)
        self._count(level)
        record.add_level(level, surviving, last)
        if record.why_it_stopped is None:
            population.copy_survivors(self.generator)
            accepted = population.move(self.hypotheses, self.moves, self.generator)
            record.add_moves(accepted, population, self.max_bits, self.target)

    def _count(self, level: float) -> None:
        """Targets at which half of the population is, and their probability."""
        nats = self.record.nats[-1] if self.record.nats else 0.0
        for target in self.log_p.keys() - self.passed:
            if level <= (at_most := float(reach(target))):
                self.passed.add(target)
                below = float((self.population.losses <= at_most).double().mean())
                self.log_p[target] = -nats + (math.log(below) if below else -math.inf)

    def state(self) -> dict[str, np.ndarray]:
        """All that is needed to go on."""
        record = {k: v for k, v in vars(self.record).items() if v is not None}
        arrays = {f"population.{k}": _array(v) for k, v in vars(self.population).items()}
        arrays |= {f"record.{k}": np.asarray(v) for k, v in record.items()}
        arrays["generator"] = self.generator.get_state().numpy()
        arrays["log_p"] = np.array(list(self.log_p.values()))
        arrays["passed"] = np.array([target in self.passed for target in self.log_p])
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from there; what was not kept of a run that is over is not needed."""
        for name, value in vars(self.population).items():
            if (found := arrays.get(f"population.{name}")) is not None:
                kept = found.item() if not isinstance(value, Tensor) else torch.from_numpy(found)
                if isinstance(kept, Tensor):
                    kept = kept.to(value.device)
                setattr(self.population, name, kept)
        for name in vars(self.record):
            if (found := arrays.get(f"record.{name}")) is not None:
                setattr(self.record, name, found.tolist())
        self.generator.set_state(torch.from_numpy(arrays["generator"]))
        self.passed = {t for t, yes in zip(self.log_p, arrays["passed"], strict=True) if yes}
        self.log_p = dict(zip(self.log_p, arrays["log_p"].tolist(), strict=True))


def _array(value: Tensor | float) -> np.ndarray:
    return value.cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)


@dataclass(frozen=True)
class NormalMap:
    """Losses of hypotheses from the normal variables that make them, (r, k) for each."""

    shape: tuple[int, int]
    draw: Callable[[Tensor], tuple[Tensor, Tensor | None]]  # outputs, and which count as fitted
    evaluate: Callable[[Tensor], Tensor]
    batch: int
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def of(
        cls, space: HypothesisSpace, task: Task, loss: Loss, dtype: torch.dtype, batch: int | None
    ) -> NormalMap:
        if batch is None:
            batch = max(1, _BLOCK // (task.n_test * task.n_outputs))
        batch, evaluate = whole("batch", batch, at_least=1), loss_function(loss, task)
        if not isinstance(space, GaussianSpace):
            found = space.hypotheses(task)
            return cls(
                (found.dimension, 1),
                lambda z: found.draw(z[:, :, 0].T.double()),
                evaluate,
                batch,
                dtype,
                found.device,
            )
        spectrum = space.spectrum(task)
        free = spectrum.variance > spectrum.resolution
        mean = spectrum.mean.to(dtype)
        root = (spectrum.directions[:, free] * spectrum.variance[free].sqrt()).to(dtype)

        def draw(z: Tensor) -> tuple[Tensor, None]:
            r, b, k = z.shape
            return (root @ z.reshape(r, b * k)).view(-1, b, k).transpose(0, 1) + mean, None

        shape = (root.shape[1], task.n_outputs)
        return cls(shape, draw, evaluate, batch, dtype, space.device)

    def losses(self, z: Tensor, start: int) -> Tensor:
        """Losses (b,) in float64 of particles `start`, ... with variables z (r, b, k).

        NaN for hypotheses that do not count as fitted, which is below no level.
        """
        outputs, fitted = self.draw(z)
        losses = torch.full((z.shape[1],), math.nan, dtype=torch.float64, device=self.device)
        try:
            if fitted is None:
                losses = self.evaluate(outputs).to(torch.float64)
            elif bool(fitted.any()):
                losses[fitted] = self.evaluate(outputs[fitted]).to(torch.float64)
        except ValueError as error:
            raise ValueError(
                f"{error} The block holds particles {start} to {start + z.shape[1] - 1}."
            ) from None
        return losses


@dataclass
class _Population:
    """The particles, and which of the first ones each descends from."""

    z: Tensor  # (r, N, k)
    losses: Tensor  # (N,), float64
    ancestor: Tensor  # (N,)
    family: Tensor  # (N,), as `ancestor`, since relatives were last counted anew
    survives: Tensor  # (N,), bool: which the last selection kept
    level: float = math.inf  # all losses are below
    step: float = 0.5  # β
    counted_variance: float = 0.0  # of log P, from the families of earlier counts
    drawn: int = 0  # hypotheses, until so many counted as fitted as there are particles

    @classmethod
    def of_none(cls, hypotheses: NormalMap, n: int) -> _Population:
        """Places for n particles."""
        (r, k), device = hypotheses.shape, hypotheses.device
        z = torch.empty(r, n, k, dtype=hypotheses.dtype, device=device)
        losses = torch.full((n,), math.inf, dtype=torch.float64, device=device)
        first = torch.arange(n, device=device)
        return cls(z, losses, first, first, torch.ones_like(first, dtype=torch.bool))

    @property
    def fitted(self) -> float:
        """The fraction of the hypotheses drawn that count as fitted."""
        return len(self.losses) / self.drawn

    def draw(self, hypotheses: NormalMap, generator: torch.Generator) -> None:
        """Particles of the space: what does not count as fitted is drawn again."""
        (r, k), n, device = hypotheses.shape, len(self.losses), hypotheses.device
        z, losses = self.z, self.losses
        drawn, wanted = 0, torch.arange(n, device=device)
        while len(wanted):
            for i in range(0, len(wanted), hypotheses.batch):
                rows = wanted[i : i + hypotheses.batch]
                new = torch.empty(r, len(rows), k, dtype=hypotheses.dtype, device=device)
                z[:, rows] = new.normal_(generator=generator)
                losses[rows] = hypotheses.losses(z[:, rows], i)
            drawn += len(wanted)
            wanted = torch.nonzero(losses.isnan())[:, 0]
            if drawn > _MOST_TRIES * n:
                raise ValueError(
                    f"space: of {drawn:,} hypotheses drawn, {n - len(wanted):,} count as fitted; "
                    "let more of them count, or train for longer."
                )
        self.drawn = drawn

    def select(self, target: float) -> tuple[float, float, bool]:
        """Set the next level; return it, the fraction that survives, and whether it is the last."""
        n, at_most = len(self.losses), float(reach(target))
        best_of_worse_half = float(torch.sort(self.losses).values[n - n // 2])
        last = best_of_worse_half <= at_most
        self.level = target if last else best_of_worse_half
        self.survives = self.losses <= at_most if last else self.losses < self.level
        return self.level, float(self.survives.double().mean()), last

    def copy_survivors(self, generator: torch.Generator) -> None:
        """Fill the places of the killed: every survivor equally often, the rest by lot."""
        n, survivors = len(self.losses), torch.nonzero(self.survives)[:, 0]
        lot = torch.randperm(len(survivors), generator=generator, device=survivors.device)
        chosen = survivors[lot].repeat(-(-n // len(survivors)))[:n]
        self.z, self.losses = self.z[:, chosen], self.losses[chosen]
        self.ancestor, self.family = self.ancestor[chosen], self.family[chosen]
        if 1 / _sum_of_squared_shares(self.family) < _FEWEST_FAMILIES:
            self.counted_variance = self.variance()
            self.family = torch.arange(n, device=chosen.device)

    def move(self, hypotheses: NormalMap, moves: int, generator: torch.Generator) -> float:
        """Move all particles below the level; return the fraction of proposals accepted.

        While nothing is accepted, the step shrinks further, until it is pointless.
        """
        accepted, proposed = 0.0, 0
        while proposed < moves or (accepted == 0 and self.step > _SMALLEST_STEP):
            fraction = self._move_once(hypotheses, generator)
            accepted, proposed = accepted + fraction, proposed + 1
            self.step = min(1.0, self.step * math.exp(fraction - ACCEPTANCE))
        return accepted / proposed

    def _move_once(self, hypotheses: NormalMap, generator: torch.Generator) -> float:
        n, accepted = len(self.losses), 0
        for i in range(0, n, hypotheses.batch):
            block = slice(i, i + hypotheses.batch)
            old = self.z[:, block]
            noise = torch.empty_like(old).normal_(generator=generator)
            new = noise.mul_(self.step).add_(old, alpha=math.sqrt(1 - self.step**2))
            losses = hypotheses.losses(new, i)
            below = losses < self.level
            self.z[:, block] = torch.where(below[:, None], new, old)
            self.losses[block] = torch.where(below, losses, self.losses[block])
            accepted += int(below.sum())
        return accepted / n

    def variance(self, *, selected: bool = False) -> float:
        """Estimated variance of log P, after the survivors were copied, or just selected."""
        family = self.family[self.survives] if selected else self.family
        excess = _sum_of_squared_shares(family) - 1 / len(self.losses)
        return self.counted_variance + math.log1p(max(excess, 0.0))


def _sum_of_squared_shares(family: Tensor) -> float:
    shares = torch.bincount(family).double() / len(family)
    return float((shares**2).sum())


@dataclass
class _Record:
    """What happened level by level, and why the run stopped."""

    particles: int
    why_this_method: str
    threshold: list[float] = field(default_factory=list)
    surviving: list[float] = field(default_factory=list)
    nats: list[float] = field(default_factory=list)
    acceptance: list[float] = field(default_factory=list)
    step: list[float] = field(default_factory=list)
    ancestors: list[int] = field(default_factory=list)
    reached: bool = False
    why_it_stopped: str | None = None

    def add_level(self, threshold: float, surviving: float, last: bool) -> None:
        if surviving == 0:
            self.why_it_stopped = f"no particle was left below a loss of {threshold:.6g}"
            return
        self.threshold.append(threshold)
        self.surviving.append(surviving)
        self.nats.append((self.nats[-1] if self.nats else 0.0) - math.log(surviving))
        if last:
            self.reached, self.why_it_stopped = True, "the target was reached"

    def add_moves(
        self, accepted: float, population: _Population, max_bits: float, target: float
    ) -> None:
        self.acceptance.append(accepted)
        self.step.append(population.step)
        self.ancestors.append(len(torch.unique(population.ancestor)))
        if accepted == 0:
            self.why_it_stopped = f"no particle moved below a loss of {self.threshold[-1]:.6g}"
        elif self.nats[-1] >= max_bits * math.log(2):
            self.why_it_stopped = f"max_bits reached at a loss of {self.threshold[-1]:.6g}"
        elif self._levels_to(target) > _MOST_LEVELS:
            self.why_it_stopped = f"no headway below a loss of {self.threshold[-1]:.6g}"

    def _levels_to(self, target: float) -> float:
        """How many more levels it would take at the recent pace."""
        if len(self.threshold) <= _PACE:
            return 0.0
        pace = (self.threshold[-1 - _PACE] - self.threshold[-1]) / _PACE
        return (self.threshold[-1] - target) / pace

    def result(self, target: float, population: _Population) -> InductiveBias:
        """The bits and their limits, or the least they can be."""
        if not self.threshold:  # none of the independent draws came below any level
            bits = certified_bits(self.particles)
            return self._at_least(bits, target, population, 0.0)
        variance = population.variance(selected=self.reached)
        bits = max(self.nats[-1] - variance / 2, 0.0) / math.log(2)
        margin = 1.96 * math.sqrt(variance) / math.log(2)
        low = max(bits - margin, 0.0)
        if not self.reached:
            return self._at_least(low, target, population, variance)
        trace = self.trace(population, variance)
        doubt = self._doubt()
        interval = None if doubt else (low, bits + margin)
        return InductiveBias(bits, target, interval=interval, trace=trace, doubt=doubt)

    def _doubt(self) -> str:
        """Why not to trust the family tree, or nothing: what a handful share is not seen in it."""
        left = self.ancestors[-1]
        if left >= min(_FEWEST_ANCESTORS, self.particles / 2):
            return ""
        return (
            f"{left} of the first {self.particles:,} particles have descendants left, and fewer "
            f"than {_FEWEST_ANCESTORS} do not show how far runs scatter; give more particles, or "
            "method='bridge'"
        )

    def _at_least(
        self, bits: float, target: float, population: _Population, variance: float
    ) -> InductiveBias:
        trace = self.trace(population, variance)
        return InductiveBias(bits, target, interval=(bits, math.inf), at_least=True, trace=trace)

    def trace(self, population: _Population, variance: float) -> Trace:
        if self.reached:  # the last level is not followed by moves
            self.acceptance.append(math.nan)
            self.step.append(population.step)
            self.ancestors.append(len(torch.unique(population.ancestor[population.survives])))
        return Trace(
            threshold=np.array(self.threshold, dtype=np.float64),
            surviving=np.array(self.surviving, dtype=np.float64),
            nats=np.array(self.nats, dtype=np.float64),
            acceptance=np.array(self.acceptance, dtype=np.float64),
            step=np.array(self.step, dtype=np.float64),
            ancestors=np.array(self.ancestors, dtype=np.int64),
            variance=variance,
            why_it_stopped=self.why_it_stopped or "",
            why_this_method=self.why_this_method,
            fitted=population.fitted,
        )
