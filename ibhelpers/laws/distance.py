"""Distances between a sample of losses and a law, or a second sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._arguments import ArrayLike, as_array, positive
from .law import Law


@dataclass(frozen=True)
class LossDistance:
    """How far a sample of losses is from a law, or from another sample.

    Attributes
    ----------
    ks : float
        Kolmogorov-Smirnov distance, the largest difference between the distribution functions.
    p_value : float
        Probability of at least this ks if the two laws are equal.
    wasserstein : float
        Mean distance between quantiles of equal rank, in units of the loss.
    shift : float
        Mean of the sample minus mean of the reference, in standard deviations of the reference.
    """

    ks: float
    p_value: float
    wasserstein: float
    shift: float


def distance(losses: ArrayLike, reference: Law | ArrayLike) -> LossDistance:
    """Distances between sampled losses and a law, or a second sample.

    Parameters
    ----------
    losses : array_like, shape (n,)
        Sampled losses, at least 2.
    reference : Law or array_like, shape (l,)
        What to compare with.

    Raises
    ------
    ValueError
        If losses are not finite, fewer than 2, or not a vector.

    Examples
    --------
    >>> import ibhelpers as ib
    >>> law = ib.laws.GeneralizedChi2(weights=[0.5, 0.1], df=[2, 3], nc=[0, 1])
    >>> far = ib.laws.distance(2.0 * law.sample(1000, seed=0), law)
    >>> near = ib.laws.distance(law.sample(1000, seed=0), law)
    >>> far.p_value < 0.001 < near.p_value
    True
    """
    from scipy import stats

    x = _sample("losses", losses)
    if isinstance(reference, Law):
        test = stats.kstest(x, reference.cdf)
        quantiles = reference.icdf((np.arange(len(x)) + 0.5) / len(x))
        wasserstein = float(np.abs(np.sort(x) - quantiles).mean())
        mean, spread = reference.mean(), reference._standard_deviation()
    else:
        y = _sample("reference", reference)
        test = stats.ks_2samp(x, y)
        wasserstein = float(stats.wasserstein_distance(x, y))
        mean, spread = float(y.mean()), float(y.std())
    shift = float(x.mean() - mean) / positive("spread of the reference", spread)
    return LossDistance(float(test.statistic), float(test.pvalue), wasserstein, shift)


def _sample(name: str, values: ArrayLike) -> np.ndarray:
    x = as_array(name, values)
    if x.ndim != 1 or len(x) < 2 or not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).sum())
        raise ValueError(
            f"{name}: found shape {x.shape} with {bad} values that are NaN or inf; give a vector "
            "of at least 2 finite losses (TrainedEnsemble.fitted leaves out what diverged)."
        )
    return x
