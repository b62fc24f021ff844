r"""A bridge to a target: a plan by a pilot, runs that follow it, and whether to trust them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .._arguments import torch_generator_of
from ..spaces import GaussianSpace, Loss, loss_function
from ..spaces.losses import BoundLoss, PointLoss
from ..tasks import Task
from ._agreement import MOST_VARIANCE, Mean
from ._moves import DirectionMoves, Moves, PointMoves
from ._walk import FORGOTTEN, Plan, follow
from .inductive_bias import InductiveBias
from .trace import BridgeTrace

_MOST_DOUBLINGS = 3
_STIFF = 1e-3  # a point that keeps less of its variance, given the others, hardly moves alone
_MARKOV = math.log2(20)  # bits: P(estimate >= 20 P) <= 1/20 for an unbiased estimate


def moves_for(space: GaussianSpace, task: Task, loss: Loss, dtype: torch.dtype) -> Moves:
    """Point by point if the loss has costs of points and the others leave each some freedom."""
    spectrum = space.spectrum(task)
    if not isinstance(loss, PointLoss):
        return DirectionMoves(spectrum, loss_function(loss, task), dtype)
    bound = BoundLoss.of(loss, task, spectrum.mean.device)
    if bool((spectrum.variance > spectrum.resolution).all()):
        marginal = spectrum.directions.square() @ spectrum.variance
        given_others = 1 / (spectrum.directions.square() @ (1 / spectrum.variance))
        if float((given_others / marginal).median()) > _STIFF:
            return PointMoves(spectrum, bound, dtype)
    return DirectionMoves(spectrum, bound, dtype)


def step_of(loss: Loss, task: Task) -> float | None:
    """What all losses are multiples of, where costs are whole; else None."""
    return 1 / task.n_test if isinstance(loss, PointLoss) and loss.whole_costs else None


def unmixed(plan: Plan) -> str:
    """Why the moves of a plan are not to be trusted, in words, or nothing."""
    if len(_slow(plan)) <= len(plan.s) // 10:
        return ""
    return (
        f"the pilot of a bridge found no moves that mix: after {plan.sweeps[-1]} sweeps hypotheses "
        f"were still correlated with themselves, by {max(plan.correlation):.2f}"
    )


def _slow(plan: Plan) -> np.ndarray:
    """The steps whose moves did not make the pilot's hypotheses forget where they were."""
    return np.flatnonzero(np.array(plan.correlation) > FORGOTTEN)


@dataclass(frozen=True)
class _Group:
    """Runs with so many times the planned sweeps: the mean of each threshold."""

    log_p: np.ndarray
    families: np.ndarray
    means: list[Mean]


def cross(
    moves: Moves,
    plan: Plan,
    *,
    runs: int,
    particles: int | None,
    seed: int,
    why: str,
    progress: bool,
) -> BridgeTrace:
    """Follow the plan in independent runs, doubling the moves until that changes nothing."""
    particles = plan.particles if particles is None else particles
    # Not the pilot's seed: its choices must know nothing of the runs.
    own = int(np.random.SeedSequence([seed, 1]).generate_state(1)[0])
    generator = torch_generator_of(own, moves.mean.device)
    groups: list[_Group] = []
    while len(groups) < 2 or (not all(_agree(groups)) and len(groups) <= _MOST_DOUBLINGS):
        found = follow(
            moves,
            plan,
            runs=runs,
            particles=particles,
            times=2 ** len(groups),
            generator=generator,
            progress=progress,
        )
        means = [Mean.of(column) for column in found.log_p.T]
        groups.append(_Group(found.log_p, found.families, means))
    return _traced(plan, groups, particles, why)


def _agree(groups: list[_Group]) -> list[bool]:
    return [a.agrees_with(b) for a, b in zip(groups[-2].means, groups[-1].means, strict=True)]


def _traced(plan: Plan, groups: list[_Group], particles: int, why: str) -> BridgeTrace:
    """What the last two groups say together."""
    pooled = np.concatenate([groups[-2].log_p, groups[-1].log_p])
    means = [Mean.of(column) for column in pooled.T]
    bits = np.array([-mean.log_p / math.log(2) for mean in means]).clip(min=0) + 0.0
    margin = np.array([mean.margin / math.log(2) for mean in means])
    trouble, since = unmixed(plan), min(_slow(plan), default=0)
    doubt = np.array(
        [
            _doubt(mean, first, second, agreed, trouble if step >= since else "")
            for mean, first, second, agreed, step in zip(
                means, groups[-2].means, groups[-1].means, _agree(groups), plan.step, strict=True
            )
        ]
    )
    return BridgeTrace(
        s=np.array(plan.s),
        sweeps=np.array(plan.sweeps),
        correlation=np.array(plan.correlation),
        families=np.minimum(groups[-2].families.min(0), groups[-1].families.min(0)),
        threshold=plan.thresholds,
        bits=bits,
        low=np.where(doubt == "", (bits - margin).clip(min=0), math.nan),
        high=np.where(doubt == "", bits + margin, math.nan),
        variance=np.array([mean.variance for mean in means]),
        doubt=doubt,
        particles=particles,
        runs=len(pooled),
        doublings=len(groups) - 1,
        why_this_method=why,
        why_it_stopped=plan.why_it_stopped or "the target was reached",
    )


def _doubt(mean: Mean, first: Mean, second: Mean, agreed: bool, trouble: str) -> str:
    """Why an estimate is not to be trusted, or nothing."""
    if mean.log_p == -math.inf:
        return "no hypothesis of any run was so good"
    at_most = f"at most {mean.log_p / -math.log(2) + _MARKOV:.1f} bits, whatever the moves"
    if not agreed:
        before, after = (-a.log_p / math.log(2) for a in (first, second))
        return f"doubling the moves took {before:.1f} bits to {after:.1f}; {at_most}"
    if trouble:
        return f"{trouble}; {at_most}"
    if mean.variance > MOST_VARIANCE:
        scatter = math.exp(min(math.sqrt(mean.variance), 700.0))
        return f"runs scatter by a factor of {scatter:.2g} in P, give more particles; {at_most}"
    return ""


def answer(trace: BridgeTrace, targets: np.ndarray) -> InductiveBias:
    """The bits of the targets, from those of all thresholds."""
    reached = targets >= trace.threshold[-1]
    # Thresholds decrease; those not reached have the limits of the smallest that was.
    i = np.where(reached, np.searchsorted(-trace.threshold, -targets), len(trace.threshold) - 1)
    i = i.clip(max=len(trace.threshold) - 1)
    low = np.where(np.isfinite(trace.low[i]), trace.low[i], 0.0)
    bits = np.where(reached, trace.bits[i], low)
    low = np.where(reached, trace.low[i], low)
    high = np.where(reached, trace.high[i], math.inf)
    certain = np.where(reached, trace.doubt[i], "")
    return InductiveBias(
        plain(bits),
        plain(targets),
        interval=None if (certain != "").all() else (plain(low), plain(high)),
        at_least=plain(~reached),
        trace=trace,
        doubt=plain(certain),
    )


def plain(a: np.ndarray | np.generic) -> Any:
    """A number where there is one."""
    return a.item() if a.ndim == 0 else a
