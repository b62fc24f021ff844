"""How many dimensions the inputs of a task really vary in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from .._arguments import ArrayLike, as_array, whole
from .._arrays import unit_of
from .._console import printable
from .._progress import progress_bar
from .._typed import typed

WIDER = 4  # how many times as many neighbours show what the size of the neighbourhood does
_ROWS = 2048  # points whose neighbours are looked for at a time


@dataclass(frozen=True)
class IntrinsicDimension:
    """An estimated intrinsic dimension.

    Parameters
    ----------
    dimension : float
        The maximum-likelihood estimate.
    standard_error : float
        Root mean square error to be expected, of sampling and of bias.
    bias : float
        How far the estimate lies off because neighbourhoods are not small enough, estimated from
        the change when they are larger. Negative near boundaries, so for most data.
    k, n : int
        Neighbours used, and points.
    """

    dimension: float
    standard_error: float
    bias: float
    k: int
    n: int

    def __repr__(self) -> str:
        """Say the estimate and its error in one line."""
        return printable(
            f"intrinsic dimension {self.dimension:.2f} ± {self.standard_error:.2f} "
            f"({self.n:,} points, {self.k} neighbours)"
        )


@typed
def intrinsic_dimension(X: ArrayLike, k: int = 5, *, progress: bool = True) -> IntrinsicDimension:
    """Maximum-likelihood estimate of the intrinsic dimension of points.

    Among points spread evenly over a d-dimensional manifold, the log-ratios log(T_k / T_j) of a
    point's distances T_1 < ... < T_k to its neighbours are exponential with rate d (Levina and
    Bickel). Pooled over the n points (MacKay and Ghahramani), N = n (k - 1) of them give
    (N - 1) / sum log(T_k / T_j).

    The standard error joins two parts. Sampling: the variance of the mean log-ratio over the
    points, with the covariance of points that are neighbours. Bias: boundaries, curvature and
    uneven density matter over a radius that grows like k^(1/d), so the change from k to 4 k
    neighbours, extrapolated to radius 0, estimates the bias; the error of this extrapolation is
    added. The estimate itself stays the maximum-likelihood one.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Points, one a row, all different; more than 4 k.
    k : int
        Neighbours of each point, at least 2.
    progress : bool
        Whether to show a progress bar where it takes long.

    Returns
    -------
    IntrinsicDimension

    Raises
    ------
    ValueError
        If X is not a finite matrix, has too few rows, equal rows, or rows on a lattice.

    References
    ----------
    E. Levina, P. J. Bickel, "Maximum likelihood estimation of intrinsic dimension", NIPS (2004).
    D. J. C. MacKay, Z. Ghahramani, "Comments on 'Maximum likelihood estimation of intrinsic
    dimension' by E. Levina and P. Bickel" (2005).

    Examples
    --------
    >>> import numpy as np, ibhelpers as ib
    >>> angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 1000)
    >>> circle = np.column_stack([np.cos(angle), np.sin(angle)])
    >>> ib.tasks.intrinsic_dimension(circle)
    intrinsic dimension 0.99 ± 0.02 (1,000 points, 5 neighbours)
    """
    k = whole("k", k, at_least=2)
    distances, neighbours = _neighbours(X, k, progress)
    n = len(distances)
    dimension, log_ratios = _estimate(distances[:, :k])
    wider, _ = _estimate(distances)

    sampling = dimension**2 * np.sqrt(_variance_of_mean(log_ratios, neighbours[:, :k]))
    growth = WIDER ** (1 / dimension) - 1
    bias = (wider - dimension) / growth
    error = np.sqrt(sampling**2 + bias**2 + (sampling / growth) ** 2)
    return IntrinsicDimension(float(dimension), float(error), float(bias), k, n)


def _neighbours(
    points: ArrayLike, k: int, progress: bool
) -> tuple[Float[np.ndarray, "n near"], Int[np.ndarray, "n near"]]:
    """Distances to the 4 k nearest neighbours, in increasing order, and which they are."""
    from sklearn.neighbors import NearestNeighbors  # here, because it takes a second to import

    X = as_array("X", points)
    if X.ndim != 2 or not np.isfinite(X).all():
        raise ValueError(
            f"X: found shape {X.shape}{'' if X.ndim != 2 else ' with NaN or inf'}; give a finite "
            "matrix, one point a row."
        )
    if len(X) <= WIDER * k:
        raise ValueError(
            f"X: found {len(X)} points, but k = {k} needs more than {WIDER * k}; give more points "
            "or a smaller k."
        )
    # No square of a number shall overflow or vanish, and no common offset cost digits: the
    # dimension depends on ratios of distances alone.
    X = X / unit_of(X)
    X = X - X.mean(axis=0)
    search = NearestNeighbors(n_neighbors=WIDER * k + 1).fit(X)
    parts = []
    with progress_bar(f"neighbours of {len(X):,} points", X.size * len(X), shown=progress) as bar:
        for i in range(0, len(X), _ROWS):
            part = X[i : i + _ROWS]
            parts.append(_without_themselves(i, *search.kneighbors(part)))
            bar.update(part.size * len(X))
    distances, neighbours = map(np.concatenate, zip(*parts, strict=True))
    if (equal := distances[:, 0] == 0).any():
        i = int(np.flatnonzero(equal)[0])
        raise ValueError(
            f"X: {equal.sum()} points coincide with another, the first two are rows {i} and "
            f"{neighbours[i, 0]}; remove duplicates with np.unique(X, axis=0)."
        )
    return distances, neighbours


def _without_themselves(
    first: int, distances: Float[np.ndarray, "r near"], neighbours: Int[np.ndarray, "r near"]
) -> tuple[Float[np.ndarray, "r fewer"], Int[np.ndarray, "r fewer"]]:
    """Leave out that a point is its own neighbour, for points from the ``first`` on."""
    other = neighbours != np.arange(first, first + len(neighbours))[:, None]
    other[other.all(axis=1), 0] = False  # points that coincide with it left no room for itself
    shape = (len(other), -1)
    return distances[other].reshape(shape), neighbours[other].reshape(shape)


def _estimate(
    distances: Float[np.ndarray, "n near"],
) -> tuple[float, Float[np.ndarray, " n"]]:
    """The pooled estimate, and the mean log-ratio of every point."""
    log_ratios = np.log(distances[:, -1:] / distances[:, :-1])
    if not log_ratios.any():
        raise ValueError(
            "X: the neighbours of every point are equally far away, as on a lattice; the estimate "
            "needs points drawn from a density."
        )
    return (log_ratios.size - 1) / log_ratios.sum(), log_ratios.mean(axis=1)


def _variance_of_mean(values: Float[np.ndarray, " n"], neighbours: Int[np.ndarray, "n k"]) -> float:
    """Variance of the mean of values that covary between neighbours, and only there."""
    from scipy.sparse import csr_array

    n, k = neighbours.shape
    off = values - values.mean()
    near = csr_array((np.ones(n * k), (np.repeat(np.arange(n), k), neighbours.ravel())), (n, n))
    near = near.maximum(near.T)  # i is near j if either is a neighbour of the other
    return max(off @ off + off @ (near @ off), off @ off) / n**2
