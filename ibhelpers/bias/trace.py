"""The record of a simulation, by which a reader can judge its result."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

ACCEPTANCE = 0.3  # of the moves of splitting, which the step is adapted to


@dataclass(frozen=True, eq=False)
class Trace:
    """What happened at every level of a splitting run; arrays of shape (levels,).

    Attributes
    ----------
    threshold : ndarray
        The loss that every particle kept at this level is below, in units of the loss; for the
        last level the target itself, which a loss may equal.
    surviving : ndarray
        The fraction of particles that were.
    nats : ndarray
        -log of the product of the fractions so far: the estimate of -log P(loss < threshold).
    acceptance : ndarray
        The fraction of proposed moves that were accepted after this level; NaN after the last.
    step : ndarray
        β of the proposals √(1 - β²) z + β ξ at the end of this level's moves.
    ancestors : ndarray
        How many of the first particles have descendants left. Near 1, all are relatives.
    variance : float
        Estimated variance of log P, see `rare_event_bias`.
    why_it_stopped, why_this_method : str
        In words.
    fitted : float
        The fraction of the first hypotheses drawn that counted as fitted: P is given that they do.
    """

    threshold: Float[np.ndarray, " levels"]
    surviving: Float[np.ndarray, " levels"]
    nats: Float[np.ndarray, " levels"]
    acceptance: Float[np.ndarray, " levels"]
    step: Float[np.ndarray, " levels"]
    ancestors: Int[np.ndarray, " levels"]
    variance: float
    why_it_stopped: str
    why_this_method: str = ""
    method: str = "splitting"
    fitted: float = 1.0


@dataclass(frozen=True, eq=False)
class RunsTrace:
    """What independent runs of splitting through training found, and whether they agree.

    Attributes
    ----------
    target_error : ndarray, shape (targets,)
        In decreasing order.
    log_p : ndarray, shape (runs, targets)
        Each run's estimate of log P(loss <= target); -inf where none of its hypotheses got there.
    moves : ndarray of int, shape (runs,)
        A level, of each run: half of the runs made twice as many as the others.
    runs : tuple of Trace
        Level by level.
    variance : ndarray, shape (targets,)
        Of log P between runs.
    fitted : float
        The fraction of hypotheses drawn that count as fitted. Bits are counted from those.
    fitted_interval : tuple of float
        Its 95 % limits, after Clopper and Pearson.
    doublings : int
        How often the moves were doubled; 1 where that changed nothing.
    why_it_stopped, why_this_method : str
        In words.
    """

    target_error: Float[np.ndarray, " targets"]
    log_p: Float[np.ndarray, "runs targets"]
    moves: Int[np.ndarray, " runs"]
    runs: tuple[Trace, ...]
    variance: Float[np.ndarray, " targets"]
    fitted: float
    fitted_interval: tuple[float, float]
    doublings: int
    why_it_stopped: str
    why_this_method: str
    method: str = "splitting"


@dataclass(frozen=True, eq=False)
class BridgeTrace:
    """How a bridge was built by a pilot, and what the runs that followed its plan found.

    The arrays of the first block have the shape (steps,), those of the second (thresholds,).

    Attributes
    ----------
    s : ndarray
        Hypotheses have weights exp(-s loss) after each step; 0 at the first.
    sweeps : ndarray
        Of moves that the pilot found enough at each step.
    correlation : ndarray
        Of hypotheses with themselves before these sweeps, in the pilot. At 0 they are forgotten.
    families : ndarray
        How many of a run's first hypotheses had descendants after each step; the fewest of all
        runs. Few are no fault where moves forget.
    threshold : ndarray
        Losses at which bits were counted, decreasing: the targets, and, for losses that come in
        steps, every loss down to the deepest of them.
    bits, low, high : ndarray
        Of each threshold, with 95 % limits.
    variance : ndarray
        Of log P between runs.
    doubt : ndarray of str
        Why the bits of this threshold are not to be trusted; empty where nothing speaks against.
    particles : int
        Hypotheses a run.
    runs : int
        Independent runs in the answer: half of them with twice the moves of the others.
    doublings : int
        How often the moves were doubled; 1 where that changed nothing.
    why_this_method, why_it_stopped : str
        In words.
    """

    s: Float[np.ndarray, " steps"]
    sweeps: Int[np.ndarray, " steps"]
    correlation: Float[np.ndarray, " steps"]
    families: Int[np.ndarray, " steps"]
    threshold: Float[np.ndarray, " thresholds"]
    bits: Float[np.ndarray, " thresholds"]
    low: Float[np.ndarray, " thresholds"]
    high: Float[np.ndarray, " thresholds"]
    variance: Float[np.ndarray, " thresholds"]
    doubt: np.ndarray
    particles: int
    runs: int
    doublings: int
    why_this_method: str
    why_it_stopped: str
    method: str = "bridge"

    def error_within(self, bits: float) -> float:
        """The smallest loss that was counted and that so many bits buy; inf if they buy none."""
        bought = self.threshold[self.bits <= bits]
        return float(bought.min()) if len(bought) else math.inf
