r"""Splitting in several independent runs, and whether to believe them.

A run of splitting shows neither what a small population has in common with its likes, nor how far
moves that hardly mix lead astray. Runs that know nothing of each other scatter about as they do,
and half of them make twice the moves: if that changes the answer, it is none.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from .._arguments import whole
from .._cluster import answers_of
from .._progress import counter
from ..laws.empirical import fraction_limits
from ..networks import NetworkSpace
from ..networks.checkpoint import Checkpoint, Identity
from ..spaces import Loss, loss_function
from ..tasks import Task
from ._agreement import MOST_VARIANCE, Mean
from ._bridge import plain
from ._splitting import NormalMap, Run
from .inductive_bias import InductiveBias
from .trace import RunsTrace

PARTICLES, MOVES = 200, 8  # a run; a level of the runs of the first group
_MOST_DOUBLINGS = 3
_FEWEST_ANCESTORS = 20  # of all runs together
_PATIENCE = 20  # times as long as writing takes, before it is written again


@dataclass
class Repeated:
    """Groups of runs, each group with twice the moves of the one before.

    Attributes
    ----------
    make : callable
        Makes what is moved, here or on a worker.
    targets : ndarray
        Errors to reach, of any shape.
    runs : int
        In two groups.
    particles, moves : int
        Of a run; of each of its levels in the first group.
    seed, max_bits, why
        As for `Run`; each run has a seed of its own.
    file : Checkpoint, optional
        Where runs are written down, level by level.
    groups : list of list of Run
        Those that are over, and the one that goes on.
    kept : dict
        What the file holds.
    seconds : float
        That the runs took before they were taken up again.
    client : dask.distributed.Client, optional
        On whose workers to do the runs of a group, each whole.
    """

    make: Callable[[], NormalMap]
    targets: np.ndarray
    runs: int
    particles: int
    moves: int
    seed: int
    max_bits: float
    why: str
    file: Checkpoint | None = None
    groups: list[list[Run]] = field(default_factory=list)
    kept: dict[str, np.ndarray] = field(default_factory=dict)
    seconds: float = 0.0
    client: Any = None

    @cached_property
    def hypotheses(self) -> NormalMap:
        """What is moved."""
        return self.make()

    def answer(self, *, progress: bool) -> InductiveBias:
        """Run until twice the moves change nothing, and say what the last two groups found."""
        if self.file:
            self.kept, self.seconds = self.file.load()
        began, half = time.perf_counter() - self.seconds, -(-self.runs // 2)
        with counter("splitting through training", "levels", shown=progress) as bar:
            while len(self.groups) < 2 or (
                not self._all_agree() and len(self.groups) <= _MOST_DOUBLINGS
            ):
                self.groups.append([])
                if self.client is not None:
                    self._ask_workers(half, began)
                for number in range(half):
                    self.groups[-1].append(self._run(number, bar, began))
        return _answer(self.groups, self.targets, self.why)

    def _ask_workers(self, half: int, began: float) -> None:
        """Have all runs of this group done, and keep them as if they had been done before."""
        group = len(self.groups) - 1
        task = partial(
            _done,
            make=self.make,
            targets=self.targets.ravel().tolist(),
            particles=self.particles,
            moves=self.moves * 2**group,
            max_bits=self.max_bits,
            why=self.why,
        )
        names = [_name(group, number) for number in range(half)]
        parts = [
            (_seed_of_run(self.seed, group, number), self._kept_of(name))
            for number, name in enumerate(names)
        ]
        with closing(answers_of(self.client, task, parts)) as answers:
            for number, state in answers:
                self._keep(names[number], state)
                if self.file:
                    self.file.save(self.kept, time.perf_counter() - began)

    def _run(self, number: int, bar: tqdm, began: float) -> Run:
        group = len(self.groups) - 1
        name = _name(group, number)
        run = Run(
            self.hypotheses,
            self.targets.ravel().tolist(),
            self.particles,
            self.moves * 2**group,
            _seed_of_run(self.seed, group, number),
            max_bits=self.max_bits,
            why=self.why,
        )
        if before := self._kept_of(name):
            run.restore(before)
        for _ in self._levels(run, name, began):
            bar.update()
            bar.set_postfix_str(
                f"run {group * len(self.groups[0]) + number + 1}, {run.bits:.0f} bits"
            )
        run.population.z = run.population.z[:, :0]  # which can be large
        return run

    def _levels(self, run: Run, name: str, began: float) -> Iterator[None]:
        """Step by step to the end of a run, writing it down now and then."""
        wrote, took = time.perf_counter(), 0.0
        while not run.is_over:
            run.step()
            now = time.perf_counter()
            if self.file and (run.is_over or now - wrote > _PATIENCE * took):
                self._write(run, name, now - began)
                wrote, took = time.perf_counter(), time.perf_counter() - now
            yield

    def _write(self, run: Run, name: str, seconds: float) -> None:
        self._keep(name, _state_of(run))
        assert self.file is not None
        self.file.save(self.kept, seconds)

    def _keep(self, name: str, state: dict[str, np.ndarray]) -> None:
        if "population.z" not in state:
            self.kept.pop(f"{name}population.z", None)
        self.kept.update({name + key: value for key, value in state.items()})

    def _kept_of(self, name: str) -> dict[str, np.ndarray]:
        return {k[len(name) :]: v for k, v in self.kept.items() if k.startswith(name)}

    def _all_agree(self) -> bool:
        first, second = self.groups[-2:]
        return all(
            _mean(first, t).agrees_with(_mean(second, t))
            for t in self.targets.ravel()
            if _reached(first + second, t)
        )


def _name(group: int, number: int) -> str:
    return f"group {group} run {number}: "


def _state_of(run: Run) -> dict[str, np.ndarray]:
    """Without the variables, which can be large, where the run is over."""
    state = run.state()
    if run.is_over:
        state.pop("population.z")
    return state


def _done(
    part: tuple[int, dict[str, np.ndarray]],
    *,
    make: Callable[[], NormalMap],
    targets: list[float],
    particles: int,
    moves: int,
    max_bits: float,
    why: str,
) -> dict[str, np.ndarray]:
    """The state of a run, of which a seed and what was kept are given, at its end."""
    seed, before = part
    run = Run(make(), targets, particles, moves, seed, max_bits=max_bits, why=why)
    if before:
        run.restore(before)
    while not run.is_over:
        run.step()
    return _state_of(run)


def through_training(
    space: NetworkSpace,
    task: Task,
    *,
    loss: Loss,
    targets: np.ndarray,
    seed: int,
    runs: int,
    particles: int | None,
    moves: int | None,
    batch: int | None,
    max_bits: float,
    dtype: torch.dtype,
    checkpoint: str | os.PathLike[str] | None,
    progress: bool,
    client: Any,
) -> InductiveBias:
    """The bits of trained networks; the arguments are those of `rare_event_bias`."""
    particles = whole("particles", PARTICLES if particles is None else particles, at_least=2)
    moves = whole("moves", MOVES if moves is None else moves, at_least=1)
    why = "trained networks are known as functions of normal variables alone"
    make = partial(_hypotheses, space, task, loss, dtype, batch)
    repeated = Repeated(make, targets, runs, particles, moves, seed, max_bits, why, client=client)
    if checkpoint is not None:
        identity: Identity = space.identity(task) | {
            "seed": str(seed),
            "target_error": repr(np.unique(targets).tolist()),
            "particles": str(particles),
            "moves": str(moves),
            "batch": str(repeated.hypotheses.batch),
            "max_bits": repr(max_bits),
            "dtype of variables": str(dtype),
            "loss": _losses_of_some(loss, task),
        }
        repeated.file = Checkpoint(checkpoint, identity)
    return repeated.answer(progress=progress)


def _hypotheses(
    space: NetworkSpace, task: Task, loss: Loss, dtype: torch.dtype, batch: int | None
) -> NormalMap:
    """Known by its name alone where it is sent to a worker, as a class's method is not."""
    return NormalMap.of(space, task, loss, dtype, batch)


