r"""The bias under any loss, where no law is known and no draw is good enough, by simulation.

Two constructions. The *bridge* walks to the target by weights exp(-s loss), in steps that a pilot
chose before; *splitting* kills the worse half of a population again and again. The bridge is the
better one wherever its moves mix; where both reach, they must agree.
"""

from __future__ import annotations

import math
import os
from functools import partial
from typing import Any

import numpy as np
import torch

from .._arguments import ArrayLike, as_array, non_negative, one_of, positive, seed_of, whole
from .._cluster import answers_of, in_their_order, refuse_what_is_no_client
from .._progress import counter
from .._typed import typed
from ..networks import NetworkSpace
from ..spaces import GaussianSpace, HypothesisSpace, Loss
from ..spaces.losses import NAMED, CrossEntropy, PointLoss
from ..tasks import Task
from ._bridge import answer, cross, moves_for, step_of, unmixed
from ._moves import Moves
from ._repeated import through_training
from ._splitting import split
from ._walk import Pilot, Plan
from .inductive_bias import InductiveBias

_METHODS = ("auto", "bridge", "splitting")


@typed
def rare_event_bias(
    space: HypothesisSpace,
    task: Task,
    *,
    loss: Loss,
    target_error: ArrayLike,
    seed: int,
    method: str = "auto",
    runs: int = 8,
    particles: int | None = None,
    moves: int | None = None,
    batch: int | None = None,
    max_bits: float | None = None,
    dtype: torch.dtype = torch.float64,
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool = True,
    client: Any = None,
) -> InductiveBias:
    r"""The inductive bias under any loss, by simulation, with a 95 % interval.

    Parameters
    ----------
    space : HypothesisSpace
        A `GaussianSpace`, such as `InfiniteNetworkSpace`; a `NetworkSpace`, whose networks are
        trained at every move; or a reader's own, which splitting takes. Its device is used.
    task : Task
        What to learn.
    loss : {"mse", "zero_one", "cross_entropy"} or one of `ibhelpers.losses` or callable
        "zero_one" is the error rate. A callable takes outputs (b, m, k) of b hypotheses, and the
        task, and returns b losses. "cross_entropy" is `ibhelpers.losses.CrossEntropy.fit`.
    target_error : float or array_like
        In units of the loss. Several cost little more than the deepest, by the bridge.
    seed : int
        The same seed gives the same numbers. The pilot and the runs have seeds of their own.
    method : {"auto", "bridge", "splitting"}
        "auto" is the bridge, unless its pilot finds that moves do not mix: then it is splitting.
        ``trace.why_this_method`` says it.
    runs : int
        Independent runs, at least 8: of the bridge, and as many again with twice the moves; of
        splitting through training, half of them with twice the moves.
    particles : int, optional
        Hypotheses a run. The bridge takes 100 and five more a step; splitting takes 1000, and
        through training 200.
    moves : int, optional
        Steps a level of splitting, 10 when not given, and through training 8. The bridge's are
        chosen by its pilot.
    batch : int, optional
        Hypotheses that splitting evaluates at once; as many as make four million outputs when not
        given.
    max_bits : float, optional
        Stop here, with "at least b bits"; 100,000 when not given.
    dtype : torch.dtype
        torch.float64 or torch.float32, of hypotheses and costs; losses are added up in float64.
        Of a `NetworkSpace`, only of the variables: its own ``dtype`` is that of the networks.
    checkpoint : path-like, optional
        An npz file, for a `NetworkSpace`, that receives the runs level by level. A run that was
        killed goes on from there, and finds what it would have found.
    progress : bool
        Show a progress bar.
    client : dask.distributed.Client, optional
        On whose workers to split: the runs through training, or the targets, each a task; the
        numbers stay the same. A worker that dies costs the tasks that it had. The runs of a bridge
        share one stream of random numbers, and are done here. Needs
        ``pip install ibhelpers[cluster]``.

    Returns
    -------
    InductiveBias
        With ``interval`` and ``trace``, a `Trace`, `BridgeTrace` or `RunsTrace`;
        ``trace.threshold`` and ``trace.bits`` of the bridge are
        the bits of every error rate on the way. Where the interval cannot be trusted it is None
        (NaN for one of several targets), and ``doubt`` says why. ``at_least`` is true where a
        target was not reached; ``bits`` is then the lower limit for the smallest loss that was.

    Raises
    ------
    ValueError
        If an argument is not of its kind, a target is negative (for named losses) or not finite, a
        setting belongs to the other method, or a loss returns the wrong shape or NaN; if a client
        is given for a bridge.
    ImportError
        If a client is given and Dask is not installed.

    Notes
    -----
    *Bridge.* With Z(s) = E exp(-s loss),

    .. math:: P(\mathrm{loss} \le \varepsilon)
              = Z(s)\; E_s\bigl[e^{s\,\mathrm{loss}}\, 1\{\mathrm{loss} \le \varepsilon\}\bigr].

    A pilot finds the steps of s (each leaves the weights of a population an effective half), the
    sweeps of moves after which hypotheses are forgotten, and at which step each target is counted.
    The runs then follow this plan, and nothing adapts: their estimates of P are unbiased however
    poor the moves (P. Del Moral, Feynman-Kac Formulae, Springer 2004, theorem 7.4.2). They are
    averaged in P, extinct ones as 0.

    *Moves.* For losses that add up costs of test points, points turn on ellipses, given the outputs
    at all others, 64 at a time: what ties these to each other is drawn first, and given that each
    turns by itself; half turns, which are cheap, then take points on together. Where points are
    right or wrong, the label's output and that of the rival it has to pass trade a normal number
    that is drawn exactly, so that points that are seldom right find the way. Any other loss, and a
    covariance that is singular, turns eight directions at a time. See `ibhelpers.losses`.

    *What the interval covers.* The scatter of independent runs, by Student's t for the mean of a
    log-normal variable. Runs also share what poor mixing does to them all, which it does not show:
    so half the runs have twice the moves, and if the two halves differ by more than 3.5 standard
    errors, moves are doubled again, up to eight-fold, and then the interval is refused. It is
    refused too if log P scatters by more than one nat. What remains is an upper limit: an unbiased
    estimate is more than 20 times too large in at most one case of 20.

    *Splitting.* One run. Its interval comes from its family tree: it covers the scatter of runs as
    long as families are many and moves mix, and nothing of what a small population has in common
    with its likes, which overstate the bits together. Where fewer than 20 of the first particles
    have descendants left, the interval is refused.

    *Splitting through training.* A trained network is a function of its initial weights and its
    data order, and these of normal variables: torch's normal numbers are σz + μ, its uniform ones
    a + (b - a) Φ(z), and the order is that of the ranks of one variable an example and epoch. A
    move turns the variables, trains the whole population at once, and keeps what is below the
    level. Networks that do not count as fitted (``NetworkSpace(max_train_loss=...)``) are refused
    all along; what fraction does is ``trace.fitted``. The interval is the bridge's, from the
    scatter of at least eight runs, and is refused as the bridge's is; and where fewer than 20 of
    the first particles of all runs have descendants left.

    A loss counts as at the target when it exceeds it by less than 1e-12 of it, so that P(errors <=
    j) is exact for every count j of errors.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=50, n_test=20)
    >>> space = ib.GaussianSpace(ib.kernels.RBF(lengthscale=2.0))
    >>> ib.rare_event_bias(
    ...     space, task, loss="zero_one", target_error=[0.2, 0.0], seed=0, progress=False
    ... )
    10.0 bits at target error 0.2 (between 9.9 and 10.1)
    26.1 bits at target error 0 (between 25.9 and 26.2)
    """
    seed, runs = seed_of(seed), whole("runs", runs, at_least=8)
    if particles is not None:
        particles = whole("particles", particles, at_least=2)
    limit = 1e5 if max_bits is None else positive("max_bits", max_bits)
    _refuse_dtype(dtype)
    why = "asked for"
    one_of("method", method, _METHODS)
    if not isinstance(space, GaussianSpace):
        method, why = _refuse_bridge(space, method), "the space is no GaussianSpace"
    if method != "splitting":
        _refuse("the bridge's pilot chooses it", moves=moves, batch=batch)
        _refuse("a bridge's runs share one stream of random numbers", client=client)
    if client is not None:
        refuse_what_is_no_client(client)
    loss = _known(loss, space, task, seed)
    targets = _checked_targets(target_error, loss)
    if isinstance(space, NetworkSpace):
        return through_training(
            space,
            task,
            loss=loss,
            targets=targets,
            seed=seed,
            runs=runs,
            particles=particles,
            moves=moves,
            batch=batch,
            max_bits=limit,
            dtype=dtype,
            checkpoint=checkpoint,
            progress=progress,
            client=client,
        )
    if checkpoint is not None:
        raise ValueError(
            f"checkpoint: found {str(checkpoint)!r} for a {type(space).__name__}; only splitting "
            "through training, of a NetworkSpace, takes so long that it is kept. Leave it out."
        )
    if method != "splitting" and isinstance(space, GaussianSpace):
        bridge = moves_for(space, task, loss, dtype)
        plan = _plan(bridge, targets, seed, step_of(loss, task), limit, progress)
        trouble = unmixed(plan) if method == "auto" else ""
        if not trouble:
            if method == "auto":
                why = "the pilot of a bridge found moves that mix"
            trace = cross(
                bridge,
                plan,
                runs=runs,
                particles=particles,
                seed=seed,
                why=why,
                progress=progress,
            )
            return answer(trace, targets)
        why = trouble
    reach = partial(
        _split_to,
        space,
        task,
        loss=loss,
        particles=1000 if particles is None else particles,
        moves=10 if moves is None else moves,
        seed=seed,
        batch=batch,
        max_bits=limit,
        dtype=dtype,
        why=why,
        progress=progress,
    )
    each = targets.ravel().tolist()
    biases = map(reach, each) if client is None else in_their_order(answers_of(client, reach, each))
    return _stacked(list(biases), targets)


