"""The parameters of the bound, estimated from a task's training set."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from .._arguments import generator_of, whole
from .._arrays import unit_of
from .._console import printable
from .._progress import progress_bar
from .._typed import typed
from ..kernels.distances import squared_distances
from ..tasks import Task, intrinsic_dimension

# How many examples are compared with how many at a time: 32 MB of distances.
_ROWS = 2048
# Multiplications, about, that choosing the closest costs beside each distance.
_CHOOSING = 1000


@dataclass(frozen=True)
class Estimate:
    """An estimated parameter and its spread, one standard error, both in the parameter's unit."""

    value: float
    spread: float

    def __repr__(self) -> str:
        """Return value ± spread, to four digits."""
        return printable(f"{self.value:.4g} ± {self.spread:.2g}")


@dataclass(frozen=True)
class ParameterEstimates:
    """What ``model_agnostic`` asks about a classification task.

    Parameters
    ----------
    n, n_classes : int
        Training examples and their classes.
    max_norm : Estimate
        Largest norm of a training input.
    intrinsic_dim : Estimate
        Dimensions in which the training inputs vary.
    resolution : Estimate
        Smallest distance between training inputs of different classes.
    resolution_extrapolated : Estimate
        What extreme-value theory expects that distance to be among ``n_total`` examples.
    n_total : int
        The number of examples that the extrapolation is for.
    """

    n: int
    n_classes: int
    max_norm: Estimate
    intrinsic_dim: Estimate
    resolution: Estimate
    resolution_extrapolated: Estimate
    n_total: int