def _losses_of_some(loss: Loss, task: Task) -> list[float]:
    """By which two losses are told apart, of outputs that may be probabilities, as a loss wants."""
    generator = torch.Generator().manual_seed(0)
    shape = (8, task.n_test, task.n_outputs)
    outputs = torch.rand(shape, generator=generator, dtype=torch.float64)
    outputs = outputs / outputs.sum(2, keepdim=True) if task.n_outputs > 1 else outputs
    targets = torch.tensor(task.y_test, dtype=torch.float64)
    mixed = torch.cat([outputs, 0.7 * targets + 0.3 * outputs])
    return loss_function(loss, task)(mixed).tolist()


def _seed_of_run(seed: int, group: int, number: int) -> int:
    return int(np.random.SeedSequence([seed, group, number]).generate_state(1)[0])


def _mean(runs: list[Run], target: float) -> Mean:
    return Mean.of(np.array([run.log_p[target] for run in runs]))


def _reached(runs: list[Run], target: float) -> bool:
    """Whether every run got there, or died out on the way, and some did get there."""
    there = [target in run.passed for run in runs]
    extinct = ["no particle was left" in (run.record.why_it_stopped or "") for run in runs]
    return any(there) and all(a or b for a, b in zip(there, extinct, strict=True))


def _answer(groups: list[list[Run]], targets: np.ndarray, why: str) -> InductiveBias:
    """What the last two groups say together."""
    first, second = groups[-2:]
    runs = first + second
    n, drawn = (sum(x) for x in zip(*_counts_of_fitted(runs), strict=True))
    rows = [_of_target(first, second, float(t)) for t in targets.ravel()]
    ordered = sorted(runs[0].log_p, reverse=True)
    trace = RunsTrace(
        target_error=np.array(ordered),
        log_p=np.array([[run.log_p[t] for t in ordered] for run in runs]),
        moves=np.array([run.moves for run in runs]),
        runs=tuple(run.record.trace(run.population, run.variance()) for run in runs),
        variance=np.array([_mean(runs, t).variance for t in ordered]),
        fitted=n / drawn,
        fitted_interval=fraction_limits(n, drawn),
        doublings=len(groups) - 1,
        why_it_stopped=next(
            (w for run in runs if not run.record.reached and (w := run.record.why_it_stopped)),
            "the target was reached",
        ),
        why_this_method=why,
    )
    bits, low, high, at_least, doubt = (
        np.array(column).reshape(targets.shape) for column in zip(*rows, strict=True)
    )
    return InductiveBias(
        plain(bits),
        plain(targets),
        interval=None if (doubt != "").all() else (plain(low), plain(high)),
        at_least=plain(at_least),
        trace=trace,
        doubt=plain(doubt),
    )


