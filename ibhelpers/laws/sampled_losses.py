"""Sampled losses, checked before any law is fitted to them."""

from __future__ import annotations

import numpy as np

from .._arguments import ArrayLike, as_array
from .._typed import typed

FEWEST = 10  # losses that a law is fitted to


@typed
def checked_losses(losses: ArrayLike, *, positive: bool = True, spread: bool = True) -> np.ndarray:
    """Sampled losses as a float64 vector.

    Parameters
    ----------
    losses : array_like, shape (S,)
        One a hypothesis.
    positive : bool
        Refuse losses of zero and below, which laws on the positive line cannot have.
    spread : bool
        Refuse losses that are all equal.

    Raises
    ------
    ValueError
        If there are fewer than 10, one is NaN or inf, or one of these conditions fails.
    """
    x = as_array("losses", losses)
    if x.ndim != 1 or len(x) < FEWEST:
        raise ValueError(
            f"losses: found shape {x.shape}; give a vector of at least {FEWEST} losses, one a "
            "hypothesis."
        )
    for refuse, bad, advice in (
        (True, ~np.isfinite(x), "find out why that hypothesis has no loss"),
        (positive, x <= 0, "a chi-squared law has positive losses only; is this a loss?"),
    ):
        if refuse and bad.any():
            i = int(np.flatnonzero(bad)[0])
            raise ValueError(f"losses: found {x[i]} at position {i}; {advice}")
    if spread and (x == x[0]).all():
        raise ValueError(
            f"losses: all {len(x)} are {x[0]}; no spread can be fitted. Do the hypotheses differ?"
        )
    return x


def mean_and_deviation(x: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of losses of any scale, whose squares float64 may not hold."""
    unit = np.abs(x).max()
    scaled = x / unit
    return float(scaled.mean() * unit), float(scaled.std(ddof=1) * unit)