@typed
def estimate(
    task: Task,
    *,
    n_total: int | None = None,
    k: int = 5,
    n_resamples: int = 200,
    seed: int = 0,
    progress: bool = True,
) -> ParameterEstimates:
    """Estimate the parameters of ``model_agnostic`` from a task's training set.

    Parameters
    ----------
    task : Task
        A classification task, with ``labels_train``.
    n_total : int, optional
        Extrapolate the distance between the classes to so many examples, such as those of the
        data set that the task was drawn from; at least, and by default, as many as the task has.
    k : int
        Neighbours that ``ibhelpers.tasks.intrinsic_dimension`` uses.
    n_resamples : int
        Bootstrap resamples of the training set that the spreads come from, at least 2. A
        resample never holds more extreme examples than the set itself, so the spreads of
        ``max_norm`` and ``resolution`` say how much they owe to single examples, not how far the
        population's extremes lie beyond them. That of ``intrinsic_dim`` is its standard error.
        Resamples that lack a class, or nearly, have no distance between classes and are left out.
    seed : int
        Seed of the resamples.
    progress : bool
        Whether to show progress bars where it takes long.

    Returns
    -------
    ParameterEstimates

    Raises
    ------
    ValueError
        If the task has no classes, fewer than 40 pairs of examples of different classes, or
        identical inputs of different classes; and as ``intrinsic_dimension``.

    Notes
    -----
    Boopathy et al., ICML 2023, arXiv:2305.01034, section 4, whose code samples pairs where this
    compares all, and whose extrapolation omits the factor 1 − γ₋ (see ``extrapolate_smallest``).

    Examples
    --------
    >>> import ibhelpers as ib
    >>> estimates = ib.bounds.estimate(ib.tasks.load("digits", n_train=500, n_test=100))
    >>> estimates.n, estimates.n_classes, estimates.max_norm
    (500, 10, 4.634 ± 0.022)
    """
    labels = _labels(task)
    n = len(labels)
    n_total = n if n_total is None else whole("n_total", n_total, at_least=n)
    whole("n_resamples", n_resamples, at_least=2)
    X = torch.tensor(task.X_train, dtype=torch.float64)
    unit = unit_of(X)  # so that no square of a number overflows or vanishes
    X = X / unit
    norms = X.norm(dim=1).numpy()
    n_pairs = _pairs_between_classes(labels, np.ones(n))
    n_extremes = min(2000, max(20, int(n_pairs) // 1000))
    resamples = generator_of(seed).multinomial(n, np.full(n, 1.0 / n), size=n_resamples)
    resamples = _with_enough_pairs(resamples.astype(float), labels, n_extremes)
    distances, rows, columns = _closest_in_all(X, labels, resamples, n_extremes, progress)
    if distances[0] == 0.0:
        raise ValueError(
            f"X_train: rows {rows[0]} and {columns[0]} are identical but of different classes, so "
            "no resolution tells them apart; remove one of them."
        )

    def statistics(counts: Float[np.ndarray, " n"]) -> list[float]:
        """The largest norm, smallest distance and its extrapolation, of rows repeated."""
        weights = counts[rows] * counts[columns]
        smallest = np.repeat(distances, weights.astype(int))[: n_extremes + 1]
        pairs = _pairs_between_classes(labels, counts)
        target = pairs * (n_total / n) ** 2
        extrapolated = extrapolate_smallest(smallest, pairs, target)
        return [norms[counts > 0].max(), smallest[0], extrapolated]

    spreads = np.std([statistics(counts) for counts in resamples], axis=0, ddof=1)
    values = statistics(np.ones(n))
    max_norm, resolution, extrapolated = (
        Estimate(float(value) * unit, float(spread) * unit)
        for value, spread in zip(values, spreads, strict=True)
    )
    dimension = intrinsic_dimension(task.X_train, k=k, progress=progress)
    return ParameterEstimates(
        n=n,
        n_classes=len(np.unique(labels)),
        max_norm=max_norm,
        intrinsic_dim=Estimate(dimension.dimension, dimension.standard_error),
        resolution=resolution,
        resolution_extrapolated=extrapolated,
        n_total=n_total,
    )


def _with_enough_pairs(
    resamples: Float[np.ndarray, "b n"], labels: Int[np.ndarray, " n"], n_extremes: int
) -> Float[np.ndarray, "r n"]:
    """Leave out resamples that lack a class, or nearly: no distance between classes is left."""
    enough = [_pairs_between_classes(labels, counts) > n_extremes for counts in resamples]
    if sum(enough) < 2:
        raise ValueError(
            f"n_resamples: found {len(resamples)}, of which {sum(enough)} hold more than "
            f"{n_extremes} pairs of different classes; give more, or a task with more examples of "
            "its rarest class."
        )
    return resamples[enough]


def _closest_in_all(
    X: Float64[Tensor, "n d"],
    labels: Int[np.ndarray, " n"],
    resamples: Float[np.ndarray, "b n"],
    n_extremes: int,
    progress: bool,
) -> tuple[Float[np.ndarray, " k"], Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """Return so many of the closest pairs that every resample holds more than ``n_extremes``.

    Twice as many are nearly always enough. But one example may be a part of most, and then the
    resamples without it have none of them.
    """
    k = 2 * n_extremes
    while True:
        distances, rows, columns = closest_between_classes(X, labels, k, progress=progress)
        held = [float((counts[rows] * counts[columns]).sum()) for counts in resamples]
        if min(held) > n_extremes or len(distances) < k:  # which are all there are
            return distances, rows, columns
        k *= 4


def closest_between_classes(
    X: Float64[Tensor, "n d"], labels: Int[np.ndarray, " n"], k: int, *, progress: bool = True
) -> tuple[Float[np.ndarray, " k"], Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
    """Return the k smallest distances between inputs of different classes, and their rows.

    In increasing order, every pair once; fewer when there are fewer pairs. All pairs are compared,
    a few thousand examples at a time.
    """
    label = torch.as_tensor(labels.copy(), device=X.device)
    best = X.new_empty(0)
    pairs = torch.empty((0, 2), dtype=torch.long, device=X.device)
    one = X.new_ones(1)
    blocks = [(i, j) for i in range(0, len(X), _ROWS) for j in range(0, i + 1, _ROWS)]
    work = len(blocks) * _ROWS**2 * (X.shape[1] + _CHOOSING)
    with progress_bar(f"distances between {len(X):,} examples", work, shown=progress) as bar:
        for i, j in blocks:
            D = squared_distances(X[i : i + _ROWS], X[j : j + _ROWS], one)
            wanted = label[i : i + _ROWS, None] != label[j : j + _ROWS]
            if i == j:
                wanted = wanted.tril()
            if len(best) == k:
                wanted &= best[-1] > D
            found = wanted.nonzero()
            best = torch.cat([best, D[wanted]])
            pairs = torch.cat([pairs, found + torch.tensor([i, j], device=X.device)])
            best, order = best.topk(min(k, len(best)), largest=False, sorted=True)
            pairs = pairs[order]
            bar.update(work / len(blocks))
    rows, columns = pairs.T.cpu().numpy()
    return best.sqrt().cpu().numpy(), rows, columns


def extrapolate_smallest(
    smallest: Float[np.ndarray, " s"], n_observed: float, n_target: float
) -> float:
    """Estimate the distance that one of ``n_target`` pairs is expected to fall below.

    The inverse distances of the closest pairs are taken as the upper tail of a law with
    extreme-value index γ, which the moments M₁, M₂ of their logarithms estimate:

        γ₋ = 1 − ½ / (1 − M₁²/M₂),   γ = M₁ + γ₋,
        1/δ = x + x M₁ (1 − γ₋) (aᵞ − 1)/γ,   a = k n_target / n_observed,

    where x is the inverse of the (k + 1)-th smallest distance.

    Parameters
    ----------
    smallest : ndarray, shape (k + 1,)
        The smallest distances, positive and in increasing order.
    n_observed, n_target : float
        Pairs that the smallest were found among, and pairs to extrapolate to.

    Returns
    -------
    float
        A distance δ, in the unit of ``smallest``.

    Notes
    -----
    A. Dekkers, J. Einmahl and L. de Haan, "A moment estimator for the index of an extreme-value
    distribution", Annals of Statistics 17 (1989); L. de Haan and A. Ferreira, *Extreme Value
    Theory* (Springer, 2006), chapters 3 and 4.

    Examples
    --------
    >>> import numpy as np
    >>> distances = np.linspace(0.1, 0.5, 400)  # evenly spaced from 0.1: nothing is closer
    >>> round(extrapolate_smallest(distances[:101], 400, 400), 2)
    0.1
    """
    x = 1.0 / smallest[-1]
    logs = np.log(smallest[-1] / smallest[:-1])
    M1, M2 = logs.mean(), np.square(logs).mean()
    if M2 - M1**2 <= 1e-12 * M2:  # equal distances, as on a lattice: the limit γ₋ → −∞
        return float(1.0 / (x * (1.0 + M1)))
    gamma_minus = 1.0 - 0.5 / (1.0 - M1**2 / M2)
    gamma = M1 + gamma_minus
    a = len(logs) * n_target / n_observed
    growth = np.expm1(gamma * np.log(a)) / gamma if gamma != 0.0 else np.log(a)
    return float(1.0 / (x * (1.0 + M1 * (1.0 - gamma_minus) * growth)))


def _labels(task: Task) -> Int[np.ndarray, " n"]:
    """Return the training labels, or say what is wrong with them."""
    labels = task.labels_train
    if labels is None:
        raise ValueError(
            "task: found no labels_train; the bound's resolution is the distance between classes, "
            "so give a Task with labels."
        )
    pairs = _pairs_between_classes(labels, np.ones(len(labels)))
    if pairs < 40:
        raise ValueError(
            f"task: found {pairs:.0f} pairs of training examples of different classes; "
            "give at least 40."
        )
    return labels


def _pairs_between_classes(labels: Int[np.ndarray, " n"], counts: Float[np.ndarray, " n"]) -> float:
    """Return how many pairs differ in class, when example i appears counts[i] times."""
    sizes = np.bincount(np.unique(labels, return_inverse=True)[1], weights=counts)
    return float((sizes.sum() ** 2 - np.square(sizes).sum()) / 2.0)