def _counts_of_fitted(runs: list[Run]) -> list[tuple[int, int]]:
    return [(len(run.population.losses), run.population.drawn) for run in runs]


def _of_target(
    first: list[Run], second: list[Run], target: float
) -> tuple[float, float, float, bool, str]:
    """Bits, their limits, whether they are a lower limit, and why not to trust them."""
    runs = first + second
    if not _reached(runs, target):
        # Runs that were stopped at the same bits scatter in their levels, which only their family
        # trees show.
        last = Mean.of(np.array([_at_most(run, target) for run in runs]))
        by_families = math.sqrt(np.mean([run.variance() for run in runs]) / len(runs))
        low = max(-(last.log_p + max(last.margin, 1.96 * by_families)) / math.log(2), 0.0)
        return low, low, math.inf, True, ""
    mean = _mean(runs, target)
    bits, margin = max(-mean.log_p / math.log(2), 0.0), mean.margin / math.log(2)
    families = sum(run.families_at(target) for run in runs)
    if doubt := _doubt(mean, _mean(first, target), _mean(second, target), families):
        return bits, math.nan, math.nan, False, doubt
    return bits, max(bits - margin, 0.0), bits + margin, False, ""


def _at_most(run: Run, target: float) -> float:
    """log P of the target where the run passed it, else of the last level above it."""
    if target in run.passed:
        return run.log_p[target]
    return -run.record.nats[-1] if run.record.nats else 0.0


def _doubt(mean: Mean, first: Mean, second: Mean, families: int) -> str:
    """Why an estimate is not to be trusted, or nothing."""
    if mean.log_p == -math.inf:
        return "no hypothesis of any run was so good"
    if not first.agrees_with(second):
        before, after = (-a.log_p / math.log(2) for a in (first, second))
        return f"doubling the moves took {before:.1f} bits to {after:.1f}; give more moves"
    if mean.variance > MOST_VARIANCE:
        scatter = math.exp(min(math.sqrt(mean.variance), 700.0))
        return f"runs scatter by a factor of {scatter:.2g} in P; give more particles"
    if families < _FEWEST_ANCESTORS:
        return (
            f"{families} of the first particles of all runs have descendants left, fewer than "
            f"{_FEWEST_ANCESTORS}; give more particles"
        )
    return ""