def _split_to(space: HypothesisSpace, task: Task, target: float, **settings: Any) -> InductiveBias:
    return split(space, task, target=target, **settings)


@typed
def error_within_bits(
    space: GaussianSpace,
    task: Task,
    *,
    loss: Loss,
    bits: float,
    seed: int,
    runs: int = 8,
    particles: int | None = None,
    dtype: torch.dtype = torch.float64,
    progress: bool = True,
) -> InductiveBias:
    """The smallest loss that so many bits of inductive bias buy: `rare_event_bias`, inverted.

    Parameters
    ----------
    bits : float
        What there is to spend, at least 0.
    space, task, loss, seed, runs, particles, dtype, progress
        As for `rare_event_bias`, by its bridge.

    Returns
    -------
    InductiveBias
        Its ``target_error`` is the answer, and its ``bits``, at most those given, what it takes.
        For losses that come in steps, as error rates do, it is the best of them. Others are
        counted at a few places every few bits, of which it is the best.

    Raises
    ------
    ValueError
        As for `rare_event_bias`; if the bits buy nothing that the space does not give anyway.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> task = ib.tasks.load("digits", n_train=50, n_test=20)
    >>> space = ib.GaussianSpace(ib.kernels.RBF(lengthscale=2.0))
    >>> ib.error_within_bits(space, task, loss="zero_one", bits=10, seed=0, progress=False)
    7.6 bits at target error 0.25 (between 7.5 and 7.8)
    """
    budget = non_negative("bits", bits)
    seed, runs = seed_of(seed), whole("runs", runs, at_least=8)
    if particles is not None:
        particles = whole("particles", particles, at_least=2)
    _refuse_dtype(dtype)
    loss = _known(loss, space, task, seed)
    bridge = moves_for(space, task, loss, dtype)
    everything = np.array(-math.inf)
    # The pilot goes a little further, since it knows the bits only roughly.
    plan = _plan(bridge, everything, seed, step_of(loss, task), 1.1 * budget + 5, progress)
    trace = cross(
        bridge,
        plan,
        runs=runs,
        particles=particles,
        seed=seed,
        why="asked for",
        progress=progress,
    )
    best = trace.error_within(budget)
    if best == math.inf:
        raise ValueError(
            f"bits: found {budget:g}, which buys no loss below {trace.threshold[0]:.6g}; the "
            f"first {trace.bits[0]:.2g} bits buy that."
        )
    return answer(trace, np.array(best))


