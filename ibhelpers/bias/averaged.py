r"""Bits averaged over what the training data leave open of the space itself.

`GaussianSpace.fit` chooses one lengthscale, amplitude and noise; the training data make others
nearly as probable. A designer who has only these data draws a hypothesis in two steps, a space by
its probability and a hypothesis from it:

    P(loss ≤ ε) = ∫ P(loss ≤ ε | x, s) p(x, s | Y) dx ds

with s the amplitude and x the other numbers, all as logarithms, of which none is preferred
beforehand. Deep in the tail the integral is not where p(x, s | Y) is: spaces that are improbable
may reach the target so much more easily that they carry it. So both integrals, this one and that of
p alone, are sums over the nodes of one lattice, which is explored from the chosen space towards
whatever node is large in either. Over s, which needs no conditioning, one more sum is taken at
each.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .._arguments import non_negative
from .._progress import counter
from .._typed import typed
from ..kernels import Kernel
from ..laws import GeneralizedChi2
from ..spaces import GaussianSpace
from ..tasks import Task
from .inductive_bias import inductive_bias

_MOST = 3  # numbers besides the amplitude: beyond, a lattice has too many nodes
_STEP = 1.4  # between nodes, in standard deviations: the sum of a normal density is good to 1e-4
_DEPTH = 8.0  # nats below the largest node, where nodes are left out
_WIDEST = 1.5  # step, in logarithms, where the data say little
_RANGE = math.log(100.0)  # of each number, around the chosen one
_QUIETEST = 1e-8  # noise, as a share of the amplitude
_NODES = 2000
_SCORES = (-1.2816, -0.5244, 0.0, 0.5244, 1.2816)  # of a normal number: middles of five equal parts


@dataclass(frozen=True)
class AveragedBias:
    """Bits of the chosen space, and of all spaces that the training data leave possible.

    Attributes
    ----------
    bits : float
        −log2 of the probability averaged over spaces.
    chosen : float
        The bits of the chosen space alone.
    low, high : float
        Between which 95 % of the spaces' own bits are, by their probability.
    target_error : float
        ε.
    nodes : int
        How many spaces were conditioned on the training data.
    """

    bits: float
    chosen: float
    low: float
    high: float
    target_error: float
    nodes: int

    def __repr__(self) -> str:
        """Say the three in one line."""
        return (
            f"{self.bits:.1f} bits at target error {self.target_error:g}, averaged over spaces; "
            f"{self.chosen:.1f} of the chosen one; 95 % of spaces from {self.low:.1f} to "
            f"{self.high:.1f}"
        )


@typed
def averaged_bias(space: GaussianSpace, task: Task, target_error: float) -> AveragedBias:
    """The required bias when lengthscale, amplitude and noise are averaged over, not chosen.

    Parameters
    ----------
    space : GaussianSpace
        As `GaussianSpace.fit` returns it.
    task : Task
        That it was fitted to.
    target_error : float
        ε > 0, a mean squared error.

    Returns
    -------
    AveragedBias

    Raises
    ------
    ValueError
        If the space was not chosen by `fit`, has more than three numbers besides its amplitude, or
        the target error is not positive; and as for `GaussianSpace.loss_law`.

    Notes
    -----
    The prior is flat in the logarithms: of the amplitude everywhere, of the other numbers within a
    factor of 100 of the chosen ones, of the noise from 1e-8 of the amplitude. Each of some
    dozens of nodes takes the time of conditioning and one law.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=100, n_test=50)
    >>> found = ib.bias.averaged_bias(ib.GaussianSpace.fit(task), task, 0.02)
    >>> found.bits < found.chosen
    True
    """
    target = non_negative("target_error", target_error)
    if space.choice is None:
        raise ValueError("space: it was not chosen by the data; give what GaussianSpace.fit gives.")
    if target == 0.0:
        raise ValueError(
            "target_error: found 0.0, which no hypothesis reaches; give a positive one."
        )
    shape, noise = space.choice.kernel, space.choice.noise / space.choice.amplitude
    values = [value for _, value in shape.free()] + [noise] * (noise > 0)
    if len(values) > _MOST:
        raise ValueError(
            f"space: it has {len(values)} numbers besides its amplitude, more than {_MOST}; give "
            "one with a single lengthscale."
        )
    chosen = np.log(values)
    lower, upper = chosen - _RANGE, chosen + _RANGE
    if noise > 0:
        variance = float(shape.diagonal(task.X_train).mean())
        lower[-1] = min(chosen[-1], math.log(_QUIETEST * variance))

    with counter("averaging", "spaces", shown=space.progress) as bar:

        def node(x: np.ndarray) -> _Node:
            kernel, share = _at(shape, x, noise > 0)
            bar.update()
            return _Node.of(kernel, share, task, target, space)

        lattice = _explored(node, chosen, lower, upper)
    log_p = np.array([found.log_evidence + weight for found, weight in lattice])
    log_q = np.array([found.log_joint + weight for found, weight in lattice])
    low, high = _middle(lattice, log_p, target)
    average = np.logaddexp.reduce(log_q) - np.logaddexp.reduce(log_p)
    return AveragedBias(
        bits=max(0.0, float(-average / math.log(2))),
        chosen=float(inductive_bias(space.loss_law(task), target).bits),
        low=low,
        high=high,
        target_error=target,
        nodes=len(lattice),
    )


@dataclass(frozen=True)
class _Node:
    """One kernel and noise share, with the amplitude integrated over.

    Attributes
    ----------
    log_evidence : float
        log ∫ p(Y | x, s) d log s.
    log_joint : float
        log ∫ p(Y | x, s) P(loss ≤ ε | x, s) d log s.
    law : GeneralizedChi2
        Of the loss at amplitude 1.
    best, deviation : float
        Of log s, by p(Y | x, s).
    """

    log_evidence: float
    log_joint: float
    law: GeneralizedChi2
    best: float
    deviation: float

    @classmethod
    def of(
        cls, kernel: Kernel, share: float, task: Task, target: float, like: GaussianSpace
    ) -> _Node:
        space = GaussianSpace(kernel, noise=share, device=like.device, progress=False)
        found = space.assess(task, leave_one_out=False)
        law, quadratic = found.law, found.quadratic
        half = task.n_train * task.n_outputs / 2
        constant = found.log_marginal_likelihood + quadratic / 2  # of log p, in s

        def log_p(log_s: float) -> float:
            return constant - quadratic / 2 * math.exp(-log_s) - half * log_s

        def log_good(log_s: float) -> float:
            return float(_scaled(law, math.exp(log_s)).logcdf(target))

        best, deviation = math.log(quadratic / (2 * half)), half**-0.5
        evidence = constant + math.lgamma(half) - half * math.log(quadratic / 2)
        joint = _integral(lambda u: log_p(u) + log_good(u), best, deviation)
        return cls(evidence, joint, law, best, deviation)

    def bits(self, target: float) -> list[float]:
        """At five amplitudes of equal probability, by the normal law that log s nearly has."""
        log_s = [self.best + self.deviation * score for score in _SCORES]
        return [-_scaled(self.law, math.exp(u)).logcdf(target) / math.log(2) for u in log_s]


def _scaled(law: GeneralizedChi2, s: float) -> GeneralizedChi2:
    """The law where the covariance of the hypotheses is s times what it was, and the mean is not.

    A law of rounding errors goes with the covariance, and is left out.
    """
    return GeneralizedChi2(law.weights * s, law.df, law.nc / s, law.offset)


def _integral(log_f: Callable[[float], float], at: float, step: float) -> float:
    """log ∫ exp(log f(u)) du of a function with one peak, by the trapezoid rule around it.

    For a density like a normal one the rule is good to 1e-4 with nodes 1.4 deviations apart.
    """
    known: dict[float, float] = {}

    def f(u: float) -> float:
        if u not in known:
            known[u] = log_f(u)
        return known[u]

    stride = step  # towards the peak, ever faster while it rises
    while True:
        ahead, behind = f(at + stride), f(at - stride)
        if max(ahead, behind) > f(at):
            at += stride if ahead > behind else -stride
            stride *= 2
        elif stride > step:
            stride /= 4
        else:
            break
    curvature = (2 * f(at) - ahead - behind) / stride**2
    step = min(_STEP / math.sqrt(curvature), 4 * step) if curvature > 0 else step
    terms = [f(at)]
    for side in (-step, step):
        u = at
        while len(terms) < _NODES and f(u := u + side) > f(at) - 14.0:
            terms.append(f(u))
    return float(np.logaddexp.reduce(terms)) + math.log(step)


def _explored(
    node: Callable[[np.ndarray], _Node],
    chosen: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> list[tuple[_Node, float]]:
    """Nodes of a lattice through the chosen point that matter, each with the log of its weight.

    The most promising neighbours are visited first, so that the sum finds its own mode.
    """
    steps = _steps(node, chosen, lower, upper)
    found: dict[tuple[int, ...], _Node] = {}
    queue: list[tuple[float, tuple[int, ...]]] = [(0.0, (0,) * len(chosen))]
    best = np.full(2, -math.inf)
    while queue and len(found) < _NODES:
        priority, place = heapq.heappop(queue)
        if place in found or priority > _DEPTH:
            continue
        here = found[place] = node(chosen + steps * place)
        best = np.maximum(best, (here.log_evidence, here.log_joint))
        below = min(best[0] - here.log_evidence, best[1] - here.log_joint)
        if below > _DEPTH:
            continue
        for i in range(len(chosen)):
            for way in (-1, 1):
                beside = tuple(p + way * (i == j) for j, p in enumerate(place))
                x = chosen + steps * beside
                if beside not in found and (x >= lower - 1e-9).all() and (x <= upper + 1e-9).all():
                    heapq.heappush(queue, (below, beside))
    edge = np.log([0.5, 1.0])  # the trapezoid rule's end, where a bound is a node
    return [
        (here, float(sum(edge[int(abs(x - end) > 1e-9)] for x, end in zip(at, lower, strict=True))))
        for place, here in found.items()
        for at in [chosen + steps * place]
    ]


def _steps(
    node: Callable[[np.ndarray], _Node],
    chosen: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
) -> np.ndarray:
    """Distances of nodes: of the order of the standard deviation of each number, others fixed."""
    middle, steps = node(chosen).log_evidence, np.full(len(chosen), _WIDEST)
    for i in range(len(chosen)):
        unit, width = np.eye(len(chosen))[i], 0.1
        for _ in range(3):
            sides = [node(chosen + way * width * unit).log_evidence for way in (-1, 1)]
            curvature = (2 * middle - sum(sides)) / width**2
            if curvature <= 0 or chosen[i] - lower[i] < width:
                width = _WIDEST
                break
            width = min(curvature**-0.5, _WIDEST)
        steps[i] = min(_STEP * width, _WIDEST)
    return steps


def _at(shape: Kernel, x: np.ndarray, noisy: bool) -> tuple[Kernel, float]:
    values = np.exp(x).tolist()
    return shape.with_free(iter(values)), values[-1] if noisy else 0.0


def _middle(
    lattice: list[tuple[_Node, float]], log_p: np.ndarray, target: float
) -> tuple[float, float]:
    """The bits below and above which 2.5 % of the spaces are."""
    plausible = np.flatnonzero(log_p > log_p.max() - _DEPTH)
    bits = np.concatenate([lattice[i][0].bits(target) for i in plausible])
    weight = np.repeat(np.exp(log_p[plausible] - log_p.max()), len(_SCORES))
    order = np.argsort(bits)
    below = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    low, high = np.interp([0.025, 0.975], below, bits[order])
    return float(low), float(high)
