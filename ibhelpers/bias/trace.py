"""The record of a splitting run, by which a reader can judge its result."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int


@dataclass(frozen=True, eq=False)
class Trace:
    """What happened at every level of `splitting`; arrays of shape (levels,).

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
        Estimated variance of log P, see `splitting`.
    why_it_stopped : str
        In words.
    """

    threshold: Float[np.ndarray, " levels"]
    surviving: Float[np.ndarray, " levels"]
    nats: Float[np.ndarray, " levels"]
    acceptance: Float[np.ndarray, " levels"]
    step: Float[np.ndarray, " levels"]
    ancestors: Int[np.ndarray, " levels"]
    variance: float
    why_it_stopped: str