def _refuse_dtype(dtype: object) -> None:
    if not isinstance(dtype, torch.dtype) or dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype: found {dtype!r:.60}; give torch.float32 or torch.float64.")


def _plan(
    moves: Moves,
    targets: np.ndarray,
    seed: int,
    step: float | None,
    max_bits: float,
    progress: bool,
) -> Plan:
    with counter("pilot", "steps", shown=progress) as bar:
        return Pilot(moves, seed).plan(targets, step, max_bits, bar)


def _refuse_bridge(space: object, method: str) -> str:
    """The method for a space that is not Gaussian, if it has what splitting needs."""
    if not isinstance(space, HypothesisSpace):
        raise ValueError(
            f"space: found {type(space).__name__}, whose hypotheses are no known functions of "
            "normal variables; give a GaussianSpace, an InfiniteNetworkSpace, or a space of your "
            "own with a method hypotheses(task). Losses of trained networks are sampled: "
            "estimate_bias(space.sample_losses(task, ...), target_error)."
        )
    if method == "bridge":
        raise ValueError(
            f"method: found 'bridge' for a {type(space).__name__}; it needs a GaussianSpace. Give "
            "'splitting', or leave it out."
        )
    return "splitting"


def _known(loss: Loss, space: HypothesisSpace, task: Task, seed: int) -> Loss:
    """A loss, the named one if it has a name."""
    if isinstance(loss, str):
        if loss == "cross_entropy":
            if not isinstance(space, GaussianSpace):
                raise ValueError(
                    f"loss: 'cross_entropy' has its temperature chosen by a GaussianSpace, and "
                    f"found {type(space).__name__}; give losses.CrossEntropy(temperature)."
                )
            return CrossEntropy.fit(space, task, seed=seed)
        return NAMED[one_of("loss", loss, [*NAMED, "cross_entropy"])]()
    if not callable(loss):
        raise ValueError(f"loss: found {loss!r}; give a name, or a callable of (outputs, task).")
    return loss


def _checked_targets(target_error: ArrayLike, loss: Loss) -> np.ndarray:
    targets = as_array("target_error", target_error)
    negative = isinstance(loss, PointLoss) and loss.non_negative
    for target in targets.ravel():
        if not math.isfinite(target) or (negative and target < 0):
            raise ValueError(
                f"target_error: found {float(target)!r}; give finite numbers, of at least 0 for "
                "the named losses, which are never negative."
            )
    if targets.size == 0:
        raise ValueError("target_error: found none; give one or more.")
    return targets


def _refuse(why: str, **settings: object) -> None:
    for name, value in settings.items():
        if value is not None:
            raise ValueError(
                f"{name}: found {value!r}, a setting of splitting; {why}. Leave it out, or give "
                "method='splitting'."
            )


def _stacked(biases: list[InductiveBias], targets: np.ndarray) -> InductiveBias:
    """One answer of several."""
    if targets.ndim == 0:
        return biases[0]

    def array(values: list) -> np.ndarray:
        return np.array(values).reshape(targets.shape)

    ends = [(math.nan, math.nan) if bias.interval is None else bias.interval for bias in biases]
    return InductiveBias(
        array([bias.bits for bias in biases]),
        targets,
        interval=(array([low for low, _ in ends]), array([high for _, high in ends])),
        at_least=array([bias.at_least for bias in biases]),
        trace=biases[int(np.argmin(targets))].trace,
        doubt=array([bias.doubt for bias in biases]),
    )
